// The hello card in D, through the C interface.
import core.stdc.config : c_long, c_ulong;
import std.exception : enforce;
import std.format : format;
import std.stdio : writefln, writeln;

struct IoRequest
{
    c_ulong protocol, length;
}

extern (C) @nogc nothrow
{
    c_long SCardEstablishContext(c_ulong scope_, const void* first, const void* second,
                                 c_long* context);
    c_long SCardListReaders(c_long context, const char* groups, char* names, c_ulong* length);
    c_long SCardConnect(c_long context, const char* reader, c_ulong share, c_ulong protocols,
                        c_long* card, c_ulong* protocol);
    c_long SCardTransmit(c_long card, const IoRequest* pci, const ubyte* command, c_ulong count,
                         void* receivePci, ubyte* response, c_ulong* length);
    c_long SCardDisconnect(c_long card, c_ulong disposition);
    c_long SCardReleaseContext(c_long context);
}

enum c_ulong leaveCard = 0, scopeSystem = 2, shareShared = 2, t0OrT1 = 3;
enum responseBytesMax = 258;

void check(string call, c_long code)
{
    enforce(code == 0, format("%s: 0x%08X", call, cast(uint) code));
}

ubyte[] transmit(c_long card, c_ulong protocol, const ubyte[] command)
{
    const pci = IoRequest(protocol, IoRequest.sizeof);
    auto response = new ubyte[responseBytesMax];
    c_ulong length = response.length;
    check("SCardTransmit", SCardTransmit(card, &pci, command.ptr, command.length, null,
                                         response.ptr, &length));
    return response[0 .. length];
}

void main()
{
    c_long context, card;
    c_ulong length, protocol;
    check("SCardEstablishContext", SCardEstablishContext(scopeSystem, null, null, &context));
    scope (exit) SCardReleaseContext(context);

    check("SCardListReaders", SCardListReaders(context, null, null, &length));
    auto names = new char[length];
    check("SCardListReaders", SCardListReaders(context, null, names.ptr, &length));

    // The first of the names, each ended by a NUL.
    check("SCardConnect", SCardConnect(context, names.ptr, shareShared, t0OrT1, &card, &protocol));
    scope (exit) SCardDisconnect(card, leaveCard);

    writefln("%(%02X %)", transmit(card, protocol, [0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                                    0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01]));
    const response = transmit(card, protocol, [0, 0, 0, 0]);
    writefln("%(%02X %)", response);
    writeln(cast(const char[]) response[0 .. $ - 2]);
}
