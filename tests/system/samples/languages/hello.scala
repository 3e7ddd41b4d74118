// The hello card in Scala, through javax.smartcardio.
import javax.smartcardio.{CommandAPDU, TerminalFactory}

object Hello {
  private val select = "00 A4 04 00 0A A0 00 00 00 62 03 01 0C 06 01"
    .split(' ')
    .map(Integer.parseInt(_, 16).toByte)

  private def hex(bytes: Array[Byte]): String = bytes.map("%02X".format(_)).mkString(" ")

  def main(arguments: Array[String]): Unit = {
    val card = TerminalFactory.getDefault.terminals.list.get(0).connect("*")
    val channel = card.getBasicChannel
    println(hex(channel.transmit(new CommandAPDU(select)).getBytes))
    val response = channel.transmit(new CommandAPDU(new Array[Byte](4)))
    println(hex(response.getBytes))
    println(new String(response.getData))
    card.disconnect(false)
  }
}
