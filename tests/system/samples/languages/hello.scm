;;; The hello card in Guile, through its foreign function interface.
(use-modules (ice-9 format) (rnrs bytevectors) (system foreign) (system foreign-library))

(define library (load-foreign-library "libpcsclite.so.1" #:search-path '()))
(define (pcsc name . types)
  (foreign-library-function library name #:return-type long #:arg-types types))

(define establish-context (pcsc "SCardEstablishContext" unsigned-long '* '* '*))
(define list-readers (pcsc "SCardListReaders" long '* '* '*))
(define connect (pcsc "SCardConnect" long '* unsigned-long unsigned-long '* '*))
(define send-command (pcsc "SCardTransmit" long '* '* unsigned-long '* '* '*))
(define disconnect (pcsc "SCardDisconnect" long unsigned-long))
(define release-context (pcsc "SCardReleaseContext" long))

(define leave-card 0)
(define scope-system 2)
(define share-shared 2)
(define t0-or-t1 3)
(define names-bytes-max 4096)
(define response-bytes-max 258)

(define (check call code)
  (unless (zero? code)
    (error call (number->string (logand code #xFFFFFFFF) 16))))

;; A number in memory, as the library stores it.
(define (cell . numbers) (uint-list->bytevector numbers (native-endianness) 8))
(define (value bytes) (bytevector-u64-native-ref bytes 0))
(define (first-bytes bytes count)
  (u8-list->bytevector (list-head (bytevector->u8-list bytes) count)))

(define (transmit card protocol command)
  (let ((response (make-bytevector response-bytes-max))
        (length (cell response-bytes-max))
        (pci (cell protocol 16)))
    (check "SCardTransmit"
           (send-command card (bytevector->pointer pci) (bytevector->pointer command)
                         (bytevector-length command) %null-pointer
                         (bytevector->pointer response) (bytevector->pointer length)))
    (first-bytes response (value length))))

(define (print-hex bytes)
  (display (string-upcase (format #f "~{~2,'0x~^ ~}\n" (bytevector->u8-list bytes)))))

(let ((context (cell 0)) (card (cell 0)) (protocol (cell 0))
      (names (make-bytevector names-bytes-max)) (length (cell names-bytes-max)))
  (check "SCardEstablishContext"
         (establish-context scope-system %null-pointer %null-pointer
                            (bytevector->pointer context)))
  (check "SCardListReaders"
         (list-readers (value context) %null-pointer (bytevector->pointer names)
                       (bytevector->pointer length)))
  ;; The first of the names, each ended by a NUL.
  (check "SCardConnect"
         (connect (value context) (bytevector->pointer names) share-shared t0-or-t1
                  (bytevector->pointer card) (bytevector->pointer protocol)))
  (print-hex (transmit (value card) (value protocol)
                       #vu8(#x00 #xA4 #x04 #x00 #x0A #xA0 #x00 #x00 #x00 #x62 #x03 #x01 #x0C #x06
                            #x01)))
  (let ((response (transmit (value card) (value protocol) #vu8(0 0 0 0))))
    (print-hex response)
    (format #t "~a\n" (utf8->string (first-bytes response (- (bytevector-length response) 2)))))
  (check "SCardDisconnect" (disconnect (value card) leave-card))
  (check "SCardReleaseContext" (release-context (value context))))
