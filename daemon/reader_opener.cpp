#include "daemon/reader_opener.hpp"

#include <algorithm>
#include <optional>

#include "drivers/hosted/hosted_driver.hpp"
#include "drivers/ifd_queries.hpp"
#include "drivers/in_process_driver.hpp"
#include "drivers/logging_driver.hpp"

namespace cardea {
namespace {

/// A driver that takes longer to close keeps its number, and the next reader gets another one.
constexpr milliseconds kClosingPatience{1'000};

void report_host_end(const std::string& reader, const std::string& library_path,
                     const DriverHost::Ending& ending) {
  if (reader.empty()) return;  // its opening fails, which is reported
  const std::string name = log::escape(reader);
  const std::string path = log::escape(library_path);
  log::write(log::Level::error,
             "reader \"" + name + "\": the process of its driver " + path + " " + ending.how +
                 ". Programs that used the reader see SCARD_E_READER_UNAVAILABLE; it is opened "
                 "again, and other readers are not affected. Remedy: update the driver" +
                 (ending.by_us ? ", or give it more time (--driver-limit)" : ""),
             {{"READER", name}, {"DRIVER", path}},
             ending.by_us ? log::Event::driver_hung : log::Event::driver_crashed);
}

}  // namespace

Result<void> ReaderOpener::open(const Request& request) {
  const std::shared_ptr<Library> library = this->library(request.library_path);
  return settings_.drivers.is_hosted(request.library_path) ? open_hosted(*library, request)
                                                           : open_in_process(*library, request);
}

Result<void> ReaderOpener::open_in_process(Library& library, const Request& request) {
  const MutexLock opening(library.opening);
  wait_for_closing(library);
  auto loaded = libraries_.get(request.library_path);
  if (!loaded) return tl::make_unexpected(std::move(loaded.error()));
  const Driver driver{std::move(*loaded), nullptr, nullptr};
  // A driver that is not thread-safe must not be opened once more while it is in use.
  core::DomainId shared;
  {
    const MutexLock lock(mutex_);
    for (const auto& [owner, reader] : library.readers) {
      if (!reader.is_thread_safe) shared = reader.domain;
    }
  }
  Result<void> result;
  const bool entered = shared && server_.run_in_domain(shared, [&] {
    result = open_on(library, driver, request, shared);
  });
  return entered ? result : open_on(library, driver, request, {});
}

Result<void> ReaderOpener::open_hosted(Library& library, const Request& request) {
  wait_for_closing(library);
  const auto driver = start_host(request);
  if (!driver) return tl::make_unexpected(driver.error());
  return open_on(library, *driver, request, {});
}

void ReaderOpener::closing(Server::ReaderOwner owner) {
  const MutexLock lock(mutex_);
  for (auto& [path, library] : by_path_) {
    const auto reader = library->readers.find(owner);
    if (reader != library->readers.end() && !reader->second.names.empty()) {
      reader->second.closing = true;
    }
  }
}

void ReaderOpener::closed(Server::ReaderOwner owner) {
  const MutexLock lock(mutex_);
  for (auto& [path, library] : by_path_) library->readers.erase(owner);
  closed_.notify_all();
}

void ReaderOpener::wait_for_closing(const Library& library) {
  const TimePoint deadline = Clock::now() + kClosingPatience;
  const MutexLock lock(mutex_);
  const auto is_closing = [](const auto& entry) { return entry.second.closing; };
  while (std::any_of(library.readers.begin(), library.readers.end(), is_closing) &&
         Clock::now() < deadline) {
    closed_.wait_until(mutex_, deadline);
  }
}

std::shared_ptr<ReaderOpener::Library> ReaderOpener::library(const std::string& path) {
  const MutexLock lock(mutex_);
  std::shared_ptr<Library>& library = by_path_[path];  // bounded by the libraries configured
  if (!library) library = std::make_shared<Library>();
  return library;
}

Result<ReaderOpener::Driver> ReaderOpener::start_host(const Request& request) {
  const auto name = std::make_shared<HostName>();
  DriverHost::Events events;
  events.lost = [this, owner = request.owner] { lost_(owner); };
  events.ended = [name, path = request.library_path](const DriverHost::Ending& ending) {
    report_host_end(name->get(), path, ending);
  };
  auto host = DriverHost::start(*settings_.keeper, request.library_path, settings_.drivers.limits(),
                                std::move(events));
  if (!host) return tl::make_unexpected(std::move(host.error()));
  return Driver{nullptr, std::move(*host), name};
}

Result<unsigned> ReaderOpener::take_number(Library& library, const Request& request) {
  const MutexLock lock(mutex_);
  std::vector<LibraryReader> siblings;
  for (const auto& [owner, reader] : library.readers) {
    siblings.push_back(reader.number);
    siblings.back().on_other_usb_port = reader.usb && !request.usb_place.empty();
  }
  const auto number = free_reader_number(siblings);
  if (!number) return failure(ScardRv::no_memory, "the driver serves no further reader");
  Reader& reader = library.readers[request.owner];
  reader.number.number = *number;
  reader.usb = !request.usb_place.empty();
  return *number;
}

Result<void> ReaderOpener::open_on(Library& library, const Driver& driver, const Request& request,
                                   core::DomainId shared) {
  const auto number = take_number(library, request);
  if (!number) return tl::make_unexpected(number.error());
  Result<void> opened = open_as(*number, library, driver, request, shared);
  if (!opened) closed(request.owner);
  return opened;
}

Result<void> ReaderOpener::open_as(unsigned number, Library& library, const Driver& driver,
                                   const Request& request, core::DomainId shared) {
  auto channels = open_slots(driver, request, number);
  if (!channels) return tl::make_unexpected(channels.error());

  IfdDriver& first = *channels->slots.front();
  const unsigned access = simultaneous_access(first);
  // Where each reader has a driver of its own, no other reader's calls can get in its way.
  const bool is_safe = driver.host != nullptr || is_thread_safe(first);
  channels->slots_are_safe = is_slot_thread_safe(first);
  Reader reader;
  {
    const MutexLock lock(mutex_);
    auto names = choose_names(request, number, channels->slots.size());
    if (!names) return tl::make_unexpected(names.error());
    // Where the driver is not safe, its readers take turns.
    const auto domain = shared && !is_safe ? std::optional(shared) : server_.add_domain();
    if (!domain) return failure(ScardRv::no_memory, "there is no thread for it");
    Reader& taken = library.readers.at(request.owner);
    taken.number.simultaneous_access = access;
    taken.is_thread_safe = is_safe;
    taken.names = std::move(*names);
    taken.domain = *domain;
    reader = taken;
  }
  hand_over(request, driver, std::move(*channels), reader);
  return {};
}

Result<std::unique_ptr<IfdDriver>> ReaderOpener::open_slot(const Driver& driver,
                                                           const Request& request,
                                                           std::uint32_t lun) {
  if (driver.host != nullptr) {
    return HostedDriver::create(driver.host, lun, request.device_name, request.channel);
  }
  return InProcessDriver::create(driver.library, lun, request.device_name, request.channel);
}

Result<ReaderOpener::Channels> ReaderOpener::open_slots(const Driver& loaded,
                                                        const Request& request, unsigned number) {
  Channels channels;
  unsigned slots = 1;
  for (unsigned slot = 0; slot < slots; ++slot) {
    auto driver = open_slot(loaded, request, make_lun(number, slot));
    if (!driver) return tl::make_unexpected(driver.error());
    const IfdRv presence = (*driver)->presence();
    if (presence != IfdRv::success && presence != IfdRv::icc_present &&
        presence != IfdRv::icc_not_present) {
      return failure(ScardRv::reader_unavailable,
                     "the driver opened it but cannot ask it for a card (" + to_string(presence) +
                         "); check that the device is connected");
    }
    channels.slots.push_back(std::move(*driver));
    if (slot == 0) slots = slots_number(*channels.slots.front());
  }
  return channels;
}

Result<std::vector<std::string>> ReaderOpener::choose_names(const Request& request, unsigned number,
                                                            std::size_t slots) {
  std::vector<std::string> taken;
  for (const auto& [path, library] : by_path_) {
    for (const auto& [owner, reader] : library->readers) {
      taken.insert(taken.end(), reader.names.begin(), reader.names.end());
    }
  }
  const std::string& extension = settings_.name_extension;
  const auto shown = unique_name_number(request.base_name, extension, number, taken);
  if (!shown) return failure(ScardRv::no_memory, "too many readers are called like this");
  std::vector<std::string> names;
  for (unsigned slot = 0; slot < slots; ++slot) {
    names.push_back(reader_name(request.base_name, extension, *shown, slot));
  }
  return names;
}

void ReaderOpener::hand_over(const Request& request, const Driver& driver, Channels channels,
                             const Reader& reader) {
  if (driver.name != nullptr) driver.name->set(reader.names.front());
  for (std::size_t slot = 0; slot < channels.slots.size(); ++slot) {
    core::ReaderSpec spec;
    spec.name = reader.names[slot];
    if (!request.usb_place.empty()) {
      spec.alias = usb_alias(request.usb_place, request.usb_serial, static_cast<unsigned>(slot));
    }
    spec.driver = request.library_path;
    if (driver.host != nullptr) spec.driver_pid = driver.host->pid();
    // Without a thread of its own a slot takes turns with the first one.
    spec.domain = slot == 0 || !channels.slots_are_safe
                      ? reader.domain
                      : server_.add_domain().value_or(reader.domain);
    spec.driver_events = channels.slots[slot]->has_wait_event();
    spec.version_2 = channels.slots[slot]->is_version_2();
    spec.power_off = settings_.power.for_reader(spec.name);
    spec.rank = request.rank;
    std::unique_ptr<IfdDriver> channel = std::move(channels.slots[slot]);
    if (settings_.log_apdus) {
      channel = std::make_unique<LoggingDriver>(std::move(channel), spec.name);
    }
    server_.add_reader(spec, request.owner, std::move(channel));
  }
}

}  // namespace cardea
