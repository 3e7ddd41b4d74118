// The questions about a driver that are answered by one byte of a capability, with the values that
// hold when it does not answer. Calls into the driver: the rules of IfdDriver apply.
#pragma once

#include "drivers/ifd_driver.hpp"

namespace cardea {

/// Slots of the reader (TAG_IFD_SLOTS_NUMBER): 1 to 255, 1 if the driver does not say.
unsigned slots_number(IfdDriver& driver);

/// How many readers the handler library serves at once (TAG_IFD_SIMULTANEOUS_ACCESS): 1 to 255,
/// 1 if the driver does not say. Asked on an existing reader before another one is opened.
unsigned simultaneous_access(IfdDriver& driver);

/// True if calls for different readers of the library may run at the same time
/// (TAG_IFD_THREAD_SAFE).
bool is_thread_safe(IfdDriver& driver);

/// True if calls for different slots of this reader may run at the same time
/// (TAG_IFD_SLOT_THREAD_SAFE). Asked on slot 0.
bool is_slot_thread_safe(IfdDriver& driver);

/// Tells a driver that wants to know (TAG_IFD_DEVICE_REMOVED) that its device was unplugged, so
/// that it does not wait for answers while its channel is closed.
void announce_removal(IfdDriver& driver);

}  // namespace cardea
