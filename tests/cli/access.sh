#!/bin/bash
# access.sh - users, keys, scopes and limits at the running server: what is changed holds at once.
source "$(dirname "$0")/lib/server.bash"
needs_server

# ---- keys of an older hearth --------------------------------------------------------------------
old=hearth_0123456789012345678901234567890123456789abc
mkdir -p -m 700 "$tmp/state/hearth"
printf '{"version": 1, "keys": [{"name": "before", "role": "user", "tenant": "t", "sha256": "%s"}]}' \
    "$(printf %s "$old" | sha256sum | cut -d' ' -f1)" >"$tmp/state/hearth/keys.json"
chmod 600 "$tmp/state/hearth/keys.json"

start

# Where the connection is looked up by its owner this script is the server's own user; a key goes
# before that, and Sec-Fetch-Dest is what no program sends: then only the key counts.
# ask_as KEY METHOD PATH [BODY]: as ask says
ask_as() {
    ask "$2" "$3" "${4:-}" 'Sec-Fetch-Dest: empty' 'X-Hearth: 1' ${1:+"Authorization: Bearer $1"}
}
gives() { # gives "what" STATUS KEY METHOD PATH [BODY]
    ask_as "${@:3}"
    same "$1" "$2" "$code"
}
key() { "$HEARTH_BIN" key add "$@" 2>/dev/null; }
chat='{"model":"ember","stream":false,"messages":[{"role":"user","content":"Hi"}],"options":{"num_predict":4}}'

gives "an old key, taken over" 200 "$old" GET /api/tags
ok "its file is put away" test ! -e "$tmp/state/hearth/keys.json" -a -e "$tmp/state/hearth/keys.json.taken"
gives "nobody" 401 '' GET /api/tags
hearth key revoke before
gives "and revoked" 401 "$old" GET /api/tags

# ---- roles --------------------------------------------------------------------------------------
for role in user admin auditor service; do hearth user add "$role" --role "$role"; done
user=$(key u --user user) admin=$(key a --user admin)
auditor=$(key d --user auditor) service=$(key s --user service)
gives "a user asks" 200 "$user" POST /api/chat "$chat"
gives "and keeps conversations" 200 "$user" GET /hearth/chats
gives "but sees no figures" 403 "$user" GET /metrics
gives "and manages nothing" 403 "$user" POST /api/copy '{"source":"ember","destination":"x"}'
gives "an admin manages" 404 "$admin" DELETE /api/delete '{"model":"nobody"}'
gives "an auditor sees the figures" 200 "$auditor" GET /metrics
gives "and asks nobody" 403 "$auditor" POST /api/chat "$chat"
gives "and reads no conversation" 403 "$auditor" GET /hearth/chats
gives "nor counts a prompt" 403 "$auditor" POST /tokenize '{"content":"x"}'
gives "a service asks" 200 "$service" POST /v1/chat/completions "$chat"
gives "and keeps no conversations" 403 "$service" GET /hearth/chats
one=/hearth/chats/0123456789abcdef0123456789abcdef
gives "a user keeps one" 200 "$user" PUT "$one" '{"id":"0123456789abcdef0123456789abcdef","title":"t","messages":[]}'
gives "and has it" 200 "$user" GET "$one"
gives "for others it is not there: an admin" 404 "$admin" GET "$one"
hearth key add other --user user # another key of the same user
gives "another key of his" 200 "$out" GET "$one"
gives "nor can he delete it" 404 "$admin" DELETE "$one"
hearth user role user auditor
gives "another role, at once" 403 "$user" GET /api/tags
hearth user role user user
gives "and back" 200 "$user" GET /api/tags
hearth user disable user
gives "disabled" 401 "$user" GET /api/tags
hearth user enable user
gives "let in again" 200 "$user" GET /api/tags

# ---- scopes -------------------------------------------------------------------------------------
verbs=$(key verbs --user user --verbs models)
gives "a verb it has" 200 "$verbs" GET /v1/models
gives "a verb it has not" 403 "$verbs" POST /api/chat "$chat"
ok "which it says" has "$body" "This key may not do that."
models=$(key models --user user --models 'qwen*,me/x')
gives "a model it has not" 403 "$models" POST /api/chat "$chat"
ok "which it says too" has "$body" "This key may not ask that model."
gives "what it may see" 200 "$models" GET /api/tags
same "is nothing" '{"models":[]}' "$body"
gives "nor of OpenAI" 200 "$models" GET /v1/models
same "is there anything" '{"object":"list","data":[]}' "$body"
gives "by its name neither" 403 "$models" GET /v1/models/ember
gives "nor what it is" 403 "$models" POST /api/show '{"model":"ember"}'
gives "nor its tokens" 403 "$models" POST /tokenize '{"content":"x"}'
gives "nor what it would take" 403 "$models" GET /hearth/plan
ember=$(key ember --user user --models 'ember')
mine=$(key mine --user admin --models 'me/*')
gives "an admin's key of some models copies none else" 403 "$mine" POST /api/copy '{"source":"ember","destination":"me/x"}'
gives "nor makes one of it" 403 "$mine" POST /api/create '{"model":"me/x","from":"ember"}'
gives "nor under another name" 403 "$mine" POST /api/create '{"model":"x","from":"me/y"}'
gives "nor deletes one" 403 "$mine" DELETE /api/delete '{"model":"ember"}'
"$HEARTH_BUILD/mkmodel" "$tmp/secret.gguf" arch=qwen2 seed=7 >/dev/null
secret=sha256:$(sha256sum "$tmp/secret.gguf" | cut -d' ' -f1)
gives "an admin brings a file" 201 "$admin" POST "/api/blobs/$secret" "@$tmp/secret.gguf"
gives "a file that is no model's yet, for whoever may create" 200 "$mine" POST /api/create \
    "{\"model\":\"me/mine\",\"files\":{\"x.gguf\":\"$secret\"}}"
gives "which goes again" 200 "$mine" DELETE /api/delete '{"model":"me/mine"}'
gives "brought once more" 201 "$admin" POST "/api/blobs/$secret" "@$tmp/secret.gguf"
gives "an admin makes a model of it" 200 "$admin" POST /api/create \
    "{\"model\":\"secret\",\"files\":{\"x.gguf\":\"$secret\"}}"
gives "whose file makes no other model" 403 "$mine" POST /api/create \
    "{\"model\":\"me/x\",\"files\":{\"x.gguf\":\"$secret\"}}"
gives "nor by its digest otherwise spelled" 403 "$mine" POST /api/create \
    "{\"model\":\"me/x\",\"files\":{\"x.gguf\":\"${secret/:/-}\"}}"
gives "nor lies over one" 403 "$mine" POST /api/create \
    "{\"model\":\"me/x\",\"from\":\"me/y\",\"adapters\":{\"x.gguf\":\"$secret\"}}"
gives "nor by a Modelfile" 403 "$mine" POST /api/create \
    "{\"model\":\"me/x\",\"modelfile\":\"FROM me/y\\nADAPTER $secret\"}"
gives "nor sets it the scales of one" 403 "$mine" POST /lora-adapters '[]'
gives "as one that has it does" 200 "$admin" POST /lora-adapters '[]'
gives "nor sees one that is loaded" 200 "$mine" GET /api/ps
same "as nobody's" '"models":[]' "$(sed 's/^{\("models":\[\]\).*/\1/' <<<"$body")"
gives "a model it has" 200 "$ember" POST /api/chat "$chat"

# ---- limits -------------------------------------------------------------------------------------
few=$(key few --user user --requests 2)
gives "the first of two" 200 "$few" GET /api/tags
gives "the second" 200 "$few" POST /tokenize '{"content":"x"}'
gives "the third" 429 "$few" GET /api/tags
ok "says when to come again" grep -qE 'Retry-After: ([1-9]|[1-5][0-9]|60)' <<<"$head"
tokens=$(key tokens --user user --tokens 10)
gives "more tokens than it has are owed" 200 "$tokens" POST /api/chat "$chat"
gives "so that the next waits" 429 "$tokens" POST /api/chat "$chat"
bytes=$(key bytes --user user --mib 1)
printf -v much '%*s' 700000 ''
gives "most of a minute's bytes" 200 "$bytes" POST /tokenize "{\"content\":\"x\"}$much"
gives "and what is left is too little" 429 "$bytes" POST /tokenize "{\"content\":\"x\"}$much"
gives "more than a minute gives" 413 "$bytes" POST /tokenize "{\"content\":\"x\"}$much$much"
gives "another key is another matter" 200 "$user" GET /api/tags
uploads=$(key uploads --user admin --mib 1)
head -c 700000 /dev/zero >"$tmp/up"
head -c 2000000 /dev/zero >"$tmp/large"
up=/api/blobs/sha256:$(sha256sum "$tmp/up" | cut -d' ' -f1)
large=/api/blobs/sha256:$(sha256sum "$tmp/large" | cut -d' ' -f1)
gives "a file larger than a minute's bytes" 413 "$uploads" POST "$large" "@$tmp/large"
gives "one that is not" 201 "$uploads" POST "$up" "@$tmp/up"
gives "and then the next waits" 429 "$uploads" POST "$up" "@$tmp/up"
gives "nothing was kept of the large one" 404 "$admin" GET "$large"
exec 8<>"/dev/tcp/127.0.0.1/$port"
printf 'POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n' \
    "$large" "$uploads" >&8
IFS= read -r line <&8
exec 8>&-
ok "one whose size nobody knows" has "$line" 411
held=$(key held --user admin --concurrent 1)
exec 8<>"/dev/tcp/127.0.0.1/$port"
printf 'POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 2000000\r\nExpect: 100-continue\r\n\r\n' \
    "$large" "$held" >&8
IFS= read -r line <&8
ok "a file under way" has "$line" 100
gives "is one of those at once" 429 "$held" GET /api/tags
exec 8>&-
for _ in $(seq 100); do
    ask_as "$held" GET /api/tags
    [ "$code" = 429 ] || break
    sleep 0.1
done
same "until it ends" 200 "$code"

# ---- a stream under way -------------------------------------------------------------------------
long='{"model":"ember","prompt":"Once","n_predict":4000,"ignore_eos":true,"stream":true}'
one=$(key one --user user --concurrent 1)
exec 8<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /completion HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s' \
    "$one" ${#long} "$long" >&8
IFS= read -r line <&8
ok "a stream" has "$line" "200"
gives "a second at once" 429 "$one" GET /api/tags
hearth key revoke one
gives "revoked while it streams" 401 "$one" GET /api/tags
exec 8>&-

# ---- passwords ----------------------------------------------------------------------------------
"$HEARTH_BIN" user password user --password-fd 3 3<<<'correct horse'
gives "name and password" 200 '' POST /login '{"name":"user","password":"correct horse"}'
cookie=$(grep -oE 'hearth=[A-Za-z0-9_-]{43}' <<<"$head")
ok "a cookie" test -n "$cookie"
with_cookie() { ask GET /hearth/chats '' 'Sec-Fetch-Site: same-origin' "Cookie: $cookie"; }
with_cookie
same "which lets in" 200 "$code"
for two in "$cookie; $cookie" "$cookie; hearth=x" "hearth=x; $cookie"; do
    ask GET /hearth/chats '' 'Sec-Fetch-Site: same-origin' "Cookie: $two"
    same "but not beside a second one" 401 "$code"
done
"$HEARTH_BIN" user password user --password-fd 3 3<<<'battery staple'
with_cookie
same "until there is another password" 401 "$code"
gives "the old one" 401 '' POST /login '{"name":"user","password":"correct horse"}'
gives "a service has none" 401 '' POST /login '{"name":"service","password":"correct horse"}'
gives "nor has nobody" 400 '' POST /login '["user"]'
for _ in 1 2 3 4 5; do # a machine may be so slow that the wait is over when it is asked
    for _ in $(seq 20); do
        ask_as '' POST /login '{"name":"user","password":"guess guess"}'
        [ "$code" != 429 ] || break
    done
    ask_as '' POST /login '{"name":"user","password":"battery staple"}'
    [ "$code" != 429 ] || break
done
same "guesses wait" 429 "$code"
ok "so long" has "$head" "Retry-After: "

# ---- what is kept -------------------------------------------------------------------------------
ok "no key lies about" test -z "$(grep -raF -e "$user" -e "$old" -e "battery staple" "$tmp/state")"
ok "no name either: the file is sealed" test -z "$(grep -raF "auditor" "$tmp/state/hearth/users.db"*)"
stop

# ---- a certificate names a user -----------------------------------------------------------------
if command -v curl >/dev/null; then
    ca=$tmp/state/hearth/ca
    hearth ca init --host localhost
    hearth ca issue server --host localhost
    hearth ca issue auditor
    start --cert "$ca/server.crt" --key "$ca/server.key" --client-ca "$ca"
    with() { # with PATH [curl option...]: the status
        curl -s -o /dev/null -w '%{http_code}' --cacert "$ca/ca.crt" "${@:2}" "https://localhost:$port$1"
    }
    cert=(--cert "$ca/auditor.crt" --key "$ca/auditor.key")
    same "a certificate is meant: the auditor's" "200 403" \
        "$(with /metrics "${cert[@]}") $(with /api/tags "${cert[@]}")"
    same "a key goes before it" 200 "$(with /api/tags "${cert[@]}" -H "Authorization: Bearer $user")"
    hearth user role auditor service
    same "another role, at once" 200 "$(with /api/tags "${cert[@]}")"
    stop
fi
finish
