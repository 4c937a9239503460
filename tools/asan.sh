#!/bin/sh
# asan.sh [ctest args] - every test under AddressSanitizer and UndefinedBehaviorSanitizer.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
. tools/tally.sh
mkdir -p "$BUILD/asan"
# The fast halves of kernels run as released, between guard pages (src/kern/CMakeLists.txt).
cmake -S . -B "$BUILD" -G Ninja >"$BUILD/asan/configure.log"
ninja -C "$BUILD" -j "$JOBS" o_kern o_kern_checks
cmake -S . -B "$BUILD/asan" -G Ninja -DHEARTH_SANITIZE=ON \
    -DHEARTH_KERN_FROM="$(cd "$BUILD" && pwd)" >>"$BUILD/asan/configure.log"
ninja -C "$BUILD/asan" -j "$JOBS" all
export UBSAN_OPTIONS=print_stacktrace=1
run_ctest "$BUILD/asan" asan "$@"
