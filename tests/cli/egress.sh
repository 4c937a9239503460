#!/bin/bash
# Every network call of a few other tests of the command line, read one by one; of all of them with
# tools/egress_trace.sh.
. "$(dirname "$0")/lib/check.bash"

# The reader of traces sees what it is there to see.
reads() { awk -f "$HEARTH_SRC/tools/egress.awk" > "$tmp/said"; }
reads << 'T' || ok "an honest server: $(< "$tmp/said")" false
7 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 4
7 bind(4, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16) = 0
7 accept4(4,  <unfinished ...>
8 accept4(5, {sa_family=AF_UNIX}, [110 => 2], SOCK_CLOEXEC) = 6
7 <... accept4 resumed>{sa_family=AF_INET, sin_port=htons(41), sin_addr=inet_addr("127.0.0.1")}, [16], 0) = 7
7 sendto(7, "HTTP", 4, MSG_NOSIGNAL, NULL, 0) = 4
7 clone(child_stack=NULL, flags=SIGCHLD) = 9
9 seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=138, filter=0x7ffe}) = 0
9 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = -1 EPERM (Operation not permitted)
7 recvfrom(7, "", 4, 0, NULL, NULL) = 0
T
reads << 'T' || ok "an honest front: $(< "$tmp/said")" false
7 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 4
7 listen(4, 511) = 0
7 seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=138, filter=0x7ffe}) = 0
7 clone(child_stack=NULL, flags=SIGCHLD) = 8
8 accept4(4, {sa_family=AF_INET, sin_port=htons(41), sin_addr=inet_addr("127.0.0.1")}, [16], 0) = 7
8 recvfrom(7, "GET", 16384, 0, NULL, NULL) = 3
8 sendto(7, "HTTP", 4, MSG_NOSIGNAL, NULL, 0) = 4
T
while IFS= read -r line; do
    printf '7 socket(AF_UNIX, SOCK_STREAM, 0) = 3\n%b\n' "$line" | reads && ok "noticed: $line" false
    ok "named: $line" grep -q '^egress: ' "$tmp/said"
done << 'T'
7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 EINPROGRESS (Operation now in progress)
7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0
7 sendto(3, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(53), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}, 28) = 1
7 socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 4
7 seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=138, filter=0x7ffe}) = 0\n7 recvfrom(3, "", 4, 0, NULL, NULL) = 0
7 listen(3, 5) = 0\n7 seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=138, filter=0x7ffe}) = 0\n7 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}, 16) = 1
7 listen(3, 5) = 0\n7 seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=138, filter=0x7ffe}) = 0\n7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
7 seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=138, filter=0x7ffe}) = 0\n7 clone(child_stack=NULL, flags=SIGCHLD) = 8\n8 socket(AF_UNIX, SOCK_STREAM, 0) = 4
T

# A process that is taken over finds no name to ask for either.
if command -v nm > /dev/null; then
    ok "no code asks for names" test -z "$(nm -D "$HEARTH_BIN" | grep -E ' (getaddrinfo|gethostby|res_)')"
fi
# And the kernel's own count of what wants to leave.
out=$(BUILD=${HEARTH_BUILD:-build} HEARTH_BIN=$HEARTH_BIN "$HEARTH_SRC/tools/egress_count.sh" \
    run cage serve 2>&1)
case $? in
    77) ;;
    0) ok "nothing is counted" grep -q '^0 packets wanted to leave$' <<< "$out" ;;
    *) ok "nothing is counted" false ;;
esac
echo "$out"

out=$(BUILD=${HEARTH_BUILD:-build} HEARTH_BIN=$HEARTH_BIN "$HEARTH_SRC/tools/egress_trace.sh" \
    run cage chat doctor serve 2>&1)
case $? in
    77) skip "${out#skipped: }" ;;
    0) ok "nothing leaves" grep -q ' 0 beyond this machine$' <<< "$out" ;;
    *) ok "nothing leaves" false ;;
esac
echo "$out"
finish
