#!/bin/sh
# versus.sh [-t N] [-p N] [-n N] [-d N] [-r PAIRS] PEER_BENCH MODEL... - hearth bench against another.
#
# PEER_BENCH is a program with the options and the table of llama-bench, built by you from public
# sources.  Pairs are interleaved, A B A B: machines are noisy and shared, so only medians of pairs
# taken one after the other mean anything.  Every run is a process of its own, after a warm-up.
#   -t threads (all cores)  -p prompt tokens (512)  -n generated tokens (32)  -d context before them
#   -r pairs (5)
# Environment: HEARTH the program (build/hearth); WRAP a command put before every run, to have the
# machine alone; HEARTH_OPTS, PEER_OPTS more options for one side.
# Prints one row for each model and test: medians of both, median of the ratios, and their range.
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}" "${HEARTH:=$BUILD/hearth}" "${WRAP:=}" "${HEARTH_OPTS:=}" "${PEER_OPTS:=}"
threads=$(nproc) prompt=512 gen=32 depth=0 pairs=5
usage() { sed -n '2s/^# //p' tools/versus.sh >&2; exit 64; }
while getopts t:p:n:d:r: opt; do
    case $opt in
        t) threads=$OPTARG ;;
        p) prompt=$OPTARG ;;
        n) gen=$OPTARG ;;
        d) depth=$OPTARG ;;
        r) pairs=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || usage
peer=$1
shift
[ -x "$peer" ] || { echo "versus: $peer is not a program" >&2; exit 66; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# Each prints "pp RATE" and "tg RATE".
run_hearth() {
    # shellcheck disable=SC2086
    $WRAP "$HEARTH" bench "$1" -t "$threads" -p "$prompt" -n "$gen" -d "$depth" -r 1 -o csv \
        $HEARTH_OPTS 2>>"$tmp/err" | awk -F, 'NR > 1 && $5 !~ /x/ { print substr($5, 1, 2), $6 }'
}
run_peer() {
    [ "$depth" = 0 ] || set -- "$1" -d "$depth"
    model=$1
    shift
    # shellcheck disable=SC2086
    $WRAP "$peer" -m "$model" -t "$threads" -p "$prompt" -n "$gen" -r 1 -o md $PEER_OPTS "$@" \
        2>>"$tmp/err" | awk -F'|' '
        NF > 3 && $(NF - 2) ~ /^ *(pp|tg)[0-9]/ { sub(/^ */, "", $(NF - 2)); split($(NF - 1), v, " ")
                                        print substr($(NF - 2), 1, 2), v[1] }'
}

median='{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
row() { # row MODEL TEST NAME: from the files of pairs "hearth peer"
    [ -s "$tmp/$2" ] || return 0
    ours=$(cut -d' ' -f1 "$tmp/$2" | sort -n | awk "$median")
    theirs=$(cut -d' ' -f2 "$tmp/$2" | sort -n | awk "$median")
    awk '{ printf "%.3f\n", $1 / $2 }' "$tmp/$2" | sort -n >"$tmp/ratios"
    printf '| %s | %s | %.1f | %.1f | %.2f | %.2f to %.2f |\n' "$1" "$3" "$ours" "$theirs" \
        "$(awk "$median" "$tmp/ratios")" "$(head -n 1 "$tmp/ratios")" "$(tail -n 1 "$tmp/ratios")"
}

echo "| model | test | hearth | peer | ratio | of $pairs pairs |"
echo "|---|---|---:|---:|---:|---|"
failed=0
for model; do
    rm -f "$tmp/pp" "$tmp/tg"
    for pair in $(seq "$pairs"); do
        run_hearth "$model" >"$tmp/a"
        run_peer "$model" >"$tmp/b"
        for test in pp tg; do
            a=$(awk -v t=$test '$1 == t { print $2; exit }' "$tmp/a")
            b=$(awk -v t=$test '$1 == t { print $2; exit }' "$tmp/b")
            [ -z "$a" ] || [ -z "$b" ] || echo "$a $b" >>"$tmp/$test"
        done
        [ -s "$tmp/a" ] && [ -s "$tmp/b" ] && continue
        echo "versus: pair $pair of $model has no figures; the last words were:" >&2
        tail -n 3 "$tmp/err" >&2
        failed=1
        break
    done
    at=
    [ "$depth" = 0 ] || at="@$depth"
    row "$(basename "$model" .gguf)" pp "pp$prompt"
    row "$(basename "$model" .gguf)" tg "tg$gen$at"
done
exit $failed
