"""Our CCID driver with emulated USB readers: what libccid does, and readers nobody lists."""

from __future__ import annotations

from harness.bundles import DriverFolder, Model
from harness.case import cardea_only
from harness import ccid_cases
from harness.settings import settings
from harness.usb_case import UsbTest

OURS = settings().build_dir / "lib" / "libifdccid.so"
LISTED = "Listed Reader"
GENERIC = "Generic CCID Reader 00 00"


class OurCcidDriver(ccid_cases.CcidCases):
    friendly = LISTED
    closes_slots = True

    def make_drivers(self) -> DriverFolder:
        folder = self.new_driver_folder()
        folder.add("ifd-cardea-ccid.bundle", OURS, [Model(0x04E6, 0x5116, LISTED)])
        return folder


@cardea_only("Debian's pcscd serves listed devices only")
class UnlistedReaders(UsbTest):
    options = (f"--generic-ccid={OURS}",)

    def make_drivers(self) -> DriverFolder:
        folder = self.new_driver_folder()
        folder.add("ifd-cardea-ccid.bundle", OURS, [Model(0x04E6, 0x5116, LISTED)])
        return folder

    def test_a_ccid_interface_is_served_by_its_class(self) -> None:
        self.bed.add("1-1", id="feed:0001")
        self.daemon.wait_for_names(GENERIC)
        self.open_hello(GENERIC)

    def test_other_classes_are_left_alone(self) -> None:
        self.bed.add("1-1", id="feed:0002", interfaces="vendor,hid,other")
        self.bed.add("1-2", id="feed:0001")
        self.daemon.wait_for_names(GENERIC)
        self.assertEqual(self.bed.status("1-1")["claims"], 0)
