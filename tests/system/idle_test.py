"""How seldom an idle daemon wakes up whose drivers tell of cards by themselves: the virtual one,
and Debian's libccid with an emulated reader. Real time, and the kernel's count of all threads."""

from __future__ import annotations

import unittest

from harness.cards import VirtualCards
from harness.conf_case import Entry
from harness.daemon import Daemon
from harness.processes import status, threads, tree
from harness.settings import settings
from harness.usb_case import SCR3310, UsbTest
from harness.waiting import Stopwatch, poll_until

IDLE_SECONDS = 30.0
WAKE_UPS_MAX = 3  # 0.1 a second
# A card that nobody uses loses its power five seconds after its last use; that is work.
QUIET_SECONDS = 6.0
VIRTUAL = settings().build_dir / "lib" / "libifdvirtual.so"
VIRTUAL_NAME = "Virtual 00 00"
USB_NAME = f"{SCR3310} 00 00"
Counts = dict[int, int]


def wake_ups(daemon: Daemon) -> Counts:
    """How often each thread of the daemon and of its drivers' processes has gone to sleep: once for
    each time it woke up."""
    return {thread: int(status(thread)["voluntary_ctxt_switches"])
            for pid in tree(daemon.process.pid) for thread in threads(pid)}


def let_pass(seconds: float) -> None:
    watch = Stopwatch()
    poll_until("time to pass", lambda: watch.seconds >= seconds, 2 * seconds)


def wake_ups_of_idle(daemon: Daemon) -> list[int]:
    """Per thread: the busiest last."""
    before = wake_ups(daemon)
    let_pass(IDLE_SECONDS)
    after = wake_ups(daemon)
    each = sorted(count - before.get(thread, 0) for thread, count in after.items())
    print(f"wake-ups of each thread in {IDLE_SECONDS:.0f} s: {each}", flush=True)
    return each


@unittest.skipIf(settings().sanitize, "the sanitizer's own thread wakes up")
class Idle(UsbTest):
    starts_daemon = False

    def test_daemon_does_not_wake_up(self) -> None:
        """One thread sits in libccid, which waits in libusb for the reader to report. The emulated
        device node is a file, always ready, so libusb looks at it over and over; on a real one it
        sleeps. In its place counts what it would do if it came back: transfers."""
        self.client()  # else the service would end
        self.bed.add("1-1")
        self.daemon.wait_for_names(VIRTUAL_NAME, USB_NAME)
        self.daemon.wait_for_present(VIRTUAL_NAME)
        self.daemon.wait_for_present(USB_NAME)
        let_pass(QUIET_SECONDS)
        before = self.bed.status("1-1")["transfers"]
        *others, in_libusb = wake_ups_of_idle(self.daemon)
        transfers = self.bed.status("1-1")["transfers"] - before
        self.assertLessEqual(sum(others) + transfers, WAKE_UPS_MAX,
                             f"threads {others}, {transfers} transfers")
        self.assertGreater(in_libusb, WAKE_UPS_MAX, "then no thread may be left out")
        self._check_counters()

    def _check_counters(self) -> None:
        """They go up when something happens."""
        transfers, others = self._counters()
        self.bed.eject("1-1")
        self.daemon.wait_for_present(USB_NAME, present=False)
        VirtualCards(self._control).remove(0)
        self.daemon.wait_for_present(VIRTUAL_NAME, present=False)
        transfers_now, others_now = self._counters()
        self.assertGreater(transfers_now, transfers)
        self.assertGreater(others_now, others)

    def _counters(self) -> tuple[int, int]:
        """Transfers, and wake-ups without the busiest thread."""
        return self.bed.status("1-1")["transfers"], sum(sorted(wake_ups(self.daemon).values())[:-1])

    def setUp(self) -> None:
        super().setUp()
        self._control = self.daemon.driver_dir / "idle-control"
        self.daemon.reader_conf = Entry("Virtual", f"virtual:control={self._control}",
                                        VIRTUAL).text()
        self.daemon.start()


if __name__ == "__main__":
    unittest.main()
