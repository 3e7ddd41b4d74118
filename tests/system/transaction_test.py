"""BEGIN and END: who owns the card, who waits for it how long, and in which order."""

from __future__ import annotations

from harness.case import HELLO, SELECT, SystemTest, cardea_only
from harness.waiting import Stopwatch
from harness.wire import (DIRECT, EJECT, EXCLUSIVE, LEAVE, RESET, SHARED, T0_OR_T1, T1, UNPOWER,
                          Command, Rv, WireClient)

NOT_A_CODE = 0x42009999
ATR_TAG = 0x00090303
# A BEGIN is parked for about a second before it is told to ask again.
PARKED_SECONDS_MIN = 0.7
PARKED_SECONDS_MAX = 2.0
# TRANSMIT, STATUS and RECONNECT on a locked reader are parked up to 0.1 s.
SHORT_PARK_SECONDS = 0.1
AT_ONCE_SECONDS = 0.08
# For a loaded machine and sanitizers, on top of what the daemon intends.
SLACK_SECONDS = 0.5


class Ownership(SystemTest):
    def test_begin_nests(self) -> None:
        first, card = self.client_with_card()
        second, other_card = self.client_with_card()
        self.assert_rv(first.begin(card), Rv.OK)
        self.assert_rv(first.begin(card), Rv.OK)
        self.assert_rv(first.end(card), Rv.OK)
        self.assert_rv(second.begin(other_card), Rv.SHARING_VIOLATION)
        self.assert_rv(first.end(card), Rv.OK)
        self.assert_rv(second.begin(other_card), Rv.OK)
        self.assert_rv(second.end(other_card), Rv.OK)

    def test_end_without_begin(self) -> None:
        client, card = self.client_with_card()
        self.assert_rv(client.end(card), Rv.NOT_TRANSACTED)
        self.assert_rv(client.begin(card), Rv.OK)
        self.assert_rv(client.end(card), Rv.OK)
        self.assert_rv(client.end(card), Rv.NOT_TRANSACTED)

    def test_keeps_the_others_from_the_card(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(other.status(other_card), Rv.SHARING_VIOLATION)
        self.assert_rv(other.transmit(other_card, SELECT).rv, Rv.SHARING_VIOLATION)
        self.assert_rv(other.control(other_card, NOT_A_CODE).rv, Rv.SHARING_VIOLATION)
        self.assert_rv(other.get_attrib(other_card, ATR_TAG).rv, Rv.SHARING_VIOLATION)
        self.assert_rv(other.set_attrib(other_card, ATR_TAG, b"x").rv, Rv.SHARING_VIOLATION)
        self.assert_rv(other.reconnect(other_card), Rv.SHARING_VIOLATION)
        self.assert_rv(other.end(other_card), Rv.SHARING_VIOLATION)
        self.assert_rv(other.end(other_card, RESET), Rv.SHARING_VIOLATION)
        self.assert_hello(owner, card)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_hello(other, other_card)

    def test_disconnect_with_leave_never_waits(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(other.disconnect(other_card, LEAVE), Rv.OK)
        self.assertLess(watch.seconds, AT_ONCE_SECONDS + SLACK_SECONDS)
        self.assert_rv(owner.end(card), Rv.OK)

    def test_disconnect_ends_the_own_transaction(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        for _ in range(3):
            self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.disconnect(card), Rv.OK)
        self.assert_hello(other, other_card)

    @cardea_only("the reset may come after the next client's RECONNECT, and spoil it")
    def test_closed_owner_resets_once_and_marks_the_others(self) -> None:
        other, other_card = self.client_with_card()
        before = self.resets(other, other_card)
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        owner.close()
        self._begin_patiently(other, other_card, Rv.RESET_CARD)
        self.assert_rv(other.status(other_card), Rv.RESET_CARD)
        self.assert_rv(other.reconnect(other_card), Rv.OK)
        self.assertEqual(self.resets(other, other_card), before + 1)

    def test_release_of_the_owner_resets_once(self) -> None:
        other, other_card = self.client_with_card()
        before = self.resets(other, other_card)
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.release(), Rv.OK)
        self.assert_rv(other.status(other_card), Rv.RESET_CARD)
        self.assert_rv(other.reconnect(other_card), Rv.OK)
        self.assertEqual(self.resets(other, other_card), before + 1)

    def _begin_patiently(self, client: WireClient, card: int, wanted: Rv) -> None:
        """As a library does it: SHARING_VIOLATION means ask again."""
        rv = client.begin(card)
        for _ in range(50):
            if rv != Rv.SHARING_VIOLATION:
                break
            rv = client.begin(card)
        self.assert_rv(rv, wanted)


class EndWithAction(SystemTest):
    def test_resets_and_marks_all_handles(self) -> None:
        for disposition in (RESET, UNPOWER):
            with self.subTest(disposition=disposition):
                owner, card = self.client_with_card()
                other, other_card = self.client_with_card()
                before = self.resets(owner, card)
                self.assert_rv(owner.begin(card), Rv.OK)
                self.assert_rv(owner.end(card, disposition), Rv.OK)
                self.assert_rv(owner.status(card), Rv.RESET_CARD)
                self.assert_rv(other.status(other_card), Rv.RESET_CARD)
                self.assert_rv(other.reconnect(other_card, initialization=RESET), Rv.OK)
                self.assertGreater(self.resets(other, other_card), before)
                owner.close()
                other.close()

    def test_eject_is_not_supported_and_frees_the_card(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.end(card, EJECT), Rv.UNSUPPORTED_FEATURE)
        self.assert_hello(other, other_card)

    def test_without_transaction_fails_and_does_not_reset(self) -> None:
        client, card = self.client_with_card()
        before = self.resets(client, card)
        self.assert_rv(client.end(card, RESET), Rv.NOT_TRANSACTED)
        # COMPAT: Debian's pcscd resets first and marks the caller.
        status = self.expect_compat("an END that fails has no effect", cardea=Rv.OK,
                                    debian=Rv.RESET_CARD)
        self.assert_rv(client.status(card), status)
        if self.is_cardea:
            self.assertEqual(self.resets(client, card), before)

    def test_on_a_marked_handle_tells_the_mark_and_frees_the_card(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.end(card, RESET), Rv.OK)
        self.assert_rv(owner.end(card), Rv.RESET_CARD)
        # COMPAT: in Debian's pcscd the lock stays until the owner reconnects or leaves.
        wanted = self.expect_compat("END always gives the card back", cardea=Rv.RESET_CARD,
                                    debian=Rv.SHARING_VIOLATION)
        self.assert_rv(other.status(other_card), wanted)

    def test_removal_drops_the_lock(self) -> None:
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        self.daemon.remove(0)
        self.daemon.insert(0)
        other, other_card = self.client_with_card()
        self.assert_hello(other, other_card)
        self.assert_rv(owner.end(card), Rv.REMOVED_CARD)
        self.assert_rv(owner.reconnect(card), Rv.OK)
        self.assert_hello(owner, card)


class Queue(SystemTest):
    """COMPAT: Debian's pcscd keeps no queue: a BEGIN on a locked reader is refused after 0.1 s.

    The waiters are processes of their own. One of the owner's process would wait for 0.1 s only:
    it may hold up the thread that is to send the END."""

    def test_begin_on_a_locked_reader_is_refused_in_the_end(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(other.begin(other_card), Rv.SHARING_VIOLATION)
        least = self.expect_compat("parked, in case the owner ends",
                                   cardea=PARKED_SECONDS_MIN, debian=0.09)
        self.assertGreater(watch.seconds, least)
        self.assertLess(watch.seconds, PARKED_SECONDS_MAX)
        self.assert_rv(owner.end(card), Rv.OK)

    def test_begin_of_the_owners_process_is_refused_soon(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(other.begin(other_card), Rv.SHARING_VIOLATION)
        self.assertGreater(watch.seconds, 0.09)
        self.assertLess(watch.seconds, SHORT_PARK_SECONDS + SLACK_SECONDS)
        self.assert_rv(owner.end(card), Rv.OK)

    @cardea_only("no queue")
    def test_begin_is_granted_the_moment_the_owner_ends(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        other.send_begin(other_card)
        self.assert_silent(other, 0.2)
        self.assert_rv(owner.end(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(other.recv_handle(), Rv.OK)
        self.assertLess(watch.seconds, AT_ONCE_SECONDS)
        self.assert_rv(owner.status(card), Rv.SHARING_VIOLATION)
        self.assert_rv(other.end(other_card), Rv.OK)

    @cardea_only("no queue")
    def test_first_come_first_served(self) -> None:
        owner, card = self.client_with_card()
        waiters = [self.client_with_card(foreign=True) for _ in range(6)]
        self.assert_rv(owner.begin(card), Rv.OK)
        for client, waiting_card in waiters:
            client.send_begin(waiting_card)
            # The order of arrival is what counts: this one is read before the next is sent.
            self.assert_silent(client, 0.02)
        self.assert_rv(owner.end(card), Rv.OK)
        for position, (client, waiting_card) in enumerate(waiters):
            self.assert_rv(client.recv_handle(), Rv.OK)
            for later, _ in waiters[position + 1:]:
                self.assertFalse(later.readable(0), "served out of turn")
            self.assert_rv(client.end(waiting_card), Rv.OK)

    @cardea_only("no queue")
    def test_a_refused_waiter_keeps_its_place(self) -> None:
        owner, card = self.client_with_card()
        first, first_card = self.client_with_card(foreign=True)
        second, second_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(first.begin(first_card), Rv.SHARING_VIOLATION)
        second.send_begin(second_card)
        self.assert_silent(second, 0.05)
        first.send_begin(first_card)
        self.assert_silent(first, 0.05)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_rv(first.recv_handle(), Rv.OK)
        self.assertFalse(second.readable(0), "served before the older waiter")
        self.assert_rv(first.end(first_card), Rv.OK)
        self.assert_rv(second.recv_handle(), Rv.OK)
        self.assert_rv(second.end(second_card), Rv.OK)

    @cardea_only("no queue")
    def test_a_waiter_that_does_not_come_back_loses_its_place(self) -> None:
        owner, card = self.client_with_card()
        first, first_card = self.client_with_card(foreign=True)
        second, second_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(first.begin(first_card), Rv.SHARING_VIOLATION)
        second.send_begin(second_card)
        self.assert_silent(second, 0.05)
        self.assert_rv(owner.end(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(second.recv_handle(), Rv.OK)
        self.assertLess(watch.seconds, 0.3 + SLACK_SECONDS)
        self.assert_rv(second.end(second_card), Rv.OK)

    @cardea_only("no queue")
    def test_a_reset_by_the_owner_is_told_to_the_waiters(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        other.send_begin(other_card)
        self.assert_silent(other, 0.05)
        self.assert_rv(owner.end(card, RESET), Rv.OK)
        self.assert_rv(other.recv_handle(), Rv.RESET_CARD)

    @cardea_only("no queue")
    def test_a_removal_is_told_to_the_waiters(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        other.send_begin(other_card)
        self.assert_silent(other, 0.05)
        self.daemon.cards.remove(0)
        self.addCleanup(self.daemon.insert, 0)
        self.assert_rv(other.recv_handle(), Rv.REMOVED_CARD)

    @cardea_only("answers at once")
    def test_status_and_transmit_get_the_card_if_it_is_free_within_a_moment(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        other.send_transmit(other_card, SELECT)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_rv(other.recv_transmit().rv, Rv.OK)

    def test_status_on_a_locked_reader_is_refused_soon(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(other.status(other_card), Rv.SHARING_VIOLATION)
        self.assertLess(watch.seconds, SHORT_PARK_SECONDS + SLACK_SECONDS)

    def test_control_and_attributes_are_refused_at_once(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card(foreign=True)
        self.assert_rv(owner.begin(card), Rv.OK)
        watch = Stopwatch()
        for _ in range(5):
            self.assert_rv(other.control(other_card, NOT_A_CODE).rv, Rv.SHARING_VIOLATION)
            self.assert_rv(other.get_attrib(other_card, ATR_TAG).rv, Rv.SHARING_VIOLATION)
        self.assertLess(watch.seconds / 10, AT_ONCE_SECONDS)


class WaitUntilFree(SystemTest):
    def test_connect_waits_for_the_end_of_a_transaction(self) -> None:
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        other = self.client()
        for share in (SHARED, DIRECT):
            with self.subTest(share=share):
                other.send_connect(self.reader, share)
                self.assert_silent(other)
                self.assert_rv(owner.end(card), Rv.OK)
                answer = other.recv_connect()
                self.assert_rv(answer.rv, Rv.OK)
                self.assert_rv(other.disconnect(answer.card), Rv.OK)
                self.assert_rv(owner.begin(card), Rv.OK)
        other.send_connect(self.reader, EXCLUSIVE)
        self.assert_silent(other)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_rv(other.recv_connect().rv, Rv.SHARING_VIOLATION)

    def test_connect_that_waits_outlasts_exclusive_mode(self) -> None:
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        other = self.client()
        other.send_connect(self.reader)
        self.assert_silent(other)
        self.assert_rv(owner.reconnect(card, EXCLUSIVE), Rv.OK)
        self.assert_silent(other)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_silent(other)
        # Whoever comes now is refused.
        self.assert_rv(self.client().connect(self.reader).rv, Rv.SHARING_VIOLATION)
        self.assert_rv(owner.disconnect(card), Rv.OK)
        self.assert_rv(other.recv_connect().rv, Rv.OK)

    def test_disconnect_with_action_waits_for_the_end_of_a_transaction(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        other.send(Command.DISCONNECT, other_card.to_bytes(4, "little") + b"\x01" + bytes(7))
        self.assert_silent(other)
        self.assert_hello(owner, card)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_rv(other.recv_disposition(), Rv.OK)
        self.assert_rv(owner.status(card), Rv.RESET_CARD)

    def test_a_state_fetch_never_waits(self) -> None:
        owner, card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        watch = Stopwatch()
        self.assertEqual(self.client().states()[0].sharing, 1)
        self.assertLess(watch.seconds, AT_ONCE_SECONDS + SLACK_SECONDS)


class SameConnection(SystemTest):
    """A connection never waits for its own lock: nobody could send the END."""

    @cardea_only("Debian's pcscd never answers, and the reader stays locked")
    def test_connect_is_served_without_touching_the_card(self) -> None:
        client, card = self.client_with_card()
        self.assert_rv(client.begin(card), Rv.OK)
        before = self.resets(client, card)
        answer = client.connect(self.reader)
        self.assert_rv(answer.rv, Rv.OK)
        self.assertEqual(answer.protocol, T1)
        self.assertEqual(self.resets(client, card), before)
        self.assert_rv(client.transmit(answer.card, HELLO).rv, Rv.SHARING_VIOLATION)
        self.assert_rv(client.connect(self.reader, EXCLUSIVE).rv, Rv.SHARING_VIOLATION)
        self.assert_rv(client.end(card), Rv.OK)
        self.assert_hello(client, answer.card)

    @cardea_only("Debian's pcscd never answers, and the reader stays locked")
    def test_disconnect_with_action_of_the_other_handle_is_refused(self) -> None:
        client, card = self.client_with_card()
        second = client.open_card(self.reader)
        self.assert_rv(client.begin(card), Rv.OK)
        self.assert_rv(client.disconnect(second, RESET), Rv.SHARING_VIOLATION)
        self.assert_hello(client, card)
        self.assert_rv(client.end(card), Rv.OK)
        self.assert_rv(client.disconnect(second, RESET), Rv.OK)
        self.assert_rv(client.status(card), Rv.RESET_CARD)

    def test_reconnect_inside_the_own_transaction_keeps_it(self) -> None:
        owner, card = self.client_with_card()
        other, other_card = self.client_with_card()
        self.assert_rv(owner.begin(card), Rv.OK)
        self.assert_rv(owner.reconnect(card, SHARED, T0_OR_T1, RESET), Rv.OK)
        self.assert_rv(other.control(other_card, NOT_A_CODE).rv, Rv.SHARING_VIOLATION)
        self.assert_hello(owner, card)
        self.assert_rv(owner.end(card), Rv.OK)

    def test_begin_of_the_other_handle_is_refused(self) -> None:
        client, card = self.client_with_card()
        second = client.open_card(self.reader)
        self.assert_rv(client.begin(card), Rv.OK)
        watch = Stopwatch()
        self.assert_rv(client.begin(second), Rv.SHARING_VIOLATION)
        self.assertLess(watch.seconds, SHORT_PARK_SECONDS + SLACK_SECONDS)
        self.assert_rv(client.end(card), Rv.OK)
