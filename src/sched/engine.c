/* engine.c - see engine.h: opened, its thread, closed.
 *
 * Everything that others may touch lies behind one gate (engine_int.h); the forward pass, where the
 * time goes, is outside of it.
 *
 * Thread: any; hth_engine_main is the engine's own. */
#include "sched/engine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/model.h"
#include "sched/engine_int.h"

enum { PACK_RUNS = 16 };

/* ---- the thread ----------------------------------------------------------------------------- */

static void arrive(HthEngine *e, HthJob *j) {
    HthErr err = { 0 };
    const HthTicket t = { .id = (uintptr_t)j,
                          .tenant = hth_engine_realm(e, j),
                          .user = j->user,
                          .priority = j->priority,
                          .deadline_ns = j->deadline_ns,
                          .ids = j->ids,
                          .n = j->n,
                          .ctx = j->rows, /* pages are asked for what may come, no more */
                          .all_rows = j->kind != HTH_JOB_WORDS,
                          .no_prefix = j->no_prefix };
    if (hth_sched_arrive(e->sched, &t, hth_clock_ns(), &err) == HTH_OK)
        j->arrived = true;
    else
        hth_engine_fail(e, j, &err);
}

static void resume(HthEngine *e, HthJob *j) {
    if (!atomic_load(&j->stalled) || hth_ring_used(j->ring) > hth_ring_size(j->ring) / 2) return;
    atomic_store(&j->stalled, false);
    j->paused = false;
    hth_sched_pause(e->sched, (uintptr_t)j, false);
}

/* Waits until there is something to do, then hears what jobs have to tell. False: the end. */
static bool listen(HthEngine *e) {
    hth_gate_enter(e->gate);
    hth_engine_publish(e);
    while (!e->closing && !e->inbox && hth_clock_ns() < e->wake_ns)
        hth_gate_wait(e->gate, e->wake_ns);
    const bool on = !e->closing;
    for (HthJob *j = NULL; on && (j = e->inbox) != NULL;) {
        e->inbox = j->next_in;
        if (!e->inbox) e->inbox_end = &e->inbox;
        j->posted = false;
        const bool cancel = j->cancel;
        hth_gate_leave(e->gate); /* pages are wiped, prefixes looked up: not in the gate */
        if (cancel)
            hth_engine_end(e, j, HTH_END_CANCELED);
        else if (!j->arrived)
            arrive(e, j);
        else
            resume(e, j);
        hth_gate_enter(e->gate);
    }
    hth_gate_leave(e->gate);
    return on;
}

static void end_late(HthEngine *e, const HthSchedStep *step) {
    for (uint32_t i = 0; i < step->late_count; i++) {
        HthJob *j = (HthJob *)(uintptr_t)step->late[i];
        j->arrived = false;
        hth_engine_end(e, j, HTH_END_LATE);
    }
}

static void engine_main(void *payload) {
    HthEngine *e = payload;
    while (listen(e)) {
        HthSchedStep step;
        hth_sched_step(e->sched, hth_clock_ns(), &step);
        e->wake_ns = step.row_count ? 0 : step.wake_ns;
        end_late(e, &step);
        if (step.row_count) hth_engine_run(e, &step);
    }
    for (;;) { /* no submit adds any more */
        hth_gate_enter(e->gate);
        HthJob *j = e->live;
        hth_gate_leave(e->gate);
        if (!j) break;
        hth_engine_end(e, j, HTH_END_CLOSED);
    }
}

/* ---- opening -------------------------------------------------------------------------------- */

static size_t longest_piece(const HthVocab *v) {
    size_t most = 0;
    for (uint32_t id = 0; v && id < hth_vocab_count(v); id++)
        if (hth_vocab_text(v, id).n > most) most = hth_vocab_text(v, id).n;
    return most;
}

static HthStatus open_sched(HthEngine *e, bool no_prefix, HthErr *err) {
    const HthEngineRoom *r = &e->room;
    const HthPagesCfg pages = hth_table_pool(&r->run.layout, r->plan.page_count);
    HTH_TRY(hth_pages_open(&e->pages, &pages, err));
    if (!no_prefix && !hth_model_program(e->model)->whole)
        HTH_TRY(hth_prefix_open(&e->prefix, e->pages, HTH_PAGE_LEN, r->plan.page_count, err));
    HthSchedCfg cfg = r->sched;
    cfg.pages = e->pages;
    cfg.prefix = e->prefix;
    return hth_sched_open(&e->sched, &cfg, err);
}

static HthStatus open_draw(HthEngine *e, HthErr *err) {
    const HthEngineRoom *r = &e->room;
    const size_t hidden = (size_t)r->rows_max * e->n_embd;
    const size_t logits = (size_t)r->head_rows * e->n_vocab;
    e->hidden = hth_pages_calloc(hidden + logits, sizeof *e->hidden);
    e->wanted = hth_calloc(r->rows_max, sizeof *e->wanted);
    e->texts = hth_calloc(e->parallel, sizeof *e->texts);
    e->draw = hth_calloc(r->plan.threads, sizeof *e->draw);
    HTH_REQUIRE(e->hidden && e->wanted && e->texts && e->draw, err, HTH_ENOMEM,
                "no memory for %u rows of logits", r->head_rows);
    e->logits = e->hidden + hidden;
    for (uint32_t i = 0; e->speaks && i < r->plan.threads; i++)
        HTH_TRY(hth_sample_room_open(&e->draw[i], e->n_vocab, err));
    return HTH_OK;
}

static HthStatus open_parts(HthEngine *e, const HthEngineCfg *cfg, HthErr *err) {
    const HthEngineRoom *r = &e->room;
    const HthProgram *prog = hth_model_program(e->model);
    HTH_TRY(hth_gate_open(&e->gate, err));
    HTH_TRY(hth_pool_open(&e->pool, r->plan.threads, err));
    HTH_TRY(open_sched(e, cfg->no_prefix, err));
    HTH_TRY(hth_exec_open(&e->exec, prog, hth_kern_pick(), e->pool, r->rows_max, r->run.page_count,
                          err));
    HTH_TRY(hth_engine_adapters(e, cfg, err));
    if (!cfg->no_pack) hth_exec_pack(e->exec, hth_model_pack_bytes(e->model) / PACK_RUNS + 1);
    if (r->paging.window > 0) {
        HTH_TRY(hth_paging_open(&e->paging, prog, hth_model_files(e->model), &r->paging, err));
        hth_exec_paging(e->exec, e->paging);
    }
    HTH_TRY(hth_rows_open(&e->rows, r->rows_max, err));
    HTH_TRY(open_draw(e, err));
    hth_engine_publish(e);
    return hth_thread_open(&e->thread, engine_main, e, err);
}

/* What only the thread used. */
static void close_parts(HthEngine *e) {
    for (uint32_t i = 0; e->draw && i < e->room.plan.threads; i++)
        hth_sample_room_close(&e->draw[i]);
    hth_engine_adapters_close(e);
    hth_free(e->draw);
    hth_free(e->texts);
    hth_free(e->wanted);
    const size_t floats =
        (size_t)e->room.rows_max * e->n_embd + (size_t)e->room.head_rows * e->n_vocab;
    if (e->hidden) hth_zero(e->hidden, floats * sizeof *e->hidden);
    hth_pages_give(e->hidden, floats, sizeof *e->hidden);
    hth_rows_close(&e->rows);
    hth_exec_close(&e->exec);
    hth_paging_close(&e->paging);
    hth_sched_close(&e->sched);
    hth_prefix_close(&e->prefix);
    hth_pages_close(&e->pages);
    hth_pool_close(&e->pool);
    hth_masks_close(&e->masks);
}

HthStatus hth_engine_open(HthEngine **out, const HthModel *model, const HthEngineCfg *cfg,
                          HthErr *err) {
    static const HthEngineCfg none = { 0 };
    if (!cfg) cfg = &none;
    HthEngineRoom room;
    HTH_TRY(hth_engine_room(&room, model, cfg, err));
    HthEngine *e = hth_calloc(1, sizeof *e);
    HTH_REQUIRE(e, err, HTH_ENOMEM, "no memory for an engine");
    e->model = model;
    e->vocab = hth_model_vocab(model);
    e->room = room;
    e->parallel = room.plan.parallel;
    e->n_vocab = hth_model_program(model)->n_vocab;
    e->n_embd = hth_model_program(model)->n_embd;
    e->pooling = hth_pooling_of(model);
    e->ranks = hth_model_shape(model)->pooling == HTH_POOL_RANK;
    e->speaks = hth_model_speaks(model, NULL) == HTH_OK;
    e->piece_max = longest_piece(e->vocab);
    e->inbox_end = &e->inbox;
    e->wake_ns = UINT64_MAX;
    e->refs = 1;
    const HthStatus st = open_parts(e, cfg, err);
    if (st != HTH_OK) {
        close_parts(e);
        hth_engine_unref(e);
    } else {
        *out = e;
    }
    return st;
}

void hth_engine_unref(HthEngine *e) {
    if (e->gate) hth_gate_enter(e->gate);
    const bool last = --e->refs == 0;
    if (e->gate) hth_gate_leave(e->gate);
    if (!last) return;
    hth_gate_close(&e->gate);
    hth_free(e);
}

void hth_engine_close(HthEngine **engine) {
    HthEngine *e = *engine;
    if (!e) return;
    hth_gate_enter(e->gate);
    e->closing = true;
    hth_gate_ring(e->gate);
    hth_gate_leave(e->gate);
    hth_thread_join(&e->thread);
    close_parts(e);
    hth_engine_unref(e);
    *engine = NULL;
}
