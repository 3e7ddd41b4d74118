#include "drivers/hosted/host_slot.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.hpp"

namespace cardea {
namespace {

using host_wire::Kind;
using host_wire::Reply;
using host_wire::Request;

static_assert(host_wire::kDataBytesMax == kIfdResponseBytes);
static_assert(host_wire::kCapabilityBytesMax == kIfdCapabilityBytesMax);
static_assert(static_cast<std::uint32_t>(PowerAction::reset) == 2);

Reply reply_to(const Request& request, IfdRv rv) {
  Reply reply;
  reply.kind = request.kind;
  reply.number = request.number;
  reply.rv = static_cast<std::int64_t>(rv);
  return reply;
}

}  // namespace

std::optional<Request> receive_request(int socket, std::span<std::byte> payload, MessageFds& fds) {
  host_wire::RequestBytes header{};
  const Incoming incoming = receive_message(socket, header, payload, fds);
  if (incoming.what != Received::message) return std::nullopt;
  return host_wire::decode_request(header, incoming.bytes);
}

HostSlot::HostSlot(std::shared_ptr<const IfdLibrary> library, std::uint32_t lun, UniqueFd calls,
                   UniqueFd waits)
    : library_(std::move(library)),
      lun_(lun),
      calls_(std::move(calls)),
      waits_(std::move(waits)),
      request_(host_wire::kDataBytesMax),
      answer_(host_wire::kDataBytesMax) {}

HostSlot::~HostSlot() {
  if (call_thread_.joinable()) call_thread_.join();
}

void HostSlot::start() {
  call_thread_ = std::thread([this] { take_calls(); });
}

bool HostSlot::ends_within(milliseconds patience) {
  const TimePoint deadline = Clock::now() + patience;
  const MutexLock lock(mutex_);
  while (!closed_ && Clock::now() < deadline) (void)changed_.wait_until(mutex_, deadline);
  return closed_;
}

void HostSlot::ended() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void HostSlot::stop() {
  const MutexLock lock(mutex_);
  if (driver_) (void)driver_->stop_waiting();
}

void HostSlot::take_calls() {
  for (;;) {
    MessageFds fds;
    const auto request = receive_request(calls_.get(), request_, fds);
    if (!request) break;
    log::set_least_level(request->level);
    Answer answer = this->answer(*request, std::span(request_).first(request->bytes));
    answer.reply.bytes = static_cast<std::uint32_t>(answer.payload.size());
    if (!send_message(calls_.get(), host_wire::encode(answer.reply), answer.payload)) break;
    if (request->kind == Kind::close) return ended();
  }
  // A channel that is open stays so: the daemon is gone, and the process ends.
  if (driver_ == nullptr) ended();
}

void HostSlot::take_waits() {
  for (;;) {
    MessageFds fds;
    const auto request = receive_request(waits_.get(), {}, fds);
    if (!request || request->kind != Kind::wait) return;
    const IfdRv rv = driver_->wait_event(milliseconds(request->argument));
    if (!send_message(waits_.get(), host_wire::encode(reply_to(*request, rv)), {})) return;
  }
}

HostSlot::Answer HostSlot::answer(const Request& request, std::span<const std::byte> payload) {
  if (request.kind == Kind::open) return open(request, payload);
  if (!driver_) return {reply_to(request, IfdRv::no_such_device), {}};
  const auto room = std::span(answer_).first(host_wire::payload_max(request));
  std::size_t length = 0;
  IfdRv rv = IfdRv::not_supported;
  switch (request.kind) {
    case Kind::close:
      close();
      return {reply_to(request, IfdRv::success), {}};
    case Kind::presence:
      return {reply_to(request, driver_->presence()), {}};
    case Kind::power:
      return power(request);
    case Kind::set_protocol:
      return {reply_to(request, driver_->set_protocol(request.argument)), {}};
    case Kind::transmit:
      return transmit(request, payload);
    case Kind::control:
      rv = driver_->control(request.argument, payload, room, length);
      break;
    case Kind::get_capability:
      rv = driver_->get_capability(request.argument, room, length);
      break;
    case Kind::set_capability:
      return {reply_to(request, driver_->set_capability(request.argument, payload)), {}};
    default:
      return {reply_to(request, rv), {}};
  }
  Answer answer{reply_to(request, rv), {}};
  answer.reply.length = static_cast<std::uint32_t>(length);
  if (rv == IfdRv::success) answer.payload = room.first(std::min(length, room.size()));
  return answer;
}

HostSlot::Answer HostSlot::open(const Request& request, std::span<const std::byte> payload) {
  const std::string name(reinterpret_cast<const char*>(payload.data()), payload.size());
  Answer answer{reply_to(request, IfdRv::success), {}};
  auto driver = driver_ ? failure(ScardRv::internal_error, "it is open already")
                        : InProcessDriver::create(library_, lun_, name, request.argument);
  if (!driver) {
    answer.reply.rv = to_wire(driver.error().rv);
    const std::string& text = driver.error().context;
    const std::size_t bytes = std::min(text.size(), host_wire::payload_max(request));
    std::copy_n(std::as_bytes(std::span(text)).begin(), bytes, answer_.begin());
    answer.payload = std::span(answer_).first(bytes);
    answer.reply.length = static_cast<std::uint32_t>(bytes);
    return answer;
  }
  {
    const MutexLock lock(mutex_);
    driver_ = std::move(*driver);
  }
  if (driver_->has_wait_event()) {
    answer.reply.flags |= Reply::kHasWait;
    wait_thread_ = std::thread([this] { take_waits(); });
  }
  if (driver_->can_stop_waiting()) answer.reply.flags |= Reply::kCanStop;
  if (driver_->is_version_2()) answer.reply.flags |= Reply::kIsVersion2;
  return answer;
}

HostSlot::Answer HostSlot::power(const Request& request) {
  AtrBytes atr;
  const IfdRv rv = driver_->power(static_cast<PowerAction>(request.argument), atr);
  Answer answer{reply_to(request, rv), {}};
  const auto bytes = std::as_bytes(atr.view());
  std::copy(bytes.begin(), bytes.end(), answer_.begin());
  answer.payload =
      std::span(answer_).first(std::min(bytes.size(), host_wire::payload_max(request)));
  answer.reply.length = static_cast<std::uint32_t>(answer.payload.size());
  return answer;
}

HostSlot::Answer HostSlot::transmit(const Request& request, std::span<const std::byte> command) {
  const auto room = std::span(answer_).first(host_wire::payload_max(request));
  IfdPci recv_pci{request.recv_pci.protocol, request.recv_pci.length};
  std::size_t received = 0;
  const IfdRv rv = driver_->transmit({request.send_pci.protocol, request.send_pci.length}, command,
                                     room, received, recv_pci);
  Answer answer{reply_to(request, rv), {}};
  answer.reply.length = static_cast<std::uint32_t>(received);
  answer.reply.recv_pci = {recv_pci.protocol, recv_pci.length};
  answer.payload = room.first(std::min(received, room.size()));
  return answer;
}

void HostSlot::close() {
  // The daemon has no wait running any more.
  ::shutdown(waits_.get(), SHUT_RDWR);
  if (wait_thread_.joinable()) wait_thread_.join();
  std::unique_ptr<InProcessDriver> driver;
  {
    const MutexLock lock(mutex_);
    driver = std::move(driver_);
  }
  driver.reset();
}

}  // namespace cardea
