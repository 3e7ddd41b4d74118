#include "drivers/hosted/host_wire.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cardea::host_wire {
namespace {

template <typename Bytes>
class Writer {
 public:
  template <typename Number>
  void put(Number number) {
    const auto value = static_cast<std::uint64_t>(number);
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
      bytes_[at_++] = static_cast<std::byte>(value >> (8 * i));
    }
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_{};
  std::size_t at_ = 0;
};

/// The caller has checked the size.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename Number>
  Number take() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
      value |= std::to_integer<std::uint64_t>(bytes_[i]) << (8 * i);
    }
    bytes_ = bytes_.subspan(sizeof(Number));
    return static_cast<Number>(value);
  }

 private:
  std::span<const std::byte> bytes_;
};

/// What one kind of request may carry.
struct Shape {
  Kind kind;
  std::size_t payload_max;  ///< of the request
  std::size_t answer_max;   ///< bytes of the answer's payload, whatever the room
  std::uint32_t argument_max;
};

constexpr std::uint32_t kAny = 0xFFFFFFFF;
constexpr std::uint32_t kPowerActionMax = 2;

constexpr std::array kShapes{
    Shape{Kind::load, kTextBytesMax, kTextBytesMax, 0},
    Shape{Kind::slot, 0, 0, 0},
    Shape{Kind::stop, 0, 0, 0},
    Shape{Kind::open, kTextBytesMax, kTextBytesMax, kAny},
    Shape{Kind::close, 0, 0, 0},
    Shape{Kind::presence, 0, 0, 0},
    Shape{Kind::power, 0, kAtrBytesMax, kPowerActionMax},
    Shape{Kind::set_protocol, 0, 0, kAny},
    Shape{Kind::transmit, kDataBytesMax, kDataBytesMax, 0},
    Shape{Kind::control, kDataBytesMax, kDataBytesMax, kAny},
    Shape{Kind::get_capability, 0, kCapabilityBytesMax, kAny},
    Shape{Kind::set_capability, kDataBytesMax, 0, kAny},
    Shape{Kind::wait, 0, 0, kWaitMsMax},
};

const Shape* shape_of(std::uint32_t kind) {
  const auto* const found = std::find_if(kShapes.begin(), kShapes.end(), [kind](const Shape& row) {
    return static_cast<std::uint32_t>(row.kind) == kind;
  });
  return found != kShapes.end() ? found : nullptr;
}

/// The events that a driver may cause.
constexpr std::array kLogEvents{log::Event::none, log::Event::driver_message,
                                log::Event::driver_exception, log::Event::driver_incomplete};
constexpr std::size_t kLogHeadBytes = 4 + 4;

void append(std::vector<std::byte>& to, std::string_view text) {
  for (const char c : text) {
    if (to.size() == kLogBytesMax) return;
    // A byte that separates the parts cannot be within one.
    to.push_back(c != '\0' ? static_cast<std::byte>(c) : std::byte{'?'});
  }
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

}  // namespace

RequestBytes encode(const Request& request) {
  Writer<RequestBytes> out;
  out.put(static_cast<std::uint32_t>(request.kind));
  out.put(request.number);
  out.put(static_cast<std::uint32_t>(request.level));
  out.put(request.lun);
  out.put(request.argument);
  out.put(request.room);
  out.put(request.bytes);
  out.put(request.send_pci.protocol);
  out.put(request.send_pci.length);
  out.put(request.recv_pci.protocol);
  out.put(request.recv_pci.length);
  return out.bytes();
}

ReplyBytes encode(const Reply& reply) {
  Writer<ReplyBytes> out;
  out.put(static_cast<std::uint32_t>(reply.kind));
  out.put(reply.number);
  out.put(reply.rv);
  out.put(reply.length);
  out.put(reply.bytes);
  out.put(reply.flags);
  out.put(reply.recv_pci.protocol);
  out.put(reply.recv_pci.length);
  return out.bytes();
}

std::optional<Request> decode_request(std::span<const std::byte> header,
                                      std::size_t message_bytes) {
  if (header.size() < kRequestBytes || message_bytes < kRequestBytes) return std::nullopt;
  Reader in(header);
  Request request;
  const Shape* shape = shape_of(in.take<std::uint32_t>());
  if (shape == nullptr) return std::nullopt;
  request.kind = shape->kind;
  request.number = in.take<std::uint32_t>();
  const auto level = in.take<std::uint32_t>();
  if (level > static_cast<std::uint32_t>(log::Level::critical)) return std::nullopt;
  request.level = static_cast<log::Level>(level);
  request.lun = in.take<std::uint32_t>();
  request.argument = in.take<std::uint32_t>();
  request.room = in.take<std::uint32_t>();
  request.bytes = in.take<std::uint32_t>();
  request.send_pci.protocol = in.take<std::uint64_t>();
  request.send_pci.length = in.take<std::uint64_t>();
  request.recv_pci.protocol = in.take<std::uint64_t>();
  request.recv_pci.length = in.take<std::uint64_t>();
  if (request.bytes > shape->payload_max || request.bytes != message_bytes - kRequestBytes) {
    return std::nullopt;
  }
  if (request.argument > shape->argument_max || request.room > kDataBytesMax) return std::nullopt;
  return request;
}

std::size_t payload_max(const Request& request) {
  const Shape* shape = shape_of(static_cast<std::uint32_t>(request.kind));
  if (shape == nullptr) return 0;
  return std::min<std::size_t>(shape->answer_max, request.room);
}

std::optional<Reply> decode_reply(std::span<const std::byte> header, std::size_t message_bytes,
                                  const Request& request) {
  if (header.size() < kReplyBytes || message_bytes < kReplyBytes) return std::nullopt;
  Reader in(header);
  Reply reply;
  if (in.take<std::uint32_t>() != static_cast<std::uint32_t>(request.kind)) return std::nullopt;
  reply.kind = request.kind;
  reply.number = in.take<std::uint32_t>();
  reply.rv = in.take<std::int64_t>();
  reply.length = in.take<std::uint32_t>();
  reply.bytes = in.take<std::uint32_t>();
  reply.flags = in.take<std::uint32_t>();
  reply.recv_pci.protocol = in.take<std::uint64_t>();
  reply.recv_pci.length = in.take<std::uint64_t>();
  if (reply.number != request.number || reply.bytes != message_bytes - kReplyBytes) {
    return std::nullopt;
  }
  if (reply.bytes > payload_max(request) || reply.bytes > reply.length) return std::nullopt;
  if ((reply.flags & ~Reply::kFlags) != 0) return std::nullopt;
  return reply;
}

std::vector<std::byte> encode_log(const log::Record& record) {
  Writer<std::array<std::byte, kLogHeadBytes>> head;
  head.put(static_cast<std::uint32_t>(record.level));
  head.put(static_cast<std::uint32_t>(record.event));
  std::vector<std::byte> message(head.bytes().begin(), head.bytes().end());
  append(message, record.text);
  for (std::size_t i = 0; i < std::min(record.fields.size(), kLogFieldsMax); ++i) {
    const auto& [name, value] = record.fields[i];
    // A field goes whole or not at all.
    if (message.size() + name.size() + value.size() + 2 > kLogBytesMax) break;
    message.push_back(std::byte{0});
    append(message, name);
    message.push_back(std::byte{0});
    append(message, value);
  }
  return message;
}

std::optional<log::Record> decode_log(std::span<const std::byte> message) {
  if (message.size() < kLogHeadBytes || message.size() > kLogBytesMax) return std::nullopt;
  Reader head(message);
  const auto level = head.take<std::uint32_t>();
  const auto event = head.take<std::uint32_t>();
  if (level > static_cast<std::uint32_t>(log::Level::critical)) return std::nullopt;
  log::Record record;
  record.level = static_cast<log::Level>(level);
  const auto* const known =
      std::find_if(kLogEvents.begin(), kLogEvents.end(),
                   [event](log::Event row) { return static_cast<std::uint32_t>(row) == event; });
  record.event = known != kLogEvents.end() ? *known : log::Event::none;

  const auto rest = message.subspan(kLogHeadBytes);
  std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  const auto next = [&text] {
    const std::string_view part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return std::string(part);
  };
  record.text = next();
  while (!text.empty()) {
    std::string name = next();
    if (!is_field_name(name) || record.fields.size() == kLogFieldsMax) return std::nullopt;
    record.fields.emplace_back(std::move(name), next());
  }
  return record;
}

OrderBytes encode(const KeeperOrder& order) {
  Writer<OrderBytes> out;
  out.put(static_cast<std::uint32_t>(order.kind));
  out.put(order.host);
  return out.bytes();
}

ReportBytes encode(const KeeperReport& report) {
  Writer<ReportBytes> out;
  out.put(static_cast<std::uint32_t>(report.kind));
  out.put(report.value);
  out.put(report.host);
  return out.bytes();
}

std::optional<KeeperOrder> decode_order(std::span<const std::byte> message) {
  if (message.size() != kOrderBytes) return std::nullopt;
  Reader in(message);
  const auto kind = in.take<std::uint32_t>();
  if (kind < static_cast<std::uint32_t>(KeeperOrder::Kind::start) ||
      kind > static_cast<std::uint32_t>(KeeperOrder::Kind::kill)) {
    return std::nullopt;
  }
  return KeeperOrder{static_cast<KeeperOrder::Kind>(kind), in.take<std::uint64_t>()};
}

std::optional<KeeperReport> decode_report(std::span<const std::byte> message) {
  if (message.size() != kReportBytes) return std::nullopt;
  Reader in(message);
  const auto kind = in.take<std::uint32_t>();
  if (kind < static_cast<std::uint32_t>(KeeperReport::Kind::started) ||
      kind > static_cast<std::uint32_t>(KeeperReport::Kind::killed)) {
    return std::nullopt;
  }
  KeeperReport report;
  report.kind = static_cast<KeeperReport::Kind>(kind);
  report.value = in.take<std::uint32_t>();
  report.host = in.take<std::uint64_t>();
  return report;
}

}  // namespace cardea::host_wire
