#!/bin/bash
# serve_audit.sh - the audit log of a running server: what is in it, read meanwhile; killed in the
# middle; texts committed to, sealed, erased, left out.
source "$(dirname "$0")/lib/server.bash"
needs_server
export HEARTH_STATE=$tmp/state

# client PROGRAM: python with the entries of the log and a way to ask
client() {
    "$HEARTH_BIN" audit tail -n 1000000 --json >"$tmp/entries" 2>/dev/null
    python3 - "$port" "$tmp" <<PY
import http.client, json, os, re, sys, threading
port, tmp = int(sys.argv[1]), sys.argv[2]
def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    c.request(method, path, None if body is None else json.dumps(body), headers)
    r = c.getresponse()
    return r.status, r.read()
def chat(text, **more):
    return ask("POST", "/v1/chat/completions", dict(
        {"model": "ember", "messages": [{"role": "user", "content": text}], "max_tokens": 6,
         "seed": 3}, **more))
def entries():
    text, at, out = open(tmp + "/entries").read(), 0, []
    d = json.JSONDecoder()
    while at < len(text.rstrip()):
        v, at = d.raw_decode(text, at)
        at += len(re.match(r"\s*", text[at:]).group())
        out.append(v["entry"])
    return out
def of(kind): return [e for e in entries() if e["type"] == kind]
$1
PY
}

# ---- what is in it ------------------------------------------------------------------------------
start
same "asking" "" "$(client '
assert chat("Hello, zebra")[0] == 200
assert chat("Hello, zebra", stream=True, n=2)[0] == 200
assert chat("Hello", max_tokens="many")[0] == 400
assert ask("GET", "/nothing")[0] == 404
assert ask("GET", "/api/tags")[0] == 200
assert ask("GET", "/health")[0] == 200
assert ask("POST", "/v1/embeddings", {"model": "ember", "input": "zebra"})[0] == 200
assert chat("Hello", model="nobody")[0] == 404
assert ask("PUT", "/hearth/chats/c1", {"title": "zebra"})[0] < 500
assert ask("DELETE", "/hearth/chats/c1")[0] < 500
' 2>&1)"
hearth audit verify
same "it holds while it is written" 0 "$rc"
hearth audit tail
same "tail meanwhile" 0 "$rc"
hearth audit show 0
ok "show meanwhile" grep -q 'start.*cage=' <<<"$out"
same "the entries" "" "$(client '
kinds = [e["type"] for e in entries()]
assert kinds[0] == "start" and re.fullmatch("[0-9a-f]{64}", entries()[0]["build"]), kinds
loads = of("load")
assert loads and loads[0]["model"].startswith("ember") and "model_sha256" in loads[0], loads
routes = [e["route"] for e in of("accepted")]
assert routes.count("POST /v1/chat/completions") == 2, routes
assert "GET /api/tags" in routes and "DELETE /hearth/chats/*" in routes, routes
assert not any("health" in r for r in routes), routes
refused = sorted((e["status"], e["reason"]) for e in of("refused"))
assert (400, "not valid") in refused and (404, "not there") in refused, refused
for a in of("accepted"):
    ends = [e for e in of("finished") if e["request"] == a["request"]]
    assert len(ends) >= 1 and a["user"], a
asked = [a for a in of("accepted") if "chat/completions" in a["route"]]
ends = [[e for e in of("finished") if e["request"] == a["request"]] for a in asked]
assert [len(e) for e in ends] == [1, 2], ends
assert all(e["finish"] == "length" and e["output_tokens"] == 6 for x in ends for e in x), ends
assert all(e["content"] == "commit" and e["prompt_tokens"] > 4 for e in asked), asked
assert ends[0][0]["output"] == ends[1][0]["output"], ends
assert ends[0][0]["commit"] != ends[1][0]["commit"], ends
' 2>&1)"
refused 75 "a second server with the same log" serve --port 0 --socket none
kill -HUP "$pid"
sleep 0.3
stop
hearth audit tail -n 1000 --json
ok "reloading is told" grep -q '"action": *"reload"' <<<"$out"
ok "the model goes" grep -q '"type": *"unload"' <<<"$out"
hearth audit tail -n 2
ok "stopping is told" grep -q ' stop ' <<<"$out"
ok "the end is signed" grep -q ' checkpoint ' <<<"$out"
hearth audit verify
same "it holds" 0 "$rc"
ok "never a word of it" test -z "$(grep -rl zebra "$tmp/state" "$tmp/serve.log")"

# ---- changes of users and keys --------------------------------------------------------------------
hearth user add alice --role auditor
same "a user, without a server" 0 "$rc"
start
hearth key add laptop --user alice
same "a key, beside the server" 0 "$rc"
hearth user role alice user
hearth key revoke laptop
hearth user remove alice
sleep 2.5
changes() {
    client 'print(" ".join(e["type"] + ":" + e["action"] + ":" + e["user"] for e in entries()
                           if "event" in e))'
}
want="user:add:alice key:add:alice user:role user:alice key:revoke:alice user:remove:alice"
same "each is told, once, in order" "$want" "$(changes)"
stop
start
stop
same "and never again" "$want" "$(changes)"

# ---- texts ---------------------------------------------------------------------------------------
start --audit-content encrypted
same "sealed" "" "$(client 'assert chat("Hello, giraffe")[0] == 200' 2>&1)"
stop
ok "not in the clear" test -z "$(grep -rl giraffe "$tmp/state")"
at=$(client 'print([i for i, e in enumerate(entries()) if e.get("content") == "encrypted"][0])')
hearth audit show "$at" --text
ok "read with the key" grep -q 'Hello, giraffe' <<<"$out"
hearth audit erase "$(client 'print(of("accepted")[-1]["user"])')"
same "erase" 0 "$rc"
refused 77 "read without it" audit show "$at" --text
hearth audit verify
same "it holds without it" 0 "$rc"
start --audit-content none --no-chats
same "nothing said" "" "$(client 'assert chat("Hello")[0] == 200' 2>&1)"
stop
same "nothing said of it" "" "$(client 'assert "commit" not in of("finished")[-1], of("finished")[-1]' 2>&1)"
refused 64 "a strange kind" serve --audit-content all
size=$(stat -c %s "$tmp/state/audit/log")
start --no-audit
ok "it says so" grep -q 'no audit log is kept' "$tmp/serve.log"
same "no log" "" "$(client 'assert chat("Hello")[0] == 200' 2>&1)"
stop
same "nothing was written" "$size" "$(stat -c %s "$tmp/state/audit/log")"

# ---- killed in the middle -----------------------------------------------------------------------
start
PID=$pid client '
told, lock = [], threading.Lock()
def many(i):
    for k in range(50):
        try: status, body = chat("%d and %d" % (i, k), max_tokens=4 + k % 5, stream=k % 2 == 1)
        except Exception: return
        if status != 200: continue
        if k % 2 and not body.rstrip().endswith(b"[DONE]"): continue
        found = re.search(rb"chatcmpl-([0-9a-f]{32})", body)
        with lock:
            told.append(found.group(1).decode())
            if len(told) == 60: os.kill(int(os.environ["PID"]), 9)
threads = [threading.Thread(target=many, args=(i,)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
json.dump(told, open(tmp + "/told", "w"))
'
stop 9
ok "it was killed in the middle" python3 -c 'import json, sys; n = len(json.load(open(sys.argv[1])))
sys.exit(not 0 < n < 400)' "$tmp/told"
same "every answer that was given is there" "" "$(client '
ends = {e["request"] for e in of("finished")}
told = json.load(open(tmp + "/told"))
lost = [t for t in told if t not in ends]
assert not lost, (len(lost), len(told))
' 2>&1)"
start
stop
hearth audit verify
same "it goes on and holds" 0 "$rc"
finish
