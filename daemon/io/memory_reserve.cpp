#include "daemon/io/memory_reserve.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string_view>

#include "base/log.hpp"

namespace cardea {
namespace {

/// A piece that is laid by; nullptr where one is missing.
std::array<std::atomic<void*>, kReservePieces> g_pieces{};
/// Pieces missing, or about to be.
std::atomic<std::size_t> g_missing{0};
/// What the log was told last.
std::atomic<bool> g_told_short{false};

/// Address space that counts against all limits on memory and costs nothing.
void* lay_by() {
  void* piece = ::mmap(nullptr, kReservePieceBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return piece == MAP_FAILED ? nullptr : piece;
}

/// The C++ library calls this when an allocation has failed, and tries again when it returns.
void give_way() {
  for (auto& place : g_pieces) {
    void* piece = place.exchange(nullptr);
    if (piece == nullptr) continue;
    ++g_missing;
    (void)::munmap(piece, kReservePieceBytes);
    return;
  }
  end_without_memory();
}

/// True if all pieces are there again.
bool restore() {
  for (auto& place : g_pieces) {
    if (place.load() != nullptr) continue;
    void* piece = lay_by();
    if (piece == nullptr) return false;
    void* none = nullptr;
    if (place.compare_exchange_strong(none, piece)) {
      --g_missing;
    } else {
      (void)::munmap(piece, kReservePieceBytes);  // somebody else was faster
    }
  }
  return true;
}

}  // namespace

void install_memory_reserve() {
  for (auto& place : g_pieces) {
    place = lay_by();
    if (place.load() == nullptr) ++g_missing;
  }
  std::set_new_handler(give_way);
}

bool is_memory_short() {
  if (g_missing.load(std::memory_order_relaxed) == 0) return false;
  const bool is_short = !restore();
  if (g_told_short.exchange(is_short) == is_short) return is_short;
  if (is_short) {
    log::write(log::Level::error,
               "memory is short: requests that take more are refused (SCARD_E_NO_MEMORY). Remedy: "
               "end programs that need much, or raise MemoryMax= or LimitDATA= of pcscd.service",
               {}, log::Event::memory_short);
  } else {
    log::write(log::Level::info, "there is memory again: all requests are served", {},
               log::Event::memory_short);
  }
  return is_short;
}

void end_without_memory() noexcept {
  // "<2>": the journal takes it for a critical record.
  constexpr std::string_view kRecord =
      "<2>out of memory: pcscd ends at once, so that nothing is left half done; programs see "
      "SCARD_E_SERVICE_STOPPED or connect anew to the next one\n";
  (void)!::write(STDERR_FILENO, kRecord.data(), kRecord.size());
  std::abort();
}

}  // namespace cardea
