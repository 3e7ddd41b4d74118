#include "drivers/virtual/wake_event.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>

#include "base/assert.hpp"

namespace cardea::virtual_reader {

Result<WakeEvent> WakeEvent::create() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) {
    return failure(ScardRv::internal_error, std::string("eventfd: ") + std::strerror(errno));
  }
  return WakeEvent(std::move(fd));
}

void WakeEvent::signal() noexcept {
  const int rc = ::eventfd_write(fd_.get(), 1);
  // Can only fail if the counter is full, and then it is readable all the same.
  CARDEA_ASSERT(rc == 0 || errno == EAGAIN);
}

bool WakeEvent::wait(int timeout_ms) const noexcept {
  pollfd entry{fd_.get(), POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace cardea::virtual_reader
