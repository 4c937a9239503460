#!/bin/bash
# check.sh - everything that must hold before a change goes in; what CI runs.
#
# Goes on after a failure, so that one run shows all of them. The last line is always
# `N passed, N failed, N skipped`, over lint rules, tests, sanitized tests and fuzz targets; the
# exit status says whether anything failed.
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}" "${JOBS:=2}"
export BUILD JOBS
. tools/tally.sh
mkdir -p "$BUILD"
export TALLY=$PWD/$BUILD/tally.tsv FAILED=$PWD/$BUILD/failed.txt
: >"$TALLY"
: >"$FAILED"
started=$SECONDS

# step NAME COMMAND...: runs it quietly unless it fails; a step that breaks without having tallied
# anything counts as one failure, so that nothing can go missing from the sum.
step() {
    local name=$1 before log=$BUILD/check-$1.log at=$SECONDS rc
    shift
    echo "check $name ..."
    before=$(wc -l <"$TALLY")
    "$@" >"$log" 2>&1 </dev/null
    rc=$?
    if [ $rc -ne 0 ]; then
        echo "---- $name"
        tail -n 150 "$log"
    else
        grep -E '^(lint|fuzz) .*:|skipped|Skipped' "$log" | grep -v ' 0 skipped$' || true
    fi
    if [ "$(wc -l <"$TALLY")" = "$before" ]; then
        if [ $rc -eq 0 ]; then tally "$name" 1 0 0 >/dev/null; else tally "$name" 0 1 0 >/dev/null; fi
    elif [ $rc -ne 0 ] && ! tail -n +$((before + 1)) "$TALLY" | awk -F '\t' '$3 { f = 1 } END { exit !f }'
    then
        tally "$name" 0 1 0 >/dev/null
    fi
    tail -n 1 "$TALLY" | awk -F '\t' -v s=$((SECONDS - at)) \
        '{ printf "check %s: %d passed, %d failed, %d skipped (%d s)\n", $1, $2, $3, $4, s }'
}

# Warnings are errors here, and only here: a user's newer compiler must not break a build.
build_strictly() {
    cmake -S . -B "$BUILD" -G Ninja -DCMAKE_COMPILE_WARNING_AS_ERROR=ON &&
        ninja -C "$BUILD" -j "$JOBS" all
}

lint_all() {
    local out rc
    out=$(tools/lint.sh)
    rc=$?
    printf '%s\n' "$out"
    tally lint "$(grep -c '^lint .*: passed$' <<<"$out")" $rc \
        "$(grep -c '^lint .*: skipped' <<<"$out")"
    return $rc
}

step build build_strictly
step lint lint_all
step tests run_ctest "$BUILD" tests
step asan tools/sanitize.sh asan
step fuzz tools/fuzz.sh

# Again at the end: who only has the last lines of a run's output still learns why.
cat "$FAILED"
echo "check took $((SECONDS - started)) s; logs are in $BUILD/check-*.log"
awk -F '\t' '{ p += $2; f += $3; s += $4 }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' "$TALLY"
