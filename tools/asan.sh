#!/bin/sh
# asan.sh [ctest args] - every test under AddressSanitizer and UndefinedBehaviorSanitizer.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
. tools/tally.sh
mkdir -p "$BUILD/asan"
cmake -S . -B "$BUILD/asan" -G Ninja -DHEARTH_SANITIZE=ON >"$BUILD/asan/configure.log"
ninja -C "$BUILD/asan" -j "$JOBS" all
export UBSAN_OPTIONS=print_stacktrace=1
run_ctest "$BUILD/asan" asan "$@"
