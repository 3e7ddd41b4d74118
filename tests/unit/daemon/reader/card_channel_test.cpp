// What the driver sees of a job, and what becomes of its return codes.
#include "daemon/reader/card_channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/wire.hpp"
#include "tests/fakes/scripted_driver.hpp"

namespace cardea {
namespace {

using core::CardPhase;
using core::CardState;
using core::Job;
using core::JobKind;
using core::JobResult;
using testing::ElementsAre;
using testing::IsEmpty;
using wire::Disposition;

constexpr std::uint32_t kT0 = wire::kProtocolT0;
constexpr std::uint32_t kT1 = wire::kProtocolT1;
constexpr std::uint32_t kRaw = wire::kProtocolRaw;

class CardChannelTest : public testing::Test {
 protected:
  CardChannelTest() { script->insert_card(); }

  /// The state of a powered card with this ATR.
  static CardState powered(const DriverScript::Bytes& atr = DriverScript::kAtrT01,
                           std::uint32_t protocol = 0) {
    CardState card = in(CardPhase::powered);
    card.protocol = protocol;
    card.atr.length = atr.size();
    std::copy(atr.begin(), atr.end(), card.atr.bytes.begin());
    return card;
  }
  static CardState in(CardPhase phase) {
    CardState card;
    card.phase = phase;
    return card;
  }
  Job connect_job(const CardState& card, std::uint32_t protocols) {
    Job job;
    job.kind = JobKind::connect;
    job.card = card;
    job.protocols = protocols;
    return job;
  }
  JobResult run(JobKind kind, const CardState& card) {
    Job job;
    job.kind = kind;
    job.card = card;
    return run(job);
  }
  JobResult run(const Job& job) { return channel.run(job, scratch); }
  /// The driver's calls since the last look.
  std::vector<std::string> calls() {
    const auto all = script->calls();
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(seen);
    seen = all.size();
    return {from, all.end()};
  }
  void power_driver() {
    AtrBytes atr;
    (void)driver.power(PowerAction::up, atr);
    (void)calls();
  }

  std::shared_ptr<DriverScript> script = std::make_shared<DriverScript>();
  ScriptedDriver driver{script};
  CardChannel channel{driver};
  std::vector<std::byte> scratch = std::vector<std::byte>(wire::kPayloadBytesMax);
  std::size_t seen = 0;
};

TEST_F(CardChannelTest, ACheckPowersACardThatHasJustCome) {
  const JobResult result = run(JobKind::check_presence, in(CardPhase::absent));
  EXPECT_THAT(calls(), ElementsAre("presence", "presence", "power up"));
  ASSERT_TRUE(result.card);
  EXPECT_EQ(result.card->phase, CardPhase::powered);
  EXPECT_EQ(result.card->atr.length, DriverScript::kAtrT01.size());
}

TEST_F(CardChannelTest, ACheckLeavesAKnownCardAlone) {
  for (const CardPhase phase :
       {CardPhase::powered, CardPhase::mute, CardPhase::auto_off, CardPhase::unpowered}) {
    EXPECT_EQ(run(JobKind::check_presence, in(phase)).card, std::nullopt);
    EXPECT_THAT(calls(), ElementsAre("presence"));
  }
}

TEST_F(CardChannelTest, ACheckReportsWhatThePresenceCallSays) {
  struct Case {
    IfdRv rv;
    CardPhase phase;
  };
  for (const Case& test :
       {Case{IfdRv::icc_not_present, CardPhase::absent},
        Case{IfdRv::communication_error, CardPhase::unknown},
        Case{IfdRv::no_such_device, CardPhase::unknown}, Case{IfdRv{4711}, CardPhase::unknown}}) {
    script->queue_result(DriverCall::presence, test.rv);
    const JobResult result = run(JobKind::check_presence, powered());
    ASSERT_TRUE(result.card);
    EXPECT_EQ(result.card->phase, test.phase) << to_string(test.rv);
    EXPECT_EQ(result.card->atr.length, 0u);
  }
  script->queue_result(DriverCall::presence, IfdRv::success);
  EXPECT_EQ(run(JobKind::check_presence, powered()).card, std::nullopt)
      << "success means present as well";
}

TEST_F(CardChannelTest, PowerUpResultsBecomePhases) {
  struct Case {
    IfdRv rv;
    CardPhase phase;
    ScardRv connect;
    ScardRv reconnect;
  };
  for (const Case& test : {Case{IfdRv::power_action, CardPhase::mute, ScardRv::unpowered_card,
                                ScardRv::unresponsive_card},
                           Case{IfdRv::communication_error, CardPhase::mute,
                                ScardRv::unpowered_card, ScardRv::unresponsive_card},
                           Case{IfdRv::no_such_device, CardPhase::unknown,
                                ScardRv::reader_unavailable, ScardRv::reader_unavailable},
                           Case{IfdRv::icc_not_present, CardPhase::absent, ScardRv::no_smartcard,
                                ScardRv::no_smartcard}}) {
    script->queue_result(DriverCall::power, test.rv);
    JobResult result = run(connect_job(in(CardPhase::auto_off), kT1));
    EXPECT_EQ(result.rv, test.connect) << to_string(test.rv);
    ASSERT_TRUE(result.card);
    EXPECT_EQ(result.card->phase, test.phase) << to_string(test.rv);
    script->queue_result(DriverCall::power, test.rv);
    Job job = connect_job(powered(), kT1);
    job.kind = JobKind::reconnect;
    job.reset = true;
    result = run(job);
    EXPECT_EQ(result.rv, test.reconnect) << to_string(test.rv);
    EXPECT_EQ(result.card->phase, test.phase) << to_string(test.rv);
  }
}

TEST_F(CardChannelTest, AMissingCardIsNotPowered) {
  script->remove_card();
  EXPECT_EQ(run(connect_job(in(CardPhase::auto_off), kT1)).rv, ScardRv::no_smartcard);
  EXPECT_THAT(calls(), ElementsAre("presence"));
}

TEST_F(CardChannelTest, TheFirstConnectPowersAndSettlesTheProtocol) {
  const JobResult result = run(connect_job(in(CardPhase::auto_off), kT0 | kT1));
  EXPECT_EQ(result.rv, ScardRv::success);
  EXPECT_EQ(result.active_protocol, kT1);
  EXPECT_EQ(result.card->protocol, kT1);
  EXPECT_THAT(calls(), ElementsAre("presence", "power up", "set_protocol 2"));
}

TEST_F(CardChannelTest, AConnectToAPoweredCardOnlySettlesTheProtocol) {
  power_driver();
  EXPECT_EQ(run(connect_job(powered(), kT0)).active_protocol, kT0);
  EXPECT_THAT(calls(), ElementsAre("set_protocol 1"));
}

TEST_F(CardChannelTest, RawSettlesNothing) {
  const JobResult result = run(connect_job(in(CardPhase::auto_off), kRaw | kT1));
  EXPECT_EQ(result.active_protocol, kRaw);
  EXPECT_EQ(result.card->protocol, wire::kProtocolUnset);
  EXPECT_THAT(calls(), ElementsAre("presence", "power up"));
}

TEST_F(CardChannelTest, RefusedProtocolsAreHandledAsMeasured) {
  struct Case {
    const char* what;
    IfdRv rv;
    std::uint32_t asked;
    ScardRv result;
    std::uint32_t active;
    std::vector<std::string> calls;
  };
  const std::vector<std::string> once{"set_protocol 2"};
  const std::vector<std::string> twice{"set_protocol 2", "set_protocol 1"};
  // The ATR offers T=0 first and T=1; T=1 is tried first.
  for (const Case& test :
       {Case{"accepted", IfdRv::success, 3, ScardRv::success, kT1, once},
        Case{"606, fallback", IfdRv::error_not_supported, 3, ScardRv::success, kT0, twice},
        Case{"607, fallback", IfdRv::protocol_not_supported, 3, ScardRv::success, kT0, twice},
        Case{"607, no fallback", IfdRv::protocol_not_supported, kT1, ScardRv::proto_mismatch, 0,
             once},
        Case{"614", IfdRv::not_supported, 3, ScardRv::success, kT0, once},
        Case{"614, not asked for", IfdRv::not_supported, kT1, ScardRv::proto_mismatch, 0, once},
        Case{"605", IfdRv::pts_failure, 3, ScardRv::unresponsive_card, 0, once},
        Case{"612", IfdRv::communication_error, 3, ScardRv::unresponsive_card, 0, once},
        Case{"617", IfdRv::no_such_device, 3, ScardRv::unresponsive_card, 0, once}}) {
    power_driver();
    script->queue_result(DriverCall::set_protocol, test.rv);
    const JobResult result = run(connect_job(powered(), test.asked));
    EXPECT_EQ(result.rv, test.result) << test.what;
    EXPECT_EQ(result.active_protocol, test.active) << test.what;
    EXPECT_EQ(calls(), test.calls) << test.what;
  }
}

TEST_F(CardChannelTest, ResetAndUnpowerAreTheSequencesDriversKnow) {
  struct Case {
    JobKind kind;
    Disposition action;
    bool power_cycle;
    std::vector<std::string> calls;
    CardPhase phase;
  };
  const std::vector<std::string> reset{"presence", "power reset"};
  const std::vector<std::string> down{"presence", "power down"};
  const std::vector<std::string> cycle{"presence", "power down", "presence", "power up"};
  for (const Case& test :
       {Case{JobKind::card_action, Disposition::reset, false, reset, CardPhase::powered},
        Case{JobKind::clean_up, Disposition::reset, false, reset, CardPhase::powered},
        Case{JobKind::card_action, Disposition::unpower, false, down, CardPhase::unpowered},
        Case{JobKind::card_action, Disposition::unpower, true, cycle, CardPhase::powered}}) {
    Job job;
    job.kind = test.kind;
    job.action = test.action;
    job.power_cycle = test.power_cycle;
    job.card = powered(DriverScript::kAtrT01, kT1);
    const JobResult result = run(job);
    EXPECT_EQ(result.rv, ScardRv::success);
    EXPECT_EQ(calls(), test.calls);
    EXPECT_EQ(result.card->phase, test.phase);
    EXPECT_EQ(result.card->protocol, wire::kProtocolUnset);
  }
}

TEST_F(CardChannelTest, AnAutomaticPowerOffKeepsTheAtr) {
  const JobResult result = run(JobKind::power_off, powered(DriverScript::kAtrT01, kT1));
  EXPECT_THAT(calls(), ElementsAre("presence", "power down"));
  EXPECT_EQ(result.card->phase, CardPhase::auto_off);
  EXPECT_EQ(result.card->atr.length, DriverScript::kAtrT01.size());
  EXPECT_EQ(result.card->protocol, wire::kProtocolUnset);
}

TEST_F(CardChannelTest, ReconnectWithLeavePowersOnlyWhatIsOff) {
  Job job = connect_job(powered(DriverScript::kAtrT01, kT1), kT1);
  job.kind = JobKind::reconnect;
  EXPECT_EQ(run(job).active_protocol, kT1);
  EXPECT_THAT(calls(), IsEmpty());
  job.card.phase = CardPhase::unpowered;
  EXPECT_EQ(run(job).active_protocol, kT1);
  EXPECT_THAT(calls(), ElementsAre("presence", "power up", "set_protocol 2"));
}

TEST_F(CardChannelTest, EjectIsTheCtBcsCommand) {
  struct Case {
    DriverScript::Bytes answer;
    ScardRv rv;
  };
  for (const Case& test :
       {Case{{0x90, 0x00}, ScardRv::success}, Case{{0x62, 0x00}, ScardRv::not_transacted},
        Case{{}, ScardRv::not_transacted}}) {
    script->queue_response(DriverCall::control, test.answer);
    Job job;
    job.kind = JobKind::card_action;
    job.action = Disposition::eject;
    job.card = powered();
    const JobResult result = run(job);
    EXPECT_EQ(result.rv, test.rv);
    EXPECT_EQ(result.card, std::nullopt);
    EXPECT_THAT(calls(), ElementsAre("control 00000000 2015010000"));
  }
}

TEST_F(CardChannelTest, ExchangeResultsAreMappedAsMeasured) {
  struct Case {
    IfdRv rv;
    ScardRv transmit;
    ScardRv control;
    ScardRv get;
    ScardRv set;
  };
  constexpr ScardRv kFailed = ScardRv::not_transacted;
  constexpr ScardRv kUnsupported = ScardRv::unsupported_feature;
  constexpr ScardRv kTooSmall = ScardRv::insufficient_buffer;
  constexpr ScardRv kNoDevice = ScardRv::reader_unavailable;
  for (const Case& test :
       {Case{IfdRv::tag, kFailed, kFailed, kUnsupported, kUnsupported},
        Case{IfdRv::error_not_supported, kFailed, kUnsupported, kFailed, kFailed},
        Case{IfdRv::not_supported, kFailed, kUnsupported, kFailed, kFailed},
        Case{IfdRv::communication_error, kFailed, kFailed, kFailed, kFailed},
        Case{IfdRv::response_timeout, kFailed, kFailed, kFailed, kFailed},
        Case{IfdRv::insufficient_buffer, kFailed, kTooSmall, kTooSmall, kFailed},
        Case{IfdRv::no_such_device, kNoDevice, kNoDevice, kFailed, kFailed},
        Case{IfdRv::icc_not_present, ScardRv::no_smartcard, kFailed, kFailed, kFailed},
        Case{IfdRv{4711}, kFailed, kFailed, kFailed, kFailed}}) {
    script->queue_result(DriverCall::transmit, test.rv);
    script->queue_result(DriverCall::control, test.rv);
    script->queue_result(DriverCall::get_capability, test.rv);
    script->queue_result(DriverCall::set_capability, test.rv);
    EXPECT_EQ(run(JobKind::transmit, powered()).rv, test.transmit) << to_string(test.rv);
    EXPECT_EQ(run(JobKind::control, powered()).rv, test.control) << to_string(test.rv);
    EXPECT_EQ(run(JobKind::get_attribute, powered()).rv, test.get) << to_string(test.rv);
    EXPECT_EQ(run(JobKind::set_attribute, powered()).rv, test.set) << to_string(test.rv);
  }
}

TEST_F(CardChannelTest, TransmitNumbersProtocolsAsDriversDo) {
  struct Case {
    std::uint32_t protocol;
    const char* call;
  };
  power_driver();
  for (const Case& test : {Case{kT0, "transmit 0 00"}, Case{kT1, "transmit 1 00"},
                           Case{kRaw, "transmit 4 00"}, Case{0, "transmit 0 00"}}) {
    Job job;
    job.kind = JobKind::transmit;
    job.card = powered();
    job.transmit.send_pci_protocol = test.protocol;
    job.transmit.recv_pci_protocol = 2;
    job.transmit.recv_pci_length = 16;
    job.payload.assign(1, std::byte{0});
    const JobResult result = run(job);
    EXPECT_EQ(result.rv, ScardRv::success);
    EXPECT_EQ(result.bytes, 2u);
    EXPECT_EQ(result.recv_pci.protocol, 2u) << "as the client sent it, unless the driver writes";
    EXPECT_THAT(calls(), ElementsAre(test.call));
  }
}

TEST_F(CardChannelTest, AttributesAreReadWithTheProtocolsRoom) {
  script->set_capability_value(0x10100, DriverScript::Bytes(wire::kAttributeBytesMax, 1));
  Job job;
  job.kind = JobKind::get_attribute;
  job.attribute.id = 0x10100;
  job.attribute.bytes = 1;
  EXPECT_EQ(run(job).bytes, wire::kAttributeBytesMax);
  script->set_capability_value(0x10100, DriverScript::Bytes(wire::kAttributeBytesMax + 1, 1));
  EXPECT_EQ(run(job).rv, ScardRv::insufficient_buffer);
}

TEST_F(CardChannelTest, ACloseSaysNothingToTheDriver) {
  EXPECT_EQ(run(JobKind::close, powered()).rv, ScardRv::success);
  EXPECT_THAT(calls(), IsEmpty());
}

}  // namespace
}  // namespace cardea
