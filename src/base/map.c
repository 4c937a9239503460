/* map.c - open-addressing hash maps with linear probing.
 *
 * No deletion and no iteration: vocabularies and merge tables are built once and then asked.
 *
 * Thread: many readers, or one writer. */
#include "base/map.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"

#define SLOTS_MIN 16

typedef struct Slot {
    HthStr key;
    uint32_t hash; /* spares most comparisons, and rehashing on growth */
    uint32_t value1; /* value + 1; 0: empty */
} Slot;

typedef struct Slot64 {
    uint64_t key;
    uint32_t value1;
} Slot64;

struct HthMap {
    Slot *slots; /* [mask + 1], a power of two */
    size_t mask, count;
    uint64_t seed[2];
};

struct HthMap64 {
    Slot64 *slots;
    size_t mask, count;
    uint64_t seed[2];
};

static uint64_t rotl(uint64_t x, int n) {
    return x << n | x >> (64 - n);
}

typedef struct Sip {
    uint64_t a, b, c, d;
} Sip;

/* Inline, so that the state stays in registers: opening a vocabulary hashes a million strings. */
static inline __attribute__((always_inline)) void sip_round(Sip *v) {
    v->a += v->b, v->b = rotl(v->b, 13) ^ v->a, v->a = rotl(v->a, 32);
    v->c += v->d, v->d = rotl(v->d, 16) ^ v->c;
    v->a += v->d, v->d = rotl(v->d, 21) ^ v->a;
    v->c += v->b, v->b = rotl(v->b, 17) ^ v->c, v->c = rotl(v->c, 32);
}

/* The last n < 8 bytes, little-endian. Reads overlap instead of looping. */
static uint64_t tail_bytes(const char *p, size_t n) {
    if (n >= 4) return hth_le32(p) | (uint64_t)hth_le32(p + n - 4) << (8 * (n - 4));
    if (n == 0) return 0;
    const uint8_t *u = (const uint8_t *)p;
    return u[0] | (uint64_t)u[n / 2] << (8 * (n / 2)) | (uint64_t)u[n - 1] << (8 * (n - 1));
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
static uint32_t hash_bytes(const uint64_t seed[2], HthStr s) {
    Sip v = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
              seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
    size_t i = 0;
    for (; s.n - i >= 8; i += 8) {
        const uint64_t m = hth_le64(s.p + i);
        v.d ^= m, sip_round(&v), v.a ^= m;
    }
    const uint64_t m = (uint64_t)s.n << 56 | tail_bytes(s.p + i, s.n - i);
    v.d ^= m, sip_round(&v), v.a ^= m;
    v.c ^= 0xFF;
    for (int k = 0; k < 3; k++) sip_round(&v);
    const uint64_t h = v.a ^ v.b ^ v.c ^ v.d;
    return (uint32_t)(h ^ h >> 32);
}

static uint64_t hash_u64(const uint64_t seed[2], uint64_t key) {
    const unsigned __int128 p = (unsigned __int128)(key ^ seed[0]) * (seed[1] | 1);
    const uint64_t h = (uint64_t)p ^ (uint64_t)(p >> 64);
    return (h ^ h >> 29) * 0x9E3779B97F4A7C15u >> 13;
}

/* Slots for `expected` entries at a load of two thirds; 0: too many to address. */
static size_t slots_for(size_t expected) {
    size_t want;
    if (hth_add_over(expected, expected / 2 + 1, &want) || want > SIZE_MAX / 2) return 0;
    size_t n = SLOTS_MIN;
    while (n < want) n *= 2;
    return n;
}

static void make_seed(uint64_t seed[2]) {
    seed[0] = hth_rng_entropy();
    seed[1] = hth_rng_entropy();
}

/* ---- slices ---- */

HthStatus hth_map_open(HthMap **out, size_t expected, HthErr *err) {
    const size_t slots = slots_for(expected);
    HthMap *map = hth_calloc(1, sizeof *map);
    if (map && slots) map->slots = hth_calloc(slots, sizeof *map->slots);
    if (!map || !map->slots) {
        hth_free(map);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a map of %zu entries", expected);
    }
    map->mask = slots - 1;
    make_seed(map->seed);
    *out = map;
    return HTH_OK;
}

void hth_map_close(HthMap **map) {
    if (!*map) return;
    hth_free((*map)->slots);
    hth_free(*map);
    *map = NULL;
}

/* The slot that holds key, or the empty one where it belongs. */
static Slot *seek(Slot *slots, size_t mask, uint32_t hash, HthStr key) {
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        Slot *s = &slots[i];
        if (!s->value1 || (s->hash == hash && hth_str_eq(s->key, key))) return s;
    }
}

static HthStatus grow(HthMap *map, HthErr *err) {
    const size_t slots = (map->mask + 1) * 2;
    Slot *fresh = hth_calloc(slots, sizeof *fresh);
    HTH_REQUIRE(fresh, err, HTH_ENOMEM, "out of memory for a map of %zu slots", slots);
    for (size_t i = 0; i <= map->mask; i++) {
        const Slot *s = &map->slots[i];
        if (s->value1) *seek(fresh, slots - 1, s->hash, s->key) = *s;
    }
    hth_free(map->slots);
    map->slots = fresh;
    map->mask = slots - 1;
    return HTH_OK;
}

/* The slot of key, taken for it if it was not there (value1 is still 0 then). */
static HthStatus claim(HthMap *map, HthStr key, Slot **out, HthErr *err) {
    const uint32_t hash = hash_bytes(map->seed, key);
    Slot *s = seek(map->slots, map->mask, hash, key);
    if (!s->value1) {
        if (map->count >= (map->mask + 1) / 3 * 2) {
            HTH_TRY(grow(map, err));
            s = seek(map->slots, map->mask, hash, key);
        }
        map->count++;
        s->key = key;
        s->hash = hash;
    }
    *out = s;
    return HTH_OK;
}

HthStatus hth_map_put(HthMap *map, HthStr key, uint32_t value, HthErr *err) {
    HTH_ASSERT(value != HTH_MAP_NONE);
    Slot *s;
    HTH_TRY(claim(map, key, &s, err));
    s->value1 = value + 1;
    return HTH_OK;
}

HthStatus hth_map_add(HthMap *map, HthStr key, uint32_t value, HthErr *err) {
    HTH_ASSERT(value != HTH_MAP_NONE);
    Slot *s;
    HTH_TRY(claim(map, key, &s, err));
    if (!s->value1) s->value1 = value + 1;
    return HTH_OK;
}

uint32_t hth_map_get(const HthMap *map, HthStr key) {
    const Slot *s = seek(map->slots, map->mask, hash_bytes(map->seed, key), key);
    return s->value1 - 1; /* an empty slot's 0 becomes HTH_MAP_NONE */
}

void hth_map_prefetch(const HthMap *map, HthStr key) {
    __builtin_prefetch(&map->slots[hash_bytes(map->seed, key) & map->mask]);
}

void hth_map_get_many(const HthMap *map, const HthStr *keys, size_t n, uint32_t *out) {
    enum { GROUP = 32 };
    uint32_t hash[GROUP];
    for (size_t at = 0; at < n; at += GROUP) {
        const size_t len = n - at < GROUP ? n - at : GROUP;
        for (size_t i = 0; i < len; i++) {
            hash[i] = hash_bytes(map->seed, keys[at + i]);
            __builtin_prefetch(&map->slots[hash[i] & map->mask]);
        }
        for (size_t i = 0; i < len; i++) /* most keys are found in their first slot */
            __builtin_prefetch(map->slots[hash[i] & map->mask].key.p);
        for (size_t i = 0; i < len; i++)
            out[at + i] = seek(map->slots, map->mask, hash[i], keys[at + i])->value1 - 1;
    }
}

size_t hth_map_count(const HthMap *map) {
    return map->count;
}

/* ---- 64-bit keys ---- */

HthStatus hth_map64_open(HthMap64 **out, size_t expected, HthErr *err) {
    const size_t slots = slots_for(expected);
    HthMap64 *map = hth_calloc(1, sizeof *map);
    if (map && slots) map->slots = hth_calloc(slots, sizeof *map->slots);
    if (!map || !map->slots) {
        hth_free(map);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a map of %zu entries", expected);
    }
    map->mask = slots - 1;
    make_seed(map->seed);
    *out = map;
    return HTH_OK;
}

void hth_map64_close(HthMap64 **map) {
    if (!*map) return;
    hth_free((*map)->slots);
    hth_free(*map);
    *map = NULL;
}

static Slot64 *seek64(const uint64_t seed[2], Slot64 *slots, size_t mask, uint64_t key) {
    for (size_t i = hash_u64(seed, key) & mask;; i = (i + 1) & mask) {
        Slot64 *s = &slots[i];
        if (!s->value1 || s->key == key) return s;
    }
}

static HthStatus grow64(HthMap64 *map, HthErr *err) {
    const size_t slots = (map->mask + 1) * 2;
    Slot64 *fresh = hth_calloc(slots, sizeof *fresh);
    HTH_REQUIRE(fresh, err, HTH_ENOMEM, "out of memory for a map of %zu slots", slots);
    for (size_t i = 0; i <= map->mask; i++) {
        const Slot64 *s = &map->slots[i];
        if (s->value1) *seek64(map->seed, fresh, slots - 1, s->key) = *s;
    }
    hth_free(map->slots);
    map->slots = fresh;
    map->mask = slots - 1;
    return HTH_OK;
}

static HthStatus claim64(HthMap64 *map, uint64_t key, Slot64 **out, HthErr *err) {
    Slot64 *s = seek64(map->seed, map->slots, map->mask, key);
    if (!s->value1) {
        if (map->count >= (map->mask + 1) / 3 * 2) {
            HTH_TRY(grow64(map, err));
            s = seek64(map->seed, map->slots, map->mask, key);
        }
        map->count++;
        s->key = key;
    }
    *out = s;
    return HTH_OK;
}

HthStatus hth_map64_put(HthMap64 *map, uint64_t key, uint32_t value, HthErr *err) {
    HTH_ASSERT(value != HTH_MAP_NONE);
    Slot64 *s;
    HTH_TRY(claim64(map, key, &s, err));
    s->value1 = value + 1;
    return HTH_OK;
}

HthStatus hth_map64_add(HthMap64 *map, uint64_t key, uint32_t value, HthErr *err) {
    HTH_ASSERT(value != HTH_MAP_NONE);
    Slot64 *s;
    HTH_TRY(claim64(map, key, &s, err));
    if (!s->value1) s->value1 = value + 1;
    return HTH_OK;
}

void hth_map64_prefetch(const HthMap64 *map, uint64_t key) {
    __builtin_prefetch(&map->slots[hash_u64(map->seed, key) & map->mask]);
}

uint32_t hth_map64_get(const HthMap64 *map, uint64_t key) {
    return seek64(map->seed, map->slots, map->mask, key)->value1 - 1;
}

size_t hth_map64_count(const HthMap64 *map) {
    return map->count;
}
