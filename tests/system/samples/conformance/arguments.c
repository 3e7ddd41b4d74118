/* Contexts, lists of readers and groups: arguments, sizes and blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define CONTEXTS 40

/* A list with its NUL bytes shown. */
static const char *shown(const char *list, DWORD length)
{
    static char text[400];
    size_t used = 0;
    DWORD i;

    for (i = 0; i < length && used + 2 < sizeof text; i++)
        text[used++] = list[i] == '\0' ? '|' : list[i];
    text[used] = '\0';
    return text;
}

static void establish(void)
{
    static const DWORD scopes[] = {0, 1, 2, 3, 4, 99, 0xFFFFFFFF};
    SCARDCONTEXT contexts[CONTEXTS], context;
    size_t i, distinct = 0, k;
    LONG code;
    int word = 0;

    for (i = 0; i < COUNT(scopes); i++) {
        context = 5;
        code = SCardEstablishContext(scopes[i], NULL, NULL, &context);
        say_more(named("establish/scope=%lx", scopes[i]), code, "context=%s fits=%d",
                 context == 0 ? "0" : "n", fits_32_bits(context));
        if (code == SCARD_S_SUCCESS)
            say(named("release/scope=%lx", scopes[i]), SCardReleaseContext(context));
    }
    code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, NULL);
    say("establish without pointer", code);
    code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, &word, &word, &context);
    say("establish with reserved words", code);
    SCardReleaseContext(context);
    for (i = 0; i < CONTEXTS; i++) {
        contexts[i] = new_context();
        for (k = 0; k < i && contexts[k] != contexts[i]; k++)
            continue;
        distinct += k == i;
    }
    say_more("many contexts", SCARD_S_SUCCESS, "distinct=%zu", distinct);
    for (i = 0; i < CONTEXTS; i++)
        if (SCardReleaseContext(contexts[i]) != SCARD_S_SUCCESS)
            say(named("release/%zu of many", i), SCARD_E_INVALID_HANDLE);
}

static void use(void)
{
    SCARDCONTEXT context = new_context();
    SCARDHANDLE card = must_open(context);

    say("is valid", SCardIsValidContext(context));
    say("handle as context", SCardIsValidContext(card));
    say("cancel nothing", SCardCancel(context));
    say("free NULL", SCardFreeMemory(context, NULL));
    say("free a block of malloc", SCardFreeMemory(context, malloc(10)));
    say("release with handle", SCardReleaseContext(context));
    try_bad_context("released", context);
    try_bad_card("of released context", card);
}

static void list(SCARDCONTEXT context)
{
    char text[300], *block = NULL;
    DWORD length = 0, room;
    LONG code;

    say("list/no length", SCardListReaders(context, NULL, text, NULL));
    code = SCardListReaders(context, NULL, NULL, &length);
    say_more("list/length", code, "length=%lu", length);
    room = length;
    memset(text, 'x', sizeof text);
    length = room - 1;
    code = SCardListReaders(context, NULL, text, &length);
    say_more("list/one byte short", code, "length=%lu first=%c", length, text[0]);
    length = 0;
    code = SCardListReaders(context, NULL, text, &length);
    say_more("list/no room", code, "length=%lu first=%c", length, text[0]);
    length = room;
    code = SCardListReaders(context, NULL, text, &length);
    say_more("list/exact", code, "length=%lu text=%s next=%c", length, shown(text, length),
             text[room]);
    memset(text, 'x', sizeof text);
    length = sizeof text;
    code = SCardListReaders(context, NULL, text, &length);
    say_more("list/room", code, "length=%lu text=%s next=%c", length, shown(text, length),
             text[room]);
    length = sizeof text;
    code = SCardListReaders(context, "SCard$DefaultReaders", text, &length);
    say_more("list/group", code, "length=%lu", length);
    code = SCardListReaders(context, "No such group\0", text, &length);
    say_more("list/unknown group", code, "length=%lu", length);
    length = SCARD_AUTOALLOCATE;
    code = SCardListReaders(context, NULL, (LPSTR)(void *)&block, &length);
    say_more("list/block", code, "length=%lu text=%s", length, shown(block, length));
    say("list/free block", SCardFreeMemory(context, block));
    length = SCARD_AUTOALLOCATE;
    code = SCardListReaders(context, NULL, NULL, &length);
    say_more("list/block without pointer", code, "length=%lu", length);
    length = 0xFFFFFFFF;
    code = SCardListReaders(context, NULL, text, &length);
    say_more("list/32 ones", code, "length=%lu text=%s", length, shown(text, length));
}

static void list_groups_without_length(void *argument)
{
    SCARDCONTEXT *context = argument;
    LONG code = SCardListReaderGroups(*context, NULL, NULL);

    say("groups/no length", code);
}

static void groups(SCARDCONTEXT context)
{
    char text[100], *block = NULL;
    DWORD length = 0;
    LONG code = SCardListReaderGroups(context, NULL, &length);

    say_more("groups/length", code, "length=%lu", length);
    memset(text, 'x', sizeof text);
    length = 21;
    code = SCardListReaderGroups(context, text, &length);
    say_more("groups/one byte short", code, "length=%lu first=%c", length, text[0]);
    length = sizeof text;
    code = SCardListReaderGroups(context, text, &length);
    say_more("groups/room", code, "length=%lu text=%s next=%c", length, shown(text, length),
             text[22]);
    length = SCARD_AUTOALLOCATE;
    code = SCardListReaderGroups(context, (LPSTR)(void *)&block, &length);
    say_more("groups/block", code, "length=%lu text=%s", length, shown(block, length));
    free(block);
    length = SCARD_AUTOALLOCATE;
    code = SCardListReaderGroups(context, NULL, &length);
    say_more("groups/block without pointer", code, "length=%lu", length);
}

/* In a process with a context of its own: this one ends if the call crashes. */
static void groups_in_child(void *argument)
{
    SCARDCONTEXT context = new_context();

    (void)argument;
    list_groups_without_length(&context);
    SCardReleaseContext(context);
}

void run_arguments(void)
{
    SCARDCONTEXT context;

    if (!in_child(groups_in_child, NULL))
        printf("arguments.groups/no length: CRASH\n");
    establish();
    use();
    context = new_context();
    list(context);
    groups(context);
    say("release", SCardReleaseContext(context));
    say("release again", SCardReleaseContext(context));
}
