#include "daemon/core/user_accounts.hpp"

#include <algorithm>

namespace cardea::core {

std::shared_ptr<UserAccount> UserAccounts::of(std::uint32_t uid) {
  if (const auto known = accounts_.find(uid); known != accounts_.end()) {
    if (auto account = known->second.lock()) return account;
  }
  std::erase_if(accounts_, [](const auto& entry) { return entry.second.expired(); });
  auto account = std::make_shared<UserAccount>(uid, limits_);
  accounts_[uid] = account;
  return account;
}

std::vector<std::shared_ptr<const UserAccount>> UserAccounts::all() const {
  std::vector<std::shared_ptr<const UserAccount>> alive;
  for (const auto& [uid, held] : accounts_) {
    if (auto account = held.lock()) alive.push_back(std::move(account));
  }
  std::sort(alive.begin(), alive.end(),
            [](const auto& left, const auto& right) { return left->uid < right->uid; });
  return alive;
}

}  // namespace cardea::core
