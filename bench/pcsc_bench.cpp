// One program for all measurements of one client side: PC/SC through the libpcsclite.so.1 that
// LD_LIBRARY_PATH names, or the floor server. Prints one line of JSON per measurement; run_bench.py
// calls it in turn for everything that is compared.
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "bench/measurements.hpp"

namespace cardea::bench {

void fail(const std::string& what) {
  std::fprintf(stderr, "pcsc_bench: %s\n", what.c_str());
  ::_exit(1);
}

std::unique_ptr<Session> make_session(const Options& options) {
  return options.floor_socket.empty() ? make_pcsc_session()
                                      : make_floor_session(options.floor_socket);
}

std::unique_ptr<CardMover> make_card_mover(const Options& options) {
  return options.floor_socket.empty() ? make_virtual_card_mover(options.control_socket)
                                      : make_floor_card_mover(options.floor_socket);
}

namespace {

constexpr int kCountMax = 100'000;

constexpr const char* kUsage =
    "usage: pcsc_bench [OPTION]... COMMAND [COUNT]\n"
    "Commands, one client: transmit_short, transmit_261, transmit_64k, begin_end, status, list,\n"
    "status_change_0, connect_disconnect, establish_release, whole_session\n"
    "Commands with a COUNT of clients: contention, handover, turns (of 1, for fairness.py),\n"
    "event_wakeup, idle, await_readers\n"
    "  --floor SOCKET     measure the floor server instead of PC/SC\n"
    "  --control SOCKET   control socket of the virtual reader (event_wakeup)\n"
    "  --rounds N         timed rounds, or card movements (2000)\n"
    "  --warmup N         rounds before them (100)\n"
    "  --seconds S        length of contention and handover (2)\n"
    "  --hold-ms N        length of their transactions (5)\n"
    "  --daemon-pid PID   whose resources idle prints\n";

[[noreturn]] void usage_error() {
  std::fputs(kUsage, stderr);
  std::exit(2);
}

int count_of(const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 0 || value > kCountMax) usage_error();
  return static_cast<int>(value);
}

Options parse(int argc, char** argv) {
  static const option kOptions[] = {
      {"floor", required_argument, nullptr, 'f'},      {"control", required_argument, nullptr, 'c'},
      {"rounds", required_argument, nullptr, 'r'},     {"warmup", required_argument, nullptr, 'w'},
      {"seconds", required_argument, nullptr, 's'},    {"hold-ms", required_argument, nullptr, 'h'},
      {"daemon-pid", required_argument, nullptr, 'p'}, {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c = 0; (c = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 'f':
        options.floor_socket = optarg;
        break;
      case 'c':
        options.control_socket = optarg;
        break;
      case 'r':
        options.rounds = count_of(optarg);
        break;
      case 'w':
        options.warmup_rounds = count_of(optarg);
        break;
      case 's':
        options.seconds = std::strtod(optarg, nullptr);
        break;
      case 'h':
        options.hold_ms = count_of(optarg);
        break;
      case 'p':
        options.daemon_pid = std::atoi(optarg);
        break;
      default:
        usage_error();
    }
  }
  return options;
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const int words = argc - optind;
  if (words == 1) return measure_latency(argv[optind], options) ? 0 : 2;
  if (words != 2) usage_error();
  const std::string_view command = argv[optind];
  const int count = count_of(argv[optind + 1]);
  if (count < 1) usage_error();
  if (command == "contention") {
    measure_contention(count, Manners::greedy, options);
  } else if (command == "handover") {
    measure_contention(count, Manners::polite, options);
  } else if (command == "turns") {
    measure_turns(options);
  } else if (command == "event_wakeup") {
    measure_wakeup(count, options);
  } else if (command == "idle") {
    measure_idle(count, options);
  } else if (command == "await_readers") {
    await_readers(static_cast<std::size_t>(count));
  } else {
    usage_error();
  }
  return 0;
}

}  // namespace
}  // namespace cardea::bench

int main(int argc, char** argv) { return cardea::bench::run(argc, argv); }
