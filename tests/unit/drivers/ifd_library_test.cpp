#include "drivers/ifd_library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "drivers/ifd_library_cache.hpp"
#include "tests/unit/drivers/test_handlers.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using test::handler_path;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// The text of the error that loading must give.
std::string load_error(const std::string& path) {
  const auto library = IfdLibrary::load(path);
  if (library) return "loaded";
  EXPECT_EQ(library.error().rv, ScardRv::invalid_target);
  return library.error().context;
}

TEST(IfdLibrary, TellsTheVersionsApart) {
  const auto v3 = test::load_handler("handler_3");
  EXPECT_EQ(v3->version(), IfdLibrary::Version::v3);
  EXPECT_NE(v3->functions().create_channel_by_name, nullptr);
  EXPECT_NE(v3->functions().control, nullptr);
  EXPECT_EQ(v3->functions().control_2, nullptr);

  const auto v2 = test::load_handler("handler_2");
  EXPECT_EQ(v2->version(), IfdLibrary::Version::v2);
  EXPECT_EQ(v2->functions().create_channel_by_name, nullptr);
  EXPECT_EQ(v2->functions().control, nullptr);
  EXPECT_NE(v2->functions().control_2, nullptr);
}

TEST(IfdLibrary, FindsFunctionsWithALeadingUnderscore) {
  const auto library = test::load_handler("handler_underscored");
  EXPECT_EQ(library->version(), IfdLibrary::Version::v3);
  EXPECT_EQ(library->functions().icc_presence(0), IFD_ICC_PRESENT);
}

TEST(IfdLibrary, RefusesAHandlerThatLacksAFunctionAndNamesIt) {
  const std::string path = handler_path("handler_without_power");
  EXPECT_THAT(load_error(path),
              AllOf(HasSubstr(path), HasSubstr("3.0"), HasSubstr("IFDHPowerICC"),
                    Not(HasSubstr("IFDHControl")), HasSubstr("its readers stay away")));
  EXPECT_FALSE(test::is_loaded(path));
}

TEST(IfdLibrary, NamesAllMissingFunctionsAtOnce) {
  EXPECT_THAT(load_error(handler_path("handler_without_control")),
              AllOf(HasSubstr("IFDHPowerICC"), HasSubstr("IFDHControl")));
}

TEST(IfdLibrary, RefusesALibraryThatIsNoHandler) {
  EXPECT_THAT(load_error(handler_path("handler_without_create")), HasSubstr("not an IFD handler"));
}

TEST(IfdLibrary, TakesAHandlerWithoutSetProtocolParametersWithAWarning) {
  const test::LogCapture capture;
  const auto library = test::load_handler("handler_without_set_protocol");
  EXPECT_EQ(library->functions().set_protocol_parameters, nullptr);
  ASSERT_EQ(capture.records().size(), 1u);
  EXPECT_EQ(capture.records()[0].level, log::Level::warning);
  EXPECT_THAT(capture.records()[0].text, HasSubstr("IFDHSetProtocolParameters"));
}

TEST(IfdLibrary, ExplainsAMissingFile) {
  EXPECT_THAT(load_error("/nonexistent/libx.so"),
              AllOf(HasSubstr("/nonexistent/libx.so"), HasSubstr("No such file"),
                    HasSubstr("check LIBPATH")));
}

TEST(IfdLibrary, ExplainsAnUndefinedSymbol) {
  EXPECT_THAT(load_error(handler_path("handler_needs_host_symbol")),
              AllOf(HasSubstr("undefined symbol: no_host_has_this_function"),
                    HasSubstr("install a driver built for this system")));
}

TEST(IfdLibrary, ExplainsAFileThatIsNotASharedLibrary) {
  const test::TemporaryDirectory directory;
  const std::string no_elf(4096, 'x');
  EXPECT_THAT(load_error(directory.write("text.so", no_elf)), HasSubstr("not a shared library"));
  EXPECT_THAT(load_error(directory.write("empty.so", "")), HasSubstr("not a shared library"));
  EXPECT_THAT(load_error(directory.path()), HasSubstr("name the driver's .so file"));
}

TEST(IfdLibrary, ExplainsAnotherArchitecture) {
  std::ifstream file(handler_path("handler_3"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ASSERT_GT(bytes.size(), 5u);
  bytes[4] = bytes[4] == 1 ? 2 : 1;  // EI_CLASS: 32 or 64 bits
  const test::TemporaryDirectory directory;
  EXPECT_THAT(load_error(directory.write("foreign.so", bytes)),
              HasSubstr("built for another architecture"));
}

TEST(IfdLibraryCache, LoadsOneFileOnceWhileItIsUsed) {
  const test::TemporaryDirectory directory;
  const std::string path = handler_path("handler_3");
  const std::string link = directory.path() / "link.so";
  std::filesystem::create_symlink(path, link);
  IfdLibraryCache cache;
  {
    const auto first = cache.get(path);
    const auto second = cache.get(link);
    ASSERT_TRUE(first.has_value());
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(*first, *second);
    EXPECT_TRUE(test::is_loaded(path));
  }
  EXPECT_FALSE(test::is_loaded(path)) << "the last user unloads it";
  EXPECT_TRUE(cache.get(path).has_value()) << "and it can come back";
}

TEST(IfdLibraryCache, KeepsLibrariesApart) {
  IfdLibraryCache cache;
  const auto first = cache.get(handler_path("handler_3"));
  const auto second = cache.get(handler_path("handler_2"));
  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(*first, *second);
}

TEST(IfdLibraryCache, PassesOnWhyALoadFailed) {
  IfdLibraryCache cache;
  const auto library = cache.get("/nonexistent/libx.so");
  ASSERT_FALSE(library.has_value());
  EXPECT_THAT(library.error().context, HasSubstr("/nonexistent/libx.so"));
}

}  // namespace
}  // namespace cardea
