"""A system bus of the test's own, and who answers for polkit on it: tests/fakes/polkit or the real
one. All paths are in the private /run; the folders of the machine are covered, not changed.
Thread-bound."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.bus import BUS
from harness.namespace import RUNTIME_DIR
from harness.settings import settings
from harness.waiting import poll_until

SERVICES = Path("/usr/share/dbus-1/system-services")
POLICY = Path(__file__).resolve().parents[3] / "systemd" / "org.debian.pcsc-lite.policy"
NAME = "org.freedesktop.PolicyKit1"
CONFIGURATION = f"""<busconfig>
  <type>system</type>
  <listen>unix:path={BUS}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="error"/><allow receive_type="signal"/>
  </policy>
</busconfig>
"""


def real_polkit() -> Path | None:
    for path in ("/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd"):
        if Path(path).exists():
            return Path(path)
    return None


def cover(folder: Path) -> None:
    """Puts an empty folder over this one, once."""
    if not folder.is_mount():
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder)], check=True)


def install_polkit(*, there: bool) -> None:
    """Whether D-Bus knows polkit as a service, which is what pcscd looks for."""
    cover(SERVICES)
    service = SERVICES / f"{NAME}.service"
    if there:
        service.write_text(f"[D-BUS Service]\nName={NAME}\nExec=/bin/false\n")
    else:
        service.unlink(missing_ok=True)


class Bus:
    def __init__(self) -> None:
        BUS.unlink(missing_ok=True)
        configuration = RUNTIME_DIR / "bus.conf"
        configuration.write_text(CONFIGURATION)
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile",
             "--nosyslog"])
        poll_until("the bus is there", BUS.exists)
        BUS.chmod(0o666)

    def close(self) -> None:
        """As if it had crashed: the socket stays."""
        self.process.kill()
        self.process.wait()


class FakePolkit:
    """`answers`: words of fake-polkit's command line."""

    def __init__(self, *answers: str) -> None:
        self._output = tempfile.TemporaryFile()
        program = settings().build_dir / "bin" / "fake-polkit"
        self.process = subprocess.Popen([str(program), *answers], stdout=self._output)
        poll_until("the fake polkit is on the bus", lambda: "ready" in self.calls())

    def calls(self) -> list[str]:
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode().splitlines()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()


class RealPolkit:
    """polkitd with our policy and these JavaScript rules."""

    def __init__(self, program: Path, rules: str) -> None:
        actions, rules_folder = Path("/usr/share/polkit-1/actions"), Path("/etc/polkit-1/rules.d")
        cover(actions)
        shutil.copy(POLICY, actions)
        for folder in (rules_folder, Path("/usr/share/polkit-1/rules.d")):
            if folder.exists():
                cover(folder)
        (rules_folder / "50-test.rules").write_text(rules)
        self.process = subprocess.Popen([str(program), "--no-debug"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        poll_until("polkit is on the bus", self._is_there)

    def _is_there(self) -> bool:
        found = subprocess.run(["busctl", "--system", "--no-pager", "status", NAME],
                               capture_output=True, check=False)
        return found.returncode == 0

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
