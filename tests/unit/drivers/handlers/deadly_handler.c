/* A library that does DEADLY when it is loaded. */
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void at_load(void) { DEADLY; }
