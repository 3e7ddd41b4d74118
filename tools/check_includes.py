#!/usr/bin/python3
"""Checks the arrows between the folders: who may include whom.

  include <- base <- protocol <- {libpcsclite, daemon},  base <- drivers <- daemon
  inside daemon: core <- {reader, auth} <- client <- app and main, io used by all but core

check_includes.py [ROOT] prints each include that goes against an arrow and exits 1."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
SOURCES = (".hpp", ".cpp", ".h", ".c", ".h.in")

# Folder: the folders, or single files, that its files may include, besides itself. The longest
# name that fits a path counts. The public headers in include/PCSC are free for everybody.
ALLOWED: dict[str, tuple[str, ...]] = {
    "base": (),
    "protocol": ("base",),
    "libpcsclite": ("protocol", "base"),
    "drivers": ("base",),
    "daemon": ("daemon/core", "daemon/io", "daemon/reader", "daemon/client", "daemon/handlers",
               "daemon/hotplug", "daemon/auth", "daemon/control", "protocol", "drivers", "base"),
    # The core keeps what a driver told, so it may see the interface's value types; no other file.
    "daemon/core": ("drivers/ifd_driver.hpp", "protocol", "base"),
    "daemon/io": ("base",),
    "daemon/reader": ("daemon/core", "daemon/io", "drivers", "protocol", "base"),
    "daemon/client": ("daemon/core", "daemon/io", "daemon/reader", "daemon/auth", "protocol",
                      "base"),
    "daemon/handlers": ("daemon/core", "daemon/io", "daemon/reader", "daemon/client", "protocol",
                        "base"),
    "daemon/control": ("daemon/client", "daemon/auth", "daemon/core", "protocol", "base"),
    "daemon/hotplug": ("daemon/core", "daemon/io", "drivers", "base"),
    "daemon/auth": ("daemon/core", "daemon/io", "base"),
    "tools": ("drivers", "protocol", "base"),
}
# Tests and benchmarks stand outside and may look at everything.
OUTSIDE = ("tests", "bench", "build", ".git", ".cache")


def folder_of(path: str) -> str | None:
    """The key of ALLOWED a path from the root belongs to."""
    parts = path.split("/")[:-1]
    while parts:
        name = "/".join(parts)
        if name in ALLOWED:
            return name
        parts.pop()
    return None


def sources(root: Path) -> Iterator[Path]:
    for folder in sorted({name.split("/")[0] for name in ALLOWED}):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.name.endswith(SOURCES):
                yield path


def public_headers(root: Path) -> set[str]:
    names = {path.name.removesuffix(".in") for path in (root / "include").rglob("*.h*")}
    return {f"{folder}{name}" for name in names for folder in ("", "PCSC/", "include/PCSC/")}


def violations(root: Path) -> list[str]:
    found = []
    public = public_headers(root)
    for path in sources(root):
        name = path.relative_to(root).as_posix()
        here = folder_of(name)
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            reason = judge(here, match[1], public)
            if reason:
                line = text.count("\n", 0, match.start(1)) + 1
                found.append(f'{name}:{line}: {reason}: "{match[1]}"')
    return found


def judge(here: str | None, included: str, public: set[str]) -> str | None:
    """Why a file in folder `here` may not include this; None if it may."""
    if included in public:
        return None
    if "/" not in included:
        return "include from the project root"
    there = folder_of(included)
    if there is None:
        top = included.split("/")[0]
        return f"nobody includes {top}/" if top in OUTSIDE else "no such folder"
    allowed = ALLOWED[here] if here else ()
    if there != here and there not in allowed and included not in allowed:
        return f"{here} may not include {there}"
    return None


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    found = violations(root)
    print("\n".join(found) if found else "check_includes: all arrows hold")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
