#include "drivers/virtual/control_server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "base/unix_socket.hpp"
#include "tests/unit/drivers/virtual/test_host.hpp"

namespace cardea::virtual_reader {
namespace {

/// One connection to a control socket.
class ControlClient {
 public:
  explicit ControlClient(const std::string& path) {
    Result<UniqueFd> fd = connect_unix(path);
    EXPECT_TRUE(fd);
    if (fd) fd_ = std::move(*fd);
  }

  void send(std::string_view text) const {
    EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  /// Up to and including the line that starts with "ok" or "error"; "" after a hang-up.
  std::string receive_answer() {
    std::string answer;
    while (true) {
      const std::string line = receive_line();
      answer += line;
      if (line.empty() || line.starts_with("ok") || line.starts_with("error")) return answer;
    }
  }

  std::string ask(std::string_view command) {
    send(std::string(command) + "\n");
    return receive_answer();
  }

 private:
  std::string receive_line() {
    while (true) {
      const std::size_t end = input_.find('\n');
      if (end != std::string::npos) {
        std::string line = input_.substr(0, end + 1);
        input_.erase(0, end + 1);
        return line;
      }
      std::array<char, 4096> buffer{};
      const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (received <= 0) return {};
      input_.append(buffer.data(), static_cast<std::size_t>(received));
    }
  }

  UniqueFd fd_;
  std::string input_;
};

class ControlSocket : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const std::string path_ = folder_.file("control");
};

TEST_F(ControlSocket, MovesCardsBeforeItAnswers) {
  const OpenReader reader(0, "virtual:slots=2:control=" + path_, 2);
  ControlClient client(path_);
  EXPECT_EQ(client.ask("remove 1"), "ok slot 1 is empty\n");
  EXPECT_EQ(IFDHICCPresence(reader.lun(1)), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(client.ask("insert 1 mute"), "ok slot 1 holds a card\n");
  EXPECT_EQ(IFDHICCPresence(reader.lun(1)), IFD_ICC_PRESENT);
  EXPECT_EQ(power(reader.lun(1)).rv, IFD_ERROR_POWER_ACTION);
  EXPECT_EQ(client.ask("remove 1"), "ok slot 1 is empty\n");
  EXPECT_EQ(IFDHICCPresence(reader.lun(1)), IFD_ICC_NOT_PRESENT);
  EXPECT_EQ(client.ask("insert 1 hello atr=t0"), "ok slot 1 holds a card\n");
  EXPECT_EQ(power(reader.lun(1)), ok(from_hex("3B 06 43 61 72 64 65 61")));
}

TEST_F(ControlSocket, TellsTheStateOfAllSlots) {
  const OpenReader reader(0, "virtual:slots=3:control=" + path_, 3);
  ControlClient client(path_);
  client.ask("remove 0");
  ASSERT_EQ(power(reader.lun(2)).rv, IFD_SUCCESS);
  EXPECT_EQ(client.ask("status"),
            "0 absent\n"
            "1 present hello unpowered\n"
            "2 present hello powered atr=3B86800143617264656137\n"
            "ok\n");
  ASSERT_EQ(IFDHSetProtocolParameters(reader.lun(2), 2, 0, 0, 0, 0), IFD_SUCCESS);
  EXPECT_EQ(client.ask("status"),
            "0 absent\n"
            "1 present hello unpowered\n"
            "2 present hello powered atr=3B86800143617264656137 protocol=t1\n"
            "ok\n");
}

TEST_F(ControlSocket, RefusesWhatMakesNoSense) {
  const OpenReader reader(0, "virtual:control=" + path_);
  ControlClient client(path_);
  EXPECT_EQ(client.ask("insert 0"), "error slot 0 already holds a card\n");
  EXPECT_EQ(client.ask("remove 0"), "ok slot 0 is empty\n");
  EXPECT_EQ(client.ask("remove 0"), "error slot 0 is empty\n");
  EXPECT_EQ(client.ask("remove 1"), "error '1' is not a slot of 0..0\n");
  EXPECT_EQ(client.ask("fly"), "error unknown command 'fly', try help\n");
  EXPECT_EQ(client.ask(""), "error empty command, try help\n");
}

TEST_F(ControlSocket, ExplainsItself) {
  const OpenReader reader(0, "virtual:control=" + path_);
  const std::string help = ControlClient(path_).ask("help");
  for (const std::string_view word : {"insert SLOT", "remove SLOT", "status", "help", "\nok\n"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
}

TEST_F(ControlSocket, TakesLinesInPiecesAndInBunches) {
  const OpenReader reader(0, "virtual:control=" + path_);
  ControlClient client(path_);
  client.send("rem");
  client.send("ove 0\ninsert 0\nremove 0\nstat");
  EXPECT_EQ(client.receive_answer(), "ok slot 0 is empty\n");
  EXPECT_EQ(client.receive_answer(), "ok slot 0 holds a card\n");
  EXPECT_EQ(client.receive_answer(), "ok slot 0 is empty\n");
  client.send("us\n");
  EXPECT_EQ(client.receive_answer(), "0 absent\nok\n");
}

TEST_F(ControlSocket, HangsUpOnALineWithoutEnd) {
  const OpenReader reader(0, "virtual:control=" + path_);
  ControlClient longest(path_);
  const std::string padding(ControlServer::kLineBytesMax - 6, ' ');
  EXPECT_EQ(longest.ask("status" + padding), "0 present hello unpowered\nok\n");
  ControlClient complete(path_);
  EXPECT_EQ(complete.ask("status" + padding + " "), "error line is longer than 256 characters\n");
  EXPECT_EQ(complete.receive_answer(), "");
  ControlClient endless(path_);
  endless.send(std::string(ControlServer::kLineBytesMax + 1, 'x'));
  EXPECT_EQ(endless.receive_answer(), "error line is longer than 256 characters\n");
  EXPECT_EQ(endless.receive_answer(), "");
}

TEST_F(ControlSocket, ServesManyClientsAtOnceAndQueuesTheRest) {
  const OpenReader reader(0, "virtual:control=" + path_);
  std::vector<ControlClient> clients;
  for (std::size_t i = 0; i < ControlServer::kClientsMax; ++i) clients.emplace_back(path_);
  for (ControlClient& client : clients) {
    EXPECT_EQ(client.ask("status"), "0 present hello unpowered\nok\n");
  }
  ControlClient queued(path_);
  queued.send("remove 0\n");
  EXPECT_EQ(clients[3].ask("status"), "0 present hello unpowered\nok\n");
  clients.pop_back();
  EXPECT_EQ(queued.receive_answer(), "ok slot 0 is empty\n");
}

TEST_F(ControlSocket, ServesClientsOneAfterTheOther) {
  const OpenReader reader(0, "virtual:control=" + path_);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(ControlClient(path_).ask("status"), "0 present hello unpowered\nok\n");
  }
}

TEST_F(ControlSocket, IsForItsOwnerOnlyAndGoesWithTheReader) {
  struct stat found {};
  {
    const OpenReader reader(0, "virtual:control=" + path_);
    ASSERT_EQ(::lstat(path_.c_str(), &found), 0);
    EXPECT_TRUE(S_ISSOCK(found.st_mode));
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
  }
  EXPECT_NE(::lstat(path_.c_str(), &found), 0);
}

TEST_F(ControlSocket, ReplacesAFileNobodyListensOn) {
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  const OpenReader reader(0, "virtual:control=" + path_);
  EXPECT_EQ(ControlClient(path_).ask("status"), "0 present hello unpowered\nok\n");
}

TEST_F(ControlSocket, KeepsItsHandsOffOtherFiles) {
  std::ofstream(path_) << "precious";
  std::string name = "virtual:control=" + path_;
  EXPECT_EQ(IFDHCreateChannelByName(0, name.data()), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged(path_ + ": exists and is not a socket"));
  std::string content;
  std::ifstream(path_) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(ControlSocket, IsNotTakenFromALivingReader) {
  const OpenReader reader(0, "virtual:control=" + path_);
  std::string name = "virtual:control=" + path_;
  EXPECT_EQ(IFDHCreateChannelByName(make_lun(1, 0), name.data()), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged(path_ + ": is in use"));
  EXPECT_EQ(ControlClient(path_).ask("status"), "0 present hello unpowered\nok\n");
}

TEST_F(ControlSocket, LeavesAFileThatTookItsPlace) {
  {
    const OpenReader reader(0, "virtual:control=" + path_);
    ASSERT_EQ(::unlink(path_.c_str()), 0);
    std::ofstream(path_) << "new";
  }
  EXPECT_TRUE(std::ifstream(path_).good());
}

TEST_F(ControlSocket, NeedsAFolderThatExists) {
  std::string name = "virtual:control=" + folder_.file("no/such");
  EXPECT_EQ(IFDHCreateChannelByName(0, name.data()), IFD_COMMUNICATION_ERROR);
  EXPECT_TRUE(was_logged("bind: No such file or directory"));
}

}  // namespace
}  // namespace cardea::virtual_reader
