// The 18 functions of the ABI: our own implementation, and a table that may hold it or that of a
// delegate (a library that LIBPCSCLITE_DELEGATE names). exports.cpp forwards to one of them.
// Our functions are thread-safe and let no exception out.
#pragma once

#include <winscard.h>

namespace cardea {

/// scard_x is our SCardX: same parameters, same results (winscard.h).
LONG scard_establish_context(DWORD dwScope, LPCVOID, LPCVOID, LPSCARDCONTEXT phContext);
LONG scard_release_context(SCARDCONTEXT hContext);
LONG scard_is_valid_context(SCARDCONTEXT hContext);
LONG scard_list_reader_groups(SCARDCONTEXT hContext, LPSTR mszGroups, LPDWORD pcchGroups);
LONG scard_list_readers(SCARDCONTEXT hContext, LPCSTR mszGroups, LPSTR mszReaders,
                        LPDWORD pcchReaders);
LONG scard_free_memory(SCARDCONTEXT hContext, LPCVOID pvMem);
LONG scard_get_status_change(SCARDCONTEXT hContext, DWORD dwTimeout,
                             SCARD_READERSTATE* rgReaderStates, DWORD cReaders);
LONG scard_cancel(SCARDCONTEXT hContext);
LONG scard_connect(SCARDCONTEXT hContext, LPCSTR szReader, DWORD dwShareMode,
                   DWORD dwPreferredProtocols, LPSCARDHANDLE phCard, LPDWORD pdwActiveProtocol);
LONG scard_reconnect(SCARDHANDLE hCard, DWORD dwShareMode, DWORD dwPreferredProtocols,
                     DWORD dwInitialization, LPDWORD pdwActiveProtocol);
LONG scard_disconnect(SCARDHANDLE hCard, DWORD dwDisposition);
LONG scard_begin_transaction(SCARDHANDLE hCard);
LONG scard_end_transaction(SCARDHANDLE hCard, DWORD dwDisposition);
LONG scard_status(SCARDHANDLE hCard, LPSTR szReaderName, LPDWORD pcchReaderLen, LPDWORD pdwState,
                  LPDWORD pdwProtocol, LPBYTE pbAtr, LPDWORD pcbAtrLen);
LONG scard_transmit(SCARDHANDLE hCard, const SCARD_IO_REQUEST* pioSendPci, LPCBYTE pbSendBuffer,
                    DWORD cbSendLength, SCARD_IO_REQUEST* pioRecvPci, LPBYTE pbRecvBuffer,
                    LPDWORD pcbRecvLength);
LONG scard_control(SCARDHANDLE hCard, DWORD dwControlCode, LPCVOID pbSendBuffer, DWORD cbSendLength,
                   LPVOID pbRecvBuffer, DWORD cbRecvLength, LPDWORD lpBytesReturned);
LONG scard_get_attrib(SCARDHANDLE hCard, DWORD dwAttrId, LPBYTE pbAttr, LPDWORD pcbAttrLen);
LONG scard_set_attrib(SCARDHANDLE hCard, DWORD dwAttrId, LPCBYTE pbAttr, DWORD cbAttrLen);

/// Filled with our own functions; a delegate replaces all of them.
struct Functions {
  decltype(&scard_establish_context) establish_context = scard_establish_context;
  decltype(&scard_release_context) release_context = scard_release_context;
  decltype(&scard_is_valid_context) is_valid_context = scard_is_valid_context;
  decltype(&scard_list_reader_groups) list_reader_groups = scard_list_reader_groups;
  decltype(&scard_list_readers) list_readers = scard_list_readers;
  decltype(&scard_free_memory) free_memory = scard_free_memory;
  decltype(&scard_get_status_change) get_status_change = scard_get_status_change;
  decltype(&scard_cancel) cancel = scard_cancel;
  decltype(&scard_connect) connect = scard_connect;
  decltype(&scard_reconnect) reconnect = scard_reconnect;
  decltype(&scard_disconnect) disconnect = scard_disconnect;
  decltype(&scard_begin_transaction) begin_transaction = scard_begin_transaction;
  decltype(&scard_end_transaction) end_transaction = scard_end_transaction;
  decltype(&scard_status) status = scard_status;
  decltype(&scard_transmit) transmit = scard_transmit;
  decltype(&scard_control) control = scard_control;
  decltype(&scard_get_attrib) get_attrib = scard_get_attrib;
  decltype(&scard_set_attrib) set_attrib = scard_set_attrib;
};

}  // namespace cardea
