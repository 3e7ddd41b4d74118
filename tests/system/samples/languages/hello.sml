(* The hello card in Standard ML (Poly/ML), through its Foreign structure. *)
open Foreign

val pcsc = loadLibrary "libpcsclite.so.1"
fun symbol name = getSymbol pcsc name

val leaveCard = 0
val scopeSystem = 2
val shareShared = 2
val t0OrT1 = 3
val namesBytesMax = 0w4096
val responseBytesMax = 0w258

val establishContext = buildCall4 (symbol "SCardEstablishContext",
  (cUlong, cPointer, cPointer, cStar cLong), cLong)
val listReaders = buildCall4 (symbol "SCardListReaders",
  (cLong, cPointer, cPointer, cStar cUlong), cLong)
val connect = buildCall6 (symbol "SCardConnect",
  (cLong, cPointer, cUlong, cUlong, cStar cLong, cStar cUlong), cLong)
val sendCommand = buildCall7 (symbol "SCardTransmit",
  (cLong, cPointer, cPointer, cUlong, cPointer, cPointer, cStar cUlong), cLong)
val disconnect = buildCall2 (symbol "SCardDisconnect", (cLong, cUlong), cLong)
val releaseContext = buildCall1 (symbol "SCardReleaseContext", cLong, cLong)

fun check name code =
  if code = 0 then () else raise Fail (name ^ ": " ^ Int.toString code)

fun memoryOf bytes =
  let
    val memory = Memory.malloc (Word.fromInt (length bytes))
    fun store (byte, index) = (Memory.set8 (memory, index, byte); index + 0w1)
  in
    foldl store 0w0 bytes;
    memory
  end

fun transmit card protocol command =
  let
    val pci = Memory.malloc 0w16
    val response = Memory.malloc responseBytesMax
    val size = ref (Word.toInt responseBytesMax)
  in
    Memory.set64 (pci, 0w0, SysWord.fromInt protocol);
    Memory.set64 (pci, 0w1, 0w16);
    check "SCardTransmit" (sendCommand (card, pci, memoryOf command, length command, Memory.null,
                                        response, size));
    List.tabulate (!size, fn index => Memory.get8 (response, Word.fromInt index))
  end

fun hex bytes =
  String.concatWith " " (map (StringCvt.padLeft #"0" 2 o Word8.toString) bytes)

fun text bytes = implode (map (chr o Word8.toInt) bytes)

val context = ref 0
val card = ref 0
val protocol = ref 0
val names = Memory.malloc namesBytesMax
val () = check "SCardEstablishContext"
  (establishContext (scopeSystem, Memory.null, Memory.null, context))
val () = check "SCardListReaders"
  (listReaders (!context, Memory.null, names, ref (Word.toInt namesBytesMax)))
(* The first of the names, each ended by a NUL. *)
val () = check "SCardConnect" (connect (!context, names, shareShared, t0OrT1, card, protocol))
val () = print (hex (transmit (!card) (!protocol)
  [0wx00, 0wxA4, 0wx04, 0wx00, 0wx0A, 0wxA0, 0wx00, 0wx00, 0wx00, 0wx62, 0wx03, 0wx01, 0wx0C,
   0wx06, 0wx01]) ^ "\n")
val response = transmit (!card) (!protocol) [0w0, 0w0, 0w0, 0w0]
val () = print (hex response ^ "\n")
val () = print (text (List.take (response, length response - 2)) ^ "\n")
val () = check "SCardDisconnect" (disconnect (!card, leaveCard))
val () = check "SCardReleaseContext" (releaseContext (!context))
