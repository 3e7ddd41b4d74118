"""No room on a disk, and a log that nobody takes: the daemon says what it can, and goes on.

Each test has its own tiny tmpfs, pipe, terminal or journal. Requests are timed: a daemon that
waited for its log would not answer."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness.journal import SOCKET as JOURNAL_SOCKET
from harness.launch import IPC_DIR, NO_READERS, PID_FILE, SOCKET, LaunchTest
from harness.launch import is_served
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until
from harness.wire import WireClient

# Nothing that is asked takes longer, whatever has become of the log.
ANSWER_SECONDS = 2.0
# Records of this many requests, at level debug, fit neither a pipe nor a terminal.
REQUESTS = 3_000
LOST = "could not be written"
PIPE_BYTES = 1 << 20


def tiny_disk(test: unittest.TestCase, place: Path, options: str) -> None:
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    test.addCleanup(lambda: subprocess.run(["umount", "--lazy", str(place)], check=True))


def fill(place: Path) -> Path:
    """Leaves no block free."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


class RuntimeDirectory(LaunchTest):
    """/run/pcscd, where the socket and the pid file are."""

    def test_without_a_block_it_serves_and_complains(self) -> None:
        tiny_disk(self, IPC_DIR, "size=16k,mode=755")
        PID_FILE.write_text("1\n")  # of a daemon that died
        fill(IPC_DIR)
        daemon = self.serve()
        self.assertIn(f"cannot write {PID_FILE}: No space left on device", daemon.output)
        self.assertFalse(PID_FILE.exists(), "nobody is misled by an old number")
        # What finds the daemon is the lock.
        asked = self.launch("--hotplug")
        self.assertEqual(asked.wait(), 0, asked)
        daemon.wait_for_line("reading the configuration again")
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def test_without_an_inode_it_says_why_it_cannot_start(self) -> None:
        tiny_disk(self, IPC_DIR, "nr_inodes=1,mode=755")
        started = self.launch("--foreground")
        self.assertEqual(started.wait(), 1)
        self.assertRegex(started.output, r"cannot start: .*No space left on device")

    def test_read_only_it_says_why_it_cannot_start(self) -> None:
        tiny_disk(self, IPC_DIR, "ro,mode=755")
        started = self.launch("--foreground")
        self.assertEqual(started.wait(), 1)
        self.assertRegex(started.output, r"cannot start: .*Read-only file system")

    def test_read_only_it_serves_the_socket_it_is_given(self) -> None:
        tiny_disk(self, IPC_DIR, "mode=755")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(SOCKET))
            listener.listen()
            subprocess.run(["mount", "-o", "remount,ro", str(IPC_DIR)], check=True)
            daemon = self.launch("--foreground", listener=listener)
            daemon.wait_for_line("serving clients")
            daemon.check_service()
            self.assertIn("pcscctl will not work", daemon.output)
            self.assertEqual(daemon.end(signal.SIGTERM), 0)


class LogTest(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.process: subprocess.Popen[bytes] | None = None

    def start_with_output(self, output: int, **environment: str) -> subprocess.Popen[bytes]:
        command = [str(settings().daemon_path), "--foreground", "--debug", "--config",
                   str(NO_READERS)]
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.DEVNULL, env={**os.environ, **environment})
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        poll_until("the daemon accepts connections", lambda: is_served(SOCKET))
        return daemon

    def ask(self, times: int) -> None:
        """Each request is logged."""
        with WireClient(SOCKET, minor=6) as client:
            for _ in range(times):
                watch = Stopwatch()
                client.reader_events()
                self.assertLess(watch.seconds, ANSWER_SECONDS, "waits for its log")

    def end(self, daemon: subprocess.Popen[bytes]) -> None:
        daemon.send_signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(ANSWER_SECONDS * 10), 0)


class FullDisk(LogTest):
    def test_what_is_lost_is_counted(self) -> None:
        place = RUNTIME_DIR / "log-disk"
        tiny_disk(self, place, "size=64k")
        log = place / "log"
        with log.open("ab") as file:
            daemon = self.start_with_output(file.fileno())
        self.ask(10)
        filler = fill(place)
        self.ask(REQUESTS)
        self.assertNotIn(LOST, log.read_text())
        filler.unlink()
        self.ask(1)
        poll_until("the count of what was lost", lambda: LOST in log.read_text())
        line = next(line for line in log.read_text().splitlines() if LOST in line)
        lost = int(line.split()[2])  # "00001234 warning N log records ..."
        self.assertGreater(lost, REQUESTS // 2)
        self.assertLess(lost, REQUESTS * 2)
        self.end(daemon)


class ReaderThatDoesNotRead(LogTest):
    def test_a_pipe(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        daemon = self.start_with_output(writer)
        os.close(writer)
        self.check_counting(daemon, reader)

    def test_a_terminal_that_is_stopped(self) -> None:
        terminal, line = pty.openpty()
        self.addCleanup(os.close, terminal)
        daemon = self.start_with_output(line)
        os.close(line)
        self.check_counting(daemon, terminal)

    def check_counting(self, daemon: subprocess.Popen[bytes], reader: int) -> None:
        self.ask(REQUESTS)
        os.set_blocking(reader, False)
        text = self.drain(reader)
        self.assertIn("serving clients", text)
        self.assertNotIn(LOST, text)

        def told() -> bool:
            self.ask(1)
            return LOST in self.drain(reader)

        poll_until("the count of what was lost", told)
        # Somebody has to read what is said at the end, too.
        self.end(daemon)

    def drain(self, reader: int) -> str:
        text = b""
        try:
            while True:
                piece = os.read(reader, PIPE_BYTES)
                if not piece:
                    break
                text += piece
        except BlockingIOError:
            pass
        return text.decode(errors="replace")

    def test_a_pipe_whose_reader_has_gone(self) -> None:
        reader, writer = os.pipe()
        daemon = self.start_with_output(writer)
        os.close(writer)
        os.close(reader)
        self.ask(REQUESTS)
        self.end(daemon)


class Journal(LogTest):
    """A journal that takes nothing: the rest goes to the stream that it has given us."""

    def setUp(self) -> None:
        super().setUp()
        JOURNAL_SOCKET.parent.mkdir(parents=True, exist_ok=True)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(JOURNAL_SOCKET.unlink, missing_ok=True)
        self.addCleanup(self.journal.close)
        self.journal.bind(str(JOURNAL_SOCKET))
        self.stream = tempfile.TemporaryFile(dir=RUNTIME_DIR)
        self.addCleanup(self.stream.close)
        place = os.fstat(self.stream.fileno())
        self.daemon = self.start_with_output(self.stream.fileno(),
                                             JOURNAL_STREAM=f"{place.st_dev}:{place.st_ino}")

    def entries(self) -> int:
        """Entries that the journal has got so far."""
        self.journal.setblocking(False)
        count = 0
        try:
            while self.journal.recv(1 << 16):
                count += 1
        except BlockingIOError:
            pass
        return count

    def lines(self) -> list[str]:
        self.stream.seek(0)
        return self.stream.read().decode().splitlines()

    def test_that_hangs_loses_nothing(self) -> None:
        self.entries()
        self.ask(REQUESTS)
        lines = [line for line in self.lines() if "GET_READER_EVENTS" in line.upper()]
        queued = self.entries()
        self.assertGreater(queued, 0)
        self.assertGreater(len(lines), 0, "the queue of the journal takes so many records")
        self.assertGreaterEqual(queued + len(lines), REQUESTS)
        self.ask(1)
        self.assertGreater(self.entries(), 0, "the journal is back")
        self.end(self.daemon)

    def test_that_has_gone_loses_nothing(self) -> None:
        self.journal.close()
        JOURNAL_SOCKET.unlink()
        self.ask(100)
        lines = [line for line in self.lines() if "GET_READER_EVENTS" in line.upper()]
        self.assertEqual(len(lines), 100)
        self.end(self.daemon)


if __name__ == "__main__":
    unittest.main()
