// libifdccid.so as a host loads it, without a reader.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "ifdhandler.h"

namespace cardea::ccid {
namespace {

TEST(CcidLibrary, LoadsInAHostThatExportsNoLogAndIsReallyUnloaded) {
  void* const library = ::dlopen(CARDEA_TEST_IFDCCID, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << ::dlerror();
  const auto create = reinterpret_cast<decltype(&IFDHCreateChannelByName)>(
      ::dlsym(library, "IFDHCreateChannelByName"));
  ASSERT_NE(create, nullptr);
  std::string name = "not a name";
  EXPECT_EQ(create(0, name.data()), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(::dlclose(library), 0);
  EXPECT_EQ(::dlopen(CARDEA_TEST_IFDCCID, RTLD_NOW | RTLD_NOLOAD), nullptr);
}

}  // namespace
}  // namespace cardea::ccid
