-- The hello card in Lua, through the C module lua_pcsc.
local pcsc = require("lua_pcsc")

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02X "):format(c:byte()) end):sub(1, -2))
end

local card = pcsc.connect()
print(hex(card:transmit("\x00\xA4\x04\x00\x0A\xA0\x00\x00\x00\x62\x03\x01\x0C\x06\x01")))
local response = card:transmit("\0\0\0\0")
print(hex(response))
print(response:sub(1, -3))
card:close()
