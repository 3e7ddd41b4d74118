"""Programs in a sandbox that has pcscd's socket and brings its own library: they work, they go on
working when the service is restarted, and the one that cannot be served is named."""

from __future__ import annotations

import os
import signal
import subprocess
import unittest
from collections.abc import Callable
from pathlib import Path

from harness.control_group import ControlGroup
from harness.journal import Entry, Journal
from harness.launch import IPC_DIR, SOCKET, Launch, LaunchTest
from harness.manager import Activator
from harness.namespace import RUNTIME_DIR
from harness.sandbox import LIBRARY_CLIENT, REFUSED_CLIENT, WIRE_CLIENT, LivingSandbox, box, run
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import Rv, WireClient

OURS = settings().build_dir / "lib" / "libifdvirtual.so"
GREETING = "Hello world!"
NO_SERVICE = "0x8010001d"
CLIENTS: dict[str, tuple[str, ...]] = {
    "library 4:4": LIBRARY_CLIENT,
    **{f"wire 4:{minor}": (*WIRE_CLIENT, str(minor)) for minor in (3, 4, 5, 6)}}
OLD_CLIENTS = {name: CLIENTS[name] for name in ("library 4:4", "wire 4:3")}


def one_user_only() -> bool:
    return os.getuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] == "1"


class SandboxTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.readers = RUNTIME_DIR / "readers.conf"
        self.readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME virtual:\nLIBPATH {OURS}\n")

    def start(self, *, journal: bool = False) -> Launch:
        daemon = self.serve(readers=self.readers, journal=journal)
        self.wait_for_card()
        return daemon

    @staticmethod
    def wait_for_card() -> None:
        with WireClient(SOCKET) as client:
            poll_until("a card", lambda: client.states()[0].atr)

    def living(self, *command: str, **how: bool) -> LivingSandbox:
        sandbox = LivingSandbox(box(**how), command)
        self.addCleanup(sandbox.close)
        return sandbox


class Service(SandboxTest):
    def test_every_version_is_served(self) -> None:
        self.start()
        for name, command in CLIENTS.items():
            with self.subTest(name):
                done = run(box(), command)
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertIn(GREETING, done.stdout)

    def test_an_ordinary_user_is_served(self) -> None:
        if one_user_only():
            self.skipTest("there is only one user here")
        self.start()
        for name, command in OLD_CLIENTS.items():
            with self.subTest(name):
                done = run(box(unprivileged=True), command)
                self.assertIn(GREETING, done.stdout)

    def test_without_the_socket_there_is_no_service(self) -> None:
        self.start()
        done = run(box(socket=False), LIBRARY_CLIENT)
        self.assertIn(NO_SERVICE, done.stdout.lower())
        self.assertNotIn(GREETING, done.stdout)


class Restart(SandboxTest):
    """What is bound into a sandbox is the socket itself, not its name."""

    def test_with_the_activators_socket_the_sandbox_goes_on(self) -> None:
        IPC_DIR.mkdir()
        service = Activator(SOCKET, "--config", str(self.readers), "--auto-exit=1")
        self.addCleanup(service.close)
        SOCKET.chmod(0o666)
        self.wait_for_card()
        users = (False,) if one_user_only() else (False, True)
        sandboxes = [self.living(*command, unprivileged=user)
                     for command in OLD_CLIENTS.values() for user in users]
        for daemons in range(3):
            for sandbox in sandboxes:
                self.assertIn(GREETING, sandbox.ask())
            poll_until("the end of the daemon", lambda: len(service.statuses) > daemons)
        self.assertEqual(set(service.statuses), {0})

    def test_with_a_socket_of_the_daemon_it_has_to_be_started_again(self) -> None:
        """Why there is a socket unit: nobody can connect to a socket that has been replaced."""
        first = self.start()
        sandbox = self.living(*LIBRARY_CLIENT)
        with_directory = self.living(*LIBRARY_CLIENT, directory=True)
        self.assertIn(GREETING, sandbox.ask())
        self.assertIn(GREETING, with_directory.ask())
        self.assertEqual(first.end(signal.SIGTERM), 0)
        self.start()
        self.assertNotIn(GREETING, sandbox.ask())
        self.assertIn(GREETING, with_directory.ask())
        self.assertIn(GREETING, run(box(), LIBRARY_CLIENT).stdout)


class Refusal(SandboxTest):
    def setUp(self) -> None:
        super().setUp()
        self.journal = Journal()
        self.addCleanup(self.journal.close)
        self.start(journal=True)

    def refused(self, prepare: Callable[[], None] = lambda: None) -> Entry:
        """The record about a client whose library cannot be served."""
        with subprocess.Popen([*box(), *REFUSED_CLIENT, "2"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, preexec_fn=prepare) as client:
            assert client.stdout is not None
            self.assertEqual(client.stdout.readline().strip(), hex(Rv.SERVICE_STOPPED))
            entry = self.journal.wait_for("who", lambda found: "CARDEA_CLIENT_PROTOCOL" in found)
            # The pid is ours to look up, not the one inside.
            words = Path(f"/proc/{entry['CARDEA_CLIENT_PID']}/cmdline").read_text().split("\0")
            self.assertEqual(words[0], REFUSED_CLIENT[0])
            client.communicate("\n")
        return entry

    def test_names_the_application(self) -> None:
        group = ControlGroup("org.example.Old")
        self.addCleanup(group.close)
        entry = self.refused(group.enter)
        self.assertEqual(entry["CARDEA_CLIENT_APP_ID"], "org.example.Old")
        self.assertIn(", flatpak org.example.Old) cannot use smart cards", entry["MESSAGE"])

    def test_one_record_says_who_what_and_what_to_do(self) -> None:
        entry = self.refused()
        self.assertIn("python", entry["CARDEA_CLIENT_EXE"])
        self.assertEqual(entry["CARDEA_CLIENT_UID"], "0")
        self.assertEqual(entry["CARDEA_CLIENT_PROTOCOL"], "4:2")
        for word in ("python", "protocol 4:2", "4:3 to 4:6", "SERVICE_STOPPED", "Remedy"):
            self.assertIn(word, entry["MESSAGE"])
        about = [found for found in self.journal.drain() if "CARDEA_CLIENT_PID" in found]
        self.assertEqual(len(about), 1, about)


if __name__ == "__main__":
    unittest.main()
