/* mkmodel.c - a tiny random GGUF model of any llama-shaped architecture, for tests.
 *
 * Usage: mkmodel OUT [option=value ...]       mkmodel --help lists the options
 * The same options give the same bytes.  The weights are noise at a scale that keeps activations
 * near one; nothing was trained.
 *
 * Thread: one. */
#include "mkmodel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

typedef struct Opt {
    const char *arch, *type, *embd_type, *rope, *tokenizer;
    uint64_t layers, embd, heads, kv_heads, head_dim, ff, vocab, ctx, seed, tied, bias, rot;
    double rope_base, rope_factor;
} Opt;

/* ---- the table of options ---- */

typedef enum Kind { WORD, NUMBER, REAL } Kind;

static const struct {
    const char *name;
    Kind kind;
    size_t field;
    uint64_t min, max; /* numbers */
    const char *words; /* words: the allowed ones between blanks, NULL: any */
    const char *help;
} options[] = {
#define WORD_(f, w, h)                                                                             \
    { #f, WORD, offsetof(Opt, f), 0, 0, w, h }
#define NUMBER_(f, lo, hi, h)                                                                      \
    { #f, NUMBER, offsetof(Opt, f), lo, hi, NULL, h }
#define REAL_(f, h)                                                                                \
    { #f, REAL, offsetof(Opt, f), 0, 0, NULL, h }
    /* clang-format off */
    WORD_(arch, " llama qwen2 qwen3 ", "architecture"),
    WORD_(type, NULL, "weight type of the matrices: F32 F16 BF16 Q8_0 Q4_0 Q4_K Q5_K Q6_K ..."),
    WORD_(embd_type, NULL, "weight type of embedding and output; as type if not given"),
    WORD_(rope, " none linear yarn llama3 ", "stretching of the context"),
    WORD_(tokenizer, " none spm bpe ", "kind of tokenizer"),
    NUMBER_(layers, 1, 1024, "blocks"),
    NUMBER_(embd, 1, 65536, "width"),
    NUMBER_(heads, 1, 1024, "query heads"),
    NUMBER_(kv_heads, 1, 1024, "key and value heads, a divisor of heads"),
    NUMBER_(head_dim, 2, 1024, "width of a head, even"),
    NUMBER_(rot, 0, 1024, "rotated dimensions of a head, even; 0: all"),
    NUMBER_(ff, 1, 1 << 20, "width of the feed-forward layer"),
    NUMBER_(vocab, 1, 1 << 20, "tokens"),
    NUMBER_(ctx, 1, 1 << 24, "context length it claims"),
    NUMBER_(seed, 0, UINT64_MAX, "seed of all that is random"),
    NUMBER_(tied, 0, 1, "1: no output matrix, the embedding serves"),
    NUMBER_(bias, 0, 1, "1: biases on every linear layer (qwen2 always has Q, K, V)"),
    REAL_(rope_base, "base of the rotation frequencies"),
    REAL_(rope_factor, "how far the context is stretched"),
/* clang-format on */
#undef WORD_
#undef NUMBER_
#undef REAL_
};

static HthStatus set_option(Opt *opt, HthStr name, const char *value, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(options); i++) {
        if (!hth_str_eq(name, hth_str(options[i].name))) continue;
        void *field = (char *)opt + options[i].field;
        char spaced[64];
        switch (options[i].kind) {
        case WORD:
            snprintf(spaced, sizeof spaced, " %s ", value);
            HTH_REQUIRE(!options[i].words ||
                            (strstr(options[i].words, spaced) && !strchr(value, ' ')),
                        err, HTH_EINVAL, "%s is one of:%s", options[i].name, options[i].words);
            *(const char **)field = value;
            return HTH_OK;
        case NUMBER: {
            uint64_t v = 0;
            bool ok = hth_str_u64(hth_str(value), &v);
            HTH_REQUIRE(ok && v >= options[i].min && v <= options[i].max, err, HTH_EINVAL,
                        "%s is a number from %llu to %llu", options[i].name,
                        (unsigned long long)options[i].min, (unsigned long long)options[i].max);
            *(uint64_t *)field = v;
            return HTH_OK;
        }
        case REAL:
            HTH_REQUIRE(hth_str_f64(hth_str(value), (double *)field), err, HTH_EINVAL,
                        "%s is a number", options[i].name);
            return HTH_OK;
        }
    }
    return HTH_FAIL(err, HTH_EINVAL, "no option '%.*s'; mkmodel --help lists them",
                    HTH_STR_ARG(name));
}

static int help(void) {
    printf("usage: mkmodel OUT [option=value ...]\n");
    for (size_t i = 0; i < HTH_COUNT(options); i++)
        printf("  %-12s %s%s%s\n", options[i].name, options[i].help, options[i].words ? ":" : "",
               options[i].words ? options[i].words : "");
    return 0;
}

/* ---- metadata ---- */

static HthStatus key_u32(HthGgufOut *o, const Opt *opt, const char *key, uint64_t v, HthErr *err) {
    char full[96];
    snprintf(full, sizeof full, "%s.%s", opt->arch, key);
    return hth_gguf_out_u32(o, full, (uint32_t)v, err);
}

static HthStatus key_f32(HthGgufOut *o, const Opt *opt, const char *key, double v, HthErr *err) {
    char full[96];
    snprintf(full, sizeof full, "%s.%s", opt->arch, key);
    return hth_gguf_out_f32(o, full, (float)v, err);
}

static HthStatus write_rope(HthGgufOut *o, const Opt *opt, HthErr *err) {
    char full[96];
    HTH_TRY(key_u32(o, opt, "rope.dimension_count", opt->rot, err));
    HTH_TRY(key_f32(o, opt, "rope.freq_base", opt->rope_base, err));
    if (strcmp(opt->rope, "linear") != 0 && strcmp(opt->rope, "yarn") != 0) return HTH_OK;
    snprintf(full, sizeof full, "%s.rope.scaling.type", opt->arch);
    HTH_TRY(hth_gguf_out_str(o, full, hth_str(opt->rope), err));
    HTH_TRY(key_f32(o, opt, "rope.scaling.factor", opt->rope_factor, err));
    if (strcmp(opt->rope, "yarn") != 0) return HTH_OK;
    uint64_t orig = (uint64_t)((double)opt->ctx / opt->rope_factor);
    return key_u32(o, opt, "rope.scaling.original_context_length", orig ? orig : 1, err);
}

static HthStatus write_metadata(HthGgufOut *o, const Opt *opt, HthErr *err) {
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", hth_str(opt->arch), err));
    HTH_TRY(hth_gguf_out_str(o, "general.name", HTH_STR("mkmodel noise"), err));
    HTH_TRY(hth_gguf_out_u32(o, "general.quantization_version", 2, err));
    HTH_TRY(key_u32(o, opt, "vocab_size", opt->vocab, err));
    HTH_TRY(key_u32(o, opt, "context_length", opt->ctx, err));
    HTH_TRY(key_u32(o, opt, "embedding_length", opt->embd, err));
    HTH_TRY(key_u32(o, opt, "block_count", opt->layers, err));
    HTH_TRY(key_u32(o, opt, "feed_forward_length", opt->ff, err));
    HTH_TRY(key_u32(o, opt, "attention.head_count", opt->heads, err));
    HTH_TRY(key_u32(o, opt, "attention.head_count_kv", opt->kv_heads, err));
    HTH_TRY(key_u32(o, opt, "attention.key_length", opt->head_dim, err));
    HTH_TRY(key_u32(o, opt, "attention.value_length", opt->head_dim, err));
    HTH_TRY(key_f32(o, opt, "attention.layer_norm_rms_epsilon", 1e-5, err));
    HTH_TRY(write_rope(o, opt, err));
    if (strcmp(opt->tokenizer, "none") == 0) return HTH_OK;
    return hth_mkmodel_vocab(o, opt->tokenizer, (uint32_t)opt->vocab, opt->seed, err);
}

/* ---- tensors ---- */

typedef enum Fill { NOISE, NORM, BIAS, ROPE_FREQS } Fill;

typedef struct Tensor {
    char name[64];
    const HthFmt *fmt;
    uint64_t cols, rows; /* rows 0: a vector */
    Fill fill;
} Tensor;

typedef struct Plan {
    Tensor *list; /* [cap] */
    size_t n, cap;
    const HthFmt *f32, *mat, *embd;
    const Opt *opt;
} Plan;

static void plan_add(Plan *p, const char *name, const HthFmt *fmt, uint64_t cols, uint64_t rows,
                     Fill fill) {
    HTH_ASSERT(p->n < p->cap);
    Tensor *t = &p->list[p->n++];
    *t = (Tensor){ .fmt = fmt, .cols = cols, .rows = rows, .fill = fill };
    snprintf(t->name, sizeof t->name, "%s", name);
}

/* "blk.L.NAME.weight", and its bias if wanted. */
static void plan_linear(Plan *p, uint64_t layer, const char *name, uint64_t cols, uint64_t rows,
                        bool bias) {
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s.weight", (unsigned)layer, name);
    plan_add(p, full, p->mat, cols, rows, NOISE);
    snprintf(full, sizeof full, "blk.%u.%s.bias", (unsigned)layer, name);
    if (bias) plan_add(p, full, p->f32, rows, 0, BIAS);
}

static void plan_norm(Plan *p, uint64_t layer, const char *name, uint64_t n) {
    char full[64];
    snprintf(full, sizeof full, "blk.%u.%s.weight", (unsigned)layer, name);
    plan_add(p, full, p->f32, n, 0, NORM);
}

static void plan_layer(Plan *p, uint64_t layer) {
    const Opt *o = p->opt;
    uint64_t q = o->heads * o->head_dim, kv = o->kv_heads * o->head_dim;
    bool qkv_bias = o->bias || strcmp(o->arch, "qwen2") == 0;
    plan_norm(p, layer, "attn_norm", o->embd);
    plan_linear(p, layer, "attn_q", o->embd, q, qkv_bias);
    plan_linear(p, layer, "attn_k", o->embd, kv, qkv_bias);
    plan_linear(p, layer, "attn_v", o->embd, kv, qkv_bias);
    if (strcmp(o->arch, "qwen3") == 0) {
        plan_norm(p, layer, "attn_q_norm", o->head_dim);
        plan_norm(p, layer, "attn_k_norm", o->head_dim);
    }
    plan_linear(p, layer, "attn_output", q, o->embd, o->bias);
    plan_norm(p, layer, "ffn_norm", o->embd);
    plan_linear(p, layer, "ffn_gate", o->embd, o->ff, o->bias);
    plan_linear(p, layer, "ffn_up", o->embd, o->ff, o->bias);
    plan_linear(p, layer, "ffn_down", o->ff, o->embd, o->bias);
}

static void plan_all(Plan *p) {
    const Opt *o = p->opt;
    plan_add(p, "token_embd.weight", p->embd, o->embd, o->vocab, NOISE);
    if (strcmp(o->rope, "llama3") == 0)
        plan_add(p, "rope_freqs.weight", p->f32, o->rot / 2, 0, ROPE_FREQS);
    for (uint64_t l = 0; l < o->layers; l++) plan_layer(p, l);
    plan_add(p, "output_norm.weight", p->f32, o->embd, 0, NORM);
    if (!o->tied) plan_add(p, "output.weight", p->embd, o->embd, o->vocab, NOISE);
}

/* Llama 3's divisor of frequency i: 1 for short waves, the factor for long ones, a blend between
 * (low and high frequency factors 1 and 4). */
static double llama3_divisor(const Opt *o, uint64_t i) {
    double orig = (double)o->ctx / o->rope_factor;
    double wave = 2 * M_PI * pow(o->rope_base, 2 * (double)i / (double)o->rot);
    double blend = (orig / wave - 1) / (4 - 1);
    if (blend >= 1) return 1;
    if (blend <= 0) return o->rope_factor;
    return 1 / ((1 - blend) / o->rope_factor + blend);
}

/* One row of a tensor: uniform noise of the wanted variance. */
static void fill_row(const Opt *o, const Tensor *t, uint64_t stream, uint64_t row, float *out) {
    double scale = t->fill == NOISE ? sqrt(3.0 / (double)t->cols) : 0.1;
    double middle = t->fill == NORM ? 1 : 0;
    if (strcmp(t->name, "token_embd.weight") == 0) scale = 1;
    for (uint64_t c = 0; c < t->cols; c++) {
        if (t->fill == ROPE_FREQS) {
            out[c] = (float)llama3_divisor(o, c);
            continue;
        }
        double u = 2 * hth_rng_f64(o->seed, stream, row * t->cols + c) - 1;
        out[c] = (float)(middle + scale * u);
    }
}

static HthStatus write_tensor(HthGgufOut *o, const Opt *opt, const Tensor *t, uint64_t stream,
                              HthErr *err) {
    size_t bytes = hth_fmt_row_bytes(t->fmt, t->cols);
    float *row = hth_calloc_aligned(t->cols, sizeof *row);
    void *blocks = hth_calloc_aligned(1, bytes);
    HthStatus status = HTH_OK;
    if (row == NULL || blocks == NULL) status = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    for (uint64_t r = 0; status == HTH_OK && r < (t->rows ? t->rows : 1); r++) {
        fill_row(opt, t, stream, r, row);
        t->fmt->quant(row, blocks, t->cols);
        status = hth_gguf_out_data(o, blocks, bytes, err);
    }
    hth_free(row);
    hth_free(blocks);
    return status;
}

static HthStatus find_fmt(const char *name, const HthFmt **out, HthErr *err) {
    const HthFmt *fmt = hth_fmt_by_name(name);
    HTH_REQUIRE(fmt != NULL, err, HTH_EINVAL, "no weight type '%s'", name);
    HTH_REQUIRE(fmt->quant != NULL, err, HTH_ENOTSUP, "hearth does not write %s", fmt->name);
    *out = fmt;
    return HTH_OK;
}

static HthStatus write_tensors(HthGgufOut *o, const Opt *opt, HthErr *err) {
    Plan p = { .cap = 4 + 20 * (size_t)opt->layers, .f32 = hth_fmt_by_id(0), .opt = opt };
    HTH_TRY(find_fmt(opt->type, &p.mat, err));
    HTH_TRY(find_fmt(opt->embd_type ? opt->embd_type : opt->type, &p.embd, err));
    p.list = hth_calloc(p.cap, sizeof *p.list);
    HTH_REQUIRE(p.list != NULL, err, HTH_ENOMEM, "out of memory");
    plan_all(&p);
    HthStatus status = HTH_OK;
    for (size_t i = 0; i < p.n && status == HTH_OK; i++) {
        const Tensor *t = &p.list[i];
        const uint64_t ne[] = { t->cols, t->rows };
        status = hth_gguf_out_tensor(o, hth_str(t->name), t->fmt, t->rows ? 2 : 1, ne, err);
    }
    for (size_t i = 0; i < p.n && status == HTH_OK; i++)
        status = write_tensor(o, opt, &p.list[i], i, err);
    hth_free(p.list);
    return status;
}

/* ---- */

static HthStatus check(Opt *opt, HthErr *err) {
    if (opt->rot == 0) opt->rot = opt->head_dim;
    HTH_REQUIRE(opt->heads % opt->kv_heads == 0, err, HTH_EINVAL,
                "heads is not a multiple of kv_heads");
    HTH_REQUIRE(opt->head_dim % 2 == 0 && opt->rot % 2 == 0 && opt->rot <= opt->head_dim, err,
                HTH_EINVAL, "head_dim and rot must be even, rot at most head_dim");
    HTH_REQUIRE(opt->rope_base > 0 && opt->rope_factor > 0, err, HTH_EINVAL,
                "rope_base and rope_factor must be above zero");
    return HTH_OK;
}

static HthStatus make(const char *path, const Opt *opt, HthErr *err) {
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open(&o, path, err));
    HthStatus status = write_metadata(o, opt, err);
    if (status == HTH_OK) status = write_tensors(o, opt, err);
    if (status == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return status;
}

int main(int argc, char **argv) {
    Opt opt = { .arch = "llama",
                .type = "F16",
                .rope = "none",
                .tokenizer = "none",
                .layers = 2,
                .embd = 64,
                .heads = 4,
                .kv_heads = 2,
                .head_dim = 16,
                .ff = 96,
                .vocab = 128,
                .ctx = 256,
                .rope_base = 10000,
                .rope_factor = 4 };
    HthErr err = { .text = "usage: mkmodel OUT [option=value ...]" };
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return help();
    HthStatus status = argc > 1 ? HTH_OK : HTH_EINVAL;
    for (int i = 2; i < argc && status == HTH_OK; i++) {
        const char *eq = strchr(argv[i], '=');
        HthStr name = { argv[i], eq ? (size_t)(eq - argv[i]) : strlen(argv[i]) };
        status = set_option(&opt, name, eq ? eq + 1 : "", &err);
    }
    if (status == HTH_OK) status = check(&opt, &err);
    if (status == HTH_OK) status = make(argv[1], &opt, &err);
    if (status == HTH_OK) return 0;
    fprintf(stderr, "mkmodel: %s\n", err.text);
    return status == HTH_EINVAL ? 64 : 1;
}
