// The hello card in Java, through javax.smartcardio.
import java.util.StringJoiner;
import javax.smartcardio.Card;
import javax.smartcardio.CardChannel;
import javax.smartcardio.CardException;
import javax.smartcardio.CommandAPDU;
import javax.smartcardio.TerminalFactory;

public class Hello {
  private static final byte[] SELECT = {
    0x00, (byte) 0xA4, 0x04, 0x00, 0x0A, (byte) 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C,
    0x06, 0x01};

  private static String hex(byte[] bytes) {
    StringJoiner words = new StringJoiner(" ");
    for (byte b : bytes) {
      words.add(String.format("%02X", b));
    }
    return words.toString();
  }

  public static void main(String[] arguments) throws CardException {
    Card card = TerminalFactory.getDefault().terminals().list().get(0).connect("*");
    CardChannel channel = card.getBasicChannel();
    System.out.println(hex(channel.transmit(new CommandAPDU(SELECT)).getBytes()));
    var response = channel.transmit(new CommandAPDU(new byte[4]));
    System.out.println(hex(response.getBytes()));
    System.out.println(new String(response.getData()));
    card.disconnect(false);
  }
}
