// The commands of the USB test bed: one line each, one line in answer, `ok ...` or `error ...`.
// When the answer comes, the thing is done; no command waits for a program to notice.
//
//   root                            ok FOLDER, which programs need as UMOCKDEV_DIR
//   add PORT [KEY=VALUE...]         ok devnum=N node=PATH; keys: device_spec.cpp
//   remove PORT [uevent=off]        pulls the plug; off: udev never tells
//   disconnect PORT                 transfers fail already, but /sys and udev say nothing yet
//   reset PORT [devnum=same|new] [uevents=rebind|readd|none]
//   uevent PORT ACTION              an event without a cause, "add" for example
//   node PORT                       creates the device node that node=off left out
//   insert PORT [reader=N] [slot=N] [card=hello|mute] [atr=t0|t1|t01]
//   eject PORT [reader=N] [slot=N]
//   unpower PORT                    its cards lose their power, of which the reader says nothing
//   hang PORT on|off                holds the answers to APDUs back
//   delay PORT MILLISECONDS         lets every answer to an APDU take that long
//   fail PORT claims|answers N      the next N end in an error
//   status [PORT]                   counters: interfaces claimed, ...
//
// Owned by main; thread-bound to the control server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/fakes/usb/usb_tree.hpp"

namespace cardea::usb_fake {

class Commands {
 public:
  Commands(UsbTree& tree, std::string root) : tree_(tree), root_(std::move(root)) {}

  /// The answer, ended by a newline.
  std::string execute(std::string_view line);

 private:
  using Words = std::vector<std::string_view>;
  using Answer = Result<std::string>;
  struct Verb;

  Answer run(const Words& words);
  Answer root(const Words& words);
  Answer add(const Words& words);
  Answer remove(const Words& words);
  Answer disconnect(const Words& words);
  Answer reset(const Words& words);
  Answer uevent(const Words& words);
  Answer node(const Words& words);
  Answer insert(const Words& words);
  Answer eject(const Words& words);
  Answer unpower(const Words& words);
  Answer hang(const Words& words);
  Answer delay(const Words& words);
  Answer fail(const Words& words);
  Answer status(const Words& words);
  Result<std::shared_ptr<UsbDevice>> device_of(const Words& words) const;

  UsbTree& tree_;
  const std::string root_;
};

}  // namespace cardea::usb_fake
