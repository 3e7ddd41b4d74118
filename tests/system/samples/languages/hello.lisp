;;; The hello card in Common Lisp, through CFFI.
(require :asdf)
(asdf:load-system :cffi)

(defpackage :hello (:use :cl :cffi))
(in-package :hello)

(define-foreign-library pcsclite (:unix "libpcsclite.so.1"))
(use-foreign-library pcsclite)

(defconstant +scope-system+ 2)
(defconstant +share-shared+ 2)
(defconstant +t0-or-t1+ 3)
(defconstant +leave-card+ 0)
(defconstant +response-bytes-max+ 258)

(defcstruct io-request (protocol :ulong) (length :ulong))

(defcfun ("SCardEstablishContext" establish-context) :long
  (scope :ulong) (first :pointer) (second :pointer) (context :pointer))
(defcfun ("SCardListReaders" list-readers) :long
  (context :long) (groups :pointer) (names :pointer) (length :pointer))
(defcfun ("SCardConnect" connect) :long
  (context :long) (reader :pointer) (share :ulong) (protocols :ulong) (card :pointer)
  (protocol :pointer))
(defcfun ("SCardTransmit" send-command) :long
  (card :long) (pci :pointer) (command :pointer) (count :ulong) (receive-pci :pointer)
  (response :pointer) (length :pointer))
(defcfun ("SCardDisconnect" disconnect) :long (card :long) (disposition :ulong))
(defcfun ("SCardReleaseContext" release-context) :long (context :long))

(defun check (call code)
  (unless (zerop code)
    (error "~a: #x~8,'0x" call (ldb (byte 32 0) code))))

(defun transmit (card protocol command)
  (with-foreign-objects ((pci '(:struct io-request))
                         (sent :uint8 (length command))
                         (response :uint8 +response-bytes-max+)
                         (length :ulong))
    (setf (foreign-slot-value pci '(:struct io-request) 'protocol) protocol
          (foreign-slot-value pci '(:struct io-request) 'length)
          (foreign-type-size '(:struct io-request))
          (mem-ref length :ulong) +response-bytes-max+)
    (loop for byte in command
          for i from 0
          do (setf (mem-aref sent :uint8 i) byte))
    (check "SCardTransmit"
           (send-command card pci sent (length command) (null-pointer) response length))
    (loop for i below (mem-ref length :ulong) collect (mem-aref response :uint8 i))))

(defun print-hex (bytes)
  (format t "~{~2,'0x~^ ~}~%" bytes))

(defun talk (card protocol)
  (print-hex (transmit card protocol '(#x00 #xA4 #x04 #x00 #x0A #xA0 #x00 #x00 #x00 #x62 #x03 #x01
                                       #x0C #x06 #x01)))
  (let ((response (transmit card protocol '(0 0 0 0))))
    (print-hex response)
    (format t "~a~%" (map 'string #'code-char (butlast response 2)))))

(with-foreign-objects ((context :long) (length :ulong) (card :long) (protocol :ulong))
  (check "SCardEstablishContext"
         (establish-context +scope-system+ (null-pointer) (null-pointer) context))
  (let ((context (mem-ref context :long)))
    (check "SCardListReaders" (list-readers context (null-pointer) (null-pointer) length))
    (with-foreign-object (names :char (mem-ref length :ulong))
      (check "SCardListReaders" (list-readers context (null-pointer) names length))
      ;; The first of the names, each ended by a NUL.
      (check "SCardConnect"
             (connect context names +share-shared+ +t0-or-t1+ card protocol)))
    (talk (mem-ref card :long) (mem-ref protocol :ulong))
    (check "SCardDisconnect" (disconnect (mem-ref card :long) +leave-card+))
    (check "SCardReleaseContext" (release-context context))))
