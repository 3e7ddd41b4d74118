// A value or the IFD_* code the host gets instead. Whoever finds the reason logs it. Pure.
#pragma once

#include <tl/expected.hpp>

#include "ifdhandler.h"

namespace cardea::ccid {

template <typename T>
using IfdResult = tl::expected<T, RESPONSECODE>;

inline tl::unexpected<RESPONSECODE> ifd_failure(RESPONSECODE code) {
  return tl::make_unexpected(code);
}

}  // namespace cardea::ccid
