/* linear_amx.h - the product of many columns in matrix tiles: the end of linear_q.h in tier amx.
 *
 * A panel's words are a tile of weights as they are, 16 columns of activations are the other, and
 * their product is one block's integer sums, a vector of 16 rows for each column.  They reach the
 * vector unit through memory, and there is what bounds the speed: storing a tile takes 32 of the
 * vector unit's slots and folding it into the accumulators (convert, scale, fma) 48, at two a
 * cycle.  A tile stored right after its product waits for it, 52 cycles: so a block is stored
 * AX_LAG blocks later.  Weights are unpacked once for all columns, LQ_CHUNK blocks at a time.  Few
 * columns, and rows that fill no panel, are the next lower tier's.  Bits: the sums are integers;
 * the float operations are those of HthKind, in order.
 *
 * Thread: any. */
#include "kern/vec/tile.h"

_Static_assert(!LQ_IS_DUAL, "one scale to 32 weights");

/* AX_COLS_MIN: fewest columns that pay. AX_PANELS panels of LQ_CHUNK blocks are unpacked at a
 * time; AX_SUMS blocks' sums are in tiles. */
enum { AX_COLS_MIN = 48, AX_COLS = 16, AX_PANELS = 16, AX_LAG = 3, AX_SUMS = AX_LAG + 1 };

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

/* The sums of a block on their way from a tile, a vector per column. */
typedef struct Out16 {
    I sum[AX_COLS];
#if KIND == LQ_SUPER
    V mins[AX_COLS];
#endif
} Out16;

/* ---- weights -------------------------------------------------------------------------------- */

/* The offset comes off here: |q| <= 128, and tiles multiply signed bytes. */
HTH_INLINE B ax_signed(B w) {
    return SHIFT >= 0 ? vb_sub1(w, (int8_t)(1 << (SHIFT >= 0 ? SHIFT : 0))) : w;
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

/* i, the block's place among AX_SUMS, is a number: it says which register. */
#define AX_DOTS(i, w, x)                                                                           \
    tile_load(t, TILE_X, (x), 32);                                                                 \
    tile_load(t, TILE_W, (w), 64);                                                                 \
    tile_zero(t, (i));                                                                             \
    tile_dots(t, (i), TILE_X, TILE_W)

/* The sums of the minima of the superblock that ends with block b. */
HTH_INLINE void ax_mins(Tiles *t, const Slab *w, const Cols *x, uint32_t b) {
#if KIND == LQ_SUPER
    tile_load(t, TILE_X, x->mins[b / 8], 64);
    tile_load(t, TILE_W, w->mn, 64);
    tile_zero(t, TILE_MORE);
    tile_dotb(t, TILE_MORE, TILE_X, TILE_W);
#else
    (void)t, (void)w, (void)x, (void)b;
#endif
}

/* Adds block b, whose sums are in out, to every column. */
HTH_INLINE void ax_fold(Tiles *t, V acc[AX_COLS], const Slab *w, Out16 *out, const Cols *x,
                        uint32_t b) {
    const Scales *s = &w->s;
    HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) {
        V dx = vf_set1(x->d[b][c]), sum = vf_i(out->sum[c]);
        acc[c] = vf_fma(sum, vf_mul(s->d[b % 8], dx), acc[c]);
#if KIND == LQ_OFFSET
        acc[c] = vf_fma(s->m[b % 8], vf_set1(x->d_sum[b][c]), acc[c]);
#endif
    }
#if KIND == LQ_SUPER
    if (b % 8 != 7) return;
    tile_store(t, TILE_MORE, out->mins);
    HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) {
        V scale = vf_mul(s->dmin, vf_set1(x->min_scale[b / 8][c]));
        acc[c] = vf_fma(out->mins[c], scale, acc[c]);
    }
#else
    (void)t;
#endif
}

/* Multiplies block at + i; stores and folds the one AX_LAG before.  inner: both are there; else
 * blocks outside 0..n-1, which wrap or are past n, are left out. */
#define AX_TURN(i)                                                                                 \
    if (inner || at + (i) < n) {                                                                   \
        AX_DOTS(i, w[(at + (i)) / 8].q[(at + (i)) % 8], x->q[at + (i)]);                           \
        if (KIND == LQ_SUPER && (i) == 3 && (at + (i)) % 8 == 7) ax_mins(t, &w[at / 8], x, at);    \
    }                                                                                              \
    if (inner || at + (i)-AX_LAG < n) {                                                            \
        tile_store(t, ((i) + 1) % AX_SUMS, out->sum);                                              \
        ax_fold(t, acc, &w[(at + (i)-AX_LAG) / 8], out, x, at + (i)-AX_LAG);                       \
    }

HTH_INLINE void ax_turns(Tiles *t, const Slab *w, uint32_t at, uint32_t n, bool inner,
                         const Cols *x, Out16 *out, V acc[AX_COLS]) {
    AX_TURN(0)
    AX_TURN(1)
    AX_TURN(2)
    AX_TURN(3)
}

/* A panel x 16 columns over n blocks; cols: how many of the columns are real; first: no sums run in
 * y. */
static __attribute__((noinline)) void ax_tile(Tiles *t, const Slab *w, uint32_t n, const Cols *x,
                                              Out16 *out, uint32_t cols, float *y, size_t ldy,
                                              bool first) {
    V acc[AX_COLS];
    uint32_t at = 0;
    HTH_UNROLL for (uint32_t c = 0; c < AX_COLS; c++) {
        acc[c] = first || c >= cols ? vf_zero() : vf_load(y + c * ldy);
    }
    ax_turns(t, w, at, n, false, x, out, acc);
    for (at += AX_SUMS; at + AX_SUMS <= n; at += AX_SUMS) ax_turns(t, w, at, n, true, x, out, acc);
    for (; at < n + AX_LAG; at += AX_SUMS) ax_turns(t, w, at, n, false, x, out, acc);
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
    Out16 out;
    for (uint32_t c = 0; c < a->cols; c += AX_COLS) {
        uint32_t cols = a->cols - c < AX_COLS ? a->cols - c : AX_COLS;
        const uint8_t *x0 = (const uint8_t *)a->x + c * a->x_stride + b * sizeof(HthActQ8);
        cols_fill(&x, x0, a->x_stride, cols, n);
        for (uint32_t p = 0; p < panels; p++)
            ax_tile(t, panel[p], n, &x, &out, cols, a->y + c * a->ldy + r + p * 16, a->ldy, b == 0);
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
