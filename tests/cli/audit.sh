#!/bin/bash
# hearth audit: the log kept with the tests, read, shown, proved; damaged, and found out - by a
# second implementation too.
source "$(dirname "$0")/lib/server.bash"
"$HEARTH_BIN" help audit > /dev/null 2>&1 || skip "this build has no audit log"
export HEARTH_STATE=$tmp/state
mkdir -m 700 "$HEARTH_STATE"
refused 66 "no log yet" audit verify
cp -r "$HEARTH_SRC/tests/golden/audit/log" "$HEARTH_STATE/audit"
log=$HEARTH_STATE/audit

hearth audit verify
same "verify: exit code" 0 "$rc"
ok "verify: says how many" grep -q '24 entries' <<< "$out"
ok "verify: says that nothing is pinned" grep -q 'pinned *nothing' <<< "$out"
hearth audit verify --json
ok "verify --json" grep -q '"entries": *24' <<< "$out"
hearth audit verify --log "$log"
same "verify --log" 0 "$rc"
hearth audit tail
same "tail: ten lines" 10 "$(wc -l <<< "$out")"
ok "tail ends with the signing" grep -q '^ *23 .*checkpoint' <<< "$out"
hearth audit tail -n 100
same "tail: all of them" 24 "$(wc -l <<< "$out")"
hearth audit show 3
ok "show" grep -q '^ *3 .*refused.*reason=example' <<< "$out"
hearth audit show 3 --json
ok "show --json" grep -q '"type": *"refused"' <<< "$out"
refused 64 "an entry that is not there" audit show 24
refused 64 "a number that is none" audit show x
refused 64 "no verb" audit
refused 64 "an unknown verb" audit frob
refused 64 "too much" audit verify x

# Proofs: of both trees, without the log, with its keys.
for tree in "" --sha256; do
    hearth audit prove 5 $tree -o "$tmp/5.tlog-proof"
    same "prove $tree" 0 "$rc"
    hearth audit verify --proof "$tmp/5.tlog-proof" --vkey "$log/vkey"
    same "verify --proof $tree" 0 "$rc"
    ok "which entry it is" grep -q 'entry 5 of a log that was signed with 24' <<< "$out"
    sed 's/^index 5/index 6/' "$tmp/5.tlog-proof" > "$tmp/6.tlog-proof"
    refused 65 "of another entry $tree" audit verify --proof "$tmp/6.tlog-proof"
done
refused 65 "a proof that is none" audit verify --proof "$log/vkey"
hearth audit verify --json --proof "$log/vkey"
same "as JSON, too: exit code" 65 "$rc"
ok "as JSON, too" grep -q '"ok": *false' <<< "$out"

# What others read.
hearth audit export "$tmp/out"
same "export" 0 "$rc"
for tree in sha3 sha256; do
    ok "export: $tree" cmp -s "$log/$tree/tile/0/000.p/24" "$tmp/out/$tree/tile/0/000.p/24"
    ok "export: entries of $tree" test -s "$tmp/out/$tree/tile/entries/000.p/24"
done

# Pins: kept elsewhere, they see what is missing.
hearth audit pin "$tmp/stick.pin"
same "pin" 0 "$rc"
hearth audit pin
same "pin beside" 0 "$rc"
hearth audit verify
ok "verify finds the pin beside" grep -q 'goes on from a checkpoint of 24' <<< "$out"
rm "$HEARTH_STATE/audit.pin"
cp -r "$log" "$tmp/cut"
rm -r "$tmp"/cut/sha3 "$tmp"/cut/sha256
python3=$(command -v python3)
second() { [[ -z $python3 ]] || PYTHONDONTWRITEBYTECODE=1 "$python3" "$HEARTH_SRC/tools/audit_verify.py" "$@" > "$tmp/second" 2>&1; }
agree() { # agree "what" code folder pins...: both implementations say so
    local what=$1 want=$2 folder=$3
    shift 3
    hearth audit verify --log "$folder" "$@"
    same "$what" "$want" "$rc"
    [[ -n $python3 ]] || return 0
    if second "$folder" "$@"; then same "$what: the second" "$want" 0; else same "$what: the second" "$want" 65; fi
}
agree "as it is" 0 "$log" --pin "$tmp/stick.pin"
agree "without its checkpoints and tiles" 0 "$tmp/cut"
ok "which is said" grep -q 'nothing of its 24 entries is signed' <<< "$out"
agree "the same, pinned" 0 "$tmp/cut" --pin "$tmp/stick.pin"
ok "which binds it" grep -q 'The log holds: 24 entries' <<< "$out"
size=$(stat -c %s "$log/log")
hearth audit show 23 --json
last=$((32 + $(tr -d ' \n' <<< "$out" | sed 's/.*"entry"://; s/}$//' | wc -c)))
truncate -s $((size - last)) "$tmp/cut/log"
hearth audit verify --log "$tmp/cut"
same "one entry less is not seen without a pin" 0 "$rc"
agree "one entry less, pinned" 65 "$tmp/cut" --pin "$tmp/stick.pin"

# Damage: every file, here and there; both say so.
flip() { # flip FILE OFFSET: another byte there
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\x$(printf %x $((byte ^ (1 + $2 % 255))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
for file in log vkey sha3/checkpoint sha256/checkpoint sha3/tile/0/000.p/24 sha256/tile/0/000.p/24; do
    size=$(stat -c %s "$log/$file")
    for i in 0 1 2 3 4; do
        at=$(((size - 1) * i / 4))
        flip "$log/$file" "$at"
        agree "$file: byte $at of $size" 65 "$log"
        [[ $i != 2 ]] || { hearth audit verify --json; ok "$file: as JSON" grep -q '"ok": *false' <<< "$out"; }
        cp "$HEARTH_SRC/tests/golden/audit/log/$file" "$log/$file"
    done
done
agree "whole again" 0 "$log"

# Whoever reads a log is in a cage: a link that somebody left in the folder leads nowhere.
hearth doctor
if [[ -z ${HEARTH_NO_CAGE:-} ]] && grep -q '^cage: engine .*its own files only' <<< "$out"; then
    mv "$log/vkey" "$tmp/elsewhere"
    ln -s "$tmp/elsewhere" "$log/vkey"
    refused 74 "a file that is elsewhere" audit verify
    HEARTH_NO_CAGE=1 hearth audit verify
    same "which could be read without the cage" 0 "$rc"
    rm "$log/vkey"
    mv "$tmp/elsewhere" "$log/vkey"
fi

# Texts and erasure want a keyring; a server makes one when it starts.
refused 64 "a text, and no keyring" audit show 14 --text
if has_ember; then
    export HEARTH_STATE=$tmp/other
    start --no-audit
    stop
    ok "there is a keyring" test -s "$HEARTH_STATE/keyring"
    cp -r "$HEARTH_SRC/tests/golden/audit/log" "$HEARTH_STATE/audit"
    refused 77 "a text whose key is not there" audit show 14 --text
    refused 64 "an entry without a text" audit show 3 --text
    refused 65 "a log without its key is not written to" audit erase someone
    rm -r "$HEARTH_STATE/audit"
    mkdir -m 700 "$HEARTH_STATE/audit"
    hearth audit erase someone
    same "erase" 0 "$rc"
    hearth audit tail
    ok "its key is sealed" grep -q '^SEALED+KEY+' "$HEARTH_STATE/audit/key"
    ok "erase: begun" grep -q '^ *0 .*erase *action=begun subject=someone' <<< "$out"
    ok "erase: done" grep -q '^ *1 .*erase *action=done subject=someone' <<< "$out"
    agree "and it is signed" 0 "$HEARTH_STATE/audit"
fi
finish
