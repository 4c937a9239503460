#!/bin/sh
# bench.sh [-a] [hearth bench options] - the matrix of docs/SPEED.md on this machine; -a adds it there.
#
# Models are made under $BUILD/bench the first time (random weights of real shapes, 1.9 GB).
# MODELS: other files to measure instead. WRAP: a command put before every run, to have the machine
# alone. Repetitions: REPS (3).
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}" "${MODELS:=}" "${WRAP:=}" "${REPS:=3}"
append=
[ "${1:-}" != -a ] || { append=1; shift; }
made=$BUILD/bench
ninja -C "$BUILD" hearth mkmodel >/dev/null || exit 1
if [ -z "$MODELS" ]; then
    mkdir -p "$made"
    while read -r name options; do
        MODELS="$MODELS $made/$name.gguf"
        # shellcheck disable=SC2086
        [ -f "$made/$name.gguf" ] || "$BUILD/mkmodel" "$made/$name.gguf" $options || exit 1
    done <<'MATRIX'
0.5b-Q8_0 shape=0.5b type=Q8_0
0.5b-Q4_0 shape=0.5b type=Q4_0 embd_type=Q8_0
1b-Q4_K_M shape=1b type=Q4_K_M
MATRIX
fi
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
{
    echo "## $(date -u +%Y-%m-%d) the matrix"
    echo "Machine: $(nproc) cores ($("$BUILD/hearth" version | sed -n 's/^ *kernels *//p')); commit" \
        "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)." \
        "Command: \`tools/bench.sh $*\`, medians of $REPS."
} >"$tmp"
for model in $MODELS; do
    echo >>"$tmp"
    # shellcheck disable=SC2086
    $WRAP "$BUILD/hearth" bench "$model" -r "$REPS" -n 32 --streams 8 "$@" >>"$tmp" || exit 1
done
cat "$tmp"
[ -n "$append" ] || exit 0
echo >>"$tmp"
awk -v news="$tmp" '/^## / && !done { while ((getline line < news) > 0) print line; done = 1 } 1' \
    docs/SPEED.md >"$tmp.ledger" && cat "$tmp.ledger" >docs/SPEED.md
rm -f "$tmp.ledger"
