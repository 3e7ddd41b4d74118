\ The hello card in Forth (Gforth), through its C interface.
c-library pcsc
s" pcsclite" add-lib
\c #include <winscard.h>
c-function establish-context SCardEstablishContext n a a a -- n
c-function list-readers SCardListReaders n a a a -- n
c-function connect SCardConnect n a n n a a -- n
c-function send-command SCardTransmit n a a n a a a -- n
c-function disconnect SCardDisconnect n n -- n
c-function release-context SCardReleaseContext n -- n
end-c-library

0 constant leave-card
2 constant scope-system
2 constant share-shared
3 constant t0-or-t1
4096 constant names-bytes-max
258 constant response-bytes-max

variable context
variable card
variable room
\ SCARD_IO_REQUEST: the protocol and the length of itself.
create pci 0 , 16 ,
create names names-bytes-max allot
create response response-bytes-max allot

hex
create select-hello 00 c, A4 c, 04 c, 00 c, 0A c, A0 c, 00 c, 00 c, 00 c, 62 c, 03 c, 01 c, 0C c,
  06 c, 01 c,
create say-hello 00 c, 00 c, 00 c, 00 c,
decimal

: check ( code -- ) abort" a PC/SC call failed" ;

: transmit ( command count -- response count )
  response-bytes-max room !
  card @ pci 2swap 0 response room send-command check
  response room @ ;

: .byte ( byte -- ) base @ hex swap 0 <# # # #> type base ! ;
: .hex ( bytes count -- )
  0 ?do i if space then dup i + c@ .byte loop drop cr ;

: hello ( -- )
  scope-system 0 0 context establish-context check
  names-bytes-max room !
  context @ 0 names room list-readers check
  \ The first of the names, each ended by a NUL.
  context @ names share-shared t0-or-t1 card pci connect check
  select-hello 15 transmit .hex
  say-hello 4 transmit 2dup .hex
  2 - type cr
  card @ leave-card disconnect check
  context @ release-context check ;

hello bye
