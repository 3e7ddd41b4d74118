#include "tools/pcscctl/doctor/refusals.hpp"

#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <tuple>

#include "base/log_event.hpp"
#include "tools/pcscctl/terminal.hpp"

namespace cardea::ctl {
namespace {

using std::chrono::microseconds;

constexpr std::size_t kShownMax = 8;
constexpr std::size_t kFieldBytesMax = 4096;

struct Kind {
  log::Event event;
  Refusal::Kind kind;
};

constexpr std::array kKinds{Kind{log::Event::access_denied, Refusal::Kind::access},
                            Kind{log::Event::access_not_decided, Refusal::Kind::access},
                            Kind{log::Event::client_version_refused, Refusal::Kind::version},
                            Kind{log::Event::client_limit, Refusal::Kind::limit},
                            Kind{log::Event::user_limit, Refusal::Kind::limit}};

struct CloseJournal {
  void operator()(sd_journal* journal) const { ::sd_journal_close(journal); }
};
using Journal = std::unique_ptr<sd_journal, CloseJournal>;

Journal open_journal(const Host& host) {
  sd_journal* journal = nullptr;
  const int rc = host.root.empty()
                     ? ::sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY)
                     : ::sd_journal_open_directory(&journal, host.root.c_str(), SD_JOURNAL_OS_ROOT);
  return Journal(rc < 0 ? nullptr : journal);
}

void match(sd_journal* journal, const std::string& field, const std::string& value) {
  const std::string text = field + "=" + value;
  ::sd_journal_add_match(journal, text.data(), text.size());
}

std::string field(sd_journal* journal, const std::string& name) {
  const void* data = nullptr;
  std::size_t length = 0;
  if (::sd_journal_get_data(journal, name.c_str(), &data, &length) < 0) return {};
  std::string text(static_cast<const char*>(data), std::min(length, kFieldBytesMax));
  text.erase(0, name.size() + 1);
  return text;
}

Refusal refusal_at(sd_journal* journal, std::int64_t now_us) {
  Refusal refusal;
  const std::string id = field(journal, "MESSAGE_ID");
  for (const Kind& kind : kKinds) {
    if (id == log::message_id(kind.event)) refusal.kind = kind.kind;
  }
  std::uint64_t written_us = 0;
  ::sd_journal_get_realtime_usec(journal, &written_us);
  refusal.age_ms = std::max<std::int64_t>(0, now_us - static_cast<std::int64_t>(written_us)) / 1000;
  const std::string program = field(journal, "CARDEA_CLIENT_EXE");
  refusal.who = program.empty() ? "a program that has exited" : program;
  refusal.who += " (uid " + field(journal, "CARDEA_CLIENT_UID");
  if (const std::string app = field(journal, "CARDEA_CLIENT_APP_ID"); !app.empty()) {
    refusal.who += ", " + field(journal, "CARDEA_CLIENT_SANDBOX") + " " + app;
  }
  refusal.who += ")";
  refusal.rule = field(journal, "CARDEA_RULE");
  const std::string reader = field(journal, "CARDEA_ASKED_READER");
  switch (refusal.kind) {
    case Refusal::Kind::access:
      refusal.what = reader.empty() ? "smart cards" : "the reader \"" + reader + "\"";
      break;
    case Refusal::Kind::version:
      refusal.what = field(journal, "CARDEA_CLIENT_PROTOCOL");
      break;
    case Refusal::Kind::limit:
      if (id == log::message_id(log::Event::user_limit)) {
        refusal.what = field(journal, "CARDEA_LIMIT") + " " + field(journal, "CARDEA_QUOTA");
      }
      break;
  }
  return refusal;
}

auto subject_of(const Refusal& refusal) {
  return std::tie(refusal.kind, refusal.who, refusal.what);
}

Finding finding_for(const Refusal& last, std::size_t count) {
  const std::string often = count == 1 ? "once" : std::to_string(count) + " times";
  const std::string times = ": " + often + " in the last " + std::to_string(kRefusalHours) +
                            " h, " + (count == 1 ? "" : "the last ") + age(last.age_ms) + " ago";
  switch (last.kind) {
    case Refusal::Kind::version:
      return {
          Verdict::warning, "refused-version",
          last.who + " has a libpcsclite that cannot be served, of protocol " + last.what + times,
          "update that program, or the copy of libpcsclite.so.1 that comes with it"};
    case Refusal::Kind::limit:
      return {Verdict::warning, "refused-limit",
              last.who + " was refused because " +
                  (last.what.empty() ? "there were too many programs"
                                     : "its user had all of " + last.what) +
                  times,
              "pcscctl status shows who has how much; the limit and its option: journalctl -x -u "
              "pcscd"};
    case Refusal::Kind::access:
      break;
  }
  return {Verdict::warning, "refused-access", last.who + " was refused " + last.what + times,
          "why: journalctl -x -u pcscd. To allow it, make this the first line of "
          "/etc/cardea/access.rules and run pcscd --hotplug:",
          last.rule};
}

}  // namespace

RefusalRecords read_refusals(const Host& host) {
  RefusalRecords records;
  const Journal journal = open_journal(host);
  if (!journal) return records;
  records.has_journal = ::sd_journal_has_runtime_files(journal.get()) > 0 ||
                        ::sd_journal_has_persistent_files(journal.get()) > 0;
  for (const Kind& kind : kKinds) match(journal.get(), "MESSAGE_ID", log::message_id(kind.event));
  // What the kernel told journald, not the writer; matches of one field are alternatives.
  match(journal.get(), "_UID", "0");
  if (const auto user = host.uid_of("pcscd")) {
    match(journal.get(), "_UID", std::to_string(*user));
  }
  const std::int64_t now_us =
      std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  ::sd_journal_seek_tail(journal.get());
  while (records.refusals.size() < kRefusalsMax && ::sd_journal_previous(journal.get()) > 0) {
    Refusal refusal = refusal_at(journal.get(), now_us);
    if (refusal.age_ms > kRefusalHours * 3'600'000) break;
    records.refusals.push_back(std::move(refusal));
  }
  return records;
}

Findings judge_refusals(const RefusalRecords& records, bool is_root) {
  if (!records.has_journal) {
    return {{Verdict::note, "refused-no-journal",
             "there is no journal that you may read, so whom the daemon has refused is not known",
             is_root ? "look into the log of the system, or of where pcscd was started"
                     : "run this as root, or as a member of the group systemd-journal"}};
  }
  Findings found;
  std::vector<Refusal> told;
  for (const Refusal& refusal : records.refusals) {
    const auto same = [&refusal](const Refusal& other) {
      return subject_of(refusal) == subject_of(other);
    };
    if (std::any_of(told.begin(), told.end(), same)) continue;
    told.push_back(refusal);
    if (found.size() == kShownMax) continue;
    const auto count = std::count_if(records.refusals.begin(), records.refusals.end(), same);
    found.push_back(finding_for(refusal, static_cast<std::size_t>(count)));
  }
  if (told.size() > found.size()) {
    found.push_back({Verdict::note, "refused-more",
                     std::to_string(told.size() - found.size()) + " more programs were refused",
                     "journalctl -x -u pcscd"});
  }
  if (!found.empty()) return found;
  if (!is_root) {
    return {{Verdict::good, "refused",
             "no program was refused in the last " + std::to_string(kRefusalHours) +
                 " h, as far as you may see",
             ""}};
  }
  return {{Verdict::good, "refused",
           "no program was refused in the last " + std::to_string(kRefusalHours) + " h", ""}};
}

Findings check_refusals(const Host& host) {
  return judge_refusals(read_refusals(host), ::geteuid() == 0);
}

}  // namespace cardea::ctl
