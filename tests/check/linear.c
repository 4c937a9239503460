/* linear.c - products: equal bits, any shape, any position, any batch; and near the real product.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct Job {
    HthLinearFn *fn;
    const uint8_t *w;
    size_t row_bytes;
    uint32_t rows, k, cols;
    const uint8_t *x;
    size_t x_stride;
    float *y;
    size_t ldy;
} Job;

static void run_job(void *ctx) {
    Job *j = ctx;
    j->fn(j->w, j->row_bytes, j->rows, j->k, j->x, j->x_stride, j->cols, j->y, j->ldy);
}

static bool attempt(Check *k, Job *j, const char *what) {
    if (survives(run_job, j)) return true;
    k->crashed++;
    failed(k, what);
    return false;
}

/* The truth's |y - sum w*x| in double, w and x as their formats say: rounding only, plus half a
 * unit of the shared exponent for each minimum of the k-quants. */
static void check_error(Check *k, const HthFmt *fmt, const Job *j, const char *what) {
    float *w = hth_calloc_aligned(j->k, sizeof *w);
    double worst = 0;
    for (uint32_t r = 0; r < j->rows; r++) {
        fmt->dequant(j->w + r * j->row_bytes, w, j->k);
        for (uint32_t c = 0; c < j->cols; c++) {
            const uint8_t *x = j->x + c * j->x_stride;
            const HthActQ8 *q = (const HthActQ8 *)x;
            double sum = 0, mag = 1e-30;
            for (uint32_t i = 0; i < j->k; i++) {
                double xi = fmt->act == HTH_ACT_F32 ? (double)((const float *)x)[i]
                                                    : (double)q[i / 32].d * q[i / 32].q[i % 32];
                sum += (double)w[i] * xi;
                mag += fabs((double)w[i] * xi);
                if (fmt->act == HTH_ACT_Q8) mag += fabs((double)q[i / 32].d);
            }
            double err = fabs(sum - (double)j->y[c * j->ldy + r]) / mag;
            if (err > worst) worst = err;
        }
    }
    hth_free(w);
    k->compared++;
    bool has_mins = strcmp(fmt->name, "Q4_K") == 0 || strcmp(fmt->name, "Q5_K") == 0;
    if (!(worst < (has_mins ? 2e-3 : 1e-5))) failed(k, what);
}

typedef struct Shape {
    uint32_t rows, k, cols;
} Shape;

/* The rows of t that fill panels, as panels. */
static void check_panels(Check *k, const HthFmt *fmt, const Job *t, const float *want,
                         const char *shape) {
    char what[200];
    uint32_t rows = t->rows / HTH_PANEL_ROWS * HTH_PANEL_ROWS;
    if (rows == 0 || !hth_fmt_has_panels(fmt)) return;
    Guard w = guard_open(rows * t->row_bytes);
    Guard got = canary_open(t->cols * t->ldy * sizeof(float), 4);
    Job j = *t;
    snprintf(what, sizeof what, "panels, %s", shape);
    for (uint32_t r = 0; r < rows; r += HTH_PANEL_ROWS)
        hth_panel_pack(fmt, t->w + r * t->row_bytes, t->row_bytes, w.p + r * t->row_bytes);
    j.fn = k->kern->linear_panels[hth_fmt_index(fmt)];
    j.w = w.p;
    j.rows = rows;
    j.y = (float *)(void *)got.p;
    if (attempt(k, &j, what)) {
        for (uint32_t c = 0; c < t->cols; c++)
            if (!same(k, want + c * t->ldy, j.y + c * t->ldy, rows, what)) break;
        if (!canary_whole(&got)) failed(k, what);
    }
    guard_close(&w);
    guard_close(&got);
}

/* What the truth says of a case: worked out once, by the first tier or mutant that comes to it,
 * for it is slow. Columns lie ldy apart. */
static const float *truth_of(Check *k, uint64_t number, const HthFmt *fmt, Job j, Fill how,
                             const char *what) {
    static float *known[1000 * (HTH_FMT_COUNT_MAX + 1)];
    HTH_ASSERT(number < HTH_COUNT(known));
    if (known[number] == NULL) {
        j.fn = k->truth->linear[hth_fmt_index(fmt)];
        j.y = hth_calloc(j.cols * j.ldy, sizeof *j.y);
        HTH_ASSERT(j.y != NULL);
        run_job(&j);
        if (how == FILL_RANDOM) check_error(k, fmt, &j, what);
        known[number] = j.y;
    }
    return known[number];
}

static void one_shape(Check *k, uint64_t number, const HthFmt *fmt, Shape s, Fill how) {
    char what[160];
    size_t i = hth_fmt_index(fmt), row_bytes = hth_fmt_row_bytes(fmt, s.k);
    size_t x_bytes = (hth_act_bytes(fmt->act, s.k) + 63) / 64 * 64, ldy = s.rows + below(k, 3);
    Guard w = guard_open(s.rows * row_bytes), x = guard_open(s.cols * x_bytes);
    Guard got = canary_open(s.cols * ldy * sizeof(float), 4);
    float *in = hth_calloc_aligned(s.k, sizeof *in);
    snprintf(what, sizeof what, "linear %s rows %u k %u cols %u fill %s", fmt->name, s.rows, s.k,
             s.cols, fill_names[how]);
    fill_blocks(k, fmt, w.p, s.rows * (size_t)(s.k / fmt->block_len));
    for (uint32_t c = 0; c < s.cols; c++) {
        fill(k, how, in, s.k);
        if (fmt->act == HTH_ACT_Q8)
            k->truth->act_q8(in, s.k, (HthActQ8 *)(void *)(x.p + c * x_bytes));
        else
            memcpy(x.p + c * x_bytes, in, s.k * sizeof *in);
    }
    Job j = { k->kern->linear[i],     w.p, row_bytes, s.rows, s.k, s.cols, x.p, x_bytes,
              (float *)(void *)got.p, ldy };
    const float *want = truth_of(k, number, fmt, j, how, what);
    if (attempt(k, &j, what)) {
        for (uint32_t c = 0; c < s.cols; c++)
            if (!same(k, want + c * ldy, j.y + c * ldy, s.rows, what)) break;
        k->compared++;
        if (!canary_whole(&got)) failed(k, what);
    }
    check_panels(k, fmt, &j, want, what);
    /* One output alone: the last row of the last column, at its own address. */
    Guard one = canary_open(sizeof(float), 4);
    Job a = j;
    a.w += (s.rows - 1) * row_bytes;
    a.x += (s.cols - 1) * x_bytes;
    a.rows = a.cols = 1;
    a.y = (float *)(void *)one.p;
    a.ldy = 1;
    if (attempt(k, &a, what)) same(k, want + (s.cols - 1) * ldy + s.rows - 1, a.y, 1, what);
    if (!canary_whole(&one)) failed(k, what);
    guard_close(&one);
    hth_free(in);
    guard_close(&w);
    guard_close(&x);
    guard_close(&got);
}

static void check_format(Check *k, const HthFmt *fmt) {
    static const uint32_t k_float[] = { 1, 2, 15, 16, 17, 31, 48, 100, 333 };
    static const uint32_t k_block[] = { 1, 2, 3, 4, 7, 8, 9, 16, 65, 70 }; /* blocks */
    static const uint32_t rows[] = { 1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 49 };
    static const uint32_t cols[] = { 1, 2, 3, 4, 5, 6, 7, 8, 13, 17, 18, 21, 35, 48, 57 };
    uint64_t number = 1000 * (1 + (uint64_t)hth_fmt_index(fmt));
    size_t ks = fmt->block_len == 1 ? HTH_COUNT(k_float) : HTH_COUNT(k_block);
    uint32_t rounds = k->quick ? 4 : 14;
    for (size_t ki = 0; ki < ks; ki++)
        for (uint32_t round = 0; round < rounds; round++) {
            case_begin(k, number);
            Shape s = { rows[below(k, HTH_COUNT(rows))], 0, cols[below(k, HTH_COUNT(cols))] };
            s.k = fmt->block_len == 1 ? k_float[ki] : k_block[ki] * fmt->block_len;
            if (s.k > 8000) s.rows = 1 + s.rows % 17; /* the truth is slow */
            one_shape(k, number++, fmt, s, (Fill)((round + (k->quick ? 3 * ki : 0)) % FILL_COUNT));
        }
}

void check_linear(Check *k, const HthFmt *only) {
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *fmt = hth_fmt_at(i);
        if (only != NULL && only != fmt) continue;
        k->compared++;
        if ((fmt->dequant == NULL) != (k->kern->linear[i] == NULL)) {
            failed(k, "a format has a product exactly if it has floats");
            continue;
        }
        if ((k->truth->linear_panels[i] == NULL) != (k->kern->linear_panels[i] == NULL)) {
            failed(k, "all tiers have panels of the same formats");
            continue;
        }
        if (fmt->dequant != NULL) check_format(k, fmt);
    }
}
