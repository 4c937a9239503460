#!/usr/bin/env python3
"""peft.py - the folder of PEFT's that a GGUF adapter would have been made of, to import it again.

usage: peft.py ADAPTER.gguf BASE.gguf FOLDER [option=value ...]
  root=1           its strength is by the root of the rank: the same numbers, said otherwise
  drop=NAME        without this tensor          extra=NAME       with one more, of four numbers
  rename=OLD,NEW   another name                 cut=N            without the file's last N bytes
  type=F16         tensors cut to that (they must be floats of 32 bits)
  set.KEY=JSON     a key of adapter_config.json
"""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hf import Gguf  # noqa: E402

SIZE = {"F32": 4, "F16": 2}
PLACES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
          "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
          "ffn_down": "mlp.down_proj"}


def rows_of(g, name):
    ne, kind, off = g.tensors[name]
    assert kind == 0, "floats of 32 bits are wanted"
    at = g.data + off
    return [g.b[at + r * ne[0] * 4:at + (r + 1) * ne[0] * 4] for r in range(ne[1])]


def two_halves(rows, heads):
    """Pairs of neighbours to two halves that rotate against each other."""
    dim, out = len(rows) // heads, []
    for h in range(heads):
        head = rows[h * dim:(h + 1) * dim]
        out += head[0::2] + head[1::2]
    return out


def main():
    lora, base, folder = Gguf(sys.argv[1]), Gguf(sys.argv[2]), sys.argv[3]
    opt = dict(a.split("=", 1) for a in sys.argv[4:])
    arch = base.kv["general.architecture"]
    heads = base.kv[arch + ".attention.head_count"]
    kv = base.kv.get(arch + ".attention.head_count_kv", heads)
    tensors, rank = {}, 0
    for name in lora.tensors:
        _, layer, part, _, half = name.split(".")
        rows = rows_of(lora, name)
        if half == "lora_b" and arch == "llama" and part in ("attn_q", "attn_k"):
            rows = two_halves(rows, heads if part == "attn_q" else kv)
        if half == "lora_a":
            rank = len(rows)
        full = "base_model.model.model.layers.%s.%s.lora_%s.weight" % (layer, PLACES[part],
                                                                     half[-1].upper())
        tensors[full] = (rows, len(rows[0]) // 4)
    alpha = lora.kv["adapter.lora.alpha"]
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "bias": "none",
              "target_modules": sorted(v.split(".")[1] for v in PLACES.values()),
              "use_dora": False, "use_rslora": False, "rank_pattern": {}, "alpha_pattern": {},
              "fan_in_fan_out": False, "modules_to_save": None, "init_lora_weights": True}
    if "root" in opt:
        config.update(use_rslora=True, lora_alpha=alpha / rank ** 0.5)
    config.update((k[4:], json.loads(v)) for k, v in opt.items() if k.startswith("set."))
    if "drop" in opt:
        del tensors[opt["drop"]]
    if "rename" in opt:
        old, new = opt["rename"].split(",")
        tensors[new] = tensors.pop(old)
    if "extra" in opt:
        tensors[opt["extra"]] = ([struct.pack("<4f", 1, 2, 3, 4)], 4)
    kind = opt.get("type", "F32")
    header, data = {}, b""
    for name, (rows, cols) in tensors.items():
        body = b"".join(rows)
        if kind == "F16":
            n = len(body) // 4
            body = struct.pack("<%de" % n, *struct.unpack("<%df" % n, body))
        header[name] = {"dtype": kind, "shape": [len(rows), cols],
                        "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    text = json.dumps(header).encode()
    whole = struct.pack("<Q", len(text)) + text + data
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "adapter_model.safetensors"), "wb") as f:
        f.write(whole[:len(whole) - int(opt.get("cut", 0))])
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        json.dump(config, f)


if __name__ == "__main__":
    main()
