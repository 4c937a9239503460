/* jinja_parse.c - statements: what stands between {% and %}, and the tree as a whole.
 *
 * Each tag has a row in a table; tags Jinja knows and hearth does not are named in their error. */
#include "text/jinja.h"

#include <stdarg.h>
#include <stdio.h>

/* --- the parser's small tools --- */
void *hth_j_p_take(HthJParser *p, size_t count, size_t size) {
    p->wanted = count * size; /* sizes are counts of tokens and nodes: no overflow */
    return hth_arena_take(p->t->arena, count, size);
}

HthStatus hth_j_p_nomem(HthJParser *p) {
    if (hth_arena_used(p->t->arena) + p->wanted + (8u << 20) > HTH_J_COMPILE_MAX)
        return HTH_FAIL(p->err, HTH_ELIMIT, "the chat template compiles to too much memory");
    return HTH_FAIL(p->err, HTH_ENOMEM, "out of memory while reading the chat template");
}

HthStatus hth_j_p_fail(HthJParser *p, HthStatus st, uint32_t line, const char *fmt, ...) {
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return HTH_FAIL(p->err, st, "template line %u: %s", line, text);
}

HthStatus hth_j_p_node(HthJParser *p, HthJNodeKind kind, HthJNode **out) {
    HthJNode *n = hth_j_p_take(p, 1, sizeof *n);
    if (!n) return hth_j_p_nomem(p);
    n->kind = (uint8_t)kind;
    n->line = hth_j_p_tok(p)->line;
    *out = n;
    return HTH_OK;
}

HthStatus hth_j_p_id(HthJParser *p, HthStr name, uint32_t *out) {
    HthTemplate *t = p->t;
    uint32_t id = hth_map_get(p->ids, name);
    if (id == HTH_MAP_NONE) {
        id = t->name_count;
        if (id == p->name_cap) {
            uint32_t cap = p->name_cap ? p->name_cap * 2 : 64;
            HthStr *grown = hth_j_p_take(p, cap, sizeof *grown);
            if (!grown) return hth_j_p_nomem(p);
            if (id) memcpy(grown, t->names, id * sizeof *grown);
            t->names = grown;
            p->name_cap = cap;
        }
        HTH_TRY(hth_map_put(p->ids, name, id, p->err));
        t->names[id] = name;
        t->name_count++;
    }
    *out = id;
    return HTH_OK;
}

HthStatus hth_j_p_kid(HthJParser *p, HthJNode *to, uint32_t *cap, HthJNode *kid) {
    if (to->kid_count == *cap) {
        uint32_t want = *cap ? *cap * 2 : 4;
        HthJNode **grown = hth_j_p_take(p, want, sizeof *grown);
        if (!grown) return hth_j_p_nomem(p);
        if (*cap) memcpy(grown, to->kids, *cap * sizeof *grown);
        to->kids = grown;
        *cap = want;
    }
    to->kids[to->kid_count++] = kid;
    return HTH_OK;
}

HthStatus hth_j_p_enter(HthJParser *p) {
    if (p->depth >= HTH_J_DEPTH_MAX)
        return hth_j_p_fail(p, HTH_ELIMIT, hth_j_p_tok(p)->line, "constructs nest deeper than %u",
                            HTH_J_DEPTH_MAX);
    p->depth++;
    return HTH_OK;
}

const HthJToken *hth_j_p_tok(const HthJParser *p) {
    return &p->tok[p->at < p->tok_count ? p->at : p->tok_count - 1];
}

const HthJToken *hth_j_p_look(const HthJParser *p) {
    return &p->tok[p->at + 1 < p->tok_count ? p->at + 1 : p->tok_count - 1];
}

bool hth_j_p_is_op(const HthJParser *p, const char *op) {
    const HthJToken *t = hth_j_p_tok(p);
    return t->kind == HTH_J_T_OP && hth_str_eq(t->text, hth_str(op));
}

bool hth_j_p_is_name(const HthJParser *p, const char *name) {
    const HthJToken *t = hth_j_p_tok(p);
    return t->kind == HTH_J_T_NAME && hth_str_eq(t->text, hth_str(name));
}

bool hth_j_p_skip_op(HthJParser *p, const char *op) {
    bool is = hth_j_p_is_op(p, op);
    p->at += is;
    return is;
}

bool hth_j_p_skip_name(HthJParser *p, const char *name) {
    bool is = hth_j_p_is_name(p, name);
    p->at += is;
    return is;
}

HthStatus hth_j_p_need_op(HthJParser *p, const char *op) {
    if (hth_j_p_skip_op(p, op)) return HTH_OK;
    return hth_j_p_fail(p, HTH_EFORMAT, hth_j_p_tok(p)->line, "'%s' is missing", op);
}

HthStatus hth_j_p_need_name(HthJParser *p, HthStr *out) {
    const HthJToken *t = hth_j_p_tok(p);
    if (t->kind != HTH_J_T_NAME) return hth_j_p_fail(p, HTH_EFORMAT, t->line, "a name is missing");
    *out = t->text;
    p->at++;
    return HTH_OK;
}

static HthStatus need_word(HthJParser *p, const char *word) {
    if (hth_j_p_skip_name(p, word)) return HTH_OK;
    return hth_j_p_fail(p, HTH_EFORMAT, hth_j_p_tok(p)->line, "'%s' is missing", word);
}

/* A macro that mentions caller, varargs or kwargs without setting them receives them. */
void hth_j_p_mention(HthJParser *p, HthStr name, bool store) {
    for (HthJMacroUse *u = p->uses; u; u = u->up) {
        struct {
            const char *name;
            bool *used, *set;
        } special[] = { { "caller", &u->caller, &u->caller_set },
                        { "varargs", &u->varargs, &u->varargs_set },
                        { "kwargs", &u->kwargs, &u->kwargs_set } };
        for (size_t i = 0; i < HTH_COUNT(special); i++) {
            if (!hth_str_eq(name, hth_str(special[i].name))) continue;
            if (store)
                *special[i].set = true;
            else if (!*special[i].set)
                *special[i].used = true;
        }
    }
}

/* --- targets --- */
static HthStatus check_target(HthJParser *p, HthJNode *n) {
    if (n->kind == HTH_J_N_TUPLE) {
        HTH_TRY(hth_j_p_enter(p));
        for (uint32_t i = 0; i < n->kid_count; i++) HTH_TRY(check_target(p, n->kids[i]));
        p->depth--;
        return HTH_OK;
    }
    if (n->kind == HTH_J_N_NSREF) return HTH_OK;
    if (n->kind != HTH_J_N_NAME)
        return hth_j_p_fail(p, HTH_EFORMAT, n->line, "this cannot be assigned to");
    if (p->loops && n->id == p->t->loop_id)
        return hth_j_p_fail(p, HTH_EFORMAT, n->line,
                            "'loop' is set by the for block and cannot be assigned to");
    hth_j_p_mention(p, n->name, true);
    return HTH_OK;
}

static HthStatus one_target(HthJParser *p, bool with_namespace, HthJNode **out) {
    HthJNode *n;
    HTH_TRY(hth_j_p_primary(p, &n));
    if (with_namespace && n->kind == HTH_J_N_NAME && hth_j_p_skip_op(p, ".")) {
        HthStr attr;
        HTH_TRY(hth_j_p_need_name(p, &attr));
        n->kind = HTH_J_N_NSREF;
        n->value = hth_j_str(attr);
    }
    *out = n;
    return HTH_OK;
}

static HthStatus parse_target(HthJParser *p, const char *stop, bool with_namespace,
                              HthJNode **out) {
    HthJNode *n, *tuple = NULL, *more;
    uint32_t cap = 0;
    HTH_TRY(one_target(p, with_namespace, &n));
    while (hth_j_p_skip_op(p, ",")) {
        if (!tuple) {
            HTH_TRY(hth_j_p_node(p, HTH_J_N_TUPLE, &tuple));
            HTH_TRY(hth_j_p_kid(p, tuple, &cap, n));
        }
        if (hth_j_p_tok(p)->kind == HTH_J_T_BLOCK_END || hth_j_p_is_op(p, "=") ||
            (stop && hth_j_p_is_name(p, stop)))
            break;
        HTH_TRY(one_target(p, with_namespace, &more));
        HTH_TRY(hth_j_p_kid(p, tuple, &cap, more));
    }
    *out = tuple ? tuple : n;
    return check_target(p, *out);
}

/* --- bodies --- */
static HthStatus parse_statement(HthJParser *p, HthJNode **out);

static bool at_any(const HthJParser *p, const char *const *ends) {
    for (; ends && *ends; ends++)
        if (hth_j_p_is_name(p, *ends)) return true;
    return false;
}

static HthStatus parse_print(HthJParser *p, HthJNode *body, uint32_t *cap) {
    HthJNode *n;
    p->at++;
    HTH_TRY(hth_j_p_node(p, HTH_J_N_PRINT, &n));
    HTH_TRY(hth_j_p_tuple(p, true, "", &n->a));
    if (hth_j_p_tok(p)->kind != HTH_J_T_VAR_END)
        return hth_j_p_fail(p, HTH_EFORMAT, n->line, "the expression does not end at }}");
    p->at++;
    return hth_j_p_kid(p, body, cap, n);
}

/* Everything up to a tag named in ends (the name is then current), or to the end of the source. */
static HthStatus parse_body(HthJParser *p, const char *const *ends, HthJNode **out) {
    HthJNode *body, *n;
    uint32_t cap = 0;
    HTH_TRY(hth_j_p_enter(p));
    HTH_TRY(hth_j_p_node(p, HTH_J_N_BODY, &body));
    for (;;) {
        const HthJToken *t = hth_j_p_tok(p);
        if (t->kind == HTH_J_T_EOF) {
            if (!ends) break;
            return hth_j_p_fail(p, HTH_EFORMAT, p->open_line, "the %.*s block is never closed",
                                HTH_STR_ARG(p->open_tag));
        }
        if (t->kind == HTH_J_T_VAR) {
            HTH_TRY(parse_print(p, body, &cap));
            continue;
        }
        p->at++;
        if (t->kind == HTH_J_T_DATA) {
            HTH_TRY(hth_j_p_node(p, HTH_J_N_DATA, &n));
            n->value = hth_j_str(t->text);
        } else {
            if (at_any(p, ends)) break;
            HTH_TRY(parse_statement(p, &n));
            if (hth_j_p_tok(p)->kind != HTH_J_T_BLOCK_END)
                return hth_j_p_fail(p, HTH_EFORMAT, hth_j_p_tok(p)->line,
                                    "something follows where %%} should be");
            p->at++;
        }
        HTH_TRY(hth_j_p_kid(p, body, &cap, n));
    }
    p->depth--;
    *out = body;
    return HTH_OK;
}

/* The rest of an opening tag, then the body up to ends; with `drop`, past the end's name. */
static HthStatus parse_block(HthJParser *p, const HthJNode *opener, const char *tag,
                             const char *const *ends, bool drop, HthJNode **out) {
    HthStr tag0 = p->open_tag;
    uint32_t line0 = p->open_line;
    hth_j_p_skip_op(p, ":");
    if (hth_j_p_tok(p)->kind != HTH_J_T_BLOCK_END)
        return hth_j_p_fail(p, HTH_EFORMAT, hth_j_p_tok(p)->line,
                            "something follows where the %%} of %s should be", tag);
    p->at++;
    p->open_tag = hth_str(tag);
    p->open_line = opener->line;
    HTH_TRY(parse_body(p, ends, out));
    p->open_tag = tag0;
    p->open_line = line0;
    p->at += drop;
    return HTH_OK;
}

/* --- one function per tag; the tag's name has been read --- */
static HthStatus parse_if(HthJParser *p, HthJNode *n) {
    static const char *const ends[] = { "elif", "else", "endif", NULL };
    static const char *const end[] = { "endif", NULL };
    uint32_t cap = 0;
    bool soft = p->soft;
    p->soft = true;
    n->kind = HTH_J_N_IF;
    for (;;) {
        HthJNode *test, *body;
        HTH_TRY(hth_j_p_tuple(p, false, "", &test));
        HTH_TRY(hth_j_p_kid(p, n, &cap, test));
        HTH_TRY(parse_block(p, n, "if", ends, false, &body));
        HTH_TRY(hth_j_p_kid(p, n, &cap, body));
        if (hth_j_p_skip_name(p, "elif")) continue;
        if (hth_j_p_skip_name(p, "else")) {
            HTH_TRY(parse_block(p, n, "if", end, false, &body));
            HTH_TRY(hth_j_p_kid(p, n, &cap, body));
        }
        p->at++; /* endif */
        break;
    }
    p->soft = soft;
    return HTH_OK;
}

static HthStatus parse_for(HthJParser *p, HthJNode *n) {
    static const char *const ends[] = { "endfor", "else", NULL };
    static const char *const end[] = { "endfor", NULL };
    uint32_t cap = 0;
    bool soft = p->soft;
    HthJNode *body;
    n->kind = HTH_J_N_FOR;
    p->loops++;
    HTH_TRY(parse_target(p, "in", false, &n->a));
    p->loops--;
    HTH_TRY(need_word(p, "in"));
    HTH_TRY(hth_j_p_tuple(p, false, "recursive", &n->b));
    p->soft = false;
    if (hth_j_p_skip_name(p, "if")) HTH_TRY(hth_j_p_expr(p, true, &n->c));
    n->recursive = hth_j_p_skip_name(p, "recursive");
    p->loops++;
    HTH_TRY(parse_block(p, n, "for", ends, false, &body));
    p->loops--;
    HTH_TRY(hth_j_p_kid(p, n, &cap, body));
    if (hth_j_p_skip_name(p, "else")) {
        HTH_TRY(parse_block(p, n, "for", end, false, &body));
        HTH_TRY(hth_j_p_kid(p, n, &cap, body));
    }
    p->at++; /* endfor */
    p->soft = soft;
    return HTH_OK;
}

static HthStatus parse_set(HthJParser *p, HthJNode *n) {
    static const char *const end[] = { "endset", NULL };
    HTH_TRY(parse_target(p, NULL, true, &n->a));
    if (hth_j_p_skip_op(p, "=")) {
        n->kind = HTH_J_N_SET;
        return hth_j_p_tuple(p, true, "", &n->b);
    }
    bool soft = p->soft;
    p->soft = false;
    n->kind = HTH_J_N_SETBLOCK;
    HTH_TRY(hth_j_p_filters(p, false, &n->b));
    HTH_TRY(parse_block(p, n, "set", end, true, &n->c));
    p->soft = soft;
    return HTH_OK;
}

static HthStatus add_param(HthJParser *p, HthJMacroDef *m, uint32_t *cap) {
    if (m->param_count == *cap) {
        uint32_t want = *cap ? *cap * 2 : 4;
        HthJParam *grown = hth_j_p_take(p, want, sizeof *grown);
        if (!grown) return hth_j_p_nomem(p);
        if (*cap) memcpy(grown, m->params, *cap * sizeof *grown);
        m->params = grown;
        *cap = want;
    }
    HthJParam *q = &m->params[m->param_count];
    uint32_t line = hth_j_p_tok(p)->line;
    HTH_TRY(hth_j_p_need_name(p, &q->name));
    HTH_TRY(hth_j_p_id(p, q->name, &q->id));
    for (uint32_t i = 0; i < m->param_count; i++)
        if (m->params[i].id == q->id)
            return hth_j_p_fail(p, HTH_EFORMAT, line, "a macro has two parameters of one name");
    if (hth_j_p_skip_op(p, "="))
        HTH_TRY(hth_j_p_expr(p, true, &q->def));
    else if (m->param_count && m->params[m->param_count - 1].def)
        return hth_j_p_fail(p, HTH_EFORMAT, line,
                            "a parameter without a default follows one with a default");
    m->param_count++;
    return HTH_OK;
}

/* Signature (if any) into n->macro. */
static HthStatus parse_signature(HthJParser *p, HthJNode *n) {
    uint32_t cap = 0;
    n->macro = hth_j_p_take(p, 1, sizeof *n->macro);
    if (!n->macro) return hth_j_p_nomem(p);
    if (n->kind == HTH_J_N_CALLBLOCK && !hth_j_p_is_op(p, "(")) return HTH_OK;
    HTH_TRY(hth_j_p_need_op(p, "("));
    while (!hth_j_p_is_op(p, ")")) {
        if (n->macro->param_count) HTH_TRY(hth_j_p_need_op(p, ","));
        HTH_TRY(add_param(p, n->macro, &cap));
    }
    p->at++;
    return HTH_OK;
}

/* The body of a macro or call block: a function of its own. */
static HthStatus parse_function(HthJParser *p, HthJNode *n, const char *tag,
                                const char *const *end) {
    HthJMacroUse use = { .up = p->uses };
    HthJMacroDef *m = n->macro;
    uint32_t loops = p->loops;
    bool soft = p->soft;
    p->uses = &use;
    p->loops = 0;
    p->soft = false;
    HthStatus st = parse_block(p, n, tag, end, true, &n->c);
    p->uses = use.up;
    HTH_TRY(st);
    p->loops = loops;
    p->soft = soft;
    m->uses_caller = use.caller;
    m->uses_varargs = use.varargs;
    m->uses_kwargs = use.kwargs;
    for (uint32_t i = 0; i < m->param_count; i++) {
        HthJParam *q = &m->params[i];
        if (q->id == p->t->varargs_id) m->uses_varargs = false;
        if (q->id == p->t->kwargs_id) m->uses_kwargs = false;
        if (q->id != p->t->caller_id) continue;
        if (use.caller && !q->def)
            return hth_j_p_fail(p, HTH_EFORMAT, n->line,
                                "the parameter 'caller' of a macro needs a default");
        m->uses_caller = false;
    }
    return HTH_OK;
}

static HthStatus parse_macro(HthJParser *p, HthJNode *n) {
    static const char *const end[] = { "endmacro", NULL };
    n->kind = HTH_J_N_MACRO;
    HTH_TRY(hth_j_p_need_name(p, &n->name));
    HTH_TRY(hth_j_p_id(p, n->name, &n->id));
    hth_j_p_mention(p, n->name, true);
    HTH_TRY(parse_signature(p, n));
    return parse_function(p, n, "macro", end);
}

static HthStatus parse_call_block(HthJParser *p, HthJNode *n) {
    static const char *const end[] = { "endcall", NULL };
    n->kind = HTH_J_N_CALLBLOCK;
    HTH_TRY(parse_signature(p, n));
    HTH_TRY(hth_j_p_expr(p, true, &n->a));
    if (n->a->kind != HTH_J_N_CALL)
        return hth_j_p_fail(p, HTH_EFORMAT, n->line, "a call block needs a call");
    return parse_function(p, n, "call", end);
}

static HthStatus parse_filter_block(HthJParser *p, HthJNode *n) {
    static const char *const end[] = { "endfilter", NULL };
    bool soft = p->soft;
    p->soft = false;
    n->kind = HTH_J_N_FILTERBLOCK;
    HTH_TRY(hth_j_p_filters(p, true, &n->b));
    HTH_TRY(parse_block(p, n, "filter", end, true, &n->c));
    p->soft = soft;
    return HTH_OK;
}

static HthStatus parse_with(HthJParser *p, HthJNode *n) {
    static const char *const end[] = { "endwith", NULL };
    uint32_t cap = 0;
    bool soft = p->soft;
    n->kind = HTH_J_N_WITH;
    while (hth_j_p_tok(p)->kind != HTH_J_T_BLOCK_END) {
        HthJNode *x;
        if (n->kid_count) HTH_TRY(hth_j_p_need_op(p, ","));
        HTH_TRY(one_target(p, false, &x));
        HTH_TRY(check_target(p, x));
        HTH_TRY(hth_j_p_kid(p, n, &cap, x));
        HTH_TRY(hth_j_p_need_op(p, "="));
        HTH_TRY(hth_j_p_expr(p, true, &x));
        HTH_TRY(hth_j_p_kid(p, n, &cap, x));
    }
    p->soft = false;
    HTH_TRY(parse_block(p, n, "with", end, true, &n->c));
    p->soft = soft;
    return HTH_OK;
}

static HthStatus parse_print_tag(HthJParser *p, HthJNode *n) {
    uint32_t cap = 0;
    n->kind = HTH_J_N_BODY;
    while (hth_j_p_tok(p)->kind != HTH_J_T_BLOCK_END) {
        HthJNode *x;
        if (n->kid_count) HTH_TRY(hth_j_p_need_op(p, ","));
        HTH_TRY(hth_j_p_node(p, HTH_J_N_PRINT, &x));
        HTH_TRY(hth_j_p_expr(p, true, &x->a));
        HTH_TRY(hth_j_p_kid(p, n, &cap, x));
    }
    return HTH_OK;
}

static HthStatus parse_loop_control(HthJParser *p, HthJNode *n) {
    n->kind =
        hth_str_eq(p->tok[p->at - 1].text, HTH_STR("break")) ? HTH_J_N_BREAK : HTH_J_N_CONTINUE;
    if (p->loops) return HTH_OK;
    return hth_j_p_fail(p, HTH_EFORMAT, n->line, "break or continue stands outside a for block");
}

/* The markers around what an assistant said, for training; rendering passes through them. */
static HthStatus parse_generation(HthJParser *p, HthJNode *n) {
    static const char *const end[] = { "endgeneration", NULL };
    uint32_t cap = 0;
    HthJNode *body;
    n->kind = HTH_J_N_BODY;
    HTH_TRY(parse_block(p, n, "generation", end, true, &body));
    return hth_j_p_kid(p, n, &cap, body);
}

static HthStatus parse_statement(HthJParser *p, HthJNode **out) {
    static const struct {
        const char *tag;
        HthStatus (*parse)(HthJParser *p, HthJNode *n); /* NULL: Jinja's, not ours */
    } tags[] = {
        { "if", parse_if },
        { "for", parse_for },
        { "set", parse_set },
        { "macro", parse_macro },
        { "call", parse_call_block },
        { "filter", parse_filter_block },
        { "with", parse_with },
        { "print", parse_print_tag },
        { "break", parse_loop_control },
        { "continue", parse_loop_control },
        { "generation", parse_generation },
        { "autoescape", NULL },
        { "block", NULL },
        { "debug", NULL },
        { "do", NULL },
        { "extends", NULL },
        { "from", NULL },
        { "import", NULL },
        { "include", NULL },
        { "trans", NULL },
    };
    HthStr name;
    HthJNode *n;
    uint32_t line = hth_j_p_tok(p)->line;
    HTH_TRY(hth_j_p_need_name(p, &name));
    for (size_t i = 0; i < HTH_COUNT(tags); i++) {
        if (!hth_str_eq(name, hth_str(tags[i].tag))) continue;
        if (!tags[i].parse)
            return hth_j_p_fail(p, HTH_ENOTSUP, line, "the tag '%s' is not supported", tags[i].tag);
        HTH_TRY(hth_j_p_node(p, HTH_J_N_BODY, &n));
        n->line = line;
        HTH_TRY(tags[i].parse(p, n));
        *out = n;
        return HTH_OK;
    }
    if (p->open_tag.n)
        return hth_j_p_fail(
            p, HTH_EFORMAT, line, "'%.*s' is no tag here, inside the %.*s of line %u",
            (int)(name.n < 40 ? name.n : 40), name.p, HTH_STR_ARG(p->open_tag), p->open_line);
    return hth_j_p_fail(p, HTH_EFORMAT, line, "'%.*s' is no tag here",
                        (int)(name.n < 40 ? name.n : 40), name.p);
}

HthStatus hth_j_parse(HthJParser *p) {
    HTH_TRY(parse_body(p, NULL, &p->t->body));
    if (p->unknown.n)
        return hth_j_p_fail(p, p->unknown_why[0] == 'i' ? HTH_ENOTSUP : HTH_EFORMAT,
                            p->unknown_line, "the %s '%.*s' %s", p->unknown_what,
                            (int)(p->unknown.n < 40 ? p->unknown.n : 40), p->unknown.p,
                            p->unknown_why);
    return HTH_OK;
}
