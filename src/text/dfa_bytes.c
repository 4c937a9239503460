/* dfa_bytes.c - an automaton over characters spelled out in bytes.
 *
 * Each state becomes a small tree of bytes whose leaves are the states it leads to. Trees are built
 * from their leaves up and equal ones are the same one, so the result is nearly as small as it can
 * be without being minimised again.
 *
 * As the inside of a JSON string a character has several spellings: itself, a short escape, \u and
 * four digits of either case, two of those above U+FFFF. Halves of surrogate pairs alone are none.
 *
 * Thread: any. */
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "text/dfa_int.h"

enum { BYTE_STATES_MAX = 1 << 18, EDGES_MAX = 1 << 21 };

typedef struct Edge {
    uint8_t first, last;
    uint32_t to;
} Edge;

typedef struct Speller {
    const HthDfa *d;
    HthDfaAs as;
    HthArena *keys;
    HthMap *seen; /* edges of a state -> its number */
    uint32_t count; /* states so far: those of d, then trees */
    Edge *edges;
    uint32_t edge_count, edge_cap;
    uint32_t *at; /* [at_cap] first edge of a state; the next state's ends it */
    uint32_t at_cap;
    uint32_t state; /* of d, being spelled */
    uint32_t ascii[128]; /* classes */
    HthErr *err;
} Speller;

/* A state under construction: sorted edges. */
typedef struct Row {
    Edge e[256];
    uint32_t n;
} Row;

static void put(Row *r, uint32_t first, uint32_t last, uint32_t to) {
    if (to == 0) return;
    uint32_t i = r->n;
    for (; i > 0 && r->e[i - 1].first > first; i--) r->e[i] = r->e[i - 1];
    r->e[i] = (Edge){ (uint8_t)first, (uint8_t)last, to };
    r->n++;
}

/* Neighbours that lead to the same place become one edge. */
static void join(Row *r) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        if (n && r->e[n - 1].to == r->e[i].to && r->e[n - 1].last + 1 == r->e[i].first)
            r->e[n - 1].last = r->e[i].last;
        else
            r->e[n++] = r->e[i];
    }
    r->n = n;
}

static HthStatus append(Speller *s, uint32_t state, const Row *r) {
    if (s->edge_count + r->n > s->edge_cap) {
        const uint32_t cap = 2 * s->edge_cap + 512;
        HTH_REQUIRE(cap <= EDGES_MAX, s->err, HTH_ELIMIT,
                    "a pattern is too large once it is spelled out in bytes; make it simpler");
        Edge *edges = hth_realloc(s->edges, cap, sizeof *edges);
        HTH_REQUIRE(edges, s->err, HTH_ENOMEM, "out of memory");
        s->edges = edges;
        s->edge_cap = cap;
    }
    if (state + 2 > s->at_cap) {
        const uint32_t cap = 2 * s->at_cap + state + 64;
        uint32_t *at = hth_realloc(s->at, 2 * (size_t)cap, sizeof *at);
        HTH_REQUIRE(at, s->err, HTH_ENOMEM, "out of memory");
        memset(at + 2 * s->at_cap, 0, 2 * (size_t)(cap - s->at_cap) * sizeof *at);
        s->at = at;
        s->at_cap = cap;
    }
    s->at[2 * state] = s->edge_count;
    if (r->n) memcpy(s->edges + s->edge_count, r->e, r->n * sizeof *r->e);
    s->edge_count += r->n;
    s->at[2 * state + 1] = s->edge_count;
    return HTH_OK;
}

/* The state with these edges; 0 for none at all. */
static HthStatus intern(Speller *s, Row *r, uint32_t *out) {
    uint32_t key[2 * 256];
    join(r);
    *out = 0;
    if (r->n == 0) return HTH_OK;
    for (uint32_t i = 0; i < r->n; i++) {
        key[2 * i] = (uint32_t)r->e[i].first << 8 | r->e[i].last;
        key[2 * i + 1] = r->e[i].to;
    }
    const size_t bytes = 2 * (size_t)r->n * sizeof *key;
    *out = hth_map_get(s->seen, (HthStr){ (const char *)key, bytes });
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HTH_REQUIRE(s->count < BYTE_STATES_MAX, s->err, HTH_ELIMIT,
                "a pattern is too large once it is spelled out in bytes (%u states); make it "
                "simpler",
                s->count);
    const char *kept = hth_arena_copy(s->keys, key, bytes);
    HTH_REQUIRE(kept, s->err, HTH_ENOMEM, "out of memory");
    *out = s->count++;
    HTH_TRY(append(s, *out, r));
    return hth_map_put(s->seen, (HthStr){ kept, bytes }, *out, s->err);
}

/* Where the characters first..last (code points, no surrogates) all lead; UINT32_MAX if they
 * differ. */
static uint32_t uniform(const Speller *s, uint32_t first, uint32_t last) {
    const HthDfa *d = s->d;
    const uint32_t *row = d->next + (size_t)s->state * d->classes;
    const uint32_t a = hth_dfa_index(first), b = hth_dfa_index(last);
    uint32_t lo = 0, hi = d->ranges;
    while (hi - lo > 1) {
        const uint32_t mid = (lo + hi) / 2;
        if (d->cut[mid] <= a)
            lo = mid;
        else
            hi = mid;
    }
    const uint32_t to = row[d->cls[lo]];
    for (lo++; lo < d->ranges && d->cut[lo] <= b; lo++)
        if (row[d->cls[lo]] != to) return UINT32_MAX;
    return to;
}

/* What follows a prefix that leaves the code points base .. base + 64^more - 1 open: `more`
 * continuation bytes. low, high: which of them exist. */
static HthStatus continuation(Speller *s, uint32_t base, uint32_t more, uint32_t low, uint32_t high,
                              uint32_t *out) {
    const uint32_t step = more == 1 ? 1 : more == 2 ? 64 : 4096;
    Row r = { .n = 0 };
    const uint32_t from = base > low ? base : low, last = base + 64 * step - 1;
    const uint32_t until = last < high ? last : high;
    const uint32_t all = from <= until ? uniform(s, from, until) : 0;
    if (all == 0) {
        *out = 0;
        return HTH_OK;
    }
    for (uint32_t i = 0; i < 64; i++) {
        const uint32_t a = base + i * step, b = a + step - 1;
        uint32_t to = all;
        if (b < low || a > high) continue;
        if (more > 1) {
            if (r.n && all != UINT32_MAX && a >= low && b <= high && r.e[r.n - 1].to &&
                a - step >= low) /* the same tree as its neighbour's */
                to = r.e[r.n - 1].to;
            else
                HTH_TRY(continuation(s, a, more - 1, low, high, &to));
        } else if (all == UINT32_MAX) {
            to = uniform(s, a, a);
        }
        put(&r, 0x80 + i, 0x80 + i, to);
    }
    return intern(s, &r, out);
}

/* The lead bytes of UTF-8: count of further bytes, bits of the code point, what is in range. */
static const struct {
    uint8_t first, last, more;
    uint32_t low, high;
} leads[] = {
    { 0xC2, 0xDF, 1, 0x80, 0x7FF },       { 0xE0, 0xEC, 2, 0x800, 0xCFFF },
    { 0xED, 0xED, 2, 0xD000, 0xD7FF },    { 0xEE, 0xEF, 2, 0xE000, 0xFFFF },
    { 0xF0, 0xF4, 3, 0x10000, 0x10FFFF },
};

static HthStatus utf8(Speller *s, Row *r) {
    const uint32_t *row = s->d->next + (size_t)s->state * s->d->classes;
    uint32_t to;
    for (uint32_t c = 0; c < 0x80; c++) {
        if (s->as == HTH_DFA_JSON && (c < 0x20 || c == '"' || c == '\\')) continue;
        put(r, c, c, row[s->ascii[c]]);
    }
    if (uniform(s, 0x80, 0x10FFFF) == 0) return HTH_OK;
    for (size_t i = 0; i < HTH_COUNT(leads); i++) {
        for (uint32_t b = leads[i].first; b <= leads[i].last; b++) {
            const uint32_t bits = b & (0x3Fu >> leads[i].more);
            HTH_TRY(continuation(s, bits << 6 * leads[i].more, leads[i].more, leads[i].low,
                                 leads[i].high, &to));
            put(r, b, b, to);
        }
    }
    return HTH_OK;
}

static void put_digit(Row *r, uint32_t digit, uint32_t to) {
    if (digit < 10) {
        put(r, '0' + digit, '0' + digit, to);
    } else {
        put(r, 'A' + digit - 10, 'A' + digit - 10, to);
        put(r, 'a' + digit - 10, 'a' + digit - 10, to);
    }
}

/* `count` hexadecimal digits that choose one of base .. base + 16^count - 1. */
static HthStatus digits(Speller *s, uint32_t base, uint32_t count, uint32_t *out) {
    const uint32_t step = 1u << 4 * (count - 1);
    const uint32_t all = uniform(s, base, base + 16 * step - 1);
    Row r = { .n = 0 };
    *out = 0;
    if (all == 0) return HTH_OK;
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t to = all;
        if (count > 1 && (all == UINT32_MAX || i == 0))
            HTH_TRY(digits(s, base + i * step, count - 1, &to));
        else if (count > 1)
            to = r.e[r.n - 1].to; /* the same tree as its neighbour's */
        else if (all == UINT32_MAX)
            to = uniform(s, base + i, base + i);
        put_digit(&r, i, to);
    }
    return intern(s, &r, out);
}

static HthStatus one(Speller *s, uint32_t byte, uint32_t other, uint32_t to, uint32_t *out) {
    Row r = { .n = 0 };
    put(&r, byte, byte, to);
    if (other) put(&r, other, other, to);
    return intern(s, &r, out);
}

/* After "\uD8".."\uDB" and two digits more have chosen 0x400 characters from `base` on. */
static HthStatus low_half(Speller *s, uint32_t base, uint32_t *out) {
    uint32_t to;
    Row r = { .n = 0 };
    const uint32_t all = uniform(s, base, base + 0x3FF);
    *out = 0;
    if (all == 0) return HTH_OK;
    for (uint32_t i = 0; i < 4; i++) {
        HTH_TRY(digits(s, base + i * 0x100, 2, &to));
        put_digit(&r, 0xC + i, to);
    }
    HTH_TRY(intern(s, &r, &to));
    HTH_TRY(one(s, 'D', 'd', to, &to));
    HTH_TRY(one(s, 'u', 0, to, &to));
    return one(s, '\\', 0, to, out);
}

/* After "\uD" and one of 8, 9, A, B: two digits more, each of 0x400 characters from base on. */
static HthStatus high_half(Speller *s, uint32_t base, uint32_t *out) {
    Row second = { .n = 0 };
    uint32_t to;
    const uint32_t all = uniform(s, base, base + 0x3FFFF);
    *out = 0;
    if (all == 0) return HTH_OK;
    for (uint32_t i = 0; i < 16; i++) {
        Row third = { .n = 0 };
        if (all == UINT32_MAX || i == 0) {
            for (uint32_t k = 0; k < 16; k++) {
                if (all == UINT32_MAX || k == 0)
                    HTH_TRY(low_half(s, base + i * 0x4000 + k * 0x400, &to));
                put_digit(&third, k, to);
            }
            HTH_TRY(intern(s, &third, &to));
        } else {
            to = second.e[0].to;
        }
        put_digit(&second, i, to);
    }
    return intern(s, &second, out);
}

static HthStatus unicode_escape(Speller *s, uint32_t *out) {
    Row first = { .n = 0 };
    uint32_t to;
    for (uint32_t i = 0; i < 16; i++) {
        if (i == 0xD) {
            Row second = { .n = 0 };
            uint32_t low;
            for (uint32_t k = 0; k < 8; k++) {
                HTH_TRY(digits(s, 0xD000 + k * 0x100, 2, &low));
                put_digit(&second, k, low);
            }
            for (uint32_t k = 0; k < 4; k++) {
                HTH_TRY(high_half(s, 0x10000 + k * 0x40000, &low));
                put_digit(&second, 8 + k, low);
            }
            HTH_TRY(intern(s, &second, &to));
        } else {
            HTH_TRY(digits(s, i * 0x1000, 3, &to));
        }
        put_digit(&first, i, to);
    }
    return intern(s, &first, out);
}

static HthStatus escapes(Speller *s, Row *out) {
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    Row r = { .n = 0 };
    uint32_t to;
    for (size_t i = 0; letters[i]; i++) {
        const uint32_t c = (unsigned char)values[i];
        put(&r, (unsigned char)letters[i], (unsigned char)letters[i], uniform(s, c, c));
    }
    HTH_TRY(unicode_escape(s, &to));
    put(&r, 'u', 'u', to);
    HTH_TRY(intern(s, &r, &to));
    put(out, '\\', '\\', to);
    return HTH_OK;
}

static HthStatus spell(Speller *s) {
    for (uint32_t c = 0; c < 128; c++) s->ascii[c] = hth_dfa_class(s->d, c);
    for (s->state = 1; s->state < s->d->states; s->state++) {
        Row r = { .n = 0 };
        HTH_TRY(utf8(s, &r));
        if (s->as == HTH_DFA_JSON) HTH_TRY(escapes(s, &r));
        join(&r);
        HTH_TRY(append(s, s->state, &r));
    }
    return HTH_OK;
}

/* --- to a table --- */

/* Bytes that no state tells apart are of one class. */
static uint32_t byte_classes(const Speller *s, uint8_t class_of[256]) {
    uint8_t border[257] = { 0 };
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->edge_count; i++) {
        border[s->edges[i].first] = 1;
        border[s->edges[i].last + 1] = 1;
    }
    for (uint32_t b = 0; b < 256; b++) {
        if (b && border[b]) count++;
        class_of[b] = (uint8_t)count;
    }
    return count + 1;
}

static HthStatus table(const Speller *s, HthByteDfa *out) {
    HthByteDfa b = { .state_count = s->count };
    b.class_count = byte_classes(s, b.class_of);
    b.next = hth_calloc((size_t)b.state_count * b.class_count, sizeof *b.next);
    b.accept = hth_calloc(b.state_count, 1);
    if (!b.next || !b.accept) {
        hth_byte_dfa_drop(&b);
        return HTH_FAIL(s->err, HTH_ENOMEM, "out of memory");
    }
    for (uint32_t st = 1; st < s->count && s->at; st++) {
        uint32_t *row = b.next + (size_t)st * b.class_count;
        if (st < s->d->states) b.accept[st] = s->d->accept[st];
        for (uint32_t i = s->at[2 * st]; i < s->at[2 * st + 1]; i++)
            for (uint32_t c = b.class_of[s->edges[i].first]; c <= b.class_of[s->edges[i].last]; c++)
                row[c] = s->edges[i].to;
    }
    *out = b;
    return HTH_OK;
}

HthStatus hth_dfa_bytes(HthByteDfa *out, const HthDfa *d, HthDfaAs as, HthErr *err) {
    Speller s = { .d = d, .as = as, .err = err };
    s.count = d->states < 2 ? 2 : d->states; /* there is always a first state */
    HthStatus st = hth_arena_open(&s.keys, (size_t)256 << 20, err);
    if (st == HTH_OK) st = hth_map_open(&s.seen, 256, err);
    if (st == HTH_OK) st = spell(&s);
    if (st == HTH_OK) st = table(&s, out);
    hth_map_close(&s.seen);
    hth_arena_close(&s.keys);
    hth_free(s.edges);
    hth_free(s.at);
    return st;
}

void hth_byte_dfa_drop(HthByteDfa *dfa) {
    hth_free(dfa->next);
    hth_free(dfa->accept);
    *dfa = (HthByteDfa){ 0 };
}
