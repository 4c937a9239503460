#!/bin/sh
# demo.sh - on a terminal: a conversation with the embedded model. Elsewhere: one answer, exit 0.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}"
if [ -t 0 ] && [ -t 1 ]; then
    exec "$BUILD/hearth" run --temperature 0.5 # what its card advises
fi
prompt="Hello! Who are you?"
printf '> %s\n' "$prompt"
"$BUILD/hearth" run --temperature 0.5 "$prompt" </dev/null
