/* An IFD handler for tests that claims more bytes than it was given room for, in every answer, and
 * writes more than the room where a careful host can bear it (ATR, capabilities). */
#include <ifdhandler.h>

#include <string.h>

#pragma GCC visibility push(default)

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
  return IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  (void)Lun;
  if (Tag == TAG_IFD_POLLING_THREAD_WITH_TIMEOUT) {
    memset(Value, 0x41, 4); /* success, but half a pointer */
    *Length = 4;
    return IFD_SUCCESS;
  }
  memset(Value, 0x42, 16);
  if (Tag == TAG_IFD_THREAD_SAFE) return IFD_SUCCESS; /* leaves the length untouched */
  *Length = 100000;
  return IFD_SUCCESS;
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
  return 4711;
}

/* Up: too long. Reset: a failure that leaves an ATR behind. */
RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  (void)Lun;
  memset(Atr, 0x3B, 40);
  *AtrLength = 1000;
  return Action == IFD_RESET ? IFD_ERROR_POWER_ACTION : IFD_SUCCESS;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
  (void)Lun;
  (void)SendPci;
  (void)TxBuffer;
  (void)TxLength;
  (void)RecvPci;
  memset(RxBuffer, 0x61, *RxLength);
  *RxLength += 1000;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
  (void)Lun;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
                         PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned) {
  (void)Lun;
  (void)dwControlCode;
  (void)TxBuffer;
  (void)TxLength;
  (void)RxBuffer;
  *pdwBytesReturned = RxLength + 1;
  return IFD_SUCCESS;
}
