"""What goes wrong with USB in the field, and that the readers come back by themselves.

Debian's pcscd is no reference: a reader that failed once, or whose event was lost, stays away until
somebody pulls it."""

from __future__ import annotations

from harness.case import SELECT, cardea_only
from harness.settings import settings
from harness.usb_case import SCR3310, UsbTest
from harness.waiting import Stopwatch, poll_until
from harness.wire import Rv

FIRST = f"{SCR3310} 00 00"
SECOND = f"{SCR3310} 01 00"
# The other reader's exchange hangs far longer; libccid's patience is a minute.
UNDELAYED_SECONDS = 5.0


class HealingTest(UsbTest):
    def assert_works(self, name: str) -> None:
        self.daemon.wait_for_present(name)
        with self.daemon.client() as client:
            self.assert_hello(client, client.open_card(name))


@cardea_only("Debian's pcscd does not try again")
class FirstAttempts(HealingTest):
    def test_a_busy_interface_is_tried_again(self) -> None:
        self.bed.add("1-1", fail_claims=2)
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)
        self.assertGreaterEqual(self.bed.status("1-1")["claims"], 3)

    def test_a_reader_that_does_not_answer_at_first(self) -> None:
        self.bed.add("1-1", fail_answers=3)
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)

    def test_a_device_node_that_comes_late(self) -> None:
        if settings().driver == "libusb":
            self.skipTest("libusb, that of libccid too, forgets a device it could not open")
        self.bed.add("1-1", node=False)
        self.bed.add("1-2")
        self.daemon.wait_for_names(FIRST)
        self.bed.command("node 1-1")
        self.daemon.wait_for_count(2)
        self.bed.remove("1-2")
        self.daemon.wait_for_count(1)
        self.assert_works(self.daemon.names()[0])

    def test_it_is_not_tried_for_ever(self) -> None:
        """A device that never works costs a few attempts, and works when it is plugged again."""
        self.bed.add("1-1", fail_claims=1_000_000)
        claims = poll_until("no further attempt", self._settled_claims, 120)
        self.assertGreater(claims, 1)
        self.bed.remove("1-1")
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)

    def _settled_claims(self) -> int:
        """The number of claims once none has come for four seconds; 0 before."""
        before = self.bed.status("1-1")["claims"]
        watch = Stopwatch()
        while watch.seconds < 4:
            with self.daemon.client() as client:
                client.wait()
                client.readable(0.5)
            if self.bed.status("1-1")["claims"] != before:
                return 0
        return before


@cardea_only("Debian's pcscd keeps the dead reader, or never hears of the new one")
class LostEvents(HealingTest):
    def test_gone_without_an_event_and_plugged_again(self) -> None:
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)
        self.bed.remove("1-1", uevent=False)
        self.bed.add("1-1")
        self.bed.wait_until_claimed("1-1")
        self.daemon.wait_for_count(1)
        self.assert_works(self.daemon.names()[0])
        self.bed.wait_for_handles(1)

    def test_a_rescan_finds_what_came_unnoticed(self) -> None:
        self.assertEqual(self.daemon.names(), [])  # it has looked and found nothing
        self.bed.add("1-1", uevent=False)
        self.assertEqual(self.daemon.names(), [])
        self.daemon.rescan()
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)

    def test_a_rescan_drops_what_went_unnoticed(self) -> None:
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.bed.remove("1-1", uevent=False)
        self.daemon.rescan()
        self.daemon.wait_for_names()
        self.bed.wait_for_handles(0)

    def test_a_rescan_leaves_readers_in_use_alone(self) -> None:
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        opens = self.bed.status("1-1")["opens"]
        self.daemon.rescan()
        self.bed.add("1-2")
        self.daemon.wait_for_names(FIRST, SECOND)
        self.assert_hello(client, card)
        if settings().driver == "udev":
            self.assertEqual(self.bed.status("1-1")["opens"], opens)

    def test_a_second_add_event(self) -> None:
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        for _ in range(3):
            self.bed.command("uevent 1-1 add")
        self.bed.add("1-2")
        self.daemon.wait_for_names(FIRST, SECOND)
        self.assert_hello(client, card)
        self.assertEqual(self.bed.status("1-1")["claimed"], 1)


@cardea_only("Debian's pcscd, built with libudev, has no --force-reader-polling")
class ForcedPolling(HealingTest):
    options = ("--force-reader-polling=1",)

    def test_finds_what_came_and_went_unnoticed(self) -> None:
        if settings().driver != "libusb":
            self.skipTest("an option of the libusb back end")
        self.assertEqual(self.daemon.names(), [])
        self.bed.add("1-1", uevent=False)
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)


@cardea_only("Debian's pcscd takes no notice of a reset")
class Resets(HealingTest):
    def _reset(self, devnum: str, uevents: str) -> None:
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.assert_works(FIRST)
        self.bed.reset("1-1", devnum=devnum, uevents=uevents)
        self.bed.wait_until_claimed("1-1")
        poll_until("the card works", self._greets)

    def _greets(self) -> bool:
        """A client that starts afresh gets the greeting from the only reader."""
        names = self.daemon.names()
        if len(names) != 1:
            return False
        with self.daemon.client() as client:
            connected = client.connect(names[0])
            if connected.rv != Rv.OK:
                return False
            return client.transmit(connected.card, SELECT).rv == Rv.OK

    def test_same_number_without_a_word(self) -> None:
        self._reset("same", "none")

    def test_a_card_alone_without_a_word(self) -> None:
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        self.bed.command("unpower 1-1")
        self.assertNotEqual(client.transmit(card, SELECT).rv, Rv.OK)
        poll_until("the card works", self._greets)
        self.assert_rv(client.reconnect(card), Rv.OK)
        self.assert_hello(client, card)

    def test_same_number_rebound(self) -> None:
        self._reset("same", "rebind")

    def test_same_number_plugged_again(self) -> None:
        self._reset("same", "readd")

    def test_new_number_rebound(self) -> None:
        if settings().driver == "libusb":
            self.skipTest("libusb tells of devices that come and go, not of drivers bound anew")
        self._reset("new", "rebind")

    def test_new_number_plugged_again(self) -> None:
        self._reset("new", "readd")


@cardea_only("Debian's pcscd handles one plug event after the other")
class Independence(HealingTest):
    def test_a_hanging_reader_that_is_pulled_delays_no_other(self) -> None:
        self.bed.add("1-1", serial="HANGS")
        hangs = f"{SCR3310} (HANGS) 00 00"
        client, card = self.open_hello(hangs)
        self.bed.hang("1-1")
        client.send_transmit(card, SELECT)
        self.bed.wait_until_held("1-1")
        watch = Stopwatch()
        self.bed.command("remove 1-1")
        self.bed.add("1-2", serial="NEXT")
        self._wait_for_serial("NEXT")
        self.assertLess(watch.seconds, UNDELAYED_SECONDS)
        self.assert_rv(client.recv_transmit().rv, Rv.READER_UNAVAILABLE)

    def test_a_hanging_reader_that_stays_delays_no_other(self) -> None:
        self.bed.add("1-1", serial="HANGS")
        client, card = self.open_hello(f"{SCR3310} (HANGS) 00 00")
        self.bed.hang("1-1")
        client.send_transmit(card, SELECT)
        self.bed.wait_until_held("1-1")
        watch = Stopwatch()
        self.bed.add("1-2", serial="NEXT")
        self._wait_for_serial("NEXT")
        self.bed.remove("1-2")
        self.daemon.wait_for_count(1)
        self.assertLess(watch.seconds, UNDELAYED_SECONDS)
        self.bed.hang("1-1", on=False)
        self.assert_rv(client.recv_transmit().rv, Rv.OK)

    def _wait_for_serial(self, serial: str) -> None:
        poll_until(f"the reader {serial}",
                   lambda: any(f"({serial})" in name for name in self.daemon.names()))
