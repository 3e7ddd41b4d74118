"""A PIV card (NIST SP 800-73-4): identity objects, and three keys with certificates.

  9A  RSA 2048, for login: needs the PIN once
  9C  P-256, for signatures: needs the PIN before each
  9D  RSA 2048, for decryption: needs the PIN once
  9B  gives challenges, nothing else

Thread rule: as harness.cards says, one thread per card."""

from __future__ import annotations

import secrets

from cards.iso7816 import (NOT_FOUND, OK, PIN_BLOCKED, SECURITY_NOT_SATISFIED, UNKNOWN_INSTRUCTION,
                           VERIFY, WRONG_DATA, WRONG_P1_P2, WRONG_PIN, Card, Command, Pin, Reply,
                           read_tlvs, tlv)
from cards.keys import P256Key, RsaKey, certificate, rsa_key

# T=0 and T=1, and T=0 alone; five historical bytes of no meaning.
ATR = bytes.fromhex("3B858001436172646555")
ATR_T0 = bytes.fromhex("3B054361726465")
PIN = "654321"
GET_DATA, GENERAL_AUTHENTICATE = 0xCB, 0x87
AUTHENTICATION, SIGNATURE, DECRYPTION = 0x9A, 0x9C, 0x9D
_MANAGEMENT = 0x9B
_RSA_2048, _P256 = 0x07, 0x11
# The challenges of the management key: 3DES, under both its names.
_CHALLENGE_ALGORITHMS = (0x00, 0x03)
_CHALLENGE_BYTES = 8
_WANT_CHALLENGE = bytes.fromhex("7C028100")
_PIN_REFERENCE = 0x80
_PIN_BYTES = 8
_DISCOVERY = 0x7E
# Agency, system and credential numbers all nines: not an employee of the United States.
_FASC_N = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
_GUID = bytes.fromhex("43617264656120746573742063617264")
_END = tlv(0xFE)


class PivApplication:
    aid = bytes.fromhex("A000000308000010000100")

    def __init__(self) -> None:
        self.pin = Pin(PIN.encode().ljust(_PIN_BYTES, b"\xff"))
        self._verified = False
        self._just_verified = False
        self._keys: dict[int, RsaKey | P256Key] = {
            AUTHENTICATION: rsa_key("PIV authentication"), SIGNATURE: P256Key(),
            DECRYPTION: rsa_key("PIV decryption")}
        self._objects = {
            _DISCOVERY: tlv(_DISCOVERY, tlv(0x4F, self.aid), tlv(0x5F2F, b"\x40\x00")),
            0x5FC102: tlv(0x53, tlv(0x30, _FASC_N), tlv(0x34, _GUID), tlv(0x35, b"20991231"),
                          tlv(0x3E), _END),
            0x5FC107: tlv(0x53, tlv(0xF0, bytes(21)), tlv(0xF1, b"\x21"), tlv(0xF2, b"\x21"),
                          tlv(0xF3), tlv(0xF4, b"\x00"), tlv(0xF5, b"\x10"),
                          *(tlv(tag) for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD)), _END),
            0x5FC105: self._certificate(AUTHENTICATION, "Login"),
            0x5FC10A: self._certificate(SIGNATURE, "Signature"),
            0x5FC10B: self._certificate(DECRYPTION, "Decryption")}

    def forget(self) -> None:
        self._verified = self._just_verified = False

    def selected(self) -> bytes:
        return tlv(0x61, tlv(0x4F, self.aid[5:]), tlv(0x79, tlv(0x4F, self.aid[:5])))

    def process(self, command: Command) -> Reply:
        fresh, self._just_verified = self._just_verified, False
        if command.ins == VERIFY:
            return self._verify(command)
        if command.ins == GET_DATA:
            return self._get_data(command)
        if command.ins == GENERAL_AUTHENTICATE:
            return self._use_key(command, fresh)
        return Reply(UNKNOWN_INSTRUCTION)

    def _certificate(self, reference: int, name: str) -> bytes:
        return tlv(0x53, tlv(0x70, certificate(self._keys[reference], name)),
                   tlv(0x71, b"\x00"), _END)

    def _verify(self, command: Command) -> Reply:
        if command.p1p2 != _PIN_REFERENCE:
            return Reply(NOT_FOUND)
        if not command.data:
            tries = self.pin.tries
            return Reply(OK if self._verified else WRONG_PIN | tries if tries else PIN_BLOCKED)
        if len(command.data) != _PIN_BYTES:
            return Reply(WRONG_DATA)
        status = self.pin.verify(command.data)
        self._verified = self._just_verified = status == OK
        return Reply(status)

    def _get_data(self, command: Command) -> Reply:
        if command.p1p2 != 0x3FFF:
            return Reply(WRONG_P1_P2)
        wanted = command.data[2:]
        if not wanted or command.data[0] != 0x5C or command.data[1] != len(wanted):
            return Reply(WRONG_DATA)
        found = self._objects.get(int.from_bytes(wanted, "big"))
        return Reply(NOT_FOUND) if found is None else Reply(OK, found)

    def _use_key(self, command: Command, fresh: bool) -> Reply:
        """GENERAL AUTHENTICATE: the challenge is signed, or raised to the private exponent."""
        algorithm, reference = command.p1p2 >> 8, command.p1p2 & 0xFF
        if reference == _MANAGEMENT and algorithm in _CHALLENGE_ALGORITHMS:
            return self._challenge(command)
        key = self._keys.get(reference)
        if key is None or algorithm != (_RSA_2048 if isinstance(key, RsaKey) else _P256):
            return Reply(WRONG_P1_P2)
        if not (fresh if reference == SIGNATURE else self._verified):
            return Reply(SECURITY_NOT_SATISFIED)
        try:
            template = dict(read_tlvs(dict(read_tlvs(command.data))[0x7C]))
            block = template[0x81]
        except (KeyError, ValueError, IndexError):
            return Reply(WRONG_DATA)
        if isinstance(key, P256Key):
            return Reply(OK, tlv(0x7C, tlv(0x82, key.sign(block))))
        if len(block) != key.size:
            return Reply(WRONG_DATA)
        return Reply(OK, tlv(0x7C, tlv(0x82, key.power(block))))

    @staticmethod
    def _challenge(command: Command) -> Reply:
        """Good for random numbers; what the management key would allow, this card cannot."""
        if command.data != _WANT_CHALLENGE:
            return Reply(WRONG_DATA)
        return Reply(OK, tlv(0x7C, tlv(0x81, secrets.token_bytes(_CHALLENGE_BYTES))))


class PivCard(Card):
    def __init__(self, atr: bytes = ATR) -> None:
        self.application = PivApplication()
        super().__init__(atr, self.application)

    @property
    def pin(self) -> Pin:
        return self.application.pin
