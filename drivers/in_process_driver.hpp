// IfdDriver on an IFD handler library loaded into this process: one object is one open channel
// (one LUN). It shields the daemon from what handlers get wrong: lengths beyond the buffer, C++
// exceptions, oversized ATRs. A handler that writes past the room it was given or crashes takes
// the daemon with it. Threads: as IfdDriver.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "drivers/ifd_driver.hpp"
#include "drivers/ifd_library.hpp"

namespace cardea {

/// Room that handlers expect for the answers of transmit() and control(), whatever the client
/// asked for: an extended APDU with all its lengths and SW (MAX_BUFFER_SIZE_EXTENDED).
inline constexpr std::size_t kIfdResponseBytes = 65548;

/// The longest attribute a handler may return (MAX_BUFFER_SIZE).
inline constexpr std::size_t kIfdCapabilityBytesMax = 264;

class InProcessDriver final : public IfdDriver {
 public:
  /// Opens a channel: by name if the handler is 3.0 and `device_name` is not empty, by number
  /// otherwise. Then asks for its polling and stop functions, once, because stop_waiting() must
  /// not enter the handler's other functions while a wait runs.
  /// Errors: unknown_reader if the handler says "no such device" (not a fault: interfaces of
  /// composite devices are skipped that way), else invalid_target.
  static Result<std::unique_ptr<InProcessDriver>> create(std::shared_ptr<const IfdLibrary> library,
                                                         std::uint32_t lun,
                                                         const std::string& device_name,
                                                         std::uint32_t channel);
  ~InProcessDriver() override;

  IfdRv presence() override;
  IfdRv power(PowerAction action, AtrBytes& atr) override;
  IfdRv set_protocol(std::uint32_t protocol) override;
  IfdRv transmit(IfdPci send_pci, std::span<const std::byte> command, std::span<std::byte> response,
                 std::size_t& received, IfdPci& recv_pci) override;
  IfdRv control(std::uint32_t code, std::span<const std::byte> command,
                std::span<std::byte> response, std::size_t& returned) override;
  IfdRv get_capability(std::uint32_t tag, std::span<std::byte> value, std::size_t& length) override;
  IfdRv set_capability(std::uint32_t tag, std::span<const std::byte> value) override;
  [[nodiscard]] bool has_wait_event() const override { return poll_ != nullptr; }
  IfdRv wait_event(milliseconds timeout) override;
  [[nodiscard]] bool can_stop_waiting() const override { return stop_ != nullptr; }
  bool stop_waiting() override;
  [[nodiscard]] bool is_version_2() const override;

 private:
  using PollFunction = RESPONSECODE (*)(DWORD lun, int timeout_ms);
  using StopFunction = RESPONSECODE (*)(DWORD lun);

  InProcessDriver(std::shared_ptr<const IfdLibrary> library, std::uint32_t lun)
      : library_(std::move(library)), lun_(lun) {}

  /// Runs one handler function; an exception becomes communication_error and a log line (the
  /// first of this channel as an error, later ones as debug: pollers repeat themselves).
  template <typename Call>
  IfdRv guarded(const char* function, const Call& call) noexcept;
  void report_exception(const char* function, const char* what) noexcept;

  IfdRv open(const std::string& device_name, std::uint32_t channel);
  template <typename Function>
  Function function_capability(std::uint32_t tag);
  IfdRv control_2(std::span<const std::byte> command, std::span<std::byte> response,
                  std::size_t& returned);

  const std::shared_ptr<const IfdLibrary> library_;
  const DWORD lun_;
  bool open_ = false;
  PollFunction poll_ = nullptr;
  StopFunction stop_ = nullptr;
  std::atomic<bool> exception_reported_{false};
};

}  // namespace cardea
