#!/bin/bash
# hearth logits: parity with listed logits, and the same bits however the work is cut.
. "$(dirname "$0")/lib/check.bash"
data=$HEARTH_DATA/archs
[[ -d $data ]] || skip "no $data"

near() { # near FILE FILE: same count of floats, none further apart than 1e-3
    python3 - "$1" "$2" << 'PY'
import array, sys
a, b = (array.array('f', open(p, 'rb').read()) for p in sys.argv[1:3])
worst = max((abs(x - y) for x, y in zip(a, b)), default=1e9)
ok = len(a) == len(b) and len(a) > 0 and worst < 1e-3
if not ok: print('lengths', len(a), len(b), 'worst', worst)
sys.exit(not ok)
PY
}

tiers=$("$HEARTH_BIN" version --json | python3 -c '
import json, sys
print(*(t["name"] for t in json.load(sys.stdin)["tiers"] if t["runs_here"]))')
for name in llama-dense qwen2-dense qwen3-dense; do
    m=$data/$name.gguf t=$data/$name.tokens
    "$HEARTH_BIN" logits "$m" --tokens "$t" --out "$tmp/whole" || fails=$((fails + 1))
    ok "$name: every logit within 1e-3" near "$data/$name.logits.f32" "$tmp/whole"
    for threads in 1 2; do
        for chunk in 1 7 64 256; do
            "$HEARTH_BIN" logits "$m" --tokens "$t" --out "$tmp/cut" --threads $threads --chunk $chunk
            ok "$name: $threads threads, chunks of $chunk" cmp "$tmp/whole" "$tmp/cut"
        done
    done
    for isa in $tiers; do
        "$HEARTH_BIN" logits "$m" --tokens "$t" --out "$tmp/cut" --isa "$isa"
        ok "$name: $isa" cmp "$tmp/whole" "$tmp/cut"
    done
done

m=$data/llama-dense.gguf
printf '1, 2,3\n4\t5' > "$tmp/ids"
hearth logits "$m" --tokens "$tmp/ids" --out "$tmp/five" --json
same "rows" 5 "$(grep -o '"rows": [0-9]*' <<< "$out" | grep -o '[0-9]*')"
same "five rows of 128" $((5 * 128 * 4)) "$(stat -c %s "$tmp/five")"
printf '1 2 x' > "$tmp/bad"
refused 65 "a word among the ids" logits "$m" --tokens "$tmp/bad" --out "$tmp/none"
printf '1 128' > "$tmp/bad"
refused 65 "an id past the vocabulary" logits "$m" --tokens "$tmp/bad" --out "$tmp/none"
printf ' \n' > "$tmp/bad"
refused 65 "no ids" logits "$m" --tokens "$tmp/bad" --out "$tmp/none"
ok "nothing was written" test ! -e "$tmp/none"
refused 66 "missing tokens" logits "$m" --tokens /no/such --out "$tmp/none"
refused 64 "no --out" logits "$m" --tokens "$tmp/ids"
refused 64 "an unknown tier" logits "$m" --tokens "$tmp/ids" --out "$tmp/none" --isa mmx
refused 74 "an unwritable place" logits "$m" --tokens "$tmp/ids" --out /no/such/place
same "no temporary files" "" "$(find "$tmp" -name 'none*' -o -name '*.tmp*')"
finish
