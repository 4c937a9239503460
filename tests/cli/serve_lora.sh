#!/bin/bash
# serve_lora.sh - adapters of a server: laid over its model, chosen by each request, scaled by who
# manages it; who asks for one set never finds another's pages; the log and receipts name them.
source "$(dirname "$0")/lib/server.bash"
needs_server
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
export HEARTH_STATE=$tmp/state HEARTH_BIN
mkdir "$tmp/models"
m=$tmp/models/toy.gguf a=$tmp/a.gguf b=$tmp/b.gguf
"$make" "$m" tokenizer=spm vocab=600 ctx=512 embd=64 ff=96 layers=2 seed=7 type=Q8_0 || exit 1
"$make" "$a" adapter="$m" rank=4 alpha=8 seed=3 || exit 1
"$make" "$b" adapter="$m" rank=2 alpha=2 seed=4 || exit 1
"$make" "$tmp/models/other.gguf" tokenizer=spm vocab=600 ctx=512 embd=96 ff=96 layers=1 || exit 1

client() {
    python3 - "$port" "$tmp" <<PY
import base64, hashlib, http.client, json, os, subprocess, sys, threading, time
port, tmp, hearth = int(sys.argv[1]), sys.argv[2], os.environ["HEARTH_BIN"]
def ask(method, path, body=None, headers={}):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    c.request(method, path, None if body is None else json.dumps(body), headers)
    r = c.getresponse()
    return r.status, r.read().decode()
long = "What is it? " * 40
def say(lora=None, prompt=long, **more):
    body = {"prompt": prompt, "n_predict": 12, "temperature": 0, "cache_prompt": True, **more}
    if lora is not None: body["lora"] = lora
    status, text = ask("POST", "/completion", body)
    assert status == 200, (status, text)
    v = json.loads(text)
    return v if more.get("receipt") else v["content"]
def at(*scales): return [{"id": i, "scale": s} for i, s in enumerate(scales) if s is not None]
def plain(*options): # the same words from hearth run
    p = subprocess.run([hearth, "run", os.path.join(tmp, "models/toy.gguf"), "--raw", "--temp", "0",
                        "-n", "12", "--ctx", "512", *options, long], capture_output=True)
    assert p.returncode == 0, p.stderr
    return p.stdout.decode(errors="replace")[:-1]
A, B = os.path.join(tmp, "a.gguf"), os.path.join(tmp, "b.gguf")
$1
PY
}

start toy --models "$tmp/models" --lora "$a=0.5" --lora "$b=0" --ctx 512
same "what there is" "" "$(client '
status, text = ask("GET", "/lora-adapters")
assert status == 200 and json.loads(text) == [{"id": 0, "path": "a.gguf", "scale": 0.5},
                                              {"id": 1, "path": "b.gguf", "scale": 0}], text
assert ask("GET", "/lora-adapters?model=toy") == (200, text)
assert ask("GET", "/lora-adapters?model=other") == (200, "[]")
assert ask("GET", "/lora-adapters?model=none")[0] == 404
' 2>&1)"

same "words, by request, and as hearth run says them" "" "$(client '
want = {(0.5, 0): plain("--lora", A + "=0.5"), (0, 0): plain(), (1, 1): plain("--lora", A, "--lora", B),
        (0, -2): plain("--lora", B + "=-2")}
assert len(set(want.values())) == 4, want
assert say() == want[0.5, 0]
for _ in range(2): # computed, and found computed
    for scales, words in want.items():
        assert say(at(*scales)) == words, scales
assert say([]) == want[0, 0] # those that are named, and no others
assert say([{"id": 1, "scale": -2}]) == want[0, -2]
' 2>&1)"

same "many at once" "" "$(client '
sets = [at(0.5, 0), at(0, 0), at(1, 1), at(0, -2), at(1), None]
alone = [say(s) for s in sets]
got, lock = {}, threading.Lock()
def one(i):
    words = say(sets[i % 6], cache_prompt=i % 4 != 0)
    with lock: got[i] = words
threads = [threading.Thread(target=one, args=(i,)) for i in range(24)]
[t.start() for t in threads]; [t.join() for t in threads]
assert all(got[i] == alone[i % 6] for i in range(24)), got
' 2>&1)"

same "prefixes are those of one set" "" "$(client '
def cached(lora, prompt): # tokens that were found
    body = {"prompt": prompt, "n_predict": 1, "lora": lora}
    return json.loads(ask("POST", "/completion", body)[1])["tokens_cached"]
prompt = "Once more, with feeling. " * 12
first = cached(at(1, 0), prompt)
again = cached(at(1, 0), prompt)
assert again > first, (first, again)
for other in [at(0, 0), at(0.999, 0), at(1, 1), at(0, 1), at(-1, 0)]:
    assert cached(other, prompt) == first, other
assert cached(at(1, 0), prompt) == again
' 2>&1)"

same "every API" "" "$(client '
said = [{"role": "user", "content": "Hello"}]
asks = [("/v1/chat/completions", {"messages": said, "max_tokens": 8, "temperature": 0}),
        ("/v1/completions", {"prompt": "Hello", "max_tokens": 8, "temperature": 0}),
        ("/v1/messages", {"model": "toy", "messages": said, "max_tokens": 8, "temperature": 0}),
        ("/api/generate", {"model": "toy", "prompt": "Hello", "stream": False, "raw": True,
                           "options": {"num_predict": 8, "temperature": 0}}),
        ("/v1/embeddings", {"model": "toy", "input": "Hello"})]
def words(text):
    v = json.loads(text)
    return str(v.get("choices") or v.get("content") or v.get("response") or v.get("data"))
for path, body in asks:
    got = [ask("POST", path, dict(body, lora=at(s))) for s in (0, 1)]
    assert all(status == 200 for status, _ in got), (path, got)
    assert words(got[0][1]) != words(got[1][1]), (path, got)
' 2>&1)"

same "what is refused" "" "$(client '
for lora, words in [([{"id": 2, "scale": 1}], "2 adapters"), ([{"id": 0}], "lora[0].scale"),
                    ("a", "lora"), ([{"id": 0, "scale": 1}] * 2, "twice")]:
    status, text = ask("POST", "/completion", {"prompt": "a", "n_predict": 1, "lora": lora})
    assert status == 400 and words in text, (lora, status, text)
other = {"model": "other", "prompt": "a", "n_predict": 1, "lora": at(1)}
status, text = ask("POST", "/completion", other)
assert status == 400 and "0 adapters" in text, text
assert ask("POST", "/completion", dict(other, lora=[]))[0] == 200
del other["lora"]
assert ask("POST", "/completion", other)[0] == 200 # another model has none
for body in [{}, [{"id": 2, "scale": 1}], [{"id": 0}], [{"id": 0, "scale": "x"}], [1], "x"]:
    status, text = ask("POST", "/lora-adapters", body)
    assert status == 400, (body, status, text)
' 2>&1)"

same "scales that are set" "" "$(client '
assert ask("POST", "/lora-adapters", at(None, -2)) == (200, "{\"success\":true}")
assert [v["scale"] for v in json.loads(ask("GET", "/lora-adapters")[1])] == [0, -2]
assert say() == plain("--lora", B + "=-2")
assert say(at(0.5, 0)) == plain("--lora", A + "=0.5") # who says, says
' 2>&1)"

same "the plan of a model has what lies over it" "" "$(client '
def plan(model): return json.loads(ask("GET", "/hearth/plan?model=" + model)[1])
assert plan("toy")["adapter_bytes"] > 10000 and plan("other")["adapter_bytes"] == 0
loaded = [m for m in json.loads(ask("GET", "/api/ps")[1])["models"] if m["name"].startswith("toy")]
assert abs(loaded[0]["size"] - plan("toy")["total_bytes"]) < 4096, (loaded, plan("toy")) # names of files
' 2>&1)"

same "scales stay when the model is loaded anew" "" "$(client '
def loaded(): return [m["name"] for m in json.loads(ask("GET", "/api/ps")[1])["models"]]
assert loaded()
for m in ("toy", "other"): ask("POST", "/api/generate", {"model": m, "keep_alive": 0})
while loaded(): time.sleep(0.05)
assert say() == plain("--lora", B + "=-2")
assert [v["scale"] for v in json.loads(ask("GET", "/lora-adapters")[1])] == [0, -2]
' 2>&1)"

same "receipts, and the log" "" "$(client '
def digest(path): return hashlib.sha3_256(open(path, "rb").read()).hexdigest()
v = say(at(0.5, 1), receipt=True, prompt="Hello there")
path = os.path.join(tmp, "r.json")
open(path, "w").write(v["hearth_receipt"])
p = json.loads(base64.b64decode(json.loads(v["hearth_receipt"])["payload"]))["predicate"]
got = [(a["digest"]["sha3_256"], a["scale"]) for a in p["model"]["adapters"]]
assert got == [(digest(A), "0.5"), (digest(B), "1")], got
open(os.path.join(tmp, "rendered"), "w").write("Hello there")
def replay(*options):
    return subprocess.run([hearth, "verify", "--replay", "--rendered", "-m",
                           os.path.join(tmp, "models/toy.gguf"), "--prompt-file",
                           os.path.join(tmp, "rendered"), *options, path], capture_output=True, text=True)
assert replay("--lora", B, "--lora", A).returncode == 0, replay("--lora", B, "--lora", A).stderr
assert replay("--lora", A).returncode != 0 and replay().returncode != 0
open(os.path.join(tmp, "r.proof"), "w").write(p["log"])
done = subprocess.run([hearth, "audit", "verify", "--proof", os.path.join(tmp, "r.proof")],
                      capture_output=True, text=True)
assert done.returncode == 0, done.stderr
entry = json.loads(done.stdout.splitlines()[-1])
assert entry["adapters"] == digest(A) + "*0.5 " + digest(B) + "*1", entry
v = say(at(0, 0), receipt=True)
p = json.loads(base64.b64decode(json.loads(v["hearth_receipt"])["payload"]))["predicate"]
assert "adapters" not in p["model"], p
' 2>&1)"
stop
ok "the log holds" "$HEARTH_BIN" audit verify > /dev/null
named=$("$HEARTH_BIN" audit tail -n 10000 --json 2> /dev/null | grep -c '"adapters": ".*\*')
ok "requests were accepted, and finished, with their adapters" test "$named" -gt 20

# A model made with an adapter of its own: with a server, and without one.
cp "$a" "$tmp/own.gguf"
printf 'FROM toy\nADAPTER own.gguf\nPARAMETER num_predict 12\n' > "$tmp/Modelfile"
printf 'FROM models/toy.gguf\nADAPTER ./own.gguf\n' > "$tmp/Modelfile2"
printf 'FROM models/toy.gguf\nADAPTER ./none.gguf\n' > "$tmp/Modelfile3"
ok "create, without a server" "$HEARTH_BIN" create alone -f "$tmp/Modelfile2" > /dev/null
refused 74 "create: no such adapter" create none -f "$tmp/Modelfile3"
ok "says what" grep -q ADAPTER <<< "$err"
start toy --models "$tmp/models" --ctx 512 --lora "$b=0"
ok "create, with one" "$HEARTH_BIN" create mine -f "$tmp/Modelfile" > /dev/null
same "its words" "" "$(client '
def of(model, **more): return say(model=model, **more)
want, base = plain("--lora", A), plain()
assert of("mine") == want and of("alone") == want and of("toy") == base
assert of("mine", lora=[]) == base and of("mine", lora=at(0.5)) == plain("--lora", A + "=0.5")
status, text = ask("POST", "/completion", {"model": "mine", "prompt": "a", "lora": at(0, 1)})
assert status == 400 and "1 adapters" in text, text
plan = json.loads(ask("GET", "/hearth/plan?model=mine")[1])
assert plan["adapter_bytes"] > 10000, plan
models = [m["name"] for m in json.loads(ask("GET", "/api/ps")[1])["models"]]
assert sorted(models)[:1] != ["toy:latest"] and len(models) >= 2, models
modelfile = json.loads(ask("POST", "/api/show", {"model": "mine"})[1])["modelfile"]
assert "ADAPTER sha256:" in modelfile, modelfile
assert ask("DELETE", "/api/delete", {"model": "mine"})[0] == 200
assert of("alone") == want # the file is still needed
assert ask("DELETE", "/api/delete", {"model": "alone"})[0] == 200
' 2>&1)"
same "the default, by another name, and when it is made anew" "" "$(client '
def there(): return [v["path"] for v in json.loads(ask("GET", "/lora-adapters")[1])]
assert there() == ["b.gguf"] == there()
assert ask("POST", "/api/copy", {"source": "toy", "destination": "again"})[0] == 200
assert say(at(-2), model="again") == plain("--lora", B + "=-2")
digest = "sha256:" + hashlib.sha256(open(A, "rb").read()).hexdigest()
c = http.client.HTTPConnection("127.0.0.1", port)
c.request("POST", "/api/blobs/" + digest, open(A, "rb").read())
assert c.getresponse().status == 201
made = {"model": "toy", "from": "again", "adapters": {"a.gguf": digest}, "stream": False}
status, text = ask("POST", "/api/create", made)
assert status == 200, text
assert [p.startswith("sha256-") for p in there()] == [True, False], there()
assert say() == plain("--lora", A) and say(at(0, -2)) == plain("--lora", B + "=-2")
assert ask("DELETE", "/api/delete", {"model": "toy"})[0] == 200
assert there() == ["b.gguf"] and say() == plain()
assert ask("DELETE", "/api/delete", {"model": "again"})[0] == 200
' 2>&1)"
same "no blob is left" 0 "$(find "$tmp/data" -name 'sha256-*' | wc -l)"
stop
printf 'FROM toy\nADAPTER models/other.gguf\n' > "$tmp/Modelfile"
start toy --models "$tmp/models" --ctx 512
ok "create with what is no adapter" "$HEARTH_BIN" create bad -f "$tmp/Modelfile" > /dev/null
same "is told when it is asked" "" "$(client '
status, text = ask("POST", "/completion", {"model": "bad", "prompt": "a", "n_predict": 1})
assert status == 400 and "adapter" in text, (status, text)
' 2>&1)"
stop

# A folder of PEFT's is the file that hearth import makes of it.
"$make" "$tmp/a32.gguf" adapter="$m" rank=4 alpha=8 seed=3 type=F32 || exit 1
python3 "$(dirname "$0")/lib/peft.py" "$tmp/a32.gguf" "$m" "$tmp/peft"
ok "a folder to a file" "$HEARTH_BIN" import "$tmp/peft" --base "$m" -o "$tmp/c.gguf" > /dev/null
start toy --models "$tmp/models" --ctx 512 --lora "$tmp/peft=0.5"
same "a folder" "" "$(client '
assert [v["path"] for v in json.loads(ask("GET", "/lora-adapters")[1])] == ["peft"]
C = os.path.join(tmp, "c.gguf")
assert say() == plain("--lora", C + "=0.5") and say(at(-2)) == plain("--lora", C + "=-2")
assert say(at(0)) == plain()
v = say(at(1), receipt=True)
p = json.loads(base64.b64decode(json.loads(v["hearth_receipt"])["payload"]))["predicate"]
assert hashlib.sha256(open(C, "rb").read()).hexdigest() in json.dumps(p["model"]["adapters"]), p
' 2>&1)"
stop
rm "$tmp/peft/adapter_config.json"
try_start toy --models "$tmp/models" --lora "$tmp/peft"
ok "a folder that is no adapter's: it does not start" test "${code:-0}" -ne 0
ok "and says why" grep -q adapter_config.json "$tmp/serve.log"

# An adapter's blob whose bytes are not those it is named for.
printf 'FROM toy\nADAPTER own.gguf\n' > "$tmp/Modelfile"
start toy --models "$tmp/models" --ctx 512
ok "create, once more" "$HEARTH_BIN" create rotten -f "$tmp/Modelfile" > /dev/null
blob=$(find "$tmp/data" -name "sha256-$(sha256sum < "$a" | cut -d' ' -f1)")
python3 - "$blob" << 'PY'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(-9, 2)
    b = f.read(1)[0] ^ 1
    f.seek(-9, 2)
    f.write(bytes([b]))
PY
same "is not laid over a model" "" "$(client '
status, text = ask("POST", "/completion", {"model": "rotten", "prompt": "a", "n_predict": 1})
assert status >= 400 and "changed or is damaged" in text, (status, text)
' 2>&1)"
stop

# An adapter that does not fit keeps the server from starting.
try_start toy --models "$tmp/models" --lora "$m"
ok "a model as an adapter: it does not start" test "${code:-0}" -ne 0
ok "and says why" grep -q adapter "$tmp/serve.log"
finish
