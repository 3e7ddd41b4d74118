"""Shows a PIN to the hello card, which knows none: short and extended, and through SCardControl.
The PIN is the argument."""

from __future__ import annotations

import sys

from smartcard.scard import (SCARD_CTL_CODE, SCARD_LEAVE_CARD, SCARD_PROTOCOL_T1, SCARD_S_SUCCESS,
                             SCARD_SCOPE_USER, SCARD_SHARE_SHARED, SCardConnect, SCardControl,
                             SCardDisconnect, SCardEstablishContext, SCardListReaders,
                             SCardReleaseContext, SCardTransmit)

VERIFY = [0x00, 0x20, 0x00, 0x81]
# Times, formats, messages, T=1 header, then the length of the command (PC/SC part 10).
PIN_STRUCTURE = [30, 30, 0x82, 8, 0, 8, 4, 2, 1, 9, 4, 0, 0, 0, 0]
FEATURE_CODE = SCARD_CTL_CODE(3306)


def main() -> None:
    pin = list(sys.argv[1].encode())
    _, context = SCardEstablishContext(SCARD_SCOPE_USER)
    _, readers = SCardListReaders(context, [])
    rv, card, protocol = SCardConnect(context, readers[0], SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1)
    if rv != SCARD_S_SUCCESS:
        sys.exit(1)
    for command in ([*VERIFY, len(pin), *pin], [*VERIFY, 0, 0, len(pin), *pin], [*VERIFY, *pin]):
        rv, response = SCardTransmit(card, protocol, command)
        print(f"{rv & 0xFFFFFFFF:#010x} {bytes(response).hex()}")
    command = [*VERIFY, len(pin), *pin]
    rv, _ = SCardControl(card, FEATURE_CODE, [*PIN_STRUCTURE, len(command), 0, 0, 0, *command])
    print(f"control {'works' if rv == SCARD_S_SUCCESS else 'fails'}")
    SCardDisconnect(card, SCARD_LEAVE_CARD)
    SCardReleaseContext(context)


main()
