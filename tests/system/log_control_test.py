"""The log level at run time: org.freedesktop.LogControl1 on a system bus of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from harness.bus import ADDRESS, BUS, NAME, OBJECT, busctl, start_bus
from harness.launch import NO_READERS, Launch, LaunchTest
from harness.settings import settings
from harness.waiting import poll_until


class LogControl(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        address = mock.patch.dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=ADDRESS)
        address.start()
        self.addCleanup(address.stop)

    def start_bus(self) -> subprocess.Popen[bytes]:
        bus = start_bus()
        self.addCleanup(bus.wait)
        self.addCleanup(bus.kill)
        return bus

    def serve_on_bus(self, *arguments: str) -> Launch:
        daemon = self.serve(*arguments)
        poll_until("it has its name", lambda: NAME in busctl("list").stdout)
        return daemon

    def shown(self, name: str) -> str:
        return busctl("get-property", *OBJECT, name).stdout.strip()

    def set(self, name: str, value: str) -> subprocess.CompletedProcess[str]:
        return busctl("set-property", *OBJECT, name, "s", value)

    def test_level_is_changed_while_it_runs(self) -> None:
        self.start_bus()
        daemon = self.serve_on_bus()
        self.assertEqual(self.shown("LogLevel"), 's "info"')
        (NO_READERS / "reader").write_text(
            f"FRIENDLYNAME A\nDEVICENAME virtual:\nLIBPATH {settings().driver_path}\n")
        self.addCleanup((NO_READERS / "reader").unlink)
        self.assertEqual(self.set("LogLevel", "debug").returncode, 0)
        self.assertEqual(self.shown("LogLevel"), 's "debug"')
        daemon.wait_for_line("the log level is debug from now on")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for_line(" debug opening reader")
        self.assertEqual(self.set("LogLevel", "err").returncode, 0)
        lines = daemon.output.count(" info reading the configuration")
        self.assertEqual(lines, 1)
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        self.assertNotIn(" info stopping", daemon.output)

    def test_what_it_does_not_know_it_refuses(self) -> None:
        self.start_bus()
        self.serve_on_bus("--error")
        self.assertIn("is no log level", self.set("LogLevel", "loud").stderr)
        self.assertEqual(self.shown("LogLevel"), 's "err"')
        self.assertIn("one place", self.set("LogTarget", "kmsg").stderr)
        self.assertEqual(self.shown("LogTarget"), 's "console"')
        self.assertEqual(self.shown("SyslogIdentifier"), 's "pcscd"')

    def test_others_may_not_change_it(self) -> None:
        self.start_bus()
        self.serve_on_bus()
        if os.getuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] == "1":
            self.skipTest("there is only one user here")
        BUS.chmod(0o666)
        refused = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "busctl", "--system", "set-property",
             *OBJECT, "LogLevel", "s", "debug"], check=False, capture_output=True, text=True)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("ccess", refused.stderr)
        self.assertEqual(self.shown("LogLevel"), 's "info"')

    def test_it_needs_no_bus(self) -> None:
        daemon = self.serve("--debug")
        daemon.wait_for_line("no control of the log level over D-Bus")
        daemon.check_service()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def test_a_bus_that_goes_does_no_harm(self) -> None:
        bus = self.start_bus()
        daemon = self.serve_on_bus()
        bus.kill()
        bus.wait()
        daemon.check_service()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)


if __name__ == "__main__":
    unittest.main()
