"""Putting cards into the slots of either driver and taking them out."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import Protocol

from harness.card import ATR, HelloCard
from harness.waiting import poll_until

_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = 0, 1, 2, 4
# vpcd refuses to power up a card whose ATR is too long: present, but mute.
_MUTE_ATR = bytes(64)


class Cards(Protocol):
    """Thread-bound to the test. Returns before the daemon has noticed."""

    def insert(self, slot: int, kind: str = "hello") -> None: ...
    def remove(self, slot: int) -> None: ...
    def close(self) -> None: ...


class VirtualCards:
    """Cards of our virtual driver, moved over its control socket."""

    def __init__(self, control: Path) -> None:
        self._control = control

    def insert(self, slot: int, kind: str = "hello") -> None:
        self.command(f"insert {slot} {kind}")

    def remove(self, slot: int) -> None:
        self.command(f"remove {slot}")

    def command(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            poll_until("the control socket of the virtual reader", lambda: self._try(link))
            link.sendall(line.encode() + b"\n")
            answer = link.makefile().readline().strip()
        if not answer.startswith("ok"):
            raise AssertionError(f"virtual reader: {line}: {answer}")
        return answer

    def _try(self, link: socket.socket) -> bool:
        try:
            link.connect(str(self._control))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def close(self) -> None:
        """Nothing is kept open between commands."""


class VpcdCards:
    """Cards of Debian's vpcd driver: one TCP connection per inserted card."""

    def __init__(self, first_port: int) -> None:
        self._first_port = first_port
        self._links: dict[int, VpcdLink] = {}

    def insert(self, slot: int, kind: str = "hello") -> None:
        if slot in self._links:
            raise AssertionError(f"slot {slot} already holds a card")
        atr = _MUTE_ATR if kind == "mute" else ATR
        self._links[slot] = VpcdLink(self._first_port + slot, HelloCard(), atr)

    def remove(self, slot: int) -> None:
        self._links.pop(slot).close()

    def close(self) -> None:
        for slot in list(self._links):
            self.remove(slot)


class Answering(Protocol):
    """A card as its slot uses it. `gone` is set when it is taken out."""

    gone: threading.Event

    def power_up(self) -> None: ...
    def process(self, apdu: bytes) -> bytes: ...


class VpcdLink:
    """The card's side of one vpcd slot, served by a thread of its own.

    A message is a 16-bit big-endian length and that many bytes. One byte is a control code, of
    which only "tell the ATR" is answered; more is an APDU, answered by one message."""

    def __init__(self, port: int, card: Answering, atr: bytes) -> None:
        self._atr = atr
        self._card = card
        self._socket = poll_until(f"vpcd on port {port}", lambda: _connect(port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._card.gone.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        try:
            while True:
                size = struct.unpack(">H", self._read(2))[0]
                self._answer(self._read(size))
        except OSError:
            return

    def _answer(self, message: bytes) -> None:
        if len(message) > 1:
            self._send(self._card.process(message))
        elif message[0] == _GET_ATR:
            self._send(self._atr)
        elif message[0] in (_POWER_ON, _RESET):
            self._card.power_up()

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            # The driver sends length and body apart: a delayed ACK would cost 40 ms per APDU.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    def _send(self, message: bytes) -> None:
        self._socket.sendall(struct.pack(">H", len(message)) + message)


def _connect(port: int) -> socket.socket | None:
    try:
        link = socket.create_connection(("127.0.0.1", port), timeout=10)
    except ConnectionRefusedError:
        return None
    link.settimeout(None)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link
