#include "libpcsclite/error_text.hpp"

#include <gtest/gtest.h>
#include <winscard.h>

#include <string>
#include <thread>

namespace cardea {
namespace {

std::string text_of(LONG code) {
  char text[kErrorTextBytes];
  write_error_text(code, text);
  return text;
}

TEST(ErrorText, IsWhatApplicationsKnow) {
  EXPECT_EQ(text_of(SCARD_S_SUCCESS), "Command successful.");
  EXPECT_EQ(text_of(SCARD_E_NO_SERVICE), "Service not available.");
  EXPECT_EQ(text_of(SCARD_E_UNEXPECTED), "Feature not supported.");
  EXPECT_EQ(text_of(SCARD_E_NO_READERS_AVAILABLE), "Cannot find a smart card reader.");
  EXPECT_EQ(text_of(SCARD_W_SECURITY_VIOLATION), "Access denied.");
}

TEST(ErrorText, CoversThirtyEightCodes) {
  int known = 0;
  for (LONG code = 0x80100001; code <= 0x8010007F; ++code) {
    if (text_of(code).rfind("Unknown error: 0x", 0) != 0) ++known;
  }
  EXPECT_EQ(known, 37);  // and success
}

TEST(ErrorText, PrintsOtherCodesAsNumbers) {
  EXPECT_EQ(text_of(SCARD_P_SHUTDOWN), "Unknown error: 0x80100018");
  EXPECT_EQ(text_of(SCARD_W_WRONG_CHV), "Unknown error: 0x8010006B");
  EXPECT_EQ(text_of(1), "Unknown error: 0x00000001");
}

TEST(ErrorText, DoesNotKnowSignExtendedCodes) {
  EXPECT_EQ(text_of(static_cast<int>(0x80100009)), "Unknown error: 0xFFFFFFFF80100009");
}

TEST(ErrorText, BelongsToTheThreadThatAsked) {
  const char* const mine = pcsc_stringify_error(SCARD_E_TIMEOUT);
  std::thread([] { (void)pcsc_stringify_error(SCARD_E_CANCELLED); }).join();
  EXPECT_STREQ(mine, "Command timeout.");
  EXPECT_EQ(pcsc_stringify_error(SCARD_E_CANCELLED), mine);
}

}  // namespace
}  // namespace cardea
