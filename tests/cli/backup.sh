#!/bin/bash
# backup.sh - backup and restore: opened by Debian's age and tar, taken while others write, killed
# at any moment, damaged, for other keys; a folder of them.
#
#   HEARTH_BACKUP_ROUNDS   backups under write load (default 6)
#   HEARTH_BACKUP_KILLS    kills of each, backup and restore (default 40)
source "$(dirname "$0")/lib/server.bash"
"$HEARTH_BIN" help backup >/dev/null 2>&1 || skip "this build has no server"
export HEARTH_STATE=$tmp/a/state HEARTH_MODELS=$tmp/models
rounds=${HEARTH_BACKUP_ROUNDS:-6} kills=${HEARTH_BACKUP_KILLS:-40}
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
hearth backup list "$tmp/many"
ok "and is listed" has "$out" hearth-2
refused 64 "a rule that is none" backup -r "$to" --to "$tmp/many" --keep hourly=3

# ---- while others write -------------------------------------------------------------------------
# A writer adds users; what it was told is stored before a backup began must be in that backup.
(n=0; while [ ! -e "$tmp/halt" ]; do
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
touch "$tmp/halt"
wait "$writer"
same "backups under load, consistent" "$rounds" "$consistent"

# ---- killed at any moment -----------------------------------------------------------------------
# after MOST-MS COMMAND...: kills it after a random time
after() {
    local ms=$((RANDOM % $1))
    shift
    { timeout -s KILL "$(printf '0.%03d' $((ms + 1)))" "$@" >/dev/null 2>&1; } 2>/dev/null
}
whole=0
for _ in $(seq "$kills"); do
    after 80 "$HEARTH_BIN" backup -r "$to" "$tmp/k.age"
    [ ! -e "$tmp/k.age" ] || "$HEARTH_BIN" backup verify -i "$tmp/key" "$tmp/k.age" >/dev/null 2>&1 ||
        continue
    whole=$((whole + 1))
done
same "a backup that was killed: the old file or the new" "$kills" "$whole"
"$HEARTH_BIN" backup -r "$to" "$tmp/k.age" 2>/dev/null
same "and the next one clears up" 0 "$(find "$HEARTH_STATE" -name backup-work | wc -l)"

echo '[1]' >"$HEARTH_STATE/one.json" && echo '[1]' >"$HEARTH_STATE/two.json"
hearth user add first
hearth backup -r "$to" "$tmp/one.age"
hearth user remove first
hearth user add second
whole=0 news=0
for _ in $(seq "$kills"); do
    echo '[2]' >"$HEARTH_STATE/one.json" && echo '[2]' >"$HEARTH_STATE/two.json"
    "$HEARTH_BIN" user remove first >/dev/null 2>&1
    "$HEARTH_BIN" user add second >/dev/null 2>&1
    after 250 "$HEARTH_BIN" restore -i "$tmp/key" "$tmp/one.age"
    case "$(cat "$HEARTH_STATE/one.json" "$HEARTH_STATE/two.json" | tr -d '\n') $("$HEARTH_BIN" user list |
        grep -oE '^(first|second)')" in
        "[1][1] first") news=$((news + 1)) ;;
        "[2][2] second") ;;
        *) continue ;;
    esac
    "$HEARTH_BIN" audit verify >/dev/null 2>&1 && whole=$((whole + 1))
    rm -rf "$tmp/a"/state.before-*
done
same "a restore that was killed: the old state or the new" "$kills" "$whole"
echo "$kills kills of each; restored before the kill: $news"
hearth restore -i "$tmp/key" "$tmp/one.age"
same "and the next one goes" 0 "$rc"
same "and clears up" 0 "$(find "$tmp/a" -maxdepth 1 -name '*.restoring' | wc -l)"

# ---- a server that runs -------------------------------------------------------------------------
if has_ember; then
    start
    hearth backup -r "$to" "$tmp/s.age"
    same "a backup beside a server" 0 "$rc"
    refused 75 "no restore beside one" restore -i "$tmp/key" "$tmp/s.age"
    stop
    hearth restore -i "$tmp/key" "$tmp/s.age"
    same "and when it has stopped" 0 "$rc"
fi
finish
