// HostedDriver with a host on a thread of this process, which shows what reaches the handler, and
// with hosts in processes of their own, which are this program again.
#include "drivers/hosted/hosted_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <future>
#include <string_view>
#include <thread>

#include "drivers/hosted/host_process.hpp"
#include "drivers/hosted/host_slot.hpp"
#include "drivers/in_process_driver.hpp"
#include "include/PCSC/ifdhandler.h"
#include "tests/unit/drivers/test_handlers.hpp"
#include "tests/unit/drivers/test_support.hpp"

namespace cardea {
namespace {

using test::handler_calls;
using test::handler_path;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t kLun = 0x10002;

HostLimits short_limits() {
  HostLimits limits;
  limits.open = limits.query = limits.power = limits.exchange = milliseconds(5'000);
  return limits;
}

/// A host on a thread.
class ThreadHost {
 public:
  explicit ThreadHost(const std::string& handler) {
    auto pair = SocketPair::create();
    EXPECT_TRUE(pair);
    thread_ = std::thread([socket = std::move(pair->theirs)]() mutable {
      EXPECT_EQ(serve_driver(std::move(socket)), 0);
    });
    host_ = DriverHost::attach(std::move(pair->ours), short_limits(), {});
    const auto loaded = host_->load(handler_path(handler));
    EXPECT_TRUE(loaded) << loaded.error().context;
  }
  ~ThreadHost() {
    host_.reset();
    thread_.join();
  }
  ThreadHost(const ThreadHost&) = delete;
  ThreadHost& operator=(const ThreadHost&) = delete;

  std::unique_ptr<HostedDriver> open(const std::string& device = "device",
                                     std::uint32_t channel = 0) {
    auto driver = HostedDriver::create(host_, kLun, device, channel);
    EXPECT_TRUE(driver) << driver.error().context;
    return driver ? std::move(*driver) : nullptr;
  }
  [[nodiscard]] const std::shared_ptr<DriverHost>& host() const { return host_; }

 private:
  std::shared_ptr<DriverHost> host_;
  std::thread thread_;
};

TEST(HostedDriver, OpensAndClosesAsInThisProcess) {
  const auto library = test::load_handler("handler_3");
  ThreadHost host("handler_3");
  host.open().reset();
  EXPECT_THAT(handler_calls(*library),
              ElementsAre("open_by_name 10002 device", "get 10002 fb3 room=8",
                          "get 10002 fb2 room=8", "close 10002"));
}

TEST(HostedDriver, TellsNoSuchDeviceFromOtherFailures) {
  ThreadHost host("handler_3");
  const auto gone = HostedDriver::create(host.host(), kLun, "gone", 0);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().rv, ScardRv::unknown_reader);
  const auto broken = HostedDriver::create(host.host(), kLun + 1, "broken", 0);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().rv, ScardRv::invalid_target);
  EXPECT_THAT(broken.error().context, HasSubstr("IFD_COMMUNICATION_ERROR"));
}

TEST(HostedDriver, SaysWhyALibraryCannotBeLoaded) {
  auto pair = SocketPair::create();
  ASSERT_TRUE(pair);
  std::thread thread(
      [socket = std::move(pair->theirs)]() mutable { serve_driver(std::move(socket)); });
  auto host = DriverHost::attach(std::move(pair->ours), short_limits(), {});
  const auto loaded = host->load("/nowhere/libnone.so");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().rv, ScardRv::invalid_target);
  EXPECT_THAT(loaded.error().context, HasSubstr("check LIBPATH"));
  host.reset();
  thread.join();
}

/// Each call, here and there: the same results.
TEST(HostedDriver, AnswersWhatTheDriverAnswers) {
  for (const char* handler : {"handler_3", "handler_2", "handler_lying"}) {
    SCOPED_TRACE(handler);
    const auto library = test::load_handler(handler);
    auto here = InProcessDriver::create(library, kLun, "device", 0);
    ASSERT_TRUE(here);
    ThreadHost host(handler);
    const auto there = host.open();
    ASSERT_NE(there, nullptr);
    EXPECT_EQ(there->is_version_2(), (*here)->is_version_2());
    EXPECT_EQ(there->has_wait_event(), (*here)->has_wait_event());
    EXPECT_EQ(there->can_stop_waiting(), (*here)->can_stop_waiting());
    EXPECT_EQ(there->presence(), (*here)->presence());
    EXPECT_EQ(there->set_protocol(2), (*here)->set_protocol(2));
    for (const PowerAction action : {PowerAction::up, PowerAction::reset, PowerAction::down}) {
      AtrBytes a;
      AtrBytes b;
      EXPECT_EQ(there->power(action, a), (*here)->power(action, b));
      EXPECT_EQ(a.length, b.length);
      EXPECT_EQ(a.bytes, b.bytes);
    }
    std::vector<std::byte> a(kIfdResponseBytes);
    std::vector<std::byte> b(kIfdResponseBytes);
    const std::array command{std::byte{0}, std::byte{0xA4}, std::byte{4}, std::byte{0}};
    std::size_t got_a = 0;
    std::size_t got_b = 0;
    IfdPci pci_a{1, 16};
    IfdPci pci_b{1, 16};
    EXPECT_EQ(there->transmit({1, 16}, command, a, got_a, pci_a),
              (*here)->transmit({1, 16}, command, b, got_b, pci_b));
    EXPECT_EQ(got_a, got_b);
    EXPECT_EQ(pci_a.protocol, pci_b.protocol);
    EXPECT_EQ(pci_a.length, pci_b.length);
    EXPECT_EQ(there->control(42, command, a, got_a), (*here)->control(42, command, b, got_b));
    EXPECT_EQ(got_a, got_b);
    EXPECT_EQ(a, b);
    for (const std::uint32_t tag : {std::uint32_t{TAG_IFD_SLOTS_NUMBER}, std::uint32_t{0x4711}}) {
      const auto room = std::size_t{kIfdCapabilityBytesMax};
      EXPECT_EQ(there->get_capability(tag, std::span(a).first(room), got_a),
                (*here)->get_capability(tag, std::span(b).first(room), got_b));
      EXPECT_EQ(got_a, got_b);
    }
    EXPECT_EQ(there->set_capability(0x4711, command), (*here)->set_capability(0x4711, command));
    if (std::string_view(handler) != "handler_lying") (void)handler_calls(*library);
  }
}

TEST(HostedDriver, StopsAWaitThatRuns) {
  const auto library = test::load_handler("handler_3");
  ThreadHost host("handler_3");
  const auto driver = host.open();
  ASSERT_TRUE(driver->has_wait_event());
  auto waited = std::async(std::launch::async, [&] { return driver->wait_event(kHostedWaitMax); });
  test::wait_for_poll(*library);
  EXPECT_TRUE(driver->stop_waiting());
  (void)waited.get();
  (void)handler_calls(*library);
}

TEST(HostedDriver, RefusesACommandThatIsTooLong) {
  ThreadHost host("handler_3");
  const auto driver = host.open();
  const std::vector<std::byte> command(host_wire::kDataBytesMax + 1);
  std::array<std::byte, 2> response{};
  std::size_t received = 1;
  IfdPci pci;
  EXPECT_EQ(driver->transmit({1, 16}, command, response, received, pci),
            IfdRv::communication_error);
  EXPECT_EQ(received, 0u);
  EXPECT_EQ(driver->control(1, command, response, received), IfdRv::communication_error);
}

/// What a host that is no host answers.
TEST(HostedDriver, LosesAHostWithAMalformedAnswerOnce) {
  auto pair = SocketPair::create();
  ASSERT_TRUE(pair);
  int lost = 0;
  DriverHost::Events events;
  events.lost = [&lost] { ++lost; };
  const auto host = DriverHost::attach(std::move(pair->ours), short_limits(), events);
  host_wire::Reply wrong;
  wrong.kind = host_wire::Kind::close;
  ASSERT_TRUE(send_message(pair->theirs.get(), host_wire::encode(wrong), {}));
  const auto loaded = host->load("/any/lib.so");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().context, HasSubstr("malformed"));
  EXPECT_TRUE(host->is_lost());
  EXPECT_FALSE(HostedDriver::create(host, kLun, "device", 0));
  EXPECT_EQ(lost, 1);
}

/// A process that was stopped may take long to die of a signal.
TEST(HostedDriver, EndsAWaitThoughTheLostHostIsStillThere) {
  auto pair = SocketPair::create();
  ASSERT_TRUE(pair);
  const auto host = DriverHost::attach(std::move(pair->ours), short_limits(), {});
  MessageFds slot;
  std::thread deaf([&] {
    MessageFds none;
    std::array<std::byte, host_wire::kTextBytesMax> payload;
    EXPECT_TRUE(receive_request(pair->theirs.get(), {}, slot));
    const auto open = receive_request(slot[0].get(), payload, none);
    ASSERT_TRUE(open);
    host_wire::Reply reply;
    reply.kind = open->kind;
    reply.number = open->number;
    reply.flags = host_wire::Reply::kHasWait;
    EXPECT_TRUE(send_message(slot[0].get(), host_wire::encode(reply), {}));
  });
  const auto driver = HostedDriver::create(host, kLun, "device", 0);
  deaf.join();
  ASSERT_TRUE(driver) << driver.error().context;
  auto waited =
      std::async(std::launch::async, [&] { return (*driver)->wait_event(kHostedWaitMax); });
  MessageFds none;
  ASSERT_TRUE(receive_request(slot[1].get(), {}, none));
  host->lose("does not answer");
  EXPECT_TRUE((*driver)->stop_waiting());
  EXPECT_EQ(waited.get(), IfdRv::no_such_device);
}

// Hosts in processes of their own.

class KeptHost : public testing::Test {
 protected:
  void SetUp() override {
    auto keeper = HostKeeper::create({"/proc/self/exe", false, true});
    ASSERT_TRUE(keeper) << keeper.error().context;
    keeper_ = std::move(*keeper);
    keeper_->listen([this] { keeper_lost_.set_value(); });
  }

  Result<std::shared_ptr<DriverHost>> start(const std::string& handler,
                                            const HostLimits& limits = short_limits()) {
    DriverHost::Events events;
    events.lost = [this] { ++lost_; };
    events.ended = [this](const DriverHost::Ending& ending) { ended_.set_value(ending); };
    return DriverHost::start(*keeper_, handler_path(handler), limits, std::move(events));
  }

  std::atomic<int> lost_{0};
  std::promise<DriverHost::Ending> ended_;
  std::promise<void> keeper_lost_;
  std::unique_ptr<HostKeeper> keeper_;
};

TEST_F(KeptHost, ServesAReader) {
  const auto host = start("handler_3");
  ASSERT_TRUE(host) << host.error().context;
  EXPECT_GT((*host)->pid(), 0);
  const auto driver = HostedDriver::create(*host, kLun, "device", 0);
  ASSERT_TRUE(driver) << driver.error().context;
  AtrBytes atr;
  EXPECT_EQ((*driver)->power(PowerAction::up, atr), IfdRv::success);
  EXPECT_EQ(atr.length, 4u);
  EXPECT_EQ(lost_, 0);
}

TEST_F(KeptHost, ThatIsKilledEndsTheCallsAndIsReportedOnce) {
  const auto host = start("handler_3");
  ASSERT_TRUE(host);
  const auto driver = HostedDriver::create(*host, kLun, "device", 0);
  ASSERT_TRUE(driver);
  ASSERT_EQ(::kill((*host)->pid(), SIGKILL), 0);
  const auto ending = ended_.get_future().get();
  EXPECT_THAT(ending.how, HasSubstr("signal 9"));
  EXPECT_FALSE(ending.by_us);
  EXPECT_EQ((*driver)->presence(), IfdRv::no_such_device);
  EXPECT_EQ(lost_, 1);
}

TEST_F(KeptHost, ThatHaltsIsKilledWhenACallIsDue) {
  HostLimits limits = short_limits();
  const auto host = start("handler_3", limits);
  ASSERT_TRUE(host);
  limits.query = milliseconds(100);
  const auto hasty = start("handler_3", limits);
  ASSERT_TRUE(hasty);
  const auto driver = HostedDriver::create(*hasty, kLun, "device", 0);
  ASSERT_TRUE(driver);
  ASSERT_EQ(::kill((*hasty)->pid(), SIGSTOP), 0);
  // The signal is on its way: a call may still pass.
  IfdRv rv = IfdRv::success;
  while (!(*hasty)->is_lost()) rv = (*driver)->presence();
  EXPECT_EQ(rv, IfdRv::no_such_device);
  const auto ending = ended_.get_future().get();
  EXPECT_THAT(ending.how, HasSubstr("did not end looking for a card within 0.1 s"));
  EXPECT_TRUE(ending.by_us);
  EXPECT_EQ(lost_, 1);
}

TEST_F(KeptHost, SaysWhatLoadingALibraryDidToIt) {
  const auto crashed = start("handler_crashing");
  ASSERT_FALSE(crashed);
  EXPECT_EQ(crashed.error().rv, ScardRv::invalid_target);
  EXPECT_THAT(crashed.error().context, HasSubstr("(Aborted)"));
}

TEST_F(KeptHost, SaysThatALibraryHangs) {
  HostLimits limits = short_limits();
  limits.open = milliseconds(200);
  const auto hung = start("handler_hanging", limits);
  ASSERT_FALSE(hung);
  EXPECT_THAT(hung.error().context, HasSubstr("did not end loading within 0.2 s"));
}

TEST_F(KeptHost, PassesOnWhatTheDriverLogs) {
  const test::LogCapture log;
  const auto host = start("handler_3");
  ASSERT_TRUE(host);
  const auto driver = HostedDriver::create(*host, kLun, "device", 0);
  ASSERT_TRUE(driver);
  const auto has_it = [&log] {
    for (const log::Record& record : log.records()) {
      if (record.text.find("opened device") != std::string::npos) return true;
    }
    return false;
  };
  const TimePoint deadline = Clock::now() + milliseconds(5'000);
  while (!has_it() && Clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(has_it());
}

}  // namespace
}  // namespace cardea

int main(int argc, char* argv[]) {
  if (argc >= 2 && std::string_view(argv[1]) == cardea::kDriverHostArgument) {
    return cardea::run_driver_host(false);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
