"""Processes and what became of them, as the kernel tells."""

from __future__ import annotations

import contextlib
from pathlib import Path


def children(pid: int) -> list[int]:
    """Of its first thread; daemons fork there."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def tree(pid: int) -> list[int]:
    """The process and all that came from it."""
    return [pid, *(descendant for child in children(pid) for descendant in tree(child))]


def threads(pid: int) -> list[int]:
    return [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]


def open_files(pid: int) -> list[str]:
    """What the kernel calls them; those that are closed meanwhile may be missing."""
    files = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                files.append(str(descriptor.readlink()))
    return files


def status(pid: int) -> dict[str, str]:
    """Of a process or a thread: the fields of proc_pid_status(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def kib(pid: int, field: str) -> int:
    """An amount of memory in status(), such as VmRSS."""
    return int(status(pid)[field].split()[0])
