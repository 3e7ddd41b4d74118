/* What the modules of the conformance program share. The program goes through the WinSCard
 * interface call by call and prints one line per case,
 *     module.case: RESULT details
 * in which nothing differs from run to run: numbers that somebody chooses are reduced to classes.
 * conformance_test.py runs it with each daemon and each library and compares the lines.
 *
 * Whoever runs it does what it asks for: a line "> REQUEST" on standard output is answered by any
 * line on standard input once that is done. Requests: "insert SLOT KIND [atr=...]",
 * "remove SLOT", "stop" and "start" (the daemon).
 *
 * Reader 0 holds a hello card when a module starts, reader 1 is empty. */
#ifndef CONFORMANCE_SUPPORT_H
#define CONFORMANCE_SUPPORT_H

#include <pthread.h>
#include <reader.h>
#include <stdbool.h>
#include <winscard.h>

#define READER "Cardea Virtual Reader 00 00"
#define EMPTY_READER "Cardea Virtual Reader 00 01"
#define PNP_NAME "\\\\?PnP?\\Notification"
#define ANY_PROTOCOL (SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
/* In a send PCI: whichever is spoken. */
#define ACTIVE_PROTOCOL 0x1000

/* A call that does not end within this time is waiting for something. */
#define PROOF_MS 300
/* A call that needs nobody ends within this time, however busy the machine is. */
#define PATIENCE_MS 5000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Prints the line of one case. */
void say(const char *name, LONG code);
/* The same with details, in which nothing may depend on a call among the arguments. */
void say_more(const char *name, LONG code, const char *details, ...)
    __attribute__((format(printf, 3, 4)));
/* The name of a case that is made of parts; valid until the next call in the thread. */
const char *named(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "SUCCESS", "INVALID_HANDLE", ...; hexadecimal if it has no name. */
const char *code_name(LONG code);
/* Has a request done by whoever runs the program. */
void ask(const char *request);
/* Ends the program: what the cases stand on is missing. */
void give_up(const char *what, LONG code) __attribute__((noreturn));

SCARDCONTEXT new_context(void);
/* SCardConnect to reader 0; `active` may be NULL. */
LONG open_card(SCARDCONTEXT context, DWORD share, DWORD protocols, SCARDHANDLE *card,
               DWORD *active);
/* The same, shared and with either protocol, which has to succeed. */
SCARDHANDLE must_open(SCARDCONTEXT context);
bool fits_32_bits(long number);
/* Takes the card out of reader 0 and puts in another kind: "hello atr=t1", "mute". */
void change_card(const char *kind);

/* SELECT of the hello card's application: fails unless the answer is 90 00. */
LONG greet(SCARDHANDLE card, DWORD protocol);
/* One command with a buffer of `room` bytes; *count is what the library says. */
LONG transmit(SCARDHANDLE card, DWORD protocol, const BYTE *command, DWORD length, BYTE *answer,
              DWORD room, DWORD *count);
/* Resets and power-ups since the card was inserted; all ones if it does not tell. */
unsigned long resets(SCARDHANDLE card);
/* Says code, state, protocol and lengths of SCardStatus. */
void say_status(const char *name, SCARDHANDLE card);

/* SCardGetStatusChange for one entry. */
LONG look(SCARDCONTEXT context, const char *reader, DWORD current, DWORD timeout_ms,
          SCARD_READERSTATE *state);
/* The same and its line. */
void say_look(const char *name, SCARDCONTEXT context, const char *reader, DWORD current);

/* A call in a thread of its own. `work` gets `argument`. */
struct task {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    LONG (*work)(void *argument);
    void *argument;
    LONG result;
    bool done;
};
void task_start(struct task *task, LONG (*work)(void *argument), void *argument);
bool task_ends_within(struct task *task, int ms);
/* Waits for the end; the result of the call. */
LONG task_result(struct task *task);

/* Runs `work` in a forked child; true if it came to its end there. */
bool in_child(void (*work)(void *argument), void *argument);
/* Milliseconds of a clock that only goes forward. */
long now_ms(void);

/* Every function with a context, or a handle, that is not valid; `what` begins the names. */
void try_bad_context(const char *what, SCARDCONTEXT context);
void try_bad_card(const char *what, SCARDHANDLE card);

/* The modules, one function each; main.c says when they are run. */
void run_arguments(void);
void run_attributes(void);
void run_cancels(void);
void run_changes(void);
void run_connects(void);
void run_control(void);
void run_dispositions(void);
void run_early(void);
void run_empty(void);
void run_events(void);
void run_exchange(void);
void run_firstwait(void);
void run_forks(void);
void run_handles(void);
void run_impatient(void);
void run_mute(void);
void run_removal(void);
void run_resets(void);
void run_restart(void);
void run_sharing(void);
void run_status(void);
void run_texts(void);
void run_threads(void);
void run_transactions(void);
void run_unserved(void);

#endif
