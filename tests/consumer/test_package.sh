#!/bin/sh
# Installs into an empty folder and builds the project beside this script against it in each way:
# CMake and pkg-config, shared and static. The folder is moved first, for a package may be.
set -eu
source=$PIRN_SOURCE_DIR/tests/consumer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$PIRN_BUILD_DIR" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"
prefix=$work/prefix
programs=core
[ -z "$(find "$prefix" -name libpirn.a)" ] || programs="core net"

# run FOLDER PROGRAM...: none may fail, and only the shared ones may need our .so.
run() {
    folder=$1
    shift
    for program in "$@"; do
        "$folder/$program"
        case $folder in
        *static) ! readelf -d "$folder/$program" | grep -q libpirn ;;
        *shared) readelf -d "$folder/$program" | grep -q libpirn ;;
        esac || {
            echo "$folder/$program is linked in the wrong way"
            exit 1
        }
    done
}

with_cmake() {
    cmake -S "$source" -B "$work/cmake-$1" -DCMAKE_PREFIX_PATH="$prefix" \
        -Dpirn_USE_STATIC_LIBS="$2" >/dev/null
    cmake --build "$work/cmake-$1" >/dev/null
    # shellcheck disable=SC2086 # a list of words
    run "$work/cmake-$1" plus $programs
}

with_pkg_config() {
    mkdir "$work/pkg-$1"
    for program in $programs; do
        package=pirn
        [ "$program" != core ] || package=pirn-core
        # shellcheck disable=SC2046,SC2086 # lists of words
        cc "$source/$program.c" -o "$work/pkg-$1/$program" $(pkg-config --cflags $package) \
            "-Wl,-B$2" $(pkg-config $3 --libs $package) -Wl,-Bdynamic
    done
    # shellcheck disable=SC2086
    run "$work/pkg-$1" $programs
}

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name pirn-core.pc)")
LD_LIBRARY_PATH=${PKG_CONFIG_PATH%/pkgconfig}
export PKG_CONFIG_PATH LD_LIBRARY_PATH
with_cmake shared OFF
with_cmake static ON
with_pkg_config shared dynamic ""
with_pkg_config static static --static
[ ! -e "$prefix/bin/pirn" ] || "$prefix/bin/pirn" --version
