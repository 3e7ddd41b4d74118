#include "libpcsclite/context_table.hpp"

namespace cardea {

bool ContextTable::add(const ContextPointer& context) {
  MutexLock guard(mutex_);
  return tables_->contexts.try_emplace(SCARDCONTEXT{context->number()}, context).second;
}

bool ContextTable::has(std::uint32_t number) const {
  MutexLock guard(mutex_);
  return tables_->contexts.contains(SCARDCONTEXT{number});
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

void ContextTable::add_card(SCARDHANDLE card, const ContextPointer& context, std::string reader) {
  MutexLock guard(mutex_);
  tables_->cards.insert_or_assign(card, Card{context, std::move(reader)});
}

ContextTable::ContextPointer ContextTable::find_card(SCARDHANDLE card) const {
  MutexLock guard(mutex_);
  const auto found = tables_->cards.find(card);
  return found == tables_->cards.end() ? nullptr : found->second.context;
}

std::string ContextTable::reader_of(SCARDHANDLE card, const ClientContext& context) const {
  MutexLock guard(mutex_);
  const auto found = tables_->cards.find(card);
  if (found == tables_->cards.end() || found->second.context.get() != &context) return {};
  return found->second.reader;
}

void ContextTable::remove_card(SCARDHANDLE card, const ClientContext& context) {
  MutexLock guard(mutex_);
  const auto found = tables_->cards.find(card);
  if (found != tables_->cards.end() && found->second.context.get() == &context) {
    tables_->cards.erase(found);
  }
}

void ContextTable::after_fork_in_child() {
  // Other threads' locks inside the contexts may be held for ever here, so nothing is destroyed.
  Tables* const inherited = tables_.release();
  for (const auto& entry : inherited->contexts) entry.second->abandon_in_child();
  tables_ = std::make_unique<Tables>();
  mutex_.unlock();
}

}  // namespace cardea
