#include "tests/fakes/usb/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace cardea::usb_fake {
namespace {

constexpr unsigned kCountMax = 1'000'000;

using Words = std::vector<std::string_view>;

tl::unexpected<Error> bad(std::string text) {
  return failure(ScardRv::invalid_parameter, std::move(text));
}

Words split(std::string_view line) {
  Words words;
  for (std::size_t start = line.find_first_not_of(' '); start != std::string_view::npos;) {
    const std::size_t end = std::min(line.find(' ', start), line.size());
    words.push_back(line.substr(start, end - start));
    start = line.find_first_not_of(' ', end);
  }
  return words;
}

/// "key=value" pairs behind the port, each taken at most once; done() tells what nobody took.
class Arguments {
 public:
  explicit Arguments(const Words& words) : words_(words.begin() + 2, words.end()) {}

  std::string_view take(std::string_view key, std::string_view otherwise) {
    const auto found = std::ranges::find_if(words_, [key](std::string_view word) {
      return word.starts_with(key) && word.substr(key.size()).starts_with('=');
    });
    if (found == words_.end()) return otherwise;
    const std::string_view value = found->substr(key.size() + 1);
    words_.erase(found);
    return value;
  }

  [[nodiscard]] Result<void> done() const {
    if (words_.empty()) return {};
    return bad("what is '" + std::string(words_.front()) + "'?");
  }

 private:
  Words words_;
};

struct CardArguments {
  unsigned reader = 0;
  unsigned slot = 0;
  CardKind card = CardKind::hello;
  virtual_reader::AtrKind atr = virtual_reader::AtrKind::t01;
};

Result<CardArguments> parse_card_arguments(const Words& words) {
  Arguments arguments(words);
  const Result<unsigned> reader = parse_count(arguments.take("reader", "0"), kInterfacesMax);
  const Result<unsigned> slot = parse_count(arguments.take("slot", "0"), kSlotsMax);
  const Result<CardKind> card = parse_card_kind(arguments.take("card", "hello"));
  const Result<virtual_reader::AtrKind> atr = parse_atr(arguments.take("atr", "t01"));
  const Result<void> done = arguments.done();
  if (!reader || !slot || !card || !atr || !done) return bad("bad reader, slot, card or atr");
  return CardArguments{*reader, *slot, *card, *atr};
}

std::string describe(const Place& place) {
  return fmt::format("devnum={} node={}", place.number, place.node());
}

}  // namespace

struct Commands::Verb {
  std::string_view name;
  std::size_t words_min;
  std::size_t words_max;
  Answer (Commands::*run)(const Words&);
};

std::string Commands::execute(std::string_view line) {
  try {
    const Answer answer = run(split(line));
    if (!answer) return "error " + answer.error().context + "\n";
    return answer->empty() ? "ok\n" : "ok " + *answer + "\n";
  } catch (const std::exception& error) {
    return fmt::format("error {}\n", error.what());
  }
}

Commands::Answer Commands::run(const Words& words) {
  constexpr std::size_t kMany = 64;
  static constexpr std::array kVerbs = {
      Verb{"root", 1, 1, &Commands::root},     Verb{"add", 2, kMany, &Commands::add},
      Verb{"remove", 2, 3, &Commands::remove}, Verb{"disconnect", 2, 2, &Commands::disconnect},
      Verb{"reset", 2, 4, &Commands::reset},   Verb{"uevent", 3, 3, &Commands::uevent},
      Verb{"node", 2, 2, &Commands::node},     Verb{"insert", 2, 6, &Commands::insert},
      Verb{"eject", 2, 4, &Commands::eject},   Verb{"hang", 3, 3, &Commands::hang},
      Verb{"delay", 3, 3, &Commands::delay},   Verb{"fail", 4, 4, &Commands::fail},
      Verb{"status", 1, 2, &Commands::status}, Verb{"unpower", 2, 2, &Commands::unpower},
  };
  if (words.empty()) return bad("empty command");
  const auto* verb = std::ranges::find(kVerbs, words[0], &Verb::name);
  if (verb == kVerbs.end()) return bad("unknown command '" + std::string(words[0]) + "'");
  if (words.size() < verb->words_min || words.size() > verb->words_max) {
    return bad("wrong number of words");
  }
  return (this->*verb->run)(words);
}

Commands::Answer Commands::root(const Words&) { return root_; }

Commands::Answer Commands::add(const Words& words) {
  const Result<DeviceSpec> spec = parse_device_spec(std::span(words).subspan(2));
  if (!spec) return tl::make_unexpected(spec.error());
  return tree_.add(words[1], *spec).map(describe);
}

Commands::Answer Commands::remove(const Words& words) {
  Arguments arguments(words);
  const Result<bool> announced = parse_switch(arguments.take("uevent", "on"));
  if (!announced) return tl::make_unexpected(announced.error());
  if (const Result<void> done = arguments.done(); !done) return tl::make_unexpected(done.error());
  return tree_.remove(words[1], *announced).map([] { return std::string(); });
}

Commands::Answer Commands::disconnect(const Words& words) {
  return device_of(words).map([](const auto& device) {
    device->disconnect();
    return std::string();
  });
}

Commands::Answer Commands::reset(const Words& words) {
  Arguments arguments(words);
  const std::string_view number = arguments.take("devnum", "same");
  const std::string_view events = arguments.take("uevents", "rebind");
  if (const Result<void> done = arguments.done(); !done) return tl::make_unexpected(done.error());
  if (number != "same" && number != "new") return bad("devnum is not same or new");
  auto wanted = UsbTree::ResetEvents::none;
  if (events == "rebind") wanted = UsbTree::ResetEvents::rebind;
  if (events == "readd") wanted = UsbTree::ResetEvents::readd;
  if (wanted == UsbTree::ResetEvents::none && events != "none") return bad("unknown uevents");
  return tree_.reset(words[1], number == "new", wanted).map(describe);
}

Commands::Answer Commands::uevent(const Words& words) {
  return tree_.send(words[1], std::string(words[2])).map([] { return std::string(); });
}

Commands::Answer Commands::node(const Words& words) {
  return tree_.write_node(words[1]).map([] { return std::string(); });
}

Commands::Answer Commands::insert(const Words& words) {
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  const Result<CardArguments> card = parse_card_arguments(words);
  if (!card) return tl::make_unexpected(card.error());
  if (!(*device)->insert(card->reader, card->slot, card->card, card->atr)) {
    return bad("no such slot, or it is not empty");
  }
  return std::string();
}

Commands::Answer Commands::eject(const Words& words) {
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  const Result<CardArguments> card = parse_card_arguments(words);
  if (!card) return tl::make_unexpected(card.error());
  if (!(*device)->remove(card->reader, card->slot)) return bad("no such slot, or it is empty");
  return std::string();
}

Commands::Answer Commands::unpower(const Words& words) {
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  (*device)->lose_card_power();
  return std::string();
}

Commands::Answer Commands::hang(const Words& words) {
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  return parse_switch(words[2]).map([&device](bool on) {
    (*device)->hang(on);
    return std::string();
  });
}

Commands::Answer Commands::delay(const Words& words) {
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  return parse_count(words[2], kCountMax).map([&device](unsigned delay_ms) {
    (*device)->set_answer_delay(milliseconds(delay_ms));
    return std::string();
  });
}

Commands::Answer Commands::fail(const Words& words) {
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  const Result<unsigned> count = parse_count(words[3], kCountMax);
  if (!count) return tl::make_unexpected(count.error());
  if (words[2] == "claims") {
    (*device)->fail_claims(*count);
  } else if (words[2] == "answers") {
    (*device)->fail_answers(*count);
  } else {
    return bad("not claims or answers");
  }
  return std::string();
}

Commands::Answer Commands::status(const Words& words) {
  if (words.size() == 1) {
    const UsbTree::Totals totals = tree_.totals();
    return fmt::format("devices={} unanswered={}", totals.devices, totals.unanswered);
  }
  const auto device = device_of(words);
  if (!device) return tl::make_unexpected(device.error());
  const UsbDevice::Counters now = (*device)->counters();
  return fmt::format(
      "devnum={} opens={} claims={} claimed={} commands={} transfers={} held={} "
      "powered={}",
      tree_.place_of(words[1])->number, now.opens, now.claims, now.claimed, now.commands,
      now.transfers, now.held, now.powered);
}

Result<std::shared_ptr<UsbDevice>> Commands::device_of(const Words& words) const {
  if (std::shared_ptr<UsbDevice> device = tree_.find(words[1])) return device;
  return bad("there is no device at this port");
}

}  // namespace cardea::usb_fake
