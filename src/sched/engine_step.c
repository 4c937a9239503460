/* engine_step.c - one step: the scheduler's rows through the model, and what becomes of them.
 *
 * Rows are computed up to the output matrix.  Those whose words or scores are wanted go through it
 * in slices, so that a long text to be scored needs no more memory than the jobs that draw.
 *
 * Thread: engine. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sched/engine_int.h"

static HthJob *job_of(uint64_t id) {
    return (HthJob *)(uintptr_t)id;
}

/* ---- the end of a job ----------------------------------------------------------------------- */

/* Where the limit came first the grammar says how the text becomes a whole one. Control tokens are
 * spelled with a byte that no text holds (text/grammar.h). */
static HthStatus closing_text(HthEngine *e, HthJob *j, HthBuf *out, HthErr *err) {
    HthStatus st = HTH_OK;
    hth_gate_enter(e->gate);
    if (j->matcher && !hth_matcher_may_end(j->matcher))
        st = hth_matcher_finish(j->matcher, out, err);
    hth_gate_leave(e->gate);
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (out->p[i] != '\xff') out->p[n++] = out->p[i];
    out->n = n;
    return st;
}

static HthStatus last_text(HthEngine *e, HthJob *j, HthErr *err) {
    const bool cut = j->done.end == HTH_END_LENGTH || j->done.end == HTH_END_CONTEXT;
    size_t held = 0;
    HthBuf closing;
    if (!j->stream) return HTH_OK;
    hth_buf_init(&closing, SIZE_MAX / 2);
    HthStatus st = cut ? closing_text(e, j, &closing, err) : HTH_OK;
    if (st == HTH_OK && closing.n > 0)
        st = hth_stream_finish(j->stream, hth_buf_str(&closing), &j->tail, &held, err);
    else if (st == HTH_OK) {
        st = hth_stream_end(j->stream, &j->tail, err);
        held = j->tail.n;
    }
    hth_buf_drop(&closing);
    j->done.tail = (HthStr){ hth_buf_str(&j->tail).p, held };
    j->done.closing = hth_str_sub(hth_buf_str(&j->tail), held, SIZE_MAX);
    return st;
}

static void finish_done(HthJob *j, uint64_t now) {
    HthJobDone *d = &j->done;
    if (j->stream && hth_stream_stopped(j->stream) != SIZE_MAX)
        d->stop = (uint32_t)hth_stream_stopped(j->stream);
    if (!j->started) {
        d->queue_ns = now - j->began_ns;
    } else {
        d->queue_ns = j->start_ns - j->began_ns;
        d->prompt_ns = (j->first_ns ? j->first_ns : now) - j->start_ns;
        d->words_ns = j->first_ns ? now - j->first_ns : 0;
    }
    if (d->end != HTH_END_STOP) return;
    d->embedding = j->vector;
    d->embedding_count = j->vector ? j->vector_n : 0;
}

/* From here on the job is its reader's, or nobody's. */
static void let_go(HthEngine *e, HthJob *j) {
    hth_gate_enter(e->gate);
    hth_matcher_close(&j->matcher);
    e->waiting -= j->waits;
    *j->self = j->next;
    if (j->next) j->next->self = j->self;
    if (j->posted) { /* what it had to tell does not matter any more */
        HthJob **p = &e->inbox;
        while (*p != j) p = &(*p)->next_in;
        *p = j->next_in;
        if (e->inbox_end == &j->next_in) e->inbox_end = p;
    }
    j->posted = j->held = j->waits = false;
    const bool closed = j->closed;
    hth_engine_publish(e); /* whoever hears of the end finds it counted */
    atomic_store(&j->ended, true);
    if (!closed && j->wake) j->wake(j->payload);
    hth_gate_leave(e->gate);
    if (!closed) return;
    hth_job_free(j);
    hth_engine_unref(e);
}

void hth_engine_end(HthEngine *e, HthJob *j, HthEnd end) {
    const uint64_t now = hth_clock_ns();
    const bool finished = end == HTH_END_STOP || end == HTH_END_LENGTH || end == HTH_END_CONTEXT;
    if (j->arrived && finished)
        hth_sched_end(e->sched, (uintptr_t)j);
    else if (j->arrived)
        hth_sched_cancel(e->sched, (uintptr_t)j); /* fine where the scheduler has ended it */
    j->arrived = false;
    j->done.end = end;
    HthErr err = { 0 };
    if (end != HTH_END_ERROR && last_text(e, j, &err) != HTH_OK) {
        j->done.end = HTH_END_ERROR;
        j->done.err = err;
    }
    finish_done(j, now);
    e->now.ended[j->done.end]++;
    hth_sampler_close(&j->sampler);
    hth_stream_close(&j->stream);
    let_go(e, j);
}

void hth_engine_fail(HthEngine *e, HthJob *j, const HthErr *err) {
    j->done.err = *err;
    hth_engine_end(e, j, HTH_END_ERROR);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void start(HthEngine *e, HthJob *j, uint64_t now) {
    j->started = true;
    j->start_ns = now;
    j->done.cached_count = hth_sched_cached(e->sched, (uintptr_t)j);
    e->now.prompt_tokens += j->n;
    e->now.cached_tokens += j->done.cached_count;
    hth_hist_add(&e->now.queue, now - j->began_ns);
    hth_gate_enter(e->gate);
    e->waiting -= j->waits;
    j->waits = false;
    hth_gate_leave(e->gate);
}

/* Of a text to be embedded only some rows are looked at. */
static HthWant wanted_of(const HthEngine *e, const HthJob *j, const HthSchedRows *r) {
    if (j->kind == HTH_JOB_WORDS) return r->wants ? HTH_WANT_LAST : HTH_WANT_NONE;
    if (j->kind == HTH_JOB_SCORE || e->pooling == HTH_POOL_MEAN) return HTH_WANT_ALL;
    return e->pooling != HTH_POOL_CLS && r->first + r->n == j->n ? HTH_WANT_LAST : HTH_WANT_NONE;
}

static uint32_t add_rows(HthEngine *e, const HthSchedRows *r, uint32_t n) {
    HthJob *j = job_of(r->id);
    const HthWant want = wanted_of(e, j, r);
    HthSchedRows rest = *r;
    hth_rows_adapt(e->rows, j->set.count > 0 ? &j->set : NULL);
    if (hth_job_pools(j) && e->pooling == HTH_POOL_CLS && r->first == 0) {
        hth_rows_add(e->rows, r->kv, r->ids, 1, 0, HTH_WANT_LAST);
        e->wanted[n++] = (HthWanted){ j, 0 };
        rest.ids++;
        rest.first++;
        rest.n--;
    }
    if (rest.n) hth_rows_add(e->rows, rest.kv, rest.ids, rest.n, rest.first, want);
    if (want == HTH_WANT_LAST) e->wanted[n++] = (HthWanted){ j, r->first + r->n - 1 };
    for (uint32_t i = 0; want == HTH_WANT_ALL && i < r->n; i++)
        e->wanted[n++] = (HthWanted){ j, r->first + i };
    return n;
}

/* Embeddings take their rows; what is left, moved together, goes through the output matrix. */
static uint32_t take_hidden(HthEngine *e, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const HthWanted w = e->wanted[i];
        const float *row = e->hidden + (size_t)i * e->n_embd;
        if (hth_job_pools(w.job)) {
            hth_engine_embed(e, w.job, w.pos, row);
        } else if (w.job->kind == HTH_JOB_WORDS || w.pos + 1 < w.job->n) {
            if (kept != i)
                memcpy(e->hidden + (size_t)kept * e->n_embd, row, e->n_embd * sizeof *row);
            e->wanted[kept++] = w;
        }
    }
    return kept;
}

/* A text whose last row is in this step. */
static bool completes(const HthJob *j, const HthSchedRows *r) {
    return j->kind != HTH_JOB_WORDS && r->first + r->n == j->n;
}

void hth_engine_run(HthEngine *e, const HthSchedStep *step) {
    const uint64_t began = hth_clock_ns();
    const uint32_t pages = e->room.plan.page_count - hth_pages_free_count(e->pages);
    uint32_t n = 0, texts = 0;
    if (pages > e->now.pages_touched) e->now.pages_touched = pages;
    hth_rows_clear(e->rows);
    for (uint32_t i = 0; i < step->count; i++) {
        HthJob *j = job_of(step->rows[i].id);
        if (!j->started) start(e, j, began);
        n = add_rows(e, &step->rows[i], n);
        if (completes(j, &step->rows[i])) e->texts[texts++] = j;
    }
    HTH_ASSERT(n == hth_rows_wanted(e->rows));
    hth_rows_run_hidden(e->rows, e->exec, e->hidden);
    n = take_hidden(e, n);
    for (uint32_t at = 0; at < n; at += e->room.head_rows) {
        const uint32_t m = n - at < e->room.head_rows ? n - at : e->room.head_rows;
        hth_engine_draw(e, e->wanted + at, m, e->hidden + (size_t)at * e->n_embd);
    }
    for (uint32_t i = 0; i < texts; i++) {
        if (hth_job_pools(e->texts[i])) hth_engine_embedded(e, e->texts[i]);
        hth_engine_end(e, e->texts[i], HTH_END_STOP);
    }
    e->now.busy_ns += hth_clock_ns() - began;
}
