#include "daemon/hotplug/device_tracker.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.hpp"

namespace cardea {
namespace {

/// "1-1.2" of "1-1.2:1.0".
std::string port_of(const std::string& key) { return key.substr(0, key.find(':')); }

}  // namespace

void DeviceTracker::update(bool usb, const std::vector<ReaderDevice>& present,
                           const std::set<std::string>& moved, TimePoint now, Actions& actions) {
  std::set<std::string> found;
  for (const ReaderDevice& device : present) {
    CARDEA_ASSERT(device.is_usb() == usb);
    found.insert(device.key);
    const auto [place, fresh] = places_.try_emplace(device.key);
    if (fresh) {
      place->second.usb = usb;
      place->second.wanted = device;
      start(place->second, actions);
    } else {
      const bool here = moved.contains(device.key) || moved.contains(port_of(device.key));
      replace(place->second, device, here, now, actions);
    }
  }
  for (auto place = places_.begin(); place != places_.end();) {
    const bool stays = place->second.usb != usb || found.contains(place->first);
    place = stays ? std::next(place) : remove(place, now, actions);
  }
}

void DeviceTracker::replace(Place& place, const ReaderDevice& device, bool moved, TimePoint now,
                            Actions& actions) {
  const bool same = place.wanted && place.wanted->identity == device.identity;
  place.wanted = device;
  if (!same) place.failures = 0;
  switch (place.state) {
    case State::opening:
    case State::open:
      if (!same) stop(place, /*device_gone=*/true, now, actions);
      break;
    case State::closing:
      break;  // comes when it is closed
    case State::not_mine:
      if (!same) start(place, actions);
      break;
    case State::waiting:
    case State::given_up:
      if (same && !moved) break;
      place.failures = 0;
      start(place, actions);
      break;
  }
}

void DeviceTracker::unplugged(const std::string& place, TimePoint now, Actions& actions) {
  for (auto it = places_.begin(); it != places_.end();) {
    const bool here = it->second.usb && (it->first == place || port_of(it->first) == place);
    it = here ? remove(it, now, actions) : std::next(it);
  }
}

DeviceTracker::Places::iterator DeviceTracker::remove(Places::iterator place, TimePoint now,
                                                      Actions& actions) {
  const auto next = std::next(place);
  place->second.wanted.reset();
  place->second.failures = 0;
  switch (place->second.state) {
    case State::opening:
    case State::open:
      stop(place->second, /*device_gone=*/place->second.usb, now, actions);
      break;
    case State::closing:
      break;
    case State::waiting:
    case State::not_mine:
    case State::given_up:
      places_.erase(place);
  }
  return next;
}

void DeviceTracker::retry_all(Actions& actions) {
  for (auto& [key, place] : places_) {
    if (place.state != State::waiting && place.state != State::given_up &&
        place.state != State::not_mine) {
      continue;
    }
    place.failures = 0;
    start(place, actions);
  }
}

void DeviceTracker::opened(ReaderInstance instance, Outcome outcome, TimePoint now,
                           Actions& actions) {
  const auto found = find(instance);
  const bool expected = found != places_.end() && found->second.state == State::opening;
  if (outcome == Outcome::open) {
    if (expected) {
      found->second.state = State::open;
      found->second.since = now;
      if (found->second.lost) restart(found->second, now, actions);
    } else {
      actions.close.push_back({instance, /*device_gone=*/true});  // came too late
    }
    return;
  }
  if (found == places_.end()) return;
  if (!expected) return go_on(found, now, actions);
  if (outcome == Outcome::not_mine) {
    found->second.state = State::not_mine;
    return;
  }
  ++found->second.failures;
  pause(found->second, now, actions);
}

void DeviceTracker::faulty(ReaderInstance instance, TimePoint now, Actions& actions) {
  const auto found = find(instance);
  if (found == places_.end() || found->second.state != State::open || !found->second.usb) return;
  Place& place = found->second;
  if (now - place.since >= settings_.stable_after) place.failures = 0;
  ++place.failures;
  actions.records.push_back({log::Level::warning,
                             "the reader at " + log::escape(found->first) +
                                 " reports nothing but faults; its driver is started again",
                             {{"DEVICE", found->first}},
                             log::Event::reader_restarted});
  stop(place, /*device_gone=*/false, now, actions);
}

void DeviceTracker::crashed(ReaderInstance instance, TimePoint now, Actions& actions) {
  const auto found = find(instance);
  if (found == places_.end()) return;
  if (found->second.state == State::opening) found->second.lost = true;
  if (found->second.state == State::open) restart(found->second, now, actions);
}

void DeviceTracker::restart(Place& place, TimePoint now, Actions& actions) {
  if (now - place.since >= settings_.stable_after) {
    place.failures = 0;
    place.crashed = false;
  }
  if (std::exchange(place.crashed, true)) ++place.failures;
  stop(place, /*device_gone=*/false, now, actions);
}

void DeviceTracker::closed(ReaderInstance instance, TimePoint now, Actions& actions) {
  const auto found = find(instance);
  if (found != places_.end()) go_on(found, now, actions);
}

std::optional<TimePoint> DeviceTracker::next_deadline() const {
  std::optional<TimePoint> first;
  for (const auto& [key, place] : places_) {
    if (place.state != State::waiting && place.state != State::closing) continue;
    if (!first || place.due < *first) first = place.due;
  }
  return first;
}

void DeviceTracker::expire(TimePoint now, Actions& actions) {
  for (auto place = places_.begin(); place != places_.end();) {
    const auto current = place++;
    if (current->second.due > now) continue;
    if (current->second.state == State::waiting) {
      start(current->second, actions);
    } else if (current->second.state == State::closing) {
      actions.records.push_back({log::Level::warning,
                                 "the driver of the reader at " + log::escape(current->first) +
                                     " does not let go of it; whatever is plugged in there now "
                                     "is opened beside it",
                                 {{"DEVICE", current->first}},
                                 log::Event::reader_not_released});
      go_on(current, now, actions);
    }
  }
}

std::set<std::string> DeviceTracker::open_keys_for_test() const {
  std::set<std::string> keys;
  for (const auto& [key, place] : places_) {
    if (place.state == State::open) keys.insert(key);
  }
  return keys;
}

void DeviceTracker::start(Place& place, Actions& actions) {
  place.state = State::opening;
  place.lost = false;
  place.instance = ++last_instance_;
  actions.open.push_back({place.instance, *place.wanted});
}

void DeviceTracker::stop(Place& place, bool device_gone, TimePoint now, Actions& actions) {
  if (place.state == State::open) actions.close.push_back({place.instance, device_gone});
  place.state = State::closing;
  place.due = now + settings_.close_patience;
}

void DeviceTracker::go_on(Places::iterator place, TimePoint now, Actions& actions) {
  place->second.instance = 0;
  if (!place->second.wanted) {
    places_.erase(place);
  } else if (place->second.failures == 0) {
    start(place->second, actions);
  } else {
    pause(place->second, now, actions);
  }
}

void DeviceTracker::pause(Place& place, TimePoint now, Actions& actions) {
  place.instance = 0;
  const std::string where = "the reader at " + log::escape(place.wanted->key);
  if (place.failures >= settings_.attempts_max) {
    place.state = State::given_up;
    actions.records.push_back({log::Level::error,
                               where + " is left alone after " + std::to_string(place.failures) +
                                   " failures. Unplug and replug it, or run `pcscd --hotplug`",
                               {{"DEVICE", place.wanted->key}},
                               log::Event::reader_given_up});
    return;
  }
  place.state = State::waiting;
  const milliseconds wait = retry_pause(place.failures);
  place.due = now + wait;
  actions.records.push_back({log::Level::info,
                             where + " is tried again in " +
                                 std::to_string(wait / std::chrono::seconds(1)) + " s (failure " +
                                 std::to_string(place.failures) + " of " +
                                 std::to_string(settings_.attempts_max) + ")",
                             {{"DEVICE", place.wanted->key}},
                             log::Event::reader_retry});
}

milliseconds DeviceTracker::retry_pause(unsigned failures) const {
  milliseconds wait = settings_.retry_first;
  for (unsigned i = 1; i < failures && wait < settings_.retry_longest; ++i) wait *= 2;
  return std::min(wait, settings_.retry_longest);
}

DeviceTracker::Places::iterator DeviceTracker::find(ReaderInstance instance) {
  return std::find_if(places_.begin(), places_.end(), [instance](const auto& entry) {
    const Place& place = entry.second;
    return place.instance == instance && place.instance != 0;
  });
}

}  // namespace cardea
