"""What must not be in the log: PINs, at any level and from whomever; and lines that somebody else
has written into it."""

from __future__ import annotations

import itertools
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from harness import secret
from harness.bundles import DriverFolder
from harness.journal import Journal
from harness.launch import SOCKET, Launch, LaunchTest
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.usb_case import SCR3310, UsbTest
from harness.waiting import poll_until
from harness.wire import DIRECT, T0, T1, Rv, WireClient

HANDLERS = settings().build_dir / "tests" / "unit" / "drivers" / "handlers"
OURS = settings().build_dir / "lib" / "libifdvirtual.so"
OUR_CCID = settings().build_dir / "lib" / "libifdccid.so"
READER = "Reader 00 00"
NOT_SHOWN = re.compile(r"\(\d+ bytes, not shown\)")
MASKED = "APDU: 00 20 00 81 08 ** ** ** ** ** ** ** **"
# What libccid tells: everything, with each byte.
ALL_OF_LIBCCID = {"LIBCCID_ifdLogLevel": "0x000F"}
ALL_OF_OURS = {"CARDEA_CCID_LOG": "1", "CARDEA_CCID_ESCAPE": "1"}
PINPAD_CODES = (0x42330006, 0x42330007, 0x42000D48, 1, 0x42000001)

FORGED = "00000000 critical forged"
LINE = re.compile(r"\d{8} (debug|info|warning|error|critical) ")


class VirtualReader(LaunchTest):
    def setUp(self) -> None:
        super().setUp()
        self.readers = RUNTIME_DIR / "readers.conf"
        self.readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME virtual:\nLIBPATH {OURS}\n")

    def exchange(self) -> None:
        with WireClient(SOCKET) as client:
            poll_until("a card", lambda: client.states()[0].atr)
            card = client.open_card(READER)
            for command in (*secret.commands(), *secret.extended_commands()):
                self.assertEqual(client.transmit(card, command).rv, Rv.OK)
            for code in PINPAD_CODES:
                client.control(card, code, secret.pin_block())
            # What the card repeats is masked if the command was.
            self.assertIn(secret.PIN, client.transmit(
                card, b"\x80\x50\x00\x00" + bytes((len(secret.PIN),)) + secret.PIN).data)

    def end(self, daemon: Launch) -> str:
        self.assertEqual(daemon.end(signal.SIGTERM), 0)
        return daemon.output + daemon.errors

    def test_a_pin_is_nowhere_at_any_level(self) -> None:
        for level in ("--debug", "--info", "--error", "--critical"):
            with self.subTest(level):
                daemon = self.serve("--apdu", level, readers=self.readers)
                self.exchange()
                log = self.end(daemon)
                self.assertIn(MASKED, log)
                # The echo is no command that carries a PIN: it shows that a PIN would be found.
                shown = [line for line in log.splitlines() if not self.is_echo(line)]
                self.assertEqual(secret.found_in("\n".join(shown)), [])
                self.assertTrue(secret.found_in(log))

    def test_nothing_is_shown_unless_asked_for(self) -> None:
        daemon = self.serve("--debug", readers=self.readers)
        self.exchange()
        log = self.end(daemon)
        self.assertEqual(secret.found_in(log), [])
        self.assertNotIn("APDU", log)

    def test_a_pin_is_not_in_the_journal(self) -> None:
        journal = Journal()
        self.addCleanup(journal.close)
        daemon = self.serve("--apdu", "--debug", readers=self.readers, journal=True)
        self.exchange()
        self.assertEqual(self.end(daemon), "")
        entries = [entry for entry in journal.drain() if not self.is_echo(entry["MESSAGE"])]
        self.assertIn(MASKED, [entry["MESSAGE"] for entry in entries])
        self.assertEqual(secret.found_in("\n".join(map(str, entries))), [])

    @staticmethod
    def is_echo(line: str) -> bool:
        pin = secret.PIN.hex(" ").upper()
        return f"APDU: 80 50 00 00 08 {pin}" in line or f"SW: {pin}" in line


class CcidPrivacy(UsbTest):
    """Drivers cut commands into blocks and messages of their own, and print them."""

    options: ClassVar[tuple[str, ...]] = ("--apdu",)
    variables = ALL_OF_LIBCCID
    name = f"{SCR3310} 00 00"

    def exchange(self) -> str:
        """All commands on all levels and protocols; the log."""
        for level, (atr, protocol) in itertools.product(
                ("tpdu", "short", "ext"), {"t0": T0, "t1": T1}.items()):
            self.bed.add("1-1", level=level, atr=atr, pinpad=True)
            self.daemon.wait_for_present(self.name)
            with self.daemon.client() as client:
                card = client.open_card(self.name, protocols=protocol)
                for command in secret.commands():
                    self.assert_rv(client.transmit(card, command, protocol).rv, Rv.OK)
                for command in secret.extended_commands():
                    client.transmit(card, command, protocol)  # not all levels can
                for code in PINPAD_CODES:
                    client.control(card, code, secret.pin_block())
            self.pull("1-1")
            self.daemon.wait_for_names()
        return self.daemon.log()


class Libccid(CcidPrivacy):
    def test_a_pin_is_nowhere(self) -> None:
        log = self.exchange()
        self.assertEqual(secret.found_in(log), [])
        self.assertIn(MASKED, log)
        self.assertRegex(log, NOT_SHOWN)


class LibccidUnmasked(CcidPrivacy):
    options = ("--unmasked-driver-dumps",)

    def test_the_driver_prints_it_and_the_search_finds_it(self) -> None:
        log = self.exchange()
        self.assertTrue(secret.found_in(log))
        self.assertIn("--unmasked-driver-dumps", log, "a warning")


class OurCcidDriver(CcidPrivacy):
    options = ("--apdu", f"--generic-ccid={OUR_CCID}")
    variables = ALL_OF_OURS
    name = "Generic CCID Reader 00 00"

    def make_drivers(self) -> DriverFolder:
        return self.new_driver_folder()

    def test_a_pin_is_nowhere(self) -> None:
        log = self.exchange()
        self.assertEqual(secret.found_in(log), [])
        self.assertIn(MASKED, log)
        self.assertRegex(log, r"ccid -> " + NOT_SHOWN.pattern)


class Forgery(UsbTest):
    """Peers and devices choose names; none of them is more than a part of one line."""

    starts_daemon = False
    strings = f"Evil\n{FORGED}\r\x1b[2J\x1b]0;title\x07"

    def test_no_name_makes_a_line_of_its_own(self) -> None:
        self.daemon.start()
        self.bed.add("1-1", manufacturer=self.strings, product=self.strings, serial=self.strings)
        self.daemon.wait_for_count(1)
        with self.daemon.client() as client:
            self.assert_rv(client.connect(f"x\n{FORGED}\x1b[2J").rv, Rv.UNKNOWN_READER)
            self.assert_rv(client.connect(self.daemon.names()[0], DIRECT, 0).rv, Rv.OK)
        self.run_evil_client()
        self.bed.remove("1-1")
        self.daemon.wait_for_count(0)
        self.check_lines(self.daemon.log())
        self.assertIn("forged", self.daemon.log(), "as a part of a line")

    def run_evil_client(self) -> None:
        """A program whose file and name are forged, with a version that gives a record."""
        folder = RUNTIME_DIR / f"evil\n{FORGED}\x1b[2J"
        folder.mkdir()
        program = folder / f"py\n{FORGED}"
        shutil.copy2(Path(sys.executable).resolve(), program)
        talk = ("import socket,struct,sys\n"
                "s=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                "s.sendall(struct.pack('<IIiiI',12,0x11,4,2,0))\nassert len(s.recv(12))==12\n"
                "s.sendall(b'\\xff'*8)\nassert s.recv(1)==b''\n")
        subprocess.run([program, "-c", talk, self.daemon.socket_path], check=True)

    def test_no_driver_makes_a_line_of_its_own(self) -> None:
        """Its exceptions end with a line end."""
        self.daemon.reader_conf = (f"FRIENDLYNAME Reader\nDEVICENAME /dev/null\n"
                                   f"LIBPATH {HANDLERS}/handler_throwing.so\n")
        self.daemon.start()
        poll_until("the record", lambda: "in presence" in self.daemon.log())
        self.check_lines(self.daemon.log())

    def check_lines(self, log: str) -> None:
        lines = log.removesuffix("\n").split("\n")
        for line in lines:
            self.assertRegex(line, LINE)
            self.assertTrue(line.isprintable(), line)
            self.assertFalse(line.startswith(FORGED), line)


if __name__ == "__main__":
    import unittest

    unittest.main()
