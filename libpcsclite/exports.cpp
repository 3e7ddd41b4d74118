// The ABI: what programs call. Each function takes the short way to our own implementation unless
// a trace or a delegate is switched on. winscard.h has the prototypes; any thread.
#pragma GCC visibility push(default)
#include <winscard.h>
#pragma GCC visibility pop

#include "libpcsclite/call_route.hpp"
#include "libpcsclite/traced_card_calls.hpp"

using namespace cardea;

LONG SCardEstablishContext(DWORD dwScope, LPCVOID pvReserved1, LPCVOID pvReserved2,
                           LPSCARDCONTEXT phContext) {
  if (const CallRoute* route = call_route())
    return (*route)(EstablishContextCall(dwScope, pvReserved1, pvReserved2, phContext));
  return scard_establish_context(dwScope, pvReserved1, pvReserved2, phContext);
}

LONG SCardReleaseContext(SCARDCONTEXT hContext) {
  if (const CallRoute* route = call_route()) return (*route)(ReleaseContextCall(hContext));
  return scard_release_context(hContext);
}

LONG SCardIsValidContext(SCARDCONTEXT hContext) {
  if (const CallRoute* route = call_route()) return (*route)(IsValidContextCall(hContext));
  return scard_is_valid_context(hContext);
}

LONG SCardListReaderGroups(SCARDCONTEXT hContext, LPSTR mszGroups, LPDWORD pcchGroups) {
  if (const CallRoute* route = call_route())
    return (*route)(ListReaderGroupsCall(hContext, mszGroups, pcchGroups));
  return scard_list_reader_groups(hContext, mszGroups, pcchGroups);
}

LONG SCardListReaders(SCARDCONTEXT hContext, LPCSTR mszGroups, LPSTR mszReaders,
                      LPDWORD pcchReaders) {
  if (const CallRoute* route = call_route())
    return (*route)(ListReadersCall(hContext, mszGroups, mszReaders, pcchReaders));
  return scard_list_readers(hContext, mszGroups, mszReaders, pcchReaders);
}

LONG SCardFreeMemory(SCARDCONTEXT hContext, LPCVOID pvMem) {
  if (const CallRoute* route = call_route()) return (*route)(FreeMemoryCall(hContext, pvMem));
  return scard_free_memory(hContext, pvMem);
}

LONG SCardGetStatusChange(SCARDCONTEXT hContext, DWORD dwTimeout, SCARD_READERSTATE* rgReaderStates,
                          DWORD cReaders) {
  if (const CallRoute* route = call_route())
    return (*route)(GetStatusChangeCall(hContext, dwTimeout, rgReaderStates, cReaders));
  return scard_get_status_change(hContext, dwTimeout, rgReaderStates, cReaders);
}

LONG SCardCancel(SCARDCONTEXT hContext) {
  if (const CallRoute* route = call_route()) return (*route)(CancelCall(hContext));
  return scard_cancel(hContext);
}

LONG SCardConnect(SCARDCONTEXT hContext, LPCSTR szReader, DWORD dwShareMode,
                  DWORD dwPreferredProtocols, LPSCARDHANDLE phCard, LPDWORD pdwActiveProtocol) {
  if (const CallRoute* route = call_route())
    return (*route)(ConnectCall(hContext, szReader, dwShareMode, dwPreferredProtocols, phCard,
                                pdwActiveProtocol));
  return scard_connect(hContext, szReader, dwShareMode, dwPreferredProtocols, phCard,
                       pdwActiveProtocol);
}

LONG SCardReconnect(SCARDHANDLE hCard, DWORD dwShareMode, DWORD dwPreferredProtocols,
                    DWORD dwInitialization, LPDWORD pdwActiveProtocol) {
  if (const CallRoute* route = call_route())
    return (*route)(ReconnectCall(hCard, dwShareMode, dwPreferredProtocols, dwInitialization,
                                  pdwActiveProtocol));
  return scard_reconnect(hCard, dwShareMode, dwPreferredProtocols, dwInitialization,
                         pdwActiveProtocol);
}

LONG SCardDisconnect(SCARDHANDLE hCard, DWORD dwDisposition) {
  if (const CallRoute* route = call_route()) return (*route)(DisconnectCall(hCard, dwDisposition));
  return scard_disconnect(hCard, dwDisposition);
}

LONG SCardBeginTransaction(SCARDHANDLE hCard) {
  if (const CallRoute* route = call_route()) return (*route)(BeginTransactionCall(hCard));
  return scard_begin_transaction(hCard);
}

LONG SCardEndTransaction(SCARDHANDLE hCard, DWORD dwDisposition) {
  if (const CallRoute* route = call_route())
    return (*route)(EndTransactionCall(hCard, dwDisposition));
  return scard_end_transaction(hCard, dwDisposition);
}

LONG SCardStatus(SCARDHANDLE hCard, LPSTR szReaderName, LPDWORD pcchReaderLen, LPDWORD pdwState,
                 LPDWORD pdwProtocol, LPBYTE pbAtr, LPDWORD pcbAtrLen) {
  if (const CallRoute* route = call_route())
    return (*route)(
        StatusCall(hCard, szReaderName, pcchReaderLen, pdwState, pdwProtocol, pbAtr, pcbAtrLen));
  return scard_status(hCard, szReaderName, pcchReaderLen, pdwState, pdwProtocol, pbAtr, pcbAtrLen);
}

LONG SCardTransmit(SCARDHANDLE hCard, const SCARD_IO_REQUEST* pioSendPci, LPCBYTE pbSendBuffer,
                   DWORD cbSendLength, SCARD_IO_REQUEST* pioRecvPci, LPBYTE pbRecvBuffer,
                   LPDWORD pcbRecvLength) {
  if (const CallRoute* route = call_route())
    return (*route)(TransmitCall(hCard, pioSendPci, pbSendBuffer, cbSendLength, pioRecvPci,
                                 pbRecvBuffer, pcbRecvLength));
  return scard_transmit(hCard, pioSendPci, pbSendBuffer, cbSendLength, pioRecvPci, pbRecvBuffer,
                        pcbRecvLength);
}

LONG SCardControl(SCARDHANDLE hCard, DWORD dwControlCode, LPCVOID pbSendBuffer, DWORD cbSendLength,
                  LPVOID pbRecvBuffer, DWORD cbRecvLength, LPDWORD lpBytesReturned) {
  if (const CallRoute* route = call_route())
    return (*route)(ControlCall(hCard, dwControlCode, pbSendBuffer, cbSendLength, pbRecvBuffer,
                                cbRecvLength, lpBytesReturned));
  return scard_control(hCard, dwControlCode, pbSendBuffer, cbSendLength, pbRecvBuffer, cbRecvLength,
                       lpBytesReturned);
}

LONG SCardGetAttrib(SCARDHANDLE hCard, DWORD dwAttrId, LPBYTE pbAttr, LPDWORD pcbAttrLen) {
  if (const CallRoute* route = call_route())
    return (*route)(GetAttribCall(hCard, dwAttrId, pbAttr, pcbAttrLen));
  return scard_get_attrib(hCard, dwAttrId, pbAttr, pcbAttrLen);
}

LONG SCardSetAttrib(SCARDHANDLE hCard, DWORD dwAttrId, LPCBYTE pbAttr, DWORD cbAttrLen) {
  if (const CallRoute* route = call_route())
    return (*route)(SetAttribCall(hCard, dwAttrId, pbAttr, cbAttrLen));
  return scard_set_attrib(hCard, dwAttrId, pbAttr, cbAttrLen);
}
