#!/bin/sh
# Compiles and links each program of the man pages: what stands between .Bd -literal and .Ed and
# begins with #include.
set -u
build=${PIRN_BUILD_DIR:-build}
source=${PIRN_SOURCE_DIR:-.}
[ -f "$build/libpirn-core.a" ] || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The compiler that built the library: sanitizers of two compilers do not mix.
compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
flags='-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Werror'
! grep -q '^PIRN_COVERAGE:BOOL=ON' "$build/CMakeCache.txt" || flags="$flags --coverage"

libraries=$build/libpirn-core.a
[ ! -f "$build/libpirn.a" ] || libraries="$build/libpirn.a $libraries"
! grep -q deflateInit2_ "$build/libpirn-core.a" || libraries="$libraries -lz"

! grep -q SSL_CTX_new "$build/libpirn.a" || libraries="$libraries -lssl -lcrypto"

# The line of the page is the line of the program, for the compiler's messages.
extract()
{
    awk -v work="$work" '
        /^\.Bd -literal/ { inside = 1; first = 1; next }
        /^\.Ed/ { inside = 0; if (file) close(file); file = "" }
        inside && first { first = 0; if (/^#include/) {
            file = work "/" ++count ".c"
            print "#line " NR " \"" FILENAME "\"" > file
        } }
        inside && file { gsub(/\\&/, ""); gsub(/\\e/, "\\"); print > file }
    ' "$1"
}

failures=0
programs=0
for page in "$source"/docs/man/*.[1-9]; do
    rm -f "$work"/*.c
    extract "$page"
    for program in "$work"/*.c; do
        [ -f "$program" ] || continue
        programs=$((programs + 1))
        # shellcheck disable=SC2086 # lists
        "$compiler" $flags -I "$source/include" "$program" $libraries -lpthread \
            -o "$work/program" || failures=$((failures + 1))
    done
done
echo "$programs programs, $failures do not compile"
[ $failures -eq 0 ]
