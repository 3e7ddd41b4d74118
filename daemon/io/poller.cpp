#include "daemon/io/poller.hpp"

#include <cerrno>
#include <cstring>

#include "base/assert.hpp"

namespace cardea {
namespace {

Result<void> control(int epoll, int operation, int fd, std::uint64_t token, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) {
    return failure(ScardRv::internal_error, std::string("epoll_ctl: ") + std::strerror(errno));
  }
  return {};
}

}  // namespace

Result<Poller> Poller::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return failure(ScardRv::internal_error, std::string("epoll_create1: ") + std::strerror(errno));
  }
  return Poller(std::move(epoll));
}

Result<void> Poller::add(int fd, std::uint64_t token, std::uint32_t events) {
  return control(epoll_.get(), EPOLL_CTL_ADD, fd, token, events | std::uint32_t{EPOLLONESHOT});
}

void Poller::arm(int fd, std::uint64_t token, std::uint32_t events) {
  const auto armed =
      control(epoll_.get(), EPOLL_CTL_MOD, fd, token, events | std::uint32_t{EPOLLONESHOT});
  // The kernel takes nothing for this; only a descriptor that was never added can fail.
  CARDEA_ASSERT(armed.has_value());
}

Result<void> Poller::add_edge_triggered(int fd, std::uint64_t token) {
  return control(epoll_.get(), EPOLL_CTL_ADD, fd, token, EPOLLIN | EPOLLET);
}

void Poller::remove(int fd) { (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

Poller::Event Poller::wait() {
  epoll_event event{};
  while (::epoll_wait(epoll_.get(), &event, 1, -1) != 1) {
    CARDEA_ASSERT(errno == EINTR);
  }
  return {event.data.u64, event.events};
}

}  // namespace cardea
