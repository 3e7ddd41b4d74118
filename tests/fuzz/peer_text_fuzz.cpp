// Whatever text comes from a program, a device or a driver: in logs and traces it becomes one line
// of printable ASCII, valid JSON where JSON is promised, and without the bytes that a driver dumps.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "daemon/control/control_json.hpp"
#include "drivers/driver_text.hpp"
#include "libpcsclite/json_object.hpp"
#include "libpcsclite/trace_view.hpp"
#include "tests/fuzz/input.hpp"

namespace {

using Json = nlohmann::json;

constexpr std::size_t kEscapedBytesMax = 256 * 4 + 16;

void expect_line(std::string_view text) {
  CARDEA_ASSERT(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

void expect_json(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  expect_line(text);
  CARDEA_ASSERT(!Json::parse(text, nullptr, /*allow_exceptions=*/false).is_discarded());
}

void check_trace(std::string_view text) {
  const auto bytes = std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size());
  cardea::TraceView view(/*show_pins=*/false);
  view.learn_features(bytes);
  cardea::JsonObject object;
  cardea::TraceView::data(object, "data", text.data(), text.size());
  const bool masked = view.command(object, "command", text.data(), text.size());
  (void)view.control(object, 0x42330006, text.data(), text.size());  // the result is in the text
  cardea::TraceView::answer(object, "answer", text.data(), text.size(), masked);
  object.text("text", text);
  object.number("number", text.size());
  expect_json(object.str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input(data, size);
  const std::string text(cardea::fuzz::Input::text(input.rest()));
  const std::string escaped = cardea::log::escape(text);
  expect_line(escaped);
  CARDEA_ASSERT(escaped.size() <= kEscapedBytesMax);
  cardea::log::Record record{cardea::log::Level::info, text, {{"FIELD", text}}};
  record = cardea::log::one_line(std::move(record));
  expect_line(record.text);
  expect_line(record.fields.front().second);

  expect_json(cardea::json_text(text));
  const Json back = Json::parse(cardea::json_text(text), nullptr, /*allow_exceptions=*/false);
  CARDEA_ASSERT(back.is_string());
  check_trace(text);
  expect_json(cardea::error_json("bad-request", text));

  const std::string shown = cardea::without_dumps(text);
  CARDEA_ASSERT(cardea::without_dumps(shown) == shown);
  return 0;
}
