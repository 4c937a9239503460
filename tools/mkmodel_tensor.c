/* mkmodel_tensor.c - which tensors a model has, in which formats, and their noise.
 *
 * Formats: one type for all matrices, or a mix with the names and choices people know: more bits
 * for the output, and for values and the last product of the feed-forward layer in the first and
 * last eighth of the layers and every third between.  Where a row is not a whole number of a
 * mix's blocks, the next format with blocks of 32 takes its place.
 *
 * Thread: one. */
#include "mkmodel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/rng.h"

/* ---- formats ---- */

typedef enum Role { ROLE_REST, ROLE_EMBD, ROLE_OUTPUT, ROLE_V, ROLE_ATTN_OUT, ROLE_DOWN } Role;

static const struct {
    const char *name, *rest;
    const char *output;
    const char *more; /* values and the last feed-forward product, in favoured layers */
} mixes[] = {
    { "Q4_K_M", "Q4_K", "Q6_K", "Q6_K" },
    { "Q5_K_M", "Q5_K", "Q6_K", "Q6_K" },
};

/* Blocks of 32 for rows that are not whole blocks of 256. */
static const char *const narrower[][2] = { { "Q4_K", "Q5_0" },
                                           { "Q5_K", "Q5_1" },
                                           { "Q6_K", "Q8_0" } };

static bool favoured(uint64_t layer, uint64_t layers) {
    uint64_t eighth = layers / 8;
    return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

static HthStatus find_fmt(const char *name, const HthFmt **out, HthErr *err) {
    const HthFmt *fmt = hth_fmt_by_name(name);
    HTH_REQUIRE(fmt != NULL, err, HTH_EINVAL, "no weight type or mix '%s'", name);
    HTH_REQUIRE(fmt->quant != NULL, err, HTH_ENOTSUP, "hearth does not write %s", fmt->name);
    *out = fmt;
    return HTH_OK;
}

/* The format of a matrix in its role; layer counts only for ROLE_V and ROLE_DOWN. */
static HthStatus choose_fmt(const HthMkOpt *o, Role role, uint64_t layer, uint64_t cols,
                            const HthFmt **out, HthErr *err) {
    bool ends = role == ROLE_OUTPUT || role == ROLE_EMBD;
    if (o->embd_type != NULL && ends) return find_fmt(o->embd_type, out, err);
    size_t m = 0;
    while (m < HTH_COUNT(mixes) && strcasecmp(o->type, mixes[m].name) != 0) m++;
    if (m == HTH_COUNT(mixes)) return find_fmt(o->type, out, err);
    const char *name = mixes[m].rest;
    if (role == ROLE_OUTPUT || (role == ROLE_EMBD && o->tied)) name = mixes[m].output;
    if ((role == ROLE_V || role == ROLE_DOWN) && favoured(layer, o->layers)) name = mixes[m].more;
    for (size_t i = 0; cols % 256 != 0 && i < HTH_COUNT(narrower); i++)
        if (strcmp(name, narrower[i][0]) == 0) return find_fmt(narrower[i][1], out, err);
    return find_fmt(name, out, err);
}

/* ---- the list of tensors ---- */

typedef enum Fill { NOISE, NORM, BIAS, ROPE_FREQS } Fill;

typedef struct Tensor {
    char name[64];
    const HthFmt *fmt;
    uint64_t cols, rows, count; /* rows 0: a vector; count: of matrices, 0: one */
    Fill fill;
    Role role;
} Tensor;

typedef struct Plan {
    Tensor *list; /* [cap] */
    size_t n, cap;
    const HthFmt *f32;
    const HthMkOpt *opt;
    HthErr *err;
    HthStatus status; /* of the first failure; later calls do nothing */
} Plan;

static void plan_add(Plan *p, const char *name, const HthFmt *fmt, uint64_t cols, uint64_t rows,
                     Fill fill, Role role) {
    if (p->status != HTH_OK) return;
    HTH_ASSERT(p->n < p->cap);
    Tensor *t = &p->list[p->n++];
    *t = (Tensor){ .fmt = fmt, .cols = cols, .rows = rows, .fill = fill, .role = role };
    snprintf(t->name, sizeof t->name, "%s", name);
}

static void plan_matrix(Plan *p, const char *name, Role role, uint64_t layer, uint64_t cols,
                        uint64_t rows) {
    const HthFmt *fmt = NULL;
    if (p->status == HTH_OK) p->status = choose_fmt(p->opt, role, layer, cols, &fmt, p->err);
    plan_add(p, name, fmt, cols, rows, NOISE, role);
}

/* "blk.L.NAME.weight", and its bias if wanted. */
static void plan_linear(Plan *p, uint64_t layer, const char *name, Role role, uint64_t cols,
                        uint64_t rows, bool bias) {
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s.weight", (unsigned)layer, name);
    plan_matrix(p, full, role, layer, cols, rows);
    snprintf(full, sizeof full, "blk.%u.%s.bias", (unsigned)layer, name);
    if (bias) plan_add(p, full, p->f32, rows, 0, BIAS, ROLE_REST);
}

/* One matrix for each expert. */
static void plan_experts(Plan *p, uint64_t layer, const char *name, Role role, uint64_t cols,
                         uint64_t rows) {
    plan_linear(p, layer, name, role, cols, rows, false);
    if (p->status == HTH_OK) p->list[p->n - 1].count = p->opt->experts;
}

static void plan_norm(Plan *p, uint64_t layer, const char *name, uint64_t n) {
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s.weight", (unsigned)layer, name);
    plan_add(p, full, p->f32, n, 0, NORM, ROLE_REST);
}

bool hth_mkmodel_encodes(const HthMkOpt *opt) {
    return strstr(opt->arch, "bert") != NULL;
}

/* "NAME.weight", and its bias. */
static void plan_biased(Plan *p, const char *name, uint64_t cols, uint64_t rows) {
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    if (rows)
        plan_matrix(p, full, ROLE_REST, 0, cols, rows);
    else
        plan_add(p, full, p->f32, cols, 0, NORM, ROLE_REST);
    snprintf(full, sizeof full, "%s.bias", name);
    plan_add(p, full, p->f32, rows ? rows : cols, 0, BIAS, ROLE_REST);
}

/* Norms stand after what was added. */
static void plan_encoder_layer(Plan *p, uint64_t layer) {
    const HthMkOpt *o = p->opt;
    const bool bert = strcmp(o->arch, "bert") == 0;
    const uint64_t q = o->heads * o->head_dim, kv = o->kv_heads * o->head_dim;
    char name[64];
    plan_linear(p, layer, "attn_q", ROLE_REST, o->embd, q, bert);
    plan_linear(p, layer, "attn_k", ROLE_REST, o->embd, kv, bert);
    plan_linear(p, layer, "attn_v", ROLE_V, o->embd, kv, bert);
    plan_linear(p, layer, "attn_output", ROLE_ATTN_OUT, q, o->embd, bert);
    snprintf(name, sizeof name, "blk.%u.attn_output_norm", (unsigned)layer);
    plan_biased(p, name, o->embd, 0);
    if (!bert) plan_linear(p, layer, "ffn_gate", ROLE_REST, o->embd, o->ff, false);
    plan_linear(p, layer, "ffn_up", ROLE_REST, o->embd, o->ff, bert);
    plan_linear(p, layer, "ffn_down", ROLE_DOWN, o->ff, o->embd, bert);
    snprintf(name, sizeof name, "blk.%u.layer_output_norm", (unsigned)layer);
    plan_biased(p, name, o->embd, 0);
}

/* What scores are made with: of "yes" and "no". */
static void plan_rank(Plan *p) {
    enum { SCORES = 2 };
    const HthMkOpt *o = p->opt;
    if (o->pooling != 4) return;
    if (strcmp(o->arch, "bert") == 0) plan_biased(p, "cls", o->embd, o->embd);
    plan_biased(p, "cls.output", o->embd, SCORES);
}

static void plan_encoder(Plan *p) {
    const HthMkOpt *o = p->opt;
    plan_matrix(p, "token_types.weight", ROLE_REST, 0, o->embd, 2);
    plan_biased(p, "token_embd_norm", o->embd, 0);
    if (strcmp(o->arch, "bert") == 0)
        plan_matrix(p, "position_embd.weight", ROLE_REST, 0, o->embd, o->ctx);
    for (uint64_t l = 0; l < o->layers; l++) plan_encoder_layer(p, l);
}

static void plan_layer(Plan *p, uint64_t layer) {
    const HthMkOpt *o = p->opt;
    uint64_t q = o->heads * o->head_dim, kv = o->kv_heads * o->head_dim;
    bool qkv_bias = o->bias || strcmp(o->arch, "qwen2") == 0;
    plan_norm(p, layer, "attn_norm", o->embd);
    plan_linear(p, layer, "attn_q", ROLE_REST, o->embd, q, qkv_bias);
    plan_linear(p, layer, "attn_k", ROLE_REST, o->embd, kv, qkv_bias);
    plan_linear(p, layer, "attn_v", ROLE_V, o->embd, kv, qkv_bias);
    if (strncmp(o->arch, "qwen3", 5) == 0) {
        plan_norm(p, layer, "attn_q_norm", o->head_dim);
        plan_norm(p, layer, "attn_k_norm", o->head_dim);
    }
    plan_linear(p, layer, "attn_output", ROLE_ATTN_OUT, q, o->embd, o->bias);
    plan_norm(p, layer, "ffn_norm", o->embd);
    if (o->experts) {
        char name[64];
        snprintf(name, sizeof name, "blk.%u.ffn_gate_inp.weight", (unsigned)layer);
        plan_add(p, name, p->f32, o->embd, o->experts, NOISE, ROLE_REST);
        plan_experts(p, layer, "ffn_gate_exps", ROLE_REST, o->embd, o->ff);
        plan_experts(p, layer, "ffn_up_exps", ROLE_REST, o->embd, o->ff);
        plan_experts(p, layer, "ffn_down_exps", ROLE_DOWN, o->ff, o->embd);
        return;
    }
    plan_linear(p, layer, "ffn_gate", ROLE_REST, o->embd, o->ff, o->bias);
    plan_linear(p, layer, "ffn_up", ROLE_REST, o->embd, o->ff, o->bias);
    plan_linear(p, layer, "ffn_down", ROLE_DOWN, o->ff, o->embd, o->bias);
}

static void plan_all(Plan *p) {
    const HthMkOpt *o = p->opt;
    plan_matrix(p, "token_embd.weight", ROLE_EMBD, 0, o->embd, o->vocab);
    plan_rank(p);
    if (hth_mkmodel_encodes(o)) {
        plan_encoder(p);
        return;
    }
    if (strcmp(o->rope, "llama3") == 0)
        plan_add(p, "rope_freqs.weight", p->f32, o->rot / 2, 0, ROPE_FREQS, ROLE_REST);
    for (uint64_t l = 0; l < o->layers; l++) plan_layer(p, l);
    plan_add(p, "output_norm.weight", p->f32, o->embd, 0, NORM, ROLE_REST);
    if (!o->tied) plan_matrix(p, "output.weight", ROLE_OUTPUT, 0, o->embd, o->vocab);
}

/* ---- noise ---- */

/* Llama 3's divisor of frequency i: 1 for short waves, the factor for long ones, a blend between
 * (low and high frequency factors 1 and 4). */
static double llama3_divisor(const HthMkOpt *o, uint64_t i) {
    double orig = (double)o->ctx / o->rope_factor;
    double wave = 2 * M_PI * pow(o->rope_base, 2 * (double)i / (double)o->rot);
    double blend = (orig / wave - 1) / (4 - 1);
    if (blend >= 1) return 1;
    if (blend <= 0) return o->rope_factor;
    return 1 / ((1 - blend) / o->rope_factor + blend);
}

/* Rows of all its matrices. */
static uint64_t rows_of(const Tensor *t) {
    return (t->rows ? t->rows : 1) * (t->count ? t->count : 1);
}

/* One row of a tensor: uniform noise of the wanted variance. */
static void fill_row(const HthMkOpt *o, const Tensor *t, uint64_t stream, uint64_t row,
                     float *out) {
    double scale = t->fill == NOISE ? sqrt(3.0 / (double)t->cols) : 0.1;
    double middle = t->fill == NORM ? 1 : 0;
    if (t->role == ROLE_EMBD) scale = 1;
    for (uint64_t c = 0; c < t->cols; c++) {
        if (t->fill == ROPE_FREQS) {
            out[c] = (float)llama3_divisor(o, c);
            continue;
        }
        double u = 2 * hth_rng_f64(o->seed, stream, row * t->cols + c) - 1;
        out[c] = (float)(middle + scale * u);
    }
}

static HthStatus write_tensor(HthGgufOut *o, const HthMkOpt *opt, const Tensor *t, uint64_t stream,
                              HthErr *err) {
    size_t bytes = hth_fmt_row_bytes(t->fmt, t->cols);
    float *row = hth_calloc_aligned(t->cols, sizeof *row);
    void *blocks = hth_calloc_aligned(1, bytes);
    HthStatus status = HTH_OK;
    if (row == NULL || blocks == NULL) status = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    for (uint64_t r = 0; status == HTH_OK && r < rows_of(t); r++) {
        fill_row(opt, t, stream, r, row);
        t->fmt->quant(row, blocks, t->cols);
        status = hth_gguf_out_data(o, blocks, bytes, err);
    }
    hth_free(row);
    hth_free(blocks);
    return status;
}

/* As trained models have them: logits of a few units (the norm before gives rows of length
 * sqrt(cols)), and what a layer adds to the residual stream shrinks with their number. */
static double bank_sd(const HthMkOpt *o, const Tensor *t) {
    double unit = 1.0 / sqrt((double)t->cols);
    if (t->role == ROLE_EMBD || t->role == ROLE_OUTPUT) return 2.0 * unit;
    if (t->role == ROLE_DOWN || t->role == ROLE_ATTN_OUT)
        return unit / sqrt(2.0 * (double)o->layers);
    return unit;
}

static HthStatus write_list(HthGgufOut *o, const Plan *p, HthErr *err) {
    HthMkBanks *banks = NULL;
    HthStatus status = HTH_OK;
    if (p->opt->bank) status = hth_mkmodel_banks_open(&banks, p->opt->seed, err);
    for (size_t i = 0; i < p->n && status == HTH_OK; i++) {
        const Tensor *t = &p->list[i];
        if (banks != NULL && t->fill == NOISE)
            status = hth_mkmodel_banks_write(banks, o, t->fmt, t->cols, rows_of(t),
                                             bank_sd(p->opt, t), i, err);
        else
            status = write_tensor(o, p->opt, t, i, err);
    }
    hth_mkmodel_banks_close(&banks);
    return status;
}

HthStatus hth_mkmodel_tensors(HthGgufOut *o, const HthMkOpt *opt, HthErr *err) {
    Plan p = {
        .cap = 12 + 20 * (size_t)opt->layers, .f32 = hth_fmt_by_id(0), .opt = opt, .err = err
    };
    p.list = hth_calloc(p.cap, sizeof *p.list);
    HTH_REQUIRE(p.list != NULL, err, HTH_ENOMEM, "out of memory");
    plan_all(&p);
    HthStatus status = p.status;
    for (size_t i = 0; i < p.n && status == HTH_OK; i++) {
        const Tensor *t = &p.list[i];
        const uint64_t ne[] = { t->cols, t->rows, t->count };
        const uint32_t dims = t->count ? 3 : t->rows ? 2 : 1;
        status = hth_gguf_out_tensor(o, hth_str(t->name), t->fmt, dims, ne, err);
    }
    if (status == HTH_OK) status = write_list(o, &p, err);
    hth_free(p.list);
    return status;
}
