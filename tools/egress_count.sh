#!/bin/bash
# egress_count.sh [TEST...] - how many packets want to leave while tests run.
#
# TEST: as egress.bash says; `all` is the whole suite. The tests run in a network of their own: loopback, and a default route over a virtual card whose
# other end nobody listens at. What is not for this machine goes there, and the kernel counts it.
# One packet is sent on purpose first, to see that it counts. Exit: 0 none, 1 some or a test failed,
# 77 such a network cannot be made here. (IPv4; egress_trace.sh sees the calls of both.)
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/egress.bash
: "${BUILD:=build}" "${HEARTH_BIN:=$PWD/$BUILD/hearth}"
export HEARTH_BIN HEARTH_BUILD=${HEARTH_BUILD:-$PWD/$BUILD} HEARTH_SRC=$PWD

network() { # loopback, and the wire that is watched
    ip link set lo up && ip link add watched type veth peer name nowhere &&
        sysctl -qw net.ipv6.conf.watched.disable_ipv6=1 net.ipv6.conf.nowhere.disable_ipv6=1 &&
        ip address add 192.0.2.2/24 dev watched && ip link set nowhere up && ip link set watched up &&
        ip neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev watched &&
        ip route add default via 192.0.2.1
}
sent() { awk -F'[: ]+' '$2 == "watched" || $1 == "watched" { sub(/.*:/, ""); print $11 }' /proc/net/dev; }

if [[ ${1:-} != --inside ]]; then
    [[ $# -gt 0 ]] || set -- run cage chat ahead doctor verbs logits pack serve models store
    for how in "unshare -n" "unshare -rn"; do
        $how true 2>/dev/null && exec $how "$0" --inside "$@"
    done
    echo "skipped: no network namespace can be made here"
    exit 77
fi
shift
if ! why=$(network 2>&1); then
    echo "skipped: no virtual network here: ${why##*$'\n'}"
    exit 77
fi
before=$(sent)
echo x 2>/dev/null >/dev/udp/203.0.113.1/53
planted=$(sent)
if ((planted != before + 1)); then
    echo "skipped: the counter counts $((planted - before)) for one packet"
    exit 77
fi
failed=0 passed=0 skipped=0 last=$planted
for test in $(egress_tests "$@"); do
    out=$(bash "tests/$test.sh" 2>&1)
    rc=$?
    now=$(sent)
    ((now == last)) || out+=$'\n'"$((now - last)) packets wanted to leave; ${out##*$'\n'}"
    last=$now
    case $rc in
        0 | 77)
            echo "counted $test: ${out##*$'\n'}"
            ((rc == 0)) && passed=$((passed + 1)) || skipped=$((skipped + 1))
            ;;
        *)
            echo "$out"
            echo "counted $test: failed"
            failed=$((failed + 1))
            ;;
    esac
done
left=$((last - planted))
echo "$passed tests counted, $skipped skipped, $failed failed"
echo "$left packets wanted to leave"
exit $((failed || left > 0))
