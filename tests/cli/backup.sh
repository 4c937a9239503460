#!/bin/bash
# backup.sh - backup and restore: opened by Debian's age and tar, taken while others write, killed
# at any moment, damaged, for other keys; a folder of them.
#
#   HEARTH_BACKUP_ROUNDS   backups while users are added (default 6)
#   HEARTH_BACKUP_LOADS    backups while a server stores conversations (default 3)
#   HEARTH_BACKUP_KILLS    kills of each, backup and restore (default 40)
source "$(dirname "$0")/lib/server.bash"
"$HEARTH_BIN" help backup >/dev/null 2>&1 || skip "this build has no server"
export HEARTH_STATE=$tmp/a/state HEARTH_MODELS=$tmp/models
live= clients=
trap 'kill_server; [ -z "$live" ] || kill -9 $live $clients 2>/dev/null; rm -rf "$tmp"' EXIT
rounds=${HEARTH_BACKUP_ROUNDS:-6} loads=${HEARTH_BACKUP_LOADS:-3} kills=${HEARTH_BACKUP_KILLS:-40}
mkdir -p "$tmp/a" "$tmp/models/manifests/my"
echo '{"settings":{}}' >"$tmp/models/manifests/my/latest.json"

# One key pair and another, of age-keygen's making.
cat >"$tmp/key" <<'KEY'
# public key: age1xmqjqtmslna0krsq0u3n97ffpr49vthnwxs33e7a6cxjvqfap59s3zpum7
AGE-SECRET-KEY-1TGL9GT04SLUE5ZYN5WVYXJ8W3AL8VCUYGSG39W7FQ29UQRCW2EVSQGZVFA
KEY
to=age1xmqjqtmslna0krsq0u3n97ffpr49vthnwxs33e7a6cxjvqfap59s3zpum7
echo AGE-SECRET-KEY-133P0MVXD4F8HKDUJWQZ5XPS8L8ASZLFTHDZQ2VM56KZ2ZJKVV48S92HFAZ >"$tmp/other"
echo "$to" >"$tmp/to"

hearth user add alice
hearth backup -r "$to" "$tmp/b.age"
same "a backup" "0 " "$rc $out"
same "is its user's" 600 "$(stat -c %a "$tmp/b.age")"

# ---- without hearth -----------------------------------------------------------------------------
if command -v age >/dev/null; then
    ok "age and tar open it" bash -c "mkdir '$tmp/x' && age -d -i '$tmp/key' '$tmp/b.age' | tar xf - -C '$tmp/x'"
    same "with the users in it" "$(head -c 15 "$HEARTH_STATE/users.db")" "$(head -c 15 "$tmp/x/state/users.db")"
    ok "and the keyring" cmp "$tmp/x/state/keyring" "$HEARTH_STATE/keyring"
    ok "and settings of models" test -s "$tmp/x/models/manifests/my/latest.json"
    age -d -i "$tmp/key" "$tmp/b.age" | age -a -r "$to" >"$tmp/armored"
    hearth backup verify -i "$tmp/key" "$tmp/armored"
    same "what age seals, armored, opens here" 0 "$rc"
else
    echo "not checked: age is not here (package age)"
fi

# ---- verify, restore ----------------------------------------------------------------------------
hearth backup verify -i "$tmp/key" "$tmp/b.age"
same "it is whole" 0 "$rc"
hearth user add bob
hearth restore -i "$tmp/key" --dry-run "$tmp/b.age"
same "it would go" 0 "$rc"
hearth user list
ok "nothing was changed" has "$out" bob
same "nothing lies beside" state "$(ls "$tmp/a")"
hearth restore -i "$tmp/key" --json "$tmp/b.age"
same "restored" 0 "$rc"
ok "the log goes on" has "$out" '"continued"'
hearth user list
ok "alice is back" has "$out" alice
ok "bob was not in it" test "${out#*bob}" = "$out"
hearth audit tail --json
ok "the log says so" has "$out" restored
hearth audit verify
same "the log holds" 0 "$rc"
same "the old folder is there" 1 "$(find "$tmp/a" -maxdepth 1 -name 'state.before-*' | wc -l)"
rm -rf "$tmp/a"/state.before-*
hearth restore -i "$tmp/key" --into "$tmp/new" "$tmp/b.age"
same "a machine that has nothing" 0 "$rc"
ok "is as the other was" cmp "$tmp/new/keyring" "$HEARTH_STATE/keyring"
hearth restore -i "$tmp/key" - <"$tmp/b.age"
refused 77 "the key of somebody else" restore -i "$tmp/other" "$tmp/b.age"
refused 77 "signed by another key" restore -i "$tmp/key" --vkey <(sed 's/^hearth/x&/' /dev/null; HEARTH_STATE=$tmp/c "$HEARTH_BIN" backup -r "$to" /dev/null 2>/dev/null; grep -v /sha3 "$tmp/c/audit/vkey") "$tmp/b.age"
head -c 1000 "$tmp/b.age" >"$tmp/cut"
refused 65 "one that was cut" restore -i "$tmp/key" "$tmp/cut"
refused 65 "no backup at all" restore -i "$tmp/key" "$tmp/key"
refused 64 "for nobody" backup "$tmp/none"
ok "leaves no file" test ! -e "$tmp/none"
refused 74 "a full disk" backup -r "$to" /dev/full
same "nothing lies beside" state "$(ls "$tmp/a")"

# ---- a terminal ---------------------------------------------------------------------------------
if ${CC:-cc} -O1 -D_GNU_SOURCE -o "$tmp/pty" "$(dirname "$0")/lib/pty.c" -lutil 2>/dev/null &&
    ! "$tmp/pty" true </dev/null 2>&1 | grep -q forkpty; then
    slowly='head -c 1000 "$1"; sleep 1.3; tail -c +1001 "$1"'
    ok "is told of a long restore" "$tmp/pty" bash -c "{ $slowly; } | \"\$2\" restore -i \"\$3\" --dry-run -" \
        - "$tmp/b.age" "$HEARTH_BIN" "$tmp/key" <<'S'
expect MiB restored: 0
expect It would go
exit 0
S
    input=<(bash -c "$slowly" - "$tmp/b.age") hearth restore -i "$tmp/key" --dry-run -
    same "nobody else is" "" "$err"
else
    echo "not checked: no C compiler or no pseudo-terminals"
fi

# ---- a passphrase -------------------------------------------------------------------------------
"$HEARTH_BIN" backup --passphrase-fd 3 "$tmp/p.age" 3<<<'correct horse' 2>/dev/null
same "for a passphrase" 0 $?
ok "it opens" "$HEARTH_BIN" restore --passphrase-fd 3 --dry-run "$tmp/p.age" 3<<<'correct horse' >/dev/null
"$HEARTH_BIN" restore --passphrase-fd 3 --dry-run "$tmp/p.age" 3<<<'wrong horse' 2>/dev/null
same "another does not open it" 77 $?

# ---- a folder of them ---------------------------------------------------------------------------
mkdir "$tmp/many"
for _ in 1 2 3; do
    hearth backup -R "$tmp/to" --to "$tmp/many" --keep daily=1
    same "one more" 0 "$rc"
    sleep 1.1
done
same "the newest of today stays" 1 "$(find "$tmp/many" -name '*.age' | wc -l)"
hearth backup -R "$tmp/to" --to "$tmp/many"
same "without a rule too" "0 1" "$rc $(find "$tmp/many" -name '*.age' | wc -l)"
sleep 1.1
hearth backup -R "$tmp/to" --to "$tmp/many" --keep all
same "all, if one says so" "0 2" "$rc $(find "$tmp/many" -name '*.age' | wc -l)"
hearth backup list "$tmp/many"
ok "and is listed" has "$out" hearth-2
refused 64 "a rule that is none" backup -r "$to" --to "$tmp/many" --keep hourly=3

# ---- while others write -------------------------------------------------------------------------
# A writer adds users; what it was told is stored before a backup began must be in that backup.
touch "$tmp/go"
(n=0; while [ -e "$tmp/go" ]; do
    n=$((n + 1))
    "$HEARTH_BIN" user add "w$n" >/dev/null 2>&1 || break
    echo "$n" >"$tmp/acked.new" && mv "$tmp/acked.new" "$tmp/acked"
done) &
writer=$!
consistent=0
while [ ! -s "$tmp/acked" ]; do sleep 0.05; done
for i in $(seq "$rounds"); do
    acked=$(<"$tmp/acked")
    "$HEARTH_BIN" backup -r "$to" "$tmp/load.age" 2>/dev/null &&
        "$HEARTH_BIN" restore -i "$tmp/key" --into "$tmp/load$i" "$tmp/load.age" >/dev/null &&
        got=$(HEARTH_STATE=$tmp/load$i "$HEARTH_BIN" user list | grep -c '^w') &&
        [ "$got" -ge "$acked" ] &&
        HEARTH_STATE=$tmp/load$i "$HEARTH_BIN" user list | grep -q "^w$acked " &&
        consistent=$((consistent + 1))
    rm -rf "$tmp/load$i"
done
rm "$tmp/go"
wait "$writer"
same "backups under load, consistent" "$rounds" "$consistent"

# ---- killed at any moment -----------------------------------------------------------------------
mkfifo "$tmp/never"
exec 8<>"$tmp/never"
# measure COMMAND...: how long it takes, in $span microseconds: the median of three
measure() {
    span=$(for _ in 1 2 3; do
        began=${EPOCHREALTIME/./}
        "$@" >/dev/null 2>&1
        echo $((${EPOCHREALTIME/./} - began))
    done | sort -n | sed -n 2p)
}
# strike MARK US COMMAND...: kills it so many microseconds after it began; with a MARK, after that was
# there and is gone again.  $code 137: it was still at work.
strike() {
    local mark=$1 us=$2 work from at n=0
    shift 2
    "$@" >/dev/null 2>&1 &
    work=$!
    if [ -n "$mark" ]; then
        until [ -e "$mark" ] || ! kill -0 "$work"; do :; done
        while [ -e "$mark" ]; do ((++n % 64)) || kill -0 "$work" || break; done
        from=${EPOCHREALTIME/./}
        while ((${EPOCHREALTIME/./} - from < us)); do :; done
    else
        printf -v at '%d.%06d' $((us / 1000000)) $((us % 1000000))
        read -rt "$at" -u 8
    fi
    kill -KILL "$work"
    wait "$work"
    code=$?
} 2>/dev/null
# killing I MARK COMMAND...: one kill of four comes anywhere in a run; the others within $reach after
# MARK is gone, when only the last steps are left. met WHERE: and how far they had come.
killing() {
    local by=$((RANDOM << 15 | RANDOM))
    if [ $(($1 % 4)) = 0 ]; then strike "" $((by % span + 1)) "${@:3}"
    else strike "$2" $((by % reach)) "${@:3}"; fi
}
met() {
    died[$1]=$((${died[$1]:-0} + 1))
    [ $((i % 4)) != 0 ] || return 0
    case "$1" in
        beside | exchange) reach=$((reach + reach / 8 + 8)) ;;
        after | done) reach=$((reach - reach / 8)) ;;
    esac
}
# of WORDS...: how many died where each says
of() { for w; do printf '%s %d, ' "$w" "${died[$w]:-0}"; done; }

reach=200 whole=0
declare -A died=()
for i in $(seq "$kills"); do
    [ $((i % 32)) != 1 ] || measure "$HEARTH_BIN" backup -r "$to" "$tmp/k.age"
    ln -f "$tmp/k.age" "$tmp/k.was"
    left=$(echo "$tmp"/k.age.*.tmp)
    killing "$i" "$HEARTH_STATE/backup-work" "$HEARTH_BIN" backup -r "$to" "$tmp/k.age"
    where=beside
    [ "$left" != "$(echo "$tmp"/k.age.*.tmp)" ] || where=begun
    [ "$tmp/k.age" -ef "$tmp/k.was" ] || where=after
    [ "$code" = 137 ] || where=done
    met "$where"
    "$HEARTH_BIN" backup verify -i "$tmp/key" "$tmp/k.age" >/dev/null 2>&1 && whole=$((whole + 1))
done
same "a backup that was killed: the old file or the new" "$kills" "$whole"
echo "$kills backups of $((span / 1000)) ms, killed: $(of begun beside after "done")"

# leave GLOB COMMAND...: kills it until it leaves such a file
leave() {
    for _ in $(seq 200); do
        strike "$HEARTH_STATE/backup-work" 0 "${@:2}"
        compgen -G "$1" >/dev/null && return 0
    done
    return 1
}
rm -f "$tmp"/k.age.*.tmp
ok "a killed one leaves what it had" leave "$tmp/k.age.*.tmp" "$HEARTH_BIN" backup -r "$to" "$tmp/k.age"
hearth backup -r "$to" "$tmp/k.age"
same "the next one clears up" "0 0" "$rc $(find "$tmp" -name 'k.age.*.tmp' -o -name backup-work | wc -l)"
ok "so in a folder" leave "$tmp/many/*.tmp" "$HEARTH_BIN" backup -r "$to" --to "$tmp/many"
sleep 1.1
hearth backup -r "$to" --to "$tmp/many"
same "of them" "0 0" "$rc $(find "$tmp/many" -name '*.tmp' | wc -l)"

# What is there before a restore is [2] and second, what comes is [1] and first.
renew() {
    echo '[2]' >"$HEARTH_STATE/one.json" && echo '[2]' >"$HEARTH_STATE/two.json"
    "$HEARTH_BIN" user remove first >/dev/null 2>&1
    "$HEARTH_BIN" user add second >/dev/null 2>&1
}
echo '[1]' >"$HEARTH_STATE/one.json" && echo '[1]' >"$HEARTH_STATE/two.json"
hearth user add first
hearth backup -r "$to" "$tmp/one.age"
stage=$tmp/a/state.restoring reach=200 whole=0
left() { stat -c '%i %w' "$stage" 2>/dev/null; } # what lies beside
died=()
for i in $(seq "$kills"); do
    [ $((i % 32)) != 1 ] || measure "$HEARTH_BIN" restore -i "$tmp/key" "$tmp/one.age"
    [ "$(<"$HEARTH_STATE/one.json")" = '[2]' ] || renew
    rm -rf "$tmp/a"/state.before-*
    [ $((i % 4)) = 0 ] || rm -rf "$stage"
    left=$(left)
    killing "$i" "$stage/.unfinished" "$HEARTH_BIN" restore -i "$tmp/key" "$tmp/one.age"
    if [ "$left" = "$(left)" ] || [ -z "$(ls -A "$stage" 2>/dev/null)" ]; then beside=nothing
    elif [ -e "$stage/.unfinished" ]; then beside=part
    else beside=all; fi
    state="$(cat "$HEARTH_STATE/one.json" "$HEARTH_STATE/two.json" | tr -d '\n') $("$HEARTH_BIN" user list |
        grep -oE '^(first|second)')"
    case "$code $beside $state" in
        "137 nothing [2][2] second") met begun ;;
        "137 part [2][2] second") met beside ;;
        "137 all [2][2] second") met exchange ;;
        "137 all [1][1] first") met exchanged ;;
        "137 nothing [1][1] first") met after ;;
        "0 nothing [1][1] first") met "done" ;;
        *) echo "kill $i: $code $beside $state" && continue ;;
    esac
    "$HEARTH_BIN" audit verify >/dev/null 2>&1 && whole=$((whole + 1))
done
same "a restore that was killed: the old state or the new" "$kills" "$whole"
echo "$kills restores of $((span / 1000)) ms, killed: $(of begun beside exchange exchanged after "done")"
hearth restore -i "$tmp/key" "$tmp/one.age"
same "and the next one goes" 0 "$rc"
same "and clears up" 0 "$(find "$tmp/a" -maxdepth 1 -name '*.restoring' | wc -l)"

# ---- a server that runs -------------------------------------------------------------------------
# client K: stores conversations cK-0 to cK-96 one after the other, a new version each time round: 8
# messages that all say the version and the name, up to 40 times. What was acknowledged is written
# down. One that was stopped may find that the server has not waited for it.
client() {
    local k=$1 n=0 id text messages m times=({1..40})
    trap '' PIPE
    while [ -e "$tmp/go" ]; do
        n=$((n + 1)) id=c$k-$((n % 97)) messages=
        printf -v text "<$n $id>%.0s" "${times[@]:0:n % 40 + 1}"
        for m in 0 1 2 3 4 5 6 7; do
            messages+="${messages:+,}{\"id\":\"m$m\",\"parent\":null,\"role\":\"user\",\"content\":\"$text\"}"
        done
        ask PUT "/hearth/chats/$id" "{\"id\":\"$id\",\"title\":\"$n\",\"messages\":[$messages]}" \
            "Content-Type: application/json" && [ "$code" = 200 ] && echo "$id $n" >>"$tmp/acks$k"
        read -rt 0.01 -u 8
    done
} 2>/dev/null
# missing FILE: how many of the conversations in FILE (name, version) are not whole in $body, or older
missing() {
    awk 'FNR == NR { want[$1] = $2; next }
        FNR > 1 { id = "c" substr($0, 1, index($0, "\"") - 1)
            v = substr($0, index($0, "\"title\":\"") + 9)
            v = substr(v, 1, index(v, "\"") - 1)
            if (gsub("<" v " " id ">", "") == 8 * (v % 40 + 1)) got[id] = v }
        END { for (id in want) n += !(id in got) || got[id] + 0 < want[id] + 0; print n + 0 }' \
        "$1" RS='"id":"c' <(printf %s "$body")
}
stored() { wc -l 2>/dev/null <"$tmp/acks$1" || echo 0; } # by client K
grows() { # by client K, one more; not: he stores nothing any more
    local n _
    n=$(stored "$1")
    for _ in $(seq 5000); do
        [ "$(stored "$1")" -le "$n" ] || return 0
        read -rt 0.02 -u 8
    done
    echo "client $1 stores nothing any more, after $n"
    return 1
}
if has_ember && [ "$loads" -gt 0 ]; then
    start
    hearth backup -r "$to" "$tmp/s.age"
    same "a backup beside a server" 0 "$rc"
    refused 75 "no restore beside one" restore -i "$tmp/key" "$tmp/s.age"
    live=$pid pid=
    touch "$tmp/go"
    for k in 1 2 3; do client "$k" & clients+=" $!"; done
    consistent=0
    for i in $(seq "$loads"); do # the clients rest while what came of it is looked at
        for k in 1 2 3; do grows "$k" || break 2; done
        cat "$tmp"/acks? >"$tmp/before"
        "$HEARTH_BIN" audit pin "$tmp/pin" >/dev/null
        "$HEARTH_BIN" backup -r "$to" "$tmp/s.age" 2>/dev/null
        kill -STOP $clients
        "$HEARTH_BIN" restore -i "$tmp/key" --into "$tmp/load" "$tmp/s.age" >/dev/null
        HEARTH_STATE=$tmp/load "$HEARTH_BIN" audit verify --pin "$tmp/pin" >/dev/null && whole=1 || whole=0
        HEARTH_STATE=$tmp/load start --socket none
        ask GET /hearth/chats/export
        [ "$code" = 200 ] || whole=0
        stop
        HEARTH_STATE=$tmp/load "$HEARTH_BIN" audit verify --pin "$tmp/pin" >/dev/null || whole=0
        lost=$(missing "$tmp/before")
        [ "$whole$lost" = 10 ] && consistent=$((consistent + 1)) || echo "round $i: log $whole, lost $lost"
        rm -rf "$tmp/load"
        kill -CONT $clients
    done
    rm "$tmp/go"
    wait $clients
    pid=$live live= clients=
    same "backups while a server stores conversations, whole" "$loads" "$consistent"
    echo "$loads backups while $(cat "$tmp"/acks? | wc -l) versions of conversations were stored"
    echo "c1-1 999999" >>"$tmp/before"
    same "one that is not there would be missed" 1 "$(missing "$tmp/before")"
    stop
    hearth restore -i "$tmp/key" "$tmp/s.age"
    same "and when it has stopped" 0 "$rc"
fi
finish
