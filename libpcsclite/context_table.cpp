#include "libpcsclite/context_table.hpp"

#include <limits>

namespace cardea {
namespace {

/// Numbers are positive and have 31 bits, as the daemon's do: programs keep them in an int. They
/// may only be taken if an earlier daemon gave them.
template <typename Number, typename Value>
Number free_number(const std::map<Number, Value>& taken, Number preferred) {
  constexpr Number kMax = std::numeric_limits<std::int32_t>::max();
  Number number = preferred;
  while (taken.contains(number)) number = number < kMax ? number + 1 : 1;
  return number;
}

}  // namespace

ContextTable::ContextPointer ContextTable::add(SCARDCONTEXT preferred, std::uint32_t scope) {
  MutexLock guard(mutex_);
  const SCARDCONTEXT number = free_number(tables_->contexts, preferred);
  return tables_->contexts.emplace(number, std::make_shared<ClientContext>(number, scope))
      .first->second;
}

ContextTable::ContextPointer ContextTable::find(SCARDCONTEXT number) const {
  MutexLock guard(mutex_);
  const auto found = tables_->contexts.find(number);
  return found == tables_->contexts.end() ? nullptr : found->second;
}

ContextTable::ContextPointer ContextTable::take(SCARDCONTEXT number) {
  MutexLock guard(mutex_);
  const auto found = tables_->contexts.find(number);
  if (found == tables_->contexts.end()) return nullptr;
  ContextPointer context = std::move(found->second);
  tables_->contexts.erase(found);
  std::erase_if(tables_->cards,
                [&context](const auto& entry) { return entry.second.context == context; });
  return context;
}

SCARDHANDLE ContextTable::add_card(CardEntry entry) {
  MutexLock guard(mutex_);
  const SCARDHANDLE card = free_number(tables_->cards, SCARDHANDLE{entry.daemon_handle});
  tables_->cards.emplace(card, std::move(entry));
  return card;
}

std::optional<CardEntry> ContextTable::find_card(SCARDHANDLE card) const {
  MutexLock guard(mutex_);
  const auto found = tables_->cards.find(card);
  if (found == tables_->cards.end()) return std::nullopt;
  return found->second;
}

void ContextTable::replace_card(SCARDHANDLE card, CardEntry entry) {
  MutexLock guard(mutex_);
  const auto found = tables_->cards.find(card);
  if (found != tables_->cards.end()) found->second = std::move(entry);
}

void ContextTable::remove_card(SCARDHANDLE card) {
  MutexLock guard(mutex_);
  tables_->cards.erase(card);
}

void ContextTable::after_fork_in_child() {
  // Other threads' locks inside the contexts may be held for ever here, so nothing is destroyed.
  Tables* const inherited = tables_.release();
  tables_ = std::make_unique<Tables>();
  for (const auto& [number, context] : inherited->contexts) {
    context->abandon_in_child();
    tables_->contexts.emplace(number, std::make_shared<ClientContext>(number, context->scope()));
  }
  for (const auto& [card, entry] : inherited->cards) {
    const auto context = tables_->contexts.find(entry.context->number());
    if (context == tables_->contexts.end()) continue;
    tables_->cards.emplace(card, CardEntry{context->second, entry.reader, 0, 0});
  }
  mutex_.unlock();
}

}  // namespace cardea
