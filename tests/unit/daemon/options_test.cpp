#include "daemon/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

namespace cardea {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::array kVariables{"PCSCLITE_CSOCK_NAME", "PCSCLITE_HP_DROPDIR",
                                "PCSCLITE_FILTER_IGNORE_READER_NAMES",
                                "PCSCLITE_FILTER_EXTEND_READER_NAMES"};

Result<Options> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pcscd");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), pointers.data());
}

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() { clear(); }
  ~OptionsTest() override { clear(); }

 private:
  static void clear() {
    for (const char* name : kVariables) ::unsetenv(name);
  }
};

TEST_F(OptionsTest, HasDefaults) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->action, Options::Action::run);
  EXPECT_FALSE(options->foreground);
  EXPECT_FALSE(options->color);
  EXPECT_FALSE(options->log_apdus);
  EXPECT_FALSE(options->driver_dumps);
  EXPECT_FALSE(options->auto_exit);
  EXPECT_EQ(options->socket, "/run/pcscd/pcscd.comm");
  EXPECT_EQ(options->config, "/etc/reader.conf.d");
  EXPECT_FALSE(options->config_given);
  EXPECT_EQ(options->level, log::Level::info);
  EXPECT_EQ(options->clients_max, 10'000u);
  EXPECT_EQ(options->handles_per_context_max, 200u);
  EXPECT_EQ(options->handles_per_reader_max, 400u);
  EXPECT_EQ(options->clients_per_user_max, std::nullopt);
  EXPECT_EQ(options->handles_per_user_max, 10'000u);
  EXPECT_EQ(options->calls_per_user_max, 1'000u);
  EXPECT_EQ(options->mib_per_user_max, 64u);
  EXPECT_EQ(options->legacy_slots, 16u);
  EXPECT_EQ(options->bundle_directory, "/usr/lib/pcsc/drivers");
  EXPECT_EQ(options->idle_holder, seconds(10));
  EXPECT_EQ(options->idle_holder_policy, core::IdlePolicy::report);
  EXPECT_EQ(options->hotplug_backend, HotplugKind::automatic);
  EXPECT_EQ(options->forced_polling, seconds(0));
  EXPECT_FALSE(options->generic_ccid);
  EXPECT_EQ(options->power.for_reader("Any").kind, PowerOff::Kind::standard);
  EXPECT_FALSE(options->names_without_serial);
  EXPECT_FALSE(options->names_without_interface);
  EXPECT_EQ(options->ignore_readers, "");
  EXPECT_EQ(options->extend_readers, "");
}

/// One way to write an option, and what it has to do.
struct Spelling {
  std::vector<std::string> arguments;
  std::function<bool(const Options&)> works;
};

const std::vector<Spelling>& spellings() {
  using O = Options;
  static const std::vector<Spelling> table{
      {{"-a", "--apdu"}, [](const O& o) { return o.log_apdus; }},
      {{"--unmasked-driver-dumps", "--unmasked"}, [](const O& o) { return o.driver_dumps; }},
      {{"-c/c", "--config=/c"}, [](const O& o) { return o.config == "/c" && o.config_given; }},
      {{"-f", "--foreground"}, [](const O& o) { return o.foreground; }},
      {{"-T", "--color"}, [](const O& o) { return o.color; }},
      {{"-d", "--debug"}, [](const O& o) { return o.level == log::Level::debug; }},
      {{"-i", "--info"}, [](const O& o) { return o.level == log::Level::info; }},
      {{"-e", "--error"}, [](const O& o) { return o.level == log::Level::error; }},
      {{"-C", "--critical"}, [](const O& o) { return o.level == log::Level::critical; }},
      {{"-H", "--hotplug"}, [](const O& o) { return o.action == O::Action::hotplug; }},
      {{"--force-reader-polling"}, [](const O& o) { return o.forced_polling == seconds(1); }},
      {{"--force-reader-polling=7", "--force-reader-polling=-7"},
       [](const O& o) { return o.forced_polling == seconds(7); }},
      {{"-t5", "--max-thread=5"}, [](const O& o) { return o.clients_max == 5; }},
      {{"-s6", "--max-card-handle-per-thread=6"},
       [](const O& o) { return o.handles_per_context_max == 6; }},
      {{"-r7", "--max-card-handle-per-reader=7"},
       [](const O& o) { return o.handles_per_reader_max == 7; }},
      {{"--max-clients-per-user=8"}, [](const O& o) { return o.clients_per_user_max == 8; }},
      {{"--max-card-handle-per-user=9"}, [](const O& o) { return o.handles_per_user_max == 9; }},
      {{"--max-waiting-per-user=10"}, [](const O& o) { return o.calls_per_user_max == 10; }},
      {{"--max-memory-per-user=11"}, [](const O& o) { return o.mib_per_user_max == 11; }},
      {{"-x", "--auto-exit", "--auto-exit=60"},
       [](const O& o) { return o.auto_exit && o.auto_exit_limit == seconds(60); }},
      {{"--auto-exit=5"},
       [](const O& o) { return o.auto_exit && o.auto_exit_limit == seconds(5); }},
      {{"-S", "--reader-name-no-serial"}, [](const O& o) { return o.names_without_serial; }},
      {{"-I", "--reader-name-no-interface"}, [](const O& o) { return o.names_without_interface; }},
      {{"--disable-polkit"}, [](const O& o) { return !o.polkit; }},
      {{"--access-rules=/r"},
       [](const O& o) { return o.access_rules == "/r" && o.access_rules_given; }},
      {{"-h", "--help"}, [](const O& o) { return o.action == O::Action::help; }},
      {{"-v", "--version"}, [](const O& o) { return o.action == O::Action::version; }},
      {{"--socket=/s"}, [](const O& o) { return o.socket == "/s"; }},
      {{"--legacy-slots=48"}, [](const O& o) { return o.legacy_slots == 48; }},
      {{"--idle-holder=30"}, [](const O& o) { return o.idle_holder == seconds(30); }},
      {{"--idle-holder=0"}, [](const O& o) { return o.idle_holder == seconds(0); }},
      {{"--idle-holder-policy=report"},
       [](const O& o) { return o.idle_holder_policy == core::IdlePolicy::report; }},
      {{"--idle-holder-policy=reset"},
       [](const O& o) { return o.idle_holder_policy == core::IdlePolicy::reset; }},
      {{"--check-config"}, [](const O& o) { return o.action == O::Action::check_config; }},
      {{"--drivers=/d"}, [](const O& o) { return o.bundle_directory == "/d"; }},
      {{"--hotplug-backend=auto"},
       [](const O& o) { return o.hotplug_backend == HotplugKind::automatic; }},
      {{"--hotplug-backend=udev"},
       [](const O& o) { return o.hotplug_backend == HotplugKind::udev; }},
      {{"--hotplug-backend=libusb"},
       [](const O& o) { return o.hotplug_backend == HotplugKind::libusb; }},
      {{"--hotplug-backend=none"},
       [](const O& o) { return o.hotplug_backend == HotplugKind::none; }},
      {{"--generic-ccid"}, [](const O& o) { return o.generic_ccid == ""; }},
      {{"--generic-ccid=/l.so"}, [](const O& o) { return o.generic_ccid == "/l.so"; }},
      {{"--power-off=never"},
       [](const O& o) { return o.power.for_reader("Any").kind == PowerOff::Kind::never; }},
      {{"--power-off=R=9"},
       [](const O& o) { return o.power.for_reader("R 00 00").delay == seconds(9); }},
      {{"--driver-host=hosted"}, [](const O& o) { return o.drivers.all_hosted(); }},
      {{"--driver-host=in-process"}, [](const O& o) { return !o.drivers.any_hosted(); }},
      {{"--driver-host=l.so=hosted"}, [](const O& o) { return o.drivers.is_hosted("/x/l.so"); }},
      {{"--driver-limit=power=5"},
       [](const O& o) { return o.drivers.limits().power == seconds(5); }},
  };
  return table;
}

TEST_F(OptionsTest, EachSpellingDoesWhatItShould) {
  for (const Spelling& spelling : spellings()) {
    for (const std::string& argument : spelling.arguments) {
      const auto options = parse({argument});
      ASSERT_TRUE(options) << argument;
      EXPECT_TRUE(spelling.works(*options)) << argument;
    }
  }
}

TEST_F(OptionsTest, RefusesAnIdlePolicyThereIsNot) {
  EXPECT_FALSE(parse({"--idle-holder-policy=kill"}));
}

TEST_F(OptionsTest, EachOptionIsTested) {
  for (const OptionRow& row : option_table()) {
    const std::string name = std::string("--") + row.name;
    bool tested = false;
    for (const Spelling& spelling : spellings()) {
      for (const std::string& argument : spelling.arguments) {
        tested = tested || argument.substr(0, argument.find('=')) == name;
      }
    }
    EXPECT_TRUE(tested) << name;
  }
}

TEST_F(OptionsTest, UnderstandsTheAbbreviationsOfPcscLite) {
  const std::vector<std::string> theirs{"apdu",
                                        "auto-exit",
                                        "color",
                                        "config",
                                        "critical",
                                        "debug",
                                        "disable-polkit",
                                        "error",
                                        "force-reader-polling",
                                        "foreground",
                                        "help",
                                        "hotplug",
                                        "info",
                                        "max-card-handle-per-reader",
                                        "max-card-handle-per-thread",
                                        "max-thread",
                                        "reader-name-no-interface",
                                        "reader-name-no-serial",
                                        "version"};
  for (const std::string& name : theirs) {
    const OptionRow* row = nullptr;
    for (const OptionRow& candidate : option_table()) {
      if (candidate.name == name) row = &candidate;
    }
    ASSERT_NE(row, nullptr) << name;
    for (std::size_t length = 1; length < name.size(); ++length) {
      const std::string part = name.substr(0, length);
      const auto fits = std::count_if(theirs.begin(), theirs.end(), [&part](const auto& other) {
        return other.starts_with(part);
      });
      if (fits != 1) continue;
      const bool wants = row->argument == OptionRow::Argument::required;
      const std::string value = wants ? "=5" : "";
      const auto parsed = parse({"--" + part + value});
      ASSERT_TRUE(parsed) << "--" + part;
      const auto whole = parse({"--" + name + value});
      EXPECT_EQ(parsed->action, whole->action) << "--" + part;
      EXPECT_EQ(parsed->level, whole->level) << "--" + part;
      EXPECT_EQ(parsed->config, whole->config) << "--" + part;
    }
  }
}

TEST_F(OptionsTest, TakesArgumentsFromTheNextWordAndLettersTogether) {
  const auto options = parse({"-fdax", "-c", "/c", "--max-thread", "5", "--socket", "/s"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->foreground && options->log_apdus && options->auto_exit);
  EXPECT_EQ(options->level, log::Level::debug);
  EXPECT_EQ(options->config, "/c");
  EXPECT_EQ(options->clients_max, 5u);
  EXPECT_EQ(options->socket, "/s");
}

TEST_F(OptionsTest, RelativePathsCountFromTheCurrentDirectory) {
  const std::string here = std::filesystem::current_path().string();
  const auto options =
      parse({"--config=conf.d", "--socket=./s", "--drivers=a/../b", "--generic-ccid=lib.so"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config, here + "/conf.d");
  EXPECT_EQ(options->socket, here + "/s");
  EXPECT_EQ(options->bundle_directory, here + "/b");
  EXPECT_EQ(options->generic_ccid, here + "/lib.so");
  ::setenv("PCSCLITE_CSOCK_NAME", "e", 1);
  EXPECT_EQ(parse({})->socket, here + "/e");
}

TEST_F(OptionsTest, TheEnvironmentCountsUnlessAnOptionSaysOtherwise) {
  for (const char* name : kVariables) ::setenv(name, "/from-environment", 1);
  const auto environment = parse({});
  EXPECT_EQ(environment->socket, "/from-environment");
  EXPECT_EQ(environment->bundle_directory, "/from-environment");
  EXPECT_EQ(environment->ignore_readers, "/from-environment");
  EXPECT_EQ(environment->extend_readers, "/from-environment");
  const auto options = parse({"--socket=/from-option", "--drivers=/from-option"});
  EXPECT_EQ(options->socket, "/from-option");
  EXPECT_EQ(options->bundle_directory, "/from-option");
}

TEST_F(OptionsTest, AnEmptyVariableIsNone) {
  for (const char* name : kVariables) ::setenv(name, "", 1);
  EXPECT_EQ(parse({})->socket, "/run/pcscd/pcscd.comm");
  EXPECT_EQ(parse({})->bundle_directory, "/usr/lib/pcsc/drivers");
}

TEST_F(OptionsTest, KnowsTheDefaultOfTheGenericCcidDriver) {
  EXPECT_EQ(parse({"--drivers=/d"})->default_generic_ccid(), "/d/serial/libifdccid.so");
}

TEST_F(OptionsTest, TheLastLevelCounts) {
  EXPECT_EQ(parse({"--debug", "--error"})->level, log::Level::error);
  EXPECT_EQ(parse({"-C", "-d"})->level, log::Level::debug);
  EXPECT_EQ(parse({"-e", "-i"})->level, log::Level::info);
}

TEST_F(OptionsTest, PowerRulesAddUp) {
  const auto options = parse({"--power-off", "never", "--power-off", "Slow=20"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->power.for_reader("Any").kind, PowerOff::Kind::never);
  EXPECT_EQ(options->power.for_reader("Slow 00 00").delay, seconds(20));
}

TEST_F(OptionsTest, RefusesNumbersThatMakeNoSense) {
  for (const char* bad :
       {"--max-thread=0", "--max-thread=-1", "--max-thread=", "--max-thread=1x",
        "--max-thread=1000001", "--max-thread=99999999999999999999999",
        "--max-card-handle-per-thread=0", "--max-card-handle-per-reader=100001",
        "--legacy-slots=15", "--idle-holder=x", "--legacy-slots=256", "--force-reader-polling=x",
        "--force-reader-polling=3601", "--force-reader-polling=--1"}) {
    const auto options = parse({bad});
    ASSERT_FALSE(options) << bad;
    EXPECT_EQ(options.error().rv, ScardRv::invalid_parameter);
    EXPECT_THAT(options.error().context, HasSubstr("takes a number from"));
  }
}

TEST_F(OptionsTest, RefusesValuesItDoesNotKnow) {
  EXPECT_THAT(parse({"--hotplug-backend=usb"}).error().context, HasSubstr("not \"usb\""));
  EXPECT_THAT(parse({"--power-off=soon"}).error().context, HasSubstr("not \"soon\""));
  EXPECT_THAT(parse({"--driver-host=out"}).error().context, HasSubstr("not \"out\""));
  EXPECT_THAT(parse({"--driver-limit=out"}).error().context, HasSubstr("not \"out\""));
}

TEST_F(OptionsTest, RefusesStrayArguments) {
  const auto options = parse({"-f", "stray"});
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().context, HasSubstr("\"stray\""));
}

TEST_F(OptionsTest, RefusesWhatGetoptRefuses) {
  for (const char* bad :
       {"--no-such-option", "-Z", "--config", "-c", "--foreground=1", "--max", "--power-off"}) {
    testing::internal::CaptureStderr();
    EXPECT_FALSE(parse({bad})) << bad;
    EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith("pcscd: ")) << bad;
  }
}

TEST_F(OptionsTest, UsageShowsEachOption) {
  const std::string text = usage();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  for (const OptionRow& row : option_table()) {
    const std::string letter = row.letter != 0 ? std::string("-") + row.letter + ", " : "    ";
    EXPECT_THAT(text, HasSubstr("\n  " + letter + "--" + row.name));
  }
}

TEST_F(OptionsTest, TheManualDescribesEachOption) {
  std::ifstream file(CARDEA_MANUAL);
  std::ostringstream manual;
  manual << file.rdbuf();
  for (const OptionRow& row : option_table()) {
    const std::string letter = row.letter != 0 ? std::string("Fl ") + row.letter + " , " : "";
    std::string item = "\n.It " + letter + "Fl -" + row.name;
    if (row.argument == OptionRow::Argument::required) item += std::string(" Ar ");
    if (row.argument == OptionRow::Argument::optional) item += std::string(" Ns Op = Ns Ar ");
    if (row.argument_name != nullptr) item += row.argument_name;
    EXPECT_THAT(manual.str(), HasSubstr(item + "\n"));
  }
  for (const char* name : kVariables) {
    EXPECT_THAT(manual.str(), HasSubstr(std::string(".It Ev ") + name + "\n"));
  }
}

TEST_F(OptionsTest, TheVersionSaysWhatPcscLitesDoes) {
  const std::string text = version_text();
  EXPECT_THAT(text, HasSubstr("pcsc-lite version 2.5.1"));
  EXPECT_THAT(text, HasSubstr("\nEnabled features: Linux "));
  EXPECT_THAT(text, HasSubstr(" usbdropdir=/usr/lib/pcsc/drivers"));
  EXPECT_THAT(text, HasSubstr(" ipcdir=/run/pcscd"));
  EXPECT_THAT(text, HasSubstr(" configdir=/etc/reader.conf.d\n"));
  EXPECT_THAT(text, HasSubstr("\nMAX_READERNAME: 128\n"));
  EXPECT_THAT(text, HasSubstr("4:6"));
}

}  // namespace
}  // namespace cardea
