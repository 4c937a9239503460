/* linear_q.h - the fast product with quantised weights: included by the speed half of a format.
 *
 * Before including, the format defines:
 *   KIND           one of LQ_PLAIN LQ_OFFSET LQ_SUPER LQ_DUAL LQ_DUALMIN LQ_PAIR (HthKind)
 *   SHIFT          weights come as bytes offset by 1 << SHIFT, unsigned and below 64; LQ_NONE: no
 *                  offset; LQ_SIGNED: int8
 *   BLOCK          the struct of a block on disk
 * and after including, and before LINEAR_Q(symbol):
 *   word(w, hi, lo, k)   four weights of K of 16 rows: number k, 0..7, of 32-block 4*hi + lo of the
 *                  block whose words are at w; lo is a constant.  Blocks of 32: hi and lo are 0
 *   scales(p, n, s)      scales of the next n 32-blocks of 16 rows
 * linear_int8.h does that for formats whose rows are unpacked first (LQ_UNPACK); they end with
 * LINEAR_ROWS(symbol).
 *
 * One layout, the panel (panel.h): a row is a lane.  Rows that lie as in the file are brought into
 * it on the way, a piece of K at a time.  Two paths, the same bits.  Few columns: each word of the
 * panel is read once, unpacked in a register and multiplied with every column.  Many columns: words
 * are unpacked once into scratch and all columns use them.
 *
 * Thread: any. */
#include "kern/fmt/panel.h"
#include "kern/vec/vec.h"

#define LQ_PLAIN   0
#define LQ_OFFSET  1
#define LQ_SUPER   2
#define LQ_DUAL    3
#define LQ_DUALMIN 4
#define LQ_PAIR    5
#define LQ_SIGNED  (-1)
#define LQ_NONE    (-2)
#define LQ_IS_K    (sizeof(BLOCK) >= 48) /* 32-blocks come in eights */
#define LQ_IS_DUAL (KIND == LQ_DUAL || KIND == LQ_DUALMIN)
#define LQ_HALVES  (LQ_IS_DUAL || KIND == LQ_PAIR) /* a sum to each half of a block */

enum {
    LQ_WORDS = HTH_PANEL_WORDS(sizeof(BLOCK)), /* of a block */
    LQ_ODD = HTH_PANEL_ODD(sizeof(BLOCK)), /* bytes */
    LQ_PER = LQ_IS_K ? 8 : 1, /* 32-blocks to a block */
    LQ_STEP = LQ_IS_K ? 4 : 1, /* 32-blocks whose code is written out */
    LQ_GROUP = 8 / LQ_PER * (LQ_WORDS * 64 + LQ_ODD * 16), /* bytes of a group of a panel */
    LQ_CHUNK = 64, /* blocks of K per piece that is unpacked */
    LQ_AHEAD = 16384, /* bytes of panels that are fetched together (hth_fetch) */
    LQ_CHUNK_FEW = 16, /* blocks of K per piece of rows that is only brought into a panel */
};
/* Columns: most that multiply a word while in a register; panels and columns of a tile. */
enum { LQ_P = HTH_VEC_ROOM < 32 ? 1 : 2, LQ_FEW = LQ_P * 4 };
#ifdef HTH_VEC_PAIRS
enum { LQ_NC = LQ_HALVES ? 2 : 4 };
#else
enum { LQ_NC = LQ_P * (LQ_HALVES ? 2 : 3) };
#endif

/* Where a panel's next block is. */
typedef struct Panel {
    const uint8_t *d; /* odd scales, 16 to a block */
    const uint8_t *w; /* words, LQ_WORDS x 16 to a block */
} Panel;

/* Scales of up to 8 blocks of 16 rows, one row per lane. */
typedef struct Scales {
    V d[8]; /* DUAL, DUALMIN: d[0] only */
#if KIND == LQ_OFFSET || KIND == LQ_PAIR
    V m[8];
#endif
#if KIND == LQ_SUPER
    I mn[4]; /* int16 pairs: blocks 2j, 2j + 1 */
    V dmin;
#endif
#if LQ_IS_DUAL
    I sc[8][2];
#endif
#if KIND == LQ_DUALMIN
    I mn[8][2];
    V dmin;
#endif
} Scales;

/* Up to 8 blocks of LQ_P panels. */
typedef struct Group {
    B q[8][8][LQ_P]; /* block, four of K, panel */
    Scales s[LQ_P];
} Group;

/* The integer sums of one block: isum, or the two half sums. */
typedef struct Sums {
    I lo, hi;
} Sums;

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k);
HTH_INLINE void scales(Panel p, uint32_t n, Scales *s);

/* Words and scales as the formats like them. */
HTH_INLINE I word_i(const uint8_t *w, uint32_t i) {
    return vi_load(w + (size_t)i * 64);
}
/* Bits `mask` after a shift: right by s, left by -s. */
HTH_INLINE B word_bits(const uint8_t *w, uint32_t i, int s, int8_t mask) {
    B b = vb_load(w + (size_t)i * 64);
    return vb_and1(s > 0 ? vb_srl(b, s) : s < 0 ? vb_sll(b, -s) : b, mask);
}
/* Sixteen values by the number in 4 bits after such a shift. */
HTH_INLINE B word_code(const int8_t code[16], const uint8_t *w, uint32_t i, int s) {
    return vb_lut16(code, word_bits(w, i, s, 15));
}
HTH_INLINE void scales_half(Panel p, uint32_t n, Scales *s) {
    for (uint32_t j = 0; j < n; j++) s->d[j] = vf_half(p.d + (size_t)j * 32);
}
HTH_INLINE void scales_one(Panel p, Scales *s) { /* to all eight 32-blocks */
    V d = vf_half(p.d);
    HTH_UNROLL for (int j = 0; j < 8; j++) s->d[j] = d;
}
#if KIND == LQ_OFFSET
HTH_INLINE void scales_first_word(Panel p, uint32_t n, Scales *s) {
    for (uint32_t j = 0; j < n; j++, p.w += LQ_WORDS * 64) {
        s->d[j] = vf_half_lo(vi_load(p.w));
        s->m[j] = vf_half_hi(vi_load(p.w));
    }
}
#endif
/* Bits 4k..4k+3 of word i of each row as bit 4 of four bytes. */
HTH_INLINE B word_fifth(const uint8_t *w, uint32_t i, uint32_t k) {
    I t = vi_and(vi_srl(word_i(w, i), (int)k * 4), vi_set1(15));
    return vi_and(vi_mul(t, vi_set1(0x02040810)), vi_set1(0x10101010));
}
/* Word k of 32-block j + lo of a group: as stored, and as dot() wants it. */
HTH_INLINE B word_of(Panel p, uint32_t j, uint32_t lo, uint32_t k) {
    return LQ_IS_K ? word(p.w, j / 4, lo, k)
                   : word(p.w + (size_t)(j + lo) * LQ_WORDS * 64, 0, 0, k);
}
HTH_INLINE B word_at(Panel p, uint32_t j, uint32_t lo, uint32_t k) {
    B w = word_of(p, j, lo, k);
    return SHIFT == LQ_SIGNED ? vb_wide(w) : w;
}

#if KIND == LQ_SUPER
/* Word 0: d and dmin; words 1..3: the twelve bytes of hth_fmt_scale6. */
HTH_INLINE void super_scales(const uint8_t *w, Scales *s) {
    I head = word_i(w, 0), m6 = vi_set1(0x3f3f3f3f), m4 = vi_set1(0x0f0f0f0f),
      top = vi_set1(0x30303030);
    I pair = vi_set1(0x00ff00ff), a = word_i(w, 1), b = word_i(w, 2), c = word_i(w, 3);
    I sc[2] = { vi_and(a, m6), vi_or(vi_and(c, m4), vi_and(vi_srl(a, 2), top)) };
    I mn[2] = { vi_and(b, m6), vi_or(vi_and(vi_srl(c, 4), m4), vi_and(vi_srl(b, 2), top)) };
    V d = vf_half_lo(head);
    HTH_UNROLL for (int j = 0; j < 8; j++) s->d[j] = vf_mul(d, vf_i(vi_byte(sc[j / 4], j % 4)));
    /* Bytes (m0,m1,m2,m3) become int16 pairs (m0,m1) and (m2,m3). */
    HTH_UNROLL for (int i = 0; i < 2; i++) {
        I even = vi_and(mn[i], pair), odd = vi_and(vi_srl(mn[i], 8), pair);
        I low = vi_set1(0xffff);
        s->mn[2 * i] = vi_or(vi_and(even, low), vi_sll(odd, 16));
        s->mn[2 * i + 1] = vi_or(vi_srl(even, 16), vi_sll(vi_srl(odd, 16), 16));
    }
    s->dmin = vf_half_hi(head);
}
#endif

/* What takes back the offset of the weights, for the activations whose sum is s. */
HTH_INLINE I unoffset(I s) {
    return SHIFT == LQ_NONE     ? vi_zero()
           : SHIFT == LQ_SIGNED ? vb_dots_init(s)
                                : vi_sub(vi_zero(), vi_sll(s, SHIFT < 0 ? 0 : SHIFT));
}
HTH_INLINE Sums sums_start(const HthActQ8 *x) {
    if (!LQ_HALVES) return (Sums){ unoffset(vi_bcast(&x->sum)), vi_zero() };
    I lo = vi_bcast(&x->sum_lo);
    return (Sums){ unoffset(lo), unoffset(vi_sub(vi_bcast(&x->sum), lo)) };
}
HTH_INLINE I dot(I acc, B w, B x) {
    return SHIFT == LQ_SIGNED ? vb_dots(acc, w, x) : vb_dotu(acc, w, x);
}

/* Adds block j of a group to an accumulator: the lines of HthKind. */
HTH_INLINE V block_add(V acc, Sums is, const Scales *s, uint32_t j, const HthActQ8 *x) {
    V dx = vf_set1(x->d);
#if LQ_IS_DUAL
    I sum = vi_add(vi_mul(is.lo, s->sc[j][0]), vi_mul(is.hi, s->sc[j][1]));
    acc = vf_fma(vf_i(sum), vf_mul(s->d[0], dx), acc);
#else
    acc = vf_fma(vf_i(is.lo), vf_mul(s->d[j], dx), acc);
#endif
#if KIND == LQ_PAIR
    acc = vf_fma(vf_i(is.hi), vf_mul(s->m[j], dx), acc);
#endif
#if KIND == LQ_OFFSET
    acc = vf_fma(s->m[j], vf_mul(dx, vf_set1((float)x->sum)), acc);
#endif
#if KIND == LQ_DUALMIN
    I lo = vi_bcast(&x->sum_lo), hi = vi_sub(vi_bcast(&x->sum), lo);
    I mins = vi_add(vi_mul(s->mn[j][0], lo), vi_mul(s->mn[j][1], hi));
    acc = vf_fma(vf_i(vi_sub(vi_zero(), mins)), vf_mul(s->dmin, dx), acc);
#endif
    return acc;
}

/* Ends a superblock whose first activation block is x. */
HTH_INLINE V super_end(V acc, const Scales *s, const HthActQ8 *x) {
#if KIND == LQ_SUPER
    I mins = vi_zero();
    HTH_UNROLL for (int j = 0; j < 4; j++) mins =
        vi_dot2(mins, s->mn[j], vi_bcast(x->mins + 2 * j));
    V scale = vf_mul(s->dmin, vf_set1(x->min_scale));
    acc = vf_fma(vf_i(vi_sub(vi_zero(), mins)), scale, acc);
#else
    (void)s;
    (void)x;
#endif
    return acc;
}

/* Block b of a panel of `blocks` 32-blocks in all. */
HTH_INLINE Panel panel_at(const uint8_t *panel, uint32_t blocks, uint32_t b) {
    const uint8_t *w = panel + (size_t)(blocks / LQ_PER) * 16 * LQ_ODD;
    size_t at = b / LQ_PER;
    return (Panel){ panel + at * 16 * LQ_ODD, w + at * LQ_WORDS * 64 };
}
HTH_INLINE Panel panel_next(Panel p) {
    return (Panel){ p.d + (8 / LQ_PER) * 16 * LQ_ODD, p.w + (size_t)(8 / LQ_PER) * LQ_WORDS * 64 };
}

/* Blocks b0..b0+n-1 of the 16 rows from `row` on, stride bytes apart, as a panel of n blocks. */
#ifdef LQ_UNPACK
static __attribute__((noinline)) Panel panel_of(uint8_t *to, const uint8_t *row, size_t stride,
                                                uint32_t b0, uint32_t n) {
    for (uint32_t r = 0; r < 16; r++, row += stride)
        for (uint32_t i = 0; i < n; i++) {
            BLOCK block;
            HthBlk k = { .d = 0.0f };
            LQ_UNPACK(row, b0 + i, &k);
            block.d = k.d;
            block.m = k.m;
            memcpy(block.q, k.q, sizeof block.q);
            uint8_t *w = to + (size_t)i * LQ_WORDS * 64 + (size_t)r * 4;
            for (uint32_t j = 0; j < LQ_WORDS; j++)
                memcpy(w + (size_t)j * 64, (const uint8_t *)&block + j * 4, 4);
        }
    return panel_at(to, n, 0);
}
#else
static __attribute__((noinline)) Panel panel_of(uint8_t *to, const uint8_t *row, size_t stride,
                                                uint32_t b0, uint32_t n) {
    Panel p = panel_at(to, n, 0);
    uint8_t *w = to + (p.w - to), *d = to;
    row += (size_t)(b0 / LQ_PER) * sizeof(BLOCK);
    for (uint32_t i = 0; i < n / LQ_PER; i++, row += sizeof(BLOCK), w += LQ_WORDS * 64) {
        const uint8_t *words = row + HTH_PANEL_WORDS_AT(sizeof(BLOCK));
        for (uint32_t k = 0; k < LQ_WORDS; k += 4) { /* the last four may overlap those before */
            uint32_t at = k + 4 <= LQ_WORDS ? k : LQ_WORDS - 4;
            I v[4];
            vi_gather4s(words + at * 4, stride, v);
            HTH_UNROLL for (uint32_t q = 0; q < 4; q++) vi_store(w + (at + q) * 64, v[q]);
        }
        const uint8_t *odd = row + HTH_PANEL_ODD_AT(sizeof(BLOCK));
        HTH_UNROLL for (uint32_t r = 0; r < 16; r++)
            memcpy(d + r * LQ_ODD, odd + r * stride, LQ_ODD);
        d += 16 * LQ_ODD;
    }
    return p;
}
#endif

/* rows x cols from (r, c) on of a. */
HTH_INLINE HthLinearArgs part(const HthLinearArgs *a, uint32_t r, uint32_t rows, uint32_t c,
                              uint32_t cols) {
    HthLinearArgs p = *a;
    p.w = (const uint8_t *)a->w + r * a->row_bytes;
    p.x = (const uint8_t *)a->x + c * a->x_stride;
    p.y = a->y + c * a->ldy + r;
    p.rows = rows;
    p.cols = cols;
    return p;
}

#ifdef HTH_ISA_amx
#include "kern/fmt/linear_amx.h"
#else

/* Machines that multiply two rows by two columns want eight of K of a row side by side. */
HTH_INLINE void panel_pair(B v[8]) {
#ifdef HTH_VEC_PAIRS
    HTH_UNROLL for (int k = 0; k < 8; k += 2) vi_pair(v[k], v[k + 1], v + k);
#else
    (void)v;
#endif
}

/* Unpacks the next n blocks of a panel. */
static __attribute__((noinline)) void panel_fill(Group *to, uint32_t p, Panel from, uint32_t n) {
    for (uint32_t g = 0; g < n; g += 8, to++, from = panel_next(from)) {
        uint32_t here = n - g < 8 ? n - g : 8;
        scales(from, here, &to->s[p]);
        for (uint32_t j = 0; j < here; j += LQ_STEP)
            HTH_UNROLL for (uint32_t lo = 0; lo < LQ_STEP; lo++) {
                B v[8];
                HTH_UNROLL for (uint32_t k = 0; k < 8; k++) v[k] = word_at(from, j, lo, k);
                panel_pair(v);
                HTH_UNROLL for (uint32_t k = 0; k < 8; k++) to->q[j + lo][k][p] = v[k];
            }
    }
}

/* Where outputs go, how many rows of them are wanted, and whether sums already run there. */
typedef struct Out {
    float *y;
    size_t ldy;
    uint32_t rows;
    bool first;
    const uint8_t *panels; /* those that follow each other from here on are fetched; NULL: none */
    size_t at; /* of the panel at hand, bytes from there */
} Out;

/* At byte `at` of neighbouring panels: n bytes more of the LQ_AHEAD after those at hand. */
HTH_INLINE void fetch_panels(const uint8_t *panels, size_t at, size_t n) {
    for (size_t here; n > 0; at += here, n -= here) {
        here = LQ_AHEAD - at % LQ_AHEAD < n ? LQ_AHEAD - at % LQ_AHEAD : n;
        hth_fetch(panels + (at / LQ_AHEAD + 1) * LQ_AHEAD, LQ_AHEAD, at % LQ_AHEAD, here);
    }
}

/* One 32-block of a panel, j + lo of its group, against NC columns. */
HTH_INLINE void few_block(uint32_t NC, Panel p, const Scales *s, uint32_t j, uint32_t lo,
                          const uint8_t *x, size_t x_stride, V acc[LQ_FEW]) {
    Sums is[LQ_FEW];
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) is[c] =
        sums_start((const HthActQ8 *)(x + c * x_stride));
    HTH_UNROLL for (uint32_t k = 0; k < 8; k++) {
        B w = word_at(p, j, lo, k);
        HTH_UNROLL for (uint32_t c = 0; c < NC; c++) {
            I *to = LQ_HALVES && k >= 4 ? &is[c].hi : &is[c].lo;
            *to = dot(*to, w, vi_bcast(x + c * x_stride + 4 * k));
        }
    }
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) acc[c] =
        block_add(acc[c], is[c], s, j + lo, (const HthActQ8 *)(x + c * x_stride));
}

/* n blocks of a panel against NC columns; x: the first of these blocks in the first column. */
HTH_INLINE void few(uint32_t NC, Panel p, uint32_t n, const uint8_t *x, size_t x_stride,
                    const Out *out) {
    V acc[LQ_FEW];
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) acc[c] =
        out->first ? vf_zero() : vf_loadn(out->y + c * out->ldy, out->rows);
    for (uint32_t g = 0; g < n; g += 8, p = panel_next(p), x += 8 * sizeof(HthActQ8)) {
        uint32_t here = n - g < 8 ? n - g : 8;
        Scales s;
        if (out->panels) fetch_panels(out->panels, out->at + g / 8 * LQ_GROUP, LQ_GROUP);
        scales(p, here, &s);
        for (uint32_t j = 0; j < here; j += LQ_STEP)
            HTH_UNROLL for (uint32_t lo = 0; lo < LQ_STEP; lo++)
                few_block(NC, p, &s, j, lo, x + (j + lo) * sizeof(HthActQ8), x_stride, acc);
        if (KIND == LQ_SUPER)
            HTH_UNROLL for (uint32_t c = 0; c < NC; c++) acc[c] =
                super_end(acc[c], &s, (const HthActQ8 *)(x + c * x_stride));
    }
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++)
        vf_storen(out->y + c * out->ldy, acc[c], out->rows);
}

#define LQ_FEW_FN(NC)                                                                              \
    static __attribute__((noinline)) void few_##NC(Panel p, uint32_t n, const uint8_t *x,          \
                                                   size_t x_stride, const Out *out) {              \
        if (NC <= LQ_FEW) few(NC, p, n, x, x_stride, out);                                         \
    }
LQ_FEW_FN(1)
LQ_FEW_FN(2)
LQ_FEW_FN(4)
LQ_FEW_FN(8)

/* Any number of columns, eight, four, two and one at a time: after the first the panel is read from
 * the cache.  rows: how many outputs from r on are wanted. */
static void few_cols(const HthLinearArgs *a, Panel p, uint32_t b, uint32_t n, uint32_t r,
                     uint32_t rows, const uint8_t *panels, size_t at) {
    uint32_t nc;
    for (uint32_t c = 0; c < a->cols; c += nc) {
        const uint8_t *x = (const uint8_t *)a->x + c * a->x_stride + b * sizeof(HthActQ8);
        Out out = { a->y + c * a->ldy + r, a->ldy, rows, b == 0, panels, at };
        panels = NULL; /* the panel is in the cache now */
        for (nc = LQ_FEW; nc > a->cols - c;) nc /= 2;
        (nc == 8 ? few_8 : nc == 4 ? few_4 : nc == 2 ? few_2 : few_1)(p, n, x, a->x_stride, &out);
    }
}

#ifdef HTH_VEC_PAIRS
/* The sums of block j: pairs of columns. */
HTH_INLINE void tile_sums(const Group *g, uint32_t j, const uint8_t *x, size_t x_stride,
                          Sums is[LQ_NC][LQ_P]) {
    _Static_assert(LQ_P == 1 && LQ_NC % 2 == 0, "one panel at a time, columns two by two");
    HTH_UNROLL for (uint32_t c = 0; c < LQ_NC; c += 2) {
        const uint8_t *xc = x + c * x_stride, *xd = xc + x_stride;
        Sums s = sums_start((const HthActQ8 *)xc), t = sums_start((const HthActQ8 *)xd);
        I lo[2], hi[2];
        vi_pair(s.lo, t.lo, lo);
        vi_pair(s.hi, t.hi, hi);
        HTH_UNROLL for (uint32_t k = 0; k < 8; k += 2) {
            const B w[2] = { g->q[j][k][0], g->q[j][k + 1][0] };
            vb_dot_pair(LQ_HALVES && k >= 4 ? hi : lo, w, xc + 4 * k, xd + 4 * k);
        }
        vi_unpair(lo, &s.lo, &t.lo);
        vi_unpair(hi, &s.hi, &t.hi);
        is[c][0] = s;
        is[c + 1][0] = t;
    }
}
#else
/* The sums of block j: one column after the other. */
HTH_INLINE void tile_sums(const Group *g, uint32_t j, const uint8_t *x, size_t x_stride,
                          Sums is[LQ_NC][LQ_P]) {
    HTH_UNROLL for (uint32_t c = 0; c < LQ_NC; c++) {
        Sums s = sums_start((const HthActQ8 *)(x + c * x_stride));
        HTH_UNROLL for (uint32_t p = 0; p < LQ_P; p++) is[c][p] = s;
    }
    HTH_UNROLL for (uint32_t k = 0; k < 8; k++) {
        B w[LQ_P];
        HTH_UNROLL for (uint32_t p = 0; p < LQ_P; p++) w[p] = g->q[j][k][p];
        HTH_UNROLL for (uint32_t c = 0; c < LQ_NC; c++) {
            B v = vi_bcast(x + c * x_stride + 4 * k);
            HTH_UNROLL for (uint32_t p = 0; p < LQ_P; p++) {
                I *to = LQ_HALVES && k >= 4 ? &is[c][p].hi : &is[c][p].lo;
                *to = dot(*to, w[p], v);
            }
        }
    }
}
#endif

/* One block of LQ_P panels x LQ_NC columns. */
HTH_INLINE void tile_block(const Group *g, uint32_t j, const uint8_t *x, size_t x_stride,
                           V acc[LQ_NC][LQ_P]) {
    Sums is[LQ_NC][LQ_P];
    tile_sums(g, j, x, x_stride, is);
    HTH_UNROLL for (uint32_t c = 0; c < LQ_NC; c++) {
        const HthActQ8 *xb = (const HthActQ8 *)(x + c * x_stride);
        HTH_UNROLL for (uint32_t p = 0; p < LQ_P; p++) acc[c][p] =
            block_add(acc[c][p], is[c][p], &g->s[p], j, xb);
    }
}

#define LQ_EACH                                                                                    \
    HTH_UNROLL for (uint32_t c = 0; c < LQ_NC; c++) HTH_UNROLL for (uint32_t p = 0; p < LQ_P; p++)

/* LQ_P panels x LQ_NC columns over n blocks; x: block 0 of the chunk in the first column. */
static __attribute__((noinline)) void tile(const Group *g, uint32_t n, const uint8_t *x,
                                           size_t x_stride, const Out *out) {
    V acc[LQ_NC][LQ_P];
    LQ_EACH acc[c][p] = out->first ? vf_zero() : vf_load(out->y + c * out->ldy + p * 16);
    for (uint32_t b = 0; b < n; b += 8, g++) {
        uint32_t here = n - b < 8 ? n - b : 8;
        for (uint32_t j = 0; j < here; j++, x += sizeof(HthActQ8))
            tile_block(g, j, x, x_stride, acc);
        if (KIND != LQ_SUPER) continue;
        const uint8_t *x0 = x - 8 * sizeof(HthActQ8);
        LQ_EACH acc[c][p] = super_end(acc[c][p], &g->s[p], (const HthActQ8 *)(x0 + c * x_stride));
    }
    LQ_EACH vf_store(out->y + c * out->ldy + p * 16, acc[c][p]);
}

/* The rows of a matrix that lies as in the file, sixteen at a time.  The last sixteen overlap those
 * before where rows are no multiple of 16: some outputs come out twice, the same.  Fewer than 16
 * rows go one by one, the row in every lane. */
typedef struct Sixteen {
    uint32_t r, rows; /* the first output, how many */
    const uint8_t *row;
    size_t stride;
} Sixteen;
HTH_INLINE Sixteen sixteen_at(const HthLinearArgs *a, uint32_t r) {
    bool alone = a->rows < 16;
    uint32_t at = alone || r + 16 <= a->rows ? r : a->rows - 16;
    const uint8_t *row = (const uint8_t *)a->w + at * a->row_bytes;
    return (Sixteen){ at, alone ? 1 : 16, row, alone ? 0 : a->row_bytes };
}

/* While 16 rows are multiplied the next 16 are fetched: a row is too short, and 16 streams too
 * many, for the machine to guess. */
static void rows_few(const HthLinearArgs *a) {
    _Alignas(64) uint8_t scratch[LQ_CHUNK_FEW / LQ_PER * sizeof(BLOCK) * 16];
    uint32_t blocks = a->k / 32, pieces = (blocks + LQ_CHUNK_FEW - 1) / LQ_CHUNK_FEW;
    const uint8_t *end = (const uint8_t *)a->w + a->rows * a->row_bytes;
    for (uint32_t r = 0; r < a->rows;) {
        Sixteen s = sixteen_at(a, r);
        r = s.r + s.rows;
        const uint8_t *next = s.row + s.rows * a->row_bytes;
        size_t left = (size_t)(end - next), all = s.rows * a->row_bytes, at = 0;
        if (left < all) all = left;
        for (uint32_t b = 0; b < blocks; b += LQ_CHUNK_FEW, at += all / pieces) {
            uint32_t n = blocks - b < LQ_CHUNK_FEW ? blocks - b : LQ_CHUNK_FEW;
            hth_fetch(next, all, at, all / pieces);
            few_cols(a, panel_of(scratch, s.row, s.stride, b, n), b, n, s.r, s.rows, NULL, 0);
        }
    }
}

static void panels_few(const HthLinearArgs *a) {
    uint32_t blocks = a->k / 32;
    const uint8_t *w = a->w;
    for (uint32_t r = 0; r < a->rows; r += 16)
        few_cols(a, panel_at(w + r * a->row_bytes, blocks, 0), 0, blocks, r, 16, w,
                 r * a->row_bytes);
}

/* Unpacks blocks b..b+n-1 of the LQ_P * 16 rows from r on. */
static void fill(const HthLinearArgs *a, bool packed, Group *to, uint32_t r, uint32_t b,
                 uint32_t n) {
    for (uint32_t p = 0; p < LQ_P; p++) {
        const uint8_t *w = (const uint8_t *)a->w + (r + p * 16) * a->row_bytes;
        _Alignas(64) uint8_t scratch[LQ_CHUNK / LQ_PER * sizeof(BLOCK) * 16];
        panel_fill(to, p,
                   packed ? panel_at(w, a->k / 32, b) : panel_of(scratch, w, a->row_bytes, b, n),
                   n);
    }
}

/* Whole tiles: rows is a multiple of 16 * LQ_P, cols of LQ_NC. */
static void linear_tiles(const HthLinearArgs *a, bool packed) {
    Group scratch[LQ_CHUNK / 8];
    uint32_t blocks = a->k / 32;
    for (uint32_t r = 0; r < a->rows; r += LQ_P * 16)
        for (uint32_t b = 0; b < blocks; b += LQ_CHUNK) {
            uint32_t n = blocks - b < LQ_CHUNK ? blocks - b : LQ_CHUNK;
            fill(a, packed, scratch, r, b, n);
            for (uint32_t c = 0; c < a->cols; c += LQ_NC) {
                const uint8_t *x = (const uint8_t *)a->x + c * a->x_stride;
                Out out = { a->y + c * a->ldy + r, a->ldy, LQ_P * 16, b == 0, NULL, 0 };
                tile(scratch, n, x + b * sizeof(HthActQ8), a->x_stride, &out);
            }
        }
}

/* Few columns, or those and the rows that fill no tile. */
static void linear_few(const HthLinearArgs *a, bool packed) {
    if (a->rows == 0 || a->cols == 0) return;
    if (packed)
        panels_few(a);
    else
        rows_few(a);
}

static void linear_many(const HthLinearArgs *a, bool packed) {
    uint32_t rows = a->rows / (LQ_P * 16) * (LQ_P * 16), cols = a->cols / LQ_NC * LQ_NC;
    HthLinearArgs whole = part(a, 0, rows, 0, cols);
    HthLinearArgs right = part(a, 0, rows, cols, a->cols - cols);
    /* Under 16 rows would go one by one: rather sixteen, some of them again (Sixteen). */
    if (rows != 0 && a->rows - rows < 16 && rows != a->rows) rows = a->rows - 16;
    HthLinearArgs below = part(a, rows, a->rows - rows, 0, a->cols);
    linear_tiles(&whole, packed);
    linear_few(&right, packed);
    linear_few(&below, packed);
}

/* Most columns that multiply words as they are read; above it unpacking once pays. */
enum { LQ_COLS_FEW = 16 };

static void linear_q(const HthLinearArgs *a, bool packed) {
    if (a->cols <= LQ_COLS_FEW)
        linear_few(a, packed);
    else
        linear_many(a, packed);
}

#define LINEAR_Q(sym)                                                                              \
    void HTH_KN(linear_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        linear_q(HTH_LINEAR_ARGS, false);                                                          \
    }                                                                                              \
    void HTH_KN(panels_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        linear_q(HTH_LINEAR_ARGS, true);                                                           \
    }
/* Of a format without panels. */
#define LINEAR_ROWS(sym)                                                                           \
    void HTH_KN(linear_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        linear_q(HTH_LINEAR_ARGS, false);                                                          \
    }

#endif
