#include "daemon/log_control.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/clock.hpp"
#include "base/thread.hpp"

namespace cardea {
namespace {

constexpr const char* kPath = "/org/freedesktop/LogControl1";
constexpr const char* kInterface = "org.freedesktop.LogControl1";
constexpr const char* kIdentifier = "pcscd";

struct LevelName {
  std::string_view name;
  log::Level level;
};

/// Where several names mean one level, the first is ours.
constexpr std::array kLevels{
    LevelName{"debug", log::Level::debug},    LevelName{"info", log::Level::info},
    LevelName{"notice", log::Level::info},    LevelName{"warning", log::Level::warning},
    LevelName{"err", log::Level::error},      LevelName{"crit", log::Level::critical},
    LevelName{"alert", log::Level::critical}, LevelName{"emerg", log::Level::critical}};

int get_level(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*,
              sd_bus_error*) {
  return ::sd_bus_message_append(reply, "s", log_level_name(log::least_level()));
}

int set_level(sd_bus*, const char*, const char*, const char*, sd_bus_message* value, void*,
              sd_bus_error* error) {
  const char* name = nullptr;
  if (const int read = ::sd_bus_message_read(value, "s", &name); read < 0) return read;
  const auto level = log_level_named(name);
  if (!level) {
    return ::sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "\"%s\" is no log level",
                               log::escape(name).c_str());
  }
  log::set_least_level(*level);
  log::write_always({log::Level::info,
                     std::string("the log level is ") + log_level_name(*level) + " from now on",
                     {},
                     log::Event::log_level});
  return 0;
}

int get_target(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* self,
               sd_bus_error*) {
  return ::sd_bus_message_append(reply, "s",
                                 static_cast<const LogControl*>(self)->target().c_str());
}

int set_target(sd_bus*, const char*, const char*, const char*, sd_bus_message* value, void* self,
               sd_bus_error* error) {
  const char* name = nullptr;
  if (const int read = ::sd_bus_message_read(value, "s", &name); read < 0) return read;
  if (static_cast<const LogControl*>(self)->target() == name) return 0;
  return ::sd_bus_error_set(error, SD_BUS_ERROR_NOT_SUPPORTED,
                            "pcscd logs to one place as long as it runs");
}

int get_identifier(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void*,
                   sd_bus_error*) {
  return ::sd_bus_message_append(reply, "s", kIdentifier);
}

// Writing takes root or the daemon's own user: sd-bus asks, as nothing here says UNPRIVILEGED.
const std::array kVtable{
    sd_bus_vtable(SD_BUS_VTABLE_START(0)),
    sd_bus_vtable(SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_level, 0, 0)),
    sd_bus_vtable(SD_BUS_WRITABLE_PROPERTY("LogTarget", "s", get_target, set_target, 0, 0)),
    sd_bus_vtable(
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST)),
    sd_bus_vtable(SD_BUS_VTABLE_END)};

/// How long poll() may wait for the bus.
int wait_limit_ms(sd_bus* bus) {
  std::uint64_t until_us = UINT64_MAX;
  if (::sd_bus_get_timeout(bus, &until_us) < 0 || until_us == UINT64_MAX) return -1;
  const auto until = TimePoint(std::chrono::microseconds(until_us));
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, INT_MAX));
}

}  // namespace

const char* log_level_name(log::Level level) noexcept {
  for (const LevelName& known : kLevels) {
    if (known.level == level) return known.name.data();
  }
  return "info";
}

std::optional<log::Level> log_level_named(std::string_view name) noexcept {
  for (const LevelName& known : kLevels) {
    if (known.name == name) return known.level;
  }
  return std::nullopt;
}

std::unique_ptr<LogControl> LogControl::create(std::string target) {
  sd_bus* bus = nullptr;
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  int result = stop ? ::sd_bus_open_system(&bus) : -errno;
  if (result >= 0) {
    std::unique_ptr<LogControl> control(new LogControl(bus, std::move(stop), std::move(target)));
    result =
        ::sd_bus_add_object_vtable(bus, nullptr, kPath, kInterface, kVtable.data(), control.get());
    if (result >= 0)
      result = ::sd_bus_request_name_async(bus, nullptr, kBusName, 0, nullptr, nullptr);
    if (result >= 0 && !start_thread(control->thread_, [raw = control.get()] { raw->run(); })) {
      result = -EAGAIN;
    }
    if (result >= 0) return control;
  }
  log::write(log::Level::debug,
             std::string("no control of the log level over D-Bus: ") + std::strerror(-result));
  return nullptr;
}

LogControl::LogControl(sd_bus* bus, UniqueFd stop, std::string target)
    : bus_(bus), stop_(std::move(stop)), target_(std::move(target)) {}

LogControl::~LogControl() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  ::sd_bus_flush_close_unref(bus_);
}

void LogControl::run() {
  for (;;) {
    const int worked = ::sd_bus_process(bus_, nullptr);
    if (worked < 0) return;  // the bus is gone; the level stays
    if (worked > 0) continue;
    const int events = ::sd_bus_get_events(bus_);
    if (events < 0) return;
    std::array<pollfd, 2> waits{
        {{::sd_bus_get_fd(bus_), static_cast<short>(events), 0}, {stop_.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), wait_limit_ms(bus_)) < 0 && errno != EINTR) return;
    if (waits[1].revents != 0) return;
  }
}

}  // namespace cardea
