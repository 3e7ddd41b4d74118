#!/bin/sh
# What applications and package tools see of the library: its names, its SONAME, what it needs.
#   usage: check_library.sh SHARED_LIBRARY STATIC_LIBRARY EXPORT_MAP
# Prints each difference; exit code 1 if there is any.
set -eu
shared=$1 static=$2 map=$3
failed=0

expect() { # WHAT EXPECTED FOUND
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failed=1
}
one_line() { sort | tr '\n' ' '; }

names=$(sed -n 's/^    \([A-Za-z_0-9]*\);$/\1/p' "$map" | one_line)
expect "number of names in the map" 22 "$(echo "$names" | wc -w)"
expect "exported by the shared library, without versions" "$names" \
    "$(nm -D --defined-only --with-symbol-versions "$shared" | awk '{print $3}' | one_line)"
expect "global in the static library" "$names" \
    "$(nm -g --defined-only "$static" | awk 'NF == 3 {print $3}' | one_line)"

expect "SONAME" "libpcsclite.so.1" \
    "$(readelf -d "$shared" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')"
# The dynamic linker itself is needed for thread-local data, as in pcsc-lite's library.
expect "NEEDED, beside libc and the dynamic linker" "" \
    "$(readelf -d "$shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -v -e '^libc\.so\.' -e '^ld-linux' | one_line)"

# Programs copy these objects (COPY relocations): two words each, read-only.
words=$(readelf -h "$shared" | grep -q ELF64 && echo 16 || echo 8)
for object in g_rgSCardT0Pci g_rgSCardT1Pci g_rgSCardRawPci; do
    expect "$object" "OBJECT $words R" \
        "$(readelf -W --dyn-syms "$shared" | awk -v n=$object '$8 == n {printf "%s %s ", $4, $3}')$(
            nm -D "$shared" | awk -v n=$object '$3 == n {print $2}')"
done
exit $failed
