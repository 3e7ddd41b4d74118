// The only file that sees spdlog.
#include "daemon/journal_log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

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

void write_record(const log::Record& record) {
  spdlog::default_logger_raw()->log(spdlog_level(record.level), record.text);
}

}  // namespace

void install_log(bool foreground, log::Level least) {
  const auto logger = foreground ? spdlog::stdout_color_mt("pcscd")
                                 : spdlog::syslog_logger_mt("pcscd", "pcscd", LOG_PID);
  logger->set_pattern(foreground ? "%H:%M:%S.%e %^%l%$ %v" : "%v");
  logger->set_level(spdlog::level::debug);  // base/log filters
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
  log::set_sink(write_record, least);
}

}  // namespace cardea
