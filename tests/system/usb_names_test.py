"""Names of USB readers, byte for byte as pcscd gives them: one library, three models."""

from __future__ import annotations

from typing import ClassVar

from harness.bundles import CCID_BUNDLE, LIBCCID, DriverFolder, Model
from harness.case import cardea_only
from harness.settings import settings
from harness.usb_case import UsbTest
from harness.wire import STATE_ABSENT

ONE, TWO, LONG = "Acme One", "Acme Two & Co", "L" * 60
MODELS = [Model(0x1234, 1, ONE), Model(0x1234, 2, TWO), Model(0x1234, 3, LONG)]
LONG_INTERFACE, LONG_SERIAL = "I" * 40, "S" * 40


class NamesTest(UsbTest):
    def make_drivers(self) -> DriverFolder:
        folder = self.new_driver_folder()
        folder.add(CCID_BUNDLE, LIBCCID, MODELS)
        return folder

    def _plug(self, *names: str) -> None:
        """The four devices of the table, in order; their names."""
        self.bed.add("1-1", id="1234:0001", serial="SER1",
                     interfaces="ccid:Contact,ccid:Contactless")
        self.daemon.wait_for_names(*names[:2])
        self.bed.add("1-2", id="1234:0001")
        self.daemon.wait_for_names(*names[:3])
        self.bed.add("1-3", id="1234:0002", serial="AB12", interfaces="ccid:If_AB12 x")
        self.daemon.wait_for_names(*names[:4])
        self.bed.add("1-4", id="1234:0003", serial=LONG_SERIAL,
                     interfaces=f"ccid:{LONG_INTERFACE}")
        self.daemon.wait_for_names(*names)


class Default(NamesTest):
    def test_interface_and_serial_number(self) -> None:
        whole = f"{LONG} [{LONG_INTERFACE}] ({LONG_SERIAL})"
        self._plug(f"{ONE} [Contact] (SER1) 00 00", f"{ONE} [Contactless] (SER1) 01 00",
                   f"{ONE} 02 00",
                   f"{TWO} [If_AB12 x] 03 00",  # the serial number is in the interface's name
                   f"{whole[:121]} 04 00")      # as much as leaves room for the numbers

    def test_two_slots(self) -> None:
        self.bed.add("1-1", id="1234:0001", serial="SER1", interfaces="ccid:Contact", slots=2,
                     card="none")
        names = (f"{ONE} [Contact] (SER1) 00 00", f"{ONE} [Contact] (SER1) 00 01")
        self.daemon.wait_for_names(*names)
        for name in names:
            self.daemon.wait_for_state(name, STATE_ABSENT)
        self.pull_slots("1-1")

    def test_other_alphabets_become_dots(self) -> None:
        # The libusb way reads UTF-16 from the device, the udev way UTF-8 from the kernel.
        dots = "?" if settings().driver == "libusb" else ".."
        self.bed.add("1-1", id="1234:0001", serial="TEN", interfaces="ccid:Kontakt\u00e9")
        self.daemon.wait_for_names(f"{ONE} [Kontakt{dots}] (TEN) 00 00")

    def test_the_lowest_free_number_is_taken(self) -> None:
        for port in range(1, 5):
            self.bed.add(f"1-{port}", id="1234:0001")
            self.daemon.wait_for_names(*(f"{ONE} {n:02X} 00" for n in range(port)))
        self.pull("1-2")
        self.daemon.wait_for_names(*(f"{ONE} {n:02X} 00" for n in (0, 2, 3)))
        self.bed.add("1-7", id="1234:0002")
        self.daemon.wait_for_names(*(f"{ONE} {n:02X} 00" for n in (0, 2, 3)), f"{TWO} 01 00")


class WithoutSerial(NamesTest):
    options: ClassVar[tuple[str, ...]] = ("--reader-name-no-serial",)

    def test_interface_only(self) -> None:
        self._plug(f"{ONE} [Contact] 00 00", f"{ONE} [Contactless] 01 00", f"{ONE} 02 00",
                   f"{TWO} [If_AB12 x] 03 00", f"{LONG} [{LONG_INTERFACE}] 04 00")


class WithoutInterface(NamesTest):
    options: ClassVar[tuple[str, ...]] = ("--reader-name-no-interface",)

    def test_serial_number_only(self) -> None:
        self._plug(f"{ONE} (SER1) 00 00", f"{ONE} (SER1) 01 00", f"{ONE} 02 00",
                   f"{TWO} (AB12) 03 00", f"{LONG} ({LONG_SERIAL}) 04 00")


class WithoutBoth(NamesTest):
    options: ClassVar[tuple[str, ...]] = ("--reader-name-no-serial", "--reader-name-no-interface")

    def test_just_the_model(self) -> None:
        self._plug(f"{ONE} 00 00", f"{ONE} 01 00", f"{ONE} 02 00", f"{TWO} 03 00", f"{LONG} 04 00")


@cardea_only("Debian's pcscd 1.9.9 takes a reader that it ignores for one that failed")
class Filters(NamesTest):
    variables: ClassVar[dict[str, str]] = {
        "PCSCLITE_FILTER_IGNORE_READER_NAMES": f"nobody:{TWO}",
        "PCSCLITE_FILTER_EXTEND_READER_NAMES": " @host"}

    def test_readers_are_ignored_and_names_extended(self) -> None:
        self.bed.add("1-1", id="1234:0002")
        self.bed.add("1-2", id="1234:0001", serial="S")
        self.daemon.wait_for_names(f"{ONE} (S) @host 00 00")
        self.assertEqual(self.bed.status("1-1")["claims"], 0)
        self.assertEqual(self.daemon.log().count("is ignored: "), 1, self.daemon.log())
