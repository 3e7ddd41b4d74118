// What the programs of one user have taken. Charges (charge.hpp) add and give back; who is refused
// is decided here. The counters are atomic: the core charges under its lock, connections under
// theirs. Shared by all connections of the user; gone with the last of them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "daemon/core/quota_limits.hpp"

namespace cardea::core {

class UserAccount {
 public:
  UserAccount(std::uint32_t uid, const QuotaLimits& limits);
  UserAccount(const UserAccount&) = delete;
  UserAccount& operator=(const UserAccount&) = delete;

  const std::uint32_t uid;

  /// Any thread. False, and nothing is taken, if that would exceed the limit.
  [[nodiscard]] bool take(Resource resource, std::size_t amount);
  /// Takes it beyond the limit if need be: for requests that give something back.
  void take_anyway(Resource resource, std::size_t amount);
  void give_back(Resource resource, std::size_t amount);

  [[nodiscard]] std::size_t used(Resource resource) const { return entry(resource).used; }
  /// The greatest number there is for users without limits.
  [[nodiscard]] std::size_t limit(Resource resource) const { return entry(resource).limit; }

  /// True if a refusal is to be reported: once, until clearly less than the limit is in use again.
  [[nodiscard]] bool should_report(Resource resource) {
    return !entry(resource).reported.exchange(true);
  }

 private:
  /// A report is due again when less than the limit minus this part of it is in use. So programs
  /// that come and go at the limit are reported once.
  static constexpr std::size_t kRearmPart = 8;

  struct Entry {
    std::atomic<std::size_t> used{0};
    std::size_t limit = 0;
    std::atomic<bool> reported{false};
  };

  [[nodiscard]] Entry& entry(Resource resource) {
    return entries_.at(static_cast<std::size_t>(resource));
  }
  [[nodiscard]] const Entry& entry(Resource resource) const {
    return entries_.at(static_cast<std::size_t>(resource));
  }
  static void rearm(Entry& entry, std::size_t used);

  std::array<Entry, kResources> entries_;
};

}  // namespace cardea::core
