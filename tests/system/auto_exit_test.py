"""--auto-exit: the daemon ends when there has been no client for 60 seconds. A figure of pcscd that
nothing shortens, so this takes a little more than a minute, once for each case."""

from __future__ import annotations

import signal
import subprocess
import unittest
from pathlib import Path

from harness.case import cardea_only
from harness.launch import SOCKET, LaunchTest
from harness.namespace import RUNTIME_DIR
from harness.waiting import Stopwatch, poll_until
from harness.wire import WireClient

LIMIT_SECONDS = 60
# COMPAT: pcsc-lite pauses for a second while it ends. The rest is for a loaded machine.
LATE_SECONDS = 8
PATIENCE_SECONDS = LIMIT_SECONDS + LATE_SECONDS + 10


class AutoExit(LaunchTest):
    def wait_for_end(self, process: subprocess.Popen[bytes], since: Stopwatch) -> None:
        self.assertEqual(process.wait(PATIENCE_SECONDS), 0)
        self.assertGreaterEqual(since.seconds, LIMIT_SECONDS)
        self.assertLess(since.seconds, LIMIT_SECONDS + LATE_SECONDS)

    def test_ends_after_the_last_client(self) -> None:
        daemon = self.serve("--auto-exit", "--info")
        first, second = WireClient(SOCKET), WireClient(SOCKET)
        first.close()
        second.states()
        time = Stopwatch()
        second.close()
        self.wait_for_end(daemon.process, time)
        self.assertFalse(SOCKET.exists(), "it ended in order")

    @cardea_only("pcsc-lite's path is compiled in, so there is one of it at a time")
    def test_ends_without_any_and_stays_with_one(self) -> None:
        paths = [RUNTIME_DIR / f"{name}.comm" for name in ("none", "one", "off")]
        time = Stopwatch()
        none, one, off = (self._launch_at(path, *(["--auto-exit"] if path != paths[2] else []))
                          for path in paths)
        with WireClient(paths[1]) as client:
            self.wait_for_end(none, time)
            client.states()
            self.assertIsNone(one.poll())
            self.assertIsNone(off.poll(), "not asked to end")
        for process in (one, off):
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(PATIENCE_SECONDS), 0)

    def _launch_at(self, path: Path, *arguments: str) -> subprocess.Popen[bytes]:
        """Without the client that looks whether there is service."""
        daemon = self.launch("--foreground", "--socket", str(path), *arguments)
        poll_until("the socket is there", path.exists)
        return daemon.process


if __name__ == "__main__":
    unittest.main()
