/* jinja_tests.c - the tests behind `is`: each says yes or no about a value. */
#include "text/jinja.h"

#define TEST(name)                                                                                 \
    static HthStatus name(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,         \
                          HthJVal *out)

/* Tests that only look at the kind. */
#define KIND_TEST(name, cond)                                                                      \
    TEST(name) {                                                                                   \
        (void)vm, (void)v, (void)raw;                                                              \
        *out = hth_j_bool(cond);                                                                   \
        return HTH_OK;                                                                             \
    }

KIND_TEST(t_defined, self.kind != HTH_J_UNDEF)
KIND_TEST(t_undefined, self.kind == HTH_J_UNDEF)
KIND_TEST(t_none, self.kind == HTH_J_NONE)
KIND_TEST(t_boolean, self.kind == HTH_J_BOOL)
KIND_TEST(t_true, self.kind == HTH_J_BOOL && self.u.i)
KIND_TEST(t_false, self.kind == HTH_J_BOOL && !self.u.i)
KIND_TEST(t_integer, self.kind == HTH_J_INT)
KIND_TEST(t_float, self.kind == HTH_J_FLOAT)
KIND_TEST(t_number, hth_j_is_num(self))
KIND_TEST(t_string, self.kind == HTH_J_STR)
KIND_TEST(t_mapping, self.kind == HTH_J_DICT)
KIND_TEST(t_iterable, hth_j_iterable(self) || self.kind == HTH_J_LOOP)
KIND_TEST(t_escaped, self.kind == HTH_J_STR && self.sub)
KIND_TEST(t_sequence, self.kind == HTH_J_STR || self.kind == HTH_J_LIST ||
                          self.kind == HTH_J_TUPLE || self.kind == HTH_J_DICT ||
                          self.kind == HTH_J_RANGE || self.kind == HTH_J_UNDEF)
KIND_TEST(t_callable, self.kind == HTH_J_MACRO || self.kind == HTH_J_FUNC ||
                          self.kind == HTH_J_LOOP || self.kind == HTH_J_JOINER ||
                          self.kind == HTH_J_UNDEF)

static HthStatus modulo(HthJVm *vm, HthJVal self, HthJVal by, int64_t want, HthJVal *out) {
    HthJVal rest;
    bool same;
    HTH_TRY(hth_j_binary(vm, HTH_J_MOD, self, by, &rest));
    HTH_TRY(hth_j_eq(vm, rest, hth_j_int(want), &same));
    *out = hth_j_bool(same);
    return HTH_OK;
}

TEST(t_odd) {
    (void)v, (void)raw;
    return modulo(vm, self, hth_j_int(2), 1, out);
}

TEST(t_even) {
    (void)v, (void)raw;
    return modulo(vm, self, hth_j_int(2), 0, out);
}

TEST(t_divisibleby) {
    (void)raw;
    return modulo(vm, self, v[0], 0, out);
}

static HthStatus compared(HthJVm *vm, HthJOp op, HthJVal a, HthJVal b, HthJVal *out) {
    bool yes;
    HTH_TRY(hth_j_compare(vm, op, a, b, &yes));
    *out = hth_j_bool(yes);
    return HTH_OK;
}

#define COMPARE_TEST(name, op)                                                                     \
    TEST(name) {                                                                                   \
        (void)raw;                                                                                 \
        return compared(vm, op, self, v[0], out);                                                  \
    }

COMPARE_TEST(t_eq, HTH_J_EQ)
COMPARE_TEST(t_ne, HTH_J_NE)
COMPARE_TEST(t_lt, HTH_J_LT)
COMPARE_TEST(t_le, HTH_J_LE)
COMPARE_TEST(t_gt, HTH_J_GT)
COMPARE_TEST(t_ge, HTH_J_GE)
COMPARE_TEST(t_in, HTH_J_IN)

/* Python's `is`: the same object. Small values are themselves. */
TEST(t_sameas) {
    (void)vm, (void)raw;
    HthJVal a = self, b = v[0];
    bool same = a.kind == b.kind && a.kind != HTH_J_UNDEF && a.u.i == b.u.i;
    if (a.kind == HTH_J_NONE && b.kind == HTH_J_NONE) same = true;
    if (a.kind == HTH_J_STR && b.kind == HTH_J_STR) same = hth_str_eq(hth_j_text(a), hth_j_text(b));
    *out = hth_j_bool(same);
    return HTH_OK;
}

static HthStatus all_cased(HthJVm *vm, HthJVal self, HthJClass want, HthJVal *out) {
    bool some = false, all = true;
    size_t len;
    HTH_TRY(hth_j_to_str(vm, self, &self));
    HTH_TRY(hth_j_work(vm, self.n));
    for (size_t i = 0; i < self.n; i += len) {
        uint32_t cp = hth_j_cp_at(hth_j_text(self), i, &len);
        if (!hth_j_class(cp, HTH_J_CASED)) continue;
        some = true;
        all = all && hth_j_class(cp, want);
    }
    *out = hth_j_bool(some && all);
    return HTH_OK;
}

TEST(t_lower) {
    (void)v, (void)raw;
    return all_cased(vm, self, HTH_J_LOWER, out);
}

TEST(t_upper) {
    (void)v, (void)raw;
    return all_cased(vm, self, HTH_J_UPPER, out);
}

TEST(t_filter) {
    (void)vm, (void)v, (void)raw;
    const HthJBuiltin *b = self.kind == HTH_J_STR ? hth_j_find_filter(hth_j_text(self)) : NULL;
    *out = hth_j_bool(b && b->fn);
    return HTH_OK;
}

TEST(t_test) {
    (void)vm, (void)v, (void)raw;
    const HthJBuiltin *b = self.kind == HTH_J_STR ? hth_j_find_test(hth_j_text(self)) : NULL;
    *out = hth_j_bool(b != NULL);
    return HTH_OK;
}

const HthJBuiltin hth_j_tests[] = {
    { "!=", "other", t_ne },
    { "<", "other", t_lt },
    { "<=", "other", t_le },
    { "==", "other", t_eq },
    { ">", "other", t_gt },
    { ">=", "other", t_ge },
    { "boolean", "", t_boolean },
    { "callable", "", t_callable },
    { "defined", "", t_defined },
    { "divisibleby", "num", t_divisibleby },
    { "eq", "other", t_eq },
    { "equalto", "other", t_eq },
    { "escaped", "", t_escaped },
    { "even", "", t_even },
    { "false", "", t_false },
    { "filter", "", t_filter },
    { "float", "", t_float },
    { "ge", "other", t_ge },
    { "greaterthan", "other", t_gt },
    { "gt", "other", t_gt },
    { "in", "seq", t_in },
    { "integer", "", t_integer },
    { "iterable", "", t_iterable },
    { "le", "other", t_le },
    { "lessthan", "other", t_lt },
    { "lower", "", t_lower },
    { "lt", "other", t_lt },
    { "mapping", "", t_mapping },
    { "ne", "other", t_ne },
    { "none", "", t_none },
    { "number", "", t_number },
    { "odd", "", t_odd },
    { "sameas", "other", t_sameas },
    { "sequence", "", t_sequence },
    { "string", "", t_string },
    { "test", "", t_test },
    { "true", "", t_true },
    { "undefined", "", t_undefined },
    { "upper", "", t_upper },
    { NULL, NULL, NULL },
};
