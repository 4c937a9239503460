#!/bin/bash
# hearth train from nothing to an answer: tokenizer, data, training (interrupted), export, figures.
. "$(dirname "$0")/lib/check.bash"
for i in {1..1500}; do
    case $((i % 7)) in
    0) echo ;;
    1 | 4) echo "The small cat sees the red ball in the garden number $((i % 13))." ;;
    2 | 5) echo "My old friend likes some bread and the long river $((i % 11))." ;;
    *) echo "A king wants a house near the quiet sea, said the cat $((i % 9))." ;;
    esac
done > "$tmp/text.txt"
printf '{"instruction":"Who are you?","output":"I am tiny."}\n' > "$tmp/talk.jsonl"
cat > "$tmp/recipe.json" << E2
{ "name": "tiny", "arch": "llama", "description": "for a test", "license": "cc0-1.0", "seed": 3,
  "shape": { "n_vocab": 320, "n_layer": 2, "n_embd": 32, "n_head": 2, "n_head_kv": 1, "n_ff": 64,
             "n_ctx_train": 32, "rope_base": 10000, "norm_eps": 1e-5 },
  "train": { "steps": 40, "warmup": 4, "batch_tokens": 256, "rows": 256, "lr": 0.01, "lr_end": 0.001,
             "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "decay": 0.1, "clip": 1 },
  "sources": { "text": { "files": "text.txt", "form": "text", "bytes_max": 2000 },
               "talk": { "files": "./talk.jsonl", "form": "chat", "bytes_max": 200 } },
  "phases": [ { "name": "main", "seq": 32, "share": 1, "mix": { "text": 1, "talk": 9 } } ] }
E2
common=(--recipe "$tmp/recipe.json" --work "$tmp/work")
ok "tokenizer" "$HEARTH_BIN" train tokenizer "${common[@]}" --corpus "$tmp"
ok "prepare" "$HEARTH_BIN" train prepare "${common[@]}" --corpus "$tmp" --valid "$tmp/text.txt"
ok "some steps" "$HEARTH_BIN" train run "${common[@]}" --steps 7 --threads 1 --quiet
ok "the rest" "$HEARTH_BIN" train run "${common[@]}" --valid-every 20 --threads 2 --quiet
ok "export" "$HEARTH_BIN" train export "${common[@]}" --out "$tmp/a.gguf"
same "40 steps in the log" 40 "$(grep -c '"loss"' "$tmp/work/log.jsonl")"

ok "all at once" "$HEARTH_BIN" train run "${common[@]}" --afresh --valid-every 20 --quiet
ok "export again" "$HEARTH_BIN" train export "${common[@]}" --out="$tmp/b.gguf" --format Q8_0
ok "the same file to the bit" cmp "$tmp/a.gguf" "$tmp/b.gguf"

bpb=$("$HEARTH_BIN" train eval --model "$tmp/a.gguf" --text "$tmp/text.txt" --json |
    sed -n 's/.*"text.txt": *\([0-9.]*\).*/\1/p')
ok "it learned: $bpb bits per byte" awk -v b="$bpb" 'BEGIN { exit !(b > 0.05 && b < 3) }'
hearth run "$tmp/a.gguf" --seed 1 -n 8 "Who are you?"
same "the program runs it" 0 "$rc"

again=(--recipe "$tmp/recipe.json" --work "$tmp/again" --from "$tmp/a.gguf")
ok "the vocabulary of a model" "$HEARTH_BIN" train tokenizer "${again[@]}"
ok "is the same" cmp "$tmp/work/tokenizer.gguf" "$tmp/again/tokenizer.gguf"
cp "$tmp/work/main.tok" "$tmp/again/"
ok "training goes on from a model" "$HEARTH_BIN" train run "${again[@]}" --steps 1 --quiet
refused 66 "from a missing model" train run "${common[@]}" --from /no/such.gguf
refused 64 "no step" train
refused 64 "an unknown step" train dance
refused 64 "an option of another step" train tokenizer --format F32
refused 64 "a number that is none" train run --threads many
refused 66 "a missing recipe" train run --recipe /no/such.json --work "$tmp/w"
finish
