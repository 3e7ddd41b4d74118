#include "tests/fakes/serial/serial_line.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace cardea::serial_fake {
namespace {

constexpr std::array<std::uint8_t, 2> kFrameStart = {0x03, 0x06};
constexpr std::size_t kHeaderBytes = 10;
constexpr std::size_t kChecksumBytes = 1;

tl::unexpected<Error> system_failure(const std::string& call) {
  return failure(ScardRv::internal_error, call + ": " + std::strerror(errno));
}

std::size_t data_bytes(ByteView message) {
  std::uint32_t length = 0;
  for (std::size_t i = 4; i >= 1; --i) length = length << 8U | message[i];
  return length;
}

}  // namespace

SerialLine::SerialLine(UniqueFd master, UniqueFd slave)
    : master_(std::move(master)), slave_(std::move(slave)) {}

Result<SerialLine> SerialLine::create(const std::string& path) {
  int master = -1;
  int slave = -1;
  termios raw{};
  ::cfmakeraw(&raw);
  std::array<char, PATH_MAX> name{};
  if (::openpty(&master, &slave, nullptr, &raw, nullptr) != 0) return system_failure("openpty");
  SerialLine line{UniqueFd(master), UniqueFd(slave)};
  if (::ptsname_r(master, name.data(), name.size()) != 0) return system_failure("ptsname");
  if (::fcntl(master, F_SETFL, O_NONBLOCK) != 0) return system_failure("fcntl");
  if (::symlink(name.data(), path.c_str()) != 0) return system_failure("symlink " + path);
  return line;
}

bool SerialLine::read() {
  std::array<std::uint8_t, 4096> piece{};
  const ssize_t count = ::read(master_.get(), piece.data(), piece.size());
  if (count > 0) input_.insert(input_.end(), piece.begin(), piece.begin() + count);
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

std::optional<Bytes> SerialLine::next_message() {
  while (input_.size() >= kFrameStart.size() + kHeaderBytes + kChecksumBytes) {
    const ByteView message = ByteView(input_).subspan(kFrameStart.size());
    if (input_[0] != kFrameStart[0] || input_[1] != kFrameStart[1] ||
        data_bytes(message) > kMessageBytesMax - kHeaderBytes) {
      input_.erase(input_.begin());
      continue;
    }
    const std::size_t size = kHeaderBytes + data_bytes(message);
    if (message.size() < size + kChecksumBytes) return std::nullopt;
    Bytes result(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
    const std::size_t frame = kFrameStart.size() + size + kChecksumBytes;
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(frame));
    return result;
  }
  return std::nullopt;
}

void SerialLine::write(ByteView message) const {
  Bytes frame(kFrameStart.begin(), kFrameStart.end());
  frame.insert(frame.end(), message.begin(), message.end());
  std::uint8_t checksum = 0;
  for (const std::uint8_t byte : frame) checksum ^= byte;
  frame.push_back(checksum);
  for (ByteView rest = frame; !rest.empty();) {
    const ssize_t count = ::write(master_.get(), rest.data(), rest.size());
    if (count > 0) {
      rest = rest.subspan(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd entry{master_.get(), POLLOUT, 0};
      (void)::poll(&entry, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace cardea::serial_fake
