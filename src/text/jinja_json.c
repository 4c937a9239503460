/* jinja_json.c - the tojson filter: Python's json.dumps, byte for byte. */
#include "text/jinja.h"

typedef struct Dump {
    HthJVm *vm;
    HthJSb *sb;
    const HthJJsonStyle *st;
} Dump;

typedef struct Chain { /* containers being written, to refuse circles */
    const struct Chain *up;
    const void *what;
} Chain;

static HthStatus unicode_escape(const Dump *d, uint32_t unit) {
    char text[6] = { '\\', 'u' };
    for (int i = 5; i >= 2; i--, unit >>= 4) text[i] = "0123456789abcdef"[unit & 15];
    return hth_j_add(d->vm, d->sb, (HthStr){ text, 6 });
}

static HthStatus dump_char(const Dump *d, HthStr s, size_t at, size_t len, uint32_t cp) {
    static const char plain[] = "\"\"\\\\\nn\rr\tt\ff\bb";
    for (size_t i = 0; i + 1 < sizeof plain; i += 2) {
        if ((uint32_t)plain[i] != cp) continue;
        return hth_j_add(d->vm, d->sb, (HthStr){ (char[]){ '\\', plain[i + 1] }, 2 });
    }
    if (cp < 0x20) return unicode_escape(d, cp);
    if (cp < 0x80 || !d->st->ensure_ascii) return hth_j_add(d->vm, d->sb, hth_str_sub(s, at, len));
    if (cp < 0x10000) return unicode_escape(d, cp);
    HTH_TRY(unicode_escape(d, 0xD800 + ((cp - 0x10000) >> 10)));
    return unicode_escape(d, 0xDC00 + ((cp - 0x10000) & 0x3FF));
}

static bool needs_escape(const Dump *d, unsigned char c) {
    return c < 0x20 || c == '"' || c == '\\' || (c >= 0x80 && d->st->ensure_ascii);
}

static HthStatus dump_str(const Dump *d, HthStr s) {
    HTH_TRY(hth_j_add_char(d->vm, d->sb, '"'));
    for (size_t i = 0, len; i < s.n; i += len) {
        for (len = 0; i + len < s.n && !needs_escape(d, (unsigned char)s.p[i + len]);) len++;
        if (len) {
            HTH_TRY(hth_j_add(d->vm, d->sb, hth_str_sub(s, i, len)));
            continue;
        }
        uint32_t cp = hth_j_cp_at(s, i, &len);
        HTH_TRY(dump_char(d, s, i, len, cp));
    }
    return hth_j_add_char(d->vm, d->sb, '"');
}

static HthStatus dump_float(const Dump *d, double f) {
    if (f != f) return hth_j_add(d->vm, d->sb, HTH_STR("NaN"));
    if (f - f != 0) return hth_j_add(d->vm, d->sb, hth_str(f > 0 ? "Infinity" : "-Infinity"));
    return hth_j_add_float(d->vm, d->sb, f);
}

static HthStatus line(const Dump *d, uint32_t level) {
    if (!d->st->pretty) return HTH_OK;
    HTH_TRY(hth_j_add_char(d->vm, d->sb, '\n'));
    return hth_j_add_fill(d->vm, d->sb, d->st->indent, level);
}

static HthStatus dump(const Dump *d, HthJVal v, uint32_t level, const Chain *up);

static HthStatus dump_list(const Dump *d, const HthJSeq *seq, uint32_t level, const Chain *here) {
    if (seq->n == 0) return hth_j_add(d->vm, d->sb, HTH_STR("[]"));
    HTH_TRY(hth_j_add_char(d->vm, d->sb, '['));
    for (uint32_t i = 0; i < seq->n; i++) {
        if (i) HTH_TRY(hth_j_add(d->vm, d->sb, d->st->comma));
        HTH_TRY(line(d, level + 1));
        HTH_TRY(dump(d, seq->v[i], level + 1, here));
    }
    HTH_TRY(line(d, level));
    return hth_j_add_char(d->vm, d->sb, ']');
}

static HthStatus dump_key(const Dump *d, HthJVal k) {
    if (k.kind == HTH_J_STR) return dump_str(d, hth_j_text(k));
    if (!hth_j_is_num(k) && k.kind != HTH_J_NONE)
        return HTH_J_FAIL(d->vm, HTH_EINVAL, "tojson: a dict has a %s as key", hth_j_type(k));
    HTH_TRY(hth_j_add_char(d->vm, d->sb, '"'));
    HTH_TRY(dump(d, k, 0, NULL));
    return hth_j_add_char(d->vm, d->sb, '"');
}

/* The entries of a dict in the order they are written. */
static HthStatus ordered(const Dump *d, const HthJDict *dict, HthJVal *out) {
    HthJVal list, keys;
    HTH_TRY(hth_j_list(
        d->vm,
        (HthJVal){ .kind = HTH_J_VIEW, .sub = HTH_J_ITEMS, .u.dict = (HthJDict *)(uintptr_t)dict },
        &list));
    *out = list;
    if (!d->st->sort_keys) return HTH_OK;
    HTH_TRY(hth_j_seq(d->vm, HTH_J_LIST, dict->live, &keys));
    for (uint32_t i = 0; i < list.u.seq->n; i++)
        HTH_TRY(hth_j_push(d->vm, keys.u.seq, list.u.seq->v[i].u.seq->v[0]));
    return hth_j_sort(d->vm, keys.u.seq->v, list.u.seq->v, list.u.seq->n, false);
}

static HthStatus dump_dict(const Dump *d, const HthJDict *dict, uint32_t level, const Chain *here) {
    HthJVal items;
    if (dict->live == 0) return hth_j_add(d->vm, d->sb, HTH_STR("{}"));
    HTH_TRY(ordered(d, dict, &items));
    HTH_TRY(hth_j_add_char(d->vm, d->sb, '{'));
    for (uint32_t i = 0; i < items.u.seq->n; i++) {
        const HthJVal *kv = items.u.seq->v[i].u.seq->v;
        if (i) HTH_TRY(hth_j_add(d->vm, d->sb, d->st->comma));
        HTH_TRY(line(d, level + 1));
        HTH_TRY(dump_key(d, kv[0]));
        HTH_TRY(hth_j_add(d->vm, d->sb, d->st->colon));
        HTH_TRY(dump(d, kv[1], level + 1, here));
    }
    HTH_TRY(line(d, level));
    return hth_j_add_char(d->vm, d->sb, '}');
}

static HthStatus dump_any(const Dump *d, HthJVal v, uint32_t level, const Chain *up) {
    const Chain here = { up, v.u.s };
    switch (v.kind) {
    case HTH_J_NONE: return hth_j_add(d->vm, d->sb, HTH_STR("null"));
    case HTH_J_BOOL: return hth_j_add(d->vm, d->sb, hth_str(v.u.i ? "true" : "false"));
    case HTH_J_INT: return hth_j_add_int(d->vm, d->sb, v.u.i);
    case HTH_J_FLOAT: return dump_float(d, v.u.f);
    case HTH_J_STR: return dump_str(d, hth_j_text(v));
    case HTH_J_LIST:
    case HTH_J_TUPLE:
    case HTH_J_DICT:
        for (const Chain *c = up; c; c = c->up)
            HTH_J_REQUIRE(c->what != v.u.s, d->vm, "tojson: a value contains itself");
        return v.kind == HTH_J_DICT ? dump_dict(d, v.u.dict, level, &here)
                                    : dump_list(d, v.u.seq, level, &here);
    default:
        return HTH_J_FAIL(d->vm, HTH_EINVAL, "tojson cannot write a value of type %s",
                          hth_j_type(v));
    }
}

static HthStatus dump(const Dump *d, HthJVal v, uint32_t level, const Chain *up) {
    HTH_TRY(hth_j_enter(d->vm));
    HthStatus st = dump_any(d, v, level, up);
    hth_j_leave(d->vm);
    return st;
}

HthStatus hth_j_add_json(HthJVm *vm, HthJSb *sb, HthJVal v, const HthJJsonStyle *st) {
    return dump(&(Dump){ vm, sb, st }, v, 0, NULL);
}
