/* fit.c - see fit.h.
 *
 * Thread: any. */
#include "sched/fit.h"

#include <stdio.h>
#include <string.h>

#include "model/model.h"
#include "run/plan.h"
#include "sched/engine.h"

enum { CTX_LEAST = 512 };

static HthStatus of_session(HthFit *f, const HthModel *model, const HthFitCfg *cfg, HthErr *err) {
    HthRunPlan p;
    const HthSessionCfg c = { .ctx = cfg->ctx,
                              .threads = cfg->threads,
                              .kv = cfg->kv,
                              .no_pack = cfg->no_pack,
                              .adapters = cfg->adapters,
                              .adapter_count = cfg->adapter_count };
    HTH_TRY(hth_run_plan(&p, model, &c, err));
    *f = (HthFit){ .ctx = p.ctx,
                   .threads = p.threads,
                   .chunk = p.chunk,
                   .kv = hth_kv_name(p.kv),
                   .kv_bytes_per_token = p.kv_bytes_per_token,
                   .memory = p.memory,
                   .passing = p.paging.total - p.paging.kept };
    return HTH_OK;
}

static HthStatus of_engine(HthFit *f, const HthModel *model, const HthFitCfg *cfg, HthErr *err) {
    HthEnginePlan p;
    const HthEngineCfg c = { .ctx = cfg->ctx,
                             .parallel = cfg->parallel,
                             .threads = cfg->threads,
                             .kv = cfg->kv,
                             .cache_bytes = cfg->cache,
                             .no_pack = cfg->no_pack,
                             .adapters = cfg->adapters,
                             .adapter_count = cfg->adapter_count };
    HTH_TRY(hth_engine_plan(&p, model, &c, err));
    *f = (HthFit){ .ctx = p.ctx,
                   .parallel = p.parallel,
                   .threads = p.threads,
                   .chunk = p.chunk,
                   .kv = p.kv,
                   .kv_bytes_per_token =
                       p.memory.bytes[HTH_MEMORY_CACHE] / p.page_count / HTH_PAGE_LEN,
                   .memory = p.memory,
                   .passing = p.passing_bytes };
    return HTH_OK;
}

static void weigh(HthFit *f, const HthFitCfg *cfg) {
    f->total = hth_memory_total(&f->memory) + cfg->program;
    f->fits = f->passing == 0 && (cfg->room == 0 || f->total <= cfg->room);
}

HthStatus hth_fit(HthFit *out, const HthModel *model, const HthFitCfg *cfg, HthErr *err) {
    HthFit f;
    HTH_TRY(cfg->parallel ? of_engine(&f, model, cfg, err) : of_session(&f, model, cfg, err));
    weigh(&f, cfg);
    *out = f;
    return HTH_OK;
}

/* ---- advice --------------------------------------------------------------------------------- */

typedef struct Advice {
    HthFitAdvice *out;
    uint32_t n;
    const HthModel *model;
    HthFit now;
} Advice;

/* True: it fits, and is written down. */
static bool try(Advice *a, const HthFitCfg *cfg, const char *option, const char *value) {
    HthFit f;
    if (hth_fit(&f, a->model, cfg, NULL) != HTH_OK || !f.fits) return false;
    HthFitAdvice *to = &a->out[a->n++];
    *to = (HthFitAdvice){ .fit = f };
    snprintf(to->what, sizeof to->what, "%s%s%s", option, value[0] ? " " : "", value);
    return true;
}

static bool try_number(Advice *a, const HthFitCfg *cfg, const char *option, uint32_t n) {
    char value[16];
    snprintf(value, sizeof value, "%u", n);
    return try(a, cfg, option, value);
}

static void shorter(Advice *a, HthFitCfg cfg) {
    for (uint32_t ctx = a->now.ctx; ctx / 2 >= CTX_LEAST; ctx /= 2) {
        cfg.ctx = ctx / 2;
        if (try_number(a, &cfg, "--ctx", cfg.ctx)) return;
    }
}

static void fewer(Advice *a, HthFitCfg cfg) {
    while (cfg.parallel > 1) {
        cfg.parallel /= 2;
        if (try_number(a, &cfg, "--parallel", cfg.parallel)) return;
    }
}

static void leaner_cache(Advice *a, HthFitCfg cfg) {
    static const char *const types[] = { "f16", "q8_0", "q4_0" }; /* each smaller than before */
    size_t at = 0;
    for (size_t i = 0; i < HTH_COUNT(types); i++)
        if (strcmp(types[i], a->now.kv) == 0) at = i + 1;
    for (; at < HTH_COUNT(types); at++) {
        cfg.kv = types[at];
        if (try(a, &cfg, "--kv", types[at])) return;
    }
}

static void in_place(Advice *a, HthFitCfg cfg) {
    if (a->now.memory.bytes[HTH_MEMORY_PANELS] == 0) return;
    cfg.no_pack = true;
    (void)try(a, &cfg, "--no-pack", "");
}

/* Bytes of the weights if every wider matrix of whole blocks had this format; the usual mixes keep
 * a few tensors wider: a tenth more. */
static uint64_t quantised(const HthModel *m, const HthFmt *fmt) {
    uint64_t saved = 0;
    const uint64_t before = hth_model_weight_bytes(m);
    for (size_t i = 0; i < hth_gguf_tensor_count(hth_model_gguf(m)); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(hth_model_gguf(m), i);
        if (t->n_dims < 2 || t->ne[0] % fmt->block_len != 0 || !hth_model_uses(m, t)) continue;
        const uint64_t elements = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
        const uint64_t bytes = elements / fmt->block_len * fmt->block_bytes / 10 * 11;
        if (bytes < t->bytes) saved += t->bytes - bytes;
    }
    return saved < before ? before - saved : before;
}

/* Panels go as the weights do. */
static void fewer_bits(Advice *a, const HthFitCfg *cfg) {
    const HthFmt *fmt = hth_fmt_by_name("Q4_K");
    uint64_t *bytes = a->now.memory.bytes;
    if (!fmt || bytes[HTH_MEMORY_WEIGHTS] == 0) return;
    HthFitAdvice to = { .fit = a->now, .about = true };
    const uint64_t less = quantised(a->model, fmt);
    to.fit.memory.bytes[HTH_MEMORY_WEIGHTS] = less;
    to.fit.memory.bytes[HTH_MEMORY_PANELS] =
        (uint64_t)((double)bytes[HTH_MEMORY_PANELS] * (double)less /
                   (double)bytes[HTH_MEMORY_WEIGHTS]);
    to.fit.passing = 0;
    weigh(&to.fit, cfg);
    if (!to.fit.fits) return;
    snprintf(to.what, sizeof to.what, "hearth quantize MODEL OUT Q4_K_M");
    a->out[a->n++] = to;
}

/* All options at their least. */
static void least(Advice *a, HthFitCfg cfg) {
    cfg.ctx = a->now.ctx < CTX_LEAST ? a->now.ctx : CTX_LEAST;
    if (cfg.parallel) cfg.parallel = 1;
    cfg.no_pack = true;
    HthFitAdvice *to = &a->out[a->n];
    static const char *const types[] = { "q4_0", "q8_0", "f16" };
    for (size_t i = 0; i < HTH_COUNT(types); i++) {
        cfg.kv = types[i];
        if (hth_fit(&to->fit, a->model, &cfg, NULL) != HTH_OK) continue;
        to->about = false;
        snprintf(to->what, sizeof to->what, "--ctx %u --kv %s --no-pack%s", cfg.ctx, cfg.kv,
                 cfg.parallel ? " --parallel 1" : "");
        a->n++;
        return;
    }
}

uint32_t hth_fit_advise(HthFitAdvice out[HTH_FIT_ADVICE_MAX], const HthModel *model,
                        const HthFitCfg *cfg) {
    Advice a = { .out = out, .model = model };
    if (hth_fit(&a.now, model, cfg, NULL) != HTH_OK || a.now.fits) return 0;
    shorter(&a, *cfg);
    leaner_cache(&a, *cfg);
    fewer(&a, *cfg);
    in_place(&a, *cfg);
    fewer_bits(&a, cfg);
    if (a.n == 0) least(&a, *cfg);
    HTH_ASSERT(a.n <= HTH_FIT_ADVICE_MAX);
    return a.n;
}
