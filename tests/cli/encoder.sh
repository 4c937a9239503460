#!/bin/bash
# encoder.sh - models that read texts whole, through the program: what they say of themselves, what
# they refuse, and vectors and scores over HTTP.
source "$(dirname "$0")/lib/server.bash"
needs_server
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
mkdir "$tmp/models"
embed=$tmp/models/embed.gguf rank=$tmp/models/rank.gguf
"$make" "$embed" arch=nomic-bert tokenizer=spm vocab=400 ctx=64 pooling=1 || exit 1
"$make" "$rank" arch=bert tokenizer=spm vocab=400 ctx=64 pooling=4 || exit 1
"$make" "$tmp/models/yes.gguf" arch=qwen3 tokenizer=spm vocab=400 ctx=256 pooling=4 || exit 1
words=$HEARTH_DATA/vocab/bert-bge.gguf # words as BERT cuts them, where they are here
if [[ -e $words ]]; then
    for pooling in 2 4; do
        "$make" "$tmp/models/words$pooling.gguf" arch=bert tokenizer="$words" ctx=64 pooling=$pooling ||
            exit 1
    done
fi

refused() { # refused "words" "what" argument...: no success, and words in the sentence
    local words=$1 what=$2
    shift 2
    hearth "$@"
    ok "$what: refused" [ "$rc" != 0 ]
    ok "$what: says so" has "$err" "$words"
}

hearth explain "$rank"
ok "explain: read whole" has "$out" "texts: read whole, both ways; ranks an answer to a question"
ok "explain: the scores" has "$out" "logits = linear(h, cls_output)"
hearth show "$embed"
same "show opens it" 0 "$rc"
echo "1 2 3" >"$tmp/ids"
refused "is an encoder and has no next words" "logits" logits "$embed" --tokens "$tmp/ids" --out "$tmp/l"
refused "ranks texts and has no next words" "logits of a ranking model" logits "$rank" \
    --tokens "$tmp/ids" --out "$tmp/l"
refused "ranks texts and has no next words" "run" run "$rank" hello
refused "is an encoder and has no next words" "run with a receipt" run "$embed" --receipt \
    "$tmp/r" hello
unit() { # 64 numbers whose squares add up to 1
    python3 -c 'import json, sys
v = json.load(sys.stdin)
v = v["embedding"] if isinstance(v, dict) else v
sys.exit(len(v) != 64 or abs(sum(x * x for x in v) - 1) > 1e-5)' <<<"$1"
}
hearth run "$embed" the cat
ok "run: a vector" unit "$out"
line=$out
hearth run --json "$embed" the cat
ok "run: as an object" unit "$out"
hearth run "$embed" the dog
ok "run: of the text" [ "$out" != "$line" ]

start --models "$tmp/models" --ctx 300
client() {
    python3 - "$port" <<PY
import base64, http.client, json, math, struct, sys
port = int(sys.argv[1])
def ask(path, body):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    c.request("POST", path, json.dumps(body))
    r = c.getresponse()
    return r.status, json.loads(r.read().decode())
def get(path, **body):
    status, v = ask(path, body)
    assert status == 200, (path, status, v)
    return v
def vectors(*texts):
    return [d["embedding"] for d in get("/v1/embeddings", model="embed", input=list(texts))["data"]]
$1
PY
}

same "vectors" "" "$(client '
a, b, c = vectors("the cat", "a dog and more", "the cat")
assert a == c and a != b and len(a) == 64
assert abs(sum(x * x for x in a) - 1) < 1e-5
assert vectors("the cat")[0] == a # alone or in company
v = get("/v1/embeddings", model="embed", input="the cat", encoding_format="base64")["data"][0]["embedding"]
assert list(struct.unpack("<64f", base64.b64decode(v))) == [struct.unpack("<f", struct.pack("<f", x))[0] for x in a]
v = get("/api/embed", model="embed", input=["the cat", "a dog and more"])
assert len(v["embeddings"]) == 2 and all(abs(x - y) < 1e-6 for x, y in zip(v["embeddings"][0], a))
v = get("/v1/rerank", model="embed", query="the cat", documents=["a dog and more", "the cat"])
assert [r["index"] for r in v["results"]] == [1, 0] and abs(v["results"][0]["relevance_score"] - 1) < 1e-5
' 2>&1)"

same "scores" "" "$(client '
docs = ["a dog and more", "the cat sat", "sand"]
for model, lo, hi in (("rank", -1e9, 1e9), ("yes", 0, 1)):
    v = get("/v1/rerank", model=model, query="the cat", documents=docs)
    s = {r["index"]: r["relevance_score"] for r in v["results"]}
    assert sorted(s) == [0, 1, 2] and len(set(s.values())) == 3 and all(lo < x < hi for x in s.values()), v
    assert [r["relevance_score"] for r in v["results"]] == sorted(s.values(), reverse=True)
    assert v["usage"]["prompt_tokens"] > 0
    one = get("/rerank", model=model, query="the cat", documents=[docs[2]])
    assert one["results"][0]["relevance_score"] == s[2] # alone or in company
    other = get("/rerank", model=model, query="the dog", documents=[docs[2]])
    assert other["results"][0]["relevance_score"] != s[2] # the query counts
    bare = ask("/rerank", {"model": model, "query": "the cat", "texts": docs})[1]
    assert {r["index"]: r["score"] for r in bare} == s
' 2>&1)"

if [[ -e $words ]]; then
    same "words" "" "$(client '
v = get("/v1/embeddings", model="words2", input="hello world")
assert v["usage"]["prompt_tokens"] == 4, v["usage"] # [CLS] hello world [SEP]
v = get("/v1/rerank", model="words4", query="hello", documents=["world", "hello world"])
assert v["usage"]["prompt_tokens"] in (4 + 5, 5 + 6), v["usage"] # and what stands between
assert len({r["relevance_score"] for r in v["results"]}) == 2
' 2>&1)"
fi

same "refusals" "" "$(client '
chat = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 3}
for path, body, words in (
    ("/v1/chat/completions", dict(chat, model="embed"), "is an encoder and has no next words"),
    ("/api/generate", {"model": "embed", "prompt": "a"}, "is an encoder and has no next words"),
    ("/v1/completions", {"model": "rank", "prompt": "a"}, "ranks texts and has no next words"),
    ("/v1/embeddings", {"model": "rank", "input": "a"}, "it has no embeddings"),
    ("/v1/embeddings", {"model": "embed", "input": "word " * 200}, "64"),
    ("/v1/rerank", {"model": "rank", "query": "a", "documents": ["word " * 200]}, "64"),
    ("/v1/rerank", {"model": "rank", "query": "a", "documents": ["b", ""]}, "empty")):
    status, v = ask(path, body)
    assert status in (400, 501) and words in json.dumps(v), (path, status, v)
get("/v1/embeddings", model="embed", input="it goes on") # after all that
' 2>&1)"

same "what they can" "" "$(client '
for model, can in (("embed", "embedding"), ("rank", "rerank"), ("yes", "rerank")):
    v = get("/api/show", model=model)
    assert v["capabilities"] == [can], (model, v["capabilities"])
' 2>&1)"
stop
finish
