"""Driver folders for USB tests: libccid (or our CCID driver) under names and ids of our own.

libccid finds its Info.plist in the folder that PCSCLITE_HP_DROPDIR names, and Debian's pcscd has
the folder compiled in, so the folder of a test is also mounted there, in the private namespace."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

DROP_DIR = Path("/usr/lib/pcsc/drivers")
CCID_BUNDLE = "ifd-ccid.bundle"
LIBCCID = DROP_DIR / CCID_BUNDLE / "Contents" / "Linux" / "libccid.so"


class Model(NamedTuple):
    vendor: int
    product: int
    name: str


def plist(executable: str, models: Iterable[Model], *, is_class_driver: bool = True) -> str:
    """Info.plist with the keys that daemons and libccid ask for."""
    models = list(models)

    def array(values: Iterable[str]) -> str:
        return "".join(f"\t\t<string>{escape(value)}</string>\n" for value in values)

    texts = {"CFBundleExecutable": executable, "CFBundleShortVersionString": "1.0",
             "ifdCapabilities": "0x00000000", "ifdProtocolSupport": "0x00000001",
             "ifdVersionNumber": "0x00000001", "ifdLogLevel": "0x0003",
             "ifdDriverOptions": "0x0000", "ifdManufacturerString": "Cardea",
             "ifdProductString": "Driver of a test", "Copyright": "none"}
    if is_class_driver:
        texts["CFBundleName"] = "CCIDCLASSDRIVER"
    body = "".join(f"\t<key>{key}</key>\n\t<string>{escape(value)}</string>\n"
                   for key, value in texts.items())
    for key, values in (("ifdVendorID", [f"{m.vendor:#06x}" for m in models]),
                        ("ifdProductID", [f"{m.product:#06x}" for m in models]),
                        ("ifdFriendlyName", [m.name for m in models])):
        body += f"\t<key>{key}</key>\n\t<array>\n{array(values)}\t</array>\n"
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">\n<dict>\n'
            f"{body}</dict>\n</plist>\n")


class DriverFolder:
    """A private folder of bundles. Before mount() the installed drivers are visible."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self._mounted = False

    def add(self, bundle: str, library: Path, models: Iterable[Model], *,
            is_class_driver: bool = True) -> Path:
        """A bundle with a copy of the library, so that the installed one may be hidden."""
        contents = self.path / bundle / "Contents"
        target = contents / platform.system() / library.name
        target.parent.mkdir(parents=True)
        target.write_bytes(library.read_bytes())
        (contents / "Info.plist").write_text(
            plist(library.name, models, is_class_driver=is_class_driver))
        return target

    def mount(self) -> None:
        subprocess.run(["mount", "--bind", str(self.path), str(DROP_DIR)], check=True)
        self._mounted = True

    def unmount(self) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(DROP_DIR)], check=True)
            self._mounted = False
