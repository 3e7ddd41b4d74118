"""Clients killed at any point: the next one has the card at once, and nothing of them is left."""

from __future__ import annotations

import os
import random
import select
from collections.abc import Callable

from harness.card import OK
from harness.case import SELECT, SystemTest, cardea_only
from harness.settings import settings
from harness.victim import Play, Step, Victim
from harness.waiting import Stopwatch, poll_until
from harness.wire import (DISPOSITION, EXCLUSIVE, RESET, SHARED, T0_OR_T1, Command, Rv,
                          WireClient)

# Fewer under sanitizers, where a round costs ten times as much, and where it only is repeated.
IS_SHORT = settings().sanitize != "" or settings().starter != "process"
ROUNDS = int(os.environ.get("CARDEA_KILL_ROUNDS", "100" if IS_SHORT else "1000"))
# "At once", on a machine that is busy with other tests: not at the end of some other wait.
AT_ONCE_SECONDS = 10.0
WORK_20_MS = b"\x80\x30\x00\x14"

Ask = Callable[[WireClient, int], None]


class DeadClientTest(SystemTest):
    def victim(self, play: Play) -> Victim:
        victim = Victim(self.daemon.client, play)
        self.addCleanup(victim.kill_if_alive)
        return victim

    def assert_card_is_free(self) -> float:
        """A newcomer connects, and its first transmit works. The seconds it took."""
        watch = Stopwatch()
        with self.daemon.client() as client:
            answer = client.connect(self.reader)
            self.assert_rv(answer.rv, Rv.OK)
            selected = client.transmit(answer.card, SELECT)
            self.assert_rv(selected.rv, Rv.OK)
            self.assertEqual(selected.data, OK)
            self.assert_rv(client.disconnect(answer.card), Rv.OK)
        return watch.seconds

    def can_connect(self) -> bool:
        with self.daemon.client() as client:
            return client.connect(self.reader).rv == Rv.OK

    def assert_no_handle_left(self) -> None:
        poll_until("no handle left on the reader", lambda: self.daemon.state(0).sharing == 0)


class Holder(DeadClientTest):
    def _transactions(self, client: WireClient, step: Step) -> None:
        card = client.open_card(self.reader)
        while True:
            client.begin(card)
            step()
            client.transmit(card, SELECT)
            step()
            client.end(card)

    @cardea_only("the clean-up may come after the next CONNECT, and spoil it")
    def test_killed_in_a_transaction_at_random_points(self) -> None:
        chance = random.Random(20261121)
        worst = 0.0
        for _ in range(ROUNDS):
            victim = self.victim(self._transactions)
            victim.wait_for_steps(chance.randint(1, 4))
            # No synchronisation: only moves the point at which the signal hits.
            select.select([], [], [], chance.uniform(0, 0.001))
            victim.kill()
            worst = max(worst, self.assert_card_is_free())
        self.assertLess(worst, AT_ONCE_SECONDS)
        self.assert_no_handle_left()

    @cardea_only("the clean-up may come after the next CONNECT, and spoil it")
    def test_killed_while_the_card_works(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            card = client.open_card(self.reader)
            client.begin(card)
            client.send_transmit(card, WORK_20_MS)
            step()

        for _ in range(20):
            victim = self.victim(play)
            victim.wait_for_steps(1)
            victim.kill()
            self.assertLess(self.assert_card_is_free(), AT_ONCE_SECONDS)
        self.assert_no_handle_left()

    def test_killed_in_exclusive_mode(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            client.open_card(self.reader, EXCLUSIVE)
            step()

        for _ in range(10):
            victim = self.victim(play)
            victim.wait_for_steps(1)
            victim.kill()
            poll_until("the reader is free", self.can_connect, AT_ONCE_SECONDS)
        self.assert_no_handle_left()


class Waiter(DeadClientTest):
    """Killed while the answer is still outstanding."""

    def _kill_waiters(self, ask: Callable[[WireClient], None]) -> None:
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)

        def play(client: WireClient, step: Step) -> None:
            ask(client)
            step()

        for _ in range(10):
            victim = self.victim(play)
            victim.wait_for_steps(1)
            victim.kill()
        poll_until("only the owner's handle", lambda: self.daemon.state(0).sharing <= 1)
        self.assert_hello(owner, card)
        self.assert_rv(owner.end(card), Rv.OK)
        owner.close()
        self.assert_no_handle_left()
        self.assertLess(self.assert_card_is_free(), AT_ONCE_SECONDS)

    @cardea_only("keeps a thread per dead client until the owner ends")
    def test_killed_waiting_in_connect(self) -> None:
        self._kill_waiters(lambda client: client.send_connect(self.reader))

    @cardea_only("no queue")
    def test_killed_waiting_in_begin(self) -> None:
        owner, card = self.client_with_card()

        def play(client: WireClient, step: Step) -> None:
            waiting_card = client.open_card(self.reader)
            step()
            step.wait_for_go()
            client.send_begin(waiting_card)
            step()

        for _ in range(20):
            victim = self.victim(play)
            victim.wait_for_steps(1)
            self.assert_rv(owner.begin(card), Rv.OK)
            victim.go()
            victim.wait_for_steps(1)
            victim.kill()
            self.assert_rv(owner.end(card), Rv.OK)
            self._begin_and_end(owner, card)
        poll_until("only the owner's handle", lambda: self.daemon.state(0).sharing == 1)

    def _begin_and_end(self, client: WireClient, card: int) -> None:
        """The waiter died before the card was granted to it, so nobody has touched the card."""
        self.assert_rv(client.begin(card), Rv.OK)
        self.assert_hello(client, card)
        self.assert_rv(client.end(card), Rv.OK)

    def test_killed_waiting_for_events(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            client.wait()
            step()

        for _ in range(20):
            victim = self.victim(play)
            victim.wait_for_steps(1)
            victim.kill()
        client = self.client()
        client.wait()
        self.assert_rv(client.stop(), Rv.OK)

    @cardea_only("keeps a thread per dead client until the owner ends")
    def test_nothing_is_left_of_dead_waiters_while_the_owner_works(self) -> None:
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        before = self.daemon.resources()

        def play(client: WireClient, step: Step) -> None:
            client.send_connect(self.reader)
            step()

        victims = [self.victim(play) for _ in range(10)]
        for victim in victims:
            victim.wait_for_steps(1)
            victim.kill()
        poll_until("descriptors and threads as before the waiters", lambda: all(
            now <= then for now, then in zip(self.daemon.resources(), before)))
        self.assert_hello(owner, card)


class OwnLock(DeadClientTest):
    """A second request on the connection that holds the lock must not lock the reader for good,
    also if the client is then killed."""

    def _hold_and(self, ask: Ask) -> None:
        def play(client: WireClient, step: Step) -> None:
            card = client.open_card(self.reader)
            client.begin(card)
            ask(client, card)
            step()

        for _ in range(5):
            victim = self.victim(play)
            victim.wait_for_steps(1)
            victim.kill()
            self.assertLess(self.assert_card_is_free(), AT_ONCE_SECONDS)
        self.assert_no_handle_left()

    @cardea_only("waits for itself; the reader is locked until the card is pulled")
    def test_second_connect(self) -> None:
        self._hold_and(lambda client, _: client.send_connect(self.reader))

    @cardea_only("the clean-up may come after the next CONNECT, and spoil it")
    def test_disconnect_with_reset(self) -> None:
        self._hold_and(lambda client, card: client.send(
            Command.DISCONNECT, DISPOSITION.pack(card, RESET, 0)))

    @cardea_only("the clean-up may come after the next CONNECT, and spoil it")
    def test_reconnect(self) -> None:
        self._hold_and(lambda client, card: client.send_reconnect(
            card, SHARED, T0_OR_T1, RESET))

    @cardea_only("the clean-up may come after the next CONNECT, and spoil it")
    def test_reconnect_to_exclusive(self) -> None:
        self._hold_and(lambda client, card: client.send_reconnect(
            card, EXCLUSIVE, T0_OR_T1, RESET))

    @cardea_only("waits for itself; the reader is locked until the card is pulled")
    def test_second_handle_then_disconnect_of_it_with_reset(self) -> None:
        def ask(client: WireClient, _: int) -> None:
            second = client.open_card(self.reader)
            client.send(Command.DISCONNECT, DISPOSITION.pack(second, RESET, 0))

        self._hold_and(ask)
