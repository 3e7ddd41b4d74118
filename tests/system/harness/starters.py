"""How the daemon of a test comes to life: as a process with a socket of its own, or behind
systemd-socket-activate. harness/service.py has the third way, the real unit.

A starter is owned by its Daemon; thread-bound."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from harness.waiting import poll_until

SOCKET_ACTIVATE = Path("/usr/bin/systemd-socket-activate")
# Room for all clients that a test has waiting while there is no daemon.
QUEUE = 256


class Running(Protocol):
    """What tests use of subprocess.Popen."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def send_signal(self, number: int) -> None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class Starter(Protocol):
    """`socket_path`: where clients go; `driver_dir`: where drivers may make sockets."""

    socket_path: Path
    driver_dir: Path

    def start(self, command: list[str], environment: dict[str, str]) -> Running: ...
    def log(self) -> str: ...
    def end(self) -> None:
        """The daemon has ended, or has to."""


class ProcessStarter:
    """The command as it is."""

    def __init__(self, folder: Path, socket_path: Path | None = None) -> None:
        self.socket_path = socket_path or folder / "pcscd.comm"
        self.driver_dir = folder
        self._log_path = folder / "log"

    def start(self, command: list[str], environment: dict[str, str]) -> Running:
        return self._run(command, environment)

    def log(self) -> str:
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def end(self) -> None:
        """Nothing is left."""

    def _run(self, command: list[str], environment: dict[str, str],
             descriptors: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                    env=environment, pass_fds=descriptors)


class ActivatedStarter(ProcessStarter):
    """systemd-socket-activate waits for the first client and then becomes the daemon. It gets the
    socket from us, so that it outlives the daemon, as systemd's does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._listener: socket.socket | None = None

    def start(self, command: list[str], environment: dict[str, str]) -> Running:
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.socket_path))
            self.socket_path.chmod(0o666)
            self._listener.listen(QUEUE)
        # It passes on what it is told to only.
        names = [f"--setenv={name}" for name in environment if name.isidentifier()]
        process = self._run(
            ["bash", "-c",  # knows descriptors of two digits
             f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{self._listener.fileno()}', "bash",
             str(SOCKET_ACTIVATE), *names, *without_socket(command)],
            environment, (self._listener.fileno(),))
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(self.socket_path))
            poll_until(f"{SOCKET_ACTIVATE} has become the daemon",
                       lambda: process.poll() is not None
                       or _program(process.pid) == os.path.realpath(command[0]))
        return process

    def end(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self.socket_path.unlink(missing_ok=True)


def without_socket(command: list[str]) -> list[str]:
    """The socket is given, not made."""
    where = command.index("--socket")
    return command[:where] + command[where + 2:]


def _program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return ""
