"""The daemon as a service of systemd: notifications, status, watchdog."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import unittest
from pathlib import Path

from harness.launch import SOCKET, Launch, LaunchTest
from harness.manager import NOTIFY_SOCKET, Message, Notifications
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import WireClient

HANDLERS = settings().build_dir / "tests" / "unit" / "drivers" / "handlers"
OURS = settings().build_dir / "lib" / "libifdvirtual.so"
# A driver that hangs delays readiness by this, as it delays clients.
START_UP_SECONDS = 5
WATCHDOG_SECONDS = 1.0

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


class ServiceTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.manager = Notifications()
        self.addCleanup(self.manager.close)
        self.readers = RUNTIME_DIR / "readers.conf"

    def start(self, library: Path = OURS, device: str = "virtual:", **environment: str) -> Launch:
        self.readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME {device}\nLIBPATH {library}\n")
        return self.launch("--foreground", readers=self.readers,
                           environment={"NOTIFY_SOCKET": str(NOTIFY_SOCKET), **environment})

    def ready(self) -> Message:
        return self.manager.wait_for("READY=1", lambda message: "READY" in message)

    def wait_status(self, status: str) -> None:
        """It may have come with, or before, what was waited for last."""
        if self.manager.status != status:
            self.manager.wait_for(status, lambda message: message.get("STATUS") == status)


class Life(ServiceTest):
    def test_it_is_ready_when_the_readers_are(self) -> None:
        time = Stopwatch()
        self.start()
        self.ready()
        self.assertLess(time.seconds, START_UP_SECONDS)
        with WireClient(SOCKET) as client:
            self.assertEqual([s.name for s in client.states() if s.name], ["Reader 00 00"])
            self.wait_status("1 reader, 1 client")

    def test_it_is_ready_without_readers(self) -> None:
        self.start(library=Path("/nowhere"))
        self.assertEqual(self.ready(), {"READY": "1", "STATUS": "0 readers, 0 clients"})

    def test_the_status_follows_clients(self) -> None:
        self.start()
        self.ready()
        first, second = WireClient(SOCKET), WireClient(SOCKET)
        self.wait_status("1 reader, 2 clients")
        first.close()
        self.wait_status("1 reader, 1 client")
        second.close()
        self.wait_status("1 reader, 0 clients")

    def test_a_reload_begins_and_ends(self) -> None:
        daemon = self.start()
        self.ready()
        self.readers.write_text("# no reader\n")
        daemon.process.send_signal(signal.SIGHUP)
        begin = self.manager.wait_for("RELOADING=1", lambda message: "RELOADING" in message)
        self.assertRegex(begin["MONOTONIC_USEC"], r"^\d+$")
        self.assertEqual(self.ready(), {"READY": "1"})
        self.wait_status("0 readers, 0 clients")

    def test_it_says_that_it_stops(self) -> None:
        daemon = self.start()
        self.ready()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        self.manager.wait_for("STOPPING=1", lambda message: "STOPPING" in message)

    def test_many_changes_are_few_messages(self) -> None:
        self.start()
        self.ready()
        time = Stopwatch()
        for _ in range(200):
            WireClient(SOCKET).close()
        messages = 0
        while self.manager.receive(1.5) is not None:
            messages += 1
        self.assertLessEqual(messages, time.seconds + 1)


class Watchdog(ServiceTest):
    def setUp(self) -> None:
        super().setUp()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.daemon = self.start(WATCHDOG_USEC=str(round(WATCHDOG_SECONDS * 1e6)))
        self.ready()

    def test_it_is_fed_while_nothing_happens(self) -> None:
        for _ in range(5):
            message = self.manager.receive(WATCHDOG_SECONDS)
            self.assertIsNotNone(message, "systemd would take it for dead")
            assert message is not None
            self.assertIn("WATCHDOG", message)

    def test_it_starves_with_the_threads_that_serve_clients(self) -> None:
        stopped: set[int] = set()
        try:
            self.stop_threads(stopped)
            # The main thread lives, and whatever was on its way has come before this.
            self.daemon.process.send_signal(signal.SIGHUP)
            self.manager.wait_for("RELOADING=1", lambda message: "RELOADING" in message)
            while (message := self.manager.receive(3 * WATCHDOG_SECONDS)) is not None:
                self.assertNotIn("WATCHDOG", message)
        finally:
            for thread in stopped:
                self.ptrace(PTRACE_DETACH, thread)
        self.manager.wait_for("WATCHDOG=1", lambda message: "WATCHDOG" in message)

    def serving_threads(self) -> list[int]:
        tasks = Path(f"/proc/{self.daemon.pid}/task").iterdir()
        return [int(task.name) for task in tasks if int(task.name) != self.daemon.pid]

    def sleeps(self, thread: int) -> bool:
        try:
            stat = Path(f"/proc/{self.daemon.pid}/task/{thread}/stat").read_text()
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] == "S"

    def stop_threads(self, stopped: set[int]) -> None:
        """Until there is none that runs: those of the start may be about to end. They have to be
        idle: one that is stopped with a lock in its hands stops the main thread as well."""
        poll_until("idle threads", lambda: all(map(self.sleeps, self.serving_threads())))
        while running := [thread for thread in self.serving_threads() if thread not in stopped]:
            for thread in running:
                if not self.ptrace(PTRACE_SEIZE, thread):
                    continue  # it has ended
                self.ptrace(PTRACE_INTERRUPT, thread)
                if os.WIFSTOPPED(os.waitpid(thread, WALL)[1]):
                    stopped.add(thread)
        self.assertGreater(len(stopped), 0)

    def ptrace(self, request: int, thread: int) -> bool:
        """False: there is no such thread."""
        if self.libc.ptrace(request, thread, None, None) == 0:
            return True
        self.assertEqual(ctypes.get_errno(), errno.ESRCH, os.strerror(ctypes.get_errno()))
        return False


if __name__ == "__main__":
    unittest.main()
