#include "daemon/control/control_hub.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace cardea {

Result<std::unique_ptr<ControlHub>> ControlHub::create() {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return failure(ScardRv::no_service, std::string("eventfd: ") + std::strerror(errno));
  return std::unique_ptr<ControlHub>(new ControlHub(std::move(wake)));
}

void ControlHub::push(ControlEvent event) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    if (batch_.events.size() >= kEventsMax) {
      ++batch_.lost;
      return;
    }
    first = batch_.events.empty();
    batch_.events.push_back({std::chrono::system_clock::now(), std::move(event)});
  }
  if (first) ::eventfd_write(wake_.get(), 1);
}

void ControlHub::client_came(core::ConnId conn, const PeerCredentials& peer) {
  if (wants_changes_ || wants_exchanges_) push(ClientCame{conn, peer});
}

void ControlHub::client_gone(core::ConnId conn) {
  if (wants_changes_ || wants_exchanges_) push(ClientGone{conn});
}

void ControlHub::changed(std::vector<core::Change> changes) {
  for (core::Change& change : changes) push(std::move(change));
}

void ControlHub::holder_idle(const std::string& reader, core::ConnId holder, bool reset) {
  if (wants_changes_) push(HolderIdle{reader, holder, reset});
}

void ControlHub::exchanged(Exchange exchange) { push(std::move(exchange)); }

void ControlHub::want(bool changes, bool exchanges) {
  wants_changes_ = changes;
  wants_exchanges_ = exchanges;
}

ControlHub::Batch ControlHub::take() {
  MutexLock lock(mutex_);
  std::uint64_t ignored = 0;
  ::eventfd_read(wake_.get(), &ignored);
  return std::exchange(batch_, {});
}

}  // namespace cardea
