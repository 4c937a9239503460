# check.bash - the few words every CLI test uses.  Source it; end with `finish`.
#
#   HEARTH_BIN   the program     HEARTH_SRC   the sources     HEARTH_DATA   parity data, may be absent
set -u
: "${HEARTH_BIN:?set HEARTH_BIN to the hearth program}"
: "${HEARTH_SRC:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)}"
: "${HEARTH_DATA:=$HEARTH_SRC/../shared/data}"
unset HEARTH_ISA NO_COLOR
export LC_ALL=C.UTF-8
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fails=0 checks=0

ok() { # ok "what" command...: the command must succeed
    local what=$1
    shift
    checks=$((checks + 1))
    if ! "$@"; then
        echo "FAILED: $what"
        fails=$((fails + 1))
    fi
}

same() { # same "what" expected actual
    checks=$((checks + 1))
    if [[ $2 != "$3" ]]; then
        printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$1" "${2:0:300}" "${3:0:300}"
        fails=$((fails + 1))
    fi
}

has() { grep -qF -- "$2" <<< "$1"; } # has TEXT WORDS: they are in it

# hearth arguments...: runs the program; out, err and rc hold what came of it.
hearth() {
    rc=0
    out=$("$HEARTH_BIN" "$@" 2> "$tmp/err" < "${input:-/dev/null}") || rc=$?
    err=$(< "$tmp/err")
}

# refused code "what" arguments...: that exit code, nothing on stdout, one sentence on stderr.
refused() {
    local code=$1 what=$2
    shift 2
    hearth "$@"
    same "$what: exit code" "$code" "$rc"
    same "$what: stdout" "" "$out"
    same "$what: one line on stderr" 1 "$(wc -l < "$tmp/err")"
    ok "$what: begins with hearth:" test "${err#hearth: }" != "$err"
}

skip() {
    echo "skipped: $*"
    exit 77
}

has_ember() { "$HEARTH_BIN" version | grep -q 'ember *embedded'; }

finish() {
    echo "$((checks - fails)) of $checks checks passed"
    exit $((fails > 0))
}
