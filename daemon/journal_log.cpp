// The only file that sees spdlog.
#include "daemon/journal_log.hpp"

#include <paths.h>
#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "daemon/journal_sink.hpp"
#include "daemon/log_limit.hpp"
#include "daemon/log_output.hpp"
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

/// The record this thread is passing through spdlog, which knows no fields, and whether it was
/// written.
thread_local const log::Record* t_record = nullptr;
thread_local bool t_written = false;

/// Records that could not be written since the last one that could.
std::atomic<std::uint64_t> g_lost{0};

bool write_now(const log::Record& record) {
  t_record = &record;
  t_written = false;
  spdlog::default_logger_raw()->log(spdlog_level(record.level), record.text);
  return t_written;
}

/// What is lost is counted, and told as soon as the log takes something again.
void pass_on(const log::Record& record) {
  if (const std::uint64_t lost = g_lost.exchange(0); lost != 0) {
    const std::string count = std::to_string(lost);
    const log::Record summary{log::Level::warning,
                              count + " log record" + (lost == 1 ? "" : "s") +
                                  " before this one could not be written: the log was full, or "
                                  "nobody took them",
                              {{"COUNT", count}},
                              log::Event::log_lost};
    if (!write_now(summary)) {
      g_lost += lost + 1;
      return;
    }
  }
  if (!write_now(log::one_line(record))) ++g_lost;
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
  void log(const spdlog::details::log_msg&) override {
    const std::lock_guard lock(mutex_);
    t_written = send_to_journal(*t_record, journal_, text_);
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  const LogSocket journal_{kJournalSocket};
  std::mutex mutex_;
  LogDescriptor text_{STDOUT_FILENO};  ///< under the mutex
};

/// Hands records to syslog as text, in the form that syslog(3) has.
class SyslogSink final : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::time_t seconds = spdlog::log_clock::to_time_t(message.time);
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    std::array<char, 32> time{};
    // Abbreviated English months, whatever the language: nobody has called setlocale().
    std::strftime(time.data(), time.size(), "%h %e %T", &parts);
    t_written = socket_.send(fmt::format("<{}>{} pcscd[{}]: {}",
                                         LOG_DAEMON | syslog_priority(t_record->level), time.data(),
                                         ::getpid(), t_record->text));
  }
  void flush_() override {}

  const LogSocket socket_{_PATH_LOG};
};

/// Writes lines to standard output, whatever it is: a terminal, a file, a pipe.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LineSink(bool color) : color_(color) {}

 private:
  static const char* color_of(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::info:
        return "\033[34m";
      case spdlog::level::warn:
        return "\033[33m";
      case spdlog::level::err:
        return "\033[35m";
      case spdlog::level::critical:
        return "\033[31m\033[1m";
      default:
        return "\033[m";
    }
  }
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string text = fmt::to_string(line);
    if (color_ && message.color_range_end > message.color_range_start) {
      text.insert(message.color_range_end, "\033[m");
      text.insert(message.color_range_start, color_of(message.level));
    }
    t_written = out_.write(text);
  }
  void flush_() override {}

  const bool color_;
  LogDescriptor out_{STDOUT_FILENO};
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
  const bool color =
      always_color || (::isatty(STDOUT_FILENO) == 1 && spdlog::details::os::is_color_terminal());
  auto sink = std::make_shared<LineSink>(color);
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<DeltaFlag>('D').set_pattern("%D %^%l %v%$");
  sink->set_formatter(std::move(formatter));
  return std::make_shared<spdlog::logger>("pcscd", std::move(sink));
}

std::shared_ptr<spdlog::logger> background_logger() {
  return std::make_shared<spdlog::logger>("pcscd", std::make_shared<SyslogSink>());
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
