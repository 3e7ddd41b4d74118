"""One sample in many languages: each runs for real with our library and daemon, and has to show
what the hello card answers.

The languages are in harness/languages.py. CARDEA_LANGUAGES chooses those that want big packages,
for scripts/test-languages. Prints a line for each on stdout, as TAP does."""

from __future__ import annotations

import re
import unittest
from collections.abc import Callable
from time import monotonic

from harness.case import SystemTest
from harness.languages import GROUPS, ROOT, Language, LanguageRun, chosen
from harness.settings import settings
from harness.waiting import poll_until

LANGUAGES = chosen()


class Languages(SystemTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        print(f"1..{len(LANGUAGES)}", flush=True)

    def speak(self, language: Language) -> None:
        poll_until("the reader is idle", lambda: self.daemon.state(0).sharing == 0)
        spoken = LanguageRun(self.daemon, settings()).speak(language)
        for text in language.shows:
            self.assertIn(text, spoken.output)
        ours = (settings().build_dir / "lib").resolve()
        self.assertEqual(spoken.libraries, {ours}, "loaded another libpcsclite, or none")


class Readme(unittest.TestCase):
    def test_lists_what_is_tested(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        section = text.split("\n## Languages\n", 1)[1].split("\n## ", 1)[0]
        rows = [tuple(cell.strip(" `") for cell in line.strip("|").split("|"))
                for line in section.splitlines() if line.startswith("| ")]
        tested = [(language.name, language.binding, group)
                  for group, languages in GROUPS.items() for language in languages]
        self.assertEqual(rows[1:], tested)


def test_of(number: int, language: Language) -> Callable[[Languages], None]:
    def test(self: Languages) -> None:
        start = monotonic()
        passed = False
        try:
            self.speak(language)
            passed = True
        finally:
            print(f"{'ok' if passed else 'not ok'} {number} - {language.name}: "
                  f"{language.binding} ({monotonic() - start:.1f} s)", flush=True)
    return test


for _number, _language in enumerate(LANGUAGES, 1):
    _name = re.sub("[^a-z0-9]+", "_", _language.name.lower().replace("+", "p"))
    setattr(Languages, f"test_{_number:02}_{_name}", test_of(_number, _language))
