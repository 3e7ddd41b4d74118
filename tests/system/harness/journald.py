"""systemd's own journald and journalctl, in the private namespaces: an empty journal and a catalog
that has our entries only. Owned by a module; thread-bound."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from harness.namespace import RUNTIME_DIR
from harness.waiting import poll_until

JOURNALD = Path("/lib/systemd/systemd-journald")
CATALOG = Path(__file__).resolve().parents[3] / "systemd" / "cardea.catalog"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
CONFIGURATION = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\n"
READY = (Path("/run/systemd/journal/socket"), Path("/run/systemd/journal/io.systemd.journal"))
STOP_SECONDS = 20.0

Entry = dict[str, str]


def _bind(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


class Journald:
    def __init__(self) -> None:
        folder = RUNTIME_DIR / "journald"
        folder.mkdir()
        self._bind_machine_id(folder / "machine-id")
        self._bind_catalog(folder / "root")
        configuration = Path("/run/systemd/journald.conf.d/test.conf")
        for place in (configuration.parent, Path("/run/systemd/journal"), Path("/run/log/journal")):
            place.mkdir(parents=True)
        configuration.write_text(CONFIGURATION)
        self._process = subprocess.Popen([str(JOURNALD)], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        poll_until("journald listens", lambda: all(path.exists() for path in READY))

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()

    def entries(self, *matches: str) -> list[Entry]:
        """What `journalctl -o json` shows, the oldest first."""
        return [json.loads(line) for line in self._journalctl("-o", "json", *matches).splitlines()]

    def explained(self, *matches: str) -> str:
        """What `journalctl -x` shows."""
        return self._journalctl("-x", *matches)

    def _journalctl(self, *arguments: str) -> str:
        subprocess.run(["journalctl", "--sync"], check=True)
        # "-q": no word about journals of others; 1: there are no entries.
        run = subprocess.run(["journalctl", "--no-pager", "-q", "--all", *arguments], check=False,
                             capture_output=True, text=True)
        if run.returncode not in (0, 1):
            raise AssertionError(f"journalctl: {run.stderr}")
        return run.stdout

    @staticmethod
    def _bind_machine_id(file: Path) -> None:
        file.write_text(MACHINE_ID + "\n")
        _bind(file, Path("/etc/machine-id"))

    @staticmethod
    def _bind_catalog(root: Path) -> None:
        """As `journalctl --update-catalog` does it after an installation."""
        source = root / "usr" / "lib" / "systemd" / "catalog"
        source.mkdir(parents=True)
        (source / CATALOG.name).write_bytes(CATALOG.read_bytes())
        subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], check=True)
        _bind(root / "var" / "lib" / "systemd" / "catalog", Path("/var/lib/systemd/catalog"))
