"""A client that speaks the pcsc-lite wire protocol 4:3 to 4:6 by raw bytes.

Requests: u32 size, u32 command, body; TRANSMIT and CONTROL are followed by payload that `size`
does not count. Answers: the bare struct, then payload. All little endian on what we test."""

from __future__ import annotations

import select
import socket
import struct
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from harness.foreign import ForeignConnection


class Command(IntEnum):
    ESTABLISH = 0x01
    RELEASE = 0x02
    CONNECT = 0x04
    RECONNECT = 0x05
    DISCONNECT = 0x06
    BEGIN = 0x07
    END = 0x08
    TRANSMIT = 0x09
    CONTROL = 0x0A
    STATUS = 0x0B
    CANCEL = 0x0D
    GET_ATTRIB = 0x0F
    SET_ATTRIB = 0x10
    VERSION = 0x11
    GET_STATES = 0x12
    WAIT = 0x13
    STOP = 0x14
    GET_EVENTS = 0x15
    GET_SIZE = 0x16
    GET_ARRAY = 0x17


class Rv(IntEnum):
    OK = 0
    INTERNAL_ERROR = 0x80100001
    CANCELLED = 0x80100002
    INVALID_HANDLE = 0x80100003
    INVALID_PARAMETER = 0x80100004
    NO_MEMORY = 0x80100006
    INSUFFICIENT_BUFFER = 0x80100008
    UNKNOWN_READER = 0x80100009
    SHARING_VIOLATION = 0x8010000B
    NO_SMARTCARD = 0x8010000C
    PROTO_MISMATCH = 0x8010000F
    INVALID_VALUE = 0x80100011
    NOT_TRANSACTED = 0x80100016
    READER_UNAVAILABLE = 0x80100017
    SERVICE_STOPPED = 0x8010001E
    UNSUPPORTED_FEATURE = 0x8010001F
    UNRESPONSIVE_CARD = 0x80100066
    UNPOWERED_CARD = 0x80100067
    RESET_CARD = 0x80100068
    REMOVED_CARD = 0x80100069
    SECURITY_VIOLATION = 0x8010006A


EXCLUSIVE, SHARED, DIRECT = 1, 2, 3
LEAVE, RESET, UNPOWER, EJECT = 0, 1, 2, 3
T0, T1, T0_OR_T1, RAW = 1, 2, 3, 4
STATE_UNKNOWN, STATE_ABSENT, STATE_PRESENT, STATE_SWALLOWED = 1, 2, 4, 8
STATE_READY = 0x34  # present, powered, negotiable: what a usable card shows

HEADER = struct.Struct("<II")
VERSION = struct.Struct("<iiI")
ESTABLISH = struct.Struct("<III")
CONTEXT = struct.Struct("<II")
CONNECT = struct.Struct("<I128sIIiII")
RECONNECT = struct.Struct("<iIIIII")
DISPOSITION = struct.Struct("<iII")
HANDLE = struct.Struct("<iI")
TRANSMIT = struct.Struct("<iIIIIIII")
CONTROL = struct.Struct("<iIIIII")
ATTRIBUTE = struct.Struct("<iI264sII")
COMPLETION = struct.Struct("<II")
SIZE = struct.Struct("<i")
STATE = struct.Struct("<128sIIi33s3xII")

FIXED_SLOTS = 16
PCI_BYTES = 16
RECEIVE_MAX = 65548
ANSWER_SECONDS = 30.0


class Closed(Exception):
    """The daemon closed the connection."""


class ReaderState(NamedTuple):
    name: str
    event_counter: int
    state: int
    sharing: int
    atr: bytes
    protocol: int


class Connected(NamedTuple):
    rv: int
    card: int
    protocol: int


class Response(NamedTuple):
    rv: int
    data: bytes
    length: int


def parse_states(raw: bytes) -> list[ReaderState]:
    states = []
    for name, counter, state, sharing, atr, length, protocol in STATE.iter_unpack(raw):
        text = name.split(b"\0", 1)[0].decode()
        states.append(ReaderState(text, counter, state, sharing, atr[:min(length, 33)], protocol))
    return states


class WireClient:
    """One connection. `minor` None: CMD_VERSION is never sent. `single_read`: each answer has to
    come with one recv(), as a client without buffering takes it. `foreign`: the connection
    belongs to a process of its own; `connection`: to this one."""

    def __init__(self, path: Path, minor: int | None = 4, *, establish: bool = True,
                 single_read: bool = False, foreign: bool = False,
                 connection: ForeignConnection | None = None) -> None:
        self.minor = minor
        self.context = 0
        self._single_read = single_read
        self._foreign = ForeignConnection(path) if foreign else connection
        if self._foreign is not None:
            self.socket = self._foreign.link
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
            except OSError:
                self.socket.close()
                raise
        self.socket.settimeout(ANSWER_SECONDS)
        if minor is not None:
            answer = self.version(4, minor)
            if answer != (4, minor, Rv.OK):
                raise AssertionError(f"4:{minor} offered, answer {answer}")
        if establish:
            rv, self.context = self.establish()
            if rv != Rv.OK:
                raise AssertionError(f"ESTABLISH_CONTEXT: {rv:#x}")

    def __enter__(self) -> WireClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()
        if self._foreign is not None:
            self._foreign.close()

    @property
    def foreign(self) -> ForeignConnection:
        """The connection of another process that this one was made with."""
        assert self._foreign is not None
        return self._foreign

    # Bytes

    def send(self, command: int, body: bytes = b"", payload: bytes = b"",
             size: int | None = None) -> None:
        header = HEADER.pack(len(body) if size is None else size, command)
        self.socket.sendall(header + body + payload)

    def recv(self, count: int) -> bytes:
        """Exactly `count` bytes. Closed if the daemon hung up, TimeoutError if it is silent."""
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionResetError as error:
                raise Closed from error
            if not piece:
                raise Closed
            data += piece
            if self._single_read and len(data) < count:
                raise AssertionError(f"answer in pieces: {len(data)} of {count} bytes")
        return data

    def readable(self, seconds: float) -> bool:
        return bool(select.select([self.socket], [], [], seconds)[0])

    def recv_until_closed(self) -> bytes:
        """Everything up to the hang-up, which has to come within the answer time."""
        data = b""
        try:
            while True:
                data += self.recv(1)
        except Closed:
            return data

    # Commands: send and take the answer

    def version(self, major: int, minor: int) -> tuple[int, int, int]:
        self.send(Command.VERSION, VERSION.pack(major, minor, 0))
        major, minor, rv = VERSION.unpack(self.recv(VERSION.size))
        return major, minor, rv

    def establish(self, scope: int = 2) -> tuple[int, int]:
        """rv and context."""
        self.send(Command.ESTABLISH, ESTABLISH.pack(scope, 0, 0))
        _, context, rv = ESTABLISH.unpack(self.recv(ESTABLISH.size))
        return rv, context

    def release(self, context: int | None = None) -> int:
        self.send(Command.RELEASE, CONTEXT.pack(self.context if context is None else context, 0))
        return CONTEXT.unpack(self.recv(CONTEXT.size))[1]

    def send_connect(self, reader: str | bytes, share: int = SHARED, protocols: int = T0_OR_T1,
                     context: int | None = None) -> None:
        name = reader.encode() if isinstance(reader, str) else reader
        self.send(Command.CONNECT, CONNECT.pack(
            self.context if context is None else context, name, share, protocols, 0, 0, 0))

    def recv_connect(self) -> Connected:
        answer = CONNECT.unpack(self.recv(CONNECT.size))
        return Connected(answer[6], answer[4], answer[5])

    def connect(self, reader: str | bytes, share: int = SHARED, protocols: int = T0_OR_T1,
                context: int | None = None) -> Connected:
        self.send_connect(reader, share, protocols, context)
        return self.recv_connect()

    def open_card(self, reader: str, share: int = SHARED, protocols: int = T0_OR_T1) -> int:
        """CONNECT that has to succeed; the card handle."""
        answer = self.connect(reader, share, protocols)
        if answer.rv != Rv.OK:
            raise AssertionError(f"CONNECT {reader}: {answer.rv:#x}")
        return answer.card

    def send_reconnect(self, card: int, share: int, protocols: int, initialization: int) -> None:
        self.send(Command.RECONNECT,
                  RECONNECT.pack(card, share, protocols, initialization, 0, 0))

    def reconnect(self, card: int, share: int = SHARED, protocols: int = T0_OR_T1,
                  initialization: int = LEAVE) -> int:
        self.send_reconnect(card, share, protocols, initialization)
        return RECONNECT.unpack(self.recv(RECONNECT.size))[5]

    def disconnect(self, card: int, disposition: int = LEAVE) -> int:
        self.send(Command.DISCONNECT, DISPOSITION.pack(card, disposition, 0))
        return self.recv_disposition()

    def begin(self, card: int) -> int:
        self.send_begin(card)
        return self.recv_handle()

    def send_begin(self, card: int) -> None:
        self.send(Command.BEGIN, HANDLE.pack(card, 0))

    def end(self, card: int, disposition: int = LEAVE) -> int:
        self.send(Command.END, DISPOSITION.pack(card, disposition, 0))
        return self.recv_disposition()

    def status(self, card: int) -> int:
        self.send(Command.STATUS, HANDLE.pack(card, 0))
        return self.recv_handle()

    def recv_handle(self) -> int:
        """rv of BEGIN, STATUS."""
        return HANDLE.unpack(self.recv(HANDLE.size))[1]

    def recv_disposition(self) -> int:
        """rv of END, DISCONNECT."""
        return DISPOSITION.unpack(self.recv(DISPOSITION.size))[2]

    def send_transmit(self, card: int, apdu: bytes, protocol: int = T1,
                      receive: int = RECEIVE_MAX) -> None:
        self.send(Command.TRANSMIT, TRANSMIT.pack(card, protocol, PCI_BYTES, len(apdu), protocol,
                                                  PCI_BYTES, receive, 0), apdu)

    def recv_transmit(self) -> Response:
        answer = TRANSMIT.unpack(self.recv(TRANSMIT.size))
        rv, length = answer[7], answer[6]
        return Response(rv, self.recv(length) if rv == Rv.OK else b"", length)

    def transmit(self, card: int, apdu: bytes, protocol: int = T1,
                 receive: int = RECEIVE_MAX) -> Response:
        self.send_transmit(card, apdu, protocol, receive)
        return self.recv_transmit()

    def control(self, card: int, code: int, data: bytes = b"", receive: int = 300) -> Response:
        self.send(Command.CONTROL, CONTROL.pack(card, code, len(data), receive, 0, 0), data)
        answer = CONTROL.unpack(self.recv(CONTROL.size))
        rv, length = answer[5], answer[4]
        return Response(rv, self.recv(length) if rv == Rv.OK else b"", length)

    def get_attrib(self, card: int, attribute: int, length: int = 264) -> Response:
        self.send(Command.GET_ATTRIB, ATTRIBUTE.pack(card, attribute, b"", length, 0))
        return self._recv_attribute()

    def set_attrib(self, card: int, attribute: int, value: bytes) -> Response:
        self.send(Command.SET_ATTRIB, ATTRIBUTE.pack(card, attribute, value, len(value), 0))
        return self._recv_attribute()

    def _recv_attribute(self) -> Response:
        _, _, value, length, rv = ATTRIBUTE.unpack(self.recv(ATTRIBUTE.size))
        return Response(rv, value[:min(length, 264)], length)

    def cancel(self, context: int) -> int:
        self.send(Command.CANCEL, CONTEXT.pack(context, 0))
        return CONTEXT.unpack(self.recv(CONTEXT.size))[1]

    # States and waiting

    def states(self) -> list[ReaderState]:
        """The fixed array of 16."""
        self.send(Command.GET_STATES)
        return self.recv_states(FIXED_SLOTS)

    def recv_states(self, count: int) -> list[ReaderState]:
        return parse_states(self.recv(count * STATE.size))

    def size(self) -> int:
        self.send(Command.GET_SIZE)
        return SIZE.unpack(self.recv(SIZE.size))[0]

    def array(self, count: int) -> list[ReaderState]:
        self.send(Command.GET_ARRAY)
        return self.recv_states(count)

    def reader_events(self) -> int:
        self.send(Command.GET_EVENTS)
        number, rv = COMPLETION.unpack(self.recv(COMPLETION.size))
        if rv != Rv.OK:
            raise AssertionError(f"GET_READER_EVENTS: {rv:#x}")
        return number

    def wait(self) -> list[ReaderState]:
        """Registers in the way of this connection's version and returns the states: those that
        come with the answer (4:4, 4:5), those asked for before (4:3) or right after (4:6)."""
        if self.minor in (None, 3):
            states = self.states()
            self.send(Command.WAIT, COMPLETION.pack(1000, 0))
            return states
        self.send(Command.WAIT)
        if self.minor == 6:
            return self.array(self.size())
        return self.recv_states(FIXED_SLOTS)

    def send_stop(self) -> None:
        self.send(Command.STOP, COMPLETION.pack(1000, 0) if self.minor in (None, 3) else b"")

    def stop(self) -> int:
        """STOP while registered: the completion's rv."""
        self.send_stop()
        return self.completion()[1]

    def completion(self) -> tuple[int, int]:
        """First field and rv."""
        first, rv = COMPLETION.unpack(self.recv(COMPLETION.size))
        return first, rv
