"""A journal of the test's own: the socket journald would have, in the private /run.

Decodes the native protocol of systemd's journal. Thread-bound."""

from __future__ import annotations

import array
import mmap
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
ENTRY_BYTES_MAX = 1 << 20
# A loaded machine's time for one record.
PATIENCE_SECONDS = 30.0

Entry = dict[str, str]


def decode(entry: bytes) -> Entry:
    """NAME=value lines; a value with line ends comes as NAME, its length and its bytes."""
    fields = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", entry)
            value, entry = entry[8:8 + length], entry[8 + length + 1:]
        fields[name.decode()] = value.decode()
    return fields


class Journal:
    def __init__(self) -> None:
        SOCKET.parent.mkdir(parents=True, exist_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(SOCKET))
        self.patience(PATIENCE_SECONDS)
        self.entries: list[Entry] = []

    def close(self) -> None:
        self._socket.close()
        SOCKET.unlink(missing_ok=True)

    def hang_up(self) -> None:
        """As after a crash: the name is there and nobody listens."""
        self._socket.close()

    def patience(self, seconds: float) -> None:
        """For records that take their time."""
        self._patience = seconds
        self._socket.settimeout(seconds)

    def wait_for(self, what: str, wanted: Callable[[Entry], bool]) -> Entry:
        """The first entry like this, of those that have come or of those to come."""
        for entry in self.entries:
            if wanted(entry):
                return entry
        while True:
            try:
                entry = self._receive()
            except TimeoutError:
                raise AssertionError(f"not in the journal: {what}; there is "
                                     f"{[e['MESSAGE'] for e in self.entries]}") from None
            if wanted(entry):
                return entry

    def drain(self) -> list[Entry]:
        """All that has come so far."""
        self._socket.setblocking(False)
        try:
            while True:
                self._receive()
        except BlockingIOError:
            return self.entries
        finally:
            self._socket.settimeout(self._patience)

    def _receive(self) -> Entry:
        descriptors = array.array("i")
        data, control, _, _ = self._socket.recvmsg(ENTRY_BYTES_MAX, socket.CMSG_LEN(4))
        for _, _, passed in control:
            descriptors.frombytes(passed)
        for descriptor in descriptors:  # an entry too long for a datagram
            with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as mapped:
                data = mapped[:]
            os.close(descriptor)
        entry = decode(data)
        self.entries.append(entry)
        return entry
