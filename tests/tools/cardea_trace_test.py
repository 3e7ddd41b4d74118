"""What cardea-trace makes of recorded files, whole and damaged."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

TOOL = Path(__file__).resolve().parents[2] / "tools" / "cardea_trace.py"


def record(event: str = "end", /, **members: Any) -> str:
    """A call of process 7 that took 1.5 ms, with other members."""
    whole = {"event": event, "time": 1700000000.25, "pid": 7, "tid": 7, "call": 1,
             "function": "SCardCancel", "in": {"context": "0x1"}}
    if event == "end":
        whole |= {"rv": "SCARD_S_SUCCESS", "code": 0, "duration_us": 1500, "out": {}}
    return json.dumps(whole | members)


def read(*lines: str, options: tuple[str, ...] = ()) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        path.write_bytes("".join(f"{line}\n" for line in lines).encode("latin-1"))
        done = subprocess.run([sys.executable, "-B", str(TOOL), *options, "--read", str(path)],
                              capture_output=True, text=True, check=True,
                              env={"TZ": "UTC", "LC_ALL": "C.UTF-8"})
    return done.stdout


class Text(unittest.TestCase):
    def test_a_call(self) -> None:
        self.assertEqual(read(record()), "22:13:20.250000 [7] SCardCancel(context 0x1) = "
                         "SCARD_S_SUCCESS  (1.5 ms)\n")

    def test_threads_and_errors(self) -> None:
        line = read(record(tid=8, rv="SCARD_E_TIMEOUT", code=0x8010000A, duration_us=2_000_000))
        self.assertIn("[7/8] SCardCancel(context 0x1) = SCARD_E_TIMEOUT  (2.000 s)", line)

    def test_data_is_shown_with_its_length_if_it_was_cut(self) -> None:
        values = {"send": {"length": 3, "hex": "00 A4"}, "room": 258, "reader": None}
        self.assertIn("(00 A4 ... (3 bytes), reader NULL)", read(record(**{"in": values})))
        values = {"send": {"length": 2, "hex": "00 **"}}
        self.assertIn("(00 **)", read(record(**{"in": values})))

    def test_names_are_utf8_again_and_cannot_steer_the_terminal(self) -> None:
        name = "L\u00c3\u00a9 \x1b[31m"
        self.assertIn('("L\u00e9 \\x1b[31m")', read(record(**{"in": {"reader": name}})))

    def test_a_call_without_its_end(self) -> None:
        text = read(record("begin"), record("begin", call=2), record())
        self.assertEqual(len(text.splitlines()), 2)
        self.assertTrue(text.endswith("SCardCancel(context 0x1) did not return\n"))

    def test_damaged_lines_are_passed_over(self) -> None:
        strange = ("", "{", "[]", "7", "null", '{"event":"end"}', '{"event":"lost"}', "\xff",
                   record()[:40])
        self.assertEqual(read(*strange, record()), read(record()))

    def test_lost_records_are_told(self) -> None:
        self.assertEqual(read('{"event":"lost","count":5}'), "5 records lost\n")


class Summary(unittest.TestCase):
    LINES = (record(), record(call=2, rv="SCARD_E_TIMEOUT", code=1, duration_us=500),
             record("begin", call=3), '{"event":"lost","count":5}')

    def test_table(self) -> None:
        table = read(*self.LINES, options=("--summary",)).splitlines()[-4:]
        self.assertEqual([line.split() for line in table],
                         ["SCardCancel 2 1 2.0 ms 1.5 ms SCARD_E_TIMEOUT 1".split(),
                          "all 2 1 2.0 ms 1.5 ms".split(),
                          "SCardCancel: 1 did not return".split(), "5 records lost".split()])

    def test_json(self) -> None:
        lines = read(*self.LINES, options=("--summary", "--json")).splitlines()
        self.assertEqual(lines[:-1], list(self.LINES))
        self.assertEqual(json.loads(lines[-1]), {
            "event": "summary", "lost": 5, "not_returned": {"SCardCancel": 1},
            "functions": [{"function": "SCardCancel", "calls": 2, "errors": 1, "total_us": 2000,
                           "longest_us": 1500, "codes": {"SCARD_E_TIMEOUT": 1}}]})


if __name__ == "__main__":
    unittest.main()
