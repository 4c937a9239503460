#!/bin/sh
# kernels.sh [hearth-check args] - every kernel of every tier of this machine against plain C.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
[ -f "$BUILD/build.ninja" ] || cmake -S . -B "$BUILD" -G Ninja >/dev/null
ninja -C "$BUILD" -j "$JOBS" hearth-check
exec "$BUILD/hearth-check" "$@"
