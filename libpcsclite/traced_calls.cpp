#include "libpcsclite/traced_calls.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "libpcsclite/trace_names.hpp"

namespace cardea {
namespace {

/// ["one","two"] of "one\0two\0\0".
std::string json_list(TraceView::Bytes multi_string) {
  std::string_view text(reinterpret_cast<const char*>(multi_string.data()),
                        std::min(multi_string.size(), kTraceTextMax));
  std::string list = "[";
  while (!text.empty() && text.front() != '\0') {
    const std::string_view one = text.substr(0, text.find('\0'));
    if (list.size() > 1) list += ',';
    list += json_text(one);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return list + ']';
}

/// `show(object, entry)` for each entry, as far as they are shown.
template <typename Show>
std::string entry_list(std::span<const SCARD_READERSTATE> entries, Show show) {
  std::string list = "[";
  for (const SCARD_READERSTATE& entry : entries.first(std::min(entries.size(), kTraceReadersMax))) {
    JsonObject object;
    show_c_string(object, "reader", entry.szReader);
    show(object, entry);
    if (list.size() > 1) list += ',';
    list += object.str();
  }
  return list + ']';
}

}  // namespace

void show_c_string(JsonObject& object, std::string_view name, LPCSTR text) {
  if (text == nullptr) return object.raw(name, "null");
  object.text(name, {text, ::strnlen(text, kTraceTextMax)});
}

void OutBuffer::show_room(JsonObject& object, std::string_view name) const {
  if (buffer_ == nullptr || length_ == nullptr) return object.raw(name, "null");
  if (room_ == SCARD_AUTOALLOCATE) return object.text(name, "AUTOALLOCATE");
  object.number(name, room_);
}

void OutBuffer::show_length(JsonObject& object, std::string_view name, LONG rv) const {
  const bool told = rv == SCARD_S_SUCCESS || rv == SCARD_E_INSUFFICIENT_BUFFER;
  if (told && length_ != nullptr) object.number(name, *length_);
}

bool OutBuffer::written(LONG rv) const {
  return rv == SCARD_S_SUCCESS && buffer_ != nullptr && length_ != nullptr;
}

TraceView::Bytes OutBuffer::bytes() const {
  if (room_ != SCARD_AUTOALLOCATE) {
    return {static_cast<const unsigned char*>(buffer_), std::min(room_, *length_)};
  }
  const unsigned char* block = nullptr;
  std::memcpy(&block, buffer_, sizeof block);
  return {block, block != nullptr ? *length_ : 0};
}

void EstablishContextCall::in(JsonObject& object, TraceView&) const {
  object.text("scope", scope_name(scope_));
}

void EstablishContextCall::out(JsonObject& object, TraceView&, LONG rv) const {
  if (rv != SCARD_S_SUCCESS || context_ == nullptr) return;
  object.hex("context", static_cast<std::uint64_t>(*context_));
}

void ContextCall::in(JsonObject& object, TraceView&) const {
  object.hex("context", static_cast<std::uint64_t>(context_));
}

void ListReaderGroupsCall::in(JsonObject& object, TraceView& view) const {
  ContextCall::in(object, view);
  buffer_.show_room(object, "room");
}

void ListReaderGroupsCall::out(JsonObject& object, TraceView&, LONG rv) const {
  buffer_.show_length(object, "length", rv);
  if (buffer_.written(rv)) object.raw("groups", json_list(buffer_.bytes()));
}

void ListReadersCall::in(JsonObject& object, TraceView& view) const {
  ContextCall::in(object, view);
  buffer_.show_room(object, "room");
}

void ListReadersCall::out(JsonObject& object, TraceView&, LONG rv) const {
  buffer_.show_length(object, "length", rv);
  if (buffer_.written(rv)) object.raw("readers", json_list(buffer_.bytes()));
}

void GetStatusChangeCall::in(JsonObject& object, TraceView& view) const {
  ContextCall::in(object, view);
  object.text("timeout", timeout_name(timeout_ms_));
  object.number("count", count_);
  if (states_ == nullptr) return object.raw("readers", "null");
  object.raw("readers",
             entry_list({states_, count_}, [](JsonObject& one, const SCARD_READERSTATE& entry) {
               one.text("state", reader_state_names(entry.dwCurrentState));
             }));
}

void GetStatusChangeCall::out(JsonObject& object, TraceView&, LONG rv) const {
  if (states_ == nullptr || (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)) return;
  object.raw("readers",
             entry_list({states_, count_}, [](JsonObject& one, const SCARD_READERSTATE& entry) {
               // The call leaves entries to be ignored as they were.
               if ((entry.dwCurrentState & SCARD_STATE_IGNORE) != 0) return;
               one.text("state", reader_state_names(entry.dwEventState));
               const DWORD length = std::min<DWORD>(entry.cbAtr, sizeof entry.rgbAtr);
               if (length > 0) TraceView::data(one, "atr", entry.rgbAtr, length);
             }));
}

}  // namespace cardea
