/* The conformance program: conformance MODULE runs one module of cases (see support.h).
 *
 *     cc *.c $(pkg-config --cflags --libs libpcsclite) -pthread -o conformance
 *
 * Without a module it prints their names, each with what it needs: "served" (a daemon, two
 * readers), "unserved" (no daemon), "empty" (a daemon, no reader) or "impatient" (as "served", and
 * PCSCLITE_NO_BLOCKING in the environment). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

/* No module may hang the test that runs it. */
#define SECONDS_MAX 100

const char *module_name;

static const struct {
    const char *name;
    const char *needs;
    void (*run)(void);
} kModules[] = {
    {"early", "unserved", run_early},
    {"unserved", "unserved", run_unserved},
    {"texts", "unserved", run_texts},
    {"empty", "empty", run_empty},
    {"firstwait", "served", run_firstwait},
    {"arguments", "served", run_arguments},
    {"handles", "served", run_handles},
    {"connects", "served", run_connects},
    {"status", "served", run_status},
    {"attributes", "served", run_attributes},
    {"exchange", "served", run_exchange},
    {"control", "served", run_control},
    {"sharing", "served", run_sharing},
    {"resets", "served", run_resets},
    {"dispositions", "served", run_dispositions},
    {"transactions", "served", run_transactions},
    {"removal", "served", run_removal},
    {"mute", "served", run_mute},
    {"impatient", "impatient", run_impatient},
    {"changes", "served", run_changes},
    {"events", "served", run_events},
    {"cancels", "served", run_cancels},
    {"threads", "served", run_threads},
    {"forks", "served", run_forks},
    {"restart", "served", run_restart},
};

int main(int argc, char **argv)
{
    size_t i;

    if (argc != 2) {
        for (i = 0; i < COUNT(kModules); i++)
            printf("%s %s\n", kModules[i].name, kModules[i].needs);
        return EXIT_SUCCESS;
    }
    for (i = 0; i < COUNT(kModules); i++) {
        if (strcmp(kModules[i].name, argv[1]) != 0)
            continue;
        module_name = kModules[i].name;
        alarm(SECONDS_MAX);
        kModules[i].run();
        return EXIT_SUCCESS;
    }
    fprintf(stderr, "%s: no such module\n", argv[1]);
    return EXIT_FAILURE;
}
