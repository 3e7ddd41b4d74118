"""tools/tidy.py finds planted faults and leaves clean files alone."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import tidy  # noqa: E402  (needs the path above)

HEAD = "// What this file is.\n"


class Tidy(unittest.TestCase):
    def assert_finds(self, name: str, text: str, what: str) -> None:
        found = tidy.check_text(name, text)
        self.assertEqual(len(found), 1, found)
        self.assertIn(what, found[0])

    def test_lengths(self) -> None:
        self.assert_finds("a/b.cpp", HEAD + "x" * 101 + "\n", "101 columns")
        self.assert_finds("a/b.cpp", HEAD + "int x;\n" * 500, "501 lines")
        self.assert_finds("a/b.cpp", HEAD + "int f() {\n" + "  g();\n" * 69 + "}\n", "71 lines")
        self.assert_finds("a/b.hpp", HEAD + "struct S {\n  int f() const {\n" + "    g();\n" * 70
                          + "  }\n};\n", "72 lines")
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "int f() {\n" + "  g();\n" * 68
                                         + "}\n"), [])
        self.assert_finds("a/b.cpp", HEAD + "int f(int a,\n      int b) {\n" + "  g();\n" * 68
                          + "}\n", "71 lines")
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "int f(int a,\n    int b) {\n"
                                         "  if (a) {\n    g();\n  }\n}\n" + "int x;\n" * 90), [])
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "int f() {\n  if (int a = 1;\n"
                                         "      g(a)) {\n"
                                         "    h();\n  }\n}\n" + "int x;\n" * 90), [])
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "namespace x {\n" + "int g();\n" * 90
                                         + "}\n"), [])

    def test_head(self) -> None:
        self.assert_finds("a/b.hpp", "#pragma once\n", "no comment at the head")
        self.assert_finds("a/b.cpp", '#include "a/c.hpp"\n', "no comment at the head")
        self.assertEqual(tidy.check_text("a/b.cpp", '#include "a/b.hpp"\n'), [])
        self.assertEqual(tidy.check_text("tests/b_test.cpp", '#include "a/b.hpp"\n'), [])
        self.assert_finds("a/b.py", "import os\n", "no comment at the head")
        self.assert_finds("a/b", "#!/bin/bash\nset -e\n", "no comment at the head")
        self.assertEqual(tidy.check_text("a/b", "#!/bin/bash\n# What it does.\nset -e\n"), [])
        self.assertEqual(tidy.check_text("a/b.py", '#!/usr/bin/python3\n"""What."""\n'), [])

    def test_pauses(self) -> None:
        for code in ("usleep(5);", "std::this_thread::sleep_for(x);", "sleep (1);"):
            self.assert_finds("a/b.cpp", HEAD + code + "\n", "a pause")
        self.assert_finds("a/b.py", '"""What."""\ntime.sleep(1)\n', "a pause")
        self.assert_finds("a/b.sh", "# What.\nfoo; sleep 1\n", "a pause")
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "// no sleep() here\n"), [])
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "usleep(5);  // pause: why\n"), [])

    def test_names(self) -> None:
        self.assert_finds("a/b.cpp", HEAD + "strcpy(a, b);\n", "unbounded")
        self.assert_finds("a/b.cpp", HEAD + "// TODO later\n", "unfinished")
        self.assert_finds("a/b.md", "see /home/me/x\n", "path of one machine")
        self.assertEqual(tidy.check_text("a/b.cpp", HEAD + "mkdtemp(\"/tmp/x.XXXXXX\");\n"), [])

    def test_space(self) -> None:
        self.assert_finds("a/b.cpp", HEAD + "int x; \n", "space at the end")
        self.assert_finds("a/b.cpp", HEAD + "\tint x;\n", "a tab")
        self.assert_finds("a/b.cpp", HEAD + "int x;", "no line end")


if __name__ == "__main__":
    unittest.main()
