/* Children of a process that uses the interface, and a daemon that ends and comes back. */
#include <stdio.h>

#include "support.h"

struct inherited {
    SCARDCONTEXT context;
    SCARDHANDLE card;
    const char *what;
};

/* Everything that a process does with what it has. */
static void use(const char *what, const struct inherited *from)
{
    SCARDHANDLE card = 0;
    DWORD length = 0;
    LONG code;

    say(named("%s/is valid", what), SCardIsValidContext(from->context));
    code = SCardListReaders(from->context, NULL, NULL, &length);
    say_more(named("%s/list", what), code, "length=%lu", length);
    say(named("%s/cancel", what), SCardCancel(from->context));
    say_look(named("%s/look", what), from->context, EMPTY_READER, SCARD_STATE_UNAWARE);
    say_status(named("%s/status", what), from->card);
    say(named("%s/begin", what), SCardBeginTransaction(from->card));
    say(named("%s/transmit", what), greet(from->card, ACTIVE_PROTOCOL));
    say(named("%s/end", what), SCardEndTransaction(from->card, SCARD_LEAVE_CARD));
    code = open_card(from->context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);
    say_more(named("%s/connect", what), code, "card=%s", card == 0 ? "0" : "n");
    say(named("%s/disconnect", what), SCardDisconnect(card, SCARD_LEAVE_CARD));
}

static void child_uses(void *argument)
{
    struct inherited *from = argument;

    use("child", from);
}

static void child_does_nothing(void *argument)
{
    (void)argument;
}

static void child_has_its_own(void *argument)
{
    struct inherited own = {0, 0, NULL};

    (void)argument;
    say("own/establish", SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &own.context));
    say("own/open", open_card(own.context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &own.card, NULL));
    use("own", &own);
    say("own/release", SCardReleaseContext(own.context));
}

static void child_disconnects(void *argument)
{
    struct inherited *from = argument;

    say("child/ends the handle", SCardDisconnect(from->card, SCARD_LEAVE_CARD));
    say_status("child/status after that", from->card);
}

static void child_releases(void *argument)
{
    struct inherited *from = argument;

    say("child/release", SCardReleaseContext(from->context));
    say("child/is valid after release", SCardIsValidContext(from->context));
    say("child/establish after release",
        SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &from->context));
}

/* A child does something, then the parent goes on. */
static void fork_and(const char *what, void (*work)(void *argument))
{
    struct inherited here = {new_context(), 0, what};
    char name[80];
    bool ended;

    here.card = must_open(here.context);
    ended = in_child(work, &here);
    say_more(named("%s/child", what), SCARD_S_SUCCESS, "ended=%d", ended);
    snprintf(name, sizeof name, "after %s/parent", what);
    use(name, &here);
    say(named("%s/parent disconnects", what), SCardDisconnect(here.card, SCARD_LEAVE_CARD));
    say(named("%s/parent releases", what), SCardReleaseContext(here.context));
}

void run_forks(void)
{
    fork_and("nothing", child_does_nothing);
    fork_and("own context", child_has_its_own);
    fork_and("use", child_uses);
    fork_and("disconnect", child_disconnects);
    fork_and("release", child_releases);
}

static LONG wait_in_thread(void *argument)
{
    struct inherited *from = argument;
    SCARD_READERSTATE state;

    return look(from->context, EMPTY_READER, SCARD_STATE_EMPTY, INFINITE, &state);
}

static void say_establish(const char *what)
{
    SCARDCONTEXT context = 5;
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);

    say_more(named("%s/establish", what), code, "context=%s", context == 0 ? "0" : "n");
    if (code == SCARD_S_SUCCESS)
        say(named("%s/release", what), SCardReleaseContext(context));
}

/* `idle` does nothing while the daemon is away, `busy` tries everything. */
void run_restart(void)
{
    struct inherited busy = {new_context(), 0, ""}, idle = {new_context(), 0, ""};
    struct inherited waiter = {new_context(), 0, ""}, leaver = {new_context(), 0, ""};
    struct task task;
    DWORD active = 5;
    LONG code;
    bool ended;

    busy.card = must_open(busy.context);
    idle.card = must_open(idle.context);
    leaver.card = must_open(leaver.context);
    task_start(&task, wait_in_thread, &waiter);
    ended = task_ends_within(&task, PROOF_MS);
    ask("stop");
    say_more("stopped/wait", task_result(&task), "early=%d", ended);
    use("stopped", &busy);
    code = SCardReconnect(busy.card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_LEAVE_CARD, &active);
    say_more("stopped/reconnect", code, "active=%lu", active);
    say("stopped/leaver disconnects", SCardDisconnect(leaver.card, SCARD_LEAVE_CARD));
    say("stopped/leaver releases", SCardReleaseContext(leaver.context));
    say("stopped/leaver releases again", SCardReleaseContext(leaver.context));
    say_establish("stopped");
    ask("start");
    use("back, busy", &busy);
    use("back, idle", &idle);
    use("back, waiter", &waiter);
    code = SCardReconnect(busy.card, SCARD_SHARE_SHARED, ANY_PROTOCOL, SCARD_LEAVE_CARD, &active);
    say_more("back/reconnect", code, "active=%lu", active);
    say("back/transmit", greet(busy.card, ACTIVE_PROTOCOL));
    say("back/disconnect", SCardDisconnect(busy.card, SCARD_LEAVE_CARD));
    say("back/release busy", SCardReleaseContext(busy.context));
    say("back/release busy again", SCardReleaseContext(busy.context));
    say("back/release idle", SCardReleaseContext(idle.context));
    say_establish("back");
}
