#!/bin/bash
# The verb table: help, suggestions, exit codes, man page and completion that cannot drift.
. "$(dirname "$0")/lib/check.bash"

hearth
same "no argument: help" 0 "$rc"
verbs=$(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<< "$out")
ok "verbs are listed" test "$(wc -w <<< "$verbs")" -ge 9
for verb in $verbs; do
    hearth "$verb" --help
    same "$verb --help" 0 "$rc"
    ok "$verb --help says how" grep -q "hearth $verb" <<< "$out"
    hearth help "$verb"
    same "help $verb" 0 "$rc"
    case $verb in help | version | train) ;; *) ok "$verb has examples" grep -q Examples <<< "$out" ;; esac
done
same "--help" "$("$HEARTH_BIN")" "$("$HEARTH_BIN" --help)"
same "--version" "$("$HEARTH_BIN" version)" "$("$HEARTH_BIN" --version)"

refused 64 "an unknown verb" shwo
ok "the nearest verb is suggested" grep -q 'did you mean show' "$tmp/err"
refused 64 "an unknown option" show --tensros x
ok "the nearest option is suggested" grep -q 'did you mean --tensors' "$tmp/err"
refused 64 "a mistyped sampling option" run --tmeperature 1 x
ok "sampling options are suggested too" grep -q 'did you mean --temperature' "$tmp/err"
refused 64 "an option without its value" tokenize x --json=1
refused 64 "a value that is missing" logits x --tokens
refused 64 "a number out of range" bench --reps 0
refused 64 "two models" show a b
refused 66 "a model that is not there" show /no/such.gguf
refused 65 "a model that is none" show "$HEARTH_SRC/LICENSE"
refused 65 "an empty file" show /dev/null
refused 64 "an unknown architecture" explain lamma
ok "the nearest architecture is suggested" grep -q 'did you mean llama' "$tmp/err"

for arch in llama qwen2 qwen3; do
    hearth explain $arch
    same "explain $arch" 0 "$rc"
    ok "explain $arch shows attention" grep -q attend <<< "$out"
    hearth explain $arch --json
    ok "explain $arch --json" grep -q '"' <<< "$out"
done

hearth version --json
for word in version numerics isa tiers libraries; do
    ok "version --json has $word" grep -q "\"$word\"" <<< "$out"
done
HEARTH_ISA=c "$HEARTH_BIN" version | grep -q 'c (picked)'
same "HEARTH_ISA narrows the tier" 0 $?

rc=0
"$HEARTH_BIN" version > /dev/full 2> "$tmp/err" || rc=$?
same "a full disk is noticed" 74 "$rc"

"$HEARTH_BIN" help --completion > "$tmp/bash"
ok "completion is what the table says" cmp "$HEARTH_SRC/completions/hearth.bash" "$tmp/bash"
ok "completion is valid bash" bash -n "$tmp/bash"
words=$(bash -c '. "$1"; COMP_WORDS=(hearth tok); COMP_CWORD=1; _hearth; echo "${COMPREPLY[@]}"' _ "$tmp/bash")
same "completing a verb" tokenize "$words"
words=$(bash -c '. "$1"; COMP_WORDS=(hearth run --tem); COMP_CWORD=2; _hearth; echo "${COMPREPLY[@]}"' _ "$tmp/bash")
same "completing an option" --temperature "$words"
cd "$tmp" && touch a.gguf a.txt
words=$(bash -c '. "$1"; COMP_WORDS=(hearth show a); COMP_CWORD=2; _hearth; echo "${COMPREPLY[@]}"' _ "$tmp/bash")
same "completing a model file" a.gguf "$words"

"$HEARTH_BIN" help --man > "$tmp/man"
sed -n '/^; begin generated/,/^; end generated/{//!p}' "$HEARTH_SRC/docs/man/hearth.1.scd" > "$tmp/committed"
ok "the man page is what the table says" cmp "$tmp/committed" "$tmp/man"
if command -v scdoc > /dev/null; then
    ok "the man page builds" sh -c 'scdoc < "$1" > "$2"' _ "$HEARTH_SRC/docs/man/hearth.1.scd" "$tmp/hearth.1"
fi
finish
