/* actrule.c - what a rule for activation scales costs, measured on a model (docs/adr/0013).
 *
 * Usage: actrule MODEL [TEXT]      windows of 256 tokens: of the text, or random ones
 * The reference is the same model with its weights as float32 and activations as float32, so that
 * only the rounding of activations differs.  Prints, per rule: nats per token (of a text), mean
 * KL(reference || rule), and how often the most likely token is the reference's.
 *
 * Thread: one, with a pool. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "gguf/gguf_write.h"
#include "kern/kern.h"
#include "model/model.h"
#include "run/plan.h"
#include "run/step.h"

enum { WINDOW = 256, WINDOWS_MAX = 32, TEXT_BYTES_MAX = 1 << 24 };

/* ---- rules: how d is chosen; everything else is as in kern.h ---- */

typedef float ScaleFn(const float *x, uint32_t block, uint32_t k);

static float amax(const float *x, uint32_t n) {
    float max = 0.0f;
    for (uint32_t i = 0; i < n; i++) max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    return max;
}
static float per_block(const float *x, uint32_t block, uint32_t k) {
    (void)k;
    return amax(x + (size_t)block * 32, 32) / 127.0f;
}
/* The smallest (1 + f/4) * 2^e that is not below the exact scale. */
static float two_bits(const float *x, uint32_t block, uint32_t k) {
    int e;
    const float m = frexpf(per_block(x, block, k), &e) * 8.0f; /* 4..8 */
    return ldexpf(ceilf(m), e - 3);
}
static float power_of_two(const float *x, uint32_t block, uint32_t k) {
    int e;
    const float m = frexpf(per_block(x, block, k), &e);
    return ldexpf(m > 0.5f ? 1.0f : 0.5f, e);
}
static float per_256(const float *x, uint32_t block, uint32_t k) {
    const uint32_t from = block * 32 / 256 * 256, n = k - from < 256 ? k - from : 256;
    return amax(x + from, n) / 127.0f;
}

static ScaleFn *rule_now;

static void superblock_mins(HthActQ8 *b) {
    float t[8], max = 0.0f;
    for (int j = 0; j < 8; j++) {
        t[j] = b[j].d * (float)b[j].sum;
        max = fabsf(t[j]) > max ? fabsf(t[j]) : max;
    }
    int g;
    frexpf(max, &g);
    g = g - 1 - 14 < -100 ? -100 : g - 1 - 14;
    for (int j = 0; j < 8; j++) {
        const float r = rintf(ldexpf(t[j], -g));
        b[0].mins[j] = (int16_t)(r > 32767.0f ? 32767.0f : r < -32767.0f ? -32767.0f : r);
    }
    b[0].min_scale = ldexpf(1.0f, g);
}

static void quantise(const float *x, uint32_t k, HthActQ8 *out) {
    memset(out, 0, k / 32 * sizeof *out);
    for (uint32_t b = 0; b < k / 32; b++) {
        const float d = rule_now(x, b, k);
        if (d < 0x1p-100f) continue;
        out[b].d = d;
        for (int i = 0; i < 32; i++) {
            out[b].q[i] = (int8_t)rintf(x[b * 32 + i] / d);
            out[b].sum += out[b].q[i];
            if (i == 15) out[b].sum_lo = out[b].sum;
        }
    }
    for (uint32_t b = 0; k % 256 == 0 && b < k / 32; b += 8) superblock_mins(out + b);
}

static const struct Rule {
    const char *name;
    ScaleFn *scale;
} RULES[] = { { "float per 32", per_block },
              { "two mantissa bits per 32", two_bits },
              { "power of two per 32", power_of_two },
              { "float per 256", per_256 } };

/* ---- the reference: weights as floats ---- */

static HthStatus write_floats(HthGgufOut *o, const HthGgufTensor *t, HthErr *err) {
    const size_t n = t->ne[0];
    float *row = hth_calloc(n, sizeof *row);
    HTH_REQUIRE(row, err, HTH_ENOMEM, "no memory for a row");
    const size_t bytes = hth_fmt_row_bytes(t->fmt, n);
    HthStatus status = HTH_OK;
    for (size_t r = 0; status == HTH_OK && r < t->bytes / bytes; r++) {
        t->fmt->dequant(t->data + r * bytes, row, n);
        status = hth_gguf_out_data(o, row, n * sizeof *row, err);
    }
    hth_free(row);
    return status;
}

static HthStatus write_reference(const HthGguf *g, const char *path, HthErr *err) {
    HthGgufOut *o = NULL;
    const HthFmt *f32 = hth_fmt_by_name("F32");
    HTH_TRY(hth_gguf_out_open(&o, path, err));
    HthStatus status = HTH_OK;
    for (size_t i = 0; status == HTH_OK && i < hth_gguf_kv_count(g); i++)
        status = hth_gguf_out_kv(o, hth_gguf_kv_at(g, i), err);
    for (size_t i = 0; status == HTH_OK && i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        status = hth_gguf_out_tensor(o, t->name, f32, t->n_dims, t->ne, err);
    }
    for (size_t i = 0; status == HTH_OK && i < hth_gguf_tensor_count(g); i++)
        status = write_floats(o, hth_gguf_tensor_at(g, i), err);
    if (status == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return status;
}

/* ---- one engine: a model and a kernel table ---- */

typedef struct Engine {
    HthPages *pages;
    HthTable *table;
    HthExec *exec;
    HthRows *rows;
} Engine;

static HthStatus engine_open(Engine *e, const HthModel *m, const HthKern *kern, HthPool *pool,
                             HthErr *err) {
    HthRunPlan p;
    const HthSessionCfg cfg = { .ctx = WINDOW };
    HTH_TRY(hth_run_plan(&p, m, &cfg, err));
    const HthPagesCfg pages = { .page_count = p.page_count, .page_bytes = p.layout.page_bytes };
    HTH_TRY(hth_pages_open(&e->pages, &pages, err));
    HTH_TRY(hth_table_open(&e->table, e->pages, &p.layout, p.page_count, err));
    HTH_TRY(hth_exec_open(&e->exec, hth_model_program(m), kern, pool, WINDOW, p.page_count, err));
    return hth_rows_open(&e->rows, WINDOW, err);
}

static void engine_close(Engine *e) {
    hth_rows_close(&e->rows);
    hth_exec_close(&e->exec);
    hth_table_close(&e->table);
    hth_pages_close(&e->pages);
}

static HthStatus engine_run(Engine *e, const uint32_t *ids, float *logits, HthErr *err) {
    hth_table_trim(e->table, 0);
    HTH_TRY(hth_table_grow(e->table, WINDOW, err));
    hth_rows_clear(e->rows);
    hth_rows_add(e->rows, hth_table_view(e->table), ids, WINDOW, 0, HTH_WANT_ALL);
    hth_rows_run(e->rows, e->exec, logits);
    return HTH_OK;
}

/* ---- figures ---- */

typedef struct Sum {
    double nats, kl, same;
    size_t tokens;
} Sum;

static double log_sum(const float *l, uint32_t n, uint32_t *top) {
    double sum = 0;
    *top = 0;
    for (uint32_t i = 1; i < n; i++)
        if (l[i] > l[*top]) *top = i;
    for (uint32_t i = 0; i < n; i++) sum += exp((double)l[i] - (double)l[*top]);
    return (double)l[*top] + log(sum);
}

static void compare(const float *ref, const float *l, const uint32_t *ids, uint32_t n, Sum *s) {
    for (uint32_t t = 0; t + 1 < WINDOW; t++, ref += n, l += n) {
        uint32_t a, b;
        const double za = log_sum(ref, n, &a), zb = log_sum(l, n, &b);
        double kl = 0;
        for (uint32_t i = 0; i < n; i++) {
            const double p = (double)ref[i] - za, q = (double)l[i] - zb;
            kl += exp(p) * (p - q);
        }
        s->kl += kl;
        s->nats += zb - (double)l[ids[t + 1]];
        s->same += a == b;
        s->tokens++;
    }
}

static HthStatus read_ids(const HthModel *m, const char *text, HthIds *ids, HthErr *err) {
    hth_ids_init(ids, 1 << 24);
    const uint32_t n_vocab = hth_model_vocab_count(m);
    if (!text) {
        for (uint32_t i = 0; i < WINDOW * 8; i++)
            HTH_TRY(hth_ids_add(ids, hth_rng_u32(1, 2, i) % n_vocab, err));
        return HTH_OK;
    }
    HthBuf b;
    hth_buf_init(&b, TEXT_BYTES_MAX);
    HthStatus status = hth_file_read(&b, text, err);
    if (status == HTH_OK)
        status = hth_vocab_encode(hth_model_vocab(m), hth_buf_str(&b), 0, ids, err);
    hth_buf_drop(&b);
    return status;
}

static HthStatus measure(const HthModel *m, const HthModel *reference, HthPool *pool,
                         const HthIds *ids, HthErr *err) {
    const uint32_t n = hth_model_vocab_count(m), rules = HTH_COUNT(RULES);
    const HthKern *best = hth_kern_pick();
    HthKern kern = *best;
    kern.act_q8 = quantise;
    Engine ref = { 0 }, e = { 0 };
    Sum sums[HTH_COUNT(RULES) + 1] = { { 0 } };
    float *a = hth_calloc((size_t)WINDOW * n, sizeof *a),
          *b = hth_calloc((size_t)WINDOW * n, sizeof *b);
    HthStatus status = a && b ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "no memory for logits");
    if (status == HTH_OK) status = engine_open(&ref, reference, best, pool, err);
    if (status == HTH_OK) status = engine_open(&e, m, &kern, pool, err);
    size_t windows = ids->n / WINDOW < WINDOWS_MAX ? ids->n / WINDOW : WINDOWS_MAX;
    for (size_t w = 0; status == HTH_OK && w < windows; w++) {
        const uint32_t *at = ids->p + w * WINDOW;
        status = engine_run(&ref, at, a, err);
        if (status == HTH_OK) compare(a, a, at, n, &sums[rules]);
        for (uint32_t r = 0; status == HTH_OK && r < rules; r++) {
            rule_now = RULES[r].scale;
            status = engine_run(&e, at, b, err);
            if (status == HTH_OK) compare(a, b, at, n, &sums[r]);
        }
    }
    for (uint32_t r = 0; status == HTH_OK && r <= rules; r++) {
        const double t = (double)(sums[r].tokens ? sums[r].tokens : 1);
        printf("%-26s %8.5f nats/token  KL %.3e  top-1 %6.2f %%\n",
               r < rules ? RULES[r].name : "float32 activations", sums[r].nats / t, sums[r].kl / t,
               100 * sums[r].same / t);
    }
    engine_close(&e);
    engine_close(&ref);
    hth_free(a);
    hth_free(b);
    return status;
}

static HthStatus run(const char *path, const char *text, HthErr *err) {
    HthModel *m = NULL, *reference = NULL;
    HthPool *pool = NULL;
    HthIds ids = { 0 };
    char temp[] = "/tmp/actrule-XXXXXX";
    const int fd = mkstemp(temp);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot make a file in /tmp");
    close(fd);
    HthStatus status = hth_model_open(&m, path, err);
    if (status == HTH_OK) status = write_reference(hth_model_gguf(m), temp, err);
    if (status == HTH_OK) status = hth_model_open(&reference, temp, err);
    if (status == HTH_OK) status = hth_pool_open(&pool, 0, err);
    if (status == HTH_OK) status = read_ids(m, text, &ids, err);
    if (status == HTH_OK) status = measure(m, reference, pool, &ids, err);
    hth_ids_drop(&ids);
    hth_pool_close(&pool);
    hth_model_close(&reference);
    hth_model_close(&m);
    unlink(temp);
    return status;
}

int main(int argc, char **argv) {
    HthErr err = { 0 };
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: actrule MODEL [TEXT]\n");
        return 64;
    }
    if (run(argv[1], argc > 2 ? argv[2] : NULL, &err) == HTH_OK) return 0;
    fprintf(stderr, "actrule: %s\n", err.text);
    return 1;
}
