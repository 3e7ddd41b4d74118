; The hello card in newLISP, through its import of library functions.
(define library "libpcsclite.so.1")
(dolist (name '("SCardEstablishContext" "SCardListReaders" "SCardConnect" "SCardTransmit"
                "SCardDisconnect" "SCardReleaseContext"))
  (import library name))

(constant 'LEAVE-CARD 0)
(constant 'SCOPE-SYSTEM 2)
(constant 'SHARE-SHARED 2)
(constant 'T0-OR-T1 3)
(constant 'NAMES-BYTES-MAX 4096)
(constant 'RESPONSE-BYTES-MAX 258)

(define (check call code)
  (unless (zero? (& code 0xFFFFFFFF))
    (throw-error (format "%s: 0x%08X" call (& code 0xFFFFFFFF)))))

; A number in memory, as the library stores it, and back.
(define (cell number) (pack "Lu" number))
(define (value buffer) (first (unpack "Lu" buffer)))

(define (transmit card protocol command)
  (let (response (dup "\000" RESPONSE-BYTES-MAX)
        room (cell RESPONSE-BYTES-MAX)
        pci (append (cell protocol) (cell 16)))
    (check "SCardTransmit"
           (SCardTransmit card pci command (length command) 0 response room))
    (slice response 0 (value room))))

(define (hex bytes)
  (join (map (fn (byte) (format "%02X" byte)) (unpack (dup "b" (length bytes)) bytes)) " "))

(set 'session (cell 0) 'card (cell 0) 'protocol (cell 0))
(set 'names (dup "\000" NAMES-BYTES-MAX) 'room (cell NAMES-BYTES-MAX))
(check "SCardEstablishContext" (SCardEstablishContext SCOPE-SYSTEM 0 0 session))
(check "SCardListReaders" (SCardListReaders (value session) 0 names room))
; The first of the names, each ended by a NUL.
(check "SCardConnect"
       (SCardConnect (value session) names SHARE-SHARED T0-OR-T1 card protocol))
(set 'select-hello (pack (dup "b" 15) '(0x00 0xA4 0x04 0x00 0x0A 0xA0 0x00 0x00 0x00 0x62 0x03
                                        0x01 0x0C 0x06 0x01)))
(println (hex (transmit (value card) (value protocol) select-hello)))
(set 'response (transmit (value card) (value protocol) (dup "\000" 4)))
(println (hex response))
(println (slice response 0 -2))
(check "SCardDisconnect" (SCardDisconnect (value card) LEAVE-CARD))
(check "SCardReleaseContext" (SCardReleaseContext (value session)))
(exit)
