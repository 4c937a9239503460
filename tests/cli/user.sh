#!/bin/bash
# user.sh - users, keys with scopes, and an authority of one's own, as a person uses them.
source "$(dirname "$0")/lib/check.bash"
"$HEARTH_BIN" help user >/dev/null 2>&1 || skip "this build has no server"
export HEARTH_STATE=$tmp/state

# ---- users --------------------------------------------------------------------------------------
hearth user list
same "nobody yet" 0 "$rc"
ok "looking makes no file" test ! -e "$tmp/state/users.db"
hearth user add alice --role admin --uid 4711
same "a user" "0 " "$rc $out$err"
hearth user add bot --role service --tenant shop
hearth user list
ok "alice is an admin" grep -qE '^alice +admin +alice +4711 ' <<<"$out"
ok "bot is a service" grep -qE '^bot +service +shop ' <<<"$out"
same "the file is its user's" 600 "$(stat -c %a "$tmp/state/users.db")"
refused 64 "the same name again" user add alice
refused 64 "a strange role" user add carl --role root
refused 64 "a strange name" user add ../carl
refused 64 "a verb that is none" user promote alice
refused 64 "a role too few" user role alice
refused 64 "nobody's role" user role nobody user
rc=0
setsid -w "$HEARTH_BIN" user password alice </dev/null 2>/dev/null || rc=$?
same "no terminal to ask at" 64 "$rc"
hearth user role alice auditor
same "another role" 0 "$rc"
hearth user disable alice
hearth user list --json
if command -v jq >/dev/null; then
    same "as JSON" '["alice","auditor",4711,true,false]' \
        "$(jq -c '.users[0] | [.name, .role, .uid, .disabled, .password]' <<<"$out")"
fi
hearth user enable alice
hearth user list
ok "let in again" test "$(grep -c disabled <<<"$out")" = 0

# ---- passwords ----------------------------------------------------------------------------------
rc=0
"$HEARTH_BIN" user password alice --password-fd 3 3< <(printf 'correct horse\n') || rc=$?
same "a password from a file descriptor" 0 "$rc"
ok "it is not kept as it is" test -z "$(grep -rlaF 'correct horse' "$tmp/state")"
rc=0
"$HEARTH_BIN" user password alice --password-fd 3 3< <(printf 'short\n') 2>/dev/null || rc=$?
same "one that is too short" 64 "$rc"
rc=0
"$HEARTH_BIN" user password bot --password-fd 3 3< <(printf 'correct horse\n') 2>/dev/null || rc=$?
same "a service has none" 64 "$rc"
hearth user list --json
ok "alice has one" grep -qE '"password": ?true' <<<"$out"
if command -v script >/dev/null; then # typed at a terminal: twice, not shown
    typed=$( (sleep 1; printf 'battery stapel\177\177le\n'; sleep 1; printf 'battery staple\n') |
        script -qec "$HEARTH_BIN user password alice; echo code \$?" /dev/null | tr -d '\r')
    ok "typed" has "$typed" "code 0"
    ok "asked twice" has "$typed" "Once more"
    ok "not shown" test -z "$(grep -F battery <<<"$typed")"
fi

# ---- keys ---------------------------------------------------------------------------------------
hearth key add laptop --user alice --verbs ask,models --models 'qwen3*,me/x' --requests 60 \
    --tokens 100000 --concurrent 4 --mib 64 --expires 30
same "a key with a scope" 0 "$rc"
key=$out
ok "it looks like one" grep -qE '^hearth_[A-Za-z0-9_-]{48}$' <<<"$key"
ok "the key itself is not kept" test -z "$(grep -raF "$key" "$tmp/state")"
hearth key add plain
ok "a plain key makes its user" test "$("$HEARTH_BIN" user list | grep -cE '^plain +user +plain')" = 1
refused 64 "a name that is taken" key add plain --user alice
refused 64 "a name that is taken among the users'" key add laptop
hearth user list
ok "and leaves no user behind" test "$(grep -c '^laptop' <<<"$out")" = 0
refused 64 "more than the user may" key add plain --admin
refused 64 "another's name" key add alice
refused 64 "a user that is not there" key add x --user nobody
refused 64 "a verb that is none" key add x --user alice --verbs dance
refused 64 "a model that is none" key add x --user alice --models 'a"b'
refused 64 "an admin's key of a user" key add x --user alice --admin
refused 64 "no requests at all" key add x --user alice --requests 0
hearth key list
ok "both are listed" test "$(grep -cE '^(laptop|plain) ' <<<"$out")" = 2
ok "with verbs and models" grep -qE '^laptop +auditor .*ask,models +qwen3\* me/x' <<<"$out"
hearth key list --json
if command -v jq >/dev/null; then
    same "limits as JSON" '[60,100000,4,67108864]' "$(jq -c '.keys[] | select(.name == "laptop") |
        [.requests, .tokens, .concurrent, .bytes]' <<<"$out")"
fi
hearth key revoke laptop
same "revoked" 0 "$rc"
refused 64 "revoked twice" key revoke laptop
hearth key revoke plain
same "the plain one too" 0 "$rc"
hearth key add plain
same "and made again, for the same user" 0 "$rc"
hearth key revoke plain
hearth key add k --user bot
hearth user remove bot
same "removed" 0 "$rc"
hearth key list
ok "with its keys" test "$(grep -c '^k ' <<<"$out")" = 0
refused 64 "removed twice" user remove bot

# ---- an authority -------------------------------------------------------------------------------
refused 74 "no authority yet" ca issue alice
hearth ca init --host box.lan --host 192.168.7.7
same "an authority" "0 $tmp/state/ca/ca.crt" "$rc $out"
refused 64 "another in its place" ca init
hearth ca issue server --host box.lan --host localhost --host 192.168.7.7
same "a server's certificate" 0 "$rc"
hearth ca issue alice --days 30
same "a client's certificate" "0 $tmp/state/ca/alice.crt" "$rc ${out%%$'\n'*}"
same "its key is its user's" 600 "$(stat -c %a "$tmp/state/ca/alice.key")"
refused 64 "a host it may not vouch for" ca issue evil --host example.com
refused 64 "the name again" ca issue alice
refused 64 "longer than browsers take" ca issue x --days 400
refused 64 "a name that is a path" ca issue ../x
hearth ca show server
ok "what it says" has "$out" "box.lan"
hearth ca revoke alice
same "revoked" 0 "$rc"
refused 64 "revoked twice" ca revoke alice
hearth ca list
ok "the list says so" grep -qE '^alice +client .*revoked' <<<"$out"
ok "and of the other" grep -qE '^server +server .*good' <<<"$out"
if command -v openssl >/dev/null; then
    cd "$tmp/state/ca" || exit 1
    check() { openssl verify -x509_strict -crl_check -CAfile ca.crt -CRLfile crl.pem "$@" >/dev/null 2>&1; }
    ok "openssl takes the server" check -purpose sslserver -verify_hostname box.lan server.crt
    ok "and refuses what was revoked" test "$(check -purpose sslclient alice.crt; echo $?)" != 0
fi
finish
