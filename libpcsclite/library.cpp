#include "libpcsclite/library.hpp"

#include <pthread.h>

#include <cstdlib>

namespace cardea {
namespace {

constexpr const char* kStandardSocketPath = "/run/pcscd/pcscd.comm";

void prepare_fork() { library().prepare_fork(); }
void after_fork_in_parent() { library().after_fork_in_parent(); }
void after_fork_in_child() { library().after_fork_in_child(); }

/// At load time, before any thread can be inside a call. Without memory for the handlers a child
/// of a process with threads might block; there is nobody to report that to.
[[gnu::constructor]] void watch_forks() {
  (void)::pthread_atfork(prepare_fork, after_fork_in_parent, after_fork_in_child);
}

Environment read_environment() {
  const char* const path = ::secure_getenv("PCSCLITE_CSOCK_NAME");
  return Environment{path != nullptr ? path : kStandardSocketPath,
                     ::secure_getenv("PCSCLITE_NO_BLOCKING") != nullptr,
                     ::secure_getenv("CARDEA_NO_REATTACH") == nullptr};
}

}  // namespace

Library& library() {
  static Library& instance = *new Library;
  return instance;
}

Environment Library::environment() {
  MutexLock guard(mutex_);
  if (!environment_) environment_ = read_environment();
  return *environment_;
}

void Library::set_environment_for_test(Environment environment) {
  MutexLock guard(mutex_);
  environment_ = std::move(environment);
}

void Library::prepare_fork() {
  mutex_.lock();
  contexts.prepare_fork();
}

void Library::after_fork_in_parent() {
  contexts.after_fork_in_parent();
  mutex_.unlock();
}

void Library::after_fork_in_child() {
  contexts.after_fork_in_child();
  mutex_.unlock();
}

}  // namespace cardea
