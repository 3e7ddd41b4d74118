#include "drivers/ccid/card_parameters.hpp"

#include <gtest/gtest.h>

#include <array>

#include "drivers/ccid/pps.hpp"

namespace cardea::ccid {
namespace {

AtrInfo read(const Bytes& atr) {
  const std::optional<AtrInfo> info = parse_atr(atr);
  EXPECT_TRUE(info.has_value());
  return info.value_or(AtrInfo());
}

TEST(Atr, OffersT0IfItSaysNothing) {
  const AtrInfo info = read({0x3B, 0x05, 'H', 'e', 'l', 'l', 'o'});
  EXPECT_TRUE(info.offers(Protocol::t0));
  EXPECT_FALSE(info.offers(Protocol::t1));
  EXPECT_EQ(info.default_protocol, 0);
  EXPECT_FALSE(info.ta1.has_value());
  EXPECT_EQ(info.waiting_integer, 10);
}

TEST(Atr, ReadsAllInterfaceBytes) {
  // TA1 TB1 TC1 TD1(T=0) TC2 TD2(T=1) TA3 TB3 TC3
  const AtrInfo info = read({0x3F, 0xF0, 0x95, 0x00, 0x20, 0xC0, 0x0C, 0x71, 0xFE, 0x65, 0x01});
  EXPECT_TRUE(info.inverse_convention);
  EXPECT_EQ(info.ta1, 0x95);
  EXPECT_EQ(info.extra_guard_time, 0x20);
  EXPECT_EQ(info.waiting_integer, 0x0C);
  EXPECT_TRUE(info.offers(Protocol::t0));
  EXPECT_TRUE(info.offers(Protocol::t1));
  EXPECT_EQ(info.default_protocol, 0);
  EXPECT_EQ(info.ifsc, 0xFE);
  EXPECT_EQ(info.bwi_cwi, 0x65);
  EXPECT_TRUE(info.uses_crc);
}

TEST(Atr, OnlyTheFirstGroupOfT1AndNoGlobalBytesCount) {
  // TD1(T=1) TD2(T=1) TA3 TD3(T=1) TA4 TD4(T=15) TA5
  const AtrInfo info = read({0x3B, 0x80, 0x81, 0x91, 0x40, 0x91, 0x80, 0x1F, 0xC3});
  EXPECT_EQ(info.ifsc, 0x40);
  EXPECT_EQ(info.protocols, 1U << 1U);
  EXPECT_EQ(info.default_protocol, 1);
}

TEST(Atr, SpecificModeLeavesOneProtocol) {
  // TD1(T=0) TA2(T=1) TD2(T=1)
  const AtrInfo info = read({0x3B, 0x80, 0x90, 0x01, 0x01});
  EXPECT_EQ(info.ta2, 0x01);
  EXPECT_FALSE(info.offers(Protocol::t0));
  EXPECT_TRUE(info.offers(Protocol::t1));
  EXPECT_EQ(info.default_protocol, 1);
}

TEST(Atr, ReservedSizesAreReplaced) {
  EXPECT_EQ(read({0x3B, 0x80, 0x81, 0x11, 0xFF}).ifsc, 254);
  EXPECT_EQ(read({0x3B, 0x80, 0x81, 0x11, 0x00}).ifsc, 32);
}

TEST(Atr, WhatIsNoneIsRefused) {
  EXPECT_FALSE(parse_atr({}).has_value());
  EXPECT_FALSE(parse_atr(Bytes{0x3B}).has_value());
  EXPECT_FALSE(parse_atr(Bytes{0x3C, 0x00}).has_value());
  EXPECT_FALSE(parse_atr(Bytes{0x3B, 0xF0, 0x11, 0x00, 0x00}).has_value());
  EXPECT_FALSE(parse_atr(Bytes(34, 0x3B)).has_value());
  // Interface bytes without end.
  Bytes endless(33, 0xFF);
  endless[0] = 0x3B;
  EXPECT_FALSE(parse_atr(endless).has_value());
}

constexpr LineLimits kFastReader{4000, 344'086, {}};

AtrInfo with_ta1(std::uint8_t ta1) {
  AtrInfo info;
  info.ta1 = ta1;
  return info;
}

TEST(FiDi, IsTheCardsOwnIfTheReaderKeepsUp) {
  EXPECT_EQ(choose_fi_di(with_ta1(0x96), kFastReader), 0x96);
  EXPECT_EQ(choose_fi_di(with_ta1(0x11), kFastReader), 0x11);
  EXPECT_EQ(choose_fi_di(AtrInfo(), kFastReader), 0x11);
}

TEST(FiDi, IsTheDefaultForSlowerOrReservedOnes) {
  EXPECT_EQ(choose_fi_di(with_ta1(0x31), kFastReader), 0x11);
  EXPECT_EQ(choose_fi_di(with_ta1(0x7F), kFastReader), 0x11);
}

TEST(FiDi, IsTheNextSlowerOneForACardThatIsTooFast) {
  EXPECT_EQ(choose_fi_di(with_ta1(0x97), kFastReader), 0x96);  // 500 000 bit/s, 250 000
  EXPECT_EQ(choose_fi_di(with_ta1(0x97), LineLimits{4000, 70'000, {}}), 0x94);
  EXPECT_EQ(choose_fi_di(with_ta1(0x97), LineLimits{4000, 20'000, {}}), 0x11);
  EXPECT_EQ(choose_fi_di(with_ta1(0x18), LineLimits{4000, 11'000, {}}), 0x11);
}

TEST(FiDi, HasToBeInTheReadersListGiveOrTakeOne) {
  const std::array<std::uint32_t, 2> rates{10'752, 62'501};
  const LineLimits limits{4000, 344'086, rates};
  EXPECT_EQ(choose_fi_di(with_ta1(0x94), limits), 0x94);  // 62 500
  EXPECT_EQ(choose_fi_di(with_ta1(0x96), limits), 0x94);
  EXPECT_EQ(choose_fi_di(with_ta1(0x13), limits), 0x11);
}

TEST(FiDi, OfSpecificModeIsTakenOrTheCardRefused) {
  AtrInfo info = with_ta1(0x96);
  info.ta2 = 0x00;
  EXPECT_EQ(choose_fi_di(info, kFastReader), 0x96);
  info.ta1 = 0x97;
  EXPECT_FALSE(choose_fi_di(info, kFastReader).has_value());
  info = AtrInfo();
  info.ta2 = 0x10;  // implicit values
  EXPECT_FALSE(choose_fi_di(info, kFastReader).has_value());
}

TEST(LineParameters, HaveTheLayoutOfSetParameters) {
  AtrInfo info = read({0x3F, 0xF0, 0x95, 0x00, 0x20, 0xC0, 0x0C, 0x71, 0xFE, 0x65, 0x01});
  EXPECT_EQ(line_parameters(info, Protocol::t0, 0x95), (Bytes{0x95, 0x02, 0x20, 0x0C, 0x00}));
  EXPECT_EQ(line_parameters(info, Protocol::t1, 0x95),
            (Bytes{0x95, 0x13, 0x20, 0x65, 0x00, 0xFE, 0x00}));
  EXPECT_EQ(line_parameters(AtrInfo(), Protocol::t1, 0x11),
            (Bytes{0x11, 0x10, 0x00, 0x4D, 0x00, 0x20, 0x00}));
}

TEST(ExchangeTimeout, FollowsFromTheWaitingTimes) {
  // T=0, WI 10 at 4 MHz: WWT 892.8 ms, character 1.116 ms; 5 * 1.116 + 260 * 892.8.
  EXPECT_NEAR(exchange_timeout_ms(AtrInfo(), Protocol::t0, 0x11, 4000), 232'134, 2);
  // T=1, BWI 4, CWI 13: BWT 1429.5 ms, CWT 762.9 ms; 290.2 + 1429.5 + 260 * 762.9 + 1000.
  EXPECT_NEAR(exchange_timeout_ms(AtrInfo(), Protocol::t1, 0x11, 4000), 201'068, 2);
  AtrInfo quick;
  quick.waiting_integer = 1;
  quick.extra_guard_time = 0xFF;  // none
  EXPECT_EQ(exchange_timeout_ms(quick, Protocol::t0, 0x96, 40'000), 3'195);
  EXPECT_EQ(exchange_timeout_ms(AtrInfo(), Protocol::t0, 0x11, 0), kUnknownTimeoutMs);
  EXPECT_EQ(exchange_timeout_ms(AtrInfo(), Protocol::t1, 0x70, 4000), kUnknownTimeoutMs);
  EXPECT_EQ(exchange_timeout_ms(AtrInfo(), Protocol::t1, 0x11, 1), 600'000);
}

TEST(Pps, NamesProtocolAndRate) {
  EXPECT_EQ(pps_request(Protocol::t1, 0x11), (Bytes{0xFF, 0x01, 0xFE}));
  EXPECT_EQ(pps_request(Protocol::t0, 0x95), (Bytes{0xFF, 0x10, 0x95, 0x7A}));
}

TEST(Pps, EchoIsAgreement) {
  const Bytes request = pps_request(Protocol::t1, 0x95);
  EXPECT_EQ(accepted_fi_di(request, request), 0x95);
  EXPECT_EQ(accepted_fi_di(pps_request(Protocol::t1, 0x11), Bytes{0xFF, 0x01, 0xFE}), 0x11);
}

TEST(Pps, MissingPps1KeepsTheDefaultRate) {
  EXPECT_EQ(accepted_fi_di(pps_request(Protocol::t1, 0x95), Bytes{0xFF, 0x01, 0xFE}), 0x11);
}

TEST(Pps, AnythingElseIsARefusal) {
  const Bytes request = pps_request(Protocol::t1, 0x95);
  EXPECT_FALSE(accepted_fi_di(request, {}).has_value());
  EXPECT_FALSE(accepted_fi_di(request, Bytes{0xFF, 0x00, 0xFF}).has_value());
  EXPECT_FALSE(accepted_fi_di(request, Bytes{0xFF, 0x01, 0xFF}).has_value());
  EXPECT_FALSE(accepted_fi_di(request, Bytes{0xFF, 0x11, 0x94, 0x7A}).has_value());
  EXPECT_FALSE(accepted_fi_di(request, Bytes{0xFF, 0x11, 0x95}).has_value());
}

}  // namespace
}  // namespace cardea::ccid
