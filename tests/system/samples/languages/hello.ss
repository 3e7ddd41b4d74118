;;; The hello card in Chez Scheme, through its foreign interface.
(load-shared-object "libpcsclite.so.1")

(define establish-context
  (foreign-procedure "SCardEstablishContext" (unsigned-long void* void* u8*) long))
(define list-readers (foreign-procedure "SCardListReaders" (long void* u8* u8*) long))
(define connect
  (foreign-procedure "SCardConnect" (long u8* unsigned-long unsigned-long u8* u8*) long))
(define send-command
  (foreign-procedure "SCardTransmit" (long u8* u8* unsigned-long void* u8* u8*) long))
(define disconnect (foreign-procedure "SCardDisconnect" (long unsigned-long) long))
(define release-context (foreign-procedure "SCardReleaseContext" (long) long))

(define leave-card 0)
(define scope-system 2)
(define share-shared 2)
(define t0-or-t1 3)
(define pci-bytes 16)
(define names-bytes-max 4096)
(define response-bytes-max 258)

(define (check call code)
  (unless (zero? code)
    (error call "failed" (number->string (logand code #xFFFFFFFF) 16))))

;; A number in memory, as the library stores it.
(define (cell . numbers) (uint-list->bytevector numbers (native-endianness) 8))
(define (value bytes) (bytevector-u64-native-ref bytes 0))

(define (first-bytes bytes count)
  (let ((part (make-bytevector count)))
    (bytevector-copy! bytes 0 part 0 count)
    part))

(define (transmit card protocol command)
  (let ((response (make-bytevector response-bytes-max))
        (length (cell response-bytes-max)))
    (check 'SCardTransmit
           (send-command card (cell protocol pci-bytes) command (bytevector-length command) 0
                         response length))
    (first-bytes response (value length))))

(define (print-hex bytes)
  (printf "~{~a~^ ~}\n"
          (map (lambda (byte) (format "~2,'0X" byte)) (bytevector->u8-list bytes))))

(let ((context (cell 0)) (card (cell 0)) (protocol (cell 0))
      (names (make-bytevector names-bytes-max)) (length (cell names-bytes-max)))
  (check 'SCardEstablishContext (establish-context scope-system 0 0 context))
  (check 'SCardListReaders (list-readers (value context) 0 names length))
  ;; The first of the names, each ended by a NUL.
  (check 'SCardConnect
         (connect (value context) names share-shared t0-or-t1 card protocol))
  (print-hex (transmit (value card) (value protocol)
                       #vu8(#x00 #xA4 #x04 #x00 #x0A #xA0 #x00 #x00 #x00 #x62 #x03 #x01 #x0C #x06
                            #x01)))
  (let ((response (transmit (value card) (value protocol) #vu8(0 0 0 0))))
    (print-hex response)
    (printf "~a\n" (utf8->string (first-bytes response (- (bytevector-length response) 2)))))
  (check 'SCardDisconnect (disconnect (value card) leave-card))
  (check 'SCardReleaseContext (release-context (value context))))
