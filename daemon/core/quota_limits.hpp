// How much of the daemon one user's programs may take together, so that what one user does never
// costs another one his cards. Values only.
//
// The user is the effective uid that the kernel saw at connect() (SO_PEERCRED). Two users have no
// limits: root and the user the daemon runs as. Either could end the daemon or read its memory, so
// a quota would protect nobody from them; and services that work for many people often are root.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cardea::core {

enum class Resource {
  connections,     ///< each has one context at most, so this is the limit of contexts as well
  turned_away,     ///< connections beyond that, kept only to answer them
  handles,         ///< card handles on all readers
  reader_handles,  ///< card handles on one reader: a limit only, counted by the reader
  calls,           ///< requests without an answer: in a line, at a driver, before a decision
  bytes,           ///< kept for clients: requests in pieces, payloads, answers nobody reads
};
inline constexpr std::size_t kResources = 6;

/// The name of a resource in texts ("connections") and the option that changes its limit.
const char* to_string(Resource resource);
const char* option_of(Resource resource);

struct QuotaLimits {
  /// Half of what --max-thread allows all together. Even one service uid that connects for a whole
  /// terminal server stays far below it.
  std::size_t connections = 5'000;
  /// Few: each costs a descriptor, and is there just to carry one answer. Programs that come
  /// while so many have not taken theirs find their connection closed.
  std::size_t turned_away = 4;
  /// Two for each of those connections.
  std::size_t handles = 10'000;
  /// Half of Settings::handles_per_reader_max, which is what pcsc-lite allows all together.
  std::size_t reader_handles = 200;
  /// Five times the clients that pcsc-lite serves at all. Every decision about a reader looks at
  /// its whole line, and this keeps that in the microseconds.
  std::size_t calls = 1'000;
  /// Room for the longest command (64 KiB) in each of those calls.
  std::size_t bytes = 64 * 1024 * 1024;
  /// The user the daemon runs as.
  std::uint32_t own_uid = 0;

  [[nodiscard]] std::size_t of(Resource resource) const;
  [[nodiscard]] bool is_exempt(std::uint32_t uid) const { return uid == 0 || uid == own_uid; }
};

}  // namespace cardea::core
