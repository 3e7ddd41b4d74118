#!/bin/bash
# The test's hand in the virtual machine: reads a command line from the second serial port, runs it,
# sends back its output, a NUL and its exit status. Nothing but this script has the port, so that no
# program takes it for a terminal.
stty raw -echo
printf '\0%d\n' 0
while IFS= read -r line; do
  bash -c "$line" </dev/null 2>&1 | cat
  printf '\0%d\n' "${PIPESTATUS[0]}"
done
