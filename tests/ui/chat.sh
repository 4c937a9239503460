#!/bin/bash
# chat.sh - a real browser walks the web chat of the real server; see chat.test.mjs.
source "$(dirname "$0")/lib.bash"
has_ember || skip "this build has no embedded model"
for CHROMIUM in chromium-headless-shell chromium; do
    CHROMIUM=$(command -v "$CHROMIUM") && break
done
[ -n "$CHROMIUM" ] || skip "there is no chromium (make setup-ui installs one)"
work=$(packages "$HEARTH_SRC/tests/ui") || skip "npm could not get the packages"
mkdir "$tmp/models" # beside ember one that does not end by itself
"$HEARTH_BUILD"/mkmodel "$tmp/models/noise.gguf" tokenizer=bpe vocab=512 embd=512 layers=8 ff=1024 \
    head_dim=64 heads=8 kv_heads=8 ctx=4096 type=Q8_0 || exit 1
"$HEARTH_BUILD"/mkmodel "$tmp/thin.gguf" adapter="$tmp/models/noise.gguf" rank=2 || exit 1
start_server noise --models "$tmp/models" --lora "$tmp/thin.gguf=0.5"
"$HEARTH_BIN" user add alice && "$HEARTH_BIN" user password alice --password-fd 3 3<<<'correct horse' ||
    exit 1
page='fetch(process.argv[1], { headers: { accept: "text/html" } }).then((r) => r.text()).then(console.log)'
node -e "$page" "http://127.0.0.1:$port/" | grep -q 'id="app"' || skip "this build has no web chat"
cp "$HEARTH_SRC"/tests/ui/chat.test.mjs "$work"
CHROMIUM=$CHROMIUM HEARTH_LOGIN=$link node --test "$work/chat.test.mjs" >"$work/chat.log" 2>&1
rc=$?
grep -E '^# (tests|pass|fail)' "$work/chat.log"
[ $rc = 0 ] || grep -A30 '^not ok' "$work/chat.log" | head -n 200
stop
exit $((rc != 0 || fails > 0))
