#include "daemon/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace cardea {
namespace {

using testing::HasSubstr;

Result<Options> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pcscd");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), pointers.data());
}

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() { ::unsetenv("PCSCLITE_CSOCK_NAME"); }
  ~OptionsTest() override { ::unsetenv("PCSCLITE_CSOCK_NAME"); }
};

TEST_F(OptionsTest, HasDefaults) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->action, Options::Action::run);
  EXPECT_FALSE(options->foreground);
  EXPECT_EQ(options->socket, "/run/pcscd/pcscd.comm");
  EXPECT_EQ(options->config, "/etc/reader.conf.d");
  EXPECT_FALSE(options->config_given);
  EXPECT_EQ(options->level, log::Level::info);
  EXPECT_EQ(options->handles_per_context_max, 200u);
  EXPECT_EQ(options->handles_per_reader_max, 200u);
  EXPECT_EQ(options->legacy_slots, 16u);
}

TEST_F(OptionsTest, TakesLongAndShortNames) {
  const auto long_names = parse({"--config", "/c", "--foreground", "--debug", "--max-thread=5",
                                 "--max-card-handle-per-thread=6", "--max-card-handle-per-reader",
                                 "7", "--legacy-slots=48"});
  const auto short_names = parse({"-c/c", "-f", "-d", "-t5", "-s", "6", "-r7"});
  for (const auto& options : {long_names, short_names}) {
    ASSERT_TRUE(options);
    EXPECT_EQ(options->config, "/c");
    EXPECT_TRUE(options->config_given);
    EXPECT_TRUE(options->foreground);
    EXPECT_EQ(options->level, log::Level::debug);
    EXPECT_EQ(options->clients_max, 5u);
    EXPECT_EQ(options->handles_per_context_max, 6u);
    EXPECT_EQ(options->handles_per_reader_max, 7u);
  }
  EXPECT_EQ(long_names->legacy_slots, 48u);
}

TEST_F(OptionsTest, TheSocketOptionWinsOverTheEnvironment) {
  ::setenv("PCSCLITE_CSOCK_NAME", "/tmp/from-environment", 1);
  EXPECT_EQ(parse({})->socket, "/tmp/from-environment");
  EXPECT_EQ(parse({"--socket", "/tmp/from-option"})->socket, "/tmp/from-option");
}

TEST_F(OptionsTest, TheLastLevelCounts) {
  EXPECT_EQ(parse({"--debug", "--error"})->level, log::Level::error);
  EXPECT_EQ(parse({"-C"})->level, log::Level::critical);
  EXPECT_EQ(parse({"-e", "-i"})->level, log::Level::info);
}

TEST_F(OptionsTest, RefusesNumbersThatMakeNoSense) {
  for (const char* bad : {"--max-thread=0", "--max-thread=-1", "--max-thread=", "--max-thread=1x",
                          "--max-thread=1000001", "--max-thread=99999999999999999999999",
                          "--max-card-handle-per-thread=0", "--max-card-handle-per-reader=100001",
                          "--legacy-slots=15", "--legacy-slots=256"}) {
    const auto options = parse({bad});
    ASSERT_FALSE(options) << bad;
    EXPECT_EQ(options.error().rv, ScardRv::invalid_parameter);
    EXPECT_THAT(options.error().context, HasSubstr("takes a number from"));
  }
}

TEST_F(OptionsTest, RefusesStrayArguments) {
  const auto options = parse({"-f", "stray"});
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().context, HasSubstr("\"stray\""));
}

TEST_F(OptionsTest, RefusesUnknownOptions) {
  testing::internal::CaptureStderr();
  EXPECT_FALSE(parse({"--no-such-option"}));
  EXPECT_FALSE(parse({"-Z"}));
  EXPECT_FALSE(parse({"--config"}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("no-such-option"))
      << "getopt says what is wrong";
}

TEST_F(OptionsTest, HelpAndVersionAreActions) {
  EXPECT_EQ(parse({"--help"})->action, Options::Action::help);
  EXPECT_EQ(parse({"-v"})->action, Options::Action::version);
  EXPECT_THAT(usage(), HasSubstr("--foreground"));
  EXPECT_THAT(version_text(), HasSubstr("4:6"));
}

}  // namespace
}  // namespace cardea
