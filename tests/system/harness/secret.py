"""A PIN, the commands that carry it, and a search for it in text, however it may be written there.

Four bytes of it in a row are found: drivers cut what they send into pieces."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

PIN = b"q7#Zk!9w"
NEW_PIN = b"V@3x;Lp8"
UNBLOCKING = b"%mB6/tY1"
WINDOW = 4
# Between two bytes: "31 32", "31:32", "0x31, 0x32", "\x31\x32", "31h 32h", "3132", across lines.
BETWEEN = r"(?:h)?[\s:;,.|\-]{0,3}(?:0x|\\x)?"


def commands() -> Iterator[bytes]:
    """VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, GENERAL AUTHENTICATE, short ones; the
    last one is chained."""
    yield b"\x00\x20\x00\x81" + _with_length(PIN)
    yield b"\x00\x24\x00\x81" + _with_length(PIN + NEW_PIN)
    yield b"\x00\x2c\x00\x81" + _with_length(UNBLOCKING + NEW_PIN)
    yield b"\x10\x86\x00\x00" + _with_length(b"\x7c\x0a\x80\x08" + PIN) + b"\x00"
    yield b"\x0c\x20\x00\x81" + _with_length(PIN * 15)


def extended_commands() -> Iterator[bytes]:
    for instruction in (0x20, 0x24, 0x2C):
        yield bytes((0, instruction, 0, 0x81, 0)) + struct.pack(">H", len(PIN) * 50) + PIN * 50


def pin_block() -> bytes:
    """PC/SC part 10's structure for PIN verification, with a PIN where the room for it is."""
    command = b"\x00\x20\x00\x81" + _with_length(PIN)
    head = struct.pack("<BBBBBHBBHBBBB", 30, 30, 0x82, 0x04, 0, 0x0808, 2, 1, 0x0409, 0, 0, 0, 0)
    return head + struct.pack("<I", len(command)) + command


def found_in(text: str) -> list[str]:
    """Where a secret shows: the first places, with their surroundings."""
    places = []
    for secret in (PIN, NEW_PIN, UNBLOCKING):
        for at in range(len(secret) - WINDOW + 1):
            for pattern in _patterns(secret[at:at + WINDOW]):
                match = re.search(pattern, text, re.IGNORECASE)
                if match:
                    places.append(text[max(match.start() - 60, 0):match.end() + 20])
    return places


def _patterns(part: bytes) -> Iterator[str]:
    yield re.escape(part.decode())
    yield BETWEEN.join(f"{byte:02x}" for byte in part)
    yield r"\D{1,3}".join(rf"\b{byte}\b" for byte in part)
    yield r"\W{1,4}".join(f"0?x?0?{byte:x}" for byte in part)


def _with_length(data: bytes) -> bytes:
    return bytes((len(data),)) + data
