// The hello card in Groovy, through javax.smartcardio.
import javax.smartcardio.CommandAPDU
import javax.smartcardio.TerminalFactory

def hex(byte[] bytes) {
    bytes.collect { String.format('%02X', it) }.join(' ')
}

def card = TerminalFactory.default.terminals().list().first().connect('*')
def channel = card.basicChannel
println hex(channel.transmit(new CommandAPDU('00A404000AA00000006203010C0601'.decodeHex())).bytes)
def response = channel.transmit(new CommandAPDU('00000000'.decodeHex()))
println hex(response.bytes)
println new String(response.data)
card.disconnect(false)
