/* jinja_scope.c - which names a scope assigns before anything in it could read them.
 *
 * Jinja decides at compile time where a name lives.  A scope that assigns a name unconditionally,
 * before mentioning it otherwise, owns it from its beginning: blocks and macros inside that read
 * it too early find it undefined, even if the caller passed a variable of that name.  Names first
 * read, or assigned only inside an if, fall back to the variables passed in.  This pass walks the
 * scopes and leaves those names in node->unset; everything else is found by looking outwards. */
#include "text/jinja.h"

#include "base/mem.h"

#define HEIGHT_MAX 2000 /* of the tree; the machine would refuse to walk a higher one */

typedef struct Scoper {
    HthJParser *p;
    uint32_t *mark; /* by id: serial of the last scope that mentioned it */
    uint32_t *chain; /* by id: enclosing scopes that know it */
    uint32_t *list; /* ids known to the scopes now open, innermost last */
    size_t list_n, list_cap;
    uint32_t serial, height;
} Scoper;

static HthStatus scope(Scoper *s, HthJNode *owner, HthJNode *body);

static HthStatus higher(Scoper *s, const HthJNode *n) {
    if (s->height >= HEIGHT_MAX)
        return hth_j_p_fail(s->p, HTH_ELIMIT, n->line, "an expression has too many parts");
    s->height++;
    return HTH_OK;
}

static HthStatus know(Scoper *s, uint32_t id) {
    if (s->list_n == s->list_cap) {
        size_t cap = s->list_cap ? s->list_cap * 2 : 64;
        uint32_t *grown = hth_realloc(s->list, cap, sizeof *grown);
        HTH_REQUIRE(grown, s->p->err, HTH_ENOMEM, "out of memory while reading a chat template");
        s->list = grown;
        s->list_cap = cap;
    }
    s->mark[id] = s->serial;
    s->list[s->list_n++] = id;
    return HTH_OK;
}

static HthStatus load(Scoper *s, uint32_t id) {
    return s->chain[id] || s->mark[id] == s->serial ? HTH_OK : know(s, id);
}

/* owner NULL: inside an if, or a parameter. */
static HthStatus store(Scoper *s, uint32_t id, HthJNode *owner) {
    if (s->mark[id] == s->serial) return HTH_OK;
    if (owner && !s->chain[id]) {
        uint32_t n = owner->unset_count;
        if ((n & (n - 1)) == 0) { /* full at every power of two */
            uint32_t *grown = hth_j_p_take(s->p, n ? (size_t)n * 2 : 1, sizeof *grown);
            if (!grown) return hth_j_p_nomem(s->p);
            if (n) memcpy(grown, owner->unset, n * sizeof *grown);
            owner->unset = grown;
        }
        owner->unset[owner->unset_count++] = id;
    }
    return know(s, id);
}

/* --- expressions --- */
static HthStatus loads(Scoper *s, const HthJNode *n);

static HthStatus loads_args(Scoper *s, const HthJCallArgs *a) {
    for (uint32_t i = 0; a && i < a->pos_count; i++) HTH_TRY(loads(s, a->pos[i]));
    for (uint32_t i = 0; a && i < a->kw_count; i++) HTH_TRY(loads(s, a->kw[i]));
    if (!a) return HTH_OK;
    HTH_TRY(loads(s, a->star));
    return loads(s, a->star_star);
}

static HthStatus loads(Scoper *s, const HthJNode *n) {
    if (!n) return HTH_OK;
    if (n->kind == HTH_J_N_NAME) return load(s, n->id);
    HTH_TRY(higher(s, n));
    HTH_TRY(loads(s, n->a));
    HTH_TRY(loads(s, n->b));
    HTH_TRY(loads(s, n->c));
    for (uint32_t i = 0; i < n->kid_count; i++) HTH_TRY(loads(s, n->kids[i]));
    HTH_TRY(loads_args(s, n->args));
    s->height--;
    return HTH_OK;
}

static HthStatus stores(Scoper *s, const HthJNode *target, HthJNode *owner) {
    if (target->kind == HTH_J_N_NAME) return store(s, target->id, owner);
    if (target->kind == HTH_J_N_NSREF) return load(s, target->id);
    for (uint32_t i = 0; i < target->kid_count; i++) HTH_TRY(stores(s, target->kids[i], owner));
    return HTH_OK;
}

/* --- what one scope mentions itself, leaving out the scopes inside it --- */
static HthStatus level(Scoper *s, const HthJNode *n, HthJNode *owner) {
    HTH_TRY(higher(s, n));
    switch (n->kind) {
    case HTH_J_N_BODY:
        for (uint32_t i = 0; i < n->kid_count; i++) HTH_TRY(level(s, n->kids[i], owner));
        break;
    case HTH_J_N_PRINT: HTH_TRY(loads(s, n->a)); break;
    case HTH_J_N_IF:
        for (uint32_t i = 0; i < n->kid_count; i++) {
            bool test = i % 2 == 0 && i + 1 < n->kid_count;
            HTH_TRY(test ? loads(s, n->kids[i]) : level(s, n->kids[i], NULL));
        }
        break;
    case HTH_J_N_FOR: HTH_TRY(loads(s, n->b)); break;
    case HTH_J_N_SET:
        HTH_TRY(loads(s, n->b));
        HTH_TRY(stores(s, n->a, owner));
        break;
    case HTH_J_N_SETBLOCK: HTH_TRY(stores(s, n->a, owner)); break;
    case HTH_J_N_MACRO: HTH_TRY(store(s, n->id, owner)); break;
    case HTH_J_N_CALLBLOCK: HTH_TRY(loads(s, n->a)); break;
    case HTH_J_N_FILTERBLOCK: HTH_TRY(loads(s, n->b)); break;
    case HTH_J_N_WITH:
        for (uint32_t i = 1; i < n->kid_count; i += 2) HTH_TRY(loads(s, n->kids[i]));
        break;
    default: break;
    }
    s->height--;
    return HTH_OK;
}

/* --- the scopes inside --- */
static HthStatus inner(Scoper *s, HthJNode *n) {
    HTH_TRY(higher(s, n));
    switch (n->kind) {
    case HTH_J_N_BODY:
        for (uint32_t i = 0; i < n->kid_count; i++) HTH_TRY(inner(s, n->kids[i]));
        break;
    case HTH_J_N_IF:
        for (uint32_t i = 1; i < n->kid_count; i += 2) HTH_TRY(inner(s, n->kids[i]));
        if (n->kid_count % 2) HTH_TRY(inner(s, n->kids[n->kid_count - 1]));
        break;
    case HTH_J_N_FOR:
        HTH_TRY(scope(s, n, n->kids[0]));
        if (n->kid_count > 1) HTH_TRY(scope(s, n->kids[1], n->kids[1]));
        break;
    case HTH_J_N_SETBLOCK:
    case HTH_J_N_MACRO:
    case HTH_J_N_CALLBLOCK:
    case HTH_J_N_FILTERBLOCK:
    case HTH_J_N_WITH: HTH_TRY(scope(s, n, n->c)); break;
    default: break;
    }
    s->height--;
    return HTH_OK;
}

/* Names a scope starts with. */
static HthStatus parameters(Scoper *s, const HthJNode *n) {
    const HthTemplate *t = s->p->t;
    if (n->kind == HTH_J_N_FOR) {
        HTH_TRY(store(s, t->loop_id, NULL));
        return stores(s, n->a, NULL);
    }
    for (uint32_t i = 0; n->kind == HTH_J_N_WITH && i < n->kid_count; i += 2)
        HTH_TRY(stores(s, n->kids[i], NULL));
    const HthJMacroDef *m = n->macro;
    for (uint32_t i = 0; m && i < m->param_count; i++) {
        HTH_TRY(store(s, m->params[i].id, NULL));
        HTH_TRY(loads(s, m->params[i].def));
    }
    if (m && m->uses_caller) HTH_TRY(store(s, t->caller_id, NULL));
    if (m && m->uses_varargs) HTH_TRY(store(s, t->varargs_id, NULL));
    if (m && m->uses_kwargs) HTH_TRY(store(s, t->kwargs_id, NULL));
    return HTH_OK;
}

static HthStatus scope(Scoper *s, HthJNode *owner, HthJNode *body) {
    size_t from = s->list_n;
    s->serial++;
    HTH_TRY(parameters(s, owner));
    HTH_TRY(level(s, body, owner));
    size_t to = s->list_n;
    for (size_t i = from; i < to; i++) s->chain[s->list[i]]++;
    HTH_TRY(inner(s, body));
    for (size_t i = from; i < to; i++) s->chain[s->list[i]]--;
    s->list_n = from;
    return HTH_OK;
}

HthStatus hth_j_scopes(HthJParser *p, HthJNode *root) {
    Scoper s = { .p = p };
    s.mark = hth_calloc(p->t->name_count, sizeof *s.mark);
    s.chain = hth_calloc(p->t->name_count, sizeof *s.chain);
    HthStatus st = s.mark && s.chain
                       ? scope(&s, root, root)
                       : HTH_FAIL(p->err, HTH_ENOMEM, "out of memory while reading a template");
    hth_free(s.mark);
    hth_free(s.chain);
    hth_free(s.list);
    return st;
}
