# The hello card in Crystal, through the C interface.
@[Link("pcsclite")]
lib LibPcsc
  struct IoRequest
    protocol : LibC::ULong
    length : LibC::ULong
  end

  fun establish_context = SCardEstablishContext(scope : LibC::ULong, first : Void*, second : Void*,
                                                context : LibC::Long*) : LibC::Long
  fun list_readers = SCardListReaders(context : LibC::Long, groups : UInt8*, names : UInt8*,
                                      length : LibC::ULong*) : LibC::Long
  fun connect = SCardConnect(context : LibC::Long, reader : UInt8*, share : LibC::ULong,
                             protocols : LibC::ULong, card : LibC::Long*,
                             protocol : LibC::ULong*) : LibC::Long
  fun transmit = SCardTransmit(card : LibC::Long, pci : IoRequest*, command : UInt8*,
                               count : LibC::ULong, receive_pci : Void*, response : UInt8*,
                               length : LibC::ULong*) : LibC::Long
  fun disconnect = SCardDisconnect(card : LibC::Long, disposition : LibC::ULong) : LibC::Long
  fun release_context = SCardReleaseContext(context : LibC::Long) : LibC::Long
end

LEAVE_CARD         =   0
SCOPE_SYSTEM       =   2
SHARE_SHARED       =   2
T0_OR_T1           =   3
RESPONSE_BYTES_MAX = 258

def check(call, code)
  raise "%s: 0x%08X" % {call, code & 0xFFFFFFFF} unless code == 0
end

def transmit(card, protocol, command)
  pci = LibPcsc::IoRequest.new(protocol: protocol, length: sizeof(LibPcsc::IoRequest))
  response = Bytes.new(RESPONSE_BYTES_MAX)
  length = LibC::ULong.new(response.size)
  check("SCardTransmit", LibPcsc.transmit(card, pointerof(pci), command, command.size, nil,
    response, pointerof(length)))
  response[0, length]
end

def hex(bytes)
  bytes.to_a.map { |byte| "%02X" % byte }.join(" ")
end

context = card = LibC::Long.new(0)
length = protocol = LibC::ULong.new(0)
check("SCardEstablishContext",
  LibPcsc.establish_context(SCOPE_SYSTEM, nil, nil, pointerof(context)))
check("SCardListReaders", LibPcsc.list_readers(context, nil, nil, pointerof(length)))
names = Bytes.new(length)
check("SCardListReaders", LibPcsc.list_readers(context, nil, names, pointerof(length)))
# The first of the names, each ended by a NUL.
check("SCardConnect", LibPcsc.connect(context, names, SHARE_SHARED, T0_OR_T1, pointerof(card),
  pointerof(protocol)))

puts hex(transmit(card, protocol, "00A404000AA00000006203010C0601".hexbytes))
response = transmit(card, protocol, Bytes.new(4))
puts hex(response)
puts String.new(response[0...-2])
check("SCardDisconnect", LibPcsc.disconnect(card, LEAVE_CARD))
check("SCardReleaseContext", LibPcsc.release_context(context))
