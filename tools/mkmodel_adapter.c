/* mkmodel_adapter.c - a random LoRA adapter for a model file: every matrix of its layers changed.
 *
 * A is noise that keeps a row near one, B noise of a quarter: with alpha as large as the rank the
 * model says something else, and is still a model.
 *
 * Thread: one. */
#include "mkmodel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

typedef struct Make {
    HthGgufOut *out;
    const HthGguf *base;
    const HthFmt *fmt;
    uint32_t rank;
    uint64_t seed;
} Make;

/* A layer's matrix, not one for each expert. */
static bool wanted(const HthGgufTensor *t) {
    return t->n_dims == 2 && hth_str_starts(t->name, HTH_STR("blk.")) &&
           hth_str_ends(t->name, HTH_STR(".weight"));
}

static HthStatus declare(const Make *m, const HthGgufTensor *t, bool up, HthErr *err) {
    char name[160];
    const uint64_t ne[2] = { up ? m->rank : t->ne[0], up ? t->ne[1] : m->rank };
    snprintf(name, sizeof name, "%.*s.lora_%c", HTH_STR_ARG(t->name), up ? 'b' : 'a');
    return hth_gguf_out_tensor(m->out, hth_str(name), m->fmt, 2, ne, err);
}

/* rows x cols of normal noise. */
static HthStatus noise(const Make *m, uint64_t rows, uint64_t cols, double sd, uint64_t stream,
                       HthErr *err) {
    HthStatus st = HTH_OK;
    const size_t bytes = hth_fmt_row_bytes(m->fmt, cols);
    float *row = hth_calloc(cols, sizeof *row);
    uint8_t *blocks = hth_calloc(bytes, 1);
    if (!row || !blocks) st = HTH_FAIL(err, HTH_ENOMEM, "no memory for a row");
    for (uint64_t r = 0; r < rows && st == HTH_OK; r++) {
        for (uint64_t i = 0; i < cols; i++) {
            const double u = 1.0 - hth_rng_f64(m->seed, stream, 2 * (r * cols + i));
            const double v = hth_rng_f64(m->seed, stream, 2 * (r * cols + i) + 1);
            row[i] = (float)(sd * sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
        }
        m->fmt->quant(row, blocks, cols);
        st = hth_gguf_out_data(m->out, blocks, bytes, err);
    }
    hth_free(row);
    hth_free(blocks);
    return st;
}

static HthStatus write_pairs(const Make *m, HthErr *err) {
    const size_t n = hth_gguf_tensor_count(m->base);
    for (size_t i = 0; i < n; i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(m->base, i);
        if (!wanted(t)) continue;
        HTH_TRY(declare(m, t, false, err));
        HTH_TRY(declare(m, t, true, err));
    }
    for (size_t i = 0; i < n; i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(m->base, i);
        if (!wanted(t)) continue;
        HTH_TRY(noise(m, m->rank, t->ne[0], 1.0 / sqrt((double)t->ne[0]), 2 * i, err));
        HTH_TRY(noise(m, t->ne[1], m->rank, 0.25, 2 * i + 1, err));
    }
    return HTH_OK;
}

static HthStatus write_head(const Make *m, double alpha, HthErr *err) {
    HthStr arch;
    HTH_TRY(hth_gguf_str(m->base, "general.architecture", &arch, err));
    HTH_TRY(hth_gguf_out_str(m->out, "general.type", HTH_STR("adapter"), err));
    HTH_TRY(hth_gguf_out_str(m->out, "general.architecture", arch, err));
    HTH_TRY(hth_gguf_out_str(m->out, "general.name", HTH_STR("mkmodel noise"), err));
    HTH_TRY(hth_gguf_out_str(m->out, "adapter.type", HTH_STR("lora"), err));
    return hth_gguf_out_f32(m->out, "adapter.lora.alpha", (float)alpha, err);
}

HthStatus hth_mkmodel_adapter(const char *path, const HthMkOpt *opt, HthErr *err) {
    HthGguf *base = NULL;
    Make m = { .rank = (uint32_t)opt->rank, .seed = opt->seed };
    m.fmt = hth_fmt_by_name(opt->type);
    HTH_REQUIRE(m.fmt && m.fmt->quant && m.fmt->block_len == 1, err, HTH_EINVAL,
                "an adapter's type is F32, F16 or BF16");
    HTH_TRY(hth_gguf_open(&base, opt->adapter, err));
    m.base = base;
    HthStatus st = hth_gguf_out_open(&m.out, path, err);
    if (st == HTH_OK) {
        st = write_head(&m, opt->alpha, err);
        if (st == HTH_OK) st = write_pairs(&m, err);
        if (st == HTH_OK)
            st = hth_gguf_out_commit(&m.out, err);
        else
            hth_gguf_out_abort(&m.out);
    }
    hth_gguf_close(&base);
    return st;
}
