"""Four clients that want the same card all the time get the same number of turns, whatever library
they have, and none waits for more than four of the others'. Turns are counted, not timed.

The long form is bench/fairness.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.case import SystemTest
from harness.programs import debian_lib_dir
from harness.settings import settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import turns  # noqa: E402  (needs the path above)

CLIENTS = 4
HOLD_MS = 20
SECONDS = 4.0


class Fairness(SystemTest):
    def _check(self, *libraries: Path) -> None:
        environments = [{**os.environ, "PCSCLITE_CSOCK_NAME": str(self.daemon.socket_path),
                         "LD_LIBRARY_PATH": str(library)} for library in libraries]
        program = str(settings().build_dir / "bin" / "pcsc_bench")
        result = turns.report(turns.run(program, environments, SECONDS, HOLD_MS))
        print(result, flush=True)
        self.assertGreater(min(result["turns"]), 1, result)
        self.assertTrue(turns.holds(result), result)

    def test_all_clients_alike(self) -> None:
        self._check(*CLIENTS * [settings().build_dir / "lib"])

    def test_one_with_debians_library(self) -> None:
        self._check(*(CLIENTS - 1) * [settings().build_dir / "lib"], debian_lib_dir())

    def test_all_with_debians_library(self) -> None:
        self._check(*CLIENTS * [debian_lib_dir()])
