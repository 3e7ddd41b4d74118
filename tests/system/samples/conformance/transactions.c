/* Transactions across contexts: what waits for their end, what is refused, what goes on. And what
 * PCSCLITE_NO_BLOCKING changes. */
#include <stdio.h>

#include "support.h"

/* A call of somebody else while the card is locked. */
struct call {
    SCARDCONTEXT context;
    SCARDHANDLE card;
};

static LONG call_begin(void *argument)
{
    struct call *call = argument;

    return SCardBeginTransaction(call->card);
}

static LONG call_transmit(void *argument)
{
    struct call *call = argument;

    return greet(call->card, ACTIVE_PROTOCOL);
}

static LONG call_status(void *argument)
{
    struct call *call = argument;

    return SCardStatus(call->card, NULL, NULL, NULL, NULL, NULL, NULL);
}

static LONG call_reconnect(void *argument)
{
    struct call *call = argument;
    DWORD active;

    return SCardReconnect(call->card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_LEAVE_CARD, &active);
}

static LONG call_reconnect_reset(void *argument)
{
    struct call *call = argument;
    DWORD active;

    return SCardReconnect(call->card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_RESET_CARD, &active);
}

static LONG call_attribute(void *argument)
{
    struct call *call = argument;
    DWORD length = 0;

    return SCardGetAttrib(call->card, SCARD_ATTR_VENDOR_NAME, NULL, &length);
}

static LONG call_set_attribute(void *argument)
{
    struct call *call = argument;
    BYTE value = 0;

    return SCardSetAttrib(call->card, 0x12345678, &value, 1);
}

static LONG call_control(void *argument)
{
    struct call *call = argument;

    return SCardControl(call->card, SCARD_CTL_CODE(2000), NULL, 0, NULL, 0, NULL);
}

static LONG call_connect(void *argument)
{
    struct call *call = argument;
    SCARDHANDLE card;
    LONG code = open_card(call->context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);

    if (code == SCARD_S_SUCCESS)
        SCardDisconnect(card, SCARD_LEAVE_CARD);
    return code;
}

static LONG call_connect_directly(void *argument)
{
    struct call *call = argument;
    SCARDHANDLE card;
    LONG code = open_card(call->context, SCARD_SHARE_DIRECT, 0, &card, NULL);

    if (code == SCARD_S_SUCCESS)
        SCardDisconnect(card, SCARD_LEAVE_CARD);
    return code;
}

static LONG call_connect_exclusively(void *argument)
{
    struct call *call = argument;
    SCARDHANDLE card;

    return open_card(call->context, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &card, NULL);
}

static LONG call_end(void *argument)
{
    struct call *call = argument;

    return SCardEndTransaction(call->card, SCARD_LEAVE_CARD);
}

static LONG call_end_reset(void *argument)
{
    struct call *call = argument;

    return SCardEndTransaction(call->card, SCARD_RESET_CARD);
}

static LONG call_disconnect(void *argument)
{
    struct call *call = argument;

    return SCardDisconnect(call->card, SCARD_LEAVE_CARD);
}

static LONG call_disconnect_reset(void *argument)
{
    struct call *call = argument;

    return SCardDisconnect(call->card, SCARD_RESET_CARD);
}

static LONG call_list(void *argument)
{
    struct call *call = argument;
    DWORD length = 0;

    return SCardListReaders(call->context, NULL, NULL, &length);
}

static LONG call_look(void *argument)
{
    struct call *call = argument;
    SCARD_READERSTATE state;

    return look(call->context, READER, SCARD_STATE_UNAWARE, 0, &state);
}

/* `waits`: pcsc-lite's answer comes only when the card is free. It decides nothing but how long is
 * waited for the proof. */
static const struct {
    const char *name;
    LONG (*work)(void *argument);
    bool waits;
} kCalls[] = {
    {"transmit", call_transmit, true},
    {"status", call_status, true},
    {"reconnect", call_reconnect, true},
    {"attribute", call_attribute, false},
    {"set attribute", call_set_attribute, false},
    {"control", call_control, false},
    {"connect", call_connect, true},
    {"connect directly", call_connect_directly, true},
    {"connect exclusively", call_connect_exclusively, true},
    {"end", call_end, false},
    {"end with reset", call_end_reset, false},
    {"list", call_list, false},
    {"look", call_look, false},
    {"begin", call_begin, true},
    {"reconnect with reset", call_reconnect_reset, true},
    {"disconnect with reset", call_disconnect_reset, true},
    {"disconnect", call_disconnect, false},
};

/* One call beside a transaction: at once, or after its end. */
static void beside(SCARDCONTEXT first, size_t which)
{
    SCARDCONTEXT second = new_context();
    struct call call = {second, 0};
    SCARDHANDLE card = must_open(first);
    struct task task;
    bool at_once;

    call.card = must_open(second);
    SCardBeginTransaction(card);
    task_start(&task, kCalls[which].work, &call);
    at_once = task_ends_within(&task, kCalls[which].waits ? PROOF_MS : PATIENCE_MS);
    say(named("beside/holder, %s", kCalls[which].name), greet(card, ACTIVE_PROTOCOL));
    say(named("beside/end, %s", kCalls[which].name), SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say_more(named("beside/%s", kCalls[which].name), task_result(&task), "%s",
             at_once ? "at once" : "after the end");
    SCardReleaseContext(second);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
}

static void alone(SCARDHANDLE card)
{
    int i;

    say("alone/end", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say("alone/end badly", SCardEndTransaction(card, 4));
    for (i = 0; i < 3; i++)
        say(named("alone/begin %d", i), SCardBeginTransaction(card));
    say("alone/transmit", greet(card, ACTIVE_PROTOCOL));
    say_status("alone/status", card);
    say("alone/end badly within", SCardEndTransaction(card, 4));
    for (i = 0; i < 4; i++)
        say(named("alone/end %d", i), SCardEndTransaction(card, SCARD_LEAVE_CARD));
}

/* How a transaction ends that nobody ends. */
static void left_behind(SCARDCONTEXT first)
{
    SCARDCONTEXT second = new_context();
    SCARDHANDLE card = must_open(first), other = must_open(second);
    unsigned long before = resets(card);

    SCardBeginTransaction(other);
    say("left/disconnect", SCardDisconnect(other, SCARD_LEAVE_CARD));
    say("left/begin after disconnect", SCardBeginTransaction(card));
    say_more("left/count after disconnect", SCARD_S_SUCCESS, "resets=%lu", resets(card) - before);
    SCardEndTransaction(card, SCARD_LEAVE_CARD);
    other = must_open(second);
    SCardBeginTransaction(other);
    say("left/release", SCardReleaseContext(second));
    say("left/begin after release", SCardBeginTransaction(card));
    call_reconnect(&(struct call){first, card});
    say_more("left/count after release", SCARD_S_SUCCESS, "resets=%lu", resets(card) - before);
    SCardDisconnect(card, SCARD_RESET_CARD);
}

/* A begin is held while others wait in line. */
static void handed_over(SCARDCONTEXT first)
{
    SCARDCONTEXT second = new_context();
    struct call call = {second, 0};
    SCARDHANDLE card = must_open(first);
    struct task task;
    LONG code;

    call.card = must_open(second);
    SCardBeginTransaction(card);
    SCardBeginTransaction(card);
    task_start(&task, call_begin, &call);
    code = SCardEndTransaction(card, SCARD_LEAVE_CARD);
    say_more("handed/first end", code, "at_once=%d", task_ends_within(&task, PROOF_MS));
    say("handed/second end", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say("handed/begin", task_result(&task));
    say("handed/end of the first", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say("handed/end of the second", SCardEndTransaction(call.card, SCARD_LEAVE_CARD));
    SCardReleaseContext(second);
    SCardDisconnect(card, SCARD_RESET_CARD);
}

/* The reader is locked, not its card: the lock goes whatever becomes of the card. */
static void without_card(SCARDCONTEXT first, DWORD disposition)
{
    SCARDCONTEXT second = new_context();
    SCARDHANDLE card, other;
    DWORD active;

    SCardConnect(first, EMPTY_READER, SCARD_SHARE_DIRECT, 0, &card, &active);
    SCardConnect(second, EMPTY_READER, SCARD_SHARE_DIRECT, 0, &other, &active);
    say(named("no card, %lu/begin", disposition), SCardBeginTransaction(card));
    say(named("no card, %lu/control", disposition),
        SCardControl(other, SCARD_CTL_CODE(2000), NULL, 0, NULL, 0, NULL));
    say(named("no card, %lu/end of the other", disposition),
        SCardEndTransaction(other, SCARD_LEAVE_CARD));
    say(named("no card, %lu/end", disposition), SCardEndTransaction(card, disposition));
    say(named("no card, %lu/control after that", disposition),
        SCardControl(other, SCARD_CTL_CODE(2000), NULL, 0, NULL, 0, NULL));
    say_status(named("no card, %lu/status", disposition), card);
    say(named("no card, %lu/end again", disposition), SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say(named("no card, %lu/disconnect", disposition), SCardDisconnect(card, disposition));
    SCardReleaseContext(second);
}

void run_transactions(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card = must_open(context);
    DWORD disposition;
    size_t i;

    alone(card);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    for (i = 0; i < COUNT(kCalls); i++)
        beside(context, i);
    left_behind(context);
    handed_over(context);
    for (disposition = SCARD_LEAVE_CARD; disposition <= SCARD_EJECT_CARD; disposition++)
        without_card(context, disposition);
    SCardReleaseContext(context);
}

void run_impatient(void)
{
    SCARDCONTEXT first = new_context(), second = new_context();
    SCARDHANDLE card = must_open(first);
    struct call call = {second, 0};
    struct task task;
    bool at_once;
    DWORD active;
    size_t i;

    call.card = must_open(second);
    SCardBeginTransaction(card);
    for (i = 0; i < COUNT(kCalls); i++) {
        if (kCalls[i].work == call_begin || kCalls[i].work == call_disconnect_reset ||
            kCalls[i].work == call_connect || kCalls[i].work == call_connect_directly ||
            kCalls[i].work == call_connect_exclusively || kCalls[i].work == call_disconnect)
            continue;
        say(named("locked/%s", kCalls[i].name), kCalls[i].work(&call));
    }
    task_start(&task, call_begin, &call);
    at_once = task_ends_within(&task, PROOF_MS);
    say("end", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say_more("begin", task_result(&task), "%s", at_once ? "at once" : "after the end");
    say("end of the other", SCardEndTransaction(call.card, SCARD_LEAVE_CARD));
    say("to exclusive",
        SCardReconnect(card, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, SCARD_LEAVE_CARD, &active));
    say("transmit after that", greet(card, ACTIVE_PROTOCOL));
    say("to exclusive with reset",
        SCardReconnect(card, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, SCARD_RESET_CARD, &active));
    say("own after that", greet(card, ACTIVE_PROTOCOL));
    say("other after that", greet(call.card, ACTIVE_PROTOCOL));
    SCardReleaseContext(second);
    SCardReleaseContext(first);
}
