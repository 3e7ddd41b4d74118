#include "daemon/control/control_request.hpp"

#include <gtest/gtest.h>

#include <array>

namespace cardea {
namespace {

using Action = ControlRequest::Action;

TEST(ControlRequest, UnderstandsItsThreeKinds) {
  const auto status = parse_control_request(R"({"cardea-control":1,"do":"status"})");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->action, Action::status);
  const auto monitor = parse_control_request(R"({"do":"monitor","cardea-control":1})");
  ASSERT_TRUE(monitor);
  EXPECT_EQ(monitor->action, Action::monitor);
  const auto reader = parse_control_request(R"({"cardea-control":1,"do":"trace","reader":"R"})");
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->reader, "R");
  const auto pid = parse_control_request(R"({"cardea-control":1,"do":"trace","pid":12})");
  ASSERT_TRUE(pid);
  EXPECT_EQ(pid->pid, 12);
}

TEST(ControlRequest, RefusesEverythingElse) {
  const std::array<std::string, 14> refused{
      "",
      "hello",
      "[]",
      "{",
      "\xFF\xFE",
      R"({"do":"status"})",
      R"({"cardea-control":2,"do":"status"})",
      R"({"cardea-control":"1","do":"status"})",
      R"({"cardea-control":1})",
      R"({"cardea-control":1,"do":"reset"})",
      R"({"cardea-control":1,"do":"status","pid":1})",
      R"({"cardea-control":1,"do":"trace"})",
      R"({"cardea-control":1,"do":"trace","pid":1,"reader":"R"})",
      R"({"cardea-control":1,"do":"trace","pid":"1"})",
  };
  for (const std::string& line : refused) {
    const auto request = parse_control_request(line);
    ASSERT_FALSE(request) << line;
    EXPECT_FALSE(request.error().context.empty()) << line;
  }
}

TEST(ControlRequest, IsNotTiredByDeepNesting) {
  EXPECT_FALSE(parse_control_request(std::string(kControlRequestBytesMax, '[')));
  EXPECT_FALSE(parse_control_request(std::string(kControlRequestBytesMax + 1, ' ')));
}

}  // namespace
}  // namespace cardea
