#include "drivers/ifd_library.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/log.hpp"

namespace cardea {
namespace {

/// What somebody who reads the dynamic linker's complaint can do about it.
const char* remedy(std::string_view complaint) {
  struct Row {
    std::string_view part;
    const char* text;
  };
  static constexpr Row kRows[] = {
      {"undefined symbol",
       "it needs a function that neither the daemon nor the driver's libraries have; install a "
       "driver built for this system"},
      {"wrong ELF class", "it is built for another architecture; install the one for this machine"},
      {"ELF file OS ABI", "it is built for another system; install the one for this system"},
      {"cannot open shared object file",
       "a library it depends on is missing or not readable; `ldd` on the driver tells which"},
      {"not found", "a library it depends on has another version; reinstall the driver"},
      {"ELF header", "it is not a shared library; name the driver's .so file"},
      {"file too short", "it is not a shared library; name the driver's .so file"},
      {"cannot read file data", "it is not a readable file; name the driver's .so file"},
  };
  for (const Row& row : kRows) {
    if (complaint.find(row.part) != std::string_view::npos) return row.text;
  }
  return "reinstall the driver";
}

tl::unexpected<Error> load_failure(const std::string& path, std::string_view cause,
                                   std::string_view advice) {
  return failure(ScardRv::invalid_target, "reader driver " + log::escape(path) +
                                              " cannot be used: " + log::escape(cause) + " (" +
                                              std::string(advice) + "); its readers stay away");
}

/// Looks functions up and keeps the names of those that are missing.
class Binder {
 public:
  explicit Binder(void* handle) : handle_(handle) {}

  template <typename Function>
  bool optional(Function& function, const std::string& name) {
    void* symbol = ::dlsym(handle_, ("_" + name).c_str());
    if (symbol == nullptr) symbol = ::dlsym(handle_, name.c_str());
    function = reinterpret_cast<Function>(symbol);
    return symbol != nullptr;
  }

  template <typename Function>
  void required(Function& function, const std::string& name) {
    if (optional(function, name)) return;
    if (!missing_.empty()) missing_ += ", ";
    missing_ += name;
  }

  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  void* handle_;
  std::string missing_;
};

}  // namespace

Result<std::shared_ptr<const IfdLibrary>> IfdLibrary::load(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0) {
    return load_failure(path, std::generic_category().message(errno),
                        "check LIBPATH or install the driver's package");
  }
  void* handle = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* complaint = ::dlerror();
    const std::string_view cause = complaint != nullptr ? complaint : "unknown linker error";
    return load_failure(path, cause, remedy(cause));
  }
  const std::shared_ptr<IfdLibrary> library(new IfdLibrary(path, handle));
  if (auto bound = library->bind(); !bound) return tl::make_unexpected(std::move(bound.error()));
  return library;
}

IfdLibrary::~IfdLibrary() { ::dlclose(handle_); }

Result<void> IfdLibrary::bind() {
  Binder binder(handle_);
  IfdFunctions& f = functions_;
  const bool is_3 = binder.optional(f.create_channel_by_name, "IFDHCreateChannelByName");
  version_ = is_3 ? Version::v3 : Version::v2;
  if (!is_3 && !binder.optional(f.create_channel, "IFDHCreateChannel")) {
    return load_failure(path_, "it is not an IFD handler: IFDHCreateChannel is missing",
                        "name the driver's own .so file");
  }
  binder.required(f.create_channel, "IFDHCreateChannel");
  binder.required(f.close_channel, "IFDHCloseChannel");
  binder.required(f.get_capabilities, "IFDHGetCapabilities");
  binder.required(f.set_capabilities, "IFDHSetCapabilities");
  binder.required(f.power_icc, "IFDHPowerICC");
  binder.required(f.transmit_to_icc, "IFDHTransmitToICC");
  binder.required(f.icc_presence, "IFDHICCPresence");
  // The versions share this name but not its parameters.
  if (is_3) {
    binder.required(f.control, "IFDHControl");
  } else {
    binder.required(f.control_2, "IFDHControl");
  }
  if (!binder.missing().empty()) {
    return load_failure(path_,
                        std::string("IFD handler ") + (is_3 ? "3.0" : "2.0") +
                            " lacks required functions: " + binder.missing(),
                        "install a complete driver");
  }
  if (!binder.optional(f.set_protocol_parameters, "IFDHSetProtocolParameters")) {
    log::write(log::Level::warning,
               "reader driver " + log::escape(path_) +
                   " lacks IFDHSetProtocolParameters: only raw and direct connections will work",
               {}, log::Event::driver_incomplete);
  }
  return {};
}

}  // namespace cardea
