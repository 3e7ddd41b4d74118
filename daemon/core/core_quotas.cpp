// Core: what each user may take. See quota_limits.hpp for the limits and their reasons.
#include <algorithm>
#include <map>

#include "base/assert.hpp"
#include "daemon/core/core.hpp"

namespace cardea::core {

ConnId Core::add_client(const ClientInfo& info) {
  Client client;
  client.info = info;
  client.account = accounts_.of(info.uid);
  client.place = Charge(*client.account, Resource::connections);
  client.turned_away = Charge(*client.account, Resource::turned_away);
  if (!client.place.set(1) && !client.turned_away.set(1)) return {};
  const ConnId conn{++last_id_};
  clients_.emplace(conn, std::move(client));
  return conn;
}

std::shared_ptr<UserAccount> Core::account(ConnId conn) { return client(conn).account; }

bool Core::charge_call(ConnId conn, bool gives_back, Effects& fx) {
  Client& self = client(conn);
  Call& call = *self.call;
  call.charge = Charge(*self.account, Resource::calls);
  call.payload_charge = Charge(*self.account, Resource::bytes);
  if (gives_back) {
    call.charge.set_anyway(1);
    return true;
  }
  const bool may_ask = call.charge.set(1);
  if (may_ask && call.payload_charge.set(call.payload.size())) return true;
  report_quota(conn, may_ask ? Resource::bytes : Resource::calls, fx);
  answer_call(conn, ScardRv::no_memory, fx);
  return false;
}

bool Core::may_have_handle(ConnId conn, const Reader& reader, Effects& fx) {
  const UserAccount& account = *client(conn).account;
  if (account.used(Resource::handles) >= account.limit(Resource::handles)) {
    report_quota(conn, Resource::handles, fx);
    return false;
  }
  const std::size_t share = account.limit(Resource::reader_handles);
  if (reader.handles.size() < share) return true;
  const auto own = [&](CardHandle id) {
    return clients_.at(handles_.at(id).conn).info.uid == account.uid;
  };
  const auto used = std::count_if(reader.handles.begin(), reader.handles.end(), own);
  if (static_cast<std::size_t>(used) < share) return true;
  report_quota(conn, Resource::reader_handles, fx);
  return false;
}

void Core::report_quota(ConnId conn, Resource resource, Effects& fx) {
  if (client(conn).account->should_report(resource)) fx.quota_hits.push_back({conn, resource});
}

void Core::check_accounts() const {
  struct Taken {
    std::size_t connections = 0, turned_away = 0, handles = 0, calls = 0, bytes = 0;
  };
  std::map<std::uint32_t, Taken> users;
  for (const auto& [conn, client] : clients_) {
    Taken& user = users[client.info.uid];
    CARDEA_ASSERT(client.place.amount() + client.turned_away.amount() == 1);
    user.connections += client.place.amount();
    user.turned_away += client.turned_away.amount();
    user.handles += client.handles.size();
    if (!client.call) continue;
    user.calls += client.call->charge.amount();
    user.bytes += client.call->payload_charge.amount();
  }
  for (const auto& account : accounts_.all()) {
    const Taken& user = users[account->uid];
    CARDEA_ASSERT(account->used(Resource::connections) == user.connections);
    CARDEA_ASSERT(account->used(Resource::turned_away) == user.turned_away);
    CARDEA_ASSERT(account->used(Resource::handles) == user.handles);
    CARDEA_ASSERT(account->used(Resource::calls) == user.calls);
    // Connections keep some as well.
    CARDEA_ASSERT(account->used(Resource::bytes) >= user.bytes);
    CARDEA_ASSERT(user.connections <= account->limit(Resource::connections));
    CARDEA_ASSERT(user.handles <= account->limit(Resource::handles));
  }
}

}  // namespace cardea::core
