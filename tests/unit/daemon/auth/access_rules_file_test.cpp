#include "daemon/auth/access_rules_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/drivers/test_support.hpp"

namespace cardea::auth {
namespace {

using testing::HasSubstr;

class AccessRulesFileTest : public testing::Test {
 protected:
  AccessRulesFile load(const std::string& text, mode_t mode = 0644) {
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return load_access_rules(path, NameService::system());
  }

  test::TemporaryDirectory directory;
  std::string path = directory.path() / "access.rules";
};

TEST_F(AccessRulesFileTest, IsReadToItsEnd) {
  const AccessRulesFile file = load("allow uid=0\ndeny uid=5 # no line end");
  EXPECT_TRUE(file.exists);
  EXPECT_TRUE(file.problems.empty());
  EXPECT_EQ(file.rules.size(), 2u);
}

TEST_F(AccessRulesFileTest, ThatIsNotThereIsNoProblem) {
  const AccessRulesFile file = load_access_rules(path, NameService::system());
  EXPECT_FALSE(file.exists);
  EXPECT_TRUE(file.problems.empty());
  EXPECT_EQ(file.rules.size(), 0u);
}

TEST_F(AccessRulesFileTest, ThatOthersMayWriteIsNotTrusted) {
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    const AccessRulesFile file = load("allow", mode);
    ASSERT_EQ(file.problems.size(), 1u);
    EXPECT_EQ(file.problems[0].line, 0u);
    EXPECT_THAT(file.problems[0].what, HasSubstr("chmod go-w"));
    EXPECT_EQ(file.rules.size(), 0u);
  }
}

TEST_F(AccessRulesFileTest, ThatIsAnotherThingIsAProblem) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0);
  const AccessRulesFile fifo = load_access_rules(path, NameService::system());
  ASSERT_EQ(fifo.problems.size(), 1u);
  EXPECT_THAT(fifo.problems[0].what, HasSubstr("is no file"));
  const AccessRulesFile folder = load_access_rules(directory.path(), NameService::system());
  ASSERT_EQ(folder.problems.size(), 1u);
}

TEST_F(AccessRulesFileTest, ThatIsHugeIsAProblem) {
  const AccessRulesFile file = load(std::string(300 * 1024, '#'));
  ASSERT_EQ(file.problems.size(), 1u);
  EXPECT_THAT(file.problems[0].what, HasSubstr("256 KiB"));
}

}  // namespace
}  // namespace cardea::auth
