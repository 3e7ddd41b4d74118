/* Cards that go, come back, or do not answer: what each function says then. */
#include <stdio.h>

#include "support.h"

static const DWORD kStarts[] = {SCARD_LEAVE_CARD, SCARD_RESET_CARD, SCARD_UNPOWER_CARD};

static void try_card(const char *what, SCARDHANDLE card)
{
    BYTE value[64];
    DWORD length = sizeof value;
    LONG code;

    say(named("%s/transmit", what), greet(card, ACTIVE_PROTOCOL));
    say(named("%s/transmit T=1", what), greet(card, SCARD_PROTOCOL_T1));
    say_status(named("%s/status", what), card);
    code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, value, &length);
    say_more(named("%s/attribute", what), code, "length=%lu", length);
    say(named("%s/control", what),
        SCardControl(card, SCARD_CTL_CODE(2000), NULL, 0, NULL, 0, NULL));
    say(named("%s/begin", what), SCardBeginTransaction(card));
    say(named("%s/end", what), SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say(named("%s/end with reset", what), SCardEndTransaction(card, SCARD_RESET_CARD));
}

static LONG reconnect(const char *name, SCARDHANDLE card, DWORD share, DWORD start)
{
    DWORD active = 5;
    LONG code = SCardReconnect(card, share, ANY_PROTOCOL, start, &active);

    say_more(name, code, "active=%lu", active);
    return code;
}

static void taken_out(SCARDCONTEXT context)
{
    SCARDHANDLE card = must_open(context), second = must_open(context), none;
    size_t i;

    ask("remove 0");
    try_card("removed", card);
    say("removed/connect", open_card(context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &none, NULL));
    say("removed/connect directly", open_card(context, SCARD_SHARE_DIRECT, 0, &none, NULL));
    say_status("removed/direct status", none);
    SCardDisconnect(none, SCARD_LEAVE_CARD);
    say_look("removed/seen", context, READER, SCARD_STATE_UNAWARE);
    for (i = 0; i < COUNT(kStarts); i++) {
        reconnect(named("removed/reconnect with %lu", kStarts[i]), card, SCARD_SHARE_SHARED,
                  kStarts[i]);
        say(named("removed/transmit after %lu", kStarts[i]), greet(card, ACTIVE_PROTOCOL));
        say(named("removed/second after %lu", kStarts[i]), greet(second, ACTIVE_PROTOCOL));
    }
    ask("insert 0 hello");
    try_card("back", card);
    say("back/connect", open_card(context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &none, NULL));
    say("back/new handle", greet(none, ACTIVE_PROTOCOL));
    reconnect("back/reconnect", card, SCARD_SHARE_SHARED, SCARD_LEAVE_CARD);
    say("back/after that", greet(card, ACTIVE_PROTOCOL));
    say("back/second", greet(second, ACTIVE_PROTOCOL));
    say("back/disconnect second", SCardDisconnect(second, SCARD_RESET_CARD));
    say("back/after its disconnect", greet(card, ACTIVE_PROTOCOL));
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    SCardDisconnect(none, SCARD_LEAVE_CARD);
}

/* The lock of a transaction goes with the card. */
static void taken_out_of_transaction(SCARDCONTEXT first, SCARDCONTEXT second)
{
    SCARDHANDLE card = must_open(first), other;

    SCardBeginTransaction(card);
    change_card("hello");
    say("transaction/connect", open_card(second, SCARD_SHARE_SHARED, ANY_PROTOCOL, &other, NULL));
    say("transaction/begin of the other", SCardBeginTransaction(other));
    say("transaction/end of the other", SCardEndTransaction(other, SCARD_LEAVE_CARD));
    say("transaction/end", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    reconnect("transaction/reconnect", card, SCARD_SHARE_SHARED, SCARD_LEAVE_CARD);
    say("transaction/end after that", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    SCardDisconnect(other, SCARD_LEAVE_CARD);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
}

static LONG wait_for_card(void *argument)
{
    static const BYTE command[] = {0x80, 0x30, 0xFF, 0xFF};
    BYTE answer[64];
    DWORD count;

    return transmit(*(SCARDHANDLE *)argument, ACTIVE_PROTOCOL, command, sizeof command, answer,
                    sizeof answer, &count);
}

static void taken_out_of_command(SCARDCONTEXT context)
{
    SCARDHANDLE card = must_open(context);
    struct task task;

    task_start(&task, wait_for_card, &card);
    say_more("command/runs", SCARD_S_SUCCESS, "ended=%d", task_ends_within(&task, PROOF_MS));
    ask("remove 0");
    say("command/transmit", task_result(&task));
    say("command/transmit again", greet(card, ACTIVE_PROTOCOL));
    say("command/disconnect", SCardDisconnect(card, SCARD_RESET_CARD));
    ask("insert 0 hello");
}

static void exclusively(SCARDCONTEXT first, SCARDCONTEXT second)
{
    SCARDHANDLE card, other;

    open_card(first, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &card, NULL);
    change_card("hello");
    say("exclusive/connect", open_card(second, SCARD_SHARE_SHARED, ANY_PROTOCOL, &other, NULL));
    say_look("exclusive/seen", second, READER, SCARD_STATE_UNAWARE);
    say("exclusive/transmit", greet(card, ACTIVE_PROTOCOL));
    reconnect("exclusive/reconnect", card, SCARD_SHARE_EXCLUSIVE, SCARD_LEAVE_CARD);
    say("exclusive/transmit after that", greet(card, ACTIVE_PROTOCOL));
    SCardDisconnect(card, SCARD_LEAVE_CARD);
}

void run_removal(void)
{
    SCARDCONTEXT first = new_context(), second = new_context();

    taken_out(first);
    taken_out_of_transaction(first, second);
    taken_out_of_command(first);
    SCardReleaseContext(second);
    second = new_context();
    exclusively(first, second);
    SCardReleaseContext(first);
    SCardReleaseContext(second);
}

void run_mute(void)
{
    static const DWORD shares[] = {SCARD_SHARE_EXCLUSIVE, SCARD_SHARE_SHARED, SCARD_SHARE_DIRECT};
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card;
    size_t i, k;
    LONG code;

    change_card("mute");
    say_look("seen", context, READER, SCARD_STATE_UNAWARE);
    code = open_card(context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);
    say_more("connect", code, "card=%d", card != 0);
    say("connect exclusively",
        open_card(context, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &card, NULL));
    say("connect raw", open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_RAW, &card, NULL));
    say("connect directly", open_card(context, SCARD_SHARE_DIRECT, 0, &card, NULL));
    say_look("seen when connected", context, READER, SCARD_STATE_UNAWARE);
    try_card("direct", card);
    for (i = 0; i < COUNT(shares); i++)
        for (k = 0; k < COUNT(kStarts); k++)
            reconnect(named("reconnect=%lu with %lu", shares[i], kStarts[k]), card, shares[i],
                      kStarts[k]);
    try_card("reconnected", card);
    change_card("hello");
    try_card("replaced", card);
    reconnect("replaced/reconnect", card, SCARD_SHARE_SHARED, SCARD_LEAVE_CARD);
    say("replaced/after that", greet(card, ACTIVE_PROTOCOL));
    SCardReleaseContext(context);
}
