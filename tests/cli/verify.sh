#!/bin/bash
# hearth run --receipt and hearth verify: made whole or not at all, checked offline, run again.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
hearth help verify
[[ $rc == 0 ]] || skip "this build has no receipts"
export HEARTH_STATE=$tmp/state
m=$tmp/toy.gguf r=$tmp/r.json
"$make" "$m" tokenizer=spm vocab=600 ctx=512 embd=64 heads=4 kv_heads=2 ff=128 layers=2 seed=7 || exit 1
printf 'Hello there' > "$tmp/prompt"
ask() { hearth run "$m" --seed 1 -n 12 --receipt "$r" "$@" "Hello there"; }
replay() { hearth verify --replay -m "$m" --prompt-file "$tmp/prompt" "$@" "$r"; }

# Making one.
hearth run "$m" --seed 1 -n 12 "Hello there"
words=$out
ask
same "an answer with a receipt: exit code" 0 "$rc"
same "the words are the same" "$words" "$out"
same "the receipt is for its holder" 600 "$(stat -c %a "$r")"
same "so is the key" 600 "$(stat -c %a "$HEARTH_STATE/receipt.key")"
ok "which is sealed" grep -q '^SEALED+KEY+hearth-receipts+' "$HEARTH_STATE/receipt.key"
mv "$HEARTH_STATE/keyring.key" "$tmp/away"
refused 77 "nor opened without the keyring" run "$m" --receipt "$tmp/no.json" hi
mv "$tmp/away" "$HEARTH_STATE/keyring.key"
same "one line, canonical" 1 "$(wc -l < "$r")"
ok "no prompt in it" bash -c "! grep -qi hello '$r'"
ok "nor in what is signed" bash -c "! grep -o '\"payload\":\"[^\"]*' '$r' | cut -c12- | base64 -d | grep -qi hello"
cp "$HEARTH_STATE/receipt.vkey" "$tmp/mine.vkey"
cp "$r" "$tmp/first"
ask --json
ok "with --json too" grep -q '"text"' <<< "$out"
ok "the same key again" cmp "$tmp/mine.vkey" "$HEARTH_STATE/receipt.vkey"
ok "another salt, another receipt" bash -c "! cmp -s '$r' '$tmp/first'"
refused 74 "no such folder" run "$m" --receipt "$tmp/no/such/r.json" hi
refused 64 "a folder" run "$m" --receipt "$tmp" hi
refused 64 "standard output" run "$m" --receipt - hi
chmod 644 "$HEARTH_STATE/receipt.key"
refused 77 "a key that others may read" run "$m" --receipt "$r" hi
chmod 600 "$HEARTH_STATE/receipt.key"
hearth verify "$r"
same "the receipt of before is still there, whole" 0 "$rc"

# Checking it.
hearth verify "$r"
same "verify: exit code" 0 "$rc"
ok "who signed it" grep -q '^signed by *hearth-receipts+' <<< "$out"
ok "what was not looked at is said" grep -q '^not checked' <<< "$out"
hearth verify --json "$r"
ok "as JSON" grep -q '"good": true' <<< "$out"
hearth verify --key "$tmp/mine.vkey" "$r"
same "a key from a file" 0 "$rc"
HEARTH_STATE=$tmp/nobody hearth verify --key "$(cat "$tmp/mine.vkey")" "$r"
same "a key as it is, no state" 0 "$rc"
HEARTH_STATE=$tmp/nobody refused 77 "a key nobody knows" verify "$r"
ok "the sentence says what to do" grep -q -- '--key' "$tmp/err"
HEARTH_STATE=$tmp/other hearth run "$m" -n 1 --receipt "$tmp/other.json" hi
refused 77 "somebody else's" verify "$tmp/other.json"
cat "$tmp/other/receipt.vkey" >> "$HEARTH_STATE/receipt.vkey"
hearth verify "$tmp/other.json"
same "until their key is in the list" 0 "$rc"
refused 65 "a key that is none" verify --key a+b "$r"
refused 66 "no receipt" verify "$tmp/none.json"
refused 65 "a file that is no receipt" verify "$m"
refused 64 "which?" verify
refused 64 "--replay wants a prompt" verify --replay "$r"
for at in 10 200 900 2000; do
    cp "$r" "$tmp/bad"
    printf 'Q' | dd of="$tmp/bad" bs=1 seek=$at conv=notrunc status=none
    refused 65 "a changed byte, $at" verify "$tmp/bad"
done
hearth verify --json "$tmp/bad"
ok "as JSON, too" grep -q '"good": false' <<< "$out"

# The answer it is about, and the receipt as it is shown to others.
printf '%s\n' "$words" > "$tmp/answer"
hearth verify --answer "$tmp/answer" "$r"
same "this is the answer" 0 "$rc"
printf 'x%s\n' "$words" > "$tmp/answer"
refused 65 "this is not" verify --answer "$tmp/answer" "$r"
hearth verify --share "$tmp/shared.json" "$r"
ok "no salt is shown" bash -c "! grep -q holder '$tmp/shared.json'"
hearth verify "$tmp/shared.json"
same "what is shown is as good" 0 "$rc"

# As a credential.
vc=$tmp/vc.json
hearth verify --export-vc "$vc" "$r"
same "a credential of it" 0 "$rc"
hearth verify "$vc"
same "its proof holds" 0 "$rc"
hearth verify --json "$vc"
ok "as JSON" grep -q '"eddsa-jcs-2022"' <<< "$out"
HEARTH_STATE=$tmp/nobody refused 77 "a credential of a stranger" verify "$vc"
sed 's/"finish":"/&x/' "$vc" > "$tmp/bad"
refused 65 "a changed one" verify "$tmp/bad"
{ printf ' '; cat "$vc"; } > "$tmp/bad"
refused 65 "a blank before it" verify "$tmp/bad"
{ cat "$vc"; printf ' '; } > "$tmp/bad"
refused 65 "a blank after it" verify "$tmp/bad"
hearth verify --json "$tmp/bad"
ok "which JSON says, too" grep -q '"good": false' <<< "$out"
refused 64 "not what a credential is for" verify --share "$tmp/x" "$vc"
refused 77 "somebody else's receipt" verify --export-vc "$tmp/x" "$tmp/other.json"
ok "nothing was written" test ! -e "$tmp/x"

# Running it again.
for options in "" "-t 1" "-t 2"; do
    replay $options
    same "the same words again ($options)" 0 "$rc"
done
HEARTH_ISA=c replay
same "and on plain C" 0 "$rc"
ok "which is said" grep -q 'kernels c' <<< "$out"
hearth verify --replay -m "$m" --prompt-file "$tmp/prompt" "$tmp/shared.json"
same "without the holder's part" 0 "$rc"
same "the prompt was then not checked" "the prompt" "$(sed -n '/^not checked/s/not checked *//p' <<< "$out")"
printf 'Hello where' > "$tmp/prompt"
refused 65 "another prompt" verify --replay -m "$m" --prompt-file "$tmp/prompt" "$r"
printf 'Hello there' > "$tmp/prompt"
"$make" "$tmp/m2.gguf" tokenizer=spm vocab=600 ctx=512 embd=64 heads=4 kv_heads=2 ff=128 layers=2 seed=8
refused 65 "another model" verify --replay -m "$tmp/m2.gguf" --prompt-file "$tmp/prompt" "$r"
# A receipt that lies, signed with the right key: only running it again can tell.
forge=$tmp/forge
if ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I"$HEARTH_SRC/src" -I"$HEARTH_SRC/include" -o "$forge" \
    "$(dirname "$0")/lib/forge.c" "${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/libhearth.a" \
    -ljansson -lgnutls -lsodium -lm -lpthread 2> /dev/null &&
    "$forge" "$r" "$HEARTH_STATE" "$tmp/lie.json" 5; then
    hearth verify "$tmp/lie.json"
    same "a lie: well signed" 0 "$rc"
    refused 65 "and found out" verify --replay -m "$m" --prompt-file "$tmp/prompt" "$tmp/lie.json"
    ok "at its token" grep -q 'from token 6 of 12 on' "$tmp/err"
    hearth verify --json --replay -m "$m" --prompt-file "$tmp/prompt" "$tmp/lie.json"
    ok "which JSON counts from zero" grep -q '"first_difference": 5' <<< "$out"
    hearth verify --share "$tmp/lie2.json" "$tmp/lie.json"
    refused 65 "without the holder's part, too" verify --replay -m "$m" --prompt-file "$tmp/prompt" \
        "$tmp/lie2.json"
else
    echo "not tried: a forged receipt (no compiler, or a library built otherwise)"
fi

ask --system "Be brief." --temperature 1.234567891 --repeat-penalty 1.1 --dry-multiplier 0.7
refused 65 "the system text is part of the prompt" verify --replay -m "$m" --prompt-file "$tmp/prompt" "$r"
replay --system "Be brief."
same "with it, the same" 0 "$rc"
hearth run "$m" --temperature 0 -n 12 "Hello there"
stop=${out:7:3}
ask --temperature 0 --stop "$stop" --stop nowhere
replay
same "stop texts not told: the same ids" 0 "$rc"
ok "which ended there" grep -q 'ended by stop_text' <<< "$out"
ok "and the text was not checked" grep -q 'run again' <<< "$(sed -n '/^not checked/,$p' <<< "$out")"
replay --stop "$stop" --stop nowhere
same "told: the same text" 0 "$rc"
ok "and they were checked" grep -q 'the stop texts' <<< "$out"
refused 65 "other stop texts" verify --replay -m "$m" --prompt-file "$tmp/prompt" --stop nowhere "$r"
ask --raw
replay
same "without a template" 0 "$rc"
if has_ember; then
    hearth run --seed 3 -n 20 --receipt "$r" "A short story."
    printf 'A short story.' > "$tmp/prompt"
    hearth verify --replay --prompt-file "$tmp/prompt" "$r"
    same "ember, with its template" 0 "$rc"
    hearth run --seed 3 -n 1 --show-prompt "A short story."
    head -c -1 "$tmp/err" > "$tmp/rendered"
    hearth verify --replay --rendered --prompt-file "$tmp/rendered" "$r"
    same "and from the prompt as it was rendered" 0 "$rc"
fi
finish
