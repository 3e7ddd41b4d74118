// Core: BEGIN, END, STATUS.
#include "daemon/core/core.hpp"

namespace cardea::core {

ScardRv Core::usable(const Handle& handle, const Reader* reader) const {
  // COMPAT: as pcsc-lite since 2.0; 1.9.9 forgets such a handle and answers INVALID_VALUE. See
  // CoreReaders.ARemovedReaderAnswersAsMeasured.
  if (reader == nullptr) return ScardRv::reader_unavailable;
  if (reader->card.phase == CardPhase::unknown) return ScardRv::reader_unavailable;
  return mark_rv(handle.mark);
}

void Core::run(ConnId conn, const wire::Begin& message, TimePoint now, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  Reader* reader = find_reader(handle->reader);
  const ScardRv rv = usable(*handle, reader);
  if (rv != ScardRv::success) {
    answer_rv(conn, message, rv, fx);
    if (reader == nullptr) return;
    reader->lock.forget_card(handle->id);
    return serve_line(*reader, now, fx);  // it may have had the lock reserved
  }
  if (reader->lock.may_take(handle->id, now)) {
    if (reader->lock.is_free()) client(conn).just_granted = handle->id;
    reader->lock.take(handle->id, now);
    reader->lock.forget_card(handle->id);
    return answer_rv(conn, message, ScardRv::success, fx);
  }
  LineWait wait{settings_.begin_hold, /*wants_lock=*/true};
  if (is_own_process_lock(conn, *reader)) wait.limit = settings_.begin_hold_same_process;
  if (is_own_lock(conn, *reader)) wait.limit = milliseconds{0};
  if (wait_in_line(conn, *reader, handle->id, wait, now)) return;
  answer_rv(conn, message, ScardRv::sharing_violation, fx);
}

void Core::run(ConnId conn, const wire::End& message, TimePoint now, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  if (message.disposition > static_cast<std::uint32_t>(wire::Disposition::eject)) {
    return answer_rv(conn, message, ScardRv::invalid_value, fx);
  }
  Reader* reader = find_reader(handle->reader);
  if (reader == nullptr) return answer_rv(conn, message, ScardRv::reader_unavailable, fx);
  TransactionQueue& lock = reader->lock;
  const std::uint32_t implicit = handle->mode == wire::ShareMode::exclusive ? 1 : 0;
  const bool holds = lock.owner() == handle->id && lock.depth() > implicit;
  if (handle->mark != Mark::none) {
    // COMPAT: upstream answers the same but keeps the reader locked; see
    // CoreTransaction.EndOnAMarkedHandleStillReleasesTheLock.
    if (holds) lock.release(handle->id, lock.depth() - implicit);
    answer_rv(conn, message, mark_rv(handle->mark), fx);
    return serve_line(*reader, now, fx);
  }
  if (lock.is_held_by_other(handle->id)) {
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  // COMPAT: upstream resets the card before it notices that there is no transaction. See
  // CoreTransaction.EndWithoutATransactionDoesNotResetTheCard.
  if (!holds) return answer_rv(conn, message, ScardRv::not_transacted, fx);
  const auto action = static_cast<wire::Disposition>(message.disposition);
  const bool eject_is_nothing = action == wire::Disposition::eject && !reader->spec.version_2;
  if (action == wire::Disposition::leave || eject_is_nothing || !is_present(reader->card.phase)) {
    lock.release(handle->id, 1);
    ScardRv rv = eject_is_nothing ? ScardRv::unsupported_feature : ScardRv::success;
    const bool power = action == wire::Disposition::reset || action == wire::Disposition::unpower;
    if (power && reader->card.phase == CardPhase::absent) rv = ScardRv::removed_card;
    answer_rv(conn, message, rv, fx);
    return serve_line(*reader, now, fx);
  }
  if (!acquire_driver(conn, *reader)) return;
  lock.set_internal(true);
  Job job;
  job.kind = JobKind::card_action;
  job.action = action;
  job.power_cycle = action == wire::Disposition::unpower;
  launch(conn, *reader, std::move(job), fx);
}

void Core::finish_action(Job& job, const JobResult& result, TimePoint now, Effects& fx) {
  Reader* reader = find_reader(job.reader);
  if (reader == nullptr) return;
  reader->lock.set_internal(false);
  if (job.action != wire::Disposition::eject && is_present(reader->card.phase)) {
    mark_handles(*reader, Mark::reset, 0);
  }
  Call* call = find_call(job);
  if (call == nullptr) return;
  if (const auto* leaving = std::get_if<wire::Disconnect>(&call->message)) {
    // A failed reset does not keep a handle open.
    const wire::Disconnect message = *leaving;
    answer_rv(job.conn, message, ScardRv::success, fx);
    return drop_handle(static_cast<CardHandle>(message.card), now, fx);
  }
  const auto message = std::get<wire::End>(call->message);
  reader->lock.release(static_cast<CardHandle>(message.card), 1);
  answer_rv(job.conn, message, result.rv, fx);
}

void Core::run(ConnId conn, const wire::Status& message, TimePoint now, Effects& fx) {
  Handle* handle = find_handle(conn, message.card, fx);
  if (handle == nullptr) return;
  Reader* reader = find_reader(handle->reader);
  if (reader != nullptr && reader->lock.blocks(handle->id)) {
    LineWait wait{settings_.brief_hold};
    if (is_own_lock(conn, *reader)) wait.limit = milliseconds{0};
    if (wait_in_line(conn, *reader, handle->id, wait, now)) return;
    return answer_rv(conn, message, ScardRv::sharing_violation, fx);
  }
  ScardRv rv = usable(*handle, reader);
  // COMPAT: a mark is reported before a fault of the reader, as upstream orders it. See
  // CoreCards.AMarkIsReportedBeforeAFault.
  if (reader != nullptr && handle->mark != Mark::none) rv = mark_rv(handle->mark);
  answer_rv(conn, message, rv, fx);
}

}  // namespace cardea::core
