"""The documents for users say what the sources say: options, variables, messages, tests, files."""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

from compatibility_test import existing, named

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from messages_test import BY_UNIT_TEST, IDS, KINDS, SUBJECTS  # noqa: E402  (needs the path above)

DOCUMENTS = {path.name: path.read_text() for path in (ROOT / "doc").glob("*.md")}
README = (ROOT / "README.md").read_text()
MANUAL = (ROOT / "doc" / "man" / "pcscd.8").read_text()
LEVELS = {2: "critical", 3: "error", 4: "warning", 6: "info", 7: "debug"}
SOURCES = ("base", "daemon", "drivers", "libpcsclite")
OPTION = re.compile(r"OptionRow\{('(\w)'|0), \"([\w-]+)\", Argument::(\w+)")
# Where the sources name a variable: in a call that reads it.
VARIABLE = re.compile(r"(?:getenv|from_environment|is_on|text|get)\(\"([A-Z][A-Z_]+)\"")


def rows(text: str) -> list[list[str]]:
    """The cells of all tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("| ")]


def options_of_sources() -> set[str]:
    """As the document writes them, without their arguments."""
    table = (ROOT / "daemon" / "options.cpp").read_text()
    return {(f"-{letter}, " if letter else "") + f"--{name}"
            for _, letter, name, _ in OPTION.findall(table)}


def options_of(text: str) -> set[str]:
    shown = set()
    for cells in rows(text):
        words = re.findall(r"`(-[^`]*)`", cells[0])
        if words:
            shown.add(", ".join(re.split(r"[ =\[]", word)[0] for word in words))
    return shown


def variables_of_sources() -> set[str]:
    found: set[str] = set()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.cpp"):
            found |= set(VARIABLE.findall(path.read_text()))
    return found


def variables_of(text: str) -> set[str]:
    return {name for cells in rows(text) for name in re.findall(r"`([A-Z]+_[A-Z_]+)`", cells[0])}


class Configuration(unittest.TestCase):
    text = DOCUMENTS["configuration.md"]

    def test_options_are_those_of_the_daemon(self) -> None:
        self.assertGreater(len(options_of_sources()), 20)
        self.assertEqual(options_of(self.text), options_of_sources())

    def test_variables_are_those_that_are_read(self) -> None:
        self.assertIn("CARDEA_NO_REATTACH", variables_of_sources())
        self.assertIn("LIBPCSCLITE_DELEGATE", variables_of_sources())
        self.assertEqual(variables_of(self.text), variables_of_sources())

    def test_the_manual_has_each_option(self) -> None:
        for option in options_of_sources():
            self.assertIn("Fl " + option.split("--")[1], MANUAL.replace("Fl -", "Fl "), option)


class Messages(unittest.TestCase):
    text = DOCUMENTS["messages.md"]

    def test_table_is_that_of_the_sources(self) -> None:
        shown = {cells[0].strip("`"): cells[1:] for cells in rows(self.text)
                 if cells[0].startswith("`")}
        self.assertEqual(set(shown), set(IDS))
        for name, (subject, level, fields, number) in shown.items():
            with self.subTest(name):
                self.assertEqual((number.strip("`"), subject), (IDS[name], SUBJECTS[IDS[name]]))
                if name not in BY_UNIT_TEST:
                    self.assertEqual(level, LEVELS[KINDS[name].priority])
                    self.assertEqual(re.findall(r"`(\w+)`", fields), list(KINDS[name].fields))

    def test_limits_are_those_of_the_sources(self) -> None:
        limits = (ROOT / "daemon" / "log_limit.hpp").read_text()
        told = re.search(r"reader (\d+), of one\s+device (\d+), of all drivers' own messages (\d+),"
                         r" of one program (\d+)", self.text)
        assert told is not None
        names = ("kReaderMax", "kDeviceMax", "kDriversMax", "kProgramMax")
        self.assertEqual(told.groups(), tuple(
            re.findall(rf"{name} = (\d+);", limits)[0] for name in names))

    def test_other_documents_name_messages_that_exist(self) -> None:
        text = DOCUMENTS["troubleshooting.md"]
        families = "|".join(sorted({name.split("_")[0] for name in IDS}))
        found = set(re.findall(rf"`((?:{families})_[a-z_]+)`", text))
        self.assertGreater(len(found), 10)
        self.assertEqual(found - set(IDS), set())

    def test_example_is_what_it_says(self) -> None:
        self.assertIn(f"MESSAGE_ID={IDS['client_version_refused']} ", self.text)


class Links(unittest.TestCase):
    def test_readme_names_each_document_and_no_other(self) -> None:
        self.assertEqual(set(re.findall(r"[\w-]+\.md", README)) - {"CONTRIBUTING.md"},
                         set(DOCUMENTS))

    def test_faults_are_found(self) -> None:
        self.assertEqual(options_of("| `-x`, `--xx[=N]` | |\n| `--y Z` | |\n"), {"-x, --xx", "--y"})
        self.assertEqual(variables_of("| `A_B`, `C_D` | |\n| `lower` | `E_F` |\n"), {"A_B", "C_D"})
        self.assertEqual(rows("text\n| a | b |\n|---|---|\n"), [["a", "b"]])

    def test_documents_name_files_and_tests_that_exist(self) -> None:
        for name, text in DOCUMENTS.items():
            with self.subTest(name):
                self.assertEqual(named(text) - existing(), set())
                for path in re.findall(r"\bdoc/([\w-]+\.md)", text):
                    self.assertIn(path, DOCUMENTS)
                for path in re.findall(r"`((?:tests|systemd|scripts)/[\w./-]+)`", text):
                    self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
