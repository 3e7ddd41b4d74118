// The calls on contexts and readers as values: what runs them, and what a trace shows of their
// parameters and results. A null pointer is shown as null, and nothing is read that the call itself
// may not read: results only where they were written.
// Each lives on the stack of the calling thread.
#pragma once

#include "libpcsclite/functions.hpp"
#include "libpcsclite/json_object.hpp"
#include "libpcsclite/trace_view.hpp"

namespace cardea {

/// What all calls share: nothing to show, nothing to wait for.
struct TracedCall {
  static constexpr bool kMayWait = false;  ///< has a record of its beginning

  void in(JsonObject&, TraceView&) const {}
  void out(JsonObject&, TraceView&, LONG) const {}
};

struct EstablishContextCall : TracedCall {
  static constexpr const char* kName = "SCardEstablishContext";
  static constexpr bool kMayWait = true;

  EstablishContextCall(DWORD scope, LPCVOID reserved1, LPCVOID reserved2, LPSCARDCONTEXT context)
      : scope_(scope), reserved1_(reserved1), reserved2_(reserved2), context_(context) {}
  LONG run(const Functions& functions) const {
    return functions.establish_context(scope_, reserved1_, reserved2_, context_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  DWORD scope_;
  LPCVOID reserved1_;
  LPCVOID reserved2_;
  LPSCARDCONTEXT context_;
};

/// A call with a context and nothing else.
struct ContextCall : TracedCall {
  explicit ContextCall(SCARDCONTEXT context) : context_(context) {}
  void in(JsonObject& object, TraceView& view) const;

 protected:
  SCARDCONTEXT context_;
};

struct ReleaseContextCall : ContextCall {
  static constexpr const char* kName = "SCardReleaseContext";
  static constexpr bool kMayWait = true;

  using ContextCall::ContextCall;
  LONG run(const Functions& functions) const { return functions.release_context(context_); }
};

struct IsValidContextCall : ContextCall {
  static constexpr const char* kName = "SCardIsValidContext";

  using ContextCall::ContextCall;
  LONG run(const Functions& functions) const { return functions.is_valid_context(context_); }
};

struct CancelCall : ContextCall {
  static constexpr const char* kName = "SCardCancel";

  using ContextCall::ContextCall;
  LONG run(const Functions& functions) const { return functions.cancel(context_); }
};

struct FreeMemoryCall : ContextCall {
  static constexpr const char* kName = "SCardFreeMemory";

  FreeMemoryCall(SCARDCONTEXT context, LPCVOID memory) : ContextCall(context), memory_(memory) {}
  LONG run(const Functions& functions) const { return functions.free_memory(context_, memory_); }

 private:
  LPCVOID memory_;
};

/// A buffer that the caller gives, with its size; and whether it is to be allocated for him.
class OutBuffer {
 public:
  OutBuffer(LPCVOID buffer, const DWORD* length)
      : buffer_(buffer),
        length_(length),
        room_(buffer != nullptr && length != nullptr ? *length : 0) {}

  void show_room(JsonObject& object, std::string_view name) const;
  /// The length if the call set it; the data, as far as there was room, if it was written.
  void show_length(JsonObject& object, std::string_view name, LONG rv) const;
  [[nodiscard]] bool written(LONG rv) const;
  [[nodiscard]] TraceView::Bytes bytes() const;

 private:
  LPCVOID buffer_;
  const DWORD* length_;
  DWORD room_;
};

struct ListReaderGroupsCall : ContextCall {
  static constexpr const char* kName = "SCardListReaderGroups";

  ListReaderGroupsCall(SCARDCONTEXT context, LPSTR groups, LPDWORD length)
      : ContextCall(context), groups_(groups), length_(length), buffer_(groups, length) {}
  LONG run(const Functions& functions) const {
    return functions.list_reader_groups(context_, groups_, length_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  LPSTR groups_;
  LPDWORD length_;
  OutBuffer buffer_;
};

struct ListReadersCall : ContextCall {
  static constexpr const char* kName = "SCardListReaders";
  static constexpr bool kMayWait = true;

  ListReadersCall(SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD length)
      : ContextCall(context),
        groups_(groups),
        readers_(readers),
        length_(length),
        buffer_(readers, length) {}
  LONG run(const Functions& functions) const {
    return functions.list_readers(context_, groups_, readers_, length_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  LPCSTR groups_;
  LPSTR readers_;
  LPDWORD length_;
  OutBuffer buffer_;
};

struct GetStatusChangeCall : ContextCall {
  static constexpr const char* kName = "SCardGetStatusChange";
  static constexpr bool kMayWait = true;

  GetStatusChangeCall(SCARDCONTEXT context, DWORD timeout_ms, SCARD_READERSTATE* states,
                      DWORD count)
      : ContextCall(context), timeout_ms_(timeout_ms), states_(states), count_(count) {}
  LONG run(const Functions& functions) const {
    return functions.get_status_change(context_, timeout_ms_, states_, count_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  DWORD timeout_ms_;
  SCARD_READERSTATE* states_;
  DWORD count_;
};

/// A C string of the caller's, or null.
void show_c_string(JsonObject& object, std::string_view name, LPCSTR text);

}  // namespace cardea
