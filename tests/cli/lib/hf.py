#!/usr/bin/env python3
"""hf.py - the folder that a GGUF model would have been made of, to import it again.

usage: hf.py MODEL.gguf FOLDER [option=value ...]
  family=mistral   which family's names and keys, where the architecture has several
  ref=FILE         also writes the GGUF model without the tensors that the family has no names for
  shards=N         the weights in N files and an index
  vocab=FILE.gguf  the vocabulary of another file
  type=BF16        weights of matrices, cut to that (they must be floats of 32 bits)
  form=new         rope_parameters, merges as lists, the template in a file of its own
  lost=1           merges forget the token that is joined first
  strip=1          tokens swallow blanks as those of Phi 3 do
  drop=NAMES       without these tensors
  llama3=FACTOR    how far rope_freqs.weight stretches
  set.KEY=JSON     a key of config.json
  of bert:
  pooling=NAME     folders as sentence-transformers': mean, cls, lasttoken, none of them: no such
  old=1            norms have gamma and beta, the post_processor is BertProcessing
  words=1          vocab.txt and no tokenizer.json
  of others:
  ends=TOKEN       the post_processor ends texts with it
"""
import json
import os
import struct
import sys

SCALAR = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
BYTES = {0: 4, 1: 2, 30: 2}
NAME = {0: "F32", 1: "F16", 30: "BF16"}
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
GAP = "\u2581"


class Gguf:
    def __init__(self, path):
        self.b = open(path, "rb").read()
        self.at = 8
        n_tensors, n_kv = self.take("<QQ")
        self.kv, self.raw = {}, {}
        for _ in range(n_kv):
            key = self.text()
            begin = self.at
            (t,) = self.take("<I")
            self.kv[key] = self.value(t)
            self.raw[key] = self.b[begin:self.at]
        self.tensors = {}
        for _ in range(n_tensors):
            name = self.text()
            (dims,) = self.take("<I")
            ne = self.take("<%dQ" % dims)
            t, off = self.take("<IQ")
            self.tensors[name] = (list(ne), t, off)
        align = self.kv.get("general.alignment", 32)
        self.data = -(-self.at // align) * align

    def take(self, fmt):
        v = struct.unpack_from(fmt, self.b, self.at)
        self.at += struct.calcsize(fmt)
        return v

    def text(self):
        (n,) = self.take("<Q")
        self.at += n
        return self.b[self.at - n:self.at].decode("utf-8", "surrogateescape")

    def value(self, t):
        if t == 8:
            return self.text()
        if t == 9:
            e, n = self.take("<IQ")
            return [self.value(e) for _ in range(n)]
        return self.take("<" + SCALAR[t])[0]

    def bytes_of(self, name):
        ne, t, off = self.tensors[name]
        n = BYTES[t]
        for d in ne:
            n *= d
        return self.b[self.data + off:self.data + off + n]


def write_gguf(path, g, keep, other):
    """other: name -> bytes that take the place of a tensor's."""
    def bytes_of(name):
        return other.get(name, g.bytes_of(name))

    def s(t):
        t = t.encode("utf-8", "surrogateescape")
        return struct.pack("<Q", len(t)) + t
    head = b"GGUF" + struct.pack("<IQQ", 3, len(keep), len(g.raw))
    for key, raw in g.raw.items():
        head += s(key) + raw
    at = 0
    for name in keep:
        ne, t, _ = g.tensors[name]
        head += s(name) + struct.pack("<I%dQIQ" % len(ne), len(ne), *ne, t, at)
        at += -(-len(bytes_of(name)) // 32) * 32
    with open(path, "wb") as f:
        f.write(head + b"\0" * (-len(head) % 32))
        for name in keep:
            b = bytes_of(name)
            f.write(b + b"\0" * (-len(b) % 32))


# ---- tensors ----

LAYER = {
    "attn_norm.weight": "input_layernorm.weight", "ffn_norm.weight": "post_attention_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight", "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight", "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight", "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}
QKV_BIAS = {"attn_%s.bias" % x: "self_attn.%s_proj.bias" % x for x in "qkv"}
ALL_BIAS = dict(QKV_BIAS, **{"attn_output.bias": "self_attn.o_proj.bias"})
MLP_BIAS = {"ffn_%s.bias" % x: "mlp.%s_proj.bias" % x for x in ("gate", "up", "down")}
QK_NORM = {"attn_q_norm.weight": "self_attn.q_norm.weight",
           "attn_k_norm.weight": "self_attn.k_norm.weight"}
GEMMA = {"post_attention_norm.weight": "post_attention_layernorm.weight",
         "ffn_norm.weight": "pre_feedforward_layernorm.weight",
         "post_ffw_norm.weight": "post_feedforward_layernorm.weight"}
FAMILIES = {
    "llama": ("LlamaForCausalLM", dict(LAYER, **ALL_BIAS, **MLP_BIAS)),
    "mistral": ("MistralForCausalLM", LAYER),
    "qwen2": ("Qwen2ForCausalLM", dict(LAYER, **QKV_BIAS)),
    "qwen3": ("Qwen3ForCausalLM", dict(LAYER, **QK_NORM)),
    "gemma3": ("Gemma3ForCausalLM", dict(LAYER, **QK_NORM, **GEMMA)),
    "gemma3mm": ("Gemma3ForConditionalGeneration", dict(LAYER, **QK_NORM, **GEMMA)),
    "phi3": ("Phi3ForCausalLM", LAYER),
}
BERT = {
    "attn_q": "attention.self.query", "attn_k": "attention.self.key",
    "attn_v": "attention.self.value", "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm",
}
BERT_ENDS = {"token_embd": "embeddings.word_embeddings", "token_embd_norm": "embeddings.LayerNorm",
             "position_embd": "embeddings.position_embeddings",
             "token_types": "embeddings.token_type_embeddings"}
RANK_ENDS = {"cls": "pooler.dense", "cls.output": "classifier"}
BERTS = {"bert": "BertModel", "bertmlm": "BertForMaskedLM",
         "bertrank": "BertForSequenceClassification"}
ENDS = {"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight",
        "output.weight": "lm_head.weight"}
NUMBERS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")


def hf_name(family, name):
    """None: the family has no such tensor."""
    if family in BERTS:
        return bert_name(family, name)
    if name in ENDS:
        return ENDS[name]
    parts = name.split(".", 2)
    if parts[0] != "blk" or parts[2] not in FAMILIES[family][1]:
        return None
    return "layers.%s.%s" % (parts[1], FAMILIES[family][1][parts[2]])


def bert_name(family, name):
    stem, kind = name.rsplit(".", 1)
    ends = dict(BERT_ENDS, **RANK_ENDS) if family == "bertrank" else BERT_ENDS
    if stem in ends:
        return ends[stem] + "." + kind
    parts = stem.split(".", 2)
    if parts[0] != "blk" or parts[2] not in BERT:
        return None
    return "encoder.layer.%s.%s.%s" % (parts[1], BERT[parts[2]], kind)


def halves(b, heads, row):
    """Rows of pairs of neighbours to rows of two halves."""
    rows = [b[i:i + row] for i in range(0, len(b), row)]
    dim = len(rows) // heads
    out = []
    for h in range(heads):
        mine = rows[h * dim:(h + 1) * dim]
        out += mine[0::2] + mine[1::2]
    return b"".join(out)


def plus(b, add):
    v = struct.unpack("<%df" % (len(b) // 4), b)
    return struct.pack("<%df" % len(v), *(x + add for x in v))


def to_bf16(b):
    return b"".join(b[i + 2:i + 4] for i in range(0, len(b), 4))


class Folder:
    def __init__(self, g, family, opt):
        self.g, self.family, self.opt = g, family, opt
        self.arch = g.kv["general.architecture"]
        self.out = []  # (name, type, shape, bytes)
        self.other = {}  # what the other model has instead

    def get(self, key, default=None):
        return self.g.kv.get(self.arch + "." + key, default)

    def tensor(self, name):
        ne, t, _ = self.g.tensors[name]
        b = self.g.bytes_of(name)
        row = BYTES[t] * (ne[0] if len(ne) == 2 else 1)
        heads = {"attn_q": self.get("attention.head_count"),
                 "attn_k": self.get("attention.head_count_kv")}.get(name.split(".")[-2])
        if self.arch == "llama" and heads:
            b = halves(b, heads, row)
        if self.arch == "gemma3" and len(ne) == 1:
            b = plus(b, -1)
            self.other[name] = plus(b, 1)  # not each number survives that
        if self.opt.get("type") == "BF16" and len(ne) == 2:
            assert t == 0
            b, t = to_bf16(b), 30
        return NAME[t], ne[::-1], b

    def add(self, name, t, shape, b):
        if self.family in BERTS:
            if self.opt.get("old"):
                name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
                name = name.replace("LayerNorm.bias", "LayerNorm.beta")
            if self.family != "bert" and not name.startswith("classifier"):
                name = "bert." + name
            self.out.append((name, t, shape, b))
            return
        if name != "lm_head.weight":
            name = ("language_model.model." if self.family == "gemma3mm" else "model.") + name
        self.out.append((name, t, shape, b))

    def fused(self, layer, name, parts):
        got = [self.tensor("blk.%d.%s.weight" % (layer, p)) for p in parts]
        rows = sum(s[0] for _, s, _ in got)
        self.add("layers.%d.%s.weight" % (layer, name), got[0][0], [rows, got[0][1][1]],
                 b"".join(b for _, _, b in got))

    def tensors(self):
        for n in self.opt.get("drop", "").split():
            self.g.tensors.pop(n, None)
        if self.family == "bertrank":  # what ranks has one score
            self.g.tensors["cls.output.weight"][0][1] = 1
            self.g.tensors["cls.output.bias"][0][0] = 1
        keep = [n for n in self.g.tensors if n in NUMBERS]
        for name in self.g.tensors:
            to = hf_name(self.family, name)
            if to is None:
                continue
            keep.append(name)
            part = name.split(".")[-2]
            if self.family == "phi3" and part in ("attn_q", "attn_k", "attn_v"):
                if part == "attn_q":
                    self.fused(int(name.split(".")[1]), "self_attn.qkv_proj",
                               ("attn_q", "attn_k", "attn_v"))
                continue
            if self.family == "phi3" and part == "ffn_up":
                to = to.replace("up_proj", "gate_up_proj")
            self.add(to, *self.tensor(name))
        if self.family == "bert":
            self.out.append(("embeddings.position_ids", "I64", [1, 2], b"\0" * 16))
            self.out.append(("pooler.dense.bias", "F32", [2], b"\0" * 8))
        if self.family == "bertmlm":
            self.out.append(("cls.predictions.bias", "F32", [2], b"\0" * 8))
        if self.family == "gemma3mm":
            self.out.append(("vision_tower.patch.weight", "F16", [2, 3, 1], b"\0" * 12))
        return keep

    # ---- config.json ----

    def bert_config(self):
        get = self.get
        labels = 1 if self.family == "bertrank" else 2
        c = {
            "architectures": [BERTS[self.family]], "model_type": "bert",
            "num_hidden_layers": get("block_count"), "hidden_size": get("embedding_length"),
            "max_position_embeddings": get("context_length"),
            "intermediate_size": get("feed_forward_length"),
            "num_attention_heads": get("attention.head_count"),
            "layer_norm_eps": get("attention.layer_norm_epsilon"),
            "vocab_size": self.g.tensors["token_embd.weight"][0][1],
            "type_vocab_size": self.g.tensors["token_types.weight"][0][1],
            "hidden_act": "gelu", "position_embedding_type": "absolute", "pad_token_id": 0,
            "id2label": {str(i): "LABEL_%d" % i for i in range(labels)},
        }
        c.update((k[4:], json.loads(v)) for k, v in self.opt.items() if k.startswith("set."))
        return c

    def config(self):
        get = self.get
        if self.family in BERTS:
            return self.bert_config()
        ctx = get("context_length")
        c = {
            "num_hidden_layers": get("block_count"), "max_position_embeddings": ctx,
            "hidden_size": get("embedding_length"), "intermediate_size": get("feed_forward_length"),
            "num_attention_heads": get("attention.head_count"),
            "num_key_value_heads": get("attention.head_count_kv"),
            "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
            "vocab_size": self.g.tensors["token_embd.weight"][0][1],
            "tie_word_embeddings": "output.weight" not in self.g.tensors,
            "torch_dtype": "float16", "use_cache": True,
        }
        head = get("attention.key_length", 0) or c["hidden_size"] // c["num_attention_heads"]
        theta = get("rope.freq_base", 10000.0)
        if head * c["num_attention_heads"] != c["hidden_size"] or self.family in ("qwen3", "gemma3", "gemma3mm"):
            c["head_dim"] = head
        scaling = self.scaling(ctx)
        if self.family.startswith("gemma3"):
            c.update(hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=head,
                     sliding_window=get("attention.sliding_window"),
                     rope_local_base_freq=get("rope.freq_base_swa", 10000.0),
                     final_logit_softcapping=None, attn_logit_softcapping=None)
            flags = get("attention.sliding_window_pattern")
            if isinstance(flags, list):
                c["layer_types"] = ["sliding_attention" if f else "full_attention" for f in flags]
        else:
            c["hidden_act"] = "silu"
        if self.family == "phi3":
            c["original_max_position_embeddings"] = get("rope.scaling.original_context_length", ctx)
            c["sliding_window"] = get("attention.sliding_window", 0) or None
        if self.family in ("qwen2", "qwen3"):
            c.update(use_sliding_window=False, sliding_window=None)
        if self.family == "llama":
            c["attention_bias"] = "blk.0.attn_output.bias" in self.g.tensors
            c["mlp_bias"] = "blk.0.ffn_up.bias" in self.g.tensors
        if self.opt.get("form") == "new":
            full = dict(scaling or {"rope_type": "default"}, rope_theta=theta)
            if self.family.startswith("gemma3"):
                full = {"full_attention": full,
                        "sliding_attention": {"rope_type": "default",
                                              "rope_theta": c.pop("rope_local_base_freq")}}
            c["rope_parameters"] = full
        else:
            c.update(rope_theta=theta, rope_scaling=scaling)
        for key, value in self.opt.items():
            if key.startswith("set."):
                c[key[4:]] = json.loads(value)
        root = {"architectures": [FAMILIES[self.family][0]], "model_type": self.family,
                "bos_token_id": 1, "eos_token_id": [2, 1]}
        if self.family == "gemma3mm":
            return dict(root, text_config=c, vision_config={"hidden_size": 8})
        return dict(root, **c)

    def scaling(self, ctx):
        kind = self.get("rope.scaling.type", "none")
        factor = self.get("rope.scaling.factor", 0.0)
        orig = self.get("rope.scaling.original_context_length", ctx)
        numbers = {n: [x for x in struct.unpack("<%df" % (len(self.g.bytes_of(n)) // 4),
                                                self.g.bytes_of(n))]
                   for n in NUMBERS if n in self.g.tensors}
        if self.family == "phi3" and "rope_factors_long.weight" in numbers:
            return {"type": "longrope", "long_factor": numbers["rope_factors_long.weight"],
                    "short_factor": numbers["rope_factors_short.weight"]}
        if "rope_freqs.weight" in numbers:
            factor = float(self.opt["llama3"])
            return {"rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": int(ctx / factor)}
        if kind == "linear" and factor:
            return {"rope_type": "linear", "factor": factor}
        if kind == "yarn":
            return {"type": "yarn", "factor": factor, "original_max_position_embeddings": orig}
        return None


def write_safetensors(path, tensors):
    head, at = {"__metadata__": {"format": "pt"}}, 0
    for name, t, shape, b in tensors:
        head[name] = {"dtype": t, "shape": shape, "data_offsets": [at, at + len(b)]}
        at += len(b)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, _, _, b in tensors:
            f.write(b)


def write_weights(folder, tensors, shards):
    if shards == 1:
        write_safetensors(folder + "/model.safetensors", tensors)
        return
    where = {}
    for i in range(shards):
        name = "model-%05d-of-%05d.safetensors" % (i + 1, shards)
        mine = tensors[i::shards]
        write_safetensors(folder + "/" + name, mine)
        where.update((t[0], name) for t in mine)
    with open(folder + "/model.safetensors.index.json", "w") as f:
        json.dump({"metadata": {"total_size": sum(len(t[3]) for t in tensors)},
                   "weight_map": where}, f)


# ---- tokenizer.json ----

SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LEAD = r"[^\r\n\p{L}\p{N}]?"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def bytes_stage(words):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
            "use_regex": words}


DIGITS = {"type": "Digits", "individual_digits": True}
PRES = {
    "llama-bpe": [split(SHORT + "|" + LEAD + r"\p{L}+|\p{N}{1,3}|" + REST), bytes_stage(False)],
    "qwen2": [split(SHORT + "|" + LEAD + r"\p{L}+|\p{N}|" + REST), bytes_stage(False)],
    "gpt-2": [bytes_stage(True)],
    "deepseek-llm": [
        split("[\r\n]"), split(r"\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba]+".replace(
            r"\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba", "\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba")),
        split("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"),
        split(r"\s+$"), split("[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"), DIGITS,
        bytes_stage(False)],
}


def added(i, text, special, opt):
    stays = text in ("<unk>", "<s>", "<|endoftext|>")
    return {"id": i, "content": text, "single_word": False, "lstrip": False,
            "rstrip": bool(opt.get("strip")) and not stays, "normalized": False,
            "special": special}


def spm_merges(tokens, types, scores, new):
    """In the order of newer programs, equal scores go by the lengths of the sides."""
    vocab = {t: i for i, t in enumerate(tokens) if types[i] == NORMAL}
    merges = []
    for text, i in vocab.items():
        for at in range(1, len(text)):
            a, b = text[:at], text[at:]
            if a in vocab and b in vocab:
                equal = (-len(a), -len(b)) if new else (i,)
                merges.append((-scores[i], equal, vocab[a], vocab[b], a, b))
    return [(m[4], m[5]) for m in sorted(merges)]


def special(token):
    return {"SpecialToken": {"id": token, "type_id": 0}}


def wordpiece(g, opt, n):
    """tokenizer.json, its settings, and the words in their order."""
    key = "tokenizer.ggml."
    tokens, types = g.kv[key + "tokens"][:n], g.kv[key + "token_type"]
    words = []
    for text, t in zip(tokens, types):
        if t == NORMAL and text.startswith(GAP):
            text = text[1:]
        elif t == NORMAL and not (text.startswith("[") and text.endswith("]")):
            text = "##" + text
        words.append(text)
    lower = g.kv.get(key + "normalizer.lowercase", True)
    a, b = ({"Sequence": {"id": x, "type_id": i}} for i, x in enumerate("AB"))
    cls, sep = (words[g.kv.get(key + k, i)] for k, i in (("bos_token_id", 101),
                                                         ("seperator_token_id", 102)))
    post = {"type": "BertProcessing", "sep": [sep, words.index(sep)],
            "cls": [cls, words.index(cls)]}
    if not opt.get("old"):
        post = {"type": "TemplateProcessing", "single": [special(cls), a, special(sep)],
                "pair": [special(cls), a, special(sep), b, special(sep)]}
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": lower, "cls_token": cls,
                "sep_token": {"content": sep}, "unk_token": "[UNK]", "pad_token": "[PAD]",
                "mask_token": "[MASK]", "model_max_length": 512}
    return {
        "version": "1.0", "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "added_tokens": [added(i, t, True, opt) for i, t in enumerate(words)
                         if types[i] == CONTROL],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": lower},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": post,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {t: i for i, t in enumerate(words)}},
    }, settings, words


def write_pooling(folder, name, n_embd):
    os.makedirs(folder + "/1_Pooling", exist_ok=True)
    models = "sentence_transformers.models."
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    flags = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens",
             "lasttoken": "lasttoken"}
    files = {
        "modules.json": [{"idx": i, "name": str(i), "path": path, "type": models + kind}
                         for i, (path, kind) in enumerate(modules)],
        "1_Pooling/config.json": dict({"pooling_mode_" + f: k == name for k, f in flags.items()},
                                      word_embedding_dimension=n_embd),
        "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": False},
    }
    for path, value in files.items():
        with open(folder + "/" + path, "w") as out:
            json.dump(value, out)


def tokenizer(g, opt, n):
    kv = g.kv
    key = "tokenizer.ggml."
    tokens = kv.get(key + "tokens", ["tok_%d" % i for i in range(n)])[:n]
    types = kv.get(key + "token_type", [NORMAL] * len(tokens))
    model = kv.get(key + "model", "gpt2")
    is_spm = model == "llama"
    pre = kv.get(key + "pre", "gpt-2")
    new = opt.get("form") == "new"
    if is_spm:
        merges = spm_merges(tokens, types, kv[key + "scores"], new)
        if opt.get("lost"):  # as old programs wrote it: a score of 0 was none
            merges = [m for m in merges if m[0] + m[1] != merges[0][0] + merges[0][1]]
    else:
        merges = [m.split(" ") for m in kv.get(key + "merges", [])]
    keep = (NORMAL, BYTE, UNKNOWN) if is_spm else (NORMAL,)
    out = {
        "version": "1.0",
        "added_tokens": [added(i, t, types[i] != USER, opt) for i, t in enumerate(tokens)
                         if types[i] in (CONTROL, USER) or (types[i] == UNKNOWN and is_spm)],
        "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": is_spm,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "byte_fallback": is_spm, "ignore_merges": pre == "llama-bpe",
                  "vocab": {t: i for i, t in enumerate(tokens) if types[i] in keep},
                  "merges": [list(m) if new else " ".join(m) for m in merges]},
    }
    bos = kv.get(key + "bos_token_id")
    adds = kv.get(key + "add_bos_token", is_spm or pre == "llama-bpe")
    if is_spm:
        space = kv.get(key + "add_space_prefix", True)
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": GAP}
        out["model"]["unk_token"] = tokens[kv.get(key + "unknown_token_id", 0)]
        if new:
            out["pre_tokenizer"] = {"type": "Metaspace", "replacement": GAP, "split": False,
                                    "prepend_scheme": "first" if space else "never"}
        elif space:
            out["normalizer"] = {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": GAP}, replace]}
        else:
            out["normalizer"] = replace
    else:
        stages = PRES.get(pre, PRES["gpt-2"])
        out["pre_tokenizer"] = stages[0] if len(stages) == 1 else {
            "type": "Sequence", "pretokenizers": stages}
        if pre == "qwen2":
            out["normalizer"] = {"type": "NFC"}
    ends = opt.get("ends")
    if ends:  # as texts to be embedded end, whatever ends a turn
        out["post_processor"] = {"type": "Sequence", "processors": [bytes_stage(True), {
            "type": "TemplateProcessing", "pair": [], "special_tokens": {},
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, special(ends)]}]}
    elif adds and bos is not None:
        text = tokens[bos]
        post = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": text, "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {text: {"id": text, "ids": [bos], "tokens": [text]}}}
        out["post_processor"] = post if is_spm else {
            "type": "Sequence", "processors": [bytes_stage(True), post]}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    for name in ("bos", "eos", "unk", "pad"):
        i = kv.get(key + {"unk": "unknown", "pad": "padding"}.get(name, name) + "_token_id")
        if i is not None and i < len(tokens):
            settings[name + "_token"] = tokens[i] if name != "eos" else {"content": tokens[i]}
    if is_spm:
        settings["add_bos_token"] = bool(adds)
    return out, settings, kv.get("tokenizer.chat_template")


def main():
    opt = dict(a.split("=", 1) for a in sys.argv[3:])
    g = Gguf(sys.argv[1])
    folder = sys.argv[2]
    f = Folder(g, opt.get("family", g.kv["general.architecture"]), opt)
    os.makedirs(folder, exist_ok=True)
    keep = f.tensors()
    write_weights(folder, f.out, int(opt.get("shards", 1)))
    if "ref" in opt:
        write_gguf(opt["ref"], g, keep, f.other)
    config = f.config()
    n = (config.get("text_config") or config)["vocab_size"]
    words = Gguf(opt["vocab"]) if "vocab" in opt else g
    is_wpm = words.kv.get("tokenizer.ggml.model") == "bert"
    tok, settings, chat = (wordpiece if is_wpm else tokenizer)(words, opt, n)
    if is_wpm:
        if opt.get("words"):
            with open(folder + "/vocab.txt", "w") as out:
                out.write("".join(w + "\n" for w in chat))
        chat = None
    if opt.get("pooling"):
        write_pooling(folder, opt["pooling"], config["hidden_size"])
    if chat is not None and opt.get("form") == "new":
        with open(folder + "/chat_template.jinja", "w") as out:
            out.write(chat)
    elif chat is not None:
        settings["chat_template"] = chat
    for name, value in (("config", config), ("tokenizer", tok), ("tokenizer_config", settings),
                        ("generation_config", {"eos_token_id": [2, 1]})):
        if name == "tokenizer" and opt.get("words"):
            continue
        with open("%s/%s.json" % (folder, name), "w") as out:
            json.dump(value, out, ensure_ascii=name == "config", indent=1)


if __name__ == "__main__":
    main()
