"""All ten IFD handlers that Debian 12 packages are loaded as they are. Without their hardware each
costs one record that says what is missing, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from harness.cards import VpcdCards
from harness.conf_case import ConfTest, Entry
from harness.daemon import VPCD_PORT
from harness.settings import settings
from harness.waiting import poll_until

DRIVERS = Path("/usr/lib/pcsc/drivers")
NO_DEVICE = "/dev/null"


class Handler(NamedTuple):
    library: str
    device: str
    rv: str


def _usb(ids: str) -> str:
    return f"usb:{ids}:libudev:0:/dev/bus/usb/001/099"


# What each one answers when asked for a device that is not there.
HANDLERS = {
    "libccid": Handler("ifd-ccid.bundle/Contents/Linux/libccid.so", _usb("04e6/5116"),
                       "IFD_NO_SUCH_DEVICE"),
    "libccidtwin": Handler("serial/libccidtwin.so", f"{NO_DEVICE}:GemPCTwin",
                           "IFD_COMMUNICATION_ERROR"),
    "libacsccid": Handler("ifd-acsccid.bundle/Contents/Linux/libacsccid.so", _usb("072f/90cc"),
                          "IFD_NO_SUCH_DEVICE"),
    "GemPC410": Handler("serial/libGemPC410.so.1.0.8", NO_DEVICE, "IFD_COMMUNICATION_ERROR"),
    "GemPC430": Handler("ifd-GemPC430.bundle/Contents/Linux/libGemPC430.so.1.0.8",
                        _usb("08e6/0430"), "IFD_COMMUNICATION_ERROR"),
    "cyberjack": Handler("libifd-cyberjack.bundle/Contents/Linux/libifd-cyberjack.so.6",
                         _usb("0c4b/0500"), "IFD_"),
    "ASESerial": Handler("ifd-ASEDriveIIIe-Serial/libASESerial.so", NO_DEVICE, "IFD_"),
    "ASEDriveIIIe-USB": Handler("ifd-ASEDriveIIIe-USB.bundle/Contents/Linux/"
                                "libASEDriveIIIe-USB.so", _usb("0dc3/0802"), "IFD_"),
    "gcr410": Handler("serial/libgcr410.so", NO_DEVICE, "IFD_NOT_SUPPORTED"),
}
VPCD = DRIVERS / "serial" / "libifdvpcd.so"
OURS = settings().build_dir / "lib" / "libifdvirtual.so"


def _entry(name: str) -> Entry:
    return Entry(name, HANDLERS[name].device, DRIVERS / HANDLERS[name].library, 1)


class PackagedHandlers(ConfTest):
    def setUp(self) -> None:
        super().setUp()
        self.daemon.has_foreign_drivers = True

    def _refusal(self, name: str) -> re.Match[str] | None:
        handler = HANDLERS[name]
        return re.search(rf'error reader "{re.escape(name)}" .*{re.escape(handler.library)}.*'
                         rf'{re.escape(handler.device)}.*: {handler.rv}', self.daemon.log())

    def _assert_refused(self, name: str) -> None:
        poll_until(f"the record for {name}", lambda: self._refusal(name))
        library = str((DRIVERS / HANDLERS[name].library).resolve())
        poll_until(f"{library} unloaded", lambda: library not in self._maps())
        self.assertEqual(self.daemon.log().count(f'error reader "{name}"'), 1)

    def _maps(self) -> str:
        return (Path("/proc") / str(self.daemon.process.pid) / "maps").read_text()

    def _check_alone(self, name: str) -> None:
        self.start_daemon(_entry(name))
        self._assert_refused(name)
        self.assertEqual(self.daemon.names(), [])

    def test_libccid(self) -> None:
        self._check_alone("libccid")

    def test_libccidtwin(self) -> None:
        self._check_alone("libccidtwin")

    def test_libacsccid(self) -> None:
        self._check_alone("libacsccid")

    def test_gempc410(self) -> None:
        self._check_alone("GemPC410")

    def test_gempc430(self) -> None:
        self._check_alone("GemPC430")

    def test_cyberjack(self) -> None:
        self._check_alone("cyberjack")

    def test_asedrive_serial(self) -> None:
        self._check_alone("ASESerial")

    def test_asedrive_usb(self) -> None:
        self._check_alone("ASEDriveIIIe-USB")

    def test_gcr410(self) -> None:
        self._check_alone("gcr410")

    def test_vpcd_needs_no_hardware(self) -> None:
        self.start_daemon(Entry("vpcd", f"{NO_DEVICE}:{VPCD_PORT:#x}", VPCD, VPCD_PORT))
        self.daemon.wait_for_names("vpcd 00 00", "vpcd 00 01")

    def test_all_at_once_beside_readers_that_work(self) -> None:
        vpcd = Entry("vpcd", f"{NO_DEVICE}:{VPCD_PORT:#x}", VPCD, VPCD_PORT)
        ours = Entry("Ours", "virtual:card=hello", OURS)
        self.start_daemon(*(_entry(name) for name in HANDLERS), vpcd, ours)
        self.daemon.wait_for_names("vpcd 00 00", "vpcd 00 01", "Ours 00 00")
        cards = VpcdCards(VPCD_PORT)
        self.addCleanup(cards.close)
        cards.insert(1)
        for name in ("vpcd 00 01", "Ours 00 00"):
            self.daemon.wait_for_present(name)
            client = self.client()
            self.assert_hello(client, client.open_card(name))
        for name in HANDLERS:
            self._assert_refused(name)
