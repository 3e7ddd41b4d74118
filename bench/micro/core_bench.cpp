// What the daemon's core costs per request, without any system call around it: the time its lock
// is held.
#include <benchmark/benchmark.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "daemon/core/core.hpp"
#include "protocol/codec.hpp"

namespace cardea::core {
namespace {

/// A core with `readers` readers that hold a powered card, and `clients` clients, each with a
/// context; the first one has a shared handle on the last reader.
class World {
 public:
  World(int readers, int clients)
      : core_(Settings{}, [this] { return ++random_; }), now_(Clock::now()) {
    for (int i = 0; i < readers; ++i) add_reader("Reader " + std::to_string(i));
    for (int i = 0; i < clients; ++i) {
      connections_.push_back(core_.add_client({}));
      core_.set_dialect(connections_.back(), wire::newest_dialect());
      core_.establish(connections_.back(), wire::Establish{}, now_, fx_);
      const auto context = reply<wire::Establish>().context;
      if (i == 0) connect(context, "Reader " + std::to_string(readers - 1));
    }
  }

  void begin_and_end() {
    core_.begin(connections_[0], wire::Begin{card_, 0}, now_, fx_);
    succeeded(reply<wire::Begin>().rv);
    core_.end(connections_[0], wire::End{card_, 0, 0}, now_, fx_);
    succeeded(reply<wire::End>().rv);
  }

  /// A short transmit up to the driver call and from its end; what the driver does is not in it.
  void transmit() {
    constexpr std::array<std::byte, 5> kCommand{};
    const wire::Transmit message{card_, wire::kProtocolT1, 0, kCommand.size(), 0, 0, 258, 0};
    core_.transmit(connections_[0], message, kCommand, now_, fx_);
    finish_job({});
    succeeded(reply<wire::Transmit>().rv);
  }

  void get_states() {
    core_.get_states(connections_[0], StateRequest::sized, now_, fx_);
    fx_.replies.clear();
  }

 private:
  void add_reader(const std::string& name) {
    core_.reader_start_began(now_);
    ReaderSpec spec;
    spec.name = name;
    spec.domain = core_.add_domain();
    spec.driver_events = true;
    core_.add_reader(spec, now_, fx_);
    JobResult powered;
    powered.card = CardState{CardPhase::powered, {}, wire::kProtocolT1};
    finish_job(powered);
    core_.reader_start_ended(now_, fx_);
    fx_ = {};
  }

  void connect(ContextHandle context, const std::string& reader) {
    wire::Connect message{};
    message.context = context;
    wire::set_name(message.reader, reader);
    message.share_mode = static_cast<std::uint32_t>(wire::ShareMode::shared);
    message.preferred_protocols = wire::kProtocolT0 | wire::kProtocolT1;
    core_.connect(connections_[0], message, now_, fx_);
    if (!fx_.jobs.empty()) {
      JobResult negotiated;
      negotiated.active_protocol = wire::kProtocolT1;
      finish_job(negotiated);
    }
    const auto answer = reply<wire::Connect>();
    succeeded(answer.rv);
    card_ = answer.card;
  }

  void finish_job(const JobResult& result) {
    CARDEA_ASSERT(fx_.jobs.size() == 1);
    Job job = std::move(fx_.jobs.front());
    fx_.jobs.clear();
    core_.finish(job, result, now_, fx_);
  }

  template <typename Message>
  Message reply() {
    CARDEA_ASSERT(fx_.replies.size() == 1);
    const auto message = wire::decode<Message>(fx_.replies.front().bytes);
    fx_.replies.clear();
    return message;
  }

  static void succeeded(std::uint32_t rv) { CARDEA_ASSERT(rv == to_wire(ScardRv::success)); }

  std::uint32_t random_ = 0;
  Core core_;
  TimePoint now_;
  Effects fx_;
  std::vector<ConnId> connections_;
  std::int32_t card_ = 0;
};

void begin_and_end(benchmark::State& state) {
  World world(1, static_cast<int>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) world.begin_and_end();
}
BENCHMARK(begin_and_end)->ArgName("clients")->Arg(1)->Arg(3000);

void transmit(benchmark::State& state) {
  World world(1, static_cast<int>(state.range(0)));
  for ([[maybe_unused]] auto _ : state) world.transmit();
}
BENCHMARK(transmit)->ArgName("clients")->Arg(1)->Arg(3000);

void get_states(benchmark::State& state) {
  World world(static_cast<int>(state.range(0)), 1);
  for ([[maybe_unused]] auto _ : state) world.get_states();
}
BENCHMARK(get_states)->ArgName("readers")->Arg(1)->Arg(16)->Arg(200);

}  // namespace
}  // namespace cardea::core
