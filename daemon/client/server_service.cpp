// Server: what whoever manages the service wants: a count of what there is, an end that loses no
// client, and, at level debug, a record for each request.
#include <poll.h>

#include "base/scard_rv.hpp"
#include "daemon/auth/peer_identity.hpp"
#include "daemon/client/server.hpp"
#include "protocol/codec.hpp"
#include "protocol/commands.hpp"

namespace cardea {
namespace {

/// Least time between two reports of changes: programs may come and go many times a second.
constexpr milliseconds kReportGap{1'000};

}  // namespace

void Server::report_census(std::optional<Duration> period,
                           std::function<void(const Census&)> report) {
  census_report_ = std::move(report);
  MutexLock lock(core_mutex_);
  census_plan_.emplace(kReportGap, period);
  // Readers that are still busy with their start by then count as tried.
  const TimePoint now = Clock::now();
  census_plan_->tell(core_.is_starting(now) ? core_.start_up_until() : now);
  census_timer_.set(census_plan_->due());
}

void Server::census_changed() {
  if (!census_plan_) return;
  const auto due = census_plan_->due();
  const TimePoint now = Clock::now();
  const bool started = !start_told_ && !core_.is_starting(now);
  start_told_ = start_told_ || started;
  census_plan_->tell(now, started ? ReportPlan::Urgency::at_once : ReportPlan::Urgency::can_wait);
  if (census_plan_->due() != due) census_timer_.set(census_plan_->due());
}

void Server::on_census() {
  census_timer_.acknowledge();
  Census census;
  {
    MutexLock lock(core_mutex_);
    const TimePoint now = Clock::now();
    census.readers = core_.counts().readers;
    census.clients = connections_.size();
    census.starting = core_.is_starting(now);
    census_plan_->reported(now);
    if (census.starting) census_plan_->tell(core_.start_up_until());
    census_timer_.set(census_plan_->due());
  }
  census_report_(census);
  poller_.arm(census_timer_.fd(), kCensusToken, EPOLLIN);
}

void Server::report_request(const Answered& answered) {
  const PeerIdentity who = identify(answered.connection->peer);
  const std::string command = wire::to_string(answered.request.command);
  const std::string rv = answered.rv ? to_string(ScardRv{*answered.rv}) : "data";
  const std::string usec = std::to_string(answered.took / std::chrono::microseconds(1));
  log::Fields fields = who.fields;
  fields.insert(fields.end(), {{"COMMAND", command}, {"RV", rv}, {"USEC", usec}});
  log::write(log::Level::debug,
             who.text + ": " + command + " answered " + rv + " after " + usec + " us",
             std::move(fields), log::Event::request);
}

bool Server::refuse_for_memory(const ConnectionPtr& connection, const wire::Frame& frame) {
  const auto refuse = [&](auto message) {
    core::set_result(message, ScardRv::no_memory);
    connection->queue(wire::as_bytes(message));
    return true;
  };
  switch (frame.command) {
    case wire::Command::establish_context:
      return refuse(wire::decode<wire::Establish>(frame.body));
    case wire::Command::connect:
      return refuse(wire::decode<wire::Connect>(frame.body));
    case wire::Command::transmit:
      return refuse(wire::decode<wire::Transmit>(frame.body));
    case wire::Command::control:
      return refuse(wire::decode<wire::Control>(frame.body));
    default:
      return false;  // small, or gives back what others wait for
  }
}

bool Server::leave_if_idle() {
  MutexLock lock(core_mutex_);
  pollfd queue{listener_.get(), POLLIN, 0};
  const bool idle = connections_.empty() && accepting_ == 0 && ::poll(&queue, 1, 0) == 0;
  leaving_ = leaving_ || idle;
  return idle;
}

}  // namespace cardea
