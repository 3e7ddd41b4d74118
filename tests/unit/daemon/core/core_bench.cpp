#include "tests/unit/daemon/core/core_bench.hpp"

#include <algorithm>

#include "daemon/reader/card_channel.hpp"

namespace cardea::core {

CoreBench::CoreBench(const Settings& settings)
    : now_(std::chrono::seconds{1000}), core_(settings, [this] { return ++last_random_; }) {
  core_.set_hang_up_check([this](ConnId conn) {
    return std::any_of(clients_.begin(), clients_.end(),
                       [conn](const auto& client) { return client->id == conn && !client->alive; });
  });
}

TestClient& CoreBench::add_client(const wire::Dialect& dialect) {
  return add_client_of({++last_pid_, 1000}, dialect);
}

TestClient& CoreBench::add_client_of(const ClientInfo& info, const wire::Dialect& dialect) {
  clients_.push_back(std::make_unique<TestClient>(*this, info, dialect));
  TestClient& client = *clients_.back();
  (void)client.establish();
  return client;
}

TestReader& CoreBench::add_reader(const std::string& name, const TestReaderOptions& options) {
  readers_.push_back(std::make_unique<TestReader>());
  TestReader& reader = *readers_.back();
  reader.name = name;
  ScriptedDriverOptions driver;
  driver.has_wait_event = options.driver_events;
  driver.is_version_2 = options.version_2;
  reader.driver = std::make_unique<ScriptedDriver>(reader.script, driver);
  if (options.card) reader.script->insert_card();
  if (options.broken) break_presence(reader);
  ReaderSpec spec;
  spec.name = name;
  spec.domain = options.domain ? options.domain : core_.add_domain();
  spec.driver_events = options.driver_events;
  spec.version_2 = options.version_2;
  spec.alias = options.alias;
  spec.power_off = options.power_off;
  spec.rank = options.rank;
  step([&](Core& core, Effects& fx) { reader.id = core.add_reader(spec, now_, fx); });
  return reader;
}

void CoreBench::unplug(const TestReader& reader) {
  step([&](Core& core, Effects& fx) { core.remove_reader(reader.id, now_, fx); });
}

void CoreBench::insert(const TestReader& reader) {
  reader.script->insert_card();
  hint(reader);
}

void CoreBench::insert_mute(const TestReader& reader) {
  reader.script->insert_mute_card();
  hint(reader);
}

void CoreBench::remove_card(const TestReader& reader) {
  reader.script->remove_card();
  hint(reader);
}

void CoreBench::fail_presence(const TestReader& reader, IfdRv rv) {
  reader.script->queue_result(DriverCall::presence, rv);
  hint(reader);
}

void CoreBench::break_presence(const TestReader& reader) {
  for (int i = 0; i < 1000; ++i) {
    reader.script->queue_result(DriverCall::presence, IfdRv::communication_error);
  }
}

void CoreBench::hint(const TestReader& reader) {
  step([&](Core& core, Effects& fx) { core.presence_hint(reader.id, now_, fx); });
}

void CoreBench::release_jobs() {
  holding_ = false;
  settle();
  core_.check_invariants();
}

bool CoreBench::run_job(std::size_t index) {
  if (index >= jobs_.size()) return false;
  const auto at = jobs_.begin() + static_cast<std::ptrdiff_t>(index);
  Job job = std::move(*at);
  jobs_.erase(at);
  JobResult result;
  if (job.kind != JobKind::guest) {
    const auto owner = std::find_if(readers_.begin(), readers_.end(), [&job](const auto& reader) {
      return reader->id == job.reader;
    });
    CARDEA_ASSERT(owner != readers_.end());
    if (job.kind == JobKind::close) {
      (*owner)->driver.reset();
    } else {
      result = CardChannel(*(*owner)->driver).run(job, scratch_);
    }
  }
  Effects fx;
  core_.finish(job, result, now_, fx);
  absorb(fx);
  core_.check_invariants();
  return true;
}

std::vector<JobKind> CoreBench::waiting_jobs() const {
  std::vector<JobKind> kinds;
  for (const Job& job : jobs_) kinds.push_back(job.kind);
  return kinds;
}

void CoreBench::advance(milliseconds time) {
  const TimePoint end = now_ + time;
  for (;;) {
    const auto deadline = core_.next_deadline();
    if (!deadline || *deadline > end) break;
    CARDEA_ASSERT(*deadline >= now_ || holding_);
    now_ = std::max(now_, *deadline);
    step([this](Core& core, Effects& fx) { core.expire(now_, fx); });
    const auto next = core_.next_deadline();
    CARDEA_ASSERT(!next || *next > now_);  // no busy loop: what was due is done
  }
  now_ = end;
}

void CoreBench::absorb(Effects& fx) {
  for (const Reply& reply : fx.replies) {
    for (const auto& client : clients_) {
      if (client->id == reply.conn) client->deliver(reply);
    }
  }
  for (const Drop& drop : fx.drops) {
    ++drops_;
    for (const auto& client : clients_) {
      if (client->id == drop.conn) client->drop_reason = drop.reason;
    }
  }
  for (Job& job : fx.jobs) jobs_.push_back(std::move(job));
  for (const log::Record& record : fx.records) log.push_back(record.text);
  faulty.insert(faulty.end(), fx.faulty.begin(), fx.faulty.end());
  questions.insert(questions.end(), fx.questions.begin(), fx.questions.end());
  withdrawn.insert(withdrawn.end(), fx.withdrawn.begin(), fx.withdrawn.end());
  idle_holds.insert(idle_holds.end(), fx.idle_holds.begin(), fx.idle_holds.end());
  quota_hits.insert(quota_hits.end(), fx.quota_hits.begin(), fx.quota_hits.end());
}

void CoreBench::settle() {
  while (!holding_ && run_job()) {
  }
}

}  // namespace cardea::core
