#include "libpcsclite/handshake.hpp"

#include <algorithm>
#include <array>

#include "base/unix_socket.hpp"

namespace cardea {
namespace {

template <typename Message>
struct Request {
  wire::Header header;
  Message message;
};

template <typename Message>
Request<Message> request(wire::Command command, const Message& message) {
  return {{sizeof(Message), static_cast<std::uint32_t>(command)}, message};
}

wire::Version proposal(const wire::Dialect& dialect) {
  return wire::Version{wire::kMajor, dialect.minor, 0};
}

/// The dialect of a connection on which `proposed` was accepted with `reply`. pcsc-lite 2.5 names
/// its own version even if it will serve the older one that was proposed.
const wire::Dialect* accepted(const wire::Dialect& proposed, const wire::Version& reply) {
  return wire::find_dialect(reply.major, std::min(reply.minor, proposed.minor));
}

/// Settles the version with one or two proposals.
ScardRv negotiate(ServerLink& link) {
  const wire::Dialect* proposed = &wire::newest_dialect();
  wire::Version version = proposal(*proposed);
  ScardRv rv = link.exchange(wire::Command::version, version);
  if (rv != ScardRv::success) {
    if (!link.is_open()) return rv;
    // Any refusal may be an offer: daemons before 1.8.26 refuse with another code.
    const wire::Dialect* const offered = wire::find_dialect(version.major, version.minor);
    if (offered == nullptr || offered == proposed) return rv;
    proposed = offered;
    version = proposal(*proposed);
    rv = link.exchange(wire::Command::version, version);
    if (rv != ScardRv::success) return rv;
  }
  const wire::Dialect* const dialect = accepted(*proposed, version);
  if (dialect == nullptr) return ScardRv::service_stopped;
  link.set_dialect(*dialect);
  return ScardRv::success;
}

/// VERSION and ESTABLISH in one write. False if the daemon did not go along, for whatever reason;
/// the caller then starts over with a fresh connection.
bool greet_at_once(ServerLink& link, std::uint32_t scope, const wire::Dialect& dialect,
                   wire::Establish& established) {
  const auto version_request = request(wire::Command::version, proposal(dialect));
  const auto establish_request =
      request(wire::Command::establish_context, wire::Establish{scope, 0, 0});
  std::array parts{ServerLink::part_of(wire::as_bytes(version_request)),
                   ServerLink::part_of(wire::as_bytes(establish_request))};
  if (link.send(parts) != ScardRv::success) return false;
  if (link.need(sizeof(wire::Version), std::nullopt) != ScardRv::success) return false;
  const auto version = wire::decode<wire::Version>(link.buffered());
  link.consume(sizeof version);
  if (version.rv != 0 || accepted(dialect, version) != &dialect) return false;
  // A newer daemon than the one that agreed: find out what more it can.
  if (version.minor > dialect.minor) return false;
  if (link.need(sizeof(wire::Establish), std::nullopt) != ScardRv::success) return false;
  established = wire::decode<wire::Establish>(link.buffered());
  link.consume(sizeof established);
  link.set_dialect(dialect);
  return true;
}

tl::expected<std::uint32_t, ScardRv> number_of(const wire::Establish& established) {
  if (established.rv != 0) return tl::make_unexpected(static_cast<ScardRv>(established.rv));
  return established.context;
}

}  // namespace

tl::expected<std::uint32_t, ScardRv> establish(ServerLink& link, std::uint32_t scope) {
  wire::Establish message{scope, 0, 0};
  const ScardRv rv = link.exchange(wire::Command::establish_context, message);
  if (rv != ScardRv::success) return tl::make_unexpected(rv);
  return message.context;
}

tl::expected<Greeted, ScardRv> greet_daemon(const std::string& path, std::uint32_t scope,
                                            AgreedVersion& agreed) {
  if (const wire::Dialect* const dialect = agreed.dialect()) {
    auto fd = connect_unix(path);
    if (!fd) return tl::make_unexpected(fd.error().rv);
    ServerLink link(std::move(*fd));
    wire::Establish established{};
    if (greet_at_once(link, scope, *dialect, established)) {
      const auto number = number_of(established);
      if (!number) return tl::make_unexpected(number.error());
      return Greeted{std::move(link), *number};
    }
    agreed.forget();
  }
  auto fd = connect_unix(path);
  if (!fd) return tl::make_unexpected(fd.error().rv);
  ServerLink link(std::move(*fd));
  if (const ScardRv rv = negotiate(link); rv != ScardRv::success) return tl::make_unexpected(rv);
  const auto number = establish(link, scope);
  if (!number) return tl::make_unexpected(number.error());
  agreed.learn(link.dialect());
  return Greeted{std::move(link), *number};
}

}  // namespace cardea
