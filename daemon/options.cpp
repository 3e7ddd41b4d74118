#include "daemon/options.hpp"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "pcsclite.h"

namespace cardea {
namespace {

using Argument = OptionRow::Argument;

constexpr const char* kDefaultSocket = "/run/pcscd/pcscd.comm";
constexpr const char* kDefaultBundleDirectory = "/usr/lib/pcsc/drivers";
constexpr std::size_t kClientsMaxMost = 1'000'000;
constexpr std::size_t kHandlesMaxMost = 100'000;
constexpr std::size_t kHandlesPerUserMost = 10'000'000;
constexpr std::size_t kCallsMaxMost = 1'000'000;
constexpr std::size_t kMibMaxMost = 65'536;
constexpr std::size_t kLegacySlotsMost = 255;

/// getopt's code of an option without letter is this and its place in the table.
constexpr int kLongOnly = 256;
/// Its code of an abbreviation of --hotplug.
constexpr int kHotplugAbbreviation = 'H';

constexpr std::size_t kHelpColumn = 27;

std::string absolute(const char* path) {
  std::error_code error;
  const auto full = std::filesystem::absolute(path, error);
  return error || *path == '\0' ? path : full.lexically_normal().string();
}

/// A decimal number and nothing else.
Result<std::size_t> number(const OptionRow& row, const char* text, std::size_t least,
                           std::size_t most) {
  const std::string_view view(text);
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || end != view.data() + view.size() || value < least || value > most) {
    return failure(ScardRv::invalid_parameter,
                   std::string("--") + row.name + " takes a number from " + std::to_string(least) +
                       " to " + std::to_string(most) + ", not \"" + text + "\"");
  }
  return value;
}

// What the options do.

template <auto Member, auto Value = true>
Result<void> set(const OptionRow&, const char*, Options& options) {
  options.*Member = Value;
  return {};
}

template <auto Member>
Result<void> set_path(const OptionRow&, const char* path, Options& options) {
  options.*Member = absolute(path);
  return {};
}

template <auto Member, std::size_t Least, std::size_t Most>
Result<void> set_number(const OptionRow& row, const char* text, Options& options) {
  const auto value = number(row, text, Least, Most);
  if (!value) return tl::make_unexpected(value.error());
  options.*Member = *value;
  return {};
}

Result<void> set_config(const OptionRow&, const char* path, Options& options) {
  options.config = absolute(path);
  options.config_given = true;
  return {};
}

Result<void> set_polling(const OptionRow& row, const char* text, Options& options) {
  if (text == nullptr) text = "1";
  if (*text == '-') ++text;  // COMPAT: the sign has never meant anything
  const auto seconds = number(row, text, 0, static_cast<std::size_t>(kForcedPollingMax.count()));
  if (!seconds) return tl::make_unexpected(seconds.error());
  options.forced_polling = std::chrono::seconds(*seconds);
  return {};
}

Result<void> set_auto_exit(const OptionRow& row, const char* text, Options& options) {
  options.auto_exit = true;
  if (text == nullptr) return {};
  const auto seconds = number(row, text, 1, static_cast<std::size_t>(kAutoExitMax.count()));
  if (!seconds) return tl::make_unexpected(seconds.error());
  options.auto_exit_limit = std::chrono::seconds(*seconds);
  return {};
}

Result<void> set_idle_holder(const OptionRow& row, const char* text, Options& options) {
  const auto seconds = number(row, text, 0, static_cast<std::size_t>(kIdleHolderMax.count()));
  if (!seconds) return tl::make_unexpected(seconds.error());
  options.idle_holder = std::chrono::seconds(*seconds);
  return {};
}

Result<void> set_idle_policy(const OptionRow& row, const char* text, Options& options) {
  const std::string_view name(text);
  if (name != "report" && name != "reset") {
    return failure(ScardRv::invalid_parameter, std::string("--") + row.name +
                                                   " takes report or reset, not "
                                                   " + text + "
                                                   "");
  }
  options.idle_holder_policy = name == "reset" ? core::IdlePolicy::reset : core::IdlePolicy::report;
  return {};
}

Result<void> set_backend(const OptionRow& row, const char* text, Options& options) {
  struct Name {
    std::string_view name;
    HotplugKind kind;
  };
  static constexpr std::array kNames{
      Name{"auto", HotplugKind::automatic}, Name{"udev", HotplugKind::udev},
      Name{"libusb", HotplugKind::libusb}, Name{"none", HotplugKind::none}};
  for (const Name& known : kNames) {
    if (known.name != text) continue;
    options.hotplug_backend = known.kind;
    return {};
  }
  return failure(
      ScardRv::invalid_parameter,
      std::string("--") + row.name + " takes auto, udev, libusb or none, not \"" + text + "\"");
}

Result<void> set_generic_ccid(const OptionRow&, const char* library, Options& options) {
  options.generic_ccid = library == nullptr ? "" : absolute(library);
  return {};
}

Result<void> add_power_rule(const OptionRow&, const char* rule, Options& options) {
  return options.power.add(rule);
}

Result<void> add_driver_mode(const OptionRow&, const char* rule, Options& options) {
  return options.drivers.add(rule);
}

Result<void> add_driver_limit(const OptionRow&, const char* rule, Options& options) {
  return options.drivers.add_limit(rule);
}

Result<void> set_access_rules(const OptionRow&, const char* path, Options& options) {
  options.access_rules = absolute(path);
  options.access_rules_given = true;
  return {};
}

// In the order of usage().
constexpr std::array kTable{
    OptionRow{'f', "foreground", Argument::none, nullptr,
              "stay in the foreground and log to standard output", set<&Options::foreground>},
    OptionRow{'c', "config", Argument::required, "PATH",
              "reader.conf file or directory (/etc/reader.conf.d)", set_config},
    OptionRow{0, "socket", Argument::required, "PATH",
              "socket for clients ($PCSCLITE_CSOCK_NAME, else\n/run/pcscd/pcscd.comm)",
              set_path<&Options::socket>},
    OptionRow{'x', "auto-exit", Argument::optional, "SECONDS",
              "end after some time without clients (60)", set_auto_exit},
    OptionRow{'H', "hotplug", Argument::none, nullptr,
              "make the running pcscd look for readers again",
              set<&Options::action, Options::Action::hotplug>},
    OptionRow{'d', "debug", Argument::none, nullptr, "log everything",
              set<&Options::level, log::Level::debug>},
    OptionRow{'i', "info", Argument::none, nullptr,
              "log readers, refusals and errors (the default)",
              set<&Options::level, log::Level::info>},
    OptionRow{'e', "error", Argument::none, nullptr, "log errors only",
              set<&Options::level, log::Level::error>},
    OptionRow{'C', "critical", Argument::none, nullptr, "log only what keeps pcscd from working",
              set<&Options::level, log::Level::critical>},
    OptionRow{'a', "apdu", Argument::none, nullptr,
              "log what cards are sent and answer, at any level,\nwith PINs masked",
              set<&Options::log_apdus>},
    OptionRow{0, "unmasked-driver-dumps", Argument::none, nullptr,
              "log bytes that drivers print at --debug. This shows\nPINs",
              set<&Options::driver_dumps>},
    OptionRow{'T', "color", Argument::none, nullptr,
              "colours in the foreground's log even if it is no\nterminal", set<&Options::color>},
    OptionRow{0, "drivers", Argument::required, "DIR",
              "driver bundles ($PCSCLITE_HP_DROPDIR, else\n/usr/lib/pcsc/drivers)",
              set_path<&Options::bundle_directory>},
    OptionRow{0, "check-config", Argument::none, nullptr,
              "say what is wrong with the configuration and end",
              set<&Options::action, Options::Action::check_config>},
    OptionRow{0, "hotplug-backend", Argument::required, "NAME",
              "what announces readers: auto, udev, libusb or none", set_backend},
    OptionRow{0, "force-reader-polling", Argument::optional, "SECONDS",
              "look for USB readers every SECONDS (1) without being\ntold; libusb only",
              set_polling},
    OptionRow{0, "generic-ccid", Argument::optional, "LIBRARY",
              "drive CCID readers that no bundle lists with this\n"
              "driver (serial/libifdccid.so below --drivers)",
              set_generic_ccid},
    OptionRow{0, "driver-host", Argument::required, "MODE",
              "where drivers run: hosted (each reader's in a process\n"
              "of its own), the default, or in-process, or\n"
              "DRIVER=hosted, DRIVER=in-process; may be repeated",
              add_driver_mode},
    OptionRow{0, "driver-limit", Argument::required, "KIND=SECONDS",
              "how long calls of hosted drivers may take: open (30),\n"
              "query (10), power (70), exchange (600); may be\nrepeated",
              add_driver_limit},
    OptionRow{0, "power-off", Argument::required, "POLICY",
              "when unused cards are powered off: never, SECONDS,\n"
              "READER=never or READER=SECONDS; may be repeated",
              add_power_rule},
    OptionRow{0, "idle-holder", Argument::required, "SECONDS",
              "log programs that hold a transaction unused for so\nlong (10); 0: never",
              set_idle_holder},
    OptionRow{0, "idle-holder-policy", Argument::required, "POLICY",
              "what happens to such a transaction if others wait:\n"
              "report (nothing), or reset the card and hand over",
              set_idle_policy},
    OptionRow{'S', "reader-name-no-serial", Argument::none, nullptr,
              "leave USB serial numbers out of readers' names",
              set<&Options::names_without_serial>},
    OptionRow{'I', "reader-name-no-interface", Argument::none, nullptr,
              "leave USB interface names out of readers' names",
              set<&Options::names_without_interface>},
    OptionRow{'t', "max-thread", Argument::required, "N", "clients served at once (10000)",
              set_number<&Options::clients_max, 1, kClientsMaxMost>},
    OptionRow{'s', "max-card-handle-per-thread", Argument::required, "N",
              "card handles of one client (200)",
              set_number<&Options::handles_per_context_max, 1, kHandlesMaxMost>},
    OptionRow{'r', "max-card-handle-per-reader", Argument::required, "N",
              "card handles on one reader (400), half of them at\nmost for one user",
              set_number<&Options::handles_per_reader_max, 1, kHandlesMaxMost>},
    OptionRow{0, "max-clients-per-user", Argument::required, "N",
              "clients of one user other than root (half of\n--max-thread)",
              set_number<&Options::clients_per_user_max, 1, kClientsMaxMost>},
    OptionRow{0, "max-card-handle-per-user", Argument::required, "N",
              "card handles of one user other than root (10000)",
              set_number<&Options::handles_per_user_max, 1, kHandlesPerUserMost>},
    OptionRow{0, "max-waiting-per-user", Argument::required, "N",
              "requests of one user other than root that wait for\ntheir answer (1000)",
              set_number<&Options::calls_per_user_max, 1, kCallsMaxMost>},
    OptionRow{0, "max-memory-per-user", Argument::required, "MIB",
              "memory for messages of one user other than root (64)",
              set_number<&Options::mib_per_user_max, 1, kMibMaxMost>},
    OptionRow{0, "legacy-slots", Argument::required, "N",
              "readers shown to clients of protocol 4:3 to 4:5 (16)",
              set_number<&Options::legacy_slots, 16, kLegacySlotsMost>},
    OptionRow{0, "disable-polkit", Argument::none, nullptr,
              "do not ask polkit who may use smart cards", set<&Options::polkit, false>},
    OptionRow{0, "access-rules", Argument::required, "FILE",
              "who may use smart cards (/etc/cardea/access.rules)", set_access_rules},
    OptionRow{'h', "help", Argument::none, nullptr, "show this text",
              set<&Options::action, Options::Action::help>},
    OptionRow{'v', "version", Argument::none, nullptr, "show version and features",
              set<&Options::action, Options::Action::version>},
};

int code_of(std::size_t place) {
  const char letter = kTable.at(place).letter;
  return letter != 0 ? letter : kLongOnly + static_cast<int>(place);
}

const OptionRow* row_of(int code) {
  for (std::size_t place = 0; place < kTable.size(); ++place) {
    if (code_of(place) == code) return &kTable.at(place);
  }
  return nullptr;
}

int has_argument(const OptionRow& row) {
  switch (row.argument) {
    case Argument::none:
      return no_argument;
    case Argument::required:
      return required_argument;
    case Argument::optional:
      return optional_argument;
  }
  return no_argument;
}

std::vector<option> long_options() {
  std::vector<option> options;
  for (std::size_t place = 0; place < kTable.size(); ++place) {
    const OptionRow& row = kTable.at(place);
    options.push_back({row.name, has_argument(row), nullptr, code_of(place)});
  }
  // COMPAT: --hotplug-backend would make them ambiguous; scripts may use them.
  for (const char* abbreviation : {"ho", "hot", "hotp", "hotpl", "hotplu"}) {
    options.push_back({abbreviation, no_argument, nullptr, kHotplugAbbreviation});
  }
  // COMPAT: so would --idle-holder.
  options.push_back({"i", no_argument, nullptr, 'i'});
  options.push_back({nullptr, 0, nullptr, 0});
  return options;
}

std::string short_options() {
  std::string letters;
  for (const OptionRow& row : kTable) {
    if (row.letter == 0) continue;
    letters += row.letter;
    if (row.argument == Argument::required) letters += ':';
  }
  return letters;
}

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = ::secure_getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

void add_environment(Options& options) {
  if (options.socket.empty()) {
    options.socket = absolute(from_environment("PCSCLITE_CSOCK_NAME", kDefaultSocket).c_str());
  }
  if (options.bundle_directory.empty()) {
    options.bundle_directory =
        absolute(from_environment("PCSCLITE_HP_DROPDIR", kDefaultBundleDirectory).c_str());
  }
  options.ignore_readers = from_environment("PCSCLITE_FILTER_IGNORE_READER_NAMES", "");
  options.extend_readers = from_environment("PCSCLITE_FILTER_EXTEND_READER_NAMES", "");
}

}  // namespace

std::span<const OptionRow> option_table() { return kTable; }

Result<Options> parse_options(int argc, char* const argv[]) {
  Options options;
  const std::vector<option> long_names = long_options();
  const std::string letters = short_options();
  optind = 0;  // a full restart, so that tests can parse more than once
  for (;;) {
    const int code = ::getopt_long(argc, argv, letters.c_str(), long_names.data(), nullptr);
    if (code == -1) break;
    const OptionRow* row = row_of(code);
    if (row == nullptr) return failure(ScardRv::invalid_parameter);  // getopt has said why
    if (auto stored = row->store(*row, optarg, options); !stored) {
      return tl::make_unexpected(stored.error());
    }
  }
  if (optind < argc) {
    return failure(ScardRv::invalid_parameter,
                   std::string("unexpected argument \"") + argv[optind] + "\"");
  }
  add_environment(options);
  return options;
}

std::string usage() {
  std::string text =
      "Usage: pcscd [options]\n"
      "PC/SC daemon: gives programs access to smart cards. Defaults are in parentheses.\n\n";
  for (const OptionRow& row : kTable) {
    std::string line = row.letter != 0 ? std::string("  -") + row.letter + ", " : "      ";
    line += std::string("--") + row.name;
    if (row.argument == Argument::required) line += std::string(" ") + row.argument_name;
    if (row.argument == Argument::optional) line += std::string("[=") + row.argument_name + "]";
    if (line.size() + 2 > kHelpColumn) {
      text += line + "\n";
      line.clear();
    }
    line.resize(kHelpColumn, ' ');
    for (const char c : std::string_view(row.help)) {
      line += c;
      if (c == '\n') line.append(kHelpColumn, ' ');
    }
    text += line + "\n";
  }
  return text + "\nMore in pcscd(8) and reader.conf(5).\n";
}

std::string version_text() {
  return "Cardea pcscd " CARDEA_VERSION ", in place of pcsc-lite version " PCSCLITE_VERSION_NUMBER
         ".\n"
         "Protocol versions: 4:3 4:4 4:5 4:6\n"
         "Enabled features: " CARDEA_TARGET
         " libsystemd polkit serial usb libudev libusb filter usbdropdir=" +
         std::string(kDefaultBundleDirectory) +
         " ipcdir=" + std::filesystem::path(kDefaultSocket).parent_path().string() +
         " configdir=" + Options().config + "\nMAX_READERNAME: " + std::to_string(MAX_READERNAME) +
         "\n";
}

}  // namespace cardea
