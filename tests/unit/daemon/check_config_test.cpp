// tests/data/config has a directory of configuration that is broken, one fault per file, and one of
// configuration that is odd but works. Each fault has to be named with file, line and consequence
// (broken/expected has the rows "FILE:LINE: PART | PART ..."), and nothing else may be.
#include "daemon/check_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// A row of broken/expected.
struct Expected {
  std::string place;
  std::vector<std::string> parts;
};

std::vector<Expected> read_expected() {
  std::vector<Expected> rows;
  for (const std::string& line : lines_of(contents(CARDEA_TEST_DATA "/broken/expected"))) {
    const std::size_t colon = line.find(": ");
    Expected row{line.substr(0, colon), {}};
    std::string rest = line.substr(colon + 2);
    for (std::size_t bar; (bar = rest.find(" | ")) != std::string::npos; rest.erase(0, bar + 3)) {
      row.parts.push_back(rest.substr(0, bar));
    }
    row.parts.push_back(rest);
    rows.push_back(row);
  }
  return rows;
}

class CheckConfig : public testing::Test {
 protected:
  /// Copies a directory of tests/data/config, with real drivers where it names some.
  void copy(const std::string& name) {
    fs::copy(fs::path(CARDEA_TEST_DATA) / name, root, fs::copy_options::recursive);
    for (const auto& bundle : fs::directory_iterator(root / "bundles")) {
      const fs::path drivers = bundle.path() / "Contents/Linux";
      if (!fs::is_directory(drivers.parent_path())) continue;
      fs::create_directory(drivers);
      if (!fs::exists(drivers / "lib.so")) {
        fs::create_symlink(CARDEA_GOOD_HANDLER, drivers / "lib.so");
      }
      fs::create_symlink(CARDEA_INCOMPLETE_HANDLER, drivers / "incomplete.so");
    }
    for (const auto& file : fs::directory_iterator(root / "reader.conf.d")) {
      std::string text = replaced(contents(file.path()), "@HANDLER@", CARDEA_GOOD_HANDLER);
      text = replaced(text, "@INCOMPLETE@", CARDEA_INCOMPLETE_HANDLER);
      text = replaced(text, "@HERE@", file.path().parent_path().string());
      std::ofstream(file.path(), std::ios::binary) << text;
    }
  }

  /// Runs the check; its lines, without the name of the copy before each.
  std::vector<std::string> run(int expected_status) {
    std::ostringstream out;
    EXPECT_EQ(check_config(input, out), expected_status) << out.str();
    EXPECT_THAT(out.str(), EndsWith("\n"));
    std::vector<std::string> lines = lines_of(out.str());
    for (std::string& line : lines) {
      if (line.starts_with(root.string() + "/")) line.erase(0, root.string().size() + 1);
    }
    return lines;
  }

  test::TemporaryDirectory directory;
  fs::path root = directory.path() / "config";
  CheckConfigInput input{root / "reader.conf.d", true, root / "bundles"};
};

TEST_F(CheckConfig, NamesEachFaultWithFileLineAndConsequence) {
  copy("broken");
  const std::vector<std::string> lines = run(1);
  const std::vector<Expected> expected = read_expected();
  ASSERT_GE(expected.size(), 30u);
  ASSERT_EQ(lines.size(), expected.size() + 1) << testing::PrintToString(lines);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(lines[i].starts_with(expected[i].place + ": "))
        << lines[i] << "\nshould be at " << expected[i].place;
    EXPECT_GE(expected[i].parts.size(), 2u) << "fault and consequence: " << expected[i].place;
    for (const std::string& part : expected[i].parts) EXPECT_THAT(lines[i], HasSubstr(part));
  }
  EXPECT_THAT(lines.back(), HasSubstr(std::to_string(expected.size()) + " problems; usable: "));
}

TEST_F(CheckConfig, HasNothingAgainstWhatIsOddButWorks) {
  copy("odd");
  EXPECT_THAT(run(0), ElementsAre("no problems; usable: 5 readers of reader.conf, 9 driver bundles "
                                  "for 17 kinds of USB readers"));
}

TEST_F(CheckConfig, CountsWhatIsLeft) {
  copy("odd");
  fs::remove_all(root / "bundles");
  fs::create_directory(root / "bundles");
  input.reader_conf = root / "reader.conf.d/quotes";
  EXPECT_THAT(run(0), ElementsAre("no problems; usable: 1 reader of reader.conf, no driver bundles "
                                  "for no kinds of USB readers"));
}

TEST_F(CheckConfig, MissesReaderConfOnlyIfItWasGiven) {
  copy("odd");
  input.reader_conf = root / "nonexistent";
  std::vector<std::string> lines = run(1);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("No such file or directory; pcscd does not start with it"));
  EXPECT_THAT(lines[1], HasSubstr("1 problem; usable: no readers of reader.conf, 9 driver"));
  input.reader_conf_given = false;
  EXPECT_THAT(run(0), ElementsAre(HasSubstr("no problems; usable: no readers")));
  input.reader_conf = "/dev/null";
  EXPECT_THAT(run(1).at(0), HasSubstr("none of its readers can be used"));
}

TEST_F(CheckConfig, MissesTheDirectoryOfBundles) {
  copy("odd");
  input.bundle_directory = root / "nonexistent";
  const std::vector<std::string> lines = run(1);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("no USB reader can be used"));
}

}  // namespace
}  // namespace cardea
