#!/bin/bash
# serve_cage.sh - the server's three processes: each in its cage, the engine without a socket, and
# none of them left when one of them ends.
source "$(dirname "$0")/lib/server.bash"
needs_server
[ -z "${HEARTH_NO_CAGE:-}" ] || skip "HEARTH_NO_CAGE is set"

begin() { # begin [option...]: $pid $engine $front $port
    start "$@"
    read -r engine front _ <"/proc/$pid/task/$pid/children"
}
caged() { # its first process closes its cage after it has told where it is
    for _ in $(seq 600); do
        [ "$(field "$pid" Seccomp)" = 2 ] && return
        sleep 0.1
    done
    return 1
}
ended() { # ended WHAT PID: within ten seconds; a zombie has ended
    for _ in $(seq 100); do
        case $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$2/status" 2>/dev/null) in
        '' | Z) ok "$1" true; return ;;
        esac
        sleep 0.1
    done
    ok "$1" false
}
field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
health() {
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n' >&9
    body=$(cat <&9)
    exec 9>&-
    grep -qF '"status":"ok"' <<<"$body"
}

# Fifty answers that would go on for long; back when all of them have begun.
streams() {
    body='{"messages":[{"role":"user","content":"Tell me more."}],"stream":true,"max_tokens":9999,"ignore_eos":true}'
    rm -f "$tmp"/stream.*
    for i in $(seq 50); do
        {
            exec 9<>"/dev/tcp/127.0.0.1/$port" &&
                printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s' \
                    "${#body}" "$body" >&9 && cat <&9 >"$tmp/stream.$i"
        } 2>/dev/null &
        readers+=($!)
    done
    for _ in $(seq 3000); do # a sanitizer on a busy machine
        [ "$(grep -l '200 OK' "$tmp"/stream.* 2>/dev/null | wc -l)" = 50 ] && return
        sleep 0.1
    done
    return 1
}
readers=()

begin
ok "it answers" health
ok "the first process has a filter" caged
ok "it tells of its cage" grep -q '"cage":"seccomp' <<<"$body"
ok "the log tells of it" grep -Eq 'cage="?seccomp.*cage_test=[0-9a-f]{64}' <<<"$("$HEARTH_BIN" audit show 0 2>&1)"
for process in pid engine front; do
    same "the $process has a filter" 2 "$(field "${!process}" Seccomp)"
    same "the $process gains no privileges" 1 "$(field "${!process}" NoNewPrivs)"
done

# Whoever starts it may leave it sockets, at a number that its limit does not reach.
most=$(ulimit -Sn)
exec 300<>"/dev/tcp/127.0.0.1/$port"
ulimit -Sn 256
begin
ulimit -Sn "$most"
ok "it answers, with a lower limit" health
ok "and has its filter" caged
mkfifo "$tmp/typed"
"$HEARTH_BIN" tokenize ember <"$tmp/typed" >"$tmp/said" 2>&1 &
runs=$!
exec 8>"$tmp/typed"
for _ in $(seq 600); do
    [ "$(field "$runs" Seccomp)" = 2 ] && break
    sleep 0.1
done
if ls -l "/proc/$runs/fd" >"$tmp/fds" 2>/dev/null; then # of the superuser alone
    same "what reads a model has none of them" "" "$(grep -E ' ([3-9]|[1-9][0-9]+) -> socket:' "$tmp/fds")"
fi
echo Hi >&8
exec 8>&- 300>&-
wait "$runs"
same "and ends in order" 0 $?
if ls -l "/proc/$engine/fd" >"$tmp/fds" 2>/dev/null; then
    # standard streams are whatever they were when it was started
    same "the engine has no socket" "" "$(grep -E ' ([3-9]|[1-9][0-9]+) -> socket:' "$tmp/fds")"
    ls -l "/proc/$pid/fd" >"$tmp/fds"
    same "the first has only pipes, and a name for itself" "" "$(grep -E ' ([3-9]|[1-9][0-9]+) -> ' "$tmp/fds" | grep -v -e pipe: -e /proc/)"
    ls -l "/proc/$front/fd" >"$tmp/fds"
    ok "the front has" grep -q 'socket:' "$tmp/fds"
    same "the front has no database" "" "$(grep -F "$tmp/state" "$tmp/fds")"
fi

# One of them is killed: the others end, and the exit code says so.
for victim in engine front; do
    ok "fifty streams begin" streams
    kill -9 "${!victim}"
    wait "$pid"
    code=$?
    same "without its $victim it ends, and says that it is a fault" 70 "$code"
    wait "${readers[@]}" # none of them is left waiting
    readers=()
    ended "the engine is gone ($victim killed)" "$engine"
    ended "the front is gone ($victim killed)" "$front"
    ok "it says who" grep -q "the $victim" "$tmp/serve.log"
    ok "the socket is removed ($victim killed)" test ! -e "$tmp/hearth.sock"
    begin
    ok "it starts again after that" health
    ok "in its cage" caged
done
ok "fifty streams begin" streams
kill -9 "$pid"
wait "$pid" 2>/dev/null
ended "killed: the engine ends" "$engine"
ended "killed: the front ends" "$front"
wait "${readers[@]}"
pid=

# One that hangs does not outlive the first either: the kernel ends it.
for victim in engine front; do
    begin
    ok "in its cage, before the $victim hangs" caged
    kill -STOP "${!victim}"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    ended "killed beside it: the $victim that hangs ends" "${!victim}"
    pid=
done

# Without cages, as asked.
begin --no-cage
ok "it says what is lost" grep -q "not in a cage, as asked" "$tmp/serve.log"
same "and says it once" 1 "$(grep -c "not in a cage" "$tmp/serve.log")"
same "the engine has no filter" 0 "$(field "$engine" Seccomp)"
same "the first has none" 0 "$(field "$pid" Seccomp)"
ok "it answers" health
ok "it tells that there is no cage" grep -q '"cage":"none"' <<<"$body"
stop
finish
