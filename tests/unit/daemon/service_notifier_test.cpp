#include "daemon/service_notifier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.hpp"

namespace cardea {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

/// systemd's end: an abstract socket that the kernel names.
class Manager {
 public:
  Manager() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), generic, sizeof address.sun_family), 0);
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(fd_.get(), generic, &length), 0);
    std::string name(address.sun_path, length - offsetof(sockaddr_un, sun_path));
    name.front() = '@';
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() { ::unsetenv("NOTIFY_SOCKET"); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// The next message; empty if there is none.
  std::string message() {
    std::array<char, 4096> text{};
    const ssize_t got = ::recv(fd_.get(), text.data(), text.size(), 0);
    return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : std::string();
  }

 private:
  UniqueFd fd_;
};

TEST(ServiceNotifier, IsReadyOnceTheFirstReadersHaveBeenTried) {
  Manager manager;
  ServiceNotifier notifier;
  EXPECT_TRUE(notifier.is_wanted());
  notifier.report(0, 1, /*starting=*/true);
  EXPECT_EQ(manager.message(), "STATUS=0 readers, 1 client\n");
  notifier.report(1, 1, /*starting=*/false);
  EXPECT_EQ(manager.message(), "READY=1\nSTATUS=1 reader, 1 client\n");
  notifier.report(2, 3, /*starting=*/false);
  EXPECT_EQ(manager.message(), "STATUS=2 readers, 3 clients\n");
}

TEST(ServiceNotifier, SaysNothingTwice) {
  Manager manager;
  ServiceNotifier notifier;
  notifier.report(0, 0, false);
  EXPECT_THAT(manager.message(), HasSubstr("READY=1"));
  notifier.report(0, 0, false);
  EXPECT_EQ(manager.message(), "");
}

TEST(ServiceNotifier, SaysWhenAReloadBeginsAndEnds) {
  Manager manager;
  ServiceNotifier notifier;
  notifier.reloading();
  notifier.reloaded();
  EXPECT_EQ(manager.message(), "") << "the service is not ready yet";
  notifier.report(0, 0, false);
  manager.message();
  notifier.reloading();
  EXPECT_THAT(manager.message(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
  notifier.reloaded();
  EXPECT_EQ(manager.message(), "READY=1");
  notifier.stopping();
  EXPECT_EQ(manager.message(), "STOPPING=1");
}

TEST(ServiceNotifier, FeedsTheWatchdogWithEachReportIfThereIsOne) {
  Manager manager;
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  ServiceNotifier notifier;
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(notifier.watchdog_period(), std::chrono::seconds(5));
  for (int i = 0; i < 3; ++i) {
    notifier.report(0, 0, false);
    EXPECT_THAT(manager.message(), HasSubstr("WATCHDOG=1\n"));
  }
}

TEST(ServiceNotifier, IsQuietWithoutSystemd) {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceNotifier notifier;
  EXPECT_FALSE(notifier.is_wanted());
  EXPECT_EQ(notifier.watchdog_period(), std::nullopt);
  notifier.report(0, 0, false);
  notifier.stopping();
}

}  // namespace
}  // namespace cardea
