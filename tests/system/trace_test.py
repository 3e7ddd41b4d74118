"""Real programs under cardea-trace and the library's own variables: what is recorded, that no PIN
is, and libpcscspy of pcsc-lite as a delegate."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import unittest
from collections import Counter
from pathlib import Path
from typing import Any

from harness.case import SystemTest
from harness.namespace import RUNTIME_DIR
from harness.programs import SAMPLES, ProgramRun
from harness.settings import settings
from harness.waiting import PATIENCE_SECONDS, Stopwatch

BUILD = settings().build_dir
TRACE = str(BUILD / "bin" / "cardea-trace")
HELLO = str(BUILD / "bin" / "hello_card")
# What hello_card calls.
HELLO_CALLS = {"SCardEstablishContext": 1, "SCardListReaders": 1, "SCardConnect": 1,
               "SCardFreeMemory": 1, "SCardTransmit": 2, "SCardDisconnect": 1,
               "SCardReleaseContext": 1}
PIN = "73915086"
PIN_FORMS = (PIN.encode(), PIN.encode().hex(" ").upper().encode(), PIN.encode().hex().encode())
VERIFY_PIN = (sys.executable, str(SAMPLES / "verify_pin.py"), PIN)
SPY = "libpcscspy.so.0"


class TraceTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self._environment = ProgramRun(self.daemon, settings(), "cardea").environment

    def run_program(self, *command: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env={**self._environment, **variables},
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=4 * PATIENCE_SECONDS)

    def trace(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return self.run_program(TRACE, *arguments)

    def file(self, name: str) -> Path:
        path = RUNTIME_DIR / name
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    def assert_no_pin(self, text: bytes) -> None:
        self.assertIn(b"00 20 00 81", text)
        for form in PIN_FORMS:
            self.assertNotIn(form, text)


def ends(text: bytes) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in text.splitlines()]
    return [record for record in records if record["event"] == "end"]


class CardeaTrace(TraceTest):
    def test_prints_readable_lines_beside_the_programs_output(self) -> None:
        done = self.trace(HELLO)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"Hello world!", done.stdout)
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), sum(HELLO_CALLS.values()), done.stderr)
        select_line = next(line for line in lines if "00 A4 04 00" in line)
        self.assertRegex(select_line, r"^\d\d:\d\d:\d\d\.\d{6} \[\d+\] SCardTransmit\(card "
                         r"0x[0-9A-F]+, T=1, 00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01\) = "
                         r"SCARD_S_SUCCESS, 90 00  \([\d.]+ (us|ms)\)$")
        self.assertNotIn(b"\x1b", done.stderr)  # no terminal, no colours

    def test_json_tells_every_call(self) -> None:
        done = self.trace("--json", "--", HELLO)
        records = ends(done.stderr)
        self.assertEqual(Counter(record["function"] for record in records), HELLO_CALLS)
        for record in records:
            self.assertEqual((record["rv"], record["code"]), ("SCARD_S_SUCCESS", 0))
            self.assertGreaterEqual(record["duration_us"], 0)
        greeting = next(record["out"]["receive"]["hex"] for record in records
                        if record["in"].get("send", {}).get("hex") == "00 00 00 00")
        self.assertEqual(bytes.fromhex(greeting), b"Hello world!\x90\x00")

    def test_summary_counts_the_calls_of_children_too(self) -> None:
        twice = f"import subprocess\nfor _ in range(2): subprocess.run([{HELLO!r}], check=True)"
        done = self.trace("--json", "--summary", sys.executable, "-c", twice)
        summary = json.loads(done.stderr.splitlines()[-1])
        self.assertEqual({row["function"]: row["calls"] for row in summary["functions"]},
                         {name: 2 * calls for name, calls in HELLO_CALLS.items()})
        self.assertEqual((summary["lost"], summary["not_returned"]), (0, {}))

    def test_summary_table_names_errors(self) -> None:
        script = ("import sys; from smartcard.scard import *; SCardReleaseContext(5); "
                  "SCardReleaseContext(6); sys.exit(9)")
        done = self.trace("--summary", sys.executable, "-c", script)
        self.assertEqual(done.returncode, 9)
        self.assertRegex(done.stderr.decode(), r"(?m)^SCardReleaseContext +2 +2 .*"
                         r"SCARD_E_INVALID_HANDLE 2$")
        self.assertRegex(done.stderr.decode(), r"(?m)^all +2 +2 ")

    def test_a_call_that_hangs_is_seen_and_signals_are_passed_on(self) -> None:
        traced = subprocess.Popen([TRACE, "pcsc_scan", "-n"], env=self._environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        self.addCleanup(traced.kill)
        assert traced.stderr is not None
        text = b""
        watch = Stopwatch()
        while b"waits ..." not in text:
            left = PATIENCE_SECONDS - watch.seconds
            self.assertTrue(left > 0 and select.select([traced.stderr], [], [], left)[0], text)
            text += os.read(traced.stderr.fileno(), 65536)
        traced.send_signal(signal.SIGTERM)
        _, rest = traced.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(traced.returncode, 128 + signal.SIGTERM)
        self.assertRegex(rest.decode(), r"SCardGetStatusChange\(.*\) did not return")

    def test_hints_when_nothing_was_called(self) -> None:
        done = self.trace("true")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"made no PC/SC call", done.stderr)

    def test_exit_statuses(self) -> None:
        # Not the shell: it does not run with the runtime of a sanitizer.
        exits = (sys.executable, "-c", "raise SystemExit(5)")
        self.assertEqual(self.trace(*exits).returncode, 5)
        is_killed = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
        self.assertEqual(self.trace(*is_killed).returncode, 128 + signal.SIGKILL)
        self.assertEqual(self.trace("/nowhere/program").returncode, 127)
        self.assertEqual(self.trace("/etc/passwd").returncode, 126)
        self.assertEqual(self.trace().returncode, 2)


class Pins(TraceTest):
    def test_are_in_no_output(self) -> None:
        recorded = self.file("trace")
        for arguments in ((), ("--json",), ("--summary",)):
            done = self.trace(*arguments, *VERIFY_PIN)
            self.assertEqual(done.stdout.count(b"0x00000000 6"), 3, done.stdout)
            self.assert_no_pin(done.stderr)
        done = self.run_program(*VERIFY_PIN, PCSCLITE_DEBUG="0", CARDEA_TRACE=str(recorded))
        self.assert_no_pin(done.stderr)
        self.assert_no_pin(recorded.read_bytes())
        self.assertIn(b"00 20 00 81 08 ** ** ** ** ** ** ** **", recorded.read_bytes())

    def test_are_shown_if_asked_for(self) -> None:
        done = self.trace("--show-pins", *VERIFY_PIN)
        self.assertIn(b"00 20 00 81 08 " + PIN_FORMS[1], done.stderr)

    def test_are_not_shown_because_of_an_inherited_variable(self) -> None:
        done = self.run_program(TRACE, *VERIFY_PIN, CARDEA_TRACE_PINS="1")
        self.assert_no_pin(done.stderr)


class Variables(TraceTest):
    def test_a_recorded_file_can_be_read(self) -> None:
        recorded = self.file("trace")
        for _ in range(2):
            self.assertEqual(self.run_program(HELLO, CARDEA_TRACE=str(recorded)).returncode, 0)
        self.assertEqual(recorded.stat().st_mode & 0o777, 0o600)
        done = self.trace("--summary", "--read", str(recorded))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.count(b"SCardTransmit("), 4)
        self.assertRegex(done.stdout.decode(), r"(?m)^all +16 +0 ")

    def test_a_trace_that_cannot_be_written_does_not_fail_the_program(self) -> None:
        done = self.run_program(HELLO, CARDEA_TRACE="/nowhere/trace")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"Hello world!", done.stdout)
        self.assertIn(b"cannot trace to /nowhere/trace: No such file or directory", done.stderr)

    def test_pcsclite_debug(self) -> None:
        for level, expected in (("0", HELLO_CALLS), ("x", HELLO_CALLS), ("3", {}), ("4", {})):
            done = self.run_program(HELLO, PCSCLITE_DEBUG=level)
            self.assertIn(b"Hello world!", done.stdout)
            functions = Counter(record["function"] for record in ends(done.stderr))
            self.assertEqual(functions, expected, f"level {level}")

    def test_a_delegate_that_is_missing_is_named(self) -> None:
        done = self.run_program(HELLO, LIBPCSCLITE_DELEGATE="/nowhere/delegate.so")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"LIBPCSCLITE_DELEGATE=/nowhere/delegate.so", done.stderr)
        self.assertIn(b"0x80100001", done.stderr)

    def test_the_library_itself_as_delegate(self) -> None:
        done = self.run_program(HELLO, LIBPCSCLITE_DELEGATE="libpcsclite_real.so.1")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"Hello world!", done.stdout)


@unittest.skipIf(settings().sanitize, "sanitizers forbid how a delegate is loaded")
class Spy(TraceTest):
    """Debian's libpcscspy and its decoder."""

    def test_writes_what_pcsc_spy_reads(self) -> None:
        log = self.file("pcsc-spy")
        log.touch()
        done = self.run_program(HELLO, LIBPCSCLITE_DELEGATE=SPY, HOME=str(RUNTIME_DIR))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"Hello world!", done.stdout)
        decoded = self.run_program("pcsc-spy", "--nocolor", str(log))
        self.assertEqual(decoded.returncode, 0, decoded.stderr)
        for text in (b"SCardEstablishContext", b"szReader Cardea Virtual Reader 00 00",
                     b"48 65 6C 6C 6F 20 77 6F", b"(  2 calls)"):
            self.assertIn(text, decoded.stdout)

    def test_can_be_traced_as_well(self) -> None:
        self.file("pcsc-spy").touch()
        done = self.run_program(TRACE, "--json", HELLO, LIBPCSCLITE_DELEGATE=SPY,
                                HOME=str(RUNTIME_DIR))
        lines = b"\n".join(line for line in done.stderr.splitlines() if line.startswith(b"{"))
        self.assertEqual(Counter(record["function"] for record in ends(lines)), HELLO_CALLS)
