"""The hello card: a small card application with commands that tests need. It is the same card
that the project's virtual reader holds, so that both drivers can run the same tests.

  00 A4 04 00 Lc AID   select: 90 00, unknown AID 6A 82
  00 00 00 00          after select: the greeting
  80 20 P1 P2          P1P2 bytes of a counting pattern (0: as many as a message holds)
  80 30 P1 P2          works for P1P2 milliseconds
  80 40 00 00          resets and power-ups since insertion, 4 bytes, big-endian
  80 50 00 00 Lc data  echo"""

from __future__ import annotations

import struct
import threading

ATR = bytes.fromhex("3B80800101")  # T=0 and T=1
AID = bytes.fromhex("A00000006203010C0601")
GREETING = b"Hello world!"

OK = b"\x90\x00"
NOT_FOUND = b"\x6a\x82"
CONDITIONS_NOT_SATISFIED = b"\x69\x85"
WRONG_LENGTH = b"\x67\x00"
UNKNOWN_INSTRUCTION = b"\x6d\x00"
# vpcd's messages carry a 16-bit length.
RESPONSE_DATA_MAX = 65533


def pattern(count: int) -> bytes:
    return bytes(i & 0xFF for i in range(count))


def command_data(apdu: bytes) -> bytes | None:
    """The data field of a short or extended command with Lc; None if the lengths do not fit."""
    body = apdu[4:]
    if not body:
        return b""
    if body[0] != 0:
        size, rest = body[0], body[1:]
    elif len(body) >= 3:
        size, rest = struct.unpack(">H", body[1:3])[0], body[3:]
    else:
        return None
    return rest[:size] if len(rest) >= size else None


class HelloCard:
    """One card from insertion to removal. Used by one thread; `gone` may be set by another."""

    def __init__(self) -> None:
        self.gone = threading.Event()
        self._selected = False
        self._power_ups = 0

    def power_up(self) -> None:
        self._selected = False
        self._power_ups += 1

    def process(self, apdu: bytes) -> bytes:
        if len(apdu) < 4:
            return WRONG_LENGTH
        p1p2 = apdu[2] << 8 | apdu[3]
        if apdu[:4] == b"\x00\xa4\x04\x00":
            self._selected = command_data(apdu) == AID
            return OK if self._selected else NOT_FOUND
        if apdu[:4] == bytes(4):
            return GREETING + OK if self._selected else CONDITIONS_NOT_SATISFIED
        if apdu[0] == 0x80:
            return self._test_command(apdu, p1p2)
        return UNKNOWN_INSTRUCTION

    def _test_command(self, apdu: bytes, p1p2: int) -> bytes:
        if apdu[1] == 0x20:
            return pattern(p1p2 or RESPONSE_DATA_MAX) + OK
        if apdu[1] == 0x30:
            self.gone.wait(p1p2 / 1000)
            return OK
        if apdu[1] == 0x40:
            return struct.pack(">I", self._power_ups) + OK
        if apdu[1] == 0x50:
            data = command_data(apdu)
            return WRONG_LENGTH if data is None else data + OK
        return UNKNOWN_INSTRUCTION
