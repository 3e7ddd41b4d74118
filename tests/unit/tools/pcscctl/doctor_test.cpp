// The doctor on made-up machines, each with one thing broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/unix_socket.hpp"
#include "tools/pcscctl/doctor/doctor_view.hpp"

namespace cardea::ctl {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kBacklog = 4;

/// A machine on which all is well; the tests break it.
class Doctor : public testing::Test {
 protected:
  Doctor() {
    std::string pattern = (fs::temp_directory_path() / "cardea-doctor-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    host.root = pattern;
    fs::create_directories(host.at("/run/systemd/system"));
    fs::create_directories(host.at("/run/pcscd"));
    write("/usr/lib/systemd/system/pcscd.socket", "");
    write(kService, "[Service]\nExecStart=/usr/sbin/pcscd --foreground\n");
    write("/usr/sbin/pcscd", "ELF ... cardea-control ...");
    link("/usr/lib/systemd/system/pcscd.socket",
         "/etc/systemd/system/sockets.target.wants/pcscd.socket");
    listener = std::move(*listen_unix(host.at(host.socket), kBacklog));
    write("/usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0", "ELF");
    link("libpcsclite.so.1.0.0", "/usr/lib/x86_64-linux-gnu/libpcsclite.so.1");
    write(kInfo, info("handler.so"));
    fs::create_directories(host.at(kBinaries));
    fs::copy_file(CARDEA_GOOD_HANDLER, host.at(std::string(kBinaries) + "/handler.so"));
    write("/etc/passwd", "root:x:0:0:::\npcscd:x:990:980:::\n");
    write("/etc/group", "root:x:0:\nplugdev:x:46:pcscd\n");
    process(100, "pcscd", "/usr/sbin/pcscd", 990);
    write("/run/pcscd/pcscd.control", "");
  }
  ~Doctor() override {
    std::error_code ignored;
    fs::remove_all(host.root, ignored);
  }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(host.at(path)).parent_path());
    std::ofstream(host.at(path)) << text;
  }
  void link(const std::string& target, const std::string& path) const {
    fs::create_directories(fs::path(host.at(path)).parent_path());
    fs::remove(host.at(path));
    fs::create_symlink(target, host.at(path));
  }
  void process(int pid, const std::string& name, const std::string& file, int uid) const {
    const std::string directory = "/proc/" + std::to_string(pid);
    write(directory + "/comm", name + "\n");
    write(directory + "/status", "Name:\t" + name + "\nUid:\t" + std::to_string(uid) + "\t0\n");
    link(file, directory + "/exe");
  }
  /// A smart-card reader at USB 1-2, that the daemon may open.
  void plug_reader(const std::string& vendor, const std::string& product) const {
    const std::string device = "/sys/bus/usb/devices/1-2";
    write(device + "/idVendor", vendor + "\n");
    write(device + "/idProduct", product + "\n");
    write(device + "/product", "Test Reader\n");
    write(device + "/busnum", "1\n");
    write(device + "/devnum", "4\n");
    write("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "0b\n");
    write(kNode, "");
    ::chmod(host.at(kNode).c_str(), 0666);
  }
  static std::string info(const std::string& library) {
    return "<plist><dict><key>CFBundleExecutable</key><string>" + library +
           "</string><key>ifdProtocolVersion</key><string>0x00000001</string>"
           "<key>ifdVendorID</key><array><string>0x1234</string></array>"
           "<key>ifdProductID</key><array><string>0x5678</string></array>"
           "<key>ifdFriendlyName</key><array><string>Test Reader</string></array>"
           "<key>ifdCapabilities</key><string>0</string></dict></plist>";
  }
  /// Ids of what is not good, with the remedies checked on the way.
  [[nodiscard]] std::vector<std::string> named() const {
    std::vector<std::string> ids;
    for (const Examined& one : examine(host)) {
      for (const Finding& finding : one.findings) {
        if (finding.verdict <= Verdict::note) continue;
        ids.push_back(finding.id);
        EXPECT_FALSE(finding.remedy.empty()) << finding.text;
      }
    }
    return ids;
  }
  [[nodiscard]] std::vector<std::string> notes() const {
    std::vector<std::string> ids;
    for (const Examined& one : examine(host)) {
      for (const Finding& finding : one.findings) {
        // A journal cannot be made up here; doctor_test of the system tests has a real one.
        if (finding.id == "refused-no-journal") continue;
        if (finding.verdict == Verdict::note) ids.push_back(finding.id);
      }
    }
    return ids;
  }

  static constexpr const char* kService = "/usr/lib/systemd/system/pcscd.service";
  static constexpr const char* kBinaries = "/usr/lib/pcsc/drivers/test.bundle/Contents/Linux";
  static constexpr const char* kInfo = "/usr/lib/pcsc/drivers/test.bundle/Contents/Info.plist";
  static constexpr const char* kPolicy = "/usr/share/polkit-1/actions/org.debian.policy";
  static constexpr const char* kActions = "<action id=\"org.debian.pcsc-lite.access_pcsc\"/>";
  static constexpr const char* kNode = "/dev/bus/usb/001/004";
  Host host;
  UniqueFd listener;
};

TEST_F(Doctor, FindsNothingOnASoundMachine) {
  EXPECT_THAT(named(), ElementsAre());
  plug_reader("1234", "5678");
  EXPECT_THAT(named(), ElementsAre());
  EXPECT_THAT(notes(), ElementsAre());
  EXPECT_THAT(doctor_text(examine(host), Style(false)), HasSubstr("Nothing is wrong."));
}

TEST_F(Doctor, NamesAMissingSocket) {
  fs::remove(host.at(host.socket));
  EXPECT_THAT(named(), ElementsAre("socket-missing"));
}

TEST_F(Doctor, NamesAFileInPlaceOfTheSocket) {
  fs::remove(host.at(host.socket));
  write(host.socket, "");
  EXPECT_THAT(named(), ElementsAre("socket-no-socket"));
}

TEST_F(Doctor, NamesASocketThatNobodyServes) {
  listener.reset();
  EXPECT_THAT(named(), ElementsAre("socket-dead"));
}

TEST_F(Doctor, NamesASocketThatIsNotForEverybody) {
  ::chmod(host.at(host.socket).c_str(), 0660);
  EXPECT_THAT(named(), ElementsAre("socket-closed"));
}

TEST_F(Doctor, NamesADirectoryThatIsNotForEverybody) {
  ::chmod(host.at("/run/pcscd").c_str(), 0750);
  EXPECT_THAT(named(), ElementsAre("socket-directory-closed"));
}

TEST_F(Doctor, MentionsASocketThatIsElsewhere) {
  host.socket_from_environment = true;
  EXPECT_THAT(notes(), ElementsAre("socket-moved", "usb-none"));
}

TEST_F(Doctor, NamesADaemonThatTheUnitCannotStart) {
  fs::remove(host.at("/usr/sbin/pcscd"));
  EXPECT_THAT(named(), ElementsAre("units-no-program"));
}

TEST_F(Doctor, NamesAUnitThatStartsAnotherDaemon) {
  write("/usr/sbin/pcscd", "ELF of Debian's package");
  EXPECT_THAT(named(), ElementsAre("units-foreign"));
  // Ours comes before it.
  write("/usr/local/lib/systemd/system/pcscd.service", "[Service]\nExecStart=-/opt/pcscd -f\n");
  write("/opt/pcscd", "cardea-control");
  EXPECT_THAT(named(), ElementsAre());
  fs::remove(host.at("/etc/systemd/system/sockets.target.wants/pcscd.socket"));
  write("/opt/pcscd", "");
  EXPECT_THAT(named(), ElementsAre("units-foreign", "units-disabled"));
}

TEST_F(Doctor, MentionsAMachineWithoutSystemdAndWithoutDaemon) {
  fs::remove_all(host.at("/run/systemd"));
  fs::remove_all(host.at("/proc/100"));
  EXPECT_THAT(notes(), ElementsAre("units-no-systemd", "daemon-none", "usb-none"));
}

TEST_F(Doctor, NamesAMaskedUnit) {
  link("/dev/null", "/etc/systemd/system/pcscd.socket");
  EXPECT_THAT(named(), ElementsAre("units-masked"));
}

TEST_F(Doctor, NamesADisabledAndAMissingUnit) {
  fs::remove(host.at("/etc/systemd/system/sockets.target.wants/pcscd.socket"));
  EXPECT_THAT(named(), ElementsAre("units-disabled"));
  fs::remove(host.at("/usr/lib/systemd/system/pcscd.socket"));
  EXPECT_THAT(named(), ElementsAre("units-missing"));
}

TEST_F(Doctor, NamesSeveralAndReplacedDaemons) {
  process(101, "pcscd", "/opt/pcscd (deleted)", 990);
  EXPECT_THAT(named(), ElementsAre("daemon-several", "daemon-replaced"));
}

TEST_F(Doctor, NamesADaemonThatIsNotCardeas) {
  fs::remove(host.at("/run/pcscd/pcscd.control"));
  EXPECT_THAT(named(), ElementsAre("daemon-foreign"));
}

TEST_F(Doctor, NamesMissingBrokenAndSeveralLibraries) {
  write("/usr/local/lib/libpcsclite.so.1", "ELF");
  EXPECT_THAT(named(), ElementsAre("library-several"));
  fs::remove(host.at("/usr/local/lib/libpcsclite.so.1"));
  fs::remove(host.at("/usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0"));
  EXPECT_THAT(named(), ElementsAre("library-broken"));
  fs::remove(host.at("/usr/lib/x86_64-linux-gnu/libpcsclite.so.1"));
  EXPECT_THAT(named(), ElementsAre("library-missing"));
}

TEST_F(Doctor, NamesProgramsWithAReplacedLibrary) {
  process(200, "firefox", "/usr/bin/firefox", 1000);
  write("/proc/200/maps", "7f00-7f01 r-xp 00 08:01 12 /usr/lib/libpcsclite.so.1.0.0 (deleted)\n");
  EXPECT_THAT(named(), ElementsAre("library-replaced"));
}

TEST_F(Doctor, MentionsProgramsWithSeveralLibraries) {
  process(200, "firefox", "/usr/bin/firefox", 1000);
  write("/proc/200/maps", "7f00-7f01 r-xp 00 08:01 12 /usr/lib/libpcsclite.so.1.0.0\n");
  EXPECT_THAT(notes(), ElementsAre("usb-none"));
  process(201, "old", "/opt/old", 1000);
  write("/proc/201/maps", "7f00-7f01 r-xp 00 08:01 12 /opt/libpcsclite.so.1.0.0\n");
  EXPECT_THAT(notes(), ElementsAre("library-mixed", "usb-none"));
}

TEST_F(Doctor, SaysWhoseLibraryIsUsedByWhom) {
  write("/usr/lib/x86_64-linux-gnu/libpcsclite.so.1.0.0", "ELF... CARDEA_TRACE ...");
  process(200, "firefox", "/usr/bin/firefox", 1000);
  write("/proc/200/maps",
        std::string(100'000, 'x') + "\n7f00-7f01 r-xp 00 08:01 12 /opt/libpcsclite.so.1.0.0\n");
  const Findings found = check_libraries(host);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_THAT(found[0].text, HasSubstr("(libpcsclite.so.1.0.0, Cardea's)"));
  EXPECT_EQ(found[1].text, "firefox (pid 200) uses /opt/libpcsclite.so.1.0.0");
}

TEST_F(Doctor, MentionsCopiesInSandboxes) {
  write("/var/lib/flatpak/app/org.example.App/current/active/files/lib/libpcsclite.so.1", "ELF");
  EXPECT_THAT(notes(), ElementsAre("library-bundled", "usb-none"));
}

TEST_F(Doctor, NamesADriverThatIsNone) {
  write(std::string(kBinaries) + "/handler.so", "no library");
  EXPECT_THAT(named(), ElementsAre("bundles-handler", "bundles-none"));
}

TEST_F(Doctor, NamesAMissingDirectoryOfDrivers) {
  fs::remove_all(host.at("/usr/lib/pcsc/drivers"));
  EXPECT_THAT(named(), ElementsAre("bundles-missing"));
}

TEST_F(Doctor, NamesABrokenBundle) {
  write("/usr/lib/pcsc/drivers/bad.bundle/Contents/Info.plist", "<plist");
  EXPECT_THAT(named(), testing::Contains("bundles-problem"));
}

TEST_F(Doctor, NamesABrokenReaderConf) {
  write("/etc/reader.conf.d/bad", "FRIENDLYNAME \"x\"\nLIBPATH /nowhere.so\n");
  EXPECT_THAT(named(), testing::Contains("reader-conf-problem"));
}

TEST_F(Doctor, NamesAConfiguredDriverThatIsNone) {
  write("/etc/reader.conf.d/one", "FRIENDLYNAME x\nDEVICENAME virtual:\nLIBPATH /etc/passwd\n");
  EXPECT_THAT(named(), ElementsAre("reader-conf-handler"));
}

TEST_F(Doctor, NamesAReaderConfThatCannotBeRead) {
  link("nowhere", "/etc/reader.conf.d");
  EXPECT_THAT(named(), ElementsAre("reader-conf-unreadable"));
}

TEST_F(Doctor, NamesAReaderWithoutDriver) {
  plug_reader("1234", "9999");
  EXPECT_THAT(named(), ElementsAre("usb-no-driver"));
}

TEST_F(Doctor, NamesAReaderThatTheDaemonMayNotOpen) {
  plug_reader("1234", "5678");
  ::chmod(host.at(kNode).c_str(), 0640);
  EXPECT_THAT(named(), ElementsAre("usb-not-allowed"));
  fs::remove(host.at(kNode));
  EXPECT_THAT(named(), ElementsAre("usb-no-node"));
}

TEST_F(Doctor, NamesAKernelDriverThatHasTheReader) {
  plug_reader("1234", "5678");
  link("../../../../bus/usb/drivers/pn533_usb", "/sys/bus/usb/devices/1-2:1.0/driver");
  EXPECT_THAT(named(), ElementsAre("rival-kernel"));
}

TEST_F(Doctor, NamesAnScdaemonThatHasTheReader) {
  process(300, "scdaemon", "/usr/lib/gnupg/scdaemon", 1000);
  EXPECT_THAT(named(), ElementsAre()) << "one that uses pcscd is fine";
  link("/dev/bus/usb/001/004", "/proc/300/fd/9");
  EXPECT_THAT(named(), ElementsAre("rival-scdaemon"));
}

TEST_F(Doctor, NamesPolkitRulesWithoutPolkit) {
  write("/etc/polkit-1/rules.d/50-cards.rules",
        "action.id == \"org.debian.pcsc-lite.access_card\"");
  EXPECT_THAT(named(), ElementsAre("polkit-missing"));
  write("/usr/lib/polkit-1/polkitd", "");
  write(kPolicy, kActions);
  EXPECT_THAT(named(), ElementsAre());
  EXPECT_THAT(notes(), testing::Contains("polkit-rules"));
}

TEST_F(Doctor, NamesAPolkitThatDoesNotKnowTheActions) {
  write("/usr/libexec/polkitd", "");
  write("/usr/share/polkit-1/actions/other.policy", "<action id=\"org.example.do\"/>");
  EXPECT_THAT(named(), ElementsAre("polkit-no-policy"));
  write("/usr/local/share/polkit-1/actions/org.debian.policy", kActions);
  EXPECT_THAT(named(), ElementsAre("polkit-no-policy")) << "it does not look there";
  write(kPolicy, kActions);
  EXPECT_THAT(named(), ElementsAre());
}

TEST_F(Doctor, MentionsPlacesThatReadersDoNotReach) {
  write("/sys/class/dmi/id/sys_vendor", "QEMU\n");
  EXPECT_THAT(notes(), testing::Contains("place-vm"));
  write("/.dockerenv", "");
  EXPECT_THAT(notes(), testing::Contains("place-container"));
  write("/proc/sys/kernel/osrelease", "5.15-microsoft-standard-WSL2\n");
  EXPECT_THAT(notes(), testing::Contains("place-wsl"));
}

}  // namespace
}  // namespace cardea::ctl
