#include "tools/pcscctl/views.hpp"

#include <pwd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

namespace cardea::ctl {
namespace {

std::string user_name(std::int64_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const int rc =
      ::getpwuid_r(static_cast<uid_t>(uid), &entry, buffer.data(), buffer.size(), &found);
  return rc == 0 && found != nullptr ? safe(found->pw_name) : "uid " + std::to_string(uid);
}

std::string text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? safe(it->get<std::string>()) : std::string();
}

/// "gpg-agent", or whose program it is if that is all we may know.
std::string short_program(const Json& client) {
  const std::string app = text_of(client, "app");
  if (!app.empty()) return app + " (" + text_of(client, "sandbox") + ")";
  const std::string path = text_of(client, "program");
  if (!path.empty()) return std::filesystem::path(path).filename().string();
  if (client.contains("pid") && client["pid"].is_number()) return "a program that has exited";
  return "a program of another user";
}

/// "gpg-agent (pid 12, bob)"
std::string named(const Json& client) {
  if (!client.contains("uid")) return "a program that has left";
  std::string who = short_program(client) + " (";
  if (client.contains("pid") && client["pid"].is_number()) {
    who += "pid " + std::to_string(client["pid"].get<std::int64_t>()) + ", ";
  }
  return who + user_name(client.at("uid")) + ")";
}

class Clients {
 public:
  explicit Clients(const Json& status) {
    for (const Json& client : status.at("clients")) by_id_[client.at("id")] = client;
  }
  [[nodiscard]] std::string name(const Json& id) const {
    const auto it = by_id_.find(id.get<std::uint64_t>());
    return it == by_id_.end() ? "a program that has just left" : named(it->second);
  }

 private:
  std::map<std::uint64_t, Json> by_id_;
};

/// "present, powered, T=1" and the like.
Cell card_cell(const Json& reader) {
  const std::string state = reader.at("state");
  if (state == "empty") return {"none", Colour::dim};
  if (state == "unavailable") return {"reader does not answer", Colour::red};
  if (state == "starting") return {"reader is starting", Colour::yellow};
  if (state == "mute-card") return {"does not answer (wrong way round?)", Colour::red};
  const Json& card = reader.at("card");
  const std::string power = card.at("power");
  std::string text = "present, ";
  text += power == "on" ? "powered" : power == "off" ? "powered off" : "powered off while unused";
  if (card.at("protocol").is_string()) text += ", " + text_of(card, "protocol");
  return {text, Colour::green};
}

Cell use_cell(const Json& reader) {
  const Json& holder = reader.at("holder");
  if (reader.at("resetting").get<bool>()) return {"being reset", Colour::yellow};
  if (holder.is_object()) {
    const bool transaction = holder.at("kind") == "transaction";
    return {transaction ? "transaction" : "exclusive", Colour::yellow};
  }
  if (reader.at("handles").empty()) return {"free", Colour::none};
  return {"shared by " + std::to_string(reader.at("handles").size()), Colour::none};
}

std::string holder_line(const Json& holder, const Clients& clients) {
  const bool transaction = holder.at("kind") == "transaction";
  std::string text = clients.name(holder.at("client"));
  text += transaction ? ", transaction for " : ", exclusive for ";
  text += age(holder.at("held_ms"));
  const std::int64_t idle = holder.at("idle_ms");
  constexpr std::int64_t kWorthSayingMs = 1000;
  if (holder.at("idle_since").is_null()) {
    text += ", at work";
  } else if (idle >= kWorthSayingMs) {
    text += ", unused for " + age(idle);
  }
  return text;
}

void add_field(std::string& out, const char* name, const Cell& value, const Style& style) {
  constexpr std::size_t kNameWidth = 9;
  constexpr std::size_t kIndent = 2 + kNameWidth;
  std::string label(name);
  label.resize(kNameWidth, ' ');
  out += "  " + style.paint(Colour::dim, label) +
         style.paint(value.colour, style.fit(value.text, kIndent, kIndent)) + "\n";
}

std::string reader_text(const Json& reader, const Clients& clients, const Style& style) {
  std::string out = style.paint(Colour::bold, text_of(reader, "name")) + "\n";
  add_field(out, "card", card_cell(reader), style);
  if (reader.at("card").is_object() && !text_of(reader.at("card"), "atr").empty()) {
    add_field(out, "ATR", {text_of(reader.at("card"), "atr")}, style);
  }
  if (!text_of(reader, "alias").empty()) add_field(out, "alias", {text_of(reader, "alias")}, style);
  if (std::string driver = text_of(reader, "driver"); !driver.empty()) {
    // Absent in the answers of older daemons.
    if (const auto pid = reader.find("driver_pid"); pid != reader.end() && pid->is_number()) {
      driver += " (in process " + std::to_string(pid->get<int>()) + ")";
    }
    add_field(out, "driver", {driver}, style);
  }
  if (reader.at("holder").is_object()) {
    add_field(out, "held by", {holder_line(reader.at("holder"), clients), Colour::yellow}, style);
  } else if (reader.at("resetting").get<bool>()) {
    add_field(out, "held by", {"pcscd, which resets the card", Colour::yellow}, style);
  }
  const char* label = "waiting";
  for (const Json& waiter : reader.at("waiting")) {
    std::string text = clients.name(waiter.at("client"));
    text += waiter.at("for") == "transaction" ? ", for a transaction, " : ", for the card, ";
    add_field(out, std::exchange(label, ""), {text + age(waiter.at("waited_ms"))}, style);
  }
  label = "open by";
  for (const Json& handle : reader.at("handles")) {
    const std::string text = clients.name(handle.at("client")) + ", " + text_of(handle, "mode");
    add_field(out, std::exchange(label, ""), {text}, style);
  }
  return out;
}

std::string counted(std::size_t count, const std::string& what) {
  return (count == 0 ? "no" : std::to_string(count)) + " " + what + (count == 1 ? "" : "s");
}

/// What somebody who looks for the program that is in the way wants to see first.
Cell doing_cell(const Json& status, const Json& client) {
  const Json& id = client.at("id");
  bool holds = false;
  bool waits = false;
  for (const Json& reader : status.at("readers")) {
    const Json& holder = reader.at("holder");
    holds = holds || (holder.is_object() && holder.at("client") == id);
    for (const Json& waiter : reader.at("waiting")) waits = waits || waiter.at("client") == id;
  }
  if (waits) return {"waits for a card", Colour::yellow};
  if (holds) return {"holds a card", Colour::yellow};
  return {client.at("waits_for_events").get<bool>() ? "waits for a change" : "-"};
}

std::string clients_text(const Json& status, const Style& style) {
  Table table({"PROGRAM", "PID", "USER", "CONNECTED", "PROTOCOL", "CARDS", "NOW"});
  for (const Json& client : status.at("clients")) {
    const bool known = client.at("pid").is_number();
    table.add({{short_program(client), known ? Colour::none : Colour::dim},
               {known ? std::to_string(client.at("pid").get<std::int64_t>()) : "-"},
               {user_name(client.at("uid"))},
               {age(client.at("connected_ms"))},
               {text_of(client, "protocol")},
               {std::to_string(client.at("handles").get<std::int64_t>())},
               doing_cell(status, client)});
  }
  return table.is_empty() ? std::string() : "\n" + table.text(style, 0);
}

struct EventWords {
  const char* event;
  const char* words;
  Colour colour;
};

constexpr std::array kEventWords{
    EventWords{"reader-added", "reader added", Colour::green},
    EventWords{"reader-removed", "reader removed", Colour::red},
    EventWords{"reader-fault", "reader does not answer", Colour::red},
    EventWords{"card-inserted", "card inserted", Colour::green},
    EventWords{"card-removed", "card removed", Colour::yellow},
    EventWords{"handle-opened", "connected to card", Colour::none},
    EventWords{"handle-closed", "left card", Colour::none},
    EventWords{"lock-taken", "has the card", Colour::cyan},
    EventWords{"lock-released", "gave the card back", Colour::cyan},
    EventWords{"lock-handed", "has the card now", Colour::cyan},
    EventWords{"wait-began", "waits for the card", Colour::yellow},
    EventWords{"wait-ended", "waits no more", Colour::none},
    EventWords{"client-connected", "program connected", Colour::none},
    EventWords{"client-gone", "program left", Colour::none},
    EventWords{"holder-idle", "holds the card unused", Colour::yellow},
    EventWords{"holder-reset", "lost the card, unused", Colour::red},
    EventWords{"lost", "events lost", Colour::red},
};

/// "12:00:00.123", in the time zone of whoever reads it.
std::string time_of_day(const Json& event) {
  const std::string utc = text_of(event, "time");
  std::tm parts{};
  const char* rest = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return "            ";
  const std::time_t seconds = ::timegm(&parts);
  ::localtime_r(&seconds, &parts);
  std::array<char, 16> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  return std::string(text.data(), length) + std::string(rest).substr(0, 4);
}

std::string exchange_text(const Json& event, const Style& style) {
  const std::string time = style.paint(Colour::dim, time_of_day(event));
  const std::string gap(time_of_day(event).size(), ' ');
  const bool control = event.at("event") == "control";
  std::string who = event.contains("client") ? named(event.at("client")) : "";
  const std::size_t indent = gap.size() + 2;
  std::string out =
      time + "  " + style.fit(text_of(event, "reader") + ", " + who, indent, indent) + "\n";
  const std::string command = (control ? "control " : "") + text_of(event, "command");
  out += gap + "  -> " + style.fit(command, indent + 3, indent + 3) + "\n";
  const bool good = event.at("rv") == "SCARD_S_SUCCESS";
  const std::string took = std::to_string(event.at("usec").get<std::int64_t>()) + " us";
  out += gap + "  <- ";
  out += good ? style.fit(text_of(event, "response"), indent + 3, indent + 3)
              : style.paint(Colour::red, text_of(event, "rv"));
  return out + style.paint(Colour::dim, "   " + took) + "\n";
}

}  // namespace

std::string status_text(const Json& status, const Style& style) {
  const Json& daemon = status.at("daemon");
  const Clients clients(status);
  std::string out = "pcscd " + text_of(daemon, "version") + " (Cardea), pid " +
                    std::to_string(daemon.at("pid").get<std::int64_t>()) + ", up " +
                    age(daemon.at("up_ms")) + ": " +
                    counted(status.at("readers").size(), "reader") + ", " +
                    counted(status.at("clients").size(), "program") + "\n";
  for (const Json& reader : status.at("readers")) out += "\n" + reader_text(reader, clients, style);
  return out + clients_text(status, style);
}

std::string list_text(const Json& status, const Style& style) {
  Table table({"READER", "CARD", "USE"});
  for (const Json& reader : status.at("readers")) {
    table.add({{text_of(reader, "name")}, card_cell(reader), use_cell(reader)});
  }
  return table.is_empty() ? "no readers. Try: pcscctl doctor\n" : table.text(style, 0);
}

Json list_json(const Json& status) {
  Json list = Json::array();
  for (const Json& reader : status.at("readers")) {
    list.push_back({{"name", reader.at("name")},
                    {"alias", reader.at("alias")},
                    {"state", reader.at("state")},
                    {"card", reader.at("card")}});
  }
  return list;
}

std::string event_text(const Json& event, const Style& style) {
  const std::string kind = event.at("event");
  if (kind == "apdu" || kind == "control") return exchange_text(event, style);
  const auto words = std::find_if(kEventWords.begin(), kEventWords.end(),
                                  [&kind](const EventWords& row) { return kind == row.event; });
  constexpr std::size_t kWordsWidth = 22;
  std::string what = words == kEventWords.end() ? safe(kind) : words->words;
  what.resize(std::max(kWordsWidth, what.size()), ' ');
  const Colour colour = words == kEventWords.end() ? Colour::none : words->colour;
  std::string out = style.paint(Colour::dim, time_of_day(event)) + "  " + style.paint(colour, what);
  std::string rest;
  const auto add = [&rest](const std::string& part) {
    if (!part.empty()) rest += (rest.empty() ? "  " : ": ") + part;
  };
  add(text_of(event, "reader"));
  if (event.contains("client")) add(named(event.at("client")));
  if (event.contains("from")) rest += ", after " + named(event.at("from"));
  if (event.value("exclusive", false)) rest += ", exclusively";
  if (event.contains("atr")) add(text_of(event, "atr"));
  if (event.contains("count")) add(std::to_string(event.at("count").get<std::int64_t>()));
  constexpr std::size_t kTimeWidth = 14;
  return out + style.fit(rest, kTimeWidth + what.size(), kTimeWidth) + "\n";
}

}  // namespace cardea::ctl
