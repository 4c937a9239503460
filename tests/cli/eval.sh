#!/bin/bash
# hearth eval: perplexity as computed by hand from hearth logits; the same bytes for any number of
# threads and after kills; a model against its quantised copy; choices; pages that are whole.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
"$HEARTH_BIN" help eval > /dev/null 2>&1 || skip "built without the server"
m=$tmp/m.gguf q=$tmp/q.gguf

figure() { # figure JSON PATH: one of its numbers or texts
    python3 - "$1" "$2" << 'P'
import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v = v[int(k)] if isinstance(v, list) else v[k]
print(v)
P
}
check() { # check EXPRESSION: of the report in $tmp/out, as r
    python3 - "$tmp/out" "$1" << 'P'
import json, math, sys
r = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))
P
}
evaluate() { "$HEARTH_BIN" eval "$@" > "$tmp/out" 2> "$tmp/err"; }
says() { ! evaluate "${@:2}" && grep -q "$1" "$tmp/err"; }

"$make" "$m" tokenizer=spm vocab=600 ctx=512 embd=256 heads=4 kv_heads=2 ff=256 layers=1 type=F32 seed=7 || exit 1
"$HEARTH_BIN" quantize "$m" "$q" Q4_K_M > /dev/null || exit 1
python3 - "$tmp" << 'P'
import random, sys
r = random.Random(5)
words = "the a fox moon hill night wood little lived sat looked and on in his old".split()
for name, n in ("one", 200), ("two", 90):
    open(sys.argv[1] + "/" + name + ".txt", "w").write(" ".join(r.choice(words) for _ in range(n)))
P

# ---- the definition, from raw logits ----
ok "one window" evaluate "$m" --text "$tmp/two.txt" --ctx 512 --json
"$HEARTH_BIN" tokenize --no-special "$m" "$tmp/two.txt" > "$tmp/ids"
"$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --out "$tmp/rows" || fails=$((fails + 1))
cat > "$tmp/plain.py" << 'P'
import array, json, math, sys
rows, ids, report = sys.argv[1:4]
ids = [int(x) for x in open(ids).read().split()]
v = array.array("f", open(rows, "rb").read())
n = len(v) // len(ids)
nats = 0
for t in range(len(ids) - 1):
    row = v[t * n:(t + 1) * n]
    top = max(row)
    nats += top + math.log(math.fsum(math.exp(x - top) for x in row)) - row[ids[t + 1]]
mean = nats / (len(ids) - 1)
total = json.load(open(report))["total"]
good = total["tokens"] == len(ids) - 1 and abs(total["nats_per_token"]["value"] - mean) < 1e-8 * mean \
    and abs(total["perplexity"]["value"] - math.exp(mean)) < 1e-6 * math.exp(mean) \
    and abs(total["bits_per_byte"]["value"] - nats / math.log(2) / total["bytes"]) < 1e-7
if not good: print(total, mean)
sys.exit(not good)
P
ok "perplexity is what raw logits say" python3 "$tmp/plain.py" "$tmp/rows" "$tmp/ids" "$tmp/out"

# ---- the same for any number of threads ----
two=(--text "$tmp/one.txt" --text "$tmp/two.txt" --ctx 64)
ok "a base" evaluate "$m" "${two[@]}" --json --save-logits "$tmp/m.logits"
cp "$tmp/out" "$tmp/first"
ok "nothing left over" test ! -e "$tmp/m.logits.part" -a ! -e "$tmp/m.logits.state"
for t in 1 3; do
    ok "$t threads" evaluate "$m" "${two[@]}" --json --save-logits "$tmp/t.logits" -t $t
    ok "$t threads: the same report" cmp "$tmp/first" "$tmp/out"
    ok "$t threads: the same logits" cmp "$tmp/m.logits" "$tmp/t.logits"
done
ok "every token once" check "r['total']['tokens'] == sum(g['tokens'] for g in r['groups'])"
ok "groups by file" check "[g['name'] for g in r['groups']] == ['one', 'two']"
ok "a worst group" check "r['fairness']['worst']['group'] in ('one', 'two')"

# ---- against a base ----
ok "itself" evaluate "$m" "${two[@]}" --json --base "$tmp/m.logits"
ok "itself: no divergence" check "r['total']['kl']['max'] < 1e-6 and r['total']['flips']['value'] == 0"
ok "quantised" evaluate "$q" "${two[@]}" --json --base "$tmp/m.logits" --html "$tmp/q.html"
cp "$tmp/out" "$tmp/compared"
ok "quantised: some divergence" check "1e-6 < r['total']['kl']['value'] < 1"
ok "quantised: in order" check "(lambda k: k['median'] <= k['p90'] <= k['p99'] <= k['p999'] <= k['max'])(r['total']['kl'])"
ok "quantised: the base's own figure" check "abs(r['total']['base']['nats_per_token']['value'] - $(figure "$tmp/first" total.nats_per_token.value)) < 1e-9"
ok "who is harmed" check "r['fairness']['most_harmed']['group'] in ('one', 'two')"
ok "the page is XML" python3 -c 'import sys, xml.dom.minidom as d
p = d.parse(sys.argv[1]); s = p.getElementsByTagName("svg")
sys.exit(len(s) != 3 or any(not e.getElementsByTagName("desc") or e.getAttribute("role") != "img" for e in s))' "$tmp/q.html"
ok "the page asks nobody" bash -c '! grep -E "src=|href=|url\(|@import|<script" "$1"' _ "$tmp/q.html"

# ---- killed, and continued ----
continued() { # what was killed once more, the same bytes in the end
    evaluate "$@" --json --save-logits "$tmp/k.logits" && cmp -s "$tmp/first" "$tmp/out" &&
        cmp -s "$tmp/m.logits" "$tmp/k.logits" && [[ ! -e $tmp/k.logits.part && ! -e $tmp/k.logits.state ]]
}
size=$(stat -c %s "$tmp/m.logits")
for part in 3 11; do # killed by the size of what it writes: sixteenths
    rm -f "$tmp/k.logits"
    ! (ulimit -c 0; ulimit -f $((size * part / 16 / 1024)); exec "$HEARTH_BIN" eval "$m" "${two[@]}" \
        --save-logits "$tmp/k.logits") > /dev/null 2>&1
    ok "killed at $part: no file" test ! -e "$tmp/k.logits"
    ok "killed at $part: a state" test -s "$tmp/k.logits.state"
    [[ $part == 11 ]] && cp "$tmp/k.logits.part" "$tmp/p" && cp "$tmp/k.logits.state" "$tmp/s"
    ok "killed at $part: continued" continued "$m" "${two[@]}"
done
spoil() { python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))' "$@"; }
again() { cp "$tmp/p" "$tmp/k.logits.part"; cp "$tmp/s" "$tmp/k.logits.state"; rm -f "$tmp/k.logits"; }
again; spoil "$tmp/k.logits.part" 5000
ok "spoilt logits are made again" continued "$m" "${two[@]}"
again; spoil "$tmp/k.logits.state" 500
ok "a spoilt state too" continued "$m" "${two[@]}"
again; rm "$tmp/k.logits.part"
ok "logits without their state's" continued "$m" "${two[@]}"
again
ok "another model begins anew" evaluate "$q" "${two[@]}" --json --save-logits "$tmp/k.logits"
# long enough to be met in the middle on any machine: seconds, and looked at every hundredth
for i in {1..30}; do cat "$tmp/two.txt"; echo; done > "$tmp/long.txt"
long=(--text "$tmp/long.txt" --ctx 32 --stride 1)
ok "killed for good, with a signal" bash -c '
    "$1" eval "$2" "${@:4}" --state "$3" > /dev/null 2>&1 & p=$!
    for i in {1..6000}; do [[ -s $3 && $(stat -c %s "$3") -gt 400 ]] && break; sleep 0.01; done
    kill -9 $p; wait $p; [[ -s $3 ]]' _ "$HEARTH_BIN" "$m" "$tmp/w.state" "${long[@]}" 2> /dev/null
kept=$(stat -c %s "$tmp/w.state")
ok "continued" evaluate "$m" "${long[@]}" --state "$tmp/w.state" --json
cp "$tmp/out" "$tmp/w"
ok "kept something" test "$kept" -gt 64
ok "without any kill" evaluate "$m" "${long[@]}" --json
ok "the same report" cmp "$tmp/w" "$tmp/out"

# ---- choices ----
cat > "$tmp/c.jsonl" << 'END'
{"ctx": "The fox", "endings": ["sat on the hill", "moon", "in in in"], "label": 0, "lang": "a"}
{"question": "Who sat?", "choices": ["The fox", "The moon"], "label": 0, "lang": "a"}
{"question": "is the moon old", "answer": true, "lang": "b"}
{"sentence_good": "The fox sat.", "sentence_bad": "Fox the sat.", "lang": "b"}
{"sentence": "The _ sat.", "option1": "fox", "option2": "hill", "answer": "1", "lang": "b"}
END
ok "choices" evaluate "$m" --choice "$tmp/c.jsonl" --group lang --json --save-logits "$tmp/c.logits"
ok "choices: items" check "r['total']['items'] == 5 and [g['items'] for g in r['groups']] == [2, 3]"
ok "choices: chance" check "abs(r['total']['chance'] - (1/3 + 4/2) / 5) < 1e-9"
cp "$tmp/out" "$tmp/c1"
ok "choices against a base" evaluate "$q" --choice "$tmp/c.jsonl" --group lang --json --base "$tmp/c.logits"
ok "choices: the base's accuracy" check "r['total']['base']['accuracy']['value'] == $(figure "$tmp/c1" total.accuracy.value)"
ok "choices: changes are paired" check "abs(r['total']['change_accuracy']['value'] - (r['total']['accuracy']['value'] - r['total']['base']['accuracy']['value'])) < 1e-9"
ok "a table" evaluate "$m" --choice "$tmp/c.jsonl" --group lang
ok "a table: all" grep -q '^all  *5 ' "$tmp/out"

# ---- what is refused ----
echo 'Zebra' >> "$tmp/c.jsonl"
ok "a bad line is named" says 'c.jsonl, line 6' "$m" --choice "$tmp/c.jsonl"
ok "and not quoted" bash -c '! grep -q Zebra "$1"' _ "$tmp/err"
ok "other windows" says 'other tokens' "$m" "${two[@]}" --stride 7 --base "$tmp/m.logits"
ok "no logits" says 'no file of saved logits' "$m" "${two[@]}" --base "$tmp/one.txt"
spoil "$tmp/m.logits" 20000
ok "damaged logits" says 'damaged' "$m" "${two[@]}" --base "$tmp/m.logits"
refused 64 "both" eval "$m" --text "$tmp/one.txt" --choice "$tmp/c.jsonl"
refused 64 "neither" eval "$m"
refused 66 "no such file" eval "$m" --text "$tmp/none.txt"
: > "$tmp/empty"
ok "nothing to score" says 'no token to score' "$m" --text "$tmp/empty"

# ---- ember on the shared sets ----
if has_ember && [[ -f $HEARTH_DATA/eval/language.tar.xz ]]; then
    tar -C "$tmp" -xf "$HEARTH_DATA/eval/language.tar.xz" heldout/multi_es.txt hellaswag/hellaswag_val_1000.jsonl \
        mc/ARC-Easy.test.jsonl mc/boolq.test.jsonl mc/winogrande.test.jsonl blimp/wh_island.jsonl
    ok "ember: a text" evaluate ember --text "$tmp/heldout/multi_es.txt" --ctx 256 --json
    ok "ember: bits per byte of a text hardly seen" check "1 < r['total']['bits_per_byte']['value'] < 8"
    for set in hellaswag/hellaswag_val_1000 mc/ARC-Easy.test mc/boolq.test blimp/wh_island; do
        ok "ember: $set" evaluate ember --choice "$tmp/$set.jsonl" --limit 12 --json
        ok "ember: $set: all of them" check "r['total']['items'] == 12"
    done
    ok "ember: winogrande" evaluate ember --style blank --choice "$tmp/mc/winogrande.test.jsonl" --limit 12 --json
fi
finish
