/* jinja_value.h - the values a chat template computes with: Python's, as far as templates can tell.
 *
 * Every value is a 16-byte struct; what it points to lives in the render's arena (or in the JSON
 * input and the compiled template, which outlive the render).  Strings are valid UTF-8 and never
 * change; lists, dicts and namespaces are shared and mutable.
 *
 * Thread: one render, one thread. */
#ifndef HTH_TEXT_JINJA_VALUE_H
#define HTH_TEXT_JINJA_VALUE_H

#include <string.h>

#include "base/arena.h"
#include "base/json.h"

typedef struct HthJVm HthJVm;
typedef struct HthJNode HthJNode;

typedef enum HthJKind {
    HTH_J_ABSENT, /* an argument not given, a variable not set; never seen by a template */
    HTH_J_UNDEF, /* Jinja's Undefined: u.s[0..n) says what was missing */
    HTH_J_NONE,
    HTH_J_BOOL,
    HTH_J_INT,
    HTH_J_FLOAT,
    HTH_J_STR, /* sub 1: Markup, escapes what is added to it */
    HTH_J_LIST,
    HTH_J_TUPLE, /* sub 1: a groupby pair, with .grouper and .list */
    HTH_J_DICT,
    HTH_J_VIEW, /* sub: HthJViewMode */
    HTH_J_RANGE,
    HTH_J_ITER, /* a generator: iterates once, has no length */
    HTH_J_SPACE, /* namespace() */
    HTH_J_MACRO,
    HTH_J_FUNC, /* a built-in function or bound method */
    HTH_J_LOOP, /* the special variable of a for block */
    HTH_J_CYCLER,
    HTH_J_JOINER,
} HthJKind;

typedef enum HthJViewMode { HTH_J_KEYS, HTH_J_VALUES, HTH_J_ITEMS } HthJViewMode;
/* sub of HTH_J_UNDEF: what u.s holds */
typedef enum HthJUndef { HTH_J_UNDEF_NAME, HTH_J_UNDEF_ATTR, HTH_J_UNDEF_HINT } HthJUndef;

typedef struct HthJSeq HthJSeq;
typedef struct HthJDict HthJDict;
typedef struct HthJRange HthJRange;
typedef struct HthJIter HthJIter;
typedef struct HthJFunc HthJFunc;
typedef struct HthJMacro HthJMacro;
typedef struct HthJLoop HthJLoop;

typedef struct HthJVal {
    uint8_t kind; /* HthJKind */
    uint8_t sub;
    uint32_t n; /* STR, UNDEF: bytes at u.s */
    union {
        int64_t i; /* BOOL, INT */
        double f;
        const char *s;
        HthJSeq *seq; /* LIST, TUPLE, CYCLER (items) */
        HthJDict *dict; /* DICT, VIEW, SPACE */
        HthJRange *range;
        HthJIter *iter;
        HthJFunc *func;
        HthJMacro *macro;
        HthJLoop *loop;
        struct HthJJoiner *joiner;
    } u;
} HthJVal;

struct HthJSeq {
    HthJVal *v;
    uint32_t n, cap;
    uint32_t at; /* CYCLER: the next item */
};
typedef struct HthJPair {
    HthJVal k, v; /* k ABSENT: removed */
} HthJPair;
struct HthJDict { /* insertion-ordered */
    HthJPair *e;
    uint32_t n, cap; /* entries, removed ones included */
    uint32_t live;
    uint32_t *index; /* open addressing over e, entry + 1; NULL while small */
    uint32_t index_cap;
};
struct HthJRange {
    int64_t start, stop, step; /* stop: as given, for repr */
    uint32_t n;
};
struct HthJIter {
    HthJVal over; /* any other iterable */
    uint32_t at; /* how far it has been consumed */
};

/* --- making values --- */
static inline HthJVal hth_j_none(void) {
    return (HthJVal){ .kind = HTH_J_NONE };
}
static inline HthJVal hth_j_bool(bool b) {
    return (HthJVal){ .kind = HTH_J_BOOL, .u.i = b };
}
static inline HthJVal hth_j_int(int64_t i) {
    return (HthJVal){ .kind = HTH_J_INT, .u.i = i };
}
static inline HthJVal hth_j_float(double f) {
    return (HthJVal){ .kind = HTH_J_FLOAT, .u.f = f };
}
static inline HthJVal hth_j_str(HthStr s) { /* borrowed; s.n < 4 GiB */
    return (HthJVal){ .kind = HTH_J_STR, .n = (uint32_t)s.n, .u.s = s.n ? s.p : "" };
}
static inline HthJVal hth_j_undef(HthJUndef what, HthStr s) {
    return (HthJVal){ .kind = HTH_J_UNDEF, .sub = (uint8_t)what, .n = (uint32_t)s.n, .u.s = s.p };
}
static inline HthStr hth_j_text(HthJVal v) { /* of STR */
    return (HthStr){ v.u.s, v.n };
}
static inline bool hth_j_is_str(HthJVal v, const char *s) {
    return v.kind == HTH_J_STR && hth_str_eq(hth_j_text(v), hth_str(s));
}
static inline bool hth_j_is_num(HthJVal v) { /* bool is a number, as in Python */
    return v.kind == HTH_J_BOOL || v.kind == HTH_J_INT || v.kind == HTH_J_FLOAT;
}
static inline bool hth_j_is_int(HthJVal v) {
    return v.kind == HTH_J_BOOL || v.kind == HTH_J_INT;
}
static inline double hth_j_num(HthJVal v) { /* of is_num */
    return v.kind == HTH_J_FLOAT ? v.u.f : (double)v.u.i;
}
static inline bool hth_j_given(HthJVal v) {
    return v.kind != HTH_J_ABSENT;
}

HTH_MUST_CHECK HthStatus hth_j_seq(HthJVm *vm, HthJKind kind, uint32_t cap, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_push(HthJVm *vm, HthJSeq *seq, HthJVal v);
HTH_MUST_CHECK HthStatus hth_j_pair(HthJVm *vm, HthJVal a, HthJVal b, HthJVal *out); /* tuple */
HTH_MUST_CHECK HthStatus hth_j_iter(HthJVm *vm, HthJVal over, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_from_json(HthJVm *vm, const json_t *json, HthJVal *out);

/* --- dicts; a key that cannot be hashed (list, dict) is an error --- */
HTH_MUST_CHECK HthStatus hth_j_dict(HthJVm *vm, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_dict_put(HthJVm *vm, HthJDict *d, HthJVal k, HthJVal v);
/* *out ABSENT if there is no such key. */
HTH_MUST_CHECK HthStatus hth_j_dict_get(HthJVm *vm, const HthJDict *d, HthJVal k, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_dict_pop(HthJVm *vm, HthJDict *d, HthJVal k, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_dict_copy(HthJVm *vm, HthJDict *to, const HthJDict *from);

/* --- what Python would say --- */
bool hth_j_truth(HthJVal v);
const char *hth_j_type(HthJVal v); /* "str", "dict", ...: for sentences */
bool hth_j_hashable(HthJVal v);
HTH_MUST_CHECK HthStatus hth_j_eq(HthJVm *vm, HthJVal a, HthJVal b, bool *out);
/* <0, 0, >0; an error when the types have no order. */
HTH_MUST_CHECK HthStatus hth_j_cmp(HthJVm *vm, HthJVal a, HthJVal b, int *out);
HTH_MUST_CHECK HthStatus hth_j_contains(HthJVm *vm, HthJVal in, HthJVal x, bool *out);
/* False when v has no len(). */
bool hth_j_len(HthJVal v, size_t *out);
bool hth_j_iterable(HthJVal v);
/* A walk over any iterable; starts where a generator stands and consumes it. */
typedef struct HthJWalk {
    HthJVal over;
    uint32_t at;
    uint32_t size0; /* DICT, VIEW: entries at the start */
} HthJWalk;
HTH_MUST_CHECK HthStatus hth_j_walk(HthJVm *vm, HthJVal over, HthJWalk *out);
/* *got false at the end. */
HTH_MUST_CHECK HthStatus hth_j_next(HthJVm *vm, HthJWalk *w, HthJVal *out, bool *got);
/* list(v) */
HTH_MUST_CHECK HthStatus hth_j_list(HthJVm *vm, HthJVal v, HthJVal *out);
HTH_MUST_CHECK HthStatus hth_j_sort(HthJVm *vm, HthJVal *keys, HthJVal *items, uint32_t n,
                                    bool reverse);

/* --- text in the arena --- */
typedef struct HthJSb { /* grows in the render's arena */
    char *p;
    size_t n, cap;
} HthJSb;
HTH_MUST_CHECK HthStatus hth_j_add(HthJVm *vm, HthJSb *sb, HthStr s);
HTH_MUST_CHECK HthStatus hth_j_add_char(HthJVm *vm, HthJSb *sb, char c);
HTH_MUST_CHECK HthStatus hth_j_add_cp(HthJVm *vm, HthJSb *sb, uint32_t cp);
HTH_MUST_CHECK HthStatus hth_j_add_fill(HthJVm *vm, HthJSb *sb, HthStr unit, size_t times);
HTH_MUST_CHECK HthStatus hth_j_add_int(HthJVm *vm, HthJSb *sb, int64_t i);
HTH_MUST_CHECK HthStatus hth_j_add_float(HthJVm *vm, HthJSb *sb, double f); /* Python's repr */
HTH_MUST_CHECK HthStatus hth_j_add_str(HthJVm *vm, HthJSb *sb, HthJVal v); /* str(v) */
HTH_MUST_CHECK HthStatus hth_j_add_repr(HthJVm *vm, HthJSb *sb, HthJVal v); /* repr(v) */
HTH_MUST_CHECK HthStatus hth_j_add_escaped(HthJVm *vm, HthJSb *sb, HthStr s); /* HTML */
/* A long string built by adding may have spare room behind it: take that up again, so that
 * `x = x ~ more` in a loop does not copy x every time. Starts empty when there is none. */
void hth_j_resume(HthJVm *vm, HthJVal v, HthJSb *sb);
void hth_j_keep(HthJVm *vm, const HthJSb *sb); /* remembers the room behind what was built */
static inline HthJVal hth_j_done(const HthJSb *sb) {
    return hth_j_str((HthStr){ sb->p, sb->n });
}
/* str(v) as a value; strings are returned as they are. */
HTH_MUST_CHECK HthStatus hth_j_to_str(HthJVm *vm, HthJVal v, HthJVal *out);

typedef struct HthJJsonStyle { /* json.dumps */
    bool ensure_ascii, sort_keys, pretty;
    HthStr indent, comma, colon;
} HthJJsonStyle;
HTH_MUST_CHECK HthStatus hth_j_add_json(HthJVm *vm, HthJSb *sb, HthJVal v, const HthJJsonStyle *st);

/* --- Unicode as Python's str sees it --- */
typedef enum HthJClass {
    HTH_J_SPACE_CH,
    HTH_J_ALPHA,
    HTH_J_DECIMAL,
    HTH_J_DIGIT,
    HTH_J_NUMERIC,
    HTH_J_ALNUM,
    HTH_J_LOWER,
    HTH_J_UPPER,
    HTH_J_TITLE,
    HTH_J_CASED,
    HTH_J_PRINTABLE,
    HTH_J_WORD, /* \w */
} HthJClass;
bool hth_j_class(uint32_t cp, HthJClass c);
typedef enum HthJCase { HTH_J_TO_LOWER, HTH_J_TO_UPPER, HTH_J_TO_TITLE } HthJCase;
/* Appends the mapping of the code point at s.p[at]; the rest of s decides a final sigma. */
HTH_MUST_CHECK HthStatus hth_j_add_case(HthJVm *vm, HthJSb *sb, HthStr s, size_t at, HthJCase to);
size_t hth_j_cp_count(HthStr s);
/* Byte offset of code point i (clamped to s.n). */
size_t hth_j_cp_offset(HthStr s, size_t i);
uint32_t hth_j_cp_at(HthStr s, size_t at, size_t *len); /* never fails: 1 byte where invalid */
HthStr hth_j_strip(HthStr s, bool left, bool right); /* white space */

#endif
