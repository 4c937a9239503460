/* dfa_pattern.c - patterns of ECMA-262 with the u flag, to automata.
 *
 * Parsed to a small tree, so that counted repetition can copy, then to a non-deterministic
 * automaton. Two liberties over the u flag, both without a second meaning: a punctuation character
 * may be escaped needlessly, and ] or } may stand alone. Look-around, back references, modifiers
 * and \p of anything but general categories are refused by name.
 *
 * Thread: any. */
#include <string.h>

#include "base/mem.h"
#include "text/dfa_int.h"

enum {
    DEPTH_MAX = 200,
    TREE_MAX = 1 << 16,
    NODES_MAX = 1 << 17,
    SETS_MAX = 1 << 12,
    COUNT_MAX = 1 << 20,
    MEMORY_MAX = 64 << 20
};

typedef enum TreeKind { T_EMPTY, T_SET, T_CAT, T_ALT, T_REPEAT, T_ASSERT } TreeKind;

typedef struct Tree {
    uint8_t kind;
    uint32_t child, sibling; /* children of T_CAT: last first */
    uint32_t min, max; /* T_REPEAT; T_SET: the set; T_ASSERT: HthNfaKind */
} Tree;

typedef struct Parser {
    HthStr s;
    size_t at;
    uint32_t depth;
    HthArena *arena;
    Tree *trees; /* [TREE_MAX] */
    uint32_t tree_count;
    HthCharSet *sets; /* [SETS_MAX] */
    uint32_t set_count;
    HthNfaNode *nodes; /* [NODES_MAX] */
    uint32_t node_count;
    bool asserts;
    HthErr *err;
} Parser;

#define BAD(p, ...)  HTH_FAIL((p)->err, HTH_EINVAL, "pattern, at byte %zu: " __VA_ARGS__)
#define NONE(p, ...) HTH_FAIL((p)->err, HTH_ENOTSUP, "pattern, at byte %zu: " __VA_ARGS__)

static bool end(const Parser *p) {
    return p->at >= p->s.n;
}
static char peek(const Parser *p) {
    return end(p) ? 0 : p->s.p[p->at];
}
static bool eat(Parser *p, const char *text) {
    const HthStr t = hth_str(text);
    if (!hth_str_starts(hth_str_sub(p->s, p->at, t.n), t)) return false;
    p->at += t.n;
    return true;
}

static HthStatus tree(Parser *p, Tree t, uint32_t *out) {
    HTH_REQUIRE(p->tree_count < TREE_MAX, p->err, HTH_ELIMIT, "a pattern has more than %d parts",
                TREE_MAX);
    p->trees[p->tree_count] = t;
    *out = p->tree_count++;
    return HTH_OK;
}

static HthStatus set_leaf(Parser *p, HthCharSet *set, uint32_t *out) {
    HTH_TRY(hth_charset_tidy(set));
    uint32_t i = 0;
    while (i < p->set_count && (p->sets[i].n != set->n ||
                                (set->n && memcmp(p->sets[i].r, set->r, set->n * sizeof *set->r))))
        i++;
    HTH_REQUIRE(i < SETS_MAX, p->err, HTH_ELIMIT, "a pattern has more than %d sets of characters",
                SETS_MAX);
    if (i == p->set_count) p->sets[p->set_count++] = *set;
    return tree(p, (Tree){ .kind = T_SET, .min = i }, out);
}

/* --- escapes --- */

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

static HthStatus hex(Parser *p, uint32_t digits, uint32_t *out) {
    uint32_t v = 0;
    for (uint32_t i = 0; i < digits; i++, p->at++) {
        const int d = end(p) ? -1 : hex_value(peek(p));
        if (d < 0) return BAD(p, "%u hexadecimal digits are needed", p->at, digits);
        v = 16 * v + (uint32_t)d;
    }
    *out = v;
    return HTH_OK;
}

static HthStatus unicode_escape(Parser *p, uint32_t *out) {
    if (eat(p, "{")) {
        uint32_t v = 0;
        const size_t from = p->at;
        for (; !end(p) && hex_value(peek(p)) >= 0 && v < 0x110000; p->at++)
            v = 16 * v + (uint32_t)hex_value(peek(p));
        if (p->at == from || v >= 0x110000 || !eat(p, "}"))
            return BAD(p, "\\u{...} needs a code point", p->at);
        *out = v;
        return HTH_OK;
    }
    HTH_TRY(hex(p, 4, out));
    if (*out >= 0xD800 && *out < 0xDC00 && eat(p, "\\u")) {
        uint32_t low = 0;
        HTH_TRY(hex(p, 4, &low));
        if (low < 0xDC00 || low > 0xDFFF) return BAD(p, "half a surrogate pair", p->at);
        *out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
    }
    return HTH_OK;
}

static HthStatus property(Parser *p, bool negated, HthCharSet *set) {
    HthCharSet of = { 0 };
    const size_t from = p->at + 1;
    if (!eat(p, "{")) return BAD(p, "\\p needs a name in braces", p->at);
    while (!end(p) && peek(p) != '}') p->at++;
    const HthStr name = hth_str_sub(p->s, from, p->at - from);
    if (!eat(p, "}")) return BAD(p, "\\p needs a name in braces", p->at);
    HTH_TRY(hth_charset_property(&of, name, p->arena, p->err));
    HTH_TRY(hth_charset_tidy(&of));
    if (negated) HTH_TRY(hth_charset_not(&of, p->arena, p->err));
    return hth_charset_join(set, &of, p->arena, p->err);
}

/* After the backslash: a class is added to set and *cp becomes UINT32_MAX, else *cp is the
 * character. in_class: between [ and ]. */
static HthStatus escape(Parser *p, bool in_class, HthCharSet *set, uint32_t *cp) {
    static const char controls[] = "tnvfr", values[] = "\t\n\v\f\r";
    if (end(p)) return BAD(p, "nothing follows the backslash", p->at);
    const char c = p->s.p[p->at++];
    const char *known = strchr(controls, c);
    *cp = UINT32_MAX;
    if (c && strchr("dDwWsS", c)) return hth_charset_escape(set, c, p->arena, p->err);
    if (c == 'p' || c == 'P') return property(p, c == 'P', set);
    if (c && known) {
        *cp = (uint32_t)values[known - controls];
        return HTH_OK;
    }
    if (c == 'x') return hex(p, 2, cp);
    if (c == 'u') return unicode_escape(p, cp);
    if (c == 'b' && in_class) {
        *cp = 8;
        return HTH_OK;
    }
    if (c == 'c') {
        const char l = (char)(peek(p) | 32);
        if (end(p) || l < 'a' || l > 'z') return BAD(p, "\\c needs a letter", p->at);
        *cp = (uint32_t)(l & 31);
        p->at++;
        return HTH_OK;
    }
    if (c == '0' && !(peek(p) >= '0' && peek(p) <= '9')) {
        *cp = 0;
        return HTH_OK;
    }
    if ((c >= '1' && c <= '9') || c == 'k')
        return in_class ? BAD(p, "unknown escape", p->at)
                        : NONE(p, "back references are not supported", p->at);
    const unsigned char u = (unsigned char)c;
    if (u < ' ' || u >= 0x7F || (u >= '0' && u <= '9') || ((u | 32) >= 'a' && (u | 32) <= 'z'))
        return BAD(p, "unknown escape", p->at);
    *cp = u;
    return HTH_OK;
}

/* --- classes --- */

/* One end of a range: a character, or UINT32_MAX after a class was added. */
static HthStatus class_atom(Parser *p, HthCharSet *set, uint32_t *cp) {
    if (eat(p, "\\")) return escape(p, true, set, cp);
    const size_t n = hth_utf8_decode(hth_str_sub(p->s, p->at, 4), cp);
    if (n == 0) return BAD(p, "not UTF-8", p->at);
    p->at += n;
    return HTH_OK;
}

static HthStatus class(Parser *p, uint32_t *out) {
    HthCharSet set = { 0 };
    const bool negated = eat(p, "^");
    while (!eat(p, "]")) {
        uint32_t first, last;
        if (end(p)) return BAD(p, "a [ is not closed", p->at);
        HTH_TRY(class_atom(p, &set, &first));
        last = first;
        if (peek(p) == '-' && p->at + 1 < p->s.n && p->s.p[p->at + 1] != ']') {
            p->at++;
            HTH_TRY(class_atom(p, &set, &last));
            if (first == UINT32_MAX || last == UINT32_MAX)
                return BAD(p, "a class cannot be the end of a range", p->at);
            if (first > last) return BAD(p, "a range is the wrong way round", p->at);
        }
        if (first != UINT32_MAX) HTH_TRY(hth_charset_add_cp(&set, first, last, p->arena, p->err));
    }
    HTH_TRY(hth_charset_tidy(&set));
    if (negated) HTH_TRY(hth_charset_not(&set, p->arena, p->err));
    return set_leaf(p, &set, out);
}

/* --- the grammar --- */

static HthStatus disjunction(Parser *p, uint32_t *out);

static HthStatus group(Parser *p, uint32_t *out) {
    if (eat(p, "?")) {
        if (eat(p, "=") || eat(p, "!") || eat(p, "<=") || eat(p, "<!"))
            return NONE(p, "look-around is not supported", p->at);
        if (eat(p, "<")) { /* a name: nothing refers to it */
            while (!end(p) && peek(p) != '>' && peek(p) != ')') p->at++;
            if (!eat(p, ">")) return BAD(p, "a group's name does not end", p->at);
        } else if (!eat(p, ":")) {
            return NONE(p, "(?...) of this kind is not supported", p->at);
        }
    }
    HTH_REQUIRE(++p->depth <= DEPTH_MAX, p->err, HTH_ELIMIT,
                "a pattern is nested deeper than %d groups", DEPTH_MAX);
    HTH_TRY(disjunction(p, out));
    p->depth--;
    if (!eat(p, ")")) return BAD(p, "a ( is not closed", p->at);
    return HTH_OK;
}

static HthStatus assertion(Parser *p, HthNfaKind kind, uint32_t *out) {
    p->asserts = true;
    return tree(p, (Tree){ .kind = T_ASSERT, .min = kind }, out);
}

static HthStatus atom(Parser *p, uint32_t *out) {
    HthCharSet set = { 0 };
    uint32_t cp;
    if (eat(p, "^")) return assertion(p, HTH_NFA_BEGIN, out);
    if (eat(p, "$")) return assertion(p, HTH_NFA_END, out);
    if (eat(p, "\\b")) return assertion(p, HTH_NFA_WORD, out);
    if (eat(p, "\\B")) return assertion(p, HTH_NFA_NOT_WORD, out);
    if (eat(p, "(")) return group(p, out);
    if (eat(p, "[")) return class(p, out);
    if (eat(p, ".")) { /* all but line terminators */
        static const HthCharRange lines[] = { { '\n', '\n' }, { '\r', '\r' }, { 0x2028, 0x2029 } };
        for (size_t i = 0; i < HTH_COUNT(lines); i++)
            HTH_TRY(hth_charset_add(&set, lines[i].first, lines[i].last, p->arena, p->err));
        HTH_TRY(hth_charset_not(&set, p->arena, p->err));
        return set_leaf(p, &set, out);
    }
    if (peek(p) && strchr("*+?", peek(p))) return BAD(p, "nothing to repeat", p->at);
    if (peek(p) == '{') return BAD(p, "nothing to repeat; write \\{ for a brace", p->at);
    if (eat(p, "\\")) {
        HTH_TRY(escape(p, false, &set, &cp));
    } else {
        HTH_TRY(class_atom(p, &set, &cp));
    }
    if (cp != UINT32_MAX) HTH_TRY(hth_charset_add_cp(&set, cp, cp, p->arena, p->err));
    return set_leaf(p, &set, out);
}

static HthStatus number(Parser *p, uint32_t *out) {
    uint32_t v = 0;
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        v = 10 * v + (uint32_t)(peek(p) - '0');
        HTH_REQUIRE(v <= COUNT_MAX, p->err, HTH_ELIMIT,
                    "pattern, at byte %zu: a repetition of more than %d", p->at, COUNT_MAX);
    }
    *out = v;
    return HTH_OK;
}

/* false in *is: no quantifier stands here. */
static HthStatus quantifier(Parser *p, uint32_t *min, uint32_t *max, bool *is) {
    *is = true;
    if (eat(p, "*") || eat(p, "+") || eat(p, "?")) {
        const char c = p->s.p[p->at - 1];
        *min = c == '+';
        *max = c == '?' ? 1 : UINT32_MAX;
    } else if (eat(p, "{")) {
        if (!(peek(p) >= '0' && peek(p) <= '9')) return BAD(p, "a number must follow the {", p->at);
        HTH_TRY(number(p, min));
        *max = *min;
        if (eat(p, ",")) {
            *max = UINT32_MAX;
            if (peek(p) != '}') HTH_TRY(number(p, max));
        }
        if (!eat(p, "}")) return BAD(p, "a { is not closed", p->at);
        if (*min > *max) return BAD(p, "a repetition is the wrong way round", p->at);
    } else {
        *is = false;
        return HTH_OK;
    }
    (void)eat(p, "?"); /* lazy: the same texts */
    return HTH_OK;
}

static HthStatus alternative(Parser *p, uint32_t *out) {
    Tree cat = { .kind = T_CAT, .child = UINT32_MAX };
    while (!end(p) && peek(p) != '|' && peek(p) != ')') {
        uint32_t one, min, max;
        bool is;
        HTH_TRY(atom(p, &one));
        const size_t at = p->at;
        HTH_TRY(quantifier(p, &min, &max, &is));
        if (is) {
            if (p->trees[one].kind == T_ASSERT)
                return BAD(p, "an assertion cannot be repeated", at);
            HTH_TRY(tree(p, (Tree){ T_REPEAT, one, UINT32_MAX, min, max }, &one));
        }
        p->trees[one].sibling = cat.child;
        cat.child = one;
    }
    return tree(p, cat, out);
}

static HthStatus disjunction(Parser *p, uint32_t *out) {
    uint32_t one;
    HTH_TRY(alternative(p, &one));
    p->trees[one].sibling = UINT32_MAX;
    if (peek(p) != '|') {
        *out = one;
        return HTH_OK;
    }
    Tree alt = { .kind = T_ALT, .child = one };
    while (eat(p, "|")) {
        HTH_TRY(alternative(p, &one));
        p->trees[one].sibling = alt.child;
        alt.child = one;
    }
    return tree(p, alt, out);
}

/* --- to nodes --- */

static HthStatus node(Parser *p, HthNfaKind kind, uint32_t a, uint32_t b, uint32_t *out) {
    HTH_REQUIRE(p->node_count < NODES_MAX, p->err, HTH_ELIMIT,
                "a pattern repeats too much: more than %d steps", NODES_MAX);
    p->nodes[p->node_count] = (HthNfaNode){ (uint8_t)kind, a, b };
    *out = p->node_count++;
    return HTH_OK;
}

static HthStatus lower(Parser *p, uint32_t t, uint32_t then, uint32_t *out);

static HthStatus lower_repeat(Parser *p, const Tree *t, uint32_t then, uint32_t *out) {
    uint32_t at = then;
    if (t->max == UINT32_MAX) {
        uint32_t body;
        HTH_TRY(node(p, HTH_NFA_SPLIT, then, then, &at));
        HTH_TRY(lower(p, t->child, at, &body));
        p->nodes[at].a = body;
    }
    for (uint32_t i = t->min; t->max != UINT32_MAX && i < t->max; i++) {
        HTH_TRY(lower(p, t->child, at, &at));
        HTH_TRY(node(p, HTH_NFA_SPLIT, at, then, &at));
    }
    for (uint32_t i = 0; i < t->min; i++) {
        const uint32_t before = p->node_count;
        HTH_TRY(lower(p, t->child, at, &at));
        if (p->node_count == before) break; /* nothing, however often */
    }
    *out = at;
    return HTH_OK;
}

/* The entry of tree t followed by node `then`. Depth: that of the groups. */
static HthStatus lower(Parser *p, uint32_t at, uint32_t then, uint32_t *out) {
    const Tree *t = &p->trees[at];
    uint32_t one, all = UINT32_MAX;
    switch (t->kind) {
    case T_SET: return node(p, HTH_NFA_SET, then, t->min, out);
    case T_ASSERT: return node(p, (HthNfaKind)t->min, then, 0, out);
    case T_REPEAT: return lower_repeat(p, t, then, out);
    case T_CAT:
        for (uint32_t c = t->child; c != UINT32_MAX; c = p->trees[c].sibling)
            HTH_TRY(lower(p, c, then, &then));
        *out = then;
        return HTH_OK;
    default:
        for (uint32_t c = t->child; c != UINT32_MAX; c = p->trees[c].sibling) {
            HTH_TRY(lower(p, c, then, &one));
            if (all == UINT32_MAX)
                all = one;
            else
                HTH_TRY(node(p, HTH_NFA_SPLIT, one, all, &all));
        }
        *out = all;
        return HTH_OK;
    }
}

/* Around what need not match from end to end: any characters. */
static HthStatus any(Parser *p, uint32_t then, uint32_t *out) {
    HthCharSet all = { 0 };
    uint32_t leaf, body;
    HTH_TRY(hth_charset_add(&all, 0, HTH_DFA_ALPHABET - 1, p->arena, p->err));
    HTH_TRY(set_leaf(p, &all, &leaf));
    HTH_TRY(node(p, HTH_NFA_SPLIT, then, then, out));
    HTH_TRY(lower(p, leaf, *out, &body));
    p->nodes[*out].b = body;
    return HTH_OK;
}

static HthStatus to_dfa(Parser *p, bool whole, HthDfa **out) {
    uint32_t top = 0, start = 0;
    HTH_TRY(disjunction(p, &top));
    if (!end(p)) return BAD(p, "a ) without a (", p->at);
    HTH_TRY(node(p, HTH_NFA_MATCH, 0, 0, &start));
    if (!whole) HTH_TRY(any(p, start, &start));
    HTH_TRY(lower(p, top, start, &start));
    if (!whole) HTH_TRY(any(p, start, &start));
    const HthNfa nfa = { p->nodes, p->node_count, start, p->sets, p->set_count, p->asserts };
    return hth_dfa_from_nfa(out, &nfa, p->err);
}

HthStatus hth_dfa_pattern(HthDfa **out, HthStr pattern, bool whole, HthErr *err) {
    Parser p = { .s = pattern, .err = err };
    HTH_REQUIRE(pattern.n <= (size_t)1 << 16, err, HTH_ELIMIT,
                "a pattern of %zu bytes is too long (at most %d)", pattern.n, 1 << 16);
    p.trees = hth_calloc(TREE_MAX, sizeof *p.trees);
    p.sets = hth_calloc(SETS_MAX, sizeof *p.sets);
    p.nodes = hth_calloc(NODES_MAX, sizeof *p.nodes);
    HthStatus st = HTH_OK;
    if (p.trees && p.sets && p.nodes) {
        st = hth_arena_open(&p.arena, MEMORY_MAX, err);
        if (st == HTH_OK) st = to_dfa(&p, whole, out);
    } else {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    hth_arena_close(&p.arena);
    hth_free(p.trees);
    hth_free(p.sets);
    hth_free(p.nodes);
    return st;
}
