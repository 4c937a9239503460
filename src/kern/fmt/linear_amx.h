/* linear_amx.h - the product of many columns in matrix tiles: the end of linear_q.h in tier amx.
 *
 * A panel's words are a tile of weights as they are, 16 columns of activations are the other, and
 * their product is one block's integer sums, a vector of 16 rows for each column.  The tile unit
 * has 16 cycles of work per block, the vector unit 24 or more (convert, scale, fma), and the sums
 * reach it through memory: so a block is multiplied, stored AX_LAG blocks later, and folded into
 * the accumulators one block after that, so that neither need wait for the other.  Measured, they
 * hardly overlap all the same; why is not known (docs/adr/0008-matrix-tiles.md).  Weights are
 * unpacked once for all columns.  Few columns, and rows that fill no panel, are the next lower
 * tier's.  Bits: the sums are integers; the float operations are those of HthKind, in order.
 *
 * Thread: any. */
#include "kern/vec/tile.h"

_Static_assert(!LQ_IS_DUAL, "one scale to 32 weights");

/* AX_COLS_MIN: fewest columns that pay. AX_PANELS panels of LQ_CHUNK blocks are unpacked at a
 * time; AX_RING blocks' sums are on their way. */
enum { AX_COLS_MIN = 48, AX_COLS = 16, AX_PANELS = 16, AX_LAG = 3, AX_RING = AX_LAG + 1 };

/* Up to 8 blocks of a panel. */
typedef struct Slab {
    B q[8][8]; /* block, four of K; int8 */
#if KIND == LQ_SUPER
    I mn[8]; /* minus the minimum of block k, as two equal bfloat16 */
#endif
    Scales s;
} Slab;

/* 16 columns, LQ_CHUNK blocks of each; columns that are not there are zeros. */
typedef struct Cols {
    int8_t q[LQ_CHUNK][AX_COLS][32];
    float d[LQ_CHUNK][AX_COLS];
#if KIND == LQ_OFFSET
    float d_sum[LQ_CHUNK][AX_COLS];
#endif
#if KIND == LQ_SUPER
    I mins[LQ_CHUNK / 8][AX_COLS]; /* bfloat16 pairs: the high and the low byte of mins[k] */
    float min_scale[LQ_CHUNK / 8][AX_COLS];
#endif
} Cols __attribute__((aligned(64)));

/* Sums on their way from the tiles, a vector per column. */
typedef struct Ring {
    I sum[AX_RING][AX_COLS];
#if KIND == LQ_SUPER
    V mins[2][AX_COLS];
#endif
} Ring __attribute__((aligned(4096)));

/* ---- weights -------------------------------------------------------------------------------- */

/* The offset comes off here: |q| <= 128, and tiles multiply signed bytes. */
HTH_INLINE B ax_signed(B w) {
    return SHIFT > 0 ? vb_sub1(w, (int8_t)(1 << (SHIFT > 0 ? SHIFT : 0))) : w;
}

/* An integer of at most 8 bits is a bfloat16 exactly, the high half of its float. */
HTH_INLINE void ax_minima(Slab *to) {
#if KIND == LQ_SUPER
    HTH_UNROLL for (int k = 0; k < 8; k++) {
        I pair = to->s.mn[k / 2], one = k % 2 ? vi_srl(pair, 16) : vi_and(pair, vi_set1(0xffff));
        I bits = vi_bits(vf_i(vi_sub(vi_zero(), one)));
        to->mn[k] = vi_or(bits, vi_srl(bits, 16));
    }
#else
    (void)to;
#endif
}

/* Unpacks the next n blocks of a panel. */
static __attribute__((noinline)) void slabs_fill(Slab *to, Panel from, uint32_t n) {
    for (uint32_t g = 0; g < n; g += 8, to++, from = panel_next(from)) {
        uint32_t here = n - g < 8 ? n - g : 8;
        scales(from, here, &to->s);
        ax_minima(to);
        for (uint32_t j = 0; j < here; j += LQ_STEP)
            HTH_UNROLL for (uint32_t lo = 0; lo < LQ_STEP; lo++)
                HTH_UNROLL for (uint32_t k = 0; k < 8; k++)
                    to->q[j + lo][k] = ax_signed(word_of(from, j, lo, k));
    }
}

/* ---- activations ---------------------------------------------------------------------------- */

/* mins[k] of 16 columns: 256 * high + low, both exact in bfloat16; their products with 6 bits and
 * the sums of those (see HthKind) fit 24 bits. */
HTH_INLINE void cols_mins(Cols *to, const uint8_t *const at[AX_COLS], uint32_t b) {
#if KIND == LQ_SUPER
    I pair[4], v[16];
    vi_gather4(at, pair);
    HTH_UNROLL for (int k = 0; k < 8; k++) {
        I m = k % 2 ? vi_sra(pair[k / 2], 16) : vi_sra(vi_sll(pair[k / 2], 16), 16);
        I low = vi_and(m, vi_set1(255)), high = vi_sub(m, low);
        v[k] = vi_or(vi_bits(vf_i(low)), vi_srl(vi_bits(vf_i(high)), 16));
        v[8 + k] = vi_zero();
    }
    vi_transpose(v);
    HTH_UNROLL for (int c = 0; c < AX_COLS; c++) to->mins[b / 8][c] = v[c];
#else
    (void)to, (void)at, (void)b;
#endif
}

HTH_INLINE void cols_one(Cols *to, const HthActQ8 *x, uint32_t c, uint32_t b) {
    memcpy(to->q[b][c], x->q, 32);
    to->d[b][c] = x->d;
#if KIND == LQ_OFFSET
    to->d_sum[b][c] = x->d * (float)x->sum;
#endif
#if KIND == LQ_SUPER
    if (b % 8 == 0) to->min_scale[b / 8][c] = x->min_scale;
#endif
}

/* cols columns of n blocks. */
static void cols_fill(Cols *to, const uint8_t *x, size_t x_stride, uint32_t cols, uint32_t n) {
    static const HthActQ8 none;
    for (uint32_t b = 0; b < n; b++)
        for (uint32_t c = 0; c < AX_COLS; c++)
            cols_one(to, c < cols ? (const HthActQ8 *)(x + c * x_stride) + b : &none, c, b);
    for (uint32_t b = 0; KIND == LQ_SUPER && b < n; b += 8) {
        const uint8_t *at[AX_COLS];
        for (uint32_t c = 0; c < AX_COLS; c++)
            at[c] = (const uint8_t *)(c < cols ? (const HthActQ8 *)(x + c * x_stride) + b : &none)
                        ->mins;
        cols_mins(to, at, b);
    }
}

/* ---- multiply, store, fold ------------------------------------------------------------------ */

/* i, the place in the ring, is a number: it says which registers. */
#define AX_DOTS(i, w, x)                                                                           \
    tile_load(t, 4 + (i) % 2, (x), 32);                                                            \
    tile_load(t, 6 + (i) % 2, (w), 64);                                                            \
    tile_zero(t, (i));                                                                             \
    tile_dots(t, (i), 4 + (i) % 2, 6 + (i) % 2)
#define AX_STORE(i) tile_store(t, (i), ring->sum[i])

/* The sums of the minima of the superblock that ends with block b; register 0 is free. */
HTH_INLINE void ax_mins(Tiles *t, const Slab *w, const Cols *x, uint32_t b, Ring *to) {
#if KIND == LQ_SUPER
    tile_load(t, 4, x->mins[b / 8], 64);
    tile_load(t, 6, w->mn, 64);
    tile_zero(t, 0);
    tile_dotb(t, 0, 4, 6);
    tile_store(t, 0, to->mins[b / 8 % 2]);
#else
    (void)t, (void)w, (void)x, (void)b, (void)to;
#endif
}

/* Adds block b to every column; i: where its sums are. */
HTH_INLINE void ax_fold(V acc[AX_COLS], const Slab *w, const Ring *ring, const Cols *x, uint32_t b,
                        uint32_t i) {
    const Scales *s = &w->s;
    HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) {
        V dx = vf_set1(x->d[b][c]), sum = vf_i(ring->sum[i][c]);
        acc[c] = vf_fma(sum, vf_mul(s->d[b % 8], dx), acc[c]);
#if KIND == LQ_OFFSET
        acc[c] = vf_fma(s->m[b % 8], vf_set1(x->d_sum[b][c]), acc[c]);
#endif
    }
#if KIND == LQ_SUPER
    if (b % 8 == 7) HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) {
            V scale = vf_mul(s->dmin, vf_set1(x->min_scale[b / 8][c]));
            acc[c] = vf_fma(ring->mins[b / 8 % 2][c], scale, acc[c]);
        }
#endif
}

/* One block of each stage: at + i is multiplied, the one AX_LAG before it stored, the one before
 * that folded.  inner: all of them are there; else blocks outside 0..n-1, which wrap or are past n,
 * are left out. */
#define AX_TURN(i)                                                                                 \
    if (inner || at + (i) < n) {                                                                   \
        const uint8_t *ahead = next + (at + (i)) * sizeof(HthActQ8);                               \
        __builtin_prefetch(ahead, 0, 2);                                                           \
        __builtin_prefetch(ahead + next_stride, 0, 2);                                             \
        AX_DOTS(i, w[(at + (i)) / 8].q[(at + (i)) % 8], x->q[at + (i)]);                           \
    }                                                                                              \
    if (inner || at + (i)-AX_LAG < n) {                                                            \
        AX_STORE(((i) + 1) % AX_RING);                                                             \
    }                                                                                              \
    if (KIND == LQ_SUPER && (i) == 3 && (at + (i)) % 8 == 7 && (inner || at + (i) < n))            \
        ax_mins(t, &w[at / 8], x, at, ring);                                                       \
    if (inner || at + (i)-AX_RING < n)                                                             \
        ax_fold(acc, &w[(at + (i)-AX_RING) / 8], ring, x, at + (i)-AX_RING, (i));

HTH_INLINE void ax_turns(Tiles *t, const Slab *w, uint32_t at, uint32_t n, bool inner,
                         const Cols *x, Ring *ring, const uint8_t *next, size_t next_stride,
                         V acc[AX_COLS]) {
    AX_TURN(0)
    AX_TURN(1)
    AX_TURN(2)
    AX_TURN(3)
}

/* A panel x 16 columns over n blocks; cols: how many of the columns are real; first: no sums run in
 * y.  Meanwhile two of the next 16 columns, at next, are fetched. */
static __attribute__((noinline)) void ax_tile(Tiles *t, const Slab *w, uint32_t n, const Cols *x,
                                              Ring *ring, uint32_t cols, float *y, size_t ldy,
                                              bool first, const uint8_t *next, size_t next_stride) {
    V acc[AX_COLS];
    uint32_t at = 0;
    HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) {
        acc[c] = first || c >= cols ? vf_zero() : vf_load(y + c * ldy);
    }
    ax_turns(t, w, at, n, false, x, ring, next, next_stride, acc);
    for (at += AX_RING; at + AX_RING <= n; at += AX_RING)
        ax_turns(t, w, at, n, true, x, ring, next, next_stride, acc);
    for (; at < n + AX_RING; at += AX_RING)
        ax_turns(t, w, at, n, false, x, ring, next, next_stride, acc);
    HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) if (c < cols) vf_store(y + c * ldy, acc[c]);
}

/* ---- a matrix -------------------------------------------------------------------------------- */

/* Blocks b..b+n-1 of the 16 rows from r on. */
static void ax_panel(const HthLinearArgs *a, bool packed, Slab *to, uint32_t r, uint32_t b,
                     uint32_t n) {
    const uint8_t *w = (const uint8_t *)a->w + r * a->row_bytes;
    _Alignas(64) uint8_t scratch[LQ_CHUNK / LQ_PER * sizeof(BLOCK) * 16];
    slabs_fill(to, packed ? panel_at(w, a->k / 32, b) : panel_of(scratch, w, a->row_bytes, b, n),
               n);
}

/* n blocks from b on of `panels` unpacked panels, whose first row is r, with all columns. */
static void ax_cols(const HthLinearArgs *a, Slab panel[][LQ_CHUNK / 8], uint32_t panels, Tiles *t,
                    uint32_t r, uint32_t b, uint32_t n) {
    Cols x;
    Ring ring;
    for (uint32_t c = 0; c < a->cols; c += AX_COLS) {
        uint32_t cols = a->cols - c < AX_COLS ? a->cols - c : AX_COLS;
        const uint8_t *x0 = (const uint8_t *)a->x + c * a->x_stride + b * sizeof(HthActQ8);
        cols_fill(&x, x0, a->x_stride, cols, n);
        for (uint32_t p = 0; p < panels; p++)
            ax_tile(t, panel[p], n, &x, &ring, cols, a->y + c * a->ldy + r + p * 16, a->ldy, b == 0,
                    x0 + (AX_COLS + 2 * p) * a->x_stride, a->x_stride);
    }
}

/* a->rows is a multiple of 16. */
static void linear_tiles(const HthLinearArgs *a, bool packed) {
    Slab panel[AX_PANELS][LQ_CHUNK / 8];
    Tiles t;
    uint32_t blocks = a->k / 32;
    tile_begin(&t);
    for (uint32_t r = 0; r < a->rows; r += AX_PANELS * 16) {
        uint32_t panels = (a->rows - r) / 16;
        if (panels > AX_PANELS) panels = AX_PANELS;
        for (uint32_t b = 0; b < blocks; b += LQ_CHUNK) {
            uint32_t n = blocks - b < LQ_CHUNK ? blocks - b : LQ_CHUNK;
            for (uint32_t p = 0; p < panels; p++) ax_panel(a, packed, panel[p], r + p * 16, b, n);
            ax_cols(a, panel, panels, &t, r, b, n);
        }
    }
    tile_end(&t);
}

static void linear_amx(const HthLinearArgs *a, bool packed, HthLinearFn *lower) {
    bool few = a->cols < AX_COLS_MIN || a->rows < 16;
    HthLinearArgs whole = part(a, 0, a->rows / 16 * 16, 0, a->cols), rest = *a;
    if (!few) linear_tiles(&whole, packed);
    if (!few && whole.rows == a->rows) return;
    /* The last sixteen overlap those before: some outputs come out twice, the same. */
    if (!few) rest = part(a, a->rows - 16, 16, 0, a->cols);
    lower(rest.w, rest.row_bytes, rest.rows, rest.k, rest.x, rest.x_stride, rest.cols, rest.y,
          rest.ldy);
}

#ifdef HTH_TILE_EMULATED
#define AX_LOWER(name) HTH_KN_(name, avx2)
#else
#define AX_LOWER(name) HTH_KN_(name, avx512vnni)
#endif
#define LINEAR_Q(sym)                                                                              \
    void HTH_KN(linear_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        linear_amx(HTH_LINEAR_ARGS, false, AX_LOWER(linear_##sym));                                \
    }                                                                                              \
    void HTH_KN(panels_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        linear_amx(HTH_LINEAR_ARGS, true, AX_LOWER(panels_##sym));                                 \
    }
