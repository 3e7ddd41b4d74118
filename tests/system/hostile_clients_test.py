"""Clients that mean harm, or have bad luck, and an honest one beside them: its p99 stays within
twice its idle value in each case, and nothing is left when they have gone.

H1 to H15 are the cases by which other daemons were measured; the numbers stand at the tests."""

from __future__ import annotations

import contextlib
import random
import select
import struct
from collections.abc import Callable, Iterator

from harness.daemon import READERS
from harness.hostile import (ATTEMPTS, BeforeSession, HostileTest, hold, require,
                             send_without_reading, silent_connections)
from harness.victim import Play, Step
from harness.waiting import poll_until
from harness.wire import (CONTEXT, DISPOSITION, EXCLUSIVE, HEADER, RESET, SHARED, Closed, Command,
                          Rv, WireClient)

HERE, THERE = READERS
SUBSCRIPTIONS = 60_000
QUEUED = 230
SILENT = 1_000
SLOW_WRITERS = 50
# All that one user may have on one reader: pcsc-lite gives no more to all together.
HANDLES_OF_ONE_USER = 200
EVENT_SECONDS = 5.0
DRIP_SECONDS = 0.05
WORK_20_MS = b"\x80\x30\x00\x14"


class Killed(HostileTest):
    """A client dies by SIGKILL just before each session of the honest one, on the same reader."""

    def _check(self, play: Play) -> None:
        def kill(one: Play) -> None:
            victim = self.attacker(one)
            victim.wait_for_steps(1)
            victim.kill()

        @contextlib.contextmanager
        def attack() -> Iterator[BeforeSession]:
            yield lambda: kill(play)

        # To start a process and to kill it has its price too, whatever it does meanwhile.
        self.assert_honest_client_is_served(
            attack, HERE, harmless=lambda: kill(lambda _, step: step()))

    def test_h1_waiting_for_its_own_lock_in_connect(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            client.begin(client.open_card(HERE))
            client.send_connect(HERE)
            step()

        self._check(play)

    def test_h2_disconnecting_another_handle_beside_its_own_lock(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            client.begin(client.open_card(HERE))
            second = client.open_card(HERE)
            client.send(Command.DISCONNECT, DISPOSITION.pack(second, RESET, 0))
            step()

        self._check(play)

    def test_h11_in_a_transaction(self) -> None:
        self._check(hold(HERE))


class Holders(HostileTest):
    def test_h4_a_sleeper_in_a_transaction_delays_its_own_reader_only(self) -> None:
        self.assert_honest_client_is_served(lambda: self.lasting(hold(THERE)), HERE)

    def test_h5_many_who_wait_for_a_sleeper_and_die(self) -> None:
        def play(_: WireClient, step: Step) -> None:
            clients = [self.daemon.client() for _ in range(QUEUED)]
            for client in clients:
                client.send_connect(THERE)
            step()
            step.wait_for_go()

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(hold(THERE)):
                queue = self.attacker(play)
                queue.wait_for_steps(1)
                poll_until("all of them wait", lambda: self.used("waiting") == QUEUED)
                yield None
                queue.kill()
                poll_until("the dead have left the line", lambda: not any(
                    reader["waiting"] for reader in self.daemon.status()["readers"]))

        self.assert_honest_client_is_served(attack, HERE)
        self.session(THERE)

    def test_h7_all_the_handles_a_user_can_get_on_the_same_reader(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            for _ in range(HANDLES_OF_ONE_USER):
                client.open_card(HERE)
            with self.daemon.client() as second:
                require(second.connect(HERE).rv == Rv.NO_MEMORY)
                step()
                step.wait_for_go()

        self.assert_honest_client_is_served(lambda: self.lasting(play), HERE)

    def test_h8_exclusive_and_then_shared(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            card = client.open_card(HERE, EXCLUSIVE)
            require(client.reconnect(card, SHARED) == Rv.OK)
            step()

        self.assert_honest_client_is_served(lambda: self.lasting(play), HERE)


class Deaf(HostileTest):
    def test_h3_subscribes_again_and_again_and_never_reads(self) -> None:
        wait = HEADER.pack(0, Command.WAIT)

        def play(client: WireClient, step: Step) -> None:
            require(send_without_reading(client, wait, SUBSCRIPTIONS) > 1)
            step()

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(play):
                self._check_events()
                yield None
                self._check_events()

        self.assert_honest_client_is_served(attack, HERE)

    def _check_events(self) -> None:
        """An honest subscriber hears of both movements, and may stop waiting."""
        with self.daemon.client() as subscriber:
            moves: tuple[Callable[[int], None], ...] = (self.daemon.remove, self.daemon.insert)
            for move in moves:
                subscriber.wait()
                move(1)
                self.assertTrue(subscriber.readable(EVENT_SECONDS), "no event")
                self.assert_rv(subscriber.completion()[1], Rv.OK)
            # The movement may have been two changes: present, and then powered.
            subscriber.wait()
            subscriber.send_stop()
            self.assert_rv(subscriber.completion()[1], Rv.OK)


class Crowds(HostileTest):
    def test_h6_a_thousand_silent_connections(self) -> None:
        path = str(self.daemon.socket_path)

        def play(_: WireClient, step: Step) -> None:
            links = silent_connections(path, SILENT)
            step()
            step.wait_for_go()
            del links

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(play):
                poll_until("they are there", lambda: self.used("connections") == SILENT + 1)
                yield None

        self.assert_honest_client_is_served(attack, HERE)

    def test_h14_slow_writers(self) -> None:
        path = str(self.daemon.socket_path)
        _, threads = self.daemon.resources()

        def play(_: WireClient, step: Step) -> None:
            links = silent_connections(path, SLOW_WRITERS, b"\x10")
            step()
            for link in links[:HEADER.size]:
                select.select([], [], [], DRIP_SECONDS)  # pause: a slow writer
                link.sendall(b"\x00")
            step.wait_for_go()

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(play):
                poll_until("they are there", lambda: self.used("bytes") >= SLOW_WRITERS)
                yield None
                self.assertLessEqual(self.daemon.resources()[1], threads, "a thread for each?")

        self.assert_honest_client_is_served(attack, HERE)


class Measurement(HostileTest):
    def test_it_sees_who_is_held_up(self) -> None:
        """By turns of 20 ms that another client takes on the same reader: that is no attack, but
        what an attack would have to do at least."""
        def play(client: WireClient, step: Step) -> None:
            card = client.open_card(HERE)
            step()
            while True:
                client.begin(card)
                client.transmit(card, WORK_20_MS)
                client.end(card)

        for _ in range(ATTEMPTS):
            try:
                self.assert_honest_client_is_served(lambda: self.lasting(play), HERE, attempts=1)
            except AssertionError as error:
                self.assertRegex(str(error), "p99 .* under attack")
                return
        self.fail("20 ms went unnoticed each time")


class Forgers(HostileTest):
    def test_h9_cancels_of_others_are_refused(self) -> None:
        waiter = self.client()

        def play(client: WireClient, step: Step) -> None:
            require(client.cancel(waiter.context) == Rv.INVALID_HANDLE)
            step()
            chance = random.Random(9)
            while True:
                number = chance.choice((waiter.context, chance.getrandbits(31)))
                client.send(Command.CANCEL, CONTEXT.pack(number, 0))
                require(CONTEXT.unpack(client.recv(CONTEXT.size))[1] == Rv.INVALID_HANDLE)

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            waiter.wait()
            with self.lasting(play):
                yield None
            # By a change of a card meanwhile, or by this: never by somebody else.
            self.assert_rv(waiter.stop(), Rv.OK)

        self.assert_honest_client_is_served(attack, HERE)

    def test_h10_handles_of_others_are_refused(self) -> None:
        owner, card = self.client_with_card()

        def steal() -> None:
            with self.daemon.client() as thief:
                thief.send(Command.DISCONNECT, DISPOSITION.pack(card, RESET, 0))
                require(thief.recv_until_closed() == b"")

        def play(_: WireClient, step: Step) -> None:
            steal()
            step()
            while True:
                steal()

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(play):
                yield None
            self.assert_hello(owner, card)

        self.assert_honest_client_is_served(attack, HERE)

    def test_h12_nonsense(self) -> None:
        def play(_: WireClient, step: Step) -> None:
            chance = random.Random(12)
            step()
            while True:
                send_nonsense(self.daemon.client(chance.choice((None, 3, 4, 6)),
                                                 establish=chance.random() < 0.8), chance)

        self.assert_honest_client_is_served(lambda: self.lasting(play), HERE)


def send_nonsense(client: WireClient, chance: random.Random) -> None:
    """A few messages: random, cut short, too long, or a body that makes no sense."""
    with client:
        client.socket.settimeout(1.0)
        try:
            for _ in range(chance.randint(1, 8)):
                command = chance.choice((chance.getrandbits(32), chance.randint(0, 0x18)))
                body = chance.randbytes(chance.choice((0, 4, 8, 12, 24, 280, 400)))
                size = chance.choice((len(body), len(body), 0, 1, 0xFFFFFFFF, 65_600))
                message = struct.pack("<II", size, command) + body
                client.socket.sendall(message[:chance.randint(1, len(message))])
                if chance.random() < 0.3:
                    client.socket.setblocking(False)
                    client.socket.recv(4096)
                    client.socket.settimeout(1.0)
        except (BlockingIOError, BrokenPipeError, Closed, ConnectionResetError, TimeoutError):
            return
