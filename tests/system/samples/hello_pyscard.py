"""The hello card through pyscard's high-level classes."""

from __future__ import annotations

from smartcard.CardRequest import CardRequest
from smartcard.CardType import AnyCardType
from smartcard.System import readers
from smartcard.util import toASCIIString, toHexString

SELECT = [0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01]
HELLO = [0x00, 0x00, 0x00, 0x00]
PATIENCE_SECONDS = 20

print(readers())
service = CardRequest(timeout=PATIENCE_SECONDS, cardType=AnyCardType()).waitforcard()
connection = service.connection
connection.connect()
print(connection.getReader(), toHexString(connection.getATR()), connection.getProtocol())
for apdu in (SELECT, HELLO):
    data, sw1, sw2 = connection.transmit(apdu)
    print(toHexString(data), f"{sw1:02X} {sw2:02X}", toASCIIString(data))
connection.disconnect()
