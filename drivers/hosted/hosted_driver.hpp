// IfdDriver on a handler library in a process of its own: one object is one open channel (one LUN).
// After the process is lost every call answers no_such_device at once. A call that does not end
// within its limit costs the process its life. Threads: as IfdDriver.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "drivers/hosted/driver_host.hpp"
#include "drivers/ifd_driver.hpp"

namespace cardea {

class HostedDriver final : public IfdDriver {
 public:
  /// Opens a channel, as InProcessDriver::create() does, with its errors; reader_unavailable if the
  /// host did not survive it.
  static Result<std::unique_ptr<HostedDriver>> create(std::shared_ptr<DriverHost> host,
                                                      std::uint32_t lun,
                                                      const std::string& device_name,
                                                      std::uint32_t channel);
  ~HostedDriver() override;

  IfdRv presence() override;
  IfdRv power(PowerAction action, AtrBytes& atr) override;
  IfdRv set_protocol(std::uint32_t protocol) override;
  IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command, std::span<std::byte> response,
                 std::size_t& received, IfdPci& recv_pci) override;
  IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                std::span<std::byte> response, std::size_t& returned) override;
  IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value, std::size_t& length) override;
  IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) override;
  [[nodiscard]] bool has_wait_event() const override;
  /// Waits for kHostedWaitMax at most.
  IfdRv wait_event(milliseconds timeout) override;
  [[nodiscard]] bool can_stop_waiting() const override;
  bool stop_waiting() override EXCLUDES(mutex_);
  [[nodiscard]] bool is_version_2() const override;

 private:
  HostedDriver(std::shared_ptr<DriverHost> host, DriverHost::SlotSockets sockets, std::uint32_t lun)
      : host_(std::move(host)), sockets_(std::move(sockets)), lun_(lun) {}

  Result<void> open(const std::string& device_name, std::uint32_t channel);
  /// Fills in number and LUN, and sends.
  std::optional<host_wire::Reply> call(DriverHost::Call call);
  /// For calls that move no bytes.
  IfdRv simple(host_wire::Kind kind, std::uint32_t argument, milliseconds limit, const char* name);

  const std::shared_ptr<DriverHost> host_;
  const DriverHost::SlotSockets sockets_;
  const std::uint32_t lun_;
  bool open_ = false;
  std::uint32_t flags_ = 0;
  std::uint32_t last_call_ = 0;  ///< of the thread that calls
  std::uint32_t last_wait_ = 0;  ///< of the thread that waits
  Mutex mutex_;
  /// When the wait that does not end was first stopped.
  std::optional<TimePoint> stopped_ GUARDED_BY(mutex_);
};

}  // namespace cardea
