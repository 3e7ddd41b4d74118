#include "daemon/options.hpp"

#include <getopt.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "pcsclite.h"

namespace cardea {
namespace {

constexpr const char* kDefaultSocket = "/run/pcscd/pcscd.comm";
constexpr std::size_t kClientsMaxMost = 1'000'000;
constexpr std::size_t kHandlesMaxMost = 100'000;
constexpr std::size_t kLegacySlotsMost = 255;

enum LongOnly : int { kSocket = 256, kLegacySlots };

constexpr std::array kOptions{
    option{"config", required_argument, nullptr, 'c'},
    option{"foreground", no_argument, nullptr, 'f'},
    option{"socket", required_argument, nullptr, kSocket},
    option{"debug", no_argument, nullptr, 'd'},
    option{"info", no_argument, nullptr, 'i'},
    option{"error", no_argument, nullptr, 'e'},
    option{"critical", no_argument, nullptr, 'C'},
    option{"max-thread", required_argument, nullptr, 't'},
    option{"max-card-handle-per-thread", required_argument, nullptr, 's'},
    option{"max-card-handle-per-reader", required_argument, nullptr, 'r'},
    option{"legacy-slots", required_argument, nullptr, kLegacySlots},
    option{"help", no_argument, nullptr, 'h'},
    option{"version", no_argument, nullptr, 'v'},
    option{nullptr, 0, nullptr, 0},
};

Result<std::size_t> number(const char* name, const char* text, std::size_t least,
                           std::size_t most) {
  char* end = nullptr;
  errno = 0;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || *text == '-' || value < least || value > most) {
    return failure(ScardRv::invalid_parameter, std::string("--") + name + " takes a number from " +
                                                   std::to_string(least) + " to " +
                                                   std::to_string(most) + ", not \"" + text + "\"");
  }
  return value;
}

Result<void> store(const char* name, std::size_t least, std::size_t most, std::size_t& target) {
  const auto value = number(name, optarg, least, most);
  if (!value) return tl::make_unexpected(value.error());
  target = *value;
  return {};
}

Result<void> apply(int code, Options& options) {
  switch (code) {
    case 'c':
      options.config = optarg;
      options.config_given = true;
      return {};
    case 'f':
      options.foreground = true;
      return {};
    case kSocket:
      options.socket = optarg;
      return {};
    case 'd':
      options.level = log::Level::debug;
      return {};
    case 'i':
      options.level = log::Level::info;
      return {};
    case 'e':
      options.level = log::Level::error;
      return {};
    case 'C':
      options.level = log::Level::critical;
      return {};
    case 't':
      return store("max-thread", 1, kClientsMaxMost, options.clients_max);
    case 's':
      return store("max-card-handle-per-thread", 1, kHandlesMaxMost,
                   options.handles_per_context_max);
    case 'r':
      return store("max-card-handle-per-reader", 1, kHandlesMaxMost,
                   options.handles_per_reader_max);
    case kLegacySlots:
      return store("legacy-slots", 16, kLegacySlotsMost, options.legacy_slots);
    case 'h':
      options.action = Options::Action::help;
      return {};
    case 'v':
      options.action = Options::Action::version;
      return {};
    default:
      return failure(ScardRv::invalid_parameter);  // getopt has said what is wrong
  }
}

}  // namespace

Result<Options> parse_options(int argc, char* const argv[]) {
  Options options;
  optind = 0;  // a full restart, so that tests can parse more than once
  for (;;) {
    const int code = ::getopt_long(argc, argv, "c:fdieCt:s:r:hv", kOptions.data(), nullptr);
    if (code == -1) break;
    if (auto applied = apply(code, options); !applied) return tl::make_unexpected(applied.error());
  }
  if (optind < argc) {
    return failure(ScardRv::invalid_parameter,
                   std::string("unexpected argument \"") + argv[optind] + "\"");
  }
  if (options.socket.empty()) {
    const char* from_environment = ::secure_getenv("PCSCLITE_CSOCK_NAME");
    options.socket = from_environment != nullptr ? from_environment : kDefaultSocket;
  }
  return options;
}

std::string usage() {
  return R"(Usage: pcscd [options]
PC/SC daemon: gives programs access to smart cards.

  -c, --config PATH        reader.conf file or directory (default /etc/reader.conf.d)
  -f, --foreground         stay in the foreground and log to standard output
      --socket PATH        socket for clients (default $PCSCLITE_CSOCK_NAME, else
                           /run/pcscd/pcscd.comm)
  -d, --debug              log everything
  -i, --info               log readers, refusals and errors (default)
  -e, --error              log errors only
  -C, --critical           log critical errors only
  -t, --max-thread N       clients served at once (default 10000)
  -s, --max-card-handle-per-thread N
                           card handles of one client (default 200)
  -r, --max-card-handle-per-reader N
                           card handles on one reader (default 200)
      --legacy-slots N     readers shown to clients of protocol 4:3 to 4:5 (default 16)
  -h, --help               show this text
  -v, --version            show the version
)";
}

std::string version_text() {
  return "Cardea pcscd " CARDEA_VERSION ", in place of pcsc-lite " PCSCLITE_VERSION_NUMBER
         "\n"
         "Protocol versions: 4:3 4:4 4:5 4:6\n"
         "MAX_READERNAME: " +
         std::to_string(MAX_READERNAME) + "\n";
}

}  // namespace cardea
