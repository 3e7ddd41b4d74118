"""What programs see, call by call: the conformance program in the cells {our, Debian's library} x
{our, Debian's daemon}.

One run of this module is one daemon, with both libraries. The lines of Debian's pair are recorded
first; another cell may differ from them only as harness/conformance_list.py says."""

from __future__ import annotations

import dataclasses
import re
import unittest
from collections import Counter
from pathlib import Path

from harness.conformance import Conformance
from harness.conformance_list import DIFFERENCES, Difference
from harness.settings import settings

ROOT = Path(__file__).resolve().parents[2]
# Fewer: a module was lost.
CASES_MIN = 1800
NOTHING = "(nothing)"


def record(daemon: str, library: str) -> list[str]:
    cell = Conformance(dataclasses.replace(settings(), daemon=daemon), library)
    try:
        return cell.lines()
    finally:
        cell.kill()


def by_case(lines: list[str]) -> dict[str, str]:
    """What each case says; the lines of one cell."""
    return {case: said for case, _, said in (line.partition(": ") for line in lines)}


def unexplained(reference: dict[str, str], found: dict[str, str],
                allowed: list[Difference]) -> tuple[list[str], list[Difference]]:
    """Lines that differ without entry, and entries without line."""
    used = set()
    problems = []
    for case in [*reference, *(case for case in found if case not in reference)]:
        wanted, said = reference.get(case, NOTHING), found.get(case, NOTHING)
        if wanted == said:
            continue
        entries = [entry for entry in allowed if entry.explains(case, said)]
        if not entries:
            problems.append(f"{case}\n  Debian: {wanted}\n  here:   {said}")
        used.update(entries)
    return problems, [entry for entry in allowed if entry not in used]


class ConformanceTest(unittest.TestCase):
    lines: list[str]
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.lines = record("debian", "debian")

    def check(self, library: str) -> None:
        daemon = settings().daemon
        allowed = [entry for entry in DIFFERENCES if entry.is_seen_in(library, daemon)]
        found = record(daemon, library)
        self.check_form(found)
        problems, stale = unexplained(by_case(self.lines), by_case(found), allowed)
        self.assertEqual(problems, [], "\n" + "\n".join(problems))
        self.assertEqual(stale, [], "entries that no line needs")

    def check_form(self, lines: list[str]) -> None:
        """Each case once, each module to its end."""
        cases = [line.partition(": ")[0] for line in lines]
        self.assertEqual([case for case, times in Counter(cases).items() if times > 1], [])
        ends = [line for line in lines if re.match(r"\w+\.exit: ", line)]
        self.assertEqual([line for line in ends if not line.endswith(".exit: 0")], [])
        self.assertGreater(len(cases) - len(ends), CASES_MIN)

    def test_reference_is_what_it_should_be(self) -> None:
        self.check_form(self.lines)
        said = by_case(self.lines)
        self.assertEqual(said["handles.zero/begin"], "INVALID_HANDLE")
        self.assertEqual(said["removal.removed/transmit"], "REMOVED_CARD")
        self.assertEqual(said["exchange.answer=0 room=65538"], "SUCCESS count=65538 sw=9000")

    def test_our_library(self) -> None:
        self.check("cardea")

    @unittest.skipIf(settings().daemon == "debian", "this is the reference")
    def test_debians_library(self) -> None:
        self.check("debian")


class ListTest(unittest.TestCase):
    def test_each_entry_has_its_row(self) -> None:
        text = (ROOT / "doc" / "compatibility.md").read_text()
        heads = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
        for entry in DIFFERENCES:
            matching = [head for head in heads if head == entry.row
                        or (not entry.row.isdigit() and head.startswith(entry.row))]
            self.assertEqual(len(matching), 1, entry)

    def test_faults_are_found(self) -> None:
        entry = Difference("daemon", "m.c*", "B", "13")
        reference = {"m.case": "A", "m.other": "A"}
        self.assertEqual(unexplained(reference, {"m.case": "B", "m.other": "A"}, [entry]), ([], []))
        self.assertEqual(unexplained(reference, reference, [entry]), ([], [entry]))
        for wrong in ({"m.case": "C", "m.other": "A"}, {"m.case": "B", "m.other": "B"},
                      {"m.case": "B"}, {"m.case": "B", "m.other": "A", "m.new": "A"}):
            self.assertEqual(len(unexplained(reference, wrong, [entry])[0]), 1, wrong)


if __name__ == "__main__":
    unittest.main()
