"""CMD_VERSION: which versions are served, how the others are refused, and what clients that do
unusual things with it get."""

from __future__ import annotations

from harness.case import SystemTest, cardea_only
from harness.wire import (COMPLETION, CONTEXT, ESTABLISH, FIXED_SLOTS, HEADER, STATE, Closed,
                          Command, Rv, WireClient)

SERVED = (3, 4, 5, 6)
REFUSED = ((3, 0), (4, 0), (4, 2), (4, 7), (4, 99), (5, 0), (5, 5), (-1, 4))
OFFER = (4, 6, int(Rv.SERVICE_STOPPED))

class Handshake(SystemTest):
    def test_repeats_each_served_version_exactly(self) -> None:
        # COMPAT: Debian's pcscd 1.9.9 knows 4:4 alone.
        for minor in SERVED if self.is_cardea else (4,):
            with self.subTest(minor=minor):
                client = self.client(None, establish=False)
                self.assertEqual(client.version(4, minor), (4, minor, Rv.OK))

    def test_refuses_other_versions_and_serves_a_retry_on_the_connection(self) -> None:
        # COMPAT: the refusal tells what is served instead: 4:6 by us, 4:4 by Debian's pcscd.
        offer = OFFER if self.is_cardea else (4, 4, int(Rv.SERVICE_STOPPED))
        for version in REFUSED:
            with self.subTest(version=version):
                client = self.client(None, establish=False)
                self.assertEqual(client.version(*version), offer)
                self.assertEqual(client.version(4, offer[1]), (4, offer[1], Rv.OK))
                rv, context = client.establish()
                self.assert_rv(rv, Rv.OK)
                self.assertGreater(context, 0)

    def test_refuses_many_times_on_one_connection(self) -> None:
        client = self.client(None, establish=False)
        for _ in range(50):
            self.assert_rv(client.version(4, 99)[2], Rv.SERVICE_STOPPED)
        self.assertEqual(client.version(4, 4), (4, 4, Rv.OK))

    @cardea_only("Debian's pcscd serves 4:4 alone")
    def test_serves_the_last_of_two_offers_on_one_connection(self) -> None:
        client = self.client(None, establish=False)
        self.assertEqual(client.version(4, 3), (4, 3, Rv.OK))
        self.assertEqual(client.version(4, 4), (4, 4, Rv.OK))
        client.minor = 4
        self.assert_rv(client.establish()[0], Rv.OK)
        self.assertEqual(client.wait()[0].name, self.reader)
        self.assert_rv(client.stop(), Rv.OK)

    @cardea_only("to Debian's pcscd a refusal is only advice")
    def test_closes_on_work_after_a_refusal(self) -> None:
        for command, body in ((Command.ESTABLISH, bytes(ESTABLISH.size)),
                              (Command.GET_STATES, b""), (Command.WAIT, b"")):
            with self.subTest(command=command.name):
                client = self.client(None, establish=False)
                self.assertEqual(client.version(5, 0), OFFER)
                client.send(command, body)
                self.assert_closed(client, 1)

    @cardea_only("Debian's pcscd serves 4:4 alone")
    def test_serves_cancel_after_a_refusal(self) -> None:
        client = self.client(None, establish=False)
        self.assertEqual(client.version(5, 0), OFFER)
        self.assert_rv(client.cancel(0x7FFFFFFE), Rv.INVALID_HANDLE)
        self.assertEqual(client.version(4, 6), (4, 6, Rv.OK))


class WithoutVersion(SystemTest):
    def test_serves_a_client_that_never_sends_it(self) -> None:
        client = self.client(None)
        card = client.open_card(self.reader)
        self.assert_hello(client, card)
        self.assert_rv(client.disconnect(card), Rv.OK)
        self.assert_rv(client.release(), Rv.OK)

    @cardea_only("Debian's pcscd serves 4:4 alone")
    def test_waits_like_4_3_for_a_client_that_never_sends_it(self) -> None:
        client = self.client(None)
        client.wait()
        self.assert_silent(client)
        self.assert_rv(client.stop(), Rv.OK)

    def test_cancels_for_a_connection_that_never_sends_it(self) -> None:
        waiter = self.client(4)
        waiter.wait()
        other = self.client(None, establish=False)
        self.assert_rv(other.cancel(waiter.context), Rv.OK)
        self.assert_rv(waiter.completion()[1], Rv.CANCELLED)
        self.assert_silent(waiter)


class SingleRead(SystemTest):
    """A client that takes each answer with one read() gets it whole."""

    def _minors(self) -> tuple[int, ...]:
        return SERVED if self.is_cardea else (4,)

    def test_fixed_answers_come_in_one_piece(self) -> None:
        for minor in self._minors():
            with self.subTest(minor=minor):
                client = self.client(minor, single_read=True)
                for _ in range(20):
                    self.assertEqual(client.states()[0].name, self.reader)
                card = client.open_card(self.reader)
                self.assert_rv(client.begin(card), Rv.OK)
                self.assert_rv(client.end(card), Rv.OK)
                self.assert_rv(client.disconnect(card), Rv.OK)

    def test_wait_answers_come_in_one_piece(self) -> None:
        for minor in self._minors():
            with self.subTest(minor=minor):
                client = self.client(minor, single_read=True)
                for _ in range(20):
                    self.assertEqual(client.wait()[0].name, self.reader)
                    self.assert_rv(client.stop(), Rv.OK)


class EachVersion(SystemTest):
    """The answers that depend on the version."""

    def _accepts(self, client: WireClient, command: Command, answer_bytes: int) -> bool:
        client.send(command)
        try:
            client.recv(answer_bytes)
        except Closed:
            return False
        return True

    def test_has_reader_events_since_4_5(self) -> None:
        for minor in SERVED if self.is_cardea else (4,):
            with self.subTest(minor=minor):
                has = self._accepts(self.client(minor), Command.GET_EVENTS, COMPLETION.size)
                self.assertEqual(has, minor >= 5)

    def test_has_the_sized_array_since_4_6(self) -> None:
        for minor in SERVED if self.is_cardea else (4,):
            with self.subTest(minor=minor):
                self.assertEqual(self._accepts(self.client(minor), Command.GET_SIZE, 4), minor >= 6)
                self.assertEqual(self._accepts(self.client(minor), Command.GET_ARRAY, STATE.size),
                                 minor >= 6)

    @cardea_only("Debian's pcscd serves 4:4 alone")
    def test_announces_a_constant_size_of_at_least_16(self) -> None:
        sizes = set()
        for _ in range(3):
            client = self.client(6)
            count = client.size()
            sizes.add(count)
            states = client.array(count)
            self.assertEqual([s.name for s in states if s.name], [self.reader, self.empty_reader])
        self.assertEqual(len(sizes), 1)
        self.assertGreaterEqual(sizes.pop(), FIXED_SLOTS)

    @cardea_only("Debian's pcscd serves 4:4 alone")
    def test_takes_wait_and_size_in_one_segment(self) -> None:
        client = self.client(6)
        client.socket.sendall(HEADER.pack(0, Command.WAIT) + HEADER.pack(0, Command.GET_SIZE))
        count = int.from_bytes(client.recv(4), "little")
        self.assertEqual(client.array(count)[0].name, self.reader)
        self.assert_rv(client.stop(), Rv.OK)

    def test_serves_the_whole_life_of_a_card_connection(self) -> None:
        for minor in SERVED if self.is_cardea else (4,):
            with self.subTest(minor=minor):
                client = self.client(minor)
                card = client.open_card(self.reader)
                self.assert_rv(client.begin(card), Rv.OK)
                self.assert_hello(client, card)
                self.assert_rv(client.end(card), Rv.OK)
                self.assert_rv(client.status(card), Rv.OK)
                self.assert_rv(client.disconnect(card), Rv.OK)
                self.assert_rv(client.release(), Rv.OK)

    def test_leaves_fields_that_are_not_answers_as_they_came(self) -> None:
        client = self.client()
        client.send(Command.RELEASE, CONTEXT.pack(0x01020304, 0xFFFFFFFF))
        context, rv = CONTEXT.unpack(client.recv(CONTEXT.size))
        self.assertEqual(context, 0x01020304)
        self.assert_rv(rv, Rv.INVALID_VALUE)
