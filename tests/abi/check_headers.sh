#!/bin/sh
# The installed headers in every language that includes them: no warning, the layout of the ABI.
#   usage: check_headers.sh C_COMPILER C++_COMPILER HEADER_DIRECTORY...
# Prints what a compiler says; exit code 1 if it says anything.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cc=$1 cxx=$2
shift 2
# Side by side as they are installed, where <PCSC/winscard.h> alone has to do as well.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/PCSC"
for directory; do
    cp "$directory"/*.h "$scratch/PCSC"
done
failed=0

compile() { # LABEL SOURCE COMPILER OPTION...
    label=$1 source=$2
    shift 2
    if ! "$@" -Wall -Wextra -pedantic -Werror -fsyntax-only "$source" >"$scratch/said" 2>&1 ||
        [ -s "$scratch/said" ]; then
        printf '%s\n' "$label:"
        cat "$scratch/said"
        failed=1
    fi
}

# Each header has to do without the others.
alone() { # LANGUAGE COMPILER OPTION...
    language=$1
    shift
    for header in "$scratch"/PCSC/*.h; do
        name=$(basename "$header")
        printf '#include <%s>\ntypedef int nothing_else;\n' "$name" >"$scratch/alone"
        compile "$name, $language" "$scratch/alone" "$@" "-I$scratch/PCSC"
    done
}

for width in native -m32; do
    # Freestanding: needs no C library, which is often there for one width only.
    set -- -ffreestanding
    if [ "$width" != native ]; then
        if ! "$cc" "$width" "$@" -fsyntax-only -x c /dev/null 2>"$scratch/said"; then
            echo "$cc does not know $width here"
            continue
        fi
        set -- "$@" "$width"
    fi
    for standard in c89 c11; do
        alone "$standard, $width" "$cc" "$@" "-std=$standard" -x c
        compile "$standard, $width" "$here/header_layout.c" \
            "$cc" "$@" "-std=$standard" -x c "-I$scratch/PCSC"
    done
    for standard in c++11 c++20; do
        alone "$standard, $width" "$cxx" "$@" "-std=$standard" -x c++
        compile "$standard, $width" "$here/header_layout.c" \
            "$cxx" "$@" "-std=$standard" -x c++ "-I$scratch/PCSC"
    done
    compile "<PCSC/...>, c11, $width" "$here/header_layout.c" \
        "$cc" "$@" -std=c11 -x c "-I$scratch" -DFROM_PCSC_DIRECTORY
    compile "without the log, c11, $width" "$here/header_layout.c" \
        "$cc" "$@" -std=c11 -x c "-I$scratch/PCSC" -DNO_LOG
done

# Whole programs, which include other headers as well: with those of a C library.
programs() { # LANGUAGE COMPILER OPTION...
    language=$1
    shift
    printf '#include <stdlib.h>\n' >"$scratch/hosted"
    if ! "$@" -fsyntax-only "$scratch/hosted" 2>"$scratch/said"; then
        echo "$language: no C library's headers here"
        return
    fi
    for program in ../../examples/hello_card.c linked.c establish.c; do
        compile "$program, $language" "$here/$program" "$@" "-I$scratch/PCSC"
    done
}

for width in -m64 -m32; do
    "$cc" "$width" -fsyntax-only -x c /dev/null 2>"$scratch/said" || continue
    for standard in c89 c11; do
        programs "$standard, $width" "$cc" "$width" "-std=$standard" -x c
    done
    for standard in c++11 c++20; do
        programs "$standard, $width" "$cxx" "$width" "-std=$standard" -x c++
    done
    for source in "$here"/../system/samples/conformance/*.c; do
        echo '#include <stdlib.h>' | "$cc" "$width" -fsyntax-only -x c - 2>"$scratch/said" || break
        compile "$(basename "$source"), $width" "$source" \
            "$cc" "$width" -std=gnu11 -pthread "-I$scratch/PCSC"
    done
done
exit $failed
