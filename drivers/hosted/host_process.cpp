#include "drivers/hosted/host_process.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "drivers/hosted/host_slot.hpp"
#include "drivers/hosted/host_socket.hpp"
#include "drivers/hosted/host_wire.hpp"
#include "drivers/ifd_library.hpp"
#include "drivers/log_exports.hpp"

namespace cardea {
namespace {

using host_wire::Kind;
using host_wire::Reply;
using host_wire::Request;

/// A daemon that does not read what drivers say delays them by no more than this per message.
constexpr timeval kLogPatience{0, 100'000};

/// For the threads of slots that are closed, or were never open.
constexpr milliseconds kEndMax{500};

/// In seconds: for what the library and its libraries do when the process ends.
constexpr unsigned kExitMax = 5;

void send_log(const log::Record& record) {
  (void)send_message(kHostLogFd, host_wire::encode_log(record), {});
}

class Host {
 public:
  explicit Host(UniqueFd socket) : socket_(std::move(socket)) {}

  void run() {
    std::vector<std::byte> payload(host_wire::kTextBytesMax);
    for (;;) {
      MessageFds fds;
      const auto request = receive_request(socket_.get(), payload, fds);
      if (!request) break;
      log::set_least_level(request->level);
      if (!handle(*request, std::span(payload).first(request->bytes), fds)) break;
    }
    for (auto& [lun, slot] : slots_) {
      if (!slot->ends_within(kEndMax)) ::_exit(0);  // its threads may be in the driver for ever
    }
  }

 private:
  bool handle(const Request& request, std::span<const std::byte> payload, MessageFds& fds) {
    switch (request.kind) {
      case Kind::load:
        return load(request,
                    std::string(reinterpret_cast<const char*>(payload.data()), payload.size()));
      case Kind::slot:
        return add_slot(request.lun, fds);
      case Kind::stop:
        if (const auto slot = slots_.find(request.lun); slot != slots_.end()) slot->second->stop();
        return true;
      default:
        return false;
    }
  }

  bool load(const Request& request, const std::string& path) {
    auto library = IfdLibrary::load(path);
    Reply reply;
    reply.kind = request.kind;
    reply.number = request.number;
    std::string text;
    if (library) {
      library_ = std::move(*library);
      if (library_->version() == IfdLibrary::Version::v2) reply.flags = Reply::kIsVersion2;
    } else {
      reply.rv = to_wire(library.error().rv);
      text = library.error().context.substr(0, host_wire::payload_max(request));
    }
    reply.bytes = reply.length = static_cast<std::uint32_t>(text.size());
    return send_message(socket_.get(), host_wire::encode(reply), std::as_bytes(std::span(text)));
  }

  bool add_slot(std::uint32_t lun, MessageFds& fds) {
    if (!library_ || !fds[0] || !fds[1] || slots_.contains(lun)) return false;
    slots_[lun] = std::make_unique<HostSlot>(library_, lun, std::move(fds[0]), std::move(fds[1]));
    slots_[lun]->start();
    return true;
  }

  const UniqueFd socket_;
  std::shared_ptr<const IfdLibrary> library_;
  std::map<std::uint32_t, std::unique_ptr<HostSlot>> slots_;  ///< by LUN; as many as opened
};

}  // namespace

int serve_driver(UniqueFd socket) {
  Host(std::move(socket)).run();
  return 0;
}

int run_driver_host(bool driver_dumps) {
  ::prctl(PR_SET_NAME, "pcscd-driver");
  // PINs pass through here: nobody with our user looks into this process, and no core is left.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::setsockopt(kHostLogFd, SOL_SOCKET, SO_SNDTIMEO, &kLogPatience, sizeof kLogPatience);
  log::set_sink(send_log, log::Level::info);
  set_driver_dumps(driver_dumps);
  Host host{UniqueFd(kHostSocketFd)};
  host.run();
  // Whoever hangs from here on would hold the device for ever, and nobody waits for it.
  ::signal(SIGALRM, SIG_DFL);
  ::alarm(kExitMax);
  return 0;
}

}  // namespace cardea
