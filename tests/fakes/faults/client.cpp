// faults-client KIND ERRNO: a program whose calls of libpcsclite meet faults, one after the other.
//
// Runs the life of a context again and again; each time the next call of KIND that the library
// makes fails, until a life makes no such call that is left. Every call has to return one of the
// codes below, the life after it has to go well, and at the end no descriptor may be left. Prints
// the number of lives. Runs with the faults library; tests/system/library_faults_test.py does that.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <reader.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winscard.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>

#include "tests/fakes/faults/control.hpp"

namespace {

using cardea::faults::Control;

constexpr const char* kReader = "Cardea Virtual Reader 00 00";
constexpr DWORD kProtocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;
constexpr DWORD kNoChangeMs = 5;
constexpr int kTriesMax = 200;
constexpr int kTryPauseMs = 10;
constexpr unsigned kLivesMax = 10'000;

// What a program is told when the library has no memory or no daemon any more.
const std::set<LONG> kCodes{SCARD_S_SUCCESS,    SCARD_E_NO_MEMORY,       SCARD_F_COMM_ERROR,
                            SCARD_E_NO_SERVICE, SCARD_E_SERVICE_STOPPED, SCARD_E_INVALID_HANDLE,
                            SCARD_W_RESET_CARD};

bool g_all_well = true;

[[noreturn]] void fail(const char* what, LONG rv) {
  std::fprintf(stderr, "%s: %#lx\n", what, static_cast<unsigned long>(rv));
  std::exit(1);
}

bool is_well(const char* what, LONG rv) {
  if (kCodes.count(rv) == 0) fail(what, rv);
  g_all_well = g_all_well && rv == SCARD_S_SUCCESS;
  return rv == SCARD_S_SUCCESS;
}

void use_card(SCARDHANDLE card) {
  if (is_well("BeginTransaction", SCardBeginTransaction(card))) {
    const BYTE select[] = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                           0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
    BYTE answer[300];
    DWORD length = sizeof answer;
    if (is_well("Transmit", SCardTransmit(card, SCARD_PCI_T1, select, sizeof select, nullptr,
                                          answer, &length)) &&
        (length != 2 || answer[0] != 0x90)) {
      fail("Transmit gave a wrong answer", 0);
    }
    is_well("EndTransaction", SCardEndTransaction(card, SCARD_LEAVE_CARD));
  }
  LPSTR name = nullptr;
  DWORD name_length = SCARD_AUTOALLOCATE;
  LPBYTE atr = nullptr;
  DWORD atr_length = SCARD_AUTOALLOCATE;
  DWORD state = 0;
  DWORD protocol = 0;
  if (is_well("Status", SCardStatus(card, reinterpret_cast<LPSTR>(&name), &name_length, &state,
                                    &protocol, reinterpret_cast<LPBYTE>(&atr), &atr_length))) {
    if (std::strstr(name, "Virtual") == nullptr || atr_length == 0) fail("Status is wrong", 0);
    (void)SCardFreeMemory(0, name);
    (void)SCardFreeMemory(0, atr);
  }
  LPBYTE attribute = nullptr;
  DWORD attribute_length = SCARD_AUTOALLOCATE;
  if (is_well("GetAttrib",
              SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, reinterpret_cast<LPBYTE>(&attribute),
                             &attribute_length))) {
    (void)SCardFreeMemory(0, attribute);
  }
}

/// A connection that failed holds no card, whatever the daemon had done when it failed.
void expect_free_card() {
  SCARDCONTEXT other = 0;
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &other);
  // The daemon needs a moment to see that a connection has ended.
  for (int tries = 0; rv == SCARD_S_SUCCESS && tries < kTriesMax; ++tries) {
    rv = SCardConnect(other, kReader, SCARD_SHARE_EXCLUSIVE, kProtocols, &card, &protocol);
    if (rv != SCARD_E_SHARING_VIOLATION) break;
    (void)::poll(nullptr, 0, kTryPauseMs);
  }
  if (rv != SCARD_S_SUCCESS) fail("the card of a failed connection", rv);
  (void)SCardReleaseContext(other);
}

void use_context(SCARDCONTEXT context) {
  LPSTR readers = nullptr;
  DWORD length = SCARD_AUTOALLOCATE;
  // What went wrong before does not keep the program from going on.
  const bool listed =
      is_well("ListReaders",
              SCardListReaders(context, nullptr, reinterpret_cast<LPSTR>(&readers), &length));
  const char* reader = listed ? readers : kReader;
  if (std::strcmp(reader, kReader) != 0) fail("ListReaders is wrong", 0);
  SCARD_READERSTATE state{};
  state.szReader = reader;
  is_well("GetStatusChange", SCardGetStatusChange(context, INFINITE, &state, 1));
  state.dwCurrentState = state.dwEventState;
  const LONG unchanged = SCardGetStatusChange(context, kNoChangeMs, &state, 1);
  if (unchanged != SCARD_E_TIMEOUT) is_well("GetStatusChange without a change", unchanged);
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  const LONG connected =
      SCardConnect(context, reader, SCARD_SHARE_EXCLUSIVE, kProtocols, &card, &protocol);
  if (is_well("Connect", connected)) {
    use_card(card);
    is_well("Disconnect", SCardDisconnect(card, SCARD_LEAVE_CARD));
  } else {
    expect_free_card();
  }
  if (listed) (void)SCardFreeMemory(context, readers);
}

/// True if every call succeeded.
bool live() {
  g_all_well = true;
  SCARDCONTEXT context = 0;
  if (is_well("EstablishContext",
              SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context))) {
    use_context(context);
    is_well("ReleaseContext", SCardReleaseContext(context));
  }
  return g_all_well;
}

int open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  int count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

Control* attach() {
  const char* path = std::getenv("CARDEA_FAULTS");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* memory = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Control*>(memory);
}

}  // namespace

int main(int argc, char* argv[]) {
  Control* control = attach();
  if (argc != 3 || control == nullptr) return 2;
  const unsigned kind = static_cast<unsigned>(std::atoi(argv[1]));
  if (!live()) fail("no daemon without faults", 0);
  const int descriptors = open_descriptors();
  for (unsigned skip = 0; skip < kLivesMax; ++skip) {
    control->error = static_cast<unsigned>(std::atoi(argv[2]));
    control->skip = skip;
    control->count = 1;
    control->seen = 0;
    control->failed = 0;
    control->kinds = 1U << kind;
    const bool went_well = live();
    control->kinds = 0;
    if (!live()) fail("the life after it", static_cast<LONG>(skip));
    if (open_descriptors() != descriptors) fail("descriptors are left", static_cast<LONG>(skip));
    if (control->failed != 0) continue;
    if (!went_well) fail("nothing failed, and yet the life did", static_cast<LONG>(skip));
    std::printf("%u lives\n", skip);
    return 0;
  }
  fail("too many calls", 0);
}
