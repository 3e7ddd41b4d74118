#include "tests/unit/drivers/test_handlers.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/assert.hpp"

namespace cardea::test {
namespace {

/// A function of a handler that is loaded already.
template <typename Function>
Function test_function(const IfdLibrary& library, const char* name) {
  void* handle = ::dlopen(library.path().c_str(), RTLD_LAZY | RTLD_NOLOAD);
  CARDEA_ASSERT(handle != nullptr);
  const auto function = reinterpret_cast<Function>(::dlsym(handle, name));
  CARDEA_ASSERT(function != nullptr);
  ::dlclose(handle);
  return function;
}

}  // namespace

std::string handler_path(const std::string& name) {
  return std::string(CARDEA_TEST_HANDLERS) + "/" + name + ".so";
}

std::shared_ptr<const IfdLibrary> load_handler(const std::string& name) {
  auto library = IfdLibrary::load(handler_path(name));
  if (!library) {
    std::fprintf(stderr, "%s\n", library.error().context.c_str());
    std::abort();
  }
  return *library;
}

std::vector<std::string> handler_calls(const IfdLibrary& library) {
  char text[8192];
  test_function<void (*)(char*, std::size_t)>(library, "handler_calls")(text, sizeof text);
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void wait_for_poll(const IfdLibrary& library) {
  test_function<void (*)()>(library, "handler_wait_for_poll")();
}

bool is_loaded(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) ::dlclose(handle);
  return handle != nullptr;
}

}  // namespace cardea::test
