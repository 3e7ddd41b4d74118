#include "drivers/virtual/control_command.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"

namespace cardea::virtual_reader {
namespace {

constexpr std::string_view kAtrPrefix = "atr=";
constexpr std::string_view kUnseen = "unseen";

std::vector<std::string_view> split_words(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t start = line.find_first_not_of(' '); start != std::string_view::npos;) {
    const std::size_t end = line.find(' ', start);
    words.push_back(line.substr(start, end - start));
    start = end == std::string_view::npos ? end : line.find_first_not_of(' ', end);
  }
  return words;
}

tl::unexpected<Error> bad(std::string text) {
  return failure(ScardRv::invalid_parameter, std::move(text));
}

Result<unsigned> parse_slot(const std::vector<std::string_view>& words, unsigned slots) {
  if (words.size() < 2) return bad(std::string(words[0]) + " needs the number of a slot");
  const std::optional<unsigned> slot = parse_number(words[1], 0, slots - 1);
  if (!slot) {
    return bad("'" + log::escape(words[1]) + "' is not a slot of 0.." + std::to_string(slots - 1));
  }
  return *slot;
}

Result<ControlCommand> parse_insert(const std::vector<std::string_view>& words,
                                    ControlCommand command) {
  std::size_t next = 2;
  if (next < words.size() && (words[next] == "hello" || words[next] == "mute")) {
    command.card = words[next] == "mute" ? CardKind::mute : CardKind::hello;
    ++next;
  }
  if (next < words.size() && words[next].starts_with(kAtrPrefix)) {
    command.atr = atr_kind_from(words[next].substr(kAtrPrefix.size()));
    if (!command.atr) return bad("atr is not t0, t1 or t01");
    ++next;
  }
  if (next < words.size()) return bad("what is '" + log::escape(words[next]) + "'? Try help");
  return command;
}

}  // namespace

Result<ControlCommand> parse_control_command(std::string_view line, unsigned slots) {
  const std::vector<std::string_view> words = split_words(line);
  if (words.empty()) return bad("empty command, try help");
  ControlCommand command;
  if (words[0] == "status" || words[0] == "help") {
    if (words.size() > 1) return bad(std::string(words[0]) + " takes no argument");
    command.verb = words[0] == "status" ? ControlCommand::Verb::status : ControlCommand::Verb::help;
    return command;
  }
  if (words[0] != "insert" && words[0] != "remove") {
    return bad("unknown command '" + log::escape(words[0]) + "', try help");
  }
  const Result<unsigned> slot = parse_slot(words, slots);
  if (!slot) return tl::make_unexpected(slot.error());
  command.slot = *slot;
  if (words[0] == "insert") {
    command.verb = ControlCommand::Verb::insert;
    return parse_insert(words, command);
  }
  command.verb = ControlCommand::Verb::remove;
  command.unseen = words.size() == 3 && words[2] == kUnseen;
  if (words.size() > 2 && !command.unseen) {
    return bad("remove takes only the number of a slot, and 'unseen'");
  }
  return command;
}

std::string_view control_help() {
  return "insert SLOT [hello|mute] [atr=t0|t1|t01]  put a card into an empty slot\n"
         "remove SLOT [unseen]                      take the card out; unseen: without a word of "
         "it\n"
         "status                                    one line per slot\n"
         "help                                      this list\n";
}

}  // namespace cardea::virtual_reader
