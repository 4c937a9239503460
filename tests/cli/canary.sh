#!/bin/bash
# canary.sh - what people say to the server is nowhere on the disk: 1,000 strings that occur nowhere
# else go through every way a prompt can come in, and then are looked for, as they are and encoded,
# in all that the server has written: state, data, logs, standard error, temporary files, a core.
source "$(dirname "$0")/lib/server.bash"
needs_server
export XDG_DATA_HOME=$tmp/seen/data XDG_STATE_HOME=$tmp/seen/state XDG_RUNTIME_DIR=$tmp/seen/run
export XDG_CONFIG_HOME=$tmp/seen/config XDG_CACHE_HOME=$tmp/seen/cache TMPDIR=$tmp/seen/temp
mkdir -p "$tmp/seen"/{run,temp,cwd,out}
server_out=$tmp/seen/out
cd "$tmp/seen/cwd" || exit 1
ulimit -c unlimited
count=1000

# canary[i]: 20 letters by chance. Names of things are letters too, so that no check of a name stops
# one on its way.
mapfile -t canary < <(head -c 300000 /dev/urandom | LC_ALL=C tr -dc g-z | fold -w 20 | head -n $count)
same "canaries" "$count" "${#canary[@]}"
next=0
take() { # take N: that many, in $one and as words in $words
    one=${canary[next % count]}
    words="${canary[*]:next % count:$1}"
    next=$((next + $1))
}

ask_json() { ask "$1" "$2" "${3:-}" 'Content-Type: application/json' "${@:4}"; }

# say STATUS METHOD TARGET BODY [HEADER...]: @ becomes ten canaries, ~ the first of them
say() {
    local status=$1
    shift
    take 10
    set -- "${@//@/$words}"
    ask_json "${@//\~/$one}"
    same "$1 ${2%%"$one"*} $status: $body" "$status" "$code"
}

# Every line is one way in.
round() {
    local chat='"messages":[{"role":"system","content":"@"},{"role":"user","content":"@"}]'
    local tool='"tools":[{"type":"function","function":{"name":"t","description":"@","parameters":{"type":"object","properties":{"a":{"type":"string","description":"@"}}}}}]'
    say 200 POST /api/chat "{\"model\":\"ember\",$chat,\"stream\":false,\"options\":{\"num_predict\":3}}"
    say 200 POST /api/chat "{\"model\":\"ember\",$chat,\"options\":{\"num_predict\":3,\"stop\":[\"~\"]}}"
    say 200 POST /api/generate '{"model":"ember","prompt":"@","stream":false,"options":{"num_predict":3}}'
    say 400 POST /v1/chat/completions "{\"model\":\"ember\",$chat,$tool,\"max_tokens\":3,\"user\":\"~\"}"
    say 200 POST /v1/chat/completions "{\"model\":\"ember\",$chat,\"stream\":true,\"max_tokens\":3}"
    say 200 POST /v1/chat/completions "{\"model\":\"ember\",$chat,\"max_tokens\":60,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"enum\":[\"@\"]}}}}"
    say 200 POST /v1/completions '{"model":"ember","prompt":"@","max_tokens":3,"suffix":""}'
    say 200 POST /v1/responses '{"model":"ember","input":"@","store":true,"max_output_tokens":16,"metadata":{"k":"@"}}'
    response=$(grep -o 'resp_[0-9a-zA-Z]*' <<<"$body" | head -n 1)
    say 200 POST /v1/messages '{"model":"ember","max_tokens":3,"system":"@","messages":[{"role":"user","content":"@"}]}'
    say 200 POST /v1/embeddings '{"model":"ember","input":"@"}'
    say 200 POST /completion '{"prompt":"@","n_predict":3}'
    say 200 POST /tokenize '{"content":"@"}'
    say 200 PUT "/hearth/chats/c$next" "{\"id\":\"c$next\",\"title\":\"@\",\"messages\":[{\"id\":\"1\",\"parent\":null,\"role\":\"user\",\"content\":\"@\"}],\"head\":\"1\"}"
    kept=c$((next - 10)) kept_word=$one
    say 400 POST /v1/chat/completions '{"model":"ember","messages":[{"role":"@","content":"@"}],"~":"@"}'
    say 400 POST /api/chat '{"model":"ember","messages":"@"'
    say 404 POST /api/chat "{\"model\":\"~\",$chat}"
    say 404 GET /~/~
    say 200 GET "/api/version?~=~"
    say 200 GET /api/version "" "X-Thing: @" "User-Agent: @" "Cookie: session=~"
    ask GET /api/version "" "Host: $one"
}

# ---- all of them --------------------------------------------------------------------------------
start --log "$tmp/seen/access.log"
while [ $next -lt $count ]; do round; done
ask GET "/hearth/chats/$kept"
same "a conversation is kept" 200 "$code"
ok "with what was said" grep -qF "$kept_word" <<<"$body"
ask GET "/v1/responses/$response"
same "a response is kept" 200 "$code"

# ---- a way to die with a core -------------------------------------------------------------------
kill -ABRT -- "-$pid"
wait "$pid" 2>/dev/null
pid=
same "no core" "" "$(ls "$tmp/seen/cwd")"
{ (cd "$tmp" && sh -c 'kill -ABRT $$'); } 2>/dev/null # would there be one?
[ "$(</proc/sys/kernel/core_pattern)" != core ] ||
    ok "others leave one" test -n "$(compgen -G "$tmp/core*")"

# ---- looked for ---------------------------------------------------------------------------------
# As text; as hexadecimal; in the three ways base64 can begin. UTF-16 is text with zeros.
patterns() {
    local c
    for c in "${canary[@]}"; do
        printf '%s\n' "$c"
        printf '%s' "$c" | od -An -v -tx1 | tr -d ' \n'
        echo
        printf '%s' "$c" | base64 | cut -c 1-24
        printf '%s' "${c:1}" | base64 | cut -c 1-24
        printf '%s' "${c:2}" | base64 | cut -c 1-24
    done
}
patterns >"$tmp/patterns"
found() { # in the files of a folder, their names, and both without zeros
    (cd "$1" && find . -print && find . -type f -exec cat {} + && find . -type f -exec cat {} + | tr -d '\0') |
        LC_ALL=C grep -aoF -f "$tmp/patterns" | sort -u
}
same "nowhere" "" "$(found "$tmp/seen" | head -n 5)"
ok "the log has its lines" test "$(wc -l <"$tmp/seen/access.log")" -ge 100
ok "there is a database" test -s "$tmp/seen/state/hearth/chats.db"

# ---- and the search finds -----------------------------------------------------------------------
mkdir "$tmp/control"
printf 'a%sb' "${canary[7]}" >"$tmp/control/text"
printf 'a%s' "${canary[8]}" | base64 >"$tmp/control/base64"
printf '%s' "${canary[9]}" | sed 's/./&\x00/g' >"$tmp/control/utf16"
: >"$tmp/control/${canary[10]}"
same "what is there is found" 4 "$(found "$tmp/control" | wc -l)"
start --log "$tmp/seen/access.log"
ask GET "/hearth/chats/$kept"
same "and the conversation is still there" 200 "$code"
stop
same "nowhere after that" "" "$(found "$tmp/seen" | head -n 5)"
finish
