/* Compiled, never run: the layout of what programs and drivers share with the library and the
 * daemon, as Debian's and upstream's headers lay it out. In C and C++, 32 and 64 bits wide; in the
 * common subset of C89 and C++11, because check_headers.sh tries all of that. */
#ifdef FROM_PCSC_DIRECTORY
#include <PCSC/debuglog.h>
#include <PCSC/ifdhandler.h>
#include <PCSC/reader.h>
#include <PCSC/winscard.h>
#else
#include <debuglog.h>
#include <ifdhandler.h>
#include <reader.h>
#include <winscard.h>
#endif

#include <stddef.h>

/* An array of negative size does not compile. */
#define CHECK(name, condition) typedef char check_##name[(condition) ? 1 : -1]
#define CHECK_FIELD(type, field, offset) CHECK(type##_##field, offsetof(type, field) == (offset))
#define WORD_BYTES sizeof(void*)

CHECK(byte, sizeof(BYTE) == 1 && sizeof(UCHAR) == 1);
CHECK(word, sizeof(WORD) == 2 && sizeof(USHORT) == 2);
CHECK(bool, sizeof(BOOL) == 2);
CHECK(dword, sizeof(DWORD) == WORD_BYTES && sizeof(ULONG) == WORD_BYTES);
CHECK(dword_sign, (DWORD)-1 > 0);
CHECK(long, sizeof(LONG) == WORD_BYTES && (LONG)-1 < 0);
CHECK(context, sizeof(SCARDCONTEXT) == WORD_BYTES && (SCARDCONTEXT)-1 < 0);
CHECK(handle, sizeof(SCARDHANDLE) == WORD_BYTES && (SCARDHANDLE)-1 < 0);
CHECK(response, sizeof(RESPONSECODE) == WORD_BYTES);

CHECK(state, sizeof(SCARD_READERSTATE) == (WORD_BYTES == 8 ? 80 : 56));
CHECK_FIELD(SCARD_READERSTATE, szReader, 0);
CHECK_FIELD(SCARD_READERSTATE, pvUserData, WORD_BYTES);
CHECK_FIELD(SCARD_READERSTATE, dwCurrentState, 2 * WORD_BYTES);
CHECK_FIELD(SCARD_READERSTATE, dwEventState, 3 * WORD_BYTES);
CHECK_FIELD(SCARD_READERSTATE, cbAtr, 4 * WORD_BYTES);
CHECK_FIELD(SCARD_READERSTATE, rgbAtr, 5 * WORD_BYTES);
/* Language bindings rely on 33; it is 36 on Windows. */
CHECK(state_atr, sizeof(((SCARD_READERSTATE*)0)->rgbAtr) == 33 && MAX_ATR_SIZE == 33);

CHECK(request, sizeof(SCARD_IO_REQUEST) == 2 * WORD_BYTES);
CHECK_FIELD(SCARD_IO_REQUEST, dwProtocol, 0);
CHECK_FIELD(SCARD_IO_REQUEST, cbPciLength, WORD_BYTES);
CHECK(header, sizeof(SCARD_IO_HEADER) == 2 * WORD_BYTES);
CHECK_FIELD(SCARD_IO_HEADER, Protocol, 0);
CHECK_FIELD(SCARD_IO_HEADER, Length, WORD_BYTES);

CHECK(tlv, sizeof(PCSC_TLV_STRUCTURE) == 6);
CHECK_FIELD(PCSC_TLV_STRUCTURE, length, 1);
CHECK_FIELD(PCSC_TLV_STRUCTURE, value, 2);

CHECK(verify, sizeof(PIN_VERIFY_STRUCTURE) == 19);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bTimerOut2, 1);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bmFormatString, 2);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bmPINBlockString, 3);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bmPINLengthFormat, 4);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, wPINMaxExtraDigit, 5);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bEntryValidationCondition, 7);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bNumberMessage, 8);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, wLangId, 9);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bMsgIndex, 11);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, bTeoPrologue, 12);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, ulDataLength, 15);
CHECK_FIELD(PIN_VERIFY_STRUCTURE, abData, 19);

CHECK(modify, sizeof(PIN_MODIFY_STRUCTURE) == 24);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bInsertionOffsetOld, 5);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bInsertionOffsetNew, 6);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, wPINMaxExtraDigit, 7);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bConfirmPIN, 9);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bEntryValidationCondition, 10);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bNumberMessage, 11);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, wLangId, 12);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bMsgIndex1, 14);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bMsgIndex2, 15);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bMsgIndex3, 16);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, bTeoPrologue, 17);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, ulDataLength, 20);
CHECK_FIELD(PIN_MODIFY_STRUCTURE, abData, 24);

CHECK(properties, sizeof(PIN_PROPERTIES_STRUCTURE) == 4);
CHECK_FIELD(PIN_PROPERTIES_STRUCTURE, bEntryValidationCondition, 2);
CHECK_FIELD(PIN_PROPERTIES_STRUCTURE, bTimeOut2, 3);

CHECK(autoallocate, SCARD_AUTOALLOCATE == (DWORD)-1);
CHECK(infinite, INFINITE == 0xFFFFFFFFU);

/* The types of the functions: an initializer that differs in one argument does not compile. */
LONG (*establish)(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT) = SCardEstablishContext;
LONG (*release)(SCARDCONTEXT) = SCardReleaseContext;
LONG (*is_valid)(SCARDCONTEXT) = SCardIsValidContext;
LONG (*connect_card)(SCARDCONTEXT, LPCSTR, DWORD, DWORD, LPSCARDHANDLE, LPDWORD) = SCardConnect;
LONG (*reconnect)(SCARDHANDLE, DWORD, DWORD, DWORD, LPDWORD) = SCardReconnect;
LONG (*disconnect)(SCARDHANDLE, DWORD) = SCardDisconnect;
LONG (*begin)(SCARDHANDLE) = SCardBeginTransaction;
LONG (*end)(SCARDHANDLE, DWORD) = SCardEndTransaction;
LONG (*card_status)(SCARDHANDLE, LPSTR, LPDWORD, LPDWORD, LPDWORD, LPBYTE, LPDWORD) = SCardStatus;
LONG (*status_change)(SCARDCONTEXT, DWORD, SCARD_READERSTATE*, DWORD) = SCardGetStatusChange;
LONG (*control)(SCARDHANDLE, DWORD, LPCVOID, DWORD, LPVOID, DWORD, LPDWORD) = SCardControl;
LONG (*transmit)
(SCARDHANDLE, const SCARD_IO_REQUEST*, LPCBYTE, DWORD, SCARD_IO_REQUEST*, LPBYTE,
 LPDWORD) = SCardTransmit;
LONG (*list_groups)(SCARDCONTEXT, LPSTR, LPDWORD) = SCardListReaderGroups;
LONG (*list_readers)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD) = SCardListReaders;
LONG (*free_memory)(SCARDCONTEXT, LPCVOID) = SCardFreeMemory;
LONG (*cancel)(SCARDCONTEXT) = SCardCancel;
LONG (*get_attribute)(SCARDHANDLE, DWORD, LPBYTE, LPDWORD) = SCardGetAttrib;
LONG (*set_attribute)(SCARDHANDLE, DWORD, LPCBYTE, DWORD) = SCardSetAttrib;
const char* (*stringify)(const LONG) = pcsc_stringify_error;
const SCARD_IO_REQUEST* pci[] = {SCARD_PCI_T0, SCARD_PCI_T1, SCARD_PCI_RAW};

/* The macros of drivers; their __func__ is younger than C89. */
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
void log_everything(void);
void log_everything(void) {
  const unsigned char bytes[] = {1, 2};
  (void)bytes; /* without the log */
  Log0(PCSC_LOG_DEBUG);
  Log1(PCSC_LOG_DEBUG, "100 %%");
  Log2(PCSC_LOG_INFO, "%d", 1);
  Log3(PCSC_LOG_INFO, "%d %d", 1, 2);
  Log4(PCSC_LOG_ERROR, "%d %d %d", 1, 2, 3);
  Log5(PCSC_LOG_ERROR, "%d %d %d %d", 1, 2, 3, 4);
  Log9(PCSC_LOG_CRITICAL, "%d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8);
  LogXxd(PCSC_LOG_DEBUG, "bytes: ", bytes, 2);
}
#endif
