// Whatever a daemon answers: a program that uses the client library gets results that its buffers
// hold, and is never left waiting. The input decides what is called and what the daemon says.
#include <reader.h>
#include <winscard.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "libpcsclite/functions.hpp"
#include "libpcsclite/library.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/library/lying_daemon.hpp"

namespace {

using cardea::fuzz::Input;

constexpr int kCallsMax = 40;

class Program {
 public:
  explicit Program(Input& input) : input_(input) {}

  void run() {
    if (cardea::scard_establish_context(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_) !=
        SCARD_S_SUCCESS) {
      return;
    }
    for (int calls = 0; calls < kCallsMax && !input_.used_up(); ++calls) call(input_.below(14));
    (void)cardea::scard_release_context(context_);  // the daemon may say anything
  }

 private:
  void call(unsigned what) {
    switch (what) {
      case 0:
        return list_readers();
      case 1:
        return wait_for_changes();
      case 2:
      case 3:
        rv_ = cardea::scard_connect(context_, "R", SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &card_,
                                    &protocol_);
        return;
      case 4:
        rv_ = cardea::scard_reconnect(card_, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY,
                                      SCARD_LEAVE_CARD, &protocol_);
        return;
      case 5:
        rv_ = cardea::scard_begin_transaction(card_);
        return;
      case 6:
        rv_ = cardea::scard_end_transaction(card_, SCARD_LEAVE_CARD);
        return;
      case 7:
        return status();
      case 8:
        return control();
      case 9:
        return get_attribute();
      case 10:
        rv_ = cardea::scard_set_attrib(card_, SCARD_ATTR_VENDOR_NAME, kBytes.data(), 4);
        return;
      case 11:
        rv_ = cardea::scard_disconnect(card_, SCARD_LEAVE_CARD);
        return;
      case 12:
        rv_ = cardea::scard_cancel(context_);
        return;
      default:
        return transmit();
    }
  }

  void list_readers() {
    DWORD length = 0;
    if (cardea::scard_list_readers(context_, nullptr, nullptr, &length) != SCARD_S_SUCCESS) return;
    std::vector<char> names(length);
    DWORD room = length;
    rv_ = cardea::scard_list_readers(context_, nullptr, names.data(), &room);
    if (rv_ != SCARD_S_SUCCESS) return;
    CARDEA_ASSERT(room >= 1 && room <= names.size() && names[room - 1] == '\0');
    LPSTR allocated = nullptr;
    room = SCARD_AUTOALLOCATE;
    if (cardea::scard_list_readers(context_, nullptr, reinterpret_cast<LPSTR>(&allocated), &room) ==
        SCARD_S_SUCCESS) {
      CARDEA_ASSERT(allocated != nullptr && allocated[room - 1] == '\0');
      CARDEA_ASSERT(cardea::scard_free_memory(context_, allocated) == SCARD_S_SUCCESS);
    }
  }

  void wait_for_changes() {
    std::array<SCARD_READERSTATE, 2> states{};
    states[0].szReader = "R";
    states[1].szReader = "\\\\?PnP?\\Notification";
    for (auto& state : states) state.dwCurrentState = input_.byte();
    const DWORD timeout_ms = input_.below(2) != 0 ? INFINITE : 0;
    rv_ = cardea::scard_get_status_change(context_, timeout_ms, states.data(), states.size());
    for (const auto& state : states) CARDEA_ASSERT(state.cbAtr <= sizeof state.rgbAtr);
  }

  void status() {
    std::vector<char> name(input_.byte());
    std::vector<BYTE> atr(input_.below(40));
    DWORD name_bytes = name.size();
    DWORD atr_bytes = atr.size();
    DWORD state = 0;
    rv_ = cardea::scard_status(card_, name.data(), &name_bytes, &state, &protocol_, atr.data(),
                               &atr_bytes);
    if (rv_ != SCARD_S_SUCCESS) return;
    CARDEA_ASSERT(name.empty() || name_bytes <= name.size());
    CARDEA_ASSERT(atr.empty() || atr_bytes <= atr.size());
  }

  void transmit() {
    std::vector<BYTE> answer(1U + input_.byte());
    DWORD length = answer.size();
    SCARD_IO_REQUEST received{};
    rv_ = cardea::scard_transmit(card_, SCARD_PCI_T1, kBytes.data(), kBytes.size(), &received,
                                 answer.data(), &length);
    if (rv_ == SCARD_S_SUCCESS) CARDEA_ASSERT(length <= answer.size());
  }

  void control() {
    std::vector<BYTE> answer(1U + input_.byte());
    DWORD length = 0;
    rv_ = cardea::scard_control(card_, SCARD_CTL_CODE(3400), kBytes.data(), 2, answer.data(),
                                answer.size(), &length);
    if (rv_ == SCARD_S_SUCCESS) CARDEA_ASSERT(length <= answer.size());
  }

  void get_attribute() {
    // No buffer at all would be the question how long it is.
    std::vector<BYTE> value(1U + input_.byte());
    DWORD length = value.size();
    rv_ = cardea::scard_get_attrib(card_, SCARD_ATTR_ATR_STRING, value.data(), &length);
    if (rv_ == SCARD_S_SUCCESS) CARDEA_ASSERT(length <= value.size());
  }

  static constexpr std::array<BYTE, 5> kBytes{0x00, 0xA4, 0x04, 0x00, 0x00};

  Input& input_;
  SCARDCONTEXT context_ = 0;
  SCARDHANDLE card_ = 0;
  DWORD protocol_ = 0;
  LONG rv_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  cardea::library().set_environment_for_test(
      {"/nowhere/socket", /*no_blocking=*/true, /*reattaches=*/false});
  cardea::library().agreed_version.forget();
  const cardea::fuzz::LyingDaemon daemon(input);
  Program(input).run();
  return 0;
}
