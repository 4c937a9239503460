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

ok "unknown option" refuses what=1
ok "number out of range" refuses layers=0
ok "word not listed" refuses arch=nothing
ok "part of a block" refuses type=Q8_0 embd=33
ok "a type hearth does not write" refuses type=IQ1_S
ok "vocabulary too small" refuses tokenizer=spm vocab=200
ok "heads that do not share" refuses heads=3 kv_heads=2
finish
