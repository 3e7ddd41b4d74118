#include "base/log_event.hpp"

#include <array>

namespace cardea::log {
namespace {

constexpr std::array kEvents{
    EventRow{Event::service_started, "service_started", "bfeb8aeeeb27409fb111dd3f821bbff2"},
    EventRow{Event::service_stopping, "service_stopping", "de20dddda2444d65b30d3aa91d346415"},
    EventRow{Event::start_failed, "start_failed", "b2941652711b4a9fb28deeb4fb9c8e8d"},
    EventRow{Event::stop_forced, "stop_forced", "660d6eb2cb2b4a01972c1b1f8bf9e6f2"},
    EventRow{Event::reload, "reload", "82ed028d3b6a4cb6bd4871dd0844ea83"},
    EventRow{Event::pid_file_failed, "pid_file_failed", "b1eafb6bfdea418981e0bcfb88cd1e7d"},
    EventRow{Event::hotplug_source, "hotplug_source", "4816dc984cbe47179573535471e953aa"},
    EventRow{Event::config_problem, "config_problem", "b21786a99e4e4b4ca8dbbe8fcdd08b51"},
    EventRow{Event::config_skipped, "config_skipped", "b1ebb4920e414dd4a57b26765b328722"},
    EventRow{Event::reader_ready, "reader_ready", "c7590099999d466ca952aaa31376c285"},
    EventRow{Event::reader_removed, "reader_removed", "8e2f6282653b405aa90b50307206fd48"},
    EventRow{Event::reader_fault, "reader_fault", "092fb5a8946c46c4a8c92e632053656a"},
    EventRow{Event::reader_ignored, "reader_ignored", "7ffecb6d36c3452bacda60a6a3606cb1"},
    EventRow{Event::reader_unavailable, "reader_unavailable", "f6ad4541e026483194f379800c86b2a4"},
    EventRow{Event::reader_retry, "reader_retry", "64039c7c716a4bd78b0da7faede4d49b"},
    EventRow{Event::reader_restarted, "reader_restarted", "d674462454a84742aa9152b7840d1d58"},
    EventRow{Event::reader_given_up, "reader_given_up", "313b86cb915b4444a051e14d1e774ec3"},
    EventRow{Event::reader_not_released, "reader_not_released", "2cbf92e877ef4d8caf4f292499dd7557"},
    EventRow{Event::driver_exception, "driver_exception", "f6f561f59ea7415081741a8f7d47c43a"},
    EventRow{Event::driver_incomplete, "driver_incomplete", "c00a44f625f7460bb6e52f2cede0d696"},
    EventRow{Event::driver_message, "driver_message", "25c5de9e7bd54023b04bb8b0bc054670"},
    EventRow{Event::driver_crashed, "driver_crashed", "b427844562824ba8aa923849ab53a6c2"},
    EventRow{Event::driver_hung, "driver_hung", "72d08b5220094065b785706027d1dc6c"},
    EventRow{Event::driver_keeper_lost, "driver_keeper_lost", "dd80f3a7f34c4a6cb4ac77c6f3b7c258"},
    EventRow{Event::client_version_refused, "client_version_refused",
             "b8fa8ad1bc6e44318f6765458d5db21d"},
    EventRow{Event::client_disconnected, "client_disconnected", "0d2721e4169c4beba3e95520bae0ef50"},
    EventRow{Event::client_limit, "client_limit", "ade9013cb2304b7ebbd20b5aa065d674"},
    EventRow{Event::user_limit, "user_limit", "a40244e6eac74014bb66440c9cec725e"},
    EventRow{Event::descriptor_limit, "descriptor_limit", "197ccb2ce652471eabd6debec0dbc388"},
    EventRow{Event::access_denied, "access_denied", "bada98b5b4084290b51639b0cf9fa7cd"},
    EventRow{Event::access_not_decided, "access_not_decided", "17d03f2e1df5444f9313471458621425"},
    EventRow{Event::access_rules_read, "access_rules_read", "ff9c033c69b14206ade2d17009d63b87"},
    EventRow{Event::access_rules_broken, "access_rules_broken", "1e08c59b5e01459f847a4211bc92d737"},
    EventRow{Event::apdu, "apdu", "9d13945e2539467088da00afcfca9153"},
    EventRow{Event::request, "request", "069bc6bc1a2847b98cfa49995137b037"},
    EventRow{Event::repeated, "repeated", "b0abb7e775b4424e9a508282f8ed8330"},
    EventRow{Event::log_level, "log_level", "9a58abc8b01f4b9b9d6d8251475ec09e"},
    EventRow{Event::holder_idle, "holder_idle", "1521d8f112a140c9b02cacba3fe4d7be"},
    EventRow{Event::control_failed, "control_failed", "7daee6369f454fbda897c7e408f215ac"},
    EventRow{Event::control_refused, "control_refused", "1317cb09de524768bba942a4e4868b28"},
    EventRow{Event::memory_short, "memory_short", "7a9631c435b8f8ba1cc85627f17253bc"},
    EventRow{Event::log_lost, "log_lost", "ade7355a0ceaa185d291c19b53859b87"},
    EventRow{Event::resumed, "resumed", "7ed950ac144114eee2b426e411c66eb2"},
};

}  // namespace

std::span<const EventRow> event_table() { return kEvents; }

const char* message_id(Event event) noexcept {
  for (const EventRow& row : kEvents) {
    if (row.event == event) return row.message_id;
  }
  return nullptr;
}

}  // namespace cardea::log
