#include "tests/fuzz/wire/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"
#include "base/scard_rv.hpp"
#include "daemon/client/dispatcher.hpp"
#include "daemon/reader/card_channel.hpp"
#include "protocol/codec.hpp"
#include "tests/fuzz/wire/requests.hpp"

namespace cardea::fuzz {
namespace {

/// Driver calls, decisions and deadlines that one request of a lone client may wait for.
constexpr int kStepsMax = 100;
constexpr unsigned kHonestVisitPercent = 12;

/// Room for driver answers; as large as the server's, and made once.
std::span<std::byte> scratch() {
  static std::array<std::byte, wire::kPayloadBytesMax> bytes{};
  return bytes;
}

}  // namespace

WireSession::WireSession(const Plan& plan)
    : dice_(plan.seed),
      driver_(dice_, plan.faults),
      now_(std::chrono::seconds{1000}),
      core_(core::Settings{}, [this] { return ++last_number_; }),
      chunks_(plan.chunks),
      restless_(plan.restless),
      dialect_(plan.dialect != nullptr ? plan.dialect : &wire::default_dialect()) {
  if (plan.asks) {
    core_.set_access_check([](const core::ClientInfo& info) { return info.uid != 0; });
  }
  core::ReaderSpec spec;
  spec.name = kReaderName;
  spec.domain = core_.add_domain();
  spec.driver_events = true;
  reader_ = core_.add_reader(spec, now_, fx_);
  carry_out();
  if (!restless_) run_jobs();
  conn_ = core_.add_client({4711, 1000});
  core_.set_dialect(conn_, *dialect_);
}

void WireSession::converse(std::span<const std::byte> stream) {
  std::size_t begin = 0;
  std::size_t arrived = 0;
  while (open_) {
    const auto next = wire::next_frame(*dialect_, stream.subspan(begin, arrived - begin));
    if (const auto* frame = std::get_if<wire::Frame>(&next)) {
      begin += frame->bytes;
      handle(*frame);
      core_.check_invariants();
      if (restless_) pass_time();
    } else if (std::holds_alternative<wire::Malformed>(next) || arrived == stream.size()) {
      return;
    } else {
      const std::size_t piece = chunks_ ? 1 + dice_.below(40) : stream.size();
      arrived += std::min(piece, stream.size() - arrived);
    }
  }
}

void WireSession::handle(const wire::Frame& frame) {
  if (frame.command == wire::Command::version) return handle_version(frame);
  if (version_refused_ && frame.command != wire::Command::cancel) {
    open_ = false;
    return;
  }
  check_.asked(*dialect_, frame);
  answers_ = 0;
  asked_ = &frame;
  dispatch(core_, conn_, frame, now_, fx_);
  carry_out();
  if (restless_ && core_.is_busy(conn_) && dice_.chance(5)) {
    open_ = false;  // it dies while its request is under way
  } else {
    settle();
  }
  if (open_) CARDEA_ASSERT(answers_ == AnswerCheck::answers_of(*dialect_, frame.command));
  asked_ = nullptr;
}

void WireSession::handle_version(const wire::Frame& frame) {
  const auto version = wire::decode<wire::Version>(frame.body);
  const wire::Dialect* dialect = wire::find_dialect(version.major, version.minor);
  version_refused_ = dialect == nullptr;
  if (dialect == nullptr) return;
  dialect_ = dialect;
  core_.set_dialect(conn_, *dialect);
}

void WireSession::pass_time() {
  switch (dice_.below(12)) {
    case 0:
      driver_.move_card();
      core_.presence_hint(reader_, now_, fx_);
      carry_out();
      break;
    case 1:
      expire();
      break;
    case 2:
      run_jobs();
      break;
    default:
      break;
  }
}

void WireSession::settle() {
  for (int steps = 0; core_.is_busy(conn_) && open_; ++steps) {
    CARDEA_ASSERT(steps < kStepsMax);
    if (!questions_.empty()) {
      decide();
    } else if (!jobs_.empty()) {
      run_job();
    } else {
      expire();
    }
  }
}

void WireSession::decide() {
  const core::Question question = std::move(questions_.back());
  questions_.pop_back();
  core_.decide(question.conn, question.call, dice_.chance(80), now_, fx_);
  carry_out();
}

void WireSession::run_job() {
  core::Job job = std::move(jobs_.front());
  jobs_.pop_front();
  CARDEA_ASSERT(job.kind != core::JobKind::close && job.kind != core::JobKind::guest);
  const core::JobResult result = CardChannel(driver_).run(job, scratch());
  core_.finish(job, result, now_, fx_);
  carry_out();
}

void WireSession::run_jobs() {
  while (!jobs_.empty()) run_job();
}

void WireSession::expire() {
  const auto deadline = core_.next_deadline();
  CARDEA_ASSERT(deadline || !open_ || !core_.is_busy(conn_));  // else it would wait for ever
  if (!deadline) return;
  now_ = std::max(now_, *deadline);
  core_.expire(now_, fx_);
  carry_out();
}

void WireSession::carry_out() {
  for (const core::Reply& reply : fx_.replies) {
    if (reply.conn != conn_ || !open_) continue;
    if (!reply.ends_call) {
      check_.completed(reply.bytes);
      continue;
    }
    CARDEA_ASSERT(asked_ != nullptr);
    ++answers_;
    last_rv_ = reply.rv;
    check_.answered(*dialect_, *asked_, reply.bytes, reply.payload);
  }
  for (const core::Drop& drop : fx_.drops) {
    CARDEA_ASSERT(drop.conn == conn_ && !drop.reason.empty());
    open_ = false;
  }
  for (core::Job& job : fx_.jobs) jobs_.push_back(std::move(job));
  for (core::Question& question : fx_.questions) questions_.push_back(std::move(question));
  for (const core::CallId call : fx_.withdrawn) {
    std::erase_if(questions_, [call](const core::Question& open) { return open.call == call; });
  }
  fx_.replies.clear();
  fx_.drops.clear();
  fx_.jobs.clear();
  fx_.questions.clear();
  fx_.withdrawn.clear();
  fx_.records.clear();
  fx_.idle_holds.clear();
  fx_.faulty.clear();
}

void WireSession::hang_up() {
  open_ = false;
  core_.remove_client(conn_, dice_.chance(10), now_, fx_);
  carry_out();
  run_jobs();
  core_.check_invariants();
  CARDEA_ASSERT(questions_.empty());
  CARDEA_ASSERT(core_.counts() == core::Core::Counts{.readers = 1});
  CARDEA_ASSERT(core_.lock_owner(kReaderName) == 0);
  if (dice_.chance(kHonestVisitPercent)) serve_next_client();
}

void WireSession::serve_next_client() {
  for (const bool card : {false, true}) {
    driver_.reform(card);
    core_.presence_hint(reader_, now_, fx_);
    carry_out();
    run_jobs();
  }
  conn_ = core_.add_client({4712, 0});  // root: nobody is asked about it
  dialect_ = &wire::newest_dialect();
  core_.set_dialect(conn_, *dialect_);
  check_ = AnswerCheck{};
  open_ = true;
  version_refused_ = restless_ = false;
  expect_success(request(wire::Command::establish_context, wire::Establish{2, 0, 0}));
  expect_success(connect_request(last_number_, kReaderName, 2, 3));
  const auto card = static_cast<std::int32_t>(last_number_);
  expect_success(request(wire::Command::begin_transaction, wire::Begin{card, 0}));
  CARDEA_ASSERT(core_.lock_owner(kReaderName) == last_number_);
  expect_success(transmit_request(card, wire::kProtocolT1, "APDU", wire::kPayloadBytesMax));
  expect_success(request(wire::Command::disconnect, wire::Disconnect{card, 0, 0}));
  CARDEA_ASSERT(core_.lock_owner(kReaderName) == 0);
}

void WireSession::expect_success(const std::string& bytes) {
  const auto frame = wire::next_frame(*dialect_, std::as_bytes(std::span(bytes)));
  handle(std::get<wire::Frame>(frame));
  CARDEA_ASSERT(open_ && last_rv_ == to_wire(ScardRv::success));
}

}  // namespace cardea::fuzz
