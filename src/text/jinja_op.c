/* jinja_op.c - operators, attributes, subscripts and slices. */
#include "text/jinja.h"

#include <math.h>

static HthStatus too_big(HthJVm *vm) {
    return HTH_J_FAIL(vm, HTH_ELIMIT, "an integer does not fit 64 bits");
}

/* Python's // and %: towards minus infinity. */
static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

static HthStatus int_pow(HthJVm *vm, int64_t base, int64_t exp, HthJVal *out) {
    int64_t r = 1;
    while (exp > 0) {
        if ((exp & 1) && __builtin_mul_overflow(r, base, &r)) return too_big(vm);
        exp >>= 1;
        if (exp && __builtin_mul_overflow(base, base, &base)) return too_big(vm);
    }
    *out = hth_j_int(r);
    return HTH_OK;
}

static HthStatus int_binary(HthJVm *vm, HthJOp op, int64_t a, int64_t b, HthJVal *out) {
    int64_t r = 0;
    bool over = false;
    if (op == HTH_J_DIV || op == HTH_J_FLOORDIV || op == HTH_J_MOD)
        HTH_J_REQUIRE(b != 0, vm, "division by zero");
    switch (op) {
    case HTH_J_ADD: over = __builtin_add_overflow(a, b, &r); break;
    case HTH_J_SUB: over = __builtin_sub_overflow(a, b, &r); break;
    case HTH_J_MUL: over = __builtin_mul_overflow(a, b, &r); break;
    case HTH_J_DIV: *out = hth_j_float((double)a / (double)b); return HTH_OK;
    case HTH_J_FLOORDIV:
        if (a == INT64_MIN && b == -1) return too_big(vm);
        r = floor_div(a, b);
        break;
    case HTH_J_MOD: r = b == -1 ? 0 : a - floor_div(a, b) * b; break;
    default: /* ** */
        if (b >= 0) return int_pow(vm, a, b, out);
        HTH_J_REQUIRE(a != 0, vm, "zero to a negative power");
        *out = hth_j_float(pow((double)a, (double)b));
        return HTH_OK;
    }
    if (over) return too_big(vm);
    *out = hth_j_int(r);
    return HTH_OK;
}

static HthStatus float_binary(HthJVm *vm, HthJOp op, double a, double b, HthJVal *out) {
    double r;
    if (op == HTH_J_DIV || op == HTH_J_FLOORDIV || op == HTH_J_MOD)
        HTH_J_REQUIRE(b != 0, vm, "division by zero");
    switch (op) {
    case HTH_J_ADD: r = a + b; break;
    case HTH_J_SUB: r = a - b; break;
    case HTH_J_MUL: r = a * b; break;
    case HTH_J_DIV: r = a / b; break;
    case HTH_J_MOD:
    case HTH_J_FLOORDIV: {
        double m = fmod(a, b);
        if (m != 0 && (m < 0) != (b < 0))
            m += b;
        else if (m == 0)
            m = copysign(0, b);
        r = op == HTH_J_MOD ? m : rint((a - m) / b);
        break;
    }
    default:
        HTH_J_REQUIRE(a != 0 || b >= 0, vm, "zero to a negative power");
        HTH_J_REQUIRE(a >= 0 || b == floor(b), vm, "a complex number is no template value");
        r = pow(a, b);
        break;
    }
    *out = hth_j_float(r);
    return HTH_OK;
}

static HthStatus escaped(HthJVm *vm, HthJVal v,
                         HthJSb *sb) { /* Markup takes only markup as it is */
    return v.sub ? hth_j_add(vm, sb, hth_j_text(v)) : hth_j_add_escaped(vm, sb, hth_j_text(v));
}

static HthStatus add_strs(HthJVm *vm, HthJVal a, HthJVal b, HthJVal *out) {
    HthJSb sb = { 0 };
    if (a.sub || b.sub) {
        HTH_TRY(escaped(vm, a, &sb));
        HTH_TRY(escaped(vm, b, &sb));
        *out = hth_j_done(&sb);
        out->sub = 1;
        return HTH_OK;
    }
    if (a.n == 0 || b.n == 0) {
        *out = a.n ? a : b;
        return HTH_OK;
    }
    hth_j_resume(vm, a, &sb);
    if (!sb.n) HTH_TRY(hth_j_add(vm, &sb, hth_j_text(a)));
    HTH_TRY(hth_j_add(vm, &sb, hth_j_text(b)));
    hth_j_keep(vm, &sb);
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus add_seqs(HthJVm *vm, HthJVal a, HthJVal b, HthJVal *out) {
    const HthJSeq *x = a.u.seq, *y = b.u.seq;
    HthJVal r;
    HTH_TRY(hth_j_work(vm, ((size_t)x->n + y->n) * 16));
    HTH_TRY(hth_j_seq(vm, a.kind, x->n + y->n, &r));
    if (x->n) memcpy(r.u.seq->v, x->v, x->n * sizeof *x->v);
    if (y->n) memcpy(r.u.seq->v + x->n, y->v, y->n * sizeof *y->v);
    r.u.seq->n = x->n + y->n;
    *out = r;
    return HTH_OK;
}

static HthStatus repeat(HthJVm *vm, HthJVal v, int64_t times, HthJVal *out) {
    HthJSb sb = { 0 };
    if (times < 0) times = 0;
    if (v.kind == HTH_J_STR) {
        HTH_TRY(hth_j_add_fill(vm, &sb, hth_j_text(v), (size_t)times));
        *out = hth_j_done(&sb);
        out->sub = v.sub;
        return HTH_OK;
    }
    const HthJSeq *x = v.u.seq;
    HthJVal r;
    size_t total;
    if (__builtin_mul_overflow((size_t)x->n, (size_t)times, &total) || total > UINT32_MAX)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "a list would have too many items");
    HTH_TRY(hth_j_work(vm, total * 16));
    HTH_TRY(hth_j_seq(vm, v.kind, (uint32_t)total, &r));
    for (size_t i = 0; i < total; i++) r.u.seq->v[i] = x->v[i % x->n];
    r.u.seq->n = (uint32_t)total;
    *out = r;
    return HTH_OK;
}

static bool is_seq(HthJVal v) {
    return v.kind == HTH_J_STR || v.kind == HTH_J_LIST || v.kind == HTH_J_TUPLE;
}

HthStatus hth_j_binary(HthJVm *vm, HthJOp op, HthJVal a, HthJVal b, HthJVal *out) {
    static const char *const names[] = { "+", "-", "*", "/", "//", "%", "**" };
    if (op == HTH_J_MOD && a.kind == HTH_J_STR) return hth_j_percent(vm, a, b, out);
    if (a.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, a);
    if (b.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, b);
    if (hth_j_is_int(a) && hth_j_is_int(b)) return int_binary(vm, op, a.u.i, b.u.i, out);
    if (hth_j_is_num(a) && hth_j_is_num(b))
        return float_binary(vm, op, hth_j_num(a), hth_j_num(b), out);
    if (op == HTH_J_ADD && a.kind == HTH_J_STR && b.kind == HTH_J_STR)
        return add_strs(vm, a, b, out);
    if (op == HTH_J_ADD && a.kind == b.kind && is_seq(a)) return add_seqs(vm, a, b, out);
    if (op == HTH_J_MUL && is_seq(a) && hth_j_is_int(b)) return repeat(vm, a, b.u.i, out);
    if (op == HTH_J_MUL && is_seq(b) && hth_j_is_int(a)) return repeat(vm, b, a.u.i, out);
    return HTH_J_FAIL(vm, HTH_EINVAL, "'%s' does not work on a %s and a %s", names[op],
                      hth_j_type(a), hth_j_type(b));
}

/* --- attributes and items --- */
static const HthJBuiltin *methods_of(HthJVal v) {
    switch (v.kind) {
    case HTH_J_STR: return hth_j_str_methods;
    case HTH_J_LIST: return hth_j_list_methods;
    case HTH_J_TUPLE: return hth_j_tuple_methods;
    case HTH_J_DICT: return hth_j_dict_methods;
    case HTH_J_LOOP: return hth_j_loop_methods;
    case HTH_J_CYCLER: return hth_j_cycler_methods;
    case HTH_J_FLOAT: return hth_j_float_methods;
    default: return NULL;
    }
}

static HthJVal or_undef(HthJVal v, const char *hint) {
    return v.kind == HTH_J_ABSENT ? hth_j_undef(HTH_J_UNDEF_HINT, hth_str(hint)) : v;
}

static bool loop_attr(const HthJLoop *l, HthStr name, HthJVal *out) {
    const struct {
        const char *name;
        HthJVal v;
    } attrs[] = {
        { "index", hth_j_int((int64_t)l->index0 + 1) },
        { "index0", hth_j_int(l->index0) },
        { "revindex", hth_j_int((int64_t)l->length - l->index0) },
        { "revindex0", hth_j_int((int64_t)l->length - l->index0 - 1) },
        { "first", hth_j_bool(l->index0 == 0) },
        { "last", hth_j_bool(l->last) },
        { "length", hth_j_int(l->length) },
        { "depth", hth_j_int((int64_t)l->depth0 + 1) },
        { "depth0", hth_j_int(l->depth0) },
        { "previtem", or_undef(l->prev, "there is no previous item") },
        { "nextitem", or_undef(l->next, "there is no next item") },
    };
    for (size_t i = 0; i < HTH_COUNT(attrs); i++) {
        if (!hth_str_eq(name, hth_str(attrs[i].name))) continue;
        *out = attrs[i].v;
        return true;
    }
    return false;
}

/* Attributes that are no methods. */
static HthStatus plain_attr(HthJVm *vm, HthJVal obj, HthStr name, HthJVal *out, bool *found) {
    *found = true;
    if (obj.kind == HTH_J_LOOP && loop_attr(obj.u.loop, name, out)) return HTH_OK;
    if (obj.kind == HTH_J_SPACE) {
        HTH_TRY(hth_j_dict_get(vm, obj.u.dict, hth_j_str(name), out));
        *found = out->kind != HTH_J_ABSENT;
        return HTH_OK;
    }
    if (obj.kind == HTH_J_TUPLE && obj.sub) {
        bool list = hth_str_eq(name, HTH_STR("list"));
        *out = obj.u.seq->v[list];
        if (list || hth_str_eq(name, HTH_STR("grouper"))) return HTH_OK;
    }
    if (obj.kind == HTH_J_CYCLER && hth_str_eq(name, HTH_STR("current"))) {
        *out = obj.u.seq->v[obj.u.seq->at];
        return HTH_OK;
    }
    if (obj.kind == HTH_J_MACRO && hth_str_eq(name, HTH_STR("name"))) {
        *out = hth_j_str(obj.u.macro->node->name);
        return HTH_OK;
    }
    if (hth_j_is_int(obj)) {
        bool one = hth_str_eq(name, HTH_STR("denominator"));
        bool self = hth_str_eq(name, HTH_STR("real")) || hth_str_eq(name, HTH_STR("numerator"));
        *out = hth_j_int(self ? obj.u.i : one);
        if (one || self || hth_str_eq(name, HTH_STR("imag"))) return HTH_OK;
    }
    *found = false;
    return HTH_OK;
}

HthStatus hth_j_method(HthJVm *vm, const HthJBuiltin *b, HthJVal self, HthJVal *out) {
    HthJFunc *f;
    HTH_TRY(hth_j_take(vm, 1, sizeof *f, &f));
    f->b = b;
    f->self = self;
    *out = (HthJVal){ .kind = HTH_J_FUNC, .u.func = f };
    return HTH_OK;
}

/* Python's getattr(obj, name), private names apart. */
static HthStatus python_attr(HthJVm *vm, HthJVal obj, HthStr name, HthJVal *out, bool *found) {
    HTH_TRY(plain_attr(vm, obj, name, out, found));
    const HthJBuiltin *table = methods_of(obj);
    if (*found || !table) return HTH_OK;
    const HthJBuiltin *b = hth_j_find(table, name);
    *found = b != NULL;
    return b ? hth_j_method(vm, b, obj, out) : HTH_OK;
}

/* Python's obj[key]; *found false where it would raise TypeError or LookupError. */
static HthStatus python_item(HthJVm *vm, HthJVal obj, HthJVal key, HthJVal *out, bool *found) {
    *found = false;
    if (obj.kind == HTH_J_DICT) {
        if (!hth_j_hashable(key)) return HTH_OK;
        HTH_TRY(hth_j_dict_get(vm, obj.u.dict, key, out));
        *found = out->kind != HTH_J_ABSENT;
        return HTH_OK;
    }
    size_t n;
    bool indexed = is_seq(obj) || obj.kind == HTH_J_RANGE;
    if (!indexed || !hth_j_is_int(key) || !hth_j_len(obj, &n)) return HTH_OK;
    if (obj.kind == HTH_J_STR) HTH_TRY(hth_j_work(vm, obj.n));
    int64_t i = key.u.i < 0 ? key.u.i + (int64_t)n : key.u.i;
    if (i < 0 || i >= (int64_t)n) return HTH_OK;
    *found = true;
    if (obj.kind == HTH_J_RANGE) {
        *out = hth_j_int(obj.u.range->start + obj.u.range->step * i);
    } else if (obj.kind == HTH_J_STR) {
        size_t at = hth_j_cp_offset(hth_j_text(obj), (size_t)i), len;
        hth_j_cp_at(hth_j_text(obj), at, &len);
        *out = hth_j_str((HthStr){ obj.u.s + at, len });
        out->sub = obj.sub;
    } else {
        *out = obj.u.seq->v[i];
    }
    return HTH_OK;
}

HthStatus hth_j_getattr(HthJVm *vm, HthJVal obj, HthStr name, HthJVal *out) {
    bool found;
    if (obj.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, obj);
    HTH_TRY(python_attr(vm, obj, name, out, &found));
    if (!found) HTH_TRY(python_item(vm, obj, hth_j_str(name), out, &found));
    if (!found) *out = hth_j_undef(HTH_J_UNDEF_ATTR, name);
    return HTH_OK;
}

HthStatus hth_j_getitem(HthJVm *vm, HthJVal obj, HthJVal key, HthJVal *out) {
    bool found;
    if (obj.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, obj);
    HTH_TRY(python_item(vm, obj, key, out, &found));
    if (!found && key.kind == HTH_J_STR)
        HTH_TRY(python_attr(vm, obj, hth_j_text(key), out, &found));
    if (!found)
        *out = key.kind == HTH_J_STR
                   ? hth_j_undef(HTH_J_UNDEF_ATTR, hth_j_text(key))
                   : hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("there is no such item"));
    return HTH_OK;
}

/* --- slices --- */
static int64_t clamp(int64_t v, int64_t lo, int64_t hi) {
    return v < lo ? lo : v > hi ? hi : v;
}

static bool bound(HthJVal v, int64_t dflt, int64_t *out) {
    *out = dflt;
    if (!hth_j_given(v) || v.kind == HTH_J_NONE) return true;
    *out = v.u.i;
    return hth_j_is_int(v);
}

static HthStatus slice_str(HthJVm *vm, HthJVal v, int64_t start, int64_t step, size_t n,
                           HthJVal *out) {
    HthStr s = hth_j_text(v);
    HTH_TRY(hth_j_work(vm, s.n));
    if (step == 1) {
        size_t from = hth_j_cp_offset(s, (size_t)start);
        HthStr rest = { s.p + from, s.n - from };
        *out = hth_j_str((HthStr){ rest.p, hth_j_cp_offset(rest, n) });
        out->sub = v.sub;
        return HTH_OK;
    }
    HthJVal chars;
    HthJSb sb = { 0 };
    HTH_TRY(hth_j_list(vm, v, &chars));
    for (size_t i = 0; i < n; i++)
        HTH_TRY(hth_j_add(vm, &sb, hth_j_text(chars.u.seq->v[start + (int64_t)i * step])));
    *out = hth_j_done(&sb);
    out->sub = v.sub;
    return HTH_OK;
}

HthStatus hth_j_slice(HthJVm *vm, HthJVal obj, const HthJVal bounds[3], HthJVal *out) {
    int64_t step, start, stop;
    size_t len, n = 0;
    if (obj.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, obj);
    bool ok = (is_seq(obj) || obj.kind == HTH_J_RANGE) && hth_j_len(obj, &len);
    ok = ok && bound(bounds[2], 1, &step);
    ok = ok && bound(bounds[0], step > 0 ? 0 : INT64_MAX, &start);
    ok = ok && bound(bounds[1], step > 0 ? INT64_MAX : INT64_MIN, &stop);
    HTH_J_REQUIRE(ok, vm, "a %s cannot be sliced so", hth_j_type(obj));
    HTH_J_REQUIRE(step != 0, vm, "the step of a slice is zero");
    int64_t ilen = (int64_t)len, low = step > 0 ? 0 : -1, high = step > 0 ? ilen : ilen - 1;
    start = clamp(start < 0 ? start + ilen : start, low, high);
    bool open = step < 0 && (!hth_j_given(bounds[1]) || bounds[1].kind == HTH_J_NONE);
    stop = open ? -1 : clamp(stop < 0 ? stop + ilen : stop, low, high);
    if (step > 0 && start < stop) n = (size_t)((stop - start - 1) / step + 1);
    if (step < 0 && start > stop)
        n = (size_t)((start - stop - 1) / (step == INT64_MIN ? INT64_MAX : -step) + 1);
    if (obj.kind == HTH_J_STR) return slice_str(vm, obj, start, step, n, out);
    if (obj.kind == HTH_J_RANGE) {
        HthJRange *r;
        HTH_TRY(hth_j_take(vm, 1, sizeof *r, &r));
        r->step = n > 1 ? obj.u.range->step * step : obj.u.range->step;
        r->start = obj.u.range->start + obj.u.range->step * start;
        r->n = (uint32_t)n;
        int64_t span;
        if (__builtin_mul_overflow(r->step, (int64_t)n, &span) ||
            __builtin_add_overflow(r->start, span, &r->stop))
            r->stop = step > 0 ? INT64_MAX : INT64_MIN;
        *out = (HthJVal){ .kind = HTH_J_RANGE, .u.range = r };
        return HTH_OK;
    }
    HthJVal list;
    HTH_TRY(hth_j_work(vm, n * 16));
    HTH_TRY(hth_j_seq(vm, obj.kind, (uint32_t)n, &list));
    for (size_t i = 0; i < n; i++) list.u.seq->v[i] = obj.u.seq->v[start + (int64_t)i * step];
    list.u.seq->n = (uint32_t)n;
    *out = list;
    return HTH_OK;
}
