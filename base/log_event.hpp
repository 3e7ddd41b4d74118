// The kinds of log records and their numbers for the journal, in one table. systemd/cardea.catalog
// explains each to whoever reads `journalctl -x`; a test compares the two. Constant; any thread.
#pragma once

#include <span>

namespace cardea::log {

enum class Event {
  none,  ///< a detail, for people who look for a fault: no entry in the catalog
  service_started,
  service_stopping,
  start_failed,
  stop_forced,
  reload,
  pid_file_failed,
  hotplug_source,
  config_problem,
  config_skipped,
  reader_ready,
  reader_removed,
  reader_fault,
  reader_ignored,
  reader_unavailable,
  reader_retry,
  reader_restarted,
  reader_given_up,
  reader_not_released,
  driver_exception,
  driver_incomplete,
  driver_message,
  driver_crashed,
  driver_hung,
  driver_keeper_lost,
  client_version_refused,
  client_disconnected,
  client_limit,
  user_limit,
  descriptor_limit,
  access_denied,
  access_not_decided,
  access_rules_read,
  access_rules_broken,
  apdu,
  request,
  repeated,
  log_level,
  holder_idle,
  control_failed,
  control_refused,
  memory_short,
  log_lost,
  resumed,
};

struct EventRow {
  Event event;
  const char* name;  ///< as in Event
  const char*
      message_id;  ///< 32 hexadecimal digits (journal: MESSAGE_ID); never changed or re-used
};

/// All but `none`.
std::span<const EventRow> event_table();

/// nullptr for `none`.
const char* message_id(Event event) noexcept;

}  // namespace cardea::log
