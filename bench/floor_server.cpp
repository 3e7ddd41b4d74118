// The floor under every figure: what the same messages cost when nobody does any work for them.
// A bare Unix stream server, one blocking thread per client, one read and one write per request.
// Transactions are handed over first come first served. The shared state has one mutex; nobody
// holds it across a read, and a write under it only answers parked waiters.
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.hpp"
#include "base/unique_fd.hpp"
#include "base/unix_socket.hpp"
#include "bench/floor_protocol.hpp"

namespace cardea::bench {
namespace {

using Buffer = std::array<std::byte, kFloorMessageBytesMax>;

/// One transaction at a time, in order of arrival. Thread-safe.
class FifoTransaction {
 public:
  void begin() EXCLUDES(mutex_) {
    std::binary_semaphore granted{0};
    {
      const MutexLock lock(mutex_);
      if (!owned_) {
        owned_ = true;
        return;
      }
      queue_.push_back(&granted);
    }
    granted.acquire();
  }

  void end() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (queue_.empty()) {
      owned_ = false;
      return;
    }
    queue_.front()->release();
    queue_.pop_front();
  }

 private:
  Mutex mutex_;
  bool owned_ GUARDED_BY(mutex_) = false;
  std::deque<std::binary_semaphore*> queue_ GUARDED_BY(mutex_);
};

bool send_all(int fd, const Buffer& buffer, std::size_t bytes) {
  for (std::size_t sent = 0; sent < bytes;) {
    const ssize_t n = ::send(fd, buffer.data() + sent, bytes - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

/// The card that is in or out, and who waits for it to move. Thread-safe.
class Card {
 public:
  /// True: the card is as wanted already. False: `fd` gets the reply when it moves.
  bool is_or_park(bool wanted, int fd, std::size_t reply_bytes) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (present_ == wanted) return true;
    waiters_.push_back({fd, reply_bytes});
    return false;
  }

  void move(bool present) EXCLUDES(mutex_) {
    static const Buffer reply{};
    const MutexLock lock(mutex_);
    if (present_ == present) return;
    present_ = present;
    for (const Waiter& waiter : waiters_) send_all(waiter.fd, reply, waiter.reply_bytes);
    waiters_.clear();
  }

  void forget(int fd) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::erase_if(waiters_, [fd](const Waiter& waiter) { return waiter.fd == fd; });
  }

 private:
  struct Waiter {
    int fd;
    std::size_t reply_bytes;
  };
  Mutex mutex_;
  bool present_ GUARDED_BY(mutex_) = true;
  std::vector<Waiter> waiters_ GUARDED_BY(mutex_);
};

/// Serves one connection after the other; owned by one thread.
class Worker {
 public:
  Worker(int listener, FifoTransaction& transaction, Card& card)
      : listener_(listener), transaction_(transaction), card_(card) {}

  void run() {
    for (;;) {
      const UniqueFd client(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      while (receive(client.get()) && answer(client.get())) {
      }
      card_.forget(client.get());
      if (owner_) transaction_.end();
      owner_ = false;
    }
  }

 private:
  bool receive(int fd) {
    std::size_t have = 0;
    do {
      const ssize_t n = ::recv(fd, buffer_.data() + have, buffer_.size() - have, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      have += static_cast<std::size_t>(n);
      if (have >= sizeof request_) std::memcpy(&request_, buffer_.data(), sizeof request_);
    } while (have < sizeof request_ || have < request_.request_bytes);
    return request_.request_bytes <= buffer_.size() && request_.reply_bytes <= buffer_.size();
  }

  bool answer(int fd) {
    switch (request_.op) {
      case FloorOp::exchange:
        if (request_.argument != 0) {
          const std::chrono::milliseconds busy(request_.argument);
          std::this_thread::sleep_for(busy);  // pause: stands for a card at work
        }
        break;
      case FloorOp::begin:
        transaction_.begin();
        owner_ = true;
        break;
      case FloorOp::end:
        if (owner_) transaction_.end();
        owner_ = false;
        break;
      case FloorOp::wait_card:
        if (!card_.is_or_park(request_.argument != 0, fd, request_.reply_bytes)) return true;
        break;
      case FloorOp::move_card:
        card_.move(request_.argument != 0);
        break;
    }
    return send_all(fd, buffer_, request_.reply_bytes);
  }

  int listener_;
  FifoTransaction& transaction_;
  Card& card_;
  Buffer buffer_{};
  FloorRequest request_{};
  bool owner_ = false;
};

int serve(const std::string& path) {
  const auto listener = listen_unix(path, SOMAXCONN);
  if (!listener) {
    std::fprintf(stderr, "floor_server: %s\n", listener.error().context.c_str());
    return 1;
  }
  // listen_unix makes the listener non-blocking; these threads want to block in accept4().
  const int flags = ::fcntl(listener->get(), F_GETFL);
  if (flags < 0 || ::fcntl(listener->get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    std::perror("floor_server: fcntl");
    return 1;
  }
  FifoTransaction transaction;
  Card card;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (int i = 0; i < kFloorClientsMax; ++i) {
    workers.push_back(std::make_unique<Worker>(listener->get(), transaction, card));
    threads.emplace_back(&Worker::run, workers.back().get());
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace cardea::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: floor_server SOCKET\n");
    return 2;
  }
  return cardea::bench::serve(argv[1]);
}
