#!/bin/bash
# store.sh - hearth list, create, cp, rm: the same with a server and without one.
source "$(dirname "$0")/lib/server.bash"
needs_server
export HOME=$tmp

mkdir -p "$tmp/work/sub"
cp "$HEARTH_SRC/models/ember/ember.gguf" "$tmp/work/sub/own.gguf"
printf 'FROM ember\nSYSTEM """Be brief."""\nPARAMETER temperature 0\nPARAMETER stop "zz"\n' >"$tmp/work/Modelfile"
printf 'FROM ./own.gguf\nSYSTEM Own.\nLICENSE MIT\n' >"$tmp/work/sub/Mine"
printf 'FROM ./gone.gguf\n' >"$tmp/work/Gone"
printf 'FROM nobody\n' >"$tmp/work/Nobody"
printf 'FROM ember\nQUANTIZE q4\n' >"$tmp/work/Odd"
echo "no model at all" >"$tmp/work/bad.gguf"
printf 'FROM bad.gguf\n' >"$tmp/work/Bad"

# What is left on the disk, without what differs from run to run.
left() {
    (cd "$HEARTH_MODELS" && find . -type f ! -name facts.json | sort | while read -r file; do
        echo "$file $(sed 's/"created": [0-9]*//' "$file" | sha256sum)"
    done)
}

# Everything a person does with models; what was said and what came of it goes to $1.
live() {
    cd "$tmp/work" || exit 1
    {
        hearth create brief
        echo "create: $rc $out"
        hearth create me/own:v2 -f sub/Mine
        echo "create from a file: $rc $out $err"
        hearth create me/own:v3 -f "$tmp/work/sub/Mine" --json
        echo "again, the file is there: $rc $out"
        input=Modelfile hearth create piped -f -
        echo "create from standard input: $rc $out"
        hearth list
        echo "list: $rc $(awk '{print $1, $2, $3, $4}' <<<"$out")"
        hearth list --json
        echo "list --json: $rc $(sed '/modified_at/d' <<<"$out")"
        hearth cp brief other
        echo "cp: $rc $out$err"
        hearth cp brief third --json
        echo "cp --json: $rc $out"
        hearth rm brief me/own:v2
        echo "rm: $rc $out$err"
        hearth rm third --json
        echo "rm --json: $rc $out"
        for bad in "create x -f Gone" "create x -f Nobody" "create x -f Odd" "create x -f Bad" \
            "create ../x" "create x -f nofile" "cp nobody x" "cp other ../y" "rm nobody" "rm ember" \
            "rm ../x"; do
            # shellcheck disable=SC2086
            hearth $bad
            echo "$bad: $rc $err"
            same "$bad: stdout" "" "$out"
            ok "$bad: says why" test -n "$err"
        done
        hearth list
        echo "in the end: $(awk '{print $1, $2, $3, $4}' <<<"$out")"
        left
    } >"$1"
    cd / || exit 1
}

export HEARTH_MODELS=$tmp/alone
live "$tmp/said.alone"
export HEARTH_MODELS=$tmp/served
start
live "$tmp/said.served"
said=$(<"$tmp/said.served")
diff "$tmp/said.alone" "$tmp/said.served"
same "with a server and without: the same words and files" 0 $?
for line in "create: 0 success" "create from a file: 0 success" "cp: 0 " "rm: 0 " \
    "create x -f Nobody: 66 hearth: model 'nobody' not found" "rm nobody: 66 hearth: model 'nobody' not found" \
    "create x -f Odd: 65 " "rm ember: 77 " "create x -f nofile: 66 " '"deleted": "third"' '"copied": "third"'; do
    ok "$line" has "$said" "$line"
done
same "two models and what they need are left" 5 "$(left | wc -l)"

# ---- whom it asks -------------------------------------------------------------------------------
hearth list --host "127.0.0.1:$port"
same "a server that is named" 0 "$rc"
ok "has what it made" has "$out" other:latest
HEARTH_MODELS=$tmp/alone2 hearth list
ok "the server's models, not this folder's" has "$out" other:latest
stop
refused 69 "a server that is named and not there" list --host "127.0.0.1:$port"
refused 77 "a machine elsewhere" list --host 192.0.2.1
hearth list
ok "the store itself, afterwards" has "$out" other:latest

# Without a server what reads a Modelfile and a model is in a cage before it does.
if [ -z "${HEARTH_NO_CAGE:-}" ]; then
    mkfifo "$tmp/go"
    { cat "$tmp/go"; printf 'FROM %s/work/sub/own.gguf\n' "$tmp"; } |
        "$HEARTH_BIN" create late -f - >"$tmp/late" 2>&1 &
    late=$!
    for _ in $(seq 600); do
        caged=$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$late/status" 2>/dev/null)
        [ "$caged" = 2 ] && break
        sleep 0.1
    done
    same "create waits for its Modelfile in a cage" 2 "$caged"
    echo >"$tmp/go"
    wait "$late"
    same "and makes the model in it" 0 $?
    same "as it says" success "$(<"$tmp/late")"
    hearth list --no-cage
    same "out of a cage, as asked" 0 "$rc"
    ok "it says what that means" has "$err" "not in a cage, as asked"
    ok "there it is" has "$out" late:latest
fi
# ---- a blob whose bytes are not those it is named for -------------------------------------------
export HEARTH_MODELS=$tmp/damaged
printf 'FROM %s/work/sub/own.gguf\n' "$tmp" | "$HEARTH_BIN" create mine -f - >/dev/null 2>&1
blob=$(echo "$HEARTH_MODELS"/blobs/sha256-*)
same "a blob named by its digest" "${blob##*sha256-}" "$(sha256sum <"$blob" | cut -d' ' -f1)"
flip() { # one bit of a weight, in place; the time of the last change is as it was
    touch -r "$blob" "$tmp/time"
    python3 - "$blob" <<'PY'
import sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(-5000, 2)
    b = f.read(1)[0] ^ 1
    f.seek(-5000, 2)
    f.write(bytes([b]))
PY
    touch -r "$tmp/time" "$blob"
}
say='{"model": "mine", "prompt": "a", "stream": false, "options": {"num_predict": 1}}'
start
ask POST /api/generate "$say" "Content-Type: application/json"
same "whole: it speaks" 200 "$code"
stop
flip # unseen by the clock: whoever asks for a receipt finds it
start
ask POST /api/generate "$say" "Content-Type: application/json" "X-Hearth-Receipt: 1"
ok "rotten: no receipt" test "$code" -ge 400
ok "and why" has "$body" "changed or is damaged"
touch "$blob" # seen: before it is loaded
ask POST /api/generate "$say" "Content-Type: application/json"
ok "written into: not loaded" test "$code" -ge 400
ok "it says why" has "$body" "changed or is damaged"
flip
touch "$blob"
ask POST /api/generate "$say" "Content-Type: application/json"
same "whole again: it speaks" 200 "$code"
stop

refused 64 "too many names" cp a b c
refused 64 "too few" rm
refused 64 "create without a name" create
finish
