// JSON that any reader understands, whatever the text is.
#include "libpcsclite/json_object.hpp"

#include <gtest/gtest.h>

namespace cardea {
namespace {

TEST(JsonObject, IsEmptyAtFirst) { EXPECT_EQ(JsonObject().str(), "{}"); }

TEST(JsonObject, HasItsMembersInOrder) {
  JsonObject object;
  object.text("a", "b");
  object.number("n", 18446744073709551615U);
  object.hex("h", 0x3F2A);
  object.raw("r", "null");
  EXPECT_EQ(object.str(), R"({"a":"b","n":18446744073709551615,"h":"0x3F2A","r":null})");
}

TEST(JsonObject, EscapesEveryByteThatIsNotPlain) {
  EXPECT_EQ(json_text("\"\\/"), R"("\"\\/")");
  EXPECT_EQ(json_text("\n\x1B[31m\x7F"), R"("\u000A\u001B[31m\u007F")");
  EXPECT_EQ(json_text("\xC3\xA9\xFF"), R"("\u00C3\u00A9\u00FF")");
  EXPECT_EQ(json_text(std::string_view("a\0b", 3)), R"("a\u0000b")");
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (const char out : json_text({&c, 1})) {
      EXPECT_TRUE(out >= 0x20 && out < 0x7F) << byte;
    }
  }
}

}  // namespace
}  // namespace cardea
