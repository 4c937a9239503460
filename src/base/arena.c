/* arena.c - bump allocation with one ceiling and one end.
 *
 * Not for objects with lives of their own: nothing is freed singly.
 *
 * Thread: one owner at a time. */
#include "base/arena.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#define GAP            16
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define GAP            0
#endif

#define ALIGN     16
#define BLOCK_MIN ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)4 << 20) /* blocks grow to this; a larger take gets its own */

typedef struct Block {
    _Alignas(ALIGN) struct Block *next;
    size_t cap, used; /* payload bytes, which follow this header */
} Block;

struct HthArena {
    Block *first, *cur; /* blocks after cur are kept but empty */
    size_t bytes_max, held; /* ceiling and sum over payloads */
    size_t used, high_water;
};

static uint8_t *payload(Block *b) {
    return (uint8_t *)(b + 1);
}

static void free_block(HthArena *arena, Block *b) {
    arena->held -= b->cap;
    UNPOISON(payload(b), b->cap);
    hth_free(b);
}

HthStatus hth_arena_open(HthArena **out, size_t bytes_max, HthErr *err) {
    HthArena *arena = hth_calloc(1, sizeof *arena);
    HTH_REQUIRE(arena, err, HTH_ENOMEM, "out of memory for an arena");
    arena->bytes_max = bytes_max;
    *out = arena;
    return HTH_OK;
}

void hth_arena_close(HthArena **arena) {
    if (!*arena) return;
    for (Block *b = (*arena)->first, *next; b; b = next) {
        next = b->next;
        free_block(*arena, b);
    }
    hth_free(*arena);
    *arena = NULL;
}

/* A block with room for need bytes becomes cur; false: the ceiling or exhaustion. */
static bool next_block(HthArena *arena, size_t need) {
    Block **link = arena->cur ? &arena->cur->next : &arena->first;
    while (*link) { /* kept from before a reset */
        Block *b = *link;
        if (b->cap >= need) {
            arena->cur = b;
            return true;
        }
        *link = b->next; /* too small now: give its share of the ceiling back */
        free_block(arena, b);
    }
    const size_t left = arena->bytes_max - arena->held;
    if (need > left) return false;
    size_t cap = arena->held < BLOCK_MIN   ? BLOCK_MIN
                 : arena->held > BLOCK_MAX ? BLOCK_MAX
                                           : arena->held;
    if (cap < need) cap = need;
    if (cap > left) cap = left;
    if (cap > SIZE_MAX - sizeof(Block)) return false;
    Block *b = hth_calloc(1, sizeof *b + cap);
    if (!b) return false;
    b->cap = cap;
    POISON(payload(b), cap);
    arena->held += cap;
    *link = b;
    arena->cur = b;
    return true;
}

void *hth_arena_take(HthArena *arena, size_t count, size_t size) {
    size_t bytes, need;
    if (hth_mul_over(count, size, &bytes)) return NULL;
    if (hth_add_over(bytes, ALIGN - 1 + GAP, &need)) return NULL;
    need = need / ALIGN * ALIGN;
    if (!need) need = ALIGN; /* every take has an address of its own */
    Block *b = arena->cur;
    if (!b || b->cap - b->used < need) {
        if (!next_block(arena, need)) return NULL;
        b = arena->cur;
    }
    uint8_t *p = payload(b) + b->used;
    b->used += need;
    arena->used += need;
    if (arena->used > arena->high_water) arena->high_water = arena->used;
    UNPOISON(p, bytes);
    memset(p, 0, bytes);
    return p;
}

char *hth_arena_copy(HthArena *arena, const void *bytes, size_t n) {
    if (n == SIZE_MAX) return NULL;
    char *p = hth_arena_take(arena, n + 1, 1);
    if (p && n) memcpy(p, bytes, n);
    return p;
}

void hth_arena_reset(HthArena *arena) {
    for (Block *b = arena->first; b; b = b->next) {
        b->used = 0;
        POISON(payload(b), b->cap);
    }
    /* cur NULL would look for room from the first block on, which is what we want. */
    arena->cur = NULL;
    arena->used = 0;
}

size_t hth_arena_used(const HthArena *arena) {
    return arena->used;
}

size_t hth_arena_high_water(const HthArena *arena) {
    return arena->high_water;
}
