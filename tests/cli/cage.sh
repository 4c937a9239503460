#!/bin/bash
# What reads models is in a cage, and what it needs is in there with it.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
unset HEARTH_NO_CAGE
m=$tmp/toy.gguf
shape="tokenizer=spm vocab=600 ctx=512 embd=64 heads=4 kv_heads=2 ff=128 layers=2 type=Q8_0"
"$make" "$m" $shape seed=7 || exit 1

# What the kernel says of a process that answers a prompt: it waits for us to read.
mkfifo "$tmp/out"
"$HEARTH_BIN" run "$m" --raw --temp 0 --logit-bias 1=-inf,2=-inf -n 400 hello > "$tmp/out" 2> "$tmp/err" &
pid=$!
exec 7< "$tmp/out"
read -r -n 1 -u 7
status=$(< /proc/$pid/status)
task=$(cat /proc/$pid/task/*/status)
net=$(readlink /proc/$pid/ns/net)
exec 7<&-
wait $pid
if [[ $status ]]; then
    ok "a filter of system calls" grep -q '^Seccomp:	2$' <<< "$status"
    ok "nothing to gain" grep -q '^NoNewPrivs:	1$' <<< "$status"
    same "on every thread" "$(grep -c '^Pid:' <<< "$task")" "$(grep -c '^Seccomp:	2$' <<< "$task")"
    [[ $net ]] && echo "network of its own: $([[ $net != $(readlink /proc/self/ns/net) ]] && echo yes || echo no)"
fi

hearth run "$m" --raw --temp 0 -n 12 hello
caged=$out
same "an answer in the cage" 0 "$rc"
same "says nothing of it" "" "$err"
hearth run --no-cage "$m" --raw --temp 0 -n 12 hello
same "the same words outside" "$caged" "$out"
ok "--no-cage says what is lost" grep -q 'reach the network' <<< "$err"
HEARTH_NO_CAGE=1 hearth show "$m"
same "HEARTH_NO_CAGE" 0 "$rc"
ok "HEARTH_NO_CAGE says it too" grep -q 'reach the network' <<< "$err"

# What a model consists of is found, by any road.
mkdir "$tmp/store" "$tmp/links"
mv "$m" "$tmp/store/blob"
ln -s ../store/blob "$tmp/links/toy.gguf"
hearth run "$tmp/links/toy.gguf" --raw --temp 0 -n 12 hello
same "through a link" "$caged" "$out"
(cd "$tmp/links" && "$HEARTH_BIN" run toy.gguf --raw --temp 0 -n 12 hello > "$tmp/relative")
same "from its folder" "$caged" "$(< "$tmp/relative")"
hearth pack "$tmp/links/toy.gguf"
same "pack writes beside it" 0 "$rc"
hearth run "$tmp/links/toy.gguf" --raw --temp 0 -n 12 hello
same "with panels" "$caged" "$out"
if command -v python3 > /dev/null; then
    python3 - "$tmp/store/s" << 'P'
import struct, sys
def text(s): return struct.pack("<Q", len(s)) + s.encode()
def key(k, kind, form, v): return text(k) + struct.pack("<I" + form, kind, v)
for no in 0, 1:
    kv = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    kv += key("split.no", 2, "H", no) + key("split.count", 2, "H", 2) + key("split.tensors.count", 5, "i", 2)
    tensor = text("t%d" % no) + struct.pack("<IQIQ", 1, 32, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 4) + kv + tensor
    with open(sys.argv[1] + str(no), "wb") as f: f.write(head + bytes(-len(head) % 32 + 128))
P
    for no in 0 1; do ln -s ../store/s$no "$tmp/links/s-0000$((no + 1))-of-00002.gguf"; done
    hearth show --tensors "$tmp/links/s-00002-of-00002.gguf"
    same "a model in parts, each a link" 0 "$rc"
    ok "both parts" grep -q t0 <<< "$out"
fi
hearth run "$tmp/links/toy.gguf" --draft "$tmp/store/blob" --raw --temp 0 -n 12 hello
same "with a draft model" "$caged" "$out"
mkdir "$tmp/to"
echo 3 4 5 > "$tmp/ids"
hearth logits "$tmp/links/toy.gguf" --tokens "$tmp/ids" --out "$tmp/to/l.f32"
same "logits into another folder" 0 "$rc"
(cd "$tmp/to" && "$HEARTH_BIN" logits ../links/toy.gguf --tokens - --out r.f32 < "$tmp/ids")
ok "logits into this one" cmp "$tmp/to/l.f32" "$tmp/to/r.f32"
refused 74 "a folder that is not there" logits "$tmp/links/toy.gguf" --tokens "$tmp/ids" --out "$tmp/no/l"

# A chat keeps its files through the keeper, who replaces nothing but chats.
if ${CC:-cc} -O1 -D_GNU_SOURCE -o "$tmp/pty" "$(dirname "$0")/lib/pty.c" -lutil 2> /dev/null &&
    ! "$tmp/pty" true < /dev/null 2>&1 | grep -q forkpty; then
    export TERM=xterm XDG_STATE_HOME=$tmp/state
    echo "my diary" > "$tmp/diary"
    cp "$tmp/store/blob" "$tmp/other.gguf"
    ok "a chat" "$tmp/pty" "$HEARTH_BIN" run "$tmp/links/toy.gguf" -n 4 << S
expect >>> 
send Hello there\n
expect >>> 
send /save $tmp/diary\n
expect it is not replaced
expect >>> 
send /save $tmp/to/chat.json\n
expect The chat is saved.
expect >>> 
send /save $tmp/to/chat.json\n
expect The chat is saved.
expect >>> 
send /load $tmp/diary\n
expect holds no chat saved by hearth
expect >>> 
send /load $tmp/to/chat.json\n
expect The chat is loaded.
expect >>> 
send /save $tmp/no/chat.json\n
expect cannot create a file
expect >>> 
send /set draft $tmp/other.gguf\n
expect a draft model is named at the start
expect >>> 
send /bye\n
exit 0
S
    # A keeper that is gone is an error of /load, not the end of the chat: it is caught waiting.
    mkfifo "$tmp/pipe"
    "$tmp/pty" "$HEARTH_BIN" run "$tmp/links/toy.gguf" -n 4 > "$tmp/lost" 2>&1 << S &
expect >>> 
send /load $tmp/pipe\n
expect that keeps saved chats has ended
expect >>> 
send /save $tmp/to/lost.json\n
expect that keeps saved chats has ended
expect >>> 
send /bye\n
exit 0
S
    pid=$!
    mkfifo "$tmp/asked"
    (read -r -t 30 -u 9 || : < "$tmp/pipe") 9<> "$tmp/asked" & # for a chat that never asks
    exec 8> "$tmp/pipe" # returns when the keeper has opened the other end
    echo yes > "$tmp/asked"
    chat=$pid
    for step in program keeper; do
        pid_below=$(cat /proc/$pid/task/*/children 2> /dev/null)
        [[ $step = program ]] && pid=${pid_below%% *}
    done
    [[ $pid_below ]] && kill -KILL $pid_below
    exec 8>&-
    wait "$chat"
    lost=$?
    [[ $pid_below ]] && ok "a chat that lost its keeper: $(< "$tmp/lost")" test $lost = 0
    same "the diary" "my diary" "$(< "$tmp/diary")"
    same "a saved chat is its owner's" 600 "$(stat -c %a "$tmp/to/chat.json")"
    ok "lines are remembered" grep -q 'Hello' "$tmp/state/hearth/history"
    ok "a chat without a cage" "$tmp/pty" "$HEARTH_BIN" run --no-cage "$tmp/links/toy.gguf" -n 4 << S
expect reach the network
expect >>> 
send /load $tmp/to/chat.json\n
expect The chat is loaded.
expect >>> 
send /bye\n
exit 0
S
fi
finish
