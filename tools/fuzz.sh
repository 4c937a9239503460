#!/bin/sh
# fuzz.sh [TARGET...] - libFuzzer over each target for FUZZ_SECONDS, two at a time.
#
# Seeds come from tests/fuzz/corpora/<target>/ and are not changed; what the fuzzer learns stays in
# $BUILD/fuzz/learnt/. An input that crashes is kept in $BUILD/fuzz/findings/ and named: copy it to
# the corpus together with the fix, so that every ordinary test run replays it.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}" "${FUZZ_SECONDS:=60}"
. tools/tally.sh
out=$BUILD/fuzz

# fuzz_one TARGET:SECONDS:PART
fuzz_one() {
    name=${1%%:*} seconds=${1#*:}
    part=${seconds#*:} seconds=${seconds%:*}
    log=$out/$name$part.log
    seeds=tests/fuzz/corpora/$name
    mkdir -p "$out/learnt/$name" "$out/findings"
    [ -d "$seeds" ] || seeds=
    if "$out/tests/$name" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="$out/findings/$name-" \
        "$out/learnt/$name" $seeds >"$log" 2>&1 </dev/null; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "fuzz $name: $runs runs, no finding"
        [ "${runs:-0}" -gt 0 ]
    else
        tail -n 40 "$log"
        echo "fuzz $name: a finding; see $out/findings and $log"
        for f in "$out/findings/$name"-*; do # whoever only has this log can decode it
            [ -f "$f" ] && [ "$(wc -c <"$f")" -le 8192 ] && basename "$f" && base64 "$f"
        done
        return 1
    fi
}

if [ "${1:-}" = --one ]; then
    fuzz_one "$2"
    exit
fi

targets=${*:-$(for f in tests/fuzz/*_fuzz.c; do [ ! -f "$f" ] || basename "$f" .c; done)}
set -- $targets
if ! command -v clang-14 >/dev/null 2>&1; then
    echo "fuzz: clang-14 is missing; 'make setup-check' installs it"
    tally fuzz 0 0 $#
    exit 0
fi
mkdir -p "$out"
# The second compiler: its warnings are errors too. Fast halves of kernels, which no sanitizer looks
# into, run as released; this compiler reads them (o_kern_again) without optimising.
cmake -S . -B "$BUILD" -G Ninja >"$out/configure.log"
ninja -C "$BUILD" -j "$JOBS" o_kern
cmake -S . -B "$out" -G Ninja -DCMAKE_C_COMPILER=clang-14 -DHEARTH_FUZZ=ON -DHEARTH_SANITIZE=ON \
    -DHEARTH_KERN_FROM="$(cd "$BUILD" && pwd)" -DCMAKE_COMPILE_WARNING_AS_ERROR=ON \
    >>"$out/configure.log"
[ $# = 0 ] || ninja -C "$out" -j "$JOBS" o_kern_again "$@"
rm -f "$out"/*.failed
# The last of an odd number of targets runs twice at once, half as long: no core stands idle.
left=$#
for target; do
    left=$((left - 1))
    if [ $left = 0 ] && [ $(($# % 2)) = 1 ]; then
        echo "$target:$(((FUZZ_SECONDS + 1) / 2)):-1"
        echo "$target:$(((FUZZ_SECONDS + 1) / 2)):-2"
    else
        echo "$target:$FUZZ_SECONDS:"
    fi
done | xargs -r -P 2 -I JOB sh -c \
    'tools/fuzz.sh --one JOB || { job=JOB; touch "$0/${job%%:*}.failed"; }' "$out"
failed=$(find "$out" -maxdepth 1 -name '*.failed' | wc -l)
tally fuzz $(($# - failed)) "$failed" 0
[ "$failed" = 0 ]
