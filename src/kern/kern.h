/* kern.h - weight formats, and the tiers of kernels that compute with them.
 *
 * THE CONTRACT (ENGINE.md section 1): every tier gives the same bits as tier "c".  What each
 * function computes, operation by operation, is written beside its plain-C truth (src/kern/fmt/,
 * src/kern/fn/); the fast tiers change only which lanes hold what.  Kernels see no thread, no
 * global, no allocation.  A NaN is a NaN: whether one comes out is the same everywhere, its sign
 * and payload are not promised.
 *
 * Order of float operations:
 *   dot products with F32/F16/BF16 weights: 16 canonical lanes over K, lane i takes elements
 *     i, i+16, ... by fma in order (a tail shorter than 16 is padded with +0 products, that is,
 *     skipped lanes); the 16 lanes are then added as a fixed tree: i with i+8, i+4, i+2, i+1.
 *   dot products with quantised weights: activations are HthActQ8 (int8 per 32 with an f32 scale);
 *     inside a block of 32 (or a 16-wide sub-block) the products are summed as integers, exact in
 *     any order; blocks are combined in K order by fma into ONE accumulator per output.
 *   sums of squares, softmax sums: the 16 canonical lanes again.
 *   scores: one accumulator per (query, position), dimensions ascending, by fma.
 *   exp, sigmoid: ours (src/kern/fn/exp.h); rope tables: ours (src/kern/fn/math.h); both built of
 *     +,-,*,/,fma,rint only.
 *
 * Thread: any. */
#ifndef HTH_KERN_KERN_H
#define HTH_KERN_KERN_H

#include <stdbool.h>

#include "base/err.h"

/* ---- formats -------------------------------------------------------------------------------- */

/* What a linear layer multiplies a weight format with. */
typedef enum HthAct { HTH_ACT_F32, HTH_ACT_Q8 } HthAct;

typedef struct HthFmt {
    uint32_t id; /* GGUF tensor type number */
    const char *name; /* as GGUF tools print it: "F16", "Q4_K" */
    uint32_t block_len; /* weights per block; a row is a whole number of blocks */
    uint32_t block_bytes;
    HthAct act;
    /* n is a multiple of block_len. Exact: the format's definition in floats. NULL: hearth knows
     * the size of the format but cannot compute with it; refuse with a sentence. */
    void (*dequant)(const void *blocks, float *out, size_t n);
    /* Encodes n floats; NULL where hearth does not write the format. */
    void (*quant)(const float *in, void *blocks, size_t n);
    /* The same where some weights matter more: importance [n], positive, is what the square of each
     * one's error counts; NULL is all the same, and quant. NULL where it makes no difference. */
    void (*quant_by)(const float *in, const float *importance, void *blocks, size_t n);
} HthFmt;

/* NULL for a type hearth does not know. */
const HthFmt *hth_fmt_by_id(uint32_t id);
const HthFmt *hth_fmt_by_name(const char *name); /* case-insensitive */
const HthFmt *hth_fmt_at(size_t index); /* NULL past the last: for listing */
/* Position of fmt in the list, the index of HthKern.linear. */
size_t hth_fmt_index(const HthFmt *fmt);
/* Bytes of a row of n weights; 0 if n is not a multiple of the block. */
size_t hth_fmt_row_bytes(const HthFmt *fmt, size_t n);

enum { HTH_FMT_COUNT_MAX = 48 };

/* ---- panels: 16 rows interleaved ------------------------------------------------------------ */

/* The same bytes in the order fast products read them (src/kern/fmt/panel.h): a panel takes the
 * place of 16 rows of row_bytes each.  A matrix whose rows are no multiple of 16 keeps the rest as
 * rows after its panels. */
enum { HTH_PANEL_ROWS = 16 };
bool hth_fmt_has_panels(const HthFmt *fmt);
/* 16 rows, one after another, to a panel and back; fmt has panels, row_bytes is whole blocks. */
void hth_panel_pack(const HthFmt *fmt, const uint8_t *rows, size_t row_bytes, uint8_t *panel);
void hth_panel_unpack(const HthFmt *fmt, const uint8_t *panel, size_t row_bytes, uint8_t *rows);
/* Row `row` of a panel in floats. */
void hth_panel_dequant(const HthFmt *fmt, const uint8_t *panel, size_t row_bytes, uint32_t row,
                       float *out);

/* ---- activations ---------------------------------------------------------------------------- */

/* 32 activations as integers.  d = max|x| / 127; q = rint(x * (127 / max|x|)).
 * A block holding a value that is not finite: d = NaN, q = 0, so that every product with it is NaN
 * on every tier.  A block with max|x| < 2^-100: all zeros.
 * For the minimum of the k-quants, eight blocks of one 256-wide superblock share an exponent:
 * mins[j] = rint(d_j * sum_j / 2^g) as int16, block 0 of the superblock holds all eight and
 * min_scale = 2^g, g = exponent(max_j |d_j * sum_j|) - 14 clamped to [-100, 100].  The other seven
 * blocks leave both zero, as do rows that are not a multiple of 256.  If one d_j * sum_j is not
 * finite: mins 0, min_scale NaN. */
typedef struct HthActQ8 {
    int8_t q[32];
    float d;
    int32_t sum;
    int16_t mins[8];
    float min_scale;
    int32_t sum_lo; /* of the first 16: for formats with a scale per 16 */
} HthActQ8;
_Static_assert(sizeof(HthActQ8) == 64, "one cache line");

/* Bytes of k activations in the given class (k a multiple of 32 for HTH_ACT_Q8). */
size_t hth_act_bytes(HthAct act, uint32_t k);

/* ---- attention ------------------------------------------------------------------------------ */

/* Positions per KV page, and pages per run.  Part of the numerics: attention reduces page by page
 * inside a run, then run by run, in order (src/kern/fn/attend.c). */
enum { HTH_PAGE_LEN = 64, HTH_RUN_PAGES = 8 };

/* How the cache keeps numbers.  Q8_0 and Q4_0 have a binary16 scale per 32; the value is scale
 * times integer, exact in f32 (src/kern/fn/kv.c). */
typedef enum HthKvType { HTH_KV_F32, HTH_KV_F16, HTH_KV_Q8_0, HTH_KV_Q4_0, HTH_KV_COUNT } HthKvType;
const char *hth_kv_name(HthKvType type); /* "f32", "f16", "q8_0", "q4_0" */
uint32_t hth_kv_block(HthKvType type); /* a row's length is a multiple of this: 1 or 32 */
size_t hth_kv_bytes(HthKvType type, uint32_t n); /* one row of n elements */

/* One head's page is HTH_PAGE_LEN rows: codes (for q4_0 bytes of two), then scales.
 *   keys    [codes][HTH_PAGE_LEN], [scales][HTH_PAGE_LEN]    a lane is a position
 *   values  [HTH_PAGE_LEN][codes], [HTH_PAGE_LEN][scales]    a lane is a dimension
 * Position t of the page takes a row that kv_store has made; wipe zeroes `count` from t on. */
void hth_kv_put_key(HthKvType type, uint32_t n, const void *row, void *page, uint32_t t);
void hth_kv_put_value(HthKvType type, uint32_t n, const void *row, void *page, uint32_t t);
void hth_kv_wipe_keys(HthKvType type, uint32_t n, void *page, uint32_t t, uint32_t count);
void hth_kv_wipe_values(HthKvType type, uint32_t n, void *page, uint32_t t, uint32_t count);

/* Queries of one KV head against one page, carried on from the page before. */
typedef struct HthAttendPage {
    const float *q; /* [queries][head_dim], roped, times the score scale */
    uint32_t queries; /* of one head's group, of one or several rows */
    uint32_t head_dim; /* of q and k */
    uint32_t head_dim_v;
    const uint32_t *count; /* [queries] positions of the page each may see, 1..HTH_PAGE_LEN */
    bool first; /* the first page of a run: m, l and o hold nothing yet */
    HthKvType type;
    const void *k, *v; /* pages */
    const void *next_k, *next_v; /* those that come next, fetched meanwhile; NULL: none */
    float *work; /* hth_attend_work floats, 64-byte aligned; contents are lost */
    float *m, *l; /* in, out, [queries]: maximum score; sum of exp(score - m) */
    float *o; /* in, out, [queries][head_dim_v]: sum of exp(score - m) * v */
} HthAttendPage;

/* Floats of HthAttendPage.work. */
size_t hth_attend_work(uint32_t queries, uint32_t head_dim, uint32_t head_dim_v);

/* ---- the tier table ------------------------------------------------------------------------- */

/* y[c * ldy + r] = dot(row r of w, column c of x), r < rows, c < cols.
 * w: rows of row_bytes bytes each; x: columns of x_stride bytes each, in the format's HthAct.
 * Any alignment of w; x columns are 64-byte aligned.  Per output the result does not depend on
 * rows, cols or position. */
typedef void HthLinearFn(const void *w, size_t row_bytes, uint32_t rows, uint32_t k, const void *x,
                         size_t x_stride, uint32_t cols, float *y, size_t ldy);

typedef struct HthKern {
    const char *name; /* "c", "avx2", "avx512", "avx512vnni", "amx" */
    /* By hth_fmt_index. NULL exactly for formats known by size only (HthFmt.dequant is NULL). */
    HthLinearFn *linear[HTH_FMT_COUNT_MAX];
    /* The same with panels for rows: w is 64-byte aligned or not, rows a multiple of
     * HTH_PANEL_ROWS. NULL where a format has no panels. */
    HthLinearFn *linear_panels[HTH_FMT_COUNT_MAX];
    void (*act_q8)(const float *x, uint32_t k, HthActQ8 *out); /* k % 32 == 0 */
    /* y = x / sqrt(mean(x^2) + eps) * w; w NULL means ones. y may be x. */
    void (*rmsnorm)(float *y, const float *x, const float *w, uint32_t n, float eps);
    /* Rotates pairs in place: neox: (i, i + n_rot/2), else (2i, 2i+1); i < n_rot/2.
     * cs: n_rot/2 pairs (cos, sin) for this position. Elements past n_rot stay. */
    void (*rope)(float *x, const float *cs, uint32_t n_rot, bool neox);
    void (*swiglu)(float *y, const float *gate, const float *up, uint32_t n); /* silu(gate) * up */
    void (*add)(float *y, const float *a, const float *b, uint32_t n); /* y may be a or b */
    /* Encodes a row of n elements: codes, then scales; hth_kv_bytes(type, n) bytes. */
    void (*kv_store)(HthKvType type, const float *x, uint32_t n, void *out);
    void (*attend_page)(const HthAttendPage *page);
    /* Adds a run (m2, l2, o2[n]) to those before it, one query: *m, *l, o[n]. */
    void (*attend_merge)(float *m, float *l, float *o, float m2, float l2, const float *o2,
                         uint32_t n);
} HthKern;

/* All tiers this build has, weakest first, whether or not this machine runs them; NULL past the
 * last. */
const HthKern *hth_kern_at(size_t index);
bool hth_kern_runs_here(const HthKern *kern);
/* The best tier that runs here; HEARTH_ISA=name in the environment or hth_kern_force narrows it. */
const HthKern *hth_kern_pick(void);
/* name NULL restores automatic choice. EINVAL: unknown; ENOTSUP: this machine lacks it. */
HTH_MUST_CHECK HthStatus hth_kern_force(const char *name, HthErr *err);

/* Fills cs with n_rot/2 (cos, sin) pairs: angle_i = pos * freq[i], times mscale. */
void hth_rope_table(float *cs, const double *freq, uint32_t n_rot, uint32_t pos, float mscale);

#endif
