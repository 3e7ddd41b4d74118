// Our implementation of the functions on contexts and readers, the PCI objects and the error
// texts. Each function checks its arguments in pcsc-lite's order, because applications see which
// error wins.
#pragma GCC visibility push(default)
#include <winscard.h>
#pragma GCC visibility pop

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "libpcsclite/api_guard.hpp"
#include "libpcsclite/error_text.hpp"
#include "libpcsclite/functions.hpp"
#include "libpcsclite/library.hpp"
#include "libpcsclite/out_buffer.hpp"
#include "libpcsclite/session.hpp"
#include "libpcsclite/state_fetch.hpp"
#include "libpcsclite/status_wait.hpp"

extern "C" {
const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};
}

namespace cardea {
namespace {

ScardRv establish_context(const std::string& path, DWORD scope, SCARDCONTEXT& context) {
  Library& process = library();
  const auto wire_scope = static_cast<std::uint32_t>(scope);
  auto greeted = greet_daemon(path, wire_scope, process.agreed_version);
  if (!greeted) return greeted.error();
  const auto added = process.contexts.add(SCARDCONTEXT{greeted->context}, wire_scope);
  const Session session(added);
  added->attach(std::move(greeted->link), greeted->context);
  context = added->number();
  return ScardRv::success;
}

ScardRv release_context(SCARDCONTEXT number) {
  auto context = library().contexts.take(number);
  if (context == nullptr) return ScardRv::invalid_handle;
  // Calls that wait on it return; those in the middle of a request finish it first.
  context->mark_released();
  Session session(std::move(context));
  wire::Release message{session.context()->daemon_number(), 0};
  const ScardRv rv = session.link().exchange(wire::Command::release_context, message);
  // COMPAT: a daemon that is gone has nothing to release; pcsc-lite reports its absence.
  const bool released = !session.link().is_open() && library().environment().reattaches;
  session.link().close();
  return released ? ScardRv::success : rv;
}

/// `size_in_out` tells the needed size in every case.
ScardRv give_multi_string(std::string_view text, LPSTR buffer, DWORD& size_in_out) {
  const DWORD capacity = size_in_out;
  size_in_out = text.size();
  return give_bytes(std::as_bytes(std::span(text)), buffer, capacity, WhenShort::nothing);
}

ScardRv list_readers(SCARDCONTEXT number, LPSTR readers, DWORD& size_in_out) {
  FetchAnswer answer;
  const ScardRv rv = request_on_context(number, [&answer](Session& session) {
    return fetch_states(session.link(), FetchRequest{}, answer);
  });
  if (rv == ScardRv::invalid_handle) return rv;
  if (rv != ScardRv::success) {
    size_in_out = 0;
    return rv;
  }
  const std::string names = multi_string(answer.readers.names());
  if (names.size() == 1) {
    size_in_out = 1;
    return ScardRv::no_readers_available;
  }
  return give_multi_string(names, readers, size_in_out);
}

ScardRv get_status_change(SCARDCONTEXT number, DWORD timeout_ms, SCARD_READERSTATE* states,
                          DWORD count) {
  if (states == nullptr && count > 0) return ScardRv::invalid_parameter;
  const std::span entries(states, count);
  bool all_ignored = true;
  for (const SCARD_READERSTATE& entry : entries) {
    if (entry.szReader == nullptr) return ScardRv::invalid_value;
    if ((entry.dwCurrentState & SCARD_STATE_IGNORE) == 0) all_ignored = false;
  }
  if (all_ignored) return ScardRv::success;
  auto context = library().contexts.find(number);
  if (context == nullptr) return ScardRv::invalid_handle;
  return wait_for_status_change(std::move(context), timeout_ms, entries);
}

}  // namespace
}  // namespace cardea

using namespace cardea;

LONG cardea::scard_establish_context(DWORD dwScope, LPCVOID, LPCVOID, LPSCARDCONTEXT phContext) {
  return guarded([=] {
    const std::string path = library().environment().socket_path;
    if (phContext == nullptr) {
      return ::access(path.c_str(), F_OK) == 0 ? ScardRv::invalid_parameter : ScardRv::no_service;
    }
    // COMPAT: pcsc-lite leaves it untouched if there is no daemon.
    *phContext = 0;
    return establish_context(path, dwScope, *phContext);
  });
}

LONG cardea::scard_release_context(SCARDCONTEXT hContext) {
  return guarded([=] { return release_context(hContext); });
}

LONG cardea::scard_is_valid_context(SCARDCONTEXT hContext) {
  return guarded([=] {
    return library().contexts.find(hContext) == nullptr ? ScardRv::invalid_handle
                                                        : ScardRv::success;
  });
}

LONG cardea::scard_list_reader_groups(SCARDCONTEXT hContext, LPSTR mszGroups, LPDWORD pcchGroups) {
  return guarded([=] {
    // COMPAT: pcsc-lite crashes without a length.
    if (pcchGroups == nullptr) return ScardRv::invalid_parameter;
    if (library().contexts.find(hContext) == nullptr) return ScardRv::invalid_handle;
    static constexpr char kGroups[] = "SCard$DefaultReaders\0";  // with its own NUL: two of them
    return give_multi_string({kGroups, sizeof kGroups}, mszGroups, *pcchGroups);
  });
}

LONG cardea::scard_list_readers(SCARDCONTEXT hContext, LPCSTR, LPSTR mszReaders,
                                LPDWORD pcchReaders) {
  return guarded([=] {
    if (pcchReaders == nullptr) return ScardRv::invalid_parameter;
    return list_readers(hContext, mszReaders, *pcchReaders);
  });
}

LONG cardea::scard_free_memory(SCARDCONTEXT hContext, LPCVOID pvMem) {
  return guarded([=] {
    if (library().contexts.find(hContext) == nullptr) return ScardRv::invalid_handle;
    std::free(const_cast<LPVOID>(pvMem));
    return ScardRv::success;
  });
}

LONG cardea::scard_get_status_change(SCARDCONTEXT hContext, DWORD dwTimeout,
                                     SCARD_READERSTATE* rgReaderStates, DWORD cReaders) {
  return guarded([=] { return get_status_change(hContext, dwTimeout, rgReaderStates, cReaders); });
}

LONG cardea::scard_cancel(SCARDCONTEXT hContext) {
  return guarded([=] {
    // COMPAT: pcsc-lite asks the daemon, over a connection of its own, to end the wait, and loses
    // the cancel if the wait has only just been entered. The wait is in this process.
    const auto context = library().contexts.find(hContext);
    if (context == nullptr) return ScardRv::invalid_handle;
    context->cancel();
    return ScardRv::success;
  });
}

const char* pcsc_stringify_error(const LONG pcscError) {
  thread_local char text[kErrorTextBytes];
  write_error_text(pcscError, text);
  return text;
}
