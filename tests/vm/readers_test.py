"""USB readers, a real kernel, udev and systemd: the same tests with Debian's daemon and with ours.

Debian's libccid drives the readers in both, unmodified."""

from __future__ import annotations

import contextlib
import unittest
from collections.abc import Iterator

from harness.waiting import poll_until

from vm.case import LISTED, MachineTest, serials

SCAN_LOG = "/run/scan"
SAMPLE_LOG = "/run/sample"
CONFIGURATION = "/etc/reader.conf.d/virtual"
VIRTUAL = "/usr/local/lib/pcsc/drivers/serial/libifdvirtual.so"
# As often as it takes to see that an order is no accident.
STARTS = 3
# A card that is gone has nothing to wait for; emulated processors on a busy machine are slow.
FREED_SECONDS = 15.0


class Readers:
    class Test(MachineTest):
        def test_first_client_starts_the_service(self) -> None:
            self.assertEqual(self.state("pcscd.socket"), "active")
            names = self.listed()
            self.assertEqual(serials(names), {0, 1}, "the first answer has to be complete")
            self.assert_same("readers", names)
            self.assertEqual(self.state("pcscd.service"), "active")
            program = self.succeed(f"readlink /proc/{self.main_pid()}/exe")
            self.assertEqual(program.strip(), self.program)

        def test_several_readers_have_names_and_cards(self) -> None:
            self.vm.plug_exactly({0, 1, 2, 3, 4})
            self.assert_same("readers", self.wait_listed({0, 1, 2, 3, 4}))
            self._wait_cards("cards", ["inserted"] * 5)
            self.assertEqual(self.cards().count("ATR: 3B 00"), 5)

        def test_numbers_of_readers_are_the_same_at_each_start(self) -> None:
            self.vm.plug_exactly({0, 1, 2, 3})
            names = self.listed()
            self.assertEqual(serials(names), {0, 1, 2, 3})
            for _ in range(STARTS):
                self.stop_service()
                self.assertEqual(self.listed(), names)
            self.assert_same("readers", names)

        def test_sample_talks_to_the_card(self) -> None:
            self.assert_hello()

        def test_clients_follow_readers_that_come_and_go(self) -> None:
            with self._waiting_client():
                self._step("start", {0, 1})
                self.vm.unplug(0)
                self._step("unplugged", {1})
                self.vm.plug(2)
                self._step("another plugged", {1, 2})
                self.vm.plug(0)
                self._step("plugged again", {0, 1, 2})
                self.assert_hello()
                self.vm.plug_exactly(set())
                self._step("all unplugged", set())
                self.vm.plug(3)
                self._step("one plugged", {3})
                self.assert_hello()

        def test_clients_follow_cards_that_come_and_go(self) -> None:
            self.wait_listed({0, 1})
            card = self.vm.card(0)
            card.remove()
            self._wait_cards("removed", ["removed", "inserted"])
            card.insert()
            self._wait_cards("inserted", ["inserted", "inserted"])
            self.assert_hello()

        def test_unplugging_frees_a_client_in_transmit(self) -> None:
            self.wait_listed({0, 1})
            card = self.vm.card(0)
            card.hold_answers()
            self.succeed(f": >{SAMPLE_LOG}.status; (hello_card; echo $? >{SAMPLE_LOG}.status) "
                         f">{SAMPLE_LOG} 2>&1 &")
            card.wait_until_held()
            self.assertEqual(self.succeed(f"cat {SAMPLE_LOG}.status"), "")
            self.vm.unplug(0)
            status = poll_until("the client is free again",
                                lambda: self.vm.run(f"cat {SAMPLE_LOG}.status").text.strip(),
                                FREED_SECONDS)
            self.assertEqual(status, "1")
            # QEMU ends the exchange with an answer of no bytes, or with none; that is up to it.
            self.assertNotIn("90 00", self.succeed(f"cat {SAMPLE_LOG}"))
            self.assert_same("readers", self.wait_listed({1}))
            self.assert_hello()

        def test_reload_leaves_everything_as_it_is(self) -> None:
            names = self.wait_listed({0, 1})
            pid = self.main_pid()
            self.succeed("systemctl reload pcscd.service")
            self.assertEqual(self.main_pid(), pid)
            self.assertEqual(self.listed(), names)
            self.assert_hello()

        # What they are made of

        @contextlib.contextmanager
        def _waiting_client(self) -> Iterator[None]:
            """pcsc_scan, which waits for changes and lists the readers anew after each."""
            pid = self.succeed(f"pcsc_scan -n >{SCAN_LOG} 2>&1 & echo $!").strip()
            yield
            self.succeed(f"kill {pid}")

        def _step(self, what: str, readers: set[int]) -> None:
            """The waiting client sees these readers, and a new one sees the same at once."""
            def look() -> bool:
                text = self.vm.run(f"cat {SCAN_LOG}").text
                last = text.split("Scanning present readers...")[-1]
                return last != text and serials(LISTED.findall(last)) == readers
            poll_until(f"{what}: a waiting client sees {readers}", look)
            names = self.listed()
            self.assertEqual(serials(names), readers, what)
            self.assert_same(what, names)

        def _wait_cards(self, what: str, states: list[str]) -> None:
            def look() -> bool:
                found = [line for line in self.cards() if line.startswith("Card state:")]
                return found == [f"Card state: Card {state}" for state in states]
            poll_until(f"cards are {states}", look)
            self.assert_same(what, self.cards())


class DebianTest(Readers.Test):
    daemon = "debian"
    program = "/usr/sbin/pcscd"


class CardeaTest(Readers.Test):
    daemon = "cardea"
    program = "/usr/local/sbin/pcscd"

    def test_clients_use_our_library(self) -> None:
        needed = self.succeed("ldd /usr/bin/pcsc_scan")
        self.assertIn(" => /usr/local/lib/libpcsclite.so.1 ", needed)
        self.wait_listed({0, 1})

    def test_journal_has_our_records(self) -> None:
        name = self.wait_listed({0, 1})[0]
        self._wait_record("following USB hot-plug by udev")
        self._wait_record(f'reader "{name}": ready, card present, ATR 3B 00')
        self.vm.unplug(0)
        self.wait_listed({1})
        self._wait_record(f'reader "{name}": removed')

    def test_reload_reads_the_configuration_again(self) -> None:
        usb = self.wait_listed({0, 1})
        self.addCleanup(self.succeed, f"rm -f {CONFIGURATION}")
        entry = f'FRIENDLYNAME "Cardea Virtual Reader"\\nDEVICENAME virtual:\\nLIBPATH {VIRTUAL}\\n'
        self.succeed(f"printf '{entry}' >{CONFIGURATION}; systemctl reload pcscd.service")
        both = sorted([*usb, "Cardea Virtual Reader 00 00"])
        poll_until("the configured reader is listed", lambda: sorted(self.listed()) == both)
        self.succeed(f"rm {CONFIGURATION}; systemctl reload pcscd.service")
        poll_until("the configured reader is gone", lambda: self.listed() == usb)

    def test_systemd_knows_how_it_is(self) -> None:
        self.wait_listed({0, 1})
        poll_until("the status line counts", lambda: self._shown("StatusText")
                   == "StatusText=2 readers, 0 clients")
        self.assertEqual(
            set(self._shown("Type", "WatchdogUSec", "NotifyAccess", "SubState").splitlines()),
            {"Type=notify", "NotifyAccess=main", "WatchdogUSec=30s", "SubState=running"})
        user = self.succeed(f"stat -c %U /proc/{self.main_pid()}")
        self.assertEqual(user.strip(), "pcscd")

    def test_socket_outlives_the_service(self) -> None:
        self.wait_listed({0, 1})
        inode = self.succeed("stat -c %i /run/pcscd/pcscd.comm")
        for _ in range(STARTS):
            self.stop_service()
            self.assertEqual(self.succeed("stat -c %i /run/pcscd/pcscd.comm"), inode)
            self.wait_listed({0, 1})
            self.assertEqual(self.succeed("stat -c %i /run/pcscd/pcscd.comm"), inode)

    def test_journal_explains_records(self) -> None:
        name = self.wait_listed({0, 1})[0]
        self.succeed("journalctl --update-catalog")
        self._wait_record("ready, card present")
        entries = self.succeed(f"journalctl -x --no-pager -u pcscd.service CARDEA_READER='{name}'")
        self.assertIn("Subject: A reader can be used", entries)
        self.assertIn(f"Programs see the reader under this name: {name}", entries)

    def _shown(self, *properties: str) -> str:
        wanted = " ".join(f"-p {name}" for name in properties)
        return self.succeed(f"systemctl show {wanted} pcscd.service").strip()

    def _wait_record(self, text: str) -> None:
        poll_until(f"in the journal: {text}", lambda: text in self.journal())


if __name__ == "__main__":
    unittest.main()
