// One loaded IFD handler library: its version and its functions, all of them checked. Loaded
// lazily and with local scope, unloaded by the destructor. Owned by shared pointers of the drivers
// (LUNs) that use it; see IfdLibraryCache. Immutable after load() but for its lock, so any thread
// may read it; who may call the functions at the same time is for the owner of the driver to say.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "include/PCSC/ifdhandler.h"

namespace cardea {

/// Entry points of a handler. Those of the other version of the API are null, the rest is not,
/// but for set_protocol_parameters.
struct IfdFunctions {
  decltype(&IFDHCreateChannelByName) create_channel_by_name = nullptr;  ///< 3.0 only
  decltype(&IFDHCreateChannel) create_channel = nullptr;
  decltype(&IFDHCloseChannel) close_channel = nullptr;
  decltype(&IFDHGetCapabilities) get_capabilities = nullptr;
  decltype(&IFDHSetCapabilities) set_capabilities = nullptr;
  decltype(&IFDHSetProtocolParameters) set_protocol_parameters = nullptr;  ///< may stay null
  decltype(&IFDHPowerICC) power_icc = nullptr;
  decltype(&IFDHTransmitToICC) transmit_to_icc = nullptr;
  decltype(&IFDHICCPresence) icc_presence = nullptr;
  decltype(&IFDHControl) control = nullptr;  ///< 3.0 only
  RESPONSECODE(*control_2)
  (DWORD lun, PUCHAR tx, DWORD tx_bytes, PUCHAR rx,
   PDWORD rx_bytes) = nullptr;  ///< 2.0 only
};

class IfdLibrary final {
 public:
  enum class Version { v2, v3 };

  /// Loads the handler at `path` and binds its functions. Errors carry invalid_target and a text
  /// that names the library, the cause and what to do. A handler without
  /// IFDHSetProtocolParameters is accepted with a warning: raw and direct connections work.
  static Result<std::shared_ptr<const IfdLibrary>> load(const std::string& path);

  /// Runs the library's destructors unless somebody else has it loaded.
  ~IfdLibrary();
  IfdLibrary(const IfdLibrary&) = delete;
  IfdLibrary& operator=(const IfdLibrary&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Version version() const { return version_; }
  [[nodiscard]] const IfdFunctions& functions() const { return functions_; }
  /// To be held while a channel is created or closed: handlers keep tables of their channels and
  /// libccid one USB context for all, and neither expects two changes at a time.
  [[nodiscard]] Mutex& channels() const { return channels_; }

 private:
  IfdLibrary(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}
  Result<void> bind();

  std::string path_;
  mutable Mutex channels_;
  void* handle_;
  Version version_ = Version::v2;
  IfdFunctions functions_;
};

}  // namespace cardea
