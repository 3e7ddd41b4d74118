"""What fails in the daemon costs at most the client it is done for.

The whole life of a client is run again and again; each time another allocation, read, write ...
fails, the first, the second, until none is left that could. Then with faults at random, from
several clients at once. After each round another client has to get the card at once."""

from __future__ import annotations

import errno
import itertools
import os
import resource
import signal
import threading
import unittest
from collections.abc import Callable

from harness.case import HELLO, SELECT
from harness.daemon import READERS
from harness.faults import Faults, FaultyDaemon, FaultyTest
from harness.launch import LaunchTest, is_served
from harness.processes import kib
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import STATE_PRESENT, Closed, Rv, WireClient

# A call that has no answer by then hangs.
HANG_SECONDS = 10.0
# An honest client has its card within this, whatever has happened before.
HONEST_SECONDS = 2.0
# CARDEA_STRESS: how many times longer than in a normal test run (scripts/stress faults).
STRESS = int(os.environ.get("CARDEA_STRESS", "1"))
RANDOM_SECONDS = 4.0 * STRESS
CLIENTS = 8
# More calls than this no scenario makes: the number is found by running it.
CALLS_MAX = 20_000


class Refused(Exception):
    """The daemon answered with an error, which is one way to go."""


def check(rv: int) -> None:
    if rv != Rv.OK:
        raise Refused(f"{rv:#x}")


class Life:
    """What a client does from its connection to its end, each answer within HANG_SECONDS."""

    def __init__(self, daemon: FaultyDaemon) -> None:
        self._daemon = daemon

    def run(self) -> bool:
        """True if all went well; False if the daemon refused or hung up. TimeoutError: it hangs."""
        client = None
        try:
            client = WireClient(self._daemon.socket_path, None, establish=False)
            client.socket.settimeout(HANG_SECONDS)
            self._live(client)
            return True
        except TimeoutError:
            raise AssertionError(
                f"no answer within {HANG_SECONDS} s\n{self._daemon.log()}") from None
        except (Closed, Refused, OSError):
            return False
        finally:
            if client is not None:
                client.close()

    def _live(self, client: WireClient) -> None:
        client.minor = 4
        check(client.version(4, 4)[2])
        rv, client.context = client.establish()
        check(rv)
        client.wait()
        check(client.stop())
        answer = client.connect(READERS[0])
        check(answer.rv)
        check(client.begin(answer.card))
        for apdu in (SELECT, HELLO, b"\x80\x20\x40\x00"):
            check(client.transmit(answer.card, apdu).rv)
        check(client.end(answer.card))
        check(client.status(answer.card))
        check(client.disconnect(answer.card))
        check(client.release())


class FaultTest(FaultyTest):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.daemon.faults.stop)

    def assert_honest_client_is_served(self, what: str) -> None:
        watch = Stopwatch()
        with self.daemon.client() as client:
            card = client.open_card(READERS[0])
            self.assert_rv(client.begin(card), Rv.OK)
            self.assert_hello(client, card)
            self.assert_rv(client.end(card), Rv.OK)
        self.assertLess(watch.seconds, HONEST_SECONDS, what)

    def assert_alive(self, what: str) -> None:
        self.assertIsNone(self.daemon.process.poll(), f"{what}: daemon ended\n{self.daemon.log()}")


class Torture(FaultTest):
    """Each call of a kind fails once."""

    def torture(self, kind: str, error: int, count: int = 1) -> None:
        """`count`: so many calls fail in a row."""
        life = Life(self.daemon)
        for skip in range(0, CALLS_MAX, count):
            what = f"{kind} {skip} with {errno.errorcode[error]}"
            self.daemon.faults.fail(kind, error, skip, count)
            went_well = life.run()
            self.daemon.faults.stop()
            self.assert_alive(what)
            if self.daemon.faults.failed == 0:
                self.assertTrue(went_well, f"{what}: nothing failed, and yet the client did")
                self.assertGreater(skip, 0, f"no call of kind {kind} is made at all")
                return
            self.assert_honest_client_is_served(what)
        self.fail(f"more than {CALLS_MAX} calls of kind {kind}")

    def test_allocation(self) -> None:
        self.torture("memory", errno.ENOMEM)

    def test_several_allocations_in_a_row(self) -> None:
        self.torture("memory", errno.ENOMEM, count=5)

    def test_read(self) -> None:
        for error in (errno.EIO, errno.ECONNRESET, errno.EINTR, errno.ENOMEM):
            with self.subTest(errno.errorcode[error]):
                self.torture("read", error)

    def test_write(self) -> None:
        for error in (errno.EPIPE, errno.EINTR, errno.ENOBUFS, errno.EAGAIN):
            with self.subTest(errno.errorcode[error]):
                self.torture("write", error)

    def test_watching_a_client(self) -> None:
        for error in (errno.ENOMEM, errno.ENOSPC):
            with self.subTest(errno.errorcode[error]):
                self.torture("epoll_ctl", error)

    def test_waiting_for_events(self) -> None:
        self.torture("epoll_wait", errno.EINTR)

    def test_accepting(self) -> None:
        for error in (errno.ECONNABORTED, errno.EINTR):
            with self.subTest(errno.errorcode[error]):
                self.torture("accept", error)


class CardEvents(FaultTest):
    """The same while a card comes and goes and somebody waits for it."""

    def test_allocation(self) -> None:
        self.move_cards("memory", errno.ENOMEM)

    def test_write(self) -> None:
        self.move_cards("write", errno.EPIPE)

    def move_cards(self, kind: str, error: int) -> None:
        for skip in range(CALLS_MAX):
            what = f"{kind} {skip}"
            with self.daemon.client() as waiter:
                waiter.wait()
                self.daemon.faults.fail(kind, error, skip)
                self.daemon.cards.insert(1, "hello")
                try:
                    self.assertTrue(waiter.readable(HANG_SECONDS), f"{what}: no event")
                    waiter.completion()
                except Closed:
                    pass
                finally:
                    self.daemon.faults.stop()
                failed = self.daemon.faults.failed
            self.assert_alive(what)
            self.daemon.wait_for_card(1, present=True)
            self.daemon.remove(1)
            self.assert_honest_client_is_served(what)
            if failed == 0:
                self.assertGreater(skip, 0)
                return
        self.fail(f"more than {CALLS_MAX} calls of kind {kind}")


class AtRandom(FaultTest):
    """Several clients, and a few calls in a hundred fail, of all kinds."""

    KINDS = ("memory", "read", "write", "epoll_ctl")

    def test_clients_in_a_storm(self) -> None:
        for error, seed in itertools.product((errno.ENOMEM, errno.EINTR), (1, 2)):
            with self.subTest(errno.errorcode[error], seed=seed):
                self.daemon.faults.fail_at_random(self.KINDS, error, 20_000, seed)
                well, ill = self.live_together(RANDOM_SECONDS / 4)
                self.daemon.faults.stop()
                self.assert_alive(f"seed {seed}")
                self.assertGreater(self.daemon.faults.failed, 0)
                self.assertGreater(well + ill, CLIENTS)
                self.assert_honest_client_is_served(f"after a storm with seed {seed}")

    def live_together(self, seconds: float) -> tuple[int, int]:
        """Lives that went well and that did not."""
        watch = Stopwatch()
        counts = [0, 0]
        trouble: list[BaseException] = []
        lock = threading.Lock()

        def live() -> None:
            try:
                while watch.seconds < seconds:
                    went_well = Life(self.daemon).run()
                    with lock:
                        counts[0 if went_well else 1] += 1
            except BaseException as error:  # noqa: BLE001  (reported by the main thread)
                trouble.append(error)

        threads = [threading.Thread(target=live) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if trouble:
            raise trouble[0]
        return counts[0], counts[1]


class LackOfMemory(FaultTest):
    """Not one allocation fails, but all that need more than there is."""

    def test_requests_are_refused_and_served_again(self) -> None:
        with self.daemon.client() as holder:
            card = holder.open_card(READERS[0])
            self.assert_rv(holder.begin(card), Rv.OK)
            self.limit_memory(self.memory_in_use())
            refused = self.ask_until_refused()
            self.assert_rv(refused, Rv.NO_MEMORY)
            # What gives something back is always served.
            self.assert_rv(holder.status(card), Rv.OK)
            self.assert_rv(holder.transmit(card, HELLO).rv, Rv.NO_MEMORY)
            self.assert_rv(holder.end(card), Rv.OK)
            self.assert_rv(holder.disconnect(card), Rv.OK)
        self.assert_alive("short of memory")
        self.limit_memory(resource.RLIM_INFINITY)
        self.assert_honest_client_is_served("memory is there again")
        for said in ("memory is short", "there is memory again"):
            self.assertEqual(self.daemon.log().count(said), 1, self.daemon.log())

    def ask_until_refused(self) -> int:
        """Contexts until there is no memory for one more; its return code."""
        clients: list[WireClient] = []
        try:
            for _ in range(2_000):
                client = self.daemon.client(establish=False)
                clients.append(client)
                rv, _ = client.establish()
                if rv != Rv.OK:
                    return rv
            self.fail("2000 contexts, and memory was never short")
        finally:
            for client in clients:
                client.close()

    def memory_in_use(self) -> int:
        """Bytes that count against RLIMIT_DATA."""
        return kib(self.daemon.process.pid, "VmData") * 1024

    def limit_memory(self, most: int) -> None:
        limits = (most, resource.RLIM_INFINITY)
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_DATA, limits)


class NoMemoryAtAll(unittest.TestCase):
    """When even the reserve is used up the daemon ends at once, and says why."""

    def test_the_daemon_ends_with_a_record(self) -> None:
        daemon = FaultyDaemon(settings())
        self.addCleanup(daemon.faults.close)
        self.addCleanup(daemon.remove_files)
        self.addCleanup(daemon.kill)
        daemon.start()
        daemon.faults.fail("memory", errno.ENOMEM, count=10**9)
        Life(daemon).run()
        self.assertEqual(daemon.process.wait(HANG_SECONDS), -signal.SIGABRT)
        self.assertIn("<2>out of memory: pcscd ends at once", daemon.log())
        daemon.faults.stop()
        self.assertNotIn("Sanitizer", daemon.log())


class AtStart(unittest.TestCase):
    """What fails at the start: the daemon serves, or ends soon and says why. It never crashes."""

    def torture(self, kind: str, error: int) -> None:
        for skip in range(CALLS_MAX):
            daemon = FaultyDaemon(settings())
            try:
                daemon.faults.fail(kind, error, skip)
                served = self.start(daemon, f"{kind} {skip} with {errno.errorcode[error]}")
                failed = daemon.faults.failed
                daemon.faults.stop()
                if served:
                    daemon.stop()
            finally:
                daemon.kill()
                daemon.faults.close()
                daemon.remove_files()
            if failed == 0:
                self.assertGreater(skip, 0)
                return
        self.fail(f"more than {CALLS_MAX} calls of kind {kind}")

    def start(self, daemon: FaultyDaemon, what: str) -> bool:
        """True if it serves; else it has ended as it should."""
        daemon.launch()
        ended: Callable[[], bool] = lambda: daemon.process.poll() is not None
        poll_until(f"{what}: the daemon serves or ends",
                   lambda: ended() or is_served(daemon.socket_path))
        if not ended():
            # A reader that could not be opened is tried again, and what could not be read is said.
            poll_until(f"{what}: the card is there",
                       lambda: ended() or shows_card(daemon) or " error " in daemon.log())
        if not ended():
            if not shows_card(daemon):
                daemon.process.send_signal(signal.SIGHUP)  # as the record asks for
                poll_until(f"{what}: the card is there", lambda: shows_card(daemon))
            return True
        log = daemon.log()
        self.assertEqual(daemon.process.returncode, 1, f"{what}\n{log}")
        self.assertIn("cannot start: ", log, what)
        return False

    def test_threads(self) -> None:
        self.torture("thread", errno.EAGAIN)

    def test_processes(self) -> None:
        self.torture("process", errno.EAGAIN)

    def test_descriptors(self) -> None:
        self.torture("open", errno.EMFILE)

    def test_watching(self) -> None:
        self.torture("epoll_ctl", errno.ENOSPC)

    def test_reading(self) -> None:
        self.torture("read", errno.EIO)

    def test_writing(self) -> None:
        self.torture("write", errno.ENOSPC)

    def test_allocations(self) -> None:
        self.torture_allocations(1 if STRESS > 1 else 37)

    def torture_allocations(self, step: int) -> None:
        """Starts take a thousand allocations: each 37th in a normal test run."""
        for skip in range(0, CALLS_MAX, step):
            daemon = FaultyDaemon(settings())
            try:
                daemon.faults.fail("memory", errno.ENOMEM, skip)
                self.assertTrue(self.start(daemon, f"memory {skip}"), "the reserve should do")
                failed = daemon.faults.failed
                daemon.faults.stop()
                daemon.stop()
            finally:
                daemon.kill()
                daemon.faults.close()
                daemon.remove_files()
            if failed == 0:
                return


def shows_card(daemon: FaultyDaemon) -> bool:
    try:
        with daemon.client() as client:
            return any(s.name == READERS[0] and s.state & STATE_PRESENT for s in client.states())
    except (Closed, AssertionError, OSError):
        return False


class InTheBackground(LaunchTest):
    def test_a_process_that_cannot_be_made(self) -> None:
        faults = Faults()
        self.addCleanup(faults.close)
        faults.fail("process", errno.EAGAIN)
        started = self.launch(environment=faults.environment(settings()))
        self.assertEqual(started.wait(), 1)
        self.assertIn("Resource temporarily unavailable", started.errors)
        self.assertFalse(is_served())


if __name__ == "__main__":
    unittest.main()
