// A delegate as LIBPCSCLITE_DELEGATE names one, without any reader: it counts its calls, answers
// SCARD_E_UNSUPPORTED_FEATURE, and calls back from SCardCancel, as one does that watches another
// library. Counting is thread-safe.
#include <winscard.h>

#include <atomic>

namespace {

std::atomic<long> g_calls{0};
std::atomic<LONG (*)(SCARDCONTEXT)> g_back{nullptr};

LONG refuse() {
  ++g_calls;
  return SCARD_E_UNSUPPORTED_FEATURE;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

/// Number of calls so far.
EXPORTED long fake_delegate_calls() { return g_calls; }
/// What SCardCancel passes its context to.
EXPORTED void fake_delegate_calls_back(LONG (*function)(SCARDCONTEXT)) { g_back = function; }

EXPORTED LONG SCardEstablishContext(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT) { return refuse(); }
EXPORTED LONG SCardReleaseContext(SCARDCONTEXT) { return refuse(); }
EXPORTED LONG SCardIsValidContext(SCARDCONTEXT) { return refuse(); }
EXPORTED LONG SCardConnect(SCARDCONTEXT, LPCSTR, DWORD, DWORD, LPSCARDHANDLE, LPDWORD) {
  return refuse();
}
EXPORTED LONG SCardReconnect(SCARDHANDLE, DWORD, DWORD, DWORD, LPDWORD) { return refuse(); }
EXPORTED LONG SCardDisconnect(SCARDHANDLE, DWORD) { return refuse(); }
EXPORTED LONG SCardBeginTransaction(SCARDHANDLE) { return refuse(); }
EXPORTED LONG SCardEndTransaction(SCARDHANDLE, DWORD) { return refuse(); }
EXPORTED LONG SCardStatus(SCARDHANDLE, LPSTR, LPDWORD, LPDWORD, LPDWORD, LPBYTE, LPDWORD) {
  return refuse();
}
EXPORTED LONG SCardGetStatusChange(SCARDCONTEXT, DWORD, SCARD_READERSTATE*, DWORD) {
  return refuse();
}
EXPORTED LONG SCardControl(SCARDHANDLE, DWORD, LPCVOID, DWORD, LPVOID, DWORD, LPDWORD) {
  return refuse();
}
EXPORTED LONG SCardTransmit(SCARDHANDLE, const SCARD_IO_REQUEST*, LPCBYTE, DWORD,
                            SCARD_IO_REQUEST* received, LPBYTE, LPDWORD) {
  if (received == nullptr) return SCARD_E_INVALID_PARAMETER;  // libpcscspy 1.9.9 would crash
  return refuse();
}
EXPORTED LONG SCardListReaderGroups(SCARDCONTEXT, LPSTR, LPDWORD) { return refuse(); }
EXPORTED LONG SCardListReaders(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD) { return refuse(); }
EXPORTED LONG SCardFreeMemory(SCARDCONTEXT, LPCVOID) { return refuse(); }
EXPORTED LONG SCardCancel(SCARDCONTEXT context) {
  ++g_calls;
  LONG (*const back)(SCARDCONTEXT) = g_back;
  return back != nullptr ? back(context) : SCARD_S_SUCCESS;
}
EXPORTED LONG SCardGetAttrib(SCARDHANDLE, DWORD, LPBYTE, LPDWORD) { return refuse(); }
// An incomplete library lacks the last one.
#ifndef FAKE_DELEGATE_INCOMPLETE
EXPORTED LONG SCardSetAttrib(SCARDHANDLE, DWORD, LPCBYTE, DWORD) { return refuse(); }
#endif
