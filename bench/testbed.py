"""A daemon with its readers in namespaces of its own, and client programs run beside it.

Every daemon under test wants the same socket path, /run and device events, so each gets private
mount, network and process namespaces (root is needed). The Testbed object lives outside; inside,
this same file runs as the namespace's first process, takes one JSON request per line on its
standard input and answers with one JSON line each.
"""

import collections
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import turns

READY_SECONDS_MAX = 15
COMMAND_SECONDS_MAX = 120
SOCKET = "/run/pcscd/pcscd.comm"
CONTROL = "/run/virtual-reader"
UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
           "--propagation", "private", "--"]
READER_CONF = """FRIENDLYNAME "Cardea Virtual Reader"
DEVICENAME virtual:slots={slots}:card=hello:control={control}
LIBPATH {driver}
"""

# `daemon` is None for the floor.
Target = collections.namedtuple("Target", "name daemon library_dir arguments")


class BenchError(Exception):
    """A daemon or a client program did not do what it should."""


class Testbed:
    """One running daemon. Not thread-safe; close it, or use it in a with statement."""

    def __init__(self, target, readers, bin_dir, driver, cpu):
        self.name = target.name
        setup = {"target": target._asdict(), "readers": readers, "bin_dir": bin_dir,
                 "driver": driver, "cpu": cpu}
        self._process = subprocess.Popen(
            UNSHARE + [sys.executable, os.path.abspath(__file__), json.dumps(setup)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        try:
            self.ready = self._answer()
        except BenchError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def bench(self, *arguments):
        """Runs pcsc_bench; returns the measurement it printed."""
        return self._request({"arguments": [str(a) for a in arguments], "strace": False})

    def count_calls(self, *arguments):
        """Runs pcsc_bench under strace; returns {"client": {call: n}, "daemon": {...}}."""
        return self._request({"arguments": [str(a) for a in arguments], "strace": True})

    def take_turns(self, libraries, seconds, hold_ms):
        """One client per library, all at the same card; returns what turns.report() does."""
        return self._request({"libraries": libraries, "seconds": seconds, "hold_ms": hold_ms})

    def close(self):
        self._requests.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def _request(self, request):
        try:
            print(json.dumps(request), file=self._requests, flush=True)
        except BrokenPipeError:
            raise BenchError(f"{self.name}: the test bed is gone") from None
        return self._answer()

    def _answer(self):
        line = self._answers.readline()
        if not line:
            raise BenchError(f"{self.name}: the test bed ended")
        answer = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{self.name}: {answer['error']}")
        return answer["result"]


class Inside:
    """The namespace's side: starts the daemon, then serves requests until end of input."""

    def __init__(self, setup):
        self.target = Target(**setup["target"])
        self.readers = setup["readers"]
        self.bin_dir = setup["bin_dir"]
        self.driver = setup["driver"]
        os.sched_setaffinity(0, {setup["cpu"]} if setup["cpu"] is not None
                             else os.sched_getaffinity(0))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
        os.mkdir("/run/pcscd")
        self.environment = dict(os.environ, PCSCLITE_CSOCK_NAME=SOCKET)
        self.daemon = self.start_daemon()

    def start_daemon(self):
        if self.target.daemon is None:
            command = [f"{self.bin_dir}/floor_server", SOCKET]
        else:
            os.mkdir("/run/reader.conf.d")
            with open("/run/reader.conf.d/virtual", "w", encoding="ascii") as conf:
                conf.write(READER_CONF.format(slots=self.readers, control=CONTROL,
                                              driver=self.driver))
            command = [self.target.daemon, "--foreground", "--config", "/run/reader.conf.d",
                       *self.target.arguments]
        with open("/run/daemon.log", "wb") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=self.environment)

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not os.path.exists(SOCKET):
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                raise BenchError("no socket; the daemon said: " + self.log_end())
            time.sleep(0.005)  # pause: a file of another program is to appear
        if self.target.daemon is None:
            return {"library": None}
        ready = self.run(["await_readers", str(self.readers)])
        if os.path.dirname(os.path.realpath(ready["library"])) != os.path.realpath(
                self.target.library_dir):
            raise BenchError(f"the linker took {ready['library']}")
        return ready

    def log_end(self):
        with open("/run/daemon.log", encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def client_command(self, arguments):
        where = (["--floor", SOCKET] if self.target.daemon is None
                 else ["--control", CONTROL, "--daemon-pid", str(self.daemon.pid)])
        return [f"{self.bin_dir}/pcsc_bench", *where, *arguments]

    def run(self, arguments, prefix=()):
        environment = dict(self.environment)
        if self.target.library_dir:
            environment["LD_LIBRARY_PATH"] = self.target.library_dir
        done = subprocess.run([*prefix, *self.client_command(arguments)], env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=COMMAND_SECONDS_MAX, check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(arguments)}: status {done.returncode}: "
                             f"{done.stderr.strip()}; daemon: {self.log_end()[-300:]}")
        return json.loads(done.stdout)

    def take_turns(self, request):
        environments = [dict(self.environment, LD_LIBRARY_PATH=library)
                        for library in request["libraries"]]
        return turns.report(turns.run(f"{self.bin_dir}/pcsc_bench", environments,
                                      request["seconds"], request["hold_ms"]))

    def count_calls(self, arguments):
        strace = ["strace", "-f", "-c", "-U", "calls,name", "-o"]
        tracer = subprocess.Popen([*strace, "/run/daemon.calls", "-p", str(self.daemon.pid)],
                                  stderr=subprocess.DEVNULL)
        self.wait_until_traced(tracer)
        try:
            self.run(arguments, prefix=[*strace, "/run/client.calls"])
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        return {"client": read_calls("/run/client.calls"),
                "daemon": read_calls("/run/daemon.calls")}

    def wait_until_traced(self, tracer):
        tasks = f"/proc/{self.daemon.pid}/task"
        while not all(tracer_of(f"{tasks}/{task}") for task in os.listdir(tasks)):
            if tracer.poll() is not None:
                raise BenchError("strace cannot attach to the daemon")
            time.sleep(0.005)  # pause: nothing tells that strace is attached

    def serve(self):
        for line in sys.stdin:
            request = json.loads(line)
            if "libraries" in request:
                answer(self.take_turns, request)
                continue
            act = self.count_calls if request["strace"] else self.run
            answer(act, request["arguments"])
        self.daemon.terminate()
        self.daemon.wait()


def tracer_of(task):
    with open(f"{task}/status", encoding="ascii", errors="replace") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("TracerPid:"))


def read_calls(path):
    """A summary of strace -c -U calls,name as {name: calls}."""
    with open(path, encoding="ascii") as summary:
        rows = re.findall(r"^\s*(\d+)\s+(\w+)\s*$", summary.read(), re.MULTILINE)
    return {name: int(calls) for calls, name in rows if name != "total"}


def answer(act, *arguments):
    """Prints what `act` returns, or its error; tells whether it succeeded."""
    try:
        print(json.dumps({"result": act(*arguments)}), flush=True)
        return True
    except (BenchError, OSError, subprocess.SubprocessError, ValueError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return False


def main():
    inside = Inside(json.loads(sys.argv[1]))
    if answer(inside.wait_until_ready):
        inside.serve()


if __name__ == "__main__":
    main()
