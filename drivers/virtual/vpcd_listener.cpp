#include "drivers/virtual/vpcd_listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "drivers/virtual/driver_log.hpp"
#include "drivers/virtual/driver_thread.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr int kBacklog = 4;
/// After a failed accept(), e.g. for lack of descriptors, which would fail again at once.
constexpr int kAcceptPauseMs = 1'000;

tl::unexpected<Error> socket_failure(const char* call, unsigned port) {
  return failure(ScardRv::internal_error, std::string("vpcd: ") + call + " on 127.0.0.1:" +
                                              std::to_string(port) + ": " + std::strerror(errno));
}

}  // namespace

Result<VpcdListener::Place> VpcdListener::listen(std::shared_ptr<Slot> slot, unsigned port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return socket_failure("socket", port);
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
    return socket_failure("setsockopt", port);
  }
  sockaddr_in address{};
  socklen_t length = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    return socket_failure("bind", port);
  }
  if (::listen(fd.get(), kBacklog) != 0) return socket_failure("listen", port);
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return socket_failure("getsockname", port);
  }
  return Place{std::move(slot), std::move(fd), ntohs(address.sin_port), nullptr};
}

Result<std::unique_ptr<VpcdListener>> VpcdListener::create(std::vector<std::shared_ptr<Slot>> slots,
                                                           std::uint16_t first_port,
                                                           VpcdTimeouts timeouts) {
  Result<WakeEvent> stop = WakeEvent::create();
  if (!stop) return tl::make_unexpected(stop.error());
  std::vector<Place> places;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const unsigned port = first_port == 0 ? 0 : first_port + static_cast<unsigned>(i);
    Result<Place> place = listen(std::move(slots[i]), port);
    if (!place) return tl::make_unexpected(place.error());
    log_line(PCSC_LOG_INFO, "slot " + std::to_string(i) + " waits for a vpcd card on 127.0.0.1:" +
                                std::to_string(place->port));
    places.push_back(std::move(*place));
  }
  std::unique_ptr<VpcdListener> listener(
      new VpcdListener(std::move(places), std::move(*stop), timeouts));
  listener->thread_ = start_driver_thread("virtual-vpcd", [raw = listener.get()] { raw->run(); });
  return listener;
}

VpcdListener::VpcdListener(std::vector<Place> places, WakeEvent stop, VpcdTimeouts timeouts)
    : places_(std::move(places)), stop_(std::move(stop)), timeouts_(timeouts) {}

VpcdListener::~VpcdListener() {
  stop_.signal();
  if (thread_.joinable()) thread_.join();
  for (const Place& place : places_) {
    if (place.card) (void)place.slot->remove(*place.card);  // false: was removed already
  }
}

void VpcdListener::run() {
  std::vector<pollfd> entries(places_.size() + 1);
  entries.back() = {stop_.fd(), POLLIN, 0};
  while (entries.back().revents == 0) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      // What a card sends is for whoever asked it; only its hang-up matters here.
      const Place& place = places_[i];
      entries[i] = place.card ? pollfd{place.card->fd(), POLLRDHUP, 0}
                              : pollfd{place.listener.get(), POLLIN, 0};
    }
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;  // EINTR
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (entries[i].revents != 0 && !serve(places_[i])) {
        if (stop_.wait(kAcceptPauseMs)) return;
      }
    }
  }
}

bool VpcdListener::serve(Place& place) {
  if (!place.card) return accept_card(place);
  (void)place.slot->remove(*place.card);  // false: was removed by a command
  place.card.reset();
  return true;
}

bool VpcdListener::accept_card(Place& place) {
  UniqueFd fd(::accept4(place.listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) {
    if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED) return true;
    log_line(PCSC_LOG_ERROR, std::string("vpcd: accept: ") + std::strerror(errno));
    return false;
  }
  const int on = 1;
  if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return true;
  place.card = std::make_shared<VpcdCard>(std::move(fd), timeouts_);
  if (!place.slot->insert(place.card)) place.card.reset();
  return true;
}

}  // namespace cardea::virtual_reader
