"""pcscctl and the control socket: exact answers, events as they happen, traces without PINs,
refusals, permissions; and holders that sit idle."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import unittest
from typing import Any

from harness.case import SystemTest
from harness.daemon import READERS, Daemon
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import EXCLUSIVE, Rv

NOBODY = 65534
LINE_SECONDS = 10.0
VERIFY = bytes.fromhex("0020008104") + b"1234"
GARBAGE = (b"hello\n", b"\x00\xff\n", b'{"do":"status"}\n',
           b'{"cardea-control":2,"do":"status"}\n',
           b'{"cardea-control":1,"do":"halt"}\n', b"x" * 5000,
           b'{"cardea-control":1,"do":"trace"}\n')

PYTHON = "/usr/bin/python3"
OF_ONE_USER_MAX = 16
# Makes more connections than one user may have, and says how many are answered.
CROWD = """
import socket, sys
crowd = [socket.socket(socket.AF_UNIX) for _ in range(20)]
for one in crowd:
    one.connect(sys.argv[1])
answers = 0
for one in crowd:
    try:
        one.sendall(b'{"cardea-control":1,"do":"status"}\\n')
        answers += len(one.recv(10)) > 0
    except (BrokenPipeError, ConnectionResetError):
        pass
print(answers)
"""


class Stream:
    """Lines of monitor or trace, read as they come."""

    def __init__(self, path: str, request: dict[str, Any]) -> None:
        self._socket = connect(path)
        self._file = self._socket.makefile("rb")
        self._socket.sendall(json.dumps({"cardea-control": 1, **request}).encode() + b"\n")
        self.first = self.next()

    def next(self) -> dict[str, Any]:
        line = self._file.readline()
        assert line, "the daemon has closed the stream"
        return json.loads(line)

    def until(self, event: str) -> dict[str, Any]:
        while True:
            got = self.next()
            if got.get("event") == event:
                return got

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def connect(path: str) -> socket.socket:
    control = socket.socket(socket.AF_UNIX)
    control.connect(path)
    control.settimeout(LINE_SECONDS)
    return control


class ControlTest(SystemTest):
    @property
    def control(self) -> str:
        return str(self.daemon.socket_path).removesuffix(".comm") + ".control"

    def pcscctl(self, *arguments: str, status: int = 0, user: int | None = None) -> str:
        program = str(settings().daemon_path.parent / "pcscctl")
        done = subprocess.run([program, "--socket", str(self.daemon.socket_path), *arguments],
                              capture_output=True, text=True, check=False, user=user, group=user,
                              extra_groups=None if user is None else [])
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def status(self) -> dict[str, Any]:
        return json.loads(self.pcscctl("--json", "status"))

    def stream(self, **request: Any) -> Stream:
        stream = Stream(self.control, request)
        self.addCleanup(stream.close)
        return stream

    def ask(self, request: bytes) -> bytes:
        with connect(self.control) as control:
            control.sendall(request)
            answer = b""
            while chunk := control.recv(65536):
                answer += chunk
                if chunk.endswith(b"\n"):
                    break
            return answer


class Status(ControlTest):
    def test_three_clients_in_known_states(self) -> None:
        watch = Stopwatch()
        holder, card = self.client_with_card()
        waiter, waiting_card = self.client_with_card(foreign=True)
        watcher = self.client(minor=6)
        self.assert_rv(holder.begin(card), Rv.OK)
        waiter.send_begin(waiting_card)
        poll_until("the waiter is in line", lambda: bool(self.status()["readers"][0]["waiting"]))
        status = self.status()
        elapsed_ms = int(watch.seconds * 1000) + 1

        self.assertEqual(status["cardea-control"], 1)
        self.assertEqual(status["daemon"]["pid"], self.daemon.process.pid)
        self.assertEqual(status["daemon"]["socket"], str(self.daemon.socket_path))
        clients = status["clients"]
        self.assertEqual([client["protocol"] for client in clients], ["4:4", "4:4", "4:6"])
        self.assertEqual([client["handles"] for client in clients], [1, 1, 0])
        self.assertEqual([client["uid"] for client in clients], [0, 0, 0])
        self.assertEqual(clients[0]["pid"], os.getpid())
        self.assertEqual(clients[0]["program"], os.readlink("/proc/self/exe"))
        for client in clients:
            self.assertLessEqual(client["connected_ms"], elapsed_ms)
        full, empty = status["readers"]
        self.assertEqual([full["name"], empty["name"]], list(READERS))
        self.assertEqual([full["state"], empty["state"]], ["card", "empty"])
        self.assertEqual(full["card"], {"atr": full["card"]["atr"], "power": "on",
                                        "protocol": "T=1"})
        self.assertEqual(bytes.fromhex(full["card"]["atr"]), self.daemon.state(0).atr)
        self.assertIsNone(empty["card"])
        self.assertIsNone(empty["holder"])
        first, second, _ = (client["id"] for client in clients)
        self.assertEqual(full["handles"], [{"client": first, "mode": "shared"},
                                           {"client": second, "mode": "shared"}])
        held = full["holder"]
        self.assertEqual((held["client"], held["kind"]), (first, "transaction"))
        self.assertLessEqual(held["idle_ms"], held["held_ms"])
        self.assertLessEqual(held["held_ms"], elapsed_ms)
        self.assertEqual([(w["client"], w["for"]) for w in full["waiting"]],
                         [(second, "transaction")])
        text = self.pcscctl("status")
        self.assertIn(f"(pid {os.getpid()}, root), transaction for ", text)
        self.assertNotIn("\033", text, "colours are for terminals")
        self.assert_rv(holder.end(card), Rv.OK)
        self.assert_rv(waiter.recv_handle(), Rv.OK)
        watcher.close()

    def test_exclusive_is_no_transaction(self) -> None:
        self.client_with_card(share=EXCLUSIVE)
        holder = self.status()["readers"][0]["holder"]
        self.assertEqual(holder["kind"], "exclusive")

    def test_list(self) -> None:
        listed = json.loads(self.pcscctl("--json", "list"))
        self.assertEqual([reader["name"] for reader in listed], list(READERS))
        self.assertIn("none", self.pcscctl("list").splitlines()[2])

    def test_others_do_not_learn_which_program_it_is(self) -> None:
        self.client_with_card()
        shown = json.loads(self.pcscctl("--json", "status", user=NOBODY))
        self.assertEqual([(c["uid"], c["pid"], c["program"]) for c in shown["clients"]],
                         [(0, None, None)])
        self.assertEqual(len(shown["readers"]), 2)
        self.assertIn("a program of another user (root)", self.pcscctl("status", user=NOBODY))


class Streams(ControlTest):
    def test_monitor_tells_what_happens(self) -> None:
        events = self.stream(do="monitor")
        self.assertEqual(events.first["answer"], "monitor")
        client, card = self.client_with_card()
        self.assertEqual(events.until("client-connected")["client"]["pid"], os.getpid())
        opened = events.until("handle-opened")
        self.assertEqual((opened["reader"], opened["exclusive"]), (self.reader, False))
        self.assert_rv(client.begin(card), Rv.OK)
        self.assertEqual(events.until("lock-taken")["reader"], self.reader)
        self.assert_rv(client.end(card), Rv.OK)
        events.until("lock-released")
        client.close()
        self.assertEqual(events.until("handle-closed")["client"]["pid"], os.getpid())
        events.until("client-gone")
        self.daemon.insert(1)
        self.assertEqual(events.until("card-inserted")["reader"], READERS[1])
        self.daemon.remove(1)
        self.assertEqual(events.until("card-removed")["reader"], READERS[1])

    def test_monitor_that_is_not_read_disturbs_nobody(self) -> None:
        self.stream(do="monitor")
        client, card = self.client_with_card()
        for _ in range(2000):
            self.assert_rv(client.begin(card), Rv.OK)
            self.assert_rv(client.end(card), Rv.OK)

    def test_trace_shows_apdus_without_pins(self) -> None:
        traced = self.stream(do="trace", reader=self.reader)
        client, card = self.client_with_card()
        self.assert_hello(client, card)
        client.transmit(card, VERIFY)
        self.assertTrue(traced.until("apdu")["command"].startswith("00 A4 04 00 0A"))
        hello = traced.next()
        self.assertEqual((hello["command"], hello["rv"]), ("00 00 00 00", "SCARD_S_SUCCESS"))
        self.assertTrue(hello["response"].endswith("90 00"))
        self.assertEqual(traced.next()["command"], "00 20 00 81 04 ** ** ** **")

    def test_trace_is_not_for_everybody(self) -> None:
        self.assertIn("root", self.pcscctl("trace", self.reader, status=1, user=NOBODY))


class Refusals(ControlTest):
    def test_garbage_is_refused_with_one_record(self) -> None:
        for request in GARBAGE:
            before = self.daemon.log().count("control socket: refused")
            answer = json.loads(self.ask(request))
            self.assertEqual(answer["error"], "bad-request", request)
            poll_until("one record", lambda: self.daemon.log().count("control socket: refused")
                       == before + 1)
        self.assertEqual(len(self.status()["readers"]), 2)

    def test_half_a_request_and_a_hang_up_are_nothing(self) -> None:
        for part in (b"", b"{", b'{"cardea-control":1'):
            with connect(self.control) as control:
                control.sendall(part)
        self.assertEqual(len(self.status()["readers"]), 2)

    def test_more_connections_than_there_may_be(self) -> None:
        crowd = [connect(self.control) for _ in range(70)]
        for one in crowd:
            self.addCleanup(one.close)
        client, card = self.client_with_card()
        self.assert_hello(client, card)
        for one in crowd:
            one.close()
        self.assertEqual(len(self.status()["readers"]), 2)

    def test_one_user_cannot_keep_the_others_out(self) -> None:
        done = subprocess.run([PYTHON, "-c", CROWD, self.control], capture_output=True, text=True,
                              check=True, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(done.stdout.split(), [str(OF_ONE_USER_MAX)])

    def test_the_socket_is_for_everybody(self) -> None:
        mode = os.stat(self.control).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o666)


class Tool(ControlTest):
    def test_explain_needs_no_daemon_and_knows_the_cards_there_are(self) -> None:
        atr = self.daemon.state(0).atr.hex(" ").upper()
        self.assertTrue(self.pcscctl("explain").startswith(atr))
        analysis = json.loads(self.pcscctl("--json", "explain", "3B", "02", "14", "50"))[0]
        self.assertEqual((analysis["atr"], analysis["problems"]), ("3B 02 14 50", []))
        self.pcscctl("explain", "nonsense", status=2)

    def test_doctor_sees_this_daemon(self) -> None:
        program = str(settings().daemon_path.parent / "pcscctl")
        done = subprocess.run([program, "--socket", str(self.daemon.socket_path), "--json",
                               "doctor"], capture_output=True, text=True, check=False)
        found = {finding["id"]: finding for finding in json.loads(done.stdout)}
        self.assertEqual(found["socket"]["verdict"], "good")
        self.assertNotIn("daemon-foreign", found)

    def test_wrong_use(self) -> None:
        self.assertIn("Usage:", self.pcscctl(status=2))
        self.assertIn("unknown command", self.pcscctl("dance", status=2))
        self.assertIn("wrong number", self.pcscctl("trace", status=2))

    def test_says_that_there_is_no_daemon(self) -> None:
        program = str(settings().daemon_path.parent / "pcscctl")
        done = subprocess.run([program, "--socket", "/nowhere/pcscd.comm", "status"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("pcscctl doctor", done.stderr)


class WithOptions(ControlTest):
    arguments: tuple[str, ...] = ()

    @classmethod
    def _make_daemon(cls) -> Daemon:
        return Daemon(settings(), *cls.arguments)


class IdleHolder(WithOptions):
    arguments = ("--idle-holder", "1")

    def test_is_named_with_those_who_wait(self) -> None:
        holder, card = self.client_with_card()
        waiter, other = self.client_with_card(foreign=True)
        self.assert_rv(holder.begin(card), Rv.OK)
        while self.daemon.log().count("not used it for") == 0:
            self.assert_rv(waiter.begin(other), Rv.SHARING_VIOLATION)
        record = next(line for line in self.daemon.log().splitlines() if "not used it for" in line)
        self.assertIn(f"(pid {os.getpid()}, uid 0) has held a transaction", record)
        self.assertIn("waits", record)
        self.assert_rv(holder.end(card), Rv.OK)


class IdleHolderReset(WithOptions):
    arguments = ("--idle-holder", "1", "--idle-holder-policy", "reset")

    def test_loses_the_card(self) -> None:
        holder, card = self.client_with_card()
        waiter, other = self.client_with_card(foreign=True)
        self.assert_rv(holder.begin(card), Rv.OK)
        rv: int = Rv.SHARING_VIOLATION
        while rv == Rv.SHARING_VIOLATION:
            rv = waiter.begin(other)
        self.assert_rv(rv, Rv.RESET_CARD)
        self.assert_rv(waiter.reconnect(other), Rv.OK)
        self.assert_rv(waiter.begin(other), Rv.OK)
        self.assert_rv(holder.end(card), Rv.RESET_CARD)
        self.assert_hello(waiter, other)
        self.assert_rv(waiter.end(other), Rv.OK)


if __name__ == "__main__":
    unittest.main()
