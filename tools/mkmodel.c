/* mkmodel.c - a random GGUF model of any architecture hearth runs: tiny for tests, or (where it is
 * llama-shaped) of the shape and weight of a real one for measuring.
 *
 * Usage: mkmodel OUT [option=value ...]       mkmodel --help lists the options, --archs names
 * With adapter=FILE it makes a LoRA adapter for the model in that file instead.
 * The same options give the same bytes.  The weights are noise at a scale that keeps activations
 * near one; nothing was trained.
 *
 * Thread: one. */
#include "mkmodel.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/arch.h"

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
    { #f, WORD, offsetof(HthMkOpt, f), 0, 0, w, h }
#define NUMBER_(f, lo, hi, h)                                                                      \
    { #f, NUMBER, offsetof(HthMkOpt, f), lo, hi, NULL, h }
#define REAL_(f, h)                                                                                \
    { #f, REAL, offsetof(HthMkOpt, f), 0, 0, NULL, h }
    /* clang-format off */
    WORD_(shape, " 0.5b 1b 8b ", "preset; options after it change it"),
    WORD_(arch, NULL, "architecture: in any size llama qwen2 qwen3 qwen3moe bert nomic-bert;"),
    WORD_(type, NULL, "weights: F32 F16 Q8_0 Q4_0 Q4_K Q6_K ..., mixes Q4_K_M Q5_K_M"),
    WORD_(embd_type, NULL, "weight type of embedding and output; as type if not given"),
    WORD_(rope, " none linear yarn llama3 ", "stretching of the context"),
    WORD_(tokenizer, NULL, "none spm bpe, or FILE.gguf: its vocabulary, and its count of tokens"),
    WORD_(template, NULL, "FILE: a chat template, instead of the vocabulary's own"),
    WORD_(adapter, NULL, "FILE: a LoRA adapter for this model instead; type, rank, alpha, seed"),
    NUMBER_(rank, 1, 4096, "of the adapter"),
    REAL_(alpha, "of the adapter"),
    NUMBER_(layers, 1, 1024, "blocks"),
    NUMBER_(embd, 1, 65536, "width"),
    NUMBER_(heads, 1, 1024, "query heads"),
    NUMBER_(kv_heads, 1, 1024, "key and value heads, a divisor of heads"),
    NUMBER_(head_dim, 2, 1024, "width of a head, even"),
    NUMBER_(rot, 0, 1024, "rotated dimensions of a head, even; 0: all"),
    NUMBER_(ff, 1, 1 << 20, "width of the feed-forward layer"),
    NUMBER_(experts, 0, 4096, "feed-forward layers to choose among (llama, qwen3moe); 0: one"),
    NUMBER_(used, 1, 4096, "experts that a token goes to"),
    NUMBER_(vocab, 1, 1 << 20, "tokens"),
    NUMBER_(ctx, 1, 1 << 24, "context length it claims"),
    NUMBER_(seed, 0, UINT64_MAX, "seed of all that is random"),
    NUMBER_(pooling, 0, 4,
            "texts have a vector, of their rows' mean (1), first (2), last (3); 4: a score "
            "(bert, qwen3)"),
    NUMBER_(tied, 0, 1, "1: no output matrix, the embedding serves"),
    NUMBER_(bias, 0, 1, "1: biases on every linear layer (qwen2 always has Q, K, V)"),
    NUMBER_(bank, 0, 1, "1: rows from a bank encoded once (large models; a shape sets it)"),
    REAL_(rope_base, "base of the rotation frequencies"),
    REAL_(rope_factor, "how far the context is stretched"),
/* clang-format on */
#undef WORD_
#undef NUMBER_
#undef REAL_
};

/* Shapes that people run. */
static const HthMkOpt shapes[] = {
    { .shape = "0.5b",
      .arch = "qwen2",
      .layers = 24,
      .embd = 896,
      .heads = 14,
      .kv_heads = 2,
      .head_dim = 64,
      .ff = 4864,
      .vocab = 151936,
      .tied = 1,
      .rope_base = 1e6 },
    { .shape = "1b",
      .arch = "llama",
      .layers = 16,
      .embd = 2048,
      .heads = 32,
      .kv_heads = 8,
      .head_dim = 64,
      .ff = 8192,
      .vocab = 128256,
      .tied = 1,
      .rope_base = 5e5 },
    { .shape = "8b",
      .arch = "llama",
      .layers = 32,
      .embd = 4096,
      .heads = 32,
      .kv_heads = 8,
      .head_dim = 128,
      .ff = 14336,
      .vocab = 128256,
      .tied = 0,
      .rope_base = 5e5 },
};

/* The preset's sizes; what it does not say stays. */
static void set_shape(HthMkOpt *opt) {
    size_t i = 0;
    while (strcmp(shapes[i].shape, opt->shape) != 0) i++; /* a listed word */
    HthMkOpt s = shapes[i];
    s.type = "Q8_0";
    s.embd_type = opt->embd_type;
    s.rope = opt->rope;
    s.tokenizer = opt->tokenizer;
    s.used = opt->used;
    s.template = opt->template;
    s.seed = opt->seed;
    s.adapter = opt->adapter;
    s.rank = opt->rank;
    s.alpha = opt->alpha;
    s.rope_factor = opt->rope_factor;
    s.ctx = 32768;
    s.bank = 1;
    *opt = s;
}

static HthStatus set_option(HthMkOpt *opt, HthStr name, const char *value, HthErr *err) {
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
            if (field == &opt->shape) set_shape(opt);
            HTH_REQUIRE(field != &opt->arch || hth_arch_find(value), err, HTH_EINVAL,
                        "hearth runs no architecture of that name; mkmodel --help lists them");
            return HTH_OK;
        case NUMBER: {
            uint64_t v = 0;
            bool ok = hth_str_u64(hth_str(value), &v);
            HTH_REQUIRE(ok && v >= options[i].min && v <= options[i].max, err, HTH_EINVAL,
                        "%s is a number from %llu to %llu", options[i].name,
                        (unsigned long long)options[i].min, (unsigned long long)options[i].max);
            *(uint64_t *)field = v;
            opt->head_dim_given |= field == &opt->head_dim;
            opt->rot_given |= field == &opt->rot;
            return HTH_OK;
        }
        case REAL:
            opt->rope_base_given |= field == &opt->rope_base;
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
    for (size_t i = 0; i < HTH_COUNT(options); i++) {
        printf("  %-12s %s%s%s\n", options[i].name, options[i].help, options[i].words ? ":" : "",
               options[i].words ? options[i].words : "");
        if (strcmp(options[i].name, "arch") == 0) hth_mkmodel_small_help();
    }
    return 0;
}

/* Every architecture, a name to a line: for tests. */
static int archs(void) {
    for (size_t i = 0; hth_arch_at(i); i++) printf("%s\n", hth_arch_at(i)->name);
    return 0;
}

/* ---- metadata ---- */

static HthStatus key_u32(HthGgufOut *o, const HthMkOpt *opt, const char *key, uint64_t v,
                         HthErr *err) {
    char full[96];
    snprintf(full, sizeof full, "%s.%s", opt->arch, key);
    return hth_gguf_out_u32(o, full, (uint32_t)v, err);
}

static HthStatus key_f32(HthGgufOut *o, const HthMkOpt *opt, const char *key, double v,
                         HthErr *err) {
    char full[96];
    snprintf(full, sizeof full, "%s.%s", opt->arch, key);
    return hth_gguf_out_f32(o, full, (float)v, err);
}

static HthStatus write_rope(HthGgufOut *o, const HthMkOpt *opt, HthErr *err) {
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

static HthStatus write_template(HthGgufOut *o, const char *path, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, 1 << 20);
    HthStatus st = hth_file_read(&text, path, err);
    if (st == HTH_OK) st = hth_gguf_out_str(o, "tokenizer.chat_template", hth_buf_str(&text), err);
    hth_buf_drop(&text);
    return st;
}

static HthStatus write_metadata(HthGgufOut *o, const HthMkOpt *opt, HthErr *err) {
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", hth_str(opt->arch), err));
    HTH_TRY(hth_gguf_out_str(o, "general.name", HTH_STR("mkmodel noise"), err));
    HTH_TRY(hth_gguf_out_u32(o, "general.quantization_version", 2, err));
    HTH_TRY(key_u32(o, opt, "vocab_size", opt->vocab, err));
    HTH_TRY(key_u32(o, opt, "context_length", opt->ctx, err));
    HTH_TRY(key_u32(o, opt, "embedding_length", opt->embd, err));
    HTH_TRY(key_u32(o, opt, "block_count", opt->layers, err));
    HTH_TRY(key_u32(o, opt, "feed_forward_length", opt->ff, err));
    if (opt->experts) {
        HTH_TRY(key_u32(o, opt, "expert_count", opt->experts, err));
        HTH_TRY(key_u32(o, opt, "expert_used_count", opt->used, err));
        HTH_TRY(key_u32(o, opt, "expert_feed_forward_length", opt->ff, err));
    }
    HTH_TRY(key_u32(o, opt, "attention.head_count", opt->heads, err));
    HTH_TRY(key_u32(o, opt, "attention.head_count_kv", opt->kv_heads, err));
    HTH_TRY(key_u32(o, opt, "attention.key_length", opt->head_dim, err));
    HTH_TRY(key_u32(o, opt, "attention.value_length", opt->head_dim, err));
    if (opt->pooling) HTH_TRY(key_u32(o, opt, "pooling_type", opt->pooling, err));
    HTH_TRY(key_f32(o, opt,
                    hth_mkmodel_encodes(opt) ? "attention.layer_norm_epsilon"
                                             : "attention.layer_norm_rms_epsilon",
                    1e-5, err));
    HTH_TRY(write_rope(o, opt, err));
    return hth_mkmodel_words(o, opt, err);
}

HthStatus hth_mkmodel_words(HthGgufOut *o, const HthMkOpt *opt, HthErr *err) {
    if (opt->template) HTH_TRY(write_template(o, opt->template, err));
    if (strcmp(opt->tokenizer, "none") == 0) return HTH_OK;
    if (hth_mkmodel_vocab_is_file(opt->tokenizer))
        return hth_mkmodel_vocab_copy(o, opt->tokenizer, !opt->template, err);
    return hth_mkmodel_vocab(o, opt->tokenizer, (uint32_t)opt->vocab, opt->seed, err);
}

/* ---- */

static HthStatus check_heads(const HthMkOpt *opt, HthErr *err) {
    HTH_REQUIRE(opt->heads % opt->kv_heads == 0, err, HTH_EINVAL,
                "heads is not a multiple of kv_heads");
    HTH_REQUIRE(opt->head_dim % 2 == 0 && opt->rot % 2 == 0 && opt->rot <= opt->head_dim, err,
                HTH_EINVAL, "head_dim and rot must be even, rot at most head_dim");
    HTH_REQUIRE(opt->rope_base > 0 && opt->rope_factor > 0, err, HTH_EINVAL,
                "rope_base and rope_factor must be above zero");
    return HTH_OK;
}

static HthStatus check(HthMkOpt *opt, HthErr *err) {
    static const char *const kinds[] = { "none", "spm", "bpe" };
    if (opt->rot == 0) opt->rot = opt->head_dim;
    bool known = hth_mkmodel_vocab_is_file(opt->tokenizer);
    for (size_t i = 0; i < HTH_COUNT(kinds); i++)
        known = known || strcmp(opt->tokenizer, kinds[i]) == 0;
    HTH_REQUIRE(known, err, HTH_EINVAL, "tokenizer is none, spm, bpe or a file that ends in .gguf");
    if (hth_mkmodel_vocab_is_file(opt->tokenizer))
        HTH_TRY(hth_mkmodel_vocab_count(opt->tokenizer, &opt->vocab, err));
    if (hth_mkmodel_is_small(opt)) return check_heads(opt, err);
    const bool must = strcmp(opt->arch, "qwen3moe") == 0;
    HTH_REQUIRE(opt->experts ? must || strcmp(opt->arch, "llama") == 0 : !must, err, HTH_EINVAL,
                "qwen3moe has experts, llama may have some, others have none");
    HTH_REQUIRE(!opt->experts || opt->used <= opt->experts, err, HTH_EINVAL,
                "used is more than there are experts");
    HTH_REQUIRE(opt->pooling != 4 || strcmp(opt->arch, "bert") == 0 ||
                    strcmp(opt->arch, "qwen3") == 0,
                err, HTH_EINVAL, "bert and qwen3 may rank (pooling=4), others do not");
    return check_heads(opt, err);
}

static HthStatus make(const char *path, const HthMkOpt *opt, HthErr *err) {
    HthGgufOut *o = NULL;
    if (opt->adapter) return hth_mkmodel_adapter(path, opt, err);
    if (hth_mkmodel_is_small(opt)) return hth_mkmodel_small(path, opt, err);
    HTH_TRY(hth_gguf_out_open(&o, path, err));
    HthStatus status = write_metadata(o, opt, err);
    if (status == HTH_OK) status = hth_mkmodel_tensors(o, opt, err);
    if (status == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return status;
}

int main(int argc, char **argv) {
    HthMkOpt opt = { .arch = "llama",
                     .type = "F16",
                     .rope = "none",
                     .tokenizer = "none",
                     .layers = 2,
                     .embd = 64,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = 16,
                     .ff = 96,
                     .used = 2,
                     .vocab = 128,
                     .ctx = 256,
                     .rank = 8,
                     .alpha = 8,
                     .rope_base = 10000,
                     .rope_factor = 4 };
    HthErr err = { .text = "usage: mkmodel OUT [option=value ...]" };
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return help();
    if (argc > 1 && strcmp(argv[1], "--archs") == 0) return archs();
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
