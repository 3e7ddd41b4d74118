"""The hello card in one of QEMU's USB readers.

QEMU's ccid-card-passthru asks a program for what the card does: over a stream of messages, each
with a header of three big-endian 32-bit numbers (kind, reader, length of what follows). The card
speaks first, and an ATR puts it into the reader (QEMU 7.2, hw/usb/ccid-card-passthru)."""

from __future__ import annotations

import socket
import struct
import threading

from harness.card import HelloCard
from harness.waiting import PATIENCE_SECONDS

# QEMU's reader knows T=0 only.
ATR = bytes.fromhex("3B00")

_INIT, _ATR, _CARD_REMOVE, _APDU, _FLUSH, _FLUSH_COMPLETE = 1, 5, 6, 7, 8, 9
_HEADER = struct.Struct(">III")
_READER_UNDEFINED = 0xFFFFFFFF
_HELLO = b"VSCD" + struct.pack(">II", 2, 0)  # version 0.0.2, no capabilities


class EmulatedCard:
    """Serves `link` with a thread of its own until close(). Thread-safe."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._card = HelloCard()
        self._sending = threading.Lock()
        self._open = threading.Event()  # APDUs are answered
        self._open.set()
        self._held = threading.Event()  # one is waiting for that
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._card.gone.set()
        self._open.set()
        self._link.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._link.close()

    def insert(self) -> None:
        self._send(_ATR, ATR)

    def remove(self) -> None:
        self._send(_CARD_REMOVE)

    def hold_answers(self) -> None:
        """From now on an APDU is kept until the card is closed, like one that works for long."""
        self._open.clear()

    def wait_until_held(self) -> None:
        """Returns when an APDU is kept."""
        if not self._held.wait(PATIENCE_SECONDS):
            raise AssertionError("no APDU has reached the card")

    def _serve(self) -> None:
        self._send(_INIT, _HELLO, _READER_UNDEFINED)
        try:
            while True:
                kind, _, length = _HEADER.unpack(self._read(_HEADER.size))
                self._handle(kind, self._read(length))
        except OSError:
            return

    def _handle(self, kind: int, body: bytes) -> None:
        if kind == _INIT:
            self.insert()
        elif kind == _APDU:
            if not self._open.is_set():
                self._held.set()
                self._open.wait()
            self._send(_APDU, self._card.process(body))
        elif kind == _FLUSH:
            self._send(_FLUSH_COMPLETE)

    def _send(self, kind: int, body: bytes = b"", reader: int = 0) -> None:
        with self._sending:
            self._link.sendall(_HEADER.pack(kind, reader, len(body)) + body)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._link.recv(count - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data
