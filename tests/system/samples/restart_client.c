/* A program with many contexts that lives longer than its daemon (restart_test).
 *
 *   restart_client wait COUNT READER EVENTS   COUNT threads with a context each wait for EVENTS
 *                                             movements of the card; each movement, and whatever
 *                                             goes wrong, is a line
 *   restart_client hold READER                has the card and does what the lines of standard
 *                                             input say; the result of each is a line */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#define THREADS_MAX 256
#define CARD_BITS (SCARD_STATE_PRESENT | SCARD_STATE_EMPTY)

static const char *reader;
static int events;

static void say(const char *what, LONG rv) {
  /* One line with one write, whatever the other threads do. */
  printf("%s 0x%08lX\n", what, (unsigned long)rv);
  fflush(stdout);
}

static LONG wait_for_events(SCARDCONTEXT context) {
  SCARD_READERSTATE state;
  LONG rv;
  int seen = 0;
  memset(&state, 0, sizeof state);
  state.szReader = reader;
  rv = SCardGetStatusChange(context, 0, &state, 1);
  if (rv != SCARD_S_SUCCESS) return rv;
  say("waiting", rv);
  while (seen < events) {
    const DWORD before = state.dwEventState & CARD_BITS;
    state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    rv = SCardGetStatusChange(context, INFINITE, &state, 1);
    if (rv != SCARD_S_SUCCESS) return rv;
    if ((state.dwEventState & CARD_BITS) == before) {
      say("nothing", rv);
      continue;
    }
    ++seen;
    say(state.dwEventState & SCARD_STATE_PRESENT ? "inserted" : "removed", rv);
  }
  return SCARD_S_SUCCESS;
}

static void *client(void *unused) {
  SCARDCONTEXT context;
  LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
  (void)unused;
  if (rv == SCARD_S_SUCCESS) rv = wait_for_events(context);
  if (rv == SCARD_S_SUCCESS) rv = SCardReleaseContext(context);
  say("end", rv);
  return NULL;
}

static int run_clients(int count) {
  pthread_t threads[THREADS_MAX];
  int i;
  for (i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, client, NULL) != 0) return 1;
  }
  for (i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  return 0;
}

static LONG transmit(SCARDHANDLE card) {
  static const BYTE select[] = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
  BYTE answer[258];
  DWORD length = sizeof answer;
  return SCardTransmit(card, SCARD_PCI_T1, select, sizeof select, NULL, answer, &length);
}

static LONG obey(const char *order, SCARDHANDLE card, SCARDCONTEXT context) {
  DWORD length = 0;
  DWORD protocol;
  if (strcmp(order, "list\n") == 0) return SCardListReaders(context, NULL, NULL, &length);
  if (strcmp(order, "status\n") == 0) {
    return SCardStatus(card, NULL, NULL, NULL, NULL, NULL, NULL);
  }
  if (strcmp(order, "begin\n") == 0) return SCardBeginTransaction(card);
  if (strcmp(order, "transmit\n") == 0) return transmit(card);
  if (strcmp(order, "disconnect\n") == 0) return SCardDisconnect(card, SCARD_LEAVE_CARD);
  if (strcmp(order, "release\n") == 0) return SCardReleaseContext(context);
  if (strcmp(order, "reconnect\n") != 0) return SCARD_E_INVALID_VALUE;
  return SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, SCARD_LEAVE_CARD, &protocol);
}

static int hold(void) {
  char order[32];
  SCARDCONTEXT context;
  SCARDHANDLE card = 0;
  DWORD protocol;
  LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
  if (rv == SCARD_S_SUCCESS) {
    rv = SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card, &protocol);
  }
  say("connect", rv);
  while (rv == SCARD_S_SUCCESS && fgets(order, sizeof order, stdin) != NULL) {
    const LONG result = obey(order, card, context);
    order[strcspn(order, "\n")] = '\0';
    say(order, result);
  }
  return rv != SCARD_S_SUCCESS;
}

int main(int count, char **words) {
  if (count == 5 && strcmp(words[1], "wait") == 0) {
    const int threads = atoi(words[2]);
    reader = words[3];
    events = atoi(words[4]);
    if (threads < 1 || threads > THREADS_MAX) return 2;
    return run_clients(threads);
  }
  if (count == 3 && strcmp(words[1], "hold") == 0) {
    reader = words[2];
    return hold();
  }
  fputs("usage: restart_client wait COUNT READER EVENTS | hold READER\n", stderr);
  return 2;
}
