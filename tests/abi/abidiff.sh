#!/bin/sh
# What abidiff (abigail-tools) says of our library and headers against Debian's.
#   usage: abidiff.sh SHARED_LIBRARY C_COMPILER HEADER_DIRECTORY...
# The libraries carry no types (Debian's has no debug information), so abidiff compares their
# symbols: names, versions, kinds, sizes of objects. The types are those of the headers: an object
# that has all of them is compiled with each set.
# Prints the differences; exit code 1 if there are any, 77 if something to compare with is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
shared=$1 cc=$2
shift 2
command -v abidiff >/dev/null || { echo "abigail-tools is not installed"; exit 77; }
reference=$(dpkg -L libpcsclite1 2>/dev/null | grep '/libpcsclite\.so\.1\.' || true)
[ -f "$reference" ] || { echo "libpcsclite1 is not installed"; exit 77; }
headers=$(dpkg -L libpcsclite-dev 2>/dev/null | grep '/PCSC$' || true)
[ -d "$headers" ] || { echo "libpcsclite-dev is not installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

compare() { # LABEL ABIDIFF_ARGUMENT...
    label=$1
    shift
    if ! abidiff "$@" >"$scratch/said" 2>&1; then
        printf '%s:\n' "$label"
        cat "$scratch/said"
        failed=1
    fi
}
# A comparison that has to find something: abidiff sees what it is used for.
expect_change() { # LABEL ABIDIFF_ARGUMENT...
    label=$1
    shift
    status=0
    abidiff "$@" >"$scratch/said" 2>&1 || status=$?
    # 4: the ABI has changed; 1 and 2 are errors.
    if [ $((status & 7)) -ne 4 ]; then
        echo "abidiff does not see $label (status $status)"
        cat "$scratch/said"
        failed=1
    fi
}
types() { # OUTPUT HEADER_DIRECTORY...
    output=$1
    shift
    for directory; do set -- "$@" "-I$directory"; shift; done
    "$cc" -g -shared -fPIC -o "$scratch/$output" "$here/signatures.c" "$@"
}

compare "symbols of the library" "$reference" "$shared"
echo 'int other;' | "$cc" -shared -fPIC -Wl,-soname,libpcsclite.so.1 -x c -o "$scratch/other.so" -
expect_change "missing symbols" "$reference" "$scratch/other.so"

types theirs.so "$headers"
types ours.so "$@"
compare "types of the headers" --fail-no-debug-info "$scratch/theirs.so" "$scratch/ours.so"
mkdir "$scratch/spoiled"
cp "$headers"/*.h "$scratch/spoiled"
sed -i 's/DWORD dwDisposition/WORD dwDisposition/' "$scratch/spoiled/winscard.h"
types spoiled.so "$scratch/spoiled"
expect_change "another type" "$scratch/theirs.so" "$scratch/spoiled.so"
exit $failed
