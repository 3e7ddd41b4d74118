#include "tests/load/random_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/unix_socket.hpp"
#include "protocol/codec.hpp"
#include "tests/fuzz/wire/requests.hpp"

namespace cardea::load {
namespace {

using wire::Command;

constexpr unsigned kRequestsMax = 40;
/// A client of a sanitized daemon on a busy machine waits so long, and no longer.
constexpr int kAnswerTimeoutMs = 60'000;
constexpr std::size_t kCardsMax = 4;

/// Commands whose first field is a card.
bool is_about_card(Command command) {
  switch (command) {
    case Command::reconnect:
    case Command::disconnect:
    case Command::begin_transaction:
    case Command::end_transaction:
    case Command::transmit:
    case Command::control:
    case Command::status:
    case Command::get_attrib:
    case Command::set_attrib:
      return true;
    default:
      return false;
  }
}

template <typename Number>
void set_first_field(std::string& request, Number number) {
  std::memcpy(request.data() + sizeof(wire::Header), &number, sizeof number);
}

std::size_t answer_bytes(const wire::Frame& frame, std::size_t slots) {
  switch (frame.command) {
    case Command::get_readers_state:
    case Command::wait_reader_state_change:
      return wire::kFixedSlots * sizeof(wire::ReaderState);
    case Command::get_readers_state_size:
      return sizeof(wire::StateSize);
    case Command::get_readers_state_array:
      return slots * sizeof(wire::ReaderState);
    case Command::get_reader_events:
      return sizeof(wire::ReaderEvents);
    default:
      return frame.body.size();
  }
}

std::size_t payload_bytes(Command command, std::span<const std::byte> answer) {
  if (command == Command::transmit) {
    const auto message = wire::decode<wire::Transmit>(answer);
    return message.rv == 0 ? message.recv_bytes : 0;
  }
  if (command == Command::control) {
    const auto message = wire::decode<wire::Control>(answer);
    return message.rv == 0 ? message.bytes_returned : 0;
  }
  return 0;
}

}  // namespace

void RandomClient::live() {
  ++tally_.lives;
  check_ = fuzz::AnswerCheck{};
  context_ = 0;
  cards_.clear();
  slots_ = wire::kFixedSlots;
  auto connected = connect_unix(socket_, OnFullQueue::wait);
  CARDEA_ASSERT(connected);
  fd_ = std::move(*connected);
  if (greet()) {
    for (unsigned left = dice_.below(kRequestsMax); left > 0 && fd_; --left) act();
  }
  if (fd_) leave();
  fd_.reset();
}

bool RandomClient::greet() {
  // Now and then one that is not served.
  const auto any_minor = static_cast<std::int32_t>(3 + dice_.below(4));
  const std::int32_t minor = dice_.chance(2) ? 2 : any_minor;
  const std::string bytes = fuzz::request(Command::version, wire::Version{wire::kMajor, minor, 0});
  wire::Version answer{};
  if (!send(bytes) || !read(std::as_writable_bytes(std::span(&answer, 1)))) return false;
  dialect_ = wire::find_dialect(wire::kMajor, minor);
  CARDEA_ASSERT((answer.rv == 0) == (dialect_ != nullptr));
  if (dialect_ == nullptr) {
    ++tally_.refused;
    return false;
  }
  return ask(fuzz::request(Command::establish_context, wire::Establish{2, 0, 0}));
}

std::string RandomClient::next_request(Command& command) {
  const bool connects = cards_.empty() ? dice_.chance(60) : dice_.chance(5);
  if (connects && cards_.size() < kCardsMax) {
    command = Command::connect;
    const std::string& reader = readers_[dice_.below(readers_.size())];
    return fuzz::connect_request(context_, reader, dice_.chance(90) ? 2 : 1, 3);
  }
  command = static_cast<Command>(dice_.below(fuzz::kCommandsEnd));
  if (cards_.empty() && is_about_card(command)) return {};
  std::string request = fuzz::any_request(*dialect_, command, dice_);
  if (request.empty() || command == Command::version || command == Command::connect ||
      command == Command::wait_reader_state_change ||
      command == Command::stop_waiting_reader_state_change) {
    return {};  // these are asked elsewhere, or not in this dialect
  }
  // Another one's card, or none at all, is asked for now and then; the daemon cuts who does.
  if (is_about_card(command) && dice_.chance(99)) {
    set_first_field(request, cards_[dice_.below(cards_.size())]);
  } else if (command == Command::release_context || command == Command::cancel) {
    set_first_field(request, context_);
  }
  return request;
}

void RandomClient::act() {
  if (dice_.chance(10)) return wait_for_events();
  Command command{};
  const std::string request = next_request(command);
  if (request.empty()) return;
  if (dice_.chance(2)) {  // it asks, and does not stay for the answer
    ++tally_.unanswered;
    (void)send(request);  // the daemon may have cut it already
    fd_.reset();
    return;
  }
  if (!ask(request)) fd_.reset();
}

void RandomClient::wait_for_events() {
  const bool sized = dialect_->has_sized_array;
  std::string wait = fuzz::any_request(*dialect_, Command::wait_reader_state_change, dice_);
  const std::string stop =
      fuzz::any_request(*dialect_, Command::stop_waiting_reader_state_change, dice_);
  bool alive = ask(wait);
  if (alive && sized) {
    alive = ask(fuzz::request(Command::get_readers_state_size)) &&
            ask(fuzz::request(Command::get_readers_state_array));
  }
  if (alive && !has_input(static_cast<int>(dice_.below(50)))) alive = send(stop);
  wire::Completion completion{};
  const auto bytes = std::as_writable_bytes(std::span(&completion, 1));
  if (alive && read(bytes)) {
    check_.completed(bytes);
  } else {
    fd_.reset();
  }
}

bool RandomClient::ask(const std::string& request) {
  ++tally_.requests;
  const auto next = wire::next_frame(*dialect_, std::as_bytes(std::span(request)));
  const auto& frame = std::get<wire::Frame>(next);
  check_.asked(*dialect_, frame);
  // In pieces now and then.
  const std::size_t first = dice_.chance(5) ? dice_.below(request.size()) : request.size();
  if (!send(request.substr(0, first)) || !send(request.substr(first))) return false;
  if (fuzz::AnswerCheck::answers_of(*dialect_, frame.command) == 0) return true;
  std::vector<std::byte> answer(answer_bytes(frame, slots_));
  if (!read(answer)) return false;
  std::vector<std::byte> payload(payload_bytes(frame.command, answer));
  CARDEA_ASSERT(payload.size() <= wire::kPayloadBytesMax);
  if (!read(payload)) return false;
  check_.answered(*dialect_, frame, answer, payload);
  learn(frame, answer);
  return true;
}

void RandomClient::learn(const wire::Frame& frame, std::span<const std::byte> answer) {
  switch (frame.command) {
    case Command::establish_context: {
      const auto message = wire::decode<wire::Establish>(answer);
      if (message.rv == 0) context_ = message.context;
      break;
    }
    case Command::connect: {
      const auto message = wire::decode<wire::Connect>(answer);
      if (message.rv == 0) cards_.push_back(message.card);
      break;
    }
    case Command::disconnect: {
      const auto message = wire::decode<wire::Disconnect>(answer);
      if (message.rv == 0) std::erase(cards_, message.card);
      break;
    }
    case Command::release_context:
      if (wire::decode<wire::Release>(answer).rv == 0) cards_.clear();
      break;
    case Command::get_readers_state_size:
      slots_ = static_cast<std::size_t>(wire::decode<wire::StateSize>(answer).count);
      break;
    default:
      break;
  }
}

void RandomClient::leave() {
  switch (dice_.below(5)) {
    case 0:
      if (context_ != 0) {
        (void)send(fuzz::request(Command::release_context, wire::Release{context_, 0}));
      }
      break;
    case 1:  // in the middle of a request
      (void)send(fuzz::connect_request(context_, readers_.front(), 2, 3).substr(0, 100));
      break;
    case 2:  // many requests, no answer read
      for (int i = 0; i < 20; ++i) (void)send(fuzz::request(Command::get_readers_state));
      break;
    case 3:
      (void)send(std::string(64, static_cast<char>(dice_.below(256))));
      break;
    default:
      break;
  }
}

bool RandomClient::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

bool RandomClient::has_input(int timeout_ms) {
  pollfd readable{fd_.get(), POLLIN, 0};
  return ::poll(&readable, 1, timeout_ms) > 0;
}

bool RandomClient::read(std::span<std::byte> room) {
  while (!room.empty()) {
    CARDEA_ASSERT(has_input(kAnswerTimeoutMs));  // else the daemon has forgotten the request
    const ssize_t got = ::recv(fd_.get(), room.data(), room.size(), 0);
    if (got <= 0) return false;
    room = room.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace cardea::load
