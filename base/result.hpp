// Result<T>: a value, or an Error that says which PC/SC code fits and why.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/scard_rv.hpp"

namespace cardea {

struct Error {
  ScardRv rv = ScardRv::internal_error;
  std::string context;  ///< what was tried and what went wrong, for the log; may be empty
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(ScardRv rv, std::string context = {}) {
  return tl::make_unexpected(Error{rv, std::move(context)});
}

}  // namespace cardea
