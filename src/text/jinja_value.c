/* jinja_value.c - lists, dicts and walks over anything iterable. */
#include "text/jinja.h"

#include <math.h>

HthStatus hth_j_seq(HthJVm *vm, HthJKind kind, uint32_t cap, HthJVal *out) {
    HthJSeq *seq;
    HTH_TRY(hth_j_take(vm, 1, sizeof *seq, &seq));
    if (cap) HTH_TRY(hth_j_take(vm, cap, sizeof *seq->v, &seq->v));
    seq->cap = cap;
    *out = (HthJVal){ .kind = (uint8_t)kind, .u.seq = seq };
    return HTH_OK;
}

HthStatus hth_j_push(HthJVm *vm, HthJSeq *seq, HthJVal v) {
    if (seq->n == seq->cap) {
        uint32_t cap = seq->cap ? seq->cap * 2 : 4; /* memory runs out long before 2^32 items */
        HthJVal *grown;
        HTH_TRY(hth_j_take(vm, cap, sizeof *grown, &grown));
        if (seq->n) memcpy(grown, seq->v, seq->n * sizeof *grown);
        seq->v = grown;
        seq->cap = cap;
    }
    seq->v[seq->n++] = v;
    return HTH_OK;
}

HthStatus hth_j_pair(HthJVm *vm, HthJVal a, HthJVal b, HthJVal *out) {
    HthJVal t;
    HTH_TRY(hth_j_seq(vm, HTH_J_TUPLE, 2, &t));
    t.u.seq->v[0] = a;
    t.u.seq->v[1] = b;
    t.u.seq->n = 2;
    *out = t;
    return HTH_OK;
}

HthStatus hth_j_iter(HthJVm *vm, HthJVal over, HthJVal *out) {
    HthJIter *it;
    HTH_TRY(hth_j_take(vm, 1, sizeof *it, &it));
    it->over = over;
    *out = (HthJVal){ .kind = HTH_J_ITER, .u.iter = it };
    return HTH_OK;
}

/* --- from JSON --- */
static HthStatus list_from_json(HthJVm *vm, const json_t *json, HthJVal *out) {
    HthJVal list, item;
    size_t n = json_array_size(json);
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, (uint32_t)n, &list));
    for (size_t i = 0; i < n; i++) {
        HTH_TRY(hth_j_from_json(vm, json_array_get(json, i), &item));
        HTH_TRY(hth_j_push(vm, list.u.seq, item));
    }
    *out = list;
    return HTH_OK;
}

/* The value of a "role" is the caller's word, not the conversation's: see jinja_mark.c. */
static HthStatus from_member(HthJVm *vm, HthStr key, const json_t *json, HthJVal *out) {
    bool role = vm->marks && json_is_string(json) && hth_str_eq(key, HTH_STR("role"));
    bool data = vm->marks && vm->marks->data;
    if (role) vm->marks->data = false;
    HthStatus st = hth_j_from_json(vm, json, out);
    if (role) vm->marks->data = data;
    return st;
}

static HthStatus dict_from_json(HthJVm *vm, const json_t *json, HthJVal *out) {
    HthJVal dict, item, name;
    HTH_TRY(hth_j_dict(vm, &dict));
    json_t *obj = (json_t *)(uintptr_t)json; /* jansson's iterators want it non-const */
    HthStatus st = HTH_OK;
    for (void *it = json_object_iter(obj); it && st == HTH_OK;
         it = json_object_iter_next(obj, it)) {
        HthStr key = { json_object_iter_key(it), json_object_iter_key_len(it) };
        st = from_member(vm, key, json_object_iter_value(it), &item);
        if (st == HTH_OK) st = hth_j_input(vm, key, &name);
        if (st == HTH_OK) st = hth_j_dict_put(vm, dict.u.dict, name, item);
    }
    HTH_TRY(st);
    *out = dict;
    return HTH_OK;
}

HthStatus hth_j_from_json(HthJVm *vm, const json_t *json, HthJVal *out) {
    HTH_TRY(hth_j_enter(vm));
    HthStatus st = HTH_OK;
    switch (json_typeof(json)) {
    case JSON_NULL: *out = hth_j_none(); break;
    case JSON_TRUE:
    case JSON_FALSE: *out = hth_j_bool(json_is_true(json)); break;
    case JSON_INTEGER: *out = hth_j_int(json_integer_value(json)); break;
    case JSON_REAL: *out = hth_j_float(json_real_value(json)); break;
    case JSON_STRING:
        st = hth_j_input(vm, (HthStr){ json_string_value(json), json_string_length(json) }, out);
        break;
    case JSON_ARRAY: st = list_from_json(vm, json, out); break;
    case JSON_OBJECT: st = dict_from_json(vm, json, out); break;
    }
    hth_j_leave(vm);
    return st;
}

/* --- dicts --- */
HthStatus hth_j_dict(HthJVm *vm, HthJVal *out) {
    HthJDict *d;
    HTH_TRY(hth_j_take(vm, 1, sizeof *d, &d));
    *out = (HthJVal){ .kind = HTH_J_DICT, .u.dict = d };
    return HTH_OK;
}

static bool hashable(HthJVal v, uint32_t depth) {
    if (v.kind == HTH_J_LIST || v.kind == HTH_J_DICT || v.kind == HTH_J_VIEW) return false;
    if (v.kind != HTH_J_TUPLE) return true;
    if (depth > HTH_J_DEPTH_MAX) return false;
    for (uint32_t i = 0; i < v.u.seq->n; i++)
        if (!hashable(v.u.seq->v[i], depth + 1)) return false;
    return true;
}

bool hth_j_hashable(HthJVal v) {
    return hashable(v, 0);
}

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 29);
}

/* Equal values hash alike: 1, 1.0 and True. Long probes cost steps, so aiming is pointless. */
static uint64_t hash(HthJVal v) {
    uint64_t h = 0x243F6A8885A308D3u;
    switch (v.kind) {
    case HTH_J_BOOL:
    case HTH_J_INT: return mix(h, (uint64_t)v.u.i);
    case HTH_J_FLOAT:
        if (v.u.f >= -9e18 && v.u.f <= 9e18 && v.u.f == floor(v.u.f))
            return mix(h, (uint64_t)(int64_t)v.u.f);
        return mix(
            h,
            (uint64_t)(v.u.f * 1e6 >= -9e18 && v.u.f * 1e6 <= 9e18 ? (int64_t)(v.u.f * 1e6) : 7));
    case HTH_J_STR:
        for (uint32_t i = 0; i < v.n; i++) h = (h ^ (uint8_t)v.u.s[i]) * 0x100000001B3u;
        return mix(h, v.n);
    case HTH_J_TUPLE:
        for (uint32_t i = 0; i < v.u.seq->n && i < 4; i++) {
            HthJVal x = v.u.seq->v[i];
            h = mix(h, x.kind == HTH_J_TUPLE ? x.u.seq->n : hash(x));
        }
        return mix(h, v.u.seq->n);
    case HTH_J_UNDEF:
    case HTH_J_NONE: return mix(h, v.kind);
    default: return mix(h, (uint64_t)(uintptr_t)v.u.s);
    }
}

/* Entry of k, or UINT32_MAX. */
static HthStatus find(HthJVm *vm, const HthJDict *d, HthJVal k, uint32_t *out) {
    bool same;
    *out = UINT32_MAX;
    if (!hth_j_hashable(k))
        return HTH_J_FAIL(vm, HTH_EINVAL, "a %s cannot be the key of a dict", hth_j_type(k));
    if (!d->index) {
        for (uint32_t i = 0; i < d->n; i++) {
            if (d->e[i].k.kind == HTH_J_ABSENT) continue;
            HTH_TRY(hth_j_eq(vm, d->e[i].k, k, &same));
            if (!same) continue;
            *out = i;
            return HTH_OK;
        }
        return HTH_OK;
    }
    for (uint64_t at = hash(k);; at++) {
        uint32_t e = d->index[at & (d->index_cap - 1)];
        if (e == 0) return HTH_OK;
        HTH_TRY(hth_j_work(vm, 0));
        if (d->e[e - 1].k.kind == HTH_J_ABSENT) continue;
        HTH_TRY(hth_j_eq(vm, d->e[e - 1].k, k, &same));
        if (!same) continue;
        *out = e - 1;
        return HTH_OK;
    }
}

static void index_entry(HthJDict *d, uint32_t entry) {
    uint64_t at = hash(d->e[entry].k);
    while (d->index[at & (d->index_cap - 1)]) at++;
    d->index[at & (d->index_cap - 1)] = entry + 1;
}

/* Room for one more entry; removed ones are squeezed out on the way. */
static HthStatus grow(HthJVm *vm, HthJDict *d) {
    uint32_t cap = d->live * 2 + 4, n = 0;
    HthJPair *e;
    HTH_TRY(hth_j_take(vm, cap, sizeof *e, &e));
    for (uint32_t i = 0; i < d->n; i++)
        if (d->e[i].k.kind != HTH_J_ABSENT) e[n++] = d->e[i];
    uint32_t *index = NULL, index_cap = 0;
    if (cap > 8) {
        for (index_cap = 16; index_cap < cap * 2;) index_cap *= 2;
        HTH_TRY(hth_j_take(vm, index_cap, sizeof *index, &index));
    }
    d->e = e;
    d->n = n;
    d->cap = cap;
    d->index = index;
    d->index_cap = index_cap;
    HTH_TRY(hth_j_work(vm, (size_t)n * 16));
    for (uint32_t i = 0; index && i < n; i++) index_entry(d, i);
    return HTH_OK;
}

HthStatus hth_j_dict_put(HthJVm *vm, HthJDict *d, HthJVal k, HthJVal v) {
    uint32_t at;
    HTH_TRY(find(vm, d, k, &at));
    if (at != UINT32_MAX) {
        d->e[at].v = v;
        return HTH_OK;
    }
    if (d->n == d->cap) HTH_TRY(grow(vm, d));
    d->e[d->n] = (HthJPair){ k, v };
    d->n++;
    d->live++;
    if (d->index) index_entry(d, d->n - 1);
    return HTH_OK;
}

HthStatus hth_j_dict_get(HthJVm *vm, const HthJDict *d, HthJVal k, HthJVal *out) {
    uint32_t at;
    HTH_TRY(find(vm, d, k, &at));
    *out = at == UINT32_MAX ? (HthJVal){ .kind = HTH_J_ABSENT } : d->e[at].v;
    return HTH_OK;
}

HthStatus hth_j_dict_pop(HthJVm *vm, HthJDict *d, HthJVal k, HthJVal *out) {
    uint32_t at;
    HTH_TRY(find(vm, d, k, &at));
    if (at == UINT32_MAX) {
        *out = (HthJVal){ .kind = HTH_J_ABSENT };
        return HTH_OK;
    }
    *out = d->e[at].v;
    d->e[at].k.kind = HTH_J_ABSENT;
    d->live--;
    return HTH_OK;
}

HthStatus hth_j_dict_copy(HthJVm *vm, HthJDict *to, const HthJDict *from) {
    for (uint32_t i = 0; i < from->n; i++)
        if (from->e[i].k.kind != HTH_J_ABSENT)
            HTH_TRY(hth_j_dict_put(vm, to, from->e[i].k, from->e[i].v));
    return HTH_OK;
}

/* --- lengths and walks --- */
bool hth_j_len(HthJVal v, size_t *out) {
    switch (v.kind) {
    case HTH_J_UNDEF: *out = 0; return true;
    case HTH_J_STR: *out = hth_j_cp_count(hth_j_text(v)); return true;
    case HTH_J_LIST:
    case HTH_J_TUPLE: *out = v.u.seq->n; return true;
    case HTH_J_DICT:
    case HTH_J_VIEW: *out = v.u.dict->live; return true;
    case HTH_J_RANGE: *out = v.u.range->n; return true;
    case HTH_J_LOOP: *out = v.u.loop->length; return true;
    default: return false;
    }
}

bool hth_j_iterable(HthJVal v) {
    switch (v.kind) {
    case HTH_J_UNDEF:
    case HTH_J_STR:
    case HTH_J_LIST:
    case HTH_J_TUPLE:
    case HTH_J_DICT:
    case HTH_J_VIEW:
    case HTH_J_RANGE:
    case HTH_J_ITER: return true;
    default: return false;
    }
}

HthStatus hth_j_walk(HthJVm *vm, HthJVal over, HthJWalk *out) {
    if (!hth_j_iterable(over))
        return HTH_J_FAIL(vm, HTH_EINVAL, "a %s cannot be iterated over", hth_j_type(over));
    *out = (HthJWalk){ .over = over };
    if (over.kind == HTH_J_DICT || over.kind == HTH_J_VIEW) out->size0 = over.u.dict->live;
    return HTH_OK;
}

static HthStatus next_in_dict(HthJVm *vm, HthJWalk *w, HthJVal *out, bool *got) {
    HthJDict *d = w->over.u.dict;
    if (d->live != w->size0)
        return HTH_J_FAIL(vm, HTH_EINVAL, "a dict changed while it was iterated over");
    while (w->at < d->n && d->e[w->at].k.kind == HTH_J_ABSENT) w->at++;
    *got = w->at < d->n;
    if (!*got) return HTH_OK;
    HthJPair *e = &d->e[w->at++];
    if (w->over.kind == HTH_J_VIEW && w->over.sub == HTH_J_ITEMS)
        return hth_j_pair(vm, e->k, e->v, out);
    *out = w->over.kind == HTH_J_VIEW && w->over.sub == HTH_J_VALUES ? e->v : e->k;
    return HTH_OK;
}

HthStatus hth_j_next(HthJVm *vm, HthJWalk *w, HthJVal *out, bool *got) {
    HTH_TRY(hth_j_work(vm, 0));
    HthJVal v = w->over;
    size_t len;
    switch (v.kind) {
    case HTH_J_STR:
        *got = w->at < v.n;
        if (!*got) return HTH_OK;
        hth_j_cp_at(hth_j_text(v), w->at, &len);
        *out = hth_j_str((HthStr){ v.u.s + w->at, len });
        w->at += (uint32_t)len;
        return HTH_OK;
    case HTH_J_LIST:
    case HTH_J_TUPLE:
        *got = w->at < v.u.seq->n;
        if (*got) *out = v.u.seq->v[w->at++];
        return HTH_OK;
    case HTH_J_RANGE:
        *got = w->at < v.u.range->n;
        if (*got) *out = hth_j_int(v.u.range->start + v.u.range->step * (int64_t)w->at++);
        return HTH_OK;
    case HTH_J_DICT:
    case HTH_J_VIEW: return next_in_dict(vm, w, out, got);
    case HTH_J_ITER: { /* a generator is always over a list */
        HthJSeq *seq = v.u.iter->over.u.seq;
        *got = v.u.iter->at < seq->n;
        if (*got) *out = seq->v[v.u.iter->at++];
        return HTH_OK;
    }
    default: *got = false; return HTH_OK;
    }
}

HthStatus hth_j_list(HthJVm *vm, HthJVal v, HthJVal *out) {
    HthJWalk w;
    HthJVal list, item;
    size_t n = 0;
    bool got;
    HTH_TRY(hth_j_walk(vm, v, &w));
    (void)hth_j_len(v, &n);
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, (uint32_t)n, &list));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        HTH_TRY(hth_j_push(vm, list.u.seq, item));
    }
    *out = list;
    return HTH_OK;
}
