/* plan.c - see plan.h.
 *
 * Thread: any. */
#include "run/plan.h"

#include <string.h>

#include "base/num.h"
#include "base/par.h"
#include "base/room.h"
#include "model/model.h"

enum { CTX_DEFAULT = 4096, CHUNK_DEFAULT = 256, CHUNK_MAX = 8192, THREADS_MAX = 256 };

static HthStatus kv_type(HthKvType *out, const char *name, const HthModel *model, HthErr *err) {
    if (!name) {
        *out = hth_model_is_float(model) ? HTH_KV_F32 : HTH_KV_F16;
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
        for (uint32_t i = 0; i < prog->n_rot / 2; i++) {
            double f = prog->rope_freq[k][i];
            if (f < 0.0) f = -f;
            if (f > fastest) fastest = f;
        }
    HTH_REQUIRE(fastest * ctx < 0x1p30, err, HTH_ENOTSUP,
                "this model's rotation speeds cannot reach %u tokens; ask for a shorter context",
                ctx);
    return HTH_OK;
}

/* What the cache and the scratch will take is not there for weights. */
static void plan_paging(HthRunPlan *p, const HthModel *model) {
    const uint64_t available = hth_room_available(), own = p->kv_bytes + p->scratch_bytes;
    const bool stays = !hth_model_files(model) || available == 0;
    hth_paging_plan(&p->paging, hth_model_program(model),
                    stays             ? UINT64_MAX
                    : own < available ? available - own
                                      : 0);
}

HthStatus hth_run_plan(HthRunPlan *out, const HthModel *model, const HthSessionCfg *cfg,
                       HthErr *err) {
    static const HthSessionCfg none = { 0 };
    if (!cfg) cfg = &none;
    const HthShape *s = hth_model_shape(model);
    HthRunPlan p = { .ctx = cfg->ctx, .threads = cfg->threads, .chunk = cfg->chunk };
    if (p.ctx == 0) p.ctx = s->n_ctx_train < CTX_DEFAULT ? s->n_ctx_train : CTX_DEFAULT;
    if (p.threads == 0) p.threads = hth_par_cores();
    if (p.chunk == 0) p.chunk = CHUNK_DEFAULT;
    HTH_REQUIRE(p.ctx <= 1u << 30, err, HTH_EINVAL, "a context of %u tokens is too long", p.ctx);
    HTH_REQUIRE(p.threads <= THREADS_MAX, err, HTH_EINVAL, "%u threads; hearth uses at most %d",
                p.threads, THREADS_MAX);
    HTH_REQUIRE(p.chunk <= CHUNK_MAX, err, HTH_EINVAL, "chunks of %u tokens; the most is %d",
                p.chunk, CHUNK_MAX);
    if (p.chunk > p.ctx) p.chunk = p.ctx;
    HTH_TRY(check_angles(hth_model_program(model), p.ctx, err));
    HTH_TRY(kv_type(&p.kv, cfg->kv, model, err));
    HTH_TRY(
        hth_kv_layout(&p.layout, p.kv, s->n_layer, s->n_head_kv, s->head_dim, s->head_dim_v, err));
    p.page_count = (p.ctx + HTH_PAGE_LEN - 1) / HTH_PAGE_LEN;
    p.kv_bytes_per_token = p.layout.page_bytes / HTH_PAGE_LEN;
    HTH_REQUIRE(!hth_mul_over(p.page_count, (p.layout.page_bytes + 63) & ~(size_t)63, &p.kv_bytes),
                err, HTH_ELIMIT, "the cache of %u tokens does not fit in memory", p.ctx);
    HTH_TRY(hth_plan_scratch(&p.scratch, hth_model_program(model), p.chunk, p.page_count, p.threads,
                             err));
    p.scratch_bytes = p.scratch.bytes;
    plan_paging(&p, model);
    p.weight_bytes = hth_model_weight_bytes(model);
    *out = p;
    return HTH_OK;
}
