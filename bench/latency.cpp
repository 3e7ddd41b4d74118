// Round trips of one client: each round is timed for itself, after a warm-up.
#include <cstdio>
#include <map>
#include <vector>

#include "bench/measurements.hpp"
#include "bench/samples.hpp"

namespace cardea::bench {
namespace {

struct Apdu {
  std::vector<std::uint8_t> command;
  std::size_t response_bytes;
};

/// 2 bytes of the card's counting pattern: 5 bytes out, 4 in.
Apdu short_apdu() { return {{0x80, 0x20, 0x00, 0x02, 0x02}, 4}; }

/// The card's echo with `data_bytes` of data and Le: short form up to 255, else extended.
Apdu echo_apdu(std::size_t data_bytes) {
  const auto high = static_cast<std::uint8_t>(data_bytes >> 8);
  const auto low = static_cast<std::uint8_t>(data_bytes & 0xFF);
  const bool is_extended = data_bytes > 255;
  std::vector<std::uint8_t> command{0x80, 0x50, 0x00, 0x00};
  if (is_extended) command.insert(command.end(), {0x00, high});
  command.push_back(low);
  for (std::size_t i = 0; i < data_bytes; ++i) command.push_back(static_cast<std::uint8_t>(i));
  command.insert(command.end(), is_extended ? 2 : 1, 0x00);
  return {std::move(command), data_bytes + 2};
}

using Operation = std::function<void(Session&)>;

Operation transmit(Apdu apdu) {
  return [apdu = std::move(apdu)](Session& session) {
    session.transmit(apdu.command, apdu.response_bytes);
  };
}

/// What needs an open context and a connected card.
std::map<std::string, Operation> connected_operations() {
  return {
      {"transmit_short", transmit(short_apdu())},
      {"transmit_261", transmit(echo_apdu(255))},
      {"transmit_64k", transmit(echo_apdu(65535))},
      {"begin_end",
       [](Session& session) {
         session.begin();
         session.end();
       }},
      {"status", [](Session& session) { session.status(); }},
      {"list", [](Session& session) { session.list(); }},
      {"status_change_0", [](Session& session) { session.poll_state(); }},
  };
}

void time_rounds(const std::string& name, const Options& options,
                 const std::function<void()>& round) {
  for (int i = 0; i < options.warmup_rounds; ++i) round();
  std::vector<Nanoseconds> samples;
  samples.reserve(static_cast<std::size_t>(options.rounds));
  for (int i = 0; i < options.rounds; ++i) {
    const Nanoseconds start = now_ns();
    round();
    samples.push_back(now_ns() - start);
  }
  JsonLine().text("op", name).summary("", std::move(samples)).print();
}

}  // namespace

bool measure_latency(const std::string& name, const Options& options) {
  const auto session = make_session(options);
  if (name == "establish_release") {
    time_rounds(name, options, [&session] {
      session->establish();
      session->release();
    });
    return true;
  }
  if (name == "whole_session") {
    time_rounds(name, options, [&session] {
      session->establish();
      session->connect();
      session->disconnect();
      session->release();
    });
    return true;
  }
  const auto operations = connected_operations();
  const auto found = operations.find(name);
  if (found == operations.end() && name != "connect_disconnect") return false;
  session->establish();
  session->connect();
  if (found != operations.end()) {
    time_rounds(name, options, [&session, &found] { found->second(*session); });
  } else {
    // The first session keeps the card in use, so no power-down comes in between.
    const auto other = make_session(options);
    other->establish();
    time_rounds(name, options, [&other] {
      other->connect();
      other->disconnect();
    });
    other->release();
  }
  session->disconnect();
  session->release();
  return true;
}

}  // namespace cardea::bench
