"""The manual pages have no finding of mandoc's lint, not even one of style."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

PAGES = sorted((Path(__file__).resolve().parents[2] / "doc" / "man").iterdir())
# Depends on what is installed, not on the page.
OF_THE_SYSTEM = "referenced manual not found"


def findings(page: Path) -> list[str]:
    run = subprocess.run(["mandoc", "-T", "lint", str(page)], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, check=False)
    return [line for line in run.stdout.splitlines() if OF_THE_SYSTEM not in line]


class Manual(unittest.TestCase):
    def test_pages_are_clean(self) -> None:
        self.assertIn("pcscd.8", [page.name for page in PAGES])
        for page in PAGES:
            with self.subTest(page.name):
                self.assertEqual(findings(page), [])

    def test_a_fault_is_found(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "faulty.8"
            page.write_text(PAGES[0].read_text() + ".Bl -tag\n.It x\n")
            self.assertTrue(findings(page))


if __name__ == "__main__":
    unittest.main()
