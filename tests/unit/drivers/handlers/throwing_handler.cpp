// An IFD handler for tests whose functions throw C++ exceptions, as handlers written in C++ do
// when they forget their C interface. Opening throws for the device "throws" only.
#include <ifdhandler.h>

#include <stdexcept>
#include <string_view>

#pragma GCC visibility push(default)

namespace {
RESPONSECODE poll_event(DWORD, int) { throw std::runtime_error("in poll"); }
}  // namespace

extern "C" {

RESPONSECODE IFDHCreateChannelByName(DWORD, LPSTR DeviceName) {
  if (std::string_view(DeviceName) == "throws") throw std::runtime_error("in open");
  return IFD_SUCCESS;
}
RESPONSECODE IFDHCreateChannel(DWORD, DWORD) { throw 42; }
RESPONSECODE IFDHCloseChannel(DWORD) { throw std::runtime_error("in close"); }
RESPONSECODE IFDHGetCapabilities(DWORD, DWORD Tag, PDWORD Length, PUCHAR Value) {
  if (Tag != TAG_IFD_POLLING_THREAD_WITH_TIMEOUT) throw std::runtime_error("in get");
  *reinterpret_cast<RESPONSECODE (**)(DWORD, int)>(Value) = poll_event;
  *Length = sizeof(void*);
  return IFD_SUCCESS;
}
RESPONSECODE IFDHSetCapabilities(DWORD, DWORD, DWORD, PUCHAR) { throw 42; }
RESPONSECODE IFDHSetProtocolParameters(DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR) { throw 42; }
RESPONSECODE IFDHPowerICC(DWORD, DWORD, PUCHAR, PDWORD) { throw 42; }
RESPONSECODE IFDHTransmitToICC(DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD,
                               PSCARD_IO_HEADER) {
  throw 42;
}
RESPONSECODE IFDHICCPresence(DWORD) { throw std::runtime_error("in presence\n"); }
RESPONSECODE IFDHControl(DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD) { throw 42; }

}  // extern "C"
