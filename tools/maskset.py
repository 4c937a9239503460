#!/usr/bin/env python3
"""maskset.py SUITE - two hundred JSON Schemas, a line each, for maskbench.

A hundred come from the official suite (the folder json-schema of the parity data), drawn evenly; a
hundred are made up like those of real applications: records, lists of records, calls of tools.
The same lines every time.
"""
import glob
import json
import random
import sys

# what hth_schema refuses, and with it what only refers elsewhere
SKIP = ("dynamic", "unevaluated", "uniqueItems", "localhost", "idn-", "hostname", '"regex"',
        "$id", "$anchor", "metaschema", "draft", "vocabulary", "multipleOf", "contains", "not", "if", "oneOf",
        "iri", "ecmascript", "1e308", "depend", "unknown", "[false, false]", "184467440",
        "$defs/bool")
WORDS = """id name title email age price tags items status created_at updated_at address city zip
country phone url description quantity sku total currency lat lon score rating comment author role
enabled level kind type value unit start end count page size sort order color width height weight
notes summary priority due assignee labels steps result error code message data payload user account
balance invoice line_items discount tax shipping_address billing_address first_name last_name
birth_date""".split()
PATTERNS = ["^[A-Z]{2,3}-[0-9]{3,6}$", "^[a-z][a-z0-9_]*$", "^\\+?[0-9 ]{6,15}$",
            "^#[0-9a-fA-F]{6}$"]
FORMATS = ["date-time", "date", "email", "uuid", "uri", "ipv4"]


def suite(folder):
    for path in sorted(glob.glob(folder + "/tests/**/*.json", recursive=True)):
        for group in json.load(open(path)):
            text = json.dumps({k: v for k, v in group["schema"].items() if k != "$schema"}
                              if isinstance(group["schema"], dict) else group["schema"])
            if len(text) > 20 and not any(word in text for word in SKIP):
                yield text


def leaf(r):
    at = r.random()
    if at < .30:
        return {"type": "string"}
    if at < .38:
        return {"type": "string", "maxLength": r.choice([10, 40, 100, 255]),
                "minLength": r.choice([0, 1])}
    if at < .44:
        return {"type": "string", "pattern": r.choice(PATTERNS)}
    if at < .50:
        return {"type": "string", "format": r.choice(FORMATS)}
    if at < .56:
        return {"type": "integer", "minimum": 0, "maximum": r.choice([10, 150, 100000])}
    if at < .62:
        return {"type": "integer"}
    if at < .70:
        return {"type": "number"}
    if at < .78:
        return {"type": "boolean"}
    if at < .92:
        return {"enum": r.sample(WORDS, r.randint(2, 8))}
    return {"type": ["string", "null"]}


def record(r, depth):
    keys = r.sample(WORDS, r.randint(2, 9))
    schema = {"type": "object", "properties": {k: value(r, depth - 1) for k in keys},
              "required": r.sample(keys, r.randint(1, len(keys)))}
    if r.random() < .7:
        schema["additionalProperties"] = False
    return schema


def value(r, depth):
    at = r.random()
    if depth <= 0 or at < .6:
        return leaf(r)
    if at < .8:
        return record(r, depth)
    if at < .95:
        schema = {"type": "array", "items": value(r, depth - 1)}
        if r.random() < .5:
            schema.update(minItems=r.randint(0, 2), maxItems=r.randint(3, 12))
        return schema
    return {"anyOf": [record(r, depth - 1), leaf(r)]}


def call(r):
    return {"type": "object", "required": ["name", "arguments"], "additionalProperties": False,
            "properties": {"name": {"const": "get_" + r.choice(WORDS)},
                           "arguments": record(r, 2)}}


def main():
    r = random.Random(4)
    lines = [json.dumps(record(r, 3)) for _ in range(60)]
    lines += [json.dumps({"type": "array", "items": record(r, 2), "minItems": 1})
              for _ in range(20)]
    lines += [json.dumps({"anyOf": [call(r) for _ in range(r.randint(1, 5))]}) for _ in range(20)]
    lines += r.sample(list(suite(sys.argv[1])), 200 - len(lines))
    r.shuffle(lines)
    print("\n".join(lines))


main()
