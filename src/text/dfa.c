/* dfa.c - the algebra of regular languages: literals, lengths, and, or, not, comparing, matching.
 *
 * Products are explored from the pair of first states, so that only what can happen is built; every
 * result is made minimal (dfa_min.c).
 *
 * Thread: any. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "text/dfa_int.h"

HthStatus hth_dfa_new(HthDfa **out, uint32_t states, uint32_t classes, uint32_t ranges,
                      HthErr *err) {
    HTH_REQUIRE(states <= HTH_DFA_STATES_MAX && (uint64_t)states * classes <= HTH_DFA_CELLS_MAX,
                err, HTH_ELIMIT,
                "a pattern or a set of texts needs an automaton of more than %d "
                "states; make it simpler",
                HTH_DFA_STATES_MAX);
    HthDfa *d = hth_calloc(1, sizeof *d);
    HTH_REQUIRE(d, err, HTH_ENOMEM, "out of memory");
    d->states = states;
    d->classes = classes;
    d->ranges = ranges;
    d->cut = hth_calloc(ranges, sizeof *d->cut);
    d->cls = hth_calloc(ranges, sizeof *d->cls);
    d->next = hth_calloc((size_t)states * classes, sizeof *d->next);
    d->accept = hth_calloc(states, 1);
    if (!d->cut || !d->cls || !d->next || !d->accept) {
        hth_dfa_close(&d);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    *out = d;
    return HTH_OK;
}

void hth_dfa_close(HthDfa **d) {
    if (!*d) return;
    hth_free((*d)->cut);
    hth_free((*d)->cls);
    hth_free((*d)->next);
    hth_free((*d)->accept);
    hth_free(*d);
    *d = NULL;
}

HthStatus hth_dfa_copy(HthDfa **out, const HthDfa *d, HthErr *err) {
    HthDfa *copy;
    HTH_TRY(hth_dfa_new(&copy, d->states, d->classes, d->ranges, err));
    copy->start = d->start;
    memcpy(copy->cut, d->cut, d->ranges * sizeof *d->cut);
    memcpy(copy->cls, d->cls, d->ranges * sizeof *d->cls);
    memcpy(copy->next, d->next, (size_t)d->states * d->classes * sizeof *d->next);
    memcpy(copy->accept, d->accept, d->states);
    *out = copy;
    return HTH_OK;
}

/* Tidies d and hands it over, or drops it. */
static HthStatus finish(HthDfa **out, HthDfa *d, HthErr *err) {
    HthStatus st = hth_dfa_tidy(d, err);
    if (st == HTH_OK)
        *out = d;
    else
        hth_dfa_close(&d);
    return st;
}

uint32_t hth_dfa_class(const HthDfa *d, uint32_t index) {
    uint32_t lo = 0, hi = d->ranges; /* the last range that begins at or before index */
    while (hi - lo > 1) {
        const uint32_t mid = (lo + hi) / 2;
        if (d->cut[mid] <= index)
            lo = mid;
        else
            hi = mid;
    }
    return d->cls[lo];
}

bool hth_dfa_empty(const HthDfa *d) {
    return d->start == 0;
}

bool hth_dfa_all(const HthDfa *d) {
    return d->states == 2 && d->classes == 1 && d->accept[1] && d->next[1] == 1;
}

bool hth_dfa_same(const HthDfa *a, const HthDfa *b) {
    return a->states == b->states && a->classes == b->classes && a->ranges == b->ranges &&
           memcmp(a->cut, b->cut, a->ranges * sizeof *a->cut) == 0 &&
           memcmp(a->cls, b->cls, a->ranges * sizeof *a->cls) == 0 &&
           memcmp(a->accept, b->accept, a->states) == 0 &&
           memcmp(a->next, b->next, (size_t)a->states * a->classes * sizeof *a->next) == 0;
}

bool hth_dfa_match(const HthDfa *d, HthStr utf8) {
    uint32_t s = d->start;
    while (utf8.n) {
        uint32_t cp;
        const size_t n = hth_utf8_decode(utf8, &cp);
        if (n == 0) return false;
        s = d->next[(size_t)s * d->classes + hth_dfa_class(d, hth_dfa_index(cp))];
        utf8 = (HthStr){ utf8.p + n, utf8.n - n };
    }
    return d->accept[s];
}

static int by_value(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Class 0 is every character that is not in cps, class 1 + i is cps[i]. */
static uint32_t ranges_of(const uint32_t *cps, uint32_t n, uint32_t *cut, uint32_t *cls) {
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (at < cps[i]) {
            cut[count] = at;
            cls[count++] = 0;
        }
        cut[count] = cps[i];
        cls[count++] = 1 + i;
        at = cps[i] + 1;
    }
    if (at < HTH_DFA_ALPHABET) {
        cut[count] = at;
        cls[count++] = 0;
    }
    return count;
}

/* text: [n] character indices; sorted: [n] room. */
static HthStatus chain(HthDfa **out, const uint32_t *text, uint32_t *sorted, uint32_t n,
                       HthErr *err) {
    uint32_t distinct = 0;
    memcpy(sorted, text, n * sizeof *text);
    qsort(sorted, n, sizeof *sorted, by_value);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || sorted[i] != sorted[i - 1]) sorted[distinct++] = sorted[i];
    HthDfa *d;
    HTH_TRY(hth_dfa_new(&d, n + 2, distinct + 1, 2 * distinct + 1, err));
    d->ranges = ranges_of(sorted, distinct, d->cut, d->cls);
    d->start = 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t lo = 0, hi = distinct;
        while (hi - lo > 1) {
            const uint32_t mid = (lo + hi) / 2;
            if (sorted[mid] <= text[i])
                lo = mid;
            else
                hi = mid;
        }
        d->next[(size_t)(i + 1) * d->classes + 1 + lo] = i + 2;
    }
    d->accept[n + 1] = 1;
    return finish(out, d, err);
}

HthStatus hth_dfa_literal(HthDfa **out, HthStr utf8, HthErr *err) {
    HTH_REQUIRE(utf8.n <= HTH_DFA_STATES_MAX, err, HTH_ELIMIT,
                "a text of %zu bytes is too long for an automaton (%d)", utf8.n,
                HTH_DFA_STATES_MAX);
    HTH_REQUIRE(hth_utf8_valid(utf8), err, HTH_EINVAL, "a text is not UTF-8");
    uint32_t *text = hth_calloc(utf8.n, sizeof *text), *sorted = hth_calloc(utf8.n, sizeof *text);
    uint32_t n = 0, cp;
    HthStatus st = HTH_OK;
    if (text && sorted) {
        for (size_t at = 0; at < utf8.n;) {
            at += hth_utf8_decode((HthStr){ utf8.p + at, utf8.n - at }, &cp);
            text[n++] = hth_dfa_index(cp);
        }
        st = chain(out, text, sorted, n, err);
    } else {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    hth_free(text);
    hth_free(sorted);
    return st;
}

HthStatus hth_dfa_length(HthDfa **out, uint32_t min, uint32_t max, HthErr *err) {
    const bool open = max == UINT32_MAX, none = min > max;
    const uint32_t last = none ? 0 : open ? min : max;
    HTH_REQUIRE(last < HTH_DFA_STATES_MAX - 2, err, HTH_ELIMIT,
                "a length of %u characters is too much here; at most %d", last,
                HTH_DFA_STATES_MAX - 3);
    HthDfa *d;
    HTH_TRY(hth_dfa_new(&d, last + 2, 1, 1, err));
    d->start = 1;
    for (uint32_t i = 0; i <= last && !none; i++) {
        d->next[i + 1] = i < last ? i + 2 : open ? i + 1 : 0;
        d->accept[i + 1] = i >= min;
    }
    return finish(out, d, err);
}

HthStatus hth_dfa_not(HthDfa **out, const HthDfa *a, HthErr *err) {
    HthDfa *d;
    HTH_TRY(hth_dfa_copy(&d, a, err));
    for (uint32_t s = 0; s < d->states; s++) d->accept[s] = !d->accept[s];
    return finish(out, d, err);
}

/* Two automata walked side by side. */
typedef struct Pair {
    const HthDfa *a, *b;
    bool both; /* and; else or */
    HthMap64 *seen; /* (a's state, b's state) -> state */
    uint64_t *queue; /* [HTH_DFA_STATES_MAX] the same by state */
    uint32_t count;
    uint32_t *cut, *cls; /* [a->ranges + b->ranges] */
    uint32_t *of_a, *of_b; /* [classes] */
    uint32_t ranges, classes;
    uint32_t *next; /* [cap][classes] */
    size_t cap;
} Pair;

static HthStatus pair_classes(Pair *p, HthErr *err) {
    HthMap64 *names = NULL;
    HthStatus st = hth_map64_open(&names, p->a->classes + p->b->classes, err);
    for (uint32_t i = 0, k = 0; st == HTH_OK && (i < p->a->ranges || k < p->b->ranges);) {
        const uint32_t ca = i < p->a->ranges ? p->a->cut[i] : UINT32_MAX;
        const uint32_t cb = k < p->b->ranges ? p->b->cut[k] : UINT32_MAX;
        i += ca <= cb;
        k += cb <= ca;
        const uint32_t x = p->a->cls[i - 1], y = p->b->cls[k - 1];
        const uint64_t key = (uint64_t)x << 32 | y;
        uint32_t c = hth_map64_get(names, key);
        if (c == HTH_MAP_NONE) {
            c = p->classes++;
            p->of_a[c] = x;
            p->of_b[c] = y;
            st = hth_map64_put(names, key, c, err);
        }
        p->cut[p->ranges] = ca < cb ? ca : cb;
        p->cls[p->ranges++] = c;
    }
    hth_map64_close(&names);
    return st;
}

static HthStatus pair_state(Pair *p, uint32_t x, uint32_t y, uint32_t *out, HthErr *err) {
    if (p->both && (x == 0 || y == 0)) x = y = 0; /* dead in one is dead in both */
    const uint64_t key = (uint64_t)x << 32 | y;
    uint32_t s = hth_map64_get(p->seen, key);
    if (s == HTH_MAP_NONE) {
        HTH_REQUIRE(p->count < HTH_DFA_STATES_MAX &&
                        (uint64_t)(p->count + 1) * p->classes <= HTH_DFA_CELLS_MAX,
                    err, HTH_ELIMIT,
                    "patterns that have to hold together need more than %d states; make them "
                    "simpler",
                    HTH_DFA_STATES_MAX);
        s = p->count++;
        p->queue[s] = key;
        HTH_TRY(hth_map64_put(p->seen, key, s, err));
    }
    *out = s;
    return HTH_OK;
}

static HthStatus pair_room(Pair *p, size_t rows, HthErr *err) {
    if (rows <= p->cap) return HTH_OK;
    const size_t cap = p->cap ? 2 * p->cap : 64;
    uint32_t *next = hth_realloc(p->next, cap * p->classes, sizeof *next);
    HTH_REQUIRE(next, err, HTH_ENOMEM, "out of memory");
    p->next = next;
    p->cap = cap;
    return HTH_OK;
}

static HthStatus pair_walk(Pair *p, HthErr *err) {
    uint32_t first;
    HTH_TRY(pair_classes(p, err));
    HTH_TRY(pair_state(p, p->a->start, p->b->start, &first, err));
    for (uint32_t s = 0; s < p->count; s++) {
        const uint32_t x = (uint32_t)(p->queue[s] >> 32), y = (uint32_t)p->queue[s];
        HTH_TRY(pair_room(p, (size_t)s + 1, err));
        for (uint32_t c = 0; c < p->classes; c++)
            HTH_TRY(pair_state(p, p->a->next[(size_t)x * p->a->classes + p->of_a[c]],
                               p->b->next[(size_t)y * p->b->classes + p->of_b[c]],
                               &p->next[(size_t)s * p->classes + c], err));
    }
    return HTH_OK;
}

static HthStatus pair_result(const Pair *p, HthDfa **out, HthErr *err) {
    HthDfa *d;
    HTH_TRY(hth_dfa_new(&d, p->count, p->classes, p->ranges, err));
    memcpy(d->cut, p->cut, p->ranges * sizeof *d->cut);
    memcpy(d->cls, p->cls, p->ranges * sizeof *d->cls);
    memcpy(d->next, p->next, (size_t)p->count * p->classes * sizeof *d->next);
    for (uint32_t s = 0; s < p->count; s++) {
        const bool x = p->a->accept[p->queue[s] >> 32], y = p->b->accept[(uint32_t)p->queue[s]];
        d->accept[s] = p->both ? x && y : x || y;
    }
    return finish(out, d, err);
}

static HthStatus combine(HthDfa **out, const HthDfa *a, const HthDfa *b, bool both, HthErr *err) {
    Pair p = { .a = a, .b = b, .both = both };
    const size_t ranges = (size_t)a->ranges + b->ranges;
    p.queue = hth_calloc(HTH_DFA_STATES_MAX, sizeof *p.queue);
    p.cut = hth_calloc(ranges, sizeof *p.cut);
    p.cls = hth_calloc(ranges, sizeof *p.cls);
    p.of_a = hth_calloc(ranges, sizeof *p.of_a);
    p.of_b = hth_calloc(ranges, sizeof *p.of_b);
    HthStatus st = HTH_ENOMEM;
    if (p.queue && p.cut && p.cls && p.of_a && p.of_b) {
        st = hth_map64_open(&p.seen, 256, err);
        if (st == HTH_OK) st = pair_walk(&p, err);
        if (st == HTH_OK) st = pair_result(&p, out, err);
    } else {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    hth_map64_close(&p.seen);
    uint32_t *const all[] = { p.cut, p.cls, p.of_a, p.of_b, p.next };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i]);
    hth_free(p.queue);
    return st;
}

HthStatus hth_dfa_and(HthDfa **out, const HthDfa *a, const HthDfa *b, HthErr *err) {
    return combine(out, a, b, true, err);
}

HthStatus hth_dfa_or(HthDfa **out, const HthDfa *a, const HthDfa *b, HthErr *err) {
    return combine(out, a, b, false, err);
}
