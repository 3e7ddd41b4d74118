"""Clients of our library that live longer than their daemon: killed and started again by hand, and
by systemd's socket activation, which keeps the socket. pcsc-lite's library gives up for good."""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import unittest

from harness.case import cardea_only
from harness.daemon import READERS, Daemon
from harness.namespace import RUNTIME_DIR
from harness.programs import ProgramRun
from harness.settings import settings
from harness.waiting import PATIENCE_SECONDS, poll_until
from harness.wire import Command

WAITERS = 100
NO_SERVICE = 0x8010001D
RESET_CARD = 0x80100068
INVALID_HANDLE = 0x80100003
RESTARTS = 3
WORK_2_S = bytes.fromhex("803007d0")


class Client:
    """A restart_client; its lines are counted as they come. Thread-bound."""

    def __init__(self, run: ProgramRun, *arguments: str) -> None:
        program = settings().build_dir / "bin" / "restart_client"
        self._output = RUNTIME_DIR / "client"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen([program, *arguments], env=run.environment,
                                            stdin=subprocess.PIPE, stdout=output, stderr=output)

    def lines(self) -> collections.Counter[str]:
        return collections.Counter(self._output.read_text().splitlines())

    def wait_for(self, line: str, times: int) -> None:
        def there() -> bool:
            ended = self.process.poll() is not None
            lines = self.lines()
            if ended and lines[line] < times:
                raise AssertionError(f"ended before its time: {lines}")
            return lines[line] >= times

        try:
            poll_until(f"{times} times {line!r}", there)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {self.lines()}") from None

    def ask(self, order: str) -> int:
        """The result of an order to a restart_client that holds the card."""
        assert self.process.stdin is not None
        known = len(self._output.read_text().splitlines())
        self.process.stdin.write(order.encode() + b"\n")
        self.process.stdin.flush()
        poll_until(f"an answer to {order!r}",
                   lambda: len(self._output.read_text().splitlines()) > known)
        word, result = self._output.read_text().splitlines()[known].split()
        assert word == order
        return int(result, 16)

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class RestartTest(unittest.TestCase):
    def setUp(self) -> None:
        self.daemon = Daemon(settings())
        self.addCleanup(self.daemon.kill)
        self.daemon.start()
        self.run_with_ours = ProgramRun(self.daemon, settings(), "cardea")

    def tearDown(self) -> None:
        self.daemon.stop()

    def client(self, *arguments: str) -> Client:
        client = Client(self.run_with_ours, *arguments)
        self.addCleanup(client.close)
        return client

    def waiters(self, events: int) -> Client:
        client = self.client("wait", str(WAITERS), READERS[1], str(events))
        client.wait_for("waiting 0x00000000", WAITERS)
        return client

    def check_waiters(self, client: Client, expected: dict[str, int]) -> None:
        client.process.wait(PATIENCE_SECONDS)
        lines = client.lines()
        self.assertEqual(lines, {"waiting 0x00000000": WAITERS, "end 0x00000000": WAITERS,
                                 **{f"{event} 0x00000000": count
                                    for event, count in expected.items()}})

    def rv(self, got: int, wanted: int) -> None:
        self.assertEqual(f"{got:#010x}", f"{wanted:#010x}")


@cardea_only("contexts of pcsc-lite's library end with the daemon")
class Restart(RestartTest):
    def test_a_hundred_waiters_see_the_next_card(self) -> None:
        client = self.waiters(events=1)
        self.daemon.restart(signal.SIGKILL)
        self.daemon.insert(1)
        self.check_waiters(client, {"inserted": WAITERS})

    def test_and_go_on_over_several_restarts(self) -> None:
        client = self.waiters(events=RESTARTS + 1)
        self.daemon.insert(1)
        client.wait_for("inserted 0x00000000", WAITERS)
        for turn in range(1, RESTARTS + 1):
            # The card of the virtual reader goes with the daemon: that is an event.
            self.daemon.restart(signal.SIGTERM if turn % 2 else signal.SIGKILL)
            if turn % 2:
                client.wait_for("removed 0x00000000", WAITERS * (turn + 1) // 2)
            else:
                self.daemon.insert(1)
                client.wait_for("inserted 0x00000000", WAITERS * (turn // 2 + 1))
        self.check_waiters(client, {"inserted": 2 * WAITERS, "removed": 2 * WAITERS})

    def test_a_handle_reports_a_reset_and_goes_on(self) -> None:
        client = self.client("hold", READERS[0])
        client.wait_for("connect 0x00000000", 1)
        self.rv(client.ask("begin"), 0)
        self.daemon.restart(signal.SIGKILL)
        self.rv(client.ask("transmit"), RESET_CARD)
        self.rv(client.ask("begin"), RESET_CARD)
        self.rv(client.ask("reconnect"), 0)
        self.rv(client.ask("begin"), 0)
        self.rv(client.ask("transmit"), 0)
        self.rv(client.ask("list"), 0)
        self.daemon.restart(signal.SIGKILL)
        self.rv(client.ask("disconnect"), 0)
        self.rv(client.ask("transmit"), INVALID_HANDLE)
        self.rv(client.ask("list"), 0)
        self.rv(client.ask("release"), 0)

    def test_can_be_switched_off(self) -> None:
        self.run_with_ours.environment["CARDEA_NO_REATTACH"] = ""
        client = self.client("hold", READERS[0])
        client.wait_for("connect 0x00000000", 1)
        self.daemon.restart(signal.SIGKILL)
        self.rv(client.ask("list"), NO_SERVICE)
        self.rv(client.ask("transmit"), NO_SERVICE)


@cardea_only("pcsc-lite hangs up first")
class WhileItEnds(unittest.TestCase):
    def test_nobody_sees_it_without_its_readers(self) -> None:
        """A program that asked then would be told that its reader is gone; it has to wait for the
        next daemon instead."""
        daemon = Daemon(settings(), "--apdu")
        self.addCleanup(daemon.kill)
        daemon.start()
        with daemon.client() as holder, daemon.client() as asker:
            holder.send_transmit(holder.open_card(READERS[0]), WORK_2_S)
            poll_until("the driver at work", lambda: "80 30 07 D0" in daemon.log())
            process = daemon.process
            process.send_signal(signal.SIGTERM)
            self.assertTrue(holder.readable(PATIENCE_SECONDS), "its reader has gone")
            asker.send(Command.GET_STATES, b"")
            self.assertEqual(asker.recv_until_closed(), b"")
            self.assertEqual(process.wait(PATIENCE_SECONDS), 0)


@unittest.skipIf(settings().starter == "process", "the daemon has made the socket")
class SocketActivation(RestartTest):
    def test_waiters_start_the_next_daemon_and_see_the_next_card(self) -> None:
        client = self.waiters(events=1)
        inode = os.stat(self.daemon.socket_path).st_ino
        self.daemon.restart(signal.SIGKILL)
        self.assertEqual(os.stat(self.daemon.socket_path).st_ino, inode)
        self.daemon.insert(1)
        self.check_waiters(client, {"inserted": WAITERS})


if __name__ == "__main__":
    unittest.main()
