/* SCardGetStatusChange without waiting: arguments, and what it makes of each state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define MANY 40

/* What a caller may claim to know. */
static const DWORD kClaims[] = {0,     0x1,   0x2,   0x4,        0x8,        0x10,
                                0x12,  0x20,  0x22,  0x40,       0x80,       0xA0,
                                0x100, 0x120, 0x122, 0x1A0,      0x200,      0x220,
                                0x400, 0x420, 0x60,  0x7FFF0000, 0x7FFF0010, 0x7FFF0020};

/* Of a mute card fewer: pcsc-lite's library takes 0.4 s for each. */
static const DWORD kMuteClaims[] = {0, 0x10, 0x20, 0x120, 0x200, 0x220};

static void claim(const char *what, SCARDCONTEXT context, const char *reader)
{
    size_t i;

    for (i = 0; i < COUNT(kClaims); i++)
        say_look(named("%s/claim=%lx", what, kClaims[i]), context, reader, kClaims[i]);
}

/* The caller's counter is right. */
static void claim_counter(const char *what, SCARDCONTEXT context, const char *reader)
{
    SCARD_READERSTATE state;
    DWORD known;

    look(context, reader, SCARD_STATE_UNAWARE, 0, &state);
    known = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    say_look(named("%s/what it said", what), context, reader, known);
    say_look(named("%s/as it came", what), context, reader, state.dwEventState);
    say_look(named("%s/next counter", what), context, reader, known + 0x10000);
}

static void states(SCARDCONTEXT context)
{
    SCARDCONTEXT other = new_context();
    SCARDHANDLE card;
    DWORD active;
    size_t i;

    claim("absent", context, EMPTY_READER);
    claim("present", context, READER);
    claim_counter("absent", context, EMPTY_READER);
    claim_counter("present", context, READER);
    card = must_open(other);
    claim("shared", context, READER);
    claim_counter("shared", context, READER);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    open_card(other, SCARD_SHARE_EXCLUSIVE, ANY_PROTOCOL, &card, NULL);
    claim("exclusive", context, READER);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    SCardConnect(other, EMPTY_READER, SCARD_SHARE_DIRECT, 0, &card, &active);
    claim("direct", context, EMPTY_READER);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    change_card("mute");
    for (i = 0; i < COUNT(kMuteClaims); i++)
        say_look(named("mute/claim=%lx", kMuteClaims[i]), context, READER, kMuteClaims[i]);
    change_card("hello");
    SCardReleaseContext(other);
}

static void names(SCARDCONTEXT context)
{
    char name[300];

    say_look("name/unknown", context, "No such reader", SCARD_STATE_UNAWARE);
    say_look("name/unknown and said to be so", context, "No such reader", SCARD_STATE_UNKNOWN);
    say_look("name/unknown and ignored", context, "No such reader", SCARD_STATE_IGNORE);
    say_look("name/empty", context, "", SCARD_STATE_UNAWARE);
    say_look("name/small letters", context, "cardea virtual reader 00 00", SCARD_STATE_UNAWARE);
    memset(name, 'r', sizeof name);
    name[299] = '\0';
    say_look("name/long", context, name, SCARD_STATE_UNAWARE);
    say_look("PnP", context, PNP_NAME, SCARD_STATE_UNAWARE);
    say_look("PnP in capitals", context, "\\\\?PNP?\\NOTIFICATION", SCARD_STATE_UNAWARE);
    say_look("PnP in part", context, "\\\\?PnP?\\", SCARD_STATE_UNAWARE);
    say_look("PnP with an old counter", context, PNP_NAME, (DWORD)0x7001 << 16);
    say_look("PnP ignored", context, PNP_NAME, SCARD_STATE_IGNORE);
    say_look("PnP unknown", context, PNP_NAME, SCARD_STATE_UNKNOWN);
}

/* Two entries; their outputs tell how far the call came. */
static void pair(const char *name, SCARDCONTEXT context, const char *reader1, DWORD claim1,
                 const char *reader2, DWORD claim2)
{
    SCARD_READERSTATE states[2];
    LONG code;

    memset(states, 0, sizeof states);
    states[0].szReader = reader1;
    states[0].dwCurrentState = claim1;
    states[0].dwEventState = 0x77;
    states[1].szReader = reader2;
    states[1].dwCurrentState = claim2;
    states[1].dwEventState = 0x77;
    code = SCardGetStatusChange(context, 0, states, 2);
    say_more(name, code, "event1=%04lx event2=%04lx", states[0].dwEventState & 0xFFFF,
             states[1].dwEventState & 0xFFFF);
}

static void pairs(SCARDCONTEXT context)
{
    pair("two/none changed", context, READER, 0x20, EMPTY_READER, 0x10);
    pair("two/first changed", context, READER, 0x10, EMPTY_READER, 0x10);
    pair("two/second changed", context, READER, 0x20, EMPTY_READER, 0x20);
    pair("two/both changed", context, READER, 0, EMPTY_READER, 0);
    pair("two/the same", context, READER, 0x20, READER, 0x10);
    pair("two/first ignored", context, READER, SCARD_STATE_IGNORE, EMPTY_READER, 0);
    pair("two/second ignored", context, READER, 0x20, EMPTY_READER, SCARD_STATE_IGNORE);
    pair("two/both ignored", context, READER, SCARD_STATE_IGNORE, READER, SCARD_STATE_IGNORE);
    pair("two/ignored and claimed", context, READER, SCARD_STATE_IGNORE | 0x20, READER, 0x20);
    pair("two/unknown first", context, "No such reader", 0, READER, 0);
    pair("two/unknown second", context, READER, 0, "No such reader", 0);
    pair("two/unknown ignored", context, READER, 0, "No such reader", SCARD_STATE_IGNORE);
    pair("two/nameless second", context, READER, 0, NULL, 0);
    pair("two/nameless ignored", context, READER, 0, NULL, SCARD_STATE_IGNORE);
    pair("two/PnP first", context, PNP_NAME, 0, EMPTY_READER, 0x10);
    pair("two/PnP second", context, READER, 0, PNP_NAME, 0);
    pair("two/PnP twice", context, PNP_NAME, 0, PNP_NAME, 0);
    pair("two/PnP ignored", context, READER, 0x20, PNP_NAME, SCARD_STATE_IGNORE);
}

static void many(SCARDCONTEXT context)
{
    static const DWORD counts[] = {1, 15, 16, 17, MANY};
    SCARD_READERSTATE states[MANY];
    size_t i, k;

    for (i = 0; i < COUNT(counts); i++) {
        LONG code;

        memset(states, 0, sizeof states);
        for (k = 0; k < MANY; k++) {
            states[k].szReader = EMPTY_READER;
            states[k].dwCurrentState = SCARD_STATE_EMPTY;
        }
        code = SCardGetStatusChange(context, 0, states, counts[i]);
        say_more(named("entries=%lu", counts[i]), code, "last=%04lx",
                 states[counts[i] - 1].dwEventState & 0xFFFF);
        states[counts[i] - 1].dwCurrentState = SCARD_STATE_UNAWARE;
        code = SCardGetStatusChange(context, 0, states, counts[i]);
        say_more(named("entries=%lu, last changed", counts[i]), code, "last=%04lx",
                 states[counts[i] - 1].dwEventState & 0xFFFF);
    }
}

static void timeouts(SCARDCONTEXT context)
{
    static const DWORD times[] = {0, 1, 50, 200};
    static const DWORD endless[] = {INFINITE, 0x7FFFFFFF, 60000, ~(DWORD)0};
    SCARD_READERSTATE state;
    size_t i;

    for (i = 0; i < COUNT(times); i++) {
        long began = now_ms(), took;
        LONG code = look(context, EMPTY_READER, SCARD_STATE_EMPTY, times[i], &state);

        took = now_ms() - began;
        say_more(named("timeout=%lu", times[i]), code, "event=%04lx in_time=%d",
                 state.dwEventState & 0xFFFF,
                 took >= (long)times[i] - 5 && took < (long)times[i] + PATIENCE_MS);
    }
    for (i = 0; i < COUNT(endless); i++) {
        LONG code = look(context, EMPTY_READER, SCARD_STATE_UNAWARE, endless[i], &state);

        say_more(named("timeout=%lx, changed", endless[i]), code, "event=%04lx",
                 state.dwEventState & 0xFFFF);
    }
}

void run_changes(void)
{
    SCARDCONTEXT context = new_context();

    say("no entries", SCardGetStatusChange(context, INFINITE, NULL, 0));
    say("no array", SCardGetStatusChange(context, 0, NULL, 1));
    states(context);
    names(context);
    pairs(context);
    many(context);
    timeouts(context);
    SCardReleaseContext(context);
}

/* The first call of the process that needs the readers. */
void run_firstwait(void)
{
    SCARDCONTEXT context = new_context();
    DWORD length = 0;
    LONG code;

    say_look("wait", context, EMPTY_READER, SCARD_STATE_UNAWARE);
    code = SCardListReaders(context, NULL, NULL, &length);
    say_more("list", code, "length=%lu", length);
    say_look("wait again", context, EMPTY_READER, SCARD_STATE_UNAWARE);
    say("release", SCardReleaseContext(context));
}
