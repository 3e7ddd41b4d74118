"""The daemon as the real unit, in the container of harness/container.py: pcscd.service as it is
installed, started by pcscd.socket.

What a test wants is said as an administrator says it, in /etc/default/pcscd and by drop-ins. Owned
by the test's Daemon; thread-bound."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
from pathlib import Path

from harness.namespace import RUNTIME_DIR
from harness.starters import Running, without_socket
from harness.waiting import PATIENCE_SECONDS, poll_until

SERVICE = "pcscd.service"
SOCKET = Path("/run/pcscd/pcscd.comm")
DEFAULTS = Path("/etc/default/pcscd")
DROP_INS = Path(f"/etc/systemd/system/{SERVICE}.d")
# The only thing a test relaxes: emulated USB devices are plain files, in this folder.
USB_DROP_IN = f"[Service]\nReadWritePaths=-{RUNTIME_DIR}/usb\n"
LEVELS = {"0": "critical", "1": "critical", "2": "critical", "3": "error", "4": "warning",
          "5": "info", "6": "info", "7": "debug"}

Entry = dict[str, str]


def systemctl(*arguments: str) -> str:
    """What it prints. AssertionError if it fails."""
    done = subprocess.run(["systemctl", "--no-pager", *arguments], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"systemctl {arguments}: status {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def shown(name: str, unit: str = SERVICE) -> str:
    """A property of a unit."""
    return systemctl("show", "--value", "--property", name, unit)


def main_pid() -> int:
    return int(shown("MainPID"))


def add_drop_in(name: str, text: str) -> None:
    """As `systemctl edit` does. It counts from the next start on."""
    DROP_INS.mkdir(parents=True, exist_ok=True)
    (DROP_INS / f"{name}.conf").write_text(text)
    systemctl("daemon-reload")


def remove_drop_in(name: str) -> None:
    (DROP_INS / f"{name}.conf").unlink()
    systemctl("daemon-reload")


def journal(*matches: str) -> list[Entry]:
    """Records of the unit, the oldest first."""
    subprocess.run(["journalctl", "--sync"], check=True)
    # "-q": no word about journals of others; 1: there are no entries.
    run = subprocess.run(["journalctl", "--quiet", "--all", "--output=json", f"--unit={SERVICE}",
                          *matches], check=False, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise AssertionError(f"journalctl: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


class ServiceProcess:
    """The service's main process. What a dead one leaves to do is systemd's."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and not Path(f"/proc/{self.pid}").exists():
            self.wait()
        return self.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Until systemd knows that it has ended, and is done with it."""
        def ended() -> bool:
            # Another one: systemd has started it anew.
            return main_pid() != self.pid and shown("ActiveState") in (
                "active", "inactive", "failed")

        try:
            poll_until(f"process {self.pid} ends", ended, timeout or PATIENCE_SECONDS)
        except AssertionError as error:
            raise subprocess.TimeoutExpired(SERVICE, timeout or PATIENCE_SECONDS) from error
        self.returncode = 0 if shown("Result") == "success" else 1
        return self.returncode

    def kill(self) -> None:
        """For good: it is not started again."""
        systemctl("stop", "--quiet", SERVICE)


class ServiceStarter:
    """Options become PCSCD_ARGS; what is more than our own environment becomes the service's."""

    def __init__(self) -> None:
        self.socket_path = SOCKET
        self.driver_dir = SOCKET.parent
        self._since = ""

    def start(self, command: list[str], environment: dict[str, str]) -> Running:
        arguments = [word for word in without_socket(command)[1:] if word != "--foreground"]
        lines = [f'PCSCD_ARGS="{shlex.join(arguments)}"\n']
        lines += [f'{name}="{value}"\n' for name, value in environment.items()
                  if os.environ.get(name) != value]
        DEFAULTS.parent.mkdir(exist_ok=True)
        DEFAULTS.write_text("".join(lines))
        if not self._since:
            # The harness starts it more often than systemd finds healthy.
            systemctl("reset-failed", SERVICE, "pcscd.socket")
            entries = journal("--lines=1")
            self._since = entries[0]["__CURSOR"] if entries else ""
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(SOCKET))
            return ServiceProcess(poll_until("socket activation", main_pid))

    def log(self) -> str:
        """Its records as text, as a daemon in the foreground writes them."""
        after = [f"--after-cursor={self._since}"] if self._since else []
        return "".join(f"{entry['__REALTIME_TIMESTAMP']} {LEVELS[entry['PRIORITY']]} "
                       f"{entry['MESSAGE']}\n" for entry in journal(*after)
                       if entry.get("_COMM") != "systemd")

    def end(self) -> None:
        systemctl("stop", "--quiet", SERVICE)
        self._since = ""
