// The hello card in Go, through cgo.
package main

// #include <stdlib.h>
// #include <winscard.h>
import "C"

import (
	"fmt"
	"log"
	"unsafe"
)

const responseBytesMax = 258

func check(call string, rv C.LONG) {
	if rv != C.SCARD_S_SUCCESS {
		log.Fatalf("%s: %s", call, C.GoString(C.pcsc_stringify_error(rv)))
	}
}

func transmit(card C.SCARDHANDLE, protocol C.DWORD, command []byte) []byte {
	response := make([]byte, responseBytesMax)
	length := C.DWORD(len(response))
	pci := C.SCARD_IO_REQUEST{dwProtocol: protocol}
	pci.cbPciLength = C.ulong(unsafe.Sizeof(pci))
	check("SCardTransmit", C.SCardTransmit(card, &pci, (*C.BYTE)(&command[0]),
		C.DWORD(len(command)), nil, (*C.BYTE)(&response[0]), &length))
	return response[:length]
}

func main() {
	var context C.SCARDCONTEXT
	check("SCardEstablishContext",
		C.SCardEstablishContext(C.SCARD_SCOPE_SYSTEM, nil, nil, &context))
	defer C.SCardReleaseContext(context)

	var length C.DWORD
	check("SCardListReaders", C.SCardListReaders(context, nil, nil, &length))
	names := (*C.char)(C.malloc(C.size_t(length)))
	defer C.free(unsafe.Pointer(names))
	check("SCardListReaders", C.SCardListReaders(context, nil, names, &length))

	// The first of the names, each ended by a NUL.
	var card C.SCARDHANDLE
	var protocol C.DWORD
	check("SCardConnect", C.SCardConnect(context, names, C.SCARD_SHARE_SHARED,
		C.SCARD_PROTOCOL_T0|C.SCARD_PROTOCOL_T1, &card, &protocol))
	defer C.SCardDisconnect(card, C.SCARD_LEAVE_CARD)

	selectHello := []byte{0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00, 0x00, 0x62, 0x03, 0x01,
		0x0C, 0x06, 0x01}
	fmt.Printf("% X\n", transmit(card, protocol, selectHello))
	response := transmit(card, protocol, make([]byte, 4))
	fmt.Printf("% X\n", response)
	fmt.Printf("%s\n", response[:len(response)-2])
}
