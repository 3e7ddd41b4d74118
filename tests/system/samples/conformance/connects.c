/* SCardConnect: names, modes and protocols. Handles that are not valid any more, and DIRECT mode
 * without a card. */
#include <stdio.h>
#include <string.h>

#include "support.h"

#define NAME_CHARS 200
#define CONTROL_CODE SCARD_CTL_CODE(2000)

static LONG connect_once(SCARDCONTEXT context, const char *reader, DWORD share, DWORD protocols,
                         const char *name)
{
    SCARDHANDLE card = 5;
    DWORD active = 5;
    LONG code = SCardConnect(context, reader, share, protocols, &card, &active);

    say_more(name, code, "card=%s active=%lu", card == 0 ? "0" : "n", active);
    if (code == SCARD_S_SUCCESS)
        SCardDisconnect(card, SCARD_LEAVE_CARD);
    return code;
}

static void names(SCARDCONTEXT context)
{
    static const size_t lengths[] = {27, 126, 127, 128, 129, 199};
    char name[NAME_CHARS];
    size_t i;

    for (i = 0; i < COUNT(lengths); i++) {
        memset(name, 'r', sizeof name);
        name[lengths[i]] = '\0';
        connect_once(context, name, SCARD_SHARE_SHARED, ANY_PROTOCOL,
                     named("name/%zu characters", lengths[i]));
    }
    connect_once(context, "", SCARD_SHARE_SHARED, ANY_PROTOCOL, "name/empty");
    connect_once(context, NULL, SCARD_SHARE_SHARED, ANY_PROTOCOL, "name/none");
    connect_once(context, "Cardea Virtual Reader 00", SCARD_SHARE_SHARED, ANY_PROTOCOL,
                 "name/beginning");
    connect_once(context, "cardea virtual reader 00 00", SCARD_SHARE_SHARED, ANY_PROTOCOL,
                 "name/small letters");
    connect_once(context, READER " ", SCARD_SHARE_SHARED, ANY_PROTOCOL, "name/space");
    connect_once(context, PNP_NAME, SCARD_SHARE_DIRECT, ANY_PROTOCOL, "name/PnP");
    connect_once(context, "No such reader", 99, ANY_PROTOCOL, "name/unknown, mode as well");
    connect_once(context, "No such reader", SCARD_SHARE_SHARED, 0,
                 "name/unknown, protocol as well");
}

static void pointers(SCARDCONTEXT context)
{
    SCARDHANDLE card = 5;
    DWORD active = 5;
    LONG code = SCardConnect(context, READER, SCARD_SHARE_SHARED, ANY_PROTOCOL, NULL, &active);

    say_more("no handle", code, "active=%lu", active);
    code = SCardConnect(context, READER, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);
    say_more("no protocol", code, "card=%ld", card);
    code = SCardConnect(context, NULL, SCARD_SHARE_SHARED, ANY_PROTOCOL, NULL, NULL);
    say("nothing", code);
}

static void modes(SCARDCONTEXT context)
{
    static const DWORD shares[] = {0, 1, 2, 3, 4, 0xFFFFFFFF};
    static const DWORD wishes[] = {0, ANY_PROTOCOL, 8, 0x10000, 0x10003};
    size_t i, k;

    for (i = 0; i < COUNT(shares); i++) {
        for (k = 0; k < COUNT(wishes); k++) {
            connect_once(context, READER, shares[i], wishes[k],
                         named("mode=%lx protocols=%lx", shares[i], wishes[k]));
            connect_once(context, EMPTY_READER, shares[i], wishes[k],
                         named("empty/mode=%lx protocols=%lx", shares[i], wishes[k]));
        }
    }
    connect_once(context, EMPTY_READER, SCARD_SHARE_SHARED, SCARD_PROTOCOL_RAW, "empty/raw");
    connect_once(context, EMPTY_READER, SCARD_SHARE_DIRECT, SCARD_PROTOCOL_RAW,
                 "empty/raw directly");
}

/* Each wish with a card whose protocol nobody has chosen. */
static void choose(SCARDCONTEXT context, const char *atr)
{
    static const DWORD wishes[] = {1, 2, 3, 4, 5, 6, 7, 8, 0x1000, 0x1001, 0x10000};
    char kind[40];
    size_t i;

    for (i = 0; i < COUNT(wishes); i++) {
        SCARDHANDLE card;
        DWORD active = 5;
        LONG code;

        snprintf(kind, sizeof kind, "hello atr=%s", atr);
        change_card(kind);
        code = open_card(context, SCARD_SHARE_SHARED, wishes[i], &card, &active);
        say_more(named("%s/%lx", atr, wishes[i]), code, "active=%lu", active);
        if (code != SCARD_S_SUCCESS)
            continue;
        say_status(named("%s/%lx status", atr, wishes[i]), card);
        say(named("%s/%lx greet", atr, wishes[i]), greet(card, active));
        SCardDisconnect(card, SCARD_LEAVE_CARD);
    }
}

/* What a second handle gets when the first has chosen. */
static void choose_second(SCARDCONTEXT context)
{
    static const DWORD wishes[] = {1, 2, 3, 4, 6, 7, 0x1000};
    SCARDHANDLE first;
    size_t i;

    change_card("hello atr=t01");
    say("second/first", open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &first, NULL));
    for (i = 0; i < COUNT(wishes); i++) {
        if ((wishes[i] & SCARD_PROTOCOL_RAW) != 0)
            continue;
        connect_once(context, READER, SCARD_SHARE_SHARED, wishes[i],
                     named("second/%lx", wishes[i]));
    }
    connect_once(context, READER, SCARD_SHARE_DIRECT, 0, "second/directly");
    SCardDisconnect(first, SCARD_RESET_CARD);
}

/* RAW is asked for while T=1 is spoken. */
static void choose_raw_beside(SCARDCONTEXT context)
{
    SCARDHANDLE first, second;
    DWORD active = 5;

    change_card("hello atr=t01");
    open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &first, NULL);
    say("raw beside/connect",
        open_card(context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_RAW, &second, &active));
    say("raw beside/first", greet(first, SCARD_PROTOCOL_T1));
    say("raw beside/second", greet(second, SCARD_PROTOCOL_RAW));
    say_status("raw beside/first status", first);
    say_status("raw beside/second status", second);
    SCardDisconnect(second, SCARD_LEAVE_CARD);
    say("raw gone/first", greet(first, SCARD_PROTOCOL_T1));
    say_status("raw gone/first status", first);
    SCardDisconnect(first, SCARD_RESET_CARD);
}

void run_connects(void)
{
    SCARDCONTEXT context = new_context();

    pointers(context);
    names(context);
    modes(context);
    choose(context, "t01");
    choose(context, "t1");
    choose(context, "t0");
    choose_second(context);
    choose_raw_beside(context);
    SCardReleaseContext(context);
}

static void reconnect_directly(SCARDHANDLE card)
{
    static const DWORD shares[] = {SCARD_SHARE_DIRECT, SCARD_SHARE_SHARED, SCARD_SHARE_EXCLUSIVE};
    static const DWORD starts[] = {SCARD_LEAVE_CARD, SCARD_RESET_CARD, SCARD_UNPOWER_CARD,
                                   SCARD_EJECT_CARD, 99};
    size_t i, k;

    for (i = 0; i < COUNT(shares); i++) {
        for (k = 0; k < COUNT(starts); k++) {
            DWORD active = 5;
            LONG code = SCardReconnect(card, shares[i], ANY_PROTOCOL, starts[k], &active);

            say_more(named("direct/reconnect=%lu with %lu", shares[i], starts[k]), code,
                     "active=%lu", active);
        }
    }
}

static void direct(SCARDCONTEXT context)
{
    static const BYTE command[] = {0x80, 0x40, 0x00, 0x00};
    BYTE answer[64];
    SCARDHANDLE card = 0;
    DWORD active = 5, count;
    LONG code;

    code = SCardConnect(context, EMPTY_READER, SCARD_SHARE_DIRECT, 0, &card, &active);
    say_more("direct/connect", code, "active=%lu fits=%d", active, fits_32_bits(card));
    say_status("direct/status", card);
    code =
        transmit(card, SCARD_PROTOCOL_T0, command, sizeof command, answer, sizeof answer, &count);
    say_more("direct/transmit T=0", code, "count=%lu", count);
    code = transmit(card, 0, command, sizeof command, answer, sizeof answer, &count);
    say_more("direct/transmit nothing", code, "count=%lu", count);
    code =
        transmit(card, SCARD_PROTOCOL_RAW, command, sizeof command, answer, sizeof answer, &count);
    say_more("direct/transmit raw", code, "count=%lu", count);
    say("direct/control", SCardControl(card, CONTROL_CODE, NULL, 0, NULL, 0, NULL));
    say("direct/begin", SCardBeginTransaction(card));
    say("direct/end", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say("direct/end again", SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say_look("direct/seen", context, EMPTY_READER, SCARD_STATE_UNAWARE);
    reconnect_directly(card);
    say("direct/disconnect badly", SCardDisconnect(card, 4));
    say_status("direct/status after that", card);
    say("direct/disconnect", SCardDisconnect(card, SCARD_RESET_CARD));
    try_bad_card("disconnected", card);
}

void run_handles(void)
{
    SCARDCONTEXT context = new_context(), other = new_context();
    SCARDHANDLE card;

    try_bad_card("zero", 0);
    try_bad_card("number", 0x1234567);
    try_bad_card("context", context);
    direct(context);
    card = must_open(context);
    say("release another context", SCardReleaseContext(other));
    say("handle of a context that lives", greet(card, ACTIVE_PROTOCOL));
    SCardReleaseContext(context);
}
