"""The daemon under test as a process: started with the arguments of a test, without readers.

For what it does as a program: options, signals, statuses, files. harness/daemon.py is for what its
clients see. Both daemons use the standard paths, which are private here. Thread-bound."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import IO, TypedDict, Unpack

from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import WireClient

IPC_DIR = Path("/run/pcscd")
SOCKET = IPC_DIR / "pcscd.comm"
PID_FILE = IPC_DIR / "pcscd.pid"
NO_READERS = RUNTIME_DIR / "no-readers"
END_SECONDS = 20.0


def clean_paths() -> None:
    """No trace of an earlier daemon; a directory without readers."""
    shutil.rmtree(IPC_DIR, ignore_errors=True)
    NO_READERS.mkdir(exist_ok=True)


def pid_in_file() -> int:
    return int(PID_FILE.read_bytes().rstrip(b"\0\n"))


def kill_background() -> None:
    """Ends a daemon that a command has left in the background, if there is one."""
    if PID_FILE.exists():
        os.kill(pid_in_file(), signal.SIGKILL)
        # We are the first process here, and so the parent of those who lost theirs.
        os.waitpid(pid_in_file(), 0)


def is_served(path: Path = SOCKET) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
    return True


def for_everybody(file: Path) -> Path:
    """A copy of what is built, where every user may read it."""
    folder = RUNTIME_DIR / "for-everybody"
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy2(file, folder))


class Launch:
    """One started process. `readers` None: no --config is given. `listener` is passed as systemd
    passes a socket; `journal`: its output counts as connected to the journal; `user`: not root, as
    the service has it."""

    def __init__(self, *arguments: str, readers: Path | None = NO_READERS,
                 environment: dict[str, str] | None = None, cwd: Path | None = None,
                 listener: socket.socket | None = None, journal: bool = False,
                 user: int | None = None) -> None:
        config = [] if readers is None else ["--config", str(readers)]
        program = settings().daemon_path
        if user is not None:
            program = for_everybody(program)
            IPC_DIR.mkdir(exist_ok=True)
            os.chown(IPC_DIR, user, user)
        command = [str(program), *config, *settings().options, *arguments]
        passed = []
        if listener is not None:
            passed = [listener.fileno()]
            command = ["/bin/sh", "-c", f"LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\" 3<&{passed[0]}",
                       "sh", *command]
        self._output = tempfile.TemporaryFile()
        self._errors = tempfile.TemporaryFile()
        environment = dict(environment or {})
        if journal:
            place = os.fstat(self._output.fileno())
            environment["JOURNAL_STREAM"] = f"{place.st_dev}:{place.st_ino}"
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._output,
                                        stderr=self._errors, cwd=cwd, pass_fds=passed,
                                        user=user, group=user,
                                        extra_groups=None if user is None else [],
                                        env={**os.environ, **environment})

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self._read(self._output)

    @property
    def errors(self) -> str:
        return self._read(self._errors)

    def wait(self, seconds: float = END_SECONDS) -> int:
        """The exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {seconds} s\n{self}") from None

    def wait_until_serving(self, path: Path = SOCKET) -> None:
        def serving() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with status {self.process.returncode}\n{self}")
            return is_served(path)

        poll_until("the daemon accepts connections", serving)
        self.check_service(path)

    def check_service(self, path: Path = SOCKET) -> None:
        with WireClient(path) as client:
            client.states()

    def wait_for_line(self, text: str, times: int = 1) -> None:
        poll_until(f"{times} times {text!r} in the log", lambda: self.output.count(text) >= times)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """For the end of a test, whatever has become of the process."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.close()
        self._errors.close()

    def __str__(self) -> str:
        return f"--- output\n{self.output}--- errors\n{self.errors}---"

    @staticmethod
    def _read(file: IO[bytes]) -> str:
        descriptor = file.fileno()
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, size, 0).decode(errors="replace")


class LaunchOptions(TypedDict, total=False):
    """The keywords of Launch."""

    readers: Path | None
    environment: dict[str, str] | None
    cwd: Path | None
    listener: socket.socket | None
    journal: bool
    user: int | None


class LaunchTest(unittest.TestCase):
    def setUp(self) -> None:
        clean_paths()

    def launch(self, *arguments: str, **more: Unpack[LaunchOptions]) -> Launch:
        started = Launch(*arguments, **more)
        self.addCleanup(started.kill)
        return started

    def serve(self, *arguments: str, **more: Unpack[LaunchOptions]) -> Launch:
        started = self.launch("--foreground", *arguments, **more)
        started.wait_until_serving()
        return started
