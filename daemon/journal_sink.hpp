// The connection to systemd's journal: records as native entries, with their fields. Used by
// journal_log only; thread-safe, as the journal takes one datagram a record.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "daemon/log_output.hpp"

namespace cardea {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// True if systemd has connected standard output or standard error to the journal, so that native
/// entries belong where the text would have gone (JOURNAL_STREAM, systemd.exec(5)).
///
/// `socket`: where the journal takes entries.
bool is_journal_connected(const char* socket = kJournalSocket);

/// syslog's number, as the journal's PRIORITY.
int syslog_priority(log::Level level) noexcept;

/// The record as "NAME=value" strings. What the record brings gets the prefix CARDEA_, so that it
/// meets no field of somebody else.
std::vector<std::string> journal_fields(const log::Record& record);

/// The record as one entry of the journal's native protocol. No value of it has a line end.
std::string journal_entry(const log::Record& record);

/// Sends the record; where the journal cannot be reached, as text with its priority ("<4>...") to
/// `text`. False if neither takes it; waits for neither, so that a journal that hangs is no reason
/// for the service to hang.
bool send_to_journal(const log::Record& record, const LogSocket& journal, LogDescriptor& text);

}  // namespace cardea
