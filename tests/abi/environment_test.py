"""A program with more rights than its user does not follow the user's environment.

usage: environment_test.py BUILD_DIRECTORY C_COMPILER

The program is linked with the static library, because the dynamic linker would not follow
LD_LIBRARY_PATH either. Skips (77) where a set-group-id program cannot be made."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77


def build(build_directory: Path, compiler: str, program: Path) -> None:
    includes = (HERE.parents[1] / "include" / "PCSC", build_directory / "include" / "PCSC")
    subprocess.run([compiler, "-Wall", "-Werror", *(f"-I{path}" for path in includes),
                    HERE / "establish.c", build_directory / "lib" / "libpcsclite.a", "-static",
                    "-pthread", "-lstdc++", "-o", program], check=True)


def run(program: Path, directory: Path) -> tuple[str, bool, bool]:
    """What it printed, whether it came to the socket its environment names, and whether it left
    the trace."""
    path = directory / "socket"
    trace = directory / "trace"
    trace.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryFile() as output:
        listener.bind(str(path))
        listener.listen()
        with subprocess.Popen([program], stdout=output,
                              env={"PCSCLITE_CSOCK_NAME": str(path),
                                   "CARDEA_TRACE": str(trace)}) as process:
            came = has_come(listener, process)
        output.seek(0)
        path.unlink()
        return output.read().decode().strip(), came, trace.exists()


def has_come(listener: socket.socket, process: subprocess.Popen[bytes]) -> bool:
    """Waits for a visit or the end. Whoever comes is sent away at once, which ends the program."""
    end = os.pidfd_open(process.pid)
    try:
        if listener not in select.select([listener, end], [], [])[0]:
            return False
    finally:
        os.close(end)
    listener.accept()[0].close()
    return True


def other_group() -> int | None:
    """A group that this user may give a file to and that is not the one programs run in."""
    if os.geteuid() == 0:
        return os.getegid() + 1
    return next((group for group in os.getgroups() if group != os.getegid()), None)


def main(build_directory: Path, compiler: str) -> int:
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "establish"
        build(build_directory, compiler, program)
        plain = run(program, Path(name))
        print("plain:", plain)
        if plain != ("secure=0", True, True):
            return 1
        group = other_group()
        if group is None:
            print("no second group to give the program to")
            return SKIPPED
        os.chown(program, -1, group)
        program.chmod(0o2755)
        raised = run(program, Path(name))
        print("set-group-id:", raised)
        if raised[0] != "secure=1":
            print("set-group-id has no effect here")
            return SKIPPED
        return 1 if raised[1] or raised[2] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
