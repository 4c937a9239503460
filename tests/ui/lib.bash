# lib.bash - what the UI tests share: packages by npm, the real server, a launch link.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib/check.bash"
: "${HEARTH_BUILD:=$HEARTH_SRC/build}"
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || skip "node and npm are missing"

# packages FOLDER: its lock file's packages, in the build folder; prints where.
packages() {
    local name=${1#"$HEARTH_SRC"/}
    local work=$HEARTH_BUILD/npm-${name//\//-}
    mkdir -p "$work"
    cmp -s "$1/package-lock.json" "$work/package-lock.json" && [ -d "$work/node_modules" ] || {
        cp "$1"/package.json "$1"/package-lock.json "$work"
        (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund) >"$work/npm.log" 2>&1 ||
            { rm -f "$work/package-lock.json"; return 1; }
    }
    echo "$work"
}

# start_server [option...]: $port, $link
start_server() {
    export XDG_DATA_HOME=$tmp/data XDG_STATE_HOME=$tmp/state XDG_RUNTIME_DIR=$tmp
    unset HEARTH_HOST OLLAMA_HOST HEARTH_MODELS HEARTH_STATE
    "$HEARTH_BIN" serve --port 0 --port-file "$tmp/port" --open "$@" \
        >"$tmp/link" 2>"$tmp/serve.log" &
    pid=$!
    for _ in $(seq 300); do
        [ -s "$tmp/port" ] && [ -s "$tmp/link" ] && break
        kill -0 "$pid" 2>/dev/null || { cat "$tmp/serve.log"; exit 1; }
        sleep 0.1
    done
    port=$(<"$tmp/port") link=$(<"$tmp/link")
}

stop_server() {
    kill "$pid"
    wait "$pid"
    same "the server leaves in order" 0 $?
    pid=
}
