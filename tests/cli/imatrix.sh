#!/bin/bash
# hearth imatrix: measured, written, read by quantize and proved; what cannot be is refused.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
"$HEARTH_BIN" help imatrix > /dev/null 2>&1 || skip "built without the server"
m=$tmp/m.gguf im=$tmp/im.gguf o=$tmp/o.gguf log=$tmp/o.gguf.quantlog.json

imatrix() { "$HEARTH_BIN" imatrix "$@" > "$tmp/out" 2> "$tmp/err"; }
quantize() { "$HEARTH_BIN" quantize "$@" > "$tmp/out" 2> "$tmp/err"; }
refuses() { ! "$@" && [[ $(wc -l < "$tmp/err") -ge 1 ]]; }

"$make" "$m" tokenizer=bpe vocab=417 embd=256 ff=256 layers=2 head_dim=64 type=F16 seed=3 || exit 1
printf 'the words of a text, and %d more of them\n' {1..40} > "$tmp/text"

ok "measured" imatrix "$m" --text "$tmp/text" -o "$im" --chunk 64 -t 1
cp "$im" "$tmp/first"
ok "again, with more threads" imatrix "$m" --text "$tmp/text" -o "$im" --chunk 64 -t 3
ok "the same bytes" cmp "$im" "$tmp/first"
ok "nothing left over" test ! -e "$im.part"
ok "from standard input" bash -c '"$0" imatrix "$1" --text - -o "$2" --json < "$3" > "$4"' \
    "$HEARTH_BIN" "$m" "$tmp/im2" "$tmp/text" "$tmp/json"
ok "JSON" python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); sys.exit(d["tensors"] != 15)' \
    "$tmp/json"
ok "it is a GGUF file of the field's" python3 - "$im" << 'END'
import struct, sys
b = open(sys.argv[1], "rb").read()
assert b[:4] == b"GGUF" and struct.unpack_from("<I", b, 4)[0] == 3
for word in (b"general.type", b"imatrix.datasets", b"imatrix.chunk_count", b"imatrix.chunk_size",
             b"blk.1.ffn_down.weight.in_sum2", b"blk.1.ffn_down.weight.counts"):
    assert word in b, word
END

ok "quantised without" quantize "$m" "$tmp/plain.gguf" Q4_K_M
ok "quantised with" quantize --imatrix "$im" "$m" "$o" Q4_K_M
ok "it made a difference" bash -c '! cmp -s "$0" "$1"' "$o" "$tmp/plain.gguf"
ok "the log says so" python3 - "$log" "$im" << 'END'
import hashlib, json, sys
log = json.load(open(sys.argv[1]))
assert log["imatrix"]["sha256"] == hashlib.sha256(open(sys.argv[2], "rb").read()).hexdigest()
by = {t["name"]: t["imatrix"] for t in log["tensors"]}
assert by["blk.0.attn_q.weight"] and not by["blk.0.attn_norm.weight"]
END
ok "proved" quantize --verify "$log"
mv "$im" "$tmp/moved"
ok "moved: not found" refuses quantize --verify "$log"
ok "moved: given" quantize --imatrix "$tmp/moved" --verify "$log"
ok "another one is seen" refuses quantize --imatrix "$tmp/im2" --verify "$log"
echo "1 5 300 7" > "$tmp/ids"
ok "it runs" bash -c '"$0" logits "$1" --tokens "$2" --out "$3" > /dev/null' "$HEARTH_BIN" "$o" \
    "$tmp/ids" "$tmp/logits"

ok "auto" quantize --imatrix "$tmp/moved" --auto 500K "$m" "$tmp/a.gguf"
ok "auto: it fits" test "$(stat -c %s "$tmp/a.gguf")" -le 500000
ok "auto: proved" quantize --imatrix "$tmp/moved" --verify "$tmp/a.gguf.quantlog.json" "$m" "$tmp/a.gguf"
cp "$tmp/a.gguf" "$tmp/a1.gguf"
ok "auto: again, one thread" quantize -t 1 --imatrix "$tmp/moved" --auto 500K "$m" "$tmp/a.gguf"
ok "auto: the same bytes" cmp "$tmp/a.gguf" "$tmp/a1.gguf"
ok "auto: an error" quantize --auto 5% "$m" "$tmp/a.gguf"
ok "auto: too small" refuses quantize --auto 10K "$m" "$tmp/x.gguf"
ok "auto: no size" refuses quantize --auto small "$m" "$tmp/x.gguf"
ok "auto: and a type" refuses quantize --auto 1G "$m" "$tmp/x.gguf" Q4_0
ok "AWQ" quantize --imatrix "$tmp/moved" --awq "$m" "$tmp/w.gguf" Q3_K_S
ok "AWQ: proved" quantize --imatrix "$tmp/moved" --verify "$tmp/w.gguf.quantlog.json"
ok "AWQ: without figures" refuses quantize --awq "$m" "$tmp/x.gguf" Q3_K_S

"$make" "$tmp/other.gguf" vocab=417 embd=512 ff=256 layers=2 head_dim=64 type=F16 || exit 1
ok "of another model" refuses quantize --imatrix "$tmp/moved" "$tmp/other.gguf" "$tmp/x.gguf" Q4_0
ok "a model is no importance matrix" refuses quantize --imatrix "$m" "$m" "$tmp/x.gguf" Q4_0
ok "without a tokenizer" refuses imatrix "$tmp/other.gguf" --text "$tmp/text" -o "$tmp/x"
ok "no text" refuses imatrix "$m" --text "$tmp/none" -o "$tmp/x"
: > "$tmp/empty"
ok "an empty text" refuses imatrix "$m" --text "$tmp/empty" -o "$tmp/x"
ok "no output" refuses imatrix "$m" --text "$tmp/text"
ok "nothing was written" test ! -e "$tmp/x" -a ! -e "$tmp/x.gguf"
finish
