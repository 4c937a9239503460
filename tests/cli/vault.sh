#!/bin/bash
# vault.sh - what is kept is encrypted: nothing plain on the disk, killed and started again, key
# files, passphrases.
source "$(dirname "$0")/lib/check.bash"
has_ember || skip "this build has no embedded model"
"$HEARTH_BIN" help serve >/dev/null 2>&1 || skip "this build has no server"
export XDG_DATA_HOME=$tmp/data XDG_STATE_HOME=$tmp/state XDG_RUNTIME_DIR=$tmp HEARTH_MODELS=$tmp/home
unset HEARTH_HOST OLLAMA_HOST HEARTH_STATE HEARTH_API_KEY HEARTH_KEY_FILE CREDENTIALS_DIRECTORY
state=$tmp/state/hearth
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT

# start [ENVIRONMENT...]: a server; its exit code in $code when it does not start
start() {
    rm -f "$tmp/port"
    env "$@" setsid "$HEARTH_BIN" serve --port 0 --port-file "$tmp/port" \
        2>"$tmp/serve.log" </dev/null &
    pid=$!
    for _ in $(seq 300); do
        [ -s "$tmp/port" ] && { port=$(<"$tmp/port"); return 0; }
        kill -0 "$pid" 2>/dev/null || { wait "$pid"; code=$?; pid=; return 1; }
        sleep 0.1
    done
    return 1
}
stop() {
    kill "-$1" "$pid"
    wait "$pid"
    code=$?
    pid=
}
# ask METHOD PATH [BODY]: status in $code, body in $body
ask() {
    local data=${3:-} LC_ALL=C
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf '%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" \
        ${#data} "$data" >&9
    IFS=' ' read -r _ code _ <&9
    while IFS= read -r line <&9 && [ "$line" != $'\r' ]; do :; done
    body=$(cat <&9)
    exec 9>&-
}
there() {
    ask GET /hearth/chats/a
    case $body in *xylophone*) same "$1" 200 "$code" ;; *) same "$1" "the text" "$body" ;; esac
}
has() { grep -qF -- "$2" <<<"$1"; }
nothing_plain() {
    same "$1" "" "$(grep -rl xylophone "$state")"
}

# ---- a key file, made at the first start --------------------------------------------------------
ok "a server" start
ask PUT /hearth/chats/a '{"id":"a","title":"T","messages":[{"id":"1","parent":null,"role":"user","content":"A quick xylophone"}],"head":"1"}'
same "a conversation" 200 "$code"
there "is there"
nothing_plain "nowhere on the disk as it is"
same "its file says what it is" "hearth sealed db" "$(head -c 16 "$state/chats.db")"
same "the key file is its user's" 600 "$(stat -c %a "$state/keyring.key")"
# (a sanitizer makes nothing of mlock)
grep -q '^VmFlags' "/proc/$pid/smaps" 2>/dev/null && ! grep -qaE '__[at]san_init' "$HEARTH_BIN" &&
    ok "it holds locked memory that is not dumped" grep -q '^VmFlags.* lo.* dd' "/proc/$pid/smaps"
stop 9
nothing_plain "nor after it was killed"
ok "started again" start
there "is there still"
stop TERM
same "it leaves in order" 0 "$code"

# ---- slots --------------------------------------------------------------------------------------
hearth vault status --json
ok "the slots" has "$out" '"kind": "key file"'
hearth vault add "$tmp/stick.key"
same "another key file" 0 "$rc"
mv "$state/keyring.key" "$tmp/away"
start
same "no start without a key" 77 "$code"
ok "and a sentence" grep -q "is locked: its key file is not there" "$tmp/serve.log"
ok "the other key opens it" start HEARTH_KEY_FILE="$tmp/stick.key"
there "with what is in it"
stop TERM
chmod 644 "$tmp/stick.key"
start HEARTH_KEY_FILE="$tmp/stick.key"
same "one that others may read does not" 77 "$code"
chmod 600 "$tmp/stick.key"
mv "$tmp/away" "$state/keyring.key"

# ---- a passphrase -------------------------------------------------------------------------------
echo "correct horse" >"$tmp/words"
input=$tmp/words hearth vault passphrase
same "a passphrase" 0 "$rc"
ok "the key file is gone" test ! -e "$state/keyring.key"
start
same "nobody to ask" 77 "$code"
ok "and a sentence" grep -q "no terminal to ask" "$tmp/serve.log"
mkdir "$tmp/cred"
echo "wrong horse" >"$tmp/cred/hearth-passphrase"
start CREDENTIALS_DIRECTORY="$tmp/cred"
same "a wrong one" 77 "$code"
echo "correct horse" >"$tmp/cred/hearth-passphrase"
ok "systemd's credential" start CREDENTIALS_DIRECTORY="$tmp/cred"
there "opens it"
stop TERM
printf 'correct horse\nbattery staple\n' >"$tmp/words"
input=$tmp/words hearth vault passphrase
same "another passphrase" 0 "$rc"
start CREDENTIALS_DIRECTORY="$tmp/cred"
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
start
same "another keyring opens nothing" 77 "$code"
ok "and a sentence" grep -q "sealed with another key" "$tmp/serve.log"
finish
