"""Who may use smart cards: rules, polkit, and what happens when polkit does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import unittest
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from unittest import mock

from harness import authority
from harness.authority import BUS, Bus, FakePolkit, RealPolkit
from harness.control_group import ControlGroup
from harness.foreign import ForeignConnection
from harness.journal import Entry, Journal
from harness.launch import SOCKET, Launch, LaunchTest
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import ESTABLISH, Closed, Command, Rv, WireClient

READER = "Cardea Virtual Reader 00 00"
RULES = RUNTIME_DIR / "access.rules"
ROOT, ACTIVE, INACTIVE, SERVICE, CONTAINER = 0, 1000, 1001, 990, 100_000
OTHERS = (ACTIVE, INACTIVE, SERVICE, CONTAINER)
HANGING, MORTAL, TYPING, DREAMING, CARDLESS = 1002, 1003, 1004, 1005, 1006
ANSWERS = (f"{ACTIVE}=yes", f"{INACTIVE}=no", f"{SERVICE}=no", f"{CONTAINER}=no",
           f"{HANGING}=silent", f"{MORTAL}=die", f"{TYPING}=password", f"{DREAMING}=dialog",
           f"{CARDLESS}=yes", f"{CARDLESS}:card=no")
OK, REFUSED = Rv.OK, Rv.SECURITY_VIOLATION
POLKIT_SECONDS = 5.0  # the daemon's patience
CONNECT_SECONDS_MAX = 1.0
CONNECTS = 200  # while polkit hangs, or as many as it takes half of the daemon's patience


def become(uid: int, groups: Sequence[int] = ()) -> Callable[[], None]:
    def change() -> None:
        os.setgroups(list(groups))
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)

    return change


class AccessTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        if os.getuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] == "1":
            self.skipTest("there is only one user here")
        address = mock.patch.dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={BUS}")
        address.start()
        self.addCleanup(address.stop)
        RULES.unlink(missing_ok=True)
        BUS.unlink(missing_ok=True)
        self.readers = RUNTIME_DIR / "readers.conf"
        self.readers.write_text(f'FRIENDLYNAME "Cardea Virtual Reader"\nDEVICENAME virtual:\n'
                                f"LIBPATH {settings().driver_path}\n")
        authority.install_polkit(there=True)

    def start_bus(self) -> Bus:
        bus = Bus()
        self.addCleanup(bus.close)
        return bus

    def start_polkit(self, *answers: str) -> FakePolkit:
        polkit = FakePolkit(*(answers or ANSWERS))
        self.addCleanup(polkit.close)
        return polkit

    def pcscd(self, rules: str | None = None, *, journal: bool = False) -> Launch:
        arguments = []
        if rules is not None:
            RULES.write_text(rules)
            RULES.chmod(0o644)
            arguments = ["--access-rules", str(RULES)]
        return self.serve(*arguments, readers=self.readers, journal=journal)

    def connection(self, uid: int, groups: Sequence[int] = ()) -> WireClient:
        client = WireClient(SOCKET, establish=False,
                            connection=ForeignConnection(SOCKET, become(uid, groups)))
        self.addCleanup(client.close)
        return client

    def answers(self, uid: int, groups: Sequence[int] = (),
                reader: str = READER) -> tuple[int, int]:
        """What ESTABLISH and CONNECT say; a refused client goes on being served."""
        client = self.connection(uid, groups)
        established, client.context = client.establish()
        connected: int = REFUSED
        if established == OK:
            connected = client.connect(reader).rv
        else:
            self.assertEqual(client.context, 0)
            self.assertEqual(client.establish(9)[0], Rv.INVALID_VALUE)
        client.close()
        return established, connected

    def check_matrix(self, let_in: Sequence[int]) -> None:
        for uid in (ROOT, *OTHERS):
            expected = OK if uid in let_in else REFUSED
            with self.subTest(uid=uid):
                self.assertEqual(self.answers(uid), (expected, expected))


class Matrix(AccessTest):
    """{active, inactive, root, service, container} x {polkit answers, is not installed, does not
    run, no bus, a crashed one} x {default, rule}: what pcscd(8) says. fake-polkit answers as the
    policy does."""

    def test_polkit_decides_by_default(self) -> None:
        self.start_bus()
        self.start_polkit()
        self.pcscd()
        self.check_matrix([ROOT, ACTIVE])

    def test_rules_come_before_polkit(self) -> None:
        self.start_bus()
        self.start_polkit()
        self.pcscd(f"allow uid={SERVICE}\nallow gid=7\ndeny uid={ACTIVE}\n")
        self.check_matrix([ROOT, SERVICE])
        self.assertEqual(self.answers(INACTIVE, groups=[7]), (OK, OK))

    def test_without_polkit_everybody_is_let_in(self) -> None:
        authority.install_polkit(there=False)
        self.pcscd()
        self.check_matrix([ROOT, *OTHERS])

    def test_without_polkit_rules_restrict(self) -> None:
        authority.install_polkit(there=False)
        self.pcscd(f"allow uid=0\nallow uid={SERVICE}\nallow uid={CONTAINER}\ndeny\n")
        self.check_matrix([ROOT, SERVICE, CONTAINER])

    def test_without_a_bus_everybody_is_let_in(self) -> None:
        daemon = self.pcscd()
        self.check_matrix([ROOT, *OTHERS])
        self.assertEqual(daemon.output.count("there is no system bus"), 1)

    def test_without_a_bus_rules_restrict(self) -> None:
        self.pcscd(f"allow uid=0\nallow uid={INACTIVE}\ndeny\n")
        self.check_matrix([ROOT, INACTIVE])

    def test_a_bus_that_has_crashed_lets_only_root_in(self) -> None:
        self.start_bus().close()
        self.pcscd()
        self.check_matrix([ROOT])

    def test_a_bus_that_has_crashed_does_not_stop_rules(self) -> None:
        self.start_bus().close()
        self.pcscd(f"allow uid={INACTIVE}\nallow uid={CONTAINER}\n")
        self.check_matrix([ROOT, INACTIVE, CONTAINER])

    def test_polkit_that_does_not_run_lets_only_root_in(self) -> None:
        self.start_bus()
        self.pcscd()
        self.check_matrix([ROOT])

    def test_polkit_that_does_not_run_does_not_stop_rules(self) -> None:
        self.start_bus()
        self.pcscd(f"allow uid={SERVICE}\ndeny uid={ACTIVE}\n")
        self.check_matrix([ROOT, SERVICE])

    def test_disabled_polkit_is_not_asked(self) -> None:
        self.start_bus()
        polkit = self.start_polkit()
        self.serve("--disable-polkit", readers=self.readers)
        self.check_matrix([ROOT, *OTHERS])
        self.assertEqual(polkit.calls(), ["ready"])


class Rules(AccessTest):
    def setUp(self) -> None:
        super().setUp()
        authority.install_polkit(there=False)

    def test_name_readers(self) -> None:
        self.pcscd('deny uid=1001 reader="Cardea*"\nallow uid=1000 reader="Other*"\ndeny uid=1000')
        self.assertEqual(self.answers(INACTIVE), (OK, REFUSED))
        self.assertEqual(self.answers(ACTIVE), (OK, REFUSED))
        self.assertEqual(self.answers(ACTIVE, reader="Other 00 00"), (OK, Rv.UNKNOWN_READER))
        self.assertEqual(self.answers(SERVICE), (OK, OK))

    def test_are_read_again(self) -> None:
        daemon = self.pcscd("allow\n")
        holder = self.connection(ACTIVE)
        _, holder.context = holder.establish()
        card = holder.open_card(READER)
        RULES.write_text("deny uid=1000\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_line("1 access rules of", times=2)
        self.assertEqual(self.answers(ACTIVE), (REFUSED, REFUSED))
        self.assertEqual(holder.connect(READER).rv, REFUSED)
        self.assertEqual(holder.begin(card), OK)  # what it has it keeps

    def test_with_a_mistake_let_only_root_in(self) -> None:
        daemon = self.pcscd("allow\nallow everybody\n")
        daemon.wait_for_line(f"{RULES}:2: ")
        self.check_matrix([ROOT])
        RULES.write_text("allow\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_line("1 access rules of")
        self.check_matrix([ROOT, *OTHERS])
        RULES.write_text("allow\nallow everybody\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_line("the rules read before stay in force")
        self.check_matrix([ROOT, *OTHERS])

    def test_are_checked_without_a_start(self) -> None:
        RULES.write_text("allow\nallow everybody\n")
        check = self.launch("--check-config", "--access-rules", str(RULES))
        self.assertEqual(check.wait(), 1)
        self.assertIn(f"{RULES}:2: ", check.output)


class Records(AccessTest):
    def denial(self, journal: Journal) -> Entry:
        return journal.wait_for("the denial", lambda entry: "CARDEA_RULE" in entry)

    def test_name_who_why_and_what_would_help(self) -> None:
        journal = Journal()
        self.addCleanup(journal.close)
        self.start_bus()
        self.start_polkit()
        daemon = self.pcscd("", journal=True)
        self.assertEqual(self.answers(CARDLESS), (OK, REFUSED))
        entry = self.denial(journal)
        rule = f'allow uid={CARDLESS} reader="{READER}"'
        self.assertEqual(entry["CARDEA_RULE"], rule)
        self.assertEqual(entry["CARDEA_CLIENT_UID"], str(CARDLESS))
        self.assertEqual(entry["CARDEA_ACTION"], "org.debian.pcsc-lite.access_card")
        self.assertEqual(entry["CARDEA_ASKED_READER"], READER)
        self.assertEqual(entry["CARDEA_SESSION"], "unknown (no logind)")
        self.assertEqual(entry["CARDEA_RV"], "SCARD_W_SECURITY_VIOLATION")
        self.assertIn("python3", entry["CARDEA_CLIENT_EXE"])
        self.assertIn("polkit does not allow", entry["MESSAGE"])
        # The rule that it names is the one that helps.
        RULES.write_text(entry["CARDEA_RULE"] + "\n")
        daemon.process.send_signal(signal.SIGHUP)
        journal.wait_for("the rules", lambda e: e["MESSAGE"].startswith("1 access rules"))
        self.assertEqual(self.answers(CARDLESS), (OK, OK))


class Libraries(AccessTest):
    """What a program sees: the return codes of SCardEstablishContext and SCardConnect."""

    PROGRAM = """
import ctypes, os, sys
library = ctypes.CDLL(sys.argv[1])
os.setresuid(*[int(sys.argv[2])] * 3)
context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
code = library.SCardEstablishContext(2, None, None, ctypes.byref(context)) & 0xffffffff
print(hex(code))
if code == 0:
    print(hex(library.SCardConnect(context, sys.argv[3].encode(), ctypes.c_ulong(2),
          ctypes.c_ulong(3), ctypes.byref(card), ctypes.byref(protocol)) & 0xffffffff))
"""

    def codes(self, library: str, uid: int) -> list[int]:
        done = subprocess.run(["/usr/bin/python3", "-c", self.PROGRAM, library, str(uid), READER],
                              check=True, capture_output=True, text=True,
                              env={**os.environ, **settings().preload()})
        return [int(line, 16) for line in done.stdout.split()]

    def test_each_library_says_it(self) -> None:
        self.start_bus()
        self.start_polkit()
        self.pcscd()
        ours = str(settings().build_dir / "lib" / "libpcsclite.so.1")
        for library in (ours, "libpcsclite.so.1"):
            with self.subTest(library=library):
                self.assertEqual(self.codes(library, ACTIVE), [OK, OK])
                for _ in range(20):
                    self.assertEqual(self.codes(library, INACTIVE), [REFUSED])
                self.assertEqual(self.codes(library, CARDLESS), [OK, REFUSED])


class Sandboxes(AccessTest):
    """In a control group with the name that flatpak gives one."""

    APP = "org.example.App"

    def setUp(self) -> None:
        super().setUp()
        authority.install_polkit(there=False)
        self.group = ControlGroup(self.APP)
        self.addCleanup(self.group.close)

    def sandboxed(self, uid: int) -> WireClient:
        def enter() -> None:
            self.group.enter()
            become(uid)()

        client = WireClient(SOCKET, establish=False, connection=ForeignConnection(SOCKET, enter))
        self.addCleanup(client.close)
        return client

    def sandboxed_answer(self, uid: int) -> int:
        client = self.sandboxed(uid)
        answer = client.establish()[0]
        client.close()
        self.group.wait_until_empty()
        return answer

    def test_are_known_in_rules_and_records(self) -> None:
        journal = Journal()
        self.addCleanup(journal.close)
        self.pcscd("deny app=org.example.*\n", journal=True)
        self.assertEqual(self.sandboxed_answer(ACTIVE), REFUSED)
        self.assertEqual(self.answers(ACTIVE), (OK, OK))
        entry = journal.wait_for("the denial", lambda e: "CARDEA_RULE" in e)
        self.assertEqual(entry["CARDEA_CLIENT_SANDBOX"], "flatpak")
        self.assertEqual(entry["CARDEA_CLIENT_APP_ID"], self.APP)
        self.assertEqual(entry["CARDEA_RULE"],
                         f'allow uid={ACTIVE} sandbox=flatpak app="{self.APP}"')

    def test_are_named_by_pcscctl(self) -> None:
        self.pcscd("")
        self.assertEqual(self.sandboxed(ACTIVE).establish()[0], OK)
        program = str(settings().daemon_path.parent / "pcscctl")
        command = [program, "--socket", str(SOCKET), "status"]
        shown = subprocess.run(command, check=True, text=True, capture_output=True).stdout
        self.assertIn(f"{self.APP} (flatpak)", shown)

    def test_of_another_user_gain_nothing_by_their_name(self) -> None:
        self.pcscd(f"allow uid={ACTIVE} app={self.APP}\nallow uid=0\ndeny\n")
        self.assertEqual(self.sandboxed_answer(ACTIVE), OK)
        self.assertEqual(self.sandboxed_answer(INACTIVE), REFUSED)
        self.assertEqual(self.answers(ACTIVE), (REFUSED, REFUSED))

    def test_whose_process_has_gone_are_denied_what_any_is(self) -> None:
        self.pcscd("deny app=org.example.*\n")
        client = self.sandboxed(ACTIVE)
        client.foreign.end_child()
        self.assertEqual(client.establish()[0], REFUSED)


class Polkit(AccessTest):
    def setUp(self) -> None:
        super().setUp()
        self.bus = self.start_bus()

    def asking(self, uid: int) -> WireClient:
        """One whose ESTABLISH is on its way."""
        client = self.connection(uid)
        client.send(Command.ESTABLISH, ESTABLISH.pack(2, 0, 0))
        return client

    def take_answer(self, client: WireClient) -> int:
        return ESTABLISH.unpack(client.recv(ESTABLISH.size))[2]

    def test_is_told_who_asks_for_what(self) -> None:
        polkit = self.start_polkit()
        self.pcscd()
        client = self.connection(ACTIVE)
        pid = client.foreign.pid
        stat = Path(f"/proc/{pid}/stat").read_text()
        start = stat.rpartition(")")[2].split()[19]
        _, client.context = client.establish()
        client.open_card(READER)
        who = f"pid={pid} uid={ACTIVE} start={start} pidfd=1 flags=0"
        prefix = "check org.debian.pcsc-lite.access_"
        self.assertEqual(polkit.calls(), ["ready", f"{prefix}pcsc {who} reader=",
                                          f"{prefix}card {who} reader={READER}"])

    def test_is_not_asked_about_who_has_ended(self) -> None:
        polkit = self.start_polkit()
        daemon = self.pcscd()
        client = self.connection(ACTIVE)
        client.foreign.end_child()
        self.assertEqual(client.establish()[0], REFUSED)
        daemon.wait_for_line("a program that has exited")
        if "has ended, so polkit cannot be asked" in daemon.output:  # Linux 6.5
            self.assertEqual(polkit.calls(), ["ready"])

    def test_is_not_asked_about_root(self) -> None:
        polkit = self.start_polkit()
        self.pcscd()
        self.assertEqual(self.answers(ROOT), (OK, OK))
        self.assertEqual(polkit.calls(), ["ready"])

    def test_may_ask_for_a_password(self) -> None:
        polkit = self.start_polkit()
        self.pcscd()
        self.assertEqual(self.answers(TYPING), (OK, OK))
        flags = [call.split("flags=")[1][0] for call in polkit.calls()[1:]]
        self.assertEqual(flags, ["0", "1", "0", "1"])

    def test_need_not_ask_who_has_gone(self) -> None:
        polkit = self.start_polkit()
        self.pcscd()
        client = self.asking(DREAMING)
        poll_until("the dialog is open", lambda: len(polkit.calls()) == 3)
        client.close()
        poll_until("it is closed", lambda: polkit.calls()[-1].startswith("cancel pcscd-"))

    def test_that_hangs_holds_up_nobody_else(self) -> None:
        polkit = self.start_polkit()
        daemon = self.pcscd()
        hanging = [self.asking(HANGING) for _ in range(20)]
        watch = Stopwatch()
        poll_until("polkit has some of them", lambda: len(polkit.calls()) > 4)
        times: list[float] = []
        while len(times) < CONNECTS and watch.seconds < POLKIT_SECONDS / 2:
            for uid in (ROOT, ACTIVE):
                one = Stopwatch()
                self.assertEqual(self.answers(uid), (OK, OK))
                times.append(one.seconds)
        self.assertGreater(len(times), 1)
        self.assertLess(max(times), CONNECT_SECONDS_MAX)
        # All that while they were waiting, and one user's questions take only some of the places.
        self.assertFalse(any(client.readable(0) for client in hanging))
        asked = [call for call in polkit.calls() if f"uid={HANGING} " in call]
        self.assertLessEqual(len(asked), 8)
        for client in hanging:
            self.assertEqual(self.take_answer(client), REFUSED)
        self.assertGreaterEqual(watch.seconds, POLKIT_SECONDS * 0.9)
        daemon.wait_for_line("polkit has not answered in time")

    def test_clients_that_die_while_it_hangs_leave_nothing(self) -> None:
        self.start_polkit()
        daemon = self.pcscd()
        def descriptors() -> int:
            return len(os.listdir(f"/proc/{daemon.pid}/fd"))

        # Of the bus and of nothing else; the daemon closes those of who has gone in its own time.
        most = descriptors() + 2
        self.assertEqual(self.answers(ACTIVE), (OK, OK))  # opens the connection to the bus
        poll_until("only the bus is open", lambda: descriptors() <= most)
        for client in [self.asking(HANGING) for _ in range(20)]:
            client.close()
        poll_until("their descriptors are closed", lambda: descriptors() <= most)
        # Nothing of theirs is in the way of the same user's next one.
        self.assertEqual(self.answers(ACTIVE), (OK, OK))

    def test_that_dies_is_a_no_and_may_come_back(self) -> None:
        polkit = self.start_polkit()
        daemon = self.pcscd()
        self.assertEqual(self.answers(MORTAL), (REFUSED, REFUSED))
        self.assertEqual(polkit.process.wait(), 3)
        daemon.wait_for_line("polkit cannot be asked")
        self.assertEqual(self.answers(ACTIVE), (REFUSED, REFUSED))
        self.start_polkit()
        self.assertEqual(self.answers(ACTIVE), (OK, OK))

    def test_a_bus_that_goes_may_come_back(self) -> None:
        self.start_polkit()
        self.pcscd()
        self.assertEqual(self.answers(ACTIVE), (OK, OK))
        self.bus.close()
        self.assertEqual(self.answers(ACTIVE), (REFUSED, REFUSED))
        self.start_bus()
        self.start_polkit()
        self.assertEqual(self.answers(ACTIVE), (OK, OK))

    def test_a_bus_that_hangs_is_a_no(self) -> None:
        self.start_polkit()
        daemon = self.pcscd()
        self.bus.process.send_signal(signal.SIGSTOP)
        client = self.asking(ACTIVE)
        self.assertEqual(self.answers(ROOT), (OK, OK))
        self.assertEqual(self.take_answer(client), REFUSED)
        daemon.wait_for_line("the system bus does not answer")
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def test_questions_that_are_open_do_not_keep_the_daemon(self) -> None:
        polkit = self.start_polkit()
        daemon = self.pcscd()
        client = self.asking(HANGING)
        poll_until("polkit is asked", lambda: len(polkit.calls()) == 2)
        watch = Stopwatch()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        self.assertLess(watch.seconds, POLKIT_SECONDS)
        with suppress(Closed):
            self.assertEqual(self.take_answer(client), REFUSED)

    def test_the_real_one_understands(self) -> None:
        program = authority.real_polkit()
        if program is None:
            self.skipTest("polkit is not installed")
        polkit = RealPolkit(program, """
polkit.addRule(function(action, subject) {
  if (action.id == "org.debian.pcsc-lite.access_pcsc" && subject.user == "nobody") return "yes";
  if (action.id == "org.debian.pcsc-lite.access_card" && subject.user == "nobody") {
    return action.lookup("reader") == "%s" ? "yes" : "no";
  }
});""" % READER)
        self.addCleanup(polkit.close)
        self.pcscd()
        nobody = 65534
        self.assertEqual(self.answers(nobody), (OK, OK))
        self.assertEqual(self.answers(nobody, reader="Another 00 00"), (OK, REFUSED))
        # Nobody sits at this machine, so the defaults of the policy let nobody in.
        self.assertEqual(self.answers(1), (REFUSED, REFUSED))


if __name__ == "__main__":
    unittest.main()
