"""Base of the tests with emulated USB readers: a test bed and a daemon per test.

Each test starts with an empty bus and a daemon that runs; it ends with the devices pulled, the
readers gone and no device node open."""

from __future__ import annotations

from typing import ClassVar

from harness.bundles import DriverFolder
from harness.case import SystemTest
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.service import USB_DROP_IN, add_drop_in
from harness.usb_bed import UsbBed
from harness.waiting import poll_until
from harness.free_daemon import FreeDaemon
from harness.wire import WireClient

# What Debian's libccid calls the device that the test bed makes if it is not told otherwise.
SCR3310 = "SCM Microsystems Inc. SCR 3310"


class UsbTest(SystemTest):
    daemon: FreeDaemon
    options: ClassVar[tuple[str, ...]] = ()
    starts_daemon: ClassVar[bool] = True
    variables: ClassVar[dict[str, str]] = {}
    closes_slots: ClassVar[bool] = False  # the driver under test does, see pull_slots()

    @classmethod
    def setUpClass(cls) -> None:
        """Nothing is shared between tests."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Nothing is shared between tests."""

    def setUp(self) -> None:
        self.bed = UsbBed(settings())
        self.addCleanup(self.bed.kill)
        self.bed.start()
        if settings().starter == "service":
            add_drop_in("usb", USB_DROP_IN)
        folder = self.make_drivers()
        self.daemon = FreeDaemon(settings(), {**self.bed.environment(), **self.variables},
                                 folder.path if folder else None, self.options)
        if folder is not None:
            folder.mount()
            self.addCleanup(folder.unmount)
        self.addCleanup(self.daemon.kill)
        self.addCleanup(self._finish)
        if self.starts_daemon:
            self.daemon.start()

    def make_drivers(self) -> DriverFolder | None:
        """The drivers of this test; None: those that are installed."""
        return None

    def new_driver_folder(self) -> DriverFolder:
        return DriverFolder(RUNTIME_DIR / f"drivers-{self.id()}")

    def _finish(self) -> None:
        """Runs after the test has closed its clients."""
        if self._outcome_failed():
            print(f"--- daemon log after {self.id()}\n{self.daemon.log()}---", flush=True)
            return
        self.assertIsNone(self.daemon.process.poll(), f"daemon ended\n{self.daemon.log()}")
        try:
            self.daemon.stop()
            self.bed.stop()
        except AssertionError:
            print(f"--- daemon log after {self.id()}\n{self.daemon.log()}---", flush=True)
            raise

    def pull(self, port: str) -> None:
        """Pulls the plug. Debian's 1.9.9 now and then keeps a reader whose card vanishes in the
        very moment, so for it the event comes first and the device goes when it has been closed."""
        if self.is_cardea:
            self.bed.remove(port)
            return
        self.bed.command(f"uevent {port} remove")
        poll_until(f"{port} closed", lambda: self.bed.handles(port) == 0)
        self.bed.remove(port, uevent=False)

    def pull_slots(self, port: str) -> None:
        """Pulls the only reader, which has several slots. libccid 1.5.2 closes such readers with
        a race that libusb answers with abort(), under any daemon; so with it the daemon is killed
        before and started again."""
        if self.closes_slots:
            self.bed.remove(port)
            self.daemon.wait_for_names()
            self.bed.wait_for_handles(0)
            return
        self.daemon.kill()
        self.bed.remove(port)
        self.daemon.start()
        self.daemon.wait_for_names()

    def open_hello(self, name: str, protocol: int = 0) -> tuple[WireClient, int]:
        """A client with the hello card in this reader, which has answered once."""
        self.daemon.wait_for_present(name)
        client = self.client()
        card = client.open_card(name, protocols=protocol or 3)
        self.assert_hello(client, card)
        return client, card
