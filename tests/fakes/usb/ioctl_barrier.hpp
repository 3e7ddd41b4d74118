// Before umockdev stops listening for a device node, every program that has connected must have
// been accepted: a connection left in the queue would be reset, and the program that opened the
// node aborted. Blocks for kBarrierMs at most; any thread but umockdev's worker.
#pragma once

#include <filesystem>
#include <string>

namespace cardea::usb_fake {

inline constexpr int kBarrierMs = 5'000;

/// Lets nobody connect to the node (such as "/dev/bus/usb/001/002") any more, and returns when
/// those who have are served. `root` is the test bed's folder.
void close_the_door(const std::filesystem::path& root, const std::string& node);

}  // namespace cardea::usb_fake
