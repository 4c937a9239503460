/* mkmodel_small.c - small models of every architecture that mkmodel.c has no shapes for, made by
 * what the tests make theirs with (tests/support/tiny.h), and given a vocabulary.
 *
 * The model is made in memory and opened as hearth opens it before anything is written: what does
 * not make sense for an architecture is refused with the sentence that says so.
 *
 * Thread: one. */
#include "mkmodel.h"

#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "support/tiny.h"

enum { WINDOW = 24, BYTES_MAX = TINY_MAX - TINY_MAX / 16 };

/* Those that mkmodel_tensor.c can make in any size. */
#define SHAPED " llama qwen2 qwen3 qwen3moe bert nomic-bert "

bool hth_mkmodel_is_small(const HthMkOpt *opt) {
    char spaced[64];
    snprintf(spaced, sizeof spaced, " %s ", opt->arch);
    return strstr(SHAPED, spaced) == NULL;
}

void hth_mkmodel_small_help(void) {
    printf("  %-12s %s", "", "small ones (no shape, embd_type, rope, bias, bank), at most 15 MiB:");
    for (size_t i = 0, column = 80; hth_arch_at(i); i++) {
        const HthMkOpt one = { .arch = hth_arch_at(i)->name };
        if (!hth_mkmodel_is_small(&one)) continue;
        column += strlen(one.arch) + 1;
        if (column > 80) {
            printf("\n  %-13s", "");
            column = strlen(one.arch) + 1;
        }
        printf("%s ", one.arch);
    }
    printf("\n");
}

/* Options that nothing of a small model is made from. */
static HthStatus check_given(const HthMkOpt *opt, HthErr *err) {
    const bool encodes = tiny_is(&(Tiny){ .arch = opt->arch }, TINY_ENCODERS);
    const struct {
        const char *name;
        bool given;
    } none[] = { { "shape", opt->shape != NULL },
                 { "embd_type", opt->embd_type != NULL },
                 { "rope", strcmp(opt->rope, "none") != 0 },
                 { "bias", opt->bias != 0 },
                 { "bank", opt->bank != 0 },
                 { "tied", opt->tied && encodes },
                 { "experts", opt->experts && encodes } };
    for (size_t i = 0; i < HTH_COUNT(none); i++)
        HTH_REQUIRE(!none[i].given, err, HTH_EINVAL,
                    "arch=%s: there is no choice of %s; leave it out", opt->arch, none[i].name);
    return HTH_OK;
}

/* Bytes of a model of these sizes, rather too many than too few: attention, states or latent rows,
 * whichever is widest, and feed-forward blocks as wide as the widest. */
static double bytes_of(const Tiny *c, const HthFmt *fmt) {
    const double d = c->head_dim ? c->head_dim : c->embd / c->heads;
    const double inner = c->embd > c->heads * d ? c->embd : c->heads * d;
    const double mix = 8.0 * inner * c->embd + c->heads * (4096.0 + 24.0 * c->embd);
    const double blocks = tiny_experts(c) ? tiny_experts(c) + 2.0 : 2.0;
    const double layer = mix + 3.0 * blocks * c->ff * c->embd;
    const double ends = (2.0 * c->embd + (double)TINY_OWN * c->layers) * c->vocab +
                        (double)c->embd * (c->ctx + c->embd);
    const double each = (double)fmt->block_bytes / fmt->block_len;
    return (layer * c->layers + ends) * (each > 2 ? each : 2.0) +
           c->layers * (8192.0 + 64.0 * (inner + c->ff));
}

/* Sizes from which tiny.h can make a file at all; what they are worth the engine says. */
static HthStatus check_sizes(const HthMkOpt *opt, const Tiny *c, HthErr *err) {
    const HthFmt *fmt = hth_fmt_by_name(opt->type);
    HTH_REQUIRE(fmt && fmt->quant, err, HTH_EINVAL,
                "arch=%s: type is one that hearth writes, and "
                "no mix",
                opt->arch);
    HTH_REQUIRE(c->head_dim || c->embd % c->heads == 0, err, HTH_EINVAL,
                "embd=%u is not a multiple of heads=%u", c->embd, c->heads);
    const uint32_t rows[] = { c->embd, c->ff, c->heads * c->head_dim };
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        HTH_REQUIRE(rows[i] % fmt->block_len == 0, err, HTH_EINVAL,
                    "rows of %u are not whole blocks of %s's %u: embd, ff and heads x head_dim "
                    "must be",
                    rows[i], fmt->name, fmt->block_len);
    HTH_REQUIRE(bytes_of(c, fmt) < BYTES_MAX, err, HTH_EINVAL,
                "arch=%s is made small, and this may be more than 15 MiB: less of embd, ff, "
                "layers, vocab or ctx",
                opt->arch);
    return HTH_OK;
}

static Tiny tiny_of(const HthMkOpt *opt) {
    Tiny c = { .arch = opt->arch, .fmt = opt->type, .every_key = true, .window = WINDOW };
    c.layers = (uint32_t)opt->layers;
    c.embd = (uint32_t)opt->embd;
    c.heads = (uint32_t)opt->heads;
    c.kv_heads = (uint32_t)opt->kv_heads;
    c.head_dim = opt->head_dim_given ? (uint32_t)opt->head_dim : 0;
    c.rot = opt->rot_given ? (uint32_t)opt->rot : 0;
    c.ff = (uint32_t)opt->ff;
    c.vocab = (uint32_t)opt->vocab;
    c.ctx = (uint32_t)opt->ctx;
    c.seed = opt->seed;
    c.experts = (uint32_t)opt->experts;
    c.used = (uint32_t)opt->used;
    c.pooling = (uint32_t)opt->pooling;
    c.tied = opt->tied != 0;
    c.base = opt->rope_base_given ? (float)opt->rope_base : 0;
    c.fused = tiny_is(&c, "phi3");
    return c;
}

static HthStatus write_all(HthGgufOut *o, const HthGguf *g, const HthMkOpt *opt, HthErr *err) {
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++)
        HTH_TRY(hth_gguf_out_kv(o, hth_gguf_kv_at(g, i), err));
    HTH_TRY(hth_gguf_out_str(o, "general.name", HTH_STR("mkmodel noise"), err));
    HTH_TRY(hth_mkmodel_words(o, opt, err));
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        HTH_TRY(hth_gguf_out_tensor(o, t->name, t->fmt, t->n_dims, t->ne, err));
    }
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        HTH_TRY(hth_gguf_out_data(o, t->data, t->bytes, err));
    }
    return HTH_OK;
}

/* The engine's word on it. */
static HthStatus check_whole(const HthBuf *file, const HthMkOpt *opt, HthErr *err) {
    HthErr why = { 0 };
    HthModel *m = NULL;
    const HthStatus st = hth_model_open_mem(&m, file->p, file->n, "mkmodel", &why);
    hth_model_close(&m);
    HTH_REQUIRE(st == HTH_OK, err, HTH_EINVAL, "arch=%s cannot be made so: %s", opt->arch,
                why.text);
    return HTH_OK;
}

HthStatus hth_mkmodel_small(const char *path, const HthMkOpt *opt, HthErr *err) {
    HthGgufOut *o = NULL;
    HthGguf *g = NULL;
    HthBuf file;
    const Tiny c = tiny_of(opt);
    HTH_TRY(check_given(opt, err));
    HTH_TRY(check_sizes(opt, &c, err));
    tiny_build(&file, &c);
    HthStatus st = check_whole(&file, opt, err);
    if (st == HTH_OK) st = hth_gguf_open_mem(&g, file.p, file.n, "mkmodel", err);
    if (st == HTH_OK) st = hth_gguf_out_open(&o, path, err);
    if (st == HTH_OK) st = write_all(o, g, opt, err);
    if (st == HTH_OK)
        st = hth_gguf_out_commit(&o, err);
    else if (o)
        hth_gguf_out_abort(&o);
    hth_gguf_close(&g);
    hth_buf_drop(&file);
    return st;
}
