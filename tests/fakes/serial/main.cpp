// serial-testbed: a smart-card reader of the GemPC family on a pseudo-terminal, for drivers of
// serial readers. It works on TPDU level: the driver does T=1, the card its own part of it.
//
//   serial-testbed CONTROL LINK SLOTS echo|silent
//
// LINK becomes a symbolic link to the terminal; SLOTS is 1 to 8, each with a hello card at the
// start. The Unix socket CONTROL takes commands, one answer `ok ...` or `error ...`
// each: insert SLOT [hello|mute] [t0|t1|t01], eject SLOT, status. Ends by SIGTERM.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <sstream>
#include <utility>

#include "base/mutex.hpp"
#include "drivers/virtual/control_server.hpp"
#include "tests/fakes/serial/serial_line.hpp"
#include "tests/fakes/usb/ccid_function.hpp"

namespace cardea::serial_fake {
namespace {

using usb_fake::CcidFunction;
using usb_fake::DeviceSpec;

constexpr int kAnswerPollMs = 5;  ///< while an answer is late on purpose
constexpr std::uint8_t kEscape = 0x6B;
constexpr std::uint8_t kEscapeReply = 0x83;
constexpr std::size_t kHeaderBytes = 10;
constexpr std::uint8_t kEscapeVersion = 0x02;
constexpr std::string_view kVersion = "Emulated-V1.00";

/// The model, shared by the line's thread and the control server's.
class SerialReader {
 public:
  explicit SerialReader(const DeviceSpec& spec) : function_(spec) {}

  void receive(ByteView message) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    function_.receive(message, Clock::now());
    ++waiting_;
  }

  std::optional<Bytes> next_answer() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::optional<CcidFunction::Answer> answer = function_.next_answer(Clock::now());
    if (!answer) return std::nullopt;
    --waiting_;
    return std::move(answer->bytes);
  }

  bool waits() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return waiting_ > 0;
  }

  std::string execute(std::string_view line) EXCLUDES(mutex_) {
    std::istringstream words{std::string(line)};
    std::string verb;
    unsigned slot = 0;
    std::string card = "hello";
    std::string atr = "t01";
    words >> verb >> slot >> card >> atr;
    const MutexLock lock(mutex_);
    if (verb == "status") {
      return "ok commands=" + std::to_string(function_.commands()) +
             " powered=" + std::to_string(function_.powered()) + "\n";
    }
    if (verb == "eject") return answer(function_.remove(slot, Clock::now()));
    const auto kind = usb_fake::parse_card_kind(card.empty() ? "hello" : card);
    const auto protocols = usb_fake::parse_atr(atr.empty() ? "t01" : atr);
    if (verb != "insert" || !kind || !protocols) return "error what?\n";
    return answer(function_.insert(slot, *kind, *protocols));
  }

 private:
  static std::string answer(bool done) { return done ? "ok\n" : "error no such slot or card\n"; }

  Mutex mutex_;
  CcidFunction function_ GUARDED_BY(mutex_);
  unsigned waiting_ GUARDED_BY(mutex_) = 0;
};

/// Escape commands ask for the firmware or set up card events; other than in the model of a USB
/// reader, the driver looks at the answer.
Bytes answer_escape(const Bytes& message) {
  const bool asks_version =
      message.size() > kHeaderBytes && message[kHeaderBytes] == kEscapeVersion;
  const std::string_view text = asks_version ? kVersion : std::string_view();
  Bytes reply = {kEscapeReply};
  usb_fake::append_u32(reply, static_cast<std::uint32_t>(text.size()));
  reply.insert(reply.end(), {message[5], message[6], 0, 0, 0});
  reply.insert(reply.end(), text.begin(), text.end());
  return reply;
}

void serve(SerialLine& line, SerialReader& reader, bool echoes, int end_fd) {
  std::array<pollfd, 2> entries = {pollfd{line.fd(), POLLIN, 0}, pollfd{end_fd, POLLIN, 0}};
  while (true) {
    (void)::poll(entries.data(), entries.size(), reader.waits() ? kAnswerPollMs : -1);
    if (entries[1].revents != 0 || (entries[0].revents != 0 && !line.read())) return;
    while (const std::optional<Bytes> message = line.next_message()) {
      if (echoes) line.write(*message);
      if ((*message)[0] == kEscape) {
        line.write(answer_escape(*message));
      } else {
        reader.receive(*message);
      }
    }
    while (const std::optional<Bytes> answer = reader.next_answer()) line.write(*answer);
  }
}

int fail(const std::string& text) {
  (void)std::fprintf(stderr, "serial-testbed: %s\n", text.c_str());
  return EXIT_FAILURE;
}

int run(char** argv) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const UniqueFd end(::signalfd(-1, &ends, SFD_CLOEXEC));

  DeviceSpec spec;
  const Result<unsigned> slots = usb_fake::parse_count(argv[3], usb_fake::kSlotsMax);
  if (!slots || *slots == 0) return fail("SLOTS is 1 to 8");
  spec.slots = *slots;
  spec.level = usb_fake::ExchangeLevel::tpdu;
  SerialReader reader(spec);
  Result<SerialLine> line = SerialLine::create(argv[2]);
  if (!line) return fail(line.error().context);
  const auto server = virtual_reader::ControlServer::create(
      argv[1], [&reader](std::string_view text) { return reader.execute(text); });
  if (!server) return fail(server.error().context);
  serve(*line, reader, std::string_view(argv[4]) == "echo", end.get());
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace cardea::serial_fake

int main(int argc, char** argv) {
  if (argc != 5) {
    return cardea::serial_fake::fail("usage: serial-testbed CONTROL LINK SLOTS echo|silent");
  }
  try {
    return cardea::serial_fake::run(argv);
  } catch (const std::exception& error) {
    return cardea::serial_fake::fail(error.what());
  }
}
