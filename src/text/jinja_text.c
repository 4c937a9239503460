/* jinja_text.c - growing strings in the arena: str(), repr() and json.dumps() of every value. */
#include "text/jinja.h"

/* --- appending --- */
HthStatus hth_j_add(HthJVm *vm, HthJSb *sb, HthStr s) {
    if (s.n > sb->cap - sb->n) {
        HTH_REQUIRE(s.n < UINT32_MAX - sb->n, vm->err, HTH_ELIMIT, "a string passes 4 GiB");
        size_t cap = sb->cap * 2 > sb->n + s.n ? sb->cap * 2 : sb->n + s.n + 32;
        char *grown;
        HTH_TRY(hth_j_take_text(vm, cap, &grown));
        if (sb->n) memcpy(grown, sb->p, sb->n);
        hth_j_mark_copy(vm, grown, sb->p, sb->n);
        sb->p = grown;
        sb->cap = cap;
    }
    if (sb == &vm->root && s.n > vm->output_max - sb->n)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "the render writes more than %zu bytes", vm->output_max);
    HTH_TRY(hth_j_work(vm, s.n));
    if (s.n) memcpy(sb->p + sb->n, s.p, s.n);
    hth_j_mark_copy(vm, sb->p + sb->n, s.p, s.n);
    sb->n += s.n;
    return HTH_OK;
}

#define SPARE_MIN 1024 /* shorter strings are not worth remembering */

void hth_j_resume(HthJVm *vm, HthJVal v, HthJSb *sb) {
    *sb = (HthJSb){ 0 };
    for (size_t i = 0; v.kind == HTH_J_STR && v.n >= SPARE_MIN && i < HTH_COUNT(vm->spare); i++) {
        if (vm->spare[i].p != v.u.s || vm->spare[i].n != v.n) continue;
        *sb = vm->spare[i];
        vm->spare[i] = (HthJSb){ 0 }; /* the room is given away once */
        return;
    }
}

void hth_j_keep(HthJVm *vm, const HthJSb *sb) {
    if (sb->n < SPARE_MIN || sb->n == sb->cap) return;
    vm->spare[vm->spare_at] = *sb;
    vm->spare_at = (vm->spare_at + 1) % HTH_COUNT(vm->spare);
}

HthStatus hth_j_add_char(HthJVm *vm, HthJSb *sb, char c) {
    return hth_j_add(vm, sb, (HthStr){ &c, 1 });
}

HthStatus hth_j_add_cp(HthJVm *vm, HthJSb *sb, uint32_t cp) {
    char c[4];
    return hth_j_add(vm, sb, (HthStr){ c, hth_utf8_encode(cp, c) });
}

HthStatus hth_j_add_fill(HthJVm *vm, HthJSb *sb, HthStr unit, size_t times) {
    size_t total;
    if (unit.n == 0 || times == 0) return HTH_OK;
    if (__builtin_mul_overflow(unit.n, times, &total) || total > vm->bytes_max - vm->bytes)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "the render needs more than %zu MiB of memory",
                          vm->bytes_max >> 20);
    HthJSb room = { .cap = total };
    HTH_TRY(hth_j_take_text(vm, total, &room.p));
    memcpy(room.p, unit.p, unit.n);
    hth_j_mark_copy(vm, room.p, unit.p, unit.n);
    for (room.n = unit.n; room.n < total;) { /* doubling */
        size_t k = room.n < total - room.n ? room.n : total - room.n;
        memcpy(room.p + room.n, room.p, k);
        hth_j_mark_copy(vm, room.p + room.n, room.p, k);
        room.n += k;
    }
    if (sb->n == 0 && sb != &vm->root) {
        HTH_TRY(hth_j_work(vm, total));
        *sb = room;
        return HTH_OK;
    }
    return hth_j_add(vm, sb, (HthStr){ room.p, room.n });
}

HthStatus hth_j_add_int(HthJVm *vm, HthJSb *sb, int64_t i) {
    char text[24];
    size_t at = sizeof text;
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do {
        text[--at] = (char)('0' + u % 10);
    } while ((u /= 10) != 0);
    if (i < 0) text[--at] = '-';
    return hth_j_add(vm, sb, (HthStr){ text + at, sizeof text - at });
}

HthStatus hth_j_add_escaped(HthJVm *vm, HthJSb *sb, HthStr s) {
    static const struct {
        char c;
        const char *with;
    } escapes[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&#34;" }, { '\'', "&#39;" }
    };
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        for (size_t k = 0; k < HTH_COUNT(escapes); k++) {
            if (s.p[i] != escapes[k].c) continue;
            HTH_TRY(hth_j_add(vm, sb, hth_str_sub(s, from, i - from)));
            HTH_TRY(hth_j_add(vm, sb, hth_str(escapes[k].with)));
            from = i + 1;
        }
    }
    return hth_j_add(vm, sb, hth_str_sub(s, from, s.n - from));
}

/* --- repr --- */
static HthStatus add_hex(HthJVm *vm, HthJSb *sb, const char *prefix, uint32_t v, int digits) {
    char text[8];
    for (int i = digits - 1; i >= 0; i--, v >>= 4) text[i] = "0123456789abcdef"[v & 15];
    HTH_TRY(hth_j_add(vm, sb, hth_str(prefix)));
    return hth_j_add(vm, sb, (HthStr){ text, (size_t)digits });
}

static HthStatus repr_str(HthJVm *vm, HthJSb *sb, HthStr s) {
    bool single = memchr(s.p, '\'', s.n) != NULL, dbl = memchr(s.p, '"', s.n) != NULL;
    char quote = single && !dbl ? '"' : '\'';
    HTH_TRY(hth_j_add_char(vm, sb, quote));
    for (size_t i = 0, len; i < s.n; i += len) {
        uint32_t cp = hth_j_cp_at(s, i, &len);
        if (cp == (uint32_t)quote || cp == '\\') {
            HTH_TRY(hth_j_add_char(vm, sb, '\\'));
            HTH_TRY(hth_j_add_char(vm, sb, (char)cp));
        } else if (cp == '\n' || cp == '\r' || cp == '\t') {
            HTH_TRY(hth_j_add(vm, sb, hth_str(cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t")));
        } else if (!hth_j_class(cp, HTH_J_PRINTABLE)) {
            HTH_TRY(cp < 0x100     ? add_hex(vm, sb, "\\x", cp, 2)
                    : cp < 0x10000 ? add_hex(vm, sb, "\\u", cp, 4)
                                   : add_hex(vm, sb, "\\U", cp, 8));
        } else {
            HTH_TRY(hth_j_add(vm, sb, hth_str_sub(s, i, len)));
        }
    }
    return hth_j_add_char(vm, sb, quote);
}

/* Containers being printed, innermost first: one that contains itself prints as [...]. */
typedef struct Chain {
    const struct Chain *up;
    const void *what;
} Chain;

static bool in_chain(const Chain *c, const void *what) {
    for (; c; c = c->up)
        if (c->what == what) return true;
    return false;
}

static HthStatus repr(HthJVm *vm, HthJSb *sb, HthJVal v, const Chain *up);

static HthStatus repr_items(HthJVm *vm, HthJSb *sb, const HthJSeq *seq, const Chain *here,
                            const char *marks) {
    HTH_TRY(hth_j_add_char(vm, sb, marks[0]));
    for (uint32_t i = 0; i < seq->n; i++) {
        if (i) HTH_TRY(hth_j_add(vm, sb, HTH_STR(", ")));
        HTH_TRY(repr(vm, sb, seq->v[i], here));
    }
    if (marks[0] == '(' && seq->n == 1) HTH_TRY(hth_j_add_char(vm, sb, ','));
    return hth_j_add_char(vm, sb, marks[1]);
}

static HthStatus repr_dict(HthJVm *vm, HthJSb *sb, const HthJDict *d, const Chain *here) {
    HTH_TRY(hth_j_add_char(vm, sb, '{'));
    bool first = true;
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->e[i].k.kind == HTH_J_ABSENT) continue;
        if (!first) HTH_TRY(hth_j_add(vm, sb, HTH_STR(", ")));
        first = false;
        HTH_TRY(repr(vm, sb, d->e[i].k, here));
        HTH_TRY(hth_j_add(vm, sb, HTH_STR(": ")));
        HTH_TRY(repr(vm, sb, d->e[i].v, here));
    }
    return hth_j_add_char(vm, sb, '}');
}

static HthStatus repr_view(HthJVm *vm, HthJSb *sb, HthJVal v, const Chain *here) {
    static const char *const names[] = { "dict_keys", "dict_values", "dict_items" };
    HthJVal list;
    HTH_TRY(hth_j_list(vm, v, &list));
    HTH_TRY(hth_j_add(vm, sb, hth_str(names[v.sub])));
    HTH_TRY(hth_j_add_char(vm, sb, '('));
    HTH_TRY(repr_items(vm, sb, list.u.seq, here, "[]"));
    return hth_j_add_char(vm, sb, ')');
}

static HthStatus repr_range(HthJVm *vm, HthJSb *sb, const HthJRange *r) {
    HTH_TRY(hth_j_add(vm, sb, HTH_STR("range(")));
    HTH_TRY(hth_j_add_int(vm, sb, r->start));
    HTH_TRY(hth_j_add(vm, sb, HTH_STR(", ")));
    HTH_TRY(hth_j_add_int(vm, sb, r->stop));
    if (r->step != 1) {
        HTH_TRY(hth_j_add(vm, sb, HTH_STR(", ")));
        HTH_TRY(hth_j_add_int(vm, sb, r->step));
    }
    return hth_j_add_char(vm, sb, ')');
}

static HthStatus repr_container(HthJVm *vm, HthJSb *sb, HthJVal v, const Chain *up) {
    const Chain here = { up, v.u.s };
    if (in_chain(up, v.u.s))
        return hth_j_add(vm, sb,
                         hth_str(v.kind == HTH_J_LIST    ? "[...]"
                                 : v.kind == HTH_J_TUPLE ? "(...)"
                                 : v.kind == HTH_J_SPACE ? "<Namespace ...>"
                                                         : "{...}"));
    switch (v.kind) {
    case HTH_J_LIST: return repr_items(vm, sb, v.u.seq, &here, "[]");
    case HTH_J_TUPLE: return repr_items(vm, sb, v.u.seq, &here, "()");
    case HTH_J_VIEW: return repr_view(vm, sb, v, &here);
    case HTH_J_SPACE:
        HTH_TRY(hth_j_add(vm, sb, HTH_STR("<Namespace ")));
        HTH_TRY(repr_dict(vm, sb, v.u.dict, &here));
        return hth_j_add_char(vm, sb, '>');
    default: return repr_dict(vm, sb, v.u.dict, &here);
    }
}

static HthStatus repr(HthJVm *vm, HthJSb *sb, HthJVal v, const Chain *up) {
    HthStatus st = HTH_OK;
    HTH_TRY(hth_j_enter(vm));
    switch (v.kind) {
    case HTH_J_NONE: st = hth_j_add(vm, sb, HTH_STR("None")); break;
    case HTH_J_UNDEF: st = hth_j_add(vm, sb, HTH_STR("Undefined")); break;
    case HTH_J_BOOL: st = hth_j_add(vm, sb, hth_str(v.u.i ? "True" : "False")); break;
    case HTH_J_INT: st = hth_j_add_int(vm, sb, v.u.i); break;
    case HTH_J_FLOAT: st = hth_j_add_float(vm, sb, v.u.f); break;
    case HTH_J_STR:
        if (v.sub) st = hth_j_add(vm, sb, HTH_STR("Markup("));
        if (st == HTH_OK) st = repr_str(vm, sb, hth_j_text(v));
        if (st == HTH_OK && v.sub) st = hth_j_add_char(vm, sb, ')');
        break;
    case HTH_J_LIST:
    case HTH_J_TUPLE:
    case HTH_J_DICT:
    case HTH_J_VIEW:
    case HTH_J_SPACE: st = repr_container(vm, sb, v, up); break;
    case HTH_J_RANGE: st = repr_range(vm, sb, v.u.range); break;
    case HTH_J_LOOP:
        st = hth_j_add(vm, sb, HTH_STR("<LoopContext "));
        if (st == HTH_OK) st = hth_j_add_int(vm, sb, (int64_t)v.u.loop->index0 + 1);
        if (st == HTH_OK) st = hth_j_add_char(vm, sb, '/');
        if (st == HTH_OK) st = hth_j_add_int(vm, sb, v.u.loop->length);
        if (st == HTH_OK) st = hth_j_add_char(vm, sb, '>');
        break;
    default: /* Python prints an address; an answer must not depend on one */
        st = HTH_J_FAIL(vm, HTH_ENOTSUP, "printing a %s is not supported", hth_j_type(v));
    }
    hth_j_leave(vm);
    return st;
}

HthStatus hth_j_add_repr(HthJVm *vm, HthJSb *sb, HthJVal v) {
    return repr(vm, sb, v, NULL);
}

HthStatus hth_j_add_str(HthJVm *vm, HthJSb *sb, HthJVal v) {
    if (v.kind == HTH_J_STR) return hth_j_add(vm, sb, hth_j_text(v));
    if (v.kind == HTH_J_UNDEF) return HTH_OK;
    return repr(vm, sb, v, NULL);
}

HthStatus hth_j_to_str(HthJVm *vm, HthJVal v, HthJVal *out) {
    HthJSb sb = { 0 };
    if (v.kind == HTH_J_STR) {
        *out = v;
        return HTH_OK;
    }
    HTH_TRY(hth_j_add_str(vm, &sb, v));
    *out = hth_j_done(&sb);
    return HTH_OK;
}
