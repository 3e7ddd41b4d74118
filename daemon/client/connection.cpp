#include "daemon/client/connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "protocol/framer.hpp"

namespace cardea {

Result<void> Connection::open() {
  MutexLock lock(mutex_);
  armed_ = true;
  return poller_.add(fd_.get(), id.value, EPOLLIN);
}

bool Connection::has_hung_up() const {
  pollfd socket{fd_.get(), 0, 0};
  return ::poll(&socket, 1, 0) == 1;  // without asking for input: POLLHUP or POLLERR
}

void Connection::hang_up() {
  MutexLock lock(mutex_);
  flush_locked();  // what it asked for properly it still gets
  cut_locked();
}

void Connection::cut_locked() {
  cut_ = true;
  lost_output_ = lost_output_ || !out_.empty();
  out_ = {};
  out_charge_.set_anyway(0);
  ::shutdown(fd_.get(), SHUT_RDWR);
}

void Connection::exceed_memory_locked() {
  exceeded_memory_ = true;
  cut_locked();
}

bool Connection::exceeded_memory() const {
  MutexLock lock(mutex_);
  return exceeded_memory_;
}

bool Connection::is_cut() const {
  MutexLock lock(mutex_);
  return cut_;
}

bool Connection::lost_output() const {
  MutexLock lock(mutex_);
  return lost_output_;
}

bool Connection::claim() {
  MutexLock lock(mutex_);
  if (claimed_) return false;
  claimed_ = true;
  armed_ = false;
  return true;
}

bool Connection::release(bool saw_call) {
  {
    MutexLock lock(mutex_);
    if (saw_call && !in_call_) return false;
    claimed_ = false;
    armed_ = true;
    if (in_call_ || !out_.empty()) {
      arm_locked();
      return true;
    }
  }
  // The usual case outside the lock: the event may come at once, and the thread that gets it
  // needs the lock. Only output that did not fit can interfere; it leaves a note.
  poller_.arm(fd_.get(), id.value, EPOLLIN);
  if (armed_for_output_.exchange(false)) {
    MutexLock lock(mutex_);
    if (!claimed_ && !out_.empty()) arm_locked();
  }
  return true;
}

void Connection::release_unarmed() {
  MutexLock lock(mutex_);
  claimed_ = false;
  armed_ = false;
}

void Connection::arm_locked() {
  std::uint32_t events = 0;
  if (!out_.empty()) {
    events = EPOLLOUT;
    armed_for_output_ = true;
  } else if (!in_call_) {
    events = EPOLLIN;
  }
  poller_.arm(fd_.get(), id.value, events);
}

Connection::Read Connection::read_some(std::span<std::byte> room,
                                       std::span<const std::byte>& input) {
  const std::size_t before = kept_.size();
  CARDEA_ASSERT(before < room.size());
  std::copy(kept_.begin(), kept_.end(), room.begin());
  ssize_t got = 0;
  do {
    got = ::recv(fd_.get(), room.data() + before, room.size() - before, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  input = room.first(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got > 0) return Read::data;
  if (got < 0 && errno == EAGAIN) return Read::nothing;
  return Read::closed;
}

bool Connection::keep(std::span<const std::byte> rest) {
  if (!kept_charge_.set(rest.size())) {
    kept_ = {};
    kept_charge_.set_anyway(0);
    MutexLock lock(mutex_);
    exceed_memory_locked();
    return false;
  }
  // `rest` may lie inside kept_.
  std::vector<std::byte> kept(rest.begin(), rest.end());
  kept_.swap(kept);
  return true;
}

void Connection::set_in_call(bool in_call) {
  MutexLock lock(mutex_);
  in_call_ = in_call;
}

bool Connection::in_call() const {
  MutexLock lock(mutex_);
  return in_call_;
}

void Connection::queue(std::span<const std::byte> bytes) {
  MutexLock lock(mutex_);
  if (cut_) {
    lost_output_ = true;
  } else {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
}

void Connection::send(std::span<const std::byte> bytes, std::span<const std::byte> payload) {
  MutexLock lock(mutex_);
  flush_locked();
  send_locked(bytes, payload);
}

void Connection::flush() {
  MutexLock lock(mutex_);
  flush_locked();
}

void Connection::flush_locked() {
  if (out_.empty()) return;
  std::vector<std::byte> pending;
  pending.swap(out_);
  send_locked(pending, {});
  if (out_.empty()) out_charge_.set_anyway(0);
}

void Connection::send_locked(std::span<const std::byte> bytes, std::span<const std::byte> payload) {
  if (cut_) {
    lost_output_ = true;
    return;
  }
  if (out_.empty()) {
    std::array<iovec, 2> parts{};
    parts[0] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
    parts[1] = {const_cast<std::byte*>(payload.data()), payload.size()};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = payload.empty() ? 1 : 2;
    ssize_t sent = 0;
    do {
      sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      cut_ = true;
      lost_output_ = true;
      // The hang-up event ends the connection, also that of a peer who is still there: the kernel
      // may just have had no memory for the answer.
      ::shutdown(fd_.get(), SHUT_RDWR);
      return;
    }
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    const std::size_t from_bytes = std::min(done, bytes.size());
    bytes = bytes.subspan(from_bytes);
    payload = payload.subspan(done - from_bytes);
  }
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  out_.insert(out_.end(), payload.begin(), payload.end());
  if (!out_charge_.set(out_.size())) return exceed_memory_locked();
  // Nobody holds the claim: the wait for input becomes a wait for room.
  if (!out_.empty() && !claimed_ && armed_) arm_locked();
}

bool Connection::output_blocked() const { return queued_bytes() != 0; }

std::size_t Connection::queued_bytes() const {
  MutexLock lock(mutex_);
  return out_.size();
}

}  // namespace cardea
