;;; The hello card in CHICKEN Scheme, compiled, through the C interface.
(import scheme (chicken base) (chicken blob) (chicken foreign) (chicken format) (chicken memory)
        (chicken string) srfi-4)

(foreign-declare "#include <winscard.h>")

(define establish-context
  (foreign-lambda long "SCardEstablishContext" unsigned-long c-pointer c-pointer s64vector))
(define list-readers
  (foreign-lambda long "SCardListReaders" long c-pointer u8vector u64vector))
(define connect
  (foreign-lambda long "SCardConnect" long u8vector unsigned-long unsigned-long s64vector
                  u64vector))
(define send-command
  (foreign-lambda* long ((long card) (unsigned-long protocol) (u8vector command)
                         (unsigned-long count) (u8vector response) (u64vector length))
    "C_return(SCardTransmit(card, protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,"
    "command, count, NULL, response, length));"))
(define disconnect (foreign-lambda long "SCardDisconnect" long unsigned-long))
(define release-context (foreign-lambda long "SCardReleaseContext" long))
(define stringify-error (foreign-lambda c-string "pcsc_stringify_error" long))

(define leave-card (foreign-value "SCARD_LEAVE_CARD" unsigned-long))
(define protocol-any (foreign-value "SCARD_PROTOCOL_ANY" unsigned-long))
(define scope-system (foreign-value "SCARD_SCOPE_SYSTEM" unsigned-long))
(define share-shared (foreign-value "SCARD_SHARE_SHARED" unsigned-long))
(define names-bytes-max 4096)
(define response-bytes-max 258)

(define (check call code)
  (unless (zero? code)
    (error call (stringify-error code))))

(define (transmit card protocol command)
  (let ((response (make-u8vector response-bytes-max))
        (length (u64vector response-bytes-max)))
    (check "SCardTransmit"
           (send-command card protocol command (u8vector-length command) response length))
    (subu8vector response 0 (u64vector-ref length 0))))

(define (hex-of-byte byte)
  (string-append (if (< byte 16) "0" "") (number->string byte 16)))

(define (print-hex bytes)
  (print (string-translate (string-intersperse (map hex-of-byte (u8vector->list bytes)))
                           "abcdef" "ABCDEF")))

(let ((context (s64vector 0)) (card (s64vector 0)) (protocol (u64vector 0))
      (names (make-u8vector names-bytes-max)))
  (check "SCardEstablishContext" (establish-context scope-system #f #f context))
  (check "SCardListReaders"
         (list-readers (s64vector-ref context 0) #f names (u64vector names-bytes-max)))
  ;; The first of the names, each ended by a NUL.
  (check "SCardConnect"
         (connect (s64vector-ref context 0) names share-shared protocol-any card protocol))
  (let ((send (lambda (command)
                (transmit (s64vector-ref card 0) (u64vector-ref protocol 0) command))))
    (print-hex (send (u8vector #x00 #xA4 #x04 #x00 #x0A #xA0 #x00 #x00 #x00 #x62 #x03 #x01 #x0C
                               #x06 #x01)))
    (let ((response (send (u8vector 0 0 0 0))))
      (print-hex response)
      (print (list->string (map integer->char
                                (u8vector->list
                                 (subu8vector response 0 (- (u8vector-length response) 2))))))))
  (check "SCardDisconnect" (disconnect (s64vector-ref card 0) leave-card))
  (check "SCardReleaseContext" (release-context (s64vector-ref context 0))))
