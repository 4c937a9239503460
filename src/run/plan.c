/* plan.c - see plan.h.
 *
 * Thread: any. */
#include "run/plan.h"

#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "kv/table.h"
#include "model/adapter.h"
#include "model/model.h"
#include "run/sample.h"
#include "run/step.h"

enum { CTX_DEFAULT = 4096, CHUNK_DEFAULT = 256, THREADS_MAX = 256 };

static HthStatus kv_type(HthKvType *out, const char *name, const HthModel *model, HthErr *err) {
    if (!name) {
        /* keys of a text read whole are kept for the time of one layer: they may be long */
        const bool whole = hth_model_program(model)->whole;
        *out = whole || hth_model_is_float(model) ? HTH_KV_F32 : HTH_KV_F16;
        return HTH_OK;
    }
    for (int type = 0; type < HTH_KV_COUNT; type++)
        if (strcmp(name, hth_kv_name((HthKvType)type)) == 0) {
            *out = (HthKvType)type;
            return HTH_OK;
        }
    return HTH_FAIL(err, HTH_EINVAL, "the cache type must be f32, f16, q8_0 or q4_0");
}

/* Angles past 2^30 radians have no meaningful sine; real models stay far below. */
static HthStatus check_angles(const HthProgram *prog, uint32_t ctx, HthErr *err) {
    double fastest = 0.0;
    for (uint32_t k = 0; k < prog->ropes; k++)
        for (uint32_t i = 0; i < hth_rope_dims(prog, k) / 2; i++) {
            double f = prog->rope_freq[k][i];
            if (f < 0.0) f = -f;
            if (f > fastest) fastest = f;
        }
    HTH_REQUIRE(fastest * ctx < 0x1p30, err, HTH_ENOTSUP,
                "this model's rotation speeds cannot reach %u tokens; ask for a shorter context",
                ctx);
    return HTH_OK;
}

/* Where positions have a row each, there are only so many. */
static HthStatus check_places(const HthProgram *prog, uint32_t ctx, HthErr *err) {
    for (uint32_t i = 0; i < prog->count; i++)
        if (prog->inst[i].op == HTH_OP_PLACE)
            HTH_REQUIRE(ctx <= prog->inst[i].w->rows, err, HTH_ENOTSUP,
                        "this model knows %u positions, not %u; ask for a shorter context",
                        prog->inst[i].w->rows, ctx);
    return HTH_OK;
}

/* A text that is read whole is one step. */
static HthStatus check_whole(HthRunPlan *p, HthErr *err) {
    HTH_REQUIRE(p->ctx <= HTH_RUN_CHUNK_MAX, err, HTH_ENOTSUP,
                "this model reads texts whole, and a step holds %d tokens at most, not %u; ask for "
                "a shorter context",
                HTH_RUN_CHUNK_MAX, p->ctx);
    HTH_REQUIRE(p->chunk == 0 || p->chunk >= p->ctx, err, HTH_EINVAL,
                "this model reads texts whole: chunks of %u tokens cannot hold a context of %u",
                p->chunk, p->ctx);
    p->chunk = p->ctx;
    return HTH_OK;
}

/* What adapters hold, and what rows need for them. */
static HthStatus plan_adapters(HthRunPlan *p, const HthModel *model, const HthSessionCfg *cfg,
                               size_t *room, HthErr *err) {
    HthAdapterSet set; /* only to check the list */
    size_t bytes;
    *room = 0;
    if (cfg->adapter_count == 0) return HTH_OK;
    HTH_TRY(hth_adapter_set(&set, model, cfg->adapters, cfg->adapter_count, err));
    hth_adapter_cost(model, cfg->adapters, cfg->adapter_count, &bytes, &p->adapt_width);
    p->memory.bytes[HTH_MEMORY_ADAPTERS] = bytes;
    return hth_adapters_room(room, hth_model_program(model), p->adapt_width, p->chunk, err);
}

/* Lists: ids and the table of pages. */
static HthStatus plan_memory(HthRunPlan *p, const HthModel *model, const HthSessionCfg *cfg,
                             HthErr *err) {
    const uint32_t n_vocab = hth_model_program(model)->n_vocab;
    uint64_t *bytes = p->memory.bytes;
    const HthPagesCfg pages = hth_table_pool(&p->layout, p->page_count);
    size_t kv, room;
    hth_memory_of_model(&p->memory, model, cfg->no_pack);
    HTH_TRY(plan_adapters(p, model, cfg, &room, err));
    HTH_REQUIRE(!hth_mul_over(p->page_count, hth_table_page_cost(&p->layout), &kv) &&
                    !hth_add_over(kv, p->layout.block_bytes, &kv),
                err, HTH_ELIMIT, "the cache of %u tokens does not fit in memory", p->ctx);
    bytes[HTH_MEMORY_CACHE] = kv;
    bytes[HTH_MEMORY_SCRATCH] = p->scratch.bytes + room;
    bytes[HTH_MEMORY_LOGITS] = n_vocab * sizeof(float) + hth_sample_room_bytes(n_vocab);
    bytes[HTH_MEMORY_LISTS] = hth_rows_bytes(p->chunk) +
                              hth_table_bytes(&p->layout, p->page_count) +
                              hth_pages_list_bytes(&pages) + p->ctx * sizeof(uint32_t);
    hth_memory_paging(&p->paging, &p->memory, model);
    return HTH_OK;
}

HthStatus hth_run_plan(HthRunPlan *out, const HthModel *model, const HthSessionCfg *cfg,
                       HthErr *err) {
    static const HthSessionCfg none = { 0 };
    if (!cfg) cfg = &none;
    const HthShape *s = hth_model_shape(model);
    HthRunPlan p = { .ctx = cfg->ctx, .threads = cfg->threads, .chunk = cfg->chunk };
    if (p.ctx == 0) p.ctx = s->n_ctx_train < CTX_DEFAULT ? s->n_ctx_train : CTX_DEFAULT;
    if (p.threads == 0) p.threads = hth_par_cores();
    if (hth_model_program(model)->whole) HTH_TRY(check_whole(&p, err));
    if (p.chunk == 0) p.chunk = CHUNK_DEFAULT;
    HTH_REQUIRE(p.ctx <= 1u << 30, err, HTH_EINVAL, "a context of %u tokens is too long", p.ctx);
    HTH_REQUIRE(p.threads <= THREADS_MAX, err, HTH_EINVAL, "%u threads; hearth uses at most %d",
                p.threads, THREADS_MAX);
    HTH_REQUIRE(p.chunk <= HTH_RUN_CHUNK_MAX, err, HTH_EINVAL,
                "chunks of %u tokens; the most is %d", p.chunk, HTH_RUN_CHUNK_MAX);
    if (p.chunk > p.ctx) p.chunk = p.ctx;
    HTH_TRY(check_angles(hth_model_program(model), p.ctx, err));
    HTH_TRY(check_places(hth_model_program(model), p.ctx, err));
    HTH_TRY(kv_type(&p.kv, cfg->kv, model, err));
    HTH_TRY(hth_program_layout(&p.layout, hth_model_program(model), p.kv, !cfg->no_rewind, err));
    p.page_count = (p.ctx + HTH_PAGE_LEN - 1) / HTH_PAGE_LEN;
    p.kv_bytes_per_token = hth_table_page_cost(&p.layout) / HTH_PAGE_LEN;
    HTH_TRY(hth_plan_scratch(&p.scratch, hth_model_program(model), p.chunk, p.page_count, p.threads,
                             err));
    HTH_TRY(plan_memory(&p, model, cfg, err));
    *out = p;
    return HTH_OK;
}
