/* dfa_min.c - the smallest automaton of a language, numbered so that there is only one.
 *
 * Hopcroft's partition refinement, n log n in states; then equal columns of the table become one
 * class, adjoining ranges of one class become one range, and states are numbered breadth first.
 *
 * Thread: any. */
#include <string.h>

#include "base/mem.h"
#include "text/dfa_int.h"

/* Blocks of states, each a stretch of elems; a block's marked states stand in front. */
typedef struct Parts {
    uint32_t *elems, *loc, *block; /* [n] */
    uint32_t *first, *end, *marked; /* [blocks] */
    uint32_t *touched, *queue; /* [blocks] */
    uint8_t *queued;
    uint32_t count, touched_count, queue_count;
    uint32_t *from, *from_at; /* predecessors by class: [classes][n], [classes][n + 1] */
} Parts;

static void parts_drop(Parts *p) {
    uint32_t *const all[] = { p->elems,  p->loc,     p->block, p->first, p->end,
                              p->marked, p->touched, p->queue, p->from,  p->from_at };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i]);
    hth_free(p->queued);
}

static bool parts_take(Parts *p, uint32_t n, uint32_t classes) {
    uint32_t **const all[] = { &p->elems, &p->loc,    &p->block,   &p->first,
                               &p->end,   &p->marked, &p->touched, &p->queue };
    bool ok = true;
    for (size_t i = 0; i < HTH_COUNT(all); i++)
        ok = (*all[i] = hth_calloc((size_t)n + 1, sizeof **all)) != NULL && ok;
    p->queued = hth_calloc((size_t)n + 1, 1);
    p->from = hth_calloc((size_t)n * classes, sizeof *p->from);
    p->from_at = hth_calloc(((size_t)n + 1) * classes, sizeof *p->from_at);
    return ok && p->queued && p->from && p->from_at;
}

static void predecessors(Parts *p, const HthDfa *d) {
    const uint32_t n = d->states;
    for (uint32_t c = 0; c < d->classes; c++) {
        uint32_t *at = p->from_at + (size_t)c * (n + 1), *from = p->from + (size_t)c * n;
        for (uint32_t s = 0; s < n; s++) at[d->next[(size_t)s * d->classes + c] + 1]++;
        for (uint32_t s = 0; s < n; s++) at[s + 1] += at[s];
        for (uint32_t s = 0; s < n; s++) from[at[d->next[(size_t)s * d->classes + c]]++] = s;
        memmove(at + 1, at, n * sizeof *at); /* filling moved each start to the next one's */
        at[0] = 0;
    }
}

static void enqueue(Parts *p, uint32_t b) {
    if (p->queued[b]) return;
    p->queued[b] = 1;
    p->queue[p->queue_count++] = b;
}

static void mark(Parts *p, uint32_t s) {
    const uint32_t b = p->block[s], i = p->loc[s], j = p->first[b] + p->marked[b];
    if (i < j) return;
    if (p->marked[b]++ == 0) p->touched[p->touched_count++] = b;
    const uint32_t other = p->elems[j];
    p->elems[j] = s;
    p->loc[s] = j;
    p->elems[i] = other;
    p->loc[other] = i;
}

/* The marked states of each touched block become a block of their own. */
static void split(Parts *p) {
    while (p->touched_count) {
        const uint32_t b = p->touched[--p->touched_count], m = p->marked[b];
        p->marked[b] = 0;
        if (m == p->end[b] - p->first[b]) continue;
        const uint32_t nb = p->count++;
        p->first[nb] = p->first[b];
        p->end[nb] = p->first[b] + m;
        p->first[b] += m;
        p->marked[nb] = 0;
        p->queued[nb] = 0;
        for (uint32_t i = p->first[nb]; i < p->end[nb]; i++) p->block[p->elems[i]] = nb;
        const bool smaller = m <= p->end[b] - p->first[b];
        enqueue(p, p->queued[b] || smaller ? nb : b);
    }
}

/* scratch: [n] */
static void refine(Parts *p, const HthDfa *d, uint32_t *scratch) {
    const uint32_t n = d->states;
    for (uint32_t s = 0; s < n; s++) {
        p->elems[s] = s;
        p->loc[s] = s;
    }
    p->count = 1;
    p->end[0] = n;
    enqueue(p, 0);
    for (uint32_t s = 0; s < n; s++)
        if (d->accept[s]) mark(p, s);
    split(p);
    while (p->queue_count) {
        const uint32_t b = p->queue[--p->queue_count];
        const uint32_t size = p->end[b] - p->first[b];
        p->queued[b] = 0;
        memcpy(scratch, p->elems + p->first[b], size * sizeof *scratch);
        for (uint32_t c = 0; c < d->classes; c++) {
            const uint32_t *at = p->from_at + (size_t)c * (n + 1), *from = p->from + (size_t)c * n;
            for (uint32_t i = 0; i < size; i++)
                for (uint32_t k = at[scratch[i]]; k < at[scratch[i] + 1]; k++) mark(p, from[k]);
            split(p);
        }
    }
}

/* Blocks become states: dead first, then breadth first from the start. order: [blocks] new names.
 */
static uint32_t number(const Parts *p, const HthDfa *d, uint32_t *order, uint32_t *queue) {
    uint32_t count = 1, head = 0, tail = 0;
    memset(order, 0xFF, p->count * sizeof *order);
    for (uint32_t b = 0; b < p->count; b++) {
        const uint32_t s = p->elems[p->first[b]];
        bool dead = !d->accept[s];
        for (uint32_t c = 0; dead && c < d->classes; c++)
            dead = p->block[d->next[(size_t)s * d->classes + c]] == b;
        if (dead) order[b] = 0;
    }
    if (order[p->block[d->start]] == 0) return 1;
    order[p->block[d->start]] = count++;
    queue[tail++] = p->block[d->start];
    while (head < tail) {
        const uint32_t s = p->elems[p->first[queue[head++]]];
        for (uint32_t c = 0; c < d->classes; c++) {
            const uint32_t b = p->block[d->next[(size_t)s * d->classes + c]];
            if (order[b] != UINT32_MAX) continue;
            order[b] = count++;
            queue[tail++] = b;
        }
    }
    return count;
}

static HthStatus rebuild(HthDfa *d, const Parts *p, HthErr *err) {
    uint32_t *order = hth_calloc(p->count, sizeof *order);
    uint32_t *queue = hth_calloc(p->count, sizeof *queue);
    const uint32_t count = order && queue ? number(p, d, order, queue) : 0;
    uint32_t *next = hth_calloc((size_t)count * d->classes, sizeof *next);
    uint8_t *accept = hth_calloc(count, 1);
    const bool ok = order && queue && next && accept;
    for (uint32_t b = 0; ok && b < p->count; b++) {
        const uint32_t s = p->elems[p->first[b]], name = order[b];
        if (name == UINT32_MAX || name == 0) continue; /* not reached; or row 0, all zeros */
        accept[name] = d->accept[s];
        for (uint32_t c = 0; c < d->classes; c++)
            next[(size_t)name * d->classes + c] =
                order[p->block[d->next[(size_t)s * d->classes + c]]];
    }
    if (ok) {
        hth_free(d->next);
        hth_free(d->accept);
        d->start = count > 1;
        d->states = count;
        d->next = next;
        d->accept = accept;
    } else {
        hth_free(next);
        hth_free(accept);
    }
    hth_free(order);
    hth_free(queue);
    HTH_REQUIRE(ok, err, HTH_ENOMEM, "out of memory");
    return HTH_OK;
}

static bool same_column(const HthDfa *d, uint32_t a, uint32_t b) {
    for (uint32_t s = 0; s < d->states; s++) {
        const uint32_t *row = d->next + (size_t)s * d->classes;
        if (row[a] != row[b]) return false;
    }
    return true;
}

static uint64_t column_hash(const HthDfa *d, uint32_t c) {
    uint64_t h = 0xCBF29CE484222325u;
    for (uint32_t s = 0; s < d->states; s++)
        h = (h ^ d->next[(size_t)s * d->classes + c]) * 0x9E3779B97F4A7C15u + (h >> 29);
    return h;
}

/* Equal columns become one class; classes are numbered by the first range that has them. */
static HthStatus merge_classes(HthDfa *d, HthErr *err) {
    uint32_t *name = hth_calloc(d->classes, sizeof *name); /* new name of a class */
    uint32_t *old = hth_calloc(d->classes, sizeof *old); /* an old class of a new name */
    uint64_t *hash = hth_calloc(d->classes, sizeof *hash);
    const bool ok = name && old && hash;
    uint32_t count = 0, ranges = 0;
    for (uint32_t c = 0; ok && c < d->classes; c++) hash[c] = column_hash(d, c);
    if (ok) memset(name, 0xFF, d->classes * sizeof *name);
    for (uint32_t i = 0; ok && i < d->ranges; i++) {
        const uint32_t c = d->cls[i];
        for (uint32_t k = 0; name[c] == UINT32_MAX && k < count; k++)
            if (hash[old[k]] == hash[c] && same_column(d, old[k], c)) name[c] = k;
        if (name[c] == UINT32_MAX) {
            old[count] = c;
            name[c] = count++;
        }
        if (ranges && d->cls[ranges - 1] == name[c]) continue; /* [0, ranges) are new names */
        d->cut[ranges] = d->cut[i];
        d->cls[ranges++] = name[c];
    }
    if (ok) {
        uint32_t *row = name; /* no longer needed */
        for (uint32_t s = 0; s < d->states; s++) {
            for (uint32_t k = 0; k < count; k++) row[k] = d->next[(size_t)s * d->classes + old[k]];
            memcpy(d->next + (size_t)s * count, row, count * sizeof *row);
        }
        d->ranges = ranges;
        d->classes = count;
    }
    hth_free(name);
    hth_free(old);
    hth_free(hash);
    HTH_REQUIRE(ok, err, HTH_ENOMEM, "out of memory");
    return HTH_OK;
}

HthStatus hth_dfa_tidy(HthDfa *d, HthErr *err) {
    HTH_ASSERT(d->states > 0 && d->start < d->states && d->ranges > 0 && d->cut[0] == 0);
    HTH_TRY(merge_classes(d, err));
    Parts p = { 0 };
    uint32_t *scratch = hth_calloc(d->states, sizeof *scratch);
    HthStatus st = HTH_OK;
    if (scratch && parts_take(&p, d->states, d->classes)) {
        predecessors(&p, d);
        refine(&p, d, scratch);
        st = rebuild(d, &p, err);
    } else {
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    parts_drop(&p);
    hth_free(scratch);
    return st == HTH_OK ? merge_classes(d, err) : st;
}
