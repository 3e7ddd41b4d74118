"""A container in which systemd runs Cardea's real units, for one test module.

systemd-nspawn boots this machine's /usr, read-only, with the build installed below /usr/local and
an /etc, /var and /run of its own; run.py then runs the module in there, as a service. It takes a
second, needs root, and leaves nothing behind. Runs before anything else, single-threaded, in three
places: `enter` on the machine, `_boot` in private namespaces, the module in the container."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from harness.namespace import RUNTIME_DIR, skip, unshare
from harness.settings import settings
from harness.waiting import poll_until

PLACE = "CARDEA_IN_CONTAINER"  # unset: on the machine; "boot"; "inside"
SOURCE = Path(__file__).resolve().parents[3]
# In the container, wherever they are outside: the service may not see home directories.
GUEST = Path("/opt/cardea")
GUEST_SOURCE, GUEST_BUILD, GUEST_OUT = GUEST / "source", GUEST / "build", GUEST / "out"
PYTHON = "/usr/bin/python3"
# Below the time limit that CMakeLists.txt gives to ctest, which would show no output.
LIFE_SECONDS = 220.0
LOOK_SECONDS = 0.1
JOURNAL_LINES = 60
# Tests that are clients of another user are this one. root is let in without asking anybody.
ACCESS_RULES = "allow uid=nobody\n"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
# Settings of this machine without which its programs do not run, or libccid knows no readers.
COPIED = ("alternatives", "ld.so.conf", "ld.so.conf.d", "libccid_Info.plist")
UNIT = f"""[Unit]
Requires=basic.target pcscd.socket
After=basic.target pcscd.socket
SuccessAction=exit-force
FailureAction=exit-force

[Service]
Type=oneshot
WorkingDirectory={GUEST_OUT}
LimitNOFILE=infinity
StandardOutput=append:{GUEST_OUT}/output
StandardError=inherit
ExecStart=/bin/sh {GUEST_OUT}/command
ExecStopPost=/bin/sh -c 'journalctl --no-hostname -o short-precise >{GUEST_OUT}/journal'
"""


def enter(argv: list[str]) -> None:
    """Runs argv, a path below the source tree and its arguments, again in a container; returns
    only in there. Exits 77, and says why, where there can be no container."""
    place = os.environ.get(PLACE)
    if place == "inside":
        RUNTIME_DIR.mkdir(mode=0o755)
        return
    if place == "boot":
        sys.exit(_boot(argv))
    if os.geteuid() != 0:
        skip("a container takes root")
    if shutil.which("systemd-nspawn") is None:
        skip("no systemd-nspawn; scripts/packages names the package")
    probe = subprocess.run([*unshare("--cgroup"), "true"], capture_output=True, text=True,
                           check=False)
    if probe.returncode != 0:
        skip(f"no private namespaces here: {probe.stderr.strip()}")
    sys.exit(_in_namespaces(argv))


def _in_namespaces(argv: list[str]) -> int:
    """A control group of its own keeps systemd's groups apart from all others."""
    group = _control_group()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    command = ["setpriv", "--pdeathsig", "KILL", *unshare("--cgroup"), sys.executable, *argv]
    try:
        return subprocess.run(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group), *command],
            env={**os.environ, PLACE: "boot"}, stdin=subprocess.DEVNULL, check=False).returncode
    finally:
        poll_until("an empty control group", lambda: _is_removed(group))


def _control_group() -> Path:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            group = Path(mount.split()[4]) / f"cardea-test.{os.getpid()}"
            try:
                group.mkdir()
            except OSError as error:
                skip(f"no control group of its own: {error}")
            return group
    skip("no control groups (cgroup2) here")


def _is_removed(group: Path) -> bool:
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)
    except OSError:  # somebody in it has not quite ended
        return False
    return True


# In namespaces of its own

def _boot(argv: list[str]) -> int:
    root, out = Path("/run/root"), Path("/run/out")
    try:
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        out.mkdir()
        _run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
        _make_root(root, out)
        _run(*_nspawn(root), "--as-pid2", "/bin/true")
    except subprocess.CalledProcessError as error:
        skip(f"no container here: {shlex.join(error.cmd)}: {error.stderr.strip()}")
    _install(root)
    names = ("CARDEA_DAEMON", "CARDEA_DRIVER", "CARDEA_KILL_ROUNDS")
    words = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    program = GUEST_SOURCE / Path(argv[0]).relative_to(SOURCE)
    (out / "command").write_text("exec " + shlex.join(
        ["env", f"{PLACE}=inside", f"CARDEA_BUILD_DIR={GUEST_BUILD}", *words, PYTHON,
         str(program), *argv[1:]]) + "\n")
    return _run_booted(root, out)


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)


def _nspawn(root: Path) -> list[str]:
    """What the hardening of the unit takes of the kernel is let through: control groups refuse
    devices and addresses by bpf()."""
    return ["systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "--keep-unit",
            "--private-network", "--machine=cardea", "--console=pipe", "--resolv-conf=off",
            "--timezone=off", "--link-journal=no", "--system-call-filter=bpf",
            "--capability=CAP_BPF,CAP_PERFMON"]


def _make_root(root: Path, out: Path) -> None:
    """This machine's programs, and nothing else of it."""
    for name in ("dev", "etc/systemd/system", "proc", "root", "run", "sys", "tmp", "usr",
                 "var/lib", "var/log", *(str(path)[1:] for path in
                                         (GUEST_SOURCE, GUEST_BUILD, GUEST_OUT))):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib32", "lib64", "libx32", "sbin"):
        if (Path("/") / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    _run("mount", "--rbind", "-o", "ro", "/usr", root / "usr")
    for source, target in ((SOURCE, GUEST_SOURCE), (settings().build_dir, GUEST_BUILD)):
        _run("mount", "--bind", "-o", "ro", source, root / target.relative_to("/"))
    _run("mount", "--bind", out, root / GUEST_OUT.relative_to("/"))


def _install(root: Path) -> None:
    """What README says about an installation by hand below /usr/local."""
    for name in COPIED:
        path = Path("/etc") / name
        if path.is_dir():
            shutil.copytree(path, root / "etc" / name, symlinks=True)
        elif path.exists():
            shutil.copy(path, root / "etc" / name)
    (root / "etc/machine-id").write_text(MACHINE_ID + "\n")
    (root / "etc/systemd/system/cardea-test.service").write_text(UNIT)
    (root / "etc/cardea").mkdir()
    (root / "etc/cardea/access.rules").write_text(ACCESS_RULES)
    installed = Path("/run/installed")
    # An installation writes into the build directory too: one at a time.
    build = os.open(settings().build_dir, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(build, fcntl.LOCK_EX)
    subprocess.run(["cmake", "--install", str(settings().build_dir)], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": str(installed)})
    os.close(build)
    _run("mount", "--bind", installed / "usr/local", root / "usr/local")
    _allow_on_the_bus(root)
    _run("ldconfig", "-r", root)
    _run("systemd-sysusers", f"--root={root}")
    _run("journalctl", f"--root={root}", "--update-catalog")


def _allow_on_the_bus(root: Path) -> None:
    """D-Bus and polkit do not look below /usr/local."""
    bus = root / "etc/dbus-1/system.d"
    bus.mkdir(parents=True)
    (bus / "org.cardea.pcscd.conf").symlink_to(
        "/usr/local/share/dbus-1/system.d/org.cardea.pcscd.conf")
    actions = Path("usr/share/polkit-1/actions")
    if not (root / actions).is_dir():
        return
    copy = Path("/run/actions")
    shutil.copytree(root / actions, copy)
    (copy / "org.debian.pcsc-lite.policy").symlink_to(
        "/usr/local/share/polkit-1/actions/org.debian.pcsc-lite.policy")
    _run("mount", "--bind", copy, root / actions)


def _run_booted(root: Path, out: Path) -> int:
    """Shows the module's output as it comes. Its exit status."""
    output = out / "output"
    output.touch()
    command = [*_nspawn(root), "--boot", "--", "systemd.unit=cardea-test.service",
               "systemd.show_status=0"]
    with (output.open(errors="replace") as shown, (out / "console").open("wb") as console,
          subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console,
                           stderr=console) as container):
        status, left = None, LIFE_SECONDS
        while status is None and left > 0:
            try:
                status = container.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                left -= LOOK_SECONDS
            print(shown.read(), end="", flush=True)
        if status is None:
            container.kill()
            print(f"the container did not end within {LIFE_SECONDS} s")
            status = 1
    if status != 0:
        for name in ("console", "journal"):
            lines = (out / name).read_text(errors="replace").splitlines() \
                if (out / name).exists() else []
            print(f"--- {name} of the container", *lines[-JOURNAL_LINES:], sep="\n")
    return status
