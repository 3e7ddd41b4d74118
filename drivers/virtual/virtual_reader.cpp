#include "drivers/virtual/virtual_reader.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "drivers/virtual/driver_log.hpp"
#include "drivers/virtual/hello_card.hpp"
#include "drivers/virtual/mute_card.hpp"

namespace cardea::virtual_reader {
namespace {

std::shared_ptr<VirtualCard> make_card(CardKind kind, AtrKind atr) {
  if (kind == CardKind::mute) return std::make_shared<MuteCard>();
  return std::make_shared<HelloCard>(atr);
}

std::string to_hex(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02X", static_cast<unsigned>(byte));
    text += digits.data();
  }
  return text;
}

}  // namespace

VirtualReader::VirtualReader(const ReaderSettings& settings) : settings_(settings) {
  for (unsigned i = 0; i < settings_.slots; ++i) {
    slots_.push_back(std::make_shared<Slot>());
    if (settings_.card != CardKind::none) {
      (void)slots_.back()->insert(make_card(settings_.card, settings_.atr));  // a new slot is empty
    }
  }
}

Result<std::shared_ptr<VirtualReader>> VirtualReader::create(const ReaderSettings& settings) {
  std::shared_ptr<VirtualReader> reader(new VirtualReader(settings));
  if (settings.vpcd_port) {
    Result<std::unique_ptr<VpcdListener>> vpcd =
        VpcdListener::create(reader->slots_, *settings.vpcd_port);
    if (!vpcd) return tl::make_unexpected(vpcd.error());
    reader->vpcd_ = std::move(*vpcd);
  }
  if (!settings.control.empty()) {
    Result<std::unique_ptr<ControlServer>> control = ControlServer::create(
        settings.control,
        [raw = reader.get()](std::string_view line) { return raw->execute(line); });
    if (!control) return tl::make_unexpected(control.error());
    reader->control_ = std::move(*control);
  }
  return reader;
}

void VirtualReader::shut_down() {
  control_.reset();
  vpcd_.reset();
  for (const std::shared_ptr<Slot>& slot : slots_) {
    slot->close();
    (void)slot->remove();  // false: it is empty
  }
}

bool VirtualReader::has_open_slot() const {
  return std::ranges::any_of(slots_, [](const auto& slot) { return slot->is_open(); });
}

std::string VirtualReader::execute(std::string_view line) {
  const Result<ControlCommand> command = parse_control_command(line, settings_.slots);
  if (!command) return "error " + command.error().context + "\n";
  switch (command->verb) {
    case ControlCommand::Verb::insert:
      return insert(*command);
    case ControlCommand::Verb::remove:
      return remove(*command);
    case ControlCommand::Verb::status:
      return status();
    case ControlCommand::Verb::help:
      break;
  }
  return std::string(control_help()) + "ok\n";
}

std::string VirtualReader::insert(const ControlCommand& command) {
  const std::string slot = "slot " + std::to_string(command.slot);
  if (vpcd_) {
    return "error " + slot + " takes its card from TCP port " +
           std::to_string(vpcd_->port(command.slot)) + "\n";
  }
  const AtrKind atr = command.atr.value_or(settings_.atr);
  if (!slots_[command.slot]->insert(make_card(command.card, atr))) {
    return "error " + slot + " already holds a card\n";
  }
  log_line(PCSC_LOG_DEBUG, "card inserted into " + slot);
  return "ok " + slot + " holds a card\n";
}

std::string VirtualReader::remove(const ControlCommand& command) {
  const std::string slot = "slot " + std::to_string(command.slot);
  if (!slots_[command.slot]->remove(command.unseen)) return "error " + slot + " is empty\n";
  log_line(PCSC_LOG_DEBUG, "card removed from " + slot);
  return "ok " + slot + " is empty\n";
}

std::string VirtualReader::status() const {
  std::string text;
  for (unsigned i = 0; i < settings_.slots; ++i) {
    const SlotStatus status = slots_[i]->status();
    text += std::to_string(i);
    if (status.card_kind.empty()) {
      text += " absent";
    } else {
      text += " present " + std::string(status.card_kind);
      text += status.powered ? " powered atr=" + to_hex(status.atr) : " unpowered";
      if (status.protocol != 0) text += status.protocol == 1 ? " protocol=t0" : " protocol=t1";
    }
    if (vpcd_) text += " port=" + std::to_string(vpcd_->port(i));
    text += '\n';
  }
  return text + "ok\n";
}

}  // namespace cardea::virtual_reader
