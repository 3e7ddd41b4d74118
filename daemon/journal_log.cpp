// The only file that sees spdlog.
#include "daemon/journal_log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "daemon/journal_sink.hpp"
#include "daemon/log_limit.hpp"
#include "daemon/signals.hpp"

namespace cardea {
namespace {

spdlog::level::level_enum spdlog_level(log::Level level) {
  switch (level) {
    case log::Level::debug:
      return spdlog::level::debug;
    case log::Level::info:
      return spdlog::level::info;
    case log::Level::warning:
      return spdlog::level::warn;
    case log::Level::error:
      return spdlog::level::err;
    case log::Level::critical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

/// The record this thread is passing through spdlog, which knows no fields.
thread_local const log::Record* t_record = nullptr;

void pass_on(const log::Record& unchecked) {
  const log::Record record = log::one_line(unchecked);
  t_record = &record;
  spdlog::default_logger_raw()->log(spdlog_level(record.level), record.text);
}

/// What keeps failures that repeat from filling the log, and the timer that reminds the main thread
/// of the summaries.
struct Limiter {
  Mutex mutex;
  LogLimit limit GUARDED_BY(mutex);
  std::optional<timer_t> timer GUARDED_BY(mutex);  ///< its value may well be 0
  std::optional<TimePoint> timer_set GUARDED_BY(mutex);

  void set_timer() REQUIRES(mutex) {
    const auto deadline = limit.next_deadline();
    if (!timer || !deadline || deadline == timer_set) return;
    timer_set = deadline;
    const auto since = deadline->time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    itimerspec at{};
    at.it_value.tv_sec = seconds.count();
    at.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count() | 1;
    ::timer_settime(*timer, TIMER_ABSTIME, &at, nullptr);
  }
};

Limiter& limiter() {
  static Limiter instance;
  return instance;
}

void start_limiter() {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = log_signal();
  Limiter& self = limiter();
  MutexLock lock(self.mutex);
  // Without a timer summaries come with the next one or at the end.
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) self.timer = timer;
}

void write_record(const log::Record& record) {
  // Who asks for details wants all of them.
  if (log::least_level() != log::Level::debug) {
    Limiter& self = limiter();
    MutexLock lock(self.mutex);
    const bool admitted = self.limit.admit(record, Clock::now());
    self.set_timer();
    if (!admitted) return;
  }
  pass_on(record);
}

/// Hands records to the journal with their fields. The journal takes them from many threads.
class JournalSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg&) override { send_to_journal(*t_record); }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

/// Microseconds since the line before, as pcsc-lite's users know them: eight digits, no more than
/// 99999999. Used under the sink's lock.
class DeltaFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    static constexpr long long kMost = 99'999'999;
    const auto delta =
        std::chrono::duration_cast<std::chrono::microseconds>(message.time - last_).count();
    const bool is_first = last_ == spdlog::log_clock::time_point{};
    last_ = message.time;
    fmt::format_to(std::back_inserter(out), "{:08}",
                   is_first ? 0 : std::clamp<long long>(delta, 0, kMost));
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<DeltaFlag>();
  }

 private:
  spdlog::log_clock::time_point last_;
};

std::shared_ptr<spdlog::logger> terminal_logger(bool always_color) {
  auto sink = std::make_shared<spdlog::sinks::stdout_color_sink_mt>(
      always_color ? spdlog::color_mode::always : spdlog::color_mode::automatic);
  sink->set_color(spdlog::level::debug, sink->reset);
  sink->set_color(spdlog::level::info, sink->blue);
  sink->set_color(spdlog::level::warn, sink->yellow);
  sink->set_color(spdlog::level::err, sink->magenta);
  sink->set_color(spdlog::level::critical, sink->red_bold);
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<DeltaFlag>('D').set_pattern("%D %^%l %v%$");
  sink->set_formatter(std::move(formatter));
  return std::make_shared<spdlog::logger>("pcscd", std::move(sink));
}

std::shared_ptr<spdlog::logger> background_logger() {
  auto logger = spdlog::syslog_logger_mt("pcscd", "pcscd", LOG_PID, LOG_DAEMON);
  logger->set_pattern("%v");
  return logger;
}

struct Target {
  const char* name;
  std::shared_ptr<spdlog::logger> logger;
};

Target choose_target(const Options& options) {
  if (!options.foreground) return {"syslog", background_logger()};
  if (options.color || !is_journal_connected()) return {"console", terminal_logger(options.color)};
  return {"journal", std::make_shared<spdlog::logger>("pcscd", std::make_shared<JournalSink>())};
}

}  // namespace

const char* install_log(const Options& options) {
  const auto [target, logger] = choose_target(options);
  logger->set_level(spdlog::level::debug);  // base/log filters
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
  start_limiter();
  log::set_sink(write_record, options.level);
  return target;
}

void write_log_summaries() {
  std::vector<log::Record> summaries;
  {
    Limiter& self = limiter();
    MutexLock lock(self.mutex);
    summaries = self.limit.due(Clock::now());
    self.timer_set.reset();
    self.set_timer();
  }
  for (const log::Record& summary : summaries) pass_on(summary);
}

void write_last_log_summaries() {
  std::vector<log::Record> summaries;
  {
    Limiter& self = limiter();
    MutexLock lock(self.mutex);
    summaries = self.limit.rest();
  }
  for (const log::Record& summary : summaries) pass_on(summary);
}

}  // namespace cardea
