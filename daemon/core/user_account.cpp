#include "daemon/core/user_account.hpp"

#include <limits>

#include "base/assert.hpp"

namespace cardea::core {
namespace {

struct ResourceName {
  const char* text;
  const char* option;
};

constexpr std::array<ResourceName, kResources> kNames{{
    {"connections", "--max-clients-per-user"},
    {"connections", "--max-clients-per-user"},
    {"card handles", "--max-card-handle-per-user"},
    {"card handles on one reader", "--max-card-handle-per-reader"},
    {"unanswered requests", "--max-waiting-per-user"},
    {"bytes of memory", "--max-memory-per-user"},
}};

}  // namespace

const char* to_string(Resource resource) {
  return kNames.at(static_cast<std::size_t>(resource)).text;
}

const char* option_of(Resource resource) {
  return kNames.at(static_cast<std::size_t>(resource)).option;
}

std::size_t QuotaLimits::of(Resource resource) const {
  switch (resource) {
    case Resource::connections:
      return connections;
    case Resource::turned_away:
      return turned_away;
    case Resource::handles:
      return handles;
    case Resource::reader_handles:
      return reader_handles;
    case Resource::calls:
      return calls;
    case Resource::bytes:
      return bytes;
  }
  return 0;
}

UserAccount::UserAccount(std::uint32_t user, const QuotaLimits& limits) : uid(user) {
  for (std::size_t place = 0; place < kResources; ++place) {
    entries_.at(place).limit = limits.is_exempt(user) ? std::numeric_limits<std::size_t>::max()
                                                      : limits.of(static_cast<Resource>(place));
  }
}

bool UserAccount::take(Resource resource, std::size_t amount) {
  Entry& taken = entry(resource);
  std::size_t used = taken.used;
  do {
    if (used > taken.limit || amount > taken.limit - used) return false;
  } while (!taken.used.compare_exchange_weak(used, used + amount));
  return true;
}

void UserAccount::take_anyway(Resource resource, std::size_t amount) {
  entry(resource).used += amount;
}

void UserAccount::give_back(Resource resource, std::size_t amount) {
  Entry& given = entry(resource);
  const std::size_t before = given.used.fetch_sub(amount);
  CARDEA_ASSERT(before >= amount);
  rearm(given, before - amount);
  // Handles on one reader are some of these.
  if (resource == Resource::handles) rearm(entry(Resource::reader_handles), before - amount);
}

void UserAccount::rearm(Entry& entry, std::size_t used) {
  if (entry.reported && used < entry.limit - entry.limit / kRearmPart) entry.reported = false;
}

}  // namespace cardea::core
