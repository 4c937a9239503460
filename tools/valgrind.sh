#!/bin/sh
# valgrind.sh [NAME...] - the unit tests (or those named) under valgrind's memcheck.
#
# valgrind knows no AVX-512: the kernels then pick a lower tier by themselves, as on an older CPU.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
. tools/tally.sh
tools/build.sh
ninja -C "$BUILD" -j "$JOBS" all
command -v valgrind >/dev/null || { echo "valgrind is missing; 'make setup-check' installs it" >&2; exit 1; }
"${CC:-cc}" -shared -fPIC -o "$BUILD/nojit.so" tools/nojit.c
passed=0 failed=0 skipped=0
for test in ${*:-"$BUILD"/tests/unit_*}; do
    [ -x "$test" ] || test=$BUILD/tests/$test
    rc=0
    HEARTH_SRC=$PWD HEARTH_BUILD=$PWD/$BUILD LD_PRELOAD=$PWD/$BUILD/nojit.so valgrind -q --error-exitcode=99 --leak-check=full \
        "$test" >"$BUILD/valgrind.log" 2>&1 </dev/null || rc=$?
    case $rc in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *)
        failed=$((failed + 1))
        tail -n 40 "$BUILD/valgrind.log"
        echo "valgrind: $test failed"
        ;;
    esac
done
tally valgrind $passed $failed $skipped
[ $failed = 0 ]
