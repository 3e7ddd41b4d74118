// usb-testbed: emulated USB smart-card readers for programs that use libudev and libusb, on any
// kernel, without privileges. It plays the hardware; the programs are started by somebody else.
//
//   umockdev-wrapper usb-testbed CONTROL
//
// serves the commands of commands.hpp on the Unix socket CONTROL until SIGTERM. A program sees the
// devices if it runs with LD_PRELOAD=libumockdev-preload.so.0 and UMOCKDEV_DIR as `root` tells;
// such programs have to end first.
#include <signal.h>
#include <umockdev.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>

#include "drivers/virtual/control_server.hpp"
#include "tests/fakes/usb/commands.hpp"

namespace cardea::usb_fake {
namespace {

using Bed = std::unique_ptr<UMockdevTestbed, decltype(&g_object_unref)>;

int fail(const std::string& text) {
  (void)std::fprintf(stderr, "usb-testbed: %s\n", text.c_str());
  return EXIT_FAILURE;
}

int run(const char* control) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const Bed bed(umockdev_testbed_new(), &g_object_unref);
  if (umockdev_in_mock_environment() == FALSE) return fail("start it under umockdev-wrapper");
  UsbTree tree(bed.get());
  Commands commands(tree, std::getenv("UMOCKDEV_DIR"));
  const auto server = virtual_reader::ControlServer::create(
      control, [&commands](std::string_view line) { return commands.execute(line); });
  if (!server) return fail(server.error().context);
  int signal_number = 0;
  sigwait(&ends, &signal_number);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace cardea::usb_fake

int main(int argc, char** argv) {
  if (argc != 2) return cardea::usb_fake::fail("usage: umockdev-wrapper usb-testbed CONTROL");
  try {
    return cardea::usb_fake::run(argv[1]);
  } catch (const std::exception& error) {
    return cardea::usb_fake::fail(error.what());
  }
}
