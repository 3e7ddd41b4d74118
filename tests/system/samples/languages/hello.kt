// The hello card in Kotlin, through javax.smartcardio.
import javax.smartcardio.CommandAPDU
import javax.smartcardio.TerminalFactory

fun ByteArray.hex() = joinToString(" ") { "%02X".format(it) }

fun main() {
    val select = "00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01"
        .split(" ").map { it.toInt(16).toByte() }.toByteArray()
    val card = TerminalFactory.getDefault().terminals().list().first().connect("*")
    val channel = card.basicChannel
    println(channel.transmit(CommandAPDU(select)).bytes.hex())
    val response = channel.transmit(CommandAPDU(ByteArray(4)))
    println(response.bytes.hex())
    println(String(response.data))
    card.disconnect(false)
}
