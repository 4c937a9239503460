#!/bin/bash
# hearth run --lookup and --draft: the words of an answer do not depend on how they are computed.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
shape="heads=4 kv_heads=2 layers=2"
"$make" "$tmp/spm.gguf" tokenizer=spm vocab=600 ctx=512 embd=64 ff=128 seed=7 $shape &&
    "$make" "$tmp/spm_small.gguf" tokenizer=spm vocab=600 ctx=64 embd=32 ff=32 seed=7 $shape &&
    "$make" "$tmp/bpe.gguf" arch=qwen2 tokenizer=bpe vocab=700 ctx=512 embd=64 ff=128 seed=3 $shape &&
    "$make" "$tmp/bpe_small.gguf" tokenizer=bpe vocab=700 ctx=512 embd=32 ff=32 seed=3 $shape || exit 1
copy="the fox and the owl and the fox and the owl and the fox and the"

# ways MODEL OPTIONS: the same words every way (and bytes: random models say zeros too).
ways() {
    local m=$1 way
    shift
    "$HEARTH_BIN" run "$tmp/$m.gguf" --lookup=0 -n 60 "$@" "$copy" > "$tmp/want"
    ok "$m $*: some words" test -s "$tmp/want"
    for way in --lookup --lookup=1 --lookup=64 "--lookup=0 --draft $tmp/$m.gguf" \
        "--draft $tmp/${m}_small.gguf" "--lookup=0 --draft $tmp/${m}_small.gguf --draft-tokens 1"; do
        ok "$m $* $way: exit code" "$HEARTH_BIN" run "$tmp/$m.gguf" $way -n 60 "$@" "$copy" \
            > "$tmp/got" 2> "$tmp/err"
        ok "$m $* $way: the same" cmp "$tmp/want" "$tmp/got"
        ok "$m $* $way: quiet" test ! -s "$tmp/err"
    done
}
for m in spm bpe; do
    ways $m --temp 0
    ways $m --seed 1
    ways $m --seed 2 --temp 1.5 --raw
    ways $m --seed 3 --mirostat 2
    ways $m --temp 0 --repeat-penalty 0.5 # runs in circles
    ways $m --seed 4 --repeat-penalty 1.3 --dry-multiplier 0.8 --xtc-probability 0.5
done
hearth run "$tmp/spm.gguf" --temp 0 --repeat-penalty 0.5 -n 30 --lookup=0 "$copy"
ways spm --temp 0 --repeat-penalty 0.5 --stop "${out: -4}" # in the middle of a run that was right

# A context that ends in the middle of what was computed ahead.
for draft in "" "--draft $tmp/spm.gguf" "--draft $tmp/spm_small.gguf"; do
    hearth run "$tmp/spm.gguf" --raw --ctx 80 --temp 0 --repeat-penalty 0.5 --lookup=0 "$copy"
    want=$out$err
    ok "the context ends" grep -q 'is full' <<< "$err"
    hearth run "$tmp/spm.gguf" --raw --ctx 80 --temp 0 --repeat-penalty 0.5 --lookup $draft "$copy"
    same "and ends the same way $draft" "$want" "$out$err"
done

run=(run "$tmp/spm.gguf" --temp 0 --repeat-penalty 0.5 -n 60)
hearth "${run[@]}" --verbose --lookup=0 "$copy"
ok "no drafts, no word of them" test "${err/drafted/}" = "$err"
hearth "${run[@]}" --verbose --lookup=8 "$copy"
ok "--verbose counts drafts" grep -q '^drafted: *[1-9]' <<< "$err"
ok "and what they were worth" grep -q '^accepted: .*%$' <<< "$err"
hearth "${run[@]}" --json --lookup=0 --draft "$tmp/spm.gguf" --draft-tokens 4 "$copy"
ok "--json has draft_count" grep -q '"draft_count": [1-9]' <<< "$out"
ok "--json has draft_accepted" grep -q '"draft_accepted"' <<< "$out"
if has_ember; then
    hearth run --temp 0 -n 40 --lookup=0 "Tell me a story about a fox."
    want=$out
    hearth run --temp 0 -n 40 --lookup=0 --draft ember --json "Tell me a story about a fox."
    drafted=$(sed -n 's/.*"draft_count": \([0-9]*\).*/\1/p' <<< "$out")
    accepted=$(sed -n 's/.*"draft_accepted": \([0-9]*\).*/\1/p' <<< "$out")
    ok "ember guesses itself" test "$drafted" -gt 10 -a "$accepted" -ge $((drafted - 8))
    hearth run --temp 0 -n 40 --draft ember "Tell me a story about a fox."
    same "and says the same" "$want" "$out"
fi

refused 64 "another vocabulary" run "$tmp/spm.gguf" --draft "$tmp/bpe.gguf" hi
ok "says where it begins" grep -q 'another vocabulary: token [0-9]* differs' <<< "$err"
refused 66 "a draft that is not there" run "$tmp/spm.gguf" --draft ./no/such.gguf hi
refused 64 "too many" run "$tmp/spm.gguf" --lookup=65 hi
refused 64 "no number" run "$tmp/spm.gguf" --lookup= hi
refused 64 "no draft tokens" run "$tmp/spm.gguf" --draft-tokens 0 hi
finish
