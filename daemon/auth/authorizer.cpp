#include "daemon/auth/authorizer.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/scard_rv.hpp"
#include "daemon/auth/access_rules_file.hpp"
#include "daemon/auth/peer_identity.hpp"
#include "daemon/auth/peer_process.hpp"

namespace cardea::auth {
namespace {

constexpr const char* kPolkitService = "org.freedesktop.PolicyKit1.service";
/// Where D-Bus looks for services it can start.
constexpr std::array kServiceDirectories{
    "/usr/share/dbus-1/system-services/", "/usr/local/share/dbus-1/system-services/",
    "/lib/dbus-1/system-services/", "/run/current-system/sw/share/dbus-1/system-services/"};

/// A machine with polkit has somebody who decides, even if he cannot be reached now; on one without
/// there is nobody to ask. The bus alone does not tell the two apart.
bool is_polkit_installed() {
  return std::any_of(kServiceDirectories.begin(), kServiceDirectories.end(), [](const char* place) {
    return ::access((std::string(place) + kPolkitService).c_str(), F_OK) == 0;
  });
}

const char* what_is_asked(core::AccessKind kind) {
  return kind == core::AccessKind::pcsc ? "smart cards" : "the reader";
}

}  // namespace

std::string allowing_rule(const core::Question& question, uid_t uid, const Sandbox& sandbox) {
  std::string rule = "allow uid=" + std::to_string(uid);
  if (sandbox.kind != SandboxKind::none) {
    rule += std::string(" sandbox=") + to_string(sandbox.kind);
    if (!sandbox.app.empty()) rule += " app=\"" + log::escape(sandbox.app) + "\"";
  }
  if (question.kind == core::AccessKind::card) {
    rule += " reader=\"" + log::escape(question.reader) + "\"";
  }
  return rule;
}

Authorizer::Authorizer(Settings settings) : settings_(std::move(settings)), own_uid_(::geteuid()) {
  load();
}

Authorizer::~Authorizer() { stop(); }

bool Authorizer::is_privileged(uid_t uid) const noexcept { return uid == 0 || uid == own_uid_; }

bool Authorizer::asks_about(uid_t uid) const noexcept {
  const Concern concern = concern_.load(std::memory_order_relaxed);
  return concern == Concern::everybody || (concern == Concern::users && !is_privileged(uid));
}

void Authorizer::stop() {
  std::shared_ptr<PolkitClient> last;
  MutexLock lock(mutex_);
  stopped_ = true;
  last.swap(polkit_);
}

void Authorizer::reload() { load(); }

void Authorizer::load() {
  AccessRulesFile file = load_access_rules(settings_.rules_path, NameService::system());
  if (!file.exists && settings_.rules_given) file.problems.push_back({0, "is not there"});
  const bool installed = settings_.polkit && is_polkit_installed();
  bool polkit = false;
  bool kept = false;
  std::size_t count = 0;
  {
    MutexLock lock(mutex_);
    if (file.problems.empty()) {
      rules_ = std::make_shared<const AccessRules>(std::move(file.rules));
      broken_ = false;
    } else {
      kept = rules_ != nullptr;
      broken_ = !kept;
    }
    count = rules_ ? rules_->size() : 0;
    // It stays, once there: somebody may wait for its answer.
    polkit_decides_ = (polkit_decides_ || installed) && !stopped_;
    polkit = polkit_decides_;
    concern_ = count > 0           ? Concern::everybody
               : polkit || broken_ ? Concern::users
                                   : Concern::nobody;
  }
  if (!file.problems.empty()) return report_problems(file.problems, kept);
  if (!file.exists) return;
  log::write(log::Level::info,
             std::to_string(count) + " access rules of " + settings_.rules_path +
                 " are in force; for whom none fits, " +
                 (polkit ? "polkit decides" : "access is free"),
             {}, log::Event::access_rules_read);
}

void Authorizer::report_problems(const std::vector<RuleProblem>& problems, bool kept) const {
  for (const RuleProblem& problem : problems) {
    const std::string line = problem.line == 0 ? "" : ":" + std::to_string(problem.line);
    log::write(
        log::Level::error,
        settings_.rules_path + line + ": " + problem.what +
            (kept ? "; the rules read before stay in force"
                  : "; until this is mended only root may use smart cards") +
            ". Look with pcscd --check-config",
        {{"CONFIG_FILE", settings_.rules_path}, {"CONFIG_LINE", std::to_string(problem.line)}},
        log::Event::access_rules_broken);
  }
}

std::optional<bool> Authorizer::ask(const core::Question& question, const PeerCredentials& peer,
                                    int socket) {
  RulesPtr rules;
  bool broken = false;
  {
    MutexLock lock(mutex_);
    rules = rules_;
    broken = broken_;
  }
  if (rules && rules->size() > 0) {
    Applicant who{peer.uid, peer_groups(socket, peer.gid), {}};
    if (rules->look_at_sandboxes()) {
      const UniqueFd pidfd = peer_pidfd(socket);
      who.sandbox = read_sandbox(peer.pid);
      // Its number may have gone to another process while we read.
      if (pidfd && has_exited(pidfd)) who.sandbox.reset();
    }
    if (const AccessRule* rule = rules->match(who, question.kind, question.reader)) {
      if (!rule->allow) {
        report_denial(
            question, peer, peer_pidfd(socket),
            "line " + std::to_string(rule->line) + " of " + settings_.rules_path + " denies it",
            log::Event::access_denied, rule->line);
      }
      return rule->allow;
    }
  }
  if (is_privileged(peer.uid)) return true;
  if (broken) {
    report_denial(question, peer, peer_pidfd(socket),
                  settings_.rules_path + " has mistakes, so nobody but root is let in",
                  log::Event::access_not_decided, 0);
    return false;
  }
  return ask_polkit(question, peer, socket);
}

std::optional<bool> Authorizer::ask_polkit(const core::Question& question,
                                           const PeerCredentials& peer, int socket) {
  std::shared_ptr<PolkitClient> polkit;
  {
    MutexLock lock(mutex_);
    if (stopped_) return false;  // its connection ends in a moment
    // COMPAT: pcsc-lite, if built with polkit, refuses everybody then. See
    // authorization_test.test_without_polkit_everybody_is_let_in.
    if (!polkit_decides_) return true;
    polkit = this->polkit();
  }
  if (!polkit) {
    report_denial(question, peer, peer_pidfd(socket),
                  "polkit cannot be asked: the system has no thread or no descriptor for it",
                  log::Event::access_not_decided, 0);
    return false;
  }
  Petition petition{question, peer, start_time(peer.pid).value_or(0), peer_pidfd(socket), {}};
  if (peer.pid == 0) {
    petition.obstacle = "its process cannot be seen from here, so polkit cannot be asked";
  } else if (petition.pidfd && has_exited(petition.pidfd)) {
    petition.obstacle = "the process that made its connection has ended, so polkit cannot be asked";
  }
  polkit->ask(std::move(petition));
  return std::nullopt;
}

std::shared_ptr<PolkitClient> Authorizer::polkit() {
  if (!polkit_) {
    polkit_ = PolkitClient::create(
        settings_.timing, [this](const PolkitClient::Answer& answer) { polkit_answered(answer); });
  }
  return polkit_;
}

void Authorizer::withdraw(core::CallId call) {
  std::shared_ptr<PolkitClient> polkit;
  {
    MutexLock lock(mutex_);
    polkit = polkit_;
  }
  if (polkit) polkit->withdraw(call);
}

void Authorizer::polkit_answered(const PolkitClient::Answer& answer) {
  const core::Question& question = answer.petition.question;
  bool allowed = false;
  switch (answer.verdict) {
    case PolkitClient::Verdict::yes:
      allowed = true;
      break;
    case PolkitClient::Verdict::absent:
      allowed = true;
      if (told_absence_.exchange(true)) break;
      log::write(log::Level::info, answer.why + ", so polkit cannot be asked and access is free; " +
                                       settings_.rules_path + " can restrict it");
      break;
    case PolkitClient::Verdict::no:
      report_denial(question, answer.petition.peer, answer.petition.pidfd,
                    std::string("polkit does not allow ") + action_id(question.kind),
                    log::Event::access_denied, 0);
      break;
    case PolkitClient::Verdict::undecided:
      report_denial(question, answer.petition.peer, answer.petition.pidfd, answer.why,
                    log::Event::access_not_decided, 0);
      break;
  }
  decided_(question.conn, question.call, allowed);
}

void Authorizer::report_denial(const core::Question& question, const PeerCredentials& peer,
                               const UniqueFd& pidfd, const std::string& why, log::Event event,
                               unsigned rule_line) const {
  const PeerIdentity who = identify(peer, pidfd);
  const std::string session = session_state(peer.pid, peer.uid);
  const std::string rule = allowing_rule(question, peer.uid, who.sandbox);
  const std::string reader = log::escape(question.reader);
  const std::string place = rule_line == 0 ? "" : " before line " + std::to_string(rule_line);
  log::Fields fields = who.fields;
  fields.insert(fields.end(), {{"ACTION", action_id(question.kind)},
                               {"SESSION", session},
                               {"RULE", rule},
                               {"RV", to_string(ScardRv::security_violation)}});
  // Not READER: there may be none of this name, and it is no fault of a reader.
  if (!reader.empty()) fields.emplace_back("ASKED_READER", reader);
  log::write(
      log::Level::warning,
      "refused " + who.text + " access to " + what_is_asked(question.kind) +
          (reader.empty() ? "" : " \"" + reader + "\"") + ": " + why +
          " (login session: " + session +
          "). The program sees SCARD_W_SECURITY_VIOLATION. To allow it, put this line into " +
          settings_.rules_path + place + " and run pcscd --hotplug: " + rule,
      std::move(fields), event);
}

}  // namespace cardea::auth
