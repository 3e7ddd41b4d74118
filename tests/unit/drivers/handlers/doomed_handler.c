/* An IFD handler for tests that dies on command. DEVICENAME is doomed:PATH, of a plan: a file with
 * "CALL END", which the next call of that name takes away and carries out: "segv", "stop" and
 * "exit" are how the process ends or halts in the middle of the call, "hang" is a call that does
 * not end; "unload" is the end of the library. Files are put there by rename, so a plan is whole or
 * not there. Has a card in it that answers 90 00 to everything. */
#include <ifdhandler.h>
#include <reader.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC visibility push(default)

static char plan[256];
static char carried_out[sizeof plan + 8];
static int changes = -1;
static int stopped = -1;

static void obey(const char* call) {
  char wanted[32] = "";
  char end[32] = "";
  FILE* file = fopen(plan, "r");
  if (file == NULL) return;
  if (fscanf(file, "%31s %31s", wanted, end) != 2) wanted[0] = '\0';
  fclose(file);
  if (strcmp(wanted, call) != 0) return;
  rename(plan, carried_out);
  if (strcmp(end, "segv") == 0) {
    signal(SIGSEGV, SIG_DFL); /* whatever a sanitizer makes of it */
    raise(SIGSEGV);
  }
  if (strcmp(end, "stop") == 0) raise(SIGSTOP);
  while (strcmp(end, "hang") == 0) pause();
  /* Not _exit(), which a sanitizer's runtime holds up. */
  if (strcmp(end, "exit") == 0) syscall(SYS_exit_group, 7);
}

__attribute__((destructor)) static void unload(void) { obey("unload"); }

static RESPONSECODE wait_for_change(DWORD Lun, int timeout_ms) {
  struct pollfd watched[2];
  char events[4096];
  (void)Lun;
  obey("wait");
  watched[0].fd = changes;
  watched[1].fd = stopped;
  watched[0].events = watched[1].events = POLLIN;
  if (poll(watched, 2, timeout_ms) <= 0) return IFD_SUCCESS;
  if (watched[1].revents != 0 && read(stopped, events, sizeof events) < 0) return IFD_SUCCESS;
  if (watched[0].revents != 0 && read(changes, events, sizeof events) < 0) return IFD_SUCCESS;
  obey("wait");
  return IFD_SUCCESS;
}

static RESPONSECODE stop_waiting(DWORD Lun) {
  (void)Lun;
  return eventfd_write(stopped, 1) == 0 ? IFD_SUCCESS : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
  char directory[sizeof plan];
  char* slash;
  (void)Lun;
  if (strncmp(DeviceName, "doomed:", 7) != 0) return IFD_NO_SUCH_DEVICE;
  snprintf(plan, sizeof plan, "%s", DeviceName + 7);
  snprintf(carried_out, sizeof carried_out, "%s.done", plan);
  snprintf(directory, sizeof directory, "%s", plan);
  slash = strrchr(directory, '/');
  if (slash == NULL) return IFD_NO_SUCH_DEVICE;
  *slash = '\0';
  changes = inotify_init1(IN_CLOEXEC);
  stopped = eventfd(0, EFD_CLOEXEC);
  inotify_add_watch(changes, directory, IN_MOVED_TO);
  obey("open");
  return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel) {
  (void)Lun;
  (void)Channel;
  return IFD_NO_SUCH_DEVICE;
}

RESPONSECODE IFDHCloseChannel(DWORD Lun) {
  (void)Lun;
  obey("close");
  close(changes);
  close(stopped);
  return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  const void* function = NULL;
  (void)Lun;
  if (Tag == TAG_IFD_POLLING_THREAD_WITH_TIMEOUT) {
    RESPONSECODE (*wait)(DWORD, int) = wait_for_change;
    memcpy(&function, &wait, sizeof function);
  } else if (Tag == TAG_IFD_STOP_POLLING_THREAD) {
    RESPONSECODE (*stop)(DWORD) = stop_waiting;
    memcpy(&function, &stop, sizeof function);
  } else if (Tag == SCARD_ATTR_VENDOR_NAME) {
    obey("get_capability");
    if (*Length < 4) return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(Value, "Doom", 4);
    *Length = 4;
    return IFD_SUCCESS;
  } else {
    return IFD_ERROR_TAG;
  }
  memcpy(Value, &function, sizeof function);
  *Length = sizeof function;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value) {
  (void)Lun;
  (void)Tag;
  (void)Length;
  (void)Value;
  obey("set_capability");
  return IFD_SUCCESS;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1,
                                       UCHAR PTS2, UCHAR PTS3) {
  (void)Lun;
  (void)Protocol;
  (void)Flags;
  (void)PTS1;
  (void)PTS2;
  (void)PTS3;
  obey("set_protocol");
  return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  static const unsigned char atr[] = {0x3B, 0x80, 0x80, 0x01, 0x01};
  (void)Lun;
  if (Action != IFD_POWER_DOWN) {
    obey("power");
    memcpy(Atr, atr, sizeof atr);
    *AtrLength = sizeof atr;
  }
  return IFD_SUCCESS;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
  (void)Lun;
  (void)SendPci;
  (void)TxBuffer;
  (void)TxLength;
  (void)RecvPci;
  obey("transmit");
  memcpy(RxBuffer, "\x90\x00", 2);
  *RxLength = 2;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
                         PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned) {
  (void)Lun;
  (void)dwControlCode;
  (void)TxBuffer;
  (void)TxLength;
  (void)RxBuffer;
  (void)RxLength;
  obey("control");
  *pdwBytesReturned = 0;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
  (void)Lun;
  obey("presence");
  return IFD_ICC_PRESENT;
}
