"""Connections that belong to another process.

The daemon treats waiters of the owner's own process differently (they may hold up the thread that
would send the END), and knows a process by the credentials of its connect(). So a child connects,
hands the socket over, and lives until the connection is closed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path


class ForeignConnection:
    """Thread-bound to the test. `link` is the connected socket. `prepare` runs in the child
    before it connects."""

    def __init__(self, path: Path, prepare: Callable[[], None] = lambda: None) -> None:
        ours, theirs = socket.socketpair()
        self._ours = ours
        self.pid = os.fork()
        if self.pid == 0:
            _connect_and_stay(path, ours, theirs, prepare)
        theirs.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        if not descriptors:
            raise ConnectionRefusedError(f"the child could not connect to {path}")
        self.link = socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        """Ends the child too, which holds nothing of the connection any more."""
        self.link.close()
        self.end_child()

    def end_child(self) -> None:
        """The connection stays; the process it belongs to goes."""
        if self.pid:
            self._ours.close()
            os.waitpid(self.pid, 0)
            self.pid = 0


def _connect_and_stay(path: Path, ours: socket.socket, theirs: socket.socket,
                      prepare: Callable[[], None]) -> None:
    """The child. It must not keep the parent's other connections open: the daemon would not see
    them close."""
    try:
        ours.close()
        os.closerange(3, theirs.fileno())
        os.closerange(theirs.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        prepare()
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            socket.send_fds(theirs, [b"."], [link.fileno()])
        theirs.recv(1)
    finally:
        os._exit(0)
