#include "daemon/reader_manager.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "drivers/reader_conf_loader.hpp"

namespace cardea {
namespace {

constexpr const char* kIgnoredByName =
    "is ignored: PCSCLITE_FILTER_IGNORE_READER_NAMES matches its name";
/// A driver in a process of its own that takes longer to open a reader lets the next one begin.
/// Two of them still leave the others time to be there when the first clients ask.
constexpr milliseconds kOpeningPatience{2'000};

/// Where a device is, for people.
std::string place_of(const ReaderDevice& device) {
  if (const auto* entry = std::get_if<ReaderConfEntry>(&device.source)) {
    return "reader \"" + log::escape(entry->friendly_name) + "\" (" + entry->file + ":" +
           std::to_string(entry->line) + ")";
  }
  const auto& interface = std::get<UsbInterface>(device.source);
  return "USB reader " + usb_name_prefix(interface.vendor, interface.product).substr(4) + " at " +
         log::escape(interface.key);
}

ReaderDevice configured_device(const ReaderConfEntry& entry) {
  std::string key = "reader.conf:" + entry.friendly_name + ":" + entry.device_name + ":" +
                    std::to_string(entry.channel) + ":" + entry.library_path;
  return {key, key, entry};
}

ReaderDevice usb_device(const UsbInterface& interface) {
  return {interface.key, interface.identity, interface};
}

bool is_listed(const DriverBundles& bundles, std::uint16_t vendor, std::uint16_t product) {
  return !find_drivers(bundles, vendor, product).empty();
}

void report_problems(const std::vector<ConfigProblem>& problems) {
  for (const ConfigProblem& problem : problems) {
    log::write(log::Level::error, to_string(problem), {{"CONFIG_FILE", problem.file}},
               log::Event::config_problem);
  }
}

}  // namespace

Result<std::unique_ptr<ReaderManager>> ReaderManager::create(
    Server& server, Settings settings, std::unique_ptr<HotplugBackend> backend) {
  auto timer = DeadlineTimer::create();
  if (!timer) return tl::make_unexpected(timer.error());
  return std::unique_ptr<ReaderManager>(
      new ReaderManager(server, std::move(settings), std::move(backend), std::move(*timer)));
}

ReaderManager::ReaderManager(Server& server, Settings settings,
                             std::unique_ptr<HotplugBackend> backend, DeadlineTimer timer)
    : server_(server),
      settings_(std::move(settings)),
      backend_(std::move(backend)),
      timer_(std::move(timer)),
      opener_(server, settings_.opener),
      tracker_(settings_.tracker) {}

Result<void> ReaderManager::start() {
  server_.set_reader_events({[this](Server::ReaderOwner owner) { on_closed(owner); },
                             [this](Server::ReaderOwner owner) {
                               with_tracker(Server::Clients::go_on,
                                            [this, owner](TimePoint now, Actions& actions) REQUIRES(
                                                mutex_) { tracker_.faulty(owner, now, actions); });
                             }});
  opener_.set_lost([this](Server::ReaderOwner owner) {
    with_tracker(Server::Clients::go_on, [this, owner](TimePoint now, Actions& actions) REQUIRES(
                                             mutex_) { tracker_.crashed(owner, now, actions); });
  });
  auto conf = read_reader_conf();
  if (!conf) return tl::make_unexpected(conf.error());
  read_bundles();
  {
    const MutexLock scanning(scanning_);
    const auto configured = configured_devices(*conf);
    const auto plugged = scan();
    with_tracker(Server::Clients::wait, [&](TimePoint now, Actions& actions) REQUIRES(mutex_) {
      tracker_.update(/*usb=*/false, configured, {}, now, actions);
      if (plugged) tracker_.update(/*usb=*/true, *plugged, {}, now, actions);
    });
  }
  if (auto watched = server_.watch_descriptor(timer_.fd(), [this] { on_timer(); }); !watched) {
    return watched;
  }
  if (backend_) {
    log::write(log::Level::info, std::string("following USB hot-plug by ") + backend_->name(), {},
               log::Event::hotplug_source);
    return server_.watch_descriptor(backend_->descriptor(), [this] { on_hotplug(); });
  }
  return {};
}

void ReaderManager::rescan() {
  log::write(log::Level::info, "reading the configuration again and looking for readers", {},
             log::Event::reload);
  const auto conf = read_reader_conf();
  if (!conf)
    log::write(log::Level::error, conf.error().context + "; its readers stay as they are", {},
               log::Event::config_problem);
  read_bundles();
  const MutexLock scanning(scanning_);
  std::vector<ReaderDevice> configured;
  if (conf) configured = configured_devices(*conf);
  const auto plugged = scan();
  with_tracker(Server::Clients::go_on, [&](TimePoint now, Actions& actions) REQUIRES(mutex_) {
    if (conf) tracker_.update(/*usb=*/false, configured, {}, now, actions);
    if (plugged) tracker_.update(/*usb=*/true, *plugged, {}, now, actions);
    tracker_.retry_all(actions);
  });
}

void ReaderManager::look_again() {
  const auto look = [this] {
    if (backend_) on_hotplug();
    with_tracker(Server::Clients::go_on, [this](TimePoint, Actions& actions)
                                             REQUIRES(mutex_) { tracker_.retry_all(actions); });
  };
  if (!server_.run_reader_start(Server::Clients::go_on, look)) look();
}

void ReaderManager::stop() {
  const MutexLock lock(mutex_);
  stopping_ = true;
}

Result<ReaderConf> ReaderManager::read_reader_conf() {
  auto conf = load_reader_conf(settings_.reader_conf);
  if (!conf && !settings_.reader_conf_given) return ReaderConf{};  // no readers are configured
  if (conf) report_problems(conf->problems);
  return conf;
}

void ReaderManager::read_bundles() {
  if (!backend_) return;
  auto bundles =
      std::make_shared<const DriverBundles>(load_driver_bundles(settings_.bundle_directory));
  report_problems(bundles->problems);
  const MutexLock lock(mutex_);
  bundles_ = std::move(bundles);
}

std::shared_ptr<const DriverBundles> ReaderManager::bundles() {
  const MutexLock lock(mutex_);
  return bundles_;
}

void ReaderManager::on_hotplug() {
  const MutexLock scanning(scanning_);
  const std::vector<HotplugEvent> events = backend_->read_events();
  const auto plugged = scan();
  with_tracker(Server::Clients::go_on, [&](TimePoint now, Actions& actions) REQUIRES(mutex_) {
    std::set<std::string> moved;
    for (const HotplugEvent& event : events) {
      moved.insert(event.key);
      if (event.removed) tracker_.unplugged(event.key, now, actions);
    }
    if (plugged) tracker_.update(/*usb=*/true, *plugged, moved, now, actions);
  });
}

void ReaderManager::on_timer() {
  timer_.acknowledge();
  pass_on_lines();
  with_tracker(Server::Clients::go_on, [this](TimePoint now, Actions& actions)
                                           REQUIRES(mutex_) { tracker_.expire(now, actions); });
}

void ReaderManager::on_closed(Server::ReaderOwner owner) {
  opener_.closed(owner);
  with_tracker(Server::Clients::go_on, [this, owner](TimePoint now, Actions& actions) REQUIRES(
                                           mutex_) { tracker_.closed(owner, now, actions); });
}

std::optional<std::vector<ReaderDevice>> ReaderManager::scan() {
  if (!backend_) return std::nullopt;
  const auto bundles = this->bundles();
  const auto found = backend_->scan(
      [&bundles](std::uint16_t vendor, std::uint16_t product, std::uint8_t interface_class) {
        return interface_class == kUsbClassSmartCard || is_listed(*bundles, vendor, product);
      });
  if (!found) {
    log::write(log::Level::error, found.error().context, {}, log::Event::hotplug_source);
    return std::nullopt;
  }
  std::vector<ReaderDevice> devices;
  for (const UsbInterface& interface : *found) {
    if (is_wanted(interface)) devices.push_back(usb_device(interface));
  }
  // Readers that were plugged in together get their numbers in the order of their places.
  std::sort(devices.begin(), devices.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return devices;
}

bool ReaderManager::is_wanted(const UsbInterface& interface) {
  const std::vector<DriverChoice> choices = choose_drivers(interface);
  if (choices.empty() && interface.interface_class != kUsbClassSmartCard) return false;
  const ReaderDevice device = usb_device(interface);
  if (interface.ignored) {
    mention(device, "is ignored: a udev rule sets PCSCLITE_IGNORE=1");
  } else if (choices.empty()) {
    mention(device, "is not served: no driver bundle in " + settings_.bundle_directory +
                        " lists it. Install its driver, or start pcscd with --generic-ccid");
  } else if (is_ignored(base_name(interface, choices.front()), settings_.ignored_names)) {
    mention(device, kIgnoredByName);
  } else {
    return true;
  }
  return false;
}

std::string ReaderManager::base_name(const UsbInterface& interface,
                                     const DriverChoice& choice) const {
  return usb_base_name(choice.friendly_name, interface.interface_text, interface.serial,
                       settings_.names);
}

void ReaderManager::mention(const ReaderDevice& device, const std::string& why) {
  const std::string text = place_of(device) + " " + why;
  {
    const MutexLock lock(mutex_);
    std::string& said = said_[device.key];  // bounded by the places devices were plugged into
    if (said == text + device.identity) return;
    said = text + device.identity;
  }
  log::write(log::Level::info, text, {{"DEVICE", device.key}}, log::Event::reader_ignored);
}

std::vector<ReaderDevice> ReaderManager::configured_devices(const ReaderConf& conf) {
  std::vector<ReaderDevice> devices;
  for (const ReaderConfEntry& entry : conf.entries) {
    const ReaderDevice device = configured_device(entry);
    if (is_ignored(entry.friendly_name, settings_.ignored_names)) {
      mention(device, kIgnoredByName);
    } else {
      devices.push_back(device);
    }
  }
  return devices;
}

template <typename Visit>
void ReaderManager::with_tracker(Server::Clients clients, const Visit& visit) {
  Actions actions;
  {
    const MutexLock lock(mutex_);
    if (stopping_) return;
    visit(Clock::now(), actions);
    set_timer();
  }
  carry_out(clients, std::move(actions));
}

void ReaderManager::carry_out(Server::Clients clients, Actions actions) {
  for (const log::Record& record : actions.records) log::write(record);
  for (const DeviceTracker::Close& close : actions.close) {
    opener_.closing(close.instance);
    server_.remove_readers(close.instance, close.device_gone);
  }
  for (DeviceTracker::Open& order : actions.open) queue(clients, std::move(order));
}

void ReaderManager::queue(Server::Clients clients, DeviceTracker::Open order) {
  log::write(log::Level::debug, "opening " + place_of(order.device));
  const std::string library = first_library(order.device);
  {
    const MutexLock lock(mutex_);
    const auto [found, fresh] = lines_.try_emplace(library);
    Line& line = found->second;
    line.orders.push_back(std::move(order));
    if (!fresh) return set_timer();  // somebody is at work on it
    line.clients = clients;
    line.worker = ++last_worker_;
  }
  start_line(library);
}

void ReaderManager::start_line(const std::string& library) {
  Server::Clients clients{};
  std::uint64_t worker = 0;
  {
    const MutexLock lock(mutex_);
    const Line& line = lines_.at(library);
    clients = line.clients;
    worker = line.worker;
  }
  const auto work = [this, library, worker] { open_line(library, worker); };
  if (!server_.run_reader_start(clients, work)) give_up(library);
}

void ReaderManager::give_up(const std::string& library) {
  std::deque<DeviceTracker::Open> orders;
  {
    const MutexLock lock(mutex_);
    orders = std::move(lines_.extract(library).mapped().orders);
  }
  for (const DeviceTracker::Open& order : orders) {
    report(order.device, {ScardRv::no_memory, "the system has no further thread for it"});
    with_tracker(Server::Clients::go_on, [&](TimePoint now, Actions& actions) REQUIRES(mutex_) {
      tracker_.opened(order.instance, DeviceTracker::Outcome::failed, now, actions);
    });
  }
}

void ReaderManager::open_line(const std::string& library, std::uint64_t worker) {
  for (;;) {
    DeviceTracker::Open order;
    {
      const MutexLock lock(mutex_);
      const auto found = lines_.find(library);
      if (found == lines_.end() || found->second.worker != worker) return;  // it was passed on
      Line& line = found->second;
      if (line.orders.empty() || stopping_) {
        lines_.erase(found);
        return;
      }
      order = std::move(line.orders.front());
      line.orders.pop_front();
      line.pass_on_at.reset();
      if (settings_.opener.drivers.is_hosted(library)) {
        line.pass_on_at = Clock::now() + kOpeningPatience;
      }
      set_timer();
    }
    open(order.instance, order.device);
  }
}

void ReaderManager::pass_on_lines() {
  std::vector<std::string> passed_on;
  {
    const MutexLock lock(mutex_);
    const TimePoint now = Clock::now();
    for (auto& [library, line] : lines_) {
      if (line.orders.empty() || !line.pass_on_at || *line.pass_on_at > now) continue;
      line.worker = ++last_worker_;
      line.pass_on_at.reset();
      passed_on.push_back(library);
    }
  }
  for (const std::string& library : passed_on) start_line(library);
}

void ReaderManager::set_timer() {
  std::optional<TimePoint> first = tracker_.next_deadline();
  for (const auto& [library, line] : lines_) {
    if (line.orders.empty() || !line.pass_on_at) continue;
    if (!first || *line.pass_on_at < *first) first = line.pass_on_at;
  }
  timer_.set(first);
}

std::string ReaderManager::first_library(const ReaderDevice& device) {
  if (const auto* entry = std::get_if<ReaderConfEntry>(&device.source)) return entry->library_path;
  const auto choices = choose_drivers(std::get<UsbInterface>(device.source));
  return choices.empty() ? std::string() : choices.front().library_path;
}

void ReaderManager::open(ReaderInstance instance, const ReaderDevice& device) {
  const auto* usb = std::get_if<UsbInterface>(&device.source);
  const Result<void> opened =
      usb != nullptr ? open_usb(instance, *usb)
                     : open_configured(instance, std::get<ReaderConfEntry>(device.source));
  auto outcome = DeviceTracker::Outcome::open;
  if (!opened) {
    // "No such device" is how drivers skip the other interfaces of composite devices. For a
    // smart-card interface it means that the device is not ready, or gone already.
    const bool not_mine = usb != nullptr && opened.error().rv == ScardRv::unknown_reader &&
                          usb->interface_class != kUsbClassSmartCard;
    outcome = not_mine ? DeviceTracker::Outcome::not_mine : DeviceTracker::Outcome::failed;
    if (!not_mine) report(device, opened.error());
  }
  with_tracker(Server::Clients::go_on, [&](TimePoint now, Actions& actions) REQUIRES(mutex_) {
    if (opened) said_.erase(device.key);
    tracker_.opened(instance, outcome, now, actions);
  });
}

Result<void> ReaderManager::open_configured(ReaderInstance instance, const ReaderConfEntry& entry) {
  ReaderOpener::Request request;
  request.owner = instance;
  request.library_path = entry.library_path;
  request.base_name = entry.friendly_name;
  request.device_name = entry.device_name;
  request.channel = entry.channel;
  request.rank = entry.order;
  return opener_.open(request);
}

Result<void> ReaderManager::open_usb(ReaderInstance instance, const UsbInterface& interface) {
  Result<void> result = failure(ScardRv::unknown_reader, "no driver lists it any more");
  for (const DriverChoice& choice : choose_drivers(interface)) {
    ReaderOpener::Request request;
    request.owner = instance;
    request.library_path = choice.library_path;
    request.base_name = base_name(interface, choice);
    request.usb_place = interface.key;
    request.usb_serial = interface.serial;
    request.device_name = interface.device_name;
    result = opener_.open(request);
    // "Not mine" is the last word: how drivers skip interfaces of composite devices.
    if (result || result.error().rv == ScardRv::unknown_reader) break;
    log::write(log::Level::debug, result.error().context);
  }
  return result;
}

std::vector<DriverChoice> ReaderManager::choose_drivers(const UsbInterface& interface) {
  std::vector<DriverChoice> choices = find_drivers(*bundles(), interface.vendor, interface.product);
  if (choices.empty() && settings_.generic_ccid &&
      interface.interface_class == kUsbClassSmartCard) {
    choices.push_back({*settings_.generic_ccid, "Generic CCID Reader"});
  }
  return choices;
}

void ReaderManager::report(const ReaderDevice& device, const Error& error) {
  const std::string text =
      place_of(device) + " is not available: " + error.context + ". Other readers are not affected";
  bool again = false;
  {
    const MutexLock lock(mutex_);
    std::string& said = said_[device.key];
    again = said == text;
    said = text;
  }
  log::Record record{again ? log::Level::debug : log::Level::error,
                     text,
                     {{"DEVICE", device.key}},
                     log::Event::reader_unavailable};
  if (const auto* entry = std::get_if<ReaderConfEntry>(&device.source)) {
    record.fields = {{"READER", log::escape(entry->friendly_name)}, {"CONFIG_FILE", entry->file}};
  }
  log::write(record);
}

}  // namespace cardea
