"""What cards have in common (ISO/IEC 7816-4): command fields, TLV objects, choice of the
application, chaining of commands and responses, PINs with a retry counter, and a record of what
was asked.

A card is used by the thread of its slot; its counts and PINs may be read by others."""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

OK = 0x9000
MORE_DATA = 0x6100  # and how much, 00 for 256 or more
WRONG_PIN = 0x63C0  # and the tries left
WRONG_LENGTH = 0x6700
SECURITY_NOT_SATISFIED = 0x6982
PIN_BLOCKED = 0x6983
CONDITIONS_NOT_SATISFIED = 0x6985
WRONG_DATA = 0x6A80
NOT_FOUND = 0x6A82
WRONG_P1_P2 = 0x6A86
NO_SUCH_OBJECT = 0x6A88
UNKNOWN_INSTRUCTION = 0x6D00

SELECT, GET_RESPONSE, VERIFY = 0xA4, 0xC0, 0x20
_CHAINED = 0x10
CHAIN_BYTES_MAX = 4096
SEEN_MAX = 65536
PIN_TRIES = 3


class Command(NamedTuple):
    """`expected` is Ne: 0 if the command has no Le, up to 256 for a short one."""

    cla: int
    ins: int
    p1p2: int
    data: bytes
    expected: int


class Seen(NamedTuple):
    """One command, chained ones together, and how it ended. No data: there are PINs in it."""

    ins: int
    p1p2: int
    status: int


@dataclass(frozen=True)
class Reply:
    status: int = OK
    data: bytes = b""


def parse(apdu: bytes) -> Command | None:
    """None if the lengths do not fit."""
    if len(apdu) < 4:
        return None
    data, expected = b"", 0
    body = apdu[4:]
    wide = len(body) > 1 and body[0] == 0
    if wide and len(body) < 3:
        return None
    size_bytes, length_format = (3, ">xH") if wide else (1, ">B")
    if body:
        size = struct.unpack(length_format, body[:size_bytes])[0]
        rest = body[size_bytes:]
        if not rest:
            expected = size or (65536 if wide else 256)
        else:
            data, le = rest[:size], rest[size:]
            if size == 0 or len(data) != size or len(le) not in (0, 2 if wide else 1):
                return None
            if le:
                expected = int.from_bytes(le, "big") or (65536 if wide else 256)
    return Command(apdu[0], apdu[1], struct.unpack(">H", apdu[2:4])[0], data, expected)


def tlv(tag: int, *parts: bytes) -> bytes:
    """BER-TLV with the shortest length."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = b"\x82" + struct.pack(">H", size)
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + length + value


def read_tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The objects in `data`, one after the other. ValueError or IndexError if it is none."""
    while data:
        used = 1
        if data[0] & 0x1F == 0x1F:
            used += 1
        tag, size = int.from_bytes(data[:used], "big"), data[used]
        used += 1
        if size & 0x80:
            more = size & 0x7F
            size = int.from_bytes(data[used:used + more], "big")
            used += more
        if len(data) < used + size:
            raise ValueError("a TLV object that ends too early")
        yield tag, data[used:used + size]
        data = data[used + size:]


class Pin:
    """A PIN and how often it may still be wrong."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self.tries = PIN_TRIES

    def verify(self, value: bytes) -> int:
        """The status word."""
        if self.tries == 0:
            return PIN_BLOCKED
        if value != self._value:
            self.tries -= 1
            return WRONG_PIN | self.tries
        self.tries = PIN_TRIES
        return OK


class Application(Protocol):
    """One application of a card. It forgets who was verified when it is selected or loses power."""

    aid: bytes

    def forget(self) -> None: ...
    def selected(self) -> bytes: ...
    def process(self, command: Command) -> Reply: ...


class Card:
    """A card with one application, as harness.cards plugs it into a slot."""

    def __init__(self, atr: bytes, application: Application) -> None:
        self.atr = atr
        self.gone = threading.Event()
        self.seen: deque[Seen] = deque(maxlen=SEEN_MAX)
        self.power_ups = 0  # and resets
        self._application = application
        self._is_selected = False
        self._begun = b""  # of a chained command
        self._rest = b""  # of a response

    def power_up(self) -> None:
        self.power_ups += 1
        self._application.forget()
        self._is_selected = False
        self._begun = self._rest = b""

    def count(self, ins: int, *, p1p2: int | None = None, status: int = OK) -> int:
        """How many commands of this kind ended like this."""
        return sum(1 for one in tuple(self.seen) if one.ins == ins and one.status == status
                   and p1p2 in (None, one.p1p2))

    def process(self, apdu: bytes) -> bytes:
        command = parse(apdu)
        if command is None:
            return self._answer(Reply(WRONG_LENGTH), 0)
        if command.ins == GET_RESPONSE:
            reply = Reply(OK, self._rest) if self._rest else Reply(CONDITIONS_NOT_SATISFIED)
            return self._finish(command, reply)
        command = command._replace(data=self._begun + command.data)
        self._begun = b""
        if len(command.data) > CHAIN_BYTES_MAX:
            return self._answer(Reply(WRONG_LENGTH), 0)
        if command.cla & _CHAINED:
            self._begun = command.data
            return self._answer(Reply(), 0)
        return self._finish(command, self._reply(command))

    def _finish(self, command: Command, reply: Reply) -> bytes:
        self.seen.append(Seen(command.ins, command.p1p2, reply.status))
        return self._answer(reply, command.expected)

    def _reply(self, command: Command) -> Reply:
        if command.ins == SELECT:
            return self._select(command)
        if not self._is_selected:
            return Reply(UNKNOWN_INSTRUCTION)
        return self._application.process(command)

    def _select(self, command: Command) -> Reply:
        """By name, of which the end may be missing. An unknown name changes nothing."""
        if command.p1p2 >> 8 != 4:
            return Reply(NOT_FOUND)
        if len(command.data) < 5 or not self._application.aid.startswith(command.data):
            return Reply(NOT_FOUND)
        self._application.forget()
        self._is_selected = True
        return Reply(OK, self._application.selected())

    def _answer(self, reply: Reply, expected: int) -> bytes:
        """As much as is asked for; the rest waits for GET RESPONSE."""
        now, self._rest = reply.data[:expected], reply.data[expected:]
        status = MORE_DATA | min(len(self._rest), 256) & 0xFF if self._rest else reply.status
        return now + struct.pack(">H", status)
