#include "drivers/reader_conf_loader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ReaderConfLoader : public testing::Test {
 protected:
  /// An entry whose paths exist, but for the device if one is given.
  [[nodiscard]] std::string entry(const std::string& name,
                                  const std::string& device = "a:b") const {
    return "FRIENDLYNAME \"" + name + "\"\nDEVICENAME " + device + "\nLIBPATH " + library + "\n";
  }

  static std::vector<std::string> names_of(const ReaderConf& conf) {
    std::vector<std::string> names;
    for (const ReaderConfEntry& e : conf.entries) names.push_back(e.friendly_name);
    return names;
  }

  test::TemporaryDirectory outside;
  test::TemporaryDirectory directory;
  std::string library = outside.write("lib.so", "x");
};

TEST_F(ReaderConfLoader, ReadsTheFilesOfADirectoryInTheOrderOfTheirNames) {
  (void)directory.write("b", entry("B"));
  (void)directory.write("a", entry("A1") + entry("A2", "c:d"));
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("A1", "A2", "B"));
  EXPECT_EQ(conf->entries[1].file, directory.path() / "a");
  EXPECT_EQ(conf->entries[1].line, 4u);
  EXPECT_TRUE(conf->problems.empty());
}

TEST_F(ReaderConfLoader, SkipsHiddenFilesAndBackupsAndMentionsTheLatter) {
  for (const char* name : {".hidden", "vpcd~", "vpcd.bak", "vpcd.dpkg-old", "vpcd.dpkg-dist"}) {
    (void)directory.write(name, "this would be a problem");
  }
  (void)directory.write("vpcd", entry("V"));
  const test::LogCapture capture;
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("V"));
  EXPECT_TRUE(conf->problems.empty());
  ASSERT_EQ(capture.records().size(), 4u);
  EXPECT_EQ(capture.records()[0].level, log::Level::info);
  EXPECT_THAT(capture.records()[0].text, HasSubstr("is a backup, skipped"));
}

TEST_F(ReaderConfLoader, FollowsLinksToFilesAndPassesOverEverythingElse) {
  std::filesystem::create_symlink(outside.write("linked", entry("L")), directory.path() / "link");
  std::filesystem::create_symlink("/nonexistent", directory.path() / "dangling");
  std::filesystem::create_directory(directory.path() / "subdirectory");
  ASSERT_EQ(::mkfifo((directory.path() / "fifo").c_str(), 0600), 0);
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("L"));
  EXPECT_TRUE(conf->problems.empty());
}

TEST_F(ReaderConfLoader, ReadsASingleFileWhateverItIsCalled) {
  const auto conf = load_reader_conf(directory.write(".my.bak", entry("F")));
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("F"));
}

TEST_F(ReaderConfLoader, TakesARelativePath) {
  (void)directory.write("a", entry("A"));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  const auto conf = load_reader_conf("a");
  std::filesystem::current_path(before);
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("A"));
}

TEST_F(ReaderConfLoader, ReportsAPathThatIsNeitherFileNorDirectory) {
  const auto missing = load_reader_conf("/nonexistent/reader.conf");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().rv, ScardRv::invalid_parameter);
  EXPECT_THAT(missing.error().context,
              AllOf(HasSubstr("/nonexistent/reader.conf"), HasSubstr("No such file")));
  const auto device = load_reader_conf("/dev/null");
  ASSERT_FALSE(device.has_value());
  EXPECT_THAT(device.error().context, HasSubstr("neither a directory nor a regular file"));
}

TEST_F(ReaderConfLoader, LeavesOutReadersWhoseLibraryIsMissingAndOnlyThose) {
  const std::string text = "FRIENDLYNAME R\nDEVICENAME a:b\nLIBPATH /nonexistent.so\n" +
                           entry("Good") + "FRIENDLYNAME D\nDEVICENAME a:b\nLIBPATH " +
                           directory.path().string() + "\n";
  const auto conf = load_reader_conf(directory.write("a", text));
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("Good"));
  ASSERT_EQ(conf->problems.size(), 2u);
  EXPECT_EQ(conf->problems[0].line, 1u);
  EXPECT_THAT(conf->problems[0].text,
              AllOf(HasSubstr("LIBPATH /nonexistent.so does not exist"), HasSubstr("ignored")));
  EXPECT_EQ(conf->problems[1].line, 7u);
  EXPECT_THAT(conf->problems[1].text, HasSubstr("is a directory"));
}

TEST_F(ReaderConfLoader, OpensAReaderOfAUsbBundleButSaysThatThisIsOdd) {
  std::filesystem::create_directory(outside.path() / "x.bundle");
  const std::string in_bundle = outside.write("x.bundle/lib.so", "x");
  const std::string text = "FRIENDLYNAME R\nDEVICENAME a:b\nLIBPATH " + in_bundle + "\n";
  const auto conf = load_reader_conf(directory.write("a", text));
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("R"));
  ASSERT_EQ(conf->problems.size(), 1u);
  EXPECT_EQ(conf->problems[0].line, 1u);
  EXPECT_THAT(conf->problems[0].text,
              AllOf(HasSubstr("driver of a USB bundle"), HasSubstr("the reader is opened")));
}

TEST_F(ReaderConfLoader, ReportsAFileThatCannotBeReadAndReadsTheOthers) {
  // Permissions would not stop root; this file opens, but has nothing to read at its start.
  std::filesystem::create_symlink("/proc/self/mem", directory.path() / "a");
  (void)directory.write("b", entry("B"));
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("B"));
  ASSERT_EQ(conf->problems.size(), 1u);
  EXPECT_EQ(conf->problems[0].file, directory.path() / "a");
  EXPECT_THAT(conf->problems[0].text,
              AllOf(HasSubstr("cannot be read (Input/output error)"), HasSubstr("stay away")));
}

TEST_F(ReaderConfLoader, WantsADeviceToExistUnlessItHasAColon) {
  const std::string text =
      entry("Gone", "/nonexistent") + entry("Null", "/dev/null") + entry("Port", "/nonexistent:1");
  const auto conf = load_reader_conf(directory.write("a", text));
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("Null", "Port"));
  ASSERT_EQ(conf->problems.size(), 1u);
  EXPECT_EQ(conf->problems[0].line, 1u);
  EXPECT_THAT(conf->problems[0].text, HasSubstr("DEVICENAME /nonexistent does not exist"));
}

TEST_F(ReaderConfLoader, LeavesAMissingDeviceToADriverThatMayGoByTheChannel) {
  const auto conf =
      load_reader_conf(directory.write("a", entry("Old", "ttyNone") + "CHANNELID 0x0103f8\n" +
                                                entry("None", "ttyNone") + "CHANNELID 0\n"));
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("Old"));
  ASSERT_EQ(conf->problems.size(), 2u);
  EXPECT_EQ(conf->problems[0].line, 1u);
  EXPECT_THAT(conf->problems[0].text, AllOf(HasSubstr("DEVICENAME ttyNone does not exist"),
                                            HasSubstr("the reader is opened")));
  EXPECT_THAT(conf->problems[1].text, HasSubstr("ignored"));
}

TEST_F(ReaderConfLoader, RefusesTheSameReaderInTwoFiles) {
  const std::string first = directory.write("a", entry("A"));
  const std::string second = directory.write("b", "\n" + entry("A"));
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("A"));
  ASSERT_EQ(conf->problems.size(), 1u);
  EXPECT_EQ(conf->problems[0].file, second);
  EXPECT_EQ(conf->problems[0].line, 2u);
  EXPECT_THAT(conf->problems[0].text, HasSubstr(first + ":1"));
}

TEST_F(ReaderConfLoader, IgnoresAFileThatIsTooLargeButNotItsNeighbours) {
  (void)directory.write("a", std::string(kReaderConfBytesMax + 10, '#'));
  (void)directory.write("b", entry("B"));
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_THAT(names_of(*conf), ElementsAre("B"));
  ASSERT_EQ(conf->problems.size(), 1u);
  EXPECT_EQ(conf->problems[0].line, 0u);
}

TEST_F(ReaderConfLoader, LimitsTheFilesOfADirectory) {
  for (std::size_t i = 0; i <= kReaderConfFilesMax; ++i) {
    (void)directory.write("f" + std::to_string(1000 + i), "");
  }
  (void)directory.write("z", entry("Z"));
  const auto conf = load_reader_conf(directory.path());
  ASSERT_TRUE(conf.has_value());
  EXPECT_TRUE(conf->entries.empty());
  ASSERT_EQ(conf->problems.size(), 1u);
  EXPECT_THAT(conf->problems[0].text, AllOf(HasSubstr("f1255"), HasSubstr("stay away")));
}

}  // namespace
}  // namespace cardea
