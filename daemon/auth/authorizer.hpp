// Who may use smart cards. The administrator's rules come first, then polkit if this machine has
// it, then everybody is let in. root and the daemon's own user are refused by a rule only.
//
// Rules are answered at once on the caller's thread; polkit's word comes later. Any thread, but
// for what says otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "base/unix_socket.hpp"
#include "daemon/auth/access_rules.hpp"
#include "daemon/auth/petition.hpp"
#include "daemon/auth/polkit_client.hpp"

namespace cardea::auth {

class Authorizer {
 public:
  struct Settings {
    std::string rules_path;
    bool rules_given = false;  ///< then the file must exist
    bool polkit = true;
    PolkitClient::Timing timing;
  };
  using Decided = std::function<void(core::ConnId conn, core::CallId call, bool allowed)>;

  /// Reads the rules.
  explicit Authorizer(Settings settings);
  ~Authorizer();
  Authorizer(const Authorizer&) = delete;
  Authorizer& operator=(const Authorizer&) = delete;

  /// Where late answers go; before the first ask(). Called on a thread of the authorizer.
  void on_decided(Decided decided) { decided_ = std::move(decided); }
  /// Whether anything is to be asked about this user. Costs a few loads.
  [[nodiscard]] bool asks_about(uid_t uid) const noexcept;
  /// The answer; none: it comes later. `socket`: the connection to `peer`.
  std::optional<bool> ask(const core::Question& question, const PeerCredentials& peer, int socket)
      EXCLUDES(mutex_);
  /// Nobody waits for this answer any more.
  void withdraw(core::CallId call) EXCLUDES(mutex_);
  /// Reads the rules again, and looks for polkit. Rules with a mistake leave the old ones in force.
  void reload() EXCLUDES(mutex_);
  /// No late answer comes after this.
  void stop() EXCLUDES(mutex_);

 private:
  enum class Concern { nobody, users, everybody };
  using RulesPtr = std::shared_ptr<const AccessRules>;

  void load() EXCLUDES(mutex_);
  void report_problems(const std::vector<RuleProblem>& problems, bool kept) const;
  [[nodiscard]] bool is_privileged(uid_t uid) const noexcept;
  std::optional<bool> ask_polkit(const core::Question& question, const PeerCredentials& peer,
                                 int socket) EXCLUDES(mutex_);
  [[nodiscard]] std::shared_ptr<PolkitClient> polkit() REQUIRES(mutex_);
  void polkit_answered(const PolkitClient::Answer& answer);
  /// `why` ends the sentence "refused X access to Y: ".
  void report_denial(const core::Question& question, const PeerCredentials& peer,
                     const UniqueFd& pidfd, const std::string& why, log::Event event,
                     unsigned rule_line) const;

  const Settings settings_;
  const uid_t own_uid_;
  Decided decided_;
  std::atomic<Concern> concern_{Concern::nobody};
  std::atomic<bool> told_absence_{false};  ///< the log says that there is no bus

  Mutex mutex_;
  RulesPtr rules_ GUARDED_BY(mutex_);
  bool broken_ GUARDED_BY(mutex_) = false;  ///< there are rules, but none that can be used
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool polkit_decides_ GUARDED_BY(mutex_) = false;  ///< it is installed and wanted
  /// None: nobody has needed it, or there was no thread for it; then nobody is let in.
  std::shared_ptr<PolkitClient> polkit_ GUARDED_BY(mutex_);
};

/// The line for the rules file that would let `peer` do what it asks for.
std::string allowing_rule(const core::Question& question, uid_t uid, const Sandbox& sandbox);

}  // namespace cardea::auth
