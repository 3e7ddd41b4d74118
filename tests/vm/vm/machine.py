"""A virtual machine: QEMU with software emulation, its USB readers and a shell in it.

Thread-bound. There is no disk, no network and no file besides the log of its console: QEMU gets
its ends of all connections as descriptors. It dies with the test, however that ends."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from vm.card import EmulatedCard
from vm.qmp import Qmp

BOOT_SECONDS = 180.0
# A command that takes longer is stuck; a client's call with all its waiting takes less.
COMMAND_SECONDS = 60.0
# What one of QEMU's xhci controllers has for readers.
READERS_MAX = 15
PLUG_SECONDS = 30
MEMORY_MIB = 1024

# Beside what is needed: the kernel's self-tests and hardening take time and show nothing here.
KERNEL_OPTIONS = ("console=ttyS0 panic=-1 rdinit=/lib/systemd/systemd systemd.unit=basic.target "
                  "systemd.wants=vm-shell.service systemd.show_status=0 quiet tsc=reliable "
                  "no_timer_check mitigations=off init_on_alloc=0 cryptomgr.notests nokaslr "
                  "nowatchdog")


class MachineError(AssertionError):
    """The machine did not start, or does not answer."""


@dataclass(frozen=True)
class Output:
    """Of a command in the machine: standard output and error, exit status."""

    text: str
    status: int


class Machine:
    def __init__(self, kernel: Path, root: Path, console: Path) -> None:
        """`root`: the archive that becomes the root file system."""
        self._command = [
            # An emulated machine is busy; nobody shall wait for it.
            "setpriv", "--pdeathsig", "KILL", "nice", "qemu-system-x86_64",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            # The plainest processor: "max" takes twice the time to start.
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "Nehalem,+rdrand",
            "-smp", "2", "-m", str(MEMORY_MIB),
            "-kernel", str(kernel), "-initrd", str(root), "-append", KERNEL_OPTIONS,
            "-device", f"qemu-xhci,id=usb,p2={READERS_MAX},p3=1",
            "-serial", f"file:{console}"]
        self._console = console
        self._cards: dict[int, EmulatedCard] = {}
        self._process: subprocess.Popen[bytes] | None = None

    # Life

    def start(self) -> None:
        """Returns when the shell answers."""
        control, its_control = socket.socketpair()
        self._shell, its_shell = socket.socketpair()
        with its_control, its_shell:
            ends = (its_control.fileno(), its_shell.fileno())
            self._process = subprocess.Popen(
                [*self._command,
                 "-chardev", f"socket,id=control,fd={ends[0]}", "-mon", "control,mode=control",
                 "-chardev", f"socket,id=shell,fd={ends[1]}",
                 "-device", "isa-serial,chardev=shell,index=1"],
                stdin=subprocess.DEVNULL, pass_fds=ends)
        self._qmp = Qmp(control)
        if self._receive("the start", BOOT_SECONDS) != Output("", 0):
            raise MachineError(f"the shell has not started; see {self._console}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()  # nothing in it is worth keeping
            self._process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        self.kill()
        for card in self._cards.values():
            card.close()
        self._qmp.close()
        self._shell.close()

    # Shell

    def run(self, command: str) -> Output:
        """Runs one line of bash as root. An answer that is missing ends the machine: a late one
        would be taken for that of the next command."""
        try:
            self._shell.sendall(command.encode() + b"\n")
            return self._receive(command, COMMAND_SECONDS)
        except (MachineError, OSError):
            self.kill()
            raise

    def _receive(self, what: str, seconds: float) -> Output:
        """Output, NUL, status, line end."""
        end = time.monotonic() + seconds
        data = b""
        while b"\0" not in data or not data.endswith(b"\n"):
            self._shell.settimeout(max(0.001, end - time.monotonic()))
            try:
                piece = self._shell.recv(65536)
            except TimeoutError:
                raise MachineError(f"no answer in {seconds} s to {what}; see {self._console}; "
                                   f"so far:\n{data.decode(errors='replace')}") from None
            if not piece:
                raise MachineError(f"the machine has ended; see {self._console}")
            data += piece
        text, _, status = data.partition(b"\0")
        return Output(text.decode(errors="replace").replace("\r\n", "\n"), int(status))

    # Readers, with the numbers 0 to READERS_MAX - 1

    @property
    def plugged(self) -> set[int]:
        return set(self._cards)

    def card(self, reader: int) -> EmulatedCard:
        return self._cards[reader]

    def plug(self, reader: int) -> None:
        """A reader with a hello card, in a port of its own. Returns when udev knows it."""
        card, its_card = socket.socketpair()
        with its_card:
            self._qmp.command("getfd", its_card.fileno(), fdname=f"card{reader}")
        address = {"type": "fd", "data": {"str": f"card{reader}"}}
        self._qmp.command("chardev-add", id=f"card{reader}", backend={
            "type": "socket", "data": {"addr": address, "server": False}})
        self._cards[reader] = EmulatedCard(card)
        self._qmp.command("device_add", driver="usb-ccid", id=f"reader{reader}", bus="usb.0",
                          port=str(reader + 1), serial=f"R{reader:03}")
        self._qmp.command("device_add", driver="ccid-card-passthru", id=f"in{reader}",
                          bus=f"reader{reader}.0", chardev=f"card{reader}")
        waited = self.run(f"udevadm wait --timeout={PLUG_SECONDS} "
                          f"/sys/bus/usb/devices/1-{reader + 1}:1.0")
        if waited.status != 0:
            raise MachineError(f"reader {reader} is not known after {PLUG_SECONDS} s: "
                               f"{waited.text}")

    def unplug(self, reader: int) -> None:
        """Returns when it is out of its port; the kernel learns it in its time."""
        self._qmp.command("device_del", id=f"reader{reader}")
        self._qmp.wait_deleted(f"reader{reader}")
        self._cards.pop(reader).close()
        self._qmp.command("chardev-remove", id=f"card{reader}")

    def plug_exactly(self, readers: set[int]) -> None:
        for reader in sorted(self.plugged - readers):
            self.unplug(reader)
        for reader in sorted(readers - self.plugged):
            self.plug(reader)


def archive(folder: Path) -> bytes:
    """A folder as an archive that the kernel unpacks over what it has unpacked before."""
    names = subprocess.run(["find", "."], cwd=folder, check=True, capture_output=True)
    packed = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=folder,
                            check=True, input=names.stdout, capture_output=True)
    return packed.stdout


def join_archives(base: Path, folders: list[Path], target: Path) -> None:
    """The archives one behind the other, each at a multiple of four bytes."""
    with target.open("wb") as out:
        with base.open("rb") as source:
            while piece := source.read(1 << 20):
                out.write(piece)
        for folder in folders:
            out.write(bytes(-out.tell() % 4))
            out.write(archive(folder))
    os.chmod(target, 0o600)
