// One program on the control socket: what it has sent, and what it has not read yet. It never
// waits, and what it keeps is bounded: a stream that nobody reads loses events and says how many.
// The control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "daemon/control/control_json.hpp"
#include "daemon/control/control_request.hpp"

namespace cardea {

class ControlConnection {
 public:
  /// Of a stream, kept for one that reads slowly. The answer to `status` may be longer: there is
  /// one at a time.
  static constexpr std::size_t kStreamBytesMax = 256 * 1024;

  ControlConnection(UniqueFd fd, const PeerCredentials& peer, const ControlViewer& viewer,
                    TimePoint now)
      : fd_(std::move(fd)), peer_(peer), viewer_(viewer), silent_since_(now) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const PeerCredentials& peer() const { return peer_; }
  [[nodiscard]] const ControlViewer& viewer() const { return viewer_; }
  /// What it is waiting for by now: `monitor` or `trace`; none if it asks single questions.
  [[nodiscard]] const std::optional<ControlRequest>& stream() const { return stream_; }
  void set_stream(const ControlRequest& request) { stream_ = request; }

  /// Reads what is there. False: it has gone, or it sends more than one request can have.
  bool receive(TimePoint now);
  /// The next complete line, if its last answer is out.
  std::optional<std::string> next_line();
  [[nodiscard]] bool has_too_long_line() const { return input_.size() > kControlRequestBytesMax; }

  /// An answer; kept until it is read.
  void answer(const std::string& line) { output_ += line; }
  /// An event of a stream; counted as lost if too much is kept.
  void event(const std::string& line);
  void lose(std::uint64_t count) { lost_ += count; }
  /// Sends what the peer takes. False: it has gone.
  bool flush();
  [[nodiscard]] bool has_output() const { return !output_.empty(); }
  /// Gone as soon as the output is out.
  void finish() { finishing_ = true; }
  [[nodiscard]] bool is_finished() const { return finishing_ && output_.empty(); }
  [[nodiscard]] bool is_finishing() const { return finishing_; }
  /// Since when it has neither asked nor been owed anything; none for a stream.
  [[nodiscard]] std::optional<TimePoint> silent_since() const {
    return stream_ ? std::nullopt : std::optional(silent_since_);
  }

 private:
  UniqueFd fd_;
  const PeerCredentials peer_;
  const ControlViewer viewer_;
  std::string input_;
  std::string output_;
  std::optional<ControlRequest> stream_;
  std::uint64_t lost_ = 0;
  bool finishing_ = false;
  TimePoint silent_since_;
};

}  // namespace cardea
