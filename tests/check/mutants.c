/* mutants.c - kernels with one planted fault each; the checker must catch every one.
 *
 * A mutant is tier "c" with one function replaced by a plain-C version that is wrong the way real
 * kernels go wrong: an unfused add, another order of a sum, a wrong offset, a tail forgotten.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "kern/fn/fn.h"

#define PARAMS                                                                                     \
    const void *w, size_t row_bytes, uint32_t rows, uint32_t k, const void *x, size_t x_stride,    \
        uint32_t cols, float *y, size_t ldy

static HthLinearFn *truth_of(const char *fmt) {
    return hth_kern_at(0)->linear[hth_fmt_index(hth_fmt_by_name(fmt))];
}

/* ---- products with Q8_0: one dot, many ways to get it wrong ---- */

typedef enum Fault { UNFUSED, ASSOCIATION, TWO_SUMS, BACKWARDS } Fault;

static float q8_dot(const uint8_t *row, const HthActQ8 *x, uint32_t k, Fault fault) {
    float acc = 0.0f, second = 0.0f;
    uint32_t blocks = k / 32;
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t b = fault == BACKWARDS ? blocks - 1 - i : i;
        const uint8_t *p = row + b * 34;
        float d = hth_f16_to_f32(hth_le16(p)), s = d * x[b].d;
        int32_t sum = 0;
        for (int j = 0; j < 32; j++) sum += (int8_t)p[2 + j] * x[b].q[j];
        switch (fault) {
        case UNFUSED: acc = acc + (float)sum * s; break;
        case ASSOCIATION: acc = fmaf((float)sum * d, x[b].d, acc); break;
        case TWO_SUMS:
            if (b % 2 == 0)
                acc = fmaf((float)sum, s, acc);
            else
                second = fmaf((float)sum, s, second);
            break;
        default: acc = fmaf((float)sum, s, acc); break;
        }
    }
    return acc + second;
}
#define Q8_MUTANT(name, fault)                                                                     \
    static void name(PARAMS) {                                                                     \
        for (uint32_t r = 0; r < rows; r++)                                                        \
            for (uint32_t c = 0; c < cols; c++)                                                    \
                y[c * ldy + r] =                                                                   \
                    q8_dot((const uint8_t *)w + r * row_bytes,                                     \
                           (const HthActQ8 *)(const void *)((const uint8_t *)x + c * x_stride), k, \
                           fault);                                                                 \
    }
Q8_MUTANT(q8_unfused, UNFUSED)
Q8_MUTANT(q8_association, ASSOCIATION)
Q8_MUTANT(q8_two_sums, TWO_SUMS)
Q8_MUTANT(q8_backwards, BACKWARDS)

/* Right for one column, two running sums for many: a batch would change an answer. */
static void q8_batch(PARAMS) {
    if (cols == 1)
        truth_of("Q8_0")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    else
        q8_two_sums(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
}
/* Right for few columns: what comes only where tiles are used. */
static void q8_wide(PARAMS) {
    if (cols < 48)
        truth_of("Q8_0")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    else
        q8_unfused(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
}
/* Right for whole panels of 16 rows, unfused for the rest. */
static void q8_tail_rows(PARAMS) {
    uint32_t whole = rows / 16 * 16;
    truth_of("Q8_0")(w, row_bytes, whole, k, x, x_stride, cols, y, ldy);
    q8_unfused((const uint8_t *)w + whole * row_bytes, row_bytes, rows - whole, k, x, x_stride,
               cols, y + whole, ldy);
}
static void q8_writes_past(PARAMS) {
    truth_of("Q8_0")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    y[(cols - 1) * ldy + ldy] = 1.0f;
}
static void q8_reads_past(PARAMS) {
    truth_of("Q8_0")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    volatile const uint8_t *end = (const uint8_t *)w + rows * row_bytes;
    (void)end[15];
}
static void q8_illegal(PARAMS) {
    truth_of("Q8_0")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    if (k > 64) __builtin_trap();
}
static void q8_drops_last_block(PARAMS) { /* as if K came in pairs of blocks */
    truth_of("Q8_0")(w, row_bytes, rows, k >= 64 ? k / 64 * 64 : k, x, x_stride, cols, y, ldy);
}
/* Saturates the pair sums to 16 bits, as a careless use of maddubs does. */
static void q8_saturates(PARAMS) {
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < cols; c++) {
            const HthActQ8 *a = (const void *)((const uint8_t *)x + c * x_stride);
            const uint8_t *p = (const uint8_t *)w + r * row_bytes;
            float acc = 0.0f;
            for (uint32_t b = 0; b < k / 32; b++, p += 34) {
                int32_t sum = 0;
                for (int j = 0; j < 32; j += 2) {
                    int32_t s = (uint8_t)(p[2 + j] ^ 0x80) * a[b].q[j] +
                                (uint8_t)(p[3 + j] ^ 0x80) * a[b].q[j + 1];
                    sum += s > 32767 ? 32767 : s < -32768 ? -32768 : s;
                }
                acc =
                    fmaf((float)(sum - 128 * a[b].sum), hth_f16_to_f32(hth_le16(p)) * a[b].d, acc);
            }
            y[c * ldy + r] = acc;
        }
}

/* ---- other formats ---- */

static void q4_nibbles(PARAMS) { /* adjacent weights in one byte, as other formats have it */
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < cols; c++) {
            const HthActQ8 *a = (const void *)((const uint8_t *)x + c * x_stride);
            const uint8_t *p = (const uint8_t *)w + r * row_bytes;
            float acc = 0.0f;
            for (uint32_t b = 0; b < k / 32; b++, p += 18) {
                int32_t sum = 0;
                for (int j = 0; j < 32; j++)
                    sum += ((p[2 + j / 2] >> (j % 2 * 4) & 15) - 8) * a[b].q[j];
                acc = fmaf((float)sum, hth_f16_to_f32(hth_le16(p)) * a[b].d, acc);
            }
            y[c * ldy + r] = acc;
        }
}
/* The exponent shared by the minima is one too high in the last superblock. */
static void q4k_min_scale(PARAMS) {
    HthActQ8 copy[80];
    for (uint32_t c = 0; c < cols; c++) {
        const HthActQ8 *a = (const void *)((const uint8_t *)x + c * x_stride);
        uint32_t blocks = k / 32;
        if (blocks > HTH_COUNT(copy)) {
            truth_of("Q4_K")(w, row_bytes, rows, k, a, 0, 1, y + c * ldy, ldy);
            continue;
        }
        memcpy(copy, a, blocks * sizeof *a);
        copy[blocks - 8].min_scale *= 2.0f;
        truth_of("Q4_K")(w, row_bytes, rows, k, copy, 0, 1, y + c * ldy, ldy);
    }
}

/* Scales of 32 weights multiplied as integers, as those of 16 are. */
static void iq4xs_integer_scale(PARAMS) {
    uint8_t plain[136];
    float q[256];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < cols; c++) {
            const uint8_t *p = (const uint8_t *)w + r * row_bytes;
            const HthActQ8 *a = (const void *)((const uint8_t *)x + c * x_stride);
            float acc = 0.0f;
            for (uint32_t b = 0; b < k / 256; b++, p += sizeof plain, a += 8) {
                memcpy(plain, p, sizeof plain);
                memcpy(plain, "\x00\x3c", 2); /* d = 1 */
                hth_fmt_by_name("IQ4_XS")->dequant(plain, q, 256);
                for (int j = 0; j < 8; j++) {
                    float sum = 0.0f; /* of integers */
                    for (int i = 0; i < 32; i++) sum += q[32 * j + i] * (float)a[j].q[i];
                    acc = fmaf(sum, hth_f16_to_f32(hth_le16(p)) * a[j].d, acc);
                }
            }
            y[c * ldy + r] = acc;
        }
}
static void mxfp4_subnormal(PARAMS) {
    static uint8_t copy[49 * 70 * 17]; /* most that hearth-check asks for */
    HTH_ASSERT(rows * row_bytes <= sizeof copy);
    memcpy(copy, w, rows * row_bytes);
    for (size_t i = 0; i < rows * row_bytes; i += 17)
        if (copy[i] == 1) copy[i] = 0;
    truth_of("MXFP4")(copy, row_bytes, rows, k, x, x_stride, cols, y, ldy);
}

/* ---- products with panels ---- */

static HthLinearFn *panels_truth(const char *fmt) {
    return hth_kern_at(0)->linear_panels[hth_fmt_index(hth_fmt_by_name(fmt))];
}
static void panels_as_rows(PARAMS) {
    truth_of("Q4_K")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
}
static void panels_read_past(PARAMS) {
    panels_truth("Q6_K")(w, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    volatile const uint8_t *end = (const uint8_t *)w + rows * row_bytes;
    (void)end[31];
}
/* Right for the columns that go eight at a time, two running sums for the rest. */
static void panels_batch(PARAMS) {
    const HthFmt *fmt = hth_fmt_by_name("Q8_0");
    static uint8_t flat[16 * 70 * 34];
    uint32_t whole = cols <= 8 ? cols : 8;
    panels_truth("Q8_0")(w, row_bytes, rows, k, x, x_stride, whole, y, ldy);
    for (uint32_t r = 0; r < rows && whole < cols; r += 16) {
        hth_panel_unpack(fmt, (const uint8_t *)w + r * row_bytes, row_bytes, flat);
        q8_two_sums(flat, row_bytes, 16, k, (const uint8_t *)x + whole * x_stride, x_stride,
                    cols - whole, y + whole * ldy + r, ldy);
    }
}
static void f32_dot(PARAMS, int lanes, bool far_first) {
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < cols; c++) {
            const uint8_t *p = (const uint8_t *)w + r * row_bytes;
            const float *a = (const float *)(const void *)((const uint8_t *)x + c * x_stride);
            float lane[16] = { 0.0f };
            for (uint32_t i = 0; i < k; i++) {
                uint32_t l = i % (uint32_t)lanes;
                lane[l] = fmaf(hth_bits_f32(hth_le32(p + i * 4)), a[i], lane[l]);
            }
            if (far_first)
                for (int h = lanes / 2; h > 0; h /= 2)
                    for (int i = 0; i < h; i++) lane[i] += lane[i + h];
            else
                for (int step = 1; step < lanes; step *= 2)
                    for (int i = 0; i < lanes; i += 2 * step) lane[i] += lane[i + step];
            y[c * ldy + r] = lane[0];
        }
}
static void f32_eight_lanes(PARAMS) {
    f32_dot(w, row_bytes, rows, k, x, x_stride, cols, y, ldy, 8, true);
}
static void f32_near_first(PARAMS) {
    f32_dot(w, row_bytes, rows, k, x, x_stride, cols, y, ldy, 16, false);
}

/* ---- format-free ---- */

static void act_half_away(const float *x, uint32_t k, HthActQ8 *out) {
    hth_kern_at(0)->act_q8(x, k, out);
    for (uint32_t i = 0; i < k; i++) {
        HthActQ8 *b = out + i / 32;
        if (b->d != 0.0f && b->d == b->d) {
            float max = 0.0f;
            for (uint32_t j = i / 32 * 32; j < i / 32 * 32 + 32; j++) max = fmaxf(max, fabsf(x[j]));
            b->q[i % 32] = (int8_t)roundf(x[i] * (127.0f / max) * 0.99999f);
        }
    }
}
static void act_ignores_nan(const float *x, uint32_t k, HthActQ8 *out) {
    hth_kern_at(0)->act_q8(x, k, out);
    for (uint32_t b = 0; b < k / 32; b++)
        if (out[b].d != out[b].d) out[b].d = 0.0f;
}
static void norm_root_last(float *y, const float *x, const float *w, uint32_t n, float eps) {
    float one[1100], sum = 0.0f;
    hth_kern_at(0)->rmsnorm(one, x, NULL, n, eps);
    for (uint32_t i = 0; i < n; i++) sum = fmaf(x[i], x[i], sum);
    float root = sqrtf(sum / (float)n + eps);
    for (uint32_t i = 0; i < n; i++) y[i] = w != NULL ? x[i] / root * w[i] : x[i] / root;
}
static void rope_unfused(float *x, const float *cs, uint32_t n_rot, bool neox) {
    uint32_t half = n_rot / 2;
    for (uint32_t i = 0; i < half; i++) {
        float *pa = neox ? x + i : x + 2 * i, *pb = neox ? pa + half : pa + 1, a = *pa, b = *pb;
        *pa = a * cs[2 * i] - b * cs[2 * i + 1];
        *pb = a * cs[2 * i + 1] + b * cs[2 * i];
    }
}
static void swiglu_libm(float *y, const float *gate, const float *up, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}
static void add_flushes(float *y, const float *a, const float *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        y[i] = a[i] + b[i];
        if (fabsf(y[i]) < 0x1p-126f) y[i] = 0.0f;
    }
}
static void store_truncates(HthKvType type, const float *x, uint32_t n, void *out) {
    uint8_t *to = out;
    hth_kern_at(0)->kv_store(type, x, n, out);
    if (type != HTH_KV_F16) return;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t h = hth_le16(to + i * 2);
        if (fabsf(hth_f16_to_f32(h)) > fabsf(x[i])) h--;
        memcpy(to + i * 2, &h, 2);
    }
}
static void store_scale_kept(HthKvType type, const float *x, uint32_t n, void *out) {
    hth_kern_at(0)->kv_store(type, x, n, out);
    if (type != HTH_KV_Q8_0) return;
    for (uint32_t b = 0; b < n / 32; b++) { /* codes from the scale before it was rounded */
        float most = 0.0f;
        for (uint32_t i = 0; i < 32; i++) most = fmaxf(most, fabsf(x[b * 32 + i]));
        if (most > 1e-3f && most < 1e3f)
            for (uint32_t i = 0; i < 32; i++)
                ((int8_t *)out)[b * 32 + i] = (int8_t)rintf(x[b * 32 + i] * (127.0f / most));
    }
}

/* The page as several calls: positions `from` on as a page of their own. */
static void page_in_two(const HthAttendPage *p) {
    static uint8_t keys[160 * 4 * HTH_PAGE_LEN], values[160 * 4 * HTH_PAGE_LEN];
    uint32_t half = HTH_PAGE_LEN / 2, one[20], two[20];
    if (p->type != HTH_KV_F32 || p->count[0] <= half) {
        hth_kern_at(0)->attend_page(p);
        return;
    }
    for (uint32_t g = 0; g < p->queries; g++) { /* the first sees least */
        one[g] = half;
        two[g] = p->count[g] - half;
    }
    HthAttendPage a = *p;
    a.count = one;
    hth_kern_at(0)->attend_page(&a);
    for (uint32_t d = 0; d < p->head_dim; d++)
        memcpy(keys + (size_t)d * HTH_PAGE_LEN * 4,
               (const uint8_t *)p->k + ((size_t)d * HTH_PAGE_LEN + half) * 4, half * 4);
    memcpy(values, (const uint8_t *)p->v + (size_t)half * p->head_dim_v * 4,
           (size_t)half * p->head_dim_v * 4);
    a.k = keys;
    a.v = values;
    a.count = two;
    a.first = false;
    hth_kern_at(0)->attend_page(&a);
}
/* As if what o holds were scaled only after the page's values were added. */
static void page_scales_last(const HthAttendPage *p) {
    float before[20 * 160], old[20];
    size_t n = (size_t)p->queries * p->head_dim_v;
    memcpy(old, p->m, sizeof *old * p->queries);
    memcpy(before, p->o, n * sizeof *before);
    if (!p->first) memset(p->o, 0, n * sizeof *before);
    hth_kern_at(0)->attend_page(p);
    for (size_t i = 0; !p->first && i < n; i++)
        p->o[i] =
            fmaf(before[i], hth_exp_c(old[i / p->head_dim_v] - p->m[i / p->head_dim_v]), p->o[i]);
}
/* Reads the position after the last that a query may see, as if weight zero made it harmless. */
static void page_reads_ahead(const HthAttendPage *p) {
    hth_kern_at(0)->attend_page(p);
    for (uint32_t g = 0; g < p->queries; g++)
        if (p->count[g] < HTH_PAGE_LEN && p->type == HTH_KV_F32)
            for (uint32_t d = 0; d < p->head_dim_v; d++) {
                const uint8_t *v = p->v;
                float next = hth_bits_f32(
                    hth_le32(v + ((size_t)p->count[g] * p->head_dim_v + d) * sizeof(float)));
                p->o[g * p->head_dim_v + d] = fmaf(0.0f, next, p->o[g * p->head_dim_v + d]);
            }
}
static void merge_unfused(float *m, float *l, float *o, float m2, float l2, const float *o2,
                          uint32_t n) {
    float max = m2 > *m ? m2 : *m;
    float a = *m == max ? 1.0f : hth_exp_c(*m - max), b = m2 == max ? 1.0f : hth_exp_c(m2 - max);
    *m = max;
    *l = l2 * b + *l * a;
    for (uint32_t d = 0; d < n; d++) o[d] = o2[d] * b + o[d] * a;
}

/* NVFP4 with the scale of the first half for both. */
static void nvfp4_one_scale(PARAMS) {
    const size_t bytes = rows * row_bytes;
    uint8_t *copy = hth_calloc(bytes, 1);
    HTH_ASSERT(copy != NULL);
    memcpy(copy, w, bytes);
    for (size_t i = 0; i < bytes; i += 36) copy[i + 1] = copy[i], copy[i + 3] = copy[i + 2];
    truth_of("NVFP4")(copy, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    hth_free(copy);
}
/* IQ2_XXS without the signs of its first eight weights. */
static void iq2_signs(PARAMS) {
    const size_t bytes = rows * row_bytes;
    uint8_t *copy = hth_calloc(bytes, 1);
    HTH_ASSERT(copy != NULL);
    memcpy(copy, w, bytes);
    for (size_t i = 0; i < bytes; i += 66)
        for (int g = 0; g < 8; g++) copy[i + 2 + 8 * g + 4] &= 0x80;
    truth_of("IQ2_XXS")(copy, row_bytes, rows, k, x, x_stride, cols, y, ldy);
    hth_free(copy);
}

/* ---- the list ---- */

typedef struct Mutant {
    const char *name, *fmt; /* fmt: whose product is replaced; NULL: some other function */
    HthLinearFn *linear;
    HthKern other; /* fmt, but no linear: linear_panels[0] is the format's */
} Mutant;

/* clang-format off */
static const Mutant mutants[] = {
    { "multiply and add, not fused", "Q8_0", q8_unfused, { 0 } },
    { "scales associated the other way", "Q8_0", q8_association, { 0 } },
    { "two running sums", "Q8_0", q8_two_sums, { 0 } },
    { "blocks from last to first", "Q8_0", q8_backwards, { 0 } },
    { "another order for batches", "Q8_0", q8_batch, { 0 } },
    { "not fused for 48 columns or more", "Q8_0", q8_wide, { 0 } },
    { "another order for rows past a panel", "Q8_0", q8_tail_rows, { 0 } },
    { "writes past its output", "Q8_0", q8_writes_past, { 0 } },
    { "reads past its weights", "Q8_0", q8_reads_past, { 0 } },
    { "illegal instruction", "Q8_0", q8_illegal, { 0 } },
    { "odd last block dropped", "Q8_0", q8_drops_last_block, { 0 } },
    { "16-bit saturation", "Q8_0", q8_saturates, { 0 } },
    { "nibble order", "Q4_0", q4_nibbles, { 0 } },
    { "scale of the minima", "Q4_K", q4k_min_scale, { 0 } },
    { "scales of 32 as integers", "IQ4_XS", iq4xs_integer_scale, { 0 } },
    { "subnormal scales", "MXFP4", mxfp4_subnormal, { 0 } },
    { "one scale for two halves", "NVFP4", nvfp4_one_scale, { 0 } },
    { "signs of a codebook's group", "IQ2_XXS", iq2_signs, { 0 } },
    { "panels read as rows", "Q4_K", NULL, { .linear_panels = { panels_as_rows } } },
    { "panels: reads past its weights", "Q6_K", NULL, { .linear_panels = { panels_read_past } } },
    { "panels: another order for batches", "Q8_0", NULL, { .linear_panels = { panels_batch } } },
    { "eight lanes", "F32", f32_eight_lanes, { 0 } },
    { "neighbours first in the final sum", "F32", f32_near_first, { 0 } },
    { "activations rounded otherwise", NULL, NULL, { .act_q8 = act_half_away } },
    { "NaN activations ignored", NULL, NULL, { .act_q8 = act_ignores_nan } },
    { "sum of squares in one lane", NULL, NULL, { .rmsnorm = norm_root_last } },
    { "rope not fused", NULL, NULL, { .rope = rope_unfused } },
    { "the C library's exp", NULL, NULL, { .swiglu = swiglu_libm } },
    { "subnormals flushed", NULL, NULL, { .add = add_flushes } },
    { "halves truncated", NULL, NULL, { .kv_store = store_truncates } },
    { "codes of a scale not yet rounded", NULL, NULL, { .kv_store = store_scale_kept } },
    { "a page in two halves", NULL, NULL, { .attend_page = page_in_two } },
    { "the page before scaled afterwards", NULL, NULL, { .attend_page = page_scales_last } },
    { "a position nobody may see yet", NULL, NULL, { .attend_page = page_reads_ahead } },
    { "merge not fused", NULL, NULL, { .attend_merge = merge_unfused } },
};
/* clang-format on */

static HthKern build(const Mutant *m) {
    HthKern k = *hth_kern_at(0);
    k.name = "mutant";
    size_t fmt = m->fmt != NULL ? hth_fmt_index(hth_fmt_by_name(m->fmt)) : 0;
    if (m->linear != NULL) k.linear[fmt] = m->linear;
    if (m->other.linear_panels[0] != NULL) k.linear_panels[fmt] = m->other.linear_panels[0];
    if (m->other.act_q8 != NULL) k.act_q8 = m->other.act_q8;
    if (m->other.rmsnorm != NULL) k.rmsnorm = m->other.rmsnorm;
    if (m->other.rope != NULL) k.rope = m->other.rope;
    if (m->other.swiglu != NULL) k.swiglu = m->other.swiglu;
    if (m->other.add != NULL) k.add = m->other.add;
    if (m->other.kv_store != NULL) k.kv_store = m->other.kv_store;
    if (m->other.attend_page != NULL) k.attend_page = m->other.attend_page;
    if (m->other.attend_merge != NULL) k.attend_merge = m->other.attend_merge;
    return k;
}

/* 1: not as it should be. */
static size_t verdict(const char *name, const Check *k, bool right) {
    const bool well = right ? k->failed == 0 : k->failed > 0;
    printf("mutant %-38s %s (%llu of %llu comparisons)\n", name,
           k->failed > 0 ? "caught"
           : right       ? "is none"
                         : "MISSED",
           (unsigned long long)k->failed, (unsigned long long)k->compared);
    return !well;
}

int check_mutants(uint64_t seed, bool quick) {
    size_t missed = 0, count = 0;
    for (; count < HTH_COUNT(mutants); count++) {
        const Mutant *m = &mutants[count];
        HthKern kern = build(m);
        Check k = { .kern = &kern, .truth = hth_kern_at(0), .seed = seed, .quick = quick };
        if (m->fmt != NULL) {
            check_linear(&k, hth_fmt_by_name(m->fmt));
        } else {
            check_fn(&k);
            check_attend(&k);
        }
        missed += verdict(m->name, &k, false);
    }
    for (const CheckBent *b = check_bent; b->name != NULL; b++) {
        Check k = { .kern = hth_kern_at(0), .truth = hth_kern_at(0), .seed = seed };
        k.quick = quick;
        k.attend_bent = b->run;
        check_attend(&k);
        missed += verdict(b->name, &k, b->right);
        count += !b->right;
    }
    printf("%zu mutants, %zu missed\n", count, missed);
    return missed != 0;
}
