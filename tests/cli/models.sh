#!/bin/bash
# models.sh - models in folders, made, copied, uploaded and deleted over HTTP; conversations.
source "$(dirname "$0")/lib/server.bash"
needs_server
export HEARTH_MODELS=$tmp/home
ember=${HEARTH_SRC:-.}/models/ember/ember.gguf

mkdir "$tmp/other" "$tmp/home"
cp "$ember" "$tmp/other/theirs.gguf"
cp "$ember" "$tmp/outside.gguf"
ln -s ../outside.gguf "$tmp/other/linked.gguf"
echo "no model" >"$tmp/home/broken.gguf"
start --models "$tmp/other"

says() { # says NAME STATUS TEXT: the last answer
    same "$1" "$2" "$code"
    [ -z "$3" ] || ok "$1: $3" has "$body" "$3"
}

# ---- what there is ------------------------------------------------------------------------------
ask GET /api/tags
says "tags" 200 '"name":"theirs:latest"'
ok "the embedded one" has "$body" '"name":"ember:latest"'
ok "a broken file with its error" has "$body" '"name":"broken:latest"'
ok "a link that leads out, with what to do" has "$body" "--models"
for _ in $(seq 300); do # nobody has loaded it
    [ "$(grep -oE '"digest":"[0-9a-f]{64}"' <<<"$body" | wc -l)" -ge 2 ] && break
    sleep 0.1
    ask GET /api/tags
done
ok "digests come by themselves" has "$body" "\"digest\":\"$(sha256sum "$ember" | cut -d' ' -f1)\""
ask GET /v1/models
ok "those that can be used are on offer" has "$body" '"id":"theirs"'
ok "and no others" test -z "$(grep broken <<<"$body")"
ask POST /api/show '{"model":"theirs"}'
says "show" 200 '"quantization_level":"Q8_0"'
ask POST /api/show '{"model":"../outside"}'
says "no path is a name" 400 ''
ask POST /api/show '{"model":"nobody"}'
says "nobody" 404 "model 'nobody' not found"

# ---- made of another ----------------------------------------------------------------------------
ask POST /api/create '{"model":"me/brief:v1","from":"theirs","system":"Be brief.","parameters":{"num_predict":3,"stop":["zzz"],"temperature":0,"num_gpu":1},"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."}]}'
says "create" 200 '{"status":"success"}'
chat='"stream":false,"messages":[{"role":"user","content":"Hello there"}]'
ask POST /api/chat "{\"model\":\"me/brief:v1\",$chat}"
says "its length is its own" 200 '"eval_count":3,'
told=$(grep -o '"prompt_eval_count":[0-9]*' <<<"$body")
ask POST /api/chat "{\"model\":\"me/brief:v1\",$chat,\"options\":{\"num_predict\":2}}"
says "but the request's word counts" 200 '"eval_count":2,'
ask POST /api/chat "{\"model\":\"theirs\",$chat,\"options\":{\"num_predict\":2}}"
ok "system and messages went before" test "${told#*:}" -gt \
    "$(($(grep -o '"prompt_eval_count":[0-9]*' <<<"$body" | cut -d: -f2) + 8))"
ask POST /api/create '{"model":"gopher","from":"ember","template":"{{ .Prompt }}","stream":false}'
says "a template in Go is kept" 200 ''
ask POST /api/chat "{\"model\":\"gopher\",$chat}"
says "and not used" 400 "Ollama"
ask POST /api/generate '{"model":"ember","prompt":"Hi","stream":false,"template":"{{ .System }} {{ .Prompt }}"}'
says "nor in a request" 400 "template: is in Ollama's language"
jinja='{% for m in messages %}{{ m.content }}{% endfor %}, and'
ask POST /api/generate "{\"model\":\"ember\",\"prompt\":\"Once upon a time\",\"stream\":false,\"template\":\"$jinja\",\"options\":{\"num_predict\":3,\"seed\":1}}"
says "a template in Jinja is" 200 '"eval_count":3,'
as_told=$(sed 's/.*"response":"\([^"]*\)".*/\1/' <<<"$body")
ask POST /api/create "{\"model\":\"told\",\"from\":\"ember\",\"template\":\"$jinja\",\"stream\":false}"
ask POST /api/generate '{"model":"told","prompt":"Once upon a time","stream":false,"options":{"num_predict":3,"seed":1}}'
same "as for a model made with it" "$as_told" "$(sed 's/.*"response":"\([^"]*\)".*/\1/' <<<"$body")"
ask POST /api/create '{"model":"thinker","from":"ember","template":"{% for m in messages %}{{ m.content }}{% endfor %}<think>{# </think> #}","stream":false}'
says "one that thinks" 200 ''
think='"max_tokens":30,"messages":[{"role":"user","content":"Once upon a time"}]'
ask POST /v1/messages "{\"model\":\"thinker\",$think,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10}}"
says "it has thought, and then it speaks" 200 '"type":"text"'
ok "no longer than it may" test "$(grep -o '"thinking_tokens":[0-9]*' <<<"$body" | cut -d: -f2)" -le 10
ask POST /v1/messages "{\"model\":\"thinker\",$think}"
ok "or as long as it likes" test "$(grep -o '"thinking_tokens":[0-9]*' <<<"$body" | cut -d: -f2)" -gt 10
ask POST /v1/messages "{\"model\":\"ember\",$think,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10}}"
says "whoever does not think is asked in vain" 200 '"type":"text"'
ask POST /v1/messages "{\"model\":\"thinker\",$think,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":30}}"
says "a budget that leaves no answer" 400 'max_tokens'
ask POST /api/create '{"model":"q","from":"ember","quantize":"q4_K_M"}'
says "what cannot be done is refused by name" 400 "'quantize'"
ask POST /api/copy '{"source":"me/brief:v1","destination":"copy"}'
says "copy" 200 ''
ask DELETE /api/delete '{"model":"me/brief:v1"}'
says "delete" 200 ''
ask POST /api/show '{"model":"copy"}'
says "the copy has all of it" 200 'Be brief.'
ask DELETE /api/delete '{"model":"theirs"}'
says "what hearth only reads stays" 403 ''
ok "there it is" test -s "$tmp/other/theirs.gguf"

# ---- uploaded -----------------------------------------------------------------------------------
digest=sha256:$(sha256sum "$ember" | cut -d' ' -f1)
ask POST "/api/blobs/${digest%?}x" "@$ember"
says "not a digest" 400 ''
ask POST "/api/blobs/sha256:$(printf 'x' | sha256sum | cut -d' ' -f1)" "@$ember"
says "another digest" 400 "$digest"
same "nothing of it stays" 0 "$(find "$tmp/home/blobs" -type f | wc -l)"
ask POST "/api/blobs/$digest" "@$ember"
says "an upload" 201 ''
ask POST /api/create "{\"model\":\"up\",\"files\":{\"m.gguf\":\"$digest\"},\"stream\":false}"
says "made of it" 200 '{"status":"success"}'
ask POST /api/chat "{\"model\":\"up\",$chat,\"options\":{\"num_predict\":2}}"
says "it speaks" 200 "\"model_digest\":\"$digest\""
ask DELETE /api/delete '{"model":"up"}'
same "its file goes with the last that needs it" 0 "$(find "$tmp/home/blobs" -type f | wc -l)"
ask POST /api/pull '{"model":"llama3"}'
says "nothing is fetched" 400 "$tmp/home"

# ---- conversations ------------------------------------------------------------------------------
ask PUT /hearth/chats/a '{"id":"a","title":"T","messages":[{"id":"1","parent":null,"role":"user","content":"A quick xylophone"}],"head":"1"}'
says "a conversation" 200 '"id":"a"'
ask GET '/hearth/chats?q=xylo'
says "is found" 200 '"total":1'
ask GET /hearth/chats/a
says "is there" 200 'A quick xylophone'
same "its file is its user's" 600 "$(stat -c %a "$tmp/state/hearth/chats.db")"
ask DELETE /hearth/chats/a
says "is deleted" 200 ''
ask GET /hearth/chats/a
says "is gone" 404 ''
ok "from the disk too" test -z "$(grep -l xylophone "$tmp/state/hearth"/chats.db*)"

stop
finish
