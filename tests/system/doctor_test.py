"""pcscctl doctor where the unit tests cannot look: at a real journal with refusals of a real
daemon, forged ones too, and at a socket that another user may not use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import unittest
from pathlib import Path

from harness.foreign import ForeignConnection
from harness.journald import Journald
from harness.launch import IPC_DIR, SOCKET, LaunchTest, for_everybody
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import poll_until
from harness.wire import Rv, WireClient

SOURCE = Path(__file__).resolve().parents[2]
PCSCCTL = settings().daemon_path.parent / "pcscctl"
RULES = RUNTIME_DIR / "access.rules"
NOBODY = 65534
DENIED = "bada98b5b4084290b51639b0cf9fa7cd"
# Logs as the daemon does, but as a user that it does not run as.
FORGER = f"""
import os, socket
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
    journal.connect("/run/systemd/journal/socket")
    journal.send(b"MESSAGE_ID={DENIED}\\nMESSAGE=forged\\nSYSLOG_IDENTIFIER=pcscd\\n"
                 b"CARDEA_CLIENT_EXE=/forged\\nCARDEA_CLIENT_UID={NOBODY}\\n"
                 b"CARDEA_RULE=allow uid={NOBODY}\\n")
"""

journald: Journald
Findings = dict[str, list[dict[str, str]]]


def setUpModule() -> None:  # noqa: N802  (unittest's name)
    global journald
    journald = Journald()
    unittest.addModuleCleanup(journald.close)


def several_users() -> bool:
    return os.getuid() == 0 and Path("/proc/self/uid_map").read_text().split()[2] != "1"


class DoctorTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        if not several_users():
            self.skipTest("there is only one user here")

    def findings(self, user: int | None = None) -> Findings:
        """By their ids."""
        command = [str(for_everybody(PCSCCTL)), "--socket", str(SOCKET), "--json", "doctor"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, user=user,
                              group=user, extra_groups=None if user is None else [])
        self.assertIn(done.returncode, (0, 1), done.stderr)
        found: Findings = {}
        for finding in json.loads(done.stdout):
            found.setdefault(finding["id"], []).append(finding)
        return found

    def client_of(self, uid: int) -> WireClient:
        def become() -> None:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)

        client = WireClient(SOCKET, establish=False, connection=ForeignConnection(SOCKET, become))
        self.addCleanup(client.close)
        return client


class Refusals(DoctorTest):
    def test_are_counted_and_the_advice_helps(self) -> None:
        RULES.write_text("deny uid=1000\n")
        self.serve("--access-rules", str(RULES), journal=True)
        self.assertNotIn("refused-access", self.findings())
        for _ in range(3):
            self.assertEqual(self.client_of(1000).establish()[0], Rv.SECURITY_VIOLATION)
        poll_until("the records", lambda: len(journald.entries(f"MESSAGE_ID={DENIED}")) == 3)
        (finding,) = self.findings()["refused-access"]
        self.assertEqual(finding["verdict"], "warning")
        self.assertRegex(finding["text"], r"python3\S* \(uid 1000\) was refused smart cards: "
                                          r"3 times in the last 24 h, the last \d+ m?s ago")
        RULES.write_text(finding["line"] + "\n" + RULES.read_text())
        subprocess.run([str(settings().daemon_path), "--hotplug"], check=True)
        poll_until("the rules are read",
                   lambda: self.client_of(1000).establish()[0] == Rv.OK)

    def test_of_old_libraries_are_told(self) -> None:
        self.serve(journal=True)
        with WireClient(SOCKET, None, establish=False) as client:
            self.assertEqual(client.version(4, 2)[2], Rv.SERVICE_STOPPED)
            found = poll_until("the record", lambda: self.findings().get("refused-version"))
        self.assertIn("of protocol 4:2: once in the last 24 h", found[0]["text"])

    def test_that_others_made_up_do_not_count(self) -> None:
        subprocess.run(["/usr/bin/python3", "-c", FORGER], check=True)
        poll_until("the forged record", lambda: journald.entries("MESSAGE=forged"))
        self.assertNotIn("/forged", json.dumps(self.findings()))

    def test_are_not_for_everybody_to_see(self) -> None:
        found = self.findings(NOBODY)
        self.assertIn("refused-no-journal", found)
        self.assertIn("as root", found["refused-no-journal"][0]["remedy"])


class Socket(DoctorTest):
    def test_that_a_user_may_not_use_is_named(self) -> None:
        self.serve()
        self.assertEqual(self.findings(NOBODY)["socket"][0]["verdict"], "good")
        SOCKET.chmod(0o600)
        found = self.findings(NOBODY)
        self.assertIn("socket-closed", found)
        self.assertEqual(found["socket-not-allowed"][0]["verdict"], "fault")
        SOCKET.chmod(0o666)
        IPC_DIR.chmod(0o700)
        self.assertIn("socket-directory-closed", self.findings())


class Tests(unittest.TestCase):
    def test_there_is_one_for_each_finding(self) -> None:
        """Of all that is not good."""
        sources = "".join(path.read_text() for path in
                          (SOURCE / "tools" / "pcscctl" / "doctor").glob("*.cpp"))
        finding = r'Verdict::(?:note|warning|fault),\s*"([a-z-]+)"'
        tests = (SOURCE / "tests/unit/tools/pcscctl/doctor_test.cpp").read_text()
        tests += (SOURCE / "tests/unit/tools/pcscctl/refusals_test.cpp").read_text()
        tests += Path(__file__).read_text()
        ids = set(re.findall(finding, sources))
        self.assertGreater(len(ids), 40)
        self.assertEqual([name for name in sorted(ids) if f'"{name}"' not in tests], [])


if __name__ == "__main__":
    unittest.main()
