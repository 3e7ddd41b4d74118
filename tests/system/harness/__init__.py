"""Harness of the system tests: private namespaces, daemons, drivers, cards and raw clients."""
