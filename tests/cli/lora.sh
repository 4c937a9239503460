#!/bin/bash
# --lora: adapters laid over a model by run, logits and plan; what is refused; receipts that name
# them, and verify --replay, which runs nothing without them.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
export HEARTH_STATE=$tmp/state
m=$tmp/m.gguf a=$tmp/a.gguf b=$tmp/b=2.gguf
"$make" "$m" tokenizer=spm vocab=600 ctx=256 embd=64 ff=96 layers=2 seed=7 type=Q8_0 || exit 1
"$make" "$a" adapter="$m" rank=4 alpha=8 seed=3 || exit 1
"$make" "$b" adapter="$m" rank=2 alpha=2 seed=4 type=F32 || exit 1
"$make" "$tmp/other.gguf" tokenizer=spm vocab=600 ctx=256 embd=96 ff=96 layers=2 || exit 1
"$make" "$tmp/arch.gguf" arch=qwen2 layers=1 || exit 1
"$make" "$tmp/arch-lora.gguf" adapter="$tmp/arch.gguf" || exit 1

say() { hearth run "$m" --seed 1 -n 12 "$@" "Hello there"; }
hasnt() { ! has "$@"; }
other() { [[ $1 != "$2" ]]; }

# Words.
say
plain=$out
say --lora "$a"
with=$out
same "with an adapter: exit code" 0 "$rc"
ok "it says something else" other "$plain" "$with"
say --lora "$a=0"
same "at scale 0 it is the model" "$plain" "$out"
say --lora "$a=1"
same "1 is the scale that is not given" "$with" "$out"
say --lora "$a=-0.5"
ok "another scale, other words" other "$with" "$out"
say --lora "$a" --lora "$b=2"
both=$out
same "a name with = in it: exit code" 0 "$rc"
ok "two adapters" other "$with" "$both"
say --lora "$a" --lora "$b=2" -t 1
same "the same words on one thread" "$both" "$out"
say --lora "$a" --lora "$b=2" --lookup=0
same "and without computing ahead" "$both" "$out"

# Numbers: the tiers agree, in any chunks.
echo "1 5 300 77 8 120 4 9" > "$tmp/ids"
numbers() { # numbers OUT OPTION...
    local to=$1
    shift
    "$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --out "$to" --lora "$a=0.7" --lora "$b" "$@"
}
ok "logits" numbers "$tmp/one" -t 1
ok "logits in chunks" numbers "$tmp/two" -t 2 --chunk 3
ok "logits in plain C" numbers "$tmp/c" --isa c
ok "chunks and threads: the same bits" cmp "$tmp/one" "$tmp/two"
ok "plain C: the same bits" cmp "$tmp/one" "$tmp/c"
"$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --out "$tmp/plain"
ok "not those of the model" bash -c "! cmp -s '$tmp/one' '$tmp/plain'"

# Memory.
bytes() { grep -o "\"$1\": [0-9]*" <<< "$out" | head -1 | grep -o '[0-9]*$'; }
hearth plan "$m" --json
same "plan without adapters" 0 "$(bytes adapters_bytes)"
hearth plan "$m" --json --lora "$a"
ok "plan counts an adapter" test "$(bytes adapters_bytes)" -gt 10000
one=$(bytes adapters_bytes)
hearth plan "$m" --json --lora "$a" --lora "$b" --parallel 4
ok "two, for a server" test "$(bytes adapters_bytes)" -gt "$one"

# What is refused.
refused 65 "a model instead of an adapter" run "$m" --lora "$m" hi
refused 65 "an adapter instead of a model" run "$a" hi
ok "says what to do" has "$err" --lora
refused 65 "of a model of another size" run "$tmp/other.gguf" --lora "$a" hi
refused 65 "of another architecture" run "$m" --lora "$tmp/arch-lora.gguf" hi
refused 66 "no such file" run "$m" --lora "$tmp/none.gguf" hi
hearth run "$m" --lora "$a=1e99" hi
same "a scale beyond floats" 64 "$rc"
hearth run "$m" --lora "" hi
same "no name" 64 "$rc"
head -c 3000 "$a" > "$tmp/cut.gguf"
refused 65 "half a file" run "$m" --lora "$tmp/cut.gguf" hi
hearth run "$m" $(for i in {1..17}; do echo "--lora $a"; done) hi
same "seventeen" 64 "$rc"

# Receipts.
hearth help verify
[[ $rc == 0 ]] || finish
printf 'Hello there' > "$tmp/prompt"
r=$tmp/r.json
replay() { hearth verify --replay -m "$m" --prompt-file "$tmp/prompt" "$@" "$r"; }
say --lora "$a=0.5" --lora "$b" --receipt "$r"
same "with a receipt: exit code" 0 "$rc"
hearth verify --json "$r"
same "it is good" 0 "$rc"
sha=$(sha256sum "$a" | cut -d' ' -f1) sha3=$(openssl dgst -sha3-256 "$a" | grep -o '[0-9a-f]*$')
ok "it names the file by SHA-256" has "$out" "$sha"
ok "and by SHA3-256" has "$out" "$sha3"
ok "and the scale" has "$out" '"scale": "0.5"'
replay
same "not run without them" 65 "$rc"
ok "says which is missing" has "$err" "1 of 2"
replay --lora "$a"
same "nor with one of them" 65 "$rc"
ok "says that it is the second" has "$err" "2 of 2"
replay --lora "$b" --lora "$tmp/arch-lora.gguf" --lora "$a"
same "run with both, in any order" 0 "$rc"
ok "and the same words" has "$out" "run again"
say --lora "$a=0" --receipt "$r"
hearth verify --json "$r"
ok "at scale 0 there is none to name" hasnt "$out" adapters
replay
same "and none is needed" 0 "$rc"
finish
