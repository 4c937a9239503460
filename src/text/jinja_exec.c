/* jinja_exec.c - statements: output, assignment, branches and loops. */
#include "text/jinja.h"

typedef HthStatus ExecFn(HthJVm *vm, const HthJNode *n, HthJFlow *flow);

/* A scope inside the current one; names it assigns before any use start out undefined. */
static HthStatus open_scope(HthJVm *vm, HthJScope *up, HthJScope **out) {
    HthJScope *s;
    HTH_TRY(hth_j_take(vm, 1, sizeof *s, &s));
    s->up = up;
    *out = s;
    return HTH_OK;
}

static HthStatus clear_scope(HthJVm *vm, HthJScope *s, const HthJNode *n) {
    HthJScope *outer = vm->scope;
    HthStatus st = HTH_OK;
    s->n = 0;
    vm->scope = s;
    for (uint32_t i = 0; i < n->unset_count && st == HTH_OK; i++)
        st = hth_j_set(vm, n->unset[i], (HthJVal){ .kind = HTH_J_ABSENT });
    vm->scope = outer;
    return st;
}

/* Runs body in its own scope, which `inside` may already hold variables of. */
static HthStatus run_in(HthJVm *vm, HthJScope *inside, const HthJNode *body, HthJFlow *flow) {
    HthJScope *outer = vm->scope;
    vm->scope = inside;
    HthStatus st = hth_j_exec(vm, body, flow);
    vm->scope = outer;
    return st;
}

static HthStatus exec_body(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    for (uint32_t i = 0; i < n->kid_count && *flow == HTH_J_GO; i++)
        HTH_TRY(hth_j_exec(vm, n->kids[i], flow));
    return HTH_OK;
}

static HthStatus exec_data(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    (void)flow;
    return hth_j_add(vm, vm->out, hth_j_text(n->value));
}

static HthStatus exec_print(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal v;
    (void)flow;
    HTH_TRY(hth_j_eval(vm, n->a, &v));
    return hth_j_add_str(vm, vm->out, v);
}

static HthStatus exec_if(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    uint32_t i = 0;
    for (; i + 1 < n->kid_count; i += 2) {
        HthJVal test;
        HTH_TRY(hth_j_eval(vm, n->kids[i], &test));
        if (hth_j_truth(test)) return hth_j_exec(vm, n->kids[i + 1], flow);
    }
    return i < n->kid_count ? hth_j_exec(vm, n->kids[i], flow) : HTH_OK;
}

/* --- assignment --- */
static HthStatus assign_tuple(HthJVm *vm, const HthJNode *target, HthJVal v) {
    HthJWalk w;
    HthJVal item;
    bool got;
    HTH_TRY(hth_j_walk(vm, v, &w));
    for (uint32_t i = 0; i <= target->kid_count; i++) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        HTH_J_REQUIRE(got == (i < target->kid_count), vm, "a value does not unpack into %u names",
                      target->kid_count);
        if (got) HTH_TRY(hth_j_assign(vm, target->kids[i], item));
    }
    return HTH_OK;
}

HthStatus hth_j_assign(HthJVm *vm, const HthJNode *target, HthJVal v) {
    HTH_TRY(hth_j_enter(vm));
    HthStatus st = HTH_OK;
    if (target->kind == HTH_J_N_NAME) {
        st = hth_j_set(vm, target->id, v);
    } else if (target->kind == HTH_J_N_TUPLE) {
        st = assign_tuple(vm, target, v);
    } else {
        HthJVal space;
        st = hth_j_get(vm, target->id, &space);
        if (st == HTH_OK && space.kind != HTH_J_SPACE)
            st = HTH_J_FAIL(vm, HTH_EINVAL, "'%.*s' is no namespace: its attributes cannot be set",
                            (int)(target->name.n < 40 ? target->name.n : 40), target->name.p);
        if (st == HTH_OK) st = hth_j_dict_put(vm, space.u.dict, target->value, v);
    }
    hth_j_leave(vm);
    return st;
}

static HthStatus exec_set(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal v;
    (void)flow;
    HTH_TRY(hth_j_eval(vm, n->b, &v));
    vm->line = n->line;
    return hth_j_assign(vm, n->a, v);
}

HthStatus hth_j_capture(HthJVm *vm, const HthJNode *body, HthJFlow *flow, HthJVal *out) {
    HthJSb sb = { 0 }, *outer = vm->out;
    vm->out = &sb;
    HthStatus st = hth_j_exec(vm, body, flow);
    vm->out = outer;
    if (st == HTH_OK) *out = hth_j_done(&sb);
    return st;
}

/* The body of a set or filter block in its own scope, through its filters if it has any. */
static HthStatus captured(HthJVm *vm, const HthJNode *n, HthJFlow *flow, HthJVal *out) {
    HthJScope *inside, *outer = vm->scope;
    HTH_TRY(open_scope(vm, outer, &inside));
    HTH_TRY(clear_scope(vm, inside, n));
    vm->scope = inside;
    HthStatus st = hth_j_capture(vm, n->c, flow, out);
    if (st == HTH_OK && n->b && *flow == HTH_J_GO) {
        vm->piped = *out;
        st = hth_j_eval(vm, n->b, out);
    }
    vm->scope = outer;
    return st;
}

static HthStatus exec_set_block(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal v;
    HTH_TRY(captured(vm, n, flow, &v));
    if (*flow != HTH_J_GO) return HTH_OK; /* broke out of the block: nothing is assigned */
    return hth_j_assign(vm, n->a, v);
}

static HthStatus exec_filter_block(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal v;
    HTH_TRY(captured(vm, n, flow, &v));
    return *flow == HTH_J_GO ? hth_j_add_str(vm, vm->out, v) : HTH_OK;
}

static HthStatus exec_with(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJScope *inside, *outer = vm->scope;
    HTH_TRY(open_scope(vm, outer, &inside));
    HTH_TRY(clear_scope(vm, inside, n));
    for (uint32_t i = 0; i + 1 < n->kid_count; i += 2) { /* values see the outer scope only */
        HthJVal v;
        HTH_TRY(hth_j_eval(vm, n->kids[i + 1], &v));
        vm->scope = inside;
        HthStatus st = hth_j_assign(vm, n->kids[i], v);
        vm->scope = outer;
        HTH_TRY(st);
    }
    return run_in(vm, inside, n->c, flow);
}

/* --- for --- */
/* The items for which the condition of the loop holds. */
static HthStatus filtered(HthJVm *vm, const HthJNode *n, HthJVal items, HthJVal *out) {
    HthJScope *inside, *outer = vm->scope;
    HthJWalk w;
    HthJVal list, item, test;
    bool got;
    HTH_TRY(hth_j_walk(vm, items, &w));
    HTH_TRY(hth_j_seq(vm, HTH_J_LIST, 0, &list));
    HTH_TRY(open_scope(vm, outer, &inside));
    for (;;) {
        HTH_TRY(hth_j_next(vm, &w, &item, &got));
        if (!got) break;
        inside->n = 0;
        vm->scope = inside;
        HthStatus st = hth_j_assign(vm, n->a, item);
        if (st == HTH_OK) st = hth_j_eval(vm, n->c, &test);
        vm->scope = outer;
        HTH_TRY(st);
        if (hth_j_truth(test)) HTH_TRY(hth_j_push(vm, list.u.seq, item));
    }
    *out = list;
    return HTH_OK;
}

/* Steps to the next item, looking one ahead; a list that grew at its end is seen. */
static HthStatus advance(HthJVm *vm, HthJLoop *l, bool first, bool *got) {
    HthJVal item = l->next;
    *got = hth_j_given(item);
    if (!*got) HTH_TRY(hth_j_next(vm, &l->walk, &item, got));
    if (!*got) return HTH_OK;
    l->prev = first ? (HthJVal){ .kind = HTH_J_ABSENT } : l->cur;
    l->cur = item;
    l->index0 = first ? 0 : l->index0 + 1;
    bool more;
    l->next = (HthJVal){ .kind = HTH_J_ABSENT };
    HTH_TRY(hth_j_next(vm, &l->walk, &item, &more));
    if (more) l->next = item;
    l->last = !more;
    return HTH_OK;
}

/* One pass over items. *ran: a body came to its end, so the else branch does not run. */
static HthStatus loop_over(HthJVm *vm, HthJLoop *l, bool *ran) {
    const HthJNode *n = l->node;
    HthJScope *inside, *outer = vm->scope;
    HthJVal self = { .kind = HTH_J_LOOP, .u.loop = l };
    bool got;
    size_t len = 0;
    if (n->c) HTH_TRY(filtered(vm, n, l->items, &l->items));
    HTH_TRY(hth_j_walk(vm, l->items, &l->walk));
    if (l->items.kind == HTH_J_ITER)
        len = l->items.u.iter->over.u.seq->n - l->items.u.iter->at;
    else
        (void)hth_j_len(l->items, &len);
    l->length = (uint32_t)len;
    HTH_TRY(open_scope(vm, outer, &inside));
    for (bool first = true;; first = false) {
        HthJFlow flow = HTH_J_GO;
        HTH_TRY(advance(vm, l, first, &got));
        if (!got) break;
        HTH_TRY(clear_scope(vm, inside, n));
        vm->scope = inside;
        HthStatus st = hth_j_set(vm, vm->t->loop_id, self);
        if (st == HTH_OK) st = hth_j_assign(vm, n->a, l->cur);
        if (st == HTH_OK) st = hth_j_exec(vm, n->kids[0], &flow);
        vm->scope = outer;
        HTH_TRY(st);
        if (flow == HTH_J_GO) *ran = true;
        if (flow == HTH_J_BREAK) break;
    }
    return HTH_OK;
}

static HthStatus exec_loop(HthJVm *vm, const HthJNode *n, HthJVal items, uint32_t depth0,
                           HthJFlow *flow) {
    HthJLoop *l;
    bool ran = false;
    HTH_TRY(hth_j_take(vm, 1, sizeof *l, &l));
    l->items = items;
    l->node = n;
    l->scope = vm->scope;
    l->depth0 = depth0;
    HTH_TRY(loop_over(vm, l, &ran));
    if (ran || n->kid_count < 2) return HTH_OK;
    HthJScope *inside;
    HTH_TRY(open_scope(vm, vm->scope, &inside));
    HTH_TRY(clear_scope(vm, inside, n->kids[1]));
    return run_in(vm, inside, n->kids[1], flow);
}

static HthStatus exec_for(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal items;
    HTH_TRY(hth_j_eval(vm, n->b, &items));
    vm->line = n->line;
    return exec_loop(vm, n, items, 0, flow);
}

HthStatus hth_j_call_loop(HthJVm *vm, HthJLoop *l, HthJVal items, HthJVal *out) {
    HthJSb sb = { 0 }, *out0 = vm->out;
    HthJScope *scope0 = vm->scope;
    HthJFlow flow = HTH_J_GO;
    HTH_J_REQUIRE(l->node->recursive, vm, "loop(...) needs a for block marked recursive");
    if (vm->calls >= vm->calls_max)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "calls nest deeper than %u", vm->calls_max);
    vm->calls++;
    vm->out = &sb;
    vm->scope = l->scope;
    HthStatus st = exec_loop(vm, l->node, items, l->depth0 + 1, &flow);
    vm->out = out0;
    vm->scope = scope0;
    vm->calls--;
    if (st == HTH_OK) *out = hth_j_done(&sb);
    return st;
}

static HthStatus exec_break(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    (void)vm;
    *flow = n->kind == HTH_J_N_BREAK ? HTH_J_BREAK : HTH_J_CONTINUE;
    return HTH_OK;
}

/* --- macros --- */
static HthStatus make_macro(HthJVm *vm, const HthJNode *n, HthJVal *out) {
    HthJMacro *m;
    HTH_TRY(hth_j_take(vm, 1, sizeof *m, &m));
    m->node = n;
    m->scope = vm->scope;
    *out = (HthJVal){ .kind = HTH_J_MACRO, .u.macro = m };
    return HTH_OK;
}

static HthStatus exec_macro(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal m;
    (void)flow;
    HTH_TRY(make_macro(vm, n, &m));
    return hth_j_set(vm, n->id, m);
}

static HthStatus exec_call_block(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HthJVal caller, f, v;
    HthJArgs args;
    (void)flow;
    HTH_TRY(make_macro(vm, n, &caller));
    HTH_TRY(hth_j_eval(vm, n->a->a, &f));
    HTH_TRY(hth_j_args(vm, n->a->args, &args)); /* leaves room for one more */
    args.kw_names[args.kw_count] = HTH_STR("caller");
    args.kw[args.kw_count++] = caller;
    vm->line = n->line;
    HTH_TRY(hth_j_call(vm, f, &args, &v));
    return hth_j_add_str(vm, vm->out, v);
}

static ExecFn *const executors[] = {
    [HTH_J_N_BODY] = exec_body,
    [HTH_J_N_DATA] = exec_data,
    [HTH_J_N_PRINT] = exec_print,
    [HTH_J_N_FOR] = exec_for,
    [HTH_J_N_IF] = exec_if,
    [HTH_J_N_SET] = exec_set,
    [HTH_J_N_SETBLOCK] = exec_set_block,
    [HTH_J_N_MACRO] = exec_macro,
    [HTH_J_N_CALLBLOCK] = exec_call_block,
    [HTH_J_N_FILTERBLOCK] = exec_filter_block,
    [HTH_J_N_WITH] = exec_with,
    [HTH_J_N_BREAK] = exec_break,
    [HTH_J_N_CONTINUE] = exec_break,
};

HthStatus hth_j_exec(HthJVm *vm, const HthJNode *n, HthJFlow *flow) {
    HTH_ASSERT(n->kind < HTH_COUNT(executors) && executors[n->kind]);
    HTH_TRY(hth_j_enter(vm));
    vm->line = n->line;
    HthStatus st = executors[n->kind](vm, n, flow);
    hth_j_leave(vm);
    return st;
}
