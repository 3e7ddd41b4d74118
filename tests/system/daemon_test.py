"""pcscd as a process: signals and exit statuses, the pid file, second starts, the background."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from harness.case import SELECT, cardea_only
from harness.daemon import READERS, Daemon
from harness.launch import (IPC_DIR, NO_READERS, PID_FILE, SOCKET, Launch, LaunchTest, clean_paths,
                            is_served, kill_background, pid_in_file)
from harness.namespace import RUNTIME_DIR
from harness.processes import status
from harness.settings import settings
from harness.waiting import Stopwatch, poll_until

IS_CARDEA = settings().daemon == "cardea"
RESCAN = "looking for readers"
# A card's command that takes 65 s; the daemon waits for 5 s.
SLOW_COMMAND = b"\x80\x30\xff\xff"
STOP_LIMIT_SECONDS = 5


class Signals(LaunchTest):
    def test_ends_with_the_status_of_the_signal(self) -> None:
        for number, status in ((signal.SIGTERM, 0), (signal.SIGALRM, 0), (signal.SIGINT, 1),
                               (signal.SIGQUIT, 1)):
            with self.subTest(number.name):
                clean_paths()
                daemon = self.serve()
                self.assertEqual(daemon.end(number), status, daemon)
                self.assertEqual(list(IPC_DIR.iterdir()), [])

    def test_others_do_not_end_it(self) -> None:
        daemon = self.serve()
        for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1):
            daemon.process.send_signal(number)
        daemon.check_service()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    @cardea_only("SIGHUP is ignored by pcsc-lite")
    def test_two_of_them_ask_for_a_rescan(self) -> None:
        daemon = self.serve()
        for count, number in enumerate((signal.SIGUSR1, signal.SIGHUP), 1):
            daemon.process.send_signal(number)
            daemon.wait_for_line(RESCAN, count)
        self.assertEqual(daemon.end(signal.SIGTERM), 0)


@cardea_only("pcsc-lite leaves readers open on SIGTERM, and waits for ever for a driver on SIGINT")
class EndWithReaders(unittest.TestCase):
    def setUp(self) -> None:
        # A forced end joins no threads, which ThreadSanitizer would report.
        options = os.environ.get("TSAN_OPTIONS", "")
        forced = mock.patch.dict(os.environ, TSAN_OPTIONS=f"{options}:report_thread_leaks=0")
        forced.start()
        self.addCleanup(forced.stop)
        self.daemon = Daemon(settings())
        self.addCleanup(self.daemon.kill)
        self.daemon.start()
        self.control = RUNTIME_DIR / "daemon" / "control"
        place = str(RUNTIME_DIR / "daemon")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", place], check=True))

    def make_slow(self) -> None:
        """The driver is in a call that takes longer than the daemon waits."""
        slow, other = self.daemon.client(), self.daemon.client()
        for client in (slow, other):
            self.addCleanup(client.close)
        card = other.open_card(READERS[0])
        slow.send_transmit(slow.open_card(READERS[0]), SLOW_COMMAND)

        def has_to_wait() -> bool:
            other.send_transmit(card, SELECT)
            if not other.readable(0.2):
                return True
            other.recv_transmit()
            return False

        poll_until("the card works on the slow command", has_to_wait)

    def end(self, *numbers: signal.Signals) -> int:
        for number in numbers:
            self.daemon.process.send_signal(number)
            if number == signal.SIGINT:
                # A signal that is still pending would be lost with a second one like it.
                poll_until("the signal is taken", self._nothing_pending)
        return self.daemon.process.wait(20)

    def _nothing_pending(self) -> bool:
        if self.daemon.process.poll() is not None:
            return True
        fields = status(self.daemon.process.pid)
        return not any(int(fields[pending], 16) for pending in ("SigPnd", "ShdPnd"))

    def test_readers_are_closed(self) -> None:
        self.assertTrue(self.control.exists())
        self.assertEqual(self.end(signal.SIGTERM), 0)
        self.assertFalse(self.control.exists(), "the driver removes it when it is closed")

    def test_who_waits_for_events_hears_of_the_end_only(self) -> None:
        waiter = self.daemon.client()
        self.addCleanup(waiter.close)
        waiter.wait()
        self.assertEqual(self.end(signal.SIGTERM), 0)
        self.assertEqual(waiter.recv_until_closed(), b"")

    def test_a_driver_is_not_waited_for_for_ever(self) -> None:
        self.make_slow()
        time = Stopwatch()
        self.assertEqual(self.end(signal.SIGTERM), 1, self.daemon.log())
        self.assertLess(time.seconds, STOP_LIMIT_SECONDS + 5)
        self.assertIn("did not return", self.daemon.log())
        self.assertFalse(self.daemon.socket_path.exists())
        self.assertFalse(self.daemon.socket_path.with_suffix(".pid").exists())

    def test_the_third_interrupt_ends_it_at_once(self) -> None:
        self.make_slow()
        time = Stopwatch()
        self.assertEqual(self.end(signal.SIGINT, signal.SIGINT, signal.SIGINT), 1,
                         self.daemon.log())
        self.assertLess(time.seconds, STOP_LIMIT_SECONDS - 1)
        self.assertNotIn("did not return", self.daemon.log())


class PidFile(LaunchTest):
    def test_holds_the_pid(self) -> None:
        daemon = self.serve()
        # COMPAT: pcsc-lite writes the end of the C string as well.
        end = b"\n" if IS_CARDEA else b"\n\0"
        self.assertEqual(PID_FILE.read_bytes(), str(daemon.pid).encode() + end)
        self.assertEqual(PID_FILE.stat().st_mode & 0o7777, 0o644)
        self.assertEqual(IPC_DIR.stat().st_mode & 0o7777, 0o755)
        self.assertEqual(SOCKET.stat().st_mode & 0o7777, 0o666)
        daemon.end(signal.SIGTERM)

    def test_is_not_needed_for_service(self) -> None:
        PID_FILE.mkdir(parents=True)  # cannot be written, not even by root
        daemon = self.serve()
        self.assertIn(str(PID_FILE), daemon.output)
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def test_is_written_for_a_socket_of_systemd_as_well(self) -> None:
        IPC_DIR.mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(SOCKET))
            listener.listen()
            inode = SOCKET.stat().st_ino
            daemon = self.launch("--foreground", listener=listener)
            daemon.wait_until_serving()
            self.assertEqual(pid_in_file(), daemon.pid)
            self.assertEqual(daemon.end(signal.SIGTERM), 0)
            self.assertFalse(PID_FILE.exists())
            self.assertEqual(SOCKET.stat().st_ino, inode, "clients may be queued there")


class SecondStart(LaunchTest):
    def test_is_refused(self) -> None:
        first = self.serve()
        second = self.launch("--foreground")
        self.assertEqual(second.wait(), 1)
        if IS_CARDEA:
            self.assertIn(f"another pcscd (pid {first.pid}) already serves {SOCKET}",
                          second.output)
        first.check_service()
        self.assertEqual(pid_in_file(), first.pid)
        self.assertEqual(first.end(signal.SIGTERM), 0)

    @cardea_only("pcsc-lite's path is compiled in")
    def test_is_fine_on_another_socket(self) -> None:
        first = self.serve()
        other = IPC_DIR / "other.comm"
        second = self.launch("--foreground", "--socket", str(other))
        second.wait_until_serving(other)
        first.check_service()
        self.assertEqual(second.end(signal.SIGTERM), 0)
        self.assertEqual(first.end(signal.SIGTERM), 0)

    def test_replaces_what_a_crash_left_behind(self) -> None:
        self.assertEqual(self.serve().end(signal.SIGKILL), -signal.SIGKILL)
        self.assertTrue(SOCKET.exists() and PID_FILE.exists())
        second = self.serve()
        self.assertEqual(pid_in_file(), second.pid)
        self.assertEqual(second.end(signal.SIGTERM), 0)

    def test_is_not_kept_out_by_a_recycled_pid(self) -> None:
        self.serve().end(signal.SIGKILL)
        PID_FILE.write_text(f"{os.getpid()}\n")
        second = self.launch("--foreground")
        if IS_CARDEA:
            second.wait_until_serving()
            self.assertEqual(second.end(signal.SIGTERM), 0)
        else:
            # COMPAT: any process that has the number counts as a daemon.
            self.assertEqual(second.wait(), 1)

    @cardea_only("pcsc-lite asks the pid file, not who listens")
    def test_is_refused_where_somebody_else_listens(self) -> None:
        IPC_DIR.mkdir()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(SOCKET))
            listener.listen(0)
            with socket.socket(socket.AF_UNIX) as waiting:
                waiting.connect(str(SOCKET))  # and its queue is full
                second = self.launch("--foreground")
                self.assertEqual(second.wait(), 1)
                self.assertIn(f"something already serves {SOCKET}", second.output)
        self.assertEqual(os.listdir(IPC_DIR), [SOCKET.name])

    @cardea_only("two that start at once may both go on with pcsc-lite")
    def test_one_of_many_at_once_wins(self) -> None:
        for _ in range(5):
            clean_paths()
            starts = [self.launch("--foreground") for _ in range(6)]
            poll_until("all but one have ended",
                       lambda: sum(start.process.poll() is None for start in starts) == 1)
            winner = next(start for start in starts if start.process.poll() is None)
            self.assertEqual([start.wait() for start in starts if start is not winner], [1] * 5)
            winner.wait_until_serving()
            self.assertEqual(pid_in_file(), winner.pid)
            self.assertEqual(winner.end(signal.SIGTERM), 0)


class Hotplug(LaunchTest):
    def ask(self) -> Launch:
        asking = self.launch("--hotplug", readers=None)
        asking.wait()
        return asking

    def test_reaches_the_daemon(self) -> None:
        daemon = self.serve("--info")
        asked = self.ask()
        self.assertEqual(asked.wait(), 0, asked)
        if IS_CARDEA:
            daemon.wait_for_line(RESCAN)
        daemon.check_service()
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def test_says_that_there_is_none(self) -> None:
        asked = self.ask()
        self.assertEqual(asked.wait(), 1)
        if IS_CARDEA:
            self.assertIn("no pcscd is running", asked.errors)

    def test_spares_the_process_that_has_the_number_now(self) -> None:
        self.serve().end(signal.SIGKILL)
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            PID_FILE.write_text(f"{other.pid}\n")
            # COMPAT: pcsc-lite signals whatever has the number.
            self.assertEqual(self.ask().wait(), 1 if IS_CARDEA else 0)
            _, _ = other.communicate(b"\n")
        self.assertEqual(other.returncode, 0 if IS_CARDEA else -signal.SIGUSR1)


class InTheBackground(LaunchTest):
    def start(self, *arguments: str, readers: Path = NO_READERS) -> Launch:
        started = self.launch(*arguments, readers=readers)
        self.addCleanup(kill_background)
        return started

    def test_the_command_returns_when_clients_are_served(self) -> None:
        started = self.start()
        self.assertEqual(started.wait(), 0, started)
        started.check_service()
        pid = pid_in_file()
        self.assertNotEqual(pid, started.pid)
        process = Path(f"/proc/{pid}")
        self.assertEqual((process / "cwd").readlink(), Path("/"))
        for descriptor in range(3):
            self.assertEqual((process / "fd" / str(descriptor)).readlink(), Path("/dev/null"))
        # COMPAT: pcsc-lite stays in the session of the terminal.
        self.assertEqual(os.getsid(pid) == pid, IS_CARDEA)
        os.kill(pid, signal.SIGTERM)
        # We are the first process here, and so the parent of those who lost theirs.
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertFalse(is_served())
        self.assertFalse(PID_FILE.exists())

    def test_the_command_returns_the_status_of_a_start_that_failed(self) -> None:
        failed = self.start(readers=Path("/nowhere"))
        self.assertEqual(failed.wait(), 1)
        # COMPAT: pcsc-lite leaves the reason in syslog only.
        self.assertEqual("/nowhere" in failed.errors, IS_CARDEA)

    def test_a_second_start_is_refused(self) -> None:
        first = self.serve()
        second = self.start()
        self.assertEqual(second.wait(), 1)
        self.assertEqual(pid_in_file(), first.pid)
        self.assertEqual(first.end(signal.SIGTERM), 0)

    def test_colours_do_not_bring_the_log_to_the_terminal(self) -> None:
        started = self.start("--color", "--info")
        self.assertEqual(started.wait(), 0)
        # COMPAT: with pcsc-lite all of the log goes there, and on to /dev/null.
        self.assertEqual(started.output + started.errors == "", IS_CARDEA)


class Syslog(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.messages = self._own_dev_log()

    def _own_dev_log(self) -> socket.socket:
        """/dev with the little that is needed, and a syslog of ours; for the time of the test."""
        place = Path(tempfile.mkdtemp(dir=RUNTIME_DIR))
        for name in ("null", "urandom"):
            (place / name).touch()
            subprocess.run(["mount", "--bind", f"/dev/{name}", str(place / name)], check=True)
        messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(messages.close)
        messages.settimeout(20)
        messages.bind(str(place / "log"))
        subprocess.run(["mount", "--rbind", str(place), "/dev"], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "--lazy", "/dev"], check=True))
        return messages

    def line_with(self, text: str) -> str:
        while True:
            line = self.messages.recv(4096).decode().rstrip("\0")
            if text in line:
                return line

    def test_lines_have_their_priority(self) -> None:
        readers = RUNTIME_DIR / "wrong"
        # COMPAT: a mistake in this file would end pcsc-lite.
        readers.write_text("FRIENDLYNAME two words\n" if IS_CARDEA else "# none\n")
        started = self.launch("--info", readers=readers)
        self.addCleanup(kill_background)
        self.assertEqual(started.wait(), 0, started)
        if IS_CARDEA:
            self.assertRegex(self.line_with(f"{readers}:1: "), r"^<27>.* pcscd\[\d+\]: ")
            self.assertRegex(self.line_with("serving clients"), r"^<30>")
        else:
            # COMPAT: facility user, priority info, whatever the line says.
            self.assertRegex(self.line_with("daemon ready"), r"^<14>")

    @cardea_only("pcsc-lite gives all lines one priority")
    def test_the_reason_of_a_failed_start_is_critical(self) -> None:
        self.assertEqual(self.launch(readers=Path("/nowhere")).wait(), 1)
        self.assertRegex(self.line_with("cannot start"), r"^<26>")


if __name__ == "__main__":
    unittest.main()
