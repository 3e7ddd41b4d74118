#include "libpcsclite/trace_view.hpp"

#include <reader.h>

#include "libpcsclite/trace_names.hpp"

namespace cardea {
namespace {

constexpr std::size_t kStatusBytes = 2;        // SW1 SW2
constexpr std::size_t kFeatureEntryBytes = 6;  // PCSC_TLV_STRUCTURE

void masked(JsonObject& object, std::string_view name, LPCVOID data, DWORD length,
            SecretRange secret) {
  if (data == nullptr) return object.raw(name, "null");
  const TraceView::Bytes bytes(static_cast<const unsigned char*>(data), length);
  JsonObject inner;
  inner.number("length", length);
  inner.text("hex", masked_hex(bytes, secret, kTraceBytesMax));
  object.raw(name, inner.str());
}

TraceView::Bytes bytes_of(LPCVOID data, DWORD length) {
  if (data == nullptr) return {};
  return {static_cast<const unsigned char*>(data), length};
}

}  // namespace

void TraceView::data(JsonObject& object, std::string_view name, LPCVOID data, DWORD length) {
  masked(object, name, data, length, {});
}

bool TraceView::command(JsonObject& object, std::string_view name, LPCVOID data,
                        DWORD length) const {
  const SecretRange secret = shown(secret_of_apdu(bytes_of(data, length)));
  masked(object, name, data, length, secret);
  return !secret.empty();
}

void TraceView::answer(JsonObject& object, std::string_view name, LPCVOID data, DWORD length,
                       bool command_masked) {
  const std::size_t status_at = length > kStatusBytes ? length - kStatusBytes : 0;
  masked(object, name, data, length, command_masked ? SecretRange{0, status_at} : SecretRange{});
}

bool TraceView::control(JsonObject& object, DWORD code, LPCVOID data, DWORD length) const {
  const std::uint8_t feature = feature_of(static_cast<std::uint32_t>(code));
  object.hex("code", code);
  if (code == CM_IOCTL_GET_FEATURE_REQUEST) object.text("name", "CM_IOCTL_GET_FEATURE_REQUEST");
  if (const std::string name = feature_name(feature); !name.empty()) object.text("name", name);
  const SecretRange secret = shown(secret_of_control(feature, bytes_of(data, length)));
  masked(object, "send", data, length, secret);
  return !secret.empty();
}

void TraceView::learn_features(Bytes answer) {
  for (; answer.size() >= kFeatureEntryBytes; answer = answer.subspan(kFeatureEntryBytes)) {
    if (answer[1] != 4 || answer[0] == 0) return;
    std::uint64_t entry = 0;
    for (std::size_t i = 2; i < kFeatureEntryBytes; ++i) entry = (entry << 8) | answer[i];
    entry = (entry << 8) | answer[0];
    for (std::atomic<std::uint64_t>& place : features_) {
      std::uint64_t unused = 0;
      if (place.compare_exchange_strong(unused, entry) || unused == entry) break;
    }
  }
}

std::uint8_t TraceView::feature_of(std::uint32_t code) const {
  for (const std::atomic<std::uint64_t>& place : features_) {
    const std::uint64_t entry = place.load();
    if (entry == 0) return 0;
    if ((entry >> 8) == code) return static_cast<std::uint8_t>(entry & 0xFF);
  }
  return 0;
}

SecretRange TraceView::shown(SecretRange secret) const {
  return show_pins_ ? SecretRange{} : secret;
}

}  // namespace cardea
