"""The matrix {our, Debian's daemon} x {our, Debian's library}: Debian's programs have to print in
each cell what they print with Debian's pair and the same driver.

One run of this module is one daemon and one driver, with both libraries. The outputs of Debian's
pair are recorded first, by the same machine in the same minute."""

from __future__ import annotations

import dataclasses
import unittest

from harness.daemon import Daemon
from harness.programs import PROGRAMS, Program, ProgramRun, RunningScan
from harness.settings import settings
from harness.waiting import poll_until

RUNNING_SCAN = "pcsc_scan"
INSERTED = "Card state: Card inserted"
REMOVED = "Card state: Card removed"
LIBRARIES = ("cardea", "debian")


def record(run: ProgramRun, program: Program) -> str:
    """One program on a reader that nobody uses."""
    poll_until("the reader is idle", lambda: run.daemon.state(0).sharing == 0)
    return run.output(program)


def record_running_scan(run: ProgramRun) -> str:
    """pcsc_scan while the card is taken out and put back. Slot 1 is empty throughout."""
    scan = RunningScan(run)
    try:
        scan.wait_for(INSERTED, 1)
        scan.wait_for(REMOVED, 1)
        run.daemon.remove(0)
        scan.wait_for(REMOVED, 2)
        run.daemon.insert(0)
        scan.wait_for(INSERTED, 2)
        return scan.finish()
    finally:
        scan.kill()


def record_all(run: ProgramRun) -> dict[str, str]:
    outputs = {program.name: record(run, program) for program in PROGRAMS}
    outputs[RUNNING_SCAN] = record_running_scan(run)
    return outputs


class Matrix(unittest.TestCase):
    reference: dict[str, str]
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        debian = dataclasses.replace(settings(), daemon="debian", starter="process")
        daemon = Daemon(debian)
        cls.addClassCleanup(daemon.kill)
        daemon.start()
        cls.reference = record_all(ProgramRun(daemon, debian, "debian"))
        daemon.stop()

    def test_reference_is_what_it_should_be(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program.name):
                output = self.reference[program.name]
                self.assertTrue(output.startswith("exit 0\n"), output)
                for text in program.shows:
                    self.assertIn(text, output)

    def test_each_library_prints_the_same(self) -> None:
        for library in LIBRARIES:
            if (settings().daemon, library) == ("debian", "debian"):
                continue  # the reference itself
            daemon = Daemon(settings())
            self.addCleanup(daemon.kill)
            daemon.start()
            run = ProgramRun(daemon, settings(), library)
            self.assertEqual(run.loaded_library().parent.resolve(), run.library_dir.resolve())
            self._compare(run, library, daemon)
            daemon.stop()

    def _compare(self, run: ProgramRun, library: str, daemon: Daemon) -> None:
        for program in PROGRAMS:
            with self.subTest(program.name, library=library):
                self.assertEqual(record(run, program), self.reference[program.name],
                                 f"\n{daemon.log()}")
        with self.subTest(RUNNING_SCAN, library=library):
            self.assertEqual(record_running_scan(run), self.reference[RUNNING_SCAN],
                             f"\n{daemon.log()}")
