#!/bin/sh
# test.sh [ctest args] - builds everything in $BUILD and runs every test once.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
. tools/tally.sh
tools/build.sh
ninja -C "$BUILD" -j "$JOBS" all
run_ctest "$BUILD" tests "$@"
