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
small="embd=64 ff=96 layers=2 heads=4 kv_heads=2 head_dim=16"
tiny="vocab=512 $small ctx=256"
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

# ---- a folder, laid over a model as it is ----
export HEARTH_STATE=$tmp/state HEARTH_MODELS=$tmp/models
"$make" "$m" tokenizer=spm vocab=600 ctx=256 $small type=Q8_0 seed=7 || exit 1
"$make" "$l" adapter="$m" rank=4 alpha=8 type=F32 || exit 1
folder
import
ok "logits: of the file" logits "$o" "$tmp/a"
ok "logits: of the folder" logits "$d" "$tmp/b"
ok "logits: the same bits" cmp "$tmp/a" "$tmp/b"
say() { hearth run "$m" --seed 1 -n 12 "$@" "Hello there"; }
say
plain=$out
say --lora "$o=0.7"
words=$out
say --lora "$d/=0.7" --receipt "$tmp/r.json"
same "run: exit code" 0 "$rc"
same "run: the same words" "$words" "$out"
ok "run: not the model's alone" test "$out" != "$plain"
printf 'Hello there' > "$tmp/prompt"
replay() { hearth verify --replay -m "$m" --prompt-file "$tmp/prompt" "$@" "$tmp/r.json"; }
replay --lora "$d"
same "replayed with the folder" 0 "$rc"
replay --lora "$o"
same "replayed with the file" 0 "$rc"
"$make" "$tmp/l2.gguf" adapter="$m" rank=4 alpha=8 type=F32 seed=9 || exit 1
python3 "$peft" "$tmp/l2.gguf" "$m" "$tmp/lora2"
replay --lora "$tmp/lora2"
same "not with another folder" 65 "$rc"
held() { "$HEARTH_BIN" plan "$m" --json --lora "$1" | grep -o '"adapters_bytes": [0-9]*' | head -1; }
ok "plan counts it, and what was made of it" test "$(grep -o '[0-9]*$' <<< "$(held "$d")")" -gt \
    "$(grep -o '[0-9]*$' <<< "$(held "$o")")"
printf 'FROM %s\nADAPTER %s\nPARAMETER num_predict 4\n' "$m" "$d" > "$tmp/Modelfile"
hearth create with -f "$tmp/Modelfile"
same "create: exit code ($err)" 0 "$rc"
ok "create: the file is in the store" test -e \
    "$tmp/models/blobs/sha256-$(sha256sum < "$o" | cut -d' ' -f1)"
printf 'FROM with\nADAPTER %s\n' "$d" > "$tmp/Modelfile"
hearth create again -f "$tmp/Modelfile"
same "create: from a model's name ($err)" 0 "$rc"
refused 65 "a folder that is no adapter's" run "$m" --lora "$tmp/models" hi
refused 66 "a folder that is not there" run "$m" --lora "$tmp/none/" hi
truncate -s -100 "$d/adapter_model.safetensors"
refused 65 "a folder that is damaged" run "$m" --lora "$d" hi
ok "says of what" has "$err" adapter_model.safetensors
refused 65 "the same in create" create worse -f "$tmp/Modelfile"
finish
