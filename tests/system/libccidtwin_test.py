"""Debian's unmodified libccidtwin: libccid for readers on a serial line, from reader.conf."""

from __future__ import annotations

from harness import card as hello
from harness.case import HELLO, SELECT
from harness.conf_case import ConfTest, Entry
from harness.serial_bed import SerialBed
from harness.settings import LIBCCIDTWIN, settings
from harness.wire import RESET, T0, T1, Rv

FRIENDLY_NAME = "Serial Reader"
# Model, slots, and whether the reader echoes what it is sent.
MODELS = (("GemPCTwin", 1, True), ("GemCoreSIMPro", 2, False), ("GemCorePOSPro", 5, False))
# That of the fixed SIM slots: the driver looks for cards only when it is opened.
FIXED_CARDS = "GemCoreSIMPro"


class SerialReaders(ConfTest):
    def _start(self, model: str, slots: int, echoes: bool) -> list[str]:
        """The names of the slots; each shows its card."""
        self.bed = SerialBed(settings(), slots, echoes=echoes)
        self.addCleanup(self.bed.stop)
        self.bed.start()
        self.start_daemon(Entry(FRIENDLY_NAME, f"{self.bed.line}:{model}", LIBCCIDTWIN))
        names = [f"{FRIENDLY_NAME} 00 {slot:02X}" for slot in range(slots)]
        self.daemon.wait_for_names(*names)
        for name in names:
            self.daemon.wait_for_present(name)
        return names

    def test_one_slot(self) -> None:
        self._check(*MODELS[0])

    def test_two_slots(self) -> None:
        self._check(*MODELS[1])

    def test_five_slots(self) -> None:
        self._check(*MODELS[2])

    def _check(self, model: str, slots: int, echoes: bool) -> None:
        names = self._start(model, slots, echoes)
        for name in names:
            with self.daemon.client() as client:
                self.assert_hello(client, client.open_card(name))
        if model == FIXED_CARDS:
            return
        last = len(names) - 1
        self.bed.eject(last)
        self.daemon.wait_for_present(names[last], present=False)
        self.bed.insert(last)
        self.daemon.wait_for_present(names[last])
        with self.daemon.client() as client:
            self.assert_hello(client, client.open_card(names[last]))

    def test_protocols_and_resets(self) -> None:
        names = self._start(*MODELS[0])
        for atr, protocol in (("t0", T0), ("t1", T1)):
            with self.subTest(atr=atr):
                self.bed.eject(0)
                self.daemon.wait_for_present(names[0], present=False)
                self.bed.insert(0, atr=atr)
                self.daemon.wait_for_present(names[0])
                client = self.client()
                card = client.open_card(names[0], protocols=protocol)
                self.assertEqual(client.transmit(card, SELECT, protocol).data, hello.OK)
                self.assertEqual(client.transmit(card, HELLO, protocol).data,
                                 hello.GREETING + hello.OK)
                self.assertEqual(client.transmit(card, b"\x80\x20\x01\x00\x00", protocol).data,
                                 hello.pattern(256) + hello.OK)
                before = self.resets(client, card, protocol)
                self.assert_rv(client.reconnect(card, protocols=protocol, initialization=RESET),
                               Rv.OK)
                self.assertEqual(self.resets(client, card, protocol), before + 1)
