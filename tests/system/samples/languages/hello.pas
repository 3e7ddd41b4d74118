{ The hello card in Free Pascal, through the C interface. }
program Hello;

{$mode objfpc}{$H+}
{$linklib pcsclite}

uses
  ctypes, SysUtils;

const
  ScopeSystem = 2;
  ShareShared = 2;
  T0OrT1 = 3;
  LeaveCard = 0;
  ResponseBytesMax = 258;

type
  TIoRequest = record
    Protocol, Length: culong;
  end;

function SCardEstablishContext(Scope: culong; First, Second: Pointer; out Context: clong): clong;
  cdecl; external;
function SCardListReaders(Context: clong; Groups, Names: PChar; var Length: culong): clong;
  cdecl; external;
function SCardConnect(Context: clong; Reader: PChar; Share, Protocols: culong; out Card: clong;
  out Protocol: culong): clong; cdecl; external;
function SCardTransmit(Card: clong; constref Pci: TIoRequest; Command: PChar; Count: culong;
  ReceivePci: Pointer; Response: PChar; var Length: culong): clong; cdecl; external;
function SCardDisconnect(Card: clong; Disposition: culong): clong; cdecl; external;
function SCardReleaseContext(Context: clong): clong; cdecl; external;

procedure Check(const Call: string; Code: clong);
begin
  if Code <> 0 then
    raise Exception.CreateFmt('%s: %.8x', [Call, Code and $FFFFFFFF]);
end;

function Transmit(Card: clong; Protocol: culong; const Command: string): string;
var
  Pci: TIoRequest;
  Count: culong = ResponseBytesMax;
begin
  Pci.Protocol := Protocol;
  Pci.Length := SizeOf(Pci);
  SetLength(Result, ResponseBytesMax);
  Check('SCardTransmit', SCardTransmit(Card, Pci, PChar(Command), Length(Command), nil,
    PChar(Result), Count));
  SetLength(Result, Count);
end;

function Hex(const Bytes: string): string;
var
  C: Char;
begin
  Result := '';
  for C in Bytes do
    Result := Result + IntToHex(Ord(C), 2) + ' ';
  Result := TrimRight(Result);
end;

var
  Context, Card: clong;
  Count: culong = 0;
  Protocol: culong;
  Names, Response: string;
begin
  Check('SCardEstablishContext', SCardEstablishContext(ScopeSystem, nil, nil, Context));
  Check('SCardListReaders', SCardListReaders(Context, nil, nil, Count));
  SetLength(Names, Count);
  Check('SCardListReaders', SCardListReaders(Context, nil, PChar(Names), Count));
  { The first of the names, each ended by a NUL. }
  Check('SCardConnect', SCardConnect(Context, PChar(Names), ShareShared, T0OrT1, Card, Protocol));
  WriteLn(Hex(Transmit(Card, Protocol,
    #$00#$A4#$04#$00#$0A#$A0#$00#$00#$00#$62#$03#$01#$0C#$06#$01)));
  Response := Transmit(Card, Protocol, #0#0#0#0);
  WriteLn(Hex(Response));
  WriteLn(Copy(Response, 1, Length(Response) - 2));
  Check('SCardDisconnect', SCardDisconnect(Card, LeaveCard));
  Check('SCardReleaseContext', SCardReleaseContext(Context));
end.
