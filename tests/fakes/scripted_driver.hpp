// A reader driver that behaves as a DriverScript says. Owned by the code under test; the test
// keeps the script. Threads: as IfdDriver, and more calls at a time do no harm.
#pragma once

#include <memory>
#include <utility>

#include "drivers/ifd_driver.hpp"
#include "tests/fakes/driver_script.hpp"

namespace cardea {

struct ScriptedDriverOptions {
  bool has_wait_event = true;
  bool can_stop_waiting = true;
  bool is_version_2 = false;
};

class ScriptedDriver final : public IfdDriver {
 public:
  explicit ScriptedDriver(std::shared_ptr<DriverScript> script, ScriptedDriverOptions options = {})
      : script_(std::move(script)), options_(options) {}
  ~ScriptedDriver() override;

  IfdRv presence() override;
  IfdRv power(PowerAction action, AtrBytes& atr) override;
  IfdRv set_protocol(std::uint32_t protocol) override;
  IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command, std::span<std::byte> response,
                 std::size_t& received, IfdPci& recv_pci) override;
  IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                std::span<std::byte> response, std::size_t& returned) override;
  IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value, std::size_t& length) override;
  IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) override;
  [[nodiscard]] bool has_wait_event() const override { return options_.has_wait_event; }
  /// Ignores the timeout: the test decides when the time is over (signal_event()).
  IfdRv wait_event(milliseconds timeout) override;
  [[nodiscard]] bool can_stop_waiting() const override { return options_.can_stop_waiting; }
  bool stop_waiting() override;
  [[nodiscard]] bool is_version_2() const override { return options_.is_version_2; }

 private:
  const std::shared_ptr<DriverScript> script_;
  const ScriptedDriverOptions options_;
};

}  // namespace cardea
