#!/bin/sh
# The dynamic symbols of our library against those of Debian's libpcsclite1: none removed, none
# added, none of another kind, version or (objects) size. Programs linked to one run with the other.
#   usage: compare_library.sh SHARED_LIBRARY [REFERENCE]
# Prints the differences; exit code 1 if there are any, 77 if there is no reference.
set -eu
shared=$1
reference=${2-$(dpkg -L libpcsclite1 2>/dev/null | grep '/libpcsclite\.so\.1\.' || true)}
[ -f "$reference" ] || { echo "libpcsclite1 is not installed"; exit 77; }

# NAME KIND BINDING VISIBILITY SIZE; the size of a function is nobody's business, and @ in a name
# is a version.
symbols() {
    readelf -W --dyn-syms "$1" |
        awk '$7 ~ /^[0-9]+$/ {print $8, $4, $5, $6, $4 == "OBJECT" ? $3 : "-"}' | sort
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
symbols "$reference" >"$scratch/reference"
symbols "$shared" >"$scratch/ours"
[ -s "$scratch/reference" ] || { echo "$reference has no symbols"; exit 1; }
diff -u "$scratch/reference" "$scratch/ours"
