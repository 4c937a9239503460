#!/bin/bash
# hearth plan --parallel: near the peak of the engine of a server whose answers fill their contexts
# all at once.  Within 5 %: the engine's own share changes with what it keeps besides; a cache, rows
# of logits or a list that is missing in the plan are more.
source "$(dirname "$0")/lib/server.bash"
needs_server
grep -qaE '__[at]san_init' "$HEARTH_BIN" && skip "a sanitized program's own memory is another matter"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[ -x "$make" ] || skip "this build has no mkmodel"

ctx=512 parallel=4
mkdir "$tmp/models"
m=$tmp/models/m.gguf
"$make" "$m" vocab=8192 embd=512 ff=2048 layers=6 head_dim=64 type=F16 tokenizer=bpe || exit 1
start -c $ctx --parallel $parallel --models "$tmp/models" m
read -r engine _ <"/proc/$pid/task/$pid/children"
fill() { # fill WORD: a prompt of its own, and an answer to the last token of the context
    local words
    words=$(yes "$1" | head -n 200 | tr '\n' ' ')
    ask POST /completion "{\"prompt\":\"$words\",\"n_predict\":$ctx,\"ignore_eos\":true}"
    [ "$code" = 200 ]
}
for _ in 1 2; do
    waiting=()
    for word in a b c d; do
        fill $word &
        waiting+=($!)
    done
    for w in "${waiting[@]}"; do ok "an answer" wait "$w"; done
done
measured=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$engine/status")
stop
"$HEARTH_BIN" plan --json -c $ctx --parallel $parallel "$m" >"$tmp/json"
planned=$(($(sed -n 's/.*"total_bytes": *\([0-9]*\).*/\1/p' "$tmp/json" | head -n 1) >> 10))
echo "planned $planned KiB, measured $measured KiB"
ok "not too little" test $((planned * 100)) -ge $((measured * 95))
ok "not too much" test $((planned * 100)) -le $((measured * 105))
finish
