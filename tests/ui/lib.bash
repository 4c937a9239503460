# lib.bash - what the UI tests share: packages by npm, the real server, a launch link.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib/server.bash"
: "${HEARTH_BUILD:=$HEARTH_SRC/build}"
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
    start --open "$@"
    for _ in $(seq 300); do
        [ -s "$tmp/link" ] && break
        sleep 0.1
    done
    link=$(<"$tmp/link")
}
