/* Compiled with two sets of headers, never run: one object whose type has the prototype of every
 * function and every structure of the interface, for abidiff to compare. */
#include <winscard.h>

struct signatures {
    __typeof__(&SCardEstablishContext) establish;
    __typeof__(&SCardReleaseContext) release;
    __typeof__(&SCardIsValidContext) is_valid;
    __typeof__(&SCardConnect) connect;
    __typeof__(&SCardReconnect) reconnect;
    __typeof__(&SCardDisconnect) disconnect;
    __typeof__(&SCardBeginTransaction) begin;
    __typeof__(&SCardEndTransaction) end;
    __typeof__(&SCardStatus) status;
    __typeof__(&SCardGetStatusChange) get_status_change;
    __typeof__(&SCardControl) control;
    __typeof__(&SCardTransmit) transmit;
    __typeof__(&SCardListReaderGroups) list_groups;
    __typeof__(&SCardListReaders) list_readers;
    __typeof__(&SCardFreeMemory) free_memory;
    __typeof__(&SCardCancel) cancel;
    __typeof__(&SCardGetAttrib) get_attrib;
    __typeof__(&SCardSetAttrib) set_attrib;
    __typeof__(&pcsc_stringify_error) stringify;
    __typeof__(&g_rgSCardT0Pci) pci;
    SCARD_READERSTATE state;
    SCARD_IO_REQUEST request;
};

__attribute__((visibility("default"))) extern struct signatures signatures;
struct signatures signatures;
