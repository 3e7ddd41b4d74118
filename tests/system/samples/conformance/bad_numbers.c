/* Contexts and handles that are not valid: each function has to say so, and which of its outputs
 * it touches first. */
#include <stdlib.h>

#include "support.h"

#define MARK 44

static void try_lists(const char *what, SCARDCONTEXT context)
{
    char text[200];
    DWORD length = MARK;
    LONG code = SCardListReaders(context, NULL, NULL, &length);

    say_more(named("%s/list", what), code, "length=%lu", length);
    length = sizeof text;
    code = SCardListReaders(context, NULL, text, &length);
    say_more(named("%s/list buffer", what), code, "length=%lu", length);
    say(named("%s/list no length", what), SCardListReaders(context, NULL, text, NULL));
    length = MARK;
    code = SCardListReaderGroups(context, NULL, &length);
    say_more(named("%s/groups", what), code, "length=%lu", length);
}

static void try_waits(const char *what, SCARDCONTEXT context)
{
    SCARD_READERSTATE state = {0};
    LONG code = SCardGetStatusChange(context, 0, NULL, 0);

    say(named("%s/wait for nothing", what), code);
    say(named("%s/wait for NULL", what), SCardGetStatusChange(context, 0, NULL, 1));
    say(named("%s/wait for ever for nothing", what),
        SCardGetStatusChange(context, INFINITE, &state, 0));
    code = SCardGetStatusChange(context, 0, &state, 1);
    say(named("%s/wait without name", what), code);
    say_look(named("%s/wait", what), context, READER, SCARD_STATE_UNAWARE);
    say_look(named("%s/wait ignoring", what), context, READER, SCARD_STATE_IGNORE);
    say_look(named("%s/wait for PnP", what), context, PNP_NAME, SCARD_STATE_UNAWARE);
}

static void try_connects(const char *what, SCARDCONTEXT context)
{
    SCARDHANDLE card = MARK;
    DWORD active = MARK;
    LONG code;

    code = SCardConnect(context, READER, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, &active);
    say_more(named("%s/connect", what), code, "card=%ld active=%lu", card, active);
    card = MARK;
    code = SCardConnect(context, NULL, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, &active);
    say_more(named("%s/connect without name", what), code, "card=%ld", card);
    card = MARK;
    code = SCardConnect(context, READER, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);
    say_more(named("%s/connect without protocol", what), code, "card=%ld", card);
}

void try_bad_context(const char *what, SCARDCONTEXT context)
{
    void *block = malloc(1);
    LONG code;

    say(named("%s/is valid", what), SCardIsValidContext(context));
    say(named("%s/release", what), SCardReleaseContext(context));
    say(named("%s/cancel", what), SCardCancel(context));
    say(named("%s/free NULL", what), SCardFreeMemory(context, NULL));
    code = SCardFreeMemory(context, block);
    say(named("%s/free", what), code);
    /* Nothing was freed, or freeing it again would end the program. */
    if (code != SCARD_S_SUCCESS)
        free(block);
    try_lists(what, context);
    try_connects(what, context);
    try_waits(what, context);
}

static void try_exchange(const char *what, SCARDHANDLE card)
{
    static const BYTE command[] = {0x80, 0x40, 0x00, 0x00};
    BYTE answer[16];
    DWORD count = MARK;
    LONG code;

    code = transmit(card, SCARD_PROTOCOL_T0, command, sizeof command, answer, MARK, &count);
    say_more(named("%s/transmit", what), code, "count=%lu", count);
    count = MARK;
    code = SCardTransmit(card, NULL, command, sizeof command, NULL, answer, &count);
    say_more(named("%s/transmit without PCI", what), code, "count=%lu", count);
    code = transmit(card, SCARD_PROTOCOL_T0, command, MAX_BUFFER_SIZE_EXTENDED + 1, answer, MARK,
                    &count);
    say_more(named("%s/transmit too much", what), code, "count=%lu", count);
    count = MARK;
    code = SCardControl(card, SCARD_CTL_CODE(1), command, 4, answer, sizeof answer, &count);
    say_more(named("%s/control", what), code, "count=%lu", count);
    count = MARK;
    code = SCardControl(card, SCARD_CTL_CODE(1), command, MAX_BUFFER_SIZE_EXTENDED + 1, answer,
                        sizeof answer, &count);
    say_more(named("%s/control too much", what), code, "count=%lu", count);
}

static void try_attributes(const char *what, SCARDHANDLE card)
{
    BYTE value[16] = {0};
    DWORD length = sizeof value;
    LONG code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, value, &length);

    say_more(named("%s/attribute", what), code, "length=%lu", length);
    length = MARK;
    code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, NULL, &length);
    say_more(named("%s/attribute length", what), code, "length=%lu", length);
    say(named("%s/attribute without length", what),
        SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, value, NULL));
    say(named("%s/set attribute", what),
        SCardSetAttrib(card, SCARD_ATTR_ATR_STRING, value, sizeof value));
    say(named("%s/set attribute to NULL", what),
        SCardSetAttrib(card, SCARD_ATTR_ATR_STRING, NULL, 4));
    say(named("%s/set attribute too long", what),
        SCardSetAttrib(card, SCARD_ATTR_ATR_STRING, value, MAX_BUFFER_SIZE + 1));
}

void try_bad_card(const char *what, SCARDHANDLE card)
{
    DWORD active = MARK;
    LONG code = SCardReconnect(card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_LEAVE_CARD, &active);

    say_more(named("%s/reconnect", what), code, "active=%lu", active);
    code = SCardReconnect(card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_LEAVE_CARD, NULL);
    say(named("%s/reconnect without protocol", what), code);
    say(named("%s/disconnect", what), SCardDisconnect(card, SCARD_LEAVE_CARD));
    say(named("%s/disconnect badly", what), SCardDisconnect(card, 99));
    say(named("%s/begin", what), SCardBeginTransaction(card));
    say(named("%s/end", what), SCardEndTransaction(card, SCARD_LEAVE_CARD));
    say(named("%s/end badly", what), SCardEndTransaction(card, 99));
    say_status(named("%s/status", what), card);
    say(named("%s/status of nothing", what), SCardStatus(card, NULL, NULL, NULL, NULL, NULL, NULL));
    try_exchange(what, card);
    try_attributes(what, card);
}
