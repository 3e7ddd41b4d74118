// What the environment asks of traces and delegates.
#include "libpcsclite/trace_settings.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace cardea {
namespace {

std::map<std::string, std::string> g_variables;

const char* get(const char* name) {
  const auto found = g_variables.find(name);
  return found != g_variables.end() ? found->second.c_str() : nullptr;
}

TraceSettings with(std::map<std::string, std::string> variables) {
  g_variables = std::move(variables);
  return read_trace_settings(get);
}

TEST(TraceSettings, AreOffWithoutVariables) {
  const TraceSettings settings = with({});
  EXPECT_FALSE(settings.traces());
  EXPECT_EQ(settings.delegate, "");
  EXPECT_FALSE(settings.show_pins);
}

TEST(TraceSettings, ComeFromTheirVariables) {
  EXPECT_EQ(with({{"LIBPCSCLITE_DELEGATE", "libspy.so"}}).delegate, "libspy.so");
  EXPECT_FALSE(with({{"LIBPCSCLITE_DELEGATE", "libspy.so"}}).traces());
  EXPECT_EQ(with({{"CARDEA_TRACE", "/tmp/trace"}}).trace_path, "/tmp/trace");
  EXPECT_TRUE(with({{"CARDEA_TRACE", "/tmp/trace"}}).traces());
  EXPECT_FALSE(with({{"CARDEA_TRACE", ""}}).traces());
}

TEST(TraceSettings, ShowPinsOnlyForOne) {
  EXPECT_TRUE(with({{"CARDEA_TRACE_PINS", "1"}}).show_pins);
  for (const char* other : {"", "0", "yes", "11"}) {
    EXPECT_FALSE(with({{"CARDEA_TRACE_PINS", other}}).show_pins) << other;
  }
}

TEST(TraceSettings, ReadTheDebugLevelAsPcscLiteDoes) {
  for (const char* all : {"0", "1", "", "garbage", "-1", "1x", " 1"}) {
    EXPECT_EQ(with({{"PCSCLITE_DEBUG", all}}).debug, DebugCalls::all) << all;
  }
  for (const char* failed : {"2", "3", "03", "3 "}) {
    EXPECT_EQ(with({{"PCSCLITE_DEBUG", failed}}).debug, DebugCalls::failed) << failed;
  }
  for (const char* none : {"4", "10", "99999999999999999999"}) {
    EXPECT_EQ(with({{"PCSCLITE_DEBUG", none}}).debug, DebugCalls::none) << none;
  }
}

}  // namespace
}  // namespace cardea
