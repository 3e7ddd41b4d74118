"""What every CCID driver has to do with an emulated reader, libccid or ours. A module takes these
cases in by making a subclass that says which driver it is. It imports this module, not the class:
unittest would run the cases of the class itself too."""

from __future__ import annotations

import itertools

from harness import card as hello
from harness.case import HELLO, SELECT
from harness.usb_case import UsbTest
from harness.wire import (RESET, STATE_SWALLOWED, T0, T1, T0_OR_T1, Response, Rv,
                          WireClient)

LEVELS = ("tpdu", "short", "ext")
ATRS = {"t0": T0, "t1": T1, "t01": T0_OR_T1}
SHORT_DATA = bytes(range(255))
EXTENDED_DATA = hello.pattern(3000)


class CcidCases(UsbTest):
    """`friendly` is how the driver's table calls 04e6:5116."""

    friendly: str

    def _reader(self, **keys: object) -> str:
        """A reader at 1-1, known and with a card; its name."""
        self.bed.add("1-1", **keys)
        name = f"{self.friendly} 00 00"
        self.daemon.wait_for_present(name)
        return name

    def test_every_level_and_protocol(self) -> None:
        for level, (atr, protocols) in itertools.product(LEVELS, ATRS.items()):
            with self.subTest(level=level, atr=atr):
                name = self._reader(level=level, atr=atr)
                with self.daemon.client() as client:
                    connected = client.connect(name, protocols=protocols)
                    self.assert_rv(connected.rv, Rv.OK)
                    self.assertEqual(connected.protocol, T0 if atr == "t0" else T1)
                    _run_applet(self, client, connected.card, connected.protocol)
                self.pull("1-1")
                self.daemon.wait_for_names()

    def test_extended_apdus(self) -> None:
        """Long commands and responses, in one message and in a chain of small ones."""
        for message_bytes in (0, 512):
            with self.subTest(message_bytes=message_bytes):
                name = self._reader(level="ext", message_bytes=message_bytes)
                with self.daemon.client() as client:
                    card = client.open_card(name)
                    long = b"\x80\x50\x00\x00\x00" + len(EXTENDED_DATA).to_bytes(2, "big")
                    answer = client.transmit(card, long + EXTENDED_DATA)
                    _assert_response(self, answer, EXTENDED_DATA)
                    answer = client.transmit(card, b"\x80\x20\x0b\xb8\x00\x00\x00")
                    _assert_response(self, answer, EXTENDED_DATA)
                self.pull("1-1")
                self.daemon.wait_for_names()

    def test_t1_blocks_are_chained(self) -> None:
        """On TPDU level the driver cuts commands into blocks; the card's answers come in many."""
        name = self._reader(level="tpdu", atr="t1")
        with self.daemon.client() as client:
            card = client.open_card(name)
            long = b"\x80\x50\x00\x00\x00" + len(EXTENDED_DATA).to_bytes(2, "big")
            _assert_response(self, client.transmit(card, long + EXTENDED_DATA), EXTENDED_DATA)
            _assert_response(self, client.transmit(card, b"\x80\x20\x03\xe8\x00\x00\x00"),
                             hello.pattern(1000))

    def test_resets_reach_the_card(self) -> None:
        name = self._reader()
        client = self.client()
        card = client.open_card(name)
        before = self.resets(client, card)
        self.assert_rv(client.reconnect(card, initialization=RESET), Rv.OK)
        self.assertEqual(self.resets(client, card), before + 1)

    def test_card_out_and_in(self) -> None:
        name = self._reader()
        client = self.client()
        card = client.open_card(name)
        self.bed.eject("1-1")
        self.daemon.wait_for_present(name, present=False)
        self.assert_rv(client.status(card), Rv.REMOVED_CARD)
        self.assert_rv(self.client().connect(name).rv, Rv.NO_SMARTCARD)
        self.bed.insert("1-1")
        self.daemon.wait_for_present(name)
        self.assert_rv(client.status(card), Rv.REMOVED_CARD)
        again = self.client()
        self.assert_hello(again, again.open_card(name))

    def test_a_mute_card_cannot_be_powered(self) -> None:
        name = self._reader(card="mute")
        self.daemon.wait_for_state(name, STATE_SWALLOWED)
        self.assert_rv(self.client().connect(name).rv, Rv.UNPOWERED_CARD)

    def test_a_slow_answer_arrives(self) -> None:
        name = self._reader()
        client = self.client()
        card = client.open_card(name)
        self.bed.command("delay 1-1 700")
        self.assert_hello(client, card)

    def test_a_card_pulled_out_of_an_exchange_ends_it(self) -> None:
        name = self._reader()
        client = self.client()
        card = client.open_card(name)
        self.bed.hang("1-1")
        client.send_transmit(card, SELECT)
        self.bed.wait_until_held("1-1")
        self.bed.eject("1-1")
        self.assertIn(client.recv_transmit().rv, (Rv.NO_SMARTCARD, Rv.NOT_TRANSACTED,
                                                  Rv.REMOVED_CARD))
        self.daemon.wait_for_present(name, present=False)

    def test_several_slots(self) -> None:
        for slots in (2, 4):
            with self.subTest(slots=slots):
                names = [f"{self.friendly} 00 {slot:02X}" for slot in range(slots)]
                self.bed.add("1-1", slots=slots, card="none")
                self.daemon.wait_for_names(*names)
                for slot, name in enumerate(names):
                    self.bed.insert("1-1", slot)
                    self.daemon.wait_for_present(name)
                    with self.daemon.client() as client:
                        self.assert_hello(client, client.open_card(name))
                self.bed.eject("1-1", slots - 1)
                self.daemon.wait_for_present(names[-1], present=False)
                for slot, name in enumerate(names[:-1]):
                    self.daemon.wait_for_present(name)
                    self.bed.eject("1-1", slot)
                    self.daemon.wait_for_present(name, present=False)
                self.pull_slots("1-1")


def _assert_response(test: UsbTest, answer: Response, data: bytes) -> None:
    test.assert_rv(answer.rv, Rv.OK)
    test.assertEqual(answer.data, data + hello.OK)


def _run_applet(test: UsbTest, client: WireClient, card: int, protocol: int) -> None:
    """Greeting, a full short response, and data both ways; T=0 fetches the latter."""
    test.assertEqual(client.transmit(card, SELECT, protocol).data, hello.OK)
    test.assertEqual(client.transmit(card, HELLO, protocol).data, hello.GREETING + hello.OK)
    _assert_response(test, client.transmit(card, b"\x80\x20\x01\x00\x00", protocol),
                     hello.pattern(256))
    echo = b"\x80\x50\x00\x00" + bytes([len(SHORT_DATA)]) + SHORT_DATA
    answer = client.transmit(card, echo, protocol)
    if answer.data[:1] == b"\x61":
        answer = client.transmit(card, b"\x00\xc0\x00\x00" + answer.data[1:2], protocol)
    _assert_response(test, answer, SHORT_DATA)
