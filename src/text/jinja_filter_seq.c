/* jinja_filter_seq.c - filters over sequences and mappings. */
#include "text/jinja.h"

HthStatus hth_j_path(HthJVm *vm, HthJVal item, HthJVal attribute, HthJVal dflt, HthJVal *out) {
    bool has_default = hth_j_given(dflt) && dflt.kind != HTH_J_NONE;
    if (attribute.kind != HTH_J_STR) {
        if (hth_j_given(attribute) && attribute.kind != HTH_J_NONE)
            HTH_TRY(hth_j_getitem(vm, item, attribute, &item));
        *out = has_default && item.kind == HTH_J_UNDEF ? dflt : item;
        return HTH_OK;
    }
    HthStr path = hth_j_text(attribute);
    for (size_t at = 0; at <= path.n;) {
        HthStr rest = { path.p + at, path.n - at }, part = rest;
        size_t dot = hth_str_find(rest, HTH_STR("."));
        if (dot != SIZE_MAX) part.n = dot;
        int64_t index;
        bool digits = part.n > 0;
        for (size_t i = 0; i < part.n; i++) digits = digits && part.p[i] >= '0' && part.p[i] <= '9';
        HthJVal key =
            digits && hth_j_parse_int(part, 10, &index) ? hth_j_int(index) : hth_j_str(part);
        HTH_TRY(hth_j_getitem(vm, item, key, &item));
        if (has_default && item.kind == HTH_J_UNDEF) item = dflt;
        at += part.n + 1;
    }
    *out = item;
    return HTH_OK;
}

/* Keys compare without case unless asked otherwise. */
static HthStatus fold(HthJVm *vm, HthJVal key, bool case_sensitive, HthJVal *out) {
    *out = key;
    if (key.kind != HTH_J_STR || case_sensitive) return HTH_OK;
    return hth_j_case(vm, hth_j_text(key), HTH_J_TO_LOWER, out);
}

static HthStatus key_of(HthJVm *vm, HthJVal item, HthJVal attribute, bool case_sensitive,
                        HthJVal *out) {
    HTH_TRY(hth_j_path(vm, item, attribute, (HthJVal){ .kind = HTH_J_ABSENT }, &item));
    return fold(vm, item, case_sensitive, out);
}

static HthStatus f_length(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    size_t n;
    (void)v, (void)raw;
    HTH_J_REQUIRE(hth_j_len(self, &n), vm, "a %s has no length", hth_j_type(self));
    *out = hth_j_int((int64_t)n);
    return HTH_OK;
}

static HthStatus f_list(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    (void)v, (void)raw;
    return hth_j_list(vm, self, out);
}

static HthStatus f_default(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                           HthJVal *out) {
    (void)vm, (void)raw;
    bool use = self.kind == HTH_J_UNDEF || (hth_j_truth(v[1]) && !hth_j_truth(self));
    *out = !use ? self : hth_j_given(v[0]) ? v[0] : hth_j_str(HTH_STR(""));
    return HTH_OK;
}

static HthStatus f_first(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    HthJWalk w;
    bool got;
    (void)v, (void)raw;
    HTH_TRY(hth_j_walk(vm, self, &w));
    HTH_TRY(hth_j_next(vm, &w, out, &got));
    if (!got) *out = hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("there is no first item"));
    return HTH_OK;
}

static HthStatus f_last(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    HthJVal list;
    (void)v, (void)raw;
    HTH_J_REQUIRE(self.kind != HTH_J_ITER, vm, "a generator has no last item; make it a list");
    HTH_TRY(hth_j_list(vm, self, &list));
    if (list.u.seq->n)
        *out = list.u.seq->v[list.u.seq->n - 1];
    else
        *out = hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("there is no last item"));
    return HTH_OK;
}

static HthStatus f_join(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    HthJSb sb = { 0 };
    HthJVal sep = hth_j_str(HTH_STR("")), item;
    HthJWalk w;
    bool got;
    (void)raw;
    if (hth_j_given(v[0])) HTH_TRY(hth_j_to_str(vm, v[0], &sep));
    HTH_TRY(hth_j_walk(vm, self, &w));
    for (bool first = true;; first = false) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        HTH_TRY(hth_j_path(vm, item, v[1], (HthJVal){ .kind = HTH_J_ABSENT }, &item));
        if (!first) HTH_TRY(hth_j_add(vm, &sb, hth_j_text(sep)));
        HTH_TRY(hth_j_add_str(vm, &sb, item));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus f_reverse(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                           HthJVal *out) {
    HthJVal list, back;
    HthJSb sb = { 0 };
    (void)v, (void)raw;
    HTH_TRY(hth_j_list(vm, self, &list));
    uint32_t n = list.u.seq->n;
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, n, &back));
    for (uint32_t i = n; i-- > 0;) {
        HTH_TRY(hth_j_push(vm, back.u.seq, list.u.seq->v[i]));
        if (self.kind == HTH_J_STR) HTH_TRY(hth_j_add_str(vm, &sb, list.u.seq->v[i]));
    }
    *out = hth_j_done(&sb);
    return self.kind == HTH_J_STR ? HTH_OK : hth_j_iter(vm, back, out);
}

static HthStatus f_items(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    HthJVal view = { .kind = HTH_J_VIEW, .sub = HTH_J_ITEMS, .u.dict = self.u.dict }, list;
    (void)v, (void)raw;
    if (self.kind == HTH_J_UNDEF) {
        HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
        return hth_j_iter(vm, list, out);
    }
    HTH_J_REQUIRE(self.kind == HTH_J_DICT, vm, "items needs a dict, not a %s", hth_j_type(self));
    HTH_TRY(hth_j_list(vm, view, &list));
    return hth_j_iter(vm, list, out);
}

/* --- order --- */
/* The sort key of an item by "a,b.c": one value, or a list of them. */
static HthStatus sort_key(HthJVm *vm, HthJVal item, HthJVal attribute, bool case_sensitive,
                          HthJVal *out) {
    HthStr names = hth_j_text(attribute);
    if (attribute.kind != HTH_J_STR || hth_str_find(names, HTH_STR(",")) == SIZE_MAX)
        return key_of(vm, item, attribute, case_sensitive, out);
    HthJVal keys, key;
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 2, &keys));
    for (size_t at = 0; at <= names.n;) {
        HthStr part = { names.p + at, names.n - at };
        size_t comma = hth_str_find(part, HTH_STR(","));
        if (comma != SIZE_MAX) part.n = comma;
        HTH_TRY(key_of(vm, item, hth_j_str(part), case_sensitive, &key));
        HTH_TRY(hth_j_push(vm, keys.u.seq, key));
        at += part.n + 1;
    }
    *out = keys;
    return HTH_OK;
}

/* list(self) sorted; *keys_out are the keys in the same order. */
static HthStatus sorted(HthJVm *vm, HthJVal self, HthJVal attribute, bool case_sensitive,
                        bool reverse, HthJVal *out) {
    HthJVal list, keys, key;
    HTH_TRY(hth_j_list(vm, self, &list));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, list.u.seq->n, &keys));
    for (uint32_t i = 0; i < list.u.seq->n; i++) {
        HTH_TRY(sort_key(vm, list.u.seq->v[i], attribute, case_sensitive, &key));
        HTH_TRY(hth_j_push(vm, keys.u.seq, key));
    }
    HTH_TRY(hth_j_sort(vm, keys.u.seq->v, list.u.seq->v, list.u.seq->n, reverse));
    *out = list;
    return HTH_OK;
}

static HthStatus f_sort(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    (void)raw;
    return sorted(vm, self, v[2], hth_j_truth(v[1]), hth_j_truth(v[0]), out);
}

static HthStatus f_dictsort(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                            HthJVal *out) {
    (void)raw;
    bool by_value = hth_j_is_str(v[1], "value");
    HTH_J_REQUIRE(!hth_j_given(v[1]) || by_value || hth_j_is_str(v[1], "key"), vm,
                  "dictsort sorts by \"key\" or \"value\"");
    HTH_J_REQUIRE(self.kind == HTH_J_DICT, vm, "dictsort needs a dict, not a %s", hth_j_type(self));
    HthJVal view = { .kind = HTH_J_VIEW, .sub = HTH_J_ITEMS, .u.dict = self.u.dict };
    return sorted(vm, view, hth_j_int(by_value), hth_j_truth(v[0]), hth_j_truth(v[2]), out);
}

static HthStatus extreme(HthJVm *vm, HthJVal self, const HthJVal *v, bool max, HthJVal *out) {
    HthJVal item, key, best = { .kind = HTH_J_ABSENT };
    HthJWalk w;
    bool got;
    HTH_TRY(hth_j_walk(vm, self, &w));
    *out = hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("there is no smallest or largest item"));
    for (;;) {
        int c = -1;
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) return HTH_OK;
        HTH_TRY(key_of(vm, item, v[1], hth_j_truth(v[0]), &key));
        if (hth_j_given(best))
            HTH_TRY(max ? hth_j_cmp(vm, best, key, &c) : hth_j_cmp(vm, key, best, &c));
        if (c >= 0) continue;
        best = key;
        *out = item;
    }
}

static HthStatus f_min(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                       HthJVal *out) {
    (void)raw;
    return extreme(vm, self, v, false, out);
}

static HthStatus f_max(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                       HthJVal *out) {
    (void)raw;
    return extreme(vm, self, v, true, out);
}

static HthStatus f_unique(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    HthJVal seen, list, item, key, old;
    HthJWalk w;
    bool got;
    (void)raw;
    HTH_TRY(hth_j_dict(vm, &seen));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
    HTH_TRY(hth_j_walk(vm, self, &w));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) return hth_j_iter(vm, list, out);
        HTH_TRY(key_of(vm, item, v[1], hth_j_truth(v[0]), &key));
        HTH_TRY(hth_j_dict_get(vm, seen.u.dict, key, &old));
        if (hth_j_given(old)) continue;
        HTH_TRY(hth_j_dict_put(vm, seen.u.dict, key, hth_j_none()));
        HTH_TRY(hth_j_push(vm, list.u.seq, item));
    }
}

/* --- groups --- */
static HthStatus f_groupby(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                           HthJVal *out) {
    HthJVal list, keys, groups, last = { .kind = HTH_J_ABSENT };
    bool sensitive = hth_j_truth(v[2]);
    (void)raw;
    HTH_TRY(hth_j_list(vm, self, &list));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, list.u.seq->n, &keys));
    for (uint32_t i = 0; i < list.u.seq->n; i++) {
        HthJVal key;
        HTH_TRY(hth_j_path(vm, list.u.seq->v[i], v[0], v[1], &key));
        HTH_TRY(fold(vm, key, sensitive, &key));
        HTH_TRY(hth_j_push(vm, keys.u.seq, key));
    }
    HTH_TRY(hth_j_sort(vm, keys.u.seq->v, list.u.seq->v, list.u.seq->n, false));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &groups));
    for (uint32_t i = 0; i < list.u.seq->n; i++) {
        HthJVal item = list.u.seq->v[i], real, key, pair, members;
        HTH_TRY(hth_j_path(vm, item, v[0], v[1], &real));
        HTH_TRY(fold(vm, real, sensitive, &key));
        bool same = false;
        if (hth_j_given(last)) HTH_TRY(hth_j_eq(vm, last, key, &same));
        if (!same) {
            HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &members));
            HTH_TRY(hth_j_pair(vm, real, members, &pair));
            pair.sub = 1;
            HTH_TRY(hth_j_push(vm, groups.u.seq, pair));
        }
        last = key;
        HTH_TRY(hth_j_push(vm, groups.u.seq->v[groups.u.seq->n - 1].u.seq->v[1].u.seq, item));
    }
    *out = groups;
    return HTH_OK;
}

static HthStatus f_batch(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    HthJVal rows, row = { .kind = HTH_J_ABSENT }, item;
    int64_t width;
    HthJWalk w;
    bool got;
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[0], "the line count of batch", 0, &width));
    HTH_TRY(hth_j_walk(vm, self, &w));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &rows));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        if (!hth_j_given(row) || row.u.seq->n == width) {
            HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &row));
            HTH_TRY(hth_j_push(vm, rows.u.seq, row));
        }
        HTH_TRY(hth_j_push(vm, row.u.seq, item));
    }
    bool fill = hth_j_given(v[1]) && v[1].kind != HTH_J_NONE;
    while (fill && hth_j_given(row) && row.u.seq->n < width) {
        HTH_TRY(hth_j_work(vm, 0));
        HTH_TRY(hth_j_push(vm, row.u.seq, v[1]));
    }
    return hth_j_iter(vm, rows, out);
}

static HthStatus f_slice(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out) {
    HthJVal list, columns, column;
    int64_t count;
    (void)raw;
    HTH_TRY(hth_j_want_int(vm, v[0], "the slice count", 0, &count));
    HTH_J_REQUIRE(count != 0, vm, "the slice count is zero");
    HTH_TRY(hth_j_list(vm, self, &list));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &columns));
    int64_t n = list.u.seq->n, per = count > 0 ? n / count : 0, extra = count > 0 ? n % count : 0;
    bool fill = hth_j_given(v[1]) && v[1].kind != HTH_J_NONE;
    for (int64_t i = 0, at = 0; i < count; i++) {
        int64_t take = per + (i < extra);
        HTH_TRY(hth_j_work(vm, 0));
        HTH_TRY(hth_j_seq(vm, HTH_J_LIST, (uint32_t)take, &column));
        for (int64_t k = 0; k < take; k++)
            HTH_TRY(hth_j_push(vm, column.u.seq, list.u.seq->v[at++]));
        if (fill && i >= extra) HTH_TRY(hth_j_push(vm, column.u.seq, v[1]));
        HTH_TRY(hth_j_push(vm, columns.u.seq, column));
    }
    return hth_j_iter(vm, columns, out);
}

/* --- map, select, reject --- */
static HthStatus shifted(const HthJArgs *raw, uint32_t by, HthJArgs *out) {
    *out = *raw;
    out->pos = raw->pos + by;
    out->pos_count = raw->pos_count - by;
    return HTH_OK;
}

static HthStatus f_map(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                       HthJVal *out) {
    HthJVal list, item, attribute = { 0 }, dflt = { 0 };
    const HthJBuiltin *b = NULL;
    HthJArgs rest = { 0 };
    HthStr name = { "", 0 };
    HthJWalk w;
    bool got;
    (void)v;
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
    if (!hth_j_truth(self)) return hth_j_iter(vm, list, out);
    if (raw->pos_count) {
        HTH_TRY(hth_j_want_str(vm, raw->pos[0], "the filter of map", &name));
        b = hth_j_find_filter(name);
        HTH_TRY(shifted(raw, 1, &rest));
        if (!b)
            return HTH_J_FAIL(vm, HTH_ENOTSUP, "the filter '%.*s' does not exist",
                              (int)(name.n < 40 ? name.n : 40), name.p);
    }
    for (uint32_t i = 0; i < raw->kw_count && !b; i++) {
        bool is_default = hth_str_eq(raw->kw_names[i], HTH_STR("default"));
        HTH_J_REQUIRE(is_default || hth_str_eq(raw->kw_names[i], HTH_STR("attribute")), vm,
                      "map takes a filter, or 'attribute' and 'default'");
        *(is_default ? &dflt : &attribute) = raw->kw[i];
    }
    HTH_J_REQUIRE(b || hth_j_given(attribute), vm, "map needs a filter or an attribute");
    HTH_TRY(hth_j_walk(vm, self, &w));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) return hth_j_iter(vm, list, out);
        if (b)
            HTH_TRY(hth_j_call_builtin(vm, b, "filter", item, &rest, &item));
        else
            HTH_TRY(hth_j_path(vm, item, attribute, dflt, &item));
        HTH_TRY(hth_j_push(vm, list.u.seq, item));
    }
}

static HthStatus choose(HthJVm *vm, HthJVal self, const HthJArgs *raw, bool by_attr, bool want,
                        HthJVal *out) {
    HthJVal list, item, got_test;
    const HthJBuiltin *b = NULL;
    HthJArgs rest = { 0 };
    HthJWalk w;
    bool got;
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
    if (!hth_j_truth(self)) return hth_j_iter(vm, list, out);
    HTH_J_REQUIRE(raw->pos_count >= by_attr, vm, "an attribute name is missing");
    if (raw->pos_count > by_attr) {
        HthStr name;
        HTH_TRY(hth_j_want_str(vm, raw->pos[by_attr], "the test of select or reject", &name));
        b = hth_j_find_test(name);
        HTH_TRY(shifted(raw, 1u + by_attr, &rest));
        if (!b)
            return HTH_J_FAIL(vm, HTH_ENOTSUP, "the test '%.*s' does not exist",
                              (int)(name.n < 40 ? name.n : 40), name.p);
    }
    HTH_TRY(hth_j_walk(vm, self, &w));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) return hth_j_iter(vm, list, out);
        got_test = item;
        if (by_attr) HTH_TRY(hth_j_path(vm, item, raw->pos[0], (HthJVal){ 0 }, &got_test));
        if (b) HTH_TRY(hth_j_call_builtin(vm, b, "test", got_test, &rest, &got_test));
        if (hth_j_truth(got_test) == want) HTH_TRY(hth_j_push(vm, list.u.seq, item));
    }
}

static HthStatus f_select(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    (void)v;
    return choose(vm, self, raw, false, true, out);
}

static HthStatus f_reject(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                          HthJVal *out) {
    (void)v;
    return choose(vm, self, raw, false, false, out);
}

static HthStatus f_selectattr(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                              HthJVal *out) {
    (void)v;
    return choose(vm, self, raw, true, true, out);
}

static HthStatus f_rejectattr(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                              HthJVal *out) {
    (void)v;
    return choose(vm, self, raw, true, false, out);
}

static HthStatus f_attr(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                        HthJVal *out) {
    HthStr name;
    (void)raw;
    HTH_TRY(hth_j_want_str(vm, v[0], "the name given to attr", &name));
    if (self.kind == HTH_J_DICT && !hth_j_find(hth_j_dict_methods, name)) {
        *out = hth_j_undef(HTH_J_UNDEF_ATTR, name); /* attributes only, never items */
        return HTH_OK;
    }
    return hth_j_getattr(vm, self, name, out);
}

const HthJBuiltin hth_j_filters_seq[] = {
    { "attr", "name", f_attr },
    { "batch", "linecount fill_with?", f_batch },
    { "count", "", f_length },
    { "d", "default_value? boolean?", f_default },
    { "default", "default_value? boolean?", f_default },
    { "dictsort", "case_sensitive? by? reverse?", f_dictsort },
    { "first", "", f_first },
    { "groupby", "attribute default? case_sensitive?", f_groupby },
    { "items", "", f_items },
    { "join", "d? attribute?", f_join },
    { "last", "", f_last },
    { "length", "", f_length },
    { "list", "", f_list },
    { "map", "*", f_map },
    { "max", "case_sensitive? attribute?", f_max },
    { "min", "case_sensitive? attribute?", f_min },
    { "pprint", "", NULL },
    { "random", "", NULL },
    { "reject", "*", f_reject },
    { "rejectattr", "*", f_rejectattr },
    { "reverse", "", f_reverse },
    { "select", "*", f_select },
    { "selectattr", "*", f_selectattr },
    { "slice", "slices fill_with?", f_slice },
    { "sort", "reverse? case_sensitive? attribute?", f_sort },
    { "unique", "case_sensitive? attribute?", f_unique },
    { NULL, NULL, NULL },
};
