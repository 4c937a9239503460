/* tile.h - words for matrix tiles: in AMX, or in plain C for checks on machines without it.
 *
 * Eight registers of up to 16 rows of 64 bytes.  Their shapes are set once by tile_begin:
 *   0..3, TILE_MORE  sums: 16 columns x 16 weight rows of int32 or float
 *   TILE_X           activations: 16 columns x 32 bytes
 *   TILE_W           weights: 8 rows of 16 x 4 bytes, the layout of a panel's words
 * A register's number is a constant.
 *   tile_begin(t) tile_end(t)   per call and thread; tile_end leaves the processor's state small
 *   tile_zero(t,n)   tile_load(t,n,p,stride)   tile_store(t,n,p)   [rows of sums 64 bytes apart]
 *   tile_dots(t,c,a,b)   c[i][j] += sum over k of a[i][k] * b[k/4][j][k%4], int8, exact
 *   tile_dotb(t,c,a,b)   the same of bfloat16 pairs into floats.  Only for integers whose sums all
 *                        fit 24 bits: then exact in any order.  A sum of zero is +0.
 *
 * Thread: any; the registers are the thread's. */
#ifndef HTH_KERN_VEC_TILE_H
#define HTH_KERN_VEC_TILE_H

enum { TILE_MORE = 4, TILE_X = 5, TILE_W = 6 };

#ifdef HTH_TILE_EMULATED

typedef struct Tiles {
    uint8_t at[8][16][64];
} Tiles;

HTH_INLINE uint32_t tile_rows_(int n) {
    return n == TILE_W ? 8 : 16;
}
HTH_INLINE size_t tile_bytes_(int n) {
    return n == TILE_X ? 32 : 64;
}
HTH_INLINE void tile_begin(Tiles *t) {
    memset(t, 0, sizeof *t);
}
HTH_INLINE void tile_end(Tiles *t) {
    (void)t;
}
HTH_INLINE void tile_zero(Tiles *t, int n) {
    memset(t->at[n], 0, sizeof t->at[n]);
}
HTH_INLINE void tile_load(Tiles *t, int n, const void *p, size_t stride) {
    for (uint32_t r = 0; r < tile_rows_(n); r++)
        memcpy(t->at[n][r], (const uint8_t *)p + r * stride, tile_bytes_(n));
}
HTH_INLINE void tile_store(Tiles *t, int n, void *p) {
    memcpy(p, t->at[n], sizeof t->at[n]);
}
/* Out of line: the fast halves that use it are unrolled. */
static __attribute__((unused, noinline)) void tile_dots(Tiles *t, int c, int a, int b) {
    for (uint32_t i = 0; i < 16; i++)
        for (uint32_t j = 0; j < 16; j++) {
            int32_t sum;
            memcpy(&sum, t->at[c][i] + 4 * j, 4);
            for (uint32_t k = 0; k < 32; k++)
                sum += (int8_t)t->at[a][i][k] * (int8_t)t->at[b][k / 4][4 * j + k % 4];
            memcpy(t->at[c][i] + 4 * j, &sum, 4);
        }
}
HTH_INLINE float tile_bf_(const uint8_t *p) {
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
static __attribute__((unused, noinline)) void tile_dotb(Tiles *t, int c, int a, int b) {
    for (uint32_t i = 0; i < 16; i++)
        for (uint32_t j = 0; j < 16; j++) {
            float sum;
            memcpy(&sum, t->at[c][i] + 4 * j, 4);
            for (uint32_t k = 0; k < 16; k++)
                sum +=
                    tile_bf_(t->at[a][i] + 2 * k) * tile_bf_(t->at[b][k / 2] + 4 * j + 2 * (k % 2));
            memcpy(t->at[c][i] + 4 * j, &sum, 4);
        }
}

#else

/* The registers are the machine's; a word orders what it loads and stores against the rest. */
typedef struct Tiles {
    uint8_t none;
} Tiles;

HTH_INLINE void tile_begin(Tiles *t) {
    struct {
        uint8_t palette, start, none[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shape = { .palette = 1 };
    (void)t;
    for (int n = 0; n < 8; n++) {
        shape.bytes[n] = n == TILE_X ? 32 : 64;
        shape.rows[n] = n == TILE_W ? 8 : 16;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(shape));
}
HTH_INLINE void tile_end(Tiles *t) {
    (void)t;
    __asm__ volatile("tilerelease");
}
#define tile_zero(t, n) ((void)(t), tile_zero_(n))
#define tile_zero_(n)   ({ __asm__ volatile("tilezero %%tmm%c0" ::"i"(n)); })
#define tile_load(t, n, p, stride)                                                                 \
    ({                                                                                             \
        (void)(t);                                                                                 \
        __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(n), "r"(p), "r"((size_t)(stride))   \
                         : "memory");                                                              \
    })
#define tile_store(t, n, p)                                                                        \
    ({                                                                                             \
        (void)(t);                                                                                 \
        __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(n), "r"(p), "r"((size_t)64)        \
                         : "memory");                                                              \
    })
#define tile_dots(t, c, a, b)                                                                      \
    ({                                                                                             \
        (void)(t);                                                                                 \
        __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));         \
    })
#define tile_dotb(t, c, a, b)                                                                      \
    ({                                                                                             \
        (void)(t);                                                                                 \
        __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));       \
    })

#endif
#endif
