#include "tests/unit/daemon/core/test_client.hpp"

#include <cstring>

#include "tests/unit/daemon/core/core_bench.hpp"

namespace cardea::core {
namespace {

std::int32_t wire_card(CardHandle card) { return static_cast<std::int32_t>(card); }

}  // namespace

TestClient::TestClient(CoreBench& bench, const ClientInfo& info, const wire::Dialect& dialect)
    : id(bench.core().add_client(info)), bench_(bench), dialect_(dialect) {
  bench.core().set_dialect(id, dialect);
}

template <typename Send>
Outcome TestClient::send(const Send& send) {
  CARDEA_ASSERT(alive && !is_waiting_for_answer());
  asked_ = true;
  answer_.reset();
  ++requests;
  bench_.step([&](Core& core, Effects& fx) { send(core, bench_.now(), fx); });
  return answer();
}

Outcome TestClient::establish(std::uint32_t scope) {
  const auto outcome = send([&](Core& core, TimePoint, Effects& fx) {
    core.establish(id, {scope, 0, 0}, bench_.now(), fx);
  });
  if (outcome == ScardRv::success) context = reply<wire::Establish>().context;
  return outcome;
}

Outcome TestClient::release() { return release(context); }

Outcome TestClient::release(ContextHandle number) {
  return send([&](Core& core, TimePoint now, Effects& fx) {
    core.release(id, {number, 0}, now, fx);
  });
}

Outcome TestClient::connect(std::string_view reader, wire::ShareMode mode,
                            std::uint32_t protocols) {
  wire::Connect message{};
  message.context = context;
  wire::set_name(message.reader, reader);
  message.share_mode = static_cast<std::uint32_t>(mode);
  message.preferred_protocols = protocols;
  return connect(message);
}

Outcome TestClient::connect(const wire::Connect& message) {
  return send([&](Core& core, TimePoint now, Effects& fx) { core.connect(id, message, now, fx); });
}

Outcome TestClient::reconnect(CardHandle card, wire::ShareMode mode, std::uint32_t protocols,
                              wire::Disposition initialization) {
  const wire::Reconnect message{wire_card(card),
                                static_cast<std::uint32_t>(mode),
                                protocols,
                                static_cast<std::uint32_t>(initialization),
                                0,
                                0};
  return send(
      [&](Core& core, TimePoint now, Effects& fx) { core.reconnect(id, message, now, fx); });
}

Outcome TestClient::disconnect(CardHandle card, wire::Disposition action) {
  return send([&](Core& core, TimePoint now, Effects& fx) {
    core.disconnect(id, {wire_card(card), static_cast<std::uint32_t>(action), 0}, now, fx);
  });
}

Outcome TestClient::begin(CardHandle card) {
  return send([&](Core& core, TimePoint now, Effects& fx) {
    core.begin(id, {wire_card(card), 0}, now, fx);
  });
}

Outcome TestClient::end(CardHandle card, wire::Disposition action) {
  return send([&](Core& core, TimePoint now, Effects& fx) {
    core.end(id, {wire_card(card), static_cast<std::uint32_t>(action), 0}, now, fx);
  });
}

Outcome TestClient::status(CardHandle card) {
  return send([&](Core& core, TimePoint now, Effects& fx) {
    core.status(id, {wire_card(card), 0}, now, fx);
  });
}

Outcome TestClient::transmit(CardHandle card, std::uint32_t protocol, std::uint32_t room) {
  static constexpr std::array kCommand{std::byte{0x00}, std::byte{0xA4}, std::byte{0x00},
                                       std::byte{0x00}};
  const wire::Transmit message{wire_card(card), protocol, 16, 4, protocol, 16, room, 0};
  return send([&](Core& core, TimePoint now, Effects& fx) {
    core.transmit(id, message, kCommand, now, fx);
  });
}

Outcome TestClient::control(CardHandle card, std::uint32_t send_bytes, std::uint32_t room) {
  const std::vector<std::byte> input(send_bytes);
  const wire::Control message{wire_card(card), 0x42000D48, send_bytes, room, 0, 0};
  return send(
      [&](Core& core, TimePoint now, Effects& fx) { core.control(id, message, input, now, fx); });
}

Outcome TestClient::get_attribute(CardHandle card, std::uint32_t attribute, std::uint32_t room) {
  const wire::Attribute message{wire_card(card), attribute, {}, room, 0};
  return send(
      [&](Core& core, TimePoint now, Effects& fx) { core.get_attribute(id, message, now, fx); });
}

Outcome TestClient::set_attribute(CardHandle card, std::uint32_t attribute) {
  const wire::Attribute message{wire_card(card), attribute, {1}, 1, 0};
  return send(
      [&](Core& core, TimePoint now, Effects& fx) { core.set_attribute(id, message, now, fx); });
}

Outcome TestClient::cancel(ContextHandle number) {
  const wire::Cancel message{static_cast<std::int32_t>(number), 0};
  return send([&](Core& core, TimePoint now, Effects& fx) { core.cancel(id, message, now, fx); });
}

void TestClient::wait() {
  const auto ask = [&](Core& core, TimePoint now, Effects& fx) {
    core.get_states(id, StateRequest::wait, now, fx);
  };
  CARDEA_ASSERT(alive && !is_waiting_for_answer());
  if (dialect_.wait_sends_states) {
    (void)send(ask);
  } else {
    bench_.step([&](Core& core, Effects& fx) { ask(core, bench_.now(), fx); });
  }
}

void TestClient::stop() {
  bench_.step([&](Core& core, Effects& fx) { core.stop_waiting(id, fx); });
}

void TestClient::fetch_states() {
  (void)send([&](Core& core, TimePoint now, Effects& fx) {
    core.get_states(id, StateRequest::fixed, now, fx);
  });
}

void TestClient::fetch_size() {
  (void)send([&](Core& core, TimePoint now, Effects& fx) { core.get_states_size(id, now, fx); });
}

void TestClient::fetch_array() {
  (void)send([&](Core& core, TimePoint now, Effects& fx) {
    core.get_states(id, StateRequest::sized, now, fx);
  });
}

void TestClient::fetch_reader_events() {
  (void)send([&](Core& core, TimePoint, Effects& fx) { core.get_reader_events(id, fx); });
}

void TestClient::die(bool answer_lost) {
  alive = false;
  bench_.step(
      [&](Core& core, Effects& fx) { core.remove_client(id, answer_lost, bench_.now(), fx); });
}

Outcome TestClient::answer() const {
  if (!answer_ || answer_->size() < sizeof(std::uint32_t)) return kParked;
  // The return code is the last field of every answer that has one.
  std::uint32_t rv = 0;
  std::memcpy(&rv, answer_->data() + answer_->size() - sizeof rv, sizeof rv);
  return static_cast<ScardRv>(rv);
}

std::vector<wire::ReaderState> TestClient::states() const {
  CARDEA_ASSERT(answer_ && answer_->size() % sizeof(wire::ReaderState) == 0);
  std::vector<wire::ReaderState> array(answer_->size() / sizeof(wire::ReaderState));
  std::memcpy(array.data(), answer_->data(), answer_->size());
  return array;
}

wire::ReaderState TestClient::state_of(std::string_view reader) {
  fetch_states();
  for (const wire::ReaderState& state : states()) {
    if (wire::name_text(state.name) == reader) return state;
  }
  return {};
}

CardHandle TestClient::card() const { return static_cast<CardHandle>(reply<wire::Connect>().card); }

CardHandle TestClient::open(std::string_view reader, wire::ShareMode mode,
                            std::uint32_t protocols) {
  const Outcome outcome = connect(reader, mode, protocols);
  CARDEA_ASSERT(outcome == ScardRv::success);
  return card();
}

void TestClient::deliver(const Reply& reply) {
  if (!reply.ends_call) {
    completions.push_back(wire::decode<wire::Completion>(reply.bytes));
    stream.push_back("completion " + to_string(static_cast<ScardRv>(completions.back().rv)));
    return;
  }
  CARDEA_ASSERT(is_waiting_for_answer());  // nobody is answered twice
  ++answers;
  answered_at = bench_.now();
  answer_ = reply.bytes;
  payload.assign(reply.payload.begin(), reply.payload.end());
  stream.push_back("answer " + std::to_string(reply.bytes.size()));
}

}  // namespace cardea::core
