#!/usr/bin/env python3
"""audit_verify.py FOLDER [--pin FILE]... - verifies an audit log of hearth, written from its
specification (docs/formats/audit.md) alone and with nothing but Python's own library.

Prints one line; exit status 0: the log holds, 1: it does not, and what.  Tiles are checked too.
"""
import base64, hashlib, json, os, struct, sys  # noqa: E401

MAGIC = b"hearth audit log, version 1    \n"
TREES = (("sha3", "/sha3", hashlib.sha3_256), ("sha256", "", hashlib.sha256))

class Bad(Exception):
    """What does not hold."""

def need(truth, sentence):
    if not truth:
        raise Bad(sentence)

# ---- Ed25519, RFC 8032 5.1.7, with the strictness of docs/formats/audit.md ---------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def plus(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, p):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = plus(out, p)
        p, n = plus(p, p), n >> 1
    return out

def point(raw):
    y, sign = int.from_bytes(raw, "little") & (2**255 - 1), raw[31] >> 7
    need(y < P, "a point is not written the one way")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - x2) % P == 0 and (x or not sign), "there is no such point")
    return (x, y, 1, x * y % P) if x & 1 == sign else (P - x, y, 1, (P - x) * y % P)

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def signed(key, text, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    need(s < L, "a signature is not written the one way")
    a, rp = point(key), point(r)
    for p in (a, rp):  # of small order: anybody's
        q = times(8, p)
        need(q[0] % P or (q[1] - q[2]) % P, "a point of small order")
    h = int.from_bytes(hashlib.sha512(r + key + text).digest(), "little") % L
    left, right = times(s, BASE), plus(rp, times(h, a))
    need((left[0] * right[2] - right[0] * left[2]) % P == 0 and
         (left[1] * right[2] - right[1] * left[2]) % P == 0, "a signature does not hold")

# ---- c2sp.org/signed-note and tlog-checkpoint ---------------------------------------------------
def unbase(text, n, what):
    raw = base64.b64decode(text, validate=True)
    need(len(raw) == n and base64.b64encode(raw) == text, f"{what} is not base64 of {n} bytes")
    return raw

def vkey(line):
    name, key_id, key = line.split(b"+", 2)
    raw = unbase(key, 33, "a key")
    need(raw[0] == 1 and hashlib.sha256(name + b"\n" + raw).hexdigest()[:8].encode() == key_id,
         "the id of a key is not that of its name and key")
    return name, bytes.fromhex(key_id.decode()), raw[1:]

def checkpoint(note, key):
    name, key_id, public = key
    need(not any(c < 32 and c != 10 for c in note.decode("utf-8").encode()), "not a note")
    text, _, lines = note.rpartition(b"\n\n")
    text, ours = text + b"\n", False
    need(text != b"\n" and lines.endswith(b"\n"), "not a note")
    for line in lines[:-1].split(b"\n"):
        dash, who, raw = line.split(b" ")
        need(dash == "\u2014".encode() and who and len(raw) >= 8, "not a signature of a note")
        if who == name and base64.b64decode(raw, validate=True)[:4] == key_id:
            signed(public, text, unbase(raw, 68, "a signature")[4:])
            ours = True
    need(ours, "a checkpoint is not signed by the log's key")
    origin, size, root, rest = text.split(b"\n", 3)
    need(origin == name and rest == b"" and str(int(size)).encode() == size, "not a checkpoint")
    return int(size), unbase(root, 32, "a root")

# ---- records and trees -------------------------------------------------------------------------
CRC = list(range(256))
for _ in range(8):
    CRC = [c >> 1 ^ (0x82F63B78 if c & 1 else 0) for c in CRC]

def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = CRC[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF

def records(log):
    need(log[:32] == MAGIC, "not an audit log")
    at, index, before = 32, 0, 0
    while at < len(log):
        where = f"at byte {at}, entry {index}"
        need(len(log) - at >= 32 and log[at:at + 4] == b"hRec", f"damaged {where}")
        n, m, number, synced, crc = struct.unpack("<IIQQI", log[at + 4:at + 32])
        end = at + 32 + n + m
        need(n <= 65535 and m <= 1 << 24 and end <= len(log), f"damaged {where}")
        need(crc == crc32c(log[at:at + 28] + log[at + 32:end]), f"damaged {where}")
        need(number == index and before <= synced <= index, f"out of order {where}")
        yield log[at + 32:at + 32 + n], log[at + 32 + n:end]
        at, index, before = end, index + 1, synced

class Tree:
    def __init__(self, hash_of):
        self.hash, self.levels = hash_of, []  # levels[h]: every whole subtree of height h

    def append(self, entry):
        node, h = self.hash(b"\0" + entry).digest(), 0
        while True:
            if h == len(self.levels):
                self.levels.append([])
            self.levels[h].append(node)
            if len(self.levels[h]) % 2:
                return
            node, h = self.hash(b"\1" + self.levels[h][-2] + node).digest(), h + 1

    def part(self, start, n):  # RFC 9162, 2.1.1: the root of n leaves from start
        if n == 0:
            return self.hash(b"").digest()
        if n & n - 1 == 0:
            return self.levels[n.bit_length() - 1][start // n]
        k = 1 << (n - 1).bit_length() - 1
        return self.hash(b"\1" + self.part(start, k) + self.part(start + k, n - k)).digest()

def tiles(tree, folder, size):  # c2sp.org/tlog-tiles; one that is missing is made again
    for level in range(8):
        hashes = size >> 8 * level
        for n in range((hashes + 255) // 256):
            row = tree.levels[8 * level][n * 256:min(hashes, n * 256 + 256)]
            digits = f"{n:03d}".zfill(-(-len(f"{n:03d}") // 3) * 3)
            parts = [digits[i:i + 3] for i in range(0, len(digits), 3)]
            path = os.path.join(folder, "tile", str(level), *["x" + p for p in parts[:-1]], parts[-1])
            path += f".p/{len(row)}" if len(row) < 256 else ""
            if os.path.exists(path):
                with open(path, "rb") as f:
                    need(f.read() == b"".join(row), f"{path} is not what the entries give")

def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()

def verify(folder, pins):
    lines = read(folder, "vkey").split(b"\n")
    need(len(lines) == 3 and lines[2] == b"", "vkey is not as hearth wrote it")
    keys, marks = [vkey(line) for line in lines[:2]], [[], []]
    need(keys[0][0] == keys[1][0] + b"/sha3" and keys[0][2] == keys[1][2], "vkey: two logs")
    for t, (name, _, _) in enumerate(TREES):
        if os.path.exists(os.path.join(folder, name, "checkpoint")):
            marks[t].append(("signed", *checkpoint(read(folder, name, "checkpoint"), keys[t])))
    for pin in pins:
        note = read(pin)
        t = 0 if note.split(b"\n", 1)[0] == keys[0][0] else 1
        marks[t].append(("pinned", *checkpoint(note, keys[t])))
    trees, kinds = [Tree(hash_of) for _, _, hash_of in TREES], []
    for entry, sealed in records(read(folder, "log")):
        said, index = json.loads(entry), len(kinds)
        kinds.append(said["type"])
        if "sealed" in said or sealed:
            need(hashlib.sha3_256(sealed).hexdigest() == said.get("sealed"),
                 f"entry {index}: what is sealed is not what it says")
        if said["type"] == "checkpoint":
            roots = [tree.part(0, index).hex() for tree in trees]
            need([said["root_sha3"], said["root_sha256"]] == roots and said["size"] == index + 1,
                 f"entry {index} speaks of another log")
        for tree in trees:
            tree.append(entry)
    for t, tree in enumerate(trees):
        for who, size, root in marks[t]:
            need(size <= len(kinds), f"cut: {size} entries were {who}, {len(kinds)} are there")
            need(tree.part(0, size) == root, f"not the log that was {who} at {size} entries")
            need(size and kinds[size - 1] == "checkpoint", f"{who} at {size}, unknown to the log")
            if who == "signed":
                tiles(tree, os.path.join(folder, TREES[t][0]), size)
    return len(kinds), trees[0].part(0, len(kinds)).hex()

if __name__ == "__main__":
    args = sys.argv[1:]
    if not args or len(args) % 2 == 0 or any(a != "--pin" for a in args[1::2]):
        sys.exit(__doc__)
    try:
        print("holds: %d entries, sha3 root %s" % verify(args[0], args[2::2]))
    except (Bad, ValueError, KeyError, IndexError, TypeError, OSError) as e:
        sys.exit(f"does not hold: {e}")
