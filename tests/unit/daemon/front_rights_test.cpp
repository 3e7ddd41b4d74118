// What the daemon gives up, each time in a child, because it cannot be taken back.
#include "daemon/front_rights.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"

namespace cardea {
namespace {

/// The errno of what is done in a child without these rights; 0 if it works.
template <typename Attempt>
int error_of(FrontUsb usb, const Attempt& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!drop_front_rights(usb)) ::_exit(255);
    errno = 0;
    ::_exit(attempt() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(FrontRights, NoProgramIsRun) {
  EXPECT_EQ(error_of(FrontUsb::closed,
                     [] { return ::execl("/bin/true", "true", static_cast<char*>(nullptr)); }),
            EPERM);
}

TEST(FrontRights, NoOtherProcessIsLookedInto) {
  EXPECT_EQ(error_of(FrontUsb::closed,
                     [] {
                       char byte = 0;
                       const iovec here{&byte, 1};
                       const iovec there{&byte, 1};
                       return ::process_vm_readv(::getppid(), &here, 1, &there, 1, 0);
                     }),
            EPERM);
}

TEST(FrontRights, SocketsAreForThisMachine) {
  EXPECT_EQ(error_of(FrontUsb::closed, [] { return ::socket(AF_INET, SOCK_STREAM, 0); }), EPERM);
  EXPECT_EQ(error_of(FrontUsb::closed, [] { return ::socket(AF_INET6, SOCK_DGRAM, 0); }), EPERM);
  EXPECT_EQ(error_of(FrontUsb::closed, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }), 0);
  EXPECT_EQ(error_of(FrontUsb::closed, [] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }), 0);
}

TEST(FrontRights, UsbDevicesAreAskedOnlyIfItIsWanted) {
  const auto ask = [] {
    const UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
    usbdevfs_getdriver driver{};
    return ::ioctl(file.get(), USBDEVFS_GETDRIVER, &driver);
  };
  EXPECT_EQ(error_of(FrontUsb::closed, ask), EPERM);
  EXPECT_EQ(error_of(FrontUsb::open, ask), ENOTTY);
}

TEST(FrontRights, OtherRequestsGoOn) {
  EXPECT_EQ(error_of(FrontUsb::closed,
                     [] {
                       int ends[2];
                       int waiting = 0;
                       return ::pipe(ends) < 0 ? -1 : ::ioctl(ends[0], FIONREAD, &waiting);
                     }),
            0);
}

}  // namespace
}  // namespace cardea
