// Bundles on disk, good and broken, and which drivers a USB device gets from them.
#include "drivers/driver_bundle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/info_plist.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

std::string strings(const std::string& key, const std::vector<std::string>& values) {
  std::string text = "<key>" + key + "</key>\n<array>\n";
  for (const std::string& value : values) text += "<string>" + value + "</string>\n";
  return text + "</array>\n";
}

/// An Info.plist with one reader per friendly name: VENDOR:0001, VENDOR:0002 ... The readers' rows
/// start on line 3.
std::string info(const std::string& vendor, const std::vector<std::string>& names,
                 const std::string& more = "") {
  std::vector<std::string> vendors(names.size(), vendor);
  std::vector<std::string> products;
  for (std::size_t i = 1; i <= names.size(); ++i) products.push_back("0x000" + std::to_string(i));
  return "<key>CFBundleExecutable</key>\n<string>lib.so</string>\n" +
         strings("ifdVendorID", vendors) + strings("ifdProductID", products) +
         strings("ifdFriendlyName", names) + more;
}

const std::string kClassDriver = "<key>CFBundleName</key><string>CCIDCLASSDRIVER</string>\n";

class DriverBundleTest : public testing::Test {
 protected:
  /// Writes a bundle with a library lib.so; returns its path.
  fs::path write(const std::string& name, const std::string& text) const {
    const fs::path path = directory.path() / name;
    fs::create_directories(path / "Contents" / "Linux");
    (void)directory.write(name + "/Contents/Linux/lib.so", "x");
    (void)directory.write(name + "/Contents/Info.plist", text);
    return path;
  }

  [[nodiscard]] DriverBundles load() const { return load_driver_bundles(directory.path()); }

  /// The problems of loading, "LINE: TEXT"; all must be in the Info.plist of `name`.
  static std::vector<std::string> problems_of(const DriverBundles& loaded,
                                              const std::string& name) {
    std::vector<std::string> out;
    for (const ConfigProblem& problem : loaded.problems) {
      EXPECT_THAT(problem.file, EndsWith("/" + name + "/Contents/Info.plist"));
      out.push_back(std::to_string(problem.line) + ": " + problem.text);
    }
    return out;
  }

  static std::vector<std::string> readers_of(const DriverBundle& bundle) {
    std::vector<std::string> out;
    for (const UsbReaderEntry& reader : bundle.readers) {
      out.push_back(std::to_string(reader.vendor) + ":" + std::to_string(reader.product) + " " +
                    reader.friendly_name);
    }
    return out;
  }

  /// "bundle name: friendly name" of each choice.
  static std::vector<std::string> choices_of(const DriverBundles& loaded, std::uint16_t vendor,
                                             std::uint16_t product) {
    std::vector<std::string> out;
    for (const DriverChoice& choice : find_drivers(loaded, vendor, product)) {
      const fs::path bundle = fs::path(choice.library_path).parent_path().parent_path();
      out.push_back(bundle.parent_path().filename().string() + ": " + choice.friendly_name);
    }
    return out;
  }

  test::TemporaryDirectory directory;
};

TEST_F(DriverBundleTest, IsReadWithItsLibraryAndItsReaders) {
  const fs::path path = write("a.bundle", info("0x1234", {"One", "Two &amp; Co"}));
  const DriverBundles loaded = load();
  EXPECT_THAT(loaded.problems, IsEmpty());
  ASSERT_EQ(loaded.bundles.size(), 1u);
  const DriverBundle& bundle = loaded.bundles[0];
  EXPECT_EQ(bundle.path, path);
  EXPECT_EQ(bundle.info_path, path / "Contents/Info.plist");
  EXPECT_EQ(bundle.library_path, path / "Contents/Linux/lib.so");
  EXPECT_EQ(bundle.library_line, 2u);
  EXPECT_FALSE(bundle.is_class_driver);
  EXPECT_THAT(readers_of(bundle), ElementsAre("4660:1 One", "4660:2 Two & Co"));
}

TEST_F(DriverBundleTest, IsAClassDriverByItsExactName) {
  write("a.bundle", info("0x1234", {"One"}, kClassDriver));
  write("b.bundle", info("0x1234", {"One"}, "<key>CFBundleName</key><string>CCID</string>"));
  write("c.bundle", info("0x1234", {"One"}, "<key>CFBundleName</key>"));
  const DriverBundles loaded = load();
  ASSERT_EQ(loaded.bundles.size(), 3u);
  EXPECT_TRUE(loaded.bundles[0].is_class_driver);
  EXPECT_FALSE(loaded.bundles[1].is_class_driver);
  EXPECT_FALSE(loaded.bundles[2].is_class_driver);
}

TEST_F(DriverBundleTest, ReadsIdsAsPcscdDoesAndIntegersAsPropertyListsDo) {
  write("a.bundle",
        "<key>CFBundleExecutable</key><string>lib.so</string>\n"
        "<key>ifdVendorID</key><string>08E6</string><string> 0X08e6 </string>"
        "<integer>2278</integer><integer>0x08E6</integer>\n"
        "<key>ifdProductID</key><string>0</string><string>FFFF</string>"
        "<integer>65535</integer><string>00001</string>\n" +
            strings("ifdFriendlyName", {"A", "B", "C", "D"}));
  const DriverBundles loaded = load();
  EXPECT_THAT(loaded.problems, IsEmpty());
  ASSERT_EQ(loaded.bundles.size(), 1u);
  EXPECT_THAT(readers_of(loaded.bundles[0]),
              ElementsAre("2278:0 A", "2278:1 D", "2278:65535 B", "2278:65535 C"));
}

TEST_F(DriverBundleTest, LosesOnlyTheRowWhoseValueIsWrong) {
  for (const char* id : {"0x10000", "0x", "", "12G4", "-1", "0x12 34", "99999999999"}) {
    std::string text = info("0x1234", {"One", "Two"});
    text.replace(text.find("0x0001"), 6, id);
    write("a.bundle", text);
    const DriverBundles loaded = load();
    EXPECT_THAT(problems_of(loaded, "a.bundle"),
                ElementsAre(AllOf(HasSubstr("10: ifdProductID \"" + std::string(id) + "\""),
                                  HasSubstr("the reader \"One\" is left out"))));
    ASSERT_EQ(loaded.bundles.size(), 1u) << id;
    EXPECT_THAT(readers_of(loaded.bundles[0]), ElementsAre("4660:2 Two")) << id;
  }
}

TEST_F(DriverBundleTest, LosesTheRowWithoutAName) {
  write("a.bundle", info("0x1234", {"", "Two"}));
  const DriverBundles loaded = load();
  EXPECT_THAT(problems_of(loaded, "a.bundle"),
              ElementsAre("15: ifdFriendlyName is empty; the reader 0x1234:0x0001 is left out"));
  ASSERT_EQ(loaded.bundles.size(), 1u);
  EXPECT_THAT(readers_of(loaded.bundles[0]), ElementsAre("4660:2 Two"));
}

TEST_F(DriverBundleTest, IsRefusedIfItsListsDifferInLengthAndNoOtherIs) {
  std::string text = info("0x1234", {"One", "Two"});
  text.erase(text.find("<string>0x0002</string>\n"), 24);
  write("a.bundle", text);
  write("b.bundle", info("0x1234", {"One"}));
  const DriverBundles loaded = load();
  EXPECT_THAT(problems_of(loaded, "a.bundle"),
              ElementsAre(AllOf(HasSubstr("3: ifdVendorID has 2 values, ifdProductID 1, "
                                          "ifdFriendlyName 2"),
                                HasSubstr("none of the bundle's readers can be used"))));
  ASSERT_EQ(loaded.bundles.size(), 1u);
  EXPECT_THAT(loaded.bundles[0].path, EndsWith("/b.bundle"));
}

TEST_F(DriverBundleTest, CountsNothingThatIsCommentedOut) {
  write("a.bundle",
        "<key>CFBundleExecutable</key><string>lib.so</string>\n"
        "<key>ifdVendorID</key><array><string>0x18d1</string></array>\n"
        "<key>ifdProductID</key><array><string>0x4ee1</string></array>\n"
        "<key>ifdFriendlyName</key>\n<!-- <string>one way</string> -->\n"
        "<!-- <string>another</string> -->\n<array><string>:35963</string></array>\n");
  const DriverBundles loaded = load();
  EXPECT_THAT(loaded.problems, IsEmpty());
  ASSERT_EQ(loaded.bundles.size(), 1u);
  EXPECT_THAT(readers_of(loaded.bundles[0]), ElementsAre("6353:20193 :35963"));
}

TEST_F(DriverBundleTest, IsRefusedWithoutARequiredKeyOrItsValue) {
  for (const char* key : {"CFBundleExecutable", "ifdVendorID", "ifdProductID", "ifdFriendlyName"}) {
    std::string text = info("0x1234", {"One"});
    text.insert(text.find(key), "no");
    write("a.bundle", text);
    DriverBundles loaded = load();
    EXPECT_THAT(loaded.bundles, IsEmpty()) << key;
    EXPECT_THAT(problems_of(loaded, "a.bundle"),
                ElementsAre("0: the key " + std::string(key) +
                            " is missing; none of the bundle's readers can be used"));
    write("a.bundle", text + "<key>" + key + "</key>");
    loaded = load();
    EXPECT_THAT(loaded.bundles, IsEmpty()) << key;
    EXPECT_THAT(problems_of(loaded, "a.bundle"), ElementsAre(HasSubstr(" has no value; none")));
  }
}

TEST_F(DriverBundleTest, IsRefusedIfItsLibraryIsNotThere) {
  const fs::path path = write("a.bundle", info("0x1234", {"One"}));
  fs::remove(path / "Contents/Linux/lib.so");
  const auto is_missing =
      ElementsAre(AllOf(HasSubstr("2: CFBundleExecutable: "),
                        HasSubstr("/a.bundle/Contents/Linux/lib.so is not a file; reinstall")));
  DriverBundles loaded = load();
  EXPECT_THAT(loaded.bundles, IsEmpty());
  EXPECT_THAT(problems_of(loaded, "a.bundle"), is_missing);
  fs::create_directory(path / "Contents/Linux/lib.so");
  EXPECT_THAT(problems_of(load(), "a.bundle"), is_missing);
  fs::remove(path / "Contents/Linux/lib.so");
  fs::create_symlink(directory.write("elsewhere.so", "x"), path / "Contents/Linux/lib.so");
  loaded = load();
  EXPECT_EQ(loaded.bundles.size(), 1u);
  EXPECT_THAT(loaded.problems, IsEmpty());
}

TEST_F(DriverBundleTest, IsRefusedIfItsInfoCannotBeRead) {
  const fs::path info_path = write("a.bundle", "") / "Contents/Info.plist";
  fs::remove(info_path);
  EXPECT_THAT(problems_of(load(), "a.bundle"),
              ElementsAre(HasSubstr("0: cannot be read (No such file or directory); none of")));
  ASSERT_EQ(::mkfifo(info_path.c_str(), 0600), 0);
  EXPECT_THAT(problems_of(load(), "a.bundle"), ElementsAre(HasSubstr("not a regular file")));
  fs::remove(info_path);
  // Debian's libccid keeps the file in /etc.
  fs::create_symlink(directory.write("elsewhere", info("0x1234", {"One"})), info_path);
  EXPECT_EQ(load().bundles.size(), 1u);
  fs::remove_all(directory.path() / "a.bundle");
  (void)directory.write("a.bundle", "a file");
  EXPECT_THAT(problems_of(load(), "a.bundle"), ElementsAre(HasSubstr("Not a directory")));
}

TEST_F(DriverBundleTest, PassesOnWhatTheScannerFound) {
  write("a.bundle", info("0x1234", {"One"}, "<strong>"));
  const DriverBundles loaded = load();
  EXPECT_EQ(loaded.bundles.size(), 1u);
  EXPECT_THAT(problems_of(loaded, "a.bundle"), ElementsAre(HasSubstr("15: no such element")));
}

TEST_F(DriverBundleTest, LimitsItsProblems) {
  write("a.bundle", info("x", std::vector<std::string>(kDriverBundleProblemsMax + 5, "R")));
  const DriverBundles loaded = load();
  ASSERT_EQ(loaded.problems.size(), kDriverBundleProblemsMax);
  EXPECT_THAT(loaded.problems.back().text, HasSubstr("further problems are not listed"));
}

TEST_F(DriverBundleTest, IsTooLargeAsAFileBeyondTheLimit) {
  const std::string text = info("0x1234", {"One"});
  write("a.bundle", text + std::string(kInfoPlistBytesMax - text.size(), '\n'));
  EXPECT_EQ(load().bundles.size(), 1u);
  write("a.bundle", text + std::string(kInfoPlistBytesMax - text.size() + 1, '\n'));
  const DriverBundles loaded = load();
  EXPECT_THAT(loaded.bundles, IsEmpty());
  EXPECT_THAT(problems_of(loaded, "a.bundle").front(), HasSubstr("the whole file is ignored"));
}

TEST_F(DriverBundleTest, CountsByTheEndOfItsNameAndOthersAreMentioned) {
  for (const char* name : {"b.bundle", "a.bundle", "A.bundle", ".bundle", ".c.bundle",
                           "a.bundle.dpkg-old", "a.bundle~", "serial", "bundle"}) {
    write(name, info("0x1234", {name}));
  }
  const test::LogCapture capture;
  const DriverBundles loaded = load();
  std::vector<std::string> names;
  for (const DriverBundle& bundle : loaded.bundles)
    names.push_back(fs::path(bundle.path).filename());
  EXPECT_THAT(names, ElementsAre("A.bundle", "a.bundle", "b.bundle"));
  EXPECT_THAT(loaded.problems, IsEmpty());
  const std::vector<log::Record> records = capture.records();
  EXPECT_EQ(records.size(), 2u);
  for (const log::Record& record : records) EXPECT_THAT(record.text, HasSubstr("is skipped"));
}

TEST_F(DriverBundleTest, DirectoryThatIsMissingIsAProblem) {
  const DriverBundles loaded = load_driver_bundles("/nonexistent/drivers");
  EXPECT_THAT(loaded.bundles, IsEmpty());
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].file, "/nonexistent/drivers");
  EXPECT_THAT(loaded.problems[0].text, AllOf(HasSubstr("No such file or directory"),
                                             HasSubstr("no USB reader can be used")));
  EXPECT_THAT(load_driver_bundles("/dev/null").problems.at(0).text, HasSubstr("Not a directory"));
}

TEST_F(DriverBundleTest, DirectoryIsLimited) {
  for (std::size_t i = 0; i <= kDriverBundlesMax; ++i) {
    write(std::to_string(1000 + i) + ".bundle", info("0x1234", {"One"}));
  }
  const DriverBundles loaded = load();
  EXPECT_EQ(loaded.bundles.size(), kDriverBundlesMax);
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_THAT(loaded.problems[0].text, HasSubstr("/1127.bundle are ignored"));
}

TEST_F(DriverBundleTest, DeviceThatNobodyListsHasNoDriver) {
  write("a.bundle", info("0x1234", {"One", "Two"}));
  const DriverBundles loaded = load();
  EXPECT_THAT(choices_of(loaded, 0x1234, 2), ElementsAre("a.bundle: Two"));
  EXPECT_THAT(choices_of(loaded, 0x1234, 0), IsEmpty());
  EXPECT_THAT(choices_of(loaded, 0x1234, 3), IsEmpty());
  EXPECT_THAT(choices_of(loaded, 0x1235, 1), IsEmpty());
  EXPECT_THAT(choices_of(loaded, 0, 0), IsEmpty());
  EXPECT_THAT(find_drivers({}, 0x1234, 1), IsEmpty());
}

TEST_F(DriverBundleTest, DeviceGetsItsOwnDriverBeforeTheClassDriverUnderOneName) {
  write("a-class.bundle", info("0x1234", {"Class One", "Class Two"}, kClassDriver));
  write("b-own.bundle", info("0x1234", {"Own One"}));
  const DriverBundles loaded = load();
  EXPECT_THAT(choices_of(loaded, 0x1234, 1),
              ElementsAre("b-own.bundle: Own One", "a-class.bundle: Own One"));
  EXPECT_THAT(choices_of(loaded, 0x1234, 2), ElementsAre("a-class.bundle: Class Two"));
}

TEST_F(DriverBundleTest, DeviceGetsTheLastOfSeveralBundlesAndOfSeveralRows) {
  write("a.bundle", info("0x1234", {"A"}));
  write("b.bundle", info("0x1234", {"B"}));
  write("c.bundle", info("0x1234", {"C"}, kClassDriver));
  write("d.bundle", info("0x1234", {"D"}, kClassDriver));
  EXPECT_THAT(choices_of(load(), 0x1234, 1), ElementsAre("b.bundle: B", "d.bundle: B"));
  std::string twice = info("0x1234", {"E", "F", "G"});
  twice.replace(twice.find("0x0002"), 6, "0x0001");
  write("b.bundle", twice);
  EXPECT_THAT(choices_of(load(), 0x1234, 1), ElementsAre("b.bundle: F", "d.bundle: F"));
}

TEST_F(DriverBundleTest, DeviceIsFoundInALongTable) {
  std::vector<std::string> vendors;
  std::vector<std::string> products;
  std::vector<std::string> names;
  constexpr unsigned kRows = 2'000;
  for (unsigned i = 0; i < kRows; ++i) {
    const unsigned mixed = (i * 7919) % kRows;  // every row once, in no order
    vendors.push_back(std::to_string(mixed % 50));
    products.push_back(std::to_string(mixed / 50));
    names.push_back("Reader " + vendors.back() + ":" + products.back());
  }
  write("a.bundle", "<key>CFBundleExecutable</key><string>lib.so</string>\n" +
                        strings("ifdVendorID", vendors) + strings("ifdProductID", products) +
                        strings("ifdFriendlyName", names));
  const DriverBundles loaded = load();
  ASSERT_THAT(loaded.problems, IsEmpty());
  for (unsigned i = 0; i < kRows; ++i) {
    const auto vendor = static_cast<std::uint16_t>(std::stoul(vendors[i], nullptr, 16));
    const auto product = static_cast<std::uint16_t>(std::stoul(products[i], nullptr, 16));
    ASSERT_THAT(choices_of(loaded, vendor, product), ElementsAre("a.bundle: " + names[i]));
  }
}

}  // namespace
}  // namespace cardea
