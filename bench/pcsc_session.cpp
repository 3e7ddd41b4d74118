// PC/SC through whichever libpcsclite.so.1 the dynamic linker found (LD_LIBRARY_PATH decides).
// Only the public API is used, so any library and daemon can be measured. One thread per session.
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>
#include <winscard.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/scard_rv.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"
#include "bench/session.hpp"

namespace cardea::bench {
namespace {

constexpr std::size_t kNamesBytesMax = 64 * 1024;
constexpr auto kReadersAwaitedMax = std::chrono::seconds(10);
constexpr auto kReadersAwaitStep = std::chrono::milliseconds(5);

ScardRv code_of(LONG rv) { return static_cast<ScardRv>(rv); }

void check(LONG rv, const char* call) {
  if (code_of(rv) != ScardRv::success) fail(std::string(call) + ": " + pcsc_stringify_error(rv));
}

/// Names of all readers; empty if there is none yet.
std::vector<std::string> reader_names(SCARDCONTEXT context) {
  std::vector<char> names(kNamesBytesMax);
  DWORD bytes = names.size();
  const LONG rv = SCardListReaders(context, nullptr, names.data(), &bytes);
  if (code_of(rv) == ScardRv::no_readers_available) return {};
  check(rv, "SCardListReaders");
  std::vector<std::string> result;
  for (const char* name = names.data(); *name != '\0'; name += result.back().size() + 1) {
    result.emplace_back(name);
  }
  return result;
}

class PcscSession final : public Session {
 public:
  void establish() override {
    check(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_), "establish");
  }
  void release() override { check(SCardReleaseContext(context_), "SCardReleaseContext"); }

  void connect() override {
    find_reader();
    check(SCardConnect(context_, reader_.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card_,
                       &protocol_),
          "SCardConnect");
  }
  void disconnect() override { check(SCardDisconnect(card_, SCARD_LEAVE_CARD), "SCardDisconnect"); }
  void begin() override { check(SCardBeginTransaction(card_), "SCardBeginTransaction"); }
  void end() override {
    check(SCardEndTransaction(card_, SCARD_LEAVE_CARD), "SCardEndTransaction");
  }

  void transmit(std::span<const std::uint8_t> command, std::size_t response_bytes) override {
    const SCARD_IO_REQUEST* pci = protocol_ == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    DWORD received = response_.size();
    check(SCardTransmit(card_, pci, command.data(), command.size(), nullptr, response_.data(),
                        &received),
          "SCardTransmit");
    if (received != response_bytes || response_[received - 2] != 0x90) {
      fail("the card answered " + std::to_string(received) + " bytes or an error, expected " +
           std::to_string(response_bytes));
    }
  }
  void keep_busy(unsigned hold_ms) override {
    const std::array<std::uint8_t, 4> wait{0x80, 0x30, static_cast<std::uint8_t>(hold_ms >> 8),
                                           static_cast<std::uint8_t>(hold_ms & 0xFF)};
    transmit(wait, 2);
  }

  void status() override {
    std::array<char, MAX_READERNAME> name;
    std::array<BYTE, MAX_ATR_SIZE> atr;
    DWORD name_bytes = name.size();
    DWORD atr_bytes = atr.size();
    DWORD state = 0;
    DWORD protocol = 0;
    check(SCardStatus(card_, name.data(), &name_bytes, &state, &protocol, atr.data(), &atr_bytes),
          "SCardStatus");
  }
  void list() override {
    DWORD bytes = names_.size();
    check(SCardListReaders(context_, nullptr, names_.data(), &bytes), "SCardListReaders");
  }
  void poll_state() override {
    const LONG rv = change(0);
    if (code_of(rv) != ScardRv::timeout) check(rv, "SCardGetStatusChange");
  }
  void wait_card(bool present) override {
    const DWORD wanted = present ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY;
    do {
      check(change(INFINITE), "SCardGetStatusChange");
    } while ((state_.dwEventState & wanted) == 0);
  }

 private:
  void find_reader() {
    if (!reader_.empty()) return;
    const auto names = reader_names(context_);
    if (names.empty()) fail("no reader");
    reader_ = names.front();
  }

  LONG change(DWORD timeout_ms) {
    find_reader();
    state_.szReader = reader_.c_str();
    state_.dwCurrentState = state_.dwEventState;
    return SCardGetStatusChange(context_, timeout_ms, &state_, 1);
  }

  SCARDCONTEXT context_ = 0;
  SCARDHANDLE card_ = 0;
  DWORD protocol_ = 0;
  std::string reader_;
  SCARD_READERSTATE state_{};
  std::array<BYTE, MAX_BUFFER_SIZE_EXTENDED> response_{};
  std::array<char, kNamesBytesMax> names_{};
};

class VirtualCardMover final : public CardMover {
 public:
  explicit VirtualCardMover(const std::string& socket) {
    auto fd = connect_unix(socket);
    if (!fd) fail(fd.error().context);
    fd_ = std::move(*fd);
  }

  void move(bool present) override {
    const std::string_view command = present ? "insert 0\n" : "remove 0\n";
    if (::send(fd_.get(), command.data(), command.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(command.size())) {
      fail("control socket: send failed");
    }
    std::string answer;
    while (answer.empty() || answer.back() != '\n') {
      char character = 0;
      if (::recv(fd_.get(), &character, 1, 0) != 1) fail("control socket: no answer");
      answer += character;
    }
    if (!answer.starts_with("ok")) fail("control socket: " + answer);
  }

 private:
  UniqueFd fd_;
};

bool all_cards_answer(SCARDCONTEXT context, const std::vector<std::string>& names) {
  std::vector<SCARD_READERSTATE> states(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) states[i].szReader = names[i].c_str();
  check(SCardGetStatusChange(context, 0, states.data(), states.size()), "SCardGetStatusChange");
  for (const SCARD_READERSTATE& state : states) {
    if ((state.dwEventState & SCARD_STATE_PRESENT) == 0 || state.cbAtr == 0) return false;
  }
  return true;
}

const char* library_path() {
  Dl_info info{};
  void* const symbol = ::dlsym(RTLD_DEFAULT, "SCardEstablishContext");
  if (symbol == nullptr || ::dladdr(symbol, &info) == 0) fail("where is libpcsclite?");
  return info.dli_fname;
}

}  // namespace

std::unique_ptr<Session> make_pcsc_session() { return std::make_unique<PcscSession>(); }

std::unique_ptr<CardMover> make_virtual_card_mover(const std::string& control_socket) {
  return std::make_unique<VirtualCardMover>(control_socket);
}

void await_readers(std::size_t count) {
  SCARDCONTEXT context = 0;
  check(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context), "establish");
  const auto deadline = Clock::now() + kReadersAwaitedMax;
  for (;;) {
    const auto names = reader_names(context);
    if (names.size() == count && all_cards_answer(context, names)) break;
    if (Clock::now() >= deadline) fail("only " + std::to_string(names.size()) + " readers");
    std::this_thread::sleep_for(kReadersAwaitStep);  // pause: PC/SC cannot wait for a count
  }
  check(SCardReleaseContext(context), "SCardReleaseContext");
  std::printf("{\"readers\": %zu, \"library\": \"%s\"}\n", count, library_path());
}

}  // namespace cardea::bench
