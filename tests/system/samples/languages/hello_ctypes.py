"""The hello card in Python without a wrapper: the C interface through ctypes."""

from __future__ import annotations

import ctypes
import sys

SCOPE_SYSTEM = 2
SHARE_SHARED = 2
T0_OR_T1 = 3
LEAVE_CARD = 0
RESPONSE_BYTES_MAX = 258
SELECT = bytes.fromhex("00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01")
HELLO = bytes(4)

pcsc = ctypes.CDLL("libpcsclite.so.1")


class IoRequest(ctypes.Structure):
    _fields_ = [("protocol", ctypes.c_ulong), ("length", ctypes.c_ulong)]


def call(name: str, *arguments: object) -> None:
    function = getattr(pcsc, name)
    function.restype = ctypes.c_long
    rv = function(*arguments)
    if rv != 0:
        sys.exit(f"{name}: {rv & 0xFFFFFFFF:#010x}")


def transmit(card: ctypes.c_long, protocol: int, command: bytes) -> bytes:
    response = ctypes.create_string_buffer(RESPONSE_BYTES_MAX)
    length = ctypes.c_ulong(len(response))
    pci = IoRequest(protocol, ctypes.sizeof(IoRequest))
    call("SCardTransmit", card, ctypes.byref(pci), command, ctypes.c_ulong(len(command)), None,
         response, ctypes.byref(length))
    return response.raw[:length.value]


def main() -> None:
    context, card = ctypes.c_long(), ctypes.c_long()
    length, protocol = ctypes.c_ulong(), ctypes.c_ulong()
    call("SCardEstablishContext", ctypes.c_ulong(SCOPE_SYSTEM), None, None, ctypes.byref(context))
    call("SCardListReaders", context, None, None, ctypes.byref(length))
    names = ctypes.create_string_buffer(length.value)
    call("SCardListReaders", context, None, names, ctypes.byref(length))
    # The first of the names, each ended by a NUL.
    call("SCardConnect", context, names, ctypes.c_ulong(SHARE_SHARED), ctypes.c_ulong(T0_OR_T1),
         ctypes.byref(card), ctypes.byref(protocol))
    print(transmit(card, protocol.value, SELECT).hex(" ").upper())
    response = transmit(card, protocol.value, HELLO)
    print(response.hex(" ").upper())
    print(response[:-2].decode("ascii"))
    call("SCardDisconnect", card, ctypes.c_ulong(LEAVE_CARD))
    call("SCardReleaseContext", context)


main()
