// The hello card in C++, through the C interface.
#include <winscard.h>

#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void check(const char* call, LONG rv) {
  if (rv != SCARD_S_SUCCESS) {
    throw std::runtime_error(std::string(call) + ": " + pcsc_stringify_error(rv));
  }
}

class Context {
 public:
  Context() {
    check("SCardEstablishContext",
          SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_));
  }
  ~Context() { SCardReleaseContext(context_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] SCARDCONTEXT get() const { return context_; }

  [[nodiscard]] std::string first_reader() const {
    DWORD length = 0;
    check("SCardListReaders", SCardListReaders(context_, nullptr, nullptr, &length));
    std::string names(length, '\0');
    check("SCardListReaders", SCardListReaders(context_, nullptr, names.data(), &length));
    return names.c_str();
  }

 private:
  SCARDCONTEXT context_ = 0;
};

class Card {
 public:
  Card(const Context& context, const std::string& reader) {
    check("SCardConnect", SCardConnect(context.get(), reader.c_str(), SCARD_SHARE_SHARED,
                                       SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card_, &protocol_));
  }
  ~Card() { SCardDisconnect(card_, SCARD_LEAVE_CARD); }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  [[nodiscard]] std::vector<BYTE> transmit(std::span<const BYTE> command) const {
    std::vector<BYTE> response(MAX_BUFFER_SIZE);
    DWORD length = response.size();
    check("SCardTransmit",
          SCardTransmit(card_, protocol_ == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0,
                        command.data(), command.size(), nullptr, response.data(), &length));
    response.resize(length);
    return response;
  }

 private:
  SCARDHANDLE card_ = 0;
  DWORD protocol_ = 0;
};

void print_hex(const std::vector<BYTE>& bytes) {
  const char* separator = "";
  for (const BYTE byte : bytes) {
    std::printf("%s%02X", separator, byte);
    separator = " ";
  }
  std::printf("\n");
}

}  // namespace

int main() {
  const std::vector<BYTE> select = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                    0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
  const std::vector<BYTE> hello = {0x00, 0x00, 0x00, 0x00};
  try {
    const Context context;
    const Card card(context, context.first_reader());
    print_hex(card.transmit(select));
    const auto response = card.transmit(hello);
    print_hex(response);
    std::printf("%s\n", std::string(response.begin(), response.end() - 2).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
