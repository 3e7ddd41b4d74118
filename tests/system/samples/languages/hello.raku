# The hello card in Raku, through NativeCall.
use NativeCall;

constant LIBRARY = 'libpcsclite.so.1';
constant LEAVE-CARD = 0;
constant SCOPE-SYSTEM = 2;
constant SHARE-SHARED = 2;
constant T0-OR-T1 = 3;
constant RESPONSE-BYTES-MAX = 258;

class IoRequest is repr('CStruct') {
    has ulong $.protocol;
    has ulong $.length;
}

sub SCardEstablishContext(ulong, Pointer, Pointer, long is rw --> long) is native(LIBRARY) { * }
sub SCardListReaders(long, Pointer, Blob, ulong is rw --> long) is native(LIBRARY) { * }
sub SCardConnect(long, Blob, ulong, ulong, long is rw, ulong is rw --> long)
    is native(LIBRARY) { * }
sub SCardTransmit(long, IoRequest, Blob, ulong, Pointer, Blob, ulong is rw --> long)
    is native(LIBRARY) { * }
sub SCardDisconnect(long, ulong --> long) is native(LIBRARY) { * }
sub SCardReleaseContext(long --> long) is native(LIBRARY) { * }

sub check($call, $code) {
    die sprintf('%s: 0x%08X', $call, $code +& 0xFFFFFFFF) if $code;
}

sub transmit($card, $protocol, *@command) {
    my $pci = IoRequest.new(:$protocol, length => nativesizeof(IoRequest));
    my $command = Blob[uint8].new(@command);
    my $response = buf8.allocate(RESPONSE-BYTES-MAX);
    my ulong $length = RESPONSE-BYTES-MAX;
    check 'SCardTransmit', SCardTransmit($card, $pci, $command, $command.elems, Pointer,
                                         $response, $length);
    $response.subbuf(0, $length);
}

sub hex($bytes) { $bytes.list.fmt('%02X', ' ') }

my long $context = 0;
my long $card = 0;
my ulong $length = 0;
my ulong $protocol = 0;
check 'SCardEstablishContext', SCardEstablishContext(SCOPE-SYSTEM, Pointer, Pointer, $context);
check 'SCardListReaders', SCardListReaders($context, Pointer, Blob, $length);
my $names = buf8.allocate($length);
check 'SCardListReaders', SCardListReaders($context, Pointer, $names, $length);
# The first of the names, each ended by a NUL.
check 'SCardConnect', SCardConnect($context, $names, SHARE-SHARED, T0-OR-T1, $card, $protocol);

say hex transmit($card, $protocol, 0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62,
                 0x03, 0x01, 0x0C, 0x06, 0x01);
my $response = transmit($card, $protocol, 0, 0, 0, 0);
say hex $response;
say $response.subbuf(0, $response.elems - 2).decode('ascii');
check 'SCardDisconnect', SCardDisconnect($card, LEAVE-CARD);
check 'SCardReleaseContext', SCardReleaseContext($context);
