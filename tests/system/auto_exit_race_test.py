"""Clients that come in the moment in which the daemon leaves for lack of clients: each is served,
by that daemon or by the next one, and none waits for a time limit of anybody."""

from __future__ import annotations

import random
import threading
import unittest
from pathlib import Path

from harness.launch import NO_READERS, Launch, LaunchTest
from harness.manager import Activator
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import Stopwatch
from harness.wire import Closed, WireClient

LIMIT_SECONDS = 1
ROUNDS = 42
LONE_ROUNDS = 10
# Side by side, each with a socket and daemons of its own.
SERVICES = 6
# Clients of one service that come together.
BURST = 8
CONNECTIONS_LEAST = 2000
# How far from the end of the limit a client comes. Small, as the daemon leaves in little time.
SPREAD_SECONDS = 0.008
# A start takes a few hundredths of a second; the rest is for a loaded machine.
SERVED_SECONDS = 5.0 if settings().sanitize else 2.5


class Clients:
    """Clients of one service, all at nearly the same moment again and again, each time as long
    after the last one has left as the daemon waits."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.longest = 0.0
        self.served = 0
        self.errors: list[str] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._early = 0.0
        self._all_have_left = threading.Barrier(BURST, self._choose_moment)
        self._tick = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(BURST)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _choose_moment(self) -> None:
        self._early = self._random.uniform(-SPREAD_SECONDS, SPREAD_SECONDS)

    def _run(self) -> None:
        try:
            for _ in range(ROUNDS):
                self._serve_once()
                self._all_have_left.wait()
                self._tick.wait(LIMIT_SECONDS + self._early)  # pause: the daemon's, without clients
        except threading.BrokenBarrierError:
            return  # another one has failed and said why
        except (OSError, AssertionError, Closed) as error:
            with self._lock:
                self.errors.append(f"{type(error).__name__}: {error}")
            self._all_have_left.abort()

    def _serve_once(self) -> None:
        time = Stopwatch()
        with WireClient(self.path) as client:
            client.states()
        with self._lock:
            self.longest = max(self.longest, time.seconds)
            self.served += 1


class AroundTheEnd(LaunchTest):
    def test_every_client_is_served(self) -> None:
        services = [Activator(RUNTIME_DIR / f"race{number}.comm", "--config", str(NO_READERS),
                              f"--auto-exit={LIMIT_SECONDS}") for number in range(SERVICES)]
        clients = [Clients(service.path, seed) for seed, service in enumerate(services)]
        for one in clients:
            one.join()
        for service in services:
            service.close()
        self.assertEqual([error for one in clients for error in one.errors], [])
        self.assertGreaterEqual(sum(one.served for one in clients), CONNECTIONS_LEAST)
        self.assertLess(max(one.longest for one in clients), SERVED_SECONDS)
        statuses = [status for service in services for status in service.statuses]
        self.assertEqual(set(statuses), {0}, "each daemon ended in order")
        # Else the clients have missed the moment, and this has shown nothing.
        self.assertGreater(len(statuses), SERVICES, "clients have met daemons that were leaving")
        self.assertLess(len(statuses), SERVICES * ROUNDS, "and daemons that stayed")

    def test_with_a_socket_of_its_own_who_connects_is_served(self) -> None:
        """Nobody can wait for the next daemon there: the socket is gone first, then the daemon."""
        lone = [LoneDaemon(RUNTIME_DIR / f"lone{number}.comm", number)
                for number in range(SERVICES)]
        for one in lone:
            one.thread.join()
        self.assertEqual([error for one in lone for error in one.errors], [])
        outcomes = [outcome for one in lone for outcome in one.outcomes]
        self.assertEqual(len(outcomes), SERVICES * LONE_ROUNDS)
        self.assertEqual(set(outcomes), {"served", "gone"}, "the moment is met from both sides")


class LoneDaemon:
    """A daemon with a socket of its own, again and again, each with a client around its end."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.outcomes: list[str] = []
        self.errors: list[str] = []
        self._random = random.Random(seed)
        self._tick = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            for _ in range(LONE_ROUNDS):
                self._round()
        except (OSError, AssertionError, Closed) as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def _round(self) -> None:
        daemon = Launch("--foreground", "--socket", str(self.path),
                        f"--auto-exit={LIMIT_SECONDS}")
        try:
            daemon.wait_until_serving(self.path)
            early = self._random.uniform(-SPREAD_SECONDS, SPREAD_SECONDS)
            self._tick.wait(LIMIT_SECONDS + early)  # pause: the daemon's time without clients
            try:
                client = WireClient(self.path)  # fails in other ways if it was cut off
            except (FileNotFoundError, ConnectionRefusedError):
                self.outcomes.append("gone")
            else:
                with client:
                    client.states()
                self.outcomes.append("served")
            if daemon.wait() != 0:
                raise AssertionError(f"ended with {daemon.process.returncode}")
        finally:
            daemon.kill()


if __name__ == "__main__":
    unittest.main()
