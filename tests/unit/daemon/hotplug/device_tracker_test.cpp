// Which readers are opened and closed, and when, with a clock of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "daemon/hotplug/device_tracker.hpp"

namespace cardea {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Outcome = DeviceTracker::Outcome;

ReaderDevice usb_device(const std::string& key, const std::string& identity) {
  UsbInterface interface;
  interface.key = key;
  interface.identity = identity;
  return {key, identity, interface};
}

ReaderDevice configured_device(const std::string& key) { return {key, key, ReaderConfEntry{}}; }

/// A tracker, the time, and what it has ordered since the last look.
class Tracker {
 public:
  void present(const std::vector<ReaderDevice>& devices, const std::set<std::string>& moved = {}) {
    tracker.update(/*usb=*/true, devices, moved, now, actions);
  }
  void configured(const std::vector<ReaderDevice>& devices) {
    tracker.update(/*usb=*/false, devices, {}, now, actions);
  }
  void unplugged(const std::string& place) { tracker.unplugged(place, now, actions); }
  void opened(ReaderInstance instance, Outcome outcome = Outcome::open) {
    tracker.opened(instance, outcome, now, actions);
  }
  void faulty(ReaderInstance instance) { tracker.faulty(instance, now, actions); }
  void crashed(ReaderInstance instance) { tracker.crashed(instance, now, actions); }
  void closed(ReaderInstance instance) { tracker.closed(instance, now, actions); }
  void retry_all() { tracker.retry_all(actions); }
  /// Lets time pass; each deadline on the way is met exactly.
  void advance(milliseconds time) {
    const TimePoint end = now + time;
    for (auto due = tracker.next_deadline(); due && *due <= end; due = tracker.next_deadline()) {
      now = std::max(now, *due);
      tracker.expire(now, actions);
    }
    now = end;
  }
  /// The instance of the one order to open since the last call; ends the test without one.
  ReaderInstance opening() {
    EXPECT_THAT(actions.open, SizeIs(1));
    const ReaderInstance instance = actions.open.empty() ? 0 : actions.open.front().instance;
    actions.open.clear();
    return instance;
  }
  /// The instances ordered to close since the last call.
  std::vector<ReaderInstance> closing() {
    std::vector<ReaderInstance> instances;
    for (const auto& close : actions.close) instances.push_back(close.instance);
    actions.close.clear();
    return instances;
  }
  /// A device that is open.
  ReaderInstance open_one(const std::string& key, const std::string& identity) {
    present({usb_device(key, identity)});
    const ReaderInstance instance = opening();
    opened(instance);
    return instance;
  }

  TimePoint now{seconds(1000)};
  DeviceTracker tracker{DeviceTracker::Settings{}};
  DeviceTracker::Actions actions;
};

TEST(DeviceTracker, OpensWhatIsThereOnce) {
  Tracker t;
  t.present({usb_device("1-1:1.0", "a")});
  const ReaderInstance instance = t.opening();
  t.present({usb_device("1-1:1.0", "a")}, {"1-1:1.0"});
  t.opened(instance);
  t.present({usb_device("1-1:1.0", "a")}, {"1-1:1.0"});
  EXPECT_THAT(t.actions.open, IsEmpty());
  EXPECT_THAT(t.actions.close, IsEmpty());
  EXPECT_THAT(t.tracker.open_keys_for_test(), ElementsAre("1-1:1.0"));
}

TEST(DeviceTracker, ClosesWhatIsGone) {
  Tracker t;
  const ReaderInstance instance = t.open_one("1-1:1.0", "a");
  t.present({});
  ASSERT_THAT(t.actions.close, SizeIs(1));
  EXPECT_TRUE(t.actions.close.front().device_gone);
  EXPECT_THAT(t.closing(), ElementsAre(instance));
  t.closed(instance);
  EXPECT_THAT(t.tracker.open_keys_for_test(), IsEmpty());
  EXPECT_EQ(t.tracker.next_deadline(), std::nullopt);
}

TEST(DeviceTracker, ReplacesADeviceThatWasPluggedAnew) {
  Tracker t;
  const ReaderInstance old = t.open_one("1-1:1.0", "a");
  t.present({usb_device("1-1:1.0", "b")});
  EXPECT_THAT(t.closing(), ElementsAre(old));
  EXPECT_THAT(t.actions.open, IsEmpty()) << "its number is not free yet";
  t.closed(old);
  EXPECT_EQ(t.actions.open.front().device.identity, "b");
  EXPECT_NE(t.opening(), old);
}

TEST(DeviceTracker, ReplacesADeviceThatWasUnpluggedBetweenTwoScans) {
  Tracker t;
  const ReaderInstance old = t.open_one("1-1:1.0", "a");
  t.unplugged("1-1");
  t.present({usb_device("1-1:1.0", "a")});
  EXPECT_THAT(t.closing(), ElementsAre(old));
  t.closed(old);
  EXPECT_NE(t.opening(), old);
}

TEST(DeviceTracker, APortIsNotItsHubsPort) {
  Tracker t;
  t.open_one("1-1.2:1.0", "a");
  t.unplugged("1-1");
  EXPECT_THAT(t.actions.close, IsEmpty());
}

TEST(DeviceTracker, ADriverThatHoldsOnDelaysTheNextReaderForASecondOnly) {
  Tracker t;
  const ReaderInstance old = t.open_one("1-1:1.0", "a");
  t.present({usb_device("1-1:1.0", "b")});
  t.advance(milliseconds(999));
  EXPECT_THAT(t.actions.open, IsEmpty());
  t.advance(milliseconds(1));
  const ReaderInstance next = t.opening();
  t.opened(next);
  t.closed(old);  // late, and nobody minds
  EXPECT_THAT(t.tracker.open_keys_for_test(), ElementsAre("1-1:1.0"));
  EXPECT_THAT(t.actions.open, IsEmpty());
}

TEST(DeviceTracker, AReaderThatOpensAfterItsDeviceHasGoneIsClosed) {
  Tracker t;
  t.present({usb_device("1-1:1.0", "a")});
  const ReaderInstance instance = t.opening();
  t.present({});
  EXPECT_THAT(t.actions.close, IsEmpty()) << "it is not open yet";
  t.opened(instance);
  EXPECT_THAT(t.closing(), ElementsAre(instance));
  t.closed(instance);
  t.present({usb_device("1-1:1.0", "b")});
  t.opening();
}

TEST(DeviceTracker, AReaderThatOpensAfterItWasGivenUpIsClosed) {
  Tracker t;
  t.present({usb_device("1-1:1.0", "a")});
  const ReaderInstance instance = t.opening();
  t.present({});
  t.advance(seconds(2));
  EXPECT_EQ(t.tracker.next_deadline(), std::nullopt);
  t.opened(instance);
  EXPECT_THAT(t.closing(), ElementsAre(instance));
}

TEST(DeviceTracker, TriesAgainAfterGrowingPausesAndThenNoMore) {
  Tracker t;
  t.present({usb_device("1-1:1.0", "a")});
  for (const int pause : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    t.opened(t.opening(), Outcome::failed);
    t.advance(seconds(pause) - milliseconds(1));
    EXPECT_THAT(t.actions.open, IsEmpty()) << pause;
    t.advance(milliseconds(1));
  }
  t.opened(t.opening(), Outcome::failed);
  EXPECT_EQ(t.tracker.next_deadline(), std::nullopt);
  const log::Record& last = t.actions.records.back();
  EXPECT_NE(last.text.find("left alone"), std::string::npos);
  EXPECT_EQ(last.event, log::Event::reader_given_up);
  EXPECT_EQ(last.fields, (log::Fields{{"DEVICE", "1-1:1.0"}}));
}

TEST(DeviceTracker, AnEventAtTheDevicesPortEndsThePause) {
  for (const char* moved : {"1-1", "1-1:1.0"}) {
    Tracker t;
    t.present({usb_device("1-1:1.0", "a")});
    t.opened(t.opening(), Outcome::failed);
    t.present({usb_device("1-1:1.0", "a")}, {"1-2"});
    EXPECT_THAT(t.actions.open, IsEmpty());
    t.present({usb_device("1-1:1.0", "a")}, {moved});
    t.opening();
  }
}

TEST(DeviceTracker, RescanTriesWhatWasGivenUp) {
  Tracker t;
  t.present({usb_device("1-1:1.0", "a")});
  for (int i = 0; i < 10; ++i) {
    t.opened(t.opening(), Outcome::failed);
    t.advance(seconds(60));
  }
  EXPECT_THAT(t.actions.open, IsEmpty());
  t.retry_all();
  t.opened(t.opening());
  EXPECT_THAT(t.tracker.open_keys_for_test(), SizeIs(1));
}

TEST(DeviceTracker, WhatTheDriverDoesNotWantIsLeftAlone) {
  Tracker t;
  t.present({usb_device("1-1:1.1", "a")});
  t.opened(t.opening(), Outcome::not_mine);
  t.present({usb_device("1-1:1.1", "a")}, {"1-1:1.1"});
  EXPECT_THAT(t.actions.open, IsEmpty());
  EXPECT_EQ(t.tracker.next_deadline(), std::nullopt);
  t.retry_all();
  t.opened(t.opening(), Outcome::not_mine);
  t.present({usb_device("1-1:1.1", "b")});
  t.opening();
}

TEST(DeviceTracker, AFaultyReaderIsOpenedAnewAfterAPause) {
  Tracker t;
  const ReaderInstance first = t.open_one("1-1:1.0", "a");
  t.advance(seconds(60));
  t.faulty(first);
  EXPECT_FALSE(t.actions.close.front().device_gone);
  EXPECT_THAT(t.closing(), ElementsAre(first));
  t.closed(first);
  EXPECT_THAT(t.actions.open, IsEmpty());
  t.advance(seconds(1));
  const ReaderInstance second = t.opening();
  t.opened(second);
  t.faulty(second);  // soon again: the pause grows
  t.closed(second);
  t.advance(milliseconds(1999));
  EXPECT_THAT(t.actions.open, IsEmpty());
  t.advance(milliseconds(1));
  const ReaderInstance third = t.opening();
  t.opened(third);
  t.advance(seconds(30));  // long enough to start counting anew
  t.faulty(third);
  t.closed(third);
  t.advance(seconds(1));
  t.opening();
}

TEST(DeviceTracker, ACrashedReaderIsOpenedAtOnceAndThenAfterGrowingPauses) {
  Tracker t;
  ReaderInstance instance = t.open_one("1-1:1.0", "1-5");
  for (const seconds pause : {seconds(0), seconds(1), seconds(2), seconds(4)}) {
    t.crashed(instance);
    EXPECT_THAT(t.closing(), ElementsAre(instance));
    t.closed(instance);
    if (pause > seconds(0)) {
      EXPECT_THAT(t.actions.open, IsEmpty());
      t.advance(pause - milliseconds(1));
      EXPECT_THAT(t.actions.open, IsEmpty());
      t.advance(milliseconds(1));
    }
    instance = t.opening();
    t.opened(instance);
  }
  t.advance(DeviceTracker::Settings{}.stable_after);
  t.crashed(instance);
  t.closed(instance);
  EXPECT_NE(t.opening(), instance);
}

TEST(DeviceTracker, AConfiguredReaderThatCrashesIsOpenedAgainToo) {
  Tracker t;
  t.configured({configured_device("a")});
  const ReaderInstance instance = t.opening();
  t.opened(instance);
  t.crashed(instance);
  t.crashed(instance);  // said twice
  EXPECT_THAT(t.closing(), ElementsAre(instance));
  t.closed(instance);
  EXPECT_NE(t.opening(), instance);
}

TEST(DeviceTracker, ACrashWhileItIsOpenedCountsWhenItIsOpen) {
  Tracker t;
  t.present({usb_device("1-1:1.0", "1-5")});
  const ReaderInstance instance = t.opening();
  t.crashed(instance);
  EXPECT_THAT(t.closing(), IsEmpty());
  t.opened(instance);
  EXPECT_THAT(t.closing(), ElementsAre(instance));
  t.closed(instance);
  EXPECT_NE(t.opening(), instance);
}

TEST(DeviceTracker, AFaultyConfiguredReaderStays) {
  Tracker t;
  t.configured({configured_device("Serial")});
  const ReaderInstance instance = t.opening();
  t.opened(instance);
  t.faulty(instance);
  EXPECT_THAT(t.actions.close, IsEmpty());
}

TEST(DeviceTracker, UsbAndConfiguredReadersDoNotDisturbEachOther) {
  Tracker t;
  t.configured({configured_device("Serial")});
  t.opened(t.opening());
  t.open_one("1-1:1.0", "a");
  t.configured({});
  ASSERT_THAT(t.actions.close, SizeIs(1));
  EXPECT_FALSE(t.actions.close.front().device_gone) << "only its entry is";
  EXPECT_THAT(t.closing(), SizeIs(1));
  t.present({});
  EXPECT_THAT(t.closing(), SizeIs(1));
}

/// What is plugged in, and the drivers that carry out what the tracker orders, in any order.
class World {
 public:
  void step(int number) {
    const std::string key = "1-" + std::to_string(number / 10) + ":1.0";
    switch (number % 10) {
      case 0:
      case 1:
        plugged_[key] = ++connection_;
        break;
      case 2:
        plugged_.erase(key);
        break;
      case 3:
        t_.unplugged(key);
        break;
      case 4:
        return finish_open(Outcome::failed);
      case 5:
        return finish_open(Outcome::open);
      case 6:
        return finish_close();
      case 7:
        if (!open_.empty()) t_.faulty(*open_.begin());
        break;
      case 8:
        t_.advance(milliseconds(700));
        break;
      default:
        return scan();
    }
    carry_out();
  }

  void scan() {
    std::vector<ReaderDevice> devices;
    for (const auto& [key, connection] : plugged_) {
      devices.push_back(usb_device(key, std::to_string(connection)));
    }
    t_.present(devices);
    carry_out();
  }

  /// Time for everything that is under way, and nothing else happens.
  void settle() {
    scan();
    for (int quiet = 0; quiet < 200; ++quiet) {
      finish_open(Outcome::open);
      finish_close();
      t_.advance(seconds(1));
      carry_out();
    }
  }

  /// Exactly what is plugged in is open, once, and nothing is under way.
  void check() const {
    std::set<std::string> keys;
    for (const auto& [key, number] : plugged_) keys.insert(key);
    RC_ASSERT(t_.tracker.open_keys_for_test() == keys);
    RC_ASSERT(open_.size() == keys.size());
    RC_ASSERT(opening_.empty() && closing_.empty());
    RC_ASSERT(!t_.tracker.next_deadline());
  }

 private:
  void carry_out() {
    for (const auto& order : t_.actions.open) RC_ASSERT(opening_.insert(order.instance).second);
    for (const auto& order : t_.actions.close) {
      RC_ASSERT(open_.erase(order.instance) == 1u);
      closing_.insert(order.instance);
    }
    t_.actions = {};
  }
  void finish_open(Outcome outcome) {
    if (opening_.empty()) return;
    const ReaderInstance instance = *opening_.begin();
    opening_.erase(instance);
    if (outcome == Outcome::open) open_.insert(instance);
    t_.opened(instance, outcome);
    carry_out();
  }
  void finish_close() {
    if (closing_.empty()) return;
    const ReaderInstance instance = *closing_.rbegin();
    closing_.erase(instance);
    t_.closed(instance);
    carry_out();
  }

  Tracker t_;
  std::map<std::string, int> plugged_;  ///< key to connection
  int connection_ = 0;
  std::set<ReaderInstance> opening_;
  std::set<ReaderInstance> open_;
  std::set<ReaderInstance> closing_;
};

TEST(DeviceTracker, EndsUpWithWhatIsPluggedInWhateverHappens) {
  rc::check([] {
    World world;
    const auto steps = *rc::gen::container<std::vector<int>>(60, rc::gen::inRange(0, 70));
    for (const int step : steps) world.step(step);
    world.settle();
    world.check();
  });
}

}  // namespace
}  // namespace cardea
