#!/bin/sh
# demo.sh - on a terminal: a conversation with the embedded model. Elsewhere: one answer, exit 0.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}"
if [ -t 0 ] && [ -t 1 ]; then
    exec "$BUILD/hearth" run
fi
prompt="Hello! Who are you?"
printf '> %s\n' "$prompt"
"$BUILD/hearth" run "$prompt" </dev/null
