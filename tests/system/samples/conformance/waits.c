/* SCardGetStatusChange while something happens, its cancellation, and threads beside it. */
#include <stdio.h>

#include "support.h"

#define CANCELS_MAX 100
#define CANCEL_MS 50
/* pcsc-lite looks at sharing only when its driver has news of a card. */
#define NOTICE_MS 1500

/* One wait in a thread. */
struct wait {
    SCARDCONTEXT context;
    const char *reader;
    DWORD current;
    DWORD timeout_ms;
    SCARD_READERSTATE state;
};

static LONG wait_in_thread(void *argument)
{
    struct wait *wait = argument;

    return look(wait->context, wait->reader, wait->current, wait->timeout_ms, &wait->state);
}

/* Waits for `request`, which has to change something, from `current` on. */
static void event(const char *name, SCARDCONTEXT context, DWORD current, DWORD timeout_ms,
                  const char *request)
{
    struct wait wait = {context, READER, current, timeout_ms, {0}};
    SCARD_READERSTATE before;
    struct task task;
    bool early;
    LONG code;

    look(context, READER, SCARD_STATE_UNAWARE, 0, &before);
    task_start(&task, wait_in_thread, &wait);
    early = task_ends_within(&task, PROOF_MS);
    ask(request);
    code = task_result(&task);
    say_more(name, code, "event=%04lx atr=%lu counter+%lu early=%d",
             wait.state.dwEventState & 0xFFFF, wait.state.cbAtr,
             (wait.state.dwEventState >> 16) - (before.dwEventState >> 16), early);
}

/* pcsc-lite loses a cancel that comes before its wait, so it is repeated as users do. */
static LONG cancel_until_ended(SCARDCONTEXT context, struct task *task)
{
    LONG code = SCARD_F_INTERNAL_ERROR;
    int i;

    for (i = 0; i < CANCELS_MAX && !task_ends_within(task, CANCEL_MS); i++) {
        code = SCardCancel(context);
        if (code != SCARD_S_SUCCESS)
            break;
    }
    return code;
}

/* What somebody else does to the reader, and when the wait of `context` ends. */
static void sharing_events(SCARDCONTEXT context)
{
    SCARDCONTEXT other = new_context();
    struct wait wait = {context, READER, SCARD_STATE_PRESENT, INFINITE, {0}};
    SCARDHANDLE card;
    DWORD active;
    struct task task;
    LONG code;
    bool early;

    task_start(&task, wait_in_thread, &wait);
    card = must_open(other);
    early = task_ends_within(&task, PROOF_MS);
    say_more("use/connect is an event", SCARD_S_SUCCESS, "%d", early);
    SCardReconnect(card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_RESET_CARD, &active);
    early = task_ends_within(&task, PROOF_MS);
    say_more("use/reset is an event", SCARD_S_SUCCESS, "%d", early);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    early = task_ends_within(&task, PROOF_MS);
    say_more("use/disconnect is an event", SCARD_S_SUCCESS, "%d", early);
    ask("remove 0");
    code = task_result(&task);
    say_more("use/removal", code, "event=%04lx", wait.state.dwEventState & 0xFFFF);
    ask("insert 0 hello");

    card = must_open(other);
    wait.current = SCARD_STATE_PRESENT | SCARD_STATE_INUSE;
    task_start(&task, wait_in_thread, &wait);
    early = task_ends_within(&task, PROOF_MS);
    say_more("use/still in use", SCARD_S_SUCCESS, "early=%d", early);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    early = task_ends_within(&task, NOTICE_MS);
    cancel_until_ended(context, &task);
    code = task_result(&task);
    say_more("use/end of use", code, "event=%04lx noticed=%d", wait.state.dwEventState & 0xFFFF,
             early);
    SCardReleaseContext(other);
}

void run_events(void)
{
    SCARDCONTEXT context = new_context();

    event("remove", context, SCARD_STATE_PRESENT, INFINITE, "remove 0");
    event("insert", context, SCARD_STATE_EMPTY, 60000, "insert 0 hello");
    event("remove, all ones", context, SCARD_STATE_PRESENT, ~(DWORD)0, "remove 0");
    event("insert mute", context, SCARD_STATE_EMPTY, 60000, "insert 0 mute");
    event("remove mute", context, SCARD_STATE_PRESENT | SCARD_STATE_MUTE, 60000, "remove 0");
    event("insert T=0", context, SCARD_STATE_EMPTY, 60000, "insert 0 hello atr=t0");
    change_card("hello");
    sharing_events(context);
    SCardReleaseContext(context);
}

static void cancel(const char *name, SCARDCONTEXT context, const char *reader, DWORD current,
                   DWORD timeout_ms)
{
    struct wait wait = {context, reader, current, timeout_ms, {0}};
    struct task task;
    LONG code, ended;

    task_start(&task, wait_in_thread, &wait);
    code = cancel_until_ended(context, &task);
    ended = task_result(&task);
    say_more(name, ended, "event=%04lx cancel=%s", wait.state.dwEventState & 0xFFFF,
             code_name(code));
}

void run_cancels(void)
{
    SCARDCONTEXT context = new_context(), other = new_context();
    struct wait wait = {context, EMPTY_READER, SCARD_STATE_EMPTY, INFINITE, {0}};
    SCARD_READERSTATE state;
    struct task task;
    LONG code;
    bool ended;

    cancel("absent", context, EMPTY_READER, SCARD_STATE_EMPTY, INFINITE);
    cancel("present", context, READER, SCARD_STATE_PRESENT, 60000);
    cancel("PnP", context, PNP_NAME, SCARD_STATE_UNAWARE, INFINITE);
    cancel("again", context, EMPTY_READER, SCARD_STATE_EMPTY, ~(DWORD)0);
    say_look("look after that", context, READER, SCARD_STATE_UNAWARE);
    say("before any wait", SCardCancel(context));
    say("before any wait again", SCardCancel(context));
    code = look(context, EMPTY_READER, SCARD_STATE_EMPTY, 100, &state);
    say_more("is forgotten", code, "event=%04lx", state.dwEventState & 0xFFFF);
    task_start(&task, wait_in_thread, &wait);
    ended = task_ends_within(&task, PROOF_MS);
    say_more("other context", SCardCancel(other), "ended=%d", ended);
    ended = task_ends_within(&task, PROOF_MS);
    code = cancel_until_ended(context, &task);
    say_more("right context", task_result(&task), "ended=%d cancel=%s", ended, code_name(code));
    say("release", SCardReleaseContext(context));
    say("released", SCardCancel(context));
    SCardReleaseContext(other);
}

struct user {
    SCARDCONTEXT context;
    SCARDHANDLE card;
};

static LONG list_in_thread(void *argument)
{
    struct user *user = argument;
    DWORD length = 0;

    return SCardListReaders(user->context, NULL, NULL, &length);
}

static LONG valid_in_thread(void *argument)
{
    struct user *user = argument;

    return SCardIsValidContext(user->context);
}

static LONG greet_in_thread(void *argument)
{
    struct user *user = argument;
    LONG code = SCARD_S_SUCCESS;
    int i;

    for (i = 0; i < 20 && code == SCARD_S_SUCCESS; i++)
        code = greet(user->card, ACTIVE_PROTOCOL);
    return code;
}

static LONG establish_in_thread(void *argument)
{
    SCARDCONTEXT context = 0;
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);

    (void)argument;
    if (code == SCARD_S_SUCCESS)
        code = SCardReleaseContext(context);
    return code;
}

/* One thread waits; others come with its context, and with another. */
static void beside_a_wait(SCARDCONTEXT context, SCARDCONTEXT other)
{
    struct wait wait = {context, EMPTY_READER, SCARD_STATE_EMPTY, INFINITE, {0}};
    struct user same = {context, 0}, stranger = {other, 0};
    struct task waiting, listing, asking;
    bool ended;
    LONG code;

    task_start(&waiting, wait_in_thread, &wait);
    ended = task_ends_within(&waiting, PROOF_MS);
    say_more("wait/ended", SCARD_S_SUCCESS, "%d", ended);
    say("wait/same context is valid", SCardIsValidContext(context));
    say("wait/other context lists", list_in_thread(&stranger));
    say("wait/establish", establish_in_thread(NULL));
    task_start(&listing, list_in_thread, &same);
    say_more("wait/same context lists", SCARD_S_SUCCESS, "at_once=%d",
             task_ends_within(&listing, PROOF_MS));
    task_start(&asking, valid_in_thread, &stranger);
    say_more("wait/other context is valid", SCARD_S_SUCCESS, "at_once=%d",
             task_ends_within(&asking, PROOF_MS));
    ask("insert 1 hello");
    code = task_result(&waiting);
    say_more("wait/wait", code, "event=%04lx", wait.state.dwEventState & 0xFFFF);
    say("wait/list after that", task_result(&listing));
    say("wait/valid after that", task_result(&asking));
    ask("remove 1");
}

static LONG cancel_in_thread(void *argument)
{
    struct user *user = argument;

    return SCardCancel(user->context);
}

/* A cancel while somebody else is in line for the context: at once, or after the card has come. */
static void cancel_beside_a_queue(SCARDCONTEXT context)
{
    struct wait wait = {context, EMPTY_READER, SCARD_STATE_EMPTY, INFINITE, {0}};
    struct user same = {context, 0};
    struct task waiting, listing, cancelling;
    bool ended, queued, at_once;
    LONG code;

    task_start(&waiting, wait_in_thread, &wait);
    ended = task_ends_within(&waiting, PROOF_MS);
    task_start(&listing, list_in_thread, &same);
    queued = !task_ends_within(&listing, PROOF_MS);
    say_more("queue/before", SCARD_S_SUCCESS, "ended=%d queued=%d", ended, queued);
    task_start(&cancelling, cancel_in_thread, &same);
    at_once = task_ends_within(&cancelling, PROOF_MS) && task_ends_within(&waiting, PATIENCE_MS);
    ask("insert 1 hello");
    code = task_result(&waiting);
    say_more("queue/wait", code, "event=%04lx", wait.state.dwEventState & 0xFFFF);
    say("queue/list", task_result(&listing));
    say_more("queue/cancel", task_result(&cancelling), "at_once=%d", at_once);
    ask("remove 1");
}

void run_threads(void)
{
    SCARDCONTEXT context = new_context(), other = new_context();
    struct user first = {context, 0}, second = {context, 0}, third = {other, 0};
    struct task tasks[3];

    beside_a_wait(context, other);
    cancel_beside_a_queue(context);
    first.card = must_open(context);
    second.card = first.card;
    third.card = must_open(other);
    task_start(&tasks[0], greet_in_thread, &first);
    task_start(&tasks[1], greet_in_thread, &second);
    task_start(&tasks[2], greet_in_thread, &third);
    say("card/first", task_result(&tasks[0]));
    say("card/same handle", task_result(&tasks[1]));
    say("card/other context", task_result(&tasks[2]));
    SCardReleaseContext(context);
    SCardReleaseContext(other);
}
