/* Without a daemon, without readers: what the library does by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* Before the first SCardEstablishContext. */
void run_early(void)
{
    SCARD_READERSTATE states[2];

    try_bad_context("zero", 0);
    try_bad_context("number", 0x1234567);
    try_bad_card("zero", 0);
    try_bad_card("number", 0x1234567);
    memset(states, 0, sizeof states);
    states[0].szReader = READER;
    say("one of two without name", SCardGetStatusChange(0, 0, states, 2));
    printf("early.T0 is %lu, %lu\n", SCARD_PCI_T0->dwProtocol, SCARD_PCI_T0->cbPciLength);
    printf("early.T1 is %lu, %lu\n", SCARD_PCI_T1->dwProtocol, SCARD_PCI_T1->cbPciLength);
    printf("early.RAW is %lu, %lu\n", SCARD_PCI_RAW->dwProtocol, SCARD_PCI_RAW->cbPciLength);
    printf("early.sizes are %zu %zu %zu %zu %zu\n", sizeof(LONG), sizeof(DWORD),
           sizeof(SCARDHANDLE), sizeof(SCARD_READERSTATE), sizeof(SCARD_IO_REQUEST));
}

static void establish_without_pointer(void *argument)
{
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, NULL);

    (void)argument;
    say("establish without pointer", code);
}

void run_unserved(void)
{
    DWORD scope;

    for (scope = 0; scope <= 4; scope++) {
        SCARDCONTEXT context = 5;
        LONG code = SCardEstablishContext(scope, NULL, NULL, &context);

        say_more(named("establish/scope=%lu", scope), code, "context=%ld", context);
    }
    if (!in_child(establish_without_pointer, NULL))
        printf("unserved.establish without pointer: CRASH\n");
    try_bad_context("zero", 0);
    try_bad_context("number", 0x1234567);
    try_bad_card("zero", 0);
    try_bad_card("number", 0x1234567);
}

static void say_text(LONG code)
{
    printf("texts.0x%08lX: %s\n", (unsigned long)code, pcsc_stringify_error(code));
}

static LONG text_of_thread(void *argument)
{
    const char **text = argument;

    *text = pcsc_stringify_error(SCARD_E_TIMEOUT);
    return strcmp(*text, "Command timeout.") == 0 ? SCARD_S_SUCCESS : SCARD_F_UNKNOWN_ERROR;
}

void run_texts(void)
{
    static const LONG others[] = {1, 0x7FFFFFFF, 0x80200000, -1, -0x7FEFFFFF, 0x303030};
    const char *first = pcsc_stringify_error(SCARD_S_SUCCESS);
    const char *second = pcsc_stringify_error(SCARD_E_INVALID_HANDLE);
    const char *elsewhere = NULL;
    struct task task;
    unsigned long low;
    LONG code;
    size_t i;

    printf("texts.same place: %d, now %s\n", first == second, first);
    task_start(&task, text_of_thread, &elsewhere);
    code = task_result(&task);
    printf("texts.in a thread: %s, now %s\n", code_name(code), first);
    for (low = 0; low <= 0x32; low++)
        say_text((LONG)(0x80100000UL + low));
    for (low = 0x64; low <= 0x70; low++)
        say_text((LONG)(0x80100000UL + low));
    for (i = 0; i < COUNT(others); i++)
        say_text(others[i]);
}

static void look_for_pnp(SCARDCONTEXT context)
{
    SCARD_READERSTATE state;
    long began = now_ms(), took;
    LONG code = look(context, PNP_NAME, SCARD_STATE_UNAWARE, 200, &state);

    took = now_ms() - began;
    say_more("PnP for 200 ms", code, "event=%04lx in_time=%d", state.dwEventState & 0xFFFF,
             took >= 190 && took < PATIENCE_MS);
    say_look("PnP", context, PNP_NAME, SCARD_STATE_UNAWARE);
    say_look("PnP in capitals", context, "\\\\?PNP?\\NOTIFICATION", SCARD_STATE_UNAWARE);
    say_look("PnP with an old counter", context, PNP_NAME, (DWORD)0x7001 << 16);
    say_look("PnP ignored", context, PNP_NAME, SCARD_STATE_IGNORE);
}

void run_empty(void)
{
    SCARDCONTEXT context = new_context();
    char text[200] = "untouched", *block = NULL;
    SCARDHANDLE card = 5;
    DWORD length = 0, active = 5;
    LONG code;

    code = SCardListReaders(context, NULL, NULL, &length);
    say_more("list", code, "length=%lu", length);
    length = sizeof text;
    code = SCardListReaders(context, NULL, text, &length);
    say_more("list buffer", code, "length=%lu text=%s", length, text);
    length = SCARD_AUTOALLOCATE;
    code = SCardListReaders(context, NULL, (LPSTR)(void *)&block, &length);
    say_more("list block", code, "length=%lu block=%d", length, block != NULL);
    length = SCARD_AUTOALLOCATE;
    code = SCardListReaders(context, NULL, NULL, &length);
    say_more("list no block", code, "length=%lu", length);
    length = 0;
    code = SCardListReaderGroups(context, NULL, &length);
    say_more("groups", code, "length=%lu", length);
    code = SCardConnect(context, READER, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, &active);
    say_more("connect", code, "card=%ld active=%lu", card, active);
    code = SCardConnect(context, READER, SCARD_SHARE_DIRECT, 0, &card, &active);
    say_more("connect directly", code, "card=%ld active=%lu", card, active);
    code = SCardConnect(context, "", SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, &active);
    say("connect to no name", code);
    say_look("wait", context, READER, SCARD_STATE_UNAWARE);
    say_look("wait for an unknown state", context, READER, SCARD_STATE_UNKNOWN);
    say_look("wait for no name", context, "", SCARD_STATE_UNAWARE);
    say("wait for nothing", SCardGetStatusChange(context, INFINITE, NULL, 0));
    look_for_pnp(context);
    say("release", SCardReleaseContext(context));
}
