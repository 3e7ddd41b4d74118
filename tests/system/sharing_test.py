"""CONNECT, RECONNECT and DISCONNECT: share modes, protocols, marks after resets and removals."""

from __future__ import annotations

from harness.case import SELECT, SystemTest, cardea_only
from harness.waiting import Stopwatch, poll_until
from harness.wire import (DIRECT, EJECT, EXCLUSIVE, HANDLE, LEAVE, RAW, RESET, SHARED,
                          STATE_PRESENT, STATE_READY, STATE_SWALLOWED, T0, T1, UNPOWER, Command,
                          Rv, WireClient)

ANY_OLD = 0x1000
T15 = 8
AT_ONCE_SECONDS = 0.5


class ConnectArguments(SystemTest):
    def test_refuses_what_makes_no_sense(self) -> None:
        client = self.client()
        cases = ((SHARED, 0, Rv.PROTO_MISMATCH), (SHARED, T15, Rv.PROTO_MISMATCH),
                 (0, T1, Rv.INVALID_VALUE), (4, T1, Rv.INVALID_VALUE))
        for share, protocols, wanted in cases:
            with self.subTest(share=share, protocols=protocols):
                answer = client.connect(self.reader, share, protocols)
                self.assert_rv(answer.rv, wanted)
                self.assertEqual((answer.card, answer.protocol), (0, 0))

    def test_unknown_reader_and_empty_slot(self) -> None:
        client = self.client()
        self.assert_rv(client.connect("No such reader").rv, Rv.UNKNOWN_READER)
        self.assert_rv(client.connect("").rv, Rv.UNKNOWN_READER)
        self.assert_rv(client.connect(self.empty_reader).rv, Rv.NO_SMARTCARD)

    def test_direct_opens_an_empty_slot_without_protocol(self) -> None:
        client = self.client()
        answer = client.connect(self.empty_reader, DIRECT, 0)
        self.assert_rv(answer.rv, Rv.OK)
        self.assertEqual(answer.protocol, 0)

    def test_prefers_t1_and_takes_what_is_asked_for(self) -> None:
        for protocols in (T0 | T1, T1, ANY_OLD):
            with self.subTest(protocols=protocols):
                client = self.client()
                answer = client.connect(self.reader, SHARED, protocols)
                self.assert_rv(answer.rv, Rv.OK)
                self.assertEqual(answer.protocol, T1)
                # The reset clears the protocol, so the next round chooses again.
                self.assert_rv(client.disconnect(answer.card, RESET), Rv.OK)

    def test_t0_after_a_reset_and_then_no_t1_beside_it(self) -> None:
        first, card = self.client_with_card()
        self.assert_rv(first.reconnect(card, SHARED, T0, RESET), Rv.OK)
        second = self.client()
        self.assert_rv(second.connect(self.reader, SHARED, T1).rv, Rv.PROTO_MISMATCH)
        self.assertEqual(second.connect(self.reader, SHARED, T0 | T1).protocol, T0)
        self.assert_rv(first.disconnect(card, RESET), Rv.OK)

    def test_shows_sharing_and_protocol_in_the_state(self) -> None:
        client, card = self.client_with_card()
        state = self.daemon.state(0)
        self.assertEqual((state.sharing, state.protocol, state.state), (1, T1, STATE_READY))
        self.client_with_card()
        self.assertEqual(self.daemon.state(0).sharing, 2)
        self.assert_rv(client.disconnect(card), Rv.OK)
        self.assertEqual(self.daemon.state(0).sharing, 1)


class Raw(SystemTest):
    def test_raw_beside_t1(self) -> None:
        self.client_with_card(protocols=T1)
        raw = self.client()
        answer = raw.connect(self.reader, SHARED, RAW)
        self.assert_rv(answer.rv, Rv.OK)
        self.assertEqual(answer.protocol, RAW)
        # COMPAT: in Debian's pcscd a RAW connection changes the protocol of all others.
        wanted = self.expect_compat("RAW belongs to the handle that asked for it",
                                    cardea=Rv.OK, debian=Rv.PROTO_MISMATCH)
        self.assert_rv(self.client().connect(self.reader, SHARED, T1).rv, wanted)
        self.assert_rv(raw.transmit(answer.card, SELECT, RAW).rv, Rv.OK)
        self.assert_rv(raw.disconnect(answer.card, RESET), Rv.OK)


class Exclusive(SystemTest):
    def test_keeps_everybody_else_out_at_once(self) -> None:
        owner, card = self.client_with_card(share=EXCLUSIVE)
        self.assertEqual(self.daemon.state(0).sharing, -1)
        other = self.client()
        watch = Stopwatch()
        for share in (SHARED, EXCLUSIVE, DIRECT):
            self.assert_rv(other.connect(self.reader, share).rv, Rv.SHARING_VIOLATION)
        self.assertLess(watch.seconds, AT_ONCE_SECONDS)
        self.assert_hello(owner, card)
        self.assert_rv(owner.disconnect(card), Rv.OK)
        self.assert_rv(other.connect(self.reader).rv, Rv.OK)

    def test_is_refused_beside_others(self) -> None:
        first, card = self.client_with_card()
        self.assert_rv(self.client().connect(self.reader, EXCLUSIVE).rv, Rv.SHARING_VIOLATION)
        self.assert_hello(first, card)

    def test_nests_a_transaction_and_cannot_end_its_own_lock(self) -> None:
        owner, card = self.client_with_card(share=EXCLUSIVE)
        self.assert_rv(owner.end(card), Rv.NOT_TRANSACTED)
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_rv(owner.end(card), Rv.NOT_TRANSACTED)

    def test_reconnect_to_exclusive_needs_to_be_alone(self) -> None:
        first, card = self.client_with_card()
        second, other_card = self.client_with_card()
        self.assert_rv(first.reconnect(card, EXCLUSIVE), Rv.SHARING_VIOLATION)
        self.assert_rv(second.disconnect(other_card), Rv.OK)
        self.assert_rv(first.reconnect(card, EXCLUSIVE), Rv.OK)
        self.assertEqual(self.daemon.state(0).sharing, -1)
        self.assert_rv(second.connect(self.reader).rv, Rv.SHARING_VIOLATION)

    @cardea_only("Debian's pcscd keeps the lock that exclusive mode took")
    def test_reconnect_to_shared_lets_the_others_in(self) -> None:
        owner, card = self.client_with_card(share=EXCLUSIVE)
        self.assert_rv(owner.reconnect(card, SHARED), Rv.OK)
        other, other_card = self.client_with_card()
        self.assert_hello(other, other_card)
        self.assert_rv(owner.end(card), Rv.NOT_TRANSACTED)
        self.assert_hello(owner, card)

    def test_closed_socket_resets_the_card(self) -> None:
        owner, card = self.client_with_card(share=EXCLUSIVE)
        before = self.resets(owner, card)
        owner.close()
        other = self.client()
        card = poll_until("the reader is free", lambda: self._card_if_free(other))
        # At least: the daemon may also have switched the idle card off in between.
        self.assertGreater(self.resets(other, card), before)

    def _card_if_free(self, client: WireClient) -> int | None:
        answer = client.connect(self.reader)
        return answer.card if answer.rv == Rv.OK else None


class Marks(SystemTest):
    """A reset or a removal is told to each handle until it reconnects."""

    def _assert_marked(self, client: WireClient, card: int, mark: Rv) -> None:
        for _ in range(2):
            self.assert_rv(client.status(card), mark)
            self.assert_rv(client.begin(card), mark)
            self.assert_rv(client.transmit(card, SELECT).rv, mark)
            self.assert_rv(client.get_attrib(card, 0x00090303).rv, mark)
            self.assert_rv(client.end(card), mark)

    def test_disconnect_with_reset_marks_the_others(self) -> None:
        for disposition in (RESET, UNPOWER):
            with self.subTest(disposition=disposition):
                first, card = self.client_with_card()
                before = self.resets(first, card)
                second, other_card = self.client_with_card()
                self.assert_rv(second.disconnect(other_card, disposition), Rv.OK)
                self._assert_marked(first, card, Rv.RESET_CARD)
                # CONTROL does not look at the card.
                self.assert_rv(first.control(card, 0x42009999).rv, Rv.UNSUPPORTED_FEATURE)
                # Leave does not power what was switched off; the next test is about that.
                self.assert_rv(first.reconnect(card, initialization=RESET), Rv.OK)
                self.assert_hello(first, card)
                self.assertGreater(self.resets(first, card), before)
                first.close()

    def test_disconnect_with_leave_marks_nobody(self) -> None:
        first, card = self.client_with_card()
        before = self.resets(first, card)
        second, other_card = self.client_with_card()
        self.assert_rv(second.disconnect(other_card, LEAVE), Rv.OK)
        self.assert_rv(first.status(card), Rv.OK)
        self.assertEqual(self.resets(first, card), before)

    def test_reconnect_with_reset_marks_all_but_the_caller(self) -> None:
        for initialization in (RESET, UNPOWER):
            with self.subTest(initialization=initialization):
                first, card = self.client_with_card()
                second, other_card = self.client_with_card()
                before = self.resets(first, card)
                self.assert_rv(first.reconnect(card, initialization=initialization), Rv.OK)
                self.assertEqual(self.resets(first, card), before + 1)
                self.assert_hello(first, card)
                self._assert_marked(second, other_card, Rv.RESET_CARD)
                self.assert_rv(second.reconnect(other_card), Rv.OK)
                self.assert_hello(second, other_card)
                first.close()
                second.close()

    def test_removal_marks_all_until_they_reconnect(self) -> None:
        first, card = self.client_with_card()
        second, other_card = self.client_with_card()
        self.daemon.remove(0)
        self._assert_marked(first, card, Rv.REMOVED_CARD)
        self._assert_marked(second, other_card, Rv.REMOVED_CARD)
        self.assert_rv(self.client().connect(self.reader).rv, Rv.NO_SMARTCARD)
        self.assert_rv(self.client().connect(self.reader, DIRECT, 0).rv, Rv.OK)
        self.assert_rv(first.reconnect(card), Rv.NO_SMARTCARD)
        self.daemon.insert(0)
        self._assert_marked(second, other_card, Rv.REMOVED_CARD)
        self.assert_rv(second.reconnect(other_card), Rv.OK)
        self.assert_hello(second, other_card)

    def test_dead_connection_without_lock_leaves_the_card_alone(self) -> None:
        first, card = self.client_with_card()
        before = self.resets(first, card)
        second, _ = self.client_with_card()
        second.close()
        poll_until("the dead client's handle is gone", lambda: self.daemon.state(0).sharing == 1)
        self.assert_rv(first.status(card), Rv.OK)
        self.assertEqual(self.resets(first, card), before)

    def test_release_disconnects_all_cards_of_the_context(self) -> None:
        client = self.client()
        client.open_card(self.reader)
        client.open_card(self.reader)
        self.assertEqual(self.daemon.state(0).sharing, 2)
        self.assert_rv(client.release(), Rv.OK)
        self.assertEqual(self.daemon.state(0).sharing, 0)


class Arguments(SystemTest):
    def test_reconnect_refuses_what_makes_no_sense(self) -> None:
        client, card = self.client_with_card()
        cases = ((SHARED, T1, EJECT, Rv.INVALID_VALUE), (SHARED, T1, 9, Rv.INVALID_VALUE),
                 (0, T1, LEAVE, Rv.INVALID_VALUE), (4, T1, LEAVE, Rv.INVALID_VALUE),
                 (SHARED, 0, LEAVE, Rv.PROTO_MISMATCH), (SHARED, T15, LEAVE, Rv.PROTO_MISMATCH))
        for share, protocols, initialization, wanted in cases:
            with self.subTest(share=share, protocols=protocols, initialization=initialization):
                self.assert_rv(client.reconnect(card, share, protocols, initialization), wanted)
        self.assert_hello(client, card)

    def test_dispositions_above_eject_are_refused(self) -> None:
        client, card = self.client_with_card()
        self.assert_rv(client.disconnect(card, 4), Rv.INVALID_VALUE)
        self.assert_rv(client.end(card, 4), Rv.INVALID_VALUE)
        self.assert_hello(client, card)

    def test_disconnected_handle_is_foreign(self) -> None:
        client, card = self.client_with_card()
        self.assert_rv(client.disconnect(card, EJECT), Rv.OK)
        client.send(Command.STATUS, HANDLE.pack(card, 0))
        # COMPAT: Debian's pcscd sleeps for 2 s first.
        self.assert_closed(client, 1 if self.is_cardea else 6)


class MuteCard(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.insert_for_this_test(1, "mute")

    def test_is_shown_and_cannot_be_connected_to(self) -> None:
        poll_until("the card is shown as mute", lambda: self.daemon.state(1).state
                   == STATE_PRESENT | STATE_SWALLOWED)
        state = self.daemon.state(1)
        self.assertEqual((state.atr, state.protocol), (b"", 0))
        client = self.client()
        self.assert_rv(client.connect(self.empty_reader).rv, Rv.UNPOWERED_CARD)
        direct = client.connect(self.empty_reader, DIRECT, 0)
        self.assert_rv(direct.rv, Rv.OK)
        for initialization in (LEAVE, RESET, UNPOWER):
            self.assert_rv(client.reconnect(direct.card, initialization=initialization),
                           Rv.UNRESPONSIVE_CARD)
