// The accounts of all users that have connections. Owned by the core, under its lock.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "daemon/core/user_account.hpp"

namespace cardea::core {

class UserAccounts {
 public:
  explicit UserAccounts(const QuotaLimits& limits) : limits_(limits) {}

  /// The account of `uid`, made if need be. It lives as long as somebody has it.
  std::shared_ptr<UserAccount> of(std::uint32_t uid);
  /// Those that are alive, by uid.
  [[nodiscard]] std::vector<std::shared_ptr<const UserAccount>> all() const;

 private:
  const QuotaLimits limits_;
  // Bounded by the connections: what has ended goes when a user comes who is not there.
  std::unordered_map<std::uint32_t, std::weak_ptr<UserAccount>> accounts_;
};

}  // namespace cardea::core
