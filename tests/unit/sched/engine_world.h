/* engine_world.h - a small random model without a tokenizer, and many jobs for it.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_UNIT_SCHED_ENGINE_WORLD_H
#define HTH_TESTS_UNIT_SCHED_ENGINE_WORLD_H

#include "base/rng.h"
#include "sched/engine_int.h"
#include "support/tiny.h"
#include "unit/sched/engine_help.h"

enum { VOCAB = 96, CTX = 320, MANY = 14, SEED = 20, PAGE = 32768 };

static const Tiny tiny = { .arch = "qwen3",
                           .layers = 2,
                           .embd = 32,
                           .heads = 4,
                           .kv_heads = 2,
                           .head_dim = 32,
                           .ff = 64,
                           .vocab = VOCAB,
                           .ctx = 512,
                           .seed = 5,
                           .fmt = "Q8_0" };

static HthBuf file;
static HthModel *model;

static inline HthEngine *engine(HthEngineCfg cfg) {
    HthErr err = { 0 };
    HthEngine *e = NULL;
    if (!cfg.ctx) cfg.ctx = CTX;
    if (!cfg.threads) cfg.threads = 2;
    assert_ok(hth_engine_open(&e, model, &cfg, &err), err);
    return e;
}

/* The i-th of many prompts, of every length, some with a beginning in common. */
static inline HthJobCfg job(uint32_t *ids, uint64_t i) {
    HthJobCfg c = { .ids = ids };
    c.n = 1 + hth_rng_below(SEED, 1, i, 200);
    for (uint32_t k = 0; k < c.n; k++)
        ids[k] = hth_rng_below(SEED, k < 130 && i % 3 == 0 ? 1000 : 2000 + i, k, VOCAB);
    hth_sample_defaults(&c.params);
    c.params.seed = i;
    c.params.temperature = i % 4 ? 1.0f : 0.0f;
    c.params.repeat_penalty = i % 5 == 1 ? 1.2f : 1.0f;
    c.params.mirostat = i % 7 == 2 ? 2 : 0;
    c.predict_max = i % 6 == 5 ? 0 : 1 + hth_rng_below(SEED, 3, i, 60);
    c.tenant = 1 + i % 2;
    c.user = 1 + i % 3;
    return c;
}

static inline int open_model(void **state) {
    (void)state;
    HthErr err = { 0 };
    tiny_build(&file, &tiny);
    return hth_model_open_mem(&model, file.p, file.n, "tiny", &err);
}

static inline int close_model(void **state) {
    (void)state;
    hth_model_close(&model);
    hth_buf_drop(&file);
    return hth_mem_live() != 0;
}

#endif
