#include "libpcsclite/delegate.hpp"

#include <dlfcn.h>

#include <string>

// Weak, so that a program linked with the static archive and -static needs no dynamic loader: it
// has none of these and no delegates.
#pragma weak dlopen
#pragma weak dlsym
#pragma weak dlerror
#pragma weak dladdr

namespace cardea {
namespace {

// COMPAT: a delegate that exports our names means its own when it uses them: libpcscspy refuses to
// work if they lead to the library that it was told to watch. Sanitizers refuse such loading.
#ifdef CARDEA_SANITIZED
constexpr int kLoading = RTLD_LAZY;
#else
constexpr int kLoading = RTLD_LAZY | RTLD_DEEPBIND;
#endif

const void* object_of(const void* address) {
  Dl_info info{};
  return ::dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

std::string loader_text() {
  const char* const text = ::dlerror();
  return text != nullptr ? text : "unknown error of the dynamic loader";
}

/// Fills the table; stops at the first name that is missing.
class Lookup {
 public:
  explicit Lookup(void* handle) : handle_(handle) {}

  template <typename Function>
  void find(const char* name, Function& function) {
    if (!missing_.empty()) return;
    void* const symbol = ::dlsym(handle_, name);
    if (symbol == nullptr) missing_ = name;
    function = reinterpret_cast<Function>(symbol);
  }
  [[nodiscard]] const std::string& missing() const { return missing_; }

 private:
  void* handle_;
  std::string missing_;
};

template <typename... Arguments>
LONG refuse(Arguments...) {
  return SCARD_F_INTERNAL_ERROR;
}

template <typename... Arguments>
void set_refusing(LONG (*&function)(Arguments...)) {
  function = refuse<Arguments...>;
}

/// Calls `visit(name, function)` for each of the 18.
template <typename Visit>
void for_each(Functions& functions, Visit visit) {
  visit("SCardEstablishContext", functions.establish_context);
  visit("SCardReleaseContext", functions.release_context);
  visit("SCardIsValidContext", functions.is_valid_context);
  visit("SCardListReaderGroups", functions.list_reader_groups);
  visit("SCardListReaders", functions.list_readers);
  visit("SCardFreeMemory", functions.free_memory);
  visit("SCardGetStatusChange", functions.get_status_change);
  visit("SCardCancel", functions.cancel);
  visit("SCardConnect", functions.connect);
  visit("SCardReconnect", functions.reconnect);
  visit("SCardDisconnect", functions.disconnect);
  visit("SCardBeginTransaction", functions.begin_transaction);
  visit("SCardEndTransaction", functions.end_transaction);
  visit("SCardStatus", functions.status);
  visit("SCardTransmit", functions.transmit);
  visit("SCardControl", functions.control);
  visit("SCardGetAttrib", functions.get_attrib);
  visit("SCardSetAttrib", functions.set_attrib);
}

}  // namespace

thread_local int InsideDelegate::depth_ = 0;

Result<std::optional<Functions>> load_delegate(const char* name) {
  if (::dlopen == nullptr || ::dlsym == nullptr || ::dlerror == nullptr || ::dladdr == nullptr) {
    return failure(ScardRv::internal_error, "the program is linked statically");
  }
  void* const handle = ::dlopen(name, kLoading);
  if (handle == nullptr) return failure(ScardRv::internal_error, loader_text());
  Functions functions;
  Lookup lookup(handle);
  for_each(functions,
           [&lookup](const char* symbol, auto& function) { lookup.find(symbol, function); });
  if (!lookup.missing().empty()) {
    return failure(ScardRv::internal_error, "it has no function " + lookup.missing());
  }
  const auto found = reinterpret_cast<const void*>(functions.establish_context);
  const auto ours = reinterpret_cast<const void*>(&scard_establish_context);
  if (object_of(found) == object_of(ours)) return std::optional<Functions>();
  return std::optional(functions);
}

Functions refusing_functions() {
  Functions functions;
  for_each(functions, [](const char*, auto& function) { set_refusing(function); });
  return functions;
}

}  // namespace cardea
