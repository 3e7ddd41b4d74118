#include "libpcsclite/traced_card_calls.hpp"

#include <reader.h>

#include <algorithm>

#include "libpcsclite/trace_names.hpp"

namespace cardea {

void ConnectCall::in(JsonObject& object, TraceView&) const {
  object.hex("context", static_cast<std::uint64_t>(context_));
  show_c_string(object, "reader", reader_);
  object.text("share", share_mode_name(share_mode_));
  object.text("protocols", protocol_names(protocols_));
}

void ConnectCall::out(JsonObject& object, TraceView&, LONG rv) const {
  if (rv != SCARD_S_SUCCESS) return;
  if (card_ != nullptr) object.hex("card", static_cast<std::uint64_t>(*card_));
  if (protocol_ != nullptr) object.text("protocol", protocol_names(*protocol_));
}

void CardCall::in(JsonObject& object, TraceView&) const {
  object.hex("card", static_cast<std::uint64_t>(card_));
}

void ReconnectCall::in(JsonObject& object, TraceView& view) const {
  CardCall::in(object, view);
  object.text("share", share_mode_name(share_mode_));
  object.text("protocols", protocol_names(protocols_));
  object.text("initialization", disposition_name(initialization_));
}

void ReconnectCall::out(JsonObject& object, TraceView&, LONG rv) const {
  if (rv != SCARD_S_SUCCESS || protocol_ == nullptr) return;
  object.text("protocol", protocol_names(*protocol_));
}

void DisconnectCall::in(JsonObject& object, TraceView& view) const {
  CardCall::in(object, view);
  object.text("disposition", disposition_name(disposition_));
}

void EndTransactionCall::in(JsonObject& object, TraceView& view) const {
  CardCall::in(object, view);
  object.text("disposition", disposition_name(disposition_));
}

void StatusCall::in(JsonObject& object, TraceView& view) const {
  CardCall::in(object, view);
  name_buffer_.show_room(object, "room");
  atr_buffer_.show_room(object, "atr_room");
}

void StatusCall::out(JsonObject& object, TraceView&, LONG rv) const {
  name_buffer_.show_length(object, "length", rv);
  atr_buffer_.show_length(object, "atr_length", rv);
  if (rv != SCARD_S_SUCCESS) return;
  if (name_buffer_.written(rv)) {
    const auto bytes = name_buffer_.bytes();
    const std::string_view name(reinterpret_cast<const char*>(bytes.data()),
                                std::min(bytes.size(), kTraceTextMax));
    object.text("reader", name.substr(0, name.find('\0')));
  }
  if (state_ != nullptr) object.text("state", card_state_names(*state_));
  if (protocol_ != nullptr) object.text("protocol", protocol_names(*protocol_));
  if (atr_buffer_.written(rv)) {
    const auto atr = atr_buffer_.bytes();
    TraceView::data(object, "atr", atr.data(), atr.size());
  }
}

LONG TransmitCall::run(const Functions& functions) const {
  // COMPAT: pcsc-lite's libpcscspy 1.9.9 crashes without this structure, which is optional. Its
  // content means what its absence does.
  SCARD_IO_REQUEST any{SCARD_PROTOCOL_ANY, sizeof(SCARD_IO_REQUEST)};
  return functions.transmit(card_, send_pci_, command_, command_length_,
                            recv_pci_ != nullptr ? recv_pci_ : &any, response_, response_length_);
}

void TransmitCall::in(JsonObject& object, TraceView& view) {
  CardCall::in(object, view);
  if (send_pci_ != nullptr) object.text("protocol", protocol_names(send_pci_->dwProtocol));
  masked_ = view.command(object, "send", command_, command_length_);
  buffer_.show_room(object, "room");
}

void TransmitCall::out(JsonObject& object, TraceView&, LONG rv) const {
  if (buffer_.written(rv)) {
    const auto response = buffer_.bytes();
    TraceView::answer(object, "receive", response.data(), response.size(), masked_);
  } else {
    buffer_.show_length(object, "length", rv);
  }
}

void ControlCall::in(JsonObject& object, TraceView& view) {
  CardCall::in(object, view);
  masked_ = view.control(object, code_, command_, command_length_);
  if (answer_ != nullptr) object.number("room", room_);
}

void ControlCall::out(JsonObject& object, TraceView& view, LONG rv) const {
  if (returned_ == nullptr) return;
  if (rv != SCARD_S_SUCCESS || answer_ == nullptr) {
    if (rv == SCARD_S_SUCCESS || rv == SCARD_E_INSUFFICIENT_BUFFER) {
      object.number("length", *returned_);
    }
    return;
  }
  const DWORD length = std::min(*returned_, room_);
  TraceView::answer(object, "receive", answer_, length, masked_);
  if (code_ == CM_IOCTL_GET_FEATURE_REQUEST) {
    view.learn_features({static_cast<const unsigned char*>(answer_), length});
  }
}

void GetAttribCall::in(JsonObject& object, TraceView& view) const {
  CardCall::in(object, view);
  object.text("attribute", attribute_name(id_));
  buffer_.show_room(object, "room");
}

void GetAttribCall::out(JsonObject& object, TraceView&, LONG rv) const {
  if (buffer_.written(rv)) {
    const auto value = buffer_.bytes();
    TraceView::data(object, "value", value.data(), value.size());
  } else {
    buffer_.show_length(object, "length", rv);
  }
}

void SetAttribCall::in(JsonObject& object, TraceView& view) const {
  CardCall::in(object, view);
  object.text("attribute", attribute_name(id_));
  TraceView::data(object, "value", value_, length_);
}

}  // namespace cardea
