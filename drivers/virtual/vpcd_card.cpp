#include "drivers/virtual/vpcd_card.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "drivers/virtual/atr.hpp"
#include "drivers/virtual/driver_log.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr std::uint8_t kControlOff = 0;
constexpr std::uint8_t kControlOn = 1;
constexpr std::uint8_t kControlReset = 2;
constexpr std::uint8_t kControlAtr = 4;
constexpr std::size_t kLengthBytes = 2;
constexpr std::size_t kStatusWordBytes = 2;

int remaining_ms(TimePoint deadline) {
  // Rounded up, or the last millisecond would be spent spinning.
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<milliseconds::rep>(left.count(), 0));
}

bool is_try_again(int error) { return error == EINTR || error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

VpcdCard::VpcdCard(UniqueFd socket, VpcdTimeouts timeouts)
    : socket_(std::move(socket)), timeouts_(timeouts) {}

RESPONSECODE VpcdCard::power_up() { return start(kControlOn); }

RESPONSECODE VpcdCard::reset() { return start(kControlReset); }

RESPONSECODE VpcdCard::start(std::uint8_t control_code) {
  atr_.clear();
  RESPONSECODE rv = send_message({&control_code, 1});
  if (rv == IFD_SUCCESS) rv = send_message({&kControlAtr, 1});
  if (rv == IFD_SUCCESS) rv = receive_message(atr_, timeouts_.atr);
  if (rv == IFD_RESPONSE_TIMEOUT) {
    log_line(PCSC_LOG_ERROR, "vpcd card sends no ATR, dropping its connection");
    remove();
    return IFD_ERROR_POWER_ACTION;
  }
  if (rv != IFD_SUCCESS) return rv;
  if (atr_.size() < kAtrBytesMin || atr_.size() > kAtrBytesMax) {
    log_line(PCSC_LOG_ERROR,
             "vpcd card answers reset with " + std::to_string(atr_.size()) + " bytes, not an ATR");
    return IFD_ERROR_POWER_ACTION;
  }
  return IFD_SUCCESS;
}

void VpcdCard::power_down() {
  // A card that is gone is as good as powered down; one that reads nothing is as good as gone.
  if (send_message({&kControlOff, 1}) == IFD_RESPONSE_TIMEOUT) remove();
}

RESPONSECODE VpcdCard::transmit(ByteView command, Bytes& response) {
  response.clear();
  if (command.size() == 1) {
    log_line(PCSC_LOG_ERROR, "vpcd card would take a command of one byte for a control code");
    return IFD_COMMUNICATION_ERROR;
  }
  if (command.empty() || command.size() > kVpcdMessageBytesMax) {
    log_line(PCSC_LOG_ERROR, "vpcd's protocol cannot carry a command of " +
                                 std::to_string(command.size()) + " bytes");
    return IFD_COMMUNICATION_ERROR;
  }
  RESPONSECODE rv = send_message(command);
  if (rv == IFD_SUCCESS) rv = receive_message(response, timeouts_.apdu);
  if (rv == IFD_RESPONSE_TIMEOUT) {
    log_line(PCSC_LOG_ERROR, "vpcd card does not answer a command, dropping its connection");
    remove();
  } else if (rv == IFD_SUCCESS && response.size() < kStatusWordBytes) {
    log_line(PCSC_LOG_ERROR, "vpcd card answers a command without a status word");
    rv = IFD_COMMUNICATION_ERROR;
  }
  return rv;
}

void VpcdCard::remove() noexcept {
  // Wakes whoever waits for the socket, here and in the listener; the error says "is closed".
  (void)::shutdown(socket_.get(), SHUT_RDWR);
}

RESPONSECODE VpcdCard::send_message(ByteView message) {
  // Length and body leave in one segment: two would wait for the peer's delayed ACK (40 ms).
  Bytes frame;
  frame.reserve(kLengthBytes + message.size());
  frame.push_back(static_cast<std::uint8_t>(message.size() >> 8U));
  frame.push_back(static_cast<std::uint8_t>(message.size() & 0xFFU));
  frame.insert(frame.end(), message.begin(), message.end());
  const TimePoint deadline = Clock::now() + timeouts_.send;
  for (ByteView rest = frame; !rest.empty();) {
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest = rest.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    if (!is_try_again(errno)) return IFD_ICC_NOT_PRESENT;
    const RESPONSECODE rv = wait_until_ready(POLLOUT, deadline);
    if (rv != IFD_SUCCESS) return rv;
  }
  return IFD_SUCCESS;
}

RESPONSECODE VpcdCard::receive_message(Bytes& message, milliseconds timeout) {
  message.clear();
  const TimePoint deadline = Clock::now() + timeout;
  std::array<std::uint8_t, kLengthBytes> length{};
  const RESPONSECODE rv = receive_exactly(length, deadline);
  if (rv != IFD_SUCCESS) return rv;
  message.resize(static_cast<std::size_t>(length[0]) << 8U | length[1]);
  return receive_exactly(message, deadline);
}

RESPONSECODE VpcdCard::receive_exactly(std::span<std::uint8_t> bytes, TimePoint deadline) {
  while (!bytes.empty()) {
    const ssize_t received = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (received > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(received));
      continue;
    }
    if (received == 0 || !is_try_again(errno)) return IFD_ICC_NOT_PRESENT;
    const RESPONSECODE rv = wait_until_ready(POLLIN, deadline);
    if (rv != IFD_SUCCESS) return rv;
  }
  return IFD_SUCCESS;
}

RESPONSECODE VpcdCard::wait_until_ready(short events, TimePoint deadline) {
  pollfd entry{socket_.get(), events, 0};
  const int rc = ::poll(&entry, 1, remaining_ms(deadline));
  if (rc > 0 || (rc < 0 && errno == EINTR)) return IFD_SUCCESS;
  return rc == 0 ? IFD_RESPONSE_TIMEOUT : IFD_COMMUNICATION_ERROR;
}

}  // namespace cardea::virtual_reader
