// The hello card in C#, through P/Invoke.
using System;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;

public static class Hello
{
    const string Library = "libpcsclite.so.1";
    const int ResponseBytesMax = 258;
    const int LeaveCard = 0, ScopeSystem = 2, ShareShared = 2, T0OrT1 = 3;

    [StructLayout(LayoutKind.Sequential)]
    struct IoRequest
    {
        public UIntPtr Protocol;
        public UIntPtr Length;
    }

    [DllImport(Library)]
    static extern IntPtr SCardEstablishContext(UIntPtr scope, IntPtr first, IntPtr second,
                                               out IntPtr context);
    [DllImport(Library)]
    static extern IntPtr SCardListReaders(IntPtr context, IntPtr groups, byte[] names,
                                          ref UIntPtr length);
    [DllImport(Library)]
    static extern IntPtr SCardConnect(IntPtr context, string reader, UIntPtr share,
                                      UIntPtr protocols, out IntPtr card, out UIntPtr protocol);
    [DllImport(Library)]
    static extern IntPtr SCardTransmit(IntPtr card, ref IoRequest pci, byte[] command,
                                       UIntPtr count, IntPtr receivePci, byte[] response,
                                       ref UIntPtr length);
    [DllImport(Library)]
    static extern IntPtr SCardDisconnect(IntPtr card, UIntPtr disposition);
    [DllImport(Library)]
    static extern IntPtr SCardReleaseContext(IntPtr context);

    static void Check(string call, IntPtr code)
    {
        if (code != IntPtr.Zero)
            throw new Exception(String.Format("{0}: 0x{1:X8}", call, (uint)code.ToInt64()));
    }

    static string FirstReader(IntPtr context)
    {
        var length = UIntPtr.Zero;
        Check("SCardListReaders", SCardListReaders(context, IntPtr.Zero, null, ref length));
        var names = new byte[(int)length];
        Check("SCardListReaders", SCardListReaders(context, IntPtr.Zero, names, ref length));
        return Encoding.UTF8.GetString(names).Split('\0')[0];
    }

    static byte[] Transmit(IntPtr card, UIntPtr protocol, byte[] command)
    {
        var pci = new IoRequest { Protocol = protocol,
                                  Length = (UIntPtr)Marshal.SizeOf(typeof(IoRequest)) };
        var response = new byte[ResponseBytesMax];
        var length = (UIntPtr)response.Length;
        Check("SCardTransmit", SCardTransmit(card, ref pci, command, (UIntPtr)command.Length,
                                             IntPtr.Zero, response, ref length));
        return response.Take((int)length).ToArray();
    }

    static string Hex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace('-', ' ');
    }

    public static void Main()
    {
        IntPtr context, card;
        UIntPtr protocol;
        Check("SCardEstablishContext", SCardEstablishContext((UIntPtr)ScopeSystem, IntPtr.Zero,
                                                             IntPtr.Zero, out context));
        Check("SCardConnect", SCardConnect(context, FirstReader(context), (UIntPtr)ShareShared,
                                           (UIntPtr)T0OrT1, out card, out protocol));
        Console.WriteLine(Hex(Transmit(card, protocol, new byte[] {
            0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01, 0x0C, 0x06,
            0x01 })));
        var response = Transmit(card, protocol, new byte[4]);
        Console.WriteLine(Hex(response));
        Console.WriteLine(Encoding.ASCII.GetString(response, 0, response.Length - 2));
        Check("SCardDisconnect", SCardDisconnect(card, (UIntPtr)LeaveCard));
        Check("SCardReleaseContext", SCardReleaseContext(context));
    }
}
