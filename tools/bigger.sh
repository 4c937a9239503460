#!/bin/bash
# bigger.sh - a model in less memory than it needs: MODEL [PERCENT...] (of its size; 100 75 50).
# Prints what hearth bench measures in a memory control group of that size (version 1; as root).
set -eu
model=$1
shift
[[ $# -gt 0 ]] || set -- 100 75 50
hearth=${BUILD:-$(dirname "$0")/../build}/hearth
own=$(awk -F: '$2 == "memory" { print $3 }' /proc/self/cgroup)
group=/sys/fs/cgroup/memory$own/hearth-bigger-$$
mkdir "$group"
trap 'rmdir "$group"' EXIT
bytes=$(stat -c %s "$model")
echo "| memory | prompt, tokens/s | decode, tokens/s | from disk, MB per token | do not fit, MB | major faults per token |"
echo "|---:|---:|---:|---:|---:|---:|"
for percent; do
    echo $((bytes * percent / 100)) > "$group/memory.limit_in_bytes"
    # Cached copies are in nobody's group: the file's are dropped first.
    python3 -c 'import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)' "$model"
    bash -c 'echo $$ > "$0" && exec "$@"' "$group/cgroup.procs" \
        "$hearth" bench "$model" -p "${PROMPT:-256}" -n "${GEN:-12}" -r "${REPS:-3}" -o json |
        python3 -c 'import json, sys
r = json.load(sys.stdin)
print("| %s %% | %.0f | %.2f | %.0f | %.0f | %.1f |" % (sys.argv[1], r["pp_tokens_per_s"],
    r["tg_tokens_per_s"], r.get("disk_bytes_per_token", 0) / 1e6, r.get("passing_bytes", 0) / 1e6,
    r.get("major_faults_per_token", 0)))' "$percent"
done
