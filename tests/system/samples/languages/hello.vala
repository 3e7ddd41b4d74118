// The hello card in Vala, through the binding pcsc.vapi.
const int RESPONSE_BYTES_MAX = 258;

void check(string call, long code) {
    if (code != 0) {
        error("%s: %s", call, Pcsc.text_of(code));
    }
}

uint8[] transmit(long card, ulong protocol, uint8[] command) {
    var pci = Pcsc.IoRequest() { protocol = protocol, length = sizeof(Pcsc.IoRequest) };
    var response = new uint8[RESPONSE_BYTES_MAX];
    ulong length = response.length;
    check("SCardTransmit", Pcsc.transmit(card, &pci, command, command.length, null, response,
                                         ref length));
    return response[0:(int) length];
}

void print_hex(uint8[] bytes) {
    string[] words = {};
    foreach (var byte in bytes) {
        words += "%02X".printf(byte);
    }
    print("%s\n", string.joinv(" ", words));
}

void main() {
    long context, card;
    ulong length = 0, protocol;
    check("SCardEstablishContext",
          Pcsc.establish_context(Pcsc.SCOPE_SYSTEM, null, null, out context));
    check("SCardListReaders", Pcsc.list_readers(context, null, null, ref length));
    var names = new char[length];
    check("SCardListReaders", Pcsc.list_readers(context, null, names, ref length));
    // The first of the names, each ended by a NUL.
    check("SCardConnect", Pcsc.connect(context, names, Pcsc.SHARE_SHARED, Pcsc.PROTOCOL_ANY,
                                       out card, out protocol));
    print_hex(transmit(card, protocol, { 0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00,
                                         0x62, 0x03, 0x01, 0x0C, 0x06, 0x01 }));
    var response = transmit(card, protocol, { 0, 0, 0, 0 });
    print_hex(response);
    print("%.*s\n", response.length - 2, (string) response);
    check("SCardDisconnect", Pcsc.disconnect(card, Pcsc.LEAVE_CARD));
    check("SCardReleaseContext", Pcsc.release_context(context));
}
