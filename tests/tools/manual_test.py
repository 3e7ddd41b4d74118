"""The manual pages have no finding of mandoc's lint, not even one of style, and each program that
is installed has one that is installed with it."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "doc" / "man").iterdir())
FILES = {"access.rules.5", "reader.conf.5"}
# Depends on what is installed, not on the page.
OF_THE_SYSTEM = "referenced manual not found"


def findings(page: Path) -> list[str]:
    run = subprocess.run(["mandoc", "-T", "lint", str(page)], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, check=False)
    return [line for line in run.stdout.splitlines() if OF_THE_SYSTEM not in line]


def installed_programs() -> set[str]:
    """What CMake installs into a directory of programs."""
    found: set[str] = set()
    for folder in ("daemon", "tools", "libpcsclite"):
        for file in (ROOT / folder).rglob("CMakeLists.txt"):
            text = file.read_text()
            for names in re.findall(r"install\(TARGETS ([\w\s-]+?) RUNTIME", text):
                found |= set(names.split())
            found |= set(re.findall(r"install\(PROGRAMS [^)]*RENAME ([\w-]+)\)", text))
    return found


class Manual(unittest.TestCase):
    def test_pages_are_clean(self) -> None:
        self.assertIn("pcscd.8", [page.name for page in PAGES])
        for page in PAGES:
            with self.subTest(page.name):
                self.assertEqual(findings(page), [])

    def test_each_program_has_one_and_no_other_is_there(self) -> None:
        programs = installed_programs()
        self.assertLessEqual({"pcscd", "pcscctl", "cardea-trace"}, programs)
        pages = {page.name for page in PAGES}
        self.assertEqual({Path(page).stem for page in pages - FILES}, programs)
        self.assertLessEqual(FILES, pages)

    def test_all_are_installed_and_packaged(self) -> None:
        build = (ROOT / "doc" / "CMakeLists.txt").read_text()
        patterns = [line.strip() for file in (ROOT / "debian").glob("*.install")
                    for line in file.read_text().splitlines()]
        for page in PAGES:
            with self.subTest(page.name):
                section = page.suffix[1:]
                self.assertRegex(build, rf"man/{re.escape(page.name)}[^)]*/man{section}\"")
                path = f"usr/share/man/man{section}/{page.name}"
                self.assertTrue(any(fnmatch.fnmatch(path, pattern) for pattern in patterns), path)

    def test_a_fault_is_found(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "faulty.8"
            page.write_text(PAGES[0].read_text() + ".Bl -tag\n.It x\n")
            self.assertTrue(findings(page))


if __name__ == "__main__":
    unittest.main()
