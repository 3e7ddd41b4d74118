"""Waiting for something to become true, bounded, and never by a fixed pause."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.01
# Long enough for a sanitizer build on a loaded machine; only a failing test waits that long.
PATIENCE_SECONDS = 30.0


def poll_until(what: str, probe: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """The first true value of probe(). AssertionError naming `what` after the time."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        select.select([], [], [], POLL_SECONDS)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start
