// A library for LD_PRELOAD that makes system calls and allocations fail as a test says: the Nth
// call of a kind, or one in so many. The file of environment CARDEA_FAULTS is the control
// (control.hpp); without it nothing fails. Only calls made by the object whose name is
// CARDEA_FAULTS_OBJECT (the program itself if unset) or by libstdc++ on its behalf count, so that
// drivers and test tools live on; Control::everywhere changes that. Any thread; nothing in here
// allocates.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "tests/fakes/faults/control.hpp"

extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
}

namespace {

using cardea::faults::Control;
using cardea::faults::Kind;

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

Control* g_control = nullptr;
/// Where calls that count come from: the object under test and the C++ library.
std::array<Range, 2> g_counted{};
/// Readable when the test says that the wall clock was set; stands for the timer that knows.
std::atomic<int> g_clock_set{-1};
/// Descriptors that are events or timers, as far as this array goes.
std::array<std::atomic<bool>, 4096> g_is_event{};

int find_ranges(dl_phdr_info* info, std::size_t, void*) {
  const char* wanted = ::getenv("CARDEA_FAULTS_OBJECT");
  const bool is_program = info->dlpi_name == nullptr || *info->dlpi_name == '\0';
  const bool is_object = wanted == nullptr
                             ? is_program
                             : !is_program && std::strstr(info->dlpi_name, wanted) != nullptr;
  const bool is_cpp = !is_program && std::strstr(info->dlpi_name, "libstdc++.so") != nullptr;
  if (!is_object && !is_cpp) return 0;
  Range& range = g_counted[is_object ? 0 : 1];
  range.begin = info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    range.end =
        std::max<std::uintptr_t>(range.end, info->dlpi_addr + segment.p_vaddr + segment.p_memsz);
  }
  return 0;
}

__attribute__((constructor)) void attach() {
  const char* path = ::getenv("CARDEA_FAULTS");
  if (path == nullptr) return;
  const long fd = ::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return;
  void* memory =
      ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(fd), 0);
  ::syscall(SYS_close, fd);
  if (memory == MAP_FAILED) return;
  ::dl_iterate_phdr(find_ranges, nullptr);
  g_control = static_cast<Control*>(memory);
}

bool counts(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  for (const Range& range : g_counted) {
    if (address >= range.begin && address < range.end) return true;
  }
  return false;
}

/// A number that looks random but follows from seed and index alone (splitmix64's finish).
std::uint64_t mix(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + index * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

/// True, with errno set, if this call is to fail.
bool fails(Kind kind, const void* caller) {
  Control* control = g_control;
  if (control == nullptr) return false;
  if ((control->kinds & (std::uint64_t{1} << static_cast<unsigned>(kind))) == 0) return false;
  if (control->everywhere == 0 && !counts(caller)) return false;
  const std::uint64_t index = control->seen++;
  const std::uint64_t often = control->per_million;
  const bool chosen = often != 0 ? mix(control->seed, index) % 1'000'000 < often
                                 : index >= control->skip && index - control->skip < control->count;
  if (!chosen) return false;
  ++control->failed;
  errno = static_cast<int>(control->error.load());
  return true;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

/// The kernel's answer as the C library gives it.
template <typename... Arguments>
long system_call(long number, Arguments... arguments) {
  return ::syscall(number, arguments...);
}

int remember_event(long fd) {
  if (fd >= 0 && static_cast<std::size_t>(fd) < g_is_event.size()) {
    g_is_event[static_cast<std::size_t>(fd)] = true;
  }
  return static_cast<int>(fd);
}

bool is_event(int fd) {
  return fd >= 0 && static_cast<std::size_t>(fd) < g_is_event.size() &&
         g_is_event[static_cast<std::size_t>(fd)];
}

void note_wall_wait(const void* caller) {
  if (g_control != nullptr && counts(caller)) ++g_control->wall_waits;
}

}  // namespace

#define FAULT(kind, result) \
  if (fails(Kind::kind, __builtin_return_address(0))) return result

#pragma GCC visibility push(default)
extern "C" {

// --- memory ---

void* malloc(std::size_t bytes) noexcept {
  FAULT(memory, nullptr);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  FAULT(memory, nullptr);
  return __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) noexcept {
  FAULT(memory, nullptr);
  return __libc_realloc(block, bytes);
}

// --- bytes ---

ssize_t read(int fd, void* data, std::size_t bytes) {
  if (fd >= 0 && fd == g_clock_set) {
    if (system_call(SYS_read, fd, data, bytes) > 0) errno = ECANCELED;
    return -1;
  }
  if (!is_event(fd)) {
    FAULT(read, -1);
  }
  return system_call(SYS_read, fd, data, bytes);
}
ssize_t recv(int fd, void* data, std::size_t bytes, int flags) {
  FAULT(read, -1);
  return system_call(SYS_recvfrom, fd, data, bytes, flags, nullptr, nullptr);
}
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  FAULT(read, -1);
  return system_call(SYS_recvmsg, fd, message, flags);
}
ssize_t write(int fd, const void* data, std::size_t bytes) {
  if (!is_event(fd)) {
    FAULT(write, -1);
  }
  return system_call(SYS_write, fd, data, bytes);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  FAULT(write, -1);
  return system_call(SYS_writev, fd, parts, count);
}
ssize_t send(int fd, const void* data, std::size_t bytes, int flags) {
  FAULT(write, -1);
  return system_call(SYS_sendto, fd, data, bytes, flags, nullptr, 0);
}
ssize_t sendto(int fd, const void* data, std::size_t bytes, int flags, const sockaddr* address,
               socklen_t address_bytes) {
  FAULT(write, -1);
  return system_call(SYS_sendto, fd, data, bytes, flags, address, address_bytes);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  FAULT(write, -1);
  return system_call(SYS_sendmsg, fd, message, flags);
}

// What the compiler makes of them where it knows the size of the buffer.
ssize_t __read_chk(int fd, void* data, std::size_t bytes, std::size_t room);
ssize_t __recv_chk(int fd, void* data, std::size_t bytes, std::size_t room, int flags);
int __poll_chk(pollfd* entries, nfds_t count, int timeout_ms, std::size_t room);
int __ppoll_chk(pollfd* entries, nfds_t count, const timespec* limit, const sigset_t* mask,
                std::size_t room);

// --- events and connections ---

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  if (operation == EPOLL_CTL_ADD) {
    FAULT(epoll_ctl, -1);
  }
  return static_cast<int>(system_call(SYS_epoll_ctl, epoll, operation, fd, event));
}
int epoll_wait(int epoll, epoll_event* events, int most, int timeout_ms) {
  FAULT(epoll_wait, -1);
  return static_cast<int>(
      system_call(SYS_epoll_pwait, epoll, events, most, timeout_ms, nullptr, 8));
}
int poll(pollfd* entries, nfds_t count, int timeout_ms) {
  FAULT(poll, -1);
  return static_cast<int>(system_call(SYS_poll, entries, count, timeout_ms));
}
int ppoll(pollfd* entries, nfds_t count, const timespec* limit, const sigset_t* mask) {
  FAULT(poll, -1);
  // The kernel writes the rest of the time, of which the C library says nothing.
  timespec left{};
  if (limit != nullptr) left = *limit;
  return static_cast<int>(
      system_call(SYS_ppoll, entries, count, limit == nullptr ? nullptr : &left, mask, 8));
}
int connect(int fd, const sockaddr* address, socklen_t bytes) {
  FAULT(connect, -1);
  return static_cast<int>(system_call(SYS_connect, fd, address, bytes));
}
int accept4(int fd, sockaddr* address, socklen_t* bytes, int flags) {
  FAULT(accept, -1);
  return static_cast<int>(system_call(SYS_accept4, fd, address, bytes, flags));
}

int __poll_chk(pollfd* entries, nfds_t count, int timeout_ms, std::size_t) {
  FAULT(poll, -1);
  return static_cast<int>(system_call(SYS_poll, entries, count, timeout_ms));
}
int __ppoll_chk(pollfd* entries, nfds_t count, const timespec* limit, const sigset_t* mask,
                std::size_t) {
  FAULT(poll, -1);
  timespec left{};
  if (limit != nullptr) left = *limit;
  return static_cast<int>(
      system_call(SYS_ppoll, entries, count, limit == nullptr ? nullptr : &left, mask, 8));
}
ssize_t __read_chk(int fd, void* data, std::size_t bytes, std::size_t) {
  if (!is_event(fd)) {
    FAULT(read, -1);
  }
  return system_call(SYS_read, fd, data, bytes);
}
ssize_t __recv_chk(int fd, void* data, std::size_t bytes, std::size_t, int flags) {
  FAULT(read, -1);
  return system_call(SYS_recvfrom, fd, data, bytes, flags, nullptr, nullptr);
}

// --- threads and processes ---

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  FAULT(thread, errno);
  static const auto real = next<decltype(pthread_create)>("pthread_create");
  return real(thread, attributes, run, argument);
}
pid_t fork() noexcept {
  FAULT(process, -1);
  static const auto real = next<decltype(fork)>("fork");
  return real();
}
int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* files,
                const posix_spawnattr_t* attributes, char* const arguments[],
                char* const environment[]) {
  FAULT(process, errno);
  static const auto real = next<decltype(posix_spawn)>("posix_spawn");
  return real(pid, path, files, attributes, arguments, environment);
}

// --- descriptors ---

int open(const char* path, int flags, ...) {
  FAULT(open, -1);
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  return static_cast<int>(system_call(SYS_openat, AT_FDCWD, path, flags, mode));
}
int socket(int domain, int type, int protocol) noexcept {
  FAULT(open, -1);
  return static_cast<int>(system_call(SYS_socket, domain, type, protocol));
}
int eventfd(unsigned value, int flags) noexcept {
  FAULT(open, -1);
  return remember_event(system_call(SYS_eventfd2, value, flags));
}
int epoll_create1(int flags) noexcept {
  FAULT(open, -1);
  return static_cast<int>(system_call(SYS_epoll_create1, flags));
}
int timerfd_create(clockid_t clock, int flags) noexcept {
  FAULT(open, -1);
  const char* pipe = ::getenv("CARDEA_FAULTS_CLOCK_SET");
  if (clock == CLOCK_REALTIME && pipe != nullptr) {
    const long fd = system_call(SYS_openat, AT_FDCWD, pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    g_clock_set = static_cast<int>(fd);
    return static_cast<int>(fd);
  }
  return remember_event(system_call(SYS_timerfd_create, clock, flags));
}
int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* before) noexcept {
  if (fd >= 0 && fd == g_clock_set) return 0;
  return static_cast<int>(system_call(SYS_timerfd_settime, fd, flags, value, before));
}

int close(int fd) {
  if (is_event(fd)) g_is_event[static_cast<std::size_t>(fd)] = false;
  return static_cast<int>(system_call(SYS_close, fd));
}

// --- clocks ---

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto real = next<decltype(clock_gettime)>("clock_gettime");
  const int status = real(clock, now);
  if (status != 0 || g_control == nullptr) return status;
  if (clock == CLOCK_REALTIME) now->tv_sec += g_control->realtime_s;
  if (clock == CLOCK_BOOTTIME) now->tv_sec += g_control->boottime_s;
  return 0;
}

// Waits until a time of the wall clock: one that is set forth ends them, one that is set back
// makes them long. What is counted here should be 0.

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  note_wall_wait(__builtin_return_address(0));
  static const auto real = next<decltype(pthread_cond_timedwait)>("pthread_cond_timedwait");
  return real(condition, mutex, until);
}
int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* until) noexcept {
  note_wall_wait(__builtin_return_address(0));
  static const auto real = next<decltype(pthread_mutex_timedlock)>("pthread_mutex_timedlock");
  return real(mutex, until);
}
int sem_timedwait(sem_t* semaphore, const timespec* until) {
  note_wall_wait(__builtin_return_address(0));
  static const auto real = next<decltype(sem_timedwait)>("sem_timedwait");
  return real(semaphore, until);
}
int timer_create(clockid_t clock, sigevent* event, timer_t* timer) noexcept {
  FAULT(open, -1);
  if (clock == CLOCK_REALTIME) note_wall_wait(__builtin_return_address(0));
  static const auto real = next<decltype(timer_create)>("timer_create");
  return real(clock, event, timer);
}

}  // extern "C"
#pragma GCC visibility pop
