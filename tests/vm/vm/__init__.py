"""The virtual machine of the tests and what is in it."""
