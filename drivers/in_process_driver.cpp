#include "drivers/in_process_driver.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <limits>
#include <utility>

#include "base/log.hpp"

namespace cardea {
namespace {

constexpr DWORD kPciRaw = 4;
/// Handlers get 33 as room for an ATR; the rest catches those that write more.
constexpr std::size_t kAtrScratchBytes = 264;

/// The API takes pointers to non-const for what it only reads, and some handlers look at the
/// pointer before the length, so it is never null.
PUCHAR input(std::span<const std::byte> bytes) {
  static UCHAR nothing = 0;
  if (bytes.empty()) return &nothing;
  return reinterpret_cast<PUCHAR>(const_cast<std::byte*>(bytes.data()));
}

PUCHAR output(std::span<std::byte> bytes) { return input(bytes); }

DWORD power_action_number(PowerAction action) {
  switch (action) {
    case PowerAction::up:
      return IFD_POWER_UP;
    case PowerAction::reset:
      return IFD_RESET;
    case PowerAction::down:
      break;
  }
  return IFD_POWER_DOWN;
}

}  // namespace

template <typename Call>
IfdRv InProcessDriver::guarded(const char* function, const Call& call) noexcept {
  try {
    return IfdRv{call()};
  } catch (const std::exception& e) {
    report_exception(function, e.what());
  } catch (...) {
    report_exception(function, "of an unknown type");
  }
  return IfdRv::communication_error;
}

void InProcessDriver::report_exception(const char* function, const char* what) noexcept {
  const bool first = !exception_reported_.exchange(true);
  log::write(first ? log::Level::error : log::Level::debug,
             std::string("reader driver ") + log::escape(library_->path()) +
                 " threw an exception in " + function + ": " + log::escape(what) +
                 "; taken as a communication error",
             {{"LUN", std::to_string(lun_)}}, log::Event::driver_exception);
}

Result<std::unique_ptr<InProcessDriver>> InProcessDriver::create(
    std::shared_ptr<const IfdLibrary> library, std::uint32_t lun, const std::string& device_name,
    std::uint32_t channel) {
  std::unique_ptr<InProcessDriver> driver(new InProcessDriver(std::move(library), lun));
  const IfdRv rv = driver->open(device_name, channel);
  if (rv != IfdRv::success) {
    const ScardRv code =
        rv == IfdRv::no_such_device ? ScardRv::unknown_reader : ScardRv::invalid_target;
    return failure(code, "reader driver " + log::escape(driver->library_->path()) +
                             " cannot open device \"" + log::escape(device_name) + "\", channel " +
                             std::to_string(channel) + ": " + to_string(rv));
  }
  driver->poll_ = driver->function_capability<PollFunction>(TAG_IFD_POLLING_THREAD_WITH_TIMEOUT);
  if (driver->poll_ != nullptr) {
    driver->stop_ = driver->function_capability<StopFunction>(TAG_IFD_STOP_POLLING_THREAD);
  }
  return driver;
}

InProcessDriver::~InProcessDriver() {
  // Nothing can be done about a failure: the channel is given up either way.
  if (open_) {
    const MutexLock lock(library_->channels());
    guarded("IFDHCloseChannel", [this] { return library_->functions().close_channel(lun_); });
  }
}

IfdRv InProcessDriver::open(const std::string& device_name, std::uint32_t channel) {
  const IfdFunctions& f = library_->functions();
  const MutexLock lock(library_->channels());
  IfdRv rv = IfdRv::success;
  if (!is_version_2() && !device_name.empty()) {
    std::string name = device_name;  // the API wants a char* it might write to
    rv = guarded("IFDHCreateChannelByName",
                 [&] { return f.create_channel_by_name(lun_, name.data()); });
  } else {
    rv = guarded("IFDHCreateChannel", [&] { return f.create_channel(lun_, channel); });
  }
  open_ = rv == IfdRv::success;
  return rv;
}

template <typename Function>
Function InProcessDriver::function_capability(std::uint32_t tag) {
  std::array<std::byte, sizeof(Function)> value{};
  std::size_t length = 0;
  // Success with length 0 is how many drivers say no.
  if (get_capability(tag, value, length) != IfdRv::success || length != sizeof(Function)) {
    return nullptr;
  }
  Function function = nullptr;
  std::memcpy(&function, value.data(), sizeof function);
  return function;
}

IfdRv InProcessDriver::presence() {
  return guarded("IFDHICCPresence", [this] { return library_->functions().icc_presence(lun_); });
}

IfdRv InProcessDriver::power(PowerAction action, AtrBytes& atr) {
  std::array<UCHAR, kAtrScratchBytes> scratch{};
  DWORD length = MAX_ATR_SIZE;
  const IfdRv rv = guarded("IFDHPowerICC", [&] {
    return library_->functions().power_icc(lun_, power_action_number(action), scratch.data(),
                                           &length);
  });
  atr = AtrBytes{};
  if (rv == IfdRv::success && action != PowerAction::down) {
    atr.length = std::min<std::size_t>(length, atr.bytes.size());
    std::copy_n(scratch.begin(), atr.length, atr.bytes.begin());
  }
  return rv;
}

IfdRv InProcessDriver::set_protocol(std::uint32_t protocol) {
  const auto function = library_->functions().set_protocol_parameters;
  // A failed negotiation is what the daemon must make of a driver that cannot negotiate.
  if (function == nullptr) return IfdRv::pts_failure;
  return guarded("IFDHSetProtocolParameters", [&] { return function(lun_, protocol, 0, 0, 0, 0); });
}

IfdRv InProcessDriver::transmit(IfdPci send_pci, std::span<const std::byte> command,
                                std::span<std::byte> response, std::size_t& received,
                                IfdPci& recv_pci) {
  if (is_version_2() && send_pci.protocol == kPciRaw) {
    return control_2(command, response, received);
  }
  const SCARD_IO_HEADER send{send_pci.protocol, send_pci.length};
  SCARD_IO_HEADER recv{recv_pci.protocol, recv_pci.length};
  DWORD length = response.size();
  const IfdRv rv = guarded("IFDHTransmitToICC", [&] {
    return library_->functions().transmit_to_icc(lun_, send, input(command), command.size(),
                                                 output(response), &length, &recv);
  });
  received = rv == IfdRv::success ? length : 0;
  recv_pci = {recv.Protocol, recv.Length};
  return rv;
}

IfdRv InProcessDriver::control(std::uint32_t code, std::span<const std::byte> command,
                               std::span<std::byte> response, std::size_t& returned) {
  DWORD length = 0;
  IfdRv rv = IfdRv::success;
  if (is_version_2()) {
    std::size_t received = 0;
    rv = control_2(command, response, received);
    length = received;
  } else {
    rv = guarded("IFDHControl", [&] {
      return library_->functions().control(lun_, code, input(command), command.size(),
                                           output(response), response.size(), &length);
    });
  }
  if (rv == IfdRv::success && length > response.size()) rv = IfdRv::insufficient_buffer;
  returned = rv == IfdRv::success ? length : 0;
  return rv;
}

IfdRv InProcessDriver::control_2(std::span<const std::byte> command, std::span<std::byte> response,
                                 std::size_t& returned) {
  returned = 0;
  if (command.empty()) return IfdRv::communication_error;
  DWORD length = response.size();
  const IfdRv rv = guarded("IFDHControl", [&] {
    return library_->functions().control_2(lun_, input(command), command.size(), output(response),
                                           &length);
  });
  if (rv == IfdRv::success) returned = length;
  return rv;
}

IfdRv InProcessDriver::get_capability(std::uint32_t tag, std::span<std::byte> value,
                                      std::size_t& length) {
  // A private, cleared buffer: handlers that ignore the room do no harm, and bytes they claim but
  // never wrote are zero.
  std::array<UCHAR, kIfdCapabilityBytesMax> scratch{};
  const std::size_t room = std::min(value.size(), scratch.size());
  DWORD claimed = room;
  IfdRv rv = guarded("IFDHGetCapabilities", [&] {
    return library_->functions().get_capabilities(lun_, tag, &claimed, scratch.data());
  });
  if (rv == IfdRv::success && claimed > room) rv = IfdRv::insufficient_buffer;
  length = rv == IfdRv::success || rv == IfdRv::insufficient_buffer ? claimed : 0;
  if (rv == IfdRv::success && length > 0) std::memcpy(value.data(), scratch.data(), length);
  return rv;
}

IfdRv InProcessDriver::set_capability(std::uint32_t tag, std::span<const std::byte> value) {
  return guarded("IFDHSetCapabilities", [&] {
    return library_->functions().set_capabilities(lun_, tag, value.size(), input(value));
  });
}

IfdRv InProcessDriver::wait_event(milliseconds timeout) {
  if (poll_ == nullptr) return IfdRv::not_supported;
  const auto bounded =
      std::clamp<milliseconds::rep>(timeout.count(), 0, std::numeric_limits<int>::max());
  return guarded("the polling function", [&] { return poll_(lun_, static_cast<int>(bounded)); });
}

bool InProcessDriver::stop_waiting() {
  if (stop_ == nullptr) return false;
  // The result carries nothing: the wait ends or it runs into its timeout.
  guarded("the stop function", [this] { return stop_(lun_); });
  return true;
}

bool InProcessDriver::is_version_2() const {
  return library_->version() == IfdLibrary::Version::v2;
}

}  // namespace cardea
