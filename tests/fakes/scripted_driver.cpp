#include "tests/fakes/scripted_driver.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

namespace cardea {
namespace {

std::string to_hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02X", std::to_integer<unsigned>(byte));
    text += hex;
  }
  return text;
}

std::string to_hex(std::uint32_t value, int digits) {
  char hex[9];
  std::snprintf(hex, sizeof hex, "%0*X", digits, value);
  return hex;
}

std::string power_line(PowerAction action) {
  if (action == PowerAction::up) return "power up";
  return action == PowerAction::down ? "power down" : "power reset";
}

/// Copies what fits; returns the full length.
std::size_t copy_out(const DriverScript::Bytes& from, std::span<std::byte> to) {
  const std::size_t count = std::min(from.size(), to.size());
  if (count > 0) std::memcpy(to.data(), from.data(), count);
  return from.size();
}

}  // namespace

ScriptedDriver::~ScriptedDriver() {
  const MutexLock lock(script_->mutex_);
  script_->record("close");
}

IfdRv ScriptedDriver::presence() {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::presence, "presence");
  const bool present = script.card_ != DriverScript::Card::none;
  return script.result_of(DriverCall::presence,
                          present ? IfdRv::icc_present : IfdRv::icc_not_present);
}

IfdRv ScriptedDriver::power(PowerAction action, AtrBytes& atr) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::power, power_line(action));
  atr = AtrBytes{};
  IfdRv rv = IfdRv::success;
  if (action != PowerAction::down && script.card_ != DriverScript::Card::good) {
    rv =
        script.card_ == DriverScript::Card::none ? IfdRv::communication_error : IfdRv::power_action;
  }
  rv = script.result_of(DriverCall::power, rv);
  if (rv != IfdRv::success) return rv;
  script.powered_ = action != PowerAction::down;
  if (script.powered_) {
    atr.length = std::min(script.atr_.size(), atr.bytes.size());
    std::copy_n(script.atr_.begin(), atr.length, atr.bytes.begin());
  }
  return rv;
}

IfdRv ScriptedDriver::set_protocol(std::uint32_t protocol) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::set_protocol, "set_protocol " + std::to_string(protocol));
  return script.result_of(DriverCall::set_protocol,
                          script.powered_ ? IfdRv::success : IfdRv::communication_error);
}

IfdRv ScriptedDriver::transmit(IfdPci send_pci, std::span<const std::byte> command,
                               std::span<std::byte> response, std::size_t& received, IfdPci&) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::transmit,
               "transmit " + std::to_string(send_pci.protocol) + " " + to_hex(command));
  received = 0;
  IfdRv rv = script.powered_ ? IfdRv::success : IfdRv::communication_error;
  if (script.card_ == DriverScript::Card::none) rv = IfdRv::icc_not_present;
  rv = script.result_of(DriverCall::transmit, rv);
  if (rv != IfdRv::success) return rv;
  DriverScript::Bytes answer{0x90, 0x00};
  (void)script.take_response(DriverCall::transmit, answer);  // else the answer above
  received = copy_out(answer, response);
  return rv;
}

IfdRv ScriptedDriver::control(std::uint32_t code, std::span<const std::byte> command,
                              std::span<std::byte> response, std::size_t& returned) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::control, "control " + to_hex(code, 8) + " " + to_hex(command));
  returned = 0;
  DriverScript::Bytes answer;
  const bool queued = script.take_response(DriverCall::control, answer);
  IfdRv rv =
      script.result_of(DriverCall::control, queued ? IfdRv::success : IfdRv::error_not_supported);
  if (rv == IfdRv::success && answer.size() > response.size()) rv = IfdRv::insufficient_buffer;
  if (rv == IfdRv::success) returned = copy_out(answer, response);
  return rv;
}

IfdRv ScriptedDriver::get_capability(std::uint32_t tag, std::span<std::byte> value,
                                     std::size_t& length) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::get_capability, "get_capability " + to_hex(tag, 4));
  length = 0;
  const auto found = script.capabilities_.find(tag);
  const bool known = found != script.capabilities_.end();
  IfdRv rv = script.result_of(DriverCall::get_capability, known ? IfdRv::success : IfdRv::tag);
  if (rv != IfdRv::success || !known) return rv;
  length = found->second.size();
  if (length > value.size()) return IfdRv::insufficient_buffer;
  (void)copy_out(found->second, value);  // the length is known
  return rv;
}

IfdRv ScriptedDriver::set_capability(std::uint32_t tag, std::span<const std::byte> value) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::set_capability,
               "set_capability " + to_hex(tag, 4) + " " + to_hex(value));
  return script.result_of(DriverCall::set_capability, IfdRv::success);
}

IfdRv ScriptedDriver::wait_event(milliseconds timeout) {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.enter(DriverCall::wait_event, "wait_event " + std::to_string(timeout.count()));
  const auto& queue = script.results_[DriverScript::index(DriverCall::wait_event)];
  while (!script.event_pending_ && queue.empty()) script.changed_.wait(script.mutex_);
  if (queue.empty()) script.event_pending_ = false;
  return script.result_of(DriverCall::wait_event, IfdRv::success);
}

bool ScriptedDriver::stop_waiting() {
  DriverScript& script = *script_;
  const MutexLock lock(script.mutex_);
  script.record("stop_waiting");
  if (!options_.can_stop_waiting) return false;
  script.event_pending_ = true;
  script.changed_.notify_all();
  return true;
}

}  // namespace cardea
