# The hello card in Ruby, through Fiddle.
require 'fiddle'
require 'fiddle/import'

module PCSC
  extend Fiddle::Importer
  dlload 'libpcsclite.so.1'
  extern 'long SCardEstablishContext(unsigned long, void *, void *, void *)'
  extern 'long SCardListReaders(long, void *, void *, void *)'
  extern 'long SCardConnect(long, const char *, unsigned long, unsigned long, void *, void *)'
  extern 'long SCardTransmit(long, void *, void *, unsigned long, void *, void *, void *)'
  extern 'long SCardDisconnect(long, unsigned long)'
  extern 'long SCardReleaseContext(long)'

  SCOPE_SYSTEM = 2
  SHARE_SHARED = 2
  T0_OR_T1 = 3
  LEAVE_CARD = 0
  RESPONSE_BYTES_MAX = 258

  def self.check(call, code)
    abort format('%s: 0x%08X', call, code & 0xFFFFFFFF) unless code.zero?
  end
end

def number(value = 0) = [value].pack('L!')
def value(buffer) = buffer.unpack1('L!')

def transmit(card, protocol, command)
  response = "\0".b * PCSC::RESPONSE_BYTES_MAX
  length = number(response.bytesize)
  pci = [protocol, 16].pack('L!2')
  PCSC.check('SCardTransmit', PCSC.SCardTransmit(card, pci, command, command.bytesize, nil,
                                                 response, length))
  response[0, value(length)]
end

def hex(bytes) = bytes.bytes.map { |byte| format('%02X', byte) }.join(' ')

handle = number
PCSC.check('SCardEstablishContext',
           PCSC.SCardEstablishContext(PCSC::SCOPE_SYSTEM, nil, nil, handle))
context = value(handle)

length = number
PCSC.check('SCardListReaders', PCSC.SCardListReaders(context, nil, nil, length))
names = "\0".b * value(length)
PCSC.check('SCardListReaders', PCSC.SCardListReaders(context, nil, names, length))
reader = names.split("\0").first

protocol = number
PCSC.check('SCardConnect', PCSC.SCardConnect(context, reader, PCSC::SHARE_SHARED, PCSC::T0_OR_T1,
                                             handle, protocol))
card = value(handle)

puts hex(transmit(card, value(protocol), ['00A404000AA00000006203010C0601'].pack('H*')))
response = transmit(card, value(protocol), ['00000000'].pack('H*'))
puts hex(response)
puts response[0...-2]

PCSC.check('SCardDisconnect', PCSC.SCardDisconnect(card, PCSC::LEAVE_CARD))
PCSC.check('SCardReleaseContext', PCSC.SCardReleaseContext(context))
