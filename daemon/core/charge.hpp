// Something a user has taken, for as long as it is held: the amount goes back with this object, on
// whatever way that goes, so nothing can be left behind. Guarded by whatever guards its owner.
#pragma once

#include <cstddef>
#include <utility>

#include "daemon/core/user_account.hpp"

namespace cardea::core {

class Charge {
 public:
  Charge() = default;
  /// Nothing yet. `account` is borrowed and outlives the charge.
  Charge(UserAccount& account, Resource resource) : account_(&account), resource_(resource) {}
  ~Charge() { set_less(0); }
  Charge(Charge&& other) noexcept
      : account_(std::exchange(other.account_, nullptr)),
        resource_(other.resource_),
        amount_(std::exchange(other.amount_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    if (this == &other) return *this;
    set_less(0);
    account_ = std::exchange(other.account_, nullptr);
    resource_ = other.resource_;
    amount_ = std::exchange(other.amount_, 0);
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

  /// Makes the amount this. False, and all is as before, if the user may not have so much more.
  [[nodiscard]] bool set(std::size_t amount) {
    if (amount > amount_) {
      if (account_ != nullptr && !account_->take(resource_, amount - amount_)) return false;
      amount_ = amount;
    } else {
      set_less(amount);
    }
    return true;
  }
  /// The same where nobody may be refused.
  void set_anyway(std::size_t amount) {
    if (amount <= amount_) return set_less(amount);
    if (account_ != nullptr) account_->take_anyway(resource_, amount - amount_);
    amount_ = amount;
  }

  [[nodiscard]] std::size_t amount() const { return amount_; }

 private:
  void set_less(std::size_t amount) {
    if (amount_ == amount) return;
    if (account_ != nullptr) account_->give_back(resource_, amount_ - amount);
    amount_ = amount;
  }

  UserAccount* account_ = nullptr;
  Resource resource_ = Resource::connections;
  std::size_t amount_ = 0;
};

}  // namespace cardea::core
