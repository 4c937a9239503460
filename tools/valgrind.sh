#!/bin/sh
# valgrind.sh [NAME...] - the unit tests (or those named) under valgrind's memcheck, two at a time.
#
# valgrind knows no AVX-512: the kernels then pick a lower tier by themselves, as on an older CPU.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
export BUILD
out=$BUILD/valgrind

# One test: a file $out/NAME.passed, .skipped or .failed, and its log beside it.
if [ "${1:-}" = --one ]; then
    test=$2 rc=0
    [ -x "$test" ] || test=$BUILD/tests/$test
    name=$(basename "$test")
    HEARTH_SRC=$PWD HEARTH_BUILD=$PWD/$BUILD LD_PRELOAD=$PWD/$out/nojit.so \
        valgrind -q --error-exitcode=99 --leak-check=full --suppressions=tools/valgrind.supp "$test" \
        >"$out/$name.log" 2>&1 </dev/null || rc=$?
    case $rc in
        0) touch "$out/$name.passed" ;;
        77) touch "$out/$name.skipped" ;;
        *)
            touch "$out/$name.failed"
            tail -n 40 "$out/$name.log"
            echo "valgrind: $name failed"
            ;;
    esac
    exit 0
fi

. tools/tally.sh
tools/build.sh
ninja -C "$BUILD" -j "$JOBS" all
command -v valgrind >/dev/null || {
    echo "valgrind: not installed; 'make setup-check' installs it" >&2
    exit 1
}
rm -rf "$out"
mkdir -p "$out"
"${CC:-cc}" -shared -fPIC -o "$out/nojit.so" tools/nojit.c
printf '%s\n' ${*:-"$BUILD"/tests/unit_*} | xargs -P "$JOBS" -n 1 tools/valgrind.sh --one
count() { find "$out" -name "*.$1" | wc -l; }
tally valgrind "$(count passed)" "$(count failed)" "$(count skipped)"
[ "$(count failed)" = 0 ] && [ "$(count passed)" != 0 ]
