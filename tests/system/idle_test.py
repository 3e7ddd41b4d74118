"""How seldom an idle daemon wakes up whose drivers tell of cards by themselves: the virtual one, and
Debian's libccid. Real time, and the kernel's count of all threads."""

from __future__ import annotations

import unittest
from pathlib import Path

from harness.case import SystemTest
from harness.daemon import Daemon
from harness.settings import settings
from harness.usb_case import SCR3310, UsbTest
from harness.waiting import Stopwatch, poll_until

IDLE_SECONDS = 30.0
WAKE_UPS_MAX = 3  # 0.1 a second
# A card that nobody uses loses its power five seconds after its last use; that is work.
QUIET_SECONDS = 6.0
USB_NAME = f"{SCR3310} 00 00"
Counts = dict[str, int]


def wake_ups(daemon: Daemon) -> Counts:
    """How often each thread has gone to sleep: once for each time it woke up."""
    counts = {}
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        counts[task.name] = int(fields["voluntary_ctxt_switches"])
    return counts


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
@unittest.skipIf(settings().driver != "virtual", "no virtual reader here")
class VirtualReader(SystemTest):
    def test_daemon_does_not_wake_up(self) -> None:
        self.client()  # else the service would end
        let_pass(QUIET_SECONDS)
        each = wake_ups_of_idle(self.daemon)
        self.assertLessEqual(sum(each), WAKE_UPS_MAX, each)
        before = sum(wake_ups(self.daemon).values())
        self.daemon.remove(0)
        self.assertGreater(sum(wake_ups(self.daemon).values()), before, "nothing was counted")


@unittest.skipIf(settings().sanitize, "the sanitizer's own thread wakes up")
@unittest.skipIf(settings().driver == "virtual", "no USB here")
class UsbReader(UsbTest):
    def test_daemon_does_not_wake_up(self) -> None:
        """One thread sits in libccid, which waits in libusb for the reader to report. The emulated
        device node is a file, always ready, so libusb looks at it over and over; on a real one it
        sleeps. In its place counts what it would do if it came back: transfers."""
        self.bed.add("1-1")
        self.daemon.wait_for_present(USB_NAME)
        self.client()
        let_pass(QUIET_SECONDS)
        before = self.bed.status("1-1")["transfers"]
        self.assertGreater(before, 0)
        *others, in_libusb = wake_ups_of_idle(self.daemon)
        transfers = self.bed.status("1-1")["transfers"] - before
        self.assertLessEqual(sum(others) + transfers, WAKE_UPS_MAX,
                             f"threads {others}, {transfers} transfers")
        self.assertGreater(in_libusb, WAKE_UPS_MAX, "then no thread may be left out")
        self.bed.eject("1-1")
        self.daemon.wait_for_present(USB_NAME, present=False)
        self.assertGreater(self.bed.status("1-1")["transfers"], before, "nothing was counted")


if __name__ == "__main__":
    unittest.main()
