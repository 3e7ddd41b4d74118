"""Driver bundles as they are installed, and a collection of broken ones: pcscd --check-config says
what is wrong, and the daemon serves with what is left."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from harness.case import AID, OK, SystemTest
from harness.namespace import RUNTIME_DIR
from harness.settings import settings

INSTALLED = Path("/usr/lib/pcsc/drivers")
DATA = Path(__file__).resolve().parents[1] / "data" / "config"
CHECK_SECONDS = 60
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def check(*arguments: str, bundles: Path) -> tuple[int, list[str]]:
    """Runs pcscd --check-config; its status, its problems and, last, its summary."""
    environment = {**os.environ, "PCSCLITE_HP_DROPDIR": str(bundles)}
    done = subprocess.run([settings().daemon_path, "--check-config", *arguments], env=environment,
                          capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    if done.stderr:
        raise AssertionError(f"pcscd --check-config wrote to stderr: {done.stderr}")
    return done.returncode, done.stdout.splitlines()


def count_of_readers(bundle: Path) -> int:
    """How many vendor ids a bundle lists, counted without our parser."""
    text = COMMENT.sub("", (bundle / "Contents" / "Info.plist").read_text(encoding="utf-8"))
    after = text.split("<key>ifdVendorID</key>")[1].split("<key>")[0]
    return after.count("<string>")


def broken_bundles() -> Path:
    """A copy of the broken bundles with a driver wherever only something else is broken."""
    copy = RUNTIME_DIR / "broken-bundles"
    if not copy.exists():
        shutil.copytree(DATA / "broken" / "bundles", copy)
        for bundle in copy.iterdir():
            library = bundle / "Contents" / "Linux" / "lib.so"
            library.parent.mkdir(exist_ok=True)
            if not library.exists():
                library.symlink_to(settings().driver_path)
    return copy


class CheckConfig(unittest.TestCase):
    def setUp(self) -> None:
        self.readers = RUNTIME_DIR / "no-readers"
        self.readers.mkdir(exist_ok=True)

    def test_has_nothing_against_the_bundles_of_debian(self) -> None:
        bundles = sorted(INSTALLED.glob("*.bundle"))
        self.assertIn(INSTALLED / "ifd-ccid.bundle", bundles, "libccid is not installed")
        status, lines = check("--config", str(self.readers), bundles=INSTALLED)
        self.assertEqual(status, 0, lines)
        self.assertEqual(len(lines), 1, lines)
        readers = sum(count_of_readers(bundle) for bundle in bundles)
        plural = "s" if len(bundles) != 1 else ""
        self.assertIn(f"no problems; usable: no readers of reader.conf, {len(bundles)} driver "
                      f"bundle{plural} for {readers} kinds of USB readers", lines[0])

    def test_names_each_fault_and_starts_nothing(self) -> None:
        socket = RUNTIME_DIR / "socket-of-no-daemon"
        status, lines = check("--config", str(self.readers), "--socket", str(socket),
                              bundles=broken_bundles())
        self.assertEqual(status, 1, lines)
        self.assertFalse(socket.exists())
        found = {line.removeprefix(f"{RUNTIME_DIR}/broken-").split(": ")[0] for line in lines[:-1]}
        # incomplete.so is missing here, another fault at the same place.
        rows = (DATA / "broken" / "expected").read_text(encoding="utf-8").splitlines()
        wanted = {row.split(": ")[0] for row in rows if row.startswith("bundles/")}
        self.assertEqual(found, wanted)
        self.assertRegex(lines[-1], r"^\d+ problems; usable: no readers of reader.conf, ")

    def test_misses_a_reader_conf_that_was_named(self) -> None:
        status, lines = check("--config", "/nonexistent/reader.conf", bundles=INSTALLED)
        self.assertEqual(status, 1, lines)
        self.assertIn("/nonexistent/reader.conf", lines[0])
        self.assertIn("No such file or directory", lines[0])


class BrokenBundles(SystemTest):
    @classmethod
    def setUpClass(cls) -> None:
        os.environ["PCSCLITE_HP_DROPDIR"] = str(broken_bundles())
        cls.addClassCleanup(os.environ.pop, "PCSCLITE_HP_DROPDIR")
        super().setUpClass()

    def test_do_not_keep_the_daemon_from_serving(self) -> None:
        client = self.client()
        card = client.open_card(self.reader)
        select = b"\x00\xa4\x04\x00\x0a" + AID
        self.assertEqual(client.transmit(card, select).data, OK)
        self.assertIn("unequal-lists.bundle/Contents/Info.plist:6: ", self.daemon.log())
