// What the doctor says about refusals that the journal tells of; reading it is tested with a real
// journal in tests/system/doctor_test.py.
#include "tools/pcscctl/doctor/refusals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cardea::ctl {
namespace {

using testing::HasSubstr;

const Refusal kDenied{Refusal::Kind::access, 65'000, "/usr/bin/gpg (uid 1000)", "smart cards",
                      "allow uid=1000"};

TEST(Refusals, ThatDidNotHappenAreGood) {
  const Findings found = judge_refusals({true, {}}, true);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].verdict, Verdict::good);
  EXPECT_THAT(judge_refusals({true, {}}, false)[0].text, HasSubstr("as far as you may see"));
}

TEST(Refusals, WithoutAJournalAreNotKnown) {
  for (const bool is_root : {true, false}) {
    const Findings found = judge_refusals({false, {}}, is_root);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].id, "refused-no-journal");
    EXPECT_EQ(found[0].verdict, Verdict::note);
  }
}

TEST(Refusals, OfOneProgramAreCounted) {
  Refusal earlier = kDenied;
  earlier.age_ms = 80'000'000;
  const Findings found = judge_refusals({true, {kDenied, earlier, earlier}}, true);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].verdict, Verdict::warning);
  EXPECT_EQ(found[0].id, "refused-access");
  EXPECT_EQ(found[0].text,
            "/usr/bin/gpg (uid 1000) was refused smart cards: 3 times in the last 24 h, the last "
            "1 min 5 s ago");
  EXPECT_THAT(found[0].remedy, HasSubstr("access.rules and run pcscd --hotplug:"));
  EXPECT_EQ(found[0].line, "allow uid=1000");
}

TEST(Refusals, AreToldApartByProgramKindAndThing) {
  Refusal reader = kDenied;
  reader.what = "the reader \"R 00 00\"";
  Refusal other = kDenied;
  other.who = "/opt/x (uid 1000, flatpak org.example.X)";
  Refusal version = kDenied;
  version.kind = Refusal::Kind::version;
  version.what = "4:2";
  Refusal limit = kDenied;
  limit.kind = Refusal::Kind::limit;
  limit.what = "";
  Refusal user_limit = limit;
  user_limit.what = "32 connections";
  const Findings found =
      judge_refusals({true, {kDenied, reader, other, version, limit, user_limit}}, true);
  ASSERT_EQ(found.size(), 6U);
  EXPECT_THAT(found[1].text,
              HasSubstr("was refused the reader \"R 00 00\": once in the last 24 h"));
  EXPECT_THAT(found[2].text, HasSubstr("flatpak org.example.X"));
  EXPECT_EQ(found[3].id, "refused-version");
  EXPECT_THAT(found[3].text, HasSubstr("protocol 4:2"));
  EXPECT_EQ(found[4].id, "refused-limit");
  EXPECT_THAT(found[4].text, HasSubstr("too many programs: once"));
  EXPECT_THAT(found[5].text, HasSubstr("its user had all of 32 connections: once"));
}

TEST(Refusals, OfManyProgramsAreCutShort) {
  RefusalRecords records{true, {}};
  for (int i = 0; i < 20; ++i) {
    records.refusals.push_back(kDenied);
    records.refusals.back().who = "program " + std::to_string(i);
  }
  const Findings found = judge_refusals(records, true);
  ASSERT_EQ(found.size(), 9U);
  EXPECT_EQ(found.back().id, "refused-more");
  EXPECT_THAT(found.back().text, HasSubstr("12 more"));
}

}  // namespace
}  // namespace cardea::ctl
