#include "tests/sim/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cardea::core {
namespace {

using wire::Disposition;
using wire::ShareMode;

constexpr std::size_t kActorsMax = 12;
constexpr std::size_t kReadersMax = 4;
constexpr std::size_t kCardsMax = 4;
constexpr int kTriesMax = 1'000;

/// So small that the users of this world meet their limits again and again; root does not.
Settings small_shares() {
  Settings settings;
  settings.quotas.connections = 5;
  settings.quotas.turned_away = 2;
  settings.quotas.handles = 9;
  settings.quotas.reader_handles = 4;
  settings.quotas.calls = 3;
  settings.quotas.bytes = 12;
  return settings;
}

}  // namespace

World::World(const Entropy& entropy) : entropy_(entropy), bench_(any_settings()) {
  bench_.hold_jobs();
  for (int i = 0; i < 3; ++i) plug_or_unplug();
  for (int i = 0; i < 4; ++i) add_actor();
}

Settings World::any_settings() {
  Settings settings = small_shares();
  if (chance(30)) settings.idle_holder_policy = IdlePolicy::reset;
  return settings;
}

void World::add_actor() {
  // Few processes and users, so that some clients share one.
  const ClientInfo info{static_cast<std::int64_t>(random(5)),
                        static_cast<std::uint32_t>(random(2) * 1000)};
  const auto minor = static_cast<std::int32_t>(3 + random(4));
  const auto account = bench_.core().account_of(info.uid);
  const auto is_full = [&account](Resource resource) {
    return account->used(resource) == account->limit(resource);
  };
  if (is_full(Resource::connections) && is_full(Resource::turned_away)) {
    EXPECT_FALSE(bench_.core().add_client(info));
    return;
  }
  Actor actor;
  actor.client = &bench_.add_client_of(info, *wire::find_dialect(wire::kMajor, minor));
  actors_.push_back(actor);
}

void World::step() {
  ++steps_;
  switch (random(10)) {
    case 0:
      bench_.advance(milliseconds{random(chance(5) ? 6000 : 120)});
      break;
    case 1:
    case 2:
    case 3:
    case 4:
      // Drivers finish in any order, but one at a time each.
      if (!bench_.waiting_jobs().empty()) bench_.run_job(random(bench_.waiting_jobs().size()));
      break;
    case 5:
      if (!dying_.empty() && chance(30)) {
        report_a_death();
      } else if (chance(20)) {
        move_card();
      } else if (chance(4)) {
        plug_or_unplug();
      } else if (chance(10)) {
        begin_or_end_opening();
      } else if (chance(10) && !readers_.empty()) {
        script_failure(*any(readers_));
      } else if (chance(5) && !domains_.empty()) {
        bench_.step([this](Core& core, Effects& fx) {
          (void)core.enter_domain(any(domains_), GuestId{steps_}, bench_.now(), fx);
        });
      } else if (chance(10) && !actors_.empty()) {
        kill(random(actors_.size()));
      } else if (actors_.size() < kActorsMax && chance(20)) {
        add_actor();
      }
      break;
    default:
      for (int i = 0; i < 3 && !actors_.empty(); ++i) {
        act(any(actors_));
        observe();
      }
  }
  observe();
}

void World::move_card() {
  if (readers_.empty()) return;
  TestReader& reader = *any(readers_);
  switch (random(8)) {
    case 0:
      reader.script->remove_card();
      break;
    case 1:
      reader.script->insert_mute_card();
      break;
    default:
      reader.script->insert_card();
  }
  bench_.hint(reader);
}

void World::script_failure(TestReader& reader) {
  static constexpr DriverCall kCalls[] = {DriverCall::presence, DriverCall::power,
                                          DriverCall::set_protocol, DriverCall::transmit,
                                          DriverCall::control};
  static constexpr IfdRv kResults[] = {IfdRv::communication_error, IfdRv::no_such_device,
                                       IfdRv::icc_not_present, IfdRv::response_timeout};
  reader.script->queue_result(kCalls[random(std::size(kCalls))],
                              kResults[random(std::size(kResults))]);
}

void World::plug_or_unplug() {
  ++plugs_;
  if (readers_.size() >= kReadersMax || (!readers_.empty() && chance(40))) {
    const std::size_t index = random(readers_.size());
    bench_.unplug(*readers_[index]);
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(index));
    return;
  }
  // Some readers share a domain with one that is there.
  TestReaderOptions options;
  options.card = chance(70);
  options.driver_events = chance(50);
  std::erase_if(domains_, [this](DomainId domain) { return !bench_.core().knows(domain); });
  if (!domains_.empty() && chance(50)) {
    options.domain = any(domains_);
  } else {
    options.domain = bench_.core().add_domain();
    domains_.push_back(options.domain);
  }
  readers_.push_back(&bench_.add_reader("R" + std::to_string(++names_), options));
}

void World::begin_or_end_opening() {
  if (openings_ > 0 && chance(70)) return end_opening();
  ++openings_;
  bench_.step([this](Core& core, Effects&) { core.reader_start_began(bench_.now()); });
}

void World::end_opening() {
  --openings_;
  bench_.step([this](Core& core, Effects& fx) { core.reader_start_ended(bench_.now(), fx); });
}

void World::kill(std::size_t index) {
  ++deaths_;
  TestClient& client = *actors_[index].client;
  if (chance(30)) {
    client.hang_up();
    dying_.push_back(&client);
  } else {
    client.die(/*answer_lost=*/chance(20));
  }
  actors_.erase(actors_.begin() + static_cast<std::ptrdiff_t>(index));
}

void World::report_a_death() {
  const std::size_t index = random(dying_.size());
  dying_[index]->die(/*answer_lost=*/chance(20));
  dying_.erase(dying_.begin() + static_cast<std::ptrdiff_t>(index));
}

void World::act(Actor& actor) {
  TestClient& client = *actor.client;
  if (client.is_waiting_for_answer()) {
    if (actor.asked_wait && chance(10)) client.stop();
    return;
  }
  actor.asked = Asked::other;
  // Turned away, or refused as one request too many: it tries again.
  if (client.context == 0) return void(client.establish());
  if (chance(15)) return ask_for_events(actor);
  if (!actor.cards.empty() && chance(85)) {
    auto card = actor.cards.begin();
    std::advance(card, static_cast<std::ptrdiff_t>(random(actor.cards.size())));
    return act_on_card(actor, card->first);
  }
  if (chance(5)) {
    actor.asked = Asked::release;
    (void)client.release(chance(80) ? client.context : 12345);
    return;
  }
  if (chance(2)) return void(client.establish(static_cast<std::uint32_t>(random(5))));
  if (actor.cards.size() >= kCardsMax || readers_.empty()) return;
  actor.asked = Asked::connect;
  // One that is there, the one that will come next, or none.
  actor.reader = chance(90)   ? any(readers_)->name
                 : chance(50) ? "R" + std::to_string(names_ + 1)
                              : "nobody";
  const auto mode = static_cast<ShareMode>(chance(90) ? 2 : random(5));
  (void)client.connect(actor.reader, mode,
                       chance(85) ? kAnyProtocol : static_cast<std::uint32_t>(random(16)));
}

void World::act_on_card(Actor& actor, CardHandle card) {
  TestClient& client = *actor.client;
  actor.card = card;
  const auto action = static_cast<Disposition>(chance(80) ? 0 : random(5));
  const bool has_reader = std::any_of(readers_.begin(), readers_.end(), [&](const auto* reader) {
    return reader->name == actor.cards.at(card).reader;
  });
  std::size_t what = random(20);
  if (actor.cards.at(card).depth > 0 && chance(40)) what = 6;
  if (actor.cards.at(card).marked && chance(70)) what = 13;
  if (!has_reader && chance(50)) what = 12;
  Card& entry = actor.cards.at(card);
  entry.place_before = entry.place;
  actor.asked = Asked::use;
  if (what < 6) {
    if (entry.place.kept_until <= bench_.now()) entry.place = {};
    if (entry.place.earliest == 0) entry.place.earliest = steps_;
    if (entry.place.latest == 0) entry.place.latest = steps_;
    entry.owned_when_asked = bench_.core().lock_owner(entry.reader) == card;
    actor.asked = Asked::begin;
    (void)client.begin(card);
    return;
  }
  // A request that waits for the lock gives the place of a BEGIN up; whether it waits is not told.
  const bool may_wait = what >= 12 && what != 14 && what != 15;
  if (may_wait) entry.place.latest = 0;
  if (chance(1)) {
    actor.broke_rules = true;
    (void)client.status(card + 1'000'000);
  } else if (what < 12) {
    actor.asked = Asked::end;
    (void)client.end(card, action);
  } else if (what == 12) {
    actor.asked = Asked::disconnect;
    (void)client.disconnect(card, action);
  } else if (what == 13) {
    const auto mode = static_cast<ShareMode>(chance(75) ? 2 : chance(75) ? 1 : random(5));
    actor.asked = Asked::reconnect;
    (void)client.reconnect(card, mode, kAnyProtocol, static_cast<Disposition>(random(4)));
  } else if (what == 14) {
    (void)client.control(card);
  } else if (what == 15) {
    (void)client.get_attribute(card, chance(50) ? 0x7FFF0003 : 0x0FB4);
  } else if (what == 16) {
    (void)client.status(card);
  } else {
    (void)client.transmit(card, chance(80) ? 2 : static_cast<std::uint32_t>(random(5)));
  }
}

void World::ask_for_events(Actor& actor) {
  TestClient& client = *actor.client;
  switch (random(6)) {
    case 0:
      if (actor.asked_wait) break;  // no client waits twice
      client.wait();
      actor.asked = Asked::wait;
      break;
    case 1:
      client.stop();
      break;
    case 2:
      client.fetch_states();
      break;
    case 3:
      client.fetch_size();
      break;
    case 4:
      client.fetch_array();
      break;
    default:
      (void)client.cancel(any(actors_).client->context);
  }
}

void World::observe() {
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    Actor& actor = actors_[i];
    if (actor.asked == Asked::wait && !actor.client->is_waiting_for_answer()) {
      actor.asked_wait = true;
      actor.asked = Asked::nothing;
    }
    note_completions(actor);
    if (actor.client->drop_reason) {
      EXPECT_TRUE(actor.broke_rules) << *actor.client->drop_reason;
      kill(i);
      return observe();  // its death may have answered others
    }
    if (actor.asked == Asked::nothing || actor.client->is_waiting_for_answer()) continue;
    const Outcome rv = actor.client->answer();
    if (rv) note_answer(actor, *rv);
    actor.asked = Asked::nothing;
  }
}

void World::note_completions(Actor& actor) {
  const std::size_t now = actor.client->completions.size();
  if (now == actor.completions) return;
  EXPECT_TRUE(actor.asked_wait) << "a completion nobody waited for";
  EXPECT_EQ(now, actor.completions + 1) << "one WAIT, one completion";
  actor.completions = now;
  actor.asked_wait = false;
  ++completions_;
}

void World::note_answer(Actor& actor, ScardRv rv) {
  const bool done = rv == ScardRv::success;
  const auto card_of = actor.cards.find(actor.card);
  const bool on_card =
      actor.asked == Asked::begin || actor.asked == Asked::reconnect || actor.asked == Asked::use;
  if (on_card && rv == ScardRv::no_memory) {
    // Refused before it was looked at: a place it had is still there, and none was taken.
    card_of->second.place = card_of->second.place_before;
    return;
  }
  if (card_of != actor.cards.end() && actor.asked != Asked::connect) {
    card_of->second.marked = rv == ScardRv::reset_card || rv == ScardRv::removed_card;
  }
  switch (actor.asked) {
    case Asked::connect:
      if (done) {
        Card card;
        card.reader = actor.reader;
        actor.cards[actor.client->card()] = card;
      }
      break;
    case Asked::disconnect:
      if (done) actor.cards.erase(actor.card);
      break;
    case Asked::release:
      if (done) {
        actor.cards.clear();
        actor.asked_wait = false;
        actor.client->context = 0;
        (void)actor.client->establish();
      }
      break;
    case Asked::begin:
      note_begin(actor, rv);
      break;
    case Asked::end: {
      Card& card = actor.cards.at(actor.card);
      const bool ended = done || rv == ScardRv::reset_card || rv == ScardRv::removed_card;
      if (ended && card.depth > 0) --card.depth;
      // On a marked handle all is over; without a card just this one level.
      if (ended && !done && bench_.core().lock_owner(card.reader) != actor.card) card.depth = 0;
      break;
    }
    default:
      break;
  }
}

void World::note_begin(Actor& actor, ScardRv rv) {
  Card& mine = actor.cards.at(actor.card);
  if (rv == ScardRv::sharing_violation) {
    mine.place.kept_until = actor.client->answered_at + LockTiming{}.retry_window;
    return;
  }
  const std::size_t since = mine.place.earliest;
  mine.place = {};
  if (rv != ScardRv::success) return;
  ++mine.depth;
  ++grants_;
  const CardHandle owner = bench_.core().lock_owner(mine.reader);
  EXPECT_TRUE(owner == actor.card || owner == 0) << "two own the lock of " << mine.reader;
  if (mine.owned_when_asked) return;
  for (const Actor& other : actors_) {
    if (other.asked != Asked::begin || !other.client->is_waiting_for_answer()) continue;
    const auto card = other.cards.find(other.card);
    if (card == other.cards.end() || card->second.reader != mine.reader) continue;
    EXPECT_GE(card->second.place.latest, since) << "somebody waited longer for " << mine.reader;
  }
}

void World::drain() {
  while (openings_ > 0) end_opening();
  while (!actors_.empty()) kill(0);
  while (!dying_.empty()) report_a_death();
  bench_.release_jobs();
  bench_.advance(std::chrono::minutes{1});
  const Core::Counts left = bench_.core().counts();
  EXPECT_EQ(left.clients + left.contexts + left.handles + left.waiting + left.queued, 0u);
  EXPECT_EQ(left.readers, readers_.size());
  EXPECT_TRUE(bench_.core().snapshot().users.empty()) << "somebody's account has not been closed";
  for (TestReader* reader : readers_) {
    EXPECT_EQ(bench_.core().lock_owner(reader->name), 0u);
    reader->script->insert_card();
    TestClient& fresh = bench_.add_client();
    // What failures are left in the driver's script are used up on the way.
    Outcome rv = kParked;
    for (int tries = 0; tries < kTriesMax && rv != ScardRv::success; ++tries) {
      bench_.hint(*reader);
      bench_.advance(milliseconds{400});
      rv = fresh.connect(reader->name);
      if (rv != ScardRv::success) continue;
      const CardHandle card = fresh.card();
      EXPECT_EQ(fresh.begin(card), ScardRv::success);
      rv = fresh.transmit(card);
      if (rv == ScardRv::success) {
        EXPECT_EQ(fresh.end(card), ScardRv::success);
      }
      EXPECT_EQ(fresh.disconnect(card), ScardRv::success);
    }
    EXPECT_EQ(rv, ScardRv::success) << reader->name;
    fresh.die();
    bench_.unplug(*reader);
    EXPECT_EQ(reader->driver, nullptr);
  }
  EXPECT_EQ(bench_.core().counts(), Core::Counts{});
  bench_.advance(std::chrono::minutes{1});
  EXPECT_EQ(bench_.core().next_deadline(), std::nullopt);
}

}  // namespace cardea::core
