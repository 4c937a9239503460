/* jinja_cmp.c - truth, equality, order and membership, as Python has them. */
#include "text/jinja.h"

bool hth_j_truth(HthJVal v) {
    size_t n;
    switch (v.kind) {
    case HTH_J_ABSENT:
    case HTH_J_UNDEF:
    case HTH_J_NONE: return false;
    case HTH_J_BOOL:
    case HTH_J_INT: return v.u.i != 0;
    case HTH_J_FLOAT: return v.u.f != 0;
    case HTH_J_STR: return v.n != 0;
    default: return hth_j_len(v, &n) ? n != 0 : true;
    }
}

const char *hth_j_type(HthJVal v) {
    static const char *const names[] = {
        [HTH_J_ABSENT] = "nothing", [HTH_J_UNDEF] = "Undefined", [HTH_J_NONE] = "None",
        [HTH_J_BOOL] = "bool",      [HTH_J_INT] = "int",         [HTH_J_FLOAT] = "float",
        [HTH_J_STR] = "str",        [HTH_J_LIST] = "list",       [HTH_J_TUPLE] = "tuple",
        [HTH_J_DICT] = "dict",      [HTH_J_VIEW] = "dict view",  [HTH_J_RANGE] = "range",
        [HTH_J_ITER] = "generator", [HTH_J_SPACE] = "namespace", [HTH_J_MACRO] = "macro",
        [HTH_J_FUNC] = "function",  [HTH_J_LOOP] = "loop",       [HTH_J_CYCLER] = "cycler",
        [HTH_J_JOINER] = "joiner",
    };
    return names[v.kind];
}

static HthStatus eq_seq(HthJVm *vm, const HthJSeq *a, const HthJSeq *b, bool *out) {
    *out = a->n == b->n;
    for (uint32_t i = 0; *out && i < a->n && i < b->n; i++)
        HTH_TRY(hth_j_eq(vm, a->v[i], b->v[i], out));
    return HTH_OK;
}

static HthStatus eq_dict(HthJVm *vm, const HthJDict *a, const HthJDict *b, bool *out) {
    *out = a->live == b->live;
    for (uint32_t i = 0; *out && i < a->n; i++) {
        HthJVal other;
        if (a->e[i].k.kind == HTH_J_ABSENT) continue;
        HTH_TRY(hth_j_dict_get(vm, b, a->e[i].k, &other));
        *out = other.kind != HTH_J_ABSENT;
        if (*out) HTH_TRY(hth_j_eq(vm, a->e[i].v, other, out));
    }
    return HTH_OK;
}

static bool eq_range(const HthJRange *a, const HthJRange *b) {
    if (a->n != b->n) return false;
    return a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step));
}

HthStatus hth_j_eq(HthJVm *vm, HthJVal a, HthJVal b, bool *out) {
    if (hth_j_is_num(a) && hth_j_is_num(b)) {
        *out = hth_j_is_int(a) && hth_j_is_int(b) ? a.u.i == b.u.i : hth_j_num(a) == hth_j_num(b);
        return HTH_OK;
    }
    *out = a.kind == b.kind;
    if (!*out) return HTH_OK;
    HthStatus st = HTH_OK;
    HTH_TRY(hth_j_enter(vm));
    switch (a.kind) {
    case HTH_J_UNDEF:
    case HTH_J_NONE: break;
    case HTH_J_STR: *out = hth_str_eq(hth_j_text(a), hth_j_text(b)); break;
    case HTH_J_LIST:
    case HTH_J_TUPLE:
        if (a.u.seq != b.u.seq) st = eq_seq(vm, a.u.seq, b.u.seq, out);
        break;
    case HTH_J_DICT:
        if (a.u.dict != b.u.dict) st = eq_dict(vm, a.u.dict, b.u.dict, out);
        break;
    case HTH_J_RANGE: *out = eq_range(a.u.range, b.u.range); break;
    default: *out = a.u.s == b.u.s && a.sub == b.sub; break;
    }
    hth_j_leave(vm);
    return st;
}

static int order(double a, double b) {
    return a < b ? -1 : a > b;
}

static HthStatus cmp_seq(HthJVm *vm, const HthJSeq *a, const HthJSeq *b, int *out) {
    for (uint32_t i = 0; i < a->n && i < b->n; i++) {
        bool same;
        HTH_TRY(hth_j_eq(vm, a->v[i], b->v[i], &same));
        if (!same) return hth_j_cmp(vm, a->v[i], b->v[i], out);
    }
    *out = a->n < b->n ? -1 : a->n > b->n;
    return HTH_OK;
}

HthStatus hth_j_cmp(HthJVm *vm, HthJVal a, HthJVal b, int *out) {
    HTH_TRY(hth_j_work(vm, 0));
    if (a.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, a);
    if (b.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, b);
    if (hth_j_is_int(a) && hth_j_is_int(b)) {
        *out = a.u.i < b.u.i ? -1 : a.u.i > b.u.i;
        return HTH_OK;
    }
    if (hth_j_is_num(a) && hth_j_is_num(b)) {
        *out = order(hth_j_num(a), hth_j_num(b));
        return HTH_OK;
    }
    if (a.kind == HTH_J_STR && b.kind == HTH_J_STR) { /* UTF-8 sorts as code points do */
        HthStr x = hth_j_text(a), y = hth_j_text(b);
        int c = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
        *out = c ? c : x.n < y.n ? -1 : x.n > y.n;
        return hth_j_work(vm, x.n < y.n ? x.n : y.n);
    }
    if (a.kind == b.kind && (a.kind == HTH_J_LIST || a.kind == HTH_J_TUPLE)) {
        HTH_TRY(hth_j_enter(vm));
        HthStatus st = cmp_seq(vm, a.u.seq, b.u.seq, out);
        hth_j_leave(vm);
        return st;
    }
    return HTH_J_FAIL(vm, HTH_EINVAL, "a %s and a %s have no order", hth_j_type(a), hth_j_type(b));
}

HthStatus hth_j_contains(HthJVm *vm, HthJVal in, HthJVal x, bool *out) {
    *out = false;
    if (in.kind == HTH_J_STR) {
        HTH_J_REQUIRE(x.kind == HTH_J_STR, vm, "'in' on a str needs a str, not a %s",
                      hth_j_type(x));
        HTH_TRY(hth_j_work(vm, in.n));
        *out = hth_str_find(hth_j_text(in), hth_j_text(x)) != SIZE_MAX;
        return HTH_OK;
    }
    if (in.kind == HTH_J_DICT || (in.kind == HTH_J_VIEW && in.sub == HTH_J_KEYS)) {
        HthJVal found;
        HTH_TRY(hth_j_dict_get(vm, in.u.dict, x, &found));
        *out = found.kind != HTH_J_ABSENT;
        return HTH_OK;
    }
    HthJWalk w;
    HthJVal item;
    bool got = true;
    HTH_TRY(hth_j_walk(vm, in, &w));
    while (!*out) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        HTH_TRY(hth_j_eq(vm, item, x, out));
    }
    return HTH_OK;
}

HthStatus hth_j_compare(HthJVm *vm, HthJOp op, HthJVal a, HthJVal b, bool *out) {
    int c = 0;
    switch (op) {
    case HTH_J_EQ: return hth_j_eq(vm, a, b, out);
    case HTH_J_NE: {
        HTH_TRY(hth_j_eq(vm, a, b, out));
        *out = !*out;
        return HTH_OK;
    }
    case HTH_J_IN: return hth_j_contains(vm, b, a, out);
    case HTH_J_NOT_IN: {
        HTH_TRY(hth_j_contains(vm, b, a, out));
        *out = !*out;
        return HTH_OK;
    }
    default: break;
    }
    HTH_TRY(hth_j_cmp(vm, a, b, &c));
    bool nan =
        (a.kind == HTH_J_FLOAT && a.u.f != a.u.f) || (b.kind == HTH_J_FLOAT && b.u.f != b.u.f);
    *out = op == HTH_J_LT ? c < 0 : op == HTH_J_LE ? c <= 0 : op == HTH_J_GT ? c > 0 : c >= 0;
    if (nan) *out = false;
    return HTH_OK;
}

/* --- a stable merge sort, bottom up; keys decide, items follow --- */
static HthStatus merge(HthJVm *vm, const HthJVal *k, const HthJVal *x, HthJVal *k2, HthJVal *x2,
                       const uint32_t bounds[3], bool reverse) {
    uint32_t a = bounds[0], b = bounds[1], at = bounds[0];
    while (a < bounds[1] || b < bounds[2]) {
        bool take_b = a == bounds[1];
        if (!take_b && b < bounds[2]) { /* equal keys keep their order, reversed or not */
            int c;
            HTH_TRY(hth_j_cmp(vm, k[b], k[a], &c));
            take_b = reverse ? c > 0 : c < 0;
        }
        uint32_t from = take_b ? b++ : a++;
        k2[at] = k[from];
        x2[at++] = x[from];
    }
    return HTH_OK;
}

HthStatus hth_j_sort(HthJVm *vm, HthJVal *keys, HthJVal *items, uint32_t n, bool reverse) {
    HthJVal *k = keys, *x = items, *k2, *x2;
    HTH_TRY(hth_j_take(vm, n, sizeof *k2, &k2));
    HTH_TRY(hth_j_take(vm, n, sizeof *x2, &x2));
    for (uint64_t run = 1; run < n; run *= 2) {
        for (uint64_t at = 0; at < n; at += 2 * run) {
            uint64_t mid = at + run < n ? at + run : n, end = mid + run < n ? mid + run : n;
            uint32_t bounds[3] = { (uint32_t)at, (uint32_t)mid, (uint32_t)end };
            HTH_TRY(merge(vm, k, x, k2, x2, bounds, reverse));
        }
        HthJVal *tk = k, *tx = x;
        k = k2;
        x = x2;
        k2 = tk;
        x2 = tx;
    }
    if (x != items) memcpy(items, x, n * sizeof *items);
    return HTH_OK;
}
