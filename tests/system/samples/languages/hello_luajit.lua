-- The hello card in LuaJIT, through its FFI.
local ffi = require("ffi")

ffi.cdef [[
typedef struct { unsigned long protocol, length; } SCARD_IO_REQUEST;
const char *pcsc_stringify_error(long error);
long SCardEstablishContext(unsigned long, const void *, const void *, long *);
long SCardListReaders(long, const char *, char *, unsigned long *);
long SCardConnect(long, const char *, unsigned long, unsigned long, long *, unsigned long *);
long SCardTransmit(long, const SCARD_IO_REQUEST *, const char *, unsigned long, void *,
                   unsigned char *, unsigned long *);
long SCardDisconnect(long, unsigned long);
long SCardReleaseContext(long);
]]

local SCOPE_SYSTEM, SHARE_SHARED, T0_OR_T1, LEAVE_CARD = 2, 2, 3, 0
local RESPONSE_BYTES_MAX = 258
local pcsc = ffi.load("libpcsclite.so.1")

local function check(call, code)
  if code ~= 0 then
    error(call .. ": " .. ffi.string(pcsc.pcsc_stringify_error(code)))
  end
end

local function transmit(card, protocol, command)
  local response = ffi.new("unsigned char[?]", RESPONSE_BYTES_MAX)
  local length = ffi.new("unsigned long[1]", RESPONSE_BYTES_MAX)
  local pci = ffi.new("SCARD_IO_REQUEST", protocol, ffi.sizeof("SCARD_IO_REQUEST"))
  check("SCardTransmit",
        pcsc.SCardTransmit(card, pci, command, #command, nil, response, length))
  return ffi.string(response, length[0])
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02X "):format(c:byte()) end):sub(1, -2))
end

local context = ffi.new("long[1]")
check("SCardEstablishContext", pcsc.SCardEstablishContext(SCOPE_SYSTEM, nil, nil, context))

local length = ffi.new("unsigned long[1]")
check("SCardListReaders", pcsc.SCardListReaders(context[0], nil, nil, length))
local names = ffi.new("char[?]", length[0])
check("SCardListReaders", pcsc.SCardListReaders(context[0], nil, names, length))

-- The first of the names, each ended by a NUL.
local card, protocol = ffi.new("long[1]"), ffi.new("unsigned long[1]")
check("SCardConnect",
      pcsc.SCardConnect(context[0], names, SHARE_SHARED, T0_OR_T1, card, protocol))

print(hex(transmit(card[0], protocol[0],
                   "\x00\xA4\x04\x00\x0A\xA0\x00\x00\x00\x62\x03\x01\x0C\x06\x01")))
local response = transmit(card[0], protocol[0], "\0\0\0\0")
print(hex(response))
print(response:sub(1, -3))

check("SCardDisconnect", pcsc.SCardDisconnect(card[0], LEAVE_CARD))
check("SCardReleaseContext", pcsc.SCardReleaseContext(context[0]))
