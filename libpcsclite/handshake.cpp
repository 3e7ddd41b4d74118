#include "libpcsclite/handshake.hpp"

#include <algorithm>
#include <array>

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

/// VERSION and ESTABLISH in one write. comm_error if the daemon did not go along; the caller then
/// starts over with a fresh connection.
ScardRv greet_at_once(ServerLink& link, std::uint32_t scope, const wire::Dialect& dialect,
                      wire::Establish& established) {
  const auto version_request = request(wire::Command::version, proposal(dialect));
  const auto establish_request =
      request(wire::Command::establish_context, wire::Establish{scope, 0, 0});
  std::array parts{ServerLink::part_of(wire::as_bytes(version_request)),
                   ServerLink::part_of(wire::as_bytes(establish_request))};
  if (const ScardRv rv = link.send(parts); rv != ScardRv::success) return rv;
  if (const ScardRv rv = link.need(sizeof(wire::Version), std::nullopt); rv != ScardRv::success) {
    return rv;
  }
  const auto version = wire::decode<wire::Version>(link.buffered());
  link.consume(sizeof version);
  if (version.rv != 0 || accepted(dialect, version) != &dialect) return ScardRv::comm_error;
  // A newer daemon than the one that agreed: find out what more it can.
  if (version.minor > dialect.minor) return ScardRv::comm_error;
  if (const ScardRv rv = link.need(sizeof(wire::Establish), std::nullopt); rv != ScardRv::success) {
    return rv;
  }
  established = wire::decode<wire::Establish>(link.buffered());
  link.consume(sizeof established);
  link.set_dialect(dialect);
  return ScardRv::success;
}

tl::expected<Greeted, ScardRv> greeted(ServerLink link, const wire::Establish& established) {
  if (established.rv != 0) return tl::make_unexpected(static_cast<ScardRv>(established.rv));
  if (established.context == 0) return tl::make_unexpected(link.give_up());
  link.limit_reads(std::nullopt, /*wake_fd=*/-1);
  return Greeted{std::move(link), established.context};
}

tl::expected<ServerLink, ScardRv> connect(const std::string& path, const GreetLimits& limits) {
  auto fd = connect_unix(path, limits.on_full);
  if (!fd) return tl::make_unexpected(fd.error().rv);
  ServerLink link(std::move(*fd));
  link.limit_reads(limits.deadline, limits.wake_fd);
  return link;
}

}  // namespace

tl::expected<Greeted, ScardRv> greet_daemon(const std::string& path, std::uint32_t scope,
                                            AgreedVersion& agreed, const GreetLimits& limits) {
  wire::Establish established{scope, 0, 0};
  if (const wire::Dialect* const dialect = agreed.dialect()) {
    auto link = connect(path, limits);
    if (!link) return tl::make_unexpected(link.error());
    const ScardRv rv = greet_at_once(*link, scope, *dialect, established);
    if (rv == ScardRv::success) return greeted(std::move(*link), established);
    if (rv == ScardRv::timeout || rv == ScardRv::cancelled) return tl::make_unexpected(rv);
    agreed.forget();
    established = {scope, 0, 0};
  }
  auto link = connect(path, limits);
  if (!link) return tl::make_unexpected(link.error());
  if (const ScardRv rv = negotiate(*link); rv != ScardRv::success) return tl::make_unexpected(rv);
  const ScardRv rv = link->exchange(wire::Command::establish_context, established);
  if (rv != ScardRv::success) return tl::make_unexpected(rv);
  agreed.learn(link->dialect());
  return greeted(std::move(*link), established);
}

}  // namespace cardea
