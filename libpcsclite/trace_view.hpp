// How a trace shows data: hexadecimal with its whole length, cut at a limit, PINs masked. Knows
// which control codes are for secure PIN entry, from the answers to GET_FEATURE_REQUEST that pass
// by. Thread-safe and without locks.
#pragma once

#include <winscard.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/apdu_mask.hpp"
#include "libpcsclite/json_object.hpp"

namespace cardea {

/// Of longer data and texts the beginning is shown.
inline constexpr std::size_t kTraceBytesMax = 512;
inline constexpr std::size_t kTraceTextMax = 2048;
/// Of longer lists of SCardGetStatusChange the first entries are shown.
inline constexpr std::size_t kTraceReadersMax = 16;

class TraceView {
 public:
  using Bytes = std::span<const unsigned char>;

  explicit TraceView(bool show_pins) : show_pins_(show_pins) {}

  /// {"length":2,"hex":"90 00"}; null for a null pointer.
  static void data(JsonObject& object, std::string_view name, LPCVOID data, DWORD length);
  /// A command APDU. True if a part of it is masked.
  bool command(JsonObject& object, std::string_view name, LPCVOID data, DWORD length) const;
  /// The code of SCardControl, its feature if it has one, and what is sent with it. True if a part
  /// of that is masked.
  bool control(JsonObject& object, DWORD code, LPCVOID data, DWORD length) const;
  /// What came back. Of the answer to a masked command only the status word is shown: some echo.
  static void answer(JsonObject& object, std::string_view name, LPCVOID data, DWORD length,
                     bool command_masked);

  /// From the answer to CM_IOCTL_GET_FEATURE_REQUEST: tag, 4, code (big endian), and so on.
  void learn_features(Bytes answer);

 private:
  /// More codes than all tags of part 10 for some drivers. Those beyond are judged by their form.
  static constexpr std::size_t kFeatureCodesMax = 64;

  [[nodiscard]] std::uint8_t feature_of(std::uint32_t code) const;
  [[nodiscard]] SecretRange shown(SecretRange secret) const;

  const bool show_pins_;
  /// code << 8 | tag; 0 is unused.
  std::array<std::atomic<std::uint64_t>, kFeatureCodesMax> features_{};
};

}  // namespace cardea
