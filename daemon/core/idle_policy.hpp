// What happens to a transaction that is held without being used. Value type.
#pragma once

namespace cardea::core {

enum class IdlePolicy {
  report,  ///< it is logged
  reset,   ///< and if somebody waits, the card is reset and handed over
};

}  // namespace cardea::core
