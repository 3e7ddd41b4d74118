"""pcscd.service and pcscd.socket as an administrator has them: started by the first client,
reloaded, killed, looked at by systemctl and journalctl, and held in by what the unit forbids.

In the container only (harness/container.py), where everything but the tests' readers is real."""

from __future__ import annotations

import os
import signal
import subprocess
import unittest
from pathlib import Path

from harness.cards import VirtualCards, VpcdCards
from harness.container import GUEST_BUILD
from harness.processes import status
from harness.settings import DEBIAN_VPCD, settings
from harness.service import (DEFAULTS, SERVICE, SOCKET, Entry, add_drop_in, journal, main_pid,
                          remove_drop_in, shown, systemctl)
from harness.waiting import PATIENCE_SECONDS, poll_until
from harness.wire import Rv, WireClient

READERS = Path("/etc/reader.conf.d")
DRIVER = Path("/usr/local/lib/pcsc/drivers/serial/libifdvirtual.so")
CONTROL = SOCKET.parent / "virtual"
HELLO = str(GUEST_BUILD / "bin" / "hello_card")
NAME = "Reader 00 00"
RULES = Path("/etc/cardea/access.rules")
POLKIT_RULE = Path("/etc/polkit-1/rules.d/10-test.rules")
POLKIT = Path("/usr/lib/polkit-1/polkitd")
SECURITY_VIOLATION = "0x8010006A"
NOBODY = 65534
VPCD_PORT = 35963
WATCHDOG_SECONDS = 1
CLOSED = tuple(map(Path, ("/", "/etc", "/etc/cardea", "/home", "/opt", "/root", "/run", "/run/lock",
                          "/run/systemd", "/sys/fs/cgroup", "/usr/local", "/var", "/var/lib")))
# README, "As a service of systemd".
TCP_DROP_IN = """[Service]
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressAllow=localhost
"""


def run(*command: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=4 * PATIENCE_SECONDS,
                          user=user, group=user, extra_groups=None if user is None else [])


def reader(name: str = "Reader", device: str = f"virtual:control={CONTROL}",
           library: Path = DRIVER) -> str:
    return f"FRIENDLYNAME \"{name}\"\nDEVICENAME {device}\nLIBPATH {library}\n"


@unittest.skipUnless(settings().starter == "service", "needs the container")
class SystemdTest(unittest.TestCase):
    """Each test begins with a service that is not running, and one reader."""

    def setUp(self) -> None:
        READERS.mkdir(exist_ok=True)
        self.addCleanup(self._clean)
        self.configure(reader())
        self.assertEqual(shown("ActiveState"), "inactive")
        cursor = journal("--lines=1")
        self._since = [f"--after-cursor={cursor[0]['__CURSOR']}"] if cursor else []

    def _clean(self) -> None:
        systemctl("stop", "--quiet", SERVICE)
        for path in (*READERS.iterdir(), DEFAULTS):
            path.unlink(missing_ok=True)
        systemctl("reset-failed", SERVICE, "pcscd.socket")

    def configure(self, text: str) -> None:
        (READERS / "test").write_text(text)

    def options(self, *words: str) -> None:
        DEFAULTS.parent.mkdir(exist_ok=True)
        DEFAULTS.write_text(f'PCSCD_ARGS="{" ".join(words)}"\n')

    def records(self, **fields: str) -> list[Entry]:
        """Of this test."""
        return [entry for entry in journal(*self._since)
                if all(entry.get(name) == value for name, value in fields.items())]

    def names(self) -> list[str]:
        with WireClient(SOCKET) as client:
            return [state.name for state in client.states() if state.name]

    def assert_hello(self, user: int | None = None) -> None:
        done = run(HELLO, user=user)
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "Hello world!"),
                         done.stdout)

    def assert_refused(self, user: int) -> None:
        done = run(HELLO, user=user)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(SECURITY_VIOLATION, done.stdout)


class Life(SystemdTest):
    def test_the_first_client_starts_it(self) -> None:
        self.assertEqual(shown("ActiveState", "pcscd.socket"), "active")
        self.assert_hello()
        self.assertEqual(shown("ActiveState"), "active")
        self.assertEqual(os.readlink(f"/proc/{main_pid()}/exe"), "/usr/local/sbin/pcscd")
        self.assert_hello(user=NOBODY)

    def test_systemd_knows_readers_and_clients(self) -> None:
        with WireClient(SOCKET) as client:
            client.states()
            poll_until("the status", lambda: shown("StatusText") == "1 reader, 1 client")
        poll_until("the status", lambda: shown("StatusText") == "1 reader, 0 clients")

    def test_a_reload_reads_the_configuration(self) -> None:
        self.assertEqual(self.names(), [NAME])
        pid = main_pid()
        self.configure(reader() + reader("Other", "virtual:card=none"))
        systemctl("reload", SERVICE)
        poll_until("both readers", lambda: self.names() == [NAME, "Other 01 00"])
        self.assertEqual(main_pid(), pid)
        self.assert_hello()

    def test_stop_and_restart_keep_the_socket(self) -> None:
        inode = SOCKET.stat().st_ino
        self.assert_hello()
        pid = main_pid()
        systemctl("restart", SERVICE)
        self.assertNotIn(main_pid(), (0, pid))
        self.assert_hello()
        systemctl("stop", "--quiet", SERVICE)
        self.assertEqual((shown("Result"), shown("ExecMainStatus")), ("success", "0"))
        self.assert_hello()
        self.assertEqual(SOCKET.stat().st_ino, inode)

    def test_killed_it_is_started_again(self) -> None:
        self.assert_hello()
        pid = main_pid()
        os.kill(pid, signal.SIGKILL)
        poll_until("the next one", lambda: main_pid() not in (0, pid))
        self.assertEqual(shown("NRestarts"), "1")
        self.assert_hello()

    def test_one_that_hangs_is_started_again(self) -> None:
        add_drop_in("watchdog", f"[Service]\nWatchdogSec={WATCHDOG_SECONDS}\n")
        self.addCleanup(remove_drop_in, "watchdog")
        self.assert_hello()
        pid = main_pid()
        os.kill(pid, signal.SIGSTOP)
        poll_until("the next one", lambda: main_pid() not in (0, pid))
        self.assert_hello()
        self.assertTrue([entry for entry in self.records() if "Watchdog timeout" in
                         entry["MESSAGE"]], self.records())

    def test_it_leaves_and_comes_back_and_nobody_notices(self) -> None:
        self.options("--auto-exit=1")
        inode = SOCKET.stat().st_ino
        for _ in range(2):
            self.assert_hello()
            poll_until("its end", lambda: shown("ActiveState") == "inactive")
            self.assertEqual((shown("Result"), shown("NRestarts")), ("success", "0"))
        self.assertEqual(SOCKET.stat().st_ino, inode)


class Journal(SystemdTest):
    def test_records_have_fields_and_explanations(self) -> None:
        with WireClient(SOCKET, None, establish=False) as client:
            self.assertEqual(client.version(4, 99)[2], Rv.SERVICE_STOPPED)
        record, = poll_until("the record",
                             lambda: self.records(CARDEA_CLIENT_PROTOCOL="4:99"))
        self.assertEqual(record["_SYSTEMD_UNIT"], SERVICE)
        self.assertEqual(record["_UID"], shown("UID"))
        self.assertEqual(record["CARDEA_CLIENT_PID"], str(os.getpid()))
        self.assertEqual(record["CARDEA_RV"], "SCARD_E_SERVICE_STOPPED")
        explained = run("journalctl", "-x", "--no-pager", f"--unit={SERVICE}",
                        f"MESSAGE_ID={record['MESSAGE_ID']}").stdout
        self.assertIn(record["MESSAGE"].split(":")[0], explained)
        self.assertRegex(explained, r"(?m)^.. Remedy: ")

    def test_a_service_that_works_says_little(self) -> None:
        self.assert_hello()
        systemctl("stop", "--quiet", SERVICE)
        records = [entry for entry in self.records() if entry["_SYSTEMD_UNIT"] == SERVICE]
        self.assertEqual([entry for entry in records if int(entry["PRIORITY"]) < 5], [])
        self.assertLessEqual(len(records), 6, [entry["MESSAGE"] for entry in records])

    @unittest.skipUnless(Path("/usr/bin/dbus-daemon").exists(), "needs D-Bus")
    def test_the_level_is_changed_while_it_runs(self) -> None:
        self.assert_hello()
        poll_until("its name on the bus",
                   lambda: "org.cardea.pcscd" in run("busctl", "list", "--acquired").stdout)
        systemctl("service-log-level", SERVICE, "debug")
        self.assertEqual(systemctl("service-log-level", SERVICE), "debug")
        self.assert_hello()
        poll_until("debug records", lambda: self.records(PRIORITY="7"))


class Access(SystemdTest):
    def setUp(self) -> None:
        super().setUp()
        rules = RULES.read_text()
        self.addCleanup(RULES.write_text, rules)
        RULES.write_text("")

    @unittest.skipUnless(POLKIT.exists(), "needs polkit")
    def test_polkit_decides_for_those_who_do_not_sit_here(self) -> None:
        self.assert_refused(NOBODY)
        self.assert_hello()
        record, = poll_until("the record", lambda: self.records(
            CARDEA_CLIENT_UID=str(NOBODY), CARDEA_RV="SCARD_W_SECURITY_VIOLATION"))
        self.assertIn("polkit does not allow org.debian.pcsc-lite.access_pcsc", record["MESSAGE"])

    @unittest.skipUnless(POLKIT.exists(), "needs polkit")
    def test_and_its_local_rules_count(self) -> None:
        """The daemon is not root, and asks about others: the policy file has to allow that."""
        systemctl("stop", "polkit.service")
        POLKIT_RULE.parent.mkdir(parents=True, exist_ok=True)
        POLKIT_RULE.write_text('polkit.addRule(function(action, subject) {\n'
                               '  if (action.id.indexOf("org.debian.pcsc-lite.") == 0)\n'
                               '    return polkit.Result.YES;\n});\n')
        self.addCleanup(systemctl, "stop", "polkit.service")
        self.addCleanup(POLKIT_RULE.unlink)
        self.assert_hello(user=NOBODY)

    def test_own_rules_need_no_polkit(self) -> None:
        RULES.write_text(f"allow uid={NOBODY}\n")
        self.assert_hello(user=NOBODY)
        RULES.write_text(f"deny uid={NOBODY}\n")
        systemctl("reload", SERVICE)
        poll_until("the new rule", lambda: run(HELLO, user=NOBODY).returncode != 0)
        self.assert_refused(NOBODY)


class Sandbox(SystemdTest):
    def test_the_unit_is_well_formed_and_closed(self) -> None:
        verified = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                       SERVICE, "pcscd.socket")
        self.assertEqual((verified.returncode, verified.stdout), (0, ""))
        self.assert_hello()
        rated = run("systemd-analyze", "security", "--no-pager", "--threshold=12", SERVICE)
        self.assertEqual(rated.returncode, 0, rated.stdout)

    def test_the_process_has_no_rights_to_lose(self) -> None:
        self.assert_hello()
        fields = status(main_pid())
        self.assertEqual({word for word in fields["Uid"].split()}, {shown("UID")})
        self.assertNotEqual(shown("UID"), "0")
        for capabilities in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(fields[capabilities], 16), 0, capabilities)
        self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))

    def test_nothing_but_its_own_folder_can_be_written(self) -> None:
        """Not even by root, in the service's view of the file system."""
        self.assert_hello()
        for folder in CLOSED:
            with self.subTest(folder):
                self.assertEqual(self._write(folder).returncode, 1)
        self.assertEqual(self._write(SOCKET.parent).returncode, 0)

    def _write(self, folder: Path) -> subprocess.CompletedProcess[str]:
        return run("nsenter", "--mount", f"--target={main_pid()}", "sh", "-c",
                   f"cd {folder} || exit 2; touch written && rm written")


class Tcp(SystemdTest):
    """Readers behind TCP, of the virtual driver and of Debian's."""

    def cards(self) -> VpcdCards:
        cards = VpcdCards(VPCD_PORT)
        self.addCleanup(cards.close)
        return cards

    def test_the_virtual_reader_takes_a_drop_in(self) -> None:
        self.configure(reader(device=f"virtual:vpcd={VPCD_PORT}"))
        self.assertEqual(self.names(), [])
        poll_until("the reason", lambda: [entry for entry in self.records(PRIORITY="3")
                                          if 'reader "Reader"' in entry["MESSAGE"]])
        systemctl("stop", "--quiet", SERVICE)
        add_drop_in("tcp", TCP_DROP_IN)
        self.addCleanup(remove_drop_in, "tcp")
        self.assertEqual(self.names(), [NAME])
        self.cards().insert(0)
        poll_until("the greeting", lambda: run(HELLO).returncode == 0)
        self.assert_hello()

    def test_debians_driver_takes_the_same(self) -> None:
        add_drop_in("tcp", TCP_DROP_IN)
        self.addCleanup(remove_drop_in, "tcp")
        self.configure(reader(device=f"/dev/null:{VPCD_PORT:#x}", library=DEBIAN_VPCD)
                       + f"CHANNELID {VPCD_PORT:#x}\n")
        self.assertIn(NAME, self.names())
        self.cards().insert(0)
        poll_until("the greeting", lambda: run(HELLO).returncode == 0)
        self.assert_hello()

    def test_the_address_filter_is_in_force(self) -> None:
        """Without IPAddressAllow= a card does not get through, though the port is open."""
        add_drop_in("tcp", TCP_DROP_IN.replace("IPAddressAllow=localhost\n", ""))
        self.addCleanup(remove_drop_in, "tcp")
        self.configure(reader(device=f"virtual:vpcd={VPCD_PORT}"))
        self.assertEqual(self.names(), [NAME])
        reached = run("bash", "-c", f"timeout 1 bash -c ': </dev/tcp/127.0.0.1/{VPCD_PORT}'")
        if reached.returncode == 0:
            self.skipTest("bpf() is forbidden here, and with it the filter of addresses")
        self.assertEqual(reached.returncode, 124, reached.stdout)


class Control(SystemdTest):
    def test_a_card_is_moved_over_the_socket_in_run_pcscd(self) -> None:
        """doc/virtual-reader.md, "Under systemd"."""
        self.assert_hello()
        VirtualCards(CONTROL).remove(0)
        poll_until("no card", lambda: run(HELLO).returncode != 0)
        VirtualCards(CONTROL).insert(0)
        poll_until("a card", lambda: run(HELLO).returncode == 0)

    def test_pcscctl_says_who_is_there(self) -> None:
        self.assert_hello()
        said = run("/usr/local/bin/pcscctl", "status")
        self.assertEqual(said.returncode, 0)
        self.assertIn(f"pid {main_pid()}", said.stdout)
        self.assertIn(NAME, said.stdout)


if __name__ == "__main__":
    unittest.main()
