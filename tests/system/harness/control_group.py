"""A control group with the name that systemd gives the processes of a flatpak application. Owned by
a test; thread-bound."""

from __future__ import annotations

import os
import subprocess
import unittest

from harness.namespace import RUNTIME_DIR
from harness.waiting import poll_until

MOUNTED = RUNTIME_DIR / "cgroup"


class ControlGroup:
    """Skips the test where groups cannot be made."""

    def __init__(self, app: str) -> None:
        MOUNTED.mkdir(exist_ok=True)
        if not MOUNTED.is_mount():
            done = subprocess.run(["mount", "-t", "cgroup2", "none", str(MOUNTED)], check=False,
                                  capture_output=True)
            if done.returncode != 0:
                raise unittest.SkipTest("no control groups of version 2 here")
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
        self._path = MOUNTED / f"cardea-{namespace}" / f"app-flatpak-{app}-1.scope"
        self._processes = self._path / "cgroup.procs"
        self._path.mkdir(parents=True)

    def enter(self) -> None:
        """Puts the calling process into it, and so all that it will start."""
        self._processes.write_text("0")

    def wait_until_empty(self) -> None:
        poll_until("the control group is empty", lambda: not self._processes.read_text())

    def close(self) -> None:
        self.wait_until_empty()
        self._path.rmdir()
        self._path.parent.rmdir()
