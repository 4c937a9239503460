#!/bin/bash
# hearth import: folders made of GGUF models give those models again: the same logits to the bit,
# the same ids; what a GGUF file cannot say, and what is damaged, is refused by name.
. "$(dirname "$0")/lib/check.bash"
make=${HEARTH_BUILD:-$(dirname "$HEARTH_BIN")}/mkmodel
[[ -x $make ]] || skip "no $make"
command -v python3 > /dev/null || skip "no python3"
"$HEARTH_BIN" help import > /dev/null 2>&1 || skip "built without the server"
hf=$(dirname "$0")/lib/hf.py
m=$tmp/m.gguf o=$tmp/o.gguf d=$tmp/model

folder() { # GGUF, options of hf.py...: $d, and the model to compare with
    rm -rf "$d" "$o"
    python3 "$hf" "$1" "$d" ref="$tmp/ref.gguf" "${@:2}"
}
import() { "$HEARTH_BIN" import "$@" > "$tmp/out" 2> "$tmp/err"; }
logits() { "$HEARTH_BIN" logits "$1" --tokens "$tmp/ids" --out "$2" > /dev/null; }
same_logits() { logits "$tmp/ref.gguf" "$tmp/a" && logits "$o" "$tmp/b" && cmp "$tmp/a" "$tmp/b"; }
again() { # what, GGUF, options...
    ok "$1: a folder" folder "${@:2}"
    ok "$1: imported" import "$d" -o "$o"
    ok "$1: the same logits" same_logits
}
refuses() { # what, words of the sentence, arguments of import...
    ok "$1: refused" bash -c '! "$@" > /dev/null 2> "$0"' "$tmp/err" "$HEARTH_BIN" import -o "$o" \
        "${@:3}"
    ok "$1: one sentence" test "$(wc -l < "$tmp/err")" = 1
    ok "$1: says why ($(< "$tmp/err"))" grep -q -- "$2" "$tmp/err"
    ok "$1: no file" test ! -e "$o"
}
seq -s ' ' 1 100 > "$tmp/ids"
tiny="vocab=512 embd=64 ff=96 layers=2 heads=4 kv_heads=2 head_dim=16 ctx=256"

# ---- families and rotations ----
for arch in llama qwen2 qwen3; do
    for rope in none linear yarn llama3; do
        [[ $rope = llama3 && $arch != llama ]] && continue
        "$make" "$m" arch=$arch $tiny type=F32 tokenizer=bpe rope=$rope || exit 1
        again "$arch $rope" "$m" llama3=4
        again "$arch $rope, as newer files say it" "$m" llama3=4 form=new shards=3
    done
done
"$make" "$m" $tiny type=F16 tokenizer=bpe tied=1 || exit 1
again "tied" "$m"
again "mistral" "$m" family=mistral
"$make" "$m" $tiny type=F32 tokenizer=bpe bias=1 || exit 1
again "biases" "$m"
"$make" "$m" $tiny type=BF16 tokenizer=bpe || exit 1
again "BF16" "$m"
archs=$HEARTH_DATA/archs
if [[ -d $archs ]]; then
    again "llama, fixture" "$archs/llama-dense.gguf" drop=rope_freqs.weight
    for arch in qwen2 qwen3 gemma3; do again "$arch, fixture" "$archs/$arch-dense.gguf"; done
    again "gemma3, as newer files say it" "$archs/gemma3-dense.gguf" form=new
    again "gemma3 with images" "$archs/gemma3-dense.gguf" family=gemma3mm
    ok "gemma3 with images: a note" grep -q "note: 1 tensors for images" "$tmp/out"
    again "phi3, fixture" "$archs/phi3-dense.gguf" strip=1
    again "phi3, as newer files say it" "$archs/phi3-dense.gguf" form=new strip=1
    python3 "$hf" "$archs/gemma3-dense.gguf" "$d" set.query_pre_attn_scalar=77
    rm -f "$o"
    refuses "another divisor" "query_pre_attn_scalar is 77" "$d"
else
    echo "skipped: \$HEARTH_DATA/archs is not here"
fi

# ---- types ----
"$make" "$m" $tiny type=F32 tokenizer=bpe || exit 1
folder "$m"
for type in f32 f16 bf16 keep; do
    ok "--type $type" import "$d" -o "$o" --type $type --force --json
    ok "--type $type: runs" logits "$o" "$tmp/b"
    want=${type/keep/f32}
    ok "--type $type: of all matrices" grep -q "\"${want^^}\"" "$tmp/out"
done
ok "as they are: the same logits" same_logits
cp "$o" "$tmp/first"
ok "again" import "$d" -o "$o" --force
ok "the same bytes" cmp "$o" "$tmp/first"
python3 "$hf" "$m" "$d" type=BF16
ok "BF16 to F32" import "$d" -o "$tmp/b32.gguf" --type f32
ok "BF16 as it is" import "$d" -o "$tmp/b16.gguf"
ok "both run" logits "$tmp/b32.gguf" "$tmp/a"
ok "both run" logits "$tmp/b16.gguf" "$tmp/b"
ok "no more bits than there are" cmp "$tmp/a" "$tmp/b"

# ---- where it goes ----
ok "what is there stays" bash -c '! "$1" import "$2" -o "$3" 2> "$4"' _ "$HEARTH_BIN" "$d" "$o" \
    "$tmp/err"
ok "and --force is named" grep -q -- "--force" "$tmp/err"
mkdir "$tmp/here"
(cd "$tmp/here" && ok "no -o" import ../model && ok "is named after the folder" test -s model.gguf)
ln -s model "$tmp/link"
ok "a folder through a link" import "$tmp/link" -o "$o" --force
ok "is the same" cmp "$o" "$tmp/here/model.gguf"
ok "--no-cage says what is lost" bash -c '"$1" import --no-cage "$2" -o "$3" --force 2>&1 |
    grep -q "reach the network"' _ "$HEARTH_BIN" "$d" "$o"
ok "a file of the model stays" bash -c '! "$1" import "$2" --force -o "$2/model.safetensors" \
    2> "$3"' _ "$HEARTH_BIN" "$d" "$tmp/err"
ok "and is whole" import "$d" -o "$o" --force
ok "hearth show" bash -c '"$1" show "$2" | grep -q "architecture *llama"' _ "$HEARTH_BIN" "$o"
ok "nothing left over" test -z "$(find "$tmp" -name '*.tmp')"
rm -f "$o"
! (ulimit -c 0; ulimit -f 100; exec "$HEARTH_BIN" import "$d" -o "$o") > /dev/null 2>&1
ok "killed: no file" test ! -e "$o"
ok "killed: the next one clears up" import "$d" -o "$o"
ok "killed: nothing left over" test -z "$(find "$tmp" -name '*.tmp')"
full() { # a file system of its own, too small
    mkdir -p "$tmp/small"
    unshare -Urm bash -c 'mount -t tmpfs -o size=256k none "$1" || exit 9
        "$2" import "$3" -o "$1/o.gguf" 2> "$4"; [[ $? -ne 0 && -z $(ls "$1") ]]' \
        _ "$tmp/small" "$HEARTH_BIN" "$d" "$tmp/err" && grep -q "MiB more" "$tmp/err"
}
if unshare -Urm mount -t tmpfs none /mnt 2> /dev/null; then
    ok "a full file system is seen before the work" full
fi

# ---- what is refused ----
rm -f "$o"
refused 64 "no folder" import
refused 64 "two folders" import "$d" "$d"
refused 64 "no such type" import --type q4_0 "$d"
refuses "a file" "is no folder" "$m"
refuses "nothing there" "cannot open" "$tmp/none"
mkdir "$tmp/empty"
refuses "an empty folder" "no config.json" "$tmp/empty"
with() { # KEY=JSON: the config with that, or without it
    python3 - "$d/config.json" "$1" << 'END'
import json, sys
path, (key, value) = sys.argv[1], sys.argv[2].split("=", 1)
c = json.load(open(path))
c.pop(key, None)
if value:
    c[key] = json.loads(value)
json.dump(c, open(path, "w"))
END
}
cp -r "$d" "$tmp/whole"
anew() { rm -rf "$d" && cp -r "$tmp/whole" "$d"; }
while IFS=$'\t' read -r set words; do
    anew
    with "$set"
    refuses "$set" "$words" "$d"
done << 'END'
architectures=["XLMRobertaModel"]	XLMRobertaModel is not imported; these are
architectures=["MixtralForCausalLM"]	MixtralForCausalLM is not imported
architectures=	does not name one architecture
num_local_experts=8	mixture of experts
quantization_config={"quant_method": "gptq"}	quantised already
hidden_act="gelu"	another gate
rope_scaling={"type": "dynamic", "factor": 2.0}	'dynamic'
rope_scaling={"rope_type": "longrope"}	'longrope'
rope_scaling={"type": "yarn", "factor": 4, "mscale": 1}	mscale
rope_scaling={"rope_type": "llama3", "factor": 8.0}	needs factor, low_freq_factor
partial_rotary_factor=0.5	a part of its heads
layer_types=["full_attention", "sliding_attention"]	window
sliding_window=128	window
hidden_size=	no hidden_size
hidden_size=-5	no whole number
hidden_size=48	calls for
num_attention_heads=5	cannot share
num_key_value_heads=3	cannot share
num_hidden_layers=3	no tensor 'model.layers.2
num_hidden_layers=1	none that LlamaForCausalLM has
tie_word_embeddings="yes"	neither true nor false
attention_bias=true	no tensor 'model.layers.0.self_attn.q_proj.bias'
vocab_size=100	they are not of one model\|calls for
rms_norm_eps=0	rms_norm_eps
END
anew
with rope_scaling='{"rope_type": "default"}'
ok "a rotation of the plain kind" import "$d" -o "$o" --force
ok "is the plain one" cmp "$o" "$tmp/b16.gguf"
rm -f "$o"

# ---- links and names ----
anew
mv "$d/model.safetensors" "$tmp/elsewhere"
refuses "no weights" "no weights in it" "$d"
ln -s "$tmp/elsewhere" "$d/model.safetensors"
refuses "a link to elsewhere" "leads out of the folder" "$d"
rm "$d/model.safetensors"
mv "$tmp/elsewhere" "$d/other.bin"
ln -s other.bin "$d/model.safetensors"
ok "a link within" import "$d" -o "$o"
rm -f "$o"
python3 "$hf" "$m" "$tmp/shards" shards=2
for name in ../model.safetensors /etc/passwd .hidden 'a b' ''; do
    python3 - "$tmp/shards/model.safetensors.index.json" "$name" << 'END'
import json, sys
c = json.load(open(sys.argv[1]))
c["weight_map"][next(iter(c["weight_map"]))] = sys.argv[2]
json.dump(c, open(sys.argv[1], "w"))
END
    refuses "a part called '$name'" "no plain name" "$tmp/shards"
done
python3 "$hf" "$m" "$tmp/shards" shards=2
rm "$tmp/shards/model-00002-of-00002.safetensors"
refuses "a part that is missing" "is not there" "$tmp/shards"
: > "$d/pytorch_model.bin"
rm "$d/model.safetensors"
refuses "PyTorch's own" "which is a program" "$d"

# ---- damage ----
damage() { # what, words, python that changes b
    anew
    python3 - "$d/model.safetensors" "$3" << 'END'
import json, struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", b[:8])[0]
h = json.loads(b[8:8 + n])
first = next(k for k in h if k != "__metadata__")
again = True
exec(sys.argv[2])
if again:
    text = json.dumps(h).encode()
    b = bytearray(struct.pack("<Q", len(text)) + text + b[8 + n:])
open(sys.argv[1], "wb").write(b)
END
    refuses "$1" "$2" "$d"
}
damage "cut" "not downloaded whole" 'b = b[:len(b) - 100]'
damage "longer" "belong to no tensor" 'b += bytes(8)'
damage "cut in the header" "ends within its header" 'b = b[:100]; again = False'
damage "no header" "no safetensors file" 'b[8] = 32; again = False'
damage "a long header" "no safetensors file" 'b[:8] = bytes([255] * 8); again = False'
damage "too short" "too short" 'b = b[:7]; again = False'
damage "a type nobody knows" "of type F9" 'h[first]["dtype"] = "F9"'
damage "a type of another size" "calls for another number" 'h[first]["dtype"] = "F32"'
damage "eight bits" "F8_E4M3" 'h[first]["dtype"] = "F8_E4M3"; h[first]["shape"][0] *= 2'
damage "a hole" "leave a hole" 'h.pop(first)'
damage "an overlap" "overlap" 'h[first + "x"] = h[first]'
damage "a shape of another kind" "impossible" 'h[first]["shape"] = [-1]'
damage "offsets the wrong way" "the second not the smaller" 'h[first]["data_offsets"].reverse()'
damage "an unknown tensor" "none that LlamaForCausalLM has" \
    'k = list(h)[-1]; e = h[k]["data_offsets"][1]; b += bytes(4)
h["x"] = {"dtype": "F32", "shape": [1], "data_offsets": [e, e + 4]}'
anew
sed -i 's/"single_word": false/"single_word": true/' "$d/tokenizer.json"
refuses "a token that is a word" "single_word" "$d"
anew
rm "$d/tokenizer.json"
refuses "no tokenizer" "no tokenizer.json" "$d"

# ---- encoders ----
words=$HEARTH_DATA/vocab/bert-bge.gguf
vector() { "$HEARTH_BIN" run "$1" "Voilà: 北京, unbelievably so" > "$2" 2> "$tmp/err"; }
same_vectors() { vector "$tmp/ref.gguf" "$tmp/a" && vector "$o" "$tmp/b" && cmp "$tmp/a" "$tmp/b"; }
# Every tensor of the reference is there, with the same numbers; what is said of texts, too.
same_tensors() {
    python3 - "$(dirname "$hf")" "$tmp/ref.gguf" "$o" << 'END'
import struct, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from hf import Gguf
a, b = Gguf(sys.argv[2]), Gguf(sys.argv[3])
def floats(g, name):
    raw, t = g.bytes_of(name), g.tensors[name][1]
    return struct.unpack("<%d%s" % (len(raw) // (2 if t == 1 else 4), "e" if t == 1 else "f"), raw)
assert a.tensors.keys() == b.tensors.keys(), a.tensors.keys() ^ b.tensors.keys()
for name in a.tensors:
    assert a.tensors[name][0] == b.tensors[name][0], name
    assert floats(a, name) == floats(b, name), name
for key in a.kv:
    if key.startswith("bert.") and key in b.kv:
        assert a.kv[key] == b.kv[key], key
assert a.kv.get("bert.pooling_type", 0) == b.kv.get("bert.pooling_type", 0)
END
}
# A decoder whose last row is the vector, and whose texts end with a token of their own.
"$make" "$m" arch=qwen3 $tiny type=F32 tokenizer=bpe pooling=3 tied=1 || exit 1
again "qwen3 for vectors" "$m" pooling=lasttoken "ends=<|endoftext|>"
ok "qwen3 for vectors: of the last row" bash -c \
    '"$1" show --metadata "$2" | grep -q "qwen3.pooling_type u32 3"' _ "$HEARTH_BIN" "$o"
echo "to be" > "$tmp/text"
ok "qwen3 for vectors: texts end" bash -c '"$1" tokenize "$2" "$3" | grep -q "\b511\b"' _ \
    "$HEARTH_BIN" "$o" "$tmp/text"
encoder="arch=bert tokenizer=$words embd=64 ff=96 layers=2 heads=4 kv_heads=4 head_dim=16 ctx=64"
if [[ -r $words ]]; then
    for pooling in 1:mean 2:cls 3:lasttoken; do
        "$make" "$m" $encoder type=F16 pooling=${pooling%:*} > /dev/null || exit 1
        ok "bert, ${pooling#*:}: a folder" folder "$m" pooling=${pooling#*:}
        ok "bert, ${pooling#*:}: imported" import "$d" -o "$o"
        ok "bert, ${pooling#*:}: the same vector" same_vectors
        ok "bert, ${pooling#*:}: the same numbers" same_tensors
    done
    ok "what is left out is told" grep -q "note: 1 tensors for training" "$tmp/out"
    ok "what is cut there is told" grep -q "note: longer texts than 16" "$tmp/out"
    "$make" "$m" $encoder type=F32 > /dev/null || exit 1
    for how in "" "old=1" "family=bertmlm" "family=bertmlm old=1 shards=2" "words=1"; do
        ok "bert, $how: a folder" folder "$m" $how
        if [[ $how = words=1 ]]; then
            ok "no tokenizer.json" test ! -e "$d/tokenizer.json" -a -s "$d/vocab.txt"
        fi
        ok "bert, $how: imported" import "$d" -o "$o"
        ok "bert, $how: the same vector" same_vectors
        ok "bert, $how: the same numbers" same_tensors
    done
    ok "bert, f16: imported" import "$d" -o "$o" --type f16 --force
    ok "bert, f16: runs" vector "$o" "$tmp/b"
    "$make" "$m" $encoder type=F32 pooling=4 > /dev/null || exit 1
    for how in "" "old=1"; do
        ok "bert that ranks, $how: a folder" folder "$m" family=bertrank $how
        ok "bert that ranks, $how: imported" import "$d" -o "$o"
        ok "bert that ranks, $how: the same numbers" same_tensors
        ok "bert that ranks, $how: ranks" bash -c '"$1" explain "$2" | grep -q "ranks an answer"' \
            _ "$HEARTH_BIN" "$o"
    done
    ok "token types are told" grep -q "note: the second text of a pair" "$tmp/out"
    while IFS=$'\t' read -r set words_; do
        python3 "$hf" "$m" "$d" family=bertrank "set.${set%%=*}=${set#*=}"
        rm -f "$o"
        refuses "$set" "$words_" "$d"
    done << 'END'
id2label={"0": "no", "1": "yes"}	it has 2 scores
hidden_act="relu"	another function
position_embedding_type="relative_key"	its positions are distances
is_decoder=true	what comes before
type_vocab_size=0	type_vocab_size is 0
type_vocab_size=3	calls for 3 x 64
max_position_embeddings=65	calls for 65 x 64
layer_norm_eps=0	layer_norm_eps is 0
num_attention_heads=5	cannot share
END
    module() { # what, words, python that changes the list m, or the pooling p
        rm -rf "$d" && python3 "$hf" "$m" "$d" pooling=mean
        python3 - "$d" "$3" << 'END'
import json, os, sys
d = sys.argv[1]
m, p = json.load(open(d + "/modules.json")), json.load(open(d + "/1_Pooling/config.json"))
exec(sys.argv[2])
json.dump(m, open(d + "/modules.json", "w"))
json.dump(p, open(d + "/1_Pooling/config.json", "w"))
END
        refuses "$1" "$2" "$d"
    }
    module "a dense layer" "module 2 is 'Dense'" 'm[2]["type"] = "sentence_transformers.models.Dense"'
    module "the largest" "pooled by 'max'" 'p.update(pooling_mode_mean_tokens=False,
    pooling_mode_max_tokens=True)'
    module "two ways" "names 2 ways" 'p["pooling_mode_cls_token"] = True'
    module "no way" "names 0 ways" 'p["pooling_mode_mean_tokens"] = False'
    module "of another model" "vectors of 32" 'p["word_embedding_dimension"] = 32'
    module "two poolings" "pooled twice" 'm[2] = m[1]'
    module "no list" "no list of modules" 'm = {}'
    module "a folder elsewhere" "no plain name" 'm[1]["path"] = "../model/1_Pooling"'
    module "a folder that is not there" "no config.json" 'm[1]["path"] = "2_Pooling"'
    module "a file" "is no folder" 'm[1]["path"] = "config.json"'
    module "a link to elsewhere" "leads out" \
        'os.rename(d + "/1_Pooling", d + "/../pool"); os.symlink("../pool", d + "/1_Pooling")'
else
    echo "skipped: \$HEARTH_DATA/vocab is not here"
fi

# ---- vocabularies ----
texts=$HEARTH_DATA/vocab/texts.nul
vocabulary() { # what of it, options of hf.py: ids as the reference has them
    "$make" "$m" embd=32 ff=32 layers=1 heads=1 kv_heads=1 head_dim=32 type=F16 \
        tokenizer="$HEARTH_DATA/vocab/$1.gguf" > /dev/null || return 1
    folder "$m" "${@:2}" && import "$d" -o "$o" || { cat "$tmp/err"; return 1; }
    "$HEARTH_BIN" tokenize -0 --no-special "$o" "$texts" > "$tmp/plain" &&
        "$HEARTH_BIN" tokenize -0 "$o" "$texts" > "$tmp/special" &&
        paste "$tmp/plain" "$tmp/special" | cmp - "$HEARTH_DATA/vocab/$1.ids"
}
bert() { # options of hf.py: ids as the reference has them
    "$make" "$m" arch=bert embd=32 ff=32 layers=1 heads=1 kv_heads=1 head_dim=32 type=F16 \
        tokenizer="$words" > /dev/null || return 1
    folder "$m" "$@" && import "$d" -o "$o" || { cat "$tmp/err"; return 1; }
    "$HEARTH_BIN" tokenize -0 --no-special "$o" "$texts" > "$tmp/plain" &&
        "$HEARTH_BIN" tokenize -0 "$o" "$texts" > "$tmp/special" &&
        paste "$tmp/plain" "$tmp/special" | cmp - "$HEARTH_DATA/vocab/bert-bge.ids"
}
if [[ -r $texts ]]; then
    for how in "" old=1 words=1; do ok "ids of bert-bge, $how" bert $how; done
    for name in llama-spm llama-bpe gpt-2 qwen2 deepseek-llm; do
        ok "ids of $name" vocabulary $name
    done
    ok "ids of llama-spm, as newer files say it" vocabulary llama-spm form=new
    ok "ids of llama-spm, of a list with the old fault" vocabulary llama-spm lost=1
    ok "which is told" grep -q "note: no merge makes token 260" "$tmp/out"
    ok "ids of qwen2, as newer files say it" vocabulary qwen2 form=new
    ok "ids of phi-3" vocabulary phi-3 strip=1
else
    echo "skipped: \$HEARTH_DATA/vocab is not here"
fi
finish
