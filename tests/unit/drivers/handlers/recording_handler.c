/* An IFD handler for tests. It records every call as one line, which the test reads through
 * handler_calls(), and answers with fixed data. Built in variants:
 *   HANDLER_2              API 2.0 instead of 3.0
 *   WITHOUT_POWER, WITHOUT_CONTROL, WITHOUT_SET_PROTOCOL, WITHOUT_CREATE   leave functions out
 *   NEEDS_HOST_SYMBOL      calls a function that no host has
 * Device names: "gone" and "broken" fail to open with 617 and 612, "nopoll" offers no polling
 * function, "nostop" a polling function without stop function. */
#ifdef HANDLER_2
#define IFDHANDLERv2
#endif
#include <ifdhandler.h>

#include <debuglog.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#pragma GCC visibility push(default)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static char calls[8192];
static char device[64];
static int stop_requested;
static int polling;

static void record(const char* format, ...) __attribute__((format(printf, 1, 2)));
static void record(const char* format, ...) {
  va_list arguments;
  size_t used;
  pthread_mutex_lock(&mutex);
  used = strlen(calls);
  va_start(arguments, format);
  vsnprintf(calls + used, sizeof calls - used, format, arguments);
  va_end(arguments);
  pthread_mutex_unlock(&mutex);
}

/* Copies the lines so far and forgets them. */
void handler_calls(char* out, size_t room);
void handler_calls(char* out, size_t room) {
  pthread_mutex_lock(&mutex);
  snprintf(out, room, "%s", calls);
  calls[0] = '\0';
  pthread_mutex_unlock(&mutex);
}

/* Blocks until a thread is inside the polling function. */
void handler_wait_for_poll(void);
void handler_wait_for_poll(void) {
  pthread_mutex_lock(&mutex);
  while (!polling) pthread_cond_wait(&condition, &mutex);
  pthread_mutex_unlock(&mutex);
}

#ifdef NEEDS_HOST_SYMBOL
void no_host_has_this_function(void);
#endif

#ifndef WITHOUT_CREATE
static RESPONSECODE open_device(const char* name) {
  snprintf(device, sizeof device, "%s", name);
#ifdef NEEDS_HOST_SYMBOL
  no_host_has_this_function();
#endif
  if (strcmp(name, "gone") == 0) return IFD_NO_SUCH_DEVICE;
  if (strcmp(name, "broken") == 0) return IFD_COMMUNICATION_ERROR;
  log_msg(PCSC_LOG_INFO, "opened %s", name);
  return IFD_SUCCESS;
}

#ifndef HANDLER_2
RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
  record("open_by_name %lx %s\n", Lun, DeviceName);
  return open_device(DeviceName);
}
#endif

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel) {
  record("open %lx %lx\n", Lun, Channel);
  return open_device("");
}
#endif

RESPONSECODE IFDHCloseChannel(DWORD Lun) {
  record("close %lx\n", Lun);
  return IFD_SUCCESS;
}

static RESPONSECODE poll_event(DWORD Lun, int timeout_ms) {
  record("poll %lx %d\n", Lun, timeout_ms);
  pthread_mutex_lock(&mutex);
  polling = 1;
  pthread_cond_broadcast(&condition);
  while (!stop_requested) pthread_cond_wait(&condition, &mutex);
  stop_requested = 0;
  polling = 0;
  pthread_mutex_unlock(&mutex);
  return IFD_SUCCESS;
}

static RESPONSECODE stop_poll(DWORD Lun) {
  (void)Lun;
  pthread_mutex_lock(&mutex);
  stop_requested = 1;
  pthread_cond_broadcast(&condition);
  pthread_mutex_unlock(&mutex);
  return IFD_SUCCESS;
}

static RESPONSECODE answer(PDWORD Length, PUCHAR Value, const void* data, DWORD bytes) {
  if (*Length < bytes) {
    *Length = bytes;
    return IFD_ERROR_INSUFFICIENT_BUFFER;
  }
  memcpy(Value, data, bytes);
  *Length = bytes;
  return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
  static const UCHAR slots = 3, simultaneous = 16, yes = 1;
  RESPONSECODE (*poll_function)(DWORD, int) = poll_event;
  RESPONSECODE (*stop_function)(DWORD) = stop_poll;
  record("get %lx %lx room=%lu\n", Lun, Tag, *Length);
  switch (Tag) {
    case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
      if (strcmp(device, "nopoll") == 0) break;
      return answer(Length, Value, &poll_function, sizeof poll_function);
    case TAG_IFD_STOP_POLLING_THREAD:
      if (strcmp(device, "nostop") == 0) break;
      return answer(Length, Value, &stop_function, sizeof stop_function);
    case TAG_IFD_SLOTS_NUMBER:
      return answer(Length, Value, &slots, 1);
    case TAG_IFD_SIMULTANEOUS_ACCESS:
      return answer(Length, Value, &simultaneous, 1);
    case TAG_IFD_THREAD_SAFE:
    case TAG_IFD_SLOT_THREAD_SAFE:
      return answer(Length, Value, &yes, 1);
    case 0x0100:
      return answer(Length, Value, "Cardea", 6);
    default:
      return IFD_ERROR_TAG;
  }
  *Length = 0; /* how libccid says "not supported" */
  return IFD_SUCCESS;
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value) {
  record("set %lx %lx %lu first=%02x\n", Lun, Tag, Length, Value[0]);
  return IFD_SUCCESS;
}

#ifndef WITHOUT_SET_PROTOCOL
RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1,
                                       UCHAR PTS2, UCHAR PTS3) {
  record("protocol %lx %lu %u %u %u %u\n", Lun, Protocol, Flags, PTS1, PTS2, PTS3);
  return IFD_SUCCESS;
}
#endif

#ifndef WITHOUT_POWER
RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
  static const UCHAR atr[] = {0x3B, 0x80, 0x01, 0x81};
  record("power %lx %lu room=%lu%s\n", Lun, Action, *AtrLength, Atr == NULL ? " null" : "");
  if (Action == IFD_POWER_DOWN) {
    *AtrLength = 0;
    return IFD_SUCCESS;
  }
  return answer(AtrLength, Atr, atr, sizeof atr);
}
#endif

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
  record("transmit %lx pci=%lu,%lu tx=%lu first=%02x room=%lu recv=%lu,%lu\n", Lun,
         SendPci.Protocol, SendPci.Length, TxLength, TxBuffer[0], *RxLength, RecvPci->Protocol,
         RecvPci->Length);
  if (TxBuffer[0] == 0xFF) {
    *RxLength = 99;
    return IFD_ICC_NOT_PRESENT;
  }
  RecvPci->Protocol = 7;
  return answer(RxLength, RxBuffer, "\x90\x00", 2);
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
  record("presence %lx\n", Lun);
  return IFD_ICC_PRESENT;
}

#ifndef WITHOUT_CONTROL
#ifdef HANDLER_2
RESPONSECODE IFDHControl(DWORD Lun, PUCHAR TxBuffer, DWORD TxLength, PUCHAR RxBuffer,
                         PDWORD RxLength) {
  record("control2 %lx tx=%lu first=%02x room=%lu\n", Lun, TxLength, TxBuffer[0], *RxLength);
  return answer(RxLength, RxBuffer, "\x90\x02", 2);
}
#else
RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
                         PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned) {
  record("control3 %lx code=%lx tx=%lu null=%d room=%lu returned=%lu\n", Lun, dwControlCode,
         TxLength, TxBuffer == NULL, RxLength, *pdwBytesReturned);
  *pdwBytesReturned = RxLength;
  return answer(pdwBytesReturned, RxBuffer, "\x90\x03", 2);
}
#endif
#endif
