/* mem.c - the one door to the heap.
 *
 * Not an allocator: glibc's does the work, this counts, checks sizes and injects failures.
 *
 * Thread: any. */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"

#define ALIGN 64
/* glibc maps blocks from here on singly, and unmaps them: the system wipes those. */
#define MAPPED_FROM ((size_t)32 << 20)

static _Atomic uint64_t g_calls; /* allocation calls so far */
static _Atomic uint64_t g_fail_at; /* first call number that fails; 0: none */
static _Atomic bool g_fail_once; /* and only it */
static _Atomic uint64_t g_live;
static _Atomic uint64_t g_mapped; /* bytes */
static _Thread_local int64_t t_mine; /* bytes */
static bool g_wipes; /* set once */

/* Counts the call and decides whether it may go on. One fetch-add numbers the calls of all threads,
 * so that exactly the calls numbered g_fail_at and, but for g_fail_once, above fail. */
static bool admitted(size_t count, size_t size, size_t *bytes) {
    const uint64_t me = atomic_fetch_add_explicit(&g_calls, 1, memory_order_relaxed) + 1;
    const uint64_t fail_at = atomic_load_explicit(&g_fail_at, memory_order_relaxed);
    if (fail_at && (me == fail_at || (me > fail_at && !g_fail_once))) return false;
    if (hth_mul_over(count, size, bytes) || *bytes > PTRDIFF_MAX) return false;
    if (!*bytes) *bytes = 1; /* so that NULL always means failure */
    return true;
}

static void *born(void *p) {
    if (p) atomic_fetch_add_explicit(&g_live, 1, memory_order_relaxed);
    return p;
}

/* Of the heap. */
static void *weighed(void *p) {
    t_mine += (int64_t)malloc_usable_size(p); /* of NULL: 0 */
    return born(p);
}

void *hth_calloc(size_t count, size_t size) {
    size_t bytes;
    return admitted(count, size, &bytes) ? weighed(calloc(1, bytes)) : NULL;
}

/* Bytes of a block that must be wiped before it is given back; 0: none. */
static size_t to_wipe(void *p) {
    const size_t n = g_wipes ? malloc_usable_size(p) : 0;
    return n < MAPPED_FROM ? n : 0;
}

/* As realloc, but nothing stays where p was. A block that shrinks a little stays where it is. */
static void *move(void *p, size_t bytes) {
    const size_t held = to_wipe(p), kept = bytes < held ? bytes : held;
    if (!held) return realloc(p, bytes);
    if (bytes <= held && bytes >= held / 2) {
        hth_zero((char *)p + bytes, held - bytes);
        return p;
    }
    void *moved = malloc(bytes);
    if (!moved) return NULL;
    memcpy(moved, p, kept);
    hth_zero(p, held);
    free(p);
    return moved;
}

void *hth_realloc(void *p, size_t count, size_t size) {
    size_t bytes;
    if (!admitted(count, size, &bytes)) return NULL;
    if (!p) return weighed(malloc(bytes));
    const size_t before = malloc_usable_size(p);
    void *moved = move(p, bytes);
    if (moved) t_mine += (int64_t)malloc_usable_size(moved) - (int64_t)before;
    return moved;
}

void *hth_calloc_aligned(size_t count, size_t size) {
    size_t bytes;
    if (!admitted(count, size, &bytes) || bytes > PTRDIFF_MAX - ALIGN) return NULL;
    void *p = NULL;
    if (posix_memalign(&p, ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN)) return NULL;
    memset(p, 0, bytes);
    return weighed(p);
}

void *hth_pages_calloc(size_t count, size_t size) {
    size_t bytes;
    if (!admitted(count, size, &bytes)) return NULL;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* a wish: small pages do as well */
    atomic_fetch_add_explicit(&g_mapped, bytes, memory_order_relaxed);
    return born(p);
}

void hth_pages_give(void *p, size_t count, size_t size) {
    if (!p) return;
    const size_t bytes = count * size; /* did not overflow when it was taken */
    atomic_fetch_sub_explicit(&g_live, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&g_mapped, bytes ? bytes : 1, memory_order_relaxed);
    munmap(p, bytes ? bytes : 1);
}

void hth_free(void *p) {
    if (!p) return;
    atomic_fetch_sub_explicit(&g_live, 1, memory_order_relaxed);
    t_mine -= (int64_t)malloc_usable_size(p);
    hth_zero(p, to_wipe(p));
    free(p);
}

void hth_mem_wipe_freed(void) {
    g_wipes = true;
}

char *hth_strdup(const char *s) {
    const size_t n = strlen(s) + 1;
    char *copy = hth_calloc(n, 1);
    if (copy) memcpy(copy, s, n);
    return copy;
}

void hth_zero(void *p, size_t bytes) {
    if (bytes) explicit_bzero(p, bytes);
}

static void fail_at(uint64_t nth, bool once) {
    g_fail_once = once;
    atomic_store(&g_fail_at, nth ? atomic_load(&g_calls) + nth : 0);
}

void hth_mem_fail_after(uint64_t nth) {
    fail_at(nth, false);
}

void hth_mem_fail_once(uint64_t nth) {
    fail_at(nth, true);
}

uint64_t hth_mem_calls(void) {
    return atomic_load(&g_calls);
}

uint64_t hth_mem_live(void) {
    return atomic_load(&g_live);
}

int64_t hth_mem_mine(void) {
    return t_mine;
}

uint64_t hth_mem_mapped(void) {
    return atomic_load(&g_mapped);
}
