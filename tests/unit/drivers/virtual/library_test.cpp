// libifdvirtual.so as a host loads it.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ifdhandler.h"

namespace cardea::virtual_reader {
namespace {

constexpr const char* kPath = CARDEA_TEST_IFDVIRTUAL;

class Library {
 public:
  Library() : handle_(::dlopen(kPath, RTLD_NOW | RTLD_LOCAL)) {
    EXPECT_NE(handle_, nullptr) << ::dlerror();
  }
  ~Library() { EXPECT_EQ(::dlclose(handle_), 0); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  template <typename Function>
  Function* find(Function* /*same_signature*/, const char* name) const {
    void* const symbol = ::dlsym(handle_, name);
    EXPECT_NE(symbol, nullptr) << name;
    return reinterpret_cast<Function*>(symbol);
  }

 private:
  void* const handle_;
};

#define FIND(library, name) (library).find(&name, #name)

TEST(VirtualReaderLibrary, WorksInAHostThatExportsNoLog) {
  const Library library;
  std::string bad_name = "virtual:slots=0";
  EXPECT_EQ(FIND(library, IFDHCreateChannelByName)(0, bad_name.data()), IFD_COMMUNICATION_ERROR);
  std::string name = "virtual:vpcd=0";
  EXPECT_EQ(FIND(library, IFDHCreateChannelByName)(0, name.data()), IFD_SUCCESS);
  EXPECT_EQ(FIND(library, IFDHICCPresence)(0), IFD_ICC_NOT_PRESENT);
  // The test's own copy of the driver is another one.
  EXPECT_EQ(IFDHICCPresence(0), IFD_COMMUNICATION_ERROR);
  EXPECT_EQ(FIND(library, IFDHCloseChannel)(0), IFD_SUCCESS);
}

TEST(VirtualReaderLibrary, IsReallyUnloaded) {
  for (int round = 0; round < 3; ++round) {
    {
      const Library library;
      EXPECT_EQ(FIND(library, IFDHCreateChannel)(0, 0), IFD_SUCCESS);
      EXPECT_EQ(FIND(library, IFDHICCPresence)(0), IFD_ICC_PRESENT);
      EXPECT_EQ(FIND(library, IFDHCloseChannel)(0), IFD_SUCCESS);
    }
    EXPECT_EQ(::dlopen(kPath, RTLD_NOW | RTLD_NOLOAD), nullptr);
  }
}

}  // namespace
}  // namespace cardea::virtual_reader
