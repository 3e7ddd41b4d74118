#include "daemon/control/control_json.hpp"

#include <unistd.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "daemon/control/control_request.hpp"
#include "protocol/dialect.hpp"
#include "protocol/wire.hpp"

namespace cardea {
namespace {

using Json = nlohmann::ordered_json;
using core::CardPhase;

std::string line(const Json& json) {
  // ASCII only, and what is no UTF-8 replaced: no name can steer a terminal or break a reader.
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

std::int64_t ms(Duration time) { return std::chrono::duration_cast<milliseconds>(time).count(); }

std::string utc(std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = since / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string fraction = std::to_string(1000 + since % 1000).substr(1);
  return std::string(text.data(), length) + "." + fraction + "Z";
}

/// Turns the daemon's clock into that of the wall.
class Calendar {
 public:
  explicit Calendar(TimePoint now) : now_(now), wall_(std::chrono::system_clock::now()) {}
  void put(Json& json, const char* since, const char* age, TimePoint time) const {
    const auto before = std::chrono::duration_cast<std::chrono::microseconds>(now_ - time);
    json[since] = utc(wall_ - before);
    json[age] = ms(now_ - time);
  }
  [[nodiscard]] std::string now() const { return utc(wall_); }

 private:
  TimePoint now_;
  std::chrono::system_clock::time_point wall_;
};

const char* state_name(const core::ReaderSnapshot& reader) {
  if (reader.starting) return "starting";
  switch (reader.card.phase) {
    case CardPhase::unknown:
      return "unavailable";
    case CardPhase::absent:
      return "empty";
    case CardPhase::mute:
      return "mute-card";
    default:
      return "card";
  }
}

const char* power_name(CardPhase phase) {
  switch (phase) {
    case CardPhase::powered:
      return "on";
    case CardPhase::auto_off:
      return "off-unused";
    default:
      return "off";
  }
}

const char* mode_name(wire::ShareMode mode) {
  switch (mode) {
    case wire::ShareMode::exclusive:
      return "exclusive";
    case wire::ShareMode::shared:
      return "shared";
    case wire::ShareMode::direct:
      return "direct";
  }
  return "shared";
}

Json protocol_name(std::uint32_t protocol) {
  switch (protocol) {
    case wire::kProtocolT0:
      return "T=0";
    case wire::kProtocolT1:
      return "T=1";
    case wire::kProtocolRaw:
      return "raw";
    default:
      return nullptr;
  }
}

Json card_json(const core::ReaderSnapshot& reader) {
  if (!core::is_present(reader.card.phase)) return nullptr;
  return {{"atr", log::hex(reader.card.atr.view(), wire::kAtrBytesMax)},
          {"power", power_name(reader.card.phase)},
          {"protocol", protocol_name(reader.protocol)}};
}

Json reader_json(const core::ReaderSnapshot& reader, const Calendar& calendar) {
  Json json{{"name", reader.name}};
  json["alias"] = reader.alias.empty() ? Json(nullptr) : Json(reader.alias);
  json["driver"] = reader.driver;
  json["driver_pid"] = reader.driver_pid == 0 ? Json(nullptr) : Json(reader.driver_pid);
  json["state"] = state_name(reader);
  json["card"] = card_json(reader);
  json["events"] = reader.events;
  json["resetting"] = reader.resetting;
  json["handles"] = Json::array();
  for (const core::HandleSnapshot& handle : reader.handles) {
    json["handles"].push_back({{"client", handle.conn.value}, {"mode", mode_name(handle.mode)}});
  }
  json["holder"] = nullptr;
  if (reader.holder) {
    Json holder{{"client", reader.holder->conn.value},
                {"kind", reader.holder->transaction ? "transaction" : "exclusive"}};
    calendar.put(holder, "since", "held_ms", reader.holder->since);
    holder["idle_since"] = nullptr;
    holder["idle_ms"] = 0;
    if (reader.holder->idle_since) {
      calendar.put(holder, "idle_since", "idle_ms", *reader.holder->idle_since);
    }
    json["holder"] = holder;
  }
  json["waiting"] = Json::array();
  for (const core::WaiterSnapshot& waiter : reader.waiters) {
    Json entry{{"client", waiter.conn.value},
               {"for", waiter.wants_lock ? "transaction" : "access"}};
    calendar.put(entry, "since", "waited_ms", waiter.since);
    json["waiting"].push_back(entry);
  }
  return json;
}

/// Who it is, as far as the viewer may know.
void put_program(Json& json, const Program& program, const ControlViewer& viewer) {
  json["uid"] = program.peer.uid;
  json["pid"] = nullptr;
  json["program"] = nullptr;
  if (!viewer.sees(program.peer)) return;
  json["pid"] = program.peer.pid;
  if (!program.path.empty()) json["program"] = program.path;
  if (!program.sandbox.empty()) json["sandbox"] = program.sandbox;
  if (!program.app.empty()) json["app"] = program.app;
}

Json client_json(const core::ClientSnapshot& client, const ServerStatus::Peer& peer,
                 const Calendar& calendar, const ControlViewer& viewer) {
  Json json{{"id", client.conn.value}};
  // Programs are looked up only for whom they are shown to.
  const bool shown = viewer.sees(peer.credentials);
  put_program(json, shown ? program_of(peer.credentials) : Program{peer.credentials, {}, {}, {}},
              viewer);
  json["protocol"] = std::to_string(wire::kMajor) + ":" + std::to_string(client.minor);
  calendar.put(json, "since", "connected_ms", peer.since);
  json["context"] = client.has_context;
  json["handles"] = client.handles;
  json["waits_for_events"] = client.waits_for_events;
  return json;
}

const char* share_name(core::Resource resource) {
  switch (resource) {
    case core::Resource::handles:
      return "handles";
    case core::Resource::calls:
      return "waiting";
    case core::Resource::bytes:
      return "bytes";
    default:
      return "connections";
  }
}

Json user_json(const core::UserSnapshot& user) {
  Json json{{"uid", user.uid}};
  for (const core::UserSnapshot::Share& share : user.shares) {
    Json entry{{"used", share.used}, {"limit", nullptr}};
    if (share.limit) entry["limit"] = *share.limit;
    json[share_name(share.resource)] = std::move(entry);
  }
  return json;
}

const char* change_name(core::Change::Kind kind) {
  using Kind = core::Change::Kind;
  switch (kind) {
    case Kind::reader_added:
      return "reader-added";
    case Kind::reader_removed:
      return "reader-removed";
    case Kind::reader_fault:
      return "reader-fault";
    case Kind::card_inserted:
      return "card-inserted";
    case Kind::card_removed:
      return "card-removed";
    case Kind::handle_opened:
      return "handle-opened";
    case Kind::handle_closed:
      return "handle-closed";
    case Kind::lock_taken:
      return "lock-taken";
    case Kind::lock_released:
      return "lock-released";
    case Kind::lock_handed:
      return "lock-handed";
    case Kind::wait_began:
      return "wait-began";
    case Kind::wait_ended:
      return "wait-ended";
  }
  return "unknown";
}

/// Fills one line for each kind of event.
class EventWriter {
 public:
  EventWriter(std::chrono::system_clock::time_point time, const ProgramNames& names,
              const ControlViewer& viewer)
      : time_(time), names_(names), viewer_(viewer) {}

  void operator()(const ClientCame& came) { begin("client-connected", came.conn); }
  void operator()(const ClientGone& gone) { begin("client-gone", gone.conn); }
  void operator()(const HolderIdle& idle) {
    begin(idle.reset ? "holder-reset" : "holder-idle", idle.holder, idle.reader);
  }
  void operator()(const core::Change& change) {
    begin(change_name(change.kind), change.conn, change.reader);
    if (change.kind == core::Change::Kind::card_inserted) json_["atr"] = change.atr;
    if (change.conn) json_["exclusive"] = change.exclusive;
    if (change.previous) json_["from"] = client(change.previous);
  }
  void operator()(const Exchange& exchange) {
    begin(exchange.control ? "control" : "apdu", exchange.conn, exchange.reader);
    json_["command"] = exchange.command;
    json_["response"] = exchange.response;
    json_["rv"] = to_string(exchange.rv);
    json_["usec"] = exchange.took / std::chrono::microseconds(1);
  }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  void begin(const char* event, core::ConnId conn, const std::string& reader = {}) {
    json_["event"] = event;
    json_["time"] = utc(time_);
    if (!reader.empty()) json_["reader"] = reader;
    if (conn) json_["client"] = client(conn);
  }

  [[nodiscard]] Json client(core::ConnId conn) const {
    Json json{{"id", conn.value}};
    if (const Program* program = names_.find(conn)) put_program(json, *program, viewer_);
    return json;
  }

  std::chrono::system_clock::time_point time_;
  const ProgramNames& names_;
  const ControlViewer& viewer_;
  Json json_;
};

}  // namespace

std::string status_json(const ServerStatus& status, const ControlInfo& info,
                        const ControlViewer& viewer) {
  const Calendar calendar(status.now);
  Json json{{"cardea-control", kControlVersion}, {"answer", "status"}, {"time", calendar.now()}};
  Json daemon{{"version", info.version},
              {"pid", ::getpid()},
              {"uid", ::geteuid()},
              {"socket", info.socket}};
  calendar.put(daemon, "since", "up_ms", info.started);
  json["daemon"] = daemon;
  json["readers"] = Json::array();
  for (const auto& reader : status.core.readers) {
    json["readers"].push_back(reader_json(reader, calendar));
  }
  json["clients"] = Json::array();
  for (const core::ClientSnapshot& client : status.core.clients) {
    const auto peer = status.peers.find(client.conn);
    if (peer == status.peers.end()) continue;
    json["clients"].push_back(client_json(client, peer->second, calendar, viewer));
  }
  json["users"] = Json::array();
  for (const core::UserSnapshot& user : status.core.users) json["users"].push_back(user_json(user));
  return line(json);
}

std::string event_json(const TimedEvent& event, const ProgramNames& names,
                       const ControlViewer& viewer) {
  EventWriter writer(event.time, names, viewer);
  std::visit(writer, event.event);
  return line(writer.json());
}

std::string lost_json(std::uint64_t count) { return line({{"event", "lost"}, {"count", count}}); }

std::string started_json(const char* action) {
  return line({{"cardea-control", kControlVersion}, {"answer", action}});
}

std::string error_json(const char* code, const std::string& text) {
  return line({{"cardea-control", kControlVersion}, {"error", code}, {"text", text}});
}

}  // namespace cardea
