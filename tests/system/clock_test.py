"""Clocks that jump, and a computer that sleeps: waits of the daemon follow the clock that stands
still meanwhile, and after a sleep readers and cards are looked at anew.

The clocks are those of tests/fakes/faults: what jumps is what the daemon is told. One test moves
the monotonic clock itself, by a time namespace."""

from __future__ import annotations

import os
import signal
import subprocess
import unittest

from harness.daemon import READERS
from harness.faults import Faults, FaultyDaemon, FaultyTest
from harness.launch import Launch, LaunchTest
from harness.processes import children, status, threads
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import STATE_PRESENT, Rv

DAY = 24 * 3600
YEAR = 365 * DAY
# The shortest times of these that tests can wait for.
IDLE_HOLDER_SECONDS = 1
AUTO_EXIT_SECONDS = 2
# What has to happen soon happens within this.
SOON_SECONDS = 5.0


class ClockTest(FaultyTest):
    # --debug: all records, also those of which there are many.
    arguments = (f"--idle-holder={IDLE_HOLDER_SECONDS}", "--debug")

    def records(self, text: str) -> int:
        return self.daemon.log().count(text)

    def wait_for_record(self, text: str, before: int) -> None:
        poll_until(f"a record {text!r}", lambda: self.records(text) > before, SOON_SECONDS)


class WallClock(ClockTest):
    def test_no_wait_follows_it(self) -> None:
        """The library counts calls that wait until a time of the wall clock."""
        with self.daemon.client() as holder, self.daemon.client() as other:
            card, waiting = holder.open_card(READERS[0]), other.open_card(READERS[0])
            self.assert_rv(holder.begin(card), Rv.OK)
            self.assert_rv(other.begin(waiting), Rv.SHARING_VIOLATION)
        self.assertEqual(self.daemon.faults["wall_waits"], 0)

    def test_jumps_change_no_wait(self) -> None:
        for jump in (YEAR, -2 * YEAR, YEAR):
            with self.subTest(jump=jump):
                self.wait_in_line_while(jump)

    def wait_in_line_while(self, jump: int) -> None:
        """A BEGIN that cannot be granted is answered after its time, and a second at the most."""
        with self.daemon.client(foreign=True) as holder, self.daemon.client() as other:
            card, waiting = holder.open_card(READERS[0]), other.open_card(READERS[0])
            self.assert_rv(holder.begin(card), Rv.OK)
            idle = self.records("has held a transaction")
            watch = Stopwatch()
            other.send_begin(waiting)
            self.daemon.faults.set_clock(jump)
            self.assert_rv(other.recv_handle(), Rv.SHARING_VIOLATION)
            self.assertGreater(watch.seconds, 0.9)
            self.assertLess(watch.seconds, SOON_SECONDS)
            self.wait_for_record("has held a transaction", idle)
            self.assert_rv(holder.end(card), Rv.OK)

    def test_a_jump_is_no_sleep(self) -> None:
        with self.daemon.client() as waiter:
            waiter.wait()
            self.daemon.faults.set_clock(YEAR)
            self.daemon.cards.command("remove 0 unseen")
            self.addCleanup(self.daemon.cards.insert, 0)
            # The jump has been taken note of when a second one, a sleep, has been.
            before = self.records("has slept for")
            self.daemon.faults.sleep(DAY)
            self.wait_for_record("has slept for", before)
        self.assertEqual(self.records("has slept for"), before + 1)


class Sleep(ClockTest):
    def test_what_moved_meanwhile_is_seen(self) -> None:
        with self.daemon.client() as waiter:
            waiter.wait()
            self.daemon.cards.command("remove 0 unseen")
            self.addCleanup(self.daemon.insert, 0)
            self.assert_silent(waiter)  # nobody has announced it
            before = self.records("has slept for 28800 s")
            self.daemon.faults.sleep(8 * 3600)
            self.assertEqual(waiter.completion()[1], Rv.OK)
            states = {state.name: state.state for state in waiter.states()}
            self.assertFalse(states[READERS[0]] & STATE_PRESENT)
            self.wait_for_record("has slept for 28800 s", before)

    def test_times_do_not_go_on_meanwhile(self) -> None:
        """Who held a card when the lid was closed is no idle holder when it is opened."""
        with self.daemon.client() as holder:
            card = holder.open_card(READERS[0])
            self.assert_rv(holder.begin(card), Rv.OK)
            before = self.records("has slept for")
            idle = self.records("has held a transaction")
            watch = Stopwatch()
            self.daemon.faults.sleep(DAY)
            self.wait_for_record("has slept for", before)
            self.wait_for_record("has held a transaction", idle)
            self.assertGreater(watch.seconds, IDLE_HOLDER_SECONDS * 0.8)
            self.assert_hello(holder, card)

    def test_an_idle_daemon_is_not_woken_up(self) -> None:
        """Between two jumps nothing happens: no thread of the daemon runs."""
        def switches() -> int:
            return sum(int(status(thread)["voluntary_ctxt_switches"])
                       for thread in threads(self.daemon.process.pid))

        looks: list[int] = []

        def steady() -> bool:
            looks.append(switches())
            return len(looks) > 100 and len(set(looks[-100:])) == 1  # one second

        poll_until("a second without a wake-up", steady)


class AutoExit(LaunchTest):
    def serve_with_clock(self) -> tuple[Launch, Faults]:
        faults = Faults()
        self.addCleanup(faults.close)
        daemon = self.serve(f"--auto-exit={AUTO_EXIT_SECONDS}",
                            environment=faults.environment(settings()))
        return daemon, faults

    def test_follows_no_clock_that_jumps(self) -> None:
        for jump in ("set_clock", "sleep"):
            with self.subTest(jump):
                daemon, faults = self.serve_with_clock()
                watch = Stopwatch()
                getattr(faults, jump)(DAY)
                self.assertEqual(daemon.wait(), 0, daemon)
                self.assertGreater(watch.seconds, AUTO_EXIT_SECONDS * 0.8)
                self.assertLess(watch.seconds, AUTO_EXIT_SECONDS + SOON_SECONDS)


class MonotonicClock(unittest.TestCase):
    """A computer that has been up for ten years, of which it slept for five."""

    def test_waits_are_as_long_as_ever(self) -> None:
        daemon = LongUpDaemon(settings(), f"--idle-holder={IDLE_HOLDER_SECONDS}")
        self.addCleanup(daemon.faults.close)
        self.addCleanup(daemon.remove_files)
        self.addCleanup(daemon.kill)
        daemon.start()
        with daemon.client(foreign=True) as holder, daemon.client() as other:
            card, waiting = holder.open_card(READERS[0]), other.open_card(READERS[0])
            self.assertEqual(holder.begin(card), Rv.OK)
            watch = Stopwatch()
            self.assertEqual(other.begin(waiting), Rv.SHARING_VIOLATION)
            self.assertGreater(watch.seconds, 0.9)
            self.assertLess(watch.seconds, SOON_SECONDS)
            poll_until("the idle holder is named",
                       lambda: "has held a transaction" in daemon.log(), SOON_SECONDS)
            self.assertNotIn("has slept", daemon.log())
        [child] = children(daemon.process.pid)  # of unshare
        os.kill(child, signal.SIGTERM)
        self.assertEqual(daemon.process.wait(SOON_SECONDS), 0)


class LongUpDaemon(FaultyDaemon):
    def _command(self) -> list[str]:
        uptime = ["unshare", "--time", f"--monotonic={5 * YEAR}", f"--boottime={10 * YEAR}",
                  "--fork", "--kill-child", "--"]
        if subprocess.run([*uptime, "true"], check=False, capture_output=True).returncode != 0:
            raise unittest.SkipTest("no time namespaces here")
        return [*uptime, *super()._command()]


if __name__ == "__main__":
    unittest.main()
