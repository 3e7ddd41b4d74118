"""Base of the tests: one machine per class, a fresh daemon per test, and a look at how it ended.

Debian's pcscd goes first. What clients see is noted, and our daemon has to show the same."""

from __future__ import annotations

import re
import unittest
from pathlib import Path
from typing import Any, ClassVar

from harness.waiting import poll_until

from vm.machine import Machine

LISTED = re.compile(r"^\d+: (.*)$", re.MULTILINE)
SERIAL = re.compile(r"\(R(\d{3})\)")


def serials(names: list[str]) -> set[int]:
    """The numbers of the readers that have these names."""
    return {int(found[1]) for name in names if (found := SERIAL.search(name))}


class MachineTest(unittest.TestCase):
    """A subclass says which daemon the machine starts."""

    daemon: ClassVar[str]
    program: ClassVar[str]  # its path in the machine
    kernel: ClassVar[Path]
    root: ClassVar[Path]
    logs: ClassVar[Path]
    vm: ClassVar[Machine]
    _noted: ClassVar[dict[tuple[str, int], Any]] = {}  # (test, place) -> what Debian's showed

    @classmethod
    def setUpClass(cls) -> None:
        cls.vm = Machine(cls.kernel, cls.root, cls.logs / f"{cls.daemon}.console")
        cls.addClassCleanup(cls.vm.stop)
        cls.vm.start()
        cls.vm.run("ldconfig; systemd-sysusers; udevadm control --reload; "
                   "udevadm trigger --settle; systemctl daemon-reload")

    def setUp(self) -> None:
        """Two readers with cards are plugged in, and nobody has started the daemon."""
        self._place = 0
        self.vm.plug_exactly({0, 1})
        self.assertEqual(self.state("pcscd.service"), "inactive")
        self.addCleanup(self._check_service)

    @classmethod
    def tearDownClass(cls) -> None:
        records = cls.vm.run("journalctl --no-pager -o short-monotonic -u pcscd.service")
        cls.journal_file().write_text(records.text)

    @classmethod
    def journal_file(cls) -> Path:
        return cls.logs / f"{cls.daemon}.journal"

    def _check_service(self) -> None:
        """The daemon still runs, and ends in order."""
        state = self.state("pcscd.service")
        result = self.stop_service()
        self.assertEqual((state, result), ("active", ["success", "0"]),
                         f"see {self.journal_file()}")

    # Service

    def succeed(self, command: str) -> str:
        """The output of a command that has to work."""
        output = self.vm.run(command)
        self.assertEqual(output.status, 0, f"{command}\n{output.text}")
        return output.text

    def stop_service(self) -> list[str]:
        """Its result and how often systemd has restarted it."""
        shown = self.succeed("systemctl stop pcscd.service; "
                             "systemctl show --value -p Result -p NRestarts pcscd.service; "
                             # systemd refuses a sixth start within ten seconds
                             "systemctl reset-failed pcscd.service")
        return shown.split()[-2:]

    def state(self, unit: str) -> str:
        return self.vm.run(f"systemctl is-active {unit}").text.strip()

    def main_pid(self) -> int:
        return int(self.succeed("systemctl show --value -p MainPID pcscd.service"))

    def journal(self) -> str:
        """Records of the running daemon."""
        return self.succeed("journalctl --no-pager -o short-monotonic "
                            "_SYSTEMD_INVOCATION_ID=$(systemctl show --value -p InvocationID "
                            "pcscd.service)")

    # Readers and cards, as programs see them

    def listed(self) -> list[str]:
        """Names as a new client gets them."""
        output = self.vm.run("pcsc_scan -r")
        return LISTED.findall(output.text)

    def wait_listed(self, readers: set[int]) -> list[str]:
        """Names as soon as exactly these readers are listed."""
        def look() -> list[str] | None:
            names = self.listed()
            return names if serials(names) == readers else None
        return poll_until(f"readers {readers} are listed", look)

    def cards(self) -> list[str]:
        """Name, state and ATR of all readers, a line each. Empty where there is no reader."""
        text = self.vm.run("pcsc_scan -c").text
        return re.findall(r"(?:Reader \d+:|Card state:|ATR:) .*?(?=,? *$)", text, re.MULTILINE)

    def assert_hello(self) -> None:
        """The sample talks to the card in the first reader."""
        output = self.vm.run("hello_card")
        self.assertEqual((output.status, output.text.split("\n")[-2]), (0, "Hello world!"), output)
        self.assert_same("hello", output.text)

    # Comparison

    def assert_same(self, what: str, value: Any) -> None:
        """Of Debian's daemon `value` is noted; at the same place of the test ours has to have the
        same."""
        self._place += 1
        key = (self._testMethodName, self._place)
        if self.daemon == "debian":
            self._noted[key] = value
        else:
            self.assertIn(key, self._noted, "Debian's daemon has not come this far")
            self.assertEqual(value, self._noted[key], f"{what}: not as with Debian's daemon")
