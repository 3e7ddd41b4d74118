#!/bin/sh
# What building against the installed library takes: pkg-config's variables, and programs linked
# with the shared and the static library.
#   usage: check_install.sh BUILD_DIRECTORY C_COMPILER
# Prints each difference; exit code 1 if there is any.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1 cc=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

install_below() { # DESTDIR PREFIX
    for part in include libpcsclite; do
        DESTDIR=$1 cmake "-DCMAKE_INSTALL_PREFIX=$2" \
            -P "$build/$part/cmake_install.cmake" >/dev/null
    done
    PKG_CONFIG_LIBDIR=$(dirname "$(find "$1$2" -name libpcsclite.pc)")
    export PKG_CONFIG_LIBDIR
}
expect() { # WHAT EXPECTED FOUND
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failed=1
}
variable() { pkg-config "--variable=$1" libpcsclite; }

# As a distribution installs it. Driver packages ask for the last two.
install_below "$scratch/usr" /usr
expect prefix /usr "$(variable prefix)"
expect libdir "${PKG_CONFIG_LIBDIR#"$scratch/usr"}" "$(variable libdir)/pkgconfig"
expect includedir /usr/include "$(variable includedir)"
expect usbdropdir /usr/lib/pcsc/drivers "$(variable usbdropdir)"
expect serialconfdir /etc/reader.conf.d "$(variable serialconfdir)"
expect Version 2.5.1 "$(pkg-config --modversion libpcsclite)"

# Beside a distribution's own.
install_below "" "$scratch/own"
libdir=$(variable libdir)
try() { # LABEL LIBRARY_PATH COMPILER_ARGUMENT...
    label=$1 path=$2
    shift 2
    # Words of pkg-config, to be split.
    # shellcheck disable=SC2046
    if "$cc" -Wall -Werror $(pkg-config --cflags libpcsclite) "$here/linked.c" \
        -o "$scratch/program" "$@"; then
        status=0
        LD_LIBRARY_PATH=$path "$scratch/program" || status=$?
        expect "status of a program, $label" 0 "$status"
    else
        echo "cannot link a program, $label"
        failed=1
    fi
}
# shellcheck disable=SC2046
try "shared" "$libdir" $(pkg-config --libs libpcsclite)
# shellcheck disable=SC2046
try "shared, with copies of the objects" "$libdir" -fno-pie -no-pie $(pkg-config --libs libpcsclite)
# shellcheck disable=SC2046
try "static" "" -static $(pkg-config --static --libs libpcsclite)
exit $failed
