#include "drivers/ccid/slot.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "drivers/ccid/apdu_chain.hpp"
#include "drivers/ccid/driver_log.hpp"
#include "drivers/ccid/pps.hpp"

namespace cardea::ccid {
namespace {

constexpr int kPowerOnTimeoutMs = 60'000;
constexpr int kEscapeTimeoutMs = 10'000;
constexpr unsigned kWarmUpAttempts = 3;
constexpr DWORD kProtocolT0 = 0;  // of SCARD_IO_HEADER
constexpr DWORD kProtocolT1 = 1;

constexpr std::uint8_t kVoltageAutomatic = 0;
/// bPowerSelect and its bit of bVoltageSupport, in the order in which they are tried.
struct Voltage {
  std::uint8_t select;
  std::uint8_t bit;
};
constexpr std::array<Voltage, 3> kVoltages{{{1, 1}, {3, 4}, {2, 2}}};  // 5 V, 1.8 V, 3 V

/// The status words that stand for what happened at the pinpad.
const Bytes kPinTimeoutWord{0x64, 0x00};
const Bytes kPinCancelledWord{0x64, 0x01};

}  // namespace

Slot::Slot(CcidDevice& device, const UsbInterface& interface, std::uint8_t number,
           std::function<void()> look_again)
    : device_(device), interface_(interface), number_(number), look_again_(std::move(look_again)) {}

IfdResult<Answer> Slot::send(Command command, std::array<std::uint8_t, 3> parameters, ByteView data,
                             int timeout_ms) {
  if (data.size() > interface_.descriptor.max_data_bytes()) {
    log_line(PCSC_LOG_ERROR, std::to_string(data.size()) + " bytes are too much for the reader");
    return ifd_failure(IFD_COMMUNICATION_ERROR);
  }
  return device_.exchange({command, number_, parameters, data}, timeout_ms);
}

RESPONSECODE Slot::warm_up() {
  MutexLock lock(mutex_);
  RESPONSECODE rv = IFD_COMMUNICATION_ERROR;
  for (unsigned attempt = 0; attempt < kWarmUpAttempts && rv != IFD_SUCCESS; ++attempt) {
    const IfdResult<Answer> answer = send(Command::get_slot_status, {}, {}, kAnswerTimeoutMs);
    rv = answer ? IFD_SUCCESS : answer.error();
    if (rv == IFD_NO_SUCH_DEVICE) break;
  }
  return rv;
}

RESPONSECODE Slot::presence() {
  MutexLock lock(mutex_);
  const IfdResult<Answer> answer = send(Command::get_slot_status, {}, {}, kAnswerTimeoutMs);
  if (!answer) {
    if (answer.error() != IFD_NO_SUCH_DEVICE) return answer.error();
    forget_card();
    return IFD_ICC_NOT_PRESENT;
  }
  // A mute or absent card makes the command "fail", but its state is what was asked for.
  switch (answer->icc()) {
    case IccStatus::active:
      return IFD_ICC_PRESENT;
    case IccStatus::inactive:
      if (!powered_) return IFD_ICC_PRESENT;
      log_line(PCSC_LOG_INFO, "the card was exchanged");
      forget_card();
      look_again_();
      return IFD_ICC_NOT_PRESENT;
    case IccStatus::absent:
      forget_card();
      return IFD_ICC_NOT_PRESENT;
    case IccStatus::unknown:
      break;
  }
  return IFD_COMMUNICATION_ERROR;
}

void Slot::forget_card() {
  powered_ = false;
  atr_.clear();
  protocol_.reset();
  t1_.reset();
  timeout_ms_ = kUnknownTimeoutMs;
}

Bytes Slot::atr() const {
  MutexLock lock(mutex_);
  return atr_;
}

IfdResult<Bytes> Slot::power(DWORD action) {
  MutexLock lock(mutex_);
  switch (action) {
    case IFD_POWER_UP:
    case IFD_RESET:
      return power_up();
    case IFD_POWER_DOWN: {
      const RESPONSECODE rv = power_down();
      if (rv != IFD_SUCCESS) return ifd_failure(rv);
      return Bytes();
    }
    default:
      return ifd_failure(IFD_NOT_SUPPORTED);
  }
}

RESPONSECODE Slot::power_down() {
  forget_card();
  const IfdResult<Answer> answer = send(Command::power_off, {}, {}, kAnswerTimeoutMs);
  if (!answer) {
    return answer.error() == IFD_NO_SUCH_DEVICE ? IFD_NO_SUCH_DEVICE : IFD_ERROR_POWER_ACTION;
  }
  // A card that is out has no power either.
  return answer->failed() && answer->icc() == IccStatus::active ? IFD_ERROR_POWER_ACTION
                                                                : IFD_SUCCESS;
}

IfdResult<Bytes> Slot::power_up() {
  forget_card();
  const CcidDescriptor& reader = interface_.descriptor;
  if (reader.has(Feature::automatic_voltage)) return power_up_with(kVoltageAutomatic);
  IfdResult<Bytes> atr = ifd_failure(IFD_ERROR_POWER_ACTION);
  bool tried = false;
  for (const Voltage& voltage : kVoltages) {
    if ((reader.voltages & voltage.bit) == 0) continue;
    tried = true;
    atr = power_up_with(voltage.select);
    // Only a card that does not answer may want another voltage.
    if (atr || atr.error() != IFD_ERROR_POWER_ACTION) return atr;
  }
  return tried ? atr : power_up_with(kVoltageAutomatic);
}

IfdResult<Bytes> Slot::power_up_with(std::uint8_t voltage) {
  IfdResult<Answer> answer = send(Command::power_on, {voltage, 0, 0}, {}, kPowerOnTimeoutMs);
  if (!answer) {
    return ifd_failure(answer.error() == IFD_NO_SUCH_DEVICE ? IFD_NO_SUCH_DEVICE
                                                            : IFD_COMMUNICATION_ERROR);
  }
  if (answer->failed()) {
    if (answer->icc() == IccStatus::absent) return ifd_failure(IFD_ICC_NOT_PRESENT);
    log_line(PCSC_LOG_ERROR, "power-up failed, bPowerSelect " + std::to_string(voltage) +
                                 ", bError " + hex(answer->error));
    return ifd_failure(IFD_ERROR_POWER_ACTION);
  }
  if (answer->data.size() > kAtrBytesMax) {
    log_line(PCSC_LOG_INFO,
             "the ATR ends after 33 of " + std::to_string(answer->data.size()) + " bytes");
    answer->data.resize(kAtrBytesMax);
  }
  take_atr(std::move(answer->data));
  return atr_;
}

void Slot::take_atr(Bytes atr) {
  atr_ = std::move(atr);
  powered_ = true;
  const std::optional<AtrInfo> info = parse_atr(atr_);
  card_ = info.value_or(AtrInfo());  // memory cards have none, and are used raw
  if (info) {
    const Protocol first = card_.default_protocol == 1 ? Protocol::t1 : Protocol::t0;
    timeout_ms_ = exchange_timeout_ms(card_, first,
                                      card_.ta2 ? card_.ta1.value_or(kDefaultFiDi) : kDefaultFiDi,
                                      interface_.descriptor.default_clock_khz);
  }
}

RESPONSECODE Slot::set_protocol(DWORD protocol) {
  MutexLock lock(mutex_);
  if (device_.gone()) return IFD_NO_SUCH_DEVICE;
  if (protocol != 1 && protocol != 2) return IFD_PROTOCOL_NOT_SUPPORTED;
  if (!powered_) return IFD_COMMUNICATION_ERROR;
  const Protocol wanted = protocol == 1 ? Protocol::t0 : Protocol::t1;
  // A card in specific mode, or one with a single protocol.
  if (!card_.offers(wanted)) return IFD_PROTOCOL_NOT_SUPPORTED;
  if (protocol_ == wanted) return IFD_SUCCESS;
  const RESPONSECODE rv = negotiate(wanted);
  if (rv == IFD_SUCCESS) protocol_ = wanted;
  return rv;
}

RESPONSECODE Slot::negotiate(Protocol protocol) {
  const CcidDescriptor& reader = interface_.descriptor;
  std::uint8_t fi_di = kDefaultFiDi;
  if (!reader.has(Feature::automatic_parameters)) {
    const LineLimits limits{reader.default_clock_khz, reader.max_rate_bps, interface_.rates_bps};
    const std::optional<std::uint8_t> chosen = choose_fi_di(card_, limits);
    if (!chosen) {
      log_line(PCSC_LOG_ERROR, "the card insists on line parameters the reader has not got");
      return IFD_COMMUNICATION_ERROR;
    }
    fi_di = *chosen;
    const bool differs =
        fi_di != kDefaultFiDi || card_.default_protocol != static_cast<std::uint8_t>(protocol);
    if (!reader.has(Feature::automatic_pps) && !card_.ta2 && differs) {
      const RESPONSECODE rv = exchange_pps(protocol, fi_di);
      if (rv != IFD_SUCCESS) return rv;
    }
    const RESPONSECODE rv = set_parameters(protocol, fi_di);
    if (rv != IFD_SUCCESS) return rv;
  }
  timeout_ms_ = exchange_timeout_ms(card_, protocol, fi_di, reader.default_clock_khz);
  const bool is_tpdu = reader.level() == ExchangeLevel::tpdu;
  return protocol == Protocol::t1 && is_tpdu ? start_t1() : IFD_SUCCESS;
}

RESPONSECODE Slot::exchange_pps(Protocol protocol, std::uint8_t& fi_di) {
  const Bytes request = pps_request(protocol, fi_di);
  const IfdResult<Bytes> response = transfer_whole(request);
  if (!response) {
    return response.error() == IFD_NO_SUCH_DEVICE ? IFD_NO_SUCH_DEVICE : IFD_ERROR_PTS_FAILURE;
  }
  const std::optional<std::uint8_t> accepted = accepted_fi_di(request, *response);
  if (!accepted) {
    log_line(PCSC_LOG_ERROR, "the card refused the PPS exchange");
    return IFD_ERROR_PTS_FAILURE;
  }
  fi_di = *accepted;
  return IFD_SUCCESS;
}

RESPONSECODE Slot::set_parameters(Protocol protocol, std::uint8_t fi_di) {
  const Bytes data = line_parameters(card_, protocol, fi_di);
  const IfdResult<Answer> answer = send(
      Command::set_parameters, {static_cast<std::uint8_t>(protocol), 0, 0}, data, kAnswerTimeoutMs);
  if (!answer) return answer.error();
  if (!answer->failed()) return IFD_SUCCESS;
  if (answer->icc() == IccStatus::absent) return IFD_ICC_NOT_PRESENT;
  if (answer->error == kErrorNotSupported) return IFD_NOT_SUPPORTED;
  // An offset into the message: that parameter is fixed, the reader does it its own way.
  constexpr std::uint8_t kOffsetMax = 127;
  if (answer->error <= kOffsetMax) return IFD_SUCCESS;
  log_line(PCSC_LOG_ERROR, "SetParameters failed, bError " + hex(answer->error));
  return IFD_COMMUNICATION_ERROR;
}

bool Slot::uses_t1_blocks() const {
  return interface_.descriptor.level() == ExchangeLevel::tpdu && protocol_ == Protocol::t1;
}

void Slot::make_t1() {
  t1_.emplace(T1Settings{card_.uses_crc, card_.ifsc, interface_.descriptor.max_data_bytes()});
}

RESPONSECODE Slot::start_t1() {
  make_t1();
  const CcidDescriptor& reader = interface_.descriptor;
  if (reader.has(Feature::automatic_ifsd) || reader.max_ifsd == 0) return IFD_SUCCESS;
  const auto ifsd = low_byte(std::min<std::size_t>(reader.max_ifsd, kT1InfMax));
  const IfdResult<void> agreed = t1_->negotiate_ifsd(ifsd, t1_link());
  return agreed ? IFD_SUCCESS : agreed.error();
}

T1Link Slot::t1_link() {
  return [this](ByteView block, unsigned wtx) NO_THREAD_SAFETY_ANALYSIS -> T1Reply {
    // bBWI 0 is the plain waiting time, which is what all readers expect unless the card asked.
    const std::uint8_t bwi = wtx > 1 ? low_byte(wtx) : std::uint8_t{0};
    IfdResult<Answer> answer = send(Command::transfer_block, {bwi, 0, 0}, block,
                                    timeout_ms_ * static_cast<int>(std::min(wtx, 255U)));
    if (!answer) return {T1LinkStatus::broken, {}, answer.error()};
    if (!answer->failed()) return {T1LinkStatus::received, std::move(answer->data), IFD_SUCCESS};
    if (answer->icc() == IccStatus::absent) return {T1LinkStatus::broken, {}, IFD_ICC_NOT_PRESENT};
    if (answer->error == kErrorParity) return {T1LinkStatus::damaged, {}, IFD_SUCCESS};
    if (answer->error == kErrorMute) return {T1LinkStatus::silent, {}, IFD_SUCCESS};
    return {T1LinkStatus::broken, {}, check_transfer(*answer)};
  };
}

IfdResult<Bytes> Slot::transmit(DWORD protocol, ByteView command) {
  MutexLock lock(mutex_);
  if (device_.gone()) return ifd_failure(IFD_NO_SUCH_DEVICE);
  if (!powered_) return ifd_failure(IFD_COMMUNICATION_ERROR);
  switch (interface_.descriptor.level()) {
    case ExchangeLevel::short_apdu:
      return transfer_whole(command);
    case ExchangeLevel::extended_apdu:
      return transfer_extended(command);
    case ExchangeLevel::tpdu:
      if (protocol == kProtocolT0) return transfer_whole(command);
      if (protocol != kProtocolT1) break;
      if (!t1_) make_t1();
      return t1_->transceive(command, t1_link());
    case ExchangeLevel::character:
      break;
  }
  return ifd_failure(IFD_PROTOCOL_NOT_SUPPORTED);
}

RESPONSECODE Slot::check_transfer(const Answer& answer) {
  if (!answer.failed()) return IFD_SUCCESS;
  if (answer.icc() == IccStatus::absent) {
    forget_card();
    return IFD_ICC_NOT_PRESENT;
  }
  log_line(PCSC_LOG_ERROR, "the exchange with the card failed, bError " + hex(answer.error));
  return IFD_COMMUNICATION_ERROR;
}

IfdResult<Bytes> Slot::card_outcome(Answer answer) {
  if (answer.failed() && answer.error == kErrorPinCancelled) return kPinCancelledWord;
  if (answer.failed() && answer.error == kErrorPinTimeout) return kPinTimeoutWord;
  const RESPONSECODE rv = check_transfer(answer);
  if (rv != IFD_SUCCESS) return ifd_failure(rv);
  return std::move(answer.data);
}

IfdResult<Answer> Slot::transfer_block(ByteView data, std::uint16_t level) {
  return send(Command::transfer_block, {/*bBWI=*/0, low_byte(level), low_byte(level >> 8U)}, data,
              timeout_ms_);
}

IfdResult<Bytes> Slot::transfer_whole(ByteView data) {
  IfdResult<Answer> answer = transfer_block(data, 0);
  if (!answer) return ifd_failure(answer.error());
  return card_outcome(std::move(*answer));
}

IfdResult<Bytes> Slot::transfer_extended(ByteView command) {
  const BlockTransfer transfer = [this](ByteView data, std::uint16_t level)
                                     NO_THREAD_SAFETY_ANALYSIS -> IfdResult<Answer> {
    IfdResult<Answer> answer = transfer_block(data, level);
    if (!answer || !answer->failed()) return answer;
    IfdResult<Bytes> outcome = card_outcome(*answer);
    if (!outcome) return ifd_failure(outcome.error());
    Answer replaced;
    replaced.data = std::move(*outcome);
    return replaced;
  };
  return transfer_chained(command, interface_.descriptor.max_data_bytes(), transfer);
}

IfdResult<Bytes> Slot::escape(ByteView command) {
  MutexLock lock(mutex_);
  IfdResult<Answer> answer = send(Command::escape, {}, command, kEscapeTimeoutMs);
  if (!answer) return ifd_failure(answer.error());
  if (answer->failed()) {
    log_line(PCSC_LOG_ERROR, "the escape command failed, bError " + hex(answer->error));
    return ifd_failure(IFD_COMMUNICATION_ERROR);
  }
  return std::move(answer->data);
}

IfdResult<Bytes> Slot::enter_pin(ByteView structure, bool is_modification) {
  MutexLock lock(mutex_);
  if (device_.gone()) return ifd_failure(IFD_NO_SUCH_DEVICE);
  if (!powered_) return ifd_failure(IFD_COMMUNICATION_ERROR);
  IfdResult<PinBlock> pin =
      is_modification ? pin_modification(structure) : pin_verification(structure);
  if (!pin) return ifd_failure(pin.error());
  if (uses_t1_blocks() && t1_) {
    // The reader sends the I-block by itself; only its frame is ours to know.
    std::ranges::copy(t1_->foreign_prologue(pin->apdu_bytes),
                      pin->data.begin() + static_cast<std::ptrdiff_t>(pin->prologue_offset));
  }
  IfdResult<Answer> answer = send(Command::secure, {}, pin->data, pin->timeout_ms);
  if (!answer) return ifd_failure(answer.error());
  return finish_pin(std::move(*answer));
}

IfdResult<Bytes> Slot::finish_pin(Answer answer) {
  constexpr std::size_t kStatusWordBytes = 2;
  const bool failed = answer.failed();
  IfdResult<Bytes> response = card_outcome(std::move(answer));
  // A bare status word is the reader's own: nothing went to the card, no block was counted.
  if (!response || failed || !uses_t1_blocks() || !t1_ || response->size() <= kStatusWordBytes) {
    return response;
  }
  return t1_->finish_foreign(std::move(*response), t1_link());
}

}  // namespace cardea::ccid
