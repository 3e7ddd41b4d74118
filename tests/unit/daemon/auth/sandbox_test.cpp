#include "daemon/auth/sandbox.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace cardea::auth {
namespace {

const std::string kId = "3f1e0c2b9a8d7f6e5c4b3a291807f6e5d4c3b2a190817263544536271809fabc";
const std::string kUser = "/user.slice/user-1000.slice/user@1000.service/";

struct Sample {
  std::string text;
  Sandbox sandbox;
};

void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.text; }

class SandboxOf : public testing::TestWithParam<Sample> {};

TEST_P(SandboxOf, IsWhatTheGroupIsCalled) {
  const Sandbox found = parse_cgroups(GetParam().text);
  EXPECT_STREQ(to_string(found.kind), to_string(GetParam().sandbox.kind));
  EXPECT_EQ(found.app, GetParam().sandbox.app);
}

INSTANTIATE_TEST_SUITE_P(
    Version2, SandboxOf,
    testing::Values(
        Sample{"0::/\n", {}}, Sample{"0::/system.slice/sshd.service\n", {}},
        Sample{"0::/user.slice/user-1000.slice/session-2.scope\n", {}},
        Sample{"0::" + kUser + "app.slice/app-gnome-firefox-4711.scope\n", {}},
        Sample{"0::" + kUser + "app.slice/app-flatpak-org.mozilla.firefox-12345.scope\n",
               {SandboxKind::flatpak, "org.mozilla.firefox"}},
        Sample{"0::" + kUser + "app.slice/app-flatpak-org.example.with\\x2dminus-1.scope\n",
               {SandboxKind::flatpak, "org.example.with-minus"}},
        Sample{"0::" + kUser + "app.slice/snap.firefox.firefox-b2c1.scope\n",
               {SandboxKind::snap, "firefox"}},
        Sample{"0::/system.slice/snap.lxd.daemon.service\n", {SandboxKind::snap, "lxd"}},
        Sample{"0::/system.slice/docker-" + kId + ".scope\n",
               {SandboxKind::container, "3f1e0c2b9a8d"}},
        Sample{"0::" + kUser + "user.slice/libpod-" + kId + ".scope/container\n",
               {SandboxKind::container, "3f1e0c2b9a8d"}},
        Sample{"0::/kubepods.slice/kubepods-besteffort.slice/"
               "kubepods-besteffort-pod11.slice/cri-containerd-" +
                   kId + ".scope\n",
               {SandboxKind::container, "3f1e0c2b9a8d"}},
        Sample{"0::/machine.slice/machine-bookworm.scope/payload\n",
               {SandboxKind::container, "bookworm"}},
        Sample{"0::/machine.slice/systemd-nspawn@web.service/payload\n",
               {SandboxKind::container, "web"}},
        Sample{"0::/lxc.payload.mail/init.scope\n", {SandboxKind::container, "mail"}}));

INSTANTIATE_TEST_SUITE_P(
    Version1, SandboxOf,
    testing::Values(Sample{"12:pids:/docker/" + kId + "\n1:name=systemd:/docker/" + kId + "\n",
                           {SandboxKind::container, "3f1e0c2b9a8d"}},
                    Sample{"3:cpu,cpuacct:/\n1:name=systemd:/lxc/mail\n0::/\n",
                           {SandboxKind::container, "mail"}},
                    Sample{"5:memory:/kubepods/burstable/pod11/" + kId + "\n",
                           {SandboxKind::container, "3f1e0c2b9a8d"}},
                    Sample{"2:cpu:/\n1:name=systemd:" + kUser +
                               "app-flatpak-org.a.B-7.scope\n0::" + kUser + "x\n",
                           {SandboxKind::flatpak, "org.a.B"}},
                    Sample{"1:name=systemd:/init.scope\n", {}}));

INSTANTIATE_TEST_SUITE_P(
    Odd, SandboxOf,
    testing::Values(Sample{"", {}}, Sample{"nonsense", {}}, Sample{"0::", {}},
                    Sample{"0::/docker\n", {}}, Sample{"0::///\n", {}},
                    Sample{"0::/app-flatpak-.scope\n", {SandboxKind::flatpak, ""}},
                    // What is inside of a container may be called anything.
                    Sample{"0::/docker/" + kId + "/app-flatpak-org.trusted.App-1.scope\n",
                           {SandboxKind::container, "3f1e0c2b9a8d"}},
                    Sample{"0::/app-flatpak-a\\x-1.scope\n", {SandboxKind::flatpak, "a\\x"}}));

TEST(Sandbox, OfThisProcessIsKnownAndOfNobodyIsNot) {
  EXPECT_TRUE(read_sandbox(::getpid()).has_value());
  EXPECT_FALSE(read_sandbox(0).has_value());
  EXPECT_FALSE(read_sandbox(-1).has_value());
}

}  // namespace
}  // namespace cardea::auth
