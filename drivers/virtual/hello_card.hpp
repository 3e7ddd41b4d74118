// The built-in card: the "Hello world!" applet that sample programs expect, and a few commands
// that make a daemon work hard (long responses, delays, counters, echo). doc/virtual-reader.md
// lists them. Owned by a slot; threads as VirtualCard says.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "drivers/virtual/apdu.hpp"
#include "drivers/virtual/atr.hpp"
#include "drivers/virtual/virtual_card.hpp"

namespace cardea::virtual_reader {

class HelloCard final : public VirtualCard {
 public:
  explicit HelloCard(AtrKind atr) : atr_(atr_of(atr)) {}

  [[nodiscard]] std::string_view kind() const noexcept override { return "hello"; }
  [[nodiscard]] Bytes atr() const override { return atr_; }
  RESPONSECODE power_up() override;
  RESPONSECODE reset() override;
  void power_down() override {}
  RESPONSECODE transmit(ByteView command, Bytes& response) override;
  void remove() noexcept override EXCLUDES(mutex_);

 private:
  RESPONSECODE run_system_class(const CommandApdu& apdu, Bytes& response);
  RESPONSECODE run_test_class(const CommandApdu& apdu, Bytes& response);
  RESPONSECODE select(const CommandApdu& apdu, Bytes& response);
  RESPONSECODE greet(const CommandApdu& apdu, Bytes& response) const;
  RESPONSECODE verify(const CommandApdu& apdu, Bytes& response);
  RESPONSECODE wait(milliseconds delay, Bytes& response) EXCLUDES(mutex_);

  const Bytes atr_;
  bool selected_ = false;
  bool verified_ = false;     ///< the PIN
  std::uint32_t starts_ = 0;  ///< power-ups and resets since insertion

  Mutex mutex_;
  CondVar removal_;
  bool removed_ GUARDED_BY(mutex_) = false;
};

}  // namespace cardea::virtual_reader
