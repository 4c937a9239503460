/* jinja_eval.c - expressions: one small function per node kind, found through a table. */
#include "text/jinja.h"

typedef HthStatus EvalFn(HthJVm *vm, const HthJNode *n, HthJVal *out);

static HthStatus eval_const(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    (void)vm;
    *out = n->value;
    return HTH_OK;
}

static HthStatus eval_name(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    return hth_j_get(vm, n->id, out);
}

static HthStatus eval_seq(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal seq, item;
    HTH_TRY(hth_j_seq(vm, n->kind == HTH_J_N_TUPLE ? HTH_J_TUPLE : HTH_J_LIST, n->kid_count, &seq));
    for (uint32_t i = 0; i < n->kid_count; i++) {
        HTH_TRY(hth_j_eval(vm, n->kids[i], &item));
        HTH_TRY(hth_j_push(vm, seq.u.seq, item));
    }
    *out = seq;
    return HTH_OK;
}

static HthStatus eval_dict(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal dict, k, v;
    HTH_TRY(hth_j_dict(vm, &dict));
    for (uint32_t i = 0; i + 1 < n->kid_count; i += 2) {
        HTH_TRY(hth_j_eval(vm, n->kids[i], &k));
        HTH_TRY(hth_j_eval(vm, n->kids[i + 1], &v));
        HTH_TRY(hth_j_dict_put(vm, dict.u.dict, k, v));
    }
    *out = dict;
    return HTH_OK;
}

static HthStatus eval_attr(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal obj;
    HTH_TRY(hth_j_eval(vm, n->a, &obj));
    vm->line = n->line;
    return hth_j_getattr(vm, obj, n->name, out);
}

static HthStatus eval_item(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal obj, key;
    HTH_TRY(hth_j_eval(vm, n->a, &obj));
    if (n->b->kind != HTH_J_N_SLICE) {
        HTH_TRY(hth_j_eval(vm, n->b, &key));
        vm->line = n->line;
        return hth_j_getitem(vm, obj, key, out);
    }
    const HthJNode *parts[3] = { n->b->a, n->b->b, n->b->c };
    HthJVal bounds[3] = { { .kind = HTH_J_ABSENT },
                          { .kind = HTH_J_ABSENT },
                          { .kind = HTH_J_ABSENT } };
    for (int i = 0; i < 3; i++)
        if (parts[i]) HTH_TRY(hth_j_eval(vm, parts[i], &bounds[i]));
    return hth_j_slice(vm, obj, bounds, out);
}

/* A slice among several subscripts: nothing here can be indexed so. */
static HthStatus eval_slice(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    (void)vm, (void)n;
    *out = hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("a slice is no value"));
    return HTH_OK;
}

/* --- calls --- */
static HthStatus add_kwarg(HthJVm *vm, HthJArgs *args, uint32_t cap, HthStr name, HthJVal v) {
    for (uint32_t i = 0; i < args->kw_count; i++)
        HTH_J_REQUIRE(!hth_str_eq(args->kw_names[i], name), vm,
                      "a call gives the argument '%.*s' twice", (int)(name.n < 40 ? name.n : 40),
                      name.p);
    HTH_ASSERT(args->kw_count < cap);
    args->kw_names[args->kw_count] = name;
    args->kw[args->kw_count++] = v;
    return HTH_OK;
}

static HthStatus add_star_star(HthJVm *vm, const HthJDict *d, HthJArgs *args, uint32_t cap) {
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->e[i].k.kind == HTH_J_ABSENT) continue;
        HTH_J_REQUIRE(d->e[i].k.kind == HTH_J_STR, vm, "the names of ** arguments must be strings");
        HTH_TRY(add_kwarg(vm, args, cap, hth_j_text(d->e[i].k), d->e[i].v));
    }
    return HTH_OK;
}

/* Positional arguments, then *more, in one array. */
static HthStatus positional(HthJVm *vm, const HthJCallArgs *from, HthJArgs *out) {
    HthJVal all, v;
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, from->pos_count, &all));
    for (uint32_t i = 0; i < from->pos_count; i++) {
        HTH_TRY(hth_j_eval(vm, from->pos[i], &v));
        HTH_TRY(hth_j_push(vm, all.u.seq, v));
    }
    HthJVal star = { .kind = HTH_J_ABSENT };
    if (from->star) HTH_TRY(hth_j_eval(vm, from->star, &star));
    if (hth_j_given(star)) {
        HTH_TRY(hth_j_list(vm, star, &star));
        for (uint32_t i = 0; i < star.u.seq->n; i++)
            HTH_TRY(hth_j_push(vm, all.u.seq, star.u.seq->v[i]));
    }
    out->pos = all.u.seq->v;
    out->pos_count = all.u.seq->n;
    return HTH_OK;
}

HthStatus hth_j_args(HthJVm *vm, const HthJCallArgs *from, HthJArgs *out) {
    *out = (HthJArgs){ 0 };
    if (!from) return HTH_OK;
    HTH_TRY(positional(vm, from, out));
    HthJVal kw = { .kind = HTH_J_ABSENT };
    uint32_t cap = from->kw_count + 1; /* one to spare for caller */
    if (from->star_star) {
        HTH_TRY(hth_j_eval(vm, from->star_star, &kw));
        HTH_J_REQUIRE(kw.kind == HTH_J_DICT, vm, "** needs a dict, not a %s", hth_j_type(kw));
        cap += kw.u.dict->live;
    }
    HTH_TRY(hth_j_take(vm, cap, sizeof *out->kw, &out->kw));
    HTH_TRY(hth_j_take(vm, cap, sizeof *out->kw_names, &out->kw_names));
    for (uint32_t i = 0; i < from->kw_count; i++) {
        HthJVal v;
        HTH_TRY(hth_j_eval(vm, from->kw[i], &v));
        HTH_TRY(add_kwarg(vm, out, cap, from->kw_names[i], v));
    }
    if (hth_j_given(kw)) HTH_TRY(add_star_star(vm, kw.u.dict, out, cap));
    return HTH_OK;
}

static HthStatus eval_call(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal f;
    HthJArgs args;
    HTH_TRY(hth_j_eval(vm, n->a, &f));
    HTH_TRY(hth_j_args(vm, n->args, &args));
    vm->line = n->line;
    return hth_j_call(vm, f, &args, out);
}

static HthStatus eval_piped(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    bool filter = n->kind == HTH_J_N_FILTER;
    HthJVal self;
    HthJArgs args;
    if (n->a)
        HTH_TRY(hth_j_eval(vm, n->a, &self));
    else
        self = vm->piped;
    HTH_TRY(hth_j_args(vm, n->args, &args));
    vm->line = n->line;
    if (!n->fn)
        return HTH_J_FAIL(vm, HTH_ENOTSUP, "the %s '%.*s' does not exist",
                          filter ? "filter" : "test", (int)(n->name.n < 40 ? n->name.n : 40),
                          n->name.p);
    return hth_j_call_builtin(vm, n->fn, filter ? "filter" : "test", self, &args, out);
}

/* --- operators --- */
static HthStatus eval_cond(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal test;
    HTH_TRY(hth_j_eval(vm, n->b, &test));
    if (hth_j_truth(test)) return hth_j_eval(vm, n->a, out);
    if (n->c) return hth_j_eval(vm, n->c, out);
    *out = hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("an inline if without else was false"));
    return HTH_OK;
}

static HthStatus eval_logic(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HTH_TRY(hth_j_eval(vm, n->a, out));
    if (hth_j_truth(*out) == (n->kind == HTH_J_N_OR)) return HTH_OK;
    return hth_j_eval(vm, n->b, out);
}

static HthStatus eval_not(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal v;
    HTH_TRY(hth_j_eval(vm, n->a, &v));
    *out = hth_j_bool(!hth_j_truth(v));
    return HTH_OK;
}

static HthStatus eval_sign(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal v;
    HTH_TRY(hth_j_eval(vm, n->a, &v));
    vm->line = n->line;
    if (v.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, v);
    HTH_J_REQUIRE(hth_j_is_num(v), vm, "a %s has no sign", hth_j_type(v));
    if (n->kind == HTH_J_N_POS) {
        *out = v.kind == HTH_J_BOOL ? hth_j_int(v.u.i) : v;
        return HTH_OK;
    }
    if (v.kind == HTH_J_FLOAT) {
        *out = hth_j_float(-v.u.f);
        return HTH_OK;
    }
    return hth_j_binary(vm, HTH_J_SUB, hth_j_int(0), v, out);
}

static HthStatus eval_binary(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal a, b;
    HTH_TRY(hth_j_eval(vm, n->a, &a));
    HTH_TRY(hth_j_eval(vm, n->b, &b));
    vm->line = n->line;
    return hth_j_binary(vm, (HthJOp)n->op, a, b, out);
}

static HthStatus eval_concat(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal parts;
    HthJSb sb;
    HTH_TRY(eval_seq(vm, n, &parts));
    hth_j_resume(vm, parts.u.seq->v[0], &sb);
    for (uint32_t i = sb.n ? 1 : 0; i < parts.u.seq->n; i++)
        HTH_TRY(hth_j_add_str(vm, &sb, parts.u.seq->v[i]));
    hth_j_keep(vm, &sb);
    *out = hth_j_done(&sb);
    return HTH_OK;
}

static HthStatus eval_compare(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJVal left, right;
    bool yes = true;
    HTH_TRY(hth_j_eval(vm, n->a, &left));
    for (uint32_t i = 0; i < n->kid_count && yes; i++) {
        HTH_TRY(hth_j_eval(vm, n->kids[i], &right));
        vm->line = n->line;
        HTH_TRY(hth_j_compare(vm, (HthJOp)n->ops[i], left, right, &yes));
        left = right;
    }
    *out = hth_j_bool(yes);
    return HTH_OK;
}

static EvalFn *const evaluators[] = {
    [HTH_J_N_CONST] = eval_const,   [HTH_J_N_NAME] = eval_name,   [HTH_J_N_TUPLE] = eval_seq,
    [HTH_J_N_LIST] = eval_seq,      [HTH_J_N_DICT] = eval_dict,   [HTH_J_N_ATTR] = eval_attr,
    [HTH_J_N_ITEM] = eval_item,     [HTH_J_N_SLICE] = eval_slice, [HTH_J_N_CALL] = eval_call,
    [HTH_J_N_FILTER] = eval_piped,  [HTH_J_N_TEST] = eval_piped,  [HTH_J_N_COND] = eval_cond,
    [HTH_J_N_OR] = eval_logic,      [HTH_J_N_AND] = eval_logic,   [HTH_J_N_NOT] = eval_not,
    [HTH_J_N_NEG] = eval_sign,      [HTH_J_N_POS] = eval_sign,    [HTH_J_N_BIN] = eval_binary,
    [HTH_J_N_CONCAT] = eval_concat, [HTH_J_N_CMP] = eval_compare,
};

HthStatus hth_j_eval(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HTH_ASSERT(n->kind < HTH_COUNT(evaluators) && evaluators[n->kind]);
    HTH_TRY(hth_j_enter(vm));
    HthJVal v = { .kind = HTH_J_ABSENT };
    HthStatus st = evaluators[n->kind](vm, n, &v);
    hth_j_leave(vm);
    if (st == HTH_OK) *out = v;
    return st;
}
