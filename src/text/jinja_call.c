/* jinja_call.c - calling things: built-ins bound by their parameters, macros by Jinja's rules. */
#include "text/jinja.h"

const HthJBuiltin *hth_j_find(const HthJBuiltin *table, HthStr name) {
    for (; table->name; table++)
        if (hth_str_eq(name, hth_str(table->name))) return table;
    return NULL;
}

const HthJBuiltin *hth_j_find_filter(HthStr name) {
    const HthJBuiltin *const tables[] = { hth_j_filters_text, hth_j_filters_seq,
                                          hth_j_filters_num };
    for (size_t i = 0; i < HTH_COUNT(tables); i++) {
        const HthJBuiltin *b = hth_j_find(tables[i], name);
        if (b) return b;
    }
    return NULL;
}

const HthJBuiltin *hth_j_find_test(HthStr name) {
    return hth_j_find(hth_j_tests, name);
}

/* --- built-ins --- */
typedef struct Param {
    HthStr name;
    bool optional;
} Param;

/* "old new count?" into params; false for "*". */
static bool read_spec(const char *spec, Param params[HTH_J_PARAMS_MAX], uint32_t *count) {
    *count = 0;
    while (*spec) {
        size_t n = strcspn(spec, " ");
        if (spec[0] == '*') return false;
        bool optional = spec[n - 1] == '?';
        HTH_ASSERT(*count < HTH_J_PARAMS_MAX);
        params[(*count)++] = (Param){ { spec, n - optional }, optional };
        spec += n + (spec[n] == ' ');
    }
    return true;
}

static HthStatus bind(HthJVm *vm, const HthJBuiltin *b, const char *what, const HthJArgs *args,
                      HthJVal v[HTH_J_PARAMS_MAX]) {
    Param params[HTH_J_PARAMS_MAX];
    uint32_t count;
    if (!read_spec(b->spec, params, &count)) return HTH_OK;
    HTH_J_REQUIRE(args->pos_count <= count, vm, "the %s '%s' takes at most %u arguments", what,
                  b->name, count);
    for (uint32_t i = 0; i < args->pos_count; i++) v[i] = args->pos[i];
    for (uint32_t k = 0; k < args->kw_count; k++) {
        uint32_t i = 0;
        while (i < count && !hth_str_eq(params[i].name, args->kw_names[k])) i++;
        HthStr kw = args->kw_names[k];
        HTH_J_REQUIRE(i < count, vm, "the %s '%s' has no argument '%.*s'", what, b->name,
                      (int)(kw.n < 40 ? kw.n : 40), kw.p);
        HTH_J_REQUIRE(!hth_j_given(v[i]), vm, "the %s '%s' gets the argument '%.*s' twice", what,
                      b->name, HTH_STR_ARG(params[i].name));
        v[i] = args->kw[k];
    }
    for (uint32_t i = 0; i < count; i++)
        HTH_J_REQUIRE(params[i].optional || hth_j_given(v[i]), vm,
                      "the %s '%s' needs the argument '%.*s'", what, b->name,
                      HTH_STR_ARG(params[i].name));
    return HTH_OK;
}

HthStatus hth_j_call_builtin(HthJVm *vm, const HthJBuiltin *b, const char *what, HthJVal self,
                             const HthJArgs *args, HthJVal *out) {
    HthJVal v[HTH_J_PARAMS_MAX] = { 0 }, r = { 0 };
    if (!b->fn) return HTH_J_FAIL(vm, HTH_ENOTSUP, "the %s '%s' is not supported", what, b->name);
    HTH_TRY(bind(vm, b, what, args, v));
    HTH_TRY(b->fn(vm, self, v, args, &r));
    *out = r;
    return HTH_OK;
}

HthStatus hth_j_want_int(HthJVm *vm, HthJVal v, const char *what, int64_t dflt, int64_t *out) {
    *out = dflt;
    if (!hth_j_given(v) || v.kind == HTH_J_NONE) return HTH_OK;
    HTH_J_REQUIRE(hth_j_is_int(v), vm, "%s must be an integer, not a %s", what, hth_j_type(v));
    *out = v.u.i;
    return HTH_OK;
}

HthStatus hth_j_want_str(HthJVm *vm, HthJVal v, const char *what, HthStr *out) {
    if (v.kind == HTH_J_UNDEF) return hth_j_undef_fail(vm, v);
    HTH_J_REQUIRE(v.kind == HTH_J_STR, vm, "%s must be a string, not a %s", what, hth_j_type(v));
    *out = hth_j_text(v);
    return HTH_OK;
}

/* --- macros --- */
typedef struct Bound { /* arguments of a macro call while they are handed out */
    const HthJMacroDef *def;
    const HthJArgs *args;
    bool *used; /* per keyword argument */
} Bound;

static HthJVal take_kwarg(const Bound *b, HthStr name) {
    for (uint32_t i = 0; i < b->args->kw_count; i++) {
        if (!hth_str_eq(b->args->kw_names[i], name)) continue;
        b->used[i] = true;
        return b->args->kw[i];
    }
    return (HthJVal){ .kind = HTH_J_ABSENT };
}

static HthStatus bind_params(HthJVm *vm, const Bound *b) {
    const HthJMacroDef *def = b->def;
    for (uint32_t i = 0; i < def->param_count;
         i++) { /* first what was given: defaults may use it */
        const HthJParam *q = &def->params[i];
        HthJVal v = i < b->args->pos_count ? b->args->pos[i] : take_kwarg(b, q->name);
        HTH_TRY(hth_j_set(vm, q->id, v));
    }
    for (uint32_t i = 0; i < def->param_count; i++) {
        const HthJParam *q = &def->params[i];
        HthJVal v = vm->scope->v[i].v;
        if (vm->scope->v[i].id != q->id || hth_j_given(v)) continue;
        if (q->def)
            HTH_TRY(hth_j_eval(vm, q->def, &v));
        else
            v = hth_j_undef(HTH_J_UNDEF_NAME, q->name);
        HTH_TRY(hth_j_set(vm, q->id, v));
    }
    return HTH_OK;
}

static HthStatus bind_caller(HthJVm *vm, const Bound *b) {
    if (!b->def->uses_caller) return HTH_OK;
    HthJVal caller = take_kwarg(b, HTH_STR("caller"));
    if (!hth_j_given(caller) || caller.kind == HTH_J_NONE)
        caller = hth_j_undef(HTH_J_UNDEF_HINT, HTH_STR("No caller defined"));
    return hth_j_set(vm, vm->t->caller_id, caller);
}

static HthStatus bind_rest(HthJVm *vm, const Bound *b, HthStr name) {
    HthJVal rest;
    if (b->def->uses_kwargs) {
        HTH_TRY(hth_j_dict(vm, &rest));
        for (uint32_t i = 0; i < b->args->kw_count; i++)
            if (!b->used[i])
                HTH_TRY(hth_j_dict_put(vm, rest.u.dict, hth_j_str(b->args->kw_names[i]),
                                       b->args->kw[i]));
        HTH_TRY(hth_j_set(vm, vm->t->kwargs_id, rest));
    }
    for (uint32_t i = 0; i < b->args->kw_count && !b->def->uses_kwargs; i++) {
        HthStr kw = b->args->kw_names[i];
        HTH_J_REQUIRE(b->used[i], vm, "the macro '%.*s' has no parameter '%.*s'",
                      (int)(name.n < 40 ? name.n : 40), name.p, (int)(kw.n < 40 ? kw.n : 40), kw.p);
    }
    uint32_t taken = b->def->param_count, n = b->args->pos_count;
    uint32_t extra = n > taken ? n - taken : 0;
    if (b->def->uses_varargs) {
        HTH_TRY(hth_j_seq(vm, HTH_J_TUPLE, extra, &rest));
        for (uint32_t i = 0; i < extra; i++)
            HTH_TRY(hth_j_push(vm, rest.u.seq, b->args->pos[taken + i]));
        return hth_j_set(vm, vm->t->varargs_id, rest);
    }
    HTH_J_REQUIRE(extra == 0, vm, "the macro '%.*s' takes at most %u arguments",
                  (int)(name.n < 40 ? name.n : 40), name.p, taken);
    return HTH_OK;
}

/* In the macro's own scope, which lies inside the scope that defined it. */
static HthStatus run_macro(HthJVm *vm, const HthJMacro *m, const HthJArgs *args, HthJVal *out) {
    Bound b = { m->node->macro, args, NULL };
    HthJFlow flow = HTH_J_GO;
    HTH_TRY(hth_j_take(vm, args->kw_count, sizeof *b.used, &b.used));
    HTH_TRY(bind_params(vm, &b));
    HTH_TRY(bind_caller(vm, &b));
    HTH_TRY(bind_rest(vm, &b, m->node->name));
    for (uint32_t i = 0; i < m->node->unset_count; i++)
        HTH_TRY(hth_j_set(vm, m->node->unset[i], (HthJVal){ .kind = HTH_J_ABSENT }));
    return hth_j_capture(vm, m->node->c, &flow, out);
}

HthStatus hth_j_call_macro(HthJVm *vm, HthJMacro *m, const HthJArgs *args, HthJVal *out) {
    HthJScope *scope0 = vm->scope, *inside;
    uint32_t line0 = vm->line;
    if (vm->calls >= vm->calls_max)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "calls nest deeper than %u", vm->calls_max);
    HTH_TRY(hth_j_take(vm, 1, sizeof *inside, &inside));
    inside->up = m->scope;
    vm->scope = inside;
    vm->calls++;
    HthStatus st = run_macro(vm, m, args, out);
    vm->calls--;
    vm->scope = scope0;
    if (st == HTH_OK) vm->line = line0;
    return st;
}

/* --- Markup --- */
static HthStatus escape_arg(HthJVm *vm, HthJVal *v) {
    HthJSb sb = { 0 };
    if (v->kind != HTH_J_STR || v->sub) return HTH_OK;
    HTH_TRY(hth_j_add_escaped(vm, &sb, hth_j_text(*v)));
    *v = hth_j_done(&sb);
    return HTH_OK;
}

static void mark(HthJVal *v) {
    if (v->kind == HTH_J_STR) v->sub = 1;
    if (v->kind != HTH_J_LIST && v->kind != HTH_J_TUPLE) return;
    for (uint32_t i = 0; i < v->u.seq->n; i++)
        if (v->u.seq->v[i].kind == HTH_J_STR) v->u.seq->v[i].sub = 1;
}

/* A method of escaped text escapes the text it is given and returns escaped text. */
static HthStatus call_on_markup(HthJVm *vm, const HthJFunc *f, const HthJArgs *args, HthJVal *out) {
    static const char *const escaping[] = { "replace", "ljust",        "rjust",
                                            "lstrip",  "rstrip",       "center",
                                            "strip",   "removeprefix", "removesuffix" };
    HthJVal list;
    bool joins = strcmp(f->b->name, "join") == 0, escapes = false;
    for (size_t i = 0; i < HTH_COUNT(escaping); i++)
        escapes = escapes || strcmp(f->b->name, escaping[i]) == 0;
    for (uint32_t i = 0; escapes && i < args->pos_count; i++)
        HTH_TRY(escape_arg(vm, &args->pos[i]));
    if (joins && args->pos_count == 1) {
        HTH_TRY(hth_j_list(vm, args->pos[0], &list));
        for (uint32_t i = 0; i < list.u.seq->n; i++) HTH_TRY(escape_arg(vm, &list.u.seq->v[i]));
        args->pos[0] = list;
    }
    HTH_TRY(hth_j_call_builtin(vm, f->b, "function", f->self, args, out));
    mark(out);
    return HTH_OK;
}

HthStatus hth_j_call(HthJVm *vm, HthJVal f, const HthJArgs *args, HthJVal *out) {
    switch (f.kind) {
    case HTH_J_UNDEF: return hth_j_undef_fail(vm, f);
    case HTH_J_MACRO: return hth_j_call_macro(vm, f.u.macro, args, out);
    case HTH_J_FUNC:
        if (f.u.func->self.kind == HTH_J_STR && f.u.func->self.sub)
            return call_on_markup(vm, f.u.func, args, out);
        return hth_j_call_builtin(vm, f.u.func->b, "function", f.u.func->self, args, out);
    case HTH_J_LOOP:
        HTH_J_REQUIRE(args->pos_count == 1 && args->kw_count == 0, vm, "loop() takes one argument");
        return hth_j_call_loop(vm, f.u.loop, args->pos[0], out);
    case HTH_J_JOINER:
        *out = f.u.joiner->used ? f.u.joiner->sep : hth_j_str(HTH_STR(""));
        f.u.joiner->used = true;
        return HTH_OK;
    default: return HTH_J_FAIL(vm, HTH_EINVAL, "a %s cannot be called", hth_j_type(f));
    }
}
