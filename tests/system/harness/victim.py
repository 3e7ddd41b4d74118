"""Client processes that are killed: forked from the test, so that a thousand of them are cheap.

The child talks through its own connection and tells its progress over a pipe, one byte per step.
It never returns into the test: it ends by SIGKILL, or by itself when the test is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from harness.wire import WireClient



class Step:
    """In the child: calling it tells one step of progress; wait_for_go() waits for Victim.go()."""

    def __init__(self, progress: int, gate: int) -> None:
        self._progress = progress
        self._gate = gate

    def __call__(self) -> None:
        os.write(self._progress, b".")

    def wait_for_go(self) -> None:
        os.read(self._gate, 1)


Connect = Callable[[], WireClient]
Play = Callable[[WireClient, Step], None]


class Victim:
    """`play` runs in the child, with a connection that only death closes, and calls its second
    argument after each step. Thread-bound."""

    def __init__(self, connect: Connect, play: Play) -> None:
        self._progress, progress_in_child = os.pipe()
        gate_in_child, self._gate = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._progress)
            os.close(self._gate)
            _run(connect, play, Step(progress_in_child, gate_in_child))
        os.close(progress_in_child)
        os.close(gate_in_child)
        self._alive = True

    def wait_for_steps(self, count: int) -> None:
        """Blocks until the child has made so many further steps."""
        while count > 0:
            done = os.read(self._progress, count)
            if not done:
                raise AssertionError("the client to be killed ended before its time")
            count -= len(done)

    def go(self) -> None:
        """Lets the child pass one wait_for_go()."""
        os.write(self._gate, b".")

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self._alive = False
        _, status = os.waitpid(self.pid, 0)
        os.close(self._progress)
        os.close(self._gate)
        if not os.WIFSIGNALED(status):
            raise AssertionError(f"the client to be killed had ended: status {status}")

    def kill_if_alive(self) -> None:
        """For the cleanup of a test that failed half-way."""
        if self._alive:
            self.kill()


def _run(connect: Connect, play: Play, step: Step) -> None:
    try:
        client = connect()
        play(client, step)
        signal.pause()
        client.close()
    finally:
        os._exit(1)
