#!/bin/bash
# prove.sh [PATTERN] - what the private core promises, at full size: the tests of make check with all
# their cases, one after another, each with its own figures. Half an hour on two quiet cores.
#
# PATTERN: an extended regular expression; only rows whose name matches. The whole output of each is
# in $BUILD/prove/NAME.log. make egress (calls and packets of the whole suite) and tools/cost.mjs
# (tokens/s) are programs of their own. Exit: 0 all hold, 1 one does not.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}"
[[ $BUILD == /* ]] || BUILD=$PWD/$BUILD
export HEARTH_BIN=$BUILD/hearth HEARTH_BUILD=$BUILD HEARTH_SRC=$PWD HEARTH_DATA=${HEARTH_DATA:-$PWD/../shared/data}
t=$BUILD/tests log=$BUILD/prove
mkdir -p "$log"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export XDG_STATE_HOME=$scratch/state XDG_DATA_HOME=$scratch/data

verify_time() { # how long `hearth verify RECEIPT` takes, process and all
    local at i
    "$HEARTH_BIN" run ember "What is rain?" -n 8 --receipt "$scratch/r.json" >/dev/null || return 1
    at=$(date +%s%N)
    for i in {1..50}; do "$HEARTH_BIN" verify "$scratch/r.json" || return 1; done >/dev/null
    echo "a receipt verified in $((($(date +%s%N) - at) / 50000)) us (mean of 50 processes)"
}

# NAME COMMAND
rows() {
    cat <<ROWS
egress-ways $BUILD/hearth doctor --prove-offline
egress-mutants $t/unit_cage_prove_test
vectors ctest --test-dir $BUILD -R ^(golden_audit_test|unit_audit_|unit_crypt_|unit_vault_)
crashes env HEARTH_AUDIT_KILLS=10000 HEARTH_AUDIT_TORN=2000 $t/torture_audit_crash_test
flips env HEARTH_AUDIT_FLIPS=all $t/unit_audit_verify_test
million env HEARTH_AUDIT_ENTRIES=1000000 HEARTH_AUDIT_FOLDER=$scratch/log $t/torture_audit_long_test
independent python3 tools/audit_verify.py $scratch/log
receipts-replayed env HTH_RECEIPTS=1000 $t/golden_receipt_test
receipts-bytes env HTH_RECEIPT_VALUES=255 $t/unit_audit_receipt_test
policy $t/unit_serve_policy_test
policy-house $t/unit_serve_house_policy_test
browser-attacks ctest --test-dir $BUILD -R ^ui_attack -V
canaries bash tests/cli/canary.sh
verify-time verify_time
backup-bytes env HEARTH_BACKUP_FLIPS=1 $t/unit_backup_restore_test
backup env HEARTH_BACKUP_LOADS=200 HEARTH_BACKUP_KILLS=1000 bash tests/cli/backup.sh
ROWS
}

# what test programs say of themselves around their figures
chatter='^\[(=+|  PASSED  )\]|\[ RUN  |\[       OK|^ *$|Start +[0-9]+:|Label Time|sec\*proc|Internal ctest|UpdateCTest|^Test (command|timeout)|Working Directory|Environment variables|^[0-9]+: (ok|# Sub|  |HEARTH)'
failed=0 shown=0
while read -r name command; do
    [[ $name =~ ${1:-.} ]] || continue
    began=$SECONDS
    read -ra words <<<"$command"
    if "${words[@]}" >"$log/$name.log" 2>&1 </dev/null; then
        shown=$((shown + 1)) verdict=holds
    else
        failed=$((failed + 1)) verdict="DOES NOT HOLD (exit $?)"
    fi
    echo "$name: $verdict ($((SECONDS - began)) s)"
    grep -vE "$chatter" "$log/$name.log" | tail -n 12 | cut -c1-160 | sed 's/^/    /'
done < <(rows)

echo "$shown hold, $failed do not; the whole output is in $log"
[[ $failed == 0 && $shown -gt 0 ]]
