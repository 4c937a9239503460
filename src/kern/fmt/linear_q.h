/* linear_q.h - the fast product with quantised weights: included by the speed half of a format.
 *
 * Before including, the format defines:
 *   KIND           one of LQ_PLAIN LQ_OFFSET LQ_SUPER LQ_DUAL LQ_DUALMIN (HthKind's meanings)
 *   SHIFT          weights come as bytes offset by 1 << SHIFT, unsigned and below 64; LQ_NONE: no
 *                  offset; LQ_SIGNED: int8
 * and after including, and before LINEAR_Q(symbol):
 *   row64(row, b, c)       blocks b and c of a row as 64 bytes: b is even, c is b + 1, or b again
 *                          at the end of a row with an odd number of blocks
 *   scales(rows, b, n, s)  scales of blocks b..b+n-1 of 16 rows
 *
 * Two paths, the same bits.  Few columns: each row's blocks are multiplied where they lie, and the
 * lane sums of 16 rows are added as integers into one lane per row.  Many columns: panels of 16
 * rows are transposed once into scratch, four bytes of K by 16 rows to a vector, and all columns
 * use them.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"
#include "kern/vec/vec.h"

#define LQ_PLAIN   0
#define LQ_OFFSET  1
#define LQ_SUPER   2
#define LQ_DUAL    3
#define LQ_DUALMIN 4
#define LQ_SIGNED  (-1)
#define LQ_NONE    (-2)
#define LQ_IS_K    (KIND == LQ_SUPER || LQ_IS_DUAL) /* blocks come in eights */
#define LQ_IS_DUAL (KIND == LQ_DUAL || KIND == LQ_DUALMIN)

/* Fewest columns that pay for a panel; blocks of K per panel; panels and columns per tile. */
enum { LQ_COLS_MIN = 3, LQ_CHUNK = 64 };
enum { LQ_P = HTH_VEC_ROOM < 32 ? 1 : 2 };
#ifdef HTH_VEC_PAIRS
enum { LQ_NC = LQ_IS_DUAL ? 2 : 4 };
#else
enum { LQ_NC = LQ_P * (LQ_IS_DUAL ? 2 : 3) };
#endif

/* Scales of up to 8 blocks of 16 rows, one row per lane. */
typedef struct Scales {
    V d[8]; /* DUAL, DUALMIN: d[0] only */
#if KIND == LQ_OFFSET
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

HTH_INLINE B row64(const uint8_t *row, uint32_t b, uint32_t c);
HTH_INLINE void scales(const uint8_t *const rows[16], uint32_t b, uint32_t n, Scales *s);

#if KIND == LQ_SUPER
/* head[0]: d and dmin; head[1..3]: the twelve bytes of hth_fmt_scale6, four to a lane. */
HTH_INLINE void super_scales(const I head[4], Scales *s) {
    I m6 = vi_set1(0x3f3f3f3f), m4 = vi_set1(0x0f0f0f0f), top = vi_set1(0x30303030);
    I pair = vi_set1(0x00ff00ff), a = head[1], b = head[2], c = head[3];
    I sc[2] = { vi_and(a, m6), vi_or(vi_and(c, m4), vi_and(vi_srl(a, 2), top)) };
    I mn[2] = { vi_and(b, m6), vi_or(vi_and(vi_srl(c, 4), m4), vi_and(vi_srl(b, 2), top)) };
    V d = vf_half_lo(head[0]);
    HTH_UNROLL for (int j = 0; j < 8; j++) s->d[j] = vf_mul(d, vf_i(vi_byte(sc[j / 4], j % 4)));
    /* Bytes (m0,m1,m2,m3) become int16 pairs (m0,m1) and (m2,m3). */
    HTH_UNROLL for (int i = 0; i < 2; i++) {
        I even = vi_and(mn[i], pair), odd = vi_and(vi_srl(mn[i], 8), pair);
        I low = vi_set1(0xffff);
        s->mn[2 * i] = vi_or(vi_and(even, low), vi_sll(odd, 16));
        s->mn[2 * i + 1] = vi_or(vi_srl(even, 16), vi_sll(vi_srl(odd, 16), 16));
    }
    s->dmin = vf_half_hi(head[0]);
}
#endif

/* What takes back the offset of the weights, for the activations whose sum is s. */
HTH_INLINE I unoffset(I s) {
    return SHIFT == LQ_NONE     ? vi_zero()
           : SHIFT == LQ_SIGNED ? vb_dots_init(s)
                                : vi_sub(vi_zero(), vi_sll(s, SHIFT < 0 ? 0 : SHIFT));
}
HTH_INLINE Sums sums_start(const HthActQ8 *x) {
    if (!LQ_IS_DUAL) return (Sums){ unoffset(vi_bcast(&x->sum)), vi_zero() };
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

/* Up to 8 blocks of 16 rows against one column: lane sums, four rows to a vector. */
HTH_INLINE void group_dots(const uint8_t *const rows[16], uint32_t g, uint32_t n, const HthActQ8 *x,
                           I t[4][4]) {
    HTH_UNROLL for (int i = 0; i < 4; i++) {
        const uint8_t *const *r = rows + 4 * i;
        HTH_UNROLL for (uint32_t j = 0; j < 8; j += 2) {
            uint32_t b = g + j, c = j + 1 < n ? b + 1 : b;
            if (j >= n) {
                t[j / 2][i] = vi_zero();
                continue;
            }
            B xs = vb_load2(x[b].q, x[c].q);
            I d[4];
            HTH_UNROLL for (int k = 0; k < 4; k++) {
                B w = row64(r[k], b, c);
                d[k] = dot(vi_zero(), SHIFT == LQ_SIGNED ? vb_wide(w) : w, xs);
            }
            t[j / 2][i] = vi_hadd4(d[0], d[1], d[2], d[3]);
        }
    }
}

/* The two blocks of a pair from their quarter sums. */
HTH_INLINE void pair_sums(const I t[4], const HthActQ8 *x, const HthActQ8 *y, Sums out[2]) {
    I quad[4];
    vi_lanes4(t, quad);
    Sums a = sums_start(x), b = sums_start(y);
    if (LQ_IS_DUAL) {
        out[0] = (Sums){ vi_add(a.lo, quad[0]), vi_add(a.hi, quad[1]) };
        out[1] = (Sums){ vi_add(b.lo, quad[2]), vi_add(b.hi, quad[3]) };
    } else {
        out[0] = (Sums){ vi_add(a.lo, vi_add(quad[0], quad[1])), vi_zero() };
        out[1] = (Sums){ vi_add(b.lo, vi_add(quad[2], quad[3])), vi_zero() };
    }
}

/* 16 rows against one column; ahead: what to fetch meanwhile, ahead_n bytes per group. */
HTH_INLINE V rows_dot(const uint8_t *const rows[16], uint32_t blocks, const HthActQ8 *x,
                      const uint8_t *ahead, size_t ahead_n) {
    V acc = vf_zero();
    for (uint32_t g = 0; g < blocks; g += 8) {
        uint32_t n = LQ_IS_K || blocks - g >= 8 ? 8 : blocks - g;
        Scales s;
        I t[4][4];
        for (size_t i = 0; i < ahead_n; i += 64) __builtin_prefetch(ahead + i);
        ahead += ahead_n;
        group_dots(rows, g, n, x, t);
        scales(rows, g, n, &s);
        HTH_UNROLL for (uint32_t j = 0; j < 8; j += 2) {
            if (j >= n) break;
            const HthActQ8 *xb = x + g + j, *xc = j + 1 < n ? xb + 1 : xb;
            Sums is[2];
            pair_sums(t[j / 2], xb, xc, is);
            acc = block_add(acc, is[0], &s, j, xb);
            if (xc != xb) acc = block_add(acc, is[1], &s, j + 1, xc);
        }
        acc = super_end(acc, &s, x + g);
    }
    return acc;
}

/* Machines that multiply two rows by two columns want eight of K of a row side by side. */
HTH_INLINE void panel_pair(B v[16]) {
#ifdef HTH_VEC_PAIRS
    HTH_UNROLL for (int k = 0; k < 16; k += 2) vi_pair(v[k], v[k + 1], v + k);
#else
    (void)v;
#endif
}

/* Blocks b0..b0+n-1 of a panel, transposed. */
static void panel_fill(Group *to, uint32_t p, const uint8_t *const rows[16], uint32_t b0,
                       uint32_t n) {
    for (uint32_t g = 0; g < n; g += 8, to++) {
        uint32_t here = n - g < 8 ? n - g : 8;
        scales(rows, b0 + g, here, &to->s[p]);
        for (uint32_t j = 0; j < here; j += 2) {
            uint32_t b = b0 + g + j, c = j + 1 < here ? b + 1 : b;
            B v[16];
            HTH_UNROLL for (int r = 0; r < 16; r++) {
                v[r] = row64(rows[r], b, c);
                if (SHIFT == LQ_SIGNED) v[r] = vb_wide(v[r]);
            }
            vi_transpose(v);
            panel_pair(v);
            HTH_UNROLL for (int k = 0; k < 8; k++) to->q[j][k][p] = v[k];
            if (c != b) HTH_UNROLL for (int k = 0; k < 8; k++) to->q[j + 1][k][p] = v[8 + k];
        }
    }
}

/* Where a tile's outputs go: rows left in the panels, and whether sums already run there. */
typedef struct Out {
    float *y;
    size_t ldy;
    uint32_t rows;
    bool first;
} Out;

HTH_INLINE uint32_t lanes(uint32_t rows, uint32_t p) {
    return rows <= p * 16 ? 0 : rows - p * 16 < 16 ? rows - p * 16 : 16;
}

#ifdef HTH_VEC_PAIRS
/* The sums of block j: pairs of columns, the last by itself twice if they are odd. */
HTH_INLINE void tile_sums(uint32_t P, uint32_t NC, const Group *g, uint32_t j, const uint8_t *x,
                          size_t x_stride, Sums is[LQ_NC][LQ_P]) {
    _Static_assert(LQ_P == 1, "one panel at a time");
    (void)P;
    HTH_UNROLL for (uint32_t c = 0; c < NC; c += 2) {
        uint32_t d = c + 1 < NC ? c + 1 : c;
        const uint8_t *xc = x + c * x_stride, *xd = x + d * x_stride;
        Sums s = sums_start((const HthActQ8 *)xc), t = sums_start((const HthActQ8 *)xd);
        I lo[2], hi[2];
        vi_pair(s.lo, t.lo, lo);
        vi_pair(s.hi, t.hi, hi);
        HTH_UNROLL for (uint32_t k = 0; k < 8; k += 2) {
            const B w[2] = { g->q[j][k][0], g->q[j][k + 1][0] };
            vb_dot_pair(LQ_IS_DUAL && k >= 4 ? hi : lo, w, xc + 4 * k, xd + 4 * k);
        }
        vi_unpair(lo, &s.lo, &t.lo);
        vi_unpair(hi, &s.hi, &t.hi);
        is[c][0] = s;
        if (d != c) is[d][0] = t;
    }
}
#else
/* The sums of block j: one column after the other. */
HTH_INLINE void tile_sums(uint32_t P, uint32_t NC, const Group *g, uint32_t j, const uint8_t *x,
                          size_t x_stride, Sums is[LQ_NC][LQ_P]) {
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) {
        Sums s = sums_start((const HthActQ8 *)(x + c * x_stride));
        HTH_UNROLL for (uint32_t p = 0; p < P; p++) is[c][p] = s;
    }
    HTH_UNROLL for (uint32_t k = 0; k < 8; k++) {
        B w[LQ_P];
        HTH_UNROLL for (uint32_t p = 0; p < P; p++) w[p] = g->q[j][k][p];
        HTH_UNROLL for (uint32_t c = 0; c < NC; c++) {
            B v = vi_bcast(x + c * x_stride + 4 * k);
            HTH_UNROLL for (uint32_t p = 0; p < P; p++) {
                I *to = LQ_IS_DUAL && k >= 4 ? &is[c][p].hi : &is[c][p].lo;
                *to = dot(*to, w[p], v);
            }
        }
    }
}
#endif

/* One block of P panels x NC columns. */
HTH_INLINE void tile_block(uint32_t P, uint32_t NC, const Group *g, uint32_t j, const uint8_t *x,
                           size_t x_stride, V acc[LQ_NC][LQ_P]) {
    Sums is[LQ_NC][LQ_P];
    tile_sums(P, NC, g, j, x, x_stride, is);
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) {
        const HthActQ8 *xb = (const HthActQ8 *)(x + c * x_stride);
        HTH_UNROLL for (uint32_t p = 0; p < P; p++) acc[c][p] =
            block_add(acc[c][p], is[c][p], &g->s[p], j, xb);
    }
}

/* P panels x NC columns over n blocks; x: block 0 of the chunk in the first column. */
HTH_INLINE void tile(uint32_t P, uint32_t NC, const Group *g, uint32_t n, const uint8_t *x,
                     size_t x_stride, const Out *out) {
    V acc[LQ_NC][LQ_P];
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) HTH_UNROLL for (uint32_t p = 0; p < P; p++) {
        const float *y = out->y + c * out->ldy + p * 16;
        acc[c][p] = out->first ? vf_zero() : vf_loadn(y, lanes(out->rows, p));
    }
    for (uint32_t b = 0; b < n; b += 8, g++) {
        uint32_t here = n - b < 8 ? n - b : 8;
        for (uint32_t j = 0; j < here; j++, x += sizeof(HthActQ8))
            tile_block(P, NC, g, j, x, x_stride, acc);
        if (KIND == LQ_SUPER)
            HTH_UNROLL for (uint32_t c = 0; c < NC; c++) HTH_UNROLL for (uint32_t p = 0; p < P; p++)
                acc[c][p] = super_end(acc[c][p], &g->s[p],
                                      (const HthActQ8 *)(x - 8 * sizeof(HthActQ8) + c * x_stride));
    }
    HTH_UNROLL for (uint32_t c = 0; c < NC; c++) HTH_UNROLL for (uint32_t p = 0; p < P; p++)
        vf_storen(out->y + c * out->ldy + p * 16, acc[c][p], lanes(out->rows, p));
}

#define LQ_TILE(P, NC)                                                                             \
    static __attribute__((noinline)) void tile_##P##_##NC(                                         \
        const Group *g, uint32_t n, const uint8_t *x, size_t x_stride, const Out *out) {           \
        if (P <= LQ_P && NC <= LQ_NC) tile(P, NC, g, n, x, x_stride, out);                         \
    }
typedef void TileFn(const Group *g, uint32_t n, const uint8_t *x, size_t x_stride, const Out *out);
/* clang-format off */
LQ_TILE(1, 1) LQ_TILE(1, 2) LQ_TILE(1, 3) LQ_TILE(1, 4) LQ_TILE(1, 5) LQ_TILE(1, 6)
LQ_TILE(2, 1) LQ_TILE(2, 2) LQ_TILE(2, 3) LQ_TILE(2, 4) LQ_TILE(2, 5) LQ_TILE(2, 6)
static TileFn *const tiles[2][6] = {
    { tile_1_1, tile_1_2, tile_1_3, tile_1_4, tile_1_5, tile_1_6 },
    { tile_2_1, tile_2_2, tile_2_3, tile_2_4, tile_2_5, tile_2_6 },
};
/* clang-format on */

/* Row pointers of a panel; past the last row they repeat it, and the lane is not stored. */
HTH_INLINE void rows_of(const HthLinearArgs *a, uint32_t r, const uint8_t *rows[16]) {
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t at = r + i < a->rows ? r + i : a->rows - 1;
        rows[i] = (const uint8_t *)a->w + at * a->row_bytes;
    }
}

/* While 16 rows are multiplied the next 16 are fetched in address order: a row is too short, and
 * 16 streams too many, for the machine to guess. */
static void linear_few(const HthLinearArgs *a) {
    uint32_t groups = (a->k / 32 + 7) / 8;
    for (uint32_t r = 0; r < a->rows; r += 16) {
        const uint8_t *rows[16];
        size_t left = a->rows - r > 16 ? (a->rows - r - 16) * a->row_bytes : 0;
        size_t ahead_n = (left < 16 * a->row_bytes ? left : 16 * a->row_bytes) / groups;
        rows_of(a, r, rows);
        for (uint32_t c = 0; c < a->cols; c++) {
            const uint8_t *x = (const uint8_t *)a->x + c * a->x_stride;
            V acc = rows_dot(rows, a->k / 32, (const HthActQ8 *)x, rows[0] + 16 * a->row_bytes,
                             c == 0 ? ahead_n : 0);
            vf_storen(a->y + c * a->ldy + r, acc, lanes(a->rows - r, 0));
        }
    }
}

static void linear_many(const HthLinearArgs *a) {
    Group scratch[LQ_CHUNK / 8];
    uint32_t blocks = a->k / 32;
    for (uint32_t r = 0; r < a->rows; r += LQ_P * 16) {
        uint32_t panels = a->rows - r > 16 ? LQ_P : 1;
        for (uint32_t b = 0; b < blocks; b += LQ_CHUNK) {
            uint32_t n = blocks - b < LQ_CHUNK ? blocks - b : LQ_CHUNK;
            for (uint32_t p = 0; p < panels; p++) {
                const uint8_t *rows[16];
                rows_of(a, r + p * 16, rows);
                panel_fill(scratch, p, rows, b, n);
            }
            for (uint32_t c = 0; c < a->cols; c += LQ_NC) {
                uint32_t nc = a->cols - c < LQ_NC ? a->cols - c : LQ_NC;
                const uint8_t *x = (const uint8_t *)a->x + c * a->x_stride;
                Out out = { a->y + c * a->ldy + r, a->ldy, a->rows - r, b == 0 };
                tiles[panels - 1][nc - 1](scratch, n, x + b * sizeof(HthActQ8), a->x_stride, &out);
            }
        }
    }
}

#define LINEAR_Q(sym)                                                                              \
    void HTH_KN(linear_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        const HthLinearArgs *a = HTH_LINEAR_ARGS;                                                  \
        if (rows == 0 || cols == 0) return;                                                        \
        if (cols < LQ_COLS_MIN)                                                                    \
            linear_few(a);                                                                         \
        else                                                                                       \
            linear_many(a);                                                                        \
    }
