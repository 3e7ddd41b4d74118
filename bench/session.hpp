// One client of a smart card service, as the measurements see it: PC/SC through libpcsclite, or
// the floor server. A session belongs to one thread. There is no error handling to measure: an
// operation that fails ends the program through fail().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace cardea::bench {

/// Prints what failed and ends the process with status 1, without running destructors.
[[noreturn]] void fail(const std::string& what);

class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  virtual void establish() = 0;
  virtual void release() = 0;
  /// Opens a shared handle on the first reader; needs establish().
  virtual void connect() = 0;
  virtual void disconnect() = 0;

  virtual void begin() = 0;
  virtual void end() = 0;
  /// Fails unless the card answers exactly `response_bytes`, 90 00 included.
  virtual void transmit(std::span<const std::uint8_t> command, std::size_t response_bytes) = 0;
  /// Keeps the reader busy for `hold_ms` milliseconds by one command.
  virtual void keep_busy(unsigned hold_ms) = 0;
  virtual void status() = 0;
  virtual void list() = 0;
  /// SCardGetStatusChange with timeout 0 while nothing changes.
  virtual void poll_state() = 0;
  /// Blocks until the card of the first reader is in or out.
  virtual void wait_card(bool present) = 0;
};

/// Moves the card of the first reader; belongs to one thread.
class CardMover {
 public:
  CardMover() = default;
  CardMover(const CardMover&) = delete;
  CardMover& operator=(const CardMover&) = delete;
  virtual ~CardMover() = default;

  virtual void move(bool present) = 0;
};

std::unique_ptr<Session> make_pcsc_session();
/// `control_socket`: the virtual reader's text control socket.
std::unique_ptr<CardMover> make_virtual_card_mover(const std::string& control_socket);
/// Waits up to 10 s until `count` readers with an answering card are listed, then prints the
/// path of the libpcsclite in use.
void await_readers(std::size_t count);

std::unique_ptr<Session> make_floor_session(const std::string& socket);
std::unique_ptr<CardMover> make_floor_card_mover(const std::string& socket);

}  // namespace cardea::bench
