(* The hello card in OCaml, through ctypes. *)
open Ctypes
open Foreign

let scope_system = Unsigned.ULong.of_int 2
let share_shared = Unsigned.ULong.of_int 2
let t0_or_t1 = Unsigned.ULong.of_int 3
let leave_card = Unsigned.ULong.of_int 0
let response_bytes_max = 258

type io_request
let io_request : io_request structure typ = structure "scard_io_request"
let pci_protocol = field io_request "protocol" ulong
let pci_length = field io_request "length" ulong
let () = seal io_request

let library = Dl.dlopen ~filename:"libpcsclite.so.1" ~flags:[Dl.RTLD_NOW]
let pcsc name signature = foreign ~from:library name signature

let establish_context = pcsc "SCardEstablishContext"
  (ulong @-> ptr void @-> ptr void @-> ptr long @-> returning long)
let list_readers = pcsc "SCardListReaders"
  (long @-> ptr void @-> ptr char @-> ptr ulong @-> returning long)
let connect = pcsc "SCardConnect"
  (long @-> ptr char @-> ulong @-> ulong @-> ptr long @-> ptr ulong @-> returning long)
let transmit_raw = pcsc "SCardTransmit"
  (long @-> ptr io_request @-> string @-> ulong @-> ptr void @-> ptr char @-> ptr ulong
   @-> returning long)
let disconnect = pcsc "SCardDisconnect" (long @-> ulong @-> returning long)
let release_context = pcsc "SCardReleaseContext" (long @-> returning long)

let check call code =
  if code <> Signed.Long.zero then
    failwith (Printf.sprintf "%s: 0x%08X" call (Signed.Long.to_int code land 0xFFFFFFFF))

let transmit card protocol command =
  let response = allocate_n char ~count:response_bytes_max in
  let length = allocate ulong (Unsigned.ULong.of_int response_bytes_max) in
  let pci = make io_request in
  setf pci pci_protocol protocol;
  setf pci pci_length (Unsigned.ULong.of_int (sizeof io_request));
  check "SCardTransmit"
    (transmit_raw card (addr pci) command (Unsigned.ULong.of_int (String.length command)) null
       response length);
  string_from_ptr response ~length:(Unsigned.ULong.to_int !@length)

let hex bytes =
  String.to_seq bytes
  |> Seq.map (fun c -> Printf.sprintf "%02X" (Char.code c))
  |> List.of_seq |> String.concat " "

let () =
  let context = allocate long Signed.Long.zero and card = allocate long Signed.Long.zero in
  let length = allocate ulong Unsigned.ULong.zero in
  let protocol = allocate ulong Unsigned.ULong.zero in
  check "SCardEstablishContext" (establish_context scope_system null null context);
  check "SCardListReaders" (list_readers !@context null (from_voidp char null) length);
  let names = allocate_n char ~count:(Unsigned.ULong.to_int !@length) in
  check "SCardListReaders" (list_readers !@context null names length);
  (* The first of the names, each ended by a NUL. *)
  check "SCardConnect" (connect !@context names share_shared t0_or_t1 card protocol);
  print_endline
    (hex (transmit !@card !@protocol
            "\x00\xA4\x04\x00\x0A\xA0\x00\x00\x00\x62\x03\x01\x0C\x06\x01"));
  let response = transmit !@card !@protocol "\x00\x00\x00\x00" in
  print_endline (hex response);
  print_endline (String.sub response 0 (String.length response - 2));
  check "SCardDisconnect" (disconnect !@card leave_card);
  check "SCardReleaseContext" (release_context !@context)
