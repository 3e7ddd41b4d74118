// The records of calls that go to a fake daemon, which sends every command back as its answer.
#include "libpcsclite/tracer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <reader.h>
#include <signal.h>
#include <sys/time.h>

#include <algorithm>
#include <array>

#include "client_test.hpp"
#include "libpcsclite/call_route.hpp"
#include "trace_files.hpp"

namespace cardea {
namespace {

using test::FakeDaemon;
using test::kReader;
using test::lines_of;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

using Command = std::vector<BYTE>;

class TracerTest : public testing::Test {
 protected:
  TracerTest() : daemon_(test::one_reader()) { test::use_daemon(daemon_); }
  ~TracerTest() override {
    g_call_route = nullptr;
    if (context_ != 0) SCardReleaseContext(context_);
  }

  void trace(bool show_pins = false, DebugCalls debug = DebugCalls::none) {
    auto sink = TraceSink::to_path(path_);
    ASSERT_TRUE(sink);
    tracer_ = std::make_unique<Tracer>(std::move(*sink), debug, show_pins);
    route_ = std::make_unique<CallRoute>(Functions{}, false, tracer_.get());
    g_call_route = route_.get();
  }
  /// A card, before the trace is on.
  void connect() {
    context_ = test::establish_context();
    card_ = test::connect_card(context_);
  }
  void transmit(const Command& command) {
    std::array<BYTE, 300> response{};
    DWORD length = response.size();
    EXPECT_EQ(SCardTransmit(card_, SCARD_PCI_T1, command.data(), command.size(), nullptr,
                            response.data(), &length),
              SCARD_S_SUCCESS);
  }
  void control(DWORD code, const Command& command) {
    std::array<BYTE, 300> response{};
    DWORD length = 0;
    EXPECT_EQ(SCardControl(card_, code, command.data(), command.size(), response.data(),
                           response.size(), &length),
              SCARD_S_SUCCESS);
  }
  /// The records of ends, or all.
  [[nodiscard]] std::vector<std::string> records(const std::string& event = "\"end\"") const {
    std::vector<std::string> found;
    for (std::string& line : lines_of(path_)) {
      if (line.find("{\"event\":" + event) == 0) found.push_back(std::move(line));
    }
    return found;
  }

  test::TraceDirectory directory_;
  const std::string path_ = directory_.file("trace");
  FakeDaemon daemon_;
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<CallRoute> route_;
  SCARDCONTEXT context_ = 0;
  SCARDHANDLE card_ = 0;
};

TEST_F(TracerTest, RecordsParametersResultsAndDuration) {
  connect();
  trace();
  transmit({0x00, 0xA4, 0x04, 0x00});
  ASSERT_THAT(records(), SizeIs(1));
  EXPECT_THAT(records()[0],
              ContainsRegex("^[{]\"event\":\"end\",\"time\":[0-9]+[.][0-9]{6},\"pid\":[0-9]+,"
                            "\"tid\":[0-9]+,\"call\":1,\"function\":\"SCardTransmit\","
                            "\"in\":[{]\"card\":\"0x[0-9A-F]+\",\"protocol\":\"T1\",\"send\":"
                            "[{]\"length\":4,\"hex\":\"00 A4 04 00\"[}],\"room\":300[}],"
                            "\"rv\":\"SCARD_S_SUCCESS\",\"code\":0,\"duration_us\":[0-9]+,"
                            "\"out\":[{]\"receive\":[{]\"length\":4,\"hex\":\"00 A4 04 00\"[}][}]"
                            "[}]$"));
}

TEST_F(TracerTest, RecordsTheBeginningOfCallsThatMayWait) {
  connect();
  trace();
  EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
  EXPECT_THAT(records("\"begin\""), SizeIs(0));
  SCARD_READERSTATE state = test::entry(kReader, 0);
  EXPECT_EQ(SCardGetStatusChange(context_, INFINITE, &state, 1), SCARD_S_SUCCESS);
  ASSERT_THAT(records("\"begin\""), SizeIs(1));
  EXPECT_THAT(
      records("\"begin\"")[0],
      HasSubstr(R"("timeout":"INFINITE","count":1,"readers":[{"reader":"Fake Reader 00 00",)"
                R"("state":"UNAWARE"}]})"));
  EXPECT_THAT(records().back(), HasSubstr(R"("state":"CHANGED|PRESENT)"));
  EXPECT_THAT(records().back(), HasSubstr(R"("atr":{"length":3,"hex":")"));
}

TEST_F(TracerTest, ShowsHandlesModesAndTextsByName) {
  trace();
  context_ = test::establish_context();
  std::array<char, 100> names{};
  DWORD length = names.size();
  EXPECT_EQ(SCardListReaders(context_, nullptr, names.data(), &length), SCARD_S_SUCCESS);
  char* block = nullptr;
  length = SCARD_AUTOALLOCATE;
  EXPECT_EQ(SCardListReaderGroups(context_, reinterpret_cast<LPSTR>(&block), &length),
            SCARD_S_SUCCESS);
  EXPECT_EQ(SCardFreeMemory(context_, block), SCARD_S_SUCCESS);
  card_ = test::connect_card(context_);
  DWORD state = 0;
  DWORD protocol = 0;
  std::array<BYTE, 33> atr{};
  DWORD atr_length = atr.size();
  length = names.size();
  EXPECT_EQ(SCardStatus(card_, names.data(), &length, &state, &protocol, atr.data(), &atr_length),
            SCARD_S_SUCCESS);
  EXPECT_EQ(SCardEndTransaction(card_, SCARD_UNPOWER_CARD), SCARD_S_SUCCESS);
  EXPECT_EQ(SCardDisconnect(card_, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  const auto ends = records();
  ASSERT_THAT(ends, SizeIs(8));
  EXPECT_THAT(ends[0], HasSubstr(R"("in":{"scope":"SYSTEM"})"));
  EXPECT_THAT(ends[0], HasSubstr(R"("out":{"context":)" +
                                 json_text(hex_number(static_cast<std::uint64_t>(context_)))));
  EXPECT_THAT(ends[1], HasSubstr(R"("readers":["Fake Reader 00 00"])"));
  EXPECT_THAT(ends[2], HasSubstr(R"("room":"AUTOALLOCATE")"));
  EXPECT_THAT(ends[2], HasSubstr(R"("groups":["SCard$DefaultReaders"])"));
  EXPECT_THAT(ends[4], HasSubstr(R"("share":"SHARED","protocols":"T0|T1")"));
  EXPECT_THAT(ends[5], HasSubstr(R"("reader":"Fake Reader 00 00","state":"PRESENT|)"));
  EXPECT_THAT(ends[6], HasSubstr(R"("disposition":"UNPOWER")"));
  EXPECT_THAT(ends[7], HasSubstr(R"("disposition":"LEAVE")"));
}

TEST_F(TracerTest, RecordsFailuresAndNullPointers) {
  trace();
  EXPECT_EQ(SCardTransmit(7, nullptr, nullptr, 5, nullptr, nullptr, nullptr),
            SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardConnect(7, nullptr, 9, 16, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardControl(7, 1, nullptr, 3, nullptr, 0, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardGetStatusChange(7, 0, nullptr, 3), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardGetAttrib(7, 0x7FFF0003, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  EXPECT_EQ(SCardEstablishContext(2, nullptr, nullptr, nullptr), SCARD_E_INVALID_PARAMETER);
  const auto ends = records();
  ASSERT_THAT(ends, SizeIs(6));
  for (const std::string& end : ends) {
    EXPECT_THAT(end, HasSubstr(R"("rv":"SCARD_E_INVALID_PARAMETER","code":2148532228)"));
    EXPECT_THAT(end, HasSubstr(R"("out":{})"));
  }
  EXPECT_THAT(ends[0], HasSubstr(R"("in":{"card":"0x7","send":null,"room":null})"));
  EXPECT_THAT(ends[1], HasSubstr(R"("reader":null,"share":"0x9","protocols":"0x10")"));
  EXPECT_THAT(ends[4], HasSubstr(R"("attribute":"SCARD_ATTR_DEVICE_FRIENDLY_NAME_A")"));
}

TEST_F(TracerTest, MasksThePinAndAnAnswerThatRepeatsIt) {
  connect();
  trace();
  transmit({0x00, 0x20, 0x00, 0x81, 0x04, 0xF7, 0xF8, 0xF9, 0xFA, 0x00});
  const auto ends = records();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_THAT(ends[0], HasSubstr(R"("hex":"00 20 00 81 04 ** ** ** ** 00")"));
  EXPECT_THAT(ends[0],
              HasSubstr(R"("receive":{"length":10,"hex":"** ** ** ** ** ** ** ** FA 00")"));
  for (const std::string& line : lines_of(path_)) {
    EXPECT_THAT(line, Not(HasSubstr("F7 F8")));
  }
}

TEST_F(TracerTest, ShowsPinsWhenTold) {
  connect();
  trace(true);
  transmit({0x00, 0x20, 0x00, 0x81, 0x02, 0x31, 0x32});
  EXPECT_THAT(records()[0], HasSubstr(R"("send":{"length":7,"hex":"00 20 00 81 02 31 32")"));
}

TEST_F(TracerTest, LearnsWhichCodesAreForPins) {
  connect();
  trace();
  const DWORD code = 0x42330006;
  const Command secret{0xF7, 0xF8, 0xF9};
  control(code, secret);
  EXPECT_THAT(records()[0], HasSubstr(R"("hex":"F7 F8 F9")"));
  // What the driver answers; the fake daemon repeats it.
  control(CM_IOCTL_GET_FEATURE_REQUEST,
          {FEATURE_VERIFY_PIN_DIRECT, 4, 0x42, 0x33, 0x00, 0x06, 0x0A, 4, 0x42, 0x33, 0x00, 0x0A});
  EXPECT_THAT(records()[1], HasSubstr(R"("name":"CM_IOCTL_GET_FEATURE_REQUEST")"));
  control(code, secret);
  EXPECT_THAT(records()[2], HasSubstr(R"("name":"FEATURE_VERIFY_PIN_DIRECT","send":)"
                                      R"({"length":3,"hex":"** ** **")"));
}

TEST_F(TracerTest, LetsACallInASignalHandlerThrough) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer reports any memory that a signal handler takes";
#endif
  trace();
  // Nothing here but the tracer itself may take a lock or memory.
  Functions functions;
  functions.is_valid_context = [](SCARDCONTEXT) -> LONG { return SCARD_S_SUCCESS; };
  functions.cancel = functions.is_valid_context;
  const CallRoute route(functions, false, tracer_.get());
  g_call_route = &route;
  struct sigaction action {};
  action.sa_handler = [](int) { (void)SCardCancel(1); };
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  // One at a time: signals that come faster than the handler ends would leave no time for the
  // calls.
  const itimerval soon{{0, 0}, {0, 50}};
  int valid = 0;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(::setitimer(ITIMER_REAL, &soon, nullptr), 0);
    valid += SCardIsValidContext(1) == SCARD_S_SUCCESS ? 1 : 0;
  }
  const itimerval never{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
  g_call_route = nullptr;
  EXPECT_EQ(valid, 2000);
  const auto ends = records();
  const auto cancels = std::ranges::count_if(
      ends, [](const std::string& line) { return line.find("SCardCancel") != std::string::npos; });
  EXPECT_GT(cancels, 0);
  EXPECT_EQ(ends.size(), 2000u + static_cast<std::size_t>(cancels));
}

TEST_F(TracerTest, CutsLongData) {
  connect();
  trace();
  Command command{0x80, 0x50, 0, 0, 0, 0x02, 0x58};
  command.resize(command.size() + 0x258, 0xAB);
  std::vector<BYTE> response(700);
  DWORD length = response.size();
  EXPECT_EQ(SCardTransmit(card_, SCARD_PCI_T1, command.data(), command.size(), nullptr,
                          response.data(), &length),
            SCARD_S_SUCCESS);
  EXPECT_THAT(records()[0], HasSubstr(R"("send":{"length":607,"hex":"80 50 )"));
  EXPECT_LT(records()[0].size(), 2 * 3 * kTraceBytesMax + 500);
}

TEST_F(TracerTest, PrintsOnStderrWhatTheLevelChooses) {
  connect();
  const auto printed = [this](DebugCalls debug) {
    testing::internal::CaptureStderr();
    trace(false, debug);
    EXPECT_EQ(SCardIsValidContext(context_), SCARD_S_SUCCESS);
    EXPECT_EQ(SCardIsValidContext(7), SCARD_E_INVALID_HANDLE);
    g_call_route = nullptr;
    const std::string text = testing::internal::GetCapturedStderr();
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(printed(DebugCalls::all), 2);
  EXPECT_EQ(printed(DebugCalls::failed), 1);
  EXPECT_EQ(printed(DebugCalls::none), 0);
}

TEST(CallRouteOfAProcess, IsDirectWithoutVariables) {
  ASSERT_EQ(std::getenv("CARDEA_TRACE"), nullptr);
  (void)SCardIsValidContext(1);
  EXPECT_EQ(g_call_route, nullptr);
}

}  // namespace
}  // namespace cardea
