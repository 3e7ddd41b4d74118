"""Processes and what became of them, as the kernel tells."""

from __future__ import annotations

from pathlib import Path


def children(pid: int) -> list[int]:
    """Of its first thread; daemons fork there."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def tree(pid: int) -> list[int]:
    """The process and all that came from it."""
    return [pid, *(descendant for child in children(pid) for descendant in tree(child))]
