#!/bin/bash
# serve.sh - the server as a person starts it: where it listens, who gets in, how it ends.
source "$(dirname "$0")/lib/server.bash"
needs_server

# ---- nobody there -------------------------------------------------------------------------------
refused 69 "ps without a server" ps --host 127.0.0.1:1
refused 77 "ps of another machine" ps --host 192.0.2.1:80
refused 64 "a strange keep-alive" serve --keep-alive soon
refused 64 "two models" serve a b
refused 66 "a model that is not there" serve --port 0 nobody

# ---- the server and its verbs -------------------------------------------------------------------
start --log "$tmp/log.jsonl" --open
ok "it says where" grep -q "http://127.0.0.1:$port" "$tmp/serve.log"
ok "it says the socket" grep -q "unix:$tmp/hearth.sock" "$tmp/serve.log"
ok "the link is for this port" grep -q "^http://127.0.0.1:$port/login?t=" "$tmp/link"
same "the socket is its user's" 600 "$(stat -c %a "$tmp/hearth.sock")"
same "the state is its user's" 700 "$(stat -c %a "$tmp/state/hearth")"
ask GET /health
case $code$body in '200{"status":"ok","cage":"'[ns]*) ok "health" true ;; *) same "health" ok "$code $body" ;; esac
question='{"model":"ember","stream":false,"messages":[{"role":"user","content":"Hello, zebra!"}],"options":{"num_predict":4,"seed":3}}'
ask POST /api/chat "$question"
same "an answer" 200 "$code"
first=$(sed 's/.*"content":"\([^"]*\)".*/\1/' <<<"$body")
ask POST /api/chat "$question"
same "the same again" "$first" "$(sed 's/.*"content":"\([^"]*\)".*/\1/' <<<"$body")"
hearth ps
same "ps over the socket" 0 "$rc"
ok "ps lists it" has "$out" ember
ok "ps tells of the cage" grep -q 'the server is \(in its cage: seccomp\|not in a cage\)' "$tmp/err"
hearth ps --json --host "127.0.0.1:$port"
ok "ps as JSON over TCP" has "$out" '"models"'
hearth top --once --seconds 1
ok "top shows it" has "$out" ember
hearth top --once --seconds 1 --json
ok "top as JSON" has "$out" '"tokens_per_s"'
hearth stop ember
same "stop" 0 "$rc"
sleep 0.3
hearth ps
ok "it is gone" test "$(wc -l <<<"$out")" = 1
refused 66 "stop of nobody" stop nobody

# ---- who gets in --------------------------------------------------------------------------------
ask GET /api/tags '' 'Origin: http://evil.example'
same "a page from elsewhere" 403 "$code"
ask GET /api/tags '' 'Origin: http://localhost' 'Sec-Fetch-Site: same-origin'
same "our page without a cookie" 401 "$code"
ask GET "/login$(sed 's/.*login//' "$tmp/link")"
cookie=$(sed -n 's/^Set-Cookie: \([^;]*\);.*/\1/p' <<<"$head")
ok "the link gives a cookie" test -n "$cookie"
page=('Origin: http://localhost' 'Sec-Fetch-Site: same-origin' 'X-Hearth: 1' "Cookie: $cookie")
ask GET /api/tags '' "${page[@]}"
same "our page with the cookie" 200 "$code"
ask POST /logout '' "Cookie: $cookie"
ok "logging out takes it back" has "$head" "Max-Age=0"
ask GET /api/tags '' "${page[@]}"
same "our page with an old cookie" 401 "$code"
ask GET /api/tags '' 'Sec-Fetch-Site: cross-site'
same "a hidden request of a page" 401 "$code"
ask GET /api/tags '' 'Authorization: Bearer none'
same "a client that insists on a key" 200 "$code"
exec 9<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /api/tags HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n' >&9
ok "another name for this machine" grep -q '^HTTP/1.1 403' <&9
exec 9>&-
refused 77 "beyond this machine without keys" serve --host 0.0.0.0 --port 0 --socket none

# ---- keys ---------------------------------------------------------------------------------------
hearth key add alice --expires 3
key=$out
ok "a key" grep -qE '^hearth_[A-Za-z0-9_-]{48}$' <<<"$key"
same "the keys are their user's" 600 "$(stat -c %a "$tmp/state/hearth/users.db")"
ok "the key itself is not kept" test -z "$(grep -r -F "$key" "$tmp/state")"
refused 64 "the same name again" key add alice
hearth key list
ok "it is listed" has "$out" alice
hearth key revoke alice
same "revoked" 0 "$rc"
refused 64 "revoked twice" key revoke alice
hearth key list --json
ok "none is left" test -z "$(grep alice <<<"$out")"

# ---- what is written down -----------------------------------------------------------------------
kill -HUP "$pid"
sleep 0.2
ask GET /health
stop
ok "the log has a line per request" test "$(wc -l <"$tmp/log.jsonl")" -ge 8
ok "never a word of it" test -z "$(grep -i zebra "$tmp/log.jsonl" "$tmp/serve.log")"
ok "every line is JSON" python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' \
    "$tmp/log.jsonl"
ok "the socket is gone" test ! -e "$tmp/hearth.sock"

# ---- a taken port, a second server --------------------------------------------------------------
start --socket none
ok "no socket was wanted" test ! -e "$tmp/hearth.sock"
XDG_STATE_HOME=$tmp/two.state "$HEARTH_BIN" serve --port "$port" --socket none >"$tmp/two" 2>&1
ok "a port that was asked for and is taken" grep -q "$port" "$tmp/two"
stop
finish
