#!/bin/sh
# build.sh - configure and build the program and the library into $BUILD.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}"
for tool in cmake ninja cc; do
    command -v $tool >/dev/null 2>&1 && continue
    echo "build: $tool is missing; 'make setup' installs what a build needs." >&2
    exit 1
done
mkdir -p "$BUILD"
if ! cmake -S . -B "$BUILD" -G Ninja >"$BUILD/configure.log" 2>&1; then
    cat "$BUILD/configure.log" >&2
    echo "build: cmake could not configure; 'make setup' installs what a build needs." >&2
    exit 1
fi
quiet=
[ -t 1 ] || quiet=--quiet # one line that redraws itself on a terminal; nothing in a log
ninja $quiet -C "$BUILD" -j "$JOBS" hearth hearth_bin
