// pcscctl: shows what the PC/SC daemon sees, who uses which card, and what is wrong.
#include <array>
#include <cstdio>
#include <exception>
#include <string_view>

#include "tools/pcscctl/commands.hpp"
#include "tools/pcscctl/control_client.hpp"

namespace cardea::ctl {
namespace {

struct Command {
  std::string_view name;
  std::size_t arguments_min;
  std::size_t arguments_max;
  int (*run)(const Invocation&);
};

constexpr std::array kCommands{
    Command{"status", 0, 0, show_status}, Command{"list", 0, 0, show_list},
    Command{"monitor", 0, 0, monitor},    Command{"trace", 1, 1, trace},
    Command{"explain", 0, 64, explain},   Command{"doctor", 0, 0, doctor},
};

constexpr const char* kUsageText =
    "Usage: pcscctl [--json] [--socket PATH] COMMAND\n\n"
    "  status          readers, cards, who holds them, who waits, and all programs\n"
    "  list            one line for each reader\n"
    "  monitor         what happens, as it happens; ends with Ctrl-C\n"
    "  trace READER    what passes between programs and cards, without PINs; READER is a\n"
    "  trace PID       reader's name. For root and the user of the daemon\n"
    "  explain [ATR]   what an ATR says about its card; without one, of all cards there are\n"
    "  doctor          looks for what keeps smart cards from working, and what helps\n\n"
    "  --json          output for programs: one JSON text; monitor and trace: one a line\n"
    "  --socket PATH   the daemon's socket ($PCSCLITE_CSOCK_NAME, else\n"
    "                  /run/pcscd/pcscd.comm)\n"
    "  --version, --help\n";

int usage_error(const std::string& why) {
  std::fprintf(stderr, "pcscctl: %s\n%s", why.c_str(), kUsageText);
  return kUsage;
}

int run(int argc, char* argv[]) {
  Invocation invocation;
  invocation.socket = default_socket();
  const Command* command = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsageText, stdout);
      return kOk;
    }
    if (argument == "--version" || argument == "-v") {
      std::puts("pcscctl (Cardea) " CARDEA_VERSION);
      return kOk;
    }
    if (argument == "--json") {
      invocation.json = true;
    } else if (argument == "--socket") {
      if (++i == argc) return usage_error("--socket takes a path");
      invocation.socket = argv[i];
    } else if (argument.starts_with("-")) {
      return usage_error("unknown option " + std::string(argument));
    } else if (command != nullptr) {
      invocation.arguments.emplace_back(argument);
    } else {
      for (const Command& known : kCommands) {
        if (known.name == argument) command = &known;
      }
      if (command == nullptr) return usage_error("unknown command " + std::string(argument));
    }
  }
  if (command == nullptr) return usage_error("say what to do");
  const std::size_t given = invocation.arguments.size();
  if (given < command->arguments_min || given > command->arguments_max) {
    return usage_error("wrong number of arguments for " + std::string(command->name));
  }
  return command->run(invocation);
}

}  // namespace
}  // namespace cardea::ctl

int main(int argc, char* argv[]) {
  try {
    return cardea::ctl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pcscctl: the answer is not understood: %s\n", error.what());
    return cardea::ctl::kFailed;
  }
}
