"""Where the conformance program prints something else with ours than with Debian's pair.

Each entry stands for a row of doc/compatibility.md, which has the reason, and has to be found in
each cell it speaks of: conformance_test.py fails for a line without entry, and for an entry without
line. To change an expectation, change the line here and the row there."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

# Whose doing it is, and so in which cells it is seen: (library, daemon).
_CELLS = {"library": {("cardea", "cardea"), ("cardea", "debian")},
          "daemon": {("cardea", "cardea"), ("debian", "cardea")},
          "pair": {("cardea", "cardea")}}


@dataclass(frozen=True)
class Difference:
    """`case` and `line` are patterns as in file names: of "module.case", and of what follows in our
    cells. `row`: how the row begins, or its number."""

    cause: str
    case: str
    line: str
    row: str

    def is_seen_in(self, library: str, daemon: str) -> bool:
        return (library, daemon) in _CELLS[self.cause]

    def explains(self, case: str, line: str) -> bool:
        return fnmatchcase(case, self.case) and fnmatchcase(line, self.line)


def _library(row: str, *lines: tuple[str, str]) -> list[Difference]:
    return [Difference("library", case, line, row) for case, line in lines]


def _daemon(row: str, *lines: tuple[str, str]) -> list[Difference]:
    return [Difference("daemon", case, line, row) for case, line in lines]


def _pair(row: str, *lines: tuple[str, str]) -> list[Difference]:
    return [Difference("pair", case, line, row) for case, line in lines]


STATUS_OF_CARD = "SUCCESS state=34 protocol=2 name=28 atr=11"
NOTHING = " state=00 protocol=0 name=0 atr=0"

ARGUMENTS = [
    *_library("SCardEstablishContext leaves *phContext alone",
              ("unserved.establish/scope=?", "NO_SERVICE context=0"),
              ("restart.stopped/establish", "NO_SERVICE context=0")),
    *_library("SCardListReaderGroups without a length crashes",
              ("arguments.groups/no length", "INVALID_PARAMETER")),
    *_library("SCardGetAttrib refuses buffers of more than 264 bytes",
              ("attributes.room=109", "SUCCESS length=11 3B 86 37 EE"),
              ("attributes.room=12c", "SUCCESS length=11 3B 86 37 EE"),
              ("attributes.room=7fffffff", "SUCCESS length=11 3B 86 37 EE"),
              ("attributes.room=ffffffff", "SUCCESS length=11 3B 86 37 EE")),
    *_library("SCardGetAttrib with AUTOALLOCATE leaves a block behind",
              ("attributes.block/no such one", "UNSUPPORTED_FEATURE length=264 block=0")),
    *_library("SCardControl with a length but nothing to send",
              ("control.length without command", "INVALID_PARAMETER count=0"),
              ("control.length without command/then", "SUCCESS usable=1")),
    *_library("SCardControl with room but no buffer",
              ("control.room without answer", "INSUFFICIENT_BUFFER count=6")),
    *_library("Waits for more than 16 entries",
              ("changes.entries=17", "TIMEOUT last=0010"),
              ("changes.entries=40", "TIMEOUT last=0010"),
              ("changes.entries=17, last changed", "SUCCESS last=0012"),
              ("changes.entries=40, last changed", "SUCCESS last=0012")),
]

WAITS = [
    *_pair("Number of reader events in the PnP entry",
           ("empty.PnP", "TIMEOUT event=0000 counter=n atr=7"),
           ("empty.PnP in capitals", "TIMEOUT event=0000 counter=n atr=7"),
           ("empty.PnP with an old counter", "SUCCESS event=0002 counter=n atr=7"),
           ("changes.PnP", "TIMEOUT event=0000 counter=n atr=7"),
           ("changes.PnP in capitals", "TIMEOUT event=0000 counter=n atr=7"),
           ("changes.PnP unknown", "TIMEOUT event=0000 counter=n atr=7"),
           ("changes.PnP with an old counter", "SUCCESS event=0002 counter=n atr=7")),
    *_daemon("A change of sharing is noticed",
             ("events.use/end of use", "SUCCESS event=0022 noticed=1")),
    *_library("A thread that waits for a busy context stops every other call",
              ("threads.wait/other context is valid", "SUCCESS at_once=1"),
              ("threads.queue/wait", "CANCELLED event=0010"),
              ("threads.queue/cancel", "SUCCESS at_once=1")),
]

SHARING = [
    *_daemon("A change from exclusive to shared keeps the lock",
             ("sharing.exclusive/end when shared", "NOT_TRANSACTED"),
             ("sharing.exclusive/shared after that", "SUCCESS at_once=1")),
    *_daemon("A reconnect to exclusive resets the card",
             ("impatient.own after that", "SUCCESS"),
             ("impatient.other after that", "SUCCESS")),
    *_daemon("A client that takes any protocol by the old value",
             ("connects.second/1000", "SUCCESS card=n active=2")),
    *_daemon("RAW outlives the handle that asked for it",
             ("connects.raw beside/first", "SUCCESS"),
             ("connects.raw beside/* status", STATUS_OF_CARD),
             ("connects.raw gone/first", "SUCCESS"),
             ("connects.raw gone/first status", STATUS_OF_CARD),
             ("resets.step 7/status", STATUS_OF_CARD),
             ("resets.step 8/protocols=3 start=0", "SUCCESS active=2"),
             ("resets.step 8/status", STATUS_OF_CARD),
             ("resets.step 1[0-3]/status", "SUCCESS state=34 protocol=1 name=28 atr=11"),
             ("resets.step 15/protocols=1000 start=0", "SUCCESS active=2"),
             # Asked for by a handle of module "connects".
             ("transactions.no card, 0/status", "SUCCESS state=02 protocol=0 name=28 atr=0")),
    *_daemon("A failed reset of a missing card marks",
             ("handles.direct/status after that", "SUCCESS state=02 protocol=0 name=28 atr=0"),
             ("removal.removed/*", "REMOVED_CARD"),
             ("removal.back/*", "REMOVED_CARD"),
             ("removal.back/status", "REMOVED_CARD state=00 protocol=0 name=0 atr=0"),
             ("removal.back/attribute", "REMOVED_CARD length=64")),
    *_daemon("A reconnect with LEAVE keeps an unpowered card unpowered",
             ("dispositions.disconnect=2/other reconnects", "SUCCESS active=2"),
             ("dispositions.disconnect=2/other status", STATUS_OF_CARD)),
]

TRANSACTIONS = [
    *_daemon("END without a transaction resets or ejects the card",
             ("dispositions.end without begin=3", "NOT_TRANSACTED"),
             ("dispositions.end without begin=[12]/count", "SUCCESS resets=0"),
             *((f"dispositions.end without begin=[12]/{who}/{call}", line)
               for who in ("own", "other")
               for call, line in (("transmit*", "SUCCESS*"), ("status", STATUS_OF_CARD),
                                  ("attribute", "SUCCESS length=7"),
                                  ("set attribute", "UNSUPPORTED_FEATURE"),
                                  ("begin", "SUCCESS"), ("end", "SUCCESS")))),
    *_daemon("A failed reset of a missing card marks",
             ("transactions.no card, [12]/status", "SUCCESS state=02 protocol=0 name=28 atr=0"),
             ("transactions.no card, [12]/end again", "NOT_TRANSACTED")),
]

ATTRIBUTES = [
    *_daemon("13",
             ("attributes.*/DEVICE_FRIENDLY_NAME_A", "SUCCESS length=28 first=43"),
             ("attributes.*/DEVICE_SYSTEM_NAME_A", "SUCCESS length=28 first=43")),
    *_daemon("Programs can read function addresses",
             *((f"attributes.*/TAG_IFD_{tag}", "UNSUPPORTED_FEATURE length=264 first=00")
               for tag in ("SIMULTANEOUS_ACCESS", "THREAD_SAFE", "POLLING_THREAD_WITH_TIMEOUT",
                           "STOP_POLLING_THREAD"))),
]

# Children of a process with contexts: module "forks".
FORKS = _library("After fork() parent and child use one connection",
                 *((f"forks.child/{call}", f"RESET_CARD{results}")
                   for call, results in (("status", NOTHING), ("begin", ""), ("transmit", ""),
                                         ("end", ""))),
                 *((f"forks.after {what}/parent/{call}", line)
                   for what in ("disconnect", "release")
                   for call, line in (("status", STATUS_OF_CARD), ("begin", "SUCCESS"),
                                      ("transmit", "SUCCESS"), ("end", "SUCCESS"),
                                      ("connect", "SUCCESS card=n"), ("disconnect", "SUCCESS"))),
                 ("forks.disconnect/parent *", "SUCCESS"),
                 ("forks.release/parent *", "SUCCESS"))

# A daemon that ends and comes back: module "restart".
RESTART = [
    *_library("When the daemon dies or is restarted",
              ("restart.stopped/wait", "NO_SERVICE early=0"),
              ("restart.stopped/look", "TIMEOUT event=0000 counter=0 atr=7"),
              *((f"restart.back, {client}/{call}", line)
                for client in ("busy", "idle", "waiter")
                for call, line in (("list", "SUCCESS length=57"),
                                   ("look", "SUCCESS event=0012 counter=0 atr=0"),
                                   ("connect", "SUCCESS card=n"), ("disconnect", "SUCCESS"))),
              *((f"restart.back, {client}/{call}", f"RESET_CARD{results}")
                for client in ("busy", "idle")
                for call, results in (("status", NOTHING), ("begin", ""), ("transmit", ""),
                                      ("end", ""))),
              ("restart.back/reconnect", "SUCCESS active=2"),
              ("restart.back/transmit", "SUCCESS")),
    *_library("SCardDisconnect and SCardReleaseContext fail",
              ("restart.stopped/leaver *", "SUCCESS"),
              ("restart.back/disconnect", "SUCCESS"),
              ("restart.back/release *", "SUCCESS"))]

DIFFERENCES = (*ARGUMENTS, *WAITS, *SHARING, *TRANSACTIONS, *ATTRIBUTES, *FORKS, *RESTART)
