#include "daemon/log_limit.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cardea {
namespace {

/// Subject of what comes beyond kSubjectsMax.
constexpr const char* kOthers = "others";

const std::string* field(const log::Record& record, std::string_view name) {
  for (const auto& [key, value] : record.fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

/// Whom the record is about and how much he may say; empty: nobody, so it is not limited.
std::pair<std::string, std::size_t> name_subject(const log::Record& record) {
  if (record.event == log::Event::apdu) return {};
  if (record.event == log::Event::driver_message) return {"drivers", LogLimit::kDriversMax};
  if (const auto* reader = field(record, "READER"))
    return {"reader " + *reader, LogLimit::kReaderMax};
  if (const auto* device = field(record, "DEVICE"))
    return {"device " + *device, LogLimit::kDeviceMax};
  if (const auto* uid = field(record, "CLIENT_UID")) {
    const auto* program = field(record, "CLIENT_EXE");
    return {"program " + *uid + " " + (program != nullptr ? *program : ""), LogLimit::kProgramMax};
  }
  return {};
}

}  // namespace

bool LogLimit::admit(const log::Record& record, TimePoint now) {
  if (record.level == log::Level::debug) return true;
  Subject* subject = subject_of(record, now);
  if (subject == nullptr) return true;
  forget_old(*subject, now);
  if (record.level >= log::Level::warning) subject->failed = now;
  const bool in_trouble = subject->failed && *subject->failed + kWindow > now;
  // The last place is the summary's.
  const bool full = subject->counted > 0 || subject->written.size() + 1 >= subject->most;
  if (in_trouble && full) {
    ++subject->counted;
    subject->worst = std::max(subject->worst, record.level);
    subject->last = record;
    return false;
  }
  subject->written.push_back(now);
  if (subject->written.size() > subject->most) subject->written.pop_front();
  return true;
}

std::vector<log::Record> LogLimit::due(TimePoint now) {
  std::vector<log::Record> summaries;
  for (auto& [name, subject] : subjects_) {
    forget_old(subject, now);
    if (subject.counted == 0 || subject.written.size() + 1 >= subject.most) continue;
    summaries.push_back(summary(subject));
    subject.written.push_back(now);
  }
  return summaries;
}

std::vector<log::Record> LogLimit::rest() {
  std::vector<log::Record> summaries;
  for (auto& [name, subject] : subjects_) {
    if (subject.counted > 0) summaries.push_back(summary(subject));
  }
  return summaries;
}

std::optional<TimePoint> LogLimit::next_deadline() const {
  std::optional<TimePoint> next;
  for (const auto& [name, subject] : subjects_) {
    if (subject.counted == 0 || subject.written.empty()) continue;
    const TimePoint when = subject.written.front() + kWindow;
    if (!next || when < *next) next = when;
  }
  return next;
}

LogLimit::Subject* LogLimit::subject_of(const log::Record& record, TimePoint now) {
  const auto [name, most] = name_subject(record);
  if (name.empty()) return nullptr;
  if (subjects_.size() >= kSubjectsMax && !subjects_.contains(name)) {
    for (auto& [other, subject] : subjects_) forget_old(subject, now);
    std::erase_if(subjects_, [](const auto& entry) {
      return entry.second.counted == 0 && entry.second.written.empty();
    });
  }
  const bool room = subjects_.contains(name) || subjects_.size() < kSubjectsMax;
  Subject& subject = subjects_[room ? name : kOthers];
  subject.most = room ? most : kProgramMax;
  return &subject;
}

void LogLimit::forget_old(Subject& subject, TimePoint now) {
  while (!subject.written.empty() && subject.written.front() + kWindow <= now) {
    subject.written.pop_front();
  }
}

log::Record LogLimit::summary(Subject& subject) {
  log::Record record{subject.worst,
                     std::to_string(subject.counted) +
                         (subject.counted == 1 ? " more message was" : " more messages were") +
                         " left out; the last one: " + subject.last.text,
                     std::move(subject.last.fields), log::Event::repeated};
  record.fields.emplace_back("COUNT", std::to_string(subject.counted));
  subject.counted = 0;
  subject.worst = log::Level::info;
  return record;
}

}  // namespace cardea
