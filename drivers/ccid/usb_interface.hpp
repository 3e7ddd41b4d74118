// What the driver keeps of a reader's USB descriptors. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/ccid/ccid_descriptor.hpp"

namespace cardea::ccid {

struct UsbInterface {
  std::uint16_t vendor_id = 0;
  std::uint16_t product_id = 0;
  std::uint16_t device_bcd = 0;  ///< the maker's version
  std::string manufacturer;      ///< empty: none
  std::string serial;            ///< empty: none
  CcidDescriptor descriptor;
  std::vector<std::uint32_t> rates_bps;  ///< what the reader can do; empty: anything up to its max
};

}  // namespace cardea::ccid
