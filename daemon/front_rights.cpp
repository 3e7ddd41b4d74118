#include "daemon/front_rights.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace cardea {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kForeignNumbers = 0x40000000;  // x32
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kForeignNumbers = 0;
#elif defined(__i386__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_I386;
constexpr std::uint32_t kForeignNumbers = 0;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
constexpr std::uint32_t kForeignNumbers = 0;
#else
constexpr std::uint32_t kArchitecture = 0;
constexpr std::uint32_t kForeignNumbers = 0;
#endif

// The leak check of AddressSanitizer traces its own process.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kTracesItself = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kTracesItself = true;
#else
constexpr bool kTracesItself = false;
#endif
#else
constexpr bool kTracesItself = false;
#endif

constexpr std::array kRefused{
    SYS_execve,
    SYS_execveat,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_by_handle_at,
    SYS_add_key,
    SYS_keyctl,
    SYS_request_key,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
};

/// The type that all requests of the kernel's USB device files have (linux/usbdevice_fs.h).
constexpr std::uint32_t kUsbRequests = std::uint32_t{'U'} << 8;
constexpr std::uint32_t kRequestType = 0xFF00;

constexpr std::uint32_t kNumberAt = offsetof(seccomp_data, nr);
constexpr std::uint32_t kArchitectureAt = offsetof(seccomp_data, arch);
/// The low half of an argument; these architectures are little-endian.
constexpr std::uint32_t argument_at(std::uint32_t index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 8 * index;
}

/// A program of the kernel's filter machine; every jump is over the next instruction only.
class Program {
 public:
  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, offset); }
  void keep_bits(std::uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, bits); }
  void refuse() { add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM); }
  void allow() { add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }
  void refuse_if(std::uint32_t value) { skip_unless(value), refuse(); }
  void refuse_unless(std::uint32_t value) {
    code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 1, 0, value});
    refuse();
  }
  void allow_if(std::uint32_t value) { skip_unless(value), allow(); }
  void refuse_if_any(std::uint32_t bits) {
    code_.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits});
    refuse();
  }
  /// Goes on behind the next `count` instructions unless the value is this one.
  void skip_unless(std::uint32_t value, std::uint8_t count = 1) {
    code_.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, count, value});
  }
  [[nodiscard]] std::vector<sock_filter>& code() { return code_; }

 private:
  void add(int code, std::uint32_t value) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
  }

  std::vector<sock_filter> code_;
};

Program make_program(FrontUsb usb) {
  Program program;
  program.load(kArchitectureAt);
  program.refuse_unless(kArchitecture);
  program.load(kNumberAt);
  if (kForeignNumbers != 0) program.refuse_if_any(kForeignNumbers);
  for (const long number : kRefused) program.refuse_if(static_cast<std::uint32_t>(number));
  if (!kTracesItself) program.refuse_if(SYS_ptrace);
  program.skip_unless(SYS_socket, 6);
  program.load(argument_at(0));
  program.allow_if(AF_UNIX);
  program.allow_if(AF_NETLINK);
  program.refuse();
  if (usb == FrontUsb::closed) {
    program.skip_unless(SYS_ioctl, 4);
    program.load(argument_at(1));
    program.keep_bits(kRequestType);
    program.refuse_if(kUsbRequests);
  }
  program.allow();
  return program;
}

}  // namespace

Result<void> drop_front_rights(FrontUsb usb) {
  if (kArchitecture == 0) return failure(ScardRv::internal_error, "not for this architecture");
  Program program = make_program(usb);
  const sock_fprog filter{static_cast<unsigned short>(program.code().size()),
                          program.code().data()};
  const bool done = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                    ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
  if (!done) return failure(ScardRv::internal_error, std::strerror(errno));
  // Nobody with our user, such as a driver's process, gets at our memory.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return {};
}

}  // namespace cardea
