#!/bin/bash
# hearth doctor: facts about the machine, and the proof that nothing leaves it.
. "$(dirname "$0")/lib/check.bash"

hearth doctor
same "doctor" 0 "$rc"
for fact in system processor kernels memory "huge pages" locking swap "cage: front" "cage: engine" "cage: main"; do
    ok "tells of $fact" grep -q "^$fact  *[^ ]" <<< "$out"
done
ok "names the machine" grep -q "^system .*$(uname -r)" <<< "$out"
ok "one tier is picked" test "$(grep -o '(picked)' <<< "$out" | wc -l)" = 1
hearth doctor --json
same "doctor --json" 0 "$rc"
ok "the same facts" grep -q '"cage_engine": "[0-9]* rules' <<< "$out"
hearth help vault
if [[ $rc == 0 ]]; then
    export HEARTH_STATE=$tmp/state
    hearth doctor
    ok "no keyring" grep -q '^keyring  *none yet' <<< "$out"
    ok "no keys to sign with" grep -q '^signing keys  *audit log: none, receipts: none' <<< "$out"
    ok "nothing is made by asking" test ! -e "$HEARTH_STATE"
    echo "correct horse" > "$tmp/words"
    input=$tmp/words hearth vault passphrase --keep-key-file
    mkdir -m 700 "$HEARTH_STATE/audit"
    hearth audit erase nobody
    ln -s audit/key "$HEARTH_STATE/receipt.key"
    hearth doctor
    same "doctor, of a keyring" 0 "$rc"
    ok "its slots" grep -q '^keyring  *opened by a key file, a passphrase; a key lies beside' <<< "$out"
    ok "and keys" grep -q '^signing keys  *audit log: sealed, receipts: not a key' <<< "$out"
    hearth doctor --json
    ok "as JSON" grep -q '"signing": "audit log: sealed' <<< "$out"
    unset HEARTH_STATE
fi
refused 64 "an argument" doctor me

hearth doctor --prove-offline
same "--prove-offline" 0 "$rc"
same "no word of complaint" "" "$err"
for kind in front engine main; do
    line=$(grep "^$kind: " <<< "$out")
    [[ $line =~ ^$kind:\ ([0-9]+)\ of\ ([0-9]+)\ ways\ out\ denied\;\ nothing\ arrived\ outside$ ]]
    ok "$kind: at least 25" test "${BASH_REMATCH[2]:-0}" -ge 25
    same "$kind: all of them" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
done
proof=$(sed -n 's/^sha3-256 of this proof: //p' <<< "$out")
hearth doctor --prove-offline --json
same "--prove-offline --json" 0 "$rc"
ok "is offline" grep -q '"offline": true' <<< "$out"
ok "nothing was let through" test "$(grep -c '"denied": false' <<< "$out")" = 0
[[ $proof ]] && ok "the same proof, the same digest" grep -q "\"sha3_256\": \"$proof\"" <<< "$out"

# Where there is nothing to listen on it cannot be tried, which is no proof.
if unshare -rn true 2> /dev/null; then
    rc=0
    out=$(unshare -rn "$HEARTH_BIN" doctor --prove-offline 2>&1) || rc=$?
    ok "without loopback there is no proof" test "$rc" != 0
    ok "and a sentence" grep -q '^hearth: the cage cannot be tried' <<< "$out"
fi
finish
