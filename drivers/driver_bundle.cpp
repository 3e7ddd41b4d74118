#include "drivers/driver_bundle.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/log.hpp"
#include "drivers/config_file.hpp"
#include "drivers/info_plist.hpp"

namespace cardea {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBundleSuffix = ".bundle";
constexpr std::string_view kClassDriverName = "CCIDCLASSDRIVER";

constexpr const char* kReadersStayAway = "; none of the bundle's readers can be used";

/// Hexadecimal up to FFFF, with or without 0x; an <integer> is decimal unless it has the 0x.
std::optional<std::uint16_t> parse_id(const InfoPlistValue& value) {
  std::string_view text = value.text;
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int base = value.is_integer ? 10 : 16;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  std::uint16_t id = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, id, base);
  if (error != std::errc() || end != last || text.empty()) return std::nullopt;
  return id;
}

bool by_ids(const UsbReaderEntry& a, const UsbReaderEntry& b) {
  return std::tie(a.vendor, a.product) < std::tie(b.vendor, b.product);
}

/// Reads one bundle; its problems are the caller's to keep, also if there is no bundle.
class BundleLoader {
 public:
  explicit BundleLoader(const fs::path& path) {
    bundle_.path = path.string();
    bundle_.info_path = (path / "Contents" / "Info.plist").string();
  }

  std::optional<DriverBundle> run() {
    const auto text = read_config_file(bundle_.info_path, kInfoPlistBytesMax);
    if (!text) {
      problem(0, "cannot be read (" + text.error() + ")" + kReadersStayAway);
      return std::nullopt;
    }
    plist_ = parse_info_plist(*text, bundle_.info_path);
    for (ConfigProblem& found : plist_.problems) problem(found.line, std::move(found.text));
    if (!find_library() || !find_readers()) return std::nullopt;
    const InfoPlistKey* name = plist_.find("CFBundleName");
    bundle_.is_class_driver =
        name != nullptr && !name->values.empty() && name->values.front().text == kClassDriverName;
    return std::move(bundle_);
  }

  [[nodiscard]] const std::vector<ConfigProblem>& problems() const { return problems_; }

 private:
  void problem(unsigned line, std::string text) {
    add_problem(problems_, kDriverBundleProblemsMax, {bundle_.info_path, line, std::move(text)});
  }

  /// A required key with at least one value; otherwise that is the bundle's problem.
  const InfoPlistKey* require(const std::string& name) {
    const InfoPlistKey* key = plist_.find(name);
    if (key == nullptr) {
      problem(0, "the key " + name + " is missing" + kReadersStayAway);
      return nullptr;
    }
    if (key->values.empty()) {
      problem(key->line, name + " has no value" + kReadersStayAway);
      return nullptr;
    }
    return key;
  }

  bool find_library() {
    const InfoPlistKey* key = require("CFBundleExecutable");
    if (key == nullptr) return false;
    const InfoPlistValue& value = key->values.front();
    // Not `/`, which would forget the left side if the value starts with a slash.
    bundle_.library_path = bundle_.path + "/Contents/Linux/" + value.text;
    bundle_.library_line = value.line;
    std::error_code error;
    if (fs::is_regular_file(bundle_.library_path, error)) return true;
    problem(value.line, "CFBundleExecutable: " + log::escape(bundle_.library_path) +
                            " is not a file; reinstall the driver's package" + kReadersStayAway);
    return false;
  }

  bool find_readers() {
    const InfoPlistKey* vendors = require("ifdVendorID");
    const InfoPlistKey* products = require("ifdProductID");
    const InfoPlistKey* names = require("ifdFriendlyName");
    if (vendors == nullptr || products == nullptr || names == nullptr) return false;
    const std::size_t rows = vendors->values.size();
    if (products->values.size() != rows || names->values.size() != rows) {
      // Which row lacks its value cannot be known, and a wrong guess gives a device to a driver
      // that does not know it.
      problem(vendors->line, "ifdVendorID has " + std::to_string(rows) + " values, ifdProductID " +
                                 std::to_string(products->values.size()) + ", ifdFriendlyName " +
                                 std::to_string(names->values.size()) +
                                 ", but each reader needs one in each" + kReadersStayAway);
      return false;
    }
    for (std::size_t row = 0; row < rows; ++row) {
      add_reader(vendors->values[row], products->values[row], names->values[row]);
    }
    std::stable_sort(bundle_.readers.begin(), bundle_.readers.end(), by_ids);
    return true;
  }

  void add_reader(const InfoPlistValue& vendor, const InfoPlistValue& product,
                  const InfoPlistValue& name) {
    const auto vendor_id = parse_id(vendor);
    const auto product_id = parse_id(product);
    if (!vendor_id || !product_id) {
      const InfoPlistValue& wrong = vendor_id ? product : vendor;
      return problem(wrong.line, std::string(vendor_id ? "ifdProductID" : "ifdVendorID") + " \"" +
                                     log::escape(wrong.text) +
                                     "\" is not a number like 0x08E6; the reader \"" +
                                     log::escape(name.text) + "\" is left out");
    }
    if (name.text.empty()) {
      return problem(name.line, "ifdFriendlyName is empty; the reader " + vendor.text + ":" +
                                    product.text + " is left out");
    }
    bundle_.readers.push_back({*vendor_id, *product_id, name.text});
  }

  DriverBundle bundle_;
  InfoPlist plist_;
  std::vector<ConfigProblem> problems_;
};

std::vector<fs::path> list_bundles(const std::string& directory, DriverBundles& result) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.')) continue;
    if (name.ends_with(kBundleSuffix)) {
      paths.push_back(it->path());
    } else if (name.find(kBundleSuffix) != std::string::npos) {
      log::write(log::Level::info,
                 "driver bundles: " + log::escape(it->path().string()) +
                     " is skipped, its name does not end in .bundle",
                 {}, log::Event::config_skipped);
    }
  }
  if (error) {
    result.problems.push_back({directory, 0,
                               "the directory of driver bundles cannot be read (" +
                                   error.message() +
                                   "); no USB reader can be used. Install a driver package such "
                                   "as libccid"});
  }
  std::sort(paths.begin(), paths.end());
  if (paths.size() > kDriverBundlesMax) {
    result.problems.push_back(
        {directory, 0,
         "there are more than " + std::to_string(kDriverBundlesMax) + " bundles; those after " +
             log::escape(paths[kDriverBundlesMax - 1].string()) + " are ignored"});
    paths.resize(kDriverBundlesMax);
  }
  return paths;
}

/// The last row for the device; nullptr if there is none.
const UsbReaderEntry* find_row(const DriverBundle& bundle, const UsbReaderEntry& ids) {
  const auto after = std::upper_bound(bundle.readers.begin(), bundle.readers.end(), ids, by_ids);
  if (after == bundle.readers.begin() || by_ids(*std::prev(after), ids)) return nullptr;
  return &*std::prev(after);
}

}  // namespace

DriverBundles load_driver_bundles(const std::string& directory) {
  DriverBundles result;
  for (const fs::path& path : list_bundles(directory, result)) {
    BundleLoader loader(path);
    if (auto bundle = loader.run()) result.bundles.push_back(std::move(*bundle));
    result.problems.insert(result.problems.end(), loader.problems().begin(),
                           loader.problems().end());
  }
  return result;
}

std::vector<DriverChoice> find_drivers(const DriverBundles& bundles, std::uint16_t vendor,
                                       std::uint16_t product) {
  const UsbReaderEntry ids{vendor, product, {}};
  std::optional<DriverChoice> specific;
  std::optional<DriverChoice> for_class;
  for (const DriverBundle& bundle : bundles.bundles) {
    const UsbReaderEntry* row = find_row(bundle, ids);
    if (row == nullptr) continue;
    (bundle.is_class_driver ? for_class : specific) = {bundle.library_path, row->friendly_name};
  }
  std::vector<DriverChoice> choices;
  if (specific) choices.push_back(*specific);
  if (for_class) {
    choices.push_back({for_class->library_path,
                       choices.empty() ? for_class->friendly_name : choices.front().friendly_name});
  }
  return choices;
}

}  // namespace cardea
