"""WAIT, STOP, CANCEL and the 8-byte completion: exactly one per WAIT, whoever causes it."""

from __future__ import annotations

from harness.case import SystemTest, cardea_only
from harness.settings import settings
from harness.wire import (SIZE, STATE, STATE_ABSENT, STATE_PRESENT, STATE_READY, Command, Rv,
                          WireClient)

MINORS = (3, 4, 5, 6) if settings().daemon == "cardea" else (4,)
UNREAD_REQUESTS = 400


class OneCompletion(SystemTest):
    def test_stop_while_waiting(self) -> None:
        for minor in MINORS:
            with self.subTest(minor=minor):
                client = self.client(minor)
                for _ in range(3):
                    client.wait()
                    self.assert_rv(client.stop(), Rv.OK)
                self.assert_silent(client)

    def test_cancel_then_stop(self) -> None:
        for minor in MINORS:
            with self.subTest(minor=minor):
                client = self.client(minor)
                client.wait()
                self.assert_rv(self.client(None, establish=False).cancel(client.context), Rv.OK)
                self.assert_rv(client.completion()[1], Rv.CANCELLED)
                client.send_stop()
                self.assert_silent(client)
                client.wait()
                self.assert_rv(client.stop(), Rv.OK)

    def test_event_then_stop(self) -> None:
        for minor in MINORS:
            with self.subTest(minor=minor):
                client = self.client(minor)
                client.wait()
                self.daemon.insert(1)
                self.assert_rv(client.completion()[1], Rv.OK)
                client.send_stop()
                self.daemon.remove(1)
                self.assert_silent(client)

    def test_second_wait_without_completion(self) -> None:
        client = self.client()
        client.wait()
        client.wait()
        self.assert_rv(client.stop(), Rv.OK)
        if not self.is_cardea:  # COMPAT: Debian's pcscd registers twice and completes twice.
            self.assert_rv(client.stop(), Rv.OK)
        self.assert_silent(client)

    def test_release_while_waiting_ends_the_wait(self) -> None:
        client = self.client()
        client.wait()
        self.assert_rv(client.stop(), Rv.OK)
        self.assert_rv(client.release(), Rv.OK)
        self.assert_silent(client)


class Events(SystemTest):
    def _wait_for(self, client: WireClient, slot: int, state: int) -> int:
        """Waits as a library does until the slot shows the state bit; the number of waits."""
        waits = 1
        states = client.wait()
        while not states[slot].state & state:
            self.assert_rv(client.completion()[1], Rv.OK)
            states = client.wait()
            waits += 1
        self.assert_rv(client.stop(), Rv.OK)
        return waits

    def test_insertion_and_removal_reach_waiters_of_all_versions(self) -> None:
        clients = [self.client(minor) for minor in MINORS]
        for client in clients:
            client.wait()
        self.daemon.cards.insert(1)
        for client in clients:
            self.assert_rv(client.completion()[1], Rv.OK)
            self._wait_for(client, 1, STATE_PRESENT)
            client.wait()
        self.daemon.cards.remove(1)
        for client in clients:
            self.assert_rv(client.completion()[1], Rv.OK)
            self._wait_for(client, 1, STATE_ABSENT)

    def test_event_counter_counts_insertions_and_removals(self) -> None:
        before = self.daemon.state(1).event_counter
        for _ in range(3):
            self.daemon.insert(1)
            self.daemon.remove(1)
        self.assertEqual(self.daemon.state(1).event_counter, before + 6)

    def test_removed_card_leaves_no_atr_length(self) -> None:
        self.daemon.insert(1)
        self.assertEqual(self.daemon.state(1).state, STATE_READY)
        self.assertGreater(len(self.daemon.state(1).atr), 1)
        self.daemon.remove(1)
        state = self.daemon.state(1)
        self.assertEqual((state.state, state.atr, state.protocol), (STATE_ABSENT, b"", 0))

    @cardea_only("4:3 is not served")
    def test_change_between_states_and_wait_completes_at_once_in_4_3(self) -> None:
        client = self.client(3)
        states = client.states()
        self.assertEqual(states[1].state, STATE_ABSENT)
        self.insert_for_this_test(1)
        client.send(Command.WAIT, bytes(8))
        self.assert_rv(client.completion()[1], Rv.OK)

    @cardea_only("4:6 is not served")
    def test_event_does_not_come_between_size_and_array_in_4_6(self) -> None:
        client = self.client(6)
        client.send(Command.WAIT)
        self.insert_for_this_test(1)
        self.assert_silent(client, 0.1)
        client.send(Command.GET_SIZE)
        count = SIZE.unpack(client.recv(SIZE.size))[0]
        self.assert_silent(client, 0.1)
        client.send(Command.GET_ARRAY)
        # The array tells the change, so the WAIT goes on; one completion in any case.
        self.assertEqual(client.recv_states(count)[1].state, STATE_READY)
        self.assert_rv(client.stop(), Rv.OK)
        self.assert_silent(client)

    @cardea_only("4:6 is not served")
    def test_event_after_the_array_in_4_6_completes_the_wait(self) -> None:
        client = self.client(6)
        client.send(Command.WAIT)
        count = client.size()
        self.assertEqual(client.array(count)[1].state, STATE_ABSENT)
        self.insert_for_this_test(1)
        self.assert_rv(client.completion()[1], Rv.OK)
        self.assert_silent(client)

    @cardea_only("the completion's first field is 0 there")
    def test_completion_carries_the_number_of_reader_events(self) -> None:
        client = self.client(5)
        number = client.reader_events()
        self.assertGreaterEqual(number, 1)
        client.wait()
        self.insert_for_this_test(1)
        self.assertEqual(client.completion(), (number, Rv.OK))
        self.assertEqual(client.reader_events(), number)

    @cardea_only("4:5 is not served")
    def test_reader_events_may_be_asked_for_while_waiting(self) -> None:
        client = self.client(6)
        client.wait()
        self.assertGreaterEqual(client.reader_events(), 1)
        self.assert_silent(client, 0.05)
        self.assert_rv(client.stop(), Rv.OK)


class DeafClient(SystemTest):
    @cardea_only("Debian's pcscd stops telling anybody about cards")
    def test_a_waiter_that_never_reads_hinders_nobody(self) -> None:
        deaf = self.client()
        deaf.socket.setblocking(False)
        try:
            for _ in range(UNREAD_REQUESTS):
                deaf.send(Command.WAIT)
                deaf.send(Command.GET_STATES)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass  # its buffers are full, or it was cut off: both will do
        honest = self.client()
        states = honest.wait()
        self.assertEqual(states[1].state, STATE_ABSENT)
        self.daemon.insert(1)
        self.assert_rv(honest.completion()[1], Rv.OK)
        self.daemon.remove(1)
        self.assertEqual(len(honest.states()) * STATE.size, 2944)
