/* SCardStatus and the attributes: buffers, sizes and blocks. */
#include <ifdhandler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static void sizes(SCARDHANDLE card)
{
    DWORD name_chars = 0, atr_bytes = 0, state = 0, protocol = 0;
    LONG code = SCardStatus(card, NULL, NULL, NULL, NULL, NULL, NULL);

    say("nothing", code);
    code = SCardStatus(card, NULL, &name_chars, NULL, NULL, NULL, NULL);
    say_more("name length", code, "name=%lu", name_chars);
    code = SCardStatus(card, NULL, NULL, NULL, NULL, NULL, &atr_bytes);
    say_more("ATR length", code, "atr=%lu", atr_bytes);
    code = SCardStatus(card, NULL, NULL, &state, NULL, NULL, NULL);
    say_more("state", code, "state=%02lx counter=%s", state & 0xFFFF, state >> 16 == 0 ? "0" : "n");
    code = SCardStatus(card, NULL, NULL, NULL, &protocol, NULL, NULL);
    say_more("protocol", code, "protocol=%lu", protocol);
    say_status("all", card);
}

static void short_buffers(SCARDHANDLE card)
{
    static const DWORD rooms[] = {0, 1, 8, 27, 28, 100};
    size_t i;

    for (i = 0; i < COUNT(rooms); i++) {
        char name[101];
        BYTE atr[101];
        DWORD name_chars = rooms[i], atr_bytes = sizeof atr;
        LONG code;

        memset(name, 'x', sizeof name);
        memset(atr, 0xEE, sizeof atr);
        name[100] = '\0';
        code = SCardStatus(card, name, &name_chars, NULL, NULL, atr, &atr_bytes);
        say_more(named("name/room=%lu", rooms[i]), code, "name=%lu %.34s atr=%lu %02X", name_chars,
                 name, atr_bytes, atr[0]);
        name_chars = sizeof name;
        atr_bytes = rooms[i];
        memset(atr, 0xEE, sizeof atr);
        code = SCardStatus(card, name, &name_chars, NULL, NULL, atr, &atr_bytes);
        say_more(named("ATR/room=%lu", rooms[i]), code, "atr=%lu %02X %02X %02X %02X name=%s",
                 atr_bytes, atr[0], atr[7], atr[10], atr[11], name);
    }
}

static void buffers_without_lengths(SCARDHANDLE card)
{
    char name[MAX_READERNAME] = "untouched";
    BYTE atr[MAX_ATR_SIZE] = {0xEE};
    LONG code = SCardStatus(card, name, NULL, NULL, NULL, atr, NULL);

    say_more("buffers without lengths", code, "%s %02X", name, atr[0]);
}

static void blocks(SCARDCONTEXT context, SCARDHANDLE card)
{
    char *name = NULL;
    BYTE *atr = NULL;
    DWORD name_chars = SCARD_AUTOALLOCATE, atr_bytes = SCARD_AUTOALLOCATE;
    LONG code = SCardStatus(card, (LPSTR)(void *)&name, &name_chars, NULL, NULL,
                            (LPBYTE)(void *)&atr, &atr_bytes);

    say_more("blocks", code, "name=%lu %s atr=%lu %02X", name_chars, name, atr_bytes, atr[0]);
    say("blocks/free name", SCardFreeMemory(context, name));
    say("blocks/free ATR", SCardFreeMemory(context, atr));
    name_chars = atr_bytes = SCARD_AUTOALLOCATE;
    code = SCardStatus(card, NULL, &name_chars, NULL, NULL, NULL, &atr_bytes);
    say_more("blocks/no pointers", code, "name=%lu atr=%lu", name_chars, atr_bytes);
    atr_bytes = SCARD_AUTOALLOCATE;
    code = SCardStatus(card, NULL, NULL, NULL, NULL, NULL, &atr_bytes);
    say_more("blocks/no ATR pointer", code, "atr=%lu", atr_bytes);
}

void run_status(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card = must_open(context);

    sizes(card);
    short_buffers(card);
    buffers_without_lengths(card);
    blocks(context, card);
    SCardDisconnect(card, SCARD_UNPOWER_CARD);
    say("connect after unpower", open_card(context, SCARD_SHARE_SHARED, 1, &card, NULL));
    say_status("after unpower", card);
    SCardDisconnect(card, SCARD_UNPOWER_CARD);
    say("connect directly after unpower", open_card(context, SCARD_SHARE_DIRECT, 0, &card, NULL));
    say_status("directly after unpower", card);
    SCardReleaseContext(context);
}

static const struct {
    const char *name;
    DWORD id;
} kAttributes[] = {
    {"VENDOR_NAME", SCARD_ATTR_VENDOR_NAME},
    {"VENDOR_IFD_TYPE", SCARD_ATTR_VENDOR_IFD_TYPE},
    {"VENDOR_IFD_VERSION", SCARD_ATTR_VENDOR_IFD_VERSION},
    {"VENDOR_IFD_SERIAL_NO", SCARD_ATTR_VENDOR_IFD_SERIAL_NO},
    {"CHANNEL_ID", SCARD_ATTR_CHANNEL_ID},
    {"ASYNC_PROTOCOL_TYPES", SCARD_ATTR_ASYNC_PROTOCOL_TYPES},
    {"DEFAULT_CLK", SCARD_ATTR_DEFAULT_CLK},
    {"MAX_IFSD", SCARD_ATTR_MAX_IFSD},
    {"CHARACTERISTICS", SCARD_ATTR_CHARACTERISTICS},
    {"CURRENT_PROTOCOL_TYPE", SCARD_ATTR_CURRENT_PROTOCOL_TYPE},
    {"CURRENT_IFSC", SCARD_ATTR_CURRENT_IFSC},
    {"ICC_PRESENCE", SCARD_ATTR_ICC_PRESENCE},
    {"ICC_INTERFACE_STATUS", SCARD_ATTR_ICC_INTERFACE_STATUS},
    {"ATR_STRING", SCARD_ATTR_ATR_STRING},
    {"ICC_TYPE_PER_ATR", SCARD_ATTR_ICC_TYPE_PER_ATR},
    {"ESC_RESET", SCARD_ATTR_ESC_RESET},
    {"MAXINPUT", SCARD_ATTR_MAXINPUT},
    {"DEVICE_UNIT", SCARD_ATTR_DEVICE_UNIT},
    {"DEVICE_IN_USE", SCARD_ATTR_DEVICE_IN_USE},
    {"DEVICE_FRIENDLY_NAME_A", SCARD_ATTR_DEVICE_FRIENDLY_NAME_A},
    {"DEVICE_FRIENDLY_NAME_W", SCARD_ATTR_DEVICE_FRIENDLY_NAME_W},
    {"DEVICE_SYSTEM_NAME_A", SCARD_ATTR_DEVICE_SYSTEM_NAME_A},
    {"DEVICE_SYSTEM_NAME_W", SCARD_ATTR_DEVICE_SYSTEM_NAME_W},
    {"SUPRESS_T1_IFS_REQUEST", SCARD_ATTR_SUPRESS_T1_IFS_REQUEST},
    {"TAG_IFD_ATR", TAG_IFD_ATR},
    {"TAG_IFD_SLOTNUM", TAG_IFD_SLOTNUM},
    {"TAG_IFD_SLOTS_NUMBER", TAG_IFD_SLOTS_NUMBER},
    {"TAG_IFD_SIMULTANEOUS_ACCESS", TAG_IFD_SIMULTANEOUS_ACCESS},
    {"TAG_IFD_THREAD_SAFE", TAG_IFD_THREAD_SAFE},
    {"TAG_IFD_POLLING_THREAD", TAG_IFD_POLLING_THREAD},
    {"TAG_IFD_POLLING_THREAD_WITH_TIMEOUT", TAG_IFD_POLLING_THREAD_WITH_TIMEOUT},
    {"TAG_IFD_POLLING_THREAD_KILLABLE", TAG_IFD_POLLING_THREAD_KILLABLE},
    {"TAG_IFD_STOP_POLLING_THREAD", TAG_IFD_STOP_POLLING_THREAD},
    {"zero", 0},
    {"no such one", 0x12345678},
};

static void read_each(SCARDHANDLE card, const char *where)
{
    size_t i;

    for (i = 0; i < COUNT(kAttributes); i++) {
        BYTE value[264] = {0};
        DWORD length = sizeof value;
        LONG code = SCardGetAttrib(card, kAttributes[i].id, value, &length);

        say_more(named("%s/%s", where, kAttributes[i].name), code, "length=%lu first=%02X", length,
                 value[0]);
    }
}

static void read_into(SCARDHANDLE card)
{
    static const DWORD rooms[] = {0, 1, 10, 11, 12, 264, 265, 300, 0x7FFFFFFF, 0xFFFFFFFF};
    size_t i;

    for (i = 0; i < COUNT(rooms); i++) {
        BYTE value[300];
        DWORD length = rooms[i];
        LONG code;

        memset(value, 0xEE, sizeof value);
        code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, value, &length);
        say_more(named("room=%lx", rooms[i]), code, "length=%lu %02X %02X %02X %02X", length,
                 value[0], value[1], value[10], value[11]);
    }
}

static void read_blocks(SCARDCONTEXT context, SCARDHANDLE card)
{
    BYTE *value = NULL;
    DWORD length = SCARD_AUTOALLOCATE;
    LONG code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, (LPBYTE)(void *)&value, &length);

    say_more("block", code, "length=%lu first=%02X", length, value[0]);
    say("block/free", SCardFreeMemory(context, value));
    length = SCARD_AUTOALLOCATE;
    code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, NULL, &length);
    say_more("block/no pointer", code, "ones=%d", length == SCARD_AUTOALLOCATE);
    value = NULL;
    length = SCARD_AUTOALLOCATE;
    code = SCardGetAttrib(card, 0x12345678, (LPBYTE)(void *)&value, &length);
    say_more("block/no such one", code, "length=%lu block=%d", length, value != NULL);
    free(value);
    length = 0;
    code = SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, NULL, &length);
    say_more("length only", code, "length=%lu", length);
    say("no length", SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, NULL, NULL));
}

static void set(SCARDHANDLE card)
{
    static const DWORD lengths[] = {0, 1, 264, 265, 0xFFFFFFFF};
    BYTE value[300] = {0};
    size_t i;

    for (i = 0; i < COUNT(lengths); i++)
        say(named("set/length=%lx", lengths[i]),
            SCardSetAttrib(card, SCARD_ATTR_SUPRESS_T1_IFS_REQUEST, value, lengths[i]));
    say("set/NULL", SCardSetAttrib(card, SCARD_ATTR_SUPRESS_T1_IFS_REQUEST, NULL, 1));
    say("set/ATR", SCardSetAttrib(card, SCARD_ATTR_ATR_STRING, value, 4));
    say("set/TAG_IFD_SLOTNUM", SCardSetAttrib(card, TAG_IFD_SLOTNUM, value, 1));
    say("set/no such one", SCardSetAttrib(card, 0x12345678, value, 4));
}

void run_attributes(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card, empty;
    DWORD active;

    SCardConnect(context, EMPTY_READER, SCARD_SHARE_DIRECT, 0, &empty, &active);
    card = must_open(context);
    read_each(card, "card");
    read_each(empty, "empty");
    read_into(card);
    read_blocks(context, card);
    set(card);
    SCardReleaseContext(context);
}
