"""An OpenPGP smart card (functional specification 3.4) that makes its keys itself.

  signature key   RSA 2048: PW1 (81) before each signature, unless PW1's status byte is 1
  decryption key  RSA 2048: PW1 (82) once
  third key       P-256, made and shown, not used

PW1 and PW3 have the same value, so that an application that is given one PIN can do everything;
they are counted apart. Import, change of PINs and of algorithms are not offered.

Thread rule: as harness.cards says, one thread per card."""

from __future__ import annotations

import struct
from collections.abc import Callable

from cards.iso7816 import (CONDITIONS_NOT_SATISFIED, NO_SUCH_OBJECT, OK, PIN_BLOCKED,
                           SECURITY_NOT_SATISFIED, UNKNOWN_INSTRUCTION, VERIFY, WRONG_DATA,
                           WRONG_P1_P2, WRONG_PIN, Card, Command, Pin, Reply, tlv)
from cards.keys import RSA_BITS, P256Key, RsaKey, rsa_key

PIN = "12345678"
GET_DATA, PUT_DATA, PERFORM_OPERATION, GENERATE = 0xCA, 0xDA, 0x2A, 0x47
SIGN, DECIPHER = 0x9E9A, 0x8086
SERIAL = 0x00C0FFEE
# Command chaining and extended lengths.
_HISTORICAL = bytes.fromhex("0031F573C001C0059000")
# T=1 alone.
ATR = bytes.fromhex("3B8A01") + _HISTORICAL + b"\xa8"
_SIGNATURE, _DECRYPTION, _AUTHENTICATION = 0, 1, 2
_KEYS = {0xB6: _SIGNATURE, 0xB8: _DECRYPTION, 0xA4: _AUTHENTICATION}
_RSA_ATTRIBUTES = struct.pack(">BHHB", 1, RSA_BITS, 32, 0)
_P256_ATTRIBUTES = b"\x13" + bytes.fromhex("2A8648CE3D030107")
# PW1's status can be changed; certificates of 2048 bytes, special objects of 255.
_CAPABILITIES = struct.pack(">BBHHHBB", 0x10, 0, 0, 2048, 255, 0, 0)
_LENGTHS = struct.pack(">BBHBBH", 2, 2, 2048, 2, 2, 2048)
_PIN_BYTES_MAX = 127
_PW1_SIGN, _PW1, _PW3 = 0x81, 0x82, 0x83
# What may be put: the tag, and the most bytes.
_NAME, _LOGIN, _LANGUAGE, _SEX, _URL, _PIN_STATUS = 0x5B, 0x5E, 0x5F2D, 0x5F35, 0x5F50, 0xC4
_TEXTS = {_NAME: 39, _LOGIN: 254, _LANGUAGE: 8, _SEX: 1, _URL: 254}
_FINGERPRINTS, _CA_FINGERPRINTS, _TIMES = range(0xC7, 0xCA), range(0xCA, 0xCD), range(0xCE, 0xD1)
_FINGERPRINT_BYTES, _TIME_BYTES = 20, 4


class OpenPgpApplication:
    aid = bytes.fromhex("D276000124010304") + struct.pack(">HIH", 0xFFFE, SERIAL, 0)

    def __init__(self) -> None:
        self.pw1, self.pw3 = Pin(PIN.encode()), Pin(PIN.encode())
        self.signatures = 0
        self._verified: set[int] = set()
        self._keys: dict[int, RsaKey | P256Key] = {}
        self._many_signatures = False
        self._data = {tag: b"" for tag in _TEXTS}
        for tag in (*_FINGERPRINTS, *_CA_FINGERPRINTS):
            self._data[tag] = bytes(_FINGERPRINT_BYTES)
        for tag in _TIMES:
            self._data[tag] = bytes(_TIME_BYTES)

    def forget(self) -> None:
        self._verified.clear()

    def selected(self) -> bytes:
        return b""

    def process(self, command: Command) -> Reply:
        commands: dict[int, Callable[[Command], Reply]] = {
            GET_DATA: self._get_data, PUT_DATA: self._put_data, VERIFY: self._verify,
            GENERATE: self._generate, PERFORM_OPERATION: self._operate}
        handler = commands.get(command.ins)
        return Reply(UNKNOWN_INSTRUCTION) if handler is None else handler(command)

    # Data objects

    def _get_data(self, command: Command) -> Reply:
        objects: dict[int, Callable[[], bytes]] = {
            0x4F: lambda: self.aid, 0x5F52: lambda: _HISTORICAL, _PIN_STATUS: self._pin_status,
            0x65: lambda: b"".join(tlv(tag, self._data[tag]) for tag in (_NAME, _LANGUAGE, _SEX)),
            _LOGIN: lambda: self._data[_LOGIN], _URL: lambda: self._data[_URL],
            0x6E: self._application_data,
            0x7A: lambda: tlv(0x93, self.signatures.to_bytes(3, "big"))}
        found = objects.get(command.p1p2)
        return Reply(NO_SUCH_OBJECT) if found is None else Reply(OK, found())

    def _application_data(self) -> bytes:
        def together(tags: range) -> bytes:
            return b"".join(self._data[tag] for tag in tags)

        return b"".join((
            tlv(0x4F, self.aid), tlv(0x5F52, _HISTORICAL), tlv(0x7F66, _LENGTHS),
            tlv(0x73, tlv(0xC0, _CAPABILITIES), tlv(0xC1, _RSA_ATTRIBUTES),
                tlv(0xC2, _RSA_ATTRIBUTES), tlv(0xC3, _P256_ATTRIBUTES),
                tlv(_PIN_STATUS, self._pin_status()), tlv(0xC5, together(_FINGERPRINTS)),
                tlv(0xC6, together(_CA_FINGERPRINTS)), tlv(0xCD, together(_TIMES)))))

    def _pin_status(self) -> bytes:
        longest = bytes(3 * [_PIN_BYTES_MAX])
        return bytes([self._many_signatures]) + longest + bytes([self.pw1.tries, 0, self.pw3.tries])

    def _put_data(self, command: Command) -> Reply:
        tag, value = command.p1p2, command.data
        if _PW3 not in self._verified:
            return Reply(SECURITY_NOT_SATISFIED)
        if tag == _PIN_STATUS:
            if value not in (b"\0", b"\1"):
                return Reply(WRONG_DATA)
            self._many_signatures = value == b"\1"
            return Reply()
        if tag not in self._data:
            return Reply(NO_SUCH_OBJECT)
        fits = len(value) <= _TEXTS[tag] if tag in _TEXTS else len(value) == len(self._data[tag])
        if not fits:
            return Reply(WRONG_DATA)
        self._data[tag] = value
        return Reply()

    # PINs and keys

    def _verify(self, command: Command) -> Reply:
        if command.p1p2 not in (_PW1_SIGN, _PW1, _PW3):
            return Reply(WRONG_P1_P2)
        pin = self.pw3 if command.p1p2 == _PW3 else self.pw1
        if not command.data:
            if command.p1p2 in self._verified:
                return Reply()
            return Reply(WRONG_PIN | pin.tries if pin.tries else PIN_BLOCKED)
        self._verified.discard(command.p1p2)
        status = pin.verify(command.data)
        if status == OK:
            self._verified.add(command.p1p2)
        return Reply(status)

    def _generate(self, command: Command) -> Reply:
        """Makes a key (80), or shows the one that is there (81)."""
        which = _KEYS.get(command.data[0]) if command.data else None
        if which is None:
            return Reply(WRONG_DATA)
        if command.p1p2 == 0x8000:
            if _PW3 not in self._verified:
                return Reply(SECURITY_NOT_SATISFIED)
            self._make_key(which)
        elif command.p1p2 != 0x8100:
            return Reply(WRONG_P1_P2)
        key = self._keys.get(which)
        if key is None:
            return Reply(NO_SUCH_OBJECT)
        if isinstance(key, RsaKey):
            return Reply(OK, tlv(0x7F49, tlv(0x81, key.modulus), tlv(0x82, key.exponent)))
        return Reply(OK, tlv(0x7F49, tlv(0x86, key.point)))

    def _make_key(self, which: int) -> None:
        if which == _SIGNATURE:
            self.signatures = 0
        self._keys[which] = P256Key() if which == _AUTHENTICATION else rsa_key(f"OpenPGP {which}")

    def _operate(self, command: Command) -> Reply:
        if command.p1p2 == SIGN:
            return self._sign(command.data)
        if command.p1p2 == DECIPHER:
            return self._decipher(command.data)
        return Reply(WRONG_P1_P2)

    def _sign(self, digest_info: bytes) -> Reply:
        """PKCS #1, block type 1, around what it is given."""
        key = self._keys.get(_SIGNATURE)
        if not isinstance(key, RsaKey):
            return Reply(NO_SUCH_OBJECT)
        if _PW1_SIGN not in self._verified:
            return Reply(SECURITY_NOT_SATISFIED)
        filler = key.size - len(digest_info) - 3
        if len(digest_info) * 10 > key.size * 4:
            return Reply(WRONG_DATA)
        if not self._many_signatures:
            self._verified.discard(_PW1_SIGN)
        self.signatures += 1
        return Reply(OK, key.power(b"\0\1" + filler * b"\xff" + b"\0" + digest_info))

    def _decipher(self, cryptogram: bytes) -> Reply:
        """One byte that says RSA, and the block; without the padding of type 2."""
        key = self._keys.get(_DECRYPTION)
        if not isinstance(key, RsaKey):
            return Reply(NO_SUCH_OBJECT)
        if _PW1 not in self._verified:
            return Reply(SECURITY_NOT_SATISFIED)
        if len(cryptogram) != key.size + 1 or cryptogram[0] != 0:
            return Reply(WRONG_DATA)
        block = key.power(cryptogram[1:])
        end = block.find(b"\0", 2)
        if not block.startswith(b"\0\2") or end < 0:
            return Reply(CONDITIONS_NOT_SATISFIED)
        return Reply(OK, block[end + 1:])


class OpenPgpCard(Card):
    def __init__(self) -> None:
        self.application = OpenPgpApplication()
        super().__init__(ATR, self.application)

    @property
    def pw1(self) -> Pin:
        return self.application.pw1
