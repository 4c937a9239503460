/* work.c - the work folder; training a tokenizer and preparing data in it. See train.h, work.h. */
#include "tune/work.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tune/data.h"
#include "tune/docs.h"
#include "tune/start.h"

HthStatus hth_work_path(HthBuf *buf, const HthTrainCfg *cfg, const char *name, const char *suffix,
                        HthErr *err) {
    hth_buf_init(buf, 1 << 16);
    HthStatus status = hth_buf_printf(buf, err, "%s/%s%s", cfg->work, name, suffix);
    if (status != HTH_OK) hth_buf_drop(buf);
    return status;
}

static HthStatus open_vocab(HthWork *w, const HthTrainCfg *cfg, HthErr *err) {
    HthBuf path;
    HthGguf *g = NULL;
    HTH_TRY(hth_work_path(&path, cfg, "tokenizer", ".gguf", err));
    HthStatus status = hth_gguf_open(&g, path.p, err);
    if (status == HTH_OK) status = hth_bpe_own_open(&w->bpe, g, err);
    if (status == HTH_OK && hth_bpe_vocab(w->bpe) != w->recipe->shape.n_vocab)
        status = HTH_FAIL(err, HTH_EINVAL,
                          "%s has %u tokens, the recipe wants %u; train the tokenizer again",
                          path.p, hth_bpe_vocab(w->bpe), w->recipe->shape.n_vocab);
    hth_gguf_close(&g);
    hth_buf_drop(&path);
    return status;
}

static HthStatus open_all(HthWork *w, const HthTrainCfg *cfg, bool vocab, HthErr *err) {
    HTH_REQUIRE(cfg->recipe && cfg->work, err, HTH_EINVAL, "a recipe and a work folder are needed");
    HTH_TRY(hth_recipe_open(&w->recipe, cfg->recipe, err));
    w->arch = hth_arch_find(w->recipe->arch);
    HTH_REQUIRE(w->arch, err, HTH_EINVAL, "recipe: no architecture of that name");
    HTH_REQUIRE(mkdir(cfg->work, 0777) == 0 || errno == EEXIST, err, HTH_EIO, "cannot make %s: %s",
                cfg->work, strerror(errno));
    if (vocab) HTH_TRY(open_vocab(w, cfg, err));
    return hth_pool_open(&w->pool, cfg->threads, err);
}

HthStatus hth_work_open(HthWork *out, const HthTrainCfg *cfg, bool vocab, HthErr *err) {
    HthWork w = { 0 };
    HthStatus status = open_all(&w, cfg, vocab, err);
    if (status != HTH_OK) {
        hth_work_close(&w);
        return status;
    }
    *out = w;
    return HTH_OK;
}

void hth_work_close(HthWork *w) {
    hth_pool_close(&w->pool);
    hth_bpe_own_close(&w->bpe);
    hth_recipe_close(&w->recipe);
}

/* ---- the tokenizer ---- */

typedef struct Counting {
    HthBpeCount *count;
    uint64_t docs;
    uint32_t keep; /* of `of` documents, so many are read */
    uint32_t of;
} Counting;

static HthStatus count_doc(void *ctx, HthStr doc, HthErr *err) {
    Counting *c = ctx;
    if (c->docs++ % c->of >= c->keep) return HTH_OK;
    return hth_bpe_count_add(c->count, doc, err);
}

/* Every source of the first phase in its share; sources below one copy are thinned evenly. */
static HthStatus count_all(const HthWork *w, const HthTrainCfg *cfg, HthBpeCount *count,
                           HthErr *err) {
    const HthRecipe *r = w->recipe;
    for (uint32_t i = 0; i < r->source_count; i++) {
        double copies = 0;
        for (uint32_t p = 0; p < r->phase_count; p++)
            if (r->phases[p].mix[i] > copies) copies = r->phases[p].mix[i];
        Counting c = { .count = count,
                       .of = 100,
                       .keep = copies >= 1 ? 100 : (uint32_t)(copies * 100) };
        if (c.keep) HTH_TRY(hth_docs_each(r, &r->sources[i], cfg->corpus, count_doc, &c, err));
    }
    return HTH_OK;
}

static HthStatus save_vocab(const HthBpe *bpe, const char *arch, const char *path, HthErr *err) {
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open(&o, path, err));
    HthStatus status = hth_gguf_out_str(o, "general.architecture", hth_str(arch), err);
    if (status == HTH_OK) status = hth_bpe_write(bpe, o, err);
    if (status != HTH_OK) {
        hth_gguf_out_abort(&o);
        return status;
    }
    return hth_gguf_out_commit(&o, err);
}

static HthStatus learn_vocab(HthBpe **out, const HthWork *w, const HthTrainCfg *cfg, HthErr *err) {
    HthBpeCount *count = NULL;
    HTH_TRY(hth_bpe_count_open(&count, err));
    HthStatus status = count_all(w, cfg, count, err);
    if (status == HTH_OK) status = hth_bpe_train(out, count, w->recipe->shape.n_vocab, err);
    hth_bpe_count_close(&count);
    return status;
}

HthStatus hth_train_tokenizer(const HthTrainCfg *cfg, HthErr *err) {
    HthWork w = { 0 };
    HthBpe *bpe = NULL;
    HthBuf path = { 0 };
    HTH_REQUIRE(cfg->corpus || cfg->from, err, HTH_EINVAL,
                "the tokenizer needs a corpus folder, or a model to take it from");
    HTH_TRY(hth_work_open(&w, cfg, false, err));
    HthStatus status =
        cfg->from ? hth_start_vocab(&bpe, cfg->from, err) : learn_vocab(&bpe, &w, cfg, err);
    if (status == HTH_OK) status = hth_work_path(&path, cfg, "tokenizer", ".gguf", err);
    if (status == HTH_OK) status = save_vocab(bpe, w.arch->name, path.p, err);
    hth_buf_drop(&path);
    hth_bpe_own_close(&bpe);
    hth_work_close(&w);
    return status;
}

/* ---- data ---- */

typedef struct Held {
    HthBpe *bpe;
    HthTokens tokens;
    uint64_t bytes;
} Held;

static HthStatus held_doc(void *ctx, HthStr doc, HthErr *err) {
    Held *h = ctx;
    h->bytes += doc.n;
    HTH_TRY(hth_tokens_add(&h->tokens, (const uint16_t[]){ HTH_BPE_EOT }, 1, err));
    return hth_bpe_own_encode(h->bpe, doc, &h->tokens, err);
}

static HthStatus prepare_valid(const HthWork *w, const HthTrainCfg *cfg, HthErr *err) {
    Held held = { .bpe = w->bpe };
    HthFileMap map = { 0 };
    HthBuf path;
    const HthSource as = { .name = "valid", .form = HTH_DOC_TEXT, .bytes_max = 1 << 20 };
    HTH_TRY(hth_work_path(&path, cfg, "valid", ".tok", err));
    HthStatus status = hth_file_map(&map, cfg->valid, err);
    HthStr text = { (const char *)map.data, map.n };
    if (status == HTH_OK) status = hth_docs_parse(w->recipe, &as, text, held_doc, &held, err);
    if (status == HTH_OK) status = hth_data_write(path.p, w->bpe, &held.tokens, held.bytes, err);
    hth_file_unmap(&map);
    hth_tokens_drop(&held.tokens);
    hth_buf_drop(&path);
    return status;
}

HthStatus hth_train_prepare(const HthTrainCfg *cfg, HthErr *err) {
    HthWork w = { 0 };
    HTH_REQUIRE(cfg->corpus, err, HTH_EINVAL, "preparing data needs a corpus folder");
    HTH_TRY(hth_work_open(&w, cfg, true, err));
    HthStatus status = cfg->valid ? prepare_valid(&w, cfg, err) : HTH_OK;
    for (uint32_t i = 0; status == HTH_OK && i < w.recipe->phase_count; i++) {
        HthBuf path;
        status = hth_work_path(&path, cfg, w.recipe->phases[i].name, ".tok", err);
        if (status != HTH_OK) break;
        status = hth_data_prepare(w.recipe, i, cfg->corpus, w.bpe, path.p, err);
        hth_buf_drop(&path);
    }
    hth_work_close(&w);
    return status;
}
