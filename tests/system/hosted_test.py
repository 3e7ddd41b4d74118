"""Drivers in processes of their own: one that crashes, ends or hangs in the middle of any call
costs its own reader a moment, and nobody else anything.

CARDEA_ROUNDS: how often a driver is killed in the long test; scripts/stress does it 1000 times."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness.case import cardea_only
from harness.conf_case import ConfTest, Entry
from harness.namespace import RUNTIME_DIR
from harness.processes import children, open_files, status
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import STATE_PRESENT, Closed, Rv, WireClient

OURS = settings().build_dir / "lib" / "libifdvirtual.so"
DOOMED = settings().build_dir / "tests" / "unit" / "drivers" / "handlers" / "handler_doomed.so"
ROUNDS = int(os.environ.get("CARDEA_ROUNDS", "48"))
READER = "Doomed 00 00"
HONEST = "Honest 00 00"
BACK_SECONDS = 2.0
LIMIT_SECONDS = 0.4
LIMITS = tuple(word for kind in ("query", "power", "exchange")
               for word in ("--driver-limit", f"{kind}={LIMIT_SECONDS}"))
# A call that does not end is given up within its limit and a second.
GIVEN_UP_SECONDS = LIMIT_SECONDS + 1.0
VENDOR_NAME = 0x00010100
APDU = b"\x00\xb0\x00\x00"
OK = b"\x90\x00"
RESET = 1


class Plan:
    """What the driver of one reader does next; a path without blanks."""

    def __init__(self, name: str) -> None:
        folder = RUNTIME_DIR / f"plans-{name}"
        folder.mkdir(exist_ok=True)
        self.path = folder / "plan"
        self.clear()

    @property
    def device(self) -> str:
        return f"doomed:{self.path}"

    def order(self, call: str, end: str) -> None:
        draft = self.path.with_name("draft")
        draft.write_text(f"{call} {end}")
        draft.rename(self.path)

    @property
    def carried_out(self) -> bool:
        return self.path.with_name("plan.done").exists()

    def clear(self) -> None:
        for name in ("plan", "plan.done"):
            self.path.with_name(name).unlink(missing_ok=True)


class HonestClient(threading.Thread):
    """Has a transaction open on another reader and works in it until stopped; any error counts."""

    def __init__(self, connect: Callable[[], WireClient]) -> None:
        super().__init__()
        self._connect = connect
        self._halt = threading.Event()
        self.exchanges = 0
        self.longest = 0.0
        self.error = ""

    def run(self) -> None:
        try:
            with self._connect() as client:
                card = client.open_card(HONEST)
                if client.begin(card) != Rv.OK:
                    raise AssertionError("no transaction")
                while not self._halt.is_set():
                    watch = Stopwatch()
                    answer = client.transmit(card, APDU)
                    if (answer.rv, answer.data) != (Rv.OK, OK):
                        raise AssertionError(f"{answer.rv:#x} {answer.data.hex()}")
                    self.longest = max(self.longest, watch.seconds)
                    self.exchanges += 1
                if client.end(card) != Rv.OK:
                    raise AssertionError("the transaction is lost")
        except (AssertionError, OSError, Closed) as error:
            self.error = repr(error)

    def stop(self) -> None:
        self._halt.set()
        self.join()


class Call(NamedTuple):
    """How a client brings the driver into a call: the codes that it gets when the driver dies."""

    name: str
    act: Callable[[WireClient, int], int]


CALLS = (
    Call("presence", lambda client, card: client.reconnect(card, initialization=RESET)),
    Call("power", lambda client, card: client.reconnect(card, initialization=RESET)),
    Call("set_protocol", lambda client, card: client.reconnect(card, initialization=RESET)),
    Call("transmit", lambda client, card: client.transmit(card, APDU).rv),
    Call("control", lambda client, card: client.control(card, 1, b"data").rv),
    Call("get_capability", lambda client, card: client.get_attrib(card, VENDOR_NAME).rv),
    Call("set_capability", lambda client, card: client.set_attrib(card, VENDOR_NAME, b"x").rv),
    # Whoever comes next finds out, if the driver only halts.
    Call("wait", lambda client, card: client.transmit(card, APDU).rv),
)
ENDS = ("segv", "exit", "stop")


class HostedTest(ConfTest):
    def start_two(self) -> None:
        self.plan = Plan("doomed")
        self.start_daemon(Entry("Doomed", self.plan.device, DOOMED),
                          Entry("Honest", Plan("honest").device, DOOMED))
        self.daemon.wait_for_names(READER, HONEST)
        self.daemon.wait_for_present(READER)
        self.daemon.wait_for_present(HONEST)


@cardea_only("drivers of pcscd run in its own process")
class Deaths(HostedTest):
    """At once again after each death: this is about recovery, not about patience."""

    options = ("--driver-host", "hosted", *LIMITS, "--driver-limit", "stable=0")

    def die(self, call: Call, end: str) -> None:
        self.plan.clear()
        poll_until("the reader is there", self.is_back)
        with self.daemon.client() as client:
            card = client.open_card(READER)
            if call.name == "wait":
                self.plan.order(call.name, end)
                poll_until("the driver is in it", lambda: self.plan.carried_out)
            else:
                self.plan.order(call.name, end)
            watch = Stopwatch()
            self.assert_rv(call.act(client, card), Rv.READER_UNAVAILABLE)
            self.assertLess(watch.seconds, GIVEN_UP_SECONDS)
        self.assertTrue(self.plan.carried_out)
        watch = Stopwatch()
        poll_until("the reader is back", self.is_back)
        self.assertLess(watch.seconds, BACK_SECONDS)

    def is_back(self) -> bool:
        with self.daemon.client() as client:
            states = {state.name: state.state for state in client.states()}
            if not states.get(READER, 0) & STATE_PRESENT:
                return False
            connected = client.connect(READER)
            return connected.rv == Rv.OK and client.transmit(connected.card, APDU).data == OK

    def test_in_the_middle_of_each_call(self) -> None:
        self.start_two()
        honest = HonestClient(self.daemon.client)
        honest.start()
        self.addCleanup(honest.stop)
        deaths = itertools.islice(itertools.cycle(itertools.product(CALLS, ENDS)), ROUNDS)
        done = 0
        for call, end in deaths:
            with self.subTest(call=call.name, end=end):
                self.die(call, end)
            done += 1
        honest.stop()
        self.assertEqual(done, ROUNDS)
        self.assertEqual(honest.error, "")
        self.assertGreater(honest.exchanges, ROUNDS)
        print(f"{done} deaths; meanwhile {honest.exchanges} exchanges on the other reader, the "
              f"longest {honest.longest * 1000:.1f} ms")

    def test_leaves_nothing_behind(self) -> None:
        self.start_two()
        self.die(CALLS[3], "segv")
        before = self.daemon.resources_at_rest()
        for _ in range(10):
            self.die(CALLS[3], "segv")
        self.assertEqual(self.daemon.resources_at_rest(), before)
        self.assertEqual(len(children(self.daemon.process.pid)), 1, "the keeper")


@cardea_only("drivers of pcscd run in its own process")
class Opening(HostedTest):
    options = ("--driver-host", "hosted", "--driver-limit", "open=0.5")

    def fail_to_open(self, end: str, reason: str) -> None:
        plan = Plan("doomed")
        plan.order("open", end)
        self.start_daemon(Entry("Doomed", plan.device, DOOMED),
                          Entry("Honest", Plan("honest").device, DOOMED))
        poll_until("the record", lambda: reason in self.daemon.log())
        # The plan has been carried out: the next attempt, a second later, succeeds.
        self.daemon.wait_for_count(2)

    def test_that_crashes_is_tried_again(self) -> None:
        self.fail_to_open("segv", "was killed by signal 11")

    def test_that_ends_the_process_is_tried_again(self) -> None:
        self.fail_to_open("exit", "ended with status 7")

    def test_that_hangs_is_tried_again(self) -> None:
        self.fail_to_open("stop", "did not end opening the reader within 0.5 s")


@cardea_only("drivers of pcscd run in its own process")
class Processes(HostedTest):
    options = ("--driver-host", "hosted", *LIMITS)

    def test_each_reader_has_its_own(self) -> None:
        self.start_two()
        first, second = self.daemon.host_of(READER), self.daemon.host_of(HONEST)
        self.assertNotEqual(first, second)
        self.assertNotIn(self.daemon.process.pid, (first, second))
        self.assertNotIn(DOOMED.name, Path(f"/proc/{self.daemon.process.pid}/maps").read_text())
        for pid in (first, second):
            self.assertIn(DOOMED.name, Path(f"/proc/{pid}/maps").read_text())

    def test_the_daemon_gives_up_rights(self) -> None:
        self.start_two()
        fields = status(self.daemon.process.pid)
        self.assertEqual(fields["NoNewPrivs"], "1")
        self.assertEqual(fields["Seccomp"], "2")

    def test_a_driver_has_none_of_the_daemons_descriptors(self) -> None:
        self.start_two()
        pid = self.daemon.host_of(READER)
        self.assertEqual(status(pid)["NoNewPrivs"], "1")
        sockets = {file for file in open_files(pid) if file.startswith("socket:")}
        # To the daemon, for the log, for calls and for waits.
        self.assertEqual(len(sockets), 4)
        self.assertEqual(sockets & set(open_files(self.daemon.process.pid)), set())

    def test_all_end_with_the_daemon(self) -> None:
        self.start_two()
        pids = [self.daemon.host_of(READER), self.daemon.host_of(HONEST)]
        self.daemon.process.kill()
        self.daemon.process.wait()
        poll_until("they are gone", lambda: all(self.is_gone(pid) for pid in pids))
        self.daemon.start()  # for the check at the end

    def test_a_library_that_hangs_at_the_end_does_not_keep_the_process(self) -> None:
        self.start_two()
        pid = self.daemon.host_of(READER)
        self.plan.order("unload", "hang")
        conf = RUNTIME_DIR / "daemon" / "conf.d" / "reader.conf"
        conf.write_text(Entry("Honest", Plan("honest").device, DOOMED).text())
        self.daemon.rescan()
        self.daemon.wait_for_names(HONEST)
        poll_until("it is gone", lambda: self.is_gone(pid))
        self.assertTrue(self.plan.carried_out)

    @staticmethod
    def is_gone(pid: int) -> bool:
        try:
            return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True

    def test_a_signal_to_all_closes_readers_in_order(self) -> None:
        """As Ctrl-C and systemd send it: drivers leave the end to the daemon."""
        self.start_two()
        for reader in (READER, HONEST):
            os.kill(self.daemon.host_of(reader), signal.SIGTERM)
            os.kill(self.daemon.host_of(reader), signal.SIGINT)
        client = self.client()
        card = client.open_card(READER)
        self.assertEqual(client.transmit(card, APDU).data, OK)


@cardea_only("drivers of pcscd run in its own process")
class Openings(HostedTest):
    options = ("--driver-host", "hosted", "--driver-limit", "open=3600")

    def test_one_that_hangs_holds_up_no_other_reader_of_its_driver(self) -> None:
        plans = [Plan("doomed"), Plan("doomed-too")]
        for plan in plans:
            plan.order("open", "hang")
        self.start_daemon(Entry("Doomed", plans[0].device, DOOMED),
                          Entry("Doomed Too", plans[1].device, DOOMED),
                          Entry("Honest", Plan("honest").device, DOOMED))
        self.daemon.wait_for_names(HONEST)
        self.daemon.wait_for_present(HONEST)
        self.assertTrue(all(plan.carried_out for plan in plans))
        client = self.client()
        card = client.open_card(HONEST)
        self.assertEqual(client.transmit(card, APDU).data, OK)
        # Its place is kept.
        for pid in children(children(self.daemon.process.pid)[0]):
            if pid != self.daemon.host_of(HONEST):
                os.kill(pid, signal.SIGKILL)
        self.daemon.wait_for_names(READER, "Doomed Too 00 00", HONEST)
        self.assertEqual(client.transmit(card, APDU).data, OK)


@cardea_only("drivers of pcscd run in its own process")
class Patience(HostedTest):
    options = ("--driver-host", "hosted", *LIMITS)

    def test_a_driver_that_goes_on_dying_is_started_less_and_less_often(self) -> None:
        self.start_two()
        for text in ("", "is tried again in 1 s (failure 1 of 10)",
                     "is tried again in 2 s (failure 2 of 10)"):
            self.plan.clear()
            with self.daemon.client() as client:
                card = client.open_card(READER)
                self.plan.order("transmit", "segv")
                self.assert_rv(client.transmit(card, APDU).rv, Rv.READER_UNAVAILABLE)
            self.daemon.wait_for_names(READER, HONEST)
            self.daemon.wait_for_present(READER)
            self.assertIn(text, self.daemon.log())
        self.assertEqual(self.daemon.log().count("is tried again"), 2)

    def test_a_hot_plug_driver_may_stay_in_the_daemon(self) -> None:
        self.daemon._options = ("--driver-host", "hosted",
                                "--driver-host", f"{OURS.name}=in-process")
        self.start_daemon(Entry("Doomed", Plan("doomed").device, DOOMED),
                          Entry("Ours", "virtual:card=hello", OURS))
        self.daemon.wait_for_count(2)
        self.assertIsNone(self.daemon.driver_pid("Ours 00 00"))
        self.assertGreater(self.daemon.host_of(READER), 0)
        self.assertIn(OURS.name, Path(f"/proc/{self.daemon.process.pid}/maps").read_text())


if __name__ == "__main__":
    import unittest

    unittest.main()
