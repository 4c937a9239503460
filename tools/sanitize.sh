#!/bin/sh
# sanitize.sh asan|tsan [ctest args] - every test under a sanitizer of its own.
#
# asan: AddressSanitizer and UndefinedBehaviorSanitizer.  tsan: ThreadSanitizer.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
kind=${1:-}
case $kind in
    asan) sanitize=ON ;;
    tsan) sanitize=thread ;;
    *)
        sed -n '2s/^# //p' tools/sanitize.sh >&2
        exit 64
        ;;
esac
shift
. tools/tally.sh
mkdir -p "$BUILD/$kind"
# The fast halves of kernels run as released, between guard pages (src/kern/CMakeLists.txt).
cmake -S . -B "$BUILD" -G Ninja >"$BUILD/$kind/configure.log"
ninja -C "$BUILD" -j "$JOBS" o_kern o_kern_checks
cmake -S . -B "$BUILD/$kind" -G Ninja -DHEARTH_SANITIZE=$sanitize \
    -DHEARTH_KERN_FROM="$(cd "$BUILD" && pwd)" >>"$BUILD/$kind/configure.log"
ninja -C "$BUILD/$kind" -j "$JOBS" all
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
run_ctest "$BUILD/$kind" "$kind" "$@"
