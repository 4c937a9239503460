#!/bin/sh
# ui.sh OUT - builds the web chat into the folder OUT: hashed files, each with its .gz beside it.
#
# Needs node (18 or newer) and npm; packages come from ui/package-lock.json into OUT/../ui-work and
# nowhere else. Exit status 77, with a sentence, where they cannot be had: the program is then built
# without the chat.
set -eu
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out-work
log=$out-build.log
command -v node >/dev/null && command -v npm >/dev/null || {
    echo "ui: node and npm are missing (make setup-ui installs them)"
    exit 77
}
mkdir -p "$work"
cp ui/package.json ui/package-lock.json "$work"
if [ ! -e "$work/node_modules/.package-lock.json" ] ||
    [ "$work/package-lock.json" -nt "$work/node_modules/.package-lock.json" ]; then
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 || {
        echo "ui: npm could not get the packages (see $log)"
        exit 77
    }
fi
rm -rf "$work/src"
cp -R ui/src ui/build.mjs ui/tsconfig.json "$work"
(cd "$work" && node build.mjs "$out") >>"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    exit 1
}
find "$out" -type f ! -name '*.gz' -exec gzip -n9kf {} +
