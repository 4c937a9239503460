#!/bin/bash
# mtls.sh - clients that show certificates: who they are, and how the others are refused.
source "$(dirname "$0")/lib/server.bash"
needs_server
command -v curl >/dev/null && command -v openssl >/dev/null || skip "curl or openssl is missing"
export HEARTH_STATE=$tmp/state

start_tls() { # start_tls [option...]
    start --socket none --log "$tmp/log.jsonl" --cert "$tmp/ca/server.crt" \
        --key "$tmp/ca/server.key" "$@"
}
# as CERTIFICATE|none PATH [curl's option...]: status in $code, 000: no answer; curl's words in $why
as() {
    local shown=() path=$2
    [ "$1" = none ] || shown=(--cert "$tmp/$1.crt" --key "$tmp/$1.key")
    shift 2
    code=$(curl -sS --cacert "$tmp/ca/ca.crt" ${shown[@]+"${shown[@]}"} "$@" -o "$tmp/body" \
        -w '%{http_code}' "https://localhost:$port$path" 2>"$tmp/why") || true
    why=$(<"$tmp/why")
}
# refused_as CERTIFICATE ALERT: in the handshake, with that alert (an expression), by either version
refused_as() {
    local v
    for v in 1.2 1.3; do
        as "$1" /api/tags --tlsv$v --tls-max $v
        same "$1, TLS $v: no answer" 000 "$code"
        ok "$1, TLS $v: ${why:0:200}" grep -qE "$2" <<<"$why"
    done
}
asked_by() { # the user of the last line that the log has for this path
    local line
    for _ in $(seq 50); do
        line=$(grep -F "\"route\":\"$1\"" "$tmp/log.jsonl" | tail -n 1)
        has "$line" "\"user\":\"$2\"" && return 0
        sleep 0.1
    done
    echo "$line"
    return 1
}

# ---- an authority, users, certificates ----------------------------------------------------------
for ca in ca other; do
    hearth ca init --dir "$tmp/$ca"
    hearth ca issue server --host localhost --dir "$tmp/$ca"
    hearth ca issue alice --dir "$tmp/$ca"
done
hearth ca issue bob --dir "$tmp/ca"
hearth ca issue stranger --dir "$tmp/ca"
hearth user add alice
hearth user add bob --role auditor
same "users and certificates" 0 "$rc"
# One whose time is past: hearth would not make it.
cd "$tmp" || exit 1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out old.key 2>/dev/null
openssl req -new -key old.key -subj /O=hearth/CN=alice -out old.csr
printf '%s\n' '[ca]' 'default_ca = d' '[d]' "database = $tmp/index.txt" "new_certs_dir = $tmp" \
    "serial = $tmp/serial" 'default_md = sha256' 'policy = p' '[p]' 'O = optional' \
    'CN = supplied' '[x]' 'extendedKeyUsage = clientAuth' >old.cnf
: >index.txt
echo 5000000000000000000000000000000a >serial
openssl ca -batch -config old.cnf -extensions x -cert ca/ca.crt -keyfile ca/ca.key -in old.csr \
    -startdate 20200101000000Z -enddate 20210101000000Z -notext -out old.crt >/dev/null 2>&1
ok "one whose time is past" test -s old.crt
mkdir public # no key of an authority is where the server looks
cp ca/ca.crt ca/crl.pem public

# ---- who is who ---------------------------------------------------------------------------------
start_tls --client-ca "$tmp/public"
as ca/alice /api/tags
same "alice is let in" 200 "$code"
ok "as alice" asked_by /api/tags alice
as ca/alice /metrics
same "and may what alice may" 403 "$code"
as ca/bob /metrics
same "bob may that" 200 "$code"
as ca/bob /api/tags
same "and not the other" 403 "$code"
as none /metrics
same "without one it is the server's own user" 200 "$code"
as ca/alice /api/tags -H 'Sec-Fetch-Site: cross-site'
same "a page of another site has no certificate" 403 "$code"
as ca/alice /api/tags -H 'Origin: https://evil.example'
same "nor one of another origin" 403 "$code"
as ca/alice /api/show -H "Origin: https://localhost:$port" -d '{"model":"ember"}'
same "nor a form" 403 "$code"
as ca/alice /api/show -H "Origin: https://localhost:$port" -H 'X-Hearth: 1' -d '{"model":"ember"}'
same "our own page has" 200 "$code"

# ---- who is refused -----------------------------------------------------------------------------
lines=$(wc -l <"$tmp/log.jsonl")
# With TLS 1.2 curl takes this alert for its own opinion of the server.
refused_as old 'alert certificate expired|certificate verification failed'
refused_as other/alice 'alert unknown ca'
refused_as ca/server 'alert unsupported certificate'
same "none of them made a request" "$lines" "$(wc -l <"$tmp/log.jsonl")"
printf 'Q\n' | openssl s_client -connect "localhost:$port" -CAfile ca/ca.crt -cert ca/alice.crt \
    -key ca/alice.key -sess_out session >first 2>/dev/null
ok "a first session" grep -q '^New, ' first
if [ -s session ]; then
    printf 'Q\n' | openssl s_client -connect "localhost:$port" -CAfile ca/ca.crt \
        -cert ca/alice.crt -key ca/alice.key -sess_in session >second 2>/dev/null
    same "none is resumed" 0 "$(grep -c '^Reused' second)"
fi

# ---- revoked ------------------------------------------------------------------------------------
hearth ca revoke bob --dir "$tmp/ca"
ok "it says when that holds" has "$err" SIGHUP
cp ca/crl.pem public
as ca/bob /metrics
same "not yet" 200 "$code"
kill -HUP "$pid"
for _ in $(seq 50); do
    as ca/bob /metrics
    [ "$code" = 000 ] && break
    sleep 0.1
done
refused_as ca/bob 'alert certificate revoked'
as ca/alice /api/tags
same "alice is still let in" 200 "$code"

# ---- one part cannot be read anew ---------------------------------------------------------------
# told WHAT WORDS: within five seconds they are in what the server says
told() {
    for _ in $(seq 50); do
        grep -q "reloading failed.*$2" "$tmp/serve.log" && break
        sleep 0.1
    done
    ok "$1" grep -q "reloading failed.*$2" "$tmp/serve.log"
}
echo "no list at all" >public/crl.pem
mv log.jsonl log.old
kill -HUP "$pid"
told "a list of the revoked that is none is told" "crl.pem.*no client certificate is good"
for _ in $(seq 50); do [ -e log.jsonl ] && break; sleep 0.1; done
ok "the log is begun anew" test -e log.jsonl
refused_as ca/alice 'alert unknown ca' # who knows whether she was revoked
rm log.jsonl
mkdir log.jsonl
: >serve.log
kill -HUP "$pid"
told "the list again" crl.pem
told "and a log that is a folder" log.jsonl
rmdir log.jsonl
cp ca/crl.pem public
kill -HUP "$pid"
for _ in $(seq 50); do [ -e log.jsonl ] && break; sleep 0.1; done
as ca/alice /api/tags
same "alice is let in as before" 200 "$code"
ok "and the log has her line" asked_by /api/tags alice

hearth user disable alice
as ca/alice /metrics
same "a user that is disabled is not known by a certificate" 200 "$code" # but by the socket
hearth user enable alice
stop

# ---- nobody without -----------------------------------------------------------------------------
start_tls --client-ca "$tmp/public" --client-ca-only
as ca/alice /api/tags
same "with one" 200 "$code"
as none /api/tags --tlsv1.3
same "without one" 000 "$code"
ok "it says why" has "$why" "certificate required"
as none /api/tags --tls-max 1.2
same "without one, TLS 1.2" 000 "$code"
stop
refused 64 "an authority without TLS" serve --port 0 --socket none --client-ca "$tmp/public"
refused 64 "only whom?" serve --client-ca-only
rm public/crl.pem
refused 74 "no list of the revoked" serve --port 0 --socket none --cert ca/server.crt \
    --key ca/server.key --client-ca "$tmp/public"
finish
