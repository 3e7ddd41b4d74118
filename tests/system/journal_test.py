"""What goes to systemd's journal: one native entry for each event, with fields, and a catalog that
explains them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from harness.journal import Entry, Journal
from harness.launch import NO_READERS, SOCKET, Launch, LaunchTest
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.wire import Rv, WireClient

SOURCE = Path(__file__).resolve().parents[2]
CATALOG = SOURCE / "systemd" / "cardea.catalog"
IDS = dict(re.findall(r'Event::\w+, "(\w+)",\s*"([0-9a-f]{32})"',
                      (SOURCE / "base" / "log_event.cpp").read_text()))
READER = "Cardea Virtual Reader 00 00"
WARNING, INFO = "4", "6"
SERVICE_STOPPED = "SCARD_E_SERVICE_STOPPED"


class JournalTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.journal = Journal()
        self.addCleanup(self.journal.close)
        self.readers = RUNTIME_DIR / "readers.conf"

    def with_readers(self, text: str) -> Path:
        self.readers.write_text(text)
        return self.readers

    def virtual_reader(self) -> Path:
        return self.with_readers('FRIENDLYNAME "Cardea Virtual Reader"\nDEVICENAME virtual:\n'
                                 f"LIBPATH {settings().build_dir}/lib/libifdvirtual.so\n")

    def serve_with_journal(self, *arguments: str, readers: Path = NO_READERS) -> Launch:
        return self.serve(*arguments, readers=readers, journal=True)

    def entry(self, event: str) -> Entry:
        return self.journal.wait_for(event, lambda entry: entry.get("MESSAGE_ID") == IDS[event])


class Records(JournalTest):
    def test_a_healthy_life_is_a_few_records(self) -> None:
        daemon = self.serve_with_journal(readers=self.virtual_reader())
        with WireClient(SOCKET) as client:
            client.states()
            client.open_card(READER)
        ready = self.entry("reader_ready")
        self.assertEqual((ready["CARDEA_READER"], ready["PRIORITY"]), (READER, INFO))
        self.assertEqual(ready["SYSLOG_IDENTIFIER"], "pcscd")
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        self.entry("service_stopping")
        names = {number: name for name, number in IDS.items()}
        healthy = {"service_started", "service_stopping", "reader_ready", "reader_removed",
                   "hotplug_source"}
        told = [names[entry["MESSAGE_ID"]] for entry in self.journal.drain()]
        self.assertLessEqual(set(told), healthy)
        self.assertEqual(len(told), len(set(told)), "each once")
        self.assertEqual(daemon.output, "", "not told twice")

    def test_details_are_there_at_level_debug(self) -> None:
        self.serve_with_journal("--debug", readers=self.virtual_reader())
        detail = self.journal.wait_for("opening", lambda entry: "opening" in entry["MESSAGE"])
        self.assertEqual(detail["PRIORITY"], "7")

    def test_each_request_is_a_detail(self) -> None:
        self.serve_with_journal("--debug", readers=self.virtual_reader())
        with WireClient(SOCKET) as client:
            client.states()
            client.open_card(READER)
            client.connect("nowhere")
        commands = {}
        for rv in ("SCARD_S_SUCCESS", "SCARD_E_UNKNOWN_READER"):
            entry = self.journal.wait_for(rv, lambda entry: entry.get("CARDEA_RV") == rv)
            commands[rv] = entry["CARDEA_COMMAND"]
            self.assertEqual(entry["PRIORITY"], "7")
            self.assertEqual(entry["CARDEA_CLIENT_PID"], str(os.getpid()))
            self.assertGreaterEqual(int(entry["CARDEA_USEC"]), 0)
            self.assertEqual(entry["MESSAGE_ID"], IDS["request"])
        self.assertIn("CONNECT", commands["SCARD_E_UNKNOWN_READER"])

    def test_a_version_mismatch_needs_no_faq(self) -> None:
        self.serve_with_journal()
        entry = self.refused(9)
        self.assertEqual(entry["PRIORITY"], WARNING)
        self.assertEqual(entry["CARDEA_CLIENT_PID"], str(os.getpid()))
        self.assertEqual(entry["CARDEA_CLIENT_UID"], str(os.getuid()))
        self.assertIn("python", entry["CARDEA_CLIENT_EXE"])
        self.assertEqual(entry["CARDEA_CLIENT_PROTOCOL"], "4:9")
        self.assertEqual(entry["CARDEA_RV"], SERVICE_STOPPED)
        for word in ("protocol 4:9", "4:3 to 4:6", SERVICE_STOPPED, "Remedy", "update pcscd"):
            self.assertIn(word, entry["MESSAGE"])

    def test_an_old_library_is_what_has_to_be_updated(self) -> None:
        self.serve_with_journal()
        message = self.refused(2)["MESSAGE"]
        self.assertIn("older than pcsc-lite 1.8.9", message)
        self.assertIn("update the program", message)

    def refused(self, minor: int) -> Entry:
        with WireClient(SOCKET, None, establish=False) as client:
            self.assertEqual(client.version(4, minor)[2], Rv.SERVICE_STOPPED)
            return self.entry("client_version_refused")

    def test_a_mistake_in_a_file_names_it(self) -> None:
        self.serve_with_journal(readers=self.with_readers("FRIENDLYNAME two words\n"))
        entry = self.entry("config_problem")
        self.assertEqual((entry["CARDEA_CONFIG_FILE"], entry["PRIORITY"]),
                         (str(self.readers), "3"))

    def test_text_of_peers_cannot_forge_a_record(self) -> None:
        self.serve_with_journal(readers=self.with_readers("forged\x1b[2J\x07 \xff\n"))
        entry = self.entry("config_problem")
        self.assertTrue(entry["MESSAGE"].isprintable(), entry)


class WithoutJournal(JournalTest):
    def test_text_says_the_priority_if_the_journal_cannot_be_reached(self) -> None:
        self.journal.hang_up()
        daemon = self.serve_with_journal()
        daemon.wait_for_line("<6>serving clients on")

    def test_output_is_text_if_there_is_no_journal(self) -> None:
        self.journal.close()
        self.serve_with_journal().wait_for_line(" info serving clients on")

    def test_output_elsewhere_is_text(self) -> None:
        daemon = self.serve(environment={"JOURNAL_STREAM": "1:0"})
        daemon.wait_for_line(" info serving clients on")
        self.assertEqual(self.journal.drain(), [])


class Catalog(unittest.TestCase):
    def test_journalctl_explains_each_record(self) -> None:
        root = RUNTIME_DIR / "root"
        folder = root / "usr" / "lib" / "systemd" / "catalog"
        folder.mkdir(parents=True)
        (folder / CATALOG.name).write_bytes(CATALOG.read_bytes())
        self.journalctl(root, "--update-catalog")
        shown = self.journalctl(root, "--dump-catalog")
        for name, number in IDS.items():
            with self.subTest(name):
                self.assertIn(f"-- {number}\n", shown)

    def journalctl(self, root: Path, command: str) -> str:
        return subprocess.run(["journalctl", f"--root={root}", command], check=True,
                              capture_output=True, text=True).stdout


if __name__ == "__main__":
    unittest.main()
