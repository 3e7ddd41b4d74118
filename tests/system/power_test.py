"""When an unused card loses its power, and with it the PIN it has been given.

In real time; what is not waited for here is in the tests of the core, with a clock of their own."""

from __future__ import annotations

import socket

from harness.conf_case import ConfTest, Entry
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until

NAME = "Cardea Virtual Reader 00 00"
VERIFY = bytes.fromhex("002000800431323334")
IS_VERIFIED = bytes.fromhex("00200080")
VERIFIED = bytes.fromhex("9000")
NOT_VERIFIED = bytes.fromhex("63c3")
GRACE_SECONDS = 5.0
# A loaded machine may be late, but never early.
LATE_SECONDS = 20.0


class Power(ConfTest):
    def setUp(self) -> None:
        super().setUp()
        self._control = self.daemon.driver_dir / "power-control"
        library = settings().build_dir / "lib" / "libifdvirtual.so"
        self.start_daemon(Entry("Cardea Virtual Reader", f"virtual:control={self._control}",
                                library))
        self.daemon.wait_for_present(NAME)

    def verify(self) -> Stopwatch:
        """Gives the card its PIN and leaves it; the time since then."""
        with self.client() as client:
            card = client.open_card(NAME)
            self.assertEqual(client.transmit(card, VERIFY).data, VERIFIED)
            client.disconnect(card)
            return Stopwatch()

    def pin_state(self) -> bytes:
        with self.client() as client:
            return client.transmit(client.open_card(NAME), IS_VERIFIED).data

    def is_powered(self) -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(self._control))
            link.sendall(b"status\n")
            return "powered" in link.makefile().readline().split()


class AsUpstream(Power):
    def test_after_five_seconds(self) -> None:
        watch = self.verify()
        poll_until("the card is powered off", lambda: not self.is_powered(), LATE_SECONDS)
        self.assertGreater(watch.seconds, GRACE_SECONDS - 0.1)
        self.assertEqual(self.pin_state(), NOT_VERIFIED)

    def test_not_while_it_is_used_again_and_again(self) -> None:
        self.verify()
        watch = Stopwatch()
        while watch.seconds < GRACE_SECONDS + 1:
            self.assertEqual(self.pin_state(), VERIFIED)


class Never(Power):
    options = ("--power-off", "never")

    def test_the_pin_stays_verified(self) -> None:
        watch = self.verify()
        while watch.seconds < GRACE_SECONDS + 2:
            self.assertTrue(self.is_powered())
        self.assertEqual(self.pin_state(), VERIFIED)


class OneReader(Power):
    options = ("--power-off", "never", "--power-off", "Virtual Reader=1")

    def test_the_readers_own_rule_wins(self) -> None:
        watch = self.verify()
        poll_until("the card is powered off", lambda: not self.is_powered(), LATE_SECONDS)
        self.assertGreater(watch.seconds, 0.9)
        self.assertLess(watch.seconds, GRACE_SECONDS)
