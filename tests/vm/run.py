#!/usr/bin/python3
"""Runs the tests in virtual machines: run.py IMAGE WORK SAMPLE INSTALLED [PATTERN...].

IMAGE: the directory that make_image.sh has made; WORK: for the root archives, console and journals;
SAMPLE, INSTALLED: trees that are laid over the image's root, as guest/ is; the first for both
daemons, the second for ours. PATTERN: tests whose names contain it.

scripts/vm-test calls this."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import readers_test  # noqa: E402  (needs the path above)
from vm.case import MachineTest  # noqa: E402
from vm.machine import join_archives  # noqa: E402


def main() -> None:
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    image, work, sample, installed = (Path(word) for word in sys.argv[1:5])
    loader = unittest.TestLoader()
    if sys.argv[5:]:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in sys.argv[5:]]
    MachineTest.kernel = image / "kernel"
    MachineTest.logs = work
    suite = unittest.TestSuite()
    common = [HERE / "guest", sample]
    trees = {readers_test.DebianTest: common, readers_test.CardeaTest: [*common, installed]}
    for case, folders in trees.items():
        case.root = work / f"{case.daemon}.root"
        join_archives(image / "root.cpio", folders, case.root)
        suite.addTests(loader.loadTestsFromTestCase(case))
    if suite.countTestCases() == 0:
        sys.exit("run.py: no such test")
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(suite)
    # What goes wrong before or after all tests of a class is an error without a test of its own.
    broken = {str(test) for test, _ in result.failures + result.errors}
    passed = result.testsRun - len([test for test in broken if "Class (" not in test])
    for case in trees:
        case.root.unlink()
    print(f"{passed} passed, {len(broken)} failed")
    sys.exit(1 if broken or passed == 0 else 0)


if __name__ == "__main__":
    main()
