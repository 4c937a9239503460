#!/bin/bash
# vault_tpm.sh - the keyring opened by a TPM: added, with a PIN and registers, lost; against swtpm.
source "$(dirname "$0")/lib/check.bash"
hearth help vault
[[ $rc == 0 ]] || skip "this build has no keyring"
command -v swtpm >/dev/null || skip "no swtpm"
export HEARTH_STATE=$tmp/state HEARTH_TPM=swtpm:path=$tmp/tpm/s
unset HEARTH_KEY_FILE CREDENTIALS_DIRECTORY
mkdir "$tmp/tpm" "$tmp/cred"
swtpm socket --tpm2 --tpmstate "dir=$tmp/tpm" --server "type=unixio,path=$tmp/tpm/s" \
    --ctrl "type=unixio,path=$tmp/tpm/s.ctrl" --log "file=$tmp/tpm/log" \
    --flags not-need-init,startup-clear &
pid=$!
trap 'kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
for _ in $(seq 200); do [[ -S $tmp/tpm/s ]] && break; sleep 0.05; done
says() { ok "$1" grep -q -- "$2" "$tmp/err"; }
no_input=$tmp/empty
: > "$no_input"

hearth vault add --tpm
if grep -q "built without" "$tmp/err"; then skip "this build reaches no TPM"; fi
same "a slot of the TPM" 0 "$rc"
says "the key file is still a way in" "hearth vault remove 1 ends that"
says "and a TPM can be lost" "keep a passphrase"
hearth vault status
ok "status" grep -q '^slot 2 *TPM' <<< "$out"
hearth vault remove 1
same "no key file" 0 "$rc"
rm "$HEARTH_STATE/keyring.key"
hearth vault add "$tmp/k2"
same "the TPM opens it" 0 "$rc"
same "nothing is made anew" 0 "$(find "$HEARTH_STATE" -name keyring.key | wc -l)"
hearth vault remove 3
HEARTH_TPM=swtpm:path=$tmp/nowhere refused 77 "no TPM" vault remove 2
says "a sentence" "no TPM is reached by"
HEARTH_TPM=device:/dev/null refused 77 "what is no TPM" vault remove 2
ok "no chatter of libraries" test "$(wc -l < "$tmp/err")" = 1

# A PIN, registers, a passphrase in case.
echo 1234 > "$tmp/pin"
input=$tmp/pin hearth vault add --tpm --pin --pcr 7,0
same "with a PIN" 0 "$rc"
hearth vault status --json
ok "as JSON" grep -q '"pin": true' <<< "$out"
ok "its registers" grep -qF '"pcrs":[0,7]' <<< "$(tr -d ' \n' <<< "$out")"
hearth vault status
ok "and in words" grep -q '^slot 3 *TPM .*with a PIN, registers 0,7' <<< "$out"
hearth vault remove 2
same "the one without goes" 0 "$rc"
input=$no_input refused 77 "no PIN" vault remove 9
echo 4321 > "$tmp/wrong"
input=$tmp/wrong refused 77 "a wrong PIN" vault remove 9
says "is said" "the PIN is wrong"
input=$tmp/pin refused 64 "the right one" vault remove 9
says "opens" "no slot 9"
cp "$tmp/pin" "$tmp/cred/hearth-pin"
CREDENTIALS_DIRECTORY=$tmp/cred refused 64 "one from systemd" vault remove 9
says "opens, too" "no slot 9"
printf '1234\ncorrect horse\n' > "$tmp/words"
input=$tmp/words hearth vault passphrase --keep-key-file
same "a passphrase" 0 "$rc"
kill "$pid"
wait "$pid" 2>/dev/null
printf '1234\ncorrect horse\n' > "$tmp/words"
input=$tmp/words hearth vault remove 9
same "the TPM is lost: the passphrase" 64 "$rc"
says "opens" "no slot 9"
says "and why it was asked" "slot of the TPM does not open it: no TPM is reached"

refused 64 "registers there are none of" vault add --tpm --pcr 24
refused 64 "no list" vault add --tpm --pcr 7,
refused 64 "a PIN of what?" vault add --pin "$tmp/x"
refused 64 "a TPM or a file" vault add --tpm "$tmp/x"
refused 64 "a TPM is added" vault remove --tpm 1
finish
