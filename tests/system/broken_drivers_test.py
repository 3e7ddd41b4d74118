"""Drivers that cannot be used: one record each, and the other readers work.

Debian's daemon is no reference here: it ends at start for most of these."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from harness.conf_case import ConfTest, Entry
from harness.namespace import RUNTIME_DIR
from harness.settings import LIBCCIDTWIN, settings
from harness.waiting import poll_until

OURS = settings().build_dir / "lib" / "libifdvirtual.so"
HANDLERS = settings().build_dir / "tests" / "unit" / "drivers" / "handlers"
GOOD = "Good 00 00"


class BrokenDrivers(ConfTest):
    def _check(self, library: Path, reason: str, device: str = "/dev/null") -> None:
        """The entry before and the one after the broken one are served; one record tells why."""
        self.start_daemon(Entry("Good", "virtual:card=hello", OURS),
                          Entry("Broken", device, library),
                          Entry("Other", "virtual:card=none", OURS))
        self.daemon.wait_for_names(GOOD, "Other 01 00")
        self.daemon.wait_for_present(GOOD)
        client = self.client()
        self.assert_hello(client, client.open_card(GOOD))
        poll_until("the record", lambda: re.search(
            rf' error .*reader\.conf:5.*{reason}', self.daemon.log()))
        self.assertEqual(len(re.findall(' (?:error|critical) ', self.daemon.log())), 1,
                         self.daemon.log())

    def test_a_function_is_missing(self) -> None:
        self._check(HANDLERS / "handler_without_power.so", "IFDHPowerICC")

    def test_several_functions_are_missing(self) -> None:
        self._check(HANDLERS / "handler_without_create.so", "IFDHCreateChannel")

    def test_the_library_does_not_exist(self) -> None:
        self._check(Path("/usr/lib/pcsc/drivers/serial/no-such-driver.so"), "no-such-driver")

    def test_it_is_not_a_library(self) -> None:
        self._check(Path(__file__), "invalid ELF header")

    def test_it_is_a_library_but_no_driver(self) -> None:
        self._check(settings().build_dir / "lib" / "libpcsclite.so.1", "IFDH")


    def test_loading_it_kills(self) -> None:
        self._check(HANDLERS / "handler_crashing.so", "Aborted")

    def test_loading_it_ends_the_process(self) -> None:
        self._check(HANDLERS / "handler_exiting.so", "with status 3")


class Order(ConfTest):
    def test_readers_are_listed_as_they_are_configured(self) -> None:
        """Drivers are started side by side; who is ready first is not who is listed first."""
        names = [f"Reader {letter}" for letter in "HGFEDCBA"]
        entries = []
        for name in names:
            library = RUNTIME_DIR / f"{name[-1]}.so"
            shutil.copy(OURS, library)
            entries.append(Entry(name, "virtual:card=hello", library))
        self.start_daemon(*entries)
        expected = [f"{name} 00 00" for name in names]
        self.daemon.wait_for_count(len(expected))
        with self.daemon.client() as client:
            self.assertEqual([state.name for state in client.states() if state.name], expected)


class NoDevice(ConfTest):
    def test_the_channel_cannot_be_created(self) -> None:
        self.start_daemon(Entry("Broken", "/dev/null:GemPCTwin", LIBCCIDTWIN),
                          Entry("Good", "virtual:card=hello", OURS))
        self.daemon.wait_for_names(GOOD)
        poll_until("the record", lambda: "IFD_COMMUNICATION_ERROR" in self.daemon.log())
        self.assertEqual(self.daemon.log().count('error reader "Broken"'), 1)
        client = self.client()
        self.daemon.wait_for_present(GOOD)
        self.assert_hello(client, client.open_card(GOOD))
