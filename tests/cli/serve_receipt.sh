#!/bin/bash
# serve_receipt.sh - receipts over HTTP: asked for in every API, many at once, streamed and whole;
# checked, proved to be in the log, run again to the last token.
source "$(dirname "$0")/lib/server.bash"
needs_server
export HEARTH_STATE=$tmp/state HEARTH_BIN

client() {
    python3 - "$port" "$tmp" <<PY
import base64, hashlib, http.client, json, os, subprocess, sys, threading
port, tmp, hearth = int(sys.argv[1]), sys.argv[2], os.environ["HEARTH_BIN"]
def ask(path, body, headers={}):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    c.request("POST", path, json.dumps(body), headers)
    r = c.getresponse()
    return r.status, r.read().decode()
def said(text): return [{"role": "user", "content": text}]
def of(body): # every receipt in an answer, whole or streamed
    out = []
    for line in body.splitlines():
        line = line[6:] if line.startswith("data: ") else line
        try: v = json.loads(line)
        except ValueError: continue
        r = v.get("hearth_receipt") if isinstance(v, dict) else None
        out += r if isinstance(r, list) else [r] if r else []
    return out
def statement(receipt): return json.loads(base64.b64decode(json.loads(receipt)["payload"]))
def run(*args): return subprocess.run([hearth, *args], capture_output=True, text=True)
def file(name, text):
    open(os.path.join(tmp, name), "w").write(text)
    return os.path.join(tmp, name)
def check(receipt, name): # good, and its end is in the log
    done = run("verify", file(name, receipt))
    assert done.returncode == 0, done.stderr
    p = statement(receipt)["predicate"]
    done = run("audit", "verify", "--proof", file(name + ".tlog-proof", p["log"]))
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout.splitlines()[-1])
    assert entry["type"] == "finished" and entry["output"] == p["answer"]["tokenIds"]["sha3_256"], entry
    return p
$1
PY
}

start
# Every API, whole and streamed, by header and by the body.
same "every API" "" "$(client '
H = {"X-Hearth-Receipt": "1"}
chat = {"model": "ember", "messages": said("Hello"), "max_tokens": 5}
plain = {"model": "ember", "prompt": "Hello", "max_tokens": 5}
asks = [("/v1/chat/completions", chat), ("/v1/completions", plain), ("/v1/messages", chat),
        ("/v1/responses", {"model": "ember", "input": "Hello", "max_output_tokens": 16}),
        ("/api/chat", {"model": "ember", "messages": said("Hello"), "options": {"num_predict": 5}}),
        ("/api/generate", {"model": "ember", "prompt": "Hello", "options": {"num_predict": 5}}),
        ("/completion", {"prompt": "Hello", "n_predict": 5})]
for path, body in asks:
    for stream in (False, True):
        for by in ("header", "body"):
            b = dict(body, stream=stream, **({"receipt": True} if by == "body" else {}))
            status, text = ask(path, b, H if by == "header" else {})
            assert status == 200 and len(of(text)) == 1, (path, stream, by, status, text[-300:])
            if stream: # never the last thing that is said
                last = [l for l in text.splitlines() if l.startswith("data") or l.startswith("{")][-1]
                assert "hearth_receipt" not in last, (path, last[:100])
    status, text = ask(path, dict(body, stream=False))
    assert status == 200 and not of(text) and "hearth_receipt" not in text, path
    check(of(ask(path, dict(body, stream=False), H)[1])[0], "one")
status, text = ask("/v1/embeddings", {"model": "ember", "input": "a", "receipt": True})
assert status == 400 and "receipt" in text, text
' 2>&1)"

# Twenty requests at once: each receipt says what was answered, and is true.
same "many at once" "" "$(client '
words = "ice rain tea iron bread salt wool glass sand fire snow wind leaf stone root milk corn rope ship bell".split()
done, lock = {}, threading.Lock()
def one(i):
    body = {"model": "ember", "messages": said("Tell me of " + words[i]), "max_tokens": 4 + i,
            "receipt": True, "stream": i % 3 == 1, "n": 2 if i % 4 == 0 else 1,
            "temperature": 0.9 if i % 2 else 0}
    if i % 5 == 0: body["seed"] = 1000 + i
    if i % 6 == 2: body["response_format"] = {"type": "json_object"}
    if i % 6 == 4: body["tools"] = [{"type": "function", "function": {"name": "look",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}}]
    if i % 7 == 3: body["stop"] = ["."]
    result = ask("/v1/chat/completions", body)
    with lock: done[i] = (body, *result)
threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]
replayed = held = 0
for i, (body, status, text) in sorted(done.items()):
    if status != 200 and "tools" in body: continue # this model knows none
    assert status == 200, text
    receipts = of(text)
    assert len(receipts) == body["n"], (i, len(receipts))
    for k, r in enumerate(receipts):
        p = check(r, "r%d" % i)
        if "seed" in body: assert p["sampling"]["seed"] == str(body["seed"] + k), p["sampling"]
        if not body["stream"] and "tools" not in body:
            content = json.loads(text)["choices"][k]["message"]["content"]
            assert statement(r)["subject"][0]["digest"]["sha256"] == \
                hashlib.sha256(content.encode()).hexdigest(), i
        rendered = ask("/apply-template", {k: body[k] for k in ("messages", "tools") if k in body})
        prompt = file("p%d" % i, json.loads(rendered[1])["prompt"])
        again = run("verify", "--replay", "--rendered", "-m", "ember", "--prompt-file", prompt,
                    *[a for s in body.get("stop", []) for a in ("--stop", s)], file("r", r))
        if p["sampling"]["format"]:
            assert again.returncode != 0 and "grammar" in again.stderr, again
            held += 1
            continue
        assert again.returncode == 0 and "run again" in again.stdout, (i, again.stdout, again.stderr)
        replayed += 1
assert replayed >= 15 and held >= 3, (replayed, held)
' 2>&1)"
hearth audit verify
same "the log holds" 0 "$rc"
stop
start --no-audit
same "without a log" "" "$(client '
r = of(ask("/v1/completions", {"model": "ember", "prompt": "a", "max_tokens": 2, "receipt": True})[1])[0]
assert statement(r)["predicate"]["log"] is None
assert run("verify", file("r", r)).returncode == 0
' 2>&1)"
stop
finish
