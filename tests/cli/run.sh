#!/bin/bash
# hearth run off a terminal: prompts, pipes, seeds, limits, JSON, and no trace of a terminal.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
m=$tmp/toy.gguf # random weights: nonsense words, but the same nonsense for the same seed
"$make" "$m" tokenizer=spm vocab=600 ctx=512 embd=64 heads=4 kv_heads=2 ff=128 layers=2 seed=7 || exit 1

run() { hearth run "$m" --num-predict 12 "$@"; }

run --seed 1 "Hello there"
first=$out
same "an answer: exit code" 0 "$rc"
ok "an answer: some words" test -n "$out"
same "nothing on stderr" "" "$err"
run --seed 1 "Hello there"
same "same seed, same words" "$first" "$out"
run --seed 1 --threads 1 Hello there
same "threads do not matter, words of the prompt are joined" "$first" "$out"
HEARTH_ISA=c run --seed 1 "Hello there"
same "nor does the processor" "$first" "$out"
run --seed 2 "Hello there"
ok "another seed, other words" test "$first" != "$out"
run --seed=1 -- "Hello there"
same "-- and --seed=1" "$first" "$out"
hearth run --seed 1 -n 12 -m "$m" "Hello there"
same "-m names the model" "$first" "$out"
run --temperature 0 "Hello there"
greedy=$out
run --temp 0 --seed 99 "Hello there"
same "greedy needs no seed" "$greedy" "$out"
run --seed 7 --top-k 1 "Hello there"
same "top-k 1 is greedy" "$greedy" "$out"
run --seed 7 --samplers "temperature" --temperature 0 "Hello there"
same "and so is temperature 0 in any chain" "$greedy" "$out"

# Standard input comes before the prompt.
printf 'Hello\n' > "$tmp/in"
input=$tmp/in run --seed 1 there --show-prompt
ok "stdin, a blank line, then the prompt" grep -q '^there' "$tmp/err"
ok "stdin comes first" grep -q 'Hello$' "$tmp/err"
printf 'Hello there' > "$tmp/in"
input=$tmp/in run --seed 1
same "stdin alone is the prompt" "$first" "$out"
refused 64 "no prompt at all" run "$m"
printf 'a\377b' > "$tmp/in"
input=$tmp/in refused 65 "a prompt that is not UTF-8" run "$m"
refused 66 "a model that is not there" run ./no/such.gguf hi

run --system "Be brief." --show-prompt --seed 1 hi
ok "the system text is in the prompt" grep -q 'Be brief.' "$tmp/err"
run --raw --show-prompt --seed 1 "just this"
same "--raw: only the prompt" "just this" "$err"
ok "no half characters" iconv -f UTF-8 -t UTF-8 <(printf '%s' "$first") -o /dev/null

# What a person types is text, even where it spells a special token; --raw means what it says.
count() { hearth run "$m" --json -n 1 --seed 1 "$@"; sed -n 's/.*"prompt_count": \([0-9]*\).*/\1/p' <<< "$out"; }
ok "a typed </s> is text" test "$(count "x</s>x")" -gt "$(($(count "xx") + 1))"
same "in raw text it is a token" "$(($(count --raw "x") + 1))" "$(count --raw "x</s>")"

# Stop strings: text before the stop, never any of it.
probe=${first:4:2}
run --seed 1 --stop "$probe" "Hello there"
same "--stop cuts before it" "${first%%"$probe"*}" "$out"

# JSON and timings.
run --json --seed 1 "Hello there"
ok "--json holds the text" grep -qF "\"eval_count\": 12" <<< "$out"
for key in text seed ids done_reason prompt_count total_duration numerics; do
    ok "--json has $key" grep -q "\"$key\"" <<< "$out"
done
same "done_reason" length "$(sed -n 's/.*"done_reason": "\(.*\)".*/\1/p' <<< "$out")"
run --verbose --seed 1 "Hello there"
same "--verbose leaves stdout alone" "$first" "$out"
for word in "total duration:" "load duration:" "prompt eval count:" "prompt eval duration:" \
    "prompt eval rate:" "eval count:           12 token(s)" "eval duration:" "eval rate:"; do
    ok "--verbose prints $word" grep -qF "$word" "$tmp/err"
done

# Limits are said, with both counts; nothing is cut.
hearth run "$m" -c 64 --seed 1 --logit-bias 2=-inf,1=-inf "Hello there"
same "a full context is not a failure" 0 "$rc"
ok "but is said" grep -q 'context of 64 tokens is full' "$tmp/err"
long=$(printf 'word %.0s' {1..100})
refused 65 "a prompt past the context" run "$m" -c 64 "$long"
ok "both counts" grep -Eq 'needs [0-9]+ tokens .* holds 64' "$tmp/err"

refused 64 "a parameter out of range" run "$m" --top-p 2 hi
refused 64 "an unknown stage" run "$m" --samplers "top_k;magic" hi
refused 64 "a bias outside the vocabulary" run "$m" --logit-bias 600=1 hi
refused 64 "a count that is none" run "$m" -n many hi

run --seed 1 "Hello there"
same "no escape sequences in a pipe" "" "$(printf '%s%s' "$out" "$err" | tr -cd '\033\r')"

# Ctrl-C: 130, and what was said stays said.
"$HEARTH_BIN" run "$m" -c 20000 --seed 1 --logit-bias 2=-inf,1=-inf "go on" < /dev/null > "$tmp/said" &
pid=$!
for _ in {1..500}; do
    [[ -s $tmp/said ]] && break
    sleep 0.02
done
kill -INT $pid
wait $pid
same "interrupted: exit code" 130 $?
ok "interrupted: the words so far" test -s "$tmp/said"

if has_ember; then
    hearth run "Hello! Who are you?"
    same "ember answers" 0 "$rc"
    ok "ember says something" test ${#out} -gt 10
    same "ember by name" 0 "$(hearth run ember hi > /dev/null; echo $rc)"
    hearth show ember
    ok "ember can be shown" grep -q ember <<< "$out"
else
    refused 69 "no embedded model in this build" run hi
fi
finish
