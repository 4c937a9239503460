#!/bin/bash
# mkmodel_archs: a small model of every architecture hearth runs, made, spoken with or read whole,
# and the same bits on every tier of this machine, with one thread and two, and in any chunks.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
m=$tmp/m.gguf

finite() { # finite FILE COUNT: that many floats, none of them a NaN, not all alike
    python3 - "$1" "$2" << 'PY'
import array, math, sys
v = array.array('f', open(sys.argv[1], 'rb').read())
sys.exit(not (len(v) == int(sys.argv[2]) and all(map(math.isfinite, v)) and len(set(v)) > 100))
PY
}

refuses() { # refuses "words" OPTION...: an error that says so, and no file left behind
    local words=$1
    shift
    rm -f "$tmp/no.gguf"
    ! "$make" "$tmp/no.gguf" "$@" 2> "$tmp/err" && grep -qF -- "$words" "$tmp/err" &&
        [[ ! -e $tmp/no.gguf ]]
}

logits() { # logits FILE OPTION...
    local to=$1
    shift
    "$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --out "$to" "$@"
}

tiers=$("$HEARTH_BIN" version --json | python3 -c '
import json, sys
v = json.load(sys.stdin)["tiers"]
print(*[t["name"] for t in v if t["runs_here"]])')
ok "plain C is a tier" grep -qw c <<< "$tiers"

speaks() { # words, and logits of eight tokens on every tier: one thread, whole; two, in threes
    logits "$tmp/want" --isa c -t 1 || return 1
    finite "$tmp/want" 2400 || return 1
    for tier in $tiers; do
        for way in "-t 1" "-t 2 --chunk 3"; do
            # shellcheck disable=SC2086
            logits "$tmp/got" --isa "$tier" $way && cmp "$tmp/want" "$tmp/got" || return 1
        done
    done
    "$HEARTH_BIN" run "$m" -n 6 --temp 0 -t 1 "hi there" > "$tmp/one" < /dev/null &&
        "$HEARTH_BIN" run "$m" -n 6 --temp 0 -t 2 "hi there" > "$tmp/two" < /dev/null &&
        [[ -s $tmp/one ]] && cmp "$tmp/one" "$tmp/two"
}

reads() { # a vector, the same on every tier, with one thread and two
    HEARTH_ISA=c "$HEARTH_BIN" run "$m" -t 1 "hi there" > "$tmp/one" < /dev/null || return 1
    for tier in $tiers; do
        for threads in 1 2; do
            HEARTH_ISA=$tier "$HEARTH_BIN" run "$m" -t $threads "hi there" > "$tmp/two" \
                < /dev/null && cmp "$tmp/one" "$tmp/two" || return 1
        done
    done
    python3 - "$tmp/one" << 'PY'
import json, math, sys
v = json.load(open(sys.argv[1]))
sys.exit(not (len(v) == 64 and all(map(math.isfinite, v)) and len(set(v)) > 32))
PY
}

echo "1 5 255 7 30 9 299 12" > "$tmp/ids"
count=0
for arch in $("$make" --archs); do
    options=(arch="$arch" tokenizer=bpe vocab=300 layers=4 seed=3)
    [[ $arch == qwen3moe ]] && options+=(experts=4)
    "$make" "$m" "${options[@]}" && "$make" "$tmp/again.gguf" "${options[@]}"
    same "$arch: made" 0 $?
    ok "$arch: same options, same bytes" cmp "$m" "$tmp/again.gguf"
    case $arch in
    *bert*) ok "$arch: reads, same bits" reads ;;
    *) ok "$arch: speaks, same bits" speaks ;;
    esac
    count=$((count + 1))
done
ok "as many as hearth knows" [ "$count" -ge 46 ]
ok "help names them" bash -c "'$make' --help | grep -q ' gemma4'"

# Small ones in other formats and shapes; what makes no sense says so.
for type in F32 BF16 Q8_0 Q4_0 Q4_K Q6_K; do
    "$make" "$m" arch=gemma3 tokenizer=bpe vocab=300 type=$type embd=256 ff=256 head_dim=64 &&
        logits "$tmp/got"
    same "gemma3 in $type" 0 $?
done
"$make" "$m" arch=glm4moe vocab=300 experts=6 used=3 kv_heads=1 && logits "$tmp/got"
same "experts of a number given" 0 $?
"$make" "$m" arch=modern-bert tokenizer=spm vocab=400 pooling=4 && hearth run "$m" hi
ok "an encoder that ranks" has "$err" "ranks texts"
"$make" "$tmp/a.gguf" arch=lfm2 seed=1 && "$make" "$tmp/b.gguf" arch=lfm2 seed=2
ok "another seed, other bytes" bash -c "! cmp -s '$tmp/a.gguf' '$tmp/b.gguf'"

ok "an architecture nobody knows" refuses "--help lists them" arch=gemma5
ok "a stretched context" refuses "no choice of rope" arch=gemma2 rope=yarn
ok "biases" refuses "no choice of bias" arch=gemma2 bias=1
ok "a shape" refuses "no choice of shape" shape=1b arch=gemma2
ok "an encoder without an output" refuses "no choice of tied" arch=modern-bert tied=1
ok "a mix" refuses "no mix" arch=gemma2 type=Q4_K_M
ok "part of a block" refuses "whole blocks" arch=gemma2 type=Q4_K
ok "heads that do not divide" refuses "not a multiple of heads" arch=gemma2 embd=66
ok "experts it cannot have" refuses "mixture of experts" arch=gemma2 experts=4
ok "scores of one that has none" refuses "cannot be made so" arch=gemma2 pooling=4
ok "more than small" refuses "is made small" arch=gemma2 embd=4096 ff=16384
ok "a vocabulary too small" refuses "too small" arch=gemma2 tokenizer=bpe vocab=100
finish
