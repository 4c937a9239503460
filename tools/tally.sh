#!/bin/sh
# tally.sh - how the scripts in tools/ report. Sourced, not run.
#
#   tally NAME PASSED FAILED SKIPPED     prints a line; also into $TALLY, which check.sh sums
#   run_ctest FOLDER NAME [ctest args]   runs the tests of a build folder and tallies them; what
#                                        failed said last also goes into $FAILED, if that is set

tally() {
    printf '%s: %d passed, %d failed, %d skipped\n' "$1" "$2" "$3" "$4"
    [ -z "${TALLY:-}" ] || printf '%s\t%d\t%d\t%d\n' "$1" "$2" "$3" "$4" >>"$TALLY"
}

# ctest's own "not run" means skipped only when the test said so itself (exit 77). One that could
# not be started is a failure, and so is a run that ctest calls bad for a reason of its own.
run_ctest() {
    folder=$1 name=$2
    shift 2
    rm -f "$folder/junit.xml"
    rc=0
    ctest --test-dir "$folder" -j "${JOBS:-2}" --output-on-failure \
        --output-junit junit.xml "$@" >"$folder/ctest.log" 2>&1 </dev/null || rc=$?
    counts=$(awk -f tools/junit.awk "$folder/junit.xml" 2>/dev/null) || counts=
    set -- ${counts:-0 1 0 0}
    passed=$1 failed=$2 skipped=$3 inner=$4
    if [ $rc -ne 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    if [ $((passed + failed + skipped)) = 0 ]; then failed=1; fi
    if [ "$failed" != 0 ]; then
        grep -v '[Pp]assed' "$folder/ctest.log" | tail -n 120 || true
        echo "(all of it: $folder/ctest.log)"
        [ -z "${FAILED:-}" ] || awk -v name="$name" -f tools/failed.awk "$folder/ctest.log" >>"$FAILED"
    fi
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: *\([^ ]*\).*\*\*\*Skipped.*/skipped: \1/p' "$folder/ctest.log" | head -n 20
    [ "$inner" = 0 ] || echo "$name: $inner cases inside passing tests skipped themselves (no data)"
    tally "$name" "$passed" "$failed" "$skipped"
    [ "$failed" = 0 ]
}
