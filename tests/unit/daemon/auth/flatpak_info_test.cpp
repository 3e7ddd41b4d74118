// The file that names a flatpak: its text, and what a process may put in its place.
#include "daemon/auth/flatpak_info.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>

#include "base/unique_fd.hpp"
#include "daemon/auth/sandbox.hpp"

namespace cardea::auth {
namespace {

constexpr const char* kInfo =
    "[Application]\nname=org.example.App\nruntime=runtime/x/y/1\n\n[Instance]\nname=other\n";

TEST(FlatpakInfo, NamesTheApplication) {
  EXPECT_EQ(parse_flatpak_info(kInfo), "org.example.App");
  EXPECT_EQ(parse_flatpak_info("[Instance]\nname=x\n[Application]\nname=a.b_c-d"), "a.b_c-d");
}

TEST(FlatpakInfo, NamesNothingElse) {
  for (const char* text :
       {"", "\n\n", "name=org.example.App\n", "[Runtime]\nname=org.example.App\n",
        "[Application]\nname=\n", "[Application]\nname=a b\n", "[Application]\nname=a\033[31m\n",
        "[Application]\n[Other]\nname=a\n"}) {
    EXPECT_EQ(parse_flatpak_info(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_flatpak_info("[Application]\nname=" + std::string(300, 'a')), std::nullopt);
}

TEST(MountType, IsThatOfTheNumber) {
  constexpr const char* kMounts =
      "22 1 0:20 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n"
      "221 22 0:21 / /a\\040b rw - fuse.sshfs host: rw\n23 22 0:22 / /run rw - tmpfs tmpfs rw\n";
  EXPECT_EQ(mount_type(kMounts, "22"), "ext4");
  EXPECT_EQ(mount_type(kMounts, "221"), "fuse.sshfs");
  EXPECT_EQ(mount_type(kMounts, "23"), "tmpfs");
  EXPECT_EQ(mount_type(kMounts, "2"), "");
  EXPECT_EQ(mount_type("22 1 0:20 / / rw", "22"), "");
}

bool write_file(const char* path, const std::string& text = kInfo) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

/// Where everybody may mount things; the user is root in there.
bool enter_namespaces() {
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         write_file("/proc/self/uid_map", "0 " + uid + " 1\n") &&
         write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/gid_map", "0 " + gid + " 1\n");
}

/// A process with namespaces and a root of its own, as everybody may make one. It is there until
/// this object goes.
class Boxed {
 public:
  /// `furnish` is called in the new root and says whether that went well.
  explicit Boxed(const char* file_system, const std::function<bool()>& furnish) {
    std::array<int, 2> ready{};
    std::array<int, 2> stay{};
    if (::pipe(ready.data()) != 0 || ::pipe(stay.data()) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(stay[1]);
      char state =
          enter_namespaces() && ::mount("none", "/tmp", file_system, 0, nullptr) == 0 ? 'y' : 's';
      if (state == 'y' && (::chroot("/tmp") != 0 || ::chdir("/") != 0 || !furnish())) state = 'n';
      const bool told = ::write(ready[1], &state, 1) == 1;
      while (told && ::read(stay[0], &state, 1) > 0) continue;
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(stay[0]);
    if (::read(ready[0], &state_, 1) != 1) state_ = 'n';
    ::close(ready[0]);
    stay_ = UniqueFd(stay[1]);
  }
  ~Boxed() {
    stay_.reset();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  Boxed(const Boxed&) = delete;
  Boxed& operator=(const Boxed&) = delete;
  [[nodiscard]] bool is_forbidden() const { return state_ == 's'; }
  [[nodiscard]] bool is_there() const { return state_ == 'y'; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  char state_ = 'n';
  UniqueFd stay_;
};

std::optional<std::string> read_in(const char* file_system, const std::function<bool()>& furnish,
                                   bool& forbidden) {
  const Boxed box(file_system, furnish);
  forbidden = box.is_forbidden();
  if (forbidden) return std::nullopt;
  EXPECT_TRUE(box.is_there());
  return read_flatpak_info(box.pid());
}

TEST(FlatpakInfo, IsReadInTheRootOfTheProcess) {
  const Boxed box("tmpfs", [] { return write_file("/.flatpak-info"); });
  if (box.is_forbidden()) GTEST_SKIP() << "no user namespaces here";
  ASSERT_TRUE(box.is_there());
  EXPECT_EQ(read_flatpak_info(box.pid()), "org.example.App");
  EXPECT_EQ(read_sandbox(box.pid()), (Sandbox{SandboxKind::flatpak, "org.example.App"}));
}

TEST(FlatpakInfo, IsNotReadWhereItCouldHoldUsUp) {
  bool forbidden = false;
  const auto a_pipe = [] { return ::mkfifo("/.flatpak-info", 0666) == 0; };
  EXPECT_EQ(read_in("tmpfs", a_pipe, forbidden), std::nullopt);
  if (forbidden) GTEST_SKIP() << "no user namespaces here";
  const auto a_link = [] { return write_file("/a") && ::symlink("/a", "/.flatpak-info") == 0; };
  EXPECT_EQ(read_in("tmpfs", a_link, forbidden), std::nullopt);
  const auto leased = [] {
    if (!write_file("/.flatpak-info")) return false;
    const int fd = ::open("/.flatpak-info", O_RDWR | O_CLOEXEC);
    // Whoever opens it has to wait until this process, which ignores that, is forced: 45 s.
    return ::fcntl(fd, F_SETLEASE, F_WRLCK) == 0 && ::signal(SIGIO, SIG_IGN) != SIG_ERR;
  };
  EXPECT_EQ(read_in("tmpfs", leased, forbidden), std::nullopt);
  const auto elsewhere = [] {
    return write_file("/.flatpak-info") && ::mkdir("/other", 0700) == 0 &&
           ::mount("none", "/other", "ramfs", 0, nullptr) == 0 && write_file("/other/a") &&
           ::mount("/other/a", "/.flatpak-info", nullptr, MS_BIND, nullptr) == 0;
  };
  EXPECT_EQ(read_in("tmpfs", elsewhere, forbidden), std::nullopt);
  const auto ordinary = [] { return write_file("/.flatpak-info"); };
  EXPECT_EQ(read_in("ramfs", ordinary, forbidden), std::nullopt);
}

TEST(FlatpakInfo, OfNobodyAndOfThisProcessIsNone) {
  EXPECT_EQ(read_flatpak_info(0), std::nullopt);
  EXPECT_EQ(read_flatpak_info(::getpid()), std::nullopt);
}

}  // namespace
}  // namespace cardea::auth
