#!/bin/bash
# attack.sh - pages of an attacker in a real browser try to use the real server; see attack.mjs.
source "$(dirname "$0")/lib.bash"
has_ember || skip "this build has no embedded model"
for CHROMIUM in chromium-headless-shell chromium; do
    CHROMIUM=$(command -v "$CHROMIUM") && break
done
[ -n "$CHROMIUM" ] || skip "there is no chromium (make setup-ui installs one)"
work=$(packages "$HEARTH_SRC/tests/ui") || skip "npm could not get the packages"
cp "$HEARTH_SRC"/tests/ui/attack*.mjs "$work"
CHROMIUM=$CHROMIUM HEARTH_BIN=$HEARTH_BIN HEARTH_SRC=$HEARTH_SRC node "$work/attack.mjs"

