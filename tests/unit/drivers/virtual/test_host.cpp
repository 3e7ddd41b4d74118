#include "tests/unit/drivers/virtual/test_host.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "debuglog.h"
#include "drivers/virtual/registry.hpp"

namespace {

std::mutex g_log_mutex;
std::vector<std::string> g_log_lines;

}  // namespace

void log_msg(const int /*priority*/, const char* fmt, ...) {
  std::array<char, 2048> line{};
  va_list arguments;
  va_start(arguments, fmt);
  std::vsnprintf(line.data(), line.size(), fmt, arguments);
  va_end(arguments);
  const std::lock_guard lock(g_log_mutex);
  g_log_lines.emplace_back(line.data());
}

namespace cardea::virtual_reader {
namespace {

constexpr std::uint8_t kGuard = 0xA5;
constexpr std::size_t kGuardBytes = 16;

std::size_t count_entries(const char* folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder), &::closedir);
  std::size_t count = 0;
  while (::readdir(open.get()) != nullptr) ++count;
  return count;
}

/// Runs `call(buffer, length)` on a buffer of `room` bytes and fetches what it wrote.
template <typename Call>
Reply with_room(std::size_t room, Call call) {
  Bytes buffer(room + kGuardBytes, kGuard);
  Reply reply;
  reply.length = room;
  reply.rv = call(buffer.data(), &reply.length);
  for (std::size_t i = room; i < buffer.size(); ++i) {
    EXPECT_EQ(buffer[i], kGuard) << "written past the room at " << i;
  }
  if (reply.rv == IFD_SUCCESS && reply.length <= room) {
    buffer.resize(reply.length);
    reply.bytes = buffer;
  }
  return reply;
}

template <typename Function>
Function function_from(const Reply& reply) {
  Function function = nullptr;
  if (reply.rv == IFD_SUCCESS && reply.bytes.size() == sizeof function) {
    std::memcpy(&function, reply.bytes.data(), sizeof function);
  }
  return function;
}

}  // namespace

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16)));
    digits.clear();
  }
  EXPECT_TRUE(digits.empty()) << hex;
  return bytes;
}

Bytes concat(const Bytes& first, const Bytes& second) {
  Bytes both = first;
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

Bytes counting(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i & 0xFFU);
  return bytes;
}

Reply ok(Bytes bytes) {
  const DWORD length = bytes.size();
  return {IFD_SUCCESS, std::move(bytes), length};
}

Reply power(DWORD lun, DWORD action) {
  return with_room(MAX_ATR_SIZE, [=](PUCHAR buffer, PDWORD length) {
    return IFDHPowerICC(lun, action, buffer, length);
  });
}

Reply transmit(DWORD lun, const Bytes& command, std::size_t room) {
  Bytes sent = command;  // the API takes a pointer to non-const
  SCARD_IO_HEADER received = {2, sizeof(SCARD_IO_HEADER)};
  const Reply reply = with_room(room, [&](PUCHAR buffer, PDWORD length) {
    return IFDHTransmitToICC(lun, {1, sizeof(SCARD_IO_HEADER)}, sent.data(), sent.size(), buffer,
                             length, &received);
  });
  EXPECT_EQ(sent, command);
  EXPECT_EQ(received.Protocol, 2U);
  return reply;
}

Reply transmit(DWORD lun, std::string_view hex_command) {
  return transmit(lun, from_hex(hex_command));
}

Reply capability(DWORD lun, DWORD tag, std::size_t room) {
  return with_room(room, [=](PUCHAR buffer, PDWORD length) {
    return IFDHGetCapabilities(lun, tag, length, buffer);
  });
}

Reply control(DWORD lun, DWORD code, std::size_t room) {
  return with_room(room, [=](PUCHAR buffer, PDWORD length) {
    return IFDHControl(lun, code, nullptr, 0, buffer, room, length);
  });
}

PollFunction poll_function(DWORD lun) {
  return function_from<PollFunction>(
      capability(lun, TAG_IFD_POLLING_THREAD_WITH_TIMEOUT, sizeof(PollFunction)));
}

StopFunction stop_function(DWORD lun) {
  return function_from<StopFunction>(
      capability(lun, TAG_IFD_STOP_POLLING_THREAD, sizeof(StopFunction)));
}

bool wait_for_presence(DWORD lun, RESPONSECODE expected) {
  const PollFunction poll = poll_function(lun);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kForeverMs);
  while (IFDHICCPresence(lun) != expected) {
    if (poll == nullptr || std::chrono::steady_clock::now() >= deadline) return false;
    poll(lun, kForeverMs);
  }
  return true;
}

OpenReader::OpenReader(unsigned reader, const std::string& device_name, unsigned slots)
    : reader_(reader), slots_(slots) {
  std::string name = device_name;  // the API takes a pointer to non-const
  for (unsigned slot = 0; slot < slots; ++slot) {
    EXPECT_EQ(IFDHCreateChannelByName(lun(slot), name.data()), IFD_SUCCESS) << device_name;
  }
}

OpenReader::~OpenReader() {
  for (unsigned slot = slots_; slot > 0; --slot) {
    EXPECT_EQ(IFDHCloseChannel(lun(slot - 1)), IFD_SUCCESS);
  }
}

std::string OpenReader::execute(std::string_view command) const {
  return registry().find(lun())->execute(command);
}

void OpenReader::change(std::string_view command) const {
  const std::string answer = execute(command);
  EXPECT_TRUE(answer.starts_with("ok")) << command << ": " << answer;
}

std::vector<std::string> log_lines() {
  const std::lock_guard lock(g_log_mutex);
  return g_log_lines;
}

bool was_logged(std::string_view part) {
  for (const std::string& line : log_lines()) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cardea-XXXXXX").string();
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void use_threads_once() {
  std::thread([] {}).join();
}

std::size_t count_open_descriptors() { return count_entries("/proc/self/fd"); }

std::size_t count_threads() { return count_entries("/proc/self/task"); }

bool thread_count_becomes(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kForeverMs);
  while (count_threads() != count) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace cardea::virtual_reader
