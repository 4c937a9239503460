/* jinja.h - the inside of the template interpreter: tree, machine, tables of built-ins.
 *
 * jinja_lex.c turns source into tokens, jinja_parse.c and jinja_expr.c turn those into a tree,
 * jinja_exec.c and jinja_eval.c walk it with a machine (HthJVm) that counts every step, every byte
 * and every level.  What a template can call is in tables: filters, tests, functions, methods.
 *
 * Thread: a tree is immutable; a machine belongs to one render. */
#ifndef HTH_TEXT_JINJA_H
#define HTH_TEXT_JINJA_H

#include "base/map.h"
#include "text/chat.h"
#include "text/jinja_value.h"

/* --- tokens --- */
typedef enum HthJTok {
    HTH_J_T_EOF,
    HTH_J_T_DATA,
    HTH_J_T_NAME,
    HTH_J_T_STR,
    HTH_J_T_INT,
    HTH_J_T_FLOAT,
    HTH_J_T_BLOCK, /* {% */
    HTH_J_T_BLOCK_END,
    HTH_J_T_VAR, /* {{ */
    HTH_J_T_VAR_END,
    HTH_J_T_OP, /* text is the operator */
} HthJTok;
typedef struct HthJToken {
    uint8_t kind; /* HthJTok */
    uint32_t line;
    HthStr text; /* data, name, operator, unescaped string */
    HthJVal num; /* INT, FLOAT */
} HthJToken;

/* --- tree --- */
typedef enum HthJNodeKind {
    /* expressions */
    HTH_J_N_CONST, /* value */
    HTH_J_N_NAME, /* name, id */
    HTH_J_N_NSREF, /* target only: name.attr; kids none, attr in value */
    HTH_J_N_TUPLE, /* kids */
    HTH_J_N_LIST,
    HTH_J_N_DICT, /* kids: key, value, key, value */
    HTH_J_N_ATTR, /* a.name */
    HTH_J_N_ITEM, /* a[b] */
    HTH_J_N_SLICE, /* only as b of ITEM: a:b:c, each may be NULL */
    HTH_J_N_CALL, /* a(args) */
    HTH_J_N_FILTER, /* a|name(args); a NULL: what a block produced */
    HTH_J_N_TEST, /* a is name(args) */
    HTH_J_N_COND, /* a if b else c; c may be NULL */
    HTH_J_N_OR,
    HTH_J_N_AND,
    HTH_J_N_NOT,
    HTH_J_N_NEG,
    HTH_J_N_POS,
    HTH_J_N_BIN, /* a op b */
    HTH_J_N_CONCAT, /* kids */
    HTH_J_N_CMP, /* a, then kids with ops[] */
    /* statements */
    HTH_J_N_BODY, /* kids */
    HTH_J_N_DATA, /* value */
    HTH_J_N_PRINT, /* a */
    HTH_J_N_FOR, /* a target, b iterable, c condition, kids: body, else */
    HTH_J_N_IF, /* kids: test, body, test, body, ..., [else] */
    HTH_J_N_SET, /* a = b */
    HTH_J_N_SETBLOCK, /* a target, b filter chain or NULL, c body */
    HTH_J_N_MACRO, /* name, id, macro, c body */
    HTH_J_N_CALLBLOCK, /* macro, a call, c body */
    HTH_J_N_FILTERBLOCK, /* b filter chain, c body */
    HTH_J_N_WITH, /* kids: target, value, ...; c body */
    HTH_J_N_BREAK,
    HTH_J_N_CONTINUE,
} HthJNodeKind;

typedef enum HthJOp {
    HTH_J_ADD,
    HTH_J_SUB,
    HTH_J_MUL,
    HTH_J_DIV,
    HTH_J_FLOORDIV,
    HTH_J_MOD,
    HTH_J_POW,
    HTH_J_EQ,
    HTH_J_NE,
    HTH_J_LT,
    HTH_J_LE,
    HTH_J_GT,
    HTH_J_GE,
    HTH_J_IN,
    HTH_J_NOT_IN,
} HthJOp;

typedef struct HthJBuiltin HthJBuiltin;

typedef struct HthJCallArgs { /* of CALL, FILTER, TEST */
    HthJNode **pos;
    uint32_t pos_count, kw_count;
    HthStr *kw_names;
    HthJNode **kw;
    HthJNode *star, *star_star; /* may be NULL */
} HthJCallArgs;

typedef struct HthJParam {
    HthStr name;
    uint32_t id;
    HthJNode *def; /* NULL: none */
} HthJParam;
typedef struct HthJMacroDef {
    HthJParam *params;
    uint32_t param_count;
    bool uses_caller, uses_varargs, uses_kwargs; /* and does not declare them */
    uint32_t caller_id, varargs_id, kwargs_id;
} HthJMacroDef;

struct HthJNode {
    uint8_t kind; /* HthJNodeKind */
    uint8_t op; /* HthJOp */
    bool recursive; /* FOR */
    uint32_t line;
    uint32_t id; /* of name */
    HthStr name;
    HthJVal value;
    HthJNode *a, *b, *c;
    HthJNode **kids;
    uint8_t *ops; /* CMP: one per kid */
    uint32_t kid_count;
    HthJCallArgs *args;
    HthJMacroDef *macro;
    const HthJBuiltin *fn; /* FILTER, TEST; NULL: unknown, an error if it is reached */
    uint32_t *unset; /* scopes: names this scope assigns before any use, unset_count of them */
    uint32_t unset_count;
};

struct HthTemplate {
    HthArena *arena;
    HthStr source;
    HthJNode *body;
    HthStr *names; /* by id */
    uint32_t name_count;
    uint32_t loop_id, caller_id, varargs_id, kwargs_id;
};

/* The compiler's state, shared by lexer and parser. */
typedef struct HthJMacroUse { /* which special names a macro body mentions */
    struct HthJMacroUse *up;
    bool caller, varargs, kwargs, caller_set, varargs_set, kwargs_set;
} HthJMacroUse;
typedef struct HthJParser {
    HthTemplate *t;
    HthErr *err;
    HthJToken *tok;
    size_t tok_count, tok_cap, at;
    HthMap *ids; /* name -> id */
    uint32_t name_cap;
    uint32_t depth; /* nested constructs */
    uint32_t loops; /* for blocks around, within this function */
    bool soft; /* inside an if: unknown filters and tests are errors only when reached */
    HthStr unknown; /* the first unknown filter or test outside one */
    const char *unknown_what, *unknown_why;
    uint32_t unknown_line;
    HthJMacroUse *uses;
    HthStr open_tag; /* the block to be closed, for sentences */
    uint32_t open_line;
    size_t wanted; /* bytes of the last take */
} HthJParser;
#define HTH_J_COMPILE_MAX ((size_t)128 << 20) /* bytes a compiled template may hold */
#define HTH_J_DEPTH_MAX   200u

HTH_MUST_CHECK HthStatus hth_j_lex(HthJParser *p);
HTH_MUST_CHECK HthStatus hth_j_parse(HthJParser *p); /* fills t->body */
/* names bound by each scope before use; see jinja_scope.c */
HTH_MUST_CHECK HthStatus hth_j_scopes(HthJParser *p, HthJNode *root);

/* between jinja_parse.c and jinja_expr.c */
void *hth_j_p_take(HthJParser *p, size_t count, size_t size); /* NULL: see hth_j_p_nomem */
HthStatus hth_j_p_nomem(HthJParser *p);
HTH_MUST_CHECK HthStatus hth_j_p_node(HthJParser *p, HthJNodeKind kind, HthJNode **out);
HTH_MUST_CHECK HthStatus hth_j_p_id(HthJParser *p, HthStr name, uint32_t *out);
HTH_MUST_CHECK HthStatus hth_j_p_kid(HthJParser *p, HthJNode *to, uint32_t *cap, HthJNode *kid);
HTH_MUST_CHECK HthStatus hth_j_p_enter(HthJParser *p); /* one level deeper, or ELIMIT */
const HthJToken *hth_j_p_tok(const HthJParser *p);
const HthJToken *hth_j_p_look(const HthJParser *p);
bool hth_j_p_is_op(const HthJParser *p, const char *op);
bool hth_j_p_is_name(const HthJParser *p, const char *name);
bool hth_j_p_skip_op(HthJParser *p, const char *op);
bool hth_j_p_skip_name(HthJParser *p, const char *name);
HTH_MUST_CHECK HthStatus hth_j_p_need_op(HthJParser *p, const char *op);
HTH_MUST_CHECK HthStatus hth_j_p_need_name(HthJParser *p, HthStr *out);
HthStatus hth_j_p_fail(HthJParser *p, HthStatus st, uint32_t line, const char *fmt, ...)
    HTH_PRINTF(4, 5);
HTH_MUST_CHECK HthStatus hth_j_p_expr(HthJParser *p, bool cond, HthJNode **out);
/* An expression or a bare tuple; stop_name ends it ("" for none). */
HTH_MUST_CHECK HthStatus hth_j_p_tuple(HthJParser *p, bool cond, const char *stop_name,
                                       HthJNode **out);
HTH_MUST_CHECK HthStatus hth_j_p_primary(HthJParser *p, HthJNode **out);
HTH_MUST_CHECK HthStatus hth_j_p_filters(HthJParser *p, bool first_inline, HthJNode **io);
void hth_j_p_mention(HthJParser *p, HthStr name, bool store);

/* --- machine --- */
typedef struct HthJVar {
    uint32_t id;
    HthJVal v; /* ABSENT: known here, but not set: undefined */
} HthJVar;
typedef struct HthJScope {
    struct HthJScope *up;
    HthJVar *v;
    uint32_t n, cap;
} HthJScope;

typedef struct HthJMarkBlock {
    char *text, *marks; /* [size] each; a mark is 0 or 1 */
    size_t size;
} HthJMarkBlock;
typedef struct HthJMarks { /* see jinja_mark.c */
    HthJMarkBlock blocks[32];
    uint32_t count;
    size_t used; /* bytes of the last block */
    bool data; /* the input being read now is data of the conversation */
} HthJMarks;

struct HthJVm {
    const HthTemplate *t;
    const json_t *vars;
    HthJMarks *marks; /* NULL: nobody wants to know */
    HthArena *arena;
    HthErr *err;
    HthJVal *context; /* by name id; ABSENT: not looked up yet */
    HthJScope *scope;
    HthJSb *out; /* where output goes now */
    HthJSb root; /* where it goes in the end */
    HthJSb spare[4]; /* long strings lately built by adding, see hth_j_resume */
    uint32_t spare_at;
    HthJVal piped; /* what a block gives its filter chain */
    int64_t unix_s;
    uint64_t steps, steps_max;
    size_t bytes, bytes_max, output_max;
    uint32_t nest, nest_max; /* node visits on the C stack */
    uint32_t calls, calls_max; /* macros and recursive loops */
    uint32_t line;
};

HthStatus hth_j_fail_at(HthJVm *vm, HthStatus st, const char *file, int line, const char *fmt, ...)
    HTH_PRINTF(5, 6);
#define HTH_J_FAIL(vm, st, ...) hth_j_fail_at((vm), (st), __FILE__, __LINE__, __VA_ARGS__)
#define HTH_J_REQUIRE(cond, vm, ...)                                                               \
    do {                                                                                           \
        if (!(cond)) return HTH_J_FAIL(vm, HTH_EINVAL, __VA_ARGS__);                               \
    } while (0)
/* Zeroed memory that lives as long as the render; counted against the ceiling. */
HTH_MUST_CHECK HthStatus hth_j_take(HthJVm *vm, size_t count, size_t size, void *out_ptr);
/* Memory for n bytes of text, with marks for them. */
HTH_MUST_CHECK HthStatus hth_j_take_text(HthJVm *vm, size_t n, char **out);
void hth_j_mark_copy(HthJVm *vm, char *to, const char *from, size_t n);
/* What was added to sb since it had `from` bytes is marked as the byte it was made of. */
void hth_j_mark_like(HthJVm *vm, const HthJSb *sb, size_t from, const char *like);
HTH_MUST_CHECK HthStatus hth_j_input(HthJVm *vm, HthStr s, HthJVal *out); /* a string of the JSON */
const char *hth_j_marks(const HthJVm *vm, const HthJSb *sb); /* [sb->n] */
/* Bulk work costs steps too: n is in bytes or items. */
HTH_MUST_CHECK HthStatus hth_j_work(HthJVm *vm, size_t n);
HTH_MUST_CHECK HthStatus hth_j_enter(HthJVm *vm); /* pairs with hth_j_leave when it succeeds */
static inline void hth_j_leave(HthJVm *vm) {
    vm->nest--;
}
/* What using an undefined value says. */
HthStatus hth_j_undef_fail(HthJVm *vm, HthJVal v);

/* scopes */
HTH_MUST_CHECK HthStatus hth_j_set(HthJVm *vm, uint32_t id, HthJVal v);
HTH_MUST_CHECK HthStatus hth_j_get(HthJVm *vm, uint32_t id, HthJVal *out); /* UNDEF if none */

/* walking the tree */
HTH_MUST_CHECK HthStatus hth_j_eval(HthJVm *vm, const HthJNode *n, HthJVal *out);
typedef enum HthJFlow { HTH_J_GO, HTH_J_BREAK, HTH_J_CONTINUE } HthJFlow;
HTH_MUST_CHECK HthStatus hth_j_exec(HthJVm *vm, const HthJNode *n, HthJFlow *flow);
HTH_MUST_CHECK HthStatus hth_j_assign(HthJVm *vm, const HthJNode *target, HthJVal v);
HTH_MUST_CHECK HthStatus hth_j_binary(HthJVm *vm, HthJOp op, HthJVal a, HthJVal b, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_compare(HthJVm *vm, HthJOp op, HthJVal a, HthJVal b, bool *out);
HTH_MUST_CHECK HthStatus hth_j_getattr(HthJVm *vm, HthJVal obj, HthStr name, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_getitem(HthJVm *vm, HthJVal obj, HthJVal key, HthJVal *out);
/* start, stop, step: ABSENT or NONE when left out. */
HTH_MUST_CHECK HthStatus hth_j_slice(HthJVm *vm, HthJVal obj, const HthJVal bounds[3],
                                     HthJVal *out);

/* --- calls --- */
typedef struct HthJArgs {
    HthJVal *pos;
    uint32_t pos_count, kw_count;
    HthStr *kw_names;
    HthJVal *kw;
} HthJArgs;
#define HTH_J_PARAMS_MAX 8
/* v[i]: the i-th parameter of the spec, ABSENT when not given; raw: all arguments as passed. */
typedef HthStatus HthJFn(HthJVm *vm, HthJVal self, const HthJVal *v, const HthJArgs *raw,
                         HthJVal *out);
struct HthJBuiltin {
    const char *name;
    const char *spec; /* "old new count?": parameter names, ? optional; "*": raw arguments */
    HthJFn *fn; /* NULL: Jinja has it, hearth does not (ENOTSUP) */
};
struct HthJFunc {
    const HthJBuiltin *b;
    HthJVal self;
};
struct HthJMacro {
    const HthJNode *node; /* MACRO or CALLBLOCK */
    HthJScope *scope; /* where it was defined */
};
struct HthJLoop {
    HthJVal items; /* LIST or any sequence walked */
    HthJVal prev, cur, next; /* ABSENT: none */
    HthJVal changed; /* what changed() saw last */
    HthJWalk walk;
    const HthJNode *node; /* recursive loops */
    HthJScope *scope; /* the scope around the for block */
    uint32_t index0, depth0, length;
    bool last;
};
struct HthJJoiner {
    HthJVal sep;
    bool used;
};

HTH_MUST_CHECK HthStatus hth_j_call(HthJVm *vm, HthJVal f, const HthJArgs *args, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_call_builtin(HthJVm *vm, const HthJBuiltin *b, const char *what,
                                            HthJVal self, const HthJArgs *args, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_args(HthJVm *vm, const HthJCallArgs *from, HthJArgs *out);
HTH_MUST_CHECK HthStatus hth_j_call_macro(HthJVm *vm, HthJMacro *m, const HthJArgs *args,
                                          HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_call_loop(HthJVm *vm, HthJLoop *l, HthJVal items, HthJVal *out);
/* Runs body with its output going to a new string. */
HTH_MUST_CHECK HthStatus hth_j_capture(HthJVm *vm, const HthJNode *body, HthJFlow *flow,
                                       HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_method(HthJVm *vm, const HthJBuiltin *b, HthJVal self, HthJVal *out);

/* --- tables --- */
const HthJBuiltin *hth_j_find(const HthJBuiltin *table, HthStr name); /* ends with a NULL name */
const HthJBuiltin *hth_j_find_filter(HthStr name);
const HthJBuiltin *hth_j_find_test(HthStr name);
extern const HthJBuiltin hth_j_filters_text[], hth_j_filters_seq[], hth_j_filters_num[];
extern const HthJBuiltin hth_j_tests[], hth_j_globals[];
extern const HthJBuiltin hth_j_str_methods[], hth_j_list_methods[], hth_j_tuple_methods[],
    hth_j_dict_methods[], hth_j_loop_methods[], hth_j_cycler_methods[], hth_j_float_methods[];

/* --- shared by built-ins --- */
/* A parameter that must be an integer; dflt when absent or none. */
HTH_MUST_CHECK HthStatus hth_j_want_int(HthJVm *vm, HthJVal v, const char *what, int64_t dflt,
                                        int64_t *out);
HTH_MUST_CHECK HthStatus hth_j_want_str(HthJVm *vm, HthJVal v, const char *what, HthStr *out);
HTH_MUST_CHECK HthStatus hth_j_percent(HthJVm *vm, HthJVal fmt, HthJVal arg, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_format(HthJVm *vm, HthJVal fmt, const HthJArgs *args, HthJVal *out);
/* format(v, spec) of Python's mini-language. */
HTH_MUST_CHECK HthStatus hth_j_add_spec(HthJVm *vm, HthJSb *sb, HthJVal v, HthStr spec);
typedef struct HthJPad { /* how a formatted field is padded */
    HthStr fill;
    char align; /* < > ^ = */
    size_t width; /* code points */
} HthJPad;
HTH_MUST_CHECK HthStatus hth_j_add_padded(HthJVm *vm, HthJSb *sb, HthStr sign, HthStr body,
                                          HthJPad pad);
/* Decimal digits of f in style 'e', 'f' or 'g', locale-free. */
HTH_MUST_CHECK HthStatus hth_j_add_double(HthJVm *vm, HthJSb *sb, double f, char style,
                                          int precision, bool alt);
/* int(s, base) and float(s) of Python; false if s is not a number. */
bool hth_j_parse_int(HthStr s, int base, int64_t *out);
bool hth_j_parse_float(HthStr s, double *out);
/* "a.b.0" as make_attrgetter does; dflt replaces an undefined step if given. */
HTH_MUST_CHECK HthStatus hth_j_path(HthJVm *vm, HthJVal item, HthJVal attribute, HthJVal dflt,
                                    HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_case(HthJVm *vm, HthStr s, HthJCase to, HthJVal *out);
/* Lines as str.splitlines: *at moves on; false at the end. */
bool hth_j_line(HthStr s, size_t *at, bool keep_ends, HthStr *out);
HTH_MUST_CHECK HthStatus hth_j_replace(HthJVm *vm, HthStr s, HthStr old, HthStr with, int64_t count,
                                       HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_strip_chars(HthJVm *vm, HthJVal s, HthJVal chars, bool left,
                                           bool right, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_strftime(HthJVm *vm, HthStr fmt, int64_t unix_s, HthJVal *out);

#endif
