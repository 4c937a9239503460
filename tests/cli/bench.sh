#!/bin/bash
# bench: what it prints in each form, and that generating allocates nothing. No figure is judged.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
"$make" "$tmp/m.gguf" type=Q8_0 vocab=300 ctx=512 seed=4

number() { # number KEY: its value in the JSON in $out
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <<< "$out"
}
above_zero() { python3 -c 'import sys; sys.exit(float(sys.argv[1]) <= 0)' "$1"; }

hearth bench "$tmp/m.gguf" -p 100 -n 40 -r 3 --depth 200 --streams 3 --chunk 48 -t 2 -o json
same "exit code" 0 "$rc"
for key in pp_tokens_per_s tg_tokens_per_s streams_tokens_per_s read_gb_per_s kv_bytes_per_token; do
    ok "$key is above zero" above_zero "$(number $key)"
done
same "no allocation while generating" 0.0 "$(number allocations_per_token)"
same "threads" 2 "$(number threads)"
same "depth" 200 "$(number depth)"

hearth bench "$tmp/m.gguf" -p 10 -n 10 -r 2 --streams 2 -o csv
same "CSV: lines" 4 "$(wc -l <<< "$out")"
same "CSV: tests" "test pp10 tg10 tg10 x 2" "$(cut -d, -f5 <<< "$out" | tr '\n' ' ' | sed 's/ $//')"
hearth bench "$tmp/m.gguf" -p 0 -n 10 -r 1 --depth 64
ok "table: generation alone" grep -q '^| tg10@64 |' <<< "$out"
ok "table: no prompt" test -z "$(grep '^| pp' <<< "$out")"
ok "table: allocations" grep -qx 'heap allocations per generated token: 0.00' <<< "$out"

"$make" "$tmp/a.gguf" adapter="$tmp/m.gguf" rank=8
hearth bench "$tmp/m.gguf" -p 10 -n 10 -r 1 --streams 2 -o json
ok "no adapter, no bytes of it" test -z "$(grep adapter <<< "$out")"
hearth bench "$tmp/m.gguf" -p 10 -n 10 -r 1 --streams 2 --where --lora "$tmp/a.gguf=0.5" -o json
same "an adapter: exit code" 0 "$rc"
ok "its bytes" above_zero "$(number adapter_bytes)"
ok "its speed" above_zero "$(number streams_tokens_per_s)"
same "nothing is allocated for it" 0.0 "$(number allocations_per_token)"
hearth bench "$tmp/m.gguf" -p 0 -n 4 -r 1 --lora "$tmp/a.gguf"
ok "table: adapters" grep -q '^adapters: 1, ' <<< "$out"
hearth bench "$tmp/m.gguf" --cold --lora "$tmp/a.gguf" -o json
same "cold, with an adapter" 0 "$rc"
refused 65 "a model as an adapter" bench "$tmp/m.gguf" --lora "$tmp/m.gguf"
refused 65 "the same, cold" bench "$tmp/m.gguf" --cold --lora "$tmp/m.gguf"

hearth bench "$tmp/m.gguf" --cold -o json
same "cold: exit code" 0 "$rc"
same "cold: its prompt" 32 "$(number prompt)"
ok "cold: a first token" above_zero "$(number first_token_ms)"
hearth bench "$tmp/m.gguf" --cold -p 5 -o csv
same "cold: stages" 7 "$(wc -l <<< "$out")"

"$make" "$tmp/large.gguf" type=Q8_0 vocab=4000 embd=512 ff=2048 layers=4
hearth bench "$tmp/m.gguf" -p 5 -n 5 -r 1 --lock
case $rc in
    0) ;;
    77) ok "lock: the sentence names the limit" grep -qE 'may lock [0-9]+ KiB|in memory:' <<< "$err" ;;
    *) same "lock: exit code" "0 or 77" "$rc" ;;
esac
lock_without_leave() {
    (ulimit -l 8 && "$HEARTH_BIN" bench "$tmp/large.gguf" -p 5 -n 5 -r 1 --lock > /dev/null 2> "$tmp/err")
    [[ $? == 77 ]] && grep -q 'may lock 8 KiB; raise the limit' "$tmp/err"
}
if [[ $EUID != 0 ]]; then ok "lock: more than the limit is refused" lock_without_leave; fi

hearth bench "$tmp/m.gguf" -p 20 -n 10 -r 1 --where --svg "$tmp/where.svg" -o json
same "where the time goes" 0 "$rc"
ok "products by their weights" grep -q "attn_q attn_k attn_v" <<< "$out"
ok "and what is left" grep -q "everything else" <<< "$out"
ok "a picture of it" grep -q '^</svg>$' "$tmp/where.svg"
refused 74 "a picture nowhere" bench "$tmp/m.gguf" -p 2 -n 2 -r 1 --svg /no/such/folder/a.svg
refused 64 "nothing to measure" bench "$tmp/m.gguf" -p 0 -n 0
refused 64 "a cold start without a prompt" bench "$tmp/m.gguf" --cold -p 0
refused 64 "an unknown form" bench "$tmp/m.gguf" -o xml
refused 64 "two models" bench "$tmp/m.gguf" "$tmp/m.gguf"
refused 64 "no streams" bench "$tmp/m.gguf" --streams 0
finish
