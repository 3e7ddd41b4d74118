      *> The hello card in COBOL, through calls of the C interface.
       identification division.
       program-id. hello.

       data division.
       working-storage section.
       01 no-pointer     usage pointer value null.
       01 leave-card     usage binary-double unsigned value 0.
       01 scope-system   usage binary-double unsigned value 2.
       01 share-shared   usage binary-double unsigned value 2.
       01 t0-or-t1       usage binary-double unsigned value 3.
       01 context        usage binary-double.
       01 card           usage binary-double.
       01 code-returned  usage binary-double.
       01 names          pic x(4096).
       01 names-length   usage binary-double unsigned value 4096.
      *> SCARD_IO_REQUEST; what the library calls the active protocol is its first part.
       01 pci.
          05 protocol    usage binary-double unsigned.
          05 pci-length  usage binary-double unsigned value 16.
       01 select-hello   pic x(15)
          value x"00A404000AA00000006203010C0601".
       01 say-hello      pic x(4) value x"00000000".
       01 sent-length    usage binary-double unsigned.
       01 response       pic x(258).
       01 received       usage binary-double unsigned.
       01 at-byte        usage binary-long unsigned.
       01 byte-value     usage binary-long unsigned.
       01 high-digit     usage binary-long unsigned.
       01 low-digit      usage binary-long unsigned.
       01 digits         pic x(16) value "0123456789ABCDEF".

       procedure division.
           call "SCardEstablishContext" using by value scope-system
               by value no-pointer by value no-pointer by reference context
               returning code-returned
           perform check-code
           call "SCardListReaders" using by value context
               by value no-pointer by reference names by reference names-length
               returning code-returned
           perform check-code
      *> The first of the names, each ended by a NUL.
           call "SCardConnect" using by value context by reference names
               by value share-shared by value t0-or-t1
               by reference card by reference protocol
               returning code-returned
           perform check-code

           move 15 to sent-length
           move 258 to received
           call "SCardTransmit" using by value card by reference pci
               by reference select-hello by value sent-length
               by value no-pointer by reference response by reference received
               returning code-returned
           perform check-code
           perform show-response
           move 4 to sent-length
           move 258 to received
           call "SCardTransmit" using by value card by reference pci
               by reference say-hello by value sent-length
               by value no-pointer by reference response by reference received
               returning code-returned
           perform check-code
           perform show-response
           subtract 2 from received
           display response(1:received)

           call "SCardDisconnect" using by value card by value leave-card
               returning code-returned
           perform check-code
           call "SCardReleaseContext" using by value context
               returning code-returned
           perform check-code
           stop run.

       check-code.
           if code-returned not = 0
               display "a PC/SC call failed: " code-returned
               stop run returning 1
           end-if.

       show-response.
           perform varying at-byte from 1 by 1 until at-byte > received
               compute byte-value = function ord(response(at-byte:1)) - 1
               divide byte-value by 16 giving high-digit remainder low-digit
               if at-byte > 1
                   display " " with no advancing
               end-if
               display digits(high-digit + 1:1) digits(low-digit + 1:1)
                   with no advancing
           end-perform
           display x"0A" with no advancing.
