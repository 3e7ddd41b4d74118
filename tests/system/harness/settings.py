"""What a test run is about: which daemon, which driver, which build. Read once from the
environment, which ctest sets (see CMakeLists.txt)."""

from __future__ import annotations

import functools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

DEBIAN_DAEMON = Path("/usr/sbin/pcscd")
DEBIAN_VPCD = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
# Each with the file a run needs. For USB readers the daemon finds the driver: "udev" and "libusb"
# say how; "serial" is the driver for readers on a serial line.
LIBCCID = Path("/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Linux/libccid.so")
LIBCCIDTWIN = Path("/usr/lib/pcsc/drivers/serial/libccidtwin.so")
DEBIAN_DRIVERS = {"vpcd": DEBIAN_VPCD, "udev": LIBCCID, "libusb": LIBCCID, "serial": LIBCCIDTWIN}
# Who starts our daemon. CARDEA_DAEMON names it in the place of "cardea": "activated" is
# systemd-socket-activate, "service" systemd itself, in a container.
STARTERS = ("process", "activated", "service")


@dataclass(frozen=True)
class Settings:
    """daemon: "cardea" or "debian"; starter: one of STARTERS; driver: "virtual", "vpcd" or one of
    DEBIAN_DRIVERS; sanitize: the -fsanitize= list of the build, empty without; hosting: where our
    daemon runs drivers, empty for its default."""

    daemon: str
    starter: str
    driver: str
    build_dir: Path
    sanitize: str
    hosting: str = ""

    @property
    def daemon_path(self) -> Path:
        return DEBIAN_DAEMON if self.daemon == "debian" else self.build_dir / "bin" / "pcscd"

    @property
    def driver_path(self) -> Path:
        ours = self.build_dir / "lib" / "libifdvirtual.so"
        return DEBIAN_DRIVERS.get(self.driver, ours)

    @property
    def polkit_options(self) -> tuple[str, ...]:
        """This machine's polkit does not know the users of the tests; a container has its own."""
        return () if self.starter == "service" else ("--disable-polkit",)

    @property
    def options(self) -> tuple[str, ...]:
        """Of the daemon, in this run."""
        return ("--driver-host", self.hosting) if self.hosting else ()

    def check_files(self) -> None:
        for path in (self.daemon_path, self.driver_path):
            if not path.exists():
                raise FileNotFoundError(f"{path} is missing: build the project, or install "
                                        "the packages named in scripts/packages")

    def preload(self) -> dict[str, str]:
        """Environment for a program that is not built with the sanitizer but loads one of our
        libraries, which are: the runtime has to come first. Leaks of such programs are theirs."""
        if not self.sanitize:
            return {}
        runtime = "libtsan.so" if "thread" in self.sanitize else "libasan.so"
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": _runtime_path(runtime),
                "ASAN_OPTIONS": f"{asan}:detect_leaks=0".lstrip(":")}


@functools.cache
def _runtime_path(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True,
                           text=True)
    return str(Path(found.stdout.strip()).resolve())


@functools.cache
def settings() -> Settings:
    daemon, starter = os.environ.get("CARDEA_DAEMON", "cardea"), "process"
    if daemon in STARTERS:
        daemon, starter = "cardea", daemon
    driver = os.environ.get("CARDEA_DRIVER", "virtual")
    if daemon not in ("cardea", "debian") or driver not in ("virtual", *DEBIAN_DRIVERS):
        raise ValueError(f"CARDEA_DAEMON={daemon} CARDEA_DRIVER={driver}: no such variant")
    root = Path(__file__).resolve().parents[3]
    build = Path(os.environ.get("CARDEA_BUILD_DIR", str(root / "build" / "dev"))).resolve()
    hosting = os.environ.get("CARDEA_HOSTING", "") if daemon == "cardea" else ""
    sanitize = os.environ.get("CARDEA_SANITIZE", "")
    return Settings(daemon, starter, driver, build, sanitize, hosting)
