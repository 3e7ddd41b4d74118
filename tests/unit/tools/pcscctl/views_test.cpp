#include "tools/pcscctl/views.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tools/pcscctl/terminal.hpp"

namespace cardea::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

const Style kPlain(false);

Json status() {
  return Json::parse(R"({
    "daemon": {"version": "1.0", "pid": 7, "up_ms": 65000},
    "clients": [
      {"id": 1, "pid": 12, "uid": 0, "program": "/usr/bin/gpg-agent", "protocol": "4:4",
       "connected_ms": 3000, "handles": 1, "waits_for_events": false},
      {"id": 2, "pid": null, "uid": 4242, "program": null, "protocol": "4:6",
       "connected_ms": 90, "handles": 1, "waits_for_events": true}],
    "readers": [
      {"name": "R\u001b[31m", "alias": null, "driver": "/d.so", "state": "card", "events": 1,
       "card": {"atr": "3B 00", "power": "on", "protocol": "T=0"}, "resetting": false,
       "handles": [{"client": 1, "mode": "shared"}, {"client": 2, "mode": "shared"}],
       "holder": {"client": 1, "kind": "transaction", "held_ms": 12000, "idle_ms": 11000,
                  "idle_since": "2026-01-31T12:00:00.000Z"},
       "waiting": [{"client": 2, "for": "transaction", "waited_ms": 400}]}]})");
}

TEST(Views, StatusSaysWhoHoldsAndWhoWaits) {
  const std::string text = status_text(status(), kPlain);
  EXPECT_THAT(text, HasSubstr("up 1 min 5 s: 1 reader, 2 programs"));
  EXPECT_THAT(text, HasSubstr("held by  gpg-agent (pid 12, root), transaction for 12 s, unused "
                              "for 11 s"));
  EXPECT_THAT(text, HasSubstr("waiting  a program of another user (uid 4242), for a transaction, "
                              "400 ms"));
  EXPECT_THAT(text, HasSubstr("present, powered, T=0"));
}

TEST(Views, StatusNamesTheProcessOfADriver) {
  Json with_host = status();
  EXPECT_THAT(status_text(with_host, kPlain), HasSubstr("driver   /d.so\n"));
  with_host["readers"][0]["driver_pid"] = nullptr;
  EXPECT_THAT(status_text(with_host, kPlain), HasSubstr("driver   /d.so\n"));
  with_host["readers"][0]["driver_pid"] = 77;
  EXPECT_THAT(status_text(with_host, kPlain), HasSubstr("driver   /d.so (in process 77)\n"));
}

TEST(Views, NothingFromOutsideSteersTheTerminal) {
  EXPECT_THAT(status_text(status(), kPlain), Not(HasSubstr("\033")));
  EXPECT_THAT(list_text(status(), kPlain), HasSubstr("R\\x1B[31m"));
}

TEST(Views, ListHasALineForEachReader) {
  const std::string text = list_text(status(), kPlain);
  EXPECT_THAT(text, HasSubstr("present, powered, T=0  transaction\n"));
  EXPECT_EQ(list_json(status()).size(), 1U);
  EXPECT_THAT(list_text({{"readers", Json::array()}}, kPlain), HasSubstr("no readers"));
}

TEST(Views, EventsAreOneLineEach) {
  const Json event{{"event", "lock-handed"},
                   {"time", "2026-01-31T12:00:00.250Z"},
                   {"reader", "R"},
                   {"client", {{"id", 1}, {"pid", 3}, {"uid", 0}, {"program", "/a/b"}}},
                   {"from", {{"id", 2}}},
                   {"exclusive", false}};
  const std::string text = event_text(event, kPlain);
  EXPECT_THAT(text, HasSubstr(".250  has the card now"));
  EXPECT_THAT(text, HasSubstr("R: b (pid 3, root), after a program that has left\n"));
}

TEST(Views, UnexpectedAnswersAreErrors) {
  EXPECT_THROW(status_text(Json::object(), kPlain), Json::exception);
  EXPECT_THROW(event_text({{"event", 1}}, kPlain), Json::exception);
}

TEST(Table, AlignsColumnsWhateverTheColours) {
  Table table({"A", "B"});
  table.add({{"long text", Colour::red}, {"x"}});
  EXPECT_EQ(table.text(kPlain, 1), " A          B\n long text  x\n");
  EXPECT_EQ(table.text(Style(true), 0),
            "\033[1mA\033[0m          \033[1mB\033[0m\n\033[31mlong text\033[0m  x\n");
}

TEST(Table, PutsRowsThatAreTooLongOnTwoLines) {
  Table table({"READER", "CARD", "USE"});
  table.add({{"a long name of a reader"}, {"present"}, {"free"}});
  table.add({{"short"}, {"none"}, {"shared"}});
  EXPECT_EQ(table.text(Style(false, 30), 0),
            "READER\n  CARD     USE\na long name of a reader\n  present  free\n"
            "short\n  none     shared\n");
  EXPECT_EQ(table.text(Style(false, 40), 0).substr(0, 28), "READER                   CAR");
}

TEST(Views, StayWithinTheTerminal) {
  Json wide = status();
  wide["readers"][0]["name"] = "Reader with a name of some length 00 00";
  wide["clients"][0]["app"] = "org.example.an.Application.With.A.Name";
  wide["clients"][0]["sandbox"] = "flatpak";
  constexpr std::size_t kWidth = 64;
  std::istringstream lines(status_text(wide, Style(false, kWidth)) +
                           list_text(wide, Style(false, kWidth)));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), kWidth) << line;
}

TEST(Views, TheTableSaysWhoHoldsAndWhoWaits) {
  const std::string text = status_text(status(), kPlain);
  EXPECT_THAT(text, HasSubstr("1      holds a card\n"));
  EXPECT_THAT(text, HasSubstr("1      waits for a card\n"));
}

TEST(Style, FitsTextIntoTheTerminal) {
  EXPECT_EQ(Style(false).fit("one two three", 2, 2), "one two three");
  EXPECT_EQ(Style(false, 10).fit("one two three", 2, 1), "one two\n three");
  EXPECT_EQ(Style(false, 10).fit("one two three", 6, 1), "one\n two three");
  EXPECT_EQ(Style(false).sentence_width(), 96U);
  EXPECT_EQ(Style(false, 60).sentence_width(), 60U);
}

TEST(Age, HasTwoUnitsAtMost) {
  EXPECT_EQ(age(850), "850 ms");
  EXPECT_EQ(age(12'900), "12 s");
  EXPECT_EQ(age(60'000), "1 min");
  EXPECT_EQ(age(200'000), "3 min 20 s");
  EXPECT_EQ(age(7'500'000), "2 h 5 min");
  EXPECT_EQ(age(360'000'000), "4 d 4 h");
}

TEST(Wrapped, BreaksAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 2, 10), "one two\n  three");
  EXPECT_EQ(wrapped("", 2, 10), "");
}

}  // namespace
}  // namespace cardea::ctl
