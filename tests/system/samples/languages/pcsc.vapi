// What the Vala sample uses of the C interface.
[CCode (cheader_filename = "winscard.h")]
namespace Pcsc {
    [CCode (cname = "SCARD_IO_REQUEST", has_type_id = false)]
    public struct IoRequest {
        [CCode (cname = "dwProtocol")]
        public ulong protocol;
        [CCode (cname = "cbPciLength")]
        public ulong length;
    }

    [CCode (cname = "SCARD_LEAVE_CARD")]
    public const ulong LEAVE_CARD;
    [CCode (cname = "SCARD_PROTOCOL_ANY")]
    public const ulong PROTOCOL_ANY;
    [CCode (cname = "SCARD_SCOPE_SYSTEM")]
    public const ulong SCOPE_SYSTEM;
    [CCode (cname = "SCARD_SHARE_SHARED")]
    public const ulong SHARE_SHARED;

    [CCode (cname = "pcsc_stringify_error")]
    public unowned string text_of(long code);
    [CCode (cname = "SCardEstablishContext")]
    public long establish_context(ulong scope, void* first, void* second,
                                         out long context);
    [CCode (cname = "SCardListReaders")]
    public long list_readers(long context, void* groups, char* names, ref ulong length);
    [CCode (cname = "SCardConnect")]
    public long connect(long context, char* reader, ulong share, ulong protocols,
                               out long card, out ulong protocol);
    [CCode (cname = "SCardTransmit")]
    public long transmit(long card, IoRequest* pci, uint8* command, ulong count,
                                void* receive_pci, uint8* response, ref ulong length);
    [CCode (cname = "SCardDisconnect")]
    public long disconnect(long card, ulong disposition);
    [CCode (cname = "SCardReleaseContext")]
    public long release_context(long context);
}
