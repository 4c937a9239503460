#!/bin/bash
# pure.sh - the parts of the web chat that need no browser, and its types.
source "$(dirname "$0")/lib.bash"
work=$(packages "$HEARTH_SRC/ui") || skip "npm could not get the packages"
mkdir -p "$work/ui" "$work/tests"
rm -rf "$work/ui/src"
cp -R "$HEARTH_SRC/ui/src" "$work/ui/src"
cp "$HEARTH_SRC"/ui/tsconfig.json "$work/ui"
mkdir -p "$work/tests/ui"
cp "$HEARTH_SRC"/tests/ui/pure.test.ts "$work/tests/ui"
ok "types" "$work/node_modules/.bin/tsc" --noEmit -p "$work/ui"
ok "bundle" "$work/node_modules/.bin/esbuild" "$work/tests/ui/pure.test.ts" --bundle \
    --platform=node --format=esm --log-level=warning --outfile="$work/pure.test.mjs"
ok "tests" node --test "$work/pure.test.mjs" >"$work/pure.log" 2>&1
grep -E '^# (tests|pass|fail)' "$work/pure.log"
[ $fails = 0 ] || grep -A20 '^not ok' "$work/pure.log" | head -n 100
finish
