#!/bin/bash
# hearth plan: within 2 % of the peak of a run that fills its context, for ember at three lengths; the
# same for the models that HEARTH_PLAN_MODELS names (paths, or "make": half a billion and one billion
# weights). What does not fit is refused, with advice that holds.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel

field() { python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v = v[int(k) if isinstance(v, list) else k]
print(v)' "$tmp/json" "$1"; }
plan() { "$HEARTH_BIN" plan --json "$@" > "$tmp/json" 2> "$tmp/err"; }

# peak MODEL CTX RUNS: the median of the peaks, in KiB, of runs that say their context is full.
peak() {
    python3 - "$HEARTH_BIN" "$@" << 'END'
import os, subprocess, sys
bin, model, ctx, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def tokens(words):
    text = " a" * words
    p = subprocess.run([bin, "tokenize", model], input=text.encode(), stdout=subprocess.PIPE)
    return len(p.stdout.split())
words = ctx - 24
while tokens(words) > ctx - 20: words -= 1 # a word is a token, or more
peaks = []
for seed in range(1, 60): # a model may also end before
    p = subprocess.Popen([bin, "run", "-m", model, "--raw", "-c", str(ctx), "--seed", str(seed),
                          "--temperature", "1.5"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE)
    p.stdin.write((" a" * words).encode())
    p.stdin.close()
    said = p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    if status == 0 and b"is full" in said: peaks.append(usage.ru_maxrss)
    if len(peaks) == runs: break
print(sorted(peaks)[len(peaks) // 2] if len(peaks) == runs else 0)
END
}

within() { # within MODEL CTX RUNS
    local planned measured i
    # Of both the median: how much of a program is resident differs by a percent of ember's run.
    planned=$(for ((i = 0; i < 7; i++)); do
        plan -c "$2" "$1" && echo $(($(field total_bytes) >> 10))
    done | sort -n | sed -n 4p)
    [[ $planned ]] || return 1
    measured=$(peak "$@")
    awk -v p="$planned" -v m="$measured" -v what="$1 -c $2" 'BEGIN {
        printf "%s: planned %d KiB, measured %d KiB: %+.2f %%\n", what, p, m, m ? (p / m - 1) * 100 : 0
        exit !(m > 0 && p <= m * 1.02 && p >= m * 0.98)
    }'
}

# A sanitized program's own memory is another matter.
if has_ember && ! grep -qaE '__[at]san_init' "$HEARTH_BIN"; then
    for ctx in 128 256 512; do ok "ember, $ctx tokens" within ember $ctx 7; done
fi
models=${HEARTH_PLAN_MODELS:-}
if [[ $models == make ]]; then
    "$make" "$tmp/half.gguf" shape=0.5b type=Q8_0 tokenizer=bpe || exit 1
    "$make" "$tmp/one.gguf" shape=1b type=Q4_K_M tokenizer=bpe || exit 1
    models="$tmp/half.gguf $tmp/one.gguf"
fi
for m in $models; do
    for ctx in 512 1024 2048; do ok "$m, $ctx tokens" within "$m" $ctx 1; done
done

[[ -x $make ]] || finish
m=$tmp/m.gguf
"$make" "$m" vocab=8192 embd=512 ff=2048 layers=6 head_dim=64 type=F16 tokenizer=bpe || exit 1
ok "fits" plan -c 2048 "$m"
all=$(field total_bytes)
sum=$(python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
print(sum(j[k] for k in ("weights_bytes panels_bytes tables_bytes cache_bytes scratch_bytes "
                         "logits_bytes lists_bytes program_bytes").split()))' "$tmp/json")
same "the parts add up" "$all" "$sum"
same "classes add up" "$(field weights_bytes)" \
    "$(python3 -c 'import json, sys; print(sum(json.load(open(sys.argv[1]))["weights"].values()))' "$tmp/json")"
same "lengths: the longest is what it was trained for" True \
    "$(python3 -c 'import json, sys
l = json.load(open(sys.argv[1]))["lengths"]
print(l == sorted(l, key=lambda f: f["total_bytes"]) and 2048 in [f["ctx"] for f in l])' "$tmp/json")"
ok "a leaner cache" plan -c 2048 --kv q8_0 "$m"
ok "is leaner" test "$(field total_bytes)" -lt "$all"
ok "a server" plan -c 2048 --parallel 8 "$m"
ok "takes more" test "$(field total_bytes)" -gt "$all"
ok "its cache bounded" plan -c 2048 --parallel 8 --cache 2 "$m"
ok "is" test "$(field cache_bytes)" -le $((2 << 20))

# A machine where the longest context does not fit: every advice, followed, fits there.
ok "long" plan -c 262144 "$m"
room=$(($(field total_bytes) / 2 >> 20))
rc=0
plan -c 262144 --memory $room "$m" || rc=$?
same "too long: exit code" 69 "$rc"
same "too long" False "$(field fits)"
advice=$(python3 -c 'import json, sys
for a in json.load(open(sys.argv[1]))["advice"]: print(a["becomes"]["total_bytes"], a["estimate"], a["change"])' "$tmp/json")
ok "a shorter context is advised" has "$advice" "--ctx"
while read -r bytes estimate change; do
    [[ $estimate == True ]] && continue
    # shellcheck disable=SC2086
    ok "advice holds: $change" plan -c 262144 --memory $room $change "$m"
    said=$(field total_bytes)
    ok "and is what it said: $change" test $(((said - bytes) / 1048576)) -eq 0
done <<< "$advice"
hearth plan -c 262144 --memory $room "$m"
ok "says so" has "$out" "It does not fit."
same "too long, in words: exit code" 69 "$rc"
hearth plan -c 64 --memory 8 "$m"
ok "far too little: weights pass through" has "$out" "read from the file at every step"
ok "far too little: still too much" has "$out" "still too much"
refused 64 "no model" plan
refused 64 "cache without server" plan --cache 5 "$m"
refused 66 "no such file" plan "$tmp/none.gguf"
refused 64 "no such type" plan --kv f8 "$m"
finish
