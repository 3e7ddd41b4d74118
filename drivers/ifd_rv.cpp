#include "drivers/ifd_rv.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace cardea {
namespace {

constexpr std::array<std::pair<long, const char*>, 18> kNames{{
    {0, "IFD_SUCCESS"},
    {600, "IFD_ERROR_TAG"},
    {601, "IFD_ERROR_SET_FAILURE"},
    {602, "IFD_ERROR_VALUE_READ_ONLY"},
    {605, "IFD_ERROR_PTS_FAILURE"},
    {606, "IFD_ERROR_NOT_SUPPORTED"},
    {607, "IFD_PROTOCOL_NOT_SUPPORTED"},
    {608, "IFD_ERROR_POWER_ACTION"},
    {609, "IFD_ERROR_SWALLOW"},
    {610, "IFD_ERROR_EJECT"},
    {611, "IFD_ERROR_CONFISCATE"},
    {612, "IFD_COMMUNICATION_ERROR"},
    {613, "IFD_RESPONSE_TIMEOUT"},
    {614, "IFD_NOT_SUPPORTED"},
    {615, "IFD_ICC_PRESENT"},
    {616, "IFD_ICC_NOT_PRESENT"},
    {617, "IFD_NO_SUCH_DEVICE"},
    {618, "IFD_ERROR_INSUFFICIENT_BUFFER"},
}};

}  // namespace

std::string to_string(IfdRv rv) {
  const auto value = static_cast<long>(rv);
  const auto* const found = std::find_if(kNames.begin(), kNames.end(),
                                         [value](const auto& name) { return name.first == value; });
  if (found != kNames.end()) return found->second;
  return "IFD result " + std::to_string(value);
}

}  // namespace cardea
