"""doc/compatibility.md names tests that exist, and has a row for each COMPAT: in the sources."""

from __future__ import annotations

import re
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "doc" / "compatibility.md").read_text()
SOURCES = ("base", "daemon", "drivers", "libpcsclite", "protocol")
UNIT_TEST = re.compile(r"^(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")


def existing() -> set[str]:
    """The names of all tests, as the document writes them."""
    names = set()
    for path in (ROOT / "tests" / "unit").rglob("*.cpp"):
        names |= {f"{suite}.{name}" for suite, name in UNIT_TEST.findall(path.read_text())}
    for path in (ROOT / "tests" / "system").glob("*_test.py"):
        methods = re.findall(r"^    def (test_\w+)\(", path.read_text(), re.MULTILINE)
        names |= {f"{path.stem}.{name}" for name in methods}
    lists = (ROOT / "tests" / "abi" / "CMakeLists.txt").read_text()
    return names | set(re.findall(r"NAME (abi/\w+)", lists))


def named(text: str) -> set[str]:
    return {name for name in QUOTED.findall(text)
            if re.fullmatch(r"[A-Z]\w+\.[A-Z]\w+|\w+_test\.test_\w+|abi/\w+", name)}


def comments() -> Counter[str]:
    """How many COMPAT: comments each source file has."""
    found: Counter[str] = Counter()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.[ch]pp"):
            found[str(path.relative_to(ROOT))] += path.read_text().count("COMPAT:")
    return +found


def rows(text: str) -> Counter[str]:
    """How many rows name each source file in their last column."""
    return Counter(re.findall(r"\| `([\w/]+\.[ch]pp)` \|$", text, re.MULTILINE))


class Compatibility(unittest.TestCase):
    def test_named_tests_exist(self) -> None:
        self.assertEqual(named(TEXT) - existing(), set())

    def test_each_comment_has_its_row(self) -> None:
        self.assertGreater(len(comments()), 10)
        self.assertEqual(rows(TEXT), comments())

    def test_a_difference_without_a_test_is_found(self) -> None:
        differences = [line for line in TEXT.splitlines()
                       if re.match(r"\| (?!With |#|Matter|-)", line)]
        self.assertGreater(len(differences), 60)
        for line in differences:
            self.assertTrue(named(line), line)

    def test_faults_are_found(self) -> None:
        self.assertNotIn("Core.NoSuchTest", existing())
        self.assertEqual(named("| `Core.NoSuchTest` `x_test.test_y` `abi/z` `a.b` |"),
                         {"Core.NoSuchTest", "x_test.test_y", "abi/z"})
        self.assertEqual(rows("| a | `daemon/app.cpp` |\n| `daemon/app.cpp` | b |\n"),
                         Counter({"daemon/app.cpp": 1}))


if __name__ == "__main__":
    unittest.main()
