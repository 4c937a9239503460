#!/bin/bash
# egress_trace.sh [TEST...] - what the program says to the network while tests run.
#
# TEST: as egress.bash says; `all` is the whole suite, half an hour on two cores. Every hearth that
# those tests start runs under strace; then its network calls are read. Refused: an address that is
# neither this machine's loopback nor a unix socket, a socket of another family, and, from the moment
# a process has closed its cage, any network call at all that was not denied.
# Exit: 0 nothing left, 1 something did or a test failed, 77 strace cannot be used here.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/egress.bash
: "${BUILD:=build}" "${HEARTH_BIN:=$PWD/$BUILD/hearth}"
[[ $# -gt 0 ]] || set -- run cage chat ahead doctor verbs template logits pack serve models store
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT
if ! command -v strace >/dev/null || ! strace -qq -o "$logs/probe" true 2>/dev/null; then
    echo "skipped: strace is not here, or may trace nothing"
    exit 77
fi
rm -f "$logs/probe"
# Who looks for leaks is a tracer too, and there is room for one.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# The program keeps its own process id: the tracer is nobody's child and of a session of its own
# (-DDD), so that what is sent to a server and all that it started does not reach it.
cat >"$logs/hearth" <<S
#!/bin/sh
exec strace -DDD -f -q -e trace=%network,seccomp,clone,clone3,fork,vfork -e signal=SIGSYS \\
    -o "$logs/\$\$.\$(date +%N).trace" "$HEARTH_BIN" "\$@"
S
chmod +x "$logs/hearth"

failed=0 passed=0 skipped=0
for test in $(egress_tests "$@"); do
    began=$SECONDS
    out=$(HEARTH_BIN=$logs/hearth HEARTH_BUILD=${HEARTH_BUILD:-$PWD/$BUILD} HEARTH_SRC=$PWD \
        bash "tests/$test.sh" 2>&1)
    case $? in
        0)
            echo "traced $test: ${out##*$'\n'} ($((SECONDS - began)) s)"
            passed=$((passed + 1))
            ;;
        77)
            echo "traced $test: ${out##*$'\n'}"
            skipped=$((skipped + 1))
            ;;
        *)
            echo "$out"
            echo "traced $test: failed"
            failed=$((failed + 1))
            ;;
    esac
done

# A tracer may still be writing when its program has ended.
for _ in {1..100}; do
    busy=0
    for fd in /proc/[0-9]*/exe; do
        [[ $(readlink "$fd" 2>/dev/null) == */strace ]] &&
            grep -qs "$logs" "${fd%exe}cmdline" && busy=1
    done
    [[ $busy = 0 ]] && break
    sleep 0.1
done

echo "$passed tests traced, $skipped skipped, $failed failed"
find "$logs" -name '*.trace' -print0 | LC_ALL=C sort -z | xargs -0 awk -f tools/egress.awk ||
    failed=$((failed + 1))
exit $((failed > 0))
