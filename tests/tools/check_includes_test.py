"""tools/check_includes.py finds planted violations and lets the allowed arrows pass."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import check_includes  # noqa: E402  (needs the path above)


class Arrows(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.root = Path(place.name)
        self._write("include/PCSC/winscard.h", "")

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _found_in(self, name: str, included: str) -> list[str]:
        self._write(name, f'// A file.\n#include "{included}"\n')
        found = check_includes.violations(self.root)
        (self.root / name).unlink()
        return found

    def test_finds_each_arrow_that_goes_the_wrong_way(self) -> None:
        for name, included in (
                ("base/a.cpp", "protocol/wire.hpp"),
                ("protocol/a.hpp", "daemon/core/core.hpp"),
                ("libpcsclite/a.cpp", "drivers/ifd_driver.hpp"),
                ("libpcsclite/a.cpp", "daemon/io/poller.hpp"),
                ("drivers/a.cpp", "libpcsclite/context.hpp"),
                ("drivers/virtual/a.cpp", "protocol/wire.hpp"),
                ("daemon/core/a.cpp", "daemon/io/poller.hpp"),
                ("daemon/core/a.cpp", "daemon/reader/atr.hpp"),
                ("daemon/core/a.cpp", "drivers/ifd_library.hpp"),
                ("daemon/client/a.cpp", "daemon/app.hpp"),
                ("daemon/io/a.cpp", "daemon/core/core.hpp"),
                ("daemon/reader/a.cpp", "tests/fakes/clock.hpp"),
                ("daemon/reader/a.cpp", "nowhere/x.hpp"),
                ("base/a.cpp", "log.hpp")):
            with self.subTest(f"{name} -> {included}"):
                found = self._found_in(name, included)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{name}:2: "), found)

    def test_lets_the_allowed_arrows_pass(self) -> None:
        for name, included in (
                ("base/a.cpp", "base/log.hpp"),
                ("base/a.cpp", "PCSC/winscard.h"),
                ("base/a.cpp", "winscard.h"),
                ("protocol/a.cpp", "base/log.hpp"),
                ("libpcsclite/a.cpp", "protocol/wire.hpp"),
                ("drivers/virtual/a.cpp", "drivers/virtual/b.hpp"),
                ("daemon/core/a.cpp", "protocol/wire.hpp"),
                ("daemon/core/a.cpp", "drivers/ifd_driver.hpp"),
                ("daemon/reader/a.cpp", "drivers/ifd_driver.hpp"),
                ("daemon/client/a.cpp", "daemon/core/core.hpp"),
                ("daemon/main.cpp", "daemon/client/server.hpp")):
            with self.subTest(f"{name} -> {included}"):
                self.assertEqual(self._found_in(name, included), [])

    def test_sees_indented_and_spaced_includes(self) -> None:
        self._write("base/a.cpp", '  #  include   "daemon/core/core.hpp"\n')
        self.assertEqual(len(check_includes.violations(self.root)), 1)


if __name__ == "__main__":
    unittest.main()
