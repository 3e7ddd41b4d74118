#include "drivers/virtual/driver_thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <exception>
#include <string>
#include <utility>

#include "base/scope_exit.hpp"
#include "drivers/virtual/driver_log.hpp"

namespace cardea::virtual_reader {
namespace {

void run(const char* name, const std::function<void()>& body) noexcept {
  (void)::pthread_setname_np(::pthread_self(), name);  // a nicety only
  try {
    body();
  } catch (const std::exception& error) {
    log_line(PCSC_LOG_CRITICAL, std::string(name) + " thread ends: " + error.what());
  } catch (...) {
    log_line(PCSC_LOG_CRITICAL, std::string(name) + " thread ends");
  }
}

}  // namespace

std::thread start_driver_thread(const char* name, std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const ScopeExit restore([&before] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); });
  return std::thread([name, body = std::move(body)] { run(name, body); });
}

}  // namespace cardea::virtual_reader
