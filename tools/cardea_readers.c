/* cardea-readers: lists the readers, what is in them, and their aliases, which stay with the place
 * a reader is plugged into while its name depends on the order in which readers came. Uses the
 * PC/SC interface only, so it works with any daemon; others than Cardea's have no aliases. */
#include <reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

static int complain(const char *what, LONG rv)
{
    fprintf(stderr, "cardea-readers: %s: %s\n", what, pcsc_stringify_error(rv));
    return EXIT_FAILURE;
}

/* Empty if the reader has none, or is in exclusive use. A direct connection does not touch the
 * card. */
static void read_alias(SCARDCONTEXT context, const char *name, char *alias, size_t room)
{
    SCARDHANDLE card;
    DWORD protocol;
    BYTE value[MAX_BUFFER_SIZE];
    DWORD bytes = sizeof value - 1;

    alias[0] = '\0';
    if (SCardConnect(context, name, SCARD_SHARE_DIRECT, 0, &card, &protocol) != SCARD_S_SUCCESS)
        return;
    if (SCardGetAttrib(card, SCARD_ATTR_DEVICE_SYSTEM_NAME_A, value, &bytes) == SCARD_S_SUCCESS) {
        value[bytes] = '\0';
        if (strcmp((const char *)value, name) != 0)
            snprintf(alias, room, "%s", (const char *)value);
    }
    SCardDisconnect(card, SCARD_LEAVE_CARD);
}

static const char *card_text(DWORD state)
{
    if ((state & (SCARD_STATE_UNAVAILABLE | SCARD_STATE_UNKNOWN)) != 0)
        return "does not answer";
    if ((state & SCARD_STATE_MUTE) != 0)
        return "card does not answer";
    if ((state & SCARD_STATE_PRESENT) != 0)
        return (state & SCARD_STATE_EXCLUSIVE) != 0 ? "card, in exclusive use" : "card";
    return "no card";
}

static void show(SCARDCONTEXT context, const char *name)
{
    SCARD_READERSTATE reader;
    char alias[MAX_BUFFER_SIZE];
    DWORD i;

    memset(&reader, 0, sizeof reader);
    reader.szReader = name;
    if (SCardGetStatusChange(context, 0, &reader, 1) != SCARD_S_SUCCESS)
        return; /* it has gone */
    read_alias(context, name, alias, sizeof alias);
    printf("%s\n  alias: %s\n  state: %s\n", name, alias[0] != '\0' ? alias : "none",
           card_text(reader.dwEventState));
    if (reader.cbAtr == 0)
        return;
    printf("  ATR:  ");
    for (i = 0; i < reader.cbAtr; i++)
        printf(" %02X", (unsigned int)reader.rgbAtr[i]);
    printf("\n");
}

int main(int argc, char *argv[])
{
    SCARDCONTEXT context;
    DWORD length = 0;
    char *names;
    const char *name;
    LONG rv;

    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "Usage: cardea-readers\nLists readers, their aliases and cards.\n");
        return 2;
    }
    rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (rv != SCARD_S_SUCCESS)
        return complain("no connection to pcscd", rv);
    rv = SCardListReaders(context, NULL, NULL, &length);
    names = rv == SCARD_S_SUCCESS ? malloc(length) : NULL;
    if (names != NULL)
        rv = SCardListReaders(context, NULL, names, &length);
    if (rv == SCARD_S_SUCCESS && names != NULL) {
        for (name = names; *name != '\0'; name += strlen(name) + 1)
            show(context, name);
    }
    free(names);
    SCardReleaseContext(context);
    if (rv == SCARD_E_NO_READERS_AVAILABLE) {
        printf("no readers\n");
        return EXIT_SUCCESS;
    }
    return rv == SCARD_S_SUCCESS ? EXIT_SUCCESS : complain("cannot list readers", rv);
}
