#include "tests/fakes/usb/usb_device.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace cardea::usb_fake {
namespace {

constexpr std::size_t kSetupBytes = 8;
constexpr unsigned kDirectionIn = 0x80;
constexpr unsigned kStandardDeviceIn = 0x80;
constexpr unsigned kClassInterfaceIn = 0xA1;
constexpr unsigned kGetStatus = 0;
constexpr unsigned kGetDescriptor = 6;
constexpr unsigned kGetConfiguration = 8;
constexpr unsigned kGetInterface = 10;
constexpr unsigned kGetClocks = 2;
constexpr unsigned kGetDataRates = 3;
constexpr unsigned kDescriptorDevice = 1;
constexpr unsigned kDescriptorConfiguration = 2;
constexpr unsigned kDescriptorString = 3;

Bytes descriptor(const DeviceSpec& spec, unsigned type, unsigned index) {
  if (type == kDescriptorDevice) return device_descriptor(spec);
  if (type == kDescriptorConfiguration) return configuration_descriptor(spec);
  if (type == kDescriptorString) return string_descriptor(spec, index);
  return {};
}

/// What the device sends for a request to read; empty: it stalls.
Bytes control_answer(const DeviceSpec& spec, ByteView setup) {
  const unsigned type = setup[0];
  const unsigned request = setup[1];
  Bytes answer;
  if (type == kStandardDeviceIn && request == kGetDescriptor) {
    return descriptor(spec, setup[3], setup[2]);
  }
  if (type == kClassInterfaceIn && (request == kGetClocks || request == kGetDataRates)) {
    append_u32(answer, request == kGetClocks ? 4'000 : 10'752);
  } else if (request == kGetStatus) {
    append_u16(answer, 0);
  } else if (type == kStandardDeviceIn && request == kGetConfiguration) {
    answer.push_back(1);
  } else if (request == kGetInterface) {
    answer.push_back(0);
  }
  return answer;
}

void end(Urb& urb, int status, std::size_t length) {
  urb.status = status;
  urb.length = length;
}

}  // namespace

UsbDevice::UsbDevice(const DeviceSpec& spec) : spec_(spec), failing_claims_(spec.failing_claims) {
  for (unsigned i = 0; i < spec.interfaces.size(); ++i) {
    if (spec.interfaces[i].is_reader() && !spec.is_hub) functions_.try_emplace(i, spec);
  }
}

void UsbDevice::open(Handle handle) {
  const MutexLock lock(mutex_);
  handles_.try_emplace(handle);
  ++opens_;
}

void UsbDevice::close(Handle handle) {
  const MutexLock lock(mutex_);
  handles_.erase(handle);
  std::erase_if(owners_, [handle](const auto& owner) { return owner.second == handle; });
}

int UsbDevice::claim(Handle handle, unsigned interface) {
  const MutexLock lock(mutex_);
  ++claims_;
  if (gone_) return ENODEV;
  if (interface >= spec_.interfaces.size()) return EINVAL;
  if (failing_claims_ > 0) {
    --failing_claims_;
    return EBUSY;
  }
  const auto [owner, is_new] = owners_.try_emplace(interface, handle);
  return is_new || owner->second == handle ? 0 : EBUSY;
}

int UsbDevice::release(Handle handle, unsigned interface) {
  const MutexLock lock(mutex_);
  if (gone_) return ENODEV;
  const auto owner = owners_.find(interface);
  if (owner == owners_.end() || owner->second != handle) return EINVAL;
  owners_.erase(owner);
  return 0;
}

int UsbDevice::submit(Handle handle, Urb urb) {
  const MutexLock lock(mutex_);
  if (gone_) return ENODEV;
  Opened& opened = handles_[handle];
  if (opened.waiting.size() + opened.ended.size() == kUrbsMax) return ENOMEM;
  ++transfers_;
  if (urb.is_control) {
    run_control(urb);
    opened.ended.push_back(std::move(urb));
    return 0;
  }
  const std::optional<Endpoint> endpoint = endpoint_of(spec_, urb.endpoint);
  if (!endpoint) return ENOENT;
  CcidFunction* function = function_of(endpoint->interface);
  if (endpoint->role == EndpointRole::bulk_out && function != nullptr) {
    function->receive(urb.data, Clock::now());
    end(urb, 0, urb.data.size());
    opened.ended.push_back(std::move(urb));
  } else {
    opened.waiting.push_back(std::move(urb));
  }
  feed(opened, Clock::now());
  return 0;
}

void UsbDevice::run_control(Urb& urb) {
  if (urb.data.size() < kSetupBytes) return end(urb, -EPROTO, 0);
  const ByteView setup = urb.data.first(kSetupBytes);
  const std::span<std::uint8_t> room = urb.data.subspan(kSetupBytes);
  if ((setup[0] & kDirectionIn) == 0) return end(urb, 0, room.size());
  const Bytes answer = control_answer(spec_, setup);
  if (answer.empty()) return end(urb, -EPIPE, 0);
  const std::size_t count = std::min(answer.size(), room.size());
  std::copy_n(answer.begin(), count, room.begin());
  end(urb, 0, count);
}

int UsbDevice::discard(Handle handle, std::uint64_t address) {
  const MutexLock lock(mutex_);
  Opened& opened = handles_[handle];
  const auto urb = std::ranges::find(opened.waiting, address, &Urb::address);
  if (urb == opened.waiting.end()) return EINVAL;
  end(*urb, -ENOENT, 0);
  opened.ended.push_back(std::move(*urb));
  opened.waiting.erase(urb);
  return 0;
}

UsbDevice::Reaped UsbDevice::reap(Handle handle) {
  const MutexLock lock(mutex_);
  Opened& opened = handles_[handle];
  if (!gone_) feed(opened, Clock::now());
  if (opened.ended.empty()) return {std::nullopt, gone_ ? ENODEV : EAGAIN};
  Reaped reaped{std::move(opened.ended.front()), 0};
  opened.ended.pop_front();
  return reaped;
}

int UsbDevice::poke() {
  const MutexLock lock(mutex_);
  return gone_ ? ENODEV : 0;
}

int UsbDevice::port_reset() {
  const MutexLock lock(mutex_);
  if (gone_) return ENODEV;
  for (auto& [interface, function] : functions_) function.reset();
  end_all(-ESHUTDOWN);
  return 0;
}

void UsbDevice::disconnect() {
  const MutexLock lock(mutex_);
  gone_ = true;
  owners_.clear();
  end_all(-ENODEV);
}

void UsbDevice::feed(Opened& opened, TimePoint now) {
  for (auto urb = opened.waiting.begin(); urb != opened.waiting.end();) {
    if (!try_to_end(opened, *urb, now)) {
      ++urb;
      continue;
    }
    opened.ended.push_back(std::move(*urb));
    urb = opened.waiting.erase(urb);
  }
}

bool UsbDevice::try_to_end(Opened& opened, Urb& urb, TimePoint now) {
  const std::optional<Endpoint> endpoint = endpoint_of(spec_, urb.endpoint);
  CcidFunction* function = endpoint ? function_of(endpoint->interface) : nullptr;
  if (function == nullptr) return false;
  std::optional<CcidFunction::Answer> answer;
  if (endpoint->role == EndpointRole::bulk_in) {
    answer = function->next_answer(now);
    opened.is_answered = opened.is_answered || answer;
  } else if (std::optional<Bytes> notification = function->next_notification()) {
    answer = {std::move(*notification), false};
  }
  if (!answer) return false;
  const std::size_t count = std::min(answer->bytes.size(), urb.data.size());
  std::copy_n(answer->bytes.begin(), count, urb.data.begin());
  const int status = answer->is_broken ? -EPROTO : count < answer->bytes.size() ? -EOVERFLOW : 0;
  end(urb, status, count);
  return true;
}

void UsbDevice::end_all(int status) {
  for (auto& [handle, opened] : handles_) {
    for (Urb& urb : opened.waiting) {
      end(urb, status, 0);
      opened.ended.push_back(std::move(urb));
    }
    opened.waiting.clear();
  }
}

CcidFunction* UsbDevice::function_of(unsigned interface) {
  const auto found = functions_.find(interface);
  return found == functions_.end() ? nullptr : &found->second;
}

CcidFunction* UsbDevice::reader(unsigned number) {
  if (number >= functions_.size()) return nullptr;
  return &std::next(functions_.begin(), static_cast<std::ptrdiff_t>(number))->second;
}

bool UsbDevice::insert(unsigned number, unsigned slot, CardKind kind, virtual_reader::AtrKind atr) {
  const MutexLock lock(mutex_);
  CcidFunction* function = reader(number);
  return function != nullptr && function->insert(slot, kind, atr);
}

bool UsbDevice::remove(unsigned number, unsigned slot) {
  const MutexLock lock(mutex_);
  CcidFunction* function = reader(number);
  return function != nullptr && function->remove(slot, Clock::now());
}

void UsbDevice::lose_card_power() {
  const MutexLock lock(mutex_);
  for (auto& [interface, function] : functions_) function.lose_card_power();
}

void UsbDevice::hang(bool on) {
  const MutexLock lock(mutex_);
  for (auto& [interface, function] : functions_) function.hang(on, Clock::now());
}

void UsbDevice::set_answer_delay(milliseconds delay) {
  const MutexLock lock(mutex_);
  for (auto& [interface, function] : functions_) function.set_answer_delay(delay);
}

void UsbDevice::fail_claims(unsigned count) {
  const MutexLock lock(mutex_);
  failing_claims_ = count;
}

void UsbDevice::fail_answers(unsigned count) {
  const MutexLock lock(mutex_);
  for (auto& [interface, function] : functions_) function.fail_answers(count);
}

UsbDevice::Counters UsbDevice::counters() const {
  const MutexLock lock(mutex_);
  Counters counters{.opens = opens_,
                    .claims = claims_,
                    .claimed = static_cast<unsigned>(owners_.size()),
                    .transfers = transfers_};
  for (const auto& [interface, function] : functions_) {
    counters.commands += function.commands();
    counters.held += function.held();
    counters.powered += function.powered();
  }
  if (gone_) {
    counters.unanswered = static_cast<unsigned>(std::ranges::count_if(
        handles_, [](const auto& entry) { return !entry.second.is_answered; }));
  }
  return counters;
}

}  // namespace cardea::usb_fake
