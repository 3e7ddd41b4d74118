#lang racket/base
;; The hello card in Racket, through ffi/unsafe.
(require ffi/unsafe racket/string)

(define pcsc (ffi-lib "libpcsclite.so.1" #f))
(define-syntax-rule (define-pcsc name c-name type ...)
  (define name
    (let ([function (get-ffi-obj c-name pcsc (_fun type ... -> _long))])
      (lambda arguments
        (define code (apply function arguments))
        (unless (zero? code)
          (error c-name (number->string (bitwise-and code #xFFFFFFFF) 16)))))))

(define-pcsc establish-context 'SCardEstablishContext _ulong _pointer _pointer _pointer)
(define-pcsc list-readers 'SCardListReaders _long _pointer _pointer _pointer)
(define-pcsc connect 'SCardConnect _long _pointer _ulong _ulong _pointer _pointer)
(define-pcsc send-command 'SCardTransmit
  _long _pointer _bytes _ulong _pointer _pointer _pointer)
(define-pcsc disconnect 'SCardDisconnect _long _ulong)
(define-pcsc release-context 'SCardReleaseContext _long)

(define leave-card 0)
(define scope-system 2)
(define share-shared 2)
(define t0-or-t1 3)
(define names-bytes-max 4096)
(define response-bytes-max 258)

;; Numbers in memory, as the library stores them.
(define (cell . numbers)
  (define place (malloc _ulong (length numbers) 'raw))
  (for ([number numbers] [i (in-naturals)])
    (ptr-set! place _ulong i number))
  place)
(define (value place) (ptr-ref place _ulong))

(define (transmit card protocol . command)
  (define response (malloc response-bytes-max 'raw))
  (define size (cell response-bytes-max))
  (send-command card (cell protocol 16) (apply bytes command) (length command) #f response size)
  (apply bytes (for/list ([i (value size)]) (ptr-ref response _uint8 i))))

(define (hex bytes)
  (string-join (for/list ([byte bytes])
                 (string-upcase (string-append (if (< byte 16) "0" "") (number->string byte 16))))))

(define context (cell 0))
(define card (cell 0))
(define protocol (cell 0))
(define names (malloc names-bytes-max 'raw))
(establish-context scope-system #f #f context)
(list-readers (value context) #f names (cell names-bytes-max))
;; The first of the names, each ended by a NUL.
(connect (value context) names share-shared t0-or-t1 card protocol)
(displayln (hex (transmit (value card) (value protocol) #x00 #xA4 #x04 #x00 #x0A #xA0 #x00 #x00
                          #x00 #x62 #x03 #x01 #x0C #x06 #x01)))
(let ([response (transmit (value card) (value protocol) 0 0 0 0)])
  (displayln (hex response))
  (displayln (subbytes response 0 (- (bytes-length response) 2))))
(disconnect (value card) leave-card)
(release-context (value context))
