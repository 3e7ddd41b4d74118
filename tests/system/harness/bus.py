"""A system bus of the test's own, in the private /run, with the policy of the service.

Thread-bound."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.namespace import RUNTIME_DIR
from harness.waiting import poll_until

BUS = RUNTIME_DIR / "bus"
ADDRESS = f"unix:path={BUS}"
NAME = "org.cardea.pcscd"
OBJECT = (NAME, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1")
POLICY = Path(__file__).resolve().parents[3] / "systemd" / f"{NAME}.conf"
CONFIGURATION = f"""<busconfig>
  <type>system</type>
  <listen>unix:path={BUS}</listen>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
  <include>{RUNTIME_DIR}/policy.conf</include>
</busconfig>
"""


def start_bus() -> subprocess.Popen[bytes]:
    """Who started it ends it."""
    BUS.unlink(missing_ok=True)
    configuration = RUNTIME_DIR / "bus.conf"
    configuration.write_text(CONFIGURATION)
    # The user is made with the package.
    policy = POLICY.read_text().replace('user="pcscd"', f'user="{os.getuid()}"')
    (RUNTIME_DIR / "policy.conf").write_text(policy)
    bus = subprocess.Popen(["dbus-daemon", f"--config-file={configuration}", "--nofork"])
    try:
        poll_until("the bus is there", BUS.exists)
    except AssertionError:
        bus.kill()
        bus.wait()
        raise
    return bus


def busctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["busctl", "--system", "--no-pager", *arguments], check=False,
                          capture_output=True, text=True)
