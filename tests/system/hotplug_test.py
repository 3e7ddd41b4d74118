"""USB readers that come and go, with Debian's libccid, as clients see them."""

from __future__ import annotations

from harness.case import SELECT
from harness.settings import settings
from harness.usb_case import SCR3310, UsbTest
from harness.waiting import Stopwatch
from harness.wire import Rv, WireClient

FIRST = f"{SCR3310} 00 00"
SECOND = f"{SCR3310} 01 00"
# "At once" on a loaded machine and with a sanitizer; libccid's own patience is many times that.
AT_ONCE_SECONDS = 2.0


class Plugging(UsbTest):
    def test_a_reader_appears_works_and_goes(self) -> None:
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.open_hello(FIRST)
        self.pull("1-1")
        self.daemon.wait_for_names()

    def test_it_comes_back_under_its_name(self) -> None:
        numbers = set()
        for _ in range(5):
            numbers.add(self.bed.add("1-1"))
            self.daemon.wait_for_names(FIRST)
            with self.daemon.client() as client:
                self.daemon.wait_for_present(FIRST)
                self.assert_hello(client, client.open_card(FIRST))
            self.pull("1-1")
            self.daemon.wait_for_names()
        self.assertEqual(len(numbers), 5, "the test bed reused a device number")

    def test_it_may_hang_on_hubs(self) -> None:
        self.bed.add("2-1.4.2")
        self.daemon.wait_for_names(FIRST)
        self.open_hello(FIRST)
        self.bed.eject("2-1.4.2")
        self.daemon.wait_for_present(FIRST, present=False)
        self.bed.remove("2-1")
        self.daemon.wait_for_names()

    def test_clients_that_wait_hear_of_it(self) -> None:
        client = self.client()
        self.assertFalse([s for s in client.wait() if s.name])
        self.bed.add("1-1")
        self.assert_rv(client.completion()[1], Rv.OK)
        self.daemon.wait_for_names(FIRST)
        client.wait()
        self.pull("1-1")
        self.assert_rv(client.completion()[1], Rv.OK)

    def test_identical_readers_get_numbers(self) -> None:
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.bed.add("1-2")
        self.daemon.wait_for_names(FIRST, SECOND)
        for name in (FIRST, SECOND):
            self.open_hello(name)
        self.pull("1-1")
        self.daemon.wait_for_names(SECOND)
        self.bed.add("1-3")
        self.daemon.wait_for_names(FIRST, SECOND)

    def test_two_readers_change_places(self) -> None:
        for serial in ("A", "B"):
            self.bed.add(f"1-{serial == 'B' and 2 or 1}", serial=serial)
        self.daemon.wait_for_names(f"{SCR3310} (A) 00 00", f"{SCR3310} (B) 01 00")
        self.pull("1-1")
        self.pull("1-2")
        self.daemon.wait_for_names()
        self.bed.add("1-1", serial="B")
        self.daemon.wait_for_names(f"{SCR3310} (B) 00 00")
        self.bed.add("1-2", serial="A")
        self.daemon.wait_for_names(f"{SCR3310} (B) 00 00", f"{SCR3310} (A) 01 00")
        self.open_hello(f"{SCR3310} (A) 01 00")

    def test_unknown_devices_are_left_alone(self) -> None:
        self.bed.add("1-1", id="feed:0001")
        self.bed.add("1-2")
        self.daemon.wait_for_names(FIRST)
        self.assertEqual(self.bed.status("1-1")["claims"], 0)

    def test_other_events_mean_nothing(self) -> None:
        """A second "add", "change" and "bind" of a reader that works leave it alone."""
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        opens = self.bed.status("1-1")["opens"]
        for action in ("add", "change", "bind"):
            self.bed.command(f"uevent 1-1 {action}")
        self.bed.add("1-2")  # events come in order: after this one those were seen
        self.daemon.wait_for_names(FIRST, SECOND)
        self.assert_hello(client, card)
        if settings().driver == "udev":  # libusb reads the strings of what it looks at again
            self.assertEqual(self.bed.status("1-1")["opens"], opens)


class BeforeTheDaemon(UsbTest):
    starts_daemon = False

    def test_readers_that_are_there_are_found(self) -> None:
        self.bed.add("1-1", serial="A")
        self.bed.add("1-2.1", serial="B", id="08e6:3437")
        self.daemon.start()
        self.daemon.wait_for_names(f"{SCR3310} (A) 00 00",
                                   "Gemalto PC Twin Reader (B) 01 00")
        self.open_hello(f"{SCR3310} (A) 00 00")
        self.open_hello("Gemalto PC Twin Reader (B) 01 00")

    def test_they_outlive_the_daemon(self) -> None:
        self.bed.add("1-1")
        for _ in range(2):
            self.daemon.start()
            self.daemon.wait_for_names(FIRST)
            with self.daemon.client() as client:
                self.daemon.wait_for_present(FIRST)
                self.assert_hello(client, client.open_card(FIRST))
            self.daemon.stop()
            self.bed.wait_for_handles(0)
        self.daemon.start()
        self.daemon.wait_for_names(FIRST)

    def test_a_reader_that_is_a_hub_goes_when_it_is_pulled(self) -> None:
        """COMPAT: at its first scan Debian's pcscd takes the device that hangs on the reader for
        an interface of it and connects to the reader in its name. No event ever has that name, so
        the reader stays in the list when it is gone."""
        self.bed.add("1-1", serial="HUB")
        self.bed.add("1-1.1", id="feed:0001", interfaces="hid")
        self.daemon.start()
        name = f"{SCR3310} (HUB) 00 00"
        self.daemon.wait_for_names(name)
        self.open_hello(name)
        self.bed.remove("1-1")
        self.bed.add("1-2", serial="LATER")  # when this one is there, the removal was seen
        if self.is_cardea:
            self.daemon.wait_for_names(f"{SCR3310} (LATER) 00 00")
        else:
            self.daemon.wait_for_names(name, f"{SCR3310} (LATER) 01 00")


class Interfaces(UsbTest):
    def test_a_keyboard_beside_the_reader_is_skipped(self) -> None:
        self.bed.add("1-1", interfaces="hid:Keys,ccid:Smart Card")
        self.daemon.wait_for_names(f"{SCR3310} [Smart Card] 00 00")
        self.open_hello(f"{SCR3310} [Smart Card] 00 00")

    def test_two_ccid_interfaces_are_two_readers(self) -> None:
        self.bed.add("1-1", interfaces="ccid:Contact,ccid:Contactless", serial="S")
        contact = f"{SCR3310} [Contact] (S) 00 00"
        contactless = f"{SCR3310} [Contactless] (S) 01 00"
        self.daemon.wait_for_names(contact, contactless)
        self.open_hello(contact)
        self.open_hello(contactless)
        self.bed.eject("1-1", reader=1)
        self.daemon.wait_for_present(contactless, present=False)
        self.daemon.wait_for_present(contact)
        self.pull("1-1")
        self.daemon.wait_for_names()

    def test_the_administrator_may_hide_a_device(self) -> None:
        if settings().driver == "libusb":
            self.skipTest("PCSCLITE_IGNORE is a property of udev")
        self.bed.add("1-1", serial="HIDDEN", ignore=True)
        self.bed.add("1-2", serial="SEEN")
        hidden = self.expect_compat("Debian's 1.9.9 does not know PCSCLITE_IGNORE yet",
                                    cardea=(), debian=(f"{SCR3310} (HIDDEN) 00 00",))
        number = "00" if self.is_cardea else "01"
        self.daemon.wait_for_names(*hidden, f"{SCR3310} (SEEN) {number} 00")


class Unplugging(UsbTest):
    def test_in_the_middle_of_an_exchange(self) -> None:
        """The client is free at once, with the code that says why."""
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        self.bed.hang("1-1")
        client.send_transmit(card, SELECT)
        self.bed.wait_until_held("1-1")
        watch = Stopwatch()
        self.bed.remove("1-1")
        rv = client.recv_transmit().rv
        self.assertLess(watch.seconds, AT_ONCE_SECONDS)
        self.assert_rv(rv, Rv.READER_UNAVAILABLE)
        self.daemon.wait_for_names()
        self._assert_dead(client, card)

    def test_before_udev_tells(self) -> None:
        """Transfers fail first, the event comes later: nothing may be left over."""
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        self.bed.command("disconnect 1-1")
        self.assertNotEqual(client.transmit(card, SELECT).rv, Rv.OK)
        self.bed.remove("1-1")
        self.daemon.wait_for_names()
        self.bed.wait_for_handles(0)
        self.bed.add("1-1")
        self.daemon.wait_for_names(FIRST)
        self.open_hello(FIRST)

    def test_handles_are_given_back(self) -> None:
        self.bed.add("1-1", interfaces="ccid,hid,ccid", card="none")
        self.daemon.wait_for_count(2)
        self.bed.remove("1-1")
        self.daemon.wait_for_names()
        self.bed.wait_for_handles(0)

    def test_an_unused_handle_of_a_reader_that_went(self) -> None:
        self.bed.add("1-1")
        client, card = self.open_hello(FIRST)
        self.bed.remove("1-1")
        self.daemon.wait_for_names()
        self._assert_dead(client, card)

    def _assert_dead(self, client: WireClient, card: int) -> None:
        """What a handle still does when its reader has gone."""
        gone = self.expect_compat("as upstream since 2.0; 1.9.9 forgets the handle at once",
                                  cardea=Rv.READER_UNAVAILABLE, debian=Rv.INVALID_VALUE)
        self.assert_rv(client.transmit(card, SELECT).rv, gone)
        self.assert_rv(client.status(card), gone)
        self.assert_rv(client.begin(card), gone)
        self.assert_rv(client.disconnect(card), Rv.OK)
        self.assert_rv(client.connect(FIRST).rv, Rv.UNKNOWN_READER)
