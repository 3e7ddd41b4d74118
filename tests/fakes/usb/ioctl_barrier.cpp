#include "tests/fakes/usb/ioctl_barrier.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "base/unix_socket.hpp"

namespace cardea::usb_fake {
namespace {

// What programs and umockdev say to each other: three machine words, of which the first is the
// kind. Kind 1 is an ioctl; number 0 is one that nobody knows, so the answer comes at once.
using Message = std::array<unsigned long, 3>;
constexpr Message kUnknownIoctl = {1, 0, 0};

}  // namespace

void close_the_door(const std::filesystem::path& root, const std::string& node) {
  const std::filesystem::path door = root / "ioctl" / node.substr(1);
  std::filesystem::path aside = door;
  aside += ".closed";
  std::filesystem::rename(door, aside);
  // Connections are accepted in order: once ours is answered, all before it have been accepted.
  if (const Result<UniqueFd> last = connect_unix(aside.string())) {
    (void)::send(last->get(), kUnknownIoctl.data(), sizeof kUnknownIoctl, MSG_NOSIGNAL);
    pollfd entry{last->get(), POLLIN, 0};
    (void)::poll(&entry, 1, kBarrierMs);
  }
  std::filesystem::remove(aside);
}

}  // namespace cardea::usb_fake
