"""The hello card through pyscard's low-level module: the calls of winscard.h one by one."""

from __future__ import annotations

import sys

from smartcard.scard import (SCARD_LEAVE_CARD, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1,
                             SCARD_S_SUCCESS, SCARD_SCOPE_USER, SCARD_SHARE_SHARED,
                             SCardBeginTransaction, SCardConnect, SCardDisconnect,
                             SCardEndTransaction, SCardEstablishContext,
                             SCardGetStatusChange, SCardListReaders, SCardReleaseContext,
                             SCardStatus, SCardTransmit)

SELECT = [0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01]
HELLO = [0x00, 0x00, 0x00, 0x00]


def check(call: str, rv: int) -> None:
    print(f"{call}: {rv & 0xFFFFFFFF:#010x}")
    if rv != SCARD_S_SUCCESS:
        sys.exit(1)


def main() -> None:
    rv, context = SCardEstablishContext(SCARD_SCOPE_USER)
    check("SCardEstablishContext", rv)
    rv, readers = SCardListReaders(context, [])
    check("SCardListReaders", rv)
    print(readers)
    rv, states = SCardGetStatusChange(context, 0, [(readers[0], 0)])
    check("SCardGetStatusChange", rv)
    print([(name, hex(state & 0xFFFF), atr) for name, state, atr in states])
    rv, card, protocol = SCardConnect(context, readers[0], SCARD_SHARE_SHARED,
                                      SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
    check("SCardConnect", rv)
    rv, name, state, protocol, atr = SCardStatus(card)
    check("SCardStatus", rv)
    print(name, hex(state & 0xFFFF), protocol, atr)
    check("SCardBeginTransaction", SCardBeginTransaction(card))
    for apdu in (SELECT, HELLO, [0x80, 0x20, 0x00, 0x10, 0x10]):
        rv, response = SCardTransmit(card, protocol, apdu)
        check("SCardTransmit", rv)
        print(bytes(response).hex(), bytes(response[:-2]))
    check("SCardEndTransaction", SCardEndTransaction(card, SCARD_LEAVE_CARD))
    check("SCardDisconnect", SCardDisconnect(card, SCARD_LEAVE_CARD))
    check("SCardReleaseContext", SCardReleaseContext(context))


main()
