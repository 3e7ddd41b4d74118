// Identities that never repeat while the daemon lives. A stored id of something that is gone
// finds nothing; it can never find its successor. Value types, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace cardea::core {

template <typename Tag>
struct Id {
  std::uint64_t value = 0;  ///< 0: nobody

  friend bool operator==(const Id&, const Id&) = default;
  friend bool operator<(const Id& a, const Id& b) { return a.value < b.value; }
  explicit operator bool() const { return value != 0; }
};

using ConnId = Id<struct ConnTag>;      ///< one client connection
using ReaderId = Id<struct ReaderTag>;  ///< one reader slot, from start to removal
using DomainId = Id<struct DomainTag>;  ///< readers whose driver calls must not overlap
using CallId = Id<struct CallTag>;      ///< one request that could not be answered at once
using GuestId = Id<struct GuestTag>;    ///< one visit to a domain to open a further reader

/// 31-bit numbers of the wire, positive, unique over all connections (0: none).
using ContextHandle = std::uint32_t;
using CardHandle = std::uint32_t;

}  // namespace cardea::core

template <typename Tag>
struct std::hash<cardea::core::Id<Tag>> {
  std::size_t operator()(const cardea::core::Id<Tag>& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
