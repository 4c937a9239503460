#!/bin/bash
# The interactive chat on a pseudo-terminal: commands, several lines, Ctrl-C, history, save and load.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
${CC:-cc} -O1 -D_GNU_SOURCE -o "$tmp/pty" "$(dirname "$0")/lib/pty.c" -lutil || skip "no C compiler"
"$tmp/pty" true </dev/null 2>&1 | grep -q forkpty && skip "no pseudo-terminals here (/dev/pts)"
m=$tmp/toy.gguf
"$make" "$m" tokenizer=spm vocab=600 ctx=512 embd=64 heads=4 kv_heads=2 ff=128 layers=2 seed=7 || exit 1
export TERM=xterm XDG_STATE_HOME=$tmp/state
endless="--logit-bias 1=-inf,2=-inf" # forbids the end tokens

chat() { # chat OPTIONS < script
    "$tmp/pty" "$HEARTH_BIN" run "$m" "$@"
}

# The first words of an answer, to wait for: the terminal must show what a pipe would.  Nonsense
# may hold bytes a terminal is not shown, so a seed is sought whose answers begin with letters.
for seed in {1..200}; do
    hearth run "$m" --seed "$seed" -n 12 "Hello there"
    first=${out:0:6}
    hearth run "$m" --seed "$seed" -n 12 "go on"
    going=${out:0:6}
    [[ $first$going =~ ^[a-z]{12}$ ]] && break
done

ok "a conversation" chat --seed $seed -n 12 << S
expect /? for help
expect >>> 
send Hello there\n
expect $first
expect >>> 
send /?\n
expect /set parameter NAME VALUE
expect /bye
expect >>> 
send /set parameter temperature 0.5\n
expect temperature is set.
expect >>> 
send /set parameter temperature 1000\n
expect from 0 to 100
expect >>> 
send /set parameter nothing 1\n
expect no sampling parameter of that name
expect >>> 
send /show parameters\n
expect temperature            0.5
expect samplers
expect >>> 
send /set system Be brief.\n
expect The system text is set.
expect >>> 
send /show system\n
expect Be brief.
expect >>> 
send /show info\n
expect architecture       llama
expect >>> 
send /show template\n
expect messages
expect >>> 
send /sohw info\n
expect Did you mean /show info?
expect >>> 
send /set verbose\n
expect Timings follow
expect >>> 
send again\n
expect eval rate:
expect >>> 
send /set lookup off\n
expect Repetitions are not computed ahead.
expect >>> 
send /set lookup 99\n
expect usage: /set lookup N
expect >>> 
send /set lookup\n
expect Repetitions are computed ahead.
expect >>> 
send /set draft $tmp/nothing.gguf\n
expect hearth: cannot open
expect >>> 
send /set draft $m\n
expect The draft model guesses ahead.
expect >>> 
send /set draft_tokens 3\n
expect draft_tokens is set.
expect >>> 
send /set parameter num_ctx 256\n
expect num_ctx is set.
expect >>> 
send /set parameter temperature 0\n
expect temperature is set.
expect >>> 
send and again\n
expect accepted:
expect >>> 
send /show info\n
expect draft              yes
expect >>> 
send /set draft none\n
expect No draft model.
expect >>> 
send /set parameter temperature 0.5\n
expect temperature is set.
expect >>> 
send /save $tmp/chat.json\n
expect The chat is saved.
expect >>> 
send /clear\n
expect cleared
expect >>> 
send /load $tmp/chat.json\n
expect The chat is loaded.
expect >>> 
send /show parameters\n
expect temperature            0.5
expect >>> 
send /load $tmp/nothing.json\n
expect hearth: 
expect >>> 
send /bye\n
exit 0
S
same "saved for its owner only" 600 "$(stat -c %a "$tmp/chat.json")"
same "three turns and answers are saved" 6 "$(grep -c '"role"' "$tmp/chat.json")"
ok "the system text is saved" grep -q '"system": "Be brief."' "$tmp/chat.json"

# Adapters: at scale 0 it says what the model says, at 1 what hearth run says with it.
"$make" "$tmp/a.gguf" adapter="$m" rank=4 alpha=8 seed=3 || exit 1
for seed_a in {1..200}; do
    hearth run "$m" --seed "$seed_a" -n 12 "Hello there"
    plainly=${out:0:6}
    hearth run "$m" --seed "$seed_a" -n 12 --lora "$tmp/a.gguf" "Hello there"
    adapted=${out:0:6}
    [[ $plainly$adapted =~ ^[a-z]{12}$ && $plainly != "$adapted" ]] && break
done
ok "adapters" chat --seed $seed_a -n 12 --lora "$tmp/a.gguf" << S
expect >>> 
send /show lora\n
expect  0  1         a.gguf
expect >>> 
send Hello there\n
expect $adapted
expect >>> 
send /clear\n
expect cleared
expect >>> 
send /set lora 0 0\n
expect scale is set.
expect >>> 
send Hello there\n
expect $plainly
expect >>> 
send /set lora 1 1\n
expect there are 1 adapters
expect >>> 
send /set lora 0 1e99\n
expect finite
expect >>> 
send /set lora 0\n
expect usage: /set lora ID SCALE
expect >>> 
send /show lora\n
expect  0  0         a.gguf
expect >>> 
send /bye\n
exit 0
S
ok "no adapters" chat << S
expect >>> 
send /show lora\n
expect No adapter
expect >>> 
send /set lora 0 1\n
expect start with --lora
expect >>> 
send /bye\n
exit 0
S

ok "any letters can be typed, in any locale" env LC_ALL=C "$tmp/pty" "$HEARTH_BIN" run "$m" -n 2 << S
expect >>> 
send Größe — 漢字 😀\n
expect >>> 
send /save $tmp/letters.json\n
expect saved
expect >>> 
send \cD
exit 0
S
ok "and arrive" grep -qF 'Größe — 漢字 😀' "$tmp/letters.json"

ok "several lines between quotes" chat --seed $seed -n 4 --show-prompt << S
expect >>> 
send """one\n
expect ... 
send two\n
expect ... 
send three"""\n
expect one
expect two
expect three
expect >>> 
send \cD
exit 0
S

ok "Ctrl-C stops the answer and keeps the chat" chat --seed $seed $endless -c 20000 << S
expect >>> 
send go on\n
expect $going
send \cC
expect (stopped)
expect >>> 
send /save $tmp/stopped.json\n
expect saved
expect >>> 
send this line is\cC
expect /bye leaves
expect >>> 
send /bye\n
exit 0
S
same "what was said stays" 2 "$(grep -c '"role"' "$tmp/stopped.json")"
ok "the answer so far" grep -qF "$going" "$tmp/stopped.json"

ok "Ctrl-C at a terminal that shows nothing more loses nothing" chat --seed $seed $endless -c 20000 << S
expect >>> 
send go on\n
expect $going
stall
send \cC
expect (stopped)
expect >>> 
send /bye\n
exit 0
S

ok "a full context is said and the chat goes on" chat --seed $seed $endless -c 64 << S
expect >>> 
send Hello there\n
expect the context of 64 tokens is full
expect >>> 
send more\n
expect the context holds 64
expect >>> 
send /clear\n
expect cleared
expect >>> 
send /bye\n
exit 0
S

history=$XDG_STATE_HOME/hearth/history
same "the history is its owner's only" 600 "$(stat -c %a "$history")"
ok "it holds what was typed" grep -q 'go' "$history"
rm -r "$XDG_STATE_HOME"
ok "HEARTH_NOHISTORY" env HEARTH_NOHISTORY=1 "$tmp/pty" "$HEARTH_BIN" run "$m" -n 2 << S
expect >>> 
send secret\n
expect >>> 
send /bye\n
exit 0
S
ok "leaves no file" test ! -e "$XDG_STATE_HOME"
ok "/set nohistory" chat -n 2 << S
expect >>> 
send /set nohistory\n
expect not remembered
expect >>> 
send secret\n
expect >>> 
send \cD
exit 0
S
ok "keeps what follows out of the file" sh -c '! grep -q secret "$1"' _ "$history"

# A model cannot drive the terminal: the terminal sees no escape that the editor did not draw.
ok "one answer on a terminal" chat -n 2 hi << S
log $tmp/shown
exit 0
S
same "no escape sequences in a plain answer" "" "$(tr -cd '\033' < "$tmp/shown")"
finish
