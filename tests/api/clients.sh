#!/bin/bash
# clients.sh - the npm packages people use, against the real server; see clients.test.mjs.
#
# Skipped, with a sentence, where node, npm or the packages cannot be had.
source "$(dirname "$0")/../ui/lib.bash"
has_ember || skip "this build has no embedded model"
work=$(packages "$HEARTH_SRC/tests/api") || skip "npm could not get the packages"
cp "$HEARTH_SRC"/tests/api/clients.test.mjs "$work"

# A model of noise with a real vocabulary and a real template that knows tools.
vocab=$HEARTH_DATA/vocab/qwen2.gguf template=$HEARTH_DATA/templates/Qwen-Qwen2.5-7B-Instruct.jinja
[ -f "$vocab" ] && [ -f "$template" ] || skip "no test data in $HEARTH_DATA"
mkdir "$tmp/models"
"$HEARTH_BUILD"/mkmodel "$tmp/models/tools.gguf" arch=qwen2 layers=1 embd=32 heads=2 kv_heads=1 \
    head_dim=16 ff=32 ctx=4096 type=Q8_0 tokenizer="$vocab" template="$template" || exit 1
# One whose template has begun to reason where the answer begins; the marks are several tokens here.
thinks=$HEARTH_DATA/templates/deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja
[ -f "$thinks" ] || skip "no test data in $HEARTH_DATA"
"$HEARTH_BUILD"/mkmodel "$tmp/models/thinker.gguf" arch=qwen2 layers=1 embd=32 heads=2 kv_heads=1 \
    head_dim=16 ff=32 ctx=4096 type=Q8_0 tokenizer="$vocab" template="$thinks" || exit 1
start_server --models "$tmp/models"
"$HEARTH_BUILD"/mkmodel "$tmp/blob.gguf" layers=1 embd=32 heads=2 kv_heads=1 head_dim=16 ff=32 ctx=256 type=Q8_0 \
    tokenizer="$vocab" template="$template" arch=qwen2 seed=7 || exit 1
HEARTH_BLOB=$tmp/blob.gguf HEARTH_URL=http://127.0.0.1:$port node --test "$work/clients.test.mjs" >"$work/clients.log" 2>&1
rc=$?
grep -E '^# (tests|pass|fail)' "$work/clients.log"
[ $rc = 0 ] || grep -A30 '^not ok' "$work/clients.log" | head -n 300
stop
exit $((rc != 0 || fails > 0))
