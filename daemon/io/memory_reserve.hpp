// What happens when memory runs out. An allocation of ours never throws: a reserve gives way, so
// that what has begun is finished with all its invariants, and requests that would take more are
// refused with SCARD_E_NO_MEMORY until the reserve is whole again. Once it is used up too, the
// process ends with a record and SIGABRT, and systemd starts the next one.
//
// One per process, owned by nobody; any thread.
#pragma once

#include <cstddef>

namespace cardea {

/// Pieces of the reserve, and the bytes of each: together a few requests of the largest size on
/// each thread. They are address space only; no page of them is ever touched.
constexpr std::size_t kReservePieces = 8;
constexpr std::size_t kReservePieceBytes = 512 * 1024;

/// Lays the reserve by and takes over std::set_new_handler(). At the start, before there are
/// threads.
void install_memory_reserve();

/// True while a piece of the reserve is missing and cannot be had again. Costs one atomic load
/// while nothing is missing; says in the log when this begins and when it is over.
bool is_memory_short();

/// Ends the process with a record: there is not even a reserve. Allocates nothing.
[[noreturn]] void end_without_memory() noexcept;

}  // namespace cardea
