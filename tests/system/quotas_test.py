"""What one user may take, and what he, the log and all others see when he has taken it."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from harness.daemon import READERS, Daemon
from harness.hostile import HostileTest, require, silent_connections
from harness.namespace import RUNTIME_DIR
from harness.peer import NOBODY
from harness.programs import LIBRARY, debian_lib_dir
from harness.settings import settings
from harness.victim import Step
from harness.waiting import poll_until
from harness.wire import EXCLUSIVE, HEADER, TRANSMIT, Command, Rv, WireClient

HERE, THERE = READERS
ANOTHER_USER = 1001
CLIENTS_MAX = 20
WAITING_MAX = 5
# The daemon keeps as many for itself, and gives one user half of the rest.
OWN_DESCRIPTORS = 64
DESCRIPTORS = 96
CROWD = 200
# Of a daemon that does not accept while nobody leaves: it looks again once a second.
IDLE_CPU_SECONDS = 0.05
LOOK_SECONDS = 1.5
# A request that lacks a byte of 65 000.
PIECE = HEADER.pack(TRANSMIT.size, Command.TRANSMIT) + TRANSMIT.pack(
    1, 2, 16, 65_000, 2, 16, 300, 0) + bytes(64_999)
# Opens contexts until one is refused, and prints how many there were and what it was told.
OPEN_CONTEXTS = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.SCardEstablishContext.restype = ctypes.c_long
context, count, rv = ctypes.c_long(), 0, 0
while rv == 0 and count < 1000:
    rv = library.SCardEstablishContext(2, None, None, ctypes.byref(context))
    count += rv == 0
print(count, hex(rv & 0xFFFFFFFF))
"""


class QuotaTest(HostileTest):
    arguments: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def _make_daemon(cls) -> Daemon:
        return Daemon(settings(), *cls.arguments)

    def setUp(self) -> None:
        super().setUp()
        self._log_before = len(self.daemon.log())

    def records(self, text: str) -> list[str]:
        """Lines of the log since the start of the test."""
        return [line for line in self.daemon.log()[self._log_before:].splitlines() if text in line]

    def one_record(self) -> str:
        return poll_until("a record", lambda: self.records("was refused"))[0]


class Connections(QuotaTest):
    arguments = (f"--max-clients-per-user={CLIENTS_MAX}",)

    def take_all(self, client: WireClient, step: Step) -> None:
        """Opens what there is, and one more, which is refused."""
        clients = [client, *(self.daemon.client() for _ in range(CLIENTS_MAX - 1))]
        with self.daemon.client(establish=False) as refused:
            require(refused.establish() == (Rv.NO_MEMORY, 0))
            step()
            step.wait_for_go()
        del clients

    def test_one_user_at_its_limit_leaves_others_alone(self) -> None:
        def open_here(client: WireClient, step: Step) -> None:
            client.open_card(HERE)
            step()

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(self.take_all):
                self.assertEqual(self.used("connections"), CLIENTS_MAX)
                with self.lasting(open_here, uid=ANOTHER_USER):
                    yield None

        self.assert_honest_client_is_served(attack, HERE)

    def test_one_record_says_who_and_what_helps(self) -> None:
        with self.lasting(self.take_all):
            record = self.one_record()
            greedy = self.attacker(lambda client, step: step(), connect=False)
            greedy.wait_for_steps(1)
            for text in (f"pid {self._pids()[0]}", f"uid {NOBODY}", "python",
                         f"{CLIENTS_MAX} connections", "SCARD_E_NO_MEMORY",
                         "--max-clients-per-user", " warning "):
                self.assertIn(text, record)
            for _ in range(5):
                with self._as_nobody() as refused:
                    self.assertEqual(refused.establish(), (Rv.NO_MEMORY, 0))
            self.assertEqual(len(self.records("was refused")), 1)
            greedy.kill()
        self.assert_nothing_left()
        with self.lasting(self.take_all):
            poll_until("a second one", lambda: len(self.records("was refused")) == 2)

    def test_there_is_room_when_one_has_gone(self) -> None:
        clients = [self._as_nobody() for _ in range(CLIENTS_MAX)]
        for client in clients:
            self.assertEqual(client.establish()[0], Rv.OK)
        late = self._as_nobody()
        self.assertEqual(late.establish()[0], Rv.NO_MEMORY)
        clients[0].close()
        poll_until("there is room", lambda: late.establish()[0] == Rv.OK)
        self.assert_rv(late.release(late.context), Rv.INVALID_VALUE)  # it is another number

    def test_more_than_can_be_answered_are_closed(self) -> None:
        with self.lasting(self.take_all):
            waiting = [self._as_nobody() for _ in range(3)]
            one_more = self._as_nobody(greet=False)
            self.assertEqual(one_more.recv_until_closed(), b"")
            self.assertEqual([one.establish()[0] for one in waiting], 3 * [Rv.NO_MEMORY])

    def test_each_library_passes_it_on(self) -> None:
        for name in ("cardea", "debian"):
            with self.subTest(library=name):
                folder = (settings().build_dir / "lib" if name == "cardea" else debian_lib_dir())
                copy = RUNTIME_DIR / name / LIBRARY  # nobody may not look into the build tree
                copy.parent.mkdir()
                shutil.copy((folder / LIBRARY).resolve(), copy)
                environment = {**os.environ, "PCSCLITE_CSOCK_NAME": str(self.daemon.socket_path)}
                if name == "cardea":
                    environment.update(settings().preload())
                done = subprocess.run([sys.executable, "-c", OPEN_CONTEXTS, str(copy)], user=NOBODY,
                                      group=NOBODY, extra_groups=[], env=environment, check=True,
                                      capture_output=True, text=True, cwd="/")
                self.assertEqual(done.stdout.split(), [str(CLIENTS_MAX), hex(Rv.NO_MEMORY)])
                self.assert_nothing_left()

    def _as_nobody(self, *, greet: bool = True) -> WireClient:
        return self.client_of(NOBODY, greet=greet)

    def _pids(self) -> list[int]:
        clients = self.daemon.status()["clients"]
        return [client["pid"] for client in clients if client["uid"] == NOBODY]


class Waiting(QuotaTest):
    arguments = (f"--max-waiting-per-user={WAITING_MAX}",)

    def test_one_request_too_many_is_refused_and_an_end_never(self) -> None:
        owner = self.client_of(NOBODY)
        owner.context = owner.establish()[1]
        card = owner.open_card(HERE)
        self.assert_rv(owner.begin(card), Rv.OK)
        waiting = [self.client_of(NOBODY) for _ in range(WAITING_MAX)]
        for client in waiting:
            client.context = client.establish()[1]
            client.send_connect(HERE, EXCLUSIVE)
        poll_until("they wait", lambda: self.used("waiting") == WAITING_MAX)
        late = self.client_of(NOBODY)
        self.assertEqual(late.establish(), (Rv.NO_MEMORY, 0))
        self.assertIn("--max-waiting-per-user", self.one_record())
        self.session(THERE)
        self.assert_rv(owner.end(card), Rv.OK)
        self.assert_rv(owner.disconnect(card), Rv.OK)
        for client in waiting:
            self.assertIn(client.recv_connect().rv, (Rv.OK, Rv.SHARING_VIOLATION))
        self.assertEqual(self.used("waiting"), 0)


class Memory(QuotaTest):
    arguments = ("--max-memory-per-user=1",)
    # Each thread of the pool has a heap of its own, and in each the quota may have been once.
    memory_slack_kb = 16 * 1024

    def test_requests_in_pieces_are_cut_off_at_the_limit(self) -> None:
        def play(client: WireClient, step: Step) -> None:
            links = silent_connections(str(self.daemon.socket_path), 40, PIECE)
            cut = select.poll()
            for link in links:
                cut.register(link, select.POLLRDHUP)
            require(bool(cut.poll(10_000)))
            step()
            step.wait_for_go()
            del links, client

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(play):
                self.assertLessEqual(self.used("bytes"), 1 << 20)
                self.assertIn("--max-memory-per-user", self.one_record())
                yield None

        self.assert_honest_client_is_served(attack, HERE)


class LimitedDaemon(Daemon):
    """It may have few descriptors."""

    def _command(self) -> list[str]:
        return ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *super()._command()]


class FewDescriptors(QuotaTest):
    """H13, by one user: he gets a part of what there is."""

    @classmethod
    def _make_daemon(cls) -> Daemon:
        return LimitedDaemon(settings())

    def test_a_crowd_of_one_user_leaves_descriptors_to_others(self) -> None:
        def play(_: WireClient, step: Step) -> None:
            links = silent_connections(str(self.daemon.socket_path), CROWD)
            step()
            step.wait_for_go()
            del links

        @contextlib.contextmanager
        def attack() -> Iterator[None]:
            with self.lasting(play, connect=False):
                self.assertEqual(self.used("connections"), (DESCRIPTORS - OWN_DESCRIPTORS) // 2)
                yield None

        self.assert_honest_client_is_served(attack, HERE)
        self.assertEqual(self.records("cannot accept"), [])


class NoDescriptor(QuotaTest):
    """H13, by root, who has no quota: newcomers wait, clients are served, nothing spins."""

    newcomers = False

    def setUp(self) -> None:
        super().setUp()
        pid = self.daemon.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        self.addCleanup(resource.prlimit, pid, resource.RLIMIT_NOFILE, limits)
        used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 20, limits[1]))

    def test_clients_are_served_and_newcomers_wait(self) -> None:
        client = self.client()
        links = silent_connections(str(self.daemon.socket_path), 60)
        for link in links:
            self.addCleanup(link.close)
        poll_until("the record", lambda: self.records("cannot accept"))
        before = self._cpu_seconds()
        select.select([], [], [], LOOK_SECONDS)  # pause: the daemon's CPU time is measured
        self.assertLess(self._cpu_seconds() - before, IDLE_CPU_SECONDS)
        for _ in range(10):
            self.session(HERE, client)
            links.pop().close()
        self.assertEqual(len(self.records("cannot accept")), 1, "one is enough")
        while links:
            links.pop().close()
        self.session(HERE)

    def test_it_heals_without_anybody_leaving(self) -> None:
        """As when the whole machine was short of them: it is not our clients who have them."""
        pid = self.daemon.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        links = silent_connections(str(self.daemon.socket_path), 60)
        for link in links:
            self.addCleanup(link.close)
        poll_until("none is left", lambda: len(os.listdir(f"/proc/{pid}/fd")) == limits[0])
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limits[1], limits[1]))
        self.session(HERE)

    def _cpu_seconds(self) -> float:
        stat = Path(f"/proc/{self.daemon.process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Forged(QuotaTest):
    """H15: what comes from clients cannot begin a line of the log."""

    arguments = ("--debug", "--access-rules", str(RUNTIME_DIR / "access.rules"))
    FORGED = "00000000 critical forged"

    @classmethod
    def _make_daemon(cls) -> Daemon:
        rules = RUNTIME_DIR / "access.rules"
        rules.write_text(f"deny uid={NOBODY} action=card\n")
        rules.chmod(0o644)
        return super()._make_daemon()

    def test_h15_a_line_end_in_a_name(self) -> None:
        client = self.client_of(NOBODY)
        client.context = client.establish()[1]
        self.assert_rv(client.connect(f"x\n{self.FORGED}").rv, Rv.SECURITY_VIOLATION)
        poll_until("the refusal", lambda: self.records("forged"))
        self._check()

    def test_h15_a_line_end_in_the_name_of_a_program(self) -> None:
        program = RUNTIME_DIR / f"x\n{self.FORGED}"
        shutil.copy(Path(sys.executable).resolve(), program)
        subprocess.run([str(program), "-c", "import socket, sys\n"
                        "link = socket.socket(socket.AF_UNIX)\nlink.connect(sys.argv[1])\n"
                        "link.sendall(bytes(8))\nlink.recv(1)", str(self.daemon.socket_path)],
                       check=True, env={**os.environ, "PYTHONHOME": sys.base_prefix})
        poll_until("the record", lambda: self.records("forged"))
        self._check()

    def _check(self) -> None:
        for line in self.daemon.log().splitlines():
            self.assertIsNone(re.match(self.FORGED, line), line)
