#!/bin/bash
# hearth quantize: every type runs; the same bytes every time, after a kill too; the log's proof
# finds what was changed; what cannot be done is refused.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
"$HEARTH_BIN" help quantize > /dev/null 2>&1 || skip "built without the server"
m=$tmp/m.gguf o=$tmp/o.gguf log=$tmp/o.gguf.quantlog.json

quantize() { "$HEARTH_BIN" quantize "$@" > "$tmp/out" 2> "$tmp/err"; }
refuses() { ! quantize "$@" && [[ $(wc -l < "$tmp/err") -ge 1 ]] && [[ ! -e $o ]]; }
runs() { "$HEARTH_BIN" logits "$o" --tokens "$tmp/ids" --out "$tmp/logits" > /dev/null; }
proved() { quantize --verify "$log"; }
type_of() { # tensor, type
    python3 - "$log" "$1" "$2" << 'END'
import json, sys
log = json.load(open(sys.argv[1]))
sys.exit(next(t["to"] for t in log["tensors"] if t["name"] == sys.argv[2]) != sys.argv[3])
END
}
flip() { # file, offset
    python3 - "$1" "$2" << 'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))
END
}

echo "1 5 300 7 8 9 10" > "$tmp/ids"
"$make" "$m" vocab=512 embd=256 ff=256 layers=8 head_dim=64 type=F16 || exit 1
for type in Q4_K_M Q4_K_S Q5_K_M Q5_K_S Q6_K Q8_0 Q3_K_L Q3_K_M Q3_K_S Q2_K Q2_K_S IQ4_XS IQ4_NL \
    Q4_0 Q4_1 Q5_0 Q5_1 MXFP4_MOE NVFP4 TQ1_0 TQ2_0 Q1_0 Q2_0 BF16 F32; do
    rm -f "$o" "$log"
    ok "$type written" quantize "$m" "$o" $type
    ok "$type runs" runs
done

# Codebooks are searched, slowly: a smaller model.
"$make" "$tmp/small.gguf" vocab=512 embd=256 ff=256 layers=1 head_dim=64 type=F16 || exit 1
for type in IQ3_M IQ3_S IQ3_XXS IQ2_M IQ2_S IQ2_XS IQ2_XXS IQ1_M IQ1_S; do
    rm -f "$o" "$log"
    ok "$type written" quantize "$tmp/small.gguf" "$o" $type
    ok "$type runs" runs
done

ok "Q4_K_M" quantize "$m" "$o" q4_k_m
ok "more bits for some" type_of blk.7.ffn_down.weight Q6_K
ok "and not for others" type_of blk.1.ffn_down.weight Q4_K
ok "norms stay" type_of blk.1.attn_norm.weight F32
ok "proved" proved
ok "nothing left over" test ! -e "$o.part" -a ! -e "$o.part.log"
cp "$o" "$tmp/first"
cp "$log" "$tmp/first.log"
ok "again, one thread" quantize -t 1 "$m" "$o" Q4_K_M
ok "the same bytes" cmp "$o" "$tmp/first"
ok "the same log" cmp "$log" "$tmp/first.log"

# Killed by the size of what it writes, in the middle.
half=$(($(stat -c %s "$tmp/first") / 2048))
rm "$o" "$log"
! (ulimit -c 0; ulimit -f $half; exec "$HEARTH_BIN" quantize "$m" "$o" Q4_K_M) > /dev/null 2>&1
ok "killed: no output" test ! -e "$o"
ok "killed: some tensors done" test "$(wc -l < "$o.part.log")" -gt 5
cp "$o.part" "$tmp/p"
cp "$o.part.log" "$tmp/p.log"
ok "resumed" quantize "$m" "$o" Q4_K_M
ok "resumed: the same bytes" cmp "$o" "$tmp/first"
ok "resumed: the same log" cmp "$log" "$tmp/first.log"
again() { # what was left, again
    cp "$tmp/p" "$o.part"
    cp "$tmp/p.log" "$o.part.log"
    rm -f "$o"
}
rm "$o" "$log"
no_room() {
    (trap '' XFSZ && ulimit -f $half && ! quantize "$m" "$o" Q4_K_M) && [[ ! -e $o && ! -e $log ]]
}
ok "no room" no_room
ok "no room: a sentence" grep -q "cannot write .*: File too large" "$tmp/err"
full() { # a file system of its own, too small
    local o=$tmp/small/o.gguf
    mkdir -p "$tmp/small"
    unshare -Urm bash -c 'mount -t tmpfs -o size=256k none "$1" || exit 9
        "$2" quantize "$3" "$1/o.gguf" Q8_0 2> "$4"; [[ $? -ne 0 && ! -s $1/o.gguf.part ]]' \
        _ "$tmp/small" "$HEARTH_BIN" "$m" "$tmp/err" && grep -q "MiB more" "$tmp/err"
}
if unshare -Urm mount -t tmpfs none /mnt 2> /dev/null; then
    ok "a full file system is seen before the work" full
fi
again
flip "$o.part" $(($(stat -c %s "$o.part") / 2))
ok "a damaged part" quantize "$m" "$o" Q4_K_M
ok "a damaged part: the same bytes" cmp "$o" "$tmp/first"
again
flip "$o.part.log" 300
ok "a damaged journal" quantize "$m" "$o" Q4_K_M
ok "a damaged journal: the same bytes" cmp "$o" "$tmp/first"
ok "a damaged journal: the same log" cmp "$log" "$tmp/first.log"
again
ok "another type over it" quantize "$m" "$o" Q5_0
ok "another type over it: proved" proved
rm "$o"
ok "what is left is used" quantize "$m" "$o" Q4_K_M
ok "and is the same" cmp "$o" "$tmp/first"

flip "$o" $(($(stat -c %s "$o") / 2))
ok "a flipped bit of the output" bash -c '! "$1" quantize --verify "$2" 2> "$3"' \
    _ "$HEARTH_BIN" "$log" "$tmp/err"
ok "is named" grep -q "tensor 'blk" "$tmp/err"
cp "$tmp/first" "$o"
ok "whole again" proved
sed -i 's/"max_error": 0\.0\([1-9]\)/"max_error": 0.1\1/' "$log"
ok "a figure of the log" bash -c '! "$1" quantize --verify "$2" 2> "$3"' \
    _ "$HEARTH_BIN" "$log" "$tmp/err"
cp "$tmp/first.log" "$log"
cp "$m" "$tmp/m2"
flip "$m" $(($(stat -c %s "$m") - 9))
ok "another input" bash -c '! "$1" quantize --verify "$2" 2> "$3"' _ "$HEARTH_BIN" "$log" "$tmp/err"
ok "the input elsewhere" quantize --verify "$log" "$tmp/m2"
mv "$tmp/m2" "$m"
rules() { # the log, its first pattern this one
    python3 - "$log" "$1" << 'END'
import json, sys
log = json.load(open(sys.argv[1])); log["options"]["tensors"] = [{"pattern": sys.argv[2], "type": "Q8_0"}]
json.dump(log, open(sys.argv[1] + ".bad", "w"))
END
}
said() { ! quantize --verify "$log.bad" && grep -q "$1" "$tmp/err"; }
rules "$(printf '*%.0s' {1..128})"
ok "a log's long pattern" said "longer than 127 bytes"
rules "*attn_v*"
ok "a log's other pattern" said 'differs from what is found'
rm "$log.bad"

rm "$o" "$log"
ok "a pattern" quantize --tensor 'blk.*.attn_v.weight=Q8_0' --tensor '*.attn_k.weight=F16' "$m" "$o" Q2_K
ok "a pattern counts" type_of blk.3.attn_v.weight Q8_0
ok "another too" type_of blk.3.attn_k.weight F16
ok "patterns are proved" proved
cp "$o" "$tmp/q.gguf"
rm "$o"
ok "no such type" refuses "$m" "$o" Q9_K
ok "not written" refuses --tensor "*=I32" "$m" "$o" IQ2_XS
ok "a folder" bash -c '! "$1" quantize "$2" "$3" Q8_0 2> /dev/null' _ "$HEARTH_BIN" "$m" "$tmp"
ok "no tensor fits" refuses --tensor 'blk.99.*=Q8_0' "$m" "$o" Q4_K_M
ok "no such model" refuses "$tmp/none.gguf" "$o" Q4_K_M
ok "not a model" refuses "$tmp/ids" "$o" Q4_K_M
ok "over itself" bash -c '! "$1" quantize "$2" "$2" Q8_0 2> /dev/null' _ "$HEARTH_BIN" "$m"
ok "quantised already" refuses "$tmp/q.gguf" "$o" Q4_0
ok "but if asked" quantize --requantize "$tmp/q.gguf" "$o" Q4_0
ok "JSON" quantize --json "$m" "$o" Q4_0
ok "JSON is the log" python3 -c \
    'import json,sys; sys.exit(json.load(open(sys.argv[1])) != json.load(open(sys.argv[2])))' \
    "$tmp/out" "$log"
finish
