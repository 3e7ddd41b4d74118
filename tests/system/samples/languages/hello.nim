# The hello card in Nim, through the C interface.
import std/[sequtils, strutils]

type IoRequest = object
  protocol, length: culong

{.push cdecl, dynlib: "libpcsclite.so.1".}
proc SCardEstablishContext(scope: culong, first, second: pointer,
                           context: ptr clong): clong {.importc.}
proc SCardListReaders(context: clong, groups: cstring, names: pointer,
                      length: ptr culong): clong {.importc.}
proc SCardConnect(context: clong, reader: cstring, share, protocols: culong, card: ptr clong,
                  protocol: ptr culong): clong {.importc.}
proc SCardTransmit(card: clong, pci: ptr IoRequest, command: pointer, count: culong,
                   receivePci, response: pointer, length: ptr culong): clong {.importc.}
proc SCardDisconnect(card: clong, disposition: culong): clong {.importc.}
proc SCardReleaseContext(context: clong): clong {.importc.}
{.pop.}

const
  scopeSystem = 2
  shareShared = 2
  t0OrT1 = 3
  leaveCard = 0
  responseBytesMax = 258

proc check(call: string, code: clong) =
  if code != 0:
    quit(call & ": 0x" & toHex(cast[uint32](code)))

proc transmit(card: clong, protocol: culong, command: string): string =
  var pci = IoRequest(protocol: protocol, length: culong(sizeof(IoRequest)))
  var sent = command
  var length = culong(responseBytesMax)
  result = newString(responseBytesMax)
  check("SCardTransmit", SCardTransmit(card, addr pci, addr sent[0], culong(sent.len), nil,
                                       addr result[0], addr length))
  result.setLen(int(length))

proc hex(bytes: string): string =
  bytes.mapIt(toHex(ord(it), 2)).join(" ")

var context, card: clong
var length, protocol: culong
check("SCardEstablishContext", SCardEstablishContext(scopeSystem, nil, nil, addr context))
check("SCardListReaders", SCardListReaders(context, nil, nil, addr length))
var names = newString(int(length))
check("SCardListReaders", SCardListReaders(context, nil, addr names[0], addr length))
# The first of the names, each ended by a NUL.
check("SCardConnect", SCardConnect(context, cstring(names), shareShared, t0OrT1, addr card,
                                   addr protocol))
echo hex(transmit(card, protocol, parseHexStr("00A404000AA00000006203010C0601")))
let response = transmit(card, protocol, parseHexStr("00000000"))
echo hex(response)
echo response[0 ..< ^2]
check("SCardDisconnect", SCardDisconnect(card, leaveCard))
check("SCardReleaseContext", SCardReleaseContext(context))
