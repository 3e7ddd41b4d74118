// Lets vpcd cards plug themselves into the slots of one reader: slot i listens on a TCP port of
// 127.0.0.1, a connection is an inserted card, its end a removal. One thread watches all slots and
// never waits for a card; a second card for an occupied slot waits in the listen queue.
// Owned by its reader, which outlives the thread.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "drivers/virtual/slot.hpp"
#include "drivers/virtual/vpcd_card.hpp"
#include "drivers/virtual/wake_event.hpp"

namespace cardea::virtual_reader {

class VpcdListener {
 public:
  /// Slot i listens on first_port + i, or on a port the system chooses if first_port is 0.
  /// Error: a port is taken, or the system is out of descriptors.
  static Result<std::unique_ptr<VpcdListener>> create(std::vector<std::shared_ptr<Slot>> slots,
                                                      std::uint16_t first_port,
                                                      VpcdTimeouts timeouts = {});
  ~VpcdListener();
  VpcdListener(const VpcdListener&) = delete;
  VpcdListener& operator=(const VpcdListener&) = delete;

  /// The port of a slot; fixed after create(), any thread.
  [[nodiscard]] std::uint16_t port(unsigned slot) const { return places_.at(slot).port; }

 private:
  /// One slot with its listening socket and the card that is connected, if any.
  struct Place {
    std::shared_ptr<Slot> slot;
    UniqueFd listener;
    std::uint16_t port = 0;
    std::shared_ptr<VpcdCard> card;  // listener thread only
  };

  VpcdListener(std::vector<Place> places, WakeEvent stop, VpcdTimeouts timeouts);
  static Result<Place> listen(std::shared_ptr<Slot> slot, unsigned port);
  void run();
  /// False: the system refuses a connection for now.
  bool serve(Place& place);
  bool accept_card(Place& place);

  std::vector<Place> places_;
  WakeEvent stop_;
  const VpcdTimeouts timeouts_;
  std::thread thread_;
};

}  // namespace cardea::virtual_reader
