#!/bin/bash
# serve_memory.sh - an engine that gets no more memory refuses what it has none for, says so, and is
# itself again when there is some; nobody waits for ever, and none of the processes ends.
source "$(dirname "$0")/lib/server.bash"
needs_server
command -v prlimit >/dev/null || skip "prlimit is missing"
grep -qaE '__[at]san_init' "$HEARTH_BIN" && skip "a sanitizer's memory has no limit"

start
read -r engine front _ <"/proc/$pid/task/$pid/children"

# say N FILE: a question with N bytes of a story before it; the answer goes to FILE.
say() {
    local words body
    words=$(head -c "$1" /dev/zero | tr '\0' a)
    body="{\"model\":\"ember\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"max_tokens\":4,\"note\":\"$words\"}"
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n' "${#body}" >&9
    printf %s "$body" >&9
    timeout 60 cat <&9 >"$2"
    exec 9>&-
} 2>/dev/null
status() { sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$1"; }

say 10 "$tmp/first"
same "an answer" 200 "$(status "$tmp/first")"
mib=$(($(sed -n 's/^VmSize:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$engine/status") / 1024))
prlimit --pid "$engine" --as=$(((mib + 6) << 20)): || skip "prlimit is not let do it"
waiting=()
for i in $(seq 12); do
    say $((8 << 20)) "$tmp/large.$i" &
    waiting+=($!)
done
wait "${waiting[@]}"
refused=0
for i in $(seq 12); do
    case $(status "$tmp/large.$i") in
    429 | 503 | 507) refused=$((refused + 1)) ;;
    200) ;;
    *) same "request $i is answered" "200, 429, 503 or 507" "$(head -c 200 "$tmp/large.$i")" ;;
    esac
done
ok "some were refused ($refused of 12)" test "$refused" -gt 0
ok "with a sentence" grep -qh '"error"' "$tmp"/large.*
prlimit --pid "$engine" --as=unlimited:
say 10 "$tmp/last"
same "itself again" 200 "$(status "$tmp/last")"
for process in pid engine front; do
    ok "the same $process is there" kill -0 "${!process}"
done
stop
finish
