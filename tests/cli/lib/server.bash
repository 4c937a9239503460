# server.bash - a server for a test: started, asked, stopped.  Source it instead of check.bash.
#
# What it keeps is under $tmp, and nothing of who runs the test is seen.  A test that wants other
# places says so afterwards.
source "$(dirname "${BASH_SOURCE[0]}")/check.bash"
export XDG_DATA_HOME=$tmp/data XDG_STATE_HOME=$tmp/state XDG_RUNTIME_DIR=$tmp
unset HEARTH_HOST OLLAMA_HOST HEARTH_MODELS HEARTH_STATE HEARTH_API_KEY HEARTH_KEY_FILE
unset CREDENTIALS_DIRECTORY
server_out=$tmp # where serve.log and link are: standard error and output
pid=
trap 'kill_server; rm -rf "$tmp"' EXIT

needs_server() { # or the test is skipped
    has_ember || skip "this build has no embedded model"
    "$HEARTH_BIN" help serve >/dev/null 2>&1 || skip "this build has no server"
}

# try_start [option...]: $pid, the first of a group of processes without a terminal, and $port.  Not
# 0: it has ended, its exit code is in $code.
try_start() {
    kill_server
    rm -f "$tmp/port"
    setsid "$HEARTH_BIN" serve --port 0 --port-file "$tmp/port" "$@" >"$server_out/link" \
        2>"$server_out/serve.log" </dev/null &
    pid=$!
    for _ in $(seq 600); do
        [ -s "$tmp/port" ] && { port=$(<"$tmp/port"); return 0; }
        kill -0 "$pid" 2>/dev/null || { wait "$pid"; code=$?; pid=; return 1; }
        sleep 0.1
    done
    return 1
}

start() { # the same; without it there is no test
    try_start "$@" || { cat "$server_out/serve.log"; exit 1; }
}

# stop [SIGNAL]: without one it is asked to leave, and must do so in order.  The exit code in $code.
# Whoever was killed may leave processes that end by themselves, a moment later.
stop() {
    local group=$pid
    kill "-${1:-TERM}" "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    code=$?
    pid=
    if [ $# != 0 ]; then
        for _ in $(seq 100); do
            kill -0 -- "-$group" 2>/dev/null || break
            sleep 0.1
        done
        return 0
    fi
    same "it leaves in order" 0 "$code"
    [ "$code" = 0 ] || cat "$server_out/serve.log"
}

kill_server() { # with all that it has started
    [ -n "$pid" ] || return 0
    kill -9 "$pid" -- "-$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    pid=
}

# ask METHOD PATH [BODY | @FILE [HEADER...]]: status in $code, headers in $head, body in $body
ask() {
    local method=$1 path=$2 data=${3:-} file='' size line LC_ALL=C # sizes in bytes
    shift $(($# < 3 ? $# : 3))
    size=${#data}
    if [ "${data:0:1}" = @ ]; then
        file=${data:1} data=
        size=$(stat -c %s "$file")
    fi
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf '%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n' "$method" "$path" \
        "$size" >&9
    [ $# = 0 ] || printf '%s\r\n' "$@" >&9
    printf '\r\n%s' "$data" >&9
    [ -z "$file" ] || cat "$file" >&9
    IFS=' ' read -r _ code _ <&9
    head=
    while IFS= read -r line <&9 && [ "$line" != $'\r' ]; do head+=${line%$'\r'}$'\n'; done
    body=$(cat <&9)
    exec 9>&-
}
