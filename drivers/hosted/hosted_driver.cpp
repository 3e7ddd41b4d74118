#include "drivers/hosted/hosted_driver.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.hpp"

namespace cardea {
namespace {

using host_wire::Kind;
using host_wire::Reply;

IfdRv rv_of(const std::optional<Reply>& reply) {
  return reply ? static_cast<IfdRv>(reply->rv) : IfdRv::no_such_device;
}

}  // namespace

Result<std::unique_ptr<HostedDriver>> HostedDriver::create(std::shared_ptr<DriverHost> host,
                                                           std::uint32_t lun,
                                                           const std::string& device_name,
                                                           std::uint32_t channel) {
  auto sockets = host->add_slot(lun);
  if (!sockets) return tl::make_unexpected(sockets.error());
  std::unique_ptr<HostedDriver> driver(new HostedDriver(std::move(host), std::move(*sockets), lun));
  if (auto opened = driver->open(device_name, channel); !opened) {
    return tl::make_unexpected(std::move(opened.error()));
  }
  return driver;
}

HostedDriver::~HostedDriver() {
  if (!open_) return;
  (void)simple(Kind::close, 0, host_->limits().open, "closing the reader");
  host_->await_end();
}

Result<void> HostedDriver::open(const std::string& device_name, std::uint32_t channel) {
  std::array<std::byte, host_wire::kTextBytesMax> text;
  DriverHost::Call open;
  open.request.kind = Kind::open;
  open.request.argument = channel;
  open.payload = std::as_bytes(std::span(device_name));
  open.payload = open.payload.first(std::min(open.payload.size(), host_wire::kTextBytesMax));
  open.room = text;
  open.limit = host_->limits().open;
  open.name = "opening the reader";
  const auto reply = call(open);
  if (!reply) {
    return failure(ScardRv::reader_unavailable,
                   "reader driver " + log::escape(host_->library_path()) +
                       " cannot open device \"" + log::escape(device_name) + "\": its process " +
                       host_->describe_end());
  }
  if (reply->rv != 0) {
    return failure(static_cast<ScardRv>(reply->rv),
                   std::string(reinterpret_cast<const char*>(text.data()), reply->bytes));
  }
  flags_ = reply->flags;
  open_ = true;
  return {};
}

std::optional<Reply> HostedDriver::call(DriverHost::Call call) {
  call.request.number = ++last_call_;
  call.request.lun = lun_;
  return host_->call(sockets_.calls.get(), call);
}

IfdRv HostedDriver::simple(Kind kind, std::uint32_t argument, milliseconds limit,
                           const char* name) {
  DriverHost::Call simple;
  simple.request.kind = kind;
  simple.request.argument = argument;
  simple.limit = limit;
  simple.name = name;
  return rv_of(call(simple));
}

IfdRv HostedDriver::presence() {
  return simple(Kind::presence, 0, host_->limits().query, "looking for a card");
}

IfdRv HostedDriver::power(PowerAction action, AtrBytes& atr) {
  atr = AtrBytes{};
  DriverHost::Call power;
  power.request.kind = Kind::power;
  power.request.argument = static_cast<std::uint32_t>(action);
  power.room = std::as_writable_bytes(std::span(atr.bytes));
  power.limit = host_->limits().power;
  power.name = "powering the card";
  const auto reply = call(power);
  if (reply) atr.length = reply->bytes;
  return rv_of(reply);
}

IfdRv HostedDriver::set_protocol(std::uint32_t protocol) {
  return simple(Kind::set_protocol, protocol, host_->limits().power, "setting the protocol");
}

IfdRv HostedDriver::transmit(IfdPci send_pci, std::span<const std::byte> command,
                             std::span<std::byte> response, std::size_t& received,
                             IfdPci& recv_pci) {
  received = 0;
  if (command.size() > host_wire::kDataBytesMax) return IfdRv::communication_error;
  DriverHost::Call transmit;
  transmit.request.kind = Kind::transmit;
  transmit.request.send_pci = {send_pci.protocol, send_pci.length};
  transmit.request.recv_pci = {recv_pci.protocol, recv_pci.length};
  transmit.payload = command;
  transmit.room = response;
  transmit.limit = host_->limits().exchange;
  transmit.name = "an exchange with the card";
  const auto reply = call(transmit);
  if (!reply) return IfdRv::no_such_device;
  received = reply->length;
  recv_pci = {static_cast<unsigned long>(reply->recv_pci.protocol),
              static_cast<unsigned long>(reply->recv_pci.length)};
  return rv_of(reply);
}

IfdRv HostedDriver::control(std::uint32_t code, std::span<const std::byte> command,
                            std::span<std::byte> response, std::size_t& returned) {
  returned = 0;
  if (command.size() > host_wire::kDataBytesMax) return IfdRv::communication_error;
  DriverHost::Call control;
  control.request.kind = Kind::control;
  control.request.argument = code;
  control.payload = command;
  control.room = response;
  control.limit = host_->limits().exchange;
  control.name = "a command to the reader";
  const auto reply = call(control);
  if (reply) returned = reply->bytes;
  return rv_of(reply);
}

IfdRv HostedDriver::get_capability(std::uint32_t tag, std::span<std::byte> value,
                                   std::size_t& length) {
  length = 0;
  DriverHost::Call get;
  get.request.kind = Kind::get_capability;
  get.request.argument = tag;
  get.room = value;
  get.limit = host_->limits().query;
  get.name = "a question about the reader";
  const auto reply = call(get);
  if (reply) length = reply->length;
  return rv_of(reply);
}

IfdRv HostedDriver::set_capability(std::uint32_t tag, std::span<const std::byte> value) {
  if (value.size() > host_wire::kDataBytesMax) return IfdRv::communication_error;
  DriverHost::Call set;
  set.request.kind = Kind::set_capability;
  set.request.argument = tag;
  set.payload = value;
  set.limit = host_->limits().query;
  set.name = "a setting of the reader";
  return rv_of(call(set));
}

bool HostedDriver::has_wait_event() const { return (flags_ & Reply::kHasWait) != 0; }

bool HostedDriver::can_stop_waiting() const { return (flags_ & Reply::kCanStop) != 0; }

bool HostedDriver::is_version_2() const { return (flags_ & Reply::kIsVersion2) != 0; }

IfdRv HostedDriver::wait_event(milliseconds timeout) {
  if (!has_wait_event()) return IfdRv::not_supported;
  const milliseconds bounded = std::clamp(timeout, milliseconds::zero(), kHostedWaitMax);
  DriverHost::Call wait;
  wait.request.kind = Kind::wait;
  wait.request.number = ++last_wait_;
  wait.request.lun = lun_;
  wait.request.argument = static_cast<std::uint32_t>(bounded.count());
  wait.limit = bounded + host_->limits().query;
  wait.name = "a wait for a card";
  return rv_of(host_->call(sockets_.waits.get(), wait));
}

bool HostedDriver::stop_waiting() {
  if (host_->is_lost()) {
    // Its process may be there for a while; nobody waits for what it has to say.
    ::shutdown(sockets_.waits.get(), SHUT_RDWR);
    return true;
  }
  bool in_vain = false;
  {
    const MutexLock lock(mutex_);
    const TimePoint now = Clock::now();
    if (!stopped_) stopped_ = now;
    in_vain = now - *stopped_ > host_->limits().query;
  }
  if (in_vain) host_->lose("did not end a wait for a card when it was told to");
  if (!can_stop_waiting()) return false;
  host_->stop_waiting(lun_);
  return true;
}

}  // namespace cardea
