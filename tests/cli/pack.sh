#!/bin/bash
# hearth pack: the file is written, used, proved, refused and removed; the answer's bits stay.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
m=$tmp/m.gguf

logits() { "$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --chunk 2 --out "$tmp/$1" "${@:2}"; }
quiet() { [[ ! -s $tmp/err ]]; }
fails() { ! "$@" > "$tmp/out" 2> "$tmp/err" && [[ -s $tmp/err ]]; }
warned() { grep -q "is not used" "$tmp/err"; }

echo "1 5 300 7 8 9 10" > "$tmp/ids"
for type in Q8_0 Q4_K; do
    "$make" "$m" vocab=512 embd=256 ff=256 layers=2 head_dim=64 type=$type || exit 1
    ok "$type without" logits a --no-pack
    ok "$type packed while running" logits b
    ok "$type written" "$HEARTH_BIN" pack "$m"
    ok "$type proved" "$HEARTH_BIN" pack --verify "$m"
    ok "$type from the file" logits c 2> "$tmp/err"
    ok "$type without a word" quiet
    ok "$type the same bits" cmp "$tmp/a" "$tmp/b"
    ok "$type the same bits again" cmp "$tmp/a" "$tmp/c"
    "$make" "$m" vocab=512 embd=256 ff=256 layers=2 head_dim=64 type=$type seed=7 || exit 1
    ok "$type another model is not proved" fails "$HEARTH_BIN" pack --verify "$m"
    logits d 2> "$tmp/err"
    ok "$type another model: warned" warned
    logits e --no-pack 2> "$tmp/err"
    ok "$type another model: its own bits" cmp "$tmp/d" "$tmp/e"
    ok "$type removed" "$HEARTH_BIN" pack --remove "$m"
    ok "$type nothing to remove" fails "$HEARTH_BIN" pack --remove "$m"
done
ok "nothing left" test ! -e "$m.panels"
ok "no model" fails "$HEARTH_BIN" pack
ok "both options" fails "$HEARTH_BIN" pack --verify --remove "$m"
ok "no such model" fails "$HEARTH_BIN" pack "$tmp/none.gguf"
finish
