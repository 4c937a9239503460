#!/bin/bash
# vault.sh - what is kept is encrypted: nothing plain on the disk, killed and started again, key
# files, passphrases.
source "$(dirname "$0")/lib/server.bash"
needs_server
export HEARTH_MODELS=$tmp/home
state=$tmp/state/hearth

there() {
    ask GET /hearth/chats/a
    case $body in *xylophone*) same "$1" 200 "$code" ;; *) same "$1" "the text" "$body" ;; esac
}
nothing_plain() {
    same "$1" "" "$(grep -rl xylophone "$state")"
}

# ---- a key file, made at the first start --------------------------------------------------------
ok "a server" try_start
ask PUT /hearth/chats/a '{"id":"a","title":"T","messages":[{"id":"1","parent":null,"role":"user","content":"A quick xylophone"}],"head":"1"}'
same "a conversation" 200 "$code"
there "is there"
nothing_plain "nowhere on the disk as it is"
same "its file says what it is" "hearth sealed db" "$(head -c 16 "$state/chats.db")"
same "the key file is its user's" 600 "$(stat -c %a "$state/keyring.key")"
# (a sanitizer makes nothing of mlock)
read -r engine _ <"/proc/$pid/task/$pid/children" # the first of the two processes it starts
grep -q '^VmFlags' "/proc/$engine/smaps" 2>/dev/null &&
    ! grep -qaE '__[at]san_init' "$HEARTH_BIN" &&
    ok "it holds locked memory that is not dumped" grep -q '^VmFlags.* lo.* dd' "/proc/$engine/smaps"
stop 9
nothing_plain "nor after it was killed"
ok "started again" try_start
there "is there still"
stop

# ---- slots --------------------------------------------------------------------------------------
hearth vault status --json
ok "the slots" has "$out" '"kind": "key file"'
hearth vault add "$tmp/stick.key"
same "another key file" 0 "$rc"
mv "$state/keyring.key" "$tmp/away"
try_start
same "no start without a key" 77 "$code"
ok "and a sentence" grep -q "is locked: its key file is not there" "$tmp/serve.log"
HEARTH_KEY_FILE="$tmp/stick.key" ok "the other key opens it" try_start
there "with what is in it"
stop
chmod 644 "$tmp/stick.key"
HEARTH_KEY_FILE="$tmp/stick.key" try_start
same "one that others may read does not" 77 "$code"
chmod 600 "$tmp/stick.key"
mv "$tmp/away" "$state/keyring.key"

# ---- a passphrase -------------------------------------------------------------------------------
echo "correct horse" >"$tmp/words"
input=$tmp/words hearth vault passphrase
same "a passphrase" 0 "$rc"
ok "the key file is gone" test ! -e "$state/keyring.key"
try_start
same "nobody to ask" 77 "$code"
ok "and a sentence" grep -q "no terminal to ask" "$tmp/serve.log"
mkdir "$tmp/cred"
echo "wrong horse" >"$tmp/cred/hearth-passphrase"
CREDENTIALS_DIRECTORY="$tmp/cred" try_start
same "a wrong one" 77 "$code"
echo "correct horse" >"$tmp/cred/hearth-passphrase"
CREDENTIALS_DIRECTORY="$tmp/cred" ok "systemd's credential" try_start
there "opens it"
stop
printf 'correct horse\nbattery staple\n' >"$tmp/words"
input=$tmp/words hearth vault passphrase
same "another passphrase" 0 "$rc"
CREDENTIALS_DIRECTORY="$tmp/cred" try_start
same "the old one opens it no more" 77 "$code"
echo "battery staple" >"$tmp/words"
hearth vault status --json
slot=$(grep -o '"slot": [0-9]*' <<<"$out" | cut -d' ' -f2)
input=$tmp/words refused 64 "the last slot stays" vault remove "$slot"
input=$tmp/words refused 64 "no such slot" vault remove 99
hearth vault nonsense
same "no such verb" 64 "$rc"

# ---- somebody else's file -----------------------------------------------------------------------
rm "$state/keyring"
try_start
same "another keyring opens nothing" 77 "$code"
ok "and a sentence" grep -q "sealed with another key" "$tmp/serve.log"
finish
