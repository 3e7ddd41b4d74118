"""A bubblewrap sandbox as flatpak makes it: namespaces of its own, Debian's programs and libraries,
and of /run nothing but pcscd's socket, if that. Owned by a test; thread-bound."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.launch import SOCKET
from harness.namespace import RUNTIME_DIR

TESTS = Path(__file__).resolve().parents[1]
NOBODY = "65534"
END_SECONDS = 30.0
END_OF_ANSWER = "end of answer"
# Debian's library (4:4), as a program that brought it along would use it.
LIBRARY_CLIENT = (sys.executable, "/app/samples/hello_scard.py")
# Greets and asks the hello card by the protocol version in its argument, without any library.
WIRE_CLIENT = (sys.executable, "-c", """
import sys
from pathlib import Path
from harness.wire import WireClient
with WireClient(Path("/run/pcscd/pcscd.comm"), int(sys.argv[1])) as client:
    card = client.open_card("Reader 00 00")
    client.transmit(card, bytes.fromhex("00A404000AA00000006203010C0601"))
    print(client.transmit(card, bytes(4)).data)
""")
# Offers a version and waits for a line before it ends, so that the daemon can see who it is.
REFUSED_CLIENT = (sys.executable, "-c", """
import sys
from pathlib import Path
from harness.wire import WireClient
with WireClient(Path("/run/pcscd/pcscd.comm"), None, establish=False) as client:
    print(hex(client.version(4, int(sys.argv[1]))[2]), flush=True)
    sys.stdin.readline()
""")


def _application() -> Path:
    """What the clients take from here, where every user may read it."""
    folder = RUNTIME_DIR / "application"
    if not folder.exists():
        for part in ("harness", "samples"):
            shutil.copytree(TESTS / part, folder / part)
    return folder


def box(*, socket: bool = True, unprivileged: bool = False, directory: bool = False) -> list[str]:
    """The words before a command. `socket` False: as with `flatpak run --nosocket=pcsc`;
    `directory`: the one with the socket instead of the socket itself."""
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    bound = str(SOCKET.parent if directory else SOCKET)
    bind = ["--ro-bind", bound, bound]
    return [*(user if unprivileged else []), "bwrap", "--unshare-all", "--die-with-parent",
            "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
            "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin",
            "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
            "--ro-bind", str(_application()), "/app", "--clearenv",
            "--setenv", "PYTHONPATH", "/app", "--setenv", "PYTHONDONTWRITEBYTECODE", "1",
            *(bind if socket else [])]


def run(words: Sequence[str], command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*words, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=END_SECONDS)


class LivingSandbox:
    """One sandbox that stays while daemons come and go, and runs commands when told."""

    def __init__(self, words: Sequence[str], command: Sequence[str]) -> None:
        loop = f'while read -r _; do "$@" 2>&1; echo; echo "{END_OF_ANSWER}"; done'
        self._process = subprocess.Popen([*words, "sh", "-c", loop, "sh", *command],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self) -> str:
        """Runs the command once more; what it printed."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.strip() == END_OF_ANSWER:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the sandbox has ended: {lines}")

    def close(self) -> None:
        self._process.communicate(timeout=END_SECONDS)
