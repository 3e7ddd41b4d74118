"""The command line of pcscd: each option is accepted and does what its documentation says, and
what makes no sense is refused. The same rows run against Debian's pcscd where it has the option."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import tempfile
import unittest
from contextlib import ExitStack
from pathlib import Path

from harness.card import OK
from harness.case import SELECT, cardea_only
from harness.daemon import READERS, Daemon
from harness.launch import NO_READERS, SOCKET, Launch, LaunchTest, clean_paths, is_served
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import PATIENCE_SECONDS, poll_until
from harness.wire import ANSWER_SECONDS, HEADER, VERSION, Command, Rv

IS_CARDEA = settings().daemon == "cardea"
# A line that both daemons log at level info as soon as clients are served, and its colour.
READY = "serving clients" if IS_CARDEA else "daemon ready"
ESCAPE = "\x1b["

# Accepted by pcsc-lite 1.9.9 (Debian) and ours; the effect shows in a test below, in
# unit/daemon/options_test, or where readers are.
SHARED_OPTIONS = (
    "-a", "--apdu", "-T", "--color", "-d", "--debug", "-i", "--info", "-e", "--error", "-C",
    "--critical", "--force-reader-polling", "--force-reader-polling=5", "-t5", "--max-thread=5",
    "-s5", "--max-card-handle-per-thread=5", "-r5", "--max-card-handle-per-reader=5", "-x",
    "--auto-exit", "-S", "--reader-name-no-serial", "-I", "--reader-name-no-interface",
    # abbreviations
    "--ap", "--deb", "--auto", "--max-t=5", "--reader-name-no-s")
# COMPAT: newer than 1.9.9, or ours.
OUR_OPTIONS = (
    "--disable-polkit", "--legacy-slots=20", "--drivers=/nowhere", "--hotplug-backend=none",
    "--generic-ccid", "--generic-ccid=/nowhere.so", "--power-off=never", "--power-off=R=5")


class Informative(LaunchTest):
    def test_help_is_printed(self) -> None:
        for option in ("-h", "--help", "--he"):
            with self.subTest(option):
                run = self.launch(option, readers=None)
                self.assertEqual(run.wait(), 0)
                self.assertTrue(run.output.startswith("Usage: "), run)
                for name in ("--apdu", "--config", "--foreground", "--auto-exit"):
                    self.assertIn(name, run.output)
                self.assertEqual(run.errors, "")

    def test_version_is_printed(self) -> None:
        for option in ("-v", "--version"):
            with self.subTest(option):
                run = self.launch(option, readers=None)
                self.assertEqual(run.wait(), 0)
                for text in ("pcsc-lite version ", "\nEnabled features: Linux ",
                             " usbdropdir=/usr/lib/pcsc/drivers", " ipcdir=/run/pcscd",
                             " configdir=/etc/reader.conf.d", "\nMAX_READERNAME: 128"):
                    self.assertIn(text, run.output)


@cardea_only("pcsc-lite finds mistakes by starting")
class CheckConfig(LaunchTest):
    def check(self, text: str) -> tuple[int, str]:
        place = Path(tempfile.mkdtemp(dir=RUNTIME_DIR))
        (place / "conf").write_text(text)
        run = self.launch("--check-config", "--drivers", str(place), "--config", "conf",
                          readers=None, cwd=place)
        status = run.wait()
        self.assertEqual(run.errors, "")
        self.assertFalse(SOCKET.exists())
        return status, run.output

    def test_nothing_is_wrong(self) -> None:
        status, output = self.check(f"FRIENDLYNAME x\nCHANNELID 1\nLIBPATH "
                                    f"{settings().build_dir}/lib/libifdvirtual.so\n")
        self.assertEqual((status, output.splitlines()), (0, [
            "no problems; usable: 1 reader of reader.conf, no driver bundles for no kinds of USB "
            "readers"]))

    def test_something_is_wrong(self) -> None:
        status, output = self.check("FRIENDLYNAME x\nCHANNELID 1\nLIBPATH /nowhere.so\n")
        self.assertEqual(status, 1)
        self.assertRegex(output, r"(?m)/conf:1: .*/nowhere.so")


class Refused(LaunchTest):
    def refuse(self, *arguments: str) -> Launch:
        run = self.launch(*arguments, readers=None)
        self.assertEqual(run.wait(), 1, run)
        self.assertFalse(SOCKET.exists())
        return run

    def test_what_getopt_refuses(self) -> None:
        for option in ("--no-such-option", "-Z", "-c", "--config", "--max-thread", "--max",
                       "--foreground=1"):
            with self.subTest(option):
                run = self.refuse(option)
                self.assertIn("Usage: ", run.output)
                self.assertIn(option.lstrip("-").split("=")[0], run.errors)

    def test_stray_arguments(self) -> None:
        run = self.refuse("--foreground", "stray")
        self.assertIn("Usage: ", run.output)
        # COMPAT: pcsc-lite does not say which word it was.
        self.assertEqual("stray" in run.errors, IS_CARDEA)

    @cardea_only("pcsc-lite takes what is no number for 0")
    def test_values_that_make_no_sense(self) -> None:
        for option in ("--max-thread=x", "-t0", "--legacy-slots=5", "--force-reader-polling=x",
                       "--hotplug-backend=hal", "--power-off=soon", "--power-off=R="):
            with self.subTest(option):
                run = self.refuse("--foreground", option)
                self.assertIn("Usage: ", run.output)
                self.assertIn("pcscd: --", run.errors)

    def test_a_config_that_is_not_there(self) -> None:
        self.refuse("--foreground", "--config", "/nowhere/reader.conf")


class Accepted(LaunchTest):
    def check(self, option: str) -> None:
        daemon = self.serve(option)
        self.assertEqual(daemon.end(signal.SIGTERM), 0, daemon)
        self.assertNotIn("Usage: ", daemon.output)

    def test_options_of_both(self) -> None:
        for option in SHARED_OPTIONS:
            with self.subTest(option):
                clean_paths()
                self.check(option)

    @cardea_only("options that pcsc-lite 1.9.9 does not have")
    def test_our_options(self) -> None:
        for option in OUR_OPTIONS:
            with self.subTest(option):
                clean_paths()
                self.check(option)


class Log(LaunchTest):
    def shown(self, *arguments: str) -> str:
        daemon = self.serve(*arguments)
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        clean_paths()
        return daemon.output

    def test_the_last_level_counts(self) -> None:
        for arguments, ready in ((("--info",), True), (("--debug",), True), (("-e", "-i"), True),
                                 (("-C", "-d"), True), (("--error",), False), (("-d", "-C"), False),
                                 (("-i", "--error"), False)):
            with self.subTest(arguments):
                self.assertEqual(READY in self.shown(*arguments), ready)

    def test_the_default_level(self) -> None:
        # COMPAT: we say what was refused and which readers came without being asked to.
        self.assertEqual(READY in self.shown(), IS_CARDEA)

    def test_lines_begin_with_microseconds(self) -> None:
        lines = self.shown("--debug").splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"^[0-9]{8} \S")

    def test_colours_only_if_asked_for_without_a_terminal(self) -> None:
        self.assertNotIn(ESCAPE, self.shown("--info"))
        self.assertIn(ESCAPE, self.shown("--info", "--color"))


    def test_colours_on_a_terminal(self) -> None:
        terminal, its_side = os.openpty()
        self.addCleanup(os.close, terminal)
        command = [str(settings().daemon_path), "-f", "--info", "--config", str(NO_READERS)]
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its_side,
                                  env={**os.environ, "TERM": "xterm"})
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        os.close(its_side)
        shown = ""
        while READY not in shown:
            self.assertTrue(select.select([terminal], [], [], PATIENCE_SECONDS)[0], shown)
            shown += os.read(terminal, 4096).decode()
        self.assertIn(ESCAPE, shown)


class Paths(LaunchTest):
    def test_config_may_be_a_file(self) -> None:
        readers = RUNTIME_DIR / "one-file"
        readers.write_text("# no readers\n")
        self.assertEqual(self.serve(readers=readers).end(signal.SIGTERM), 0)

    @cardea_only("pcsc-lite goes to / before it looks")
    def test_relative_paths_count_from_the_directory_of_the_start(self) -> None:
        place = RUNTIME_DIR / "place"
        place.mkdir()
        (place / "conf").write_text("FRIENDLYNAME x y\n")
        daemon = self.launch("--foreground", "--config", "conf", "--socket", "comm", readers=None,
                             cwd=place)
        daemon.wait_until_serving(place / "comm")
        self.assertIn(f"{place}/conf:1:", daemon.output)
        self.assertEqual(Path(f"/proc/{daemon.pid}/cwd").readlink(), Path("/"))
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        self.assertEqual([file.name for file in place.iterdir()], ["conf"])

    @cardea_only("pcsc-lite's path is compiled in")
    def test_the_environment_moves_the_socket_and_the_option_wins(self) -> None:
        elsewhere = RUNTIME_DIR / "elsewhere"
        here = RUNTIME_DIR / "here.comm"
        environment = {"PCSCLITE_CSOCK_NAME": str(elsewhere)}
        daemon = self.launch("--foreground", environment=environment)
        daemon.wait_until_serving(elsewhere)
        both = self.launch("--foreground", "--socket", str(here), environment=environment)
        both.wait_until_serving(here)
        self.assertFalse(SOCKET.exists())
        self.assertTrue((RUNTIME_DIR / "here.pid").exists())
        self.assertTrue((RUNTIME_DIR / "elsewhere.pid").exists())
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        self.assertFalse(is_served(elsewhere))
        self.assertEqual(both.end(signal.SIGTERM), 0)


class Clients(LaunchTest):
    def test_clients_at_once(self) -> None:
        daemon = self.serve("--max-thread", "2")
        # The client that looked whether there is service may not be gone yet.
        poll_until("two of three are served", lambda: self._served_of(3) == [True, True, False])
        self.assertEqual(daemon.end(signal.SIGTERM), 0)

    def _served_of(self, count: int) -> list[bool]:
        with ExitStack() as stack:
            links = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(count)]
            served = [self._is_served(link) for link in links]
        return served

    @staticmethod
    def _is_served(link: socket.socket) -> bool:
        """Connects and tells whether CMD_VERSION is answered; else the daemon hangs up."""
        link.settimeout(ANSWER_SECONDS)
        link.connect(str(SOCKET))
        try:
            link.sendall(HEADER.pack(VERSION.size, Command.VERSION) + VERSION.pack(4, 4, 0))
            return link.recv(VERSION.size) != b""
        except (BrokenPipeError, ConnectionResetError):
            return False


class WithCard(unittest.TestCase):
    """Effects that show with a reader only."""

    def daemon(self, *arguments: str) -> Daemon:
        daemon = Daemon(settings(), *arguments)
        self.addCleanup(daemon.kill)
        daemon.start()
        return daemon

    def test_apdus_are_logged_at_any_level(self) -> None:
        daemon = self.daemon("--critical", "--apdu")
        with daemon.client() as client:
            card = client.open_card(READERS[0])
            self.assertEqual(client.transmit(card, SELECT).data, OK)
        log = daemon.stop()
        self.assertRegex(log, "(?m)APDU: 00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01 ?$")
        self.assertRegex(log, "(?m)SW: 90 00 ?$")
        self.assertEqual(len(log.splitlines()), 2, log)

    def test_apdus_are_not_logged_unless_asked_for(self) -> None:
        daemon = self.daemon("--info")
        with daemon.client() as client:
            client.transmit(client.open_card(READERS[0]), SELECT)
        self.assertNotIn("APDU: ", daemon.stop())

    def test_handles_of_one_client(self) -> None:
        daemon = self.daemon("-s", "2")
        with daemon.client() as client:
            for _ in range(2):
                client.open_card(READERS[0])
            self.assertEqual(client.connect(READERS[0]).rv, Rv.NO_MEMORY)
            with daemon.client() as other:
                other.open_card(READERS[0])
        daemon.stop()

    def test_handles_on_one_reader(self) -> None:
        daemon = self.daemon("-r", "2")
        with daemon.client() as client, daemon.client() as other:
            client.open_card(READERS[0])
            other.open_card(READERS[0])
            self.assertEqual(other.connect(READERS[0]).rv, Rv.INTERNAL_ERROR)
        daemon.stop()


if __name__ == "__main__":
    unittest.main()
