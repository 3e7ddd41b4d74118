#include "libpcsclite/status_change.hpp"

#include <pcsclite.h>

#include <algorithm>

namespace cardea {
namespace {

constexpr std::uint32_t kCounterMask = 0xFFFF;

constexpr std::uint32_t high_word(std::uint32_t state) { return state >> 16; }

bool counter_differs(std::uint32_t current, std::uint32_t counter) {
  return high_word(current) != 0 && high_word(current) != counter;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Collects the bits of one evaluation. `current_has` names what makes it a change.
class Evaluation {
 public:
  explicit Evaluation(std::uint32_t current) : current_(current) {}

  void report(std::uint32_t bits) { result_.event_state |= bits; }
  void replace_by(std::uint32_t bits) { result_.event_state = bits; }
  void change_if(bool condition) { result_.changed = result_.changed || condition; }
  [[nodiscard]] bool current_has(std::uint32_t bits) const { return (current_ & bits) != 0; }
  void tell_atr() { result_.tells_atr = true; }

  [[nodiscard]] StateEvaluation finish() {
    if (result_.changed) report(SCARD_STATE_CHANGED);
    return result_;
  }

 private:
  const std::uint32_t current_;
  StateEvaluation result_;
};

void evaluate_card(Evaluation& out, std::uint32_t state) {
  if ((state & wire::kStateAbsent) != 0) {
    out.report(SCARD_STATE_EMPTY);
    out.tell_atr();
    out.change_if(out.current_has(SCARD_STATE_PRESENT));
  } else if ((state & wire::kStatePresent) != 0) {
    const bool mute = (state & wire::kStateSwallowed) != 0;
    out.report(SCARD_STATE_PRESENT);
    if (mute) out.report(SCARD_STATE_MUTE);
    out.tell_atr();
    out.change_if(out.current_has(SCARD_STATE_EMPTY));
    out.change_if(out.current_has(SCARD_STATE_MUTE) != mute);
  } else if ((state & wire::kStateUnknown) == 0) {
    out.tell_atr();  // a slot without reader, which an empty name finds
  }
}

void evaluate_sharing(Evaluation& out, const wire::ReaderState& row) {
  // Becoming used or exclusive is no change, ceasing to be so is.
  if (row.sharing < 0) {
    out.report(SCARD_STATE_EXCLUSIVE);
    out.change_if(out.current_has(SCARD_STATE_INUSE));
  } else if (row.sharing > 0) {
    if ((row.state & wire::kStatePresent) == 0) return;
    out.report(SCARD_STATE_INUSE);
    out.change_if(out.current_has(SCARD_STATE_EXCLUSIVE));
  } else {
    out.change_if(out.current_has(SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE));
  }
}

}  // namespace

StateEvaluation evaluate_reader(std::uint32_t current, const wire::ReaderState* row) {
  Evaluation out(current);
  if (row == nullptr) {
    out.report(SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE);
    out.change_if(!out.current_has(SCARD_STATE_UNKNOWN));
    return out.finish();
  }
  const std::uint32_t counter = row->event_counter & kCounterMask;
  out.report(counter << 16);
  out.change_if(counter_differs(current, counter));
  out.change_if(always_changed(current));
  if ((row->state & wire::kStateUnknown) != 0) {
    out.replace_by(SCARD_STATE_UNAVAILABLE);
    out.change_if(!out.current_has(SCARD_STATE_UNAVAILABLE));
  } else {
    out.change_if(out.current_has(SCARD_STATE_UNAVAILABLE));
  }
  evaluate_card(out, row->state);
  evaluate_sharing(out, *row);
  return out.finish();
}

StateEvaluation evaluate_pnp(std::uint32_t current, std::uint32_t events, bool readers_differ) {
  Evaluation out(current);
  const std::uint32_t counter = events & kCounterMask;
  out.report(counter << 16);
  out.change_if(readers_differ);
  out.change_if(counter != 0 && counter_differs(current, counter));
  return out.finish();
}

bool is_pnp_name(std::string_view name) {
  constexpr std::string_view kName = "\\\\?pnp?\\notification";
  return std::ranges::equal(name, kName, {}, lower);
}

bool always_changed(std::uint32_t current) {
  return current == SCARD_STATE_UNAWARE || (current & SCARD_STATE_UNKNOWN) != 0;
}

}  // namespace cardea
