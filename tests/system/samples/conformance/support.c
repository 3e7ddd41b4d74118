/* Lines, requests, cards, threads and children for the modules of the conformance program. */
#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME_CHARS_MAX 96
#define ANSWER_CHARS_MAX 64
#define RESPONSE_BYTES_MAX 258
/* A child that hangs is ended by the kernel. */
#define CHILD_SECONDS_MAX 20

extern const char *module_name;

static const struct {
    LONG code;
    const char *name;
} kCodes[] = {
    {SCARD_S_SUCCESS, "SUCCESS"},
    {SCARD_F_INTERNAL_ERROR, "INTERNAL_ERROR"},
    {SCARD_E_CANCELLED, "CANCELLED"},
    {SCARD_E_INVALID_HANDLE, "INVALID_HANDLE"},
    {SCARD_E_INVALID_PARAMETER, "INVALID_PARAMETER"},
    {SCARD_E_NO_MEMORY, "NO_MEMORY"},
    {SCARD_E_INSUFFICIENT_BUFFER, "INSUFFICIENT_BUFFER"},
    {SCARD_E_UNKNOWN_READER, "UNKNOWN_READER"},
    {SCARD_E_TIMEOUT, "TIMEOUT"},
    {SCARD_E_SHARING_VIOLATION, "SHARING_VIOLATION"},
    {SCARD_E_NO_SMARTCARD, "NO_SMARTCARD"},
    {SCARD_E_PROTO_MISMATCH, "PROTO_MISMATCH"},
    {SCARD_E_INVALID_VALUE, "INVALID_VALUE"},
    {SCARD_F_COMM_ERROR, "COMM_ERROR"},
    {SCARD_E_NOT_TRANSACTED, "NOT_TRANSACTED"},
    {SCARD_E_READER_UNAVAILABLE, "READER_UNAVAILABLE"},
    {SCARD_E_NO_SERVICE, "NO_SERVICE"},
    {SCARD_E_SERVICE_STOPPED, "SERVICE_STOPPED"},
    {SCARD_E_UNSUPPORTED_FEATURE, "UNSUPPORTED_FEATURE"},
    {SCARD_E_NO_READERS_AVAILABLE, "NO_READERS_AVAILABLE"},
    {SCARD_W_UNRESPONSIVE_CARD, "UNRESPONSIVE_CARD"},
    {SCARD_W_UNPOWERED_CARD, "UNPOWERED_CARD"},
    {SCARD_W_RESET_CARD, "RESET_CARD"},
    {SCARD_W_REMOVED_CARD, "REMOVED_CARD"},
    {SCARD_W_SECURITY_VIOLATION, "SECURITY_VIOLATION"},
};

const char *code_name(LONG code)
{
    static _Thread_local char number[2 + 2 * sizeof(LONG) + 1];
    size_t i;

    for (i = 0; i < COUNT(kCodes); i++)
        if (kCodes[i].code == code)
            return kCodes[i].name;
    snprintf(number, sizeof number, "0x%08lX", (unsigned long)code);
    return number;
}

void say(const char *name, LONG code)
{
    say_more(name, code, NULL);
}

void say_more(const char *name, LONG code, const char *details, ...)
{
    va_list arguments;

    printf("%s.%s: %s", module_name, name, code_name(code));
    if (details != NULL) {
        putchar(' ');
        va_start(arguments, details);
        vprintf(details, arguments);
        va_end(arguments);
    }
    putchar('\n');
    fflush(stdout);
}

const char *named(const char *format, ...)
{
    static _Thread_local char name[NAME_CHARS_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return name;
}

void give_up(const char *what, LONG code)
{
    printf("! %s.%s: %s\n", module_name, what, code_name(code));
    fflush(stdout);
    _exit(EXIT_FAILURE);
}

void ask(const char *request)
{
    char answer[ANSWER_CHARS_MAX];

    printf("> %s\n", request);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) == NULL)
        give_up(request, SCARD_F_COMM_ERROR);
}

SCARDCONTEXT new_context(void)
{
    SCARDCONTEXT context = 0;
    LONG code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);

    if (code != SCARD_S_SUCCESS)
        give_up("establish", code);
    return context;
}

LONG open_card(SCARDCONTEXT context, DWORD share, DWORD protocols, SCARDHANDLE *card, DWORD *active)
{
    DWORD nobody_asks;

    *card = 0;
    return SCardConnect(context, READER, share, protocols, card,
                        active == NULL ? &nobody_asks : active);
}

SCARDHANDLE must_open(SCARDCONTEXT context)
{
    SCARDHANDLE card;
    LONG code = open_card(context, SCARD_SHARE_SHARED, ANY_PROTOCOL, &card, NULL);

    if (code != SCARD_S_SUCCESS)
        give_up("connect", code);
    return card;
}

bool fits_32_bits(long number)
{
    return ((unsigned long)number >> 16) >> 16 == 0;
}

void change_card(const char *kind)
{
    char request[NAME_CHARS_MAX];

    ask("remove 0");
    snprintf(request, sizeof request, "insert 0 %s", kind);
    ask(request);
}

LONG transmit(SCARDHANDLE card, DWORD protocol, const BYTE *command, DWORD length, BYTE *answer,
              DWORD room, DWORD *count)
{
    SCARD_IO_REQUEST pci = {0, sizeof pci};

    pci.dwProtocol = protocol;
    *count = room;
    return SCardTransmit(card, &pci, command, length, NULL, answer, count);
}

LONG greet(SCARDHANDLE card, DWORD protocol)
{
    static const BYTE select[] = {0x00, 0xA4, 0x04, 0x00, 0x0A, 0xA0, 0x00, 0x00,
                                  0x00, 0x62, 0x03, 0x01, 0x0C, 0x06, 0x01};
    BYTE answer[RESPONSE_BYTES_MAX] = {0};
    DWORD count;
    LONG code = transmit(card, protocol, select, sizeof select, answer, sizeof answer, &count);

    if (code == SCARD_S_SUCCESS && (count != 2 || answer[0] != 0x90 || answer[1] != 0x00))
        give_up("greet", (LONG)count);
    return code;
}

unsigned long resets(SCARDHANDLE card)
{
    static const BYTE command[] = {0x80, 0x40, 0x00, 0x00};
    BYTE answer[RESPONSE_BYTES_MAX] = {0};
    DWORD count;
    LONG code =
        transmit(card, ACTIVE_PROTOCOL, command, sizeof command, answer, sizeof answer, &count);

    if (code != SCARD_S_SUCCESS || count != 6)
        return ~0UL;
    return (unsigned long)answer[0] << 24 | (unsigned long)answer[1] << 16 |
           (unsigned long)answer[2] << 8 | answer[3];
}

void say_status(const char *name, SCARDHANDLE card)
{
    char reader[MAX_READERNAME] = "";
    BYTE atr[MAX_ATR_SIZE] = {0};
    DWORD name_chars = sizeof reader, atr_bytes = sizeof atr, state = 77, protocol = 77;
    LONG code = SCardStatus(card, reader, &name_chars, &state, &protocol, atr, &atr_bytes);

    say_more(name, code, "state=%02lx protocol=%lu name=%lu atr=%lu", state & 0xFFFF, protocol,
             name_chars, atr_bytes);
}

LONG look(SCARDCONTEXT context, const char *reader, DWORD current, DWORD timeout_ms,
          SCARD_READERSTATE *state)
{
    memset(state, 0, sizeof *state);
    state->szReader = reader;
    state->dwCurrentState = current;
    state->dwEventState = 0x77;
    state->cbAtr = 7;
    return SCardGetStatusChange(context, timeout_ms, state, 1);
}

void say_look(const char *name, SCARDCONTEXT context, const char *reader, DWORD current)
{
    SCARD_READERSTATE state;
    LONG code = look(context, reader, current, 0, &state);

    say_more(name, code, "event=%04lx counter=%s atr=%lu", state.dwEventState & 0xFFFF,
             state.dwEventState >> 16 == 0 ? "0" : "n", state.cbAtr);
}

static void *task_main(void *pointer)
{
    struct task *task = pointer;
    LONG result = task->work(task->argument);

    pthread_mutex_lock(&task->lock);
    task->result = result;
    task->done = true;
    pthread_cond_signal(&task->ended);
    pthread_mutex_unlock(&task->lock);
    return NULL;
}

void task_start(struct task *task, LONG (*work)(void *argument), void *argument)
{
    pthread_condattr_t attributes;

    task->work = work;
    task->argument = argument;
    task->result = 0;
    task->done = false;
    pthread_mutex_init(&task->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&task->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&task->thread, NULL, task_main, task) != 0)
        give_up("thread", SCARD_E_NO_MEMORY);
}

bool task_ends_within(struct task *task, int ms)
{
    struct timespec end;
    bool done;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&task->lock);
    while (!task->done && pthread_cond_timedwait(&task->ended, &task->lock, &end) == 0)
        continue;
    done = task->done;
    pthread_mutex_unlock(&task->lock);
    return done;
}

LONG task_result(struct task *task)
{
    pthread_join(task->thread, NULL);
    pthread_cond_destroy(&task->ended);
    pthread_mutex_destroy(&task->lock);
    return task->result;
}

bool in_child(void (*work)(void *argument), void *argument)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child < 0)
        give_up("fork", SCARD_E_NO_MEMORY);
    if (child == 0) {
        alarm(CHILD_SECONDS_MAX);
        work(argument);
        fflush(stdout);
        _exit(EXIT_SUCCESS);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}
