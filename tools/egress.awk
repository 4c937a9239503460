# egress.awk - reads strace's lines of network calls (egress_trace.sh) and refuses what leaves.
#
# Allowed: addresses of loopback and unix sockets, sockets of those families, listeners. Refused:
# all else, and any network call at all of a process that has closed its cage, unless it was denied
# (EPERM, ENOSYS) or ended its process (SIGSYS). A process that listened before it closed its cage is
# a front: it may accept, and speak with who came. Exit: 0 nothing leaves, 1 something does.
BEGIN {
    n = split("accept accept4 recvfrom sendto sendmsg shutdown getsockname getpeername getsockopt " \
        "setsockopt", names, " ")
    for (i = 1; i <= n; i++) of_front[names[i]]
    n = 0
}
function complain(why, what) {
    print "egress: " why ": " what
    bad++
}
function settle(pid) { # a call that was not denied, and did not end its process either
    if (pid in open) complain("from a cage", open[pid])
    delete open[pid]
}
function settle_all(pid) { for (pid in open) settle(pid) }
FNR == 1 { settle_all(); programs++; delete caged; delete listens }
# "PID call(...) = N"; calls of several threads come in two pieces, the second "<... call resumed>".
{
    pid = $1
    line = $0
    sub(/^[0-9]+ +/, "", line)
    call = line
    if (match(call, /^<\.\.\. [a-z0-9_]+ resumed>/)) {
        sub(/^<\.\.\. /, "", call)
        sub(/ .*/, "", call)
    } else {
        sub(/\(.*/, "", call)
    }
    whole = line !~ /<unfinished \.\.\.>$/
    denied = line ~ /= -1 E(PERM|NOSYS)/
}
call ~ /^(clone|clone3|fork|vfork)$/ {
    if (whole && match(line, /= [0-9]+$/)) caged[substr(line, RSTART + 2)] = caged[pid]
    next
}
call == "seccomp" {
    if (line ~ /SECCOMP_SET_MODE_FILTER/ && (!whole || line ~ /= 0$/))
        caged[pid] = pid in listens ? "front" : "engine"
    next
}
line ~ /^\+\+\+ killed by SIGSYS/ { killed += pid in open; delete open[pid] }
line ~ /^(\+\+\+|---)/ { next }
{ calls++; kinds[call]++ }
call == "listen" && whole && !caged[pid] { listens[pid] }
{ settle(pid) }
caged[pid] && whole && !denied &&
!(caged[pid] == "front" && call in of_front && !(call ~ /^send/ && line ~ /sa_family/)) { open[pid] = $0; next }
denied { held++; next }
call == "socket" && line !~ /^socket\(AF_(UNIX|INET|INET6),/ && line !~ /resumed/ {
    complain("a socket of another family", $0)
    next
}
line ~ /sa_family=AF_/ && line !~ /sa_family=AF_UNIX/ &&
line !~ /inet_addr\("127\./ && line !~ /"::1"/ {
    if (call == "bind" || call == "getsockname") next # a listener on all addresses: nothing leaves
    complain("an address beyond this machine", $0)
}
END {
    settle_all()
    for (k in kinds) n++
    printf "%d programs, %d network calls of %d kinds (%d denied, %d killed); %d beyond this machine\n",
        programs, calls, n, held, killed, bad
    exit bad > 0 || programs == 0 || calls == 0
}
