// The table of event kinds against the catalog that explains them.
#include "base/log_event.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace cardea::log {
namespace {

/// Identifier to all that the catalog says about it, the header included.
std::map<std::string, std::string> read_catalog() {
  std::map<std::string, std::string> entries;
  std::ifstream file(CARDEA_CATALOG);
  std::string line;
  std::string id;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    if (line.starts_with("-- ")) {
      id = line.substr(3);
      EXPECT_FALSE(entries.contains(id)) << id << " is there twice";
      entries[id];
    } else {
      entries[id] += line + "\n";
    }
  }
  entries.erase("");
  return entries;
}

TEST(LogEvent, HasAnIdentifierOfItsOwn) {
  std::set<std::string> ids;
  for (const EventRow& row : event_table()) {
    EXPECT_TRUE(std::regex_match(row.message_id, std::regex("[0-9a-f]{32}"))) << row.name;
    EXPECT_TRUE(ids.insert(row.message_id).second) << row.name;
    EXPECT_STREQ(message_id(row.event), row.message_id);
  }
  EXPECT_GT(ids.size(), 20U);
  EXPECT_EQ(message_id(Event::none), nullptr);
}

TEST(LogEvent, IsExplainedInTheCatalog) {
  auto catalog = read_catalog();
  for (const EventRow& row : event_table()) {
    const std::string text = catalog[row.message_id];
    EXPECT_TRUE(std::regex_search(text, std::regex("^Subject: [^\n]{8,60}\n"))) << row.name;
    const auto body = text.find("\n\n");
    ASSERT_NE(body, std::string::npos) << row.name;
    EXPECT_GT(text.size() - body, 40U) << row.name << " has no explanation";
    catalog.erase(row.message_id);
  }
  EXPECT_TRUE(catalog.empty()) << "nobody writes " << catalog.begin()->second;
}

TEST(LogEvent, TheCatalogNamesRemediesForWhatGoesWrong) {
  auto catalog = read_catalog();
  for (const Event event :
       {Event::config_problem, Event::pid_file_failed, Event::reader_fault,
        Event::reader_unavailable, Event::reader_restarted, Event::reader_given_up,
        Event::reader_not_released, Event::driver_exception, Event::driver_incomplete,
        Event::client_version_refused, Event::client_disconnected, Event::client_limit,
        Event::descriptor_limit}) {
    EXPECT_NE(catalog[message_id(event)].find("Remedy: "), std::string::npos)
        << catalog[message_id(event)];
  }
}

}  // namespace
}  // namespace cardea::log
