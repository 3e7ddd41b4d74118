/* Tries to open a context and prints whether the process has more rights than its user. */
#include <stdio.h>
#include <sys/auxv.h>
#include <winscard.h>

int main(void) {
  SCARDCONTEXT context = 0;
  if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) == SCARD_S_SUCCESS) {
    SCardReleaseContext(context);
  }
  printf("secure=%lu\n", getauxval(AT_SECURE));
  return 0;
}
