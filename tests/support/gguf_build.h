/* gguf_build.h - GGUF files byte by byte, right or wrong, for tests.
 *
 * Deliberately independent of src/gguf: it writes what it is told, checks nothing but its room.
 * Begin, entries, tensors, end; any field can be overwritten afterwards with gb_poke.
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_GGUF_BUILD_H
#define HTH_TESTS_GGUF_BUILD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Gb {
    uint8_t b[1 << 17];
    size_t n;
    uint64_t kvs, tensors; /* counted as they are added */
} Gb;

enum { GB_U8, GB_I8, GB_U16, GB_I16, GB_U32, GB_I32, GB_F32, GB_BOOL, GB_STR, GB_ARR, GB_U64 };
enum { GB_I64 = 11, GB_F64 };

static inline void gb_bytes(Gb *g, const void *p, size_t n) {
    if (n > sizeof g->b - g->n) abort();
    memcpy(g->b + g->n, p, n);
    g->n += n;
}

/* The low `bytes` bytes of v, little-endian; zeros past the eighth. */
static inline void gb_int(Gb *g, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        uint8_t c = i < 8 ? (uint8_t)(v >> (8 * i)) : 0;
        gb_bytes(g, &c, 1);
    }
}

static inline void gb_poke(Gb *g, size_t at, uint64_t v, size_t bytes) {
    if (at + bytes > g->n) abort();
    for (size_t i = 0; i < bytes && i < 8; i++) g->b[at + i] = (uint8_t)(v >> (8 * i));
}

static inline void gb_strn(Gb *g, const char *s, size_t n) {
    gb_int(g, n, 8);
    gb_bytes(g, s, n);
}

static inline void gb_str(Gb *g, const char *s) {
    gb_strn(g, s, strlen(s));
}

static inline void gb_begin(Gb *g, uint32_t version) {
    g->n = 0;
    g->kvs = g->tensors = 0;
    gb_bytes(g, "GGUF", 4);
    gb_int(g, version, 4);
    gb_int(g, 0, 8);
    gb_int(g, 0, 8);
}

/* Counts into the header; call when all entries and tensors are there. */
static inline void gb_counts(Gb *g) {
    gb_poke(g, 8, g->tensors, 8);
    gb_poke(g, 16, g->kvs, 8);
}

/* Key and type; the value's bytes follow by gb_int, gb_str, ... */
static inline void gb_kv(Gb *g, const char *key, uint32_t type) {
    gb_str(g, key);
    gb_int(g, type, 4);
    g->kvs++;
}

static inline void gb_kv_int(Gb *g, const char *key, uint32_t type, uint64_t v) {
    static const uint8_t bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    gb_kv(g, key, type);
    gb_int(g, v, bytes[type]);
}

static inline void gb_kv_str(Gb *g, const char *key, const char *v) {
    gb_kv(g, key, GB_STR);
    gb_str(g, v);
}

static inline void gb_kv_arr(Gb *g, const char *key, uint32_t elem, uint64_t count) {
    gb_kv(g, key, GB_ARR);
    gb_int(g, elem, 4);
    gb_int(g, count, 8);
}

static inline void gb_tensor(Gb *g, const char *name, uint32_t n_dims, const uint64_t *ne,
                             uint32_t type, uint64_t offset) {
    gb_str(g, name);
    gb_int(g, n_dims, 4);
    for (uint32_t d = 0; d < n_dims; d++) gb_int(g, ne[d], 8);
    gb_int(g, type, 4);
    gb_int(g, offset, 8);
    g->tensors++;
}

/* Pads to a multiple of align, then n data bytes 0, 1, 2, ... */
static inline void gb_data(Gb *g, size_t align, size_t n) {
    while (g->n % align != 0) gb_int(g, 0, 1);
    for (size_t i = 0; i < n; i++) gb_int(g, i, 1);
}

/* A good small file: every scalar type, arrays, two F32 tensors. Calls gb_counts. */
static inline void gb_good(Gb *g, uint32_t version) {
    gb_begin(g, version);
    gb_kv_str(g, "general.architecture", "llama");
    gb_kv_int(g, "t.u8", GB_U8, 200);
    gb_kv_int(g, "t.i8", GB_I8, (uint64_t)-7);
    gb_kv_int(g, "t.u16", GB_U16, 60000);
    gb_kv_int(g, "t.i16", GB_I16, (uint64_t)-300);
    gb_kv_int(g, "t.u32", GB_U32, 4000000000U);
    gb_kv_int(g, "t.i32", GB_I32, (uint64_t)-70000);
    gb_kv_int(g, "t.f32", GB_F32, 0x3fc00000); /* 1.5 */
    gb_kv_int(g, "t.bool", GB_BOOL, 1);
    gb_kv_int(g, "t.u64", GB_U64, UINT64_MAX);
    gb_kv_int(g, "t.i64", GB_I64, (uint64_t)-5000000000LL);
    gb_kv_int(g, "t.f64", GB_F64, 0xc004000000000000U); /* -2.5 */
    gb_kv_arr(g, "t.strs", GB_STR, 3);
    gb_str(g, "one");
    gb_str(g, "");
    gb_strn(g, "\xff\xfe", 2); /* array strings are bytes */
    gb_kv_arr(g, "t.i32s", GB_I32, 2);
    gb_int(g, (uint64_t)-1, 4);
    gb_int(g, 77, 4);
    gb_kv_arr(g, "t.bools", GB_BOOL, 2);
    gb_int(g, 0x0001, 2);
    gb_kv_arr(g, "t.none", GB_STR, 0);
    gb_tensor(g, "a.weight", 2, (const uint64_t[]){ 4, 3 }, 0, 0);
    gb_tensor(g, "b.weight", 1, (const uint64_t[]){ 8 }, 0, 64);
    gb_data(g, 32, 64 + 32);
    gb_poke(g, g->n - 48, 0, 8); /* the padding between the two */
    gb_poke(g, g->n - 40, 0, 8);
    gb_counts(g);
}

#endif
