/* gbnf.c - GBNF read: rules of literals, classes, groups and repetitions over code points.
 *
 * As the reference runtime reads it, with these differences, towards saying more: a rule defined
 * twice and an empty class are errors; counts are taken as they stand; names may hold underscores.
 * A token by its text, <name>, is the control token of that name or the plain text; a token by its
 * number, and any token but one, are refused: a grammar here is about text.
 *
 * Thread: any. */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "text/grammar_int.h"

enum { GROUPS_MAX = 200, RANGES_MAX = 10000, CP_MAX = 0x10FFFF };
#define SOURCE_MAX ((size_t)16 << 20)

typedef struct Range {
    uint32_t lo, hi;
} Range;
typedef struct Ranges {
    Range *p;
    uint32_t n, cap;
} Ranges;
typedef struct Rule {
    HthNode node;
    size_t used_at; /* where in the source it was first seen */
    bool defined;
} Rule;
typedef struct Gbnf {
    HthIr *ir;
    HthStr src;
    size_t at;
    HthMap *names; /* -> rule */
    Rule *rule;
    uint32_t rule_n, rule_cap;
    HthNode *item; /* a stack of what sequences and alternatives are made of */
    uint32_t item_n, item_cap;
    Ranges class;
    HthErr *err;
} Gbnf;

static HthStatus fail_at(const Gbnf *g, size_t at, HthStatus status, const char *what) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        const bool end = g->src.p[i] == '\n';
        line += end;
        column = end ? 1 : column + 1;
    }
    return HTH_FAIL(g->err, status, "grammar, line %zu, column %zu: %s", line, column, what);
}

#define BAD(g, what) fail_at((g), (g)->at, HTH_EINVAL, (what))
#define NO_MEM(g)    HTH_FAIL((g)->err, HTH_ENOMEM, "out of memory for a grammar")

/* The byte `ahead` of the place at hand; 0 past the end (and a NUL is nowhere welcome). */
static char peek(const Gbnf *g, size_t ahead) {
    return g->src.n - g->at > ahead ? g->src.p[g->at + ahead] : 0;
}

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

static bool word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || digit(c) || c == '-' || c == '_';
}

/* Blanks and comments, and newlines too where a rule goes on over lines. */
static void space(Gbnf *g, bool lines) {
    for (;;) {
        const char c = peek(g, 0);
        if (c == '#') {
            while (g->at < g->src.n && peek(g, 0) != '\n' && peek(g, 0) != '\r') g->at++;
        } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
            g->at++;
        } else {
            return;
        }
    }
}

static HthStatus push(Gbnf *g, HthNode node) {
    if (!hth_grow(&g->item, &g->item_cap, g->item_n, sizeof *g->item)) return NO_MEM(g);
    g->item[g->item_n++] = node;
    return HTH_OK;
}

/* ---- characters ---- */
static HthStatus hex(Gbnf *g, uint32_t digits, uint32_t *out) {
    uint32_t value = 0;
    g->at += 2;
    for (uint32_t i = 0; i < digits; i++) {
        const char c = peek(g, 0);
        uint32_t d = 16;
        if (digit(c)) d = (uint32_t)(c - '0');
        if (c >= 'a' && c <= 'f') d = (uint32_t)(c - 'a') + 10;
        if (c >= 'A' && c <= 'F') d = (uint32_t)(c - 'A') + 10;
        if (d == 16) return BAD(g, "an escape needs more hexadecimal digits");
        value = value << 4 | d;
        g->at++;
    }
    if (value > CP_MAX) return BAD(g, "an escape is past the last code point, U+10FFFF");
    *out = value;
    return HTH_OK;
}

static HthStatus character(Gbnf *g, uint32_t *out) {
    static const char from[] = "trn\\\"[]-", to[] = "\t\r\n\\\"[]-";
    static const struct {
        char name;
        uint32_t digits;
    } coded[] = { { 'x', 2 }, { 'u', 4 }, { 'U', 8 } };
    if (peek(g, 0) != '\\') {
        const size_t n = hth_utf8_decode(hth_str_sub(g->src, g->at, SIZE_MAX), out);
        if (n == 0 || *out == 0) return BAD(g, "here a character is missing, or is not UTF-8");
        g->at += n;
        return HTH_OK;
    }
    for (size_t i = 0; i < HTH_COUNT(coded); i++)
        if (peek(g, 1) == coded[i].name) return hex(g, coded[i].digits, out);
    const char *found = peek(g, 1) ? strchr(from, peek(g, 1)) : NULL;
    if (!found) return BAD(g, "this escape is not known");
    *out = (uint8_t)to[found - from];
    g->at += 2;
    return HTH_OK;
}

static HthStatus literal(Gbnf *g) {
    HthBuf text;
    HthStatus status = HTH_OK;
    hth_buf_init(&text, SOURCE_MAX);
    g->at++;
    while (status == HTH_OK && peek(g, 0) != '"') {
        uint32_t cp;
        char utf8[4];
        status = character(g, &cp);
        if (status != HTH_OK) break;
        const size_t n = hth_utf8_encode(cp, utf8);
        status = n ? hth_buf_add(&text, utf8, n, g->err) : BAD(g, "half of a surrogate pair");
    }
    g->at++;
    if (status == HTH_OK) status = push(g, hth_ir_bytes(g->ir, hth_buf_str(&text)));
    hth_buf_drop(&text);
    return status;
}

static HthStatus add_range(Gbnf *g, uint32_t lo, uint32_t hi) {
    if (g->class.n == RANGES_MAX) return fail_at(g, g->at, HTH_ELIMIT, "this class is too long");
    if (!hth_grow(&g->class.p, &g->class.cap, g->class.n, sizeof *g->class.p)) return NO_MEM(g);
    Range *p = g->class.p;
    uint32_t at = g->class.n++;
    for (; at > 0 && p[at - 1].lo > lo; at--) p[at] = p[at - 1];
    p[at] = (Range){ lo, hi };
    return HTH_OK;
}

/* Sorted ranges without overlaps, or what lies between them. */
static void settle(Ranges *r, bool negated) {
    uint32_t n = 0, next = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const Range at = r->p[i];
        if (negated) {
            if (at.lo > next) r->p[n++] = (Range){ next, at.lo - 1 };
            if (at.hi + 1 > next) next = at.hi + 1;
        } else if (n && at.lo <= r->p[n - 1].hi + 1) {
            if (at.hi > r->p[n - 1].hi) r->p[n - 1].hi = at.hi;
        } else {
            r->p[n++] = at;
        }
    }
    if (negated && next <= CP_MAX) r->p[n++] = (Range){ next, CP_MAX }; /* the caller made room */
    r->n = n;
}

/* ---- a class as an automaton over bytes ---- */
enum { DEAD, START, ACCEPT, STATES_FIRST };
typedef struct Utf8 {
    const Ranges *set;
    uint32_t *next; /* [cap][256] */
    uint32_t n, cap;
    uint32_t full[4]; /* any k more bytes; 0: not made yet */
} Utf8;

/* How the set meets [lo, hi]: 0 not at all, 1 in part, 2 all of it. */
static int meets(const Ranges *set, uint32_t lo, uint32_t hi) {
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->p[i].hi < lo) continue;
        if (set->p[i].lo > hi) return 0;
        return set->p[i].lo <= lo && set->p[i].hi >= hi ? 2 : 1;
    }
    return 0;
}

/* The state that wants k more bytes for code points base .. base + 64^k - 1, of which only those in
 * the set and in [lo, hi] count. HTH_NONE: out of memory. */
static uint32_t utf8_state(Utf8 *u, uint32_t k, uint32_t base, uint32_t lo, uint32_t hi) {
    const uint32_t each = 1u << 6 * (k - 1), last = base + (each << 6) - 1;
    const uint32_t from = base > lo ? base : lo, to = last < hi ? last : hi;
    const int met = from > to ? 0 : meets(u->set, from, to);
    if (met == 0) return DEAD;
    const bool full = met == 2 && from == base && to == last;
    if (full && u->full[k]) return u->full[k];
    if (u->n == u->cap) {
        uint32_t *more = hth_realloc(u->next, (size_t)u->cap * 2 + 16, 256 * sizeof *more);
        if (!more) return HTH_NONE;
        u->next = more;
        u->cap = u->cap * 2 + 16;
    }
    const uint32_t made = u->n++;
    memset(u->next + (size_t)made * 256, 0, 256 * sizeof *u->next);
    for (uint32_t b = 0; b < 64; b++) {
        const uint32_t cp = base + b * each;
        uint32_t to_state = k == 1 && cp >= lo && cp <= hi && meets(u->set, cp, cp) ? ACCEPT : DEAD;
        if (k > 1) to_state = utf8_state(u, k - 1, cp, lo, hi);
        if (to_state == HTH_NONE) return HTH_NONE;
        u->next[(size_t)made * 256 + 0x80 + b] = to_state;
    }
    if (full) u->full[k] = made;
    return made;
}

static HthStatus class_node(Gbnf *g, const Ranges *set, HthNode *out) {
    static const struct {
        uint32_t zero, lead, leads; /* lead bytes; zero: the one whose bits are 0 */
        uint32_t k, lo, hi; /* bytes that follow; code points they may be */
    } forms[] = { { 0xC0, 0xC0, 32, 1, 0x80, 0x7FF },
                  { 0xE0, 0xE0, 13, 2, 0x800, 0xCFFF },
                  { 0xE0, 0xED, 1, 2, 0xD000, 0xD7FF },
                  { 0xE0, 0xEE, 2, 2, 0xE000, 0xFFFF },
                  { 0xF0, 0xF0, 5, 3, 0x10000, CP_MAX } };
    Utf8 u = { .set = set, .n = STATES_FIRST, .cap = STATES_FIRST };
    u.next = hth_calloc((size_t)STATES_FIRST * 256, sizeof *u.next);
    bool good = u.next != NULL;
    for (uint32_t b = 0; good && b < 0x80; b++)
        u.next[START * 256 + b] = meets(set, b, b) ? ACCEPT : DEAD;
    for (size_t f = 0; f < HTH_COUNT(forms); f++) {
        for (uint32_t i = 0; good && i < forms[f].leads; i++) {
            const uint32_t base = (forms[f].lead + i - forms[f].zero) << 6 * forms[f].k;
            const uint32_t to = utf8_state(&u, forms[f].k, base, forms[f].lo, forms[f].hi);
            good = to != HTH_NONE;
            if (good) u.next[START * 256 + forms[f].lead + i] = to;
        }
    }
    HthByteDfa dfa = { .state_count = u.n, .class_count = 256, .next = u.next };
    for (uint32_t b = 0; b < 256; b++) dfa.class_of[b] = (uint8_t)b;
    if (good) dfa.accept = hth_calloc(u.n, 1);
    if (dfa.accept) {
        dfa.accept[ACCEPT] = 1;
        *out = hth_ir_dfa(g->ir, &dfa);
    }
    good = dfa.accept != NULL;
    hth_free(dfa.accept);
    hth_free(u.next);
    return good ? HTH_OK : NO_MEM(g);
}

static HthStatus class(Gbnf *g) {
    const bool negated = peek(g, 1) == '^';
    g->class.n = 0;
    g->at += 1 + negated;
    while (peek(g, 0) != ']') {
        uint32_t lo, hi;
        HTH_TRY(character(g, &lo));
        hi = lo;
        if (peek(g, 0) == '-' && peek(g, 1) != ']') {
            g->at++;
            HTH_TRY(character(g, &hi));
        }
        if (hi < lo) return BAD(g, "this range ends before it begins");
        HTH_TRY(add_range(g, lo, hi));
    }
    if (g->class.n == 0) return BAD(g, "an empty class");
    g->at++;
    if (!hth_grow(&g->class.p, &g->class.cap, g->class.n, sizeof *g->class.p)) return NO_MEM(g);
    settle(&g->class, negated);
    HthNode node;
    HTH_TRY(class_node(g, &g->class, &node));
    return push(g, node);
}

/* ---- sequences and rules ---- */
static HthStatus rule_named(Gbnf *g, HthStr name, uint32_t *out) {
    *out = hth_map_get(g->names, name);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    if (!hth_grow(&g->rule, &g->rule_cap, g->rule_n, sizeof *g->rule)) return NO_MEM(g);
    HTH_TRY(hth_map_put(g->names, name, g->rule_n, g->err));
    g->rule[g->rule_n] =
        (Rule){ .node = hth_ir_rule(g->ir), .used_at = (size_t)(name.p - g->src.p) };
    *out = g->rule_n++;
    return HTH_OK;
}

static HthStr name_here(Gbnf *g) {
    const size_t from = g->at;
    while (word(peek(g, 0))) g->at++;
    return hth_str_sub(g->src, from, g->at - from);
}

static HthStatus reference(Gbnf *g) {
    uint32_t rule;
    HTH_TRY(rule_named(g, name_here(g), &rule));
    return push(g, g->rule[rule].node);
}

/* <name>: the token, or the same text written out. */
static HthStatus token(Gbnf *g) {
    const size_t from = g->at;
    if (peek(g, 0) == '!' || peek(g, 1) == '[')
        return fail_at(
            g, g->at, HTH_ENOTSUP,
            "tokens by number, and any token but one, are not supported: write the text");
    while (peek(g, 0) && peek(g, 0) != '>' && peek(g, 0) != '\n') g->at++;
    if (peek(g, 0) != '>') return BAD(g, "a token's name ends with >");
    g->at++;
    const HthStr text = hth_str_sub(g->src, from, g->at - from);
    if (!hth_utf8_valid(text)) return fail_at(g, from, HTH_EINVAL, "this name is not UTF-8");
    HthBuf named;
    hth_buf_init(&named, SOURCE_MAX);
    HthStatus status = hth_buf_add_char(&named, '\xff', g->err);
    if (status == HTH_OK) status = hth_buf_add_str(&named, text, g->err);
    const HthNode both[2] = { hth_ir_bytes(g->ir, hth_buf_str(&named)), hth_ir_bytes(g->ir, text) };
    if (status == HTH_OK) status = push(g, hth_ir_alt(g->ir, both, 2));
    hth_buf_drop(&named);
    return status;
}

static HthStatus number(Gbnf *g, uint32_t *out) {
    uint64_t value = 0;
    if (!digit(peek(g, 0))) return BAD(g, "a number is missing");
    for (; digit(peek(g, 0)); g->at++) {
        value = value * 10 + (uint64_t)(peek(g, 0) - '0');
        if (value >= HTH_MANY) return BAD(g, "this number is too large");
    }
    *out = (uint32_t)value;
    return HTH_OK;
}

static HthStatus counts(Gbnf *g, bool lines, uint32_t *min, uint32_t *max) {
    g->at++;
    space(g, lines);
    HTH_TRY(number(g, min));
    space(g, lines);
    *max = *min;
    if (peek(g, 0) == ',') {
        g->at++;
        space(g, lines);
        *max = HTH_MANY;
        if (digit(peek(g, 0))) HTH_TRY(number(g, max));
        space(g, lines);
    }
    if (peek(g, 0) != '}') return BAD(g, "a count ends with }");
    if (*max < *min) return BAD(g, "this count ends before it begins");
    g->at++;
    return HTH_OK;
}

static HthStatus repetition(Gbnf *g, bool lines, uint32_t first) {
    uint32_t min = peek(g, 0) == '+', max = peek(g, 0) == '?' ? 1 : HTH_MANY;
    if (g->item_n == first) return BAD(g, "there is nothing to repeat here");
    if (peek(g, 0) == '{') {
        HTH_TRY(counts(g, lines, &min, &max));
    } else {
        g->at++;
    }
    HthNode *last = &g->item[g->item_n - 1];
    *last = hth_ir_repeat(g->ir, *last, min, max);
    return HTH_OK;
}

static HthStatus alternatives(Gbnf *g, uint32_t depth, HthNode *out);

static HthStatus group(Gbnf *g, uint32_t depth) {
    HthNode node;
    if (depth == GROUPS_MAX) return fail_at(g, g->at, HTH_ELIMIT, "groups are nested too deeply");
    g->at++;
    space(g, true);
    HTH_TRY(alternatives(g, depth + 1, &node));
    if (peek(g, 0) != ')') return BAD(g, "a group ends with )");
    g->at++;
    return push(g, node);
}

static HthStatus sequence(Gbnf *g, uint32_t depth, HthNode *out) {
    const uint32_t first = g->item_n;
    for (bool more = true; more;) {
        const char c = peek(g, 0);
        HthStatus status = HTH_OK;
        if (word(c)) {
            status = reference(g);
        } else {
            switch (c) {
            case '"': status = literal(g); break;
            case '[': status = class(g); break;
            case '<':
            case '!': status = token(g); break;
            case '(': status = group(g, depth); break;
            case '.':
                g->at++;
                g->class.n = 0;
                status = add_range(g, 0, CP_MAX);
                HthNode node = HTH_NODE_NONE;
                if (status == HTH_OK) status = class_node(g, &g->class, &node);
                if (status == HTH_OK) status = push(g, node);
                break;
            case '*':
            case '+':
            case '?':
            case '{': status = repetition(g, depth > 0, first); break;
            default: more = false;
            }
        }
        HTH_TRY(status);
        if (more) space(g, depth > 0);
    }
    *out = hth_ir_seq(g->ir, g->item + first, g->item_n - first);
    g->item_n = first;
    return HTH_OK;
}

static HthStatus alternatives(Gbnf *g, uint32_t depth, HthNode *out) {
    const uint32_t first = g->item_n;
    for (;;) {
        HthNode node;
        HTH_TRY(sequence(g, depth, &node));
        HTH_TRY(push(g, node));
        if (peek(g, 0) != '|') break;
        g->at++;
        space(g, true);
    }
    *out = hth_ir_alt(g->ir, g->item + first, g->item_n - first);
    g->item_n = first;
    return HTH_OK;
}

static HthStatus rule(Gbnf *g) {
    uint32_t at;
    HthNode body;
    if (!word(peek(g, 0))) return BAD(g, "here a rule's name is missing");
    const size_t from = g->at;
    HTH_TRY(rule_named(g, name_here(g), &at));
    if (g->rule[at].defined) return fail_at(g, from, HTH_EINVAL, "this rule is there already");
    space(g, false);
    if (!hth_str_starts(hth_str_sub(g->src, g->at, 3), HTH_STR("::=")))
        return BAD(g, "a rule's name is followed by ::=");
    g->at += 3;
    space(g, true);
    HTH_TRY(alternatives(g, 0, &body));
    const char c = peek(g, 0);
    if (g->at < g->src.n && c != '\n' && c != '\r')
        return BAD(g, "this cannot be read; a rule ends with its line");
    hth_ir_define(g->ir, g->rule[at].node, body);
    g->rule[at].defined = true;
    space(g, true);
    return HTH_OK;
}

static HthStatus whole(Gbnf *g, HthNode *out) {
    space(g, true);
    while (g->at < g->src.n) HTH_TRY(rule(g));
    const uint32_t root = hth_map_get(g->names, HTH_STR("root"));
    HTH_REQUIRE(root != HTH_MAP_NONE && g->rule[root].defined, g->err, HTH_EINVAL,
                "grammar: there is no rule named root, with which to begin");
    for (uint32_t i = 0; i < g->rule_n; i++)
        if (!g->rule[i].defined)
            return fail_at(g, g->rule[i].used_at, HTH_EINVAL, "this rule is nowhere defined");
    HTH_TRY(hth_ir_status(g->ir, g->err));
    *out = g->rule[root].node;
    return HTH_OK;
}

HthStatus hth_gbnf(HthIr *ir, HthStr source, HthNode *out, HthErr *err) {
    Gbnf g = { .ir = ir, .src = source, .err = err };
    HTH_REQUIRE(source.n <= SOURCE_MAX, err, HTH_ELIMIT, "a grammar has at most %zu MiB",
                SOURCE_MAX >> 20);
    HthStatus status = hth_map_open(&g.names, 32, err);
    if (status == HTH_OK) status = whole(&g, out);
    hth_map_close(&g.names);
    hth_free(g.rule);
    hth_free(g.item);
    hth_free(g.class.p);
    return status;
}
