"""What clients get that break the protocol, and that nobody else notices.

Ours disconnects such a client at once and writes one record that names it."""

from __future__ import annotations

import re
import struct

from harness import peer
from harness.case import SystemTest, cardea_only
from harness.waiting import poll_until
from harness.wire import (ATTRIBUTE, CONNECT, CONTROL, HANDLE, HEADER, PCI_BYTES, RECEIVE_MAX, T1,
                          TRANSMIT, Command, Rv, WireClient)

FOREIGN_CARD = 0x11223344
AT_ONCE_SECONDS = 1.0
# Debian's pcscd sleeps 2 s before it hangs up on a foreign card handle.
DEBIAN_PENALTY_SECONDS = 6.0

VERSION_4_4 = "0c00000011000000" "040000000400000000000000"
ESTABLISH = "0c00000001000000" "020000000000000000000000"

NOT_COMMANDS = (0x00, 0x03, 0x0C, 0x0E, 0x18, 0xFF, 0x1100, 0xFFFFFFFF)
BODY_BYTES = {
    Command.ESTABLISH: 12, Command.RELEASE: 8, Command.CONNECT: 152, Command.RECONNECT: 24,
    Command.DISCONNECT: 12, Command.BEGIN: 8, Command.END: 12, Command.TRANSMIT: 32,
    Command.CONTROL: 24, Command.STATUS: 8, Command.CANCEL: 8, Command.GET_ATTRIB: 280,
    Command.SET_ATTRIB: 280, Command.VERSION: 12}


def transmit_body(card: int, length: int) -> bytes:
    return TRANSMIT.pack(card, T1, PCI_BYTES, length, T1, PCI_BYTES, RECEIVE_MAX, 0)


class Malformed(SystemTest):
    """Each case: one bad client is cut off while an honest one keeps its card."""

    def setUp(self) -> None:
        super().setUp()
        self.honest, self.honest_card = self.client_with_card()

    def tearDown(self) -> None:
        self.assert_hello(self.honest, self.honest_card)

    def _assert_cut_off(self, client: WireClient, seconds: float = AT_ONCE_SECONDS) -> None:
        self.assert_closed(client, seconds)
        client.close()

    def test_wrong_size_of_each_command_with_a_body(self) -> None:
        for command, right in BODY_BYTES.items():
            for wrong in (0, 1, right - 1, right + 1, right + 4, 0x7FFFFFFF, 0xFFFFFFFF):
                with self.subTest(command=command.name, size=wrong):
                    client = self.client()
                    client.send(command, bytes(min(wrong, 300)), size=wrong)
                    self._assert_cut_off(client)

    def test_unknown_commands(self) -> None:
        for command in NOT_COMMANDS:
            with self.subTest(command=hex(command)):
                client = self.client()
                client.send(command)
                self._assert_cut_off(client)

    def test_body_where_none_belongs(self) -> None:
        # COMPAT: Debian's pcscd answers first and then trips over the stray bytes.
        # With WAIT its event list would keep the dead client's descriptor and spoil later tests.
        commands = (Command.GET_STATES, Command.WAIT)
        for command in commands if self.is_cardea else commands[:1]:
            with self.subTest(command=command.name):
                client = self.client()
                client.send(command, struct.pack("<II", 300, 0))
                wanted = self.expect_compat("refused before it is served", cardea=0, debian=2944)
                self.assertEqual(len(client.recv_until_closed()), wanted)

    def test_foreign_card_handle_in_each_command(self) -> None:
        # COMPAT: at once instead of after a sleep, with a context or without.
        limit = self.expect_compat("no penalty sleep", cardea=AT_ONCE_SECONDS,
                                   debian=DEBIAN_PENALTY_SECONDS)
        requests = (
            (Command.BEGIN, HANDLE.pack(FOREIGN_CARD, 0), b""),
            (Command.STATUS, HANDLE.pack(self.honest_card, 0), b""),
            (Command.STATUS, HANDLE.pack(0, 0), b""),
            (Command.TRANSMIT, transmit_body(self.honest_card, 5), bytes(5)),
            (Command.CONTROL, CONTROL.pack(self.honest_card, 0, 0, 300, 0, 0), b""),
            (Command.DISCONNECT, struct.pack("<iII", self.honest_card, 1, 0), b""),
            (Command.END, struct.pack("<iII", self.honest_card, 1, 0), b""),
            (Command.RECONNECT, struct.pack("<iIIIII", self.honest_card, 2, 3, 1, 0, 0), b""),
            (Command.GET_ATTRIB, ATTRIBUTE.pack(self.honest_card, 0x90303, b"", 264, 0), b""))
        clients = []
        for command, body, payload in requests:
            clients.append(self.client())
            clients[-1].send(command, body, payload)
        for (command, _, _), client in zip(requests, clients):
            with self.subTest(command=command.name):
                self._assert_cut_off(client, limit)

    def test_foreign_card_handle_without_context(self) -> None:
        client = self.client(establish=False)
        client.send(Command.BEGIN, HANDLE.pack(FOREIGN_CARD, 0))
        self._assert_cut_off(client)

    def test_oversized_payloads(self) -> None:
        client, card = self.client_with_card()
        client.send(Command.TRANSMIT, transmit_body(card, RECEIVE_MAX + 1))
        self._assert_cut_off(client)
        client, card = self.client_with_card()
        client.send(Command.TRANSMIT, transmit_body(card, 0xFFFFFFFF))
        self._assert_cut_off(client)
        client, card = self.client_with_card()
        client.send(Command.CONTROL, CONTROL.pack(card, 0, RECEIVE_MAX + 1, 300, 0, 0))
        self._assert_cut_off(client)

    def test_oversized_attributes(self) -> None:
        for command in (Command.GET_ATTRIB, Command.SET_ATTRIB):
            with self.subTest(command=command.name):
                client, card = self.client_with_card()
                client.send(command, ATTRIBUTE.pack(card, 0x90303, b"", 265, 0))
                self._assert_cut_off(client)

    def test_longest_allowed_payload_is_served(self) -> None:
        client, card = self.client_with_card()
        answer = client.control(card, 0x42009999, bytes(RECEIVE_MAX))
        self.assert_rv(answer.rv, Rv.UNSUPPORTED_FEATURE)
        self.assert_hello(client, card)

    @cardea_only("Debian's pcscd keeps the registration and writes into the next client")
    def test_stray_bytes_do_not_reach_the_next_client(self) -> None:
        """A waiter that is cut off is forgotten: whoever gets its descriptor hears nothing."""
        for _ in range(5):
            waiter = self.client()
            waiter.wait()
            waiter.send(0x18)
            self._assert_cut_off(waiter)
        fresh = [self.client() for _ in range(5)]
        self.daemon.insert(1)
        self.daemon.remove(1)
        for client in fresh:
            self.assert_silent(client, 0.05)


class Truncated(SystemTest):
    def test_part_of_a_header_is_waited_for(self) -> None:
        client = self.client()
        client.socket.sendall(HEADER.pack(0, Command.GET_STATES)[:3])
        self.assert_silent(client)
        client.socket.sendall(HEADER.pack(0, Command.GET_STATES)[3:])
        self.assertEqual(client.recv_states(16)[0].name, self.reader)

    def test_a_request_in_single_bytes_is_served(self) -> None:
        client, card = self.client_with_card()
        body = transmit_body(card, 4)
        for byte in HEADER.pack(len(body), Command.TRANSMIT) + body + bytes(4):
            client.socket.sendall(bytes((byte,)))
        self.assert_rv(client.recv_transmit().rv, Rv.OK)

    def test_requests_in_one_segment_are_served_in_order(self) -> None:
        client, card = self.client_with_card()
        one = HEADER.pack(8, Command.STATUS) + HANDLE.pack(card, 0)
        client.socket.sendall(one * 20)
        for _ in range(20):
            self.assert_rv(client.recv_handle(), Rv.OK)

    def test_end_of_stream_in_a_header_or_body_ends_the_connection(self) -> None:
        for piece in (b"\x08\x00\x00", HEADER.pack(8, Command.BEGIN),
                      HEADER.pack(8, Command.BEGIN) + b"\x01\x02"):
            with self.subTest(piece=piece.hex()):
                client = self.client()
                client.socket.sendall(piece)
                client.socket.shutdown(1)
                self.assert_closed(client, AT_ONCE_SECONDS)


class Answers(SystemTest):
    """Errors that are answered, on a connection that lives on."""

    def test_establish_with_a_wrong_scope(self) -> None:
        client = self.client(establish=False)
        self.assertEqual(client.establish(4), (Rv.INVALID_VALUE, 0))
        self.assert_rv(client.establish(2)[0], Rv.OK)

    def test_release_of_another_context(self) -> None:
        client = self.client()
        self.assert_rv(client.release(0x0BADBEEF), Rv.INVALID_VALUE)
        self.assert_rv(client.release(), Rv.OK)
        self.assert_rv(client.release(), Rv.INVALID_HANDLE)

    def test_establish_again_after_release(self) -> None:
        client = self.client()
        self.assert_rv(client.release(), Rv.OK)
        rv, client.context = client.establish()
        self.assert_rv(rv, Rv.OK)
        self.assert_hello(client, client.open_card(self.reader))

    def test_connect_with_a_wrong_context_has_no_card(self) -> None:
        client = self.client()
        answer = client.connect(self.reader, context=client.context ^ 1)
        self.assert_rv(answer.rv, Rv.INVALID_VALUE)
        if self.is_cardea:  # COMPAT: Debian's pcscd tells a handle that is already void.
            self.assertEqual(answer.card, 0)

    def test_connect_without_context_has_no_card(self) -> None:
        client = self.client(establish=False)
        answer = client.connect(self.reader, context=1)
        self.assert_rv(answer.rv, Rv.INVALID_HANDLE)
        if self.is_cardea:  # COMPAT: as above
            self.assertEqual(answer.card, 0)

    def test_connect_with_a_name_that_is_not_terminated(self) -> None:
        client = self.client()
        name = b"x" * 128
        client.send(Command.CONNECT, CONNECT.pack(client.context, name, 2, 3, 0, 0, 0))
        raw = client.recv(CONNECT.size)
        self.assertEqual(raw[4:132], name[:127] + b"\0")
        self.assert_rv(int.from_bytes(raw[148:], "little"), Rv.UNKNOWN_READER)

    def test_connect_with_rubbish_after_the_name(self) -> None:
        client = self.client()
        name = self.reader.encode() + b"\0" + bytes(range(1, 60))
        self.assert_rv(client.connect(name).rv, Rv.OK)

    def test_cancel_of_an_unknown_context(self) -> None:
        client = self.client(None, establish=False)
        self.assert_rv(client.cancel(0x7FFFFFFE), Rv.INVALID_HANDLE)

    def test_cancel_of_a_context_that_does_not_wait(self) -> None:
        idle = self.client()
        other = self.client(None, establish=False)
        # Debian's 1.9.9 still said INVALID_HANDLE; upstream has answered 0 since 2.0.1.
        wanted = self.expect_compat("as upstream since 2.0.1", cardea=Rv.OK,
                                    debian=Rv.INVALID_HANDLE)
        self.assert_rv(other.cancel(idle.context), wanted)
        self.assert_silent(idle)

    def test_receive_buffer_too_small_tells_the_length_and_sends_no_data(self) -> None:
        client, card = self.client_with_card()
        answer = client.transmit(card, b"\x80\x20\x00\x08", receive=1)
        self.assert_rv(answer.rv, Rv.INSUFFICIENT_BUFFER)
        self.assertEqual(answer.length, 10)
        self.assert_hello(client, card)

    def test_wrong_protocol_in_transmit(self) -> None:
        client, card = self.client_with_card(protocols=T1)
        self.assert_rv(client.transmit(card, bytes(4), 1).rv, Rv.PROTO_MISMATCH)
        self.assert_hello(client, card)

    def test_stop_without_wait_gets_nothing(self) -> None:
        client = self.client()
        client.send_stop()
        self.assert_silent(client)
        self.assertEqual(client.states()[0].name, self.reader)

    def test_handles_and_contexts_are_positive_and_unique(self) -> None:
        seen: set[int] = set()
        for _ in range(20):
            client, card = self.client_with_card()
            for value in (client.context, card):
                self.assertGreater(value, 0)
                self.assertLess(value, 1 << 31)
            seen.update((client.context, card))
        self.assertEqual(len(seen), 40)


class Record(SystemTest):
    """One log record per client that was cut off, with pid, uid and program."""

    def _records_of(self, *sends: str) -> list[str]:
        client = peer.start(self.daemon.socket_path, *sends, uid=peer.other_uid())
        output, _ = client.communicate(timeout=20)
        self.assertEqual(client.returncode, 0)
        answers = 24 if ESTABLISH in sends else 12
        self.assertEqual(len(output), answers, "bytes after the bad request")
        pid = re.compile(rf"\b{client.pid}\b")
        return poll_until("a record of the bad client", lambda: [
            line for line in self.daemon.log().splitlines() if pid.search(line)])

    @cardea_only("Debian's pcscd does not say who it was")
    def test_names_pid_uid_and_program(self) -> None:
        cases = {
            "wrong size": ("0700000007000000" + "00" * 7,),
            "unknown command": ("0000000018000000",),
            "foreign card": ("0800000007000000" "4433221100000000",),
            "truncated": ("0800000007000000" "4433", "shut"),
            "oversized": ("1801000010000000" + "00" * 272 + "0901000000000000",)}
        for what, sends in cases.items():
            with self.subTest(what):
                records = self._records_of(VERSION_4_4, ESTABLISH, *sends)
                self.assertEqual(len(records), 1, records)
                self.assertRegex(records[0], rf"\b{peer.other_uid()}\b")
                self.assertRegex(records[0], r"peer|python")
