--  The hello card in Ada, through PCSC/Ada.
with Ada.Text_IO;
with PCSC.SCard;
with PCSC.SCard.Utils;

procedure Hello is
   use PCSC;

   Response_Bytes_Max : constant := 258;

   Select_Hello : constant SCard.Byte_Set :=
     (16#00#, 16#A4#, 16#04#, 16#00#, 16#0A#, 16#A0#, 16#00#, 16#00#, 16#00#, 16#62#, 16#03#,
      16#01#, 16#0C#, 16#06#, 16#01#);
   Say_Hello    : constant SCard.Byte_Set := (0, 0, 0, 0);

   Context : SCard.Context;
   Card    : SCard.Card;

   procedure Put_Hex (Digit_Pairs : String) is
   begin
      for Index in 1 .. Digit_Pairs'Length / 2 loop
         Ada.Text_IO.Put ((if Index = 1 then "" else " ")
                          & Digit_Pairs (Digit_Pairs'First + 2 * Index - 2
                                         .. Digit_Pairs'First + 2 * Index - 1));
      end loop;
      Ada.Text_IO.New_Line;
   end Put_Hex;

   function Transmit (Command : SCard.Byte_Set) return SCard.Byte_Set is
      Response : SCard.Byte_Set (1 .. Response_Bytes_Max) := (others => 0);
      Length   : Natural := Response'Length;
      Pci      : SCard.IO_Request := SCard.Get_PCI (Card);
   begin
      SCard.Transmit (Card, Command, Pci, Response, Length);
      return Response (1 .. Length);
   end Transmit;

begin
   SCard.Establish_Context (Context, SCard.Scope_System);
   SCard.Connect (Context, Card, SCard.List_Readers (Context).First_Item);
   Put_Hex (SCard.Utils.To_Hex_String (Transmit (Select_Hello)));
   declare
      Response : constant SCard.Byte_Set := Transmit (Say_Hello);
   begin
      Put_Hex (SCard.Utils.To_Hex_String (Response));
      Ada.Text_IO.Put_Line (SCard.Utils.To_String (Response, Response'Length - 2));
   end;
   SCard.Disconnect (Card, SCard.Leave_Card);
   SCard.Release_Context (Context);
end Hello;
