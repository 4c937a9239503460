/* jinja_expr.c - expressions: one function per precedence level, lowest first, as Jinja's grammar.
 *
 * or, and, not, comparisons, + -, ~, * / // %, **, unary, postfix, filters and tests. */
#include "text/jinja.h"

static HthStatus parse_unary(HthJParser *p, bool filters, HthJNode **out);

static HthStatus binary(HthJParser *p, HthJNodeKind kind, uint8_t op, HthJNode *a, HthJNode *b,
                        uint32_t line, HthJNode **out) {
    HthJNode *n;
    HTH_TRY(hth_j_p_node(p, kind, &n));
    n->op = op;
    n->a = a;
    n->b = b;
    n->line = line;
    *out = n;
    return HTH_OK;
}

typedef HthStatus Level(HthJParser *p, HthJNode **out);

typedef struct OpName {
    const char *text;
    uint8_t op;
} OpName;

static const OpName *op_here(const HthJParser *p, const OpName *ops, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (hth_j_p_is_op(p, ops[i].text)) return &ops[i];
    return NULL;
}

/* left (op right)*, left-associative */
static HthStatus chain(HthJParser *p, Level *next, const OpName *ops, size_t count,
                       HthJNode **out) {
    HthJNode *left, *right;
    HTH_TRY(next(p, &left));
    for (const OpName *o; (o = op_here(p, ops, count)) != NULL;) {
        uint32_t line = hth_j_p_tok(p)->line;
        p->at++;
        HTH_TRY(next(p, &right));
        HTH_TRY(binary(p, HTH_J_N_BIN, o->op, left, right, line, &left));
    }
    *out = left;
    return HTH_OK;
}

static HthStatus parse_unary_filtered(HthJParser *p, HthJNode **out) {
    return parse_unary(p, true, out);
}

static HthStatus parse_pow(HthJParser *p, HthJNode **out) {
    static const OpName ops[] = { { "**", HTH_J_POW } };
    return chain(p, parse_unary_filtered, ops, HTH_COUNT(ops), out);
}

static HthStatus parse_mul(HthJParser *p, HthJNode **out) {
    static const OpName ops[] = {
        { "*", HTH_J_MUL }, { "/", HTH_J_DIV }, { "//", HTH_J_FLOORDIV }, { "%", HTH_J_MOD }
    };
    return chain(p, parse_pow, ops, HTH_COUNT(ops), out);
}

static HthStatus parse_concat(HthJParser *p, HthJNode **out) {
    HthJNode *first, *n = NULL;
    uint32_t cap = 0;
    HTH_TRY(parse_mul(p, &first));
    while (hth_j_p_is_op(p, "~")) {
        if (!n) {
            HTH_TRY(hth_j_p_node(p, HTH_J_N_CONCAT, &n));
            HTH_TRY(hth_j_p_kid(p, n, &cap, first));
        }
        p->at++;
        HthJNode *more;
        HTH_TRY(parse_mul(p, &more));
        HTH_TRY(hth_j_p_kid(p, n, &cap, more));
    }
    *out = n ? n : first;
    return HTH_OK;
}

static HthStatus parse_add(HthJParser *p, HthJNode **out) {
    static const OpName ops[] = { { "+", HTH_J_ADD }, { "-", HTH_J_SUB } };
    return chain(p, parse_concat, ops, HTH_COUNT(ops), out);
}

static bool compare_op(HthJParser *p, uint8_t *op) {
    static const OpName ops[] = { { "==", HTH_J_EQ }, { "!=", HTH_J_NE }, { "<", HTH_J_LT },
                                  { "<=", HTH_J_LE }, { ">", HTH_J_GT },  { ">=", HTH_J_GE } };
    const OpName *o = op_here(p, ops, HTH_COUNT(ops));
    const HthJToken *look = hth_j_p_look(p);
    if (o) {
        *op = o->op;
        p->at++;
    } else if (hth_j_p_skip_name(p, "in")) {
        *op = HTH_J_IN;
    } else if (hth_j_p_is_name(p, "not") && look->kind == HTH_J_T_NAME &&
               hth_str_eq(look->text, HTH_STR("in"))) {
        *op = HTH_J_NOT_IN;
        p->at += 2;
    } else {
        return false;
    }
    return true;
}

static HthStatus parse_compare(HthJParser *p, HthJNode **out) {
    HthJNode *first, *n = NULL;
    uint32_t cap = 0;
    uint8_t op;
    HTH_TRY(parse_add(p, &first));
    while (compare_op(p, &op)) {
        if (!n) {
            HTH_TRY(hth_j_p_node(p, HTH_J_N_CMP, &n));
            n->a = first;
        }
        HthJNode *more;
        HTH_TRY(parse_add(p, &more));
        uint32_t old_cap = cap;
        HTH_TRY(hth_j_p_kid(p, n, &cap, more));
        if (cap != old_cap) {
            uint8_t *ops = hth_j_p_take(p, cap, 1);
            if (!ops) return hth_j_p_nomem(p);
            if (n->ops) memcpy(ops, n->ops, n->kid_count - 1);
            n->ops = ops;
        }
        n->ops[n->kid_count - 1] = op;
    }
    *out = n ? n : first;
    return HTH_OK;
}

static HthStatus parse_not(HthJParser *p, HthJNode **out) {
    if (!hth_j_p_is_name(p, "not")) return parse_compare(p, out);
    HthJNode *inner;
    uint32_t line = hth_j_p_tok(p)->line;
    p->at++;
    HTH_TRY(hth_j_p_enter(p));
    HTH_TRY(parse_not(p, &inner));
    p->depth--;
    return binary(p, HTH_J_N_NOT, 0, inner, NULL, line, out);
}

static HthStatus parse_logic(HthJParser *p, Level *next, const char *word, HthJNodeKind kind,
                             HthJNode **out) {
    HthJNode *left, *right;
    HTH_TRY(next(p, &left));
    while (hth_j_p_is_name(p, word)) {
        uint32_t line = hth_j_p_tok(p)->line;
        p->at++;
        HTH_TRY(next(p, &right));
        HTH_TRY(binary(p, kind, 0, left, right, line, &left));
    }
    *out = left;
    return HTH_OK;
}

static HthStatus parse_and(HthJParser *p, HthJNode **out) {
    return parse_logic(p, parse_not, "and", HTH_J_N_AND, out);
}

static HthStatus parse_or(HthJParser *p, HthJNode **out) {
    return parse_logic(p, parse_and, "or", HTH_J_N_OR, out);
}

/* a if b else c; filters unknown in any part are errors only when reached */
static HthStatus parse_cond(HthJParser *p, HthJNode **out) {
    HthJNode *a, *b, *c;
    HthStr unknown = p->unknown;
    bool soft = p->soft;
    HTH_TRY(parse_or(p, &a));
    while (hth_j_p_skip_name(p, "if")) {
        p->unknown = unknown;
        p->soft = true;
        c = NULL;
        HTH_TRY(parse_or(p, &b));
        if (hth_j_p_skip_name(p, "else")) {
            HTH_TRY(hth_j_p_enter(p));
            HTH_TRY(parse_cond(p, &c));
            p->depth--;
        }
        HTH_TRY(binary(p, HTH_J_N_COND, 0, a, b, hth_j_p_tok(p)->line, &a));
        a->c = c;
    }
    p->soft = soft;
    *out = a;
    return HTH_OK;
}

HthStatus hth_j_p_expr(HthJParser *p, bool cond, HthJNode **out) {
    HTH_TRY(hth_j_p_enter(p));
    HTH_TRY(cond ? parse_cond(p, out) : parse_or(p, out));
    p->depth--;
    return HTH_OK;
}

static bool tuple_end(const HthJParser *p, const char *stop_name) {
    uint8_t kind = hth_j_p_tok(p)->kind;
    if (kind == HTH_J_T_VAR_END || kind == HTH_J_T_BLOCK_END || kind == HTH_J_T_EOF) return true;
    return hth_j_p_is_op(p, ")") || (stop_name[0] && hth_j_p_is_name(p, stop_name));
}

HthStatus hth_j_p_tuple(HthJParser *p, bool cond, const char *stop_name, HthJNode **out) {
    HthJNode *first = NULL, *tuple = NULL;
    uint32_t cap = 0, line = hth_j_p_tok(p)->line;
    while (!tuple_end(p, stop_name)) {
        HthJNode *item;
        HTH_TRY(hth_j_p_expr(p, cond, &item));
        if (tuple) HTH_TRY(hth_j_p_kid(p, tuple, &cap, item));
        if (!first) first = item;
        if (!hth_j_p_skip_op(p, ",")) break;
        if (tuple) continue;
        HTH_TRY(hth_j_p_node(p, HTH_J_N_TUPLE, &tuple));
        HTH_TRY(hth_j_p_kid(p, tuple, &cap, first));
    }
    if (!first) return hth_j_p_fail(p, HTH_EFORMAT, line, "an expression is missing");
    *out = tuple ? tuple : first;
    return HTH_OK;
}

/* --- primaries --- */
static HthStatus constant(HthJParser *p, HthJVal v, HthJNode **out) {
    HthJNode *n;
    HTH_TRY(hth_j_p_node(p, HTH_J_N_CONST, &n));
    n->value = v;
    *out = n;
    return HTH_OK;
}

static HthStatus name_or_word(HthJParser *p, HthJNode **out) {
    static const struct {
        const char *word;
        HthJVal v;
    } words[] = {
        { "true", { .kind = HTH_J_BOOL, .u.i = 1 } },
        { "True", { .kind = HTH_J_BOOL, .u.i = 1 } },
        { "false", { .kind = HTH_J_BOOL, .u.i = 0 } },
        { "False", { .kind = HTH_J_BOOL, .u.i = 0 } },
        { "none", { .kind = HTH_J_NONE } },
        { "None", { .kind = HTH_J_NONE } },
    };
    HthStr name = hth_j_p_tok(p)->text;
    for (size_t i = 0; i < HTH_COUNT(words); i++) {
        if (!hth_str_eq(name, hth_str(words[i].word))) continue;
        p->at++;
        return constant(p, words[i].v, out);
    }
    HthJNode *n;
    HTH_TRY(hth_j_p_node(p, HTH_J_N_NAME, &n));
    n->name = name;
    HTH_TRY(hth_j_p_id(p, name, &n->id));
    p->at++;
    *out = n;
    return HTH_OK;
}

static HthStatus strings(HthJParser *p, HthJNode **out) { /* adjacent literals are one */
    HthStr s = hth_j_p_tok(p)->text;
    p->at++;
    size_t more = 0;
    for (size_t i = p->at; p->tok[i].kind == HTH_J_T_STR; i++) more += p->tok[i].text.n;
    if (hth_j_p_tok(p)->kind == HTH_J_T_STR) {
        char *joined = hth_j_p_take(p, s.n + more + 1, 1);
        if (!joined) return hth_j_p_nomem(p);
        memcpy(joined, s.p, s.n);
        size_t n = s.n;
        for (; hth_j_p_tok(p)->kind == HTH_J_T_STR; p->at++) {
            memcpy(joined + n, hth_j_p_tok(p)->text.p, hth_j_p_tok(p)->text.n);
            n += hth_j_p_tok(p)->text.n;
        }
        s = (HthStr){ joined, n };
    }
    return constant(p, hth_j_str(s), out);
}

static HthStatus parens(HthJParser *p, HthJNode **out) {
    p->at++;
    if (hth_j_p_skip_op(p, ")")) return hth_j_p_node(p, HTH_J_N_TUPLE, out);
    HTH_TRY(hth_j_p_tuple(p, true, "", out));
    return hth_j_p_need_op(p, ")");
}

static HthStatus list_or_dict(HthJParser *p, bool dict, HthJNode **out) {
    const char *close = dict ? "}" : "]";
    HthJNode *n, *item;
    uint32_t cap = 0;
    HTH_TRY(hth_j_p_node(p, dict ? HTH_J_N_DICT : HTH_J_N_LIST, &n));
    p->at++;
    while (!hth_j_p_is_op(p, close)) {
        if (n->kid_count) HTH_TRY(hth_j_p_need_op(p, ","));
        if (hth_j_p_is_op(p, close)) break;
        HTH_TRY(hth_j_p_expr(p, true, &item));
        HTH_TRY(hth_j_p_kid(p, n, &cap, item));
        if (!dict) continue;
        HTH_TRY(hth_j_p_need_op(p, ":"));
        HTH_TRY(hth_j_p_expr(p, true, &item));
        HTH_TRY(hth_j_p_kid(p, n, &cap, item));
    }
    p->at++;
    *out = n;
    return HTH_OK;
}

HthStatus hth_j_p_primary(HthJParser *p, HthJNode **out) {
    const HthJToken *t = hth_j_p_tok(p);
    switch (t->kind) {
    case HTH_J_T_NAME: return name_or_word(p, out);
    case HTH_J_T_STR: return strings(p, out);
    case HTH_J_T_INT:
    case HTH_J_T_FLOAT: p->at++; return constant(p, t->num, out);
    case HTH_J_T_OP:
        if (hth_j_p_is_op(p, "(")) return parens(p, out);
        if (hth_j_p_is_op(p, "[")) return list_or_dict(p, false, out);
        if (hth_j_p_is_op(p, "{")) return list_or_dict(p, true, out);
        return hth_j_p_fail(p, HTH_EFORMAT, t->line, "unexpected '%.*s'", HTH_STR_ARG(t->text));
    default: return hth_j_p_fail(p, HTH_EFORMAT, t->line, "the tag ends where a value should be");
    }
}

/* --- postfix --- */
static HthStatus push_node(HthJParser *p, HthJNode ***v, uint32_t *n, HthJNode *x) {
    if ((*n & (*n - 1)) == 0) { /* full at every power of two */
        HthJNode **grown = hth_j_p_take(p, *n ? (size_t)*n * 2 : 1, sizeof(HthJNode *));
        if (!grown) return hth_j_p_nomem(p);
        if (*n) memcpy(grown, *v, *n * sizeof(HthJNode *));
        *v = grown;
    }
    (*v)[(*n)++] = x;
    return HTH_OK;
}

static HthStatus parse_kwarg(HthJParser *p, HthJCallArgs *args) {
    HthStr name = hth_j_p_tok(p)->text;
    HthJNode *x;
    uint32_t n = args->kw_count;
    p->at += 2;
    HTH_TRY(hth_j_p_expr(p, true, &x));
    if ((n & (n - 1)) == 0) {
        HthStr *grown = hth_j_p_take(p, n ? (size_t)n * 2 : 1, sizeof(HthStr));
        if (!grown) return hth_j_p_nomem(p);
        if (n) memcpy(grown, args->kw_names, n * sizeof(HthStr));
        args->kw_names = grown;
    }
    args->kw_names[n] = name;
    return push_node(p, &args->kw, &args->kw_count, x);
}

static HthStatus parse_args(HthJParser *p, HthJCallArgs **out) {
    HthJCallArgs *args = hth_j_p_take(p, 1, sizeof *args);
    if (!args) return hth_j_p_nomem(p);
    uint32_t line = hth_j_p_tok(p)->line;
    bool first = true, ok = true;
    p->at++;
    while (!hth_j_p_is_op(p, ")")) {
        if (!first) HTH_TRY(hth_j_p_need_op(p, ","));
        if (!first && hth_j_p_is_op(p, ")")) break;
        first = false;
        const HthJToken *look = hth_j_p_look(p);
        if (hth_j_p_skip_op(p, "*")) {
            ok = ok && !args->star && !args->star_star;
            HTH_TRY(hth_j_p_expr(p, true, &args->star));
        } else if (hth_j_p_skip_op(p, "**")) {
            ok = ok && !args->star_star;
            HTH_TRY(hth_j_p_expr(p, true, &args->star_star));
        } else if (hth_j_p_tok(p)->kind == HTH_J_T_NAME && look->kind == HTH_J_T_OP &&
                   hth_str_eq(look->text, HTH_STR("="))) {
            ok = ok && !args->star_star;
            HTH_TRY(parse_kwarg(p, args));
        } else {
            HthJNode *x;
            ok = ok && !args->star && !args->star_star && args->kw_count == 0;
            HTH_TRY(hth_j_p_expr(p, true, &x));
            HTH_TRY(push_node(p, &args->pos, &args->pos_count, x));
        }
        if (!ok)
            return hth_j_p_fail(p, HTH_EFORMAT, line, "the arguments of a call are in no order");
    }
    p->at++;
    *out = args;
    return HTH_OK;
}

/* What stands between [ and ]: a value or start:stop:step. */
static HthStatus parse_subscript(HthJParser *p, HthJNode **out) {
    HthJNode *part[3] = { NULL, NULL, NULL };
    bool slice = false;
    for (int i = 0; i < 3; i++) {
        if (!hth_j_p_is_op(p, ":") && !hth_j_p_is_op(p, "]") && !hth_j_p_is_op(p, ","))
            HTH_TRY(hth_j_p_expr(p, true, &part[i]));
        if (i == 2 || !hth_j_p_skip_op(p, ":")) break;
        slice = true;
    }
    if (!slice) {
        if (!part[0])
            return hth_j_p_fail(p, HTH_EFORMAT, hth_j_p_tok(p)->line, "a subscript is empty");
        *out = part[0];
        return HTH_OK;
    }
    HTH_TRY(binary(p, HTH_J_N_SLICE, 0, part[0], part[1], hth_j_p_tok(p)->line, out));
    (*out)->c = part[2];
    return HTH_OK;
}

static HthStatus parse_brackets(HthJParser *p, HthJNode **io) {
    HthJNode *n, *first, *tuple = NULL;
    uint32_t cap = 0;
    HTH_TRY(hth_j_p_node(p, HTH_J_N_ITEM, &n));
    p->at++;
    HTH_TRY(parse_subscript(p, &first));
    while (hth_j_p_skip_op(p, ",")) {
        HthJNode *more;
        if (!tuple) {
            HTH_TRY(hth_j_p_node(p, HTH_J_N_TUPLE, &tuple));
            HTH_TRY(hth_j_p_kid(p, tuple, &cap, first));
        }
        if (hth_j_p_is_op(p, "]")) break;
        HTH_TRY(parse_subscript(p, &more));
        HTH_TRY(hth_j_p_kid(p, tuple, &cap, more));
    }
    HTH_TRY(hth_j_p_need_op(p, "]"));
    n->a = *io;
    n->b = tuple ? tuple : first;
    *io = n;
    return HTH_OK;
}

static HthStatus parse_dot(HthJParser *p, HthJNode **io) {
    HthJNode *n;
    p->at++;
    const HthJToken *t = hth_j_p_tok(p);
    if (t->kind == HTH_J_T_NAME) {
        HTH_TRY(hth_j_p_node(p, HTH_J_N_ATTR, &n));
        n->name = t->text;
    } else if (t->kind == HTH_J_T_INT) {
        HTH_TRY(hth_j_p_node(p, HTH_J_N_ITEM, &n));
        HTH_TRY(constant(p, t->num, &n->b));
    } else {
        return hth_j_p_fail(p, HTH_EFORMAT, t->line, "a name or number is missing after '.'");
    }
    p->at++;
    n->a = *io;
    *io = n;
    return HTH_OK;
}

static HthStatus parse_call(HthJParser *p, HthJNode **io) {
    HthJNode *n;
    HTH_TRY(hth_j_p_node(p, HTH_J_N_CALL, &n));
    HTH_TRY(parse_args(p, &n->args));
    n->a = *io;
    *io = n;
    return HTH_OK;
}

static HthStatus parse_postfix(HthJParser *p, HthJNode **io) {
    for (;;) {
        if (hth_j_p_is_op(p, "."))
            HTH_TRY(parse_dot(p, io));
        else if (hth_j_p_is_op(p, "["))
            HTH_TRY(parse_brackets(p, io));
        else if (hth_j_p_is_op(p, "("))
            HTH_TRY(parse_call(p, io));
        else
            return HTH_OK;
    }
}

/* --- filters and tests --- */
static HthStatus dotted_name(HthJParser *p, HthStr *out) {
    HthStr part;
    HTH_TRY(hth_j_p_need_name(p, out));
    while (hth_j_p_skip_op(p, ".")) { /* namespaced names: hearth has none, the error names it */
        HTH_TRY(hth_j_p_need_name(p, &part));
        *out = part;
    }
    return HTH_OK;
}

static void note_unknown(HthJParser *p, const HthJNode *n, const char *what) {
    if (p->soft || p->unknown.n || (n->fn && n->fn->fn)) return;
    p->unknown = n->name;
    p->unknown_what = what;
    p->unknown_why = n->fn ? "is not supported" : "does not exist";
    p->unknown_line = n->line;
}

HthStatus hth_j_p_filters(HthJParser *p, bool first_inline, HthJNode **io) {
    while (first_inline || hth_j_p_is_op(p, "|")) {
        HthJNode *n;
        if (!first_inline) p->at++;
        first_inline = false;
        HTH_TRY(hth_j_p_node(p, HTH_J_N_FILTER, &n));
        HTH_TRY(dotted_name(p, &n->name));
        n->fn = hth_j_find_filter(n->name);
        if (hth_j_p_is_op(p, "(")) HTH_TRY(parse_args(p, &n->args));
        note_unknown(p, n, "filter");
        n->a = *io;
        *io = n;
    }
    return HTH_OK;
}

static bool test_argument_follows(const HthJParser *p) {
    const HthJToken *t = hth_j_p_tok(p);
    if (t->kind == HTH_J_T_STR || t->kind == HTH_J_T_INT || t->kind == HTH_J_T_FLOAT) return true;
    if (t->kind == HTH_J_T_OP) return hth_j_p_is_op(p, "[") || hth_j_p_is_op(p, "{");
    if (t->kind != HTH_J_T_NAME) return false;
    return !hth_j_p_is_name(p, "else") && !hth_j_p_is_name(p, "or") && !hth_j_p_is_name(p, "and");
}

static HthStatus parse_test(HthJParser *p, HthJNode **io) {
    HthJNode *n;
    uint32_t line = hth_j_p_tok(p)->line;
    p->at++; /* is */
    bool negated = hth_j_p_skip_name(p, "not");
    HTH_TRY(hth_j_p_node(p, HTH_J_N_TEST, &n));
    HTH_TRY(dotted_name(p, &n->name));
    n->fn = hth_j_find_test(n->name);
    if (hth_j_p_is_op(p, "(")) {
        HTH_TRY(parse_args(p, &n->args));
    } else if (test_argument_follows(p)) {
        if (hth_j_p_is_name(p, "is"))
            return hth_j_p_fail(p, HTH_EFORMAT, line, "tests with 'is' cannot be chained");
        HthJNode *arg;
        n->args = hth_j_p_take(p, 1, sizeof *n->args);
        if (!n->args) return hth_j_p_nomem(p);
        HTH_TRY(hth_j_p_enter(p));
        HTH_TRY(hth_j_p_primary(p, &arg));
        HTH_TRY(parse_postfix(p, &arg));
        p->depth--;
        HTH_TRY(push_node(p, &n->args->pos, &n->args->pos_count, arg));
    }
    note_unknown(p, n, "test");
    n->a = *io;
    *io = n;
    return negated ? binary(p, HTH_J_N_NOT, 0, n, NULL, line, io) : HTH_OK;
}

static HthStatus parse_unary(HthJParser *p, bool filters, HthJNode **out) {
    HthJNode *n;
    bool neg = hth_j_p_is_op(p, "-");
    if (neg || hth_j_p_is_op(p, "+")) {
        HthJNode *inner;
        uint32_t line = hth_j_p_tok(p)->line;
        p->at++;
        HTH_TRY(hth_j_p_enter(p));
        HTH_TRY(parse_unary(p, false, &inner));
        p->depth--;
        HTH_TRY(binary(p, neg ? HTH_J_N_NEG : HTH_J_N_POS, 0, inner, NULL, line, &n));
    } else {
        HTH_TRY(hth_j_p_primary(p, &n));
        if (n->kind == HTH_J_N_NAME) hth_j_p_mention(p, n->name, false);
    }
    HTH_TRY(parse_postfix(p, &n));
    while (filters) {
        if (hth_j_p_is_op(p, "|"))
            HTH_TRY(hth_j_p_filters(p, false, &n));
        else if (hth_j_p_is_name(p, "is"))
            HTH_TRY(parse_test(p, &n));
        else if (hth_j_p_is_op(p, "("))
            HTH_TRY(parse_call(p, &n));
        else
            break;
    }
    *out = n;
    return HTH_OK;
}
