"""The sample as a flatpak: flatpak itself binds pcscd's socket into its sandbox, or does not, and
the daemon knows which application it serves: root from flatpak's own file in the sandbox, another
user from the name of the control group, which systemd would have given it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.control_group import ControlGroup
from harness.flatpak import APPLICATION, SECONDS, Flatpak
from harness.journal import Journal
from harness.launch import IPC_DIR, SOCKET, LaunchTest, for_everybody
from harness.manager import Activator
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import Rv, WireClient

OURS = settings().build_dir / "lib" / "libifdvirtual.so"
PCSCCTL = settings().daemon_path.parent / "pcscctl"
RULES = RUNTIME_DIR / "access.rules"
NOBODY = 65534


@functools.cache
def installed() -> Flatpak:
    flatpak = Flatpak(RUNTIME_DIR / "flatpak")
    flatpak.install()
    return flatpak


class FlatpakTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.flatpak = installed()
        self.readers = RUNTIME_DIR / "readers.conf"
        self.readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME virtual:\n"
                                f"LIBPATH {for_everybody(OURS)}\n")

    @staticmethod
    def wait_for_card() -> None:
        with WireClient(SOCKET) as client:
            poll_until("a card", lambda: client.states()[0].atr)


class Application(FlatpakTest):
    def test_the_socket_permission_decides(self) -> None:
        IPC_DIR.mkdir()
        service = Activator(SOCKET, "--config", str(self.readers), "--auto-exit=1")
        self.addCleanup(service.close)
        with self.subTest("sockets=pcsc"):
            self.assert_works()
        with self.subTest("--nosocket=pcsc"):
            refused = self.flatpak.run("--nosocket=pcsc")
            self.assertNotEqual(refused.returncode, 0, refused.stdout)
            self.assertIn("Service not available", refused.stdout)
        with self.subTest("started by the activator again"):
            poll_until("the end of the daemon", lambda: service.statuses)
            self.assert_works()

    def assert_works(self) -> None:
        self.wait_for_card()
        done = self.flatpak.run()
        self.assertIn("Hello world!", done.stdout)
        self.assertEqual(done.returncode, 0)


class Name(FlatpakTest):
    def in_group(self) -> Callable[[], None]:
        group = ControlGroup(APPLICATION)
        self.addCleanup(group.close)
        return group.enter

    def another_user(self) -> int:
        if os.getuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] == "1":
            self.skipTest("there is only one user here")
        return NOBODY

    def test_is_known_to_root_from_the_sandbox(self) -> None:
        self.check_status(lambda: None)
        self.check_record(lambda: None)

    def test_is_known_to_root_from_the_control_group(self) -> None:
        self.check_status(self.in_group())

    def test_is_known_to_the_service_from_the_control_group(self) -> None:
        user = self.another_user()
        enter = self.in_group()
        self.check_status(enter, user=user)
        self.check_record(enter, user=user)

    def test_is_not_known_to_the_service_from_the_sandbox(self) -> None:
        """Nothing of another user's sandbox is readable for it: the program has its own name."""
        user = self.another_user()
        self.serve(readers=self.readers, user=user)
        with self.waiting_application(lambda: None) as (status, _):
            client = next(one for one in status["clients"] if one["program"] == "hello_card")
            self.assertNotIn("app", client)

    def check_status(self, prepare: Callable[[], None], user: int | None = None) -> None:
        daemon = self.serve(readers=self.readers, user=user)
        with self.waiting_application(prepare) as (status, text):
            client = next(one for one in status["clients"] if "app" in one)
            self.assertEqual((client["sandbox"], client["app"]), ("flatpak", APPLICATION))
            waiting = status["readers"][0]["waiting"]
            self.assertEqual([waiter["client"] for waiter in waiting], [client["id"]])
            named = f"{APPLICATION} (flatpak) (pid {client['pid']}, root), for the card"
            self.assertIn(f"waiting  {named}", text)
        daemon.end(15)

    def waiting_application(self, prepare: Callable[[], None]) -> WaitingApplication:
        self.wait_for_card()
        return WaitingApplication(self, self.flatpak, prepare)

    def check_record(self, prepare: Callable[[], None], user: int | None = None) -> None:
        journal = Journal()
        self.addCleanup(journal.close)
        os.chmod("/run/systemd/journal/socket", 0o666)
        RULES.write_text(f"deny app={APPLICATION}\n")
        daemon = self.serve("--access-rules", str(RULES), readers=self.readers, user=user,
                            journal=True)
        refused = self.flatpak.start(prepare)
        output, _ = refused.communicate(timeout=SECONDS)
        self.assertNotEqual(refused.returncode, 0, output)
        self.assertIn("0x8010006A", output)
        entry = journal.wait_for("the denial", lambda found: "CARDEA_RULE" in found)
        self.assertEqual(entry["CARDEA_CLIENT_SANDBOX"], "flatpak")
        self.assertEqual(entry["CARDEA_CLIENT_APP_ID"], APPLICATION)
        self.assertIn(f", flatpak {APPLICATION})", entry["MESSAGE"])
        self.assertEqual(entry["CARDEA_RULE"], f'allow uid=0 sandbox=flatpak app="{APPLICATION}"')
        daemon.end(15)


class WaitingApplication:
    """The application while it waits for a card that the test holds; what pcscctl says then. It
    gets the card at the end, and has to be content."""

    def __init__(self, test: Name, flatpak: Flatpak, prepare: Callable[[], None]) -> None:
        self._test, self._flatpak, self._prepare = test, flatpak, prepare
        self._holder = WireClient(SOCKET)

    def __enter__(self) -> tuple[dict[str, Any], str]:
        card = self._holder.open_card("Reader 00 00")
        self._test.assertEqual(self._holder.begin(card), Rv.OK)
        self._application = self._flatpak.start(self._prepare)
        self._card = card
        poll_until("the application waits",
                   lambda: json.loads(self._status("--json"))["readers"][0]["waiting"])
        return json.loads(self._status("--json")), self._status()

    def __exit__(self, *_: object) -> None:
        self._test.assertEqual(self._holder.end(self._card), Rv.OK)
        output = self._application.communicate(timeout=SECONDS)[0]
        self._test.assertIn("Hello world!", output)
        self._holder.close()

    @staticmethod
    def _status(*options: str) -> str:
        command = [str(PCSCCTL), "--socket", str(SOCKET), *options, "status"]
        return subprocess.run(command, check=True, text=True, capture_output=True).stdout


if __name__ == "__main__":
    unittest.main()
