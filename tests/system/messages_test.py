"""Each kind of record of the daemon, provoked once, as journalctl shows it: its fields with
`-o json`, its explanation with `-x`. What is missing here fails the last test."""

from __future__ import annotations

import errno
import functools
import os
import re
import resource
import signal
import socket
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar
from unittest import mock

import harness.faults
from harness.bus import ADDRESS, NAME, OBJECT, busctl, start_bus
from harness.foreign import ForeignConnection
from harness.journald import CATALOG, Entry, Journald
from harness.launch import PID_FILE, SOCKET, Launch, LaunchTest, is_served
from harness.namespace import RUNTIME_DIR
from harness.peer import other_uid
from harness.processes import children, kib
from harness.settings import settings
from harness.usb_bed import UsbBed
from harness.usb_case import SCR3310
from harness.waiting import poll_until
from harness.wire import Closed, Rv, WireClient

SOURCE = Path(__file__).resolve().parents[2]
IDS = dict(re.findall(r'Event::\w+, "(\w+)",\s*"([0-9a-f]{32})"',
                      (SOURCE / "base" / "log_event.cpp").read_text()))
SUBJECTS = dict(re.findall(r"^-- ([0-9a-f]{32})\nSubject: (.+)$", CATALOG.read_text(), re.M))
OURS = settings().build_dir / "lib" / "libifdvirtual.so"
# Less than there is in the reserve, whatever the daemon has taken since it was looked at.
SHORT_BYTES = 64 * 1024
HANDLERS = settings().build_dir / "tests" / "unit" / "drivers" / "handlers"
READER = "Reader 00 00"
CONTROL = SOCKET.with_name("pcscd.control")
# The virtual card is at work for more than a minute: a driver that does not come back.
ENDLESS = b"\x80\x30\xff\xff"
# Spare descriptors of a daemon that is about to run out of them.
SPARE_DESCRIPTORS = 2


class Kind(NamedTuple):
    """A PRIORITY, and the fields that have to be there and not empty."""

    priority: int
    fields: tuple[str, ...] = ()


CLIENT = ("CLIENT_PID", "CLIENT_UID", "CLIENT_EXE")
KINDS = {
    "service_started": Kind(6), "service_stopping": Kind(6), "start_failed": Kind(2),
    "stop_forced": Kind(3), "reload": Kind(6), "pid_file_failed": Kind(4),
    "hotplug_source": Kind(6), "config_problem": Kind(3, ("CONFIG_FILE",)),
    "config_skipped": Kind(6), "reader_ready": Kind(6, ("READER",)),
    "reader_removed": Kind(6, ("READER",)), "reader_fault": Kind(3, ("READER",)),
    "reader_ignored": Kind(6, ("DEVICE",)), "reader_unavailable": Kind(3, ("READER",)),
    "reader_retry": Kind(6, ("DEVICE",)), "reader_restarted": Kind(4, ("DEVICE",)),
    "reader_not_released": Kind(4, ("DEVICE",)), "driver_exception": Kind(3, ("LUN",)),
    "driver_incomplete": Kind(4), "driver_message": Kind(3),
    "driver_crashed": Kind(3, ("READER", "DRIVER")), "driver_hung": Kind(3, ("READER", "DRIVER")),
    "driver_keeper_lost": Kind(2),
    "client_version_refused": Kind(4, (*CLIENT, "CLIENT_PROTOCOL", "COMMAND", "RV")),
    "client_disconnected": Kind(4, CLIENT), "client_limit": Kind(4, CLIENT),
    "user_limit": Kind(4, (*CLIENT, "QUOTA", "LIMIT", "RV")),
    "descriptor_limit": Kind(3),
    "access_denied": Kind(4, (*CLIENT, "ACTION", "SESSION", "RULE", "RV")),
    "access_not_decided": Kind(4, (*CLIENT, "ACTION", "SESSION", "RULE", "RV")),
    "access_rules_read": Kind(6), "access_rules_broken": Kind(3, ("CONFIG_FILE", "CONFIG_LINE")),
    "apdu": Kind(6, ("READER",)),
    # A warning with WAITING_PIDS if somebody waits: pcscctl_test.
    "holder_idle": Kind(6, (*CLIENT, "READER", "HELD_SEC", "IDLE_SEC", "TAKEN")),
    "control_failed": Kind(4), "control_refused": Kind(4, CLIENT),
    "request": Kind(7, ("CLIENT_PID", "COMMAND", "RV", "USEC")),
    "repeated": Kind(4, ("COUNT",)), "log_level": Kind(6),
    "memory_short": Kind(3), "log_lost": Kind(4, ("COUNT",)), "resumed": Kind(6, ("SLEPT_SEC",)),
}
# Ten failures with pauses that grow to a minute: four minutes. The unit test of the tracker has a
# clock of its own.
TRACKER_TEST = SOURCE / "tests" / "unit" / "daemon" / "hotplug" / "device_tracker_test.cpp"
BY_UNIT_TEST = {"reader_given_up": TRACKER_TEST}
# Not under a sanitizer.
WITH_FAULTS = {"memory_short", "log_lost", "resumed"}

journald: Journald
provoked: set[str] = set()


def setUpModule() -> None:  # noqa: N802  (unittest's name)
    global journald
    journald = Journald()
    unittest.addModuleCleanup(journald.close)


Case = TypeVar("Case", bound="MessagesTest")


def provokes(*events: str) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """The test makes the daemon write these; the journal has them and their explanation then."""
    def wrap(test: Callable[[Case], None]) -> Callable[[Case], None]:
        @functools.wraps(test)
        def run(self: Case) -> None:
            test(self)
            for event in events:
                self.check(event)
            provoked.update(events)
        return run
    return wrap


class MessagesTest(LaunchTest):
    daemon: Launch

    def setUp(self) -> None:
        super().setUp()
        self.readers = RUNTIME_DIR / "readers.conf"

    def start(self, *arguments: str, library: Path = OURS, device: str = "virtual:",
              environment: dict[str, str] | None = None) -> None:
        self.configure(library, device)
        self.daemon = self.serve(*arguments, readers=self.readers, journal=True,
                                 environment=environment)

    def configure(self, library: Path, device: str) -> None:
        self.readers.write_text(f"FRIENDLYNAME Reader\nDEVICENAME {device}\nLIBPATH {library}\n")

    def wait_for(self, event: str) -> Entry:
        """The first record of this kind of this daemon."""
        matches = (f"_PID={self.daemon.pid}", f"MESSAGE_ID={IDS[event]}")
        return poll_until(event, lambda: journald.entries(*matches))[0]

    def check(self, event: str) -> None:
        entry = self.wait_for(event)
        kind = KINDS[event]
        with self.subTest(event):
            self.assertEqual(int(entry["PRIORITY"]), kind.priority)
            self.assertEqual(entry["SYSLOG_IDENTIFIER"], "pcscd")
            for field in kind.fields:
                self.assertTrue(entry.get(f"CARDEA_{field}"), f"{field} in {entry}")
            shown = journald.explained(f"_PID={self.daemon.pid}", f"MESSAGE_ID={IDS[event]}")
            self.assertIn(f"Subject: {SUBJECTS[IDS[event]]}", shown)
            self.assertNotRegex(shown, r"@CARDEA_\w+@", "a field that the record does not have")

    def leave_driver_at_work(self) -> WireClient:
        """With --apdu, which tells when the driver has been called. The client that waits for an
        answer which does not come."""
        client = WireClient(SOCKET)
        self.addCleanup(client.close)
        poll_until("a card", lambda: client.states()[0].atr)
        client.send_transmit(client.open_card(READER), ENDLESS)
        self.wait_for("apdu")
        return client


class Process(MessagesTest):
    @provokes("service_started", "service_stopping", "reader_ready", "reader_removed")
    def test_a_life(self) -> None:
        self.start()
        self.assertEqual(self.wait_for("reader_ready")["CARDEA_READER"], READER)
        self.readers.write_text("")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.wait_for("reader_removed")
        self.assertEqual(self.daemon.end(signal.SIGTERM), 0)

    @provokes("start_failed")
    def test_a_configuration_that_is_not_there(self) -> None:
        self.daemon = self.launch("--foreground", readers=Path("/nowhere"), journal=True)
        self.assertNotEqual(self.daemon.wait(), 0)

    @provokes("stop_forced")
    def test_a_driver_that_holds_up_the_end(self) -> None:
        self.start("--apdu")
        self.leave_driver_at_work()
        self.daemon.end(signal.SIGTERM)

    @provokes("reload")
    def test_a_reload(self) -> None:
        self.start()
        self.daemon.process.send_signal(signal.SIGHUP)

    @provokes("pid_file_failed")
    def test_a_pid_file_that_cannot_be_written(self) -> None:
        PID_FILE.mkdir(parents=True)
        self.start()

    @provokes("log_level")
    def test_a_change_of_the_level(self) -> None:
        bus = start_bus()
        self.addCleanup(bus.wait)
        self.addCleanup(bus.kill)
        with mock.patch.dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=ADDRESS):
            self.start()
            poll_until("it has its name", lambda: NAME in busctl("list").stdout)
            busctl("set-property", *OBJECT, "LogLevel", "s", "warning")


class Configuration(MessagesTest):
    @provokes("config_problem")
    def test_a_mistake(self) -> None:
        self.readers.write_text("FRIENDLYNAME two words\n")
        self.daemon = self.serve(readers=self.readers, journal=True)

    @provokes("config_skipped")
    def test_a_backup(self) -> None:
        folder = RUNTIME_DIR / "conf.d"
        folder.mkdir()
        (folder / "reader.conf.bak").write_text("")
        self.daemon = self.serve(readers=folder, journal=True)

    @provokes("driver_incomplete")
    def test_an_incomplete_driver(self) -> None:
        self.start(library=HANDLERS / "handler_without_set_protocol.so")

    @provokes("reader_unavailable", "reader_retry")
    def test_a_reader_that_cannot_be_opened(self) -> None:
        self.start(device="virtual:no-such=key")


class Readers(MessagesTest):
    @provokes("reader_fault", "driver_message")
    def test_a_faulty_reader(self) -> None:
        self.start(library=HANDLERS / "handler_faulty.so", device="/dev/null")

    @provokes("driver_exception")
    def test_a_driver_that_throws(self) -> None:
        self.start(library=HANDLERS / "handler_throwing.so", device="/dev/null")

    @provokes("reader_not_released")
    def test_a_driver_that_does_not_let_go(self) -> None:
        self.start("--apdu")
        client = self.leave_driver_at_work()
        self.readers.write_text("")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(client.recv_transmit().data, b"")


class HostedReaders(MessagesTest):
    HOSTED = ("--driver-host", "hosted", "--driver-limit", "exchange=0.3")

    @property
    def keeper(self) -> int:
        return children(self.daemon.pid)[0]

    @provokes("driver_crashed")
    def test_a_driver_that_crashes(self) -> None:
        self.start(*self.HOSTED)
        self.wait_for("reader_ready")
        os.kill(children(self.keeper)[0], signal.SIGKILL)

    @provokes("driver_hung")
    def test_a_driver_that_hangs(self) -> None:
        self.start("--apdu", *self.HOSTED)
        client = self.leave_driver_at_work()
        self.assertEqual(client.recv_transmit().rv, Rv.READER_UNAVAILABLE)

    @provokes("driver_keeper_lost")
    def test_a_keeper_that_is_killed(self) -> None:
        self.start(*self.HOSTED)
        self.wait_for("reader_ready")
        os.kill(self.keeper, signal.SIGKILL)
        self.assertEqual(self.daemon.wait(), 1)


class UsbReaders(MessagesTest):
    def setUp(self) -> None:
        super().setUp()
        self.bed = UsbBed(settings())
        self.addCleanup(self.bed.kill)
        self.bed.start()

    def start_usb(self, **variables: str) -> None:
        self.daemon = self.serve("--hotplug-backend=udev", journal=True,
                                 environment={**self.bed.environment(), **variables})
        self.addCleanup(self.daemon.end, signal.SIGTERM)

    @provokes("hotplug_source", "reader_ignored")
    def test_a_reader_that_is_filtered(self) -> None:
        self.start_usb(PCSCLITE_FILTER_IGNORE_READER_NAMES="SCR 3310")
        self.bed.add("1-1")

    @provokes("reader_restarted")
    def test_a_reader_with_nothing_but_faults(self) -> None:
        self.start_usb()
        self.bed.add("1-1")
        self.assertEqual(self.wait_for("reader_ready")["CARDEA_READER"], f"{SCR3310} 00 00")
        self.bed.command("fail 1-1 answers 1000000")


class Clients(MessagesTest):
    @provokes("client_version_refused")
    def test_a_version_nobody_serves(self) -> None:
        self.start()
        with WireClient(SOCKET, None, establish=False) as client:
            client.version(4, 2)

    @provokes("client_disconnected")
    def test_a_malformed_request(self) -> None:
        self.start()
        self.send_nonsense()

    @provokes("holder_idle")
    def test_a_transaction_that_is_not_used(self) -> None:
        self.start("--idle-holder=1")
        with WireClient(SOCKET) as holder:
            poll_until("a card", lambda: holder.states()[0].atr)
            holder.begin(holder.open_card(READER))
            self.wait_for("holder_idle")

    @provokes("control_failed")
    def test_a_control_socket_that_cannot_be_made(self) -> None:
        CONTROL.mkdir(parents=True)
        self.start()

    @provokes("control_refused")
    def test_a_request_that_is_none(self) -> None:
        self.start()
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(CONTROL))
            control.sendall(b"nonsense\n")
            self.wait_for("control_refused")

    @provokes("repeated")
    def test_many_malformed_requests(self) -> None:
        self.start()
        for _ in range(100):
            self.send_nonsense()
        self.daemon.end(signal.SIGTERM)

    @provokes("client_limit")
    def test_one_client_too_many(self) -> None:
        self.start("--max-thread=3")  # the start takes up to two
        with self.assertRaises((Closed, OSError)):
            for _ in range(4):
                self.addCleanup(WireClient(SOCKET).close)

    @provokes("user_limit")
    def test_one_user_with_too_many_connections(self) -> None:
        if other_uid() == os.geteuid():
            self.skipTest("there is only one user here")
        self.start("--max-clients-per-user=1")
        for _ in range(2):
            nobody = ForeignConnection(SOCKET, lambda: os.setuid(other_uid()))
            client = WireClient(SOCKET, establish=False, connection=nobody)
            self.addCleanup(client.close)
            answer = client.establish()[0]
        self.assertEqual(answer, Rv.NO_MEMORY)

    @provokes("descriptor_limit")
    def test_no_descriptor_left(self) -> None:
        self.start()
        self.wait_for("reader_ready")
        used = max(int(fd) for fd in os.listdir(f"/proc/{self.daemon.pid}/fd"))
        most = used + 1 + SPARE_DESCRIPTORS
        resource.prlimit(self.daemon.pid, resource.RLIMIT_NOFILE, (most, most))
        waiting = [WireClient(SOCKET, None, establish=False) for _ in range(most)]
        for client in waiting:
            self.addCleanup(client.close)

    @provokes("apdu", "request")
    def test_what_is_said_of_requests(self) -> None:
        self.start("--apdu", "--debug")
        with WireClient(SOCKET) as client:
            poll_until("a card", lambda: client.states()[0].atr)
            client.transmit(client.open_card(READER), b"\x80\x40\x00\x00")

    def send_nonsense(self) -> None:
        with WireClient(SOCKET) as client:
            client.socket.sendall(b"\xff" * 8)
            client.recv_until_closed()


@unittest.skipIf(settings().sanitize, "sanitizers take the functions that are to fail")
class Faults(MessagesTest):
    def start_with_faults(self, *arguments: str) -> None:
        self.faults = harness.faults.Faults()
        self.addCleanup(self.faults.close)
        self.start(*arguments, environment=self.faults.environment(settings()))
        self.wait_for("reader_ready")

    @provokes("resumed")
    def test_a_sleep(self) -> None:
        self.start_with_faults()
        self.faults.sleep(3600)
        self.assertEqual(self.wait_for("resumed")["CARDEA_SLEPT_SEC"], "3600")

    @provokes("log_lost")
    def test_a_record_that_nobody_takes(self) -> None:
        self.start_with_faults()
        # Neither the journal nor the stream takes the record of this reload, but that of the next.
        self.faults.fail("write", errno.ENOBUFS, count=2)
        self.daemon.process.send_signal(signal.SIGHUP)
        poll_until("both writes have failed", lambda: self.faults.failed == 2)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.wait_for("log_lost")["CARDEA_COUNT"], "1")

    @provokes("memory_short")
    def test_memory_that_runs_out(self) -> None:
        self.start_with_faults()
        in_use = kib(self.daemon.pid, "VmData") * 1024
        resource.prlimit(self.daemon.pid, resource.RLIMIT_DATA,
                         (in_use - SHORT_BYTES, resource.RLIM_INFINITY))
        # One piece of the reserve goes, and cannot be laid by again, not even if nothing was taken.
        self.faults.fail("memory", errno.ENOMEM)
        with WireClient(SOCKET, establish=False) as client:
            poll_until("a request is refused", lambda: client.establish()[0] == Rv.NO_MEMORY)


class Access(MessagesTest):
    def start_with_rules(self, text: str) -> None:
        rules = RUNTIME_DIR / "access.rules"
        rules.write_text(text)
        rules.chmod(0o644)
        self.configure(OURS, "virtual:")
        self.daemon = self.launch("--foreground", "--access-rules", str(rules),
                                  readers=self.readers, journal=True)
        poll_until("the daemon accepts connections", is_served)

    @provokes("access_rules_read", "access_denied")
    def test_a_rule_that_denies(self) -> None:
        self.start_with_rules("deny\n")
        with WireClient(SOCKET, establish=False) as client:
            self.assertEqual(client.establish()[0], Rv.SECURITY_VIOLATION)

    @provokes("access_rules_broken", "access_not_decided")
    def test_rules_with_a_mistake(self) -> None:
        self.start_with_rules("permit\n")
        if Path("/proc/self/uid_map").read_text().split()[2] == "1":
            self.skipTest("there is only one user here")
        nobody = ForeignConnection(SOCKET, lambda: os.setuid(65534))
        with WireClient(SOCKET, establish=False, connection=nobody) as client:
            self.assertEqual(client.establish()[0], Rv.SECURITY_VIOLATION)


class ZAllOfThem(unittest.TestCase):
    """The last class: unittest goes by name."""

    def test_each_kind_has_been_provoked(self) -> None:
        elsewhere = set(BY_UNIT_TEST) | (WITH_FAULTS if settings().sanitize else set())
        self.assertEqual(provoked | elsewhere, set(IDS))
        self.assertEqual(provoked & set(BY_UNIT_TEST), set())

    def test_the_rest_is_provoked_by_a_unit_test(self) -> None:
        for event, test in BY_UNIT_TEST.items():
            self.assertIn(f"log::Event::{event}", test.read_text())

    def test_each_kind_is_explained(self) -> None:
        self.assertEqual(set(SUBJECTS), set(IDS.values()))


if __name__ == "__main__":
    unittest.main()
