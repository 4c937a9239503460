/* jinja_coll.c - the methods of list, tuple, dict, loop, cycler and float. */
#include "text/jinja.h"

#include <math.h>

#define METHOD(name)                                                                               \
    static HthStatus name(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,         \
                          HthJVal *out)

/* --- list --- */
METHOD(m_append) {
    (void)raw;
    *out = hth_j_none();
    return hth_j_push(vm, self.u.seq, v[0]);
}

METHOD(m_extend) {
    HthJVal more;
    (void)raw;
    HTH_TRY(hth_j_list(vm, v[0], &more));
    for (uint32_t i = 0; i < more.u.seq->n; i++)
        HTH_TRY(hth_j_push(vm, self.u.seq, more.u.seq->v[i]));
    *out = hth_j_none();
    return HTH_OK;
}

METHOD(m_insert) {
    HthJSeq *s = self.u.seq;
    int64_t at;
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[0], "the place to insert at", 0, &at));
    if (at < 0) at = at + s->n > 0 ? at + s->n : 0;
    if (at > s->n) at = s->n;
    HTH_TRY(hth_j_work(vm, (size_t)s->n * 16));
    HTH_TRY(hth_j_push(vm, s, v[1]));
    memmove(s->v + at + 1, s->v + at, ((size_t)s->n - 1 - (size_t)at) * sizeof *s->v);
    s->v[at] = v[1];
    *out = hth_j_none();
    return HTH_OK;
}

static HthStatus take_out(HthJVm *vm, HthJSeq *s, int64_t at, HthJVal *out) {
    HTH_TRY(hth_j_work(vm, (size_t)s->n * 16));
    *out = s->v[at];
    memmove(s->v + at, s->v + at + 1, ((size_t)s->n - 1 - (size_t)at) * sizeof *s->v);
    s->n--;
    return HTH_OK;
}

METHOD(m_list_pop) {
    int64_t at;
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[0], "the place to pop", -1, &at));
    if (at < 0) at += self.u.seq->n;
    HTH_J_REQUIRE(at >= 0 && at < self.u.seq->n, vm, "pop: the list has no such item");
    return take_out(vm, self.u.seq, at, out);
}

static HthStatus position(HthJVm *vm, const HthJSeq *s, HthJVal x, int64_t *out) {
    for (uint32_t i = 0; i < s->n; i++) {
        bool same;
        HTH_TRY(hth_j_eq(vm, s->v[i], x, &same));
        *out = i;
        if (same) return HTH_OK;
    }
    return HTH_J_FAIL(vm, HTH_EINVAL, "the list has no such item");
}

METHOD(m_remove) {
    int64_t at = 0;
    HthJVal gone;
    (void)raw;
    HTH_TRY(position(vm, self.u.seq, v[0], &at));
    *out = hth_j_none();
    return take_out(vm, self.u.seq, at, &gone);
}

METHOD(m_list_index) {
    int64_t at = 0;
    (void)raw;
    HTH_TRY(position(vm, self.u.seq, v[0], &at));
    *out = hth_j_int(at);
    return HTH_OK;
}

METHOD(m_list_count) {
    int64_t n = 0;
    (void)raw;
    for (uint32_t i = 0; i < self.u.seq->n; i++) {
        bool same;
        HTH_TRY(hth_j_eq(vm, self.u.seq->v[i], v[0], &same));
        n += same;
    }
    *out = hth_j_int(n);
    return HTH_OK;
}

METHOD(m_list_reverse) {
    HthJSeq *s = self.u.seq;
    (void)v, (void)raw;
    HTH_TRY(hth_j_work(vm, (size_t)s->n * 16));
    for (uint32_t i = 0; i < s->n / 2; i++) {
        HthJVal t = s->v[i];
        s->v[i] = s->v[s->n - 1 - i];
        s->v[s->n - 1 - i] = t;
    }
    *out = hth_j_none();
    return HTH_OK;
}

METHOD(m_list_sort) {
    HthJVal keys;
    (void)raw;
    HTH_J_REQUIRE(!hth_j_given(v[0]) || v[0].kind == HTH_J_NONE, vm,
                  "sort(key=...) is not supported; use the sort filter");
    HTH_TRY(hth_j_list(vm, self, &keys));
    *out = hth_j_none();
    return hth_j_sort(vm, keys.u.seq->v, self.u.seq->v, self.u.seq->n, hth_j_truth(v[1]));
}

METHOD(m_list_copy) {
    (void)v, (void)raw;
    return hth_j_list(vm, self, out);
}

METHOD(m_list_clear) {
    (void)vm, (void)v, (void)raw;
    self.u.seq->n = 0;
    *out = hth_j_none();
    return HTH_OK;
}

const HthJBuiltin hth_j_list_methods[] = {
    { "append", "object", m_append },
    { "clear", "", m_list_clear },
    { "copy", "", m_list_copy },
    { "count", "value", m_list_count },
    { "extend", "iterable", m_extend },
    { "index", "value", m_list_index },
    { "insert", "index object", m_insert },
    { "pop", "index?", m_list_pop },
    { "remove", "value", m_remove },
    { "reverse", "", m_list_reverse },
    { "sort", "key? reverse?", m_list_sort },
    { NULL, NULL, NULL },
};

const HthJBuiltin hth_j_tuple_methods[] = {
    { "count", "value", m_list_count },
    { "index", "value", m_list_index },
    { NULL, NULL, NULL },
};

/* --- dict --- */
static HthStatus view(HthJVal self, HthJViewMode mode, HthJVal *out) {
    *out = (HthJVal){ .kind = HTH_J_VIEW, .sub = (uint8_t)mode, .u.dict = self.u.dict };
    return HTH_OK;
}

METHOD(m_keys) {
    (void)vm, (void)v, (void)raw;
    return view(self, HTH_J_KEYS, out);
}

METHOD(m_values) {
    (void)vm, (void)v, (void)raw;
    return view(self, HTH_J_VALUES, out);
}

METHOD(m_items) {
    (void)vm, (void)v, (void)raw;
    return view(self, HTH_J_ITEMS, out);
}

METHOD(m_get) {
    (void)raw;
    HTH_TRY(hth_j_dict_get(vm, self.u.dict, v[0], out));
    if (!hth_j_given(*out)) *out = hth_j_given(v[1]) ? v[1] : hth_j_none();
    return HTH_OK;
}

METHOD(m_dict_pop) {
    (void)raw;
    HTH_TRY(hth_j_dict_pop(vm, self.u.dict, v[0], out));
    if (hth_j_given(*out)) return HTH_OK;
    HTH_J_REQUIRE(hth_j_given(v[1]), vm, "pop: the dict has no such key");
    *out = v[1];
    return HTH_OK;
}

METHOD(m_popitem) {
    HthJDict *d = self.u.dict;
    HthJVal gone;
    (void)v, (void)raw;
    uint32_t at = d->n;
    while (at > 0 && d->e[at - 1].k.kind == HTH_J_ABSENT) at--;
    HTH_J_REQUIRE(at > 0, vm, "popitem: the dict is empty");
    HTH_TRY(hth_j_pair(vm, d->e[at - 1].k, d->e[at - 1].v, out));
    return hth_j_dict_pop(vm, d, d->e[at - 1].k, &gone);
}

METHOD(m_setdefault) {
    (void)raw;
    HTH_TRY(hth_j_dict_get(vm, self.u.dict, v[0], out));
    if (hth_j_given(*out)) return HTH_OK;
    *out = hth_j_given(v[1]) ? v[1] : hth_j_none();
    return hth_j_dict_put(vm, self.u.dict, v[0], *out);
}

/* Pairs or a dict, then named arguments, as dict() and dict.update() take them. */
static HthStatus fill(HthJVm *vm, HthJDict *d, const HthJArgs *raw) {
    HTH_J_REQUIRE(raw->pos_count <= 1, vm, "a dict is made from at most one argument");
    if (raw->pos_count && raw->pos[0].kind == HTH_J_DICT) {
        HTH_TRY(hth_j_dict_copy(vm, d, raw->pos[0].u.dict));
    } else if (raw->pos_count) {
        HthJVal item;
        HthJWalk w;
        bool got;
        HTH_TRY(hth_j_walk(vm, raw->pos[0], &w));
        for (;;) {
            HTH_TRY(hth_j_next(vm, &w, &item, &got));
            if (!got) break;
            HTH_TRY(hth_j_list(vm, item, &item));
            HTH_J_REQUIRE(item.u.seq->n == 2, vm, "a dict is made from pairs");
            HTH_TRY(hth_j_dict_put(vm, d, item.u.seq->v[0], item.u.seq->v[1]));
        }
    }
    for (uint32_t i = 0; i < raw->kw_count; i++)
        HTH_TRY(hth_j_dict_put(vm, d, hth_j_str(raw->kw_names[i]), raw->kw[i]));
    return HTH_OK;
}

METHOD(m_update) {
    (void)v;
    *out = hth_j_none();
    return fill(vm, self.u.dict, raw);
}

METHOD(m_dict_copy) {
    HthJVal d;
    (void)v, (void)raw;
    HTH_TRY(hth_j_dict(vm, &d));
    HTH_TRY(hth_j_dict_copy(vm, d.u.dict, self.u.dict));
    *out = d;
    return HTH_OK;
}

METHOD(m_dict_clear) {
    (void)v, (void)raw;
    memset(self.u.dict, 0, sizeof *self.u.dict);
    *out = hth_j_none();
    return hth_j_work(vm, 0);
}

const HthJBuiltin hth_j_dict_methods[] = {
    { "clear", "", m_dict_clear },
    { "copy", "", m_dict_copy },
    { "fromkeys", "*", NULL },
    { "get", "key default?", m_get },
    { "items", "", m_items },
    { "keys", "", m_keys },
    { "pop", "key default?", m_dict_pop },
    { "popitem", "", m_popitem },
    { "setdefault", "key default?", m_setdefault },
    { "update", "*", m_update },
    { "values", "", m_values },
    { NULL, NULL, NULL },
};

/* --- loop, cycler, float --- */
METHOD(m_cycle) {
    (void)v;
    HTH_J_REQUIRE(raw->pos_count, vm, "loop.cycle needs something to cycle through");
    *out = raw->pos[self.u.loop->index0 % raw->pos_count];
    return HTH_OK;
}

METHOD(m_changed) {
    HthJVal now;
    bool same = false;
    (void)v;
    HTH_TRY(hth_j_seq(vm, HTH_J_TUPLE, raw->pos_count, &now));
    for (uint32_t i = 0; i < raw->pos_count; i++) HTH_TRY(hth_j_push(vm, now.u.seq, raw->pos[i]));
    if (hth_j_given(self.u.loop->changed)) HTH_TRY(hth_j_eq(vm, self.u.loop->changed, now, &same));
    self.u.loop->changed = now;
    *out = hth_j_bool(!same);
    return HTH_OK;
}

const HthJBuiltin hth_j_loop_methods[] = {
    { "changed", "*", m_changed },
    { "cycle", "*", m_cycle },
    { NULL, NULL, NULL },
};

METHOD(m_cycler_next) {
    HthJSeq *s = self.u.seq;
    (void)vm, (void)v, (void)raw;
    *out = s->v[s->at];
    s->at = (s->at + 1) % s->n;
    return HTH_OK;
}

METHOD(m_cycler_reset) {
    (void)vm, (void)v, (void)raw;
    self.u.seq->at = 0;
    *out = hth_j_none();
    return HTH_OK;
}

const HthJBuiltin hth_j_cycler_methods[] = {
    { "next", "", m_cycler_next },
    { "reset", "", m_cycler_reset },
    { NULL, NULL, NULL },
};

METHOD(m_is_integer) {
    (void)vm, (void)v, (void)raw;
    *out = hth_j_bool(self.u.f == floor(self.u.f) && self.u.f - self.u.f == 0);
    return HTH_OK;
}

const HthJBuiltin hth_j_float_methods[] = {
    { "is_integer", "", m_is_integer },
    { NULL, NULL, NULL },
};

/* --- the functions every template can call --- */
#define RANGE_MAX 100000 /* the sandbox's own limit */

METHOD(g_range) {
    int64_t start = 0, stop, step;
    HthJRange *r;
    (void)self, (void)raw;
    for (int i = 0; i < 3; i++)
        if (v[i].kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, v[i]);
    HTH_J_REQUIRE(v[0].kind != HTH_J_NONE, vm, "range needs integers");
    HTH_TRY(hth_j_want_int(vm, v[0], "the argument of range", 0, &stop));
    if (hth_j_given(v[1])) {
        start = stop;
        HTH_TRY(hth_j_want_int(vm, v[1], "the end of range", 0, &stop));
    }
    HTH_TRY(hth_j_want_int(vm, v[2], "the step of range", 1, &step));
    HTH_J_REQUIRE(step != 0, vm, "the step of range is zero");
    uint64_t n = 0, width = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    if (step > 0 && start < stop) n = ((uint64_t)stop - (uint64_t)start - 1) / width + 1;
    if (step < 0 && start > stop) n = ((uint64_t)start - (uint64_t)stop - 1) / width + 1;
    if (n > RANGE_MAX)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "a range has more than %d items", RANGE_MAX);
    HTH_TRY(hth_j_take(vm, 1, sizeof *r, &r));
    *r = (HthJRange){ start, stop, step, (uint32_t)n };
    *out = (HthJVal){ .kind = HTH_J_RANGE, .u.range = r };
    return HTH_OK;
}

METHOD(g_dict) {
    HthJVal d;
    (void)self, (void)v;
    HTH_TRY(hth_j_dict(vm, &d));
    HTH_TRY(fill(vm, d.u.dict, raw));
    *out = d;
    return HTH_OK;
}

METHOD(g_namespace) {
    HTH_TRY(g_dict(vm, self, v, raw, out));
    out->kind = HTH_J_SPACE;
    return HTH_OK;
}

METHOD(g_cycler) {
    HthJVal c;
    (void)self, (void)v;
    HTH_J_REQUIRE(raw->pos_count, vm, "cycler needs at least one item");
    HTH_TRY(hth_j_seq(vm, HTH_J_CYCLER, raw->pos_count, &c));
    for (uint32_t i = 0; i < raw->pos_count; i++) HTH_TRY(hth_j_push(vm, c.u.seq, raw->pos[i]));
    *out = c;
    return HTH_OK;
}

METHOD(g_joiner) {
    struct HthJJoiner *j;
    (void)self, (void)raw;
    HTH_TRY(hth_j_take(vm, 1, sizeof *j, &j));
    j->sep = hth_j_given(v[0]) ? v[0] : hth_j_str(HTH_STR(", "));
    *out = (HthJVal){ .kind = HTH_J_JOINER, .u.joiner = j };
    return HTH_OK;
}

METHOD(g_raise) {
    HthJVal text;
    (void)self, (void)raw, (void)out;
    HTH_TRY(hth_j_to_str(vm, v[0], &text));
    return HTH_FAIL(vm->err, HTH_EINVAL, "template raised: %.*s",
                    (int)(text.n < 200 ? text.n : 200), text.u.s);
}

METHOD(g_strftime_now) {
    HthStr fmt;
    (void)self, (void)raw;
    HTH_TRY(hth_j_want_str(vm, v[0], "the format of strftime_now", &fmt));
    return hth_j_strftime(vm, fmt, vm->unix_s, out);
}

const HthJBuiltin hth_j_globals[] = {
    { "cycler", "*", g_cycler },
    { "dict", "*", g_dict },
    { "joiner", "sep?", g_joiner },
    { "lipsum", "*", NULL },
    { "namespace", "*", g_namespace },
    { "raise_exception", "message", g_raise },
    { "range", "start stop? step?", g_range },
    { "strftime_now", "format", g_strftime_now },
    { NULL, NULL, NULL },
};
