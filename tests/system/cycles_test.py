"""A program that comes, connects to a card and goes, again and again: SCardEstablishContext,
SCardConnect, SCardDisconnect, SCardReleaseContext. The daemon's descriptors and threads stay the
same, and its memory within 1 %. Here 20 000 times; scripts/stress does it a million times."""

from __future__ import annotations

import os
import subprocess

from harness.case import SystemTest
from harness.processes import kib
from harness.programs import LIBRARY
from harness.settings import settings
from harness.waiting import poll_until

CYCLES = int(os.environ.get("CARDEA_CYCLES", "2000" if settings().sanitize else "20000"))
# pcsc_bench notes the time of each round, and has room for so many.
CYCLES_AT_ONCE_MAX = 100_000
# What is done before the first look: buffers, threads and free lists have their size then.
WARM_UP_PART = 10
MEMORY_FACTOR_MAX = 1.01


class Cycles(SystemTest):
    def test_nothing_grows(self) -> None:
        self._run(CYCLES // WARM_UP_PART)
        before, memory_before = self._at_rest()
        done = 0
        while done < CYCLES:
            count = min(CYCLES - done, CYCLES_AT_ONCE_MAX)
            self._run(count)
            done += count
            after, memory = self._at_rest()
            print(f"{done} cycles: {after[0]} descriptors, {after[1]} threads, {memory} KiB "
                  f"(before: {before[0]}, {before[1]}, {memory_before})", flush=True)
            self.assertEqual(after, before)
            if not settings().sanitize:  # they keep freed memory on purpose
                self.assertLessEqual(memory, memory_before * MEMORY_FACTOR_MAX)

    def _run(self, cycles: int) -> None:
        library = settings().build_dir / "lib"
        self.assertTrue((library / LIBRARY).exists())
        subprocess.run([str(settings().build_dir / "bin" / "pcsc_bench"), "--warmup", "0",
                        "--rounds", str(cycles), "whole_session"], check=True,
                       env={**os.environ, "LD_LIBRARY_PATH": str(library),
                            "PCSCLITE_CSOCK_NAME": str(self.daemon.socket_path)})

    def _at_rest(self) -> tuple[tuple[int, int], int]:
        """Descriptors and threads, and KiB of memory, when the last client has gone."""
        poll_until("the last client has gone",
                   lambda: self.daemon.resources() == self._resources)
        return self.daemon.resources(), kib(self.daemon.process.pid, "VmRSS")
