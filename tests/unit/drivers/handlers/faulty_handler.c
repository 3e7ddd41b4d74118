/* An IFD handler for tests whose reader is broken: it can be opened, and then every other question
 * for a card fails, with a message from the driver each time. */
#include <debuglog.h>
#include <ifdhandler.h>

#pragma GCC visibility push(default)

static unsigned questions;

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
  (void)Lun;
  (void)DeviceName;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel) {
  (void)Lun;
  (void)Channel;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHCloseChannel(DWORD Lun) {
  (void)Lun;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  (void)Lun;
  (void)Tag;
  (void)Length;
  (void)Value;
  return IFD_ERROR_TAG;
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value) {
  (void)Lun;
  (void)Tag;
  (void)Length;
  (void)Value;
  return IFD_ERROR_TAG;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1,
                                       UCHAR PTS2, UCHAR PTS3) {
  (void)Lun;
  (void)Protocol;
  (void)Flags;
  (void)PTS1;
  (void)PTS2;
  (void)PTS3;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  (void)Lun;
  (void)Action;
  (void)Atr;
  *AtrLength = 0;
  return IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
  (void)Lun;
  (void)SendPci;
  (void)TxBuffer;
  (void)TxLength;
  (void)RxBuffer;
  *RxLength = 0;
  (void)RecvPci;
  return IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
                         PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned) {
  (void)Lun;
  (void)dwControlCode;
  (void)TxBuffer;
  (void)TxLength;
  (void)RxBuffer;
  (void)RxLength;
  *pdwBytesReturned = 0;
  return IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
  (void)Lun;
  if (questions++ % 2 == 0) return IFD_ICC_NOT_PRESENT;
  log_msg(PCSC_LOG_ERROR, "the reader does not answer");
  return IFD_COMMUNICATION_ERROR;
}
