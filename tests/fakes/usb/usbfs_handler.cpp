#include "tests/fakes/usb/usbfs_handler.hpp"

#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace cardea::usb_fake {
namespace {

/// The emulated node is a plain file, which poll() always reports ready, so libusb asks again at
/// once. An answer "nothing yet" therefore takes this long.
constexpr unsigned kEmptyReapMs = 1;

using Device = std::shared_ptr<UsbDevice>;
using Data = std::unique_ptr<UMockdevIoctlData, decltype(&g_object_unref)>;

struct Handler {
  UMockdevIoctlBase parent;
  std::shared_ptr<DeviceNode>* node;
};

/// One open(), as long as umockdev keeps its end of it. A program that dies while it waits for an
/// answer is noticed only when that end is destroyed.
struct Opening {
  Device device;
  UMockdevIoctlClient* client;
};

constexpr const char* kOpening = "cardea-opening";

Opening& opening_of(UMockdevIoctlClient* client) {
  return *static_cast<Opening*>(g_object_get_data(G_OBJECT(client), kOpening));
}

Data resolve(UMockdevIoctlData* data, std::size_t offset, std::size_t bytes) {
  return {umockdev_ioctl_data_resolve(data, offset, bytes, nullptr), &g_object_unref};
}

/// The memory of a transfer as umockdev holds it; Urb::memory is one of these.
struct UrbMemory {
  Data urb;
  Data buffer;

  [[nodiscard]] usbdevfs_urb* raw() const { return reinterpret_cast<usbdevfs_urb*>(urb->data); }
};

void complete(UMockdevIoctlClient* client, int error) {
  umockdev_ioctl_client_complete(client, error == 0 ? 0 : -1, error);
}

int submit(UsbDevice& device, UMockdevIoctlClient* client, UMockdevIoctlData* argument) {
  auto memory = std::make_shared<UrbMemory>(
      UrbMemory{resolve(argument, 0, sizeof(usbdevfs_urb)), Data(nullptr, &g_object_unref)});
  if (!memory->urb) return EFAULT;
  const usbdevfs_urb& raw = *memory->raw();
  if (raw.buffer_length < 0) return EINVAL;
  memory->buffer = resolve(memory->urb.get(), offsetof(usbdevfs_urb, buffer),
                           static_cast<std::size_t>(raw.buffer_length));
  Urb urb;
  urb.address = memory->urb->client_addr;
  urb.is_control = raw.type == USBDEVFS_URB_TYPE_CONTROL;
  urb.endpoint = raw.endpoint;
  if (memory->buffer) {
    urb.data = {memory->buffer->data, static_cast<std::size_t>(memory->buffer->data_len)};
  }
  urb.memory = std::move(memory);
  return device.submit(client, std::move(urb));
}

/// Writes the result where the program will look for it and completes the ioctl.
void deliver(UMockdevIoctlClient* client, const UsbDevice::Reaped& reaped) {
  if (!reaped.urb) return complete(client, reaped.error);
  const auto memory = std::static_pointer_cast<UrbMemory>(reaped.urb->memory);
  memory->raw()->status = reaped.urb->status;
  memory->raw()->actual_length = static_cast<int>(reaped.urb->length);
  const Data pointer = resolve(umockdev_ioctl_client_get_arg(client), 0, sizeof(void*));
  if (!pointer) return complete(client, EFAULT);
  umockdev_ioctl_data_set_ptr(pointer.get(), 0, memory->urb.get());
  complete(client, 0);
}

struct DelayedReap {
  UMockdevIoctlClient* client;  ///< a reference of our own
  Device device;
};

gboolean reap_again(void* data) {
  const auto* delayed = static_cast<DelayedReap*>(data);
  deliver(delayed->client, delayed->device->reap(delayed->client));
  return G_SOURCE_REMOVE;
}

void forget_reap(void* data) {
  const std::unique_ptr<DelayedReap> delayed(static_cast<DelayedReap*>(data));
  g_object_unref(delayed->client);
}

void reap(const Device& device, UMockdevIoctlClient* client) {
  UsbDevice::Reaped reaped = device->reap(client);
  if (reaped.urb || reaped.error != EAGAIN) return deliver(client, reaped);
  g_object_ref(client);
  GSource* timer = g_timeout_source_new(kEmptyReapMs);
  g_source_set_callback(timer, &reap_again, new DelayedReap{client, device}, &forget_reap);
  g_source_attach(timer, g_main_context_get_thread_default());
  g_source_unref(timer);
}

int set_capabilities(UMockdevIoctlData* argument) {
  constexpr std::uint32_t kCapabilities = USBDEVFS_CAP_ZERO_PACKET |
                                          USBDEVFS_CAP_NO_PACKET_SIZE_LIM |
                                          USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
  const Data data = resolve(argument, 0, sizeof kCapabilities);
  if (!data) return EFAULT;
  std::memcpy(data->data, &kCapabilities, sizeof kCapabilities);
  return 0;
}

unsigned interface_in(UMockdevIoctlData* argument) {
  unsigned interface = kInterfacesMax;
  if (const Data data = resolve(argument, 0, sizeof interface)) {
    std::memcpy(&interface, data->data, sizeof interface);
  }
  return interface;
}

/// Only usbdevfs_disconnect_claim's first field counts: no kernel driver ever has an interface.
int answer(UsbDevice& device, UMockdevIoctlClient* client) {
  UMockdevIoctlData* argument = umockdev_ioctl_client_get_arg(client);
  switch (umockdev_ioctl_client_get_request(client)) {
    case USBDEVFS_GET_CAPABILITIES:
      return set_capabilities(argument);
    case USBDEVFS_SUBMITURB:
      return submit(device, client, argument);
    case USBDEVFS_DISCARDURB: {
      std::uint64_t address = 0;
      std::memcpy(&address, argument->data, sizeof address);
      return device.discard(client, address);
    }
    case USBDEVFS_CLAIMINTERFACE:
    case USBDEVFS_DISCONNECT_CLAIM:
      return device.claim(client, interface_in(argument));
    case USBDEVFS_RELEASEINTERFACE:
      return device.release(client, interface_in(argument));
    case USBDEVFS_GETDRIVER:
      return ENODATA;
    case USBDEVFS_RESET:
      return device.port_reset();
    case USBDEVFS_SETINTERFACE:
    case USBDEVFS_SETCONFIGURATION:
    case USBDEVFS_CLEAR_HALT:
    case USBDEVFS_RESETEP:
      return device.poke();
    default:
      return ENOTTY;
  }
}

gboolean handle_ioctl(UMockdevIoctlBase*, UMockdevIoctlClient* client) {
  const Device& device = opening_of(client).device;
  const gulong request = umockdev_ioctl_client_get_request(client);
  if (request == USBDEVFS_REAPURB || request == USBDEVFS_REAPURBNDELAY) {
    reap(device, client);
  } else {
    complete(client, answer(*device, client));
  }
  return TRUE;
}

void on_connected_changed(UMockdevIoctlClient* client, GParamSpec*, void*) {
  if (umockdev_ioctl_client_get_connected(client) == FALSE) {
    opening_of(client).device->close(client);
  }
}

void forget_opening(void* data) {
  const std::unique_ptr<Opening> opening(static_cast<Opening*>(data));
  opening->device->close(opening->client);
}

void client_connected(UMockdevIoctlBase* base, UMockdevIoctlClient* client) {
  const Device device = (*reinterpret_cast<Handler*>(base)->node)->device();
  device->open(client);
  g_object_set_data_full(G_OBJECT(client), kOpening, new Opening{device, client}, &forget_opening);
  g_signal_connect(client, "notify::connected", G_CALLBACK(&on_connected_changed), nullptr);
}

void finalize(GObject* object) {
  delete reinterpret_cast<Handler*>(object)->node;
  auto* parent = static_cast<GObjectClass*>(g_type_class_peek(umockdev_ioctl_base_get_type()));
  parent->finalize(object);
}

void class_init(void* type_class, void*) {
  static_cast<GObjectClass*>(type_class)->finalize = &finalize;
  auto* base = static_cast<UMockdevIoctlBaseClass*>(type_class);
  base->handle_ioctl = &handle_ioctl;
  base->client_connected = &client_connected;
}

GType handler_type() {
  static const GType type = g_type_register_static_simple(
      umockdev_ioctl_base_get_type(), "CardeaUsbfsHandler", sizeof(UMockdevIoctlBaseClass),
      &class_init, sizeof(Handler), nullptr, GTypeFlags{});
  return type;
}

}  // namespace

UMockdevIoctlBase* make_usbfs_handler(std::shared_ptr<DeviceNode> node) {
  auto* handler = static_cast<Handler*>(g_object_new(handler_type(), nullptr));
  handler->node = new std::shared_ptr<DeviceNode>(std::move(node));
  return &handler->parent;
}

}  // namespace cardea::usb_fake
