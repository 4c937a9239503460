#!/bin/bash
# mkmodel: every combination it offers opens, computes finite logits, and is the same bytes twice.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"

finite() { # finite FILE COUNT: that many floats, none of them a NaN, not all alike
    python3 - "$1" "$2" << 'PY'
import array, math, sys
v = array.array('f', open(sys.argv[1], 'rb').read())
sys.exit(not (len(v) == int(sys.argv[2]) and all(map(math.isfinite, v)) and len(set(v)) > 100))
PY
}

works() { # works OPTION...: made, opened, computed
    "$make" "$tmp/m.gguf" vocab=512 embd=256 ff=256 layers=1 head_dim=64 "$@" || return 1
    "$HEARTH_BIN" logits "$tmp/m.gguf" --tokens "$tmp/ids" --out "$tmp/out" || return 1
    finite "$tmp/out" 1536
}

refuses() { # refuses OPTION...: an error, and no file left behind
    rm -f "$tmp/no.gguf"
    ! "$make" "$tmp/no.gguf" "$@" 2> "$tmp/err" && [[ -s $tmp/err && ! -e $tmp/no.gguf ]]
}

differ() { ! cmp -s "$1" "$2"; }

echo "1 5 300" > "$tmp/ids"
for arch in llama qwen2 qwen3; do
    for type in F32 F16 BF16 Q8_0 Q4_0 Q4_K Q5_K Q6_K; do
        ok "$arch $type" works arch=$arch type=$type
    done
    ok "$arch tied, biases" works arch=$arch tied=1 bias=1
    ok "$arch linear" works arch=$arch rope=linear
    ok "$arch yarn" works arch=$arch rope=yarn
done
ok "llama 3 frequencies" works rope=llama3
ok "two weight types" works type=Q4_K embd_type=Q8_0
ok "half of a head rotates" works rot=32

"$make" "$tmp/a.gguf" tokenizer=bpe vocab=400 seed=5
"$make" "$tmp/b.gguf" tokenizer=bpe vocab=400 seed=5
"$make" "$tmp/c.gguf" tokenizer=bpe vocab=400 seed=6
ok "same options, same bytes" cmp "$tmp/a.gguf" "$tmp/b.gguf"
ok "another seed, other bytes" differ "$tmp/a.gguf" "$tmp/c.gguf"
for kind in spm bpe; do
    "$make" "$tmp/t.gguf" tokenizer=$kind vocab=400
    printf 'the cat, h\xc3\xa9llo \xe7\x8c\xab' > "$tmp/text"
    "$HEARTH_BIN" tokenize "$tmp/t.gguf" "$tmp/text" > "$tmp/tokens"
    ok "$kind: a text has ids" grep -qE '^[0-9]+( [0-9]+){5,}$' "$tmp/tokens"
done

for type in Q4_K_M Q5_K_M Q8_0; do
    ok "$type from banks" works type=$type bank=1 layers=9 tied=1
done
ok "a mix where rows are not whole blocks of 256" works type=Q4_K_M embd=320 bank=1
types=$("$HEARTH_BIN" show "$tmp/m.gguf" | grep -cE '^  (Q5_0|Q4_K|Q8_0) ')
same "its rows of 320 have blocks of 32, its rows of 256 keep theirs" 3 "$types"
small="shape=1b type=Q4_K_M layers=2 embd=256 ff=512 heads=4 kv_heads=2 vocab=300"
taskset -c 0 "$make" "$tmp/a.gguf" $small 2> /dev/null || "$make" "$tmp/a.gguf" $small
"$make" "$tmp/b.gguf" $small
"$make" "$tmp/c.gguf" $small seed=1
ok "banks: same options, same bytes on one core and on all" cmp "$tmp/a.gguf" "$tmp/b.gguf"
ok "banks: another seed, other bytes" differ "$tmp/a.gguf" "$tmp/c.gguf"
for want in '"layers": 2' '"embedding_length": 256' '"heads_kv": 2' '"vocabulary": 300'; do
    ok "a shape, changed by what follows: $want" grep -qF "$want" \
        <("$HEARTH_BIN" show --json "$tmp/a.gguf")
done

"$make" "$tmp/v.gguf" tokenizer=bpe vocab=417 seed=3
"$make" "$tmp/w.gguf" tokenizer="$tmp/v.gguf" vocab=128 seed=9
same "a vocabulary from a file: the same ids" "$("$HEARTH_BIN" tokenize "$tmp/v.gguf" "$tmp/text")" \
    "$("$HEARTH_BIN" tokenize "$tmp/w.gguf" "$tmp/text")"

echo "1 5" > "$tmp/one"
"$make" "$tmp/l.gguf" adapter="$tmp/a.gguf" rank=3 alpha=6 seed=2
"$make" "$tmp/l2.gguf" adapter="$tmp/a.gguf" rank=3 alpha=6 seed=2
ok "an adapter: same options, same bytes" cmp "$tmp/l.gguf" "$tmp/l2.gguf"
ok "it fits its model" "$HEARTH_BIN" logits "$tmp/a.gguf" --tokens "$tmp/one" --out "$tmp/out" \
    --lora "$tmp/l.gguf"
ok "an adapter for a file that is not there" refuses adapter="$tmp/none.gguf"
ok "an adapter of blocks" refuses adapter="$tmp/a.gguf" type=Q8_0

ok "a vocabulary from a file that is not there" refuses tokenizer="$tmp/none.gguf"
ok "a kind of tokenizer not listed" refuses tokenizer=words
ok "a mix not listed" refuses type=Q9_K_M
ok "a shape not listed" refuses shape=3b
ok "scores of a model that has none" refuses arch=llama pooling=4
ok "unknown option" refuses what=1
ok "number out of range" refuses layers=0
ok "word not listed" refuses arch=nothing
ok "part of a block" refuses type=Q8_0 embd=33
ok "a type hearth does not write" refuses type=Q8_1
ok "vocabulary too small" refuses tokenizer=spm vocab=200
ok "heads that do not share" refuses heads=3 kv_heads=2
finish
