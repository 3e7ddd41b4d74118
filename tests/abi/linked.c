/* Linked by check_install.sh in every way programs are. It defines names that pcsc-lite's static
 * library has as well, and looks at the objects that programs may have a copy of. */
#include <string.h>
#include <winscard.h>

int log_msg = 1;
int list_size = 2;

static int is_pci(const SCARD_IO_REQUEST* request, DWORD protocol) {
  return request->dwProtocol == protocol && request->cbPciLength == sizeof(*request);
}

int main(void) {
  if (!is_pci(SCARD_PCI_T0, 1) || !is_pci(SCARD_PCI_T1, 2) || !is_pci(SCARD_PCI_RAW, 4)) return 1;
  if (SCardIsValidContext(0) != SCARD_E_INVALID_HANDLE) return 2;
  if (strcmp(pcsc_stringify_error(SCARD_E_TIMEOUT), "Command timeout.") != 0) return 3;
  return log_msg == 1 && list_size == 2 ? 0 : 4;
}
