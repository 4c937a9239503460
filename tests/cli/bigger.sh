#!/bin/bash
# bigger: a model twice as large as the memory it may use answers with the same bits, and what is
# kept in memory is not read again. Needs to make memory control groups (usually: root).
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
m=$tmp/m.gguf

# The group of this process, version 1 or 2, in which ours is made.
own=$(awk -F: '$2 == "memory" { print "/sys/fs/cgroup/memory" $3 }' /proc/self/cgroup)
limit=memory.limit_in_bytes
[[ -n $own ]] || own=/sys/fs/cgroup$(awk -F: '$2 == "" { print $3 }' /proc/self/cgroup) limit=memory.max
group=$own/hearth-bigger-$$
mkdir "$group" 2> "$tmp/why" || skip "no control group can be made"
trap 'rmdir "$group"; rm -rf "$tmp"' EXIT
[[ -w $group/$limit ]] || skip "control groups do not limit memory here"

limited() { # limited MIB command...: in the group, the model's file not in the cache
    local mib=$1
    shift
    echo $((mib << 20)) > "$group/$limit" || return 1
    python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
os.fsync(f)
os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)' "$m"
    bash -c 'echo $$ > "$0" && exec "$@"' "$group/cgroup.procs" "$@"
}
number() { python3 -c 'import json, sys; print(int(json.load(sys.stdin).get(sys.argv[1], 0)))' "$1" < "$tmp/out"; }
bench() { limited "$1" "$HEARTH_BIN" bench "$m" -p 0 -n 6 -r 1 -o json "${@:2}" > "$tmp/out"; }
logits() { "$HEARTH_BIN" logits "$m" --tokens "$tmp/ids" --chunk 3 --out "$tmp/$1"; }

"$make" "$m" vocab=8192 embd=1024 ff=4096 layers=7 head_dim=64 type=Q8_0 tokenizer=bpe || exit 1
mib=$(($(stat -c %s "$m") >> 20))
echo "1 5 300 7 8 9 10 11 12" > "$tmp/ids"
ok "in memory" logits a
export -f logits
export HEARTH_BIN m tmp
ok "in half of it" limited $((mib / 2)) bash -c 'logits b'
ok "the same bits" cmp "$tmp/a" "$tmp/b"

# A sanitized program takes ten megabytes more for itself.
ok "generating" bench $((mib * 7 / 8))
passing=$(number passing_bytes)
ok "some of the weights pass through" test "$passing" -gt 0
ok "but not most" test "$passing" -lt $((mib << 19))
# The disk is read for what passes through, and little else; a cache below may hide some of it.
ok "what stays is not read again" test "$(number disk_bytes_per_token)" -lt $((passing + (mib << 17)))

lock() { ! bench "$1" --lock 2> "$tmp/err" && grep -q "$2" "$tmp/err"; }
ok "lock: more than there is" lock $((mib / 2)) "are to be had; make room, raise the memory limit"
run_lock() { ! limited "$1" "$HEARTH_BIN" run -m "$m" --raw --lock -n 1 x 2> "$tmp/err" && grep -q "are to be had" "$tmp/err"; }
ok "run --lock: the same" run_lock $((mib / 2))
said() { limited $((mib / 2)) "$HEARTH_BIN" run -m "$m" --raw --verbose -n 2 x 2>&1 | grep -q "MiB do not fit in memory"; }
ok "run --verbose says what passes through" said
ok "pack" "$HEARTH_BIN" pack "$m" > /dev/null
ok "from panels, in half" limited $((mib / 2)) bash -c 'logits c'
ok "the same bits from panels" cmp "$tmp/a" "$tmp/c"
ok "panels are let through too" bench $((mib / 2))
ok "some of them" test "$(number passing_bytes)" -gt 0
finish
