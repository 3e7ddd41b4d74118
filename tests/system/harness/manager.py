"""What systemd is for a service: somebody who listens to its notifications, and somebody who keeps
its socket and starts it when a client is there. Thread-bound, but for Activator's own thread."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from harness.namespace import RUNTIME_DIR
from harness.settings import settings

NOTIFY_SOCKET = RUNTIME_DIR / "notify"
PATIENCE_SECONDS = 30.0
# A daemon that never ends would hold up the test for ever.
LIFE_SECONDS = 120.0
QUEUE = 64

Message = dict[str, str]


class Notifications:
    """NOTIFY_SOCKET of sd_notify(3)."""

    def __init__(self) -> None:
        NOTIFY_SOCKET.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(NOTIFY_SOCKET))
        self.status = ""  # the last one

    def close(self) -> None:
        self._socket.close()

    def receive(self, seconds: float = PATIENCE_SECONDS) -> Message | None:
        """The next message, None if there is none in this time."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return None
        lines = self._socket.recv(4096).decode().splitlines()
        message = dict(line.split("=", 1) for line in lines)
        self.status = message.get("STATUS", self.status)
        return message

    def wait_for(self, what: str, wanted: Callable[[Message], bool]) -> Message:
        seen = []
        while (message := self.receive()) is not None:
            if wanted(message):
                return message
            seen.append(message)
        raise AssertionError(f"no {what}; there was {seen}")


class Activator:
    """A pcscd.socket: starts a daemon whenever somebody waits in the queue and none runs. The
    socket is never closed meanwhile."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.path = path
        self.statuses: list[int] = []
        self._arguments = arguments
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(QUEUE)
        self._wake, self._stop = socket.socketpair()
        self._running: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Waits for the running daemon, which has to end by itself."""
        self._stop.close()
        self._thread.join()
        self._listener.close()
        self._wake.close()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._wake], [], [])
            if self._wake in ready:
                return
            command = ["bash", "-c",  # knows descriptors of two digits
                       f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{self._listener.fileno()}', "bash",
                       str(settings().daemon_path), "--foreground", *self._arguments]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  pass_fds=[self._listener.fileno()]) as daemon:
                try:
                    self.statuses.append(daemon.wait(LIFE_SECONDS))
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    self.statuses.append(daemon.wait())
