#!/bin/bash
# hearth tokenize as scripts use it: nine vocabularies, 283 texts, with and without special tokens.
. "$(dirname "$0")/lib/check.bash"
data=$HEARTH_DATA/vocab
[[ -d $data ]] || skip "no $data"

for gguf in "$data"/*.gguf; do
    name=$(basename "$gguf" .gguf)
    "$HEARTH_BIN" tokenize -0 --no-special "$gguf" "$data/texts.nul" > "$tmp/plain" || fails=1
    "$HEARTH_BIN" tokenize "$gguf" -0 "$data/texts.nul" > "$tmp/special" || fails=1
    paste "$tmp/plain" "$tmp/special" > "$tmp/both"
    same "$name: texts" "$(wc -l < "$data/$name.ids")" "$(wc -l < "$tmp/both")"
    ok "$name: every id as listed" cmp "$data/$name.ids" "$tmp/both"
    "$HEARTH_BIN" tokenize -0 "$gguf" < "$data/texts.nul" > "$tmp/stdin"
    ok "$name: standard input gives the same" cmp "$tmp/special" "$tmp/stdin"
done

gpt2=$data/gpt-2.gguf
same "one text, one line" "$(printf 'a\nb\n' | "$HEARTH_BIN" tokenize "$gpt2" | wc -l)" 1
same "newlines belong to the text" "64 198 65 198" "$(printf 'a\nb\n' | "$HEARTH_BIN" tokenize "$gpt2")"
same "an empty text is an empty line" $'64\n\n65' "$(printf 'a\0\0b' | "$HEARTH_BIN" tokenize -0 "$gpt2")"
same "a final NUL ends the last text" $'64\n65' "$(printf 'a\0b\0' | "$HEARTH_BIN" tokenize -0 "$gpt2")"
same "no input with -0: no line" "" "$(printf '' | "$HEARTH_BIN" tokenize -0 "$gpt2")"
same "-0 after the model" 64 "$(printf 'a\0' | "$HEARTH_BIN" tokenize "$gpt2" -0 -)"
same "JSON" "[[64],[65]]" "$(printf 'a\0b' | "$HEARTH_BIN" tokenize --json -0 "$gpt2" | tr -d ' \n')"
refused 66 "a missing model" tokenize /no/such.gguf
refused 66 "a missing text" tokenize "$gpt2" /no/such.txt
refused 64 "no model" tokenize
refused 64 "an unknown option" tokenize --specail "$gpt2"
refused 65 "not a model" tokenize "$HEARTH_SRC/LICENSE"
finish
