#!/bin/bash
# hearth import --base: folders of PEFT's made of GGUF adapters give those adapters again, the same
# logits to the bit; what a GGUF adapter cannot say, and what is damaged, is refused by name.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
command -v python3 > /dev/null || skip "no python3"
"$HEARTH_BIN" help import > /dev/null 2>&1 || skip "built without the server"
peft=$(dirname "$0")/lib/peft.py
m=$tmp/m.gguf l=$tmp/l.gguf o=$tmp/o.gguf d=$tmp/lora

folder() { rm -rf "$d" "$o" && python3 "$peft" "$l" "$m" "$d" "$@"; }
import() { "$HEARTH_BIN" import "$d" --base "$m" -o "$o" "$@" > "$tmp/out" 2> "$tmp/err"; }
logits() { "$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --lora "$1" --out "$2" > /dev/null; }
same_logits() { logits "$l" "$tmp/a" && logits "$o" "$tmp/b" && cmp "$tmp/a" "$tmp/b"; }
other_logits() { logits "$o" "$tmp/b" && ! cmp -s "$tmp/a" "$tmp/b"; }
refuses() { # what, words of the sentence, options of peft.py...
    ok "$1: a folder" folder "${@:3}"
    ok "$1: refused" bash -c '! "$@" > /dev/null 2> "$0"' "$tmp/err" "$HEARTH_BIN" import "$d" \
        --base "$m" -o "$o"
    ok "$1: one sentence" test "$(wc -l < "$tmp/err")" = 1
    ok "$1: says why ($(< "$tmp/err"))" grep -q -- "$2" "$tmp/err"
    ok "$1: no file" test ! -e "$o"
}

seq -s ' ' 1 40 > "$tmp/ids"
tiny="vocab=512 embd=64 ff=96 layers=2 heads=4 kv_heads=2 head_dim=16 ctx=256"
for arch in llama qwen2 qwen3; do
    "$make" "$m" arch=$arch $tiny type=F32 || exit 1
    "$make" "$l" adapter="$m" rank=4 alpha=8 type=F32 || exit 1
    ok "$arch: a folder" folder
    ok "$arch: imported" import
    ok "$arch: the same logits" same_logits
    ok "$arch: the same file twice" bash -c '"$0" import "$1" --base "$2" -o "$3" && cmp "$3" "$4"' \
        "$HEARTH_BIN" "$d" "$m" "$tmp/o2.gguf" "$o" > /dev/null
    rm -f "$tmp/o2.gguf"
done
"$make" "$m" $tiny type=Q8_0 || exit 1
"$make" "$l" adapter="$m" rank=4 alpha=8 type=F32 || exit 1
ok "over a quantised model: a folder" folder
ok "over a quantised model: imported" import
ok "over a quantised model: the same logits" same_logits
ok "by the root of the rank: a folder" folder root=1
ok "by the root of the rank: imported" import
ok "by the root of the rank: the same logits" same_logits
ok "what is said" grep -q '14 matrices, rank 4, alpha 8' "$tmp/out"
ok "halves: a folder" folder type=F16
ok "halves: imported" import
logits "$l" "$tmp/a"
ok "halves are other numbers" other_logits
ok "halves as floats" bash -c '"$0" import "$1" --base "$2" -o "$3" --type f32' "$HEARTH_BIN" "$d" \
    "$m" "$tmp/f.gguf" > /dev/null
logits "$tmp/f.gguf" "$tmp/a"
ok "are the same numbers" cmp "$tmp/a" "$tmp/b"

q=base_model.model.model.layers.0.self_attn.q_proj
refuses "DoRA" "use_dora" set.use_dora=true
refuses "strengths by module" "alpha_pattern" 'set.alpha_pattern={"q_proj":4}'
refuses "whole modules" "modules_to_save" 'set.modules_to_save=["lm_head"]'
refuses "biases" "bias" 'set.bias="all"'
refuses "PiSSA" "init_lora_weights" 'set.init_lora_weights="pissa"'
refuses "another kind" "peft_type" 'set.peft_type="IA3"'
refuses "no strength" "lora_alpha" set.lora_alpha=null
refuses "half a pair" "half of a pair" drop=$q.lora_A.weight
refuses "another module" "no such matrix" rename=$q.lora_A.weight,${q/q_proj/z_proj}.lora_A.weight
refuses "a magnitude" "neither lora_A" extra=$q.lora_magnitude_vector
refuses "cut off" "adapter_model.safetensors" cut=100
folder
rm "$d/adapter_model.safetensors"
touch "$d/adapter_model.bin"
ok "a pickle is not read" bash -c '! "$@" 2> "$0"' "$tmp/err" "$HEARTH_BIN" import "$d" --base "$m" -o "$o"
ok "says why" grep -q "can run programs" "$tmp/err"
folder
refused 64 "without --base" import "$d" -o "$o"
ok "says which option" has "$err" --base
"$make" "$tmp/wide.gguf" vocab=512 embd=96 ff=96 layers=2 heads=4 kv_heads=2 head_dim=16
refused 64 "for a model of another size" import "$d" --base "$tmp/wide.gguf" -o "$o"
"$make" "$tmp/short.gguf" vocab=512 embd=64 ff=96 layers=1 heads=4 kv_heads=2 head_dim=16
refused 64 "for a model of fewer layers" import "$d" --base "$tmp/short.gguf" -o "$o"
ok "says which is missing" has "$err" blk.1.
hearth run "$m" --lora "$d" hi
same "a folder is no file" 64 "$rc"
ok "says what to do" has "$err" "hearth import"
finish
