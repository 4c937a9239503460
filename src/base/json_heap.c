/* json_heap.c - see json_heap.h.
 *
 * The lexer of jansson does not look whether a byte of a token could be kept, and asserts when it
 * takes that byte back: a number, a word or a string of 16 bytes or more would end the process
 * where memory ends. So a reader never hears of it: it is left by longjmp, and what it has taken so
 * far, which is kept in a table meanwhile, is given back.
 *
 * Thread: any; a reader's table is on its stack. */
#include "base/json_heap.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"

enum { FEW = 64 }; /* slots that need no memory: most texts take fewer blocks */

/* What a reader holds: a hash table of addresses, open, at most half full. */
typedef struct Reading {
    jmp_buf out;
    void **slot; /* [cap]; NULL: free */
    size_t cap, n; /* cap: a power of two */
    void *few[FEW];
} Reading;

static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static _Thread_local Reading *g_reading; /* NULL: whoever builds or writes is told */
static _Thread_local uint64_t g_failed; /* allocations, ever */

/* ---- the table ------------------------------------------------------------------------------- */

static size_t place_of(const Reading *r, const void *p) {
    return (size_t)((uint64_t)(uintptr_t)p * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (r->cap - 1);
}

static void put(Reading *r, void *p) {
    size_t i = place_of(r, p);
    while (r->slot[i]) i = (i + 1) & (r->cap - 1);
    r->slot[i] = p;
    r->n++;
}

static bool grow(Reading *r) {
    void **before = r->slot, **more = hth_calloc(r->cap, 2 * sizeof *more);
    const size_t cap = r->cap;
    if (!more) return false;
    r->slot = more;
    r->cap *= 2;
    r->n = 0;
    for (size_t i = 0; i < cap; i++)
        if (before[i]) put(r, before[i]);
    if (before != r->few) hth_free(before);
    return true;
}

/* Those behind it that would no longer be found move up. */
static void drop(Reading *r, const void *p) {
    const size_t mask = r->cap - 1;
    size_t hole = place_of(r, p);
    while (r->slot[hole] && r->slot[hole] != p) hole = (hole + 1) & mask;
    if (!r->slot[hole]) return; /* was there before the reader began */
    r->n--;
    for (size_t i = (hole + 1) & mask; r->slot[i]; i = (i + 1) & mask) {
        const size_t home = place_of(r, r->slot[i]);
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        r->slot[hole] = r->slot[i];
        hole = i;
    }
    r->slot[hole] = NULL;
}

/* ---- for jansson ----------------------------------------------------------------------------- */

static void *starve(void) {
    g_failed++;
    if (g_reading) longjmp(g_reading->out, 1);
    return NULL;
}

static void *json_take(size_t n) {
    Reading *r = g_reading;
    if (r && r->n >= r->cap / 2 && !grow(r)) return starve();
    void *p = hth_calloc(n, 1);
    if (!p) return starve();
    if (r) put(r, p);
    return p;
}

static void json_give(void *p) {
    if (p && g_reading) drop(g_reading, p);
    hth_free(p);
}

static void route_allocations(void) {
    json_set_alloc_funcs(json_take, json_give);
}

void hth_json_init(void) {
    pthread_once(&g_once, route_allocations);
}

uint64_t hth_json_starved(void) {
    return g_failed;
}

/* ---- a reader -------------------------------------------------------------------------------- */

/* No local of this one changes between setjmp and longjmp. */
static json_t *attempt(Reading *r, json_t *(*read)(void *ctx), void *ctx, bool *starved) {
    *starved = setjmp(r->out) != 0;
    return *starved ? NULL : read(ctx);
}

json_t *hth_json_guarded(json_t *(*read)(void *ctx), void *ctx, bool *starved) {
    Reading r = { .slot = NULL, .cap = FEW };
    r.slot = r.few;
    hth_json_init();
    g_reading = &r;
    json_t *v = attempt(&r, read, ctx, starved);
    g_reading = NULL;
    for (size_t i = 0; *starved && i < r.cap; i++) hth_free(r.slot[i]);
    if (r.slot != r.few) hth_free(r.slot);
    return v;
}
