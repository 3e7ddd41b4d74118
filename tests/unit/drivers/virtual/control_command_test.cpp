#include "drivers/virtual/control_command.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cardea::virtual_reader {
namespace {

using Verb = ControlCommand::Verb;

TEST(ControlCommand, InsertsAHelloCardUnlessToldOtherwise) {
  const Result<ControlCommand> command = parse_control_command("insert 1", 2);
  ASSERT_TRUE(command);
  EXPECT_EQ(command->verb, Verb::insert);
  EXPECT_EQ(command->slot, 1U);
  EXPECT_EQ(command->card, CardKind::hello);
  EXPECT_FALSE(command->atr);
}

TEST(ControlCommand, InsertsTheCardItNames) {
  const Result<ControlCommand> mute = parse_control_command("insert 0 mute", 1);
  ASSERT_TRUE(mute);
  EXPECT_EQ(mute->card, CardKind::mute);
  const Result<ControlCommand> t0 = parse_control_command("insert 0 atr=t0", 1);
  ASSERT_TRUE(t0);
  EXPECT_EQ(t0->atr, AtrKind::t0);
  const Result<ControlCommand> both = parse_control_command("  insert  0  hello  atr=t1 ", 1);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->atr, AtrKind::t1);
}

TEST(ControlCommand, KnowsTheOtherVerbs) {
  EXPECT_EQ(parse_control_command("remove 254", 255)->slot, 254U);
  EXPECT_EQ(parse_control_command("remove 0", 1)->verb, Verb::remove);
  EXPECT_FALSE(parse_control_command("remove 0", 1)->unseen);
  EXPECT_TRUE(parse_control_command("remove 0 unseen", 1)->unseen);
  EXPECT_EQ(parse_control_command("status", 1)->verb, Verb::status);
  EXPECT_EQ(parse_control_command("help", 1)->verb, Verb::help);
}

struct BadLine {
  std::string line;
  std::string problem;
};

class BadControlLine : public testing::TestWithParam<BadLine> {};

TEST_P(BadControlLine, IsRefusedWithItsReason) {
  const Result<ControlCommand> command = parse_control_command(GetParam().line, 2);
  ASSERT_FALSE(command) << GetParam().line;
  EXPECT_EQ(command.error().context, GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadControlLine,
    testing::Values(BadLine{"", "empty command, try help"},
                    BadLine{"   ", "empty command, try help"},
                    BadLine{"eject 0", "unknown command 'eject', try help"},
                    BadLine{"status\r", "unknown command 'status\\x0D', try help"},
                    BadLine{"INSERT 0", "unknown command 'INSERT', try help"},
                    BadLine{"status 0", "status takes no argument"},
                    BadLine{"help me", "help takes no argument"},
                    BadLine{"insert", "insert needs the number of a slot"},
                    BadLine{"remove", "remove needs the number of a slot"},
                    BadLine{"insert 2", "'2' is not a slot of 0..1"},
                    BadLine{"remove -1", "'-1' is not a slot of 0..1"},
                    BadLine{"remove one", "'one' is not a slot of 0..1"},
                    BadLine{"remove 0 now", "remove takes only the number of a slot, and 'unseen'"},
                    BadLine{"insert 0 visa", "what is 'visa'? Try help"},
                    BadLine{"insert 0 atr=t1 hello", "what is 'hello'? Try help"},
                    BadLine{"insert 0 hello atr=t3", "atr is not t0, t1 or t01"}));

}  // namespace
}  // namespace cardea::virtual_reader
