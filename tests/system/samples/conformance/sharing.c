/* Who may use the reader beside whom: modes, resets, dispositions and the marks they leave. */
#include <stdio.h>

#include "support.h"

static const BYTE kCommand[] = {0x80, 0x40, 0x00, 0x00};

/* Everything that looks at the mark of a handle. */
static void say_marks(const char *what, SCARDHANDLE card)
{
    BYTE answer[64];
    DWORD count;
    LONG code;

    say(named("%s/transmit", what), greet(card, ACTIVE_PROTOCOL));
    say(named("%s/transmit again", what), greet(card, ACTIVE_PROTOCOL));
    code = transmit(card, SCARD_PROTOCOL_RAW, kCommand, sizeof kCommand, answer, sizeof answer,
                    &count);
    say_more(named("%s/transmit raw", what), code, "count=%lu",
             code == SCARD_S_SUCCESS ? 0 : count);
    say_status(named("%s/status", what), card);
    count = sizeof answer;
    code = SCardGetAttrib(card, SCARD_ATTR_VENDOR_NAME, answer, &count);
    say_more(named("%s/attribute", what), code, "length=%lu", count);
    say(named("%s/set attribute", what), SCardSetAttrib(card, 0x12345678, answer, 1));
    code = SCardControl(card, SCARD_CTL_CODE(2000), NULL, 0, answer, sizeof answer, &count);
    say_more(named("%s/control", what), code, "count=%lu", count);
    say(named("%s/begin", what), SCardBeginTransaction(card));
    say(named("%s/end", what), SCardEndTransaction(card, SCARD_LEAVE_CARD));
}

static LONG reconnect(const char *name, SCARDHANDLE card, DWORD share, DWORD start)
{
    DWORD active = 5;
    LONG code = SCardReconnect(card, share, ANY_PROTOCOL, start, &active);

    say_more(name, code, "active=%lu", active);
    return code;
}

static LONG connect_in_thread(void *argument)
{
    SCARDCONTEXT context = *(SCARDCONTEXT *)argument;
    SCARDHANDLE card;

    return open_card(context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);
}

static void exclusive(SCARDCONTEXT first, SCARDCONTEXT second)
{
    SCARDHANDLE card, other;
    struct task task;
    bool at_once;

    say("exclusive/connect", open_card(first, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &card, NULL));
    say("exclusive/shared", open_card(second, SCARD_SHARE_SHARED, ANY_PROTOCOL, &other, NULL));
    say("exclusive/exclusive",
        open_card(second, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &other, NULL));
    say("exclusive/direct", open_card(second, SCARD_SHARE_DIRECT, 0, &other, NULL));
    say("exclusive/same context", open_card(first, SCARD_SHARE_SHARED, ANY_PROTOCOL, &other, NULL));
    say_look("exclusive/seen", second, READER, SCARD_STATE_UNAWARE);
    say_marks("exclusive", card);
    say("exclusive/end too many", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say("exclusive/still", open_card(second, SCARD_SHARE_SHARED, ANY_PROTOCOL, &other, NULL));
    reconnect("exclusive/reconnect", card, SCARD_SHARE_EXCLUSIVE, SCARD_LEAVE_CARD);
    reconnect("exclusive/to shared", card, SCARD_SHARE_SHARED, SCARD_LEAVE_CARD);
    say_look("exclusive/seen when shared", second, READER, SCARD_STATE_UNAWARE);
    task_start(&task, connect_in_thread, &second);
    at_once = task_ends_within(&task, PROOF_MS);
    say("exclusive/end when shared", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say_more("exclusive/shared after that", task_result(&task), "at_once=%d", at_once);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
}

static void shared(SCARDCONTEXT first, SCARDCONTEXT second)
{
    SCARDHANDLE card = must_open(first), other = must_open(second), third;
    LONG code;

    code = open_card(second, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &third, NULL);
    say_more("shared/exclusive", code, "card=%d", third != 0);
    say("shared/exclusive in the same context",
        open_card(first, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &third, NULL));
    code = open_card(first, SCARD_SHARE_SHARED, ANY_PROTOCOL, &third, NULL);
    say_more("shared/third", code, "distinct=%d", third != card && third != other);
    say_look("shared/seen", second, READER, SCARD_STATE_UNAWARE);
    say("shared/disconnect one", SCardDisconnect(third, SCARD_LEAVE_CARD));
    say_look("shared/seen after that", second, READER, SCARD_STATE_UNAWARE);
    say("shared/disconnect", SCardDisconnect(card, SCARD_LEAVE_CARD));
    say("shared/other", greet(other, ACTIVE_PROTOCOL));
    reconnect("shared/to exclusive when alone", other, SCARD_SHARE_EXCLUSIVE, SCARD_LEAVE_CARD);
    say_look("shared/seen exclusive", first, READER, SCARD_STATE_UNAWARE);
    reconnect("shared/to direct", other, SCARD_SHARE_DIRECT, SCARD_LEAVE_CARD);
    SCardDisconnect(other, SCARD_RESET_CARD);
    say_look("shared/seen at the end", first, READER, SCARD_STATE_UNAWARE);
}

void run_sharing(void)
{
    SCARDCONTEXT first = new_context(), second = new_context();

    exclusive(first, second);
    SCardReleaseContext(second);
    second = new_context();
    shared(first, second);
    SCardReleaseContext(first);
    SCardReleaseContext(second);
}

static void reset_by_reconnect(SCARDCONTEXT first, SCARDCONTEXT second, DWORD start,
                               const char *what)
{
    SCARDHANDLE card = must_open(first), other = must_open(second);
    char name[80];
    unsigned long before = resets(card);

    say(named("%s/own status before", what), SCardStatus(card, 0, 0, 0, 0, 0, 0));
    reconnect(named("%s/reconnect", what), card, SCARD_SHARE_SHARED, start);
    say_more(named("%s/count", what), SCARD_S_SUCCESS, "resets=%lu", resets(card) - before);
    snprintf(name, sizeof name, "%s/own", what);
    say_marks(name, card);
    snprintf(name, sizeof name, "%s/other", what);
    say_marks(name, other);
    reconnect(named("%s/other reconnects wrongly", what), other, SCARD_SHARE_SHARED,
              SCARD_EJECT_CARD);
    say(named("%s/other still marked", what), greet(other, ACTIVE_PROTOCOL));
    reconnect(named("%s/other reconnects", what), other, SCARD_SHARE_SHARED, SCARD_LEAVE_CARD);
    say(named("%s/other after that", what), greet(other, ACTIVE_PROTOCOL));
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    SCardDisconnect(other, SCARD_LEAVE_CARD);
}

static void change_protocol(SCARDCONTEXT context)
{
    static const struct {
        DWORD wanted, start;
    } cases[] = {{1, 0}, {2, 0}, {1, 1}, {2, 0}, {2, 1}, {1, 0}, {3, 0},      {4, 0},     {3, 0},
                 {1, 2}, {7, 0}, {0, 0}, {8, 0}, {0, 1}, {3, 1}, {0x1000, 0}, {0x1000, 2}};
    SCARDHANDLE card;
    size_t i;

    change_card("hello atr=t01");
    open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, NULL);
    for (i = 0; i < COUNT(cases); i++) {
        DWORD active = 5;
        LONG code =
            SCardReconnect(card, SCARD_SHARE_SHARED, cases[i].wanted, cases[i].start, &active);

        say_more(named("step %zu/protocols=%lx start=%lu", i, cases[i].wanted, cases[i].start),
                 code, "active=%lu", active);
        say_status(named("step %zu/status", i), card);
    }
    SCardDisconnect(card, SCARD_RESET_CARD);
}

static void reconnect_badly(SCARDCONTEXT context)
{
    static const DWORD shares[] = {0, 4, 99};
    static const DWORD starts[] = {3, 4, 0xFFFFFFFF};
    SCARDHANDLE card = must_open(context);
    size_t i;

    for (i = 0; i < COUNT(shares); i++)
        reconnect(named("reconnect/mode=%lu", shares[i]), card, shares[i], SCARD_LEAVE_CARD);
    for (i = 0; i < COUNT(starts); i++)
        reconnect(named("reconnect/start=%lx", starts[i]), card, SCARD_SHARE_SHARED, starts[i]);
    say("reconnect/no protocol",
        SCardReconnect(card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_LEAVE_CARD, NULL));
    say_status("reconnect/status", card);
    SCardDisconnect(card, SCARD_RESET_CARD);
}

void run_resets(void)
{
    SCARDCONTEXT first = new_context(), second = new_context();

    reset_by_reconnect(first, second, SCARD_RESET_CARD, "reset");
    reset_by_reconnect(first, second, SCARD_UNPOWER_CARD, "unpower");
    reset_by_reconnect(first, second, SCARD_LEAVE_CARD, "leave");
    change_protocol(first);
    reconnect_badly(first);
    SCardReleaseContext(first);
    SCardReleaseContext(second);
}

static void disconnect_with(SCARDCONTEXT first, SCARDCONTEXT second, DWORD disposition)
{
    SCARDHANDLE card = must_open(first), other = must_open(second), third;
    char name[80];

    say(named("disconnect=%lu", disposition), SCardDisconnect(card, disposition));
    say(named("disconnect=%lu again", disposition), SCardDisconnect(card, disposition));
    say_look(named("disconnect=%lu/seen", disposition), first, READER, SCARD_STATE_UNAWARE);
    snprintf(name, sizeof name, "disconnect=%lu/other", disposition);
    say_marks(name, other);
    reconnect(named("disconnect=%lu/other reconnects", disposition), other, SCARD_SHARE_SHARED,
              SCARD_LEAVE_CARD);
    say_status(named("disconnect=%lu/other status", disposition), other);
    say(named("disconnect=%lu/third", disposition),
        open_card(first, SCARD_SHARE_SHARED, ANY_PROTOCOL, &third, NULL));
    reconnect(named("disconnect=%lu/other resets", disposition), other, SCARD_SHARE_SHARED,
              SCARD_RESET_CARD);
    say(named("disconnect=%lu/other after that", disposition), greet(other, ACTIVE_PROTOCOL));
    say(named("disconnect=%lu/other ends", disposition), SCardDisconnect(other, SCARD_RESET_CARD));
    if (third != 0)
        SCardDisconnect(third, SCARD_RESET_CARD);
}

static void end_with(SCARDCONTEXT first, SCARDCONTEXT second, DWORD disposition, bool begun)
{
    SCARDHANDLE card = must_open(first), other = must_open(second);
    const char *how = begun ? "end" : "end without begin";
    unsigned long before = resets(card);
    char name[80];

    if (begun)
        SCardBeginTransaction(card);
    say(named("%s=%lu", how, disposition), SCardEndTransaction(card, disposition));
    snprintf(name, sizeof name, "%s=%lu/own", how, disposition);
    say_marks(name, card);
    snprintf(name, sizeof name, "%s=%lu/other", how, disposition);
    say_marks(name, other);
    reconnect(named("%s=%lu/reconnect", how, disposition), card, SCARD_SHARE_SHARED,
              SCARD_LEAVE_CARD);
    say_more(named("%s=%lu/count", how, disposition), SCARD_S_SUCCESS, "resets=%lu",
             resets(card) - before);
    SCardDisconnect(card, SCARD_RESET_CARD);
    SCardDisconnect(other, SCARD_RESET_CARD);
}

void run_dispositions(void)
{
    SCARDCONTEXT first = new_context(), second = new_context();
    DWORD disposition;

    for (disposition = 0; disposition <= 3; disposition++)
        disconnect_with(first, second, disposition);
    for (disposition = 0; disposition <= 3; disposition++) {
        change_card("hello");
        end_with(first, second, disposition, true);
        change_card("hello");
        end_with(first, second, disposition, false);
    }
    SCardReleaseContext(first);
    SCardReleaseContext(second);
}
