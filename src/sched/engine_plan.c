/* engine_plan.c - what an engine takes: pages for all, an executor for one step, rows of logits.
 *
 * Thread: any. */
#include "base/num.h"
#include "model/model.h"
#include "sched/engine_int.h"

enum {
    PARALLEL_DEFAULT = 8,
    PARALLEL_MAX = 1024,
    CHUNK_DEFAULT = 64,
    ROWS_OF_ANSWERS = 4, /* where they could take more than that part of a step it grows */
    QUEUE_DEFAULT = 512,
    QUEUE_USER_DEFAULT = 64,
    QUEUE_MAX = 1 << 16,
    HEAD_ROWS_MIN = 16
};

/* Pages for every job at its longest, or as many as the ceiling allows. */
static HthStatus plan_pages(HthEngineRoom *r, const HthEngineCfg *cfg, HthErr *err) {
    HthEnginePlan *p = &r->plan;
    const uint64_t stride = hth_table_page_cost(&r->run.layout);
    size_t blocks;
    uint64_t pages = (uint64_t)r->run.page_count * p->parallel, held = cfg->cache_bytes / stride;
    HTH_REQUIRE(cfg->cache_bytes == 0 || held > 0, err, HTH_EINVAL,
                "a cache of %llu bytes does not hold one page of %llu bytes (%d tokens)",
                (unsigned long long)cfg->cache_bytes, (unsigned long long)stride, HTH_PAGE_LEN);
    if (cfg->cache_bytes > 0 && held < pages) pages = held;
    size_t bytes;
    HTH_REQUIRE(pages < UINT32_MAX && !hth_mul_over((size_t)pages, (size_t)stride, &bytes) &&
                    !hth_mul_over(r->run.layout.block_bytes, p->parallel, &blocks) &&
                    !hth_add_over(bytes, blocks, &bytes),
                err, HTH_ELIMIT, "the cache of %u timelines of %u tokens does not fit in memory",
                p->parallel, p->ctx);
    p->page_count = (uint32_t)pages;
    p->memory.bytes[HTH_MEMORY_CACHE] = bytes;
    return HTH_OK;
}

/* Whoever waits is counted when a job is handed in; the scheduler has room for all of them. */
static HthStatus plan_lists(HthEngineRoom *r, const HthModel *model, const HthEngineCfg *cfg,
                            HthErr *err) {
    HthEnginePlan *p = &r->plan;
    const bool whole = hth_model_program(model)->whole;
    HTH_REQUIRE(cfg->queue_max <= QUEUE_MAX, err, HTH_EINVAL, "a queue of %u; the most is %d",
                cfg->queue_max, QUEUE_MAX);
    r->queue_max = cfg->queue_max ? cfg->queue_max : QUEUE_DEFAULT;
    r->queue_user_max = cfg->queue_user_max ? cfg->queue_user_max : QUEUE_USER_DEFAULT;
    r->sched = (HthSchedCfg){ .layout = r->run.layout,
                              .page_len = HTH_PAGE_LEN,
                              .running_max = p->parallel,
                              .queue_max = r->queue_max + p->parallel,
                              .queue_user_max = r->queue_max + p->parallel,
                              .rows_max = r->rows_max,
                              .prompt_rows_max = p->chunk,
                              .whole = whole,
                              .ctx_max = p->ctx };
    const HthPagesCfg pages = hth_table_pool(&r->run.layout, p->page_count);
    p->memory.bytes[HTH_MEMORY_LISTS] =
        hth_sched_bytes(&r->sched) + hth_pages_list_bytes(&pages) +
        (cfg->no_prefix || whole ? 0 : hth_prefix_bytes(HTH_PAGE_LEN, p->page_count)) +
        hth_rows_bytes(r->rows_max) + r->rows_max * sizeof(HthWanted) +
        p->parallel * sizeof(HthJob *) + p->threads * sizeof(HthSampleRoom *);
    if (cfg->adapter_count > 0)
        p->memory.bytes[HTH_MEMORY_LISTS] +=
            HTH_REALMS * sizeof(HthRealm) + r->rows_max * sizeof(HthAdapterSet *);
    return HTH_OK;
}

/* Whoever serves many models names a context for those that answer; a text that is read whole is
 * never longer than its model knows, and takes a step. */
static uint32_t ctx_of(const HthModel *model, const HthEngineCfg *cfg) {
    const uint32_t trained = hth_model_ctx_train(model);
    const uint32_t most = trained < HTH_RUN_CHUNK_MAX ? trained : HTH_RUN_CHUNK_MAX;
    return hth_model_program(model)->whole && cfg->ctx > most ? most : cfg->ctx;
}

static HthStatus plan_room(HthEngineRoom *r, const HthModel *model, const HthEngineCfg *cfg,
                           uint32_t chunk, HthErr *err) {
    const HthSessionCfg one = { .ctx = ctx_of(model, cfg),
                                .threads = cfg->threads,
                                .chunk = chunk,
                                .kv = cfg->kv,
                                .no_rewind = true,
                                .adapters = cfg->adapters,
                                .adapter_count = cfg->adapter_count };
    size_t adapt = 0;
    const HthProgram *prog = hth_model_program(model);
    HthEnginePlan *p = &r->plan;
    p->parallel = cfg->parallel ? cfg->parallel : PARALLEL_DEFAULT;
    HTH_REQUIRE(p->parallel <= PARALLEL_MAX, err, HTH_EINVAL, "%u jobs at once; the most is %d",
                p->parallel, PARALLEL_MAX);
    HTH_TRY(hth_run_plan(&r->run, model, &one, err));
    p->ctx = r->run.ctx;
    p->threads = r->run.threads;
    p->chunk = r->run.chunk;
    const bool speaks = hth_model_speaks(model, NULL) == HTH_OK;
    const bool answers = speaks && p->parallel > p->chunk / ROWS_OF_ANSWERS;
    p->rows = p->chunk + (answers ? p->parallel : 0);
    r->rows_max = p->rows;
    p->kv = hth_kv_name(r->run.kv);
    r->head_rows = p->parallel > HEAD_ROWS_MIN ? p->parallel : HEAD_ROWS_MIN;
    if (r->head_rows > r->rows_max) r->head_rows = r->rows_max;
    if (!speaks) r->head_rows = 0;
    HTH_TRY(hth_plan_scratch(&r->scratch, prog, r->rows_max, r->run.page_count, p->threads, err));
    if (cfg->adapter_count > 0)
        HTH_TRY(hth_adapters_room(&adapt, prog, r->run.adapt_width, r->rows_max, err));
    HTH_TRY(plan_pages(r, cfg, err));
    HTH_TRY(plan_lists(r, model, cfg, err));
    hth_memory_of_model(&p->memory, model, cfg->no_pack);
    p->memory.bytes[HTH_MEMORY_ADAPTERS] = r->run.memory.bytes[HTH_MEMORY_ADAPTERS];
    p->memory.bytes[HTH_MEMORY_SCRATCH] = r->scratch.bytes + adapt;
    p->memory.bytes[HTH_MEMORY_LOGITS] =
        (uint64_t)r->rows_max * prog->n_embd * sizeof(float) +
        (uint64_t)r->head_rows * prog->n_vocab * sizeof(float) +
        (speaks ? (uint64_t)p->threads * hth_sample_room_bytes(prog->n_vocab) : 0);
    p->total_bytes = hth_memory_total(&p->memory);
    hth_memory_paging(&r->paging, &p->memory, model);
    p->passing_bytes = r->paging.total - r->paging.kept;
    return HTH_OK;
}

HthStatus hth_engine_room(HthEngineRoom *out, const HthModel *model, const HthEngineCfg *cfg,
                          HthErr *err) {
    static const HthEngineCfg none = { 0 };
    if (!cfg) cfg = &none;
    HthEngineRoom r = { 0 };
    const bool whole = hth_model_program(model)->whole; /* a text is a step */
    const uint32_t chunk = cfg->chunk || whole ? cfg->chunk : CHUNK_DEFAULT;
    HTH_TRY(plan_room(&r, model, cfg, chunk, err));
    if (cfg->chunk == 0 && r.paging.window > 0) { /* every step reads the disk: fewer of them */
        r = (HthEngineRoom){ 0 };
        HTH_TRY(plan_room(&r, model, cfg, 0, err));
    }
    *out = r;
    return HTH_OK;
}

HthStatus hth_engine_plan(HthEnginePlan *out, const HthModel *model, const HthEngineCfg *cfg,
                          HthErr *err) {
    HthEngineRoom room;
    HTH_TRY(hth_engine_room(&room, model, cfg, err));
    *out = room.plan;
    return HTH_OK;
}
