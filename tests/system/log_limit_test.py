"""A reader that fails again and again does not fill the log: at most 10 lines a minute, and one of
them says how many there would have been. Takes a little more than that minute."""

from __future__ import annotations

import unittest

from harness.journal import Entry, Journal
from harness.launch import Launch, LaunchTest
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until

HANDLER = settings().build_dir / "tests" / "unit" / "drivers" / "handlers" / "handler_faulty.so"
MINUTE_SECONDS = 60
LINES_MAX = 10
# The daemon asks this reader twice a second; each second answer is a fault.
FAULTS_IN_A_MINUTE = 60


class BrokenReader(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.journal = Journal()
        self.addCleanup(self.journal.close)

    def start(self, *arguments: str) -> Launch:
        readers = RUNTIME_DIR / "faulty.conf"
        readers.write_text(f"FRIENDLYNAME Faulty\nDEVICENAME /dev/null\nLIBPATH {HANDLER}\n")
        return self.serve(*arguments, journal=True, readers=readers)

    def test_it_writes_ten_lines_a_minute(self) -> None:
        self.start()
        time = Stopwatch()
        self.journal.patience(MINUTE_SECONDS + 20)
        summary = self.journal.wait_for(
            "a summary of the reader", lambda entry: "CARDEA_COUNT" in entry
            and entry.get("CARDEA_READER") == "Faulty 00 00")
        self.assertGreaterEqual(time.seconds, MINUTE_SECONDS - 5)
        self.assertGreater(int(summary["CARDEA_COUNT"]), FAULTS_IN_A_MINUTE // 2)
        self.assertIn("more messages were left out", summary["MESSAGE"])
        self.assertEqual(summary["PRIORITY"], "3")
        lines = [entry for entry in self.journal.drain() if self._is_about_it(entry)]
        self.assertLessEqual(len(lines), LINES_MAX + 1, "the next minute may have begun")
        self.assertGreater(len(lines), 2)

    def test_who_asks_for_details_gets_all(self) -> None:
        self.start("--debug")
        poll_until("more lines than the limit", lambda: sum(
            self._is_about_it(entry) for entry in self.journal.drain()) > 2 * LINES_MAX)

    def _is_about_it(self, entry: Entry) -> bool:
        return entry.get("CARDEA_READER") == "Faulty 00 00" or "does not answer" in entry["MESSAGE"]


if __name__ == "__main__":
    unittest.main()
