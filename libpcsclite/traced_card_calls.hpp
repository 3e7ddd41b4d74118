// The calls on card handles as values, like those on contexts (traced_calls.hpp).
// Each lives on the stack of the calling thread.
#pragma once

#include "libpcsclite/traced_calls.hpp"

namespace cardea {

struct ConnectCall : TracedCall {
  static constexpr const char* kName = "SCardConnect";
  static constexpr bool kMayWait = true;

  ConnectCall(SCARDCONTEXT context, LPCSTR reader, DWORD share_mode, DWORD protocols,
              LPSCARDHANDLE card, LPDWORD protocol)
      : context_(context),
        reader_(reader),
        share_mode_(share_mode),
        protocols_(protocols),
        card_(card),
        protocol_(protocol) {}
  LONG run(const Functions& functions) const {
    return functions.connect(context_, reader_, share_mode_, protocols_, card_, protocol_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  SCARDCONTEXT context_;
  LPCSTR reader_;
  DWORD share_mode_;
  DWORD protocols_;
  LPSCARDHANDLE card_;
  LPDWORD protocol_;
};

/// A call with a card handle and nothing else. Any of them may find the card locked.
struct CardCall : TracedCall {
  static constexpr bool kMayWait = true;

  explicit CardCall(SCARDHANDLE card) : card_(card) {}
  void in(JsonObject& object, TraceView& view) const;

 protected:
  SCARDHANDLE card_;
};

struct ReconnectCall : CardCall {
  static constexpr const char* kName = "SCardReconnect";

  ReconnectCall(SCARDHANDLE card, DWORD share_mode, DWORD protocols, DWORD initialization,
                LPDWORD protocol)
      : CardCall(card),
        share_mode_(share_mode),
        protocols_(protocols),
        initialization_(initialization),
        protocol_(protocol) {}
  LONG run(const Functions& functions) const {
    return functions.reconnect(card_, share_mode_, protocols_, initialization_, protocol_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  DWORD share_mode_;
  DWORD protocols_;
  DWORD initialization_;
  LPDWORD protocol_;
};

struct DisconnectCall : CardCall {
  static constexpr const char* kName = "SCardDisconnect";

  DisconnectCall(SCARDHANDLE card, DWORD disposition) : CardCall(card), disposition_(disposition) {}
  LONG run(const Functions& functions) const { return functions.disconnect(card_, disposition_); }
  void in(JsonObject& object, TraceView& view) const;

 private:
  DWORD disposition_;
};

struct BeginTransactionCall : CardCall {
  static constexpr const char* kName = "SCardBeginTransaction";

  using CardCall::CardCall;
  LONG run(const Functions& functions) const { return functions.begin_transaction(card_); }
};

struct EndTransactionCall : CardCall {
  static constexpr const char* kName = "SCardEndTransaction";

  EndTransactionCall(SCARDHANDLE card, DWORD disposition)
      : CardCall(card), disposition_(disposition) {}
  LONG run(const Functions& functions) const {
    return functions.end_transaction(card_, disposition_);
  }
  void in(JsonObject& object, TraceView& view) const;

 private:
  DWORD disposition_;
};

struct StatusCall : CardCall {
  static constexpr const char* kName = "SCardStatus";

  StatusCall(SCARDHANDLE card, LPSTR name, LPDWORD name_length, LPDWORD state, LPDWORD protocol,
             LPBYTE atr, LPDWORD atr_length)
      : CardCall(card),
        name_(name),
        name_length_(name_length),
        state_(state),
        protocol_(protocol),
        atr_(atr),
        atr_length_(atr_length),
        name_buffer_(name, name_length),
        atr_buffer_(atr, atr_length) {}
  LONG run(const Functions& functions) const {
    return functions.status(card_, name_, name_length_, state_, protocol_, atr_, atr_length_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  LPSTR name_;
  LPDWORD name_length_;
  LPDWORD state_;
  LPDWORD protocol_;
  LPBYTE atr_;
  LPDWORD atr_length_;
  OutBuffer name_buffer_;
  OutBuffer atr_buffer_;
};

struct TransmitCall : CardCall {
  static constexpr const char* kName = "SCardTransmit";

  TransmitCall(SCARDHANDLE card, const SCARD_IO_REQUEST* send_pci, LPCBYTE command,
               DWORD command_length, SCARD_IO_REQUEST* recv_pci, LPBYTE response,
               LPDWORD response_length)
      : CardCall(card),
        send_pci_(send_pci),
        command_(command),
        command_length_(command_length),
        recv_pci_(recv_pci),
        response_(response),
        response_length_(response_length),
        buffer_(response, response_length) {}
  LONG run(const Functions& functions) const;
  void in(JsonObject& object, TraceView& view);
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  const SCARD_IO_REQUEST* send_pci_;
  LPCBYTE command_;
  DWORD command_length_;
  SCARD_IO_REQUEST* recv_pci_;
  LPBYTE response_;
  LPDWORD response_length_;
  OutBuffer buffer_;
  bool masked_ = true;  // the command, or it could not be looked at
};

struct ControlCall : CardCall {
  static constexpr const char* kName = "SCardControl";

  ControlCall(SCARDHANDLE card, DWORD code, LPCVOID command, DWORD command_length, LPVOID answer,
              DWORD room, LPDWORD returned)
      : CardCall(card),
        code_(code),
        command_(command),
        command_length_(command_length),
        answer_(answer),
        room_(room),
        returned_(returned) {}
  LONG run(const Functions& functions) const {
    return functions.control(card_, code_, command_, command_length_, answer_, room_, returned_);
  }
  void in(JsonObject& object, TraceView& view);
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  DWORD code_;
  LPCVOID command_;
  DWORD command_length_;
  LPVOID answer_;
  DWORD room_;
  LPDWORD returned_;
  bool masked_ = true;  // the command, or it could not be looked at
};

struct GetAttribCall : CardCall {
  static constexpr const char* kName = "SCardGetAttrib";

  GetAttribCall(SCARDHANDLE card, DWORD id, LPBYTE value, LPDWORD length)
      : CardCall(card), id_(id), value_(value), length_(length), buffer_(value, length) {}
  LONG run(const Functions& functions) const {
    return functions.get_attrib(card_, id_, value_, length_);
  }
  void in(JsonObject& object, TraceView& view) const;
  void out(JsonObject& object, TraceView& view, LONG rv) const;

 private:
  DWORD id_;
  LPBYTE value_;
  LPDWORD length_;
  OutBuffer buffer_;
};

struct SetAttribCall : CardCall {
  static constexpr const char* kName = "SCardSetAttrib";

  SetAttribCall(SCARDHANDLE card, DWORD id, LPCBYTE value, DWORD length)
      : CardCall(card), id_(id), value_(value), length_(length) {}
  LONG run(const Functions& functions) const {
    return functions.set_attrib(card_, id_, value_, length_);
  }
  void in(JsonObject& object, TraceView& view) const;

 private:
  DWORD id_;
  LPCBYTE value_;
  DWORD length_;
};

}  // namespace cardea
