// fake-polkit UID=ANSWER...: takes polkit's name on the system bus and answers CheckAuthorization
// as told: UID=yes|no|silent|die|password|dialog, and UID:card=... for access_card alone. "silent"
// never answers; "die" ends the program; "password" wants a conversation and then says yes;
// "dialog" wants one that never ends. Who is not named gets no. Each call is a line on standard
// output. One thread.
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

struct Call {
  std::string action;
  std::string reader;
  std::uint32_t pid = 0;
  std::int32_t uid = -1;
  std::uint64_t start_time = 0;
  bool pidfd = false;
  std::uint32_t flags = 0;
};

std::map<std::string, std::string> g_answers;
std::vector<sd_bus_message*> g_unanswered;

int read_subject(sd_bus_message* message, Call& call) {
  const char* kind = nullptr;
  int result = ::sd_bus_message_enter_container(message, 'r', "sa{sv}");
  if (result >= 0) result = ::sd_bus_message_read(message, "s", &kind);
  if (result >= 0 && std::strcmp(kind, "unix-process") != 0) result = -EINVAL;
  if (result >= 0) result = ::sd_bus_message_enter_container(message, 'a', "{sv}");
  while (result >= 0 && ::sd_bus_message_enter_container(message, 'e', "sv") > 0) {
    const char* key = nullptr;
    result = ::sd_bus_message_read(message, "s", &key);
    const std::string name = result >= 0 ? key : "";
    int pidfd = -1;
    if (name == "pid") result = ::sd_bus_message_read(message, "v", "u", &call.pid);
    if (name == "uid") result = ::sd_bus_message_read(message, "v", "i", &call.uid);
    if (name == "start-time") result = ::sd_bus_message_read(message, "v", "t", &call.start_time);
    if (name == "pidfd") {
      result = ::sd_bus_message_read(message, "v", "h", &pidfd);
      struct stat status {};
      call.pidfd = result >= 0 && ::fstat(pidfd, &status) == 0;
    }
    if (result >= 0) result = ::sd_bus_message_exit_container(message);
  }
  if (result >= 0) result = ::sd_bus_message_exit_container(message);
  if (result >= 0) result = ::sd_bus_message_exit_container(message);
  return result;
}

int read_call(sd_bus_message* message, Call& call) {
  int result = read_subject(message, call);
  const char* action = nullptr;
  if (result >= 0) result = ::sd_bus_message_read(message, "s", &action);
  if (result < 0) return result;
  call.action = action;
  result = ::sd_bus_message_enter_container(message, 'a', "{ss}");
  const char* key = nullptr;
  const char* value = nullptr;
  while (result >= 0 && ::sd_bus_message_read(message, "{ss}", &key, &value) > 0) {
    if (std::strcmp(key, "reader") == 0) call.reader = value;
  }
  if (result >= 0) result = ::sd_bus_message_exit_container(message);
  const char* cancellation = nullptr;
  if (result >= 0) result = ::sd_bus_message_read(message, "us", &call.flags, &cancellation);
  return result;
}

std::string answer_to(const Call& call) {
  const std::string uid = std::to_string(call.uid);
  if (call.action.ends_with("access_card") && g_answers.contains(uid + ":card")) {
    return g_answers.at(uid + ":card");
  }
  return g_answers.contains(uid) ? g_answers.at(uid) : "no";
}

int check(sd_bus_message* message, void*, sd_bus_error*) {
  Call call;
  if (const int result = read_call(message, call); result < 0) return result;
  std::printf("check %s pid=%u uid=%d start=%llu pidfd=%d flags=%u reader=%s\n",
              call.action.c_str(), call.pid, call.uid,
              static_cast<unsigned long long>(call.start_time), call.pidfd ? 1 : 0, call.flags,
              call.reader.c_str());
  const std::string answer = answer_to(call);
  if (answer == "die") std::exit(3);
  const bool asks = answer == "password" || answer == "dialog";
  if (answer == "silent" || (answer == "dialog" && call.flags != 0)) {
    g_unanswered.push_back(::sd_bus_message_ref(message));
    return 1;
  }
  const bool yes = answer == "yes" || (answer == "password" && call.flags != 0);
  return ::sd_bus_reply_method_return(message, "(bba{ss})", yes ? 1 : 0, asks && !yes ? 1 : 0, 0);
}

int cancel(sd_bus_message* message, void*, sd_bus_error*) {
  const char* id = nullptr;
  if (const int result = ::sd_bus_message_read(message, "s", &id); result < 0) return result;
  std::printf("cancel %s\n", id);
  return ::sd_bus_reply_method_return(message, "");
}

const std::array kVtable{
    sd_bus_vtable(SD_BUS_VTABLE_START(0)),
    sd_bus_vtable(SD_BUS_METHOD("CheckAuthorization", "(sa{sv})sa{ss}us", "(bba{ss})", check,
                                SD_BUS_VTABLE_UNPRIVILEGED)),
    sd_bus_vtable(
        SD_BUS_METHOD("CancelCheckAuthorization", "s", "", cancel, SD_BUS_VTABLE_UNPRIVILEGED)),
    sd_bus_vtable(SD_BUS_VTABLE_END)};

int fail(const char* what, int result) {
  std::fprintf(stderr, "fake-polkit: %s: %s\n", what, std::strerror(-result));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  for (int i = 1; i < argc; ++i) {
    const std::string word(argv[i]);
    const auto equals = word.find('=');
    if (equals == std::string::npos) return fail(argv[i], -EINVAL);
    g_answers[word.substr(0, equals)] = word.substr(equals + 1);
  }
  sd_bus* bus = nullptr;
  int result = ::sd_bus_open_system(&bus);
  if (result < 0) return fail("bus", result);
  result =
      ::sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/PolicyKit1/Authority",
                                 "org.freedesktop.PolicyKit1.Authority", kVtable.data(), nullptr);
  if (result >= 0) result = ::sd_bus_request_name(bus, "org.freedesktop.PolicyKit1", 0);
  if (result < 0) return fail("name", result);
  std::puts("ready");
  for (;;) {
    result = ::sd_bus_process(bus, nullptr);
    if (result < 0) return fail("process", result);
    if (result == 0) ::sd_bus_wait(bus, UINT64_MAX);
  }
}
