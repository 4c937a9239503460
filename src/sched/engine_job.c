/* engine_job.c - a job's life outside the engine's thread: made, handed in, read, given back.
 *
 * All its memory is taken here, on the caller's thread.
 *
 * Thread: any; one at a time per job. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/model.h"
#include "sched/engine_int.h"

enum { RING_WORDS = 256, RING_TEXT = 16 }; /* words that fit, of so much text each */

/* ---- making one ----------------------------------------------------------------------------- */

/* Rows its timeline may come to: the last word is never computed. */
static uint32_t rows_of(const HthEngine *e, const HthJobCfg *c) {
    const uint32_t ctx = c->ctx ? c->ctx : e->room.plan.ctx;
    const uint32_t room = ctx - c->n;
    if (c->kind != HTH_JOB_WORDS) return c->n;
    return c->predict_max == 0 || c->predict_max > room ? ctx : c->n + c->predict_max - 1;
}

static HthStatus check_pages(const HthEngine *e, const HthJobCfg *c, HthErr *err) {
    const uint32_t length = rows_of(e, c), pages = (length + HTH_PAGE_LEN - 1) / HTH_PAGE_LEN;
    HTH_REQUIRE(pages <= e->room.plan.page_count, err, HTH_ELIMIT,
                "%u tokens take %u cache pages, and there are %u; ask for a shorter context or "
                "fewer words",
                length, pages, e->room.plan.page_count);
    return HTH_OK;
}

static HthStatus check_cfg(const HthEngine *e, const HthJobCfg *c, HthErr *err) {
    const uint32_t ctx = c->ctx ? c->ctx : e->room.plan.ctx;
    const bool words = c->kind == HTH_JOB_WORDS;
    HTH_REQUIRE(ctx <= e->room.plan.ctx, err, HTH_ELIMIT,
                "a context of %u tokens was asked for; this model is served with %u", ctx,
                e->room.plan.ctx);
    if (words || c->kind == HTH_JOB_SCORE) HTH_TRY(hth_model_speaks(e->model, err));
    HTH_REQUIRE(c->n > 0, err, HTH_EINVAL, "the prompt is empty");
    HTH_REQUIRE(c->n < ctx || (!words && c->n == ctx), err, HTH_ELIMIT,
                "the prompt is %u tokens, and the context holds %u%s; shorten it, or raise num_ctx",
                c->n, ctx, words ? " with the answer" : "");
    for (uint32_t i = 0; i < c->n; i++)
        HTH_REQUIRE(c->ids[i] < e->n_vocab, err, HTH_EINVAL,
                    "token %u of %u is id %u; the model has %u", i + 1, c->n, c->ids[i],
                    e->n_vocab);
    HTH_REQUIRE(c->priority >= -100 && c->priority <= 100, err, HTH_EINVAL,
                "priority %d: the lowest is -100, the highest 100", c->priority);
    HTH_REQUIRE(c->stop_count <= HTH_JOB_STOPS_MAX, err, HTH_ELIMIT,
                "%u stop strings; the most is %d", c->stop_count, HTH_JOB_STOPS_MAX);
    HTH_REQUIRE(c->top <= HTH_JOB_TOP_MAX, err, HTH_ELIMIT, "%u likely tokens; the most is %d",
                c->top, HTH_JOB_TOP_MAX);
    HTH_REQUIRE(e->vocab || (c->stop_count == 0 && !c->grammar), err, HTH_ENOTSUP,
                "this model has no tokenizer: neither stop strings nor grammars");
    HTH_REQUIRE(c->kind != HTH_JOB_EMBED || !e->ranks, err, HTH_ENOTSUP,
                "this model ranks texts; it has no embeddings");
    HTH_REQUIRE(c->kind != HTH_JOB_RANK || e->ranks, err, HTH_ENOTSUP,
                "this model does not rank texts; compare their embeddings");
    return check_pages(e, c, err);
}

/* The parameters' strings are the caller's: they move into the job. */
static HthStatus copy_strings(HthJob *j, HthSampleParams *p, HthErr *err) {
    for (uint32_t i = 0; i < p->dry_breaker_count; i++) j->strings_n += p->dry_breakers[i].n;
    if (j->strings_n == 0) return HTH_OK;
    j->strings = hth_calloc(j->strings_n, 1);
    HTH_REQUIRE(j->strings, err, HTH_ENOMEM, "no memory for a job");
    size_t at = 0;
    for (uint32_t i = 0; i < p->dry_breaker_count; i++) {
        HthStr *s = &p->dry_breakers[i];
        if (s->n) memcpy(j->strings + at, s->p, s->n);
        *s = (HthStr){ j->strings + at, s->n };
        at += s->n;
    }
    return HTH_OK;
}

static HthStatus take_sampler(HthJob *j, const HthJobCfg *c, HthErr *err) {
    HthSampleParams *p = hth_calloc(1, sizeof *p); /* kilobytes: not on a stack */
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for a job");
    *p = c->params;
    HthStatus st = copy_strings(j, p, err);
    if (st == HTH_OK)
        st = hth_sampler_open_lean(&j->sampler, p, j->engine->n_vocab, j->engine->vocab, err);
    hth_free(p);
    return st;
}

static HthStatus take_words(HthJob *j, const HthJobCfg *c, HthErr *err) {
    const HthEngine *e = j->engine;
    size_t text = 0;
    HTH_TRY(take_sampler(j, c, err));
    if (e->vocab) {
        const HthStreamCfg cfg = { .stops = c->stops,
                                   .stop_count = c->stop_count,
                                   .specials = c->specials,
                                   .piece_max = e->piece_max };
        HTH_TRY(hth_stream_open_cfg(&j->stream, e->vocab, &cfg, err));
        HTH_TRY(hth_think_open(&j->think, &c->think, e->vocab, err));
        text = hth_stream_out_max(j->stream, e->piece_max);
    }
    HTH_TRY(hth_buf_reserve(&j->text, text, err));
    const size_t fixed = sizeof(HthWordRecord) + c->top * sizeof(HthTop);
    j->record_max = fixed + text;
    return hth_ring_open(&j->ring, RING_WORDS * (fixed + RING_TEXT) + 4 * j->record_max,
                         j->record_max, err);
}

static HthStatus take_vector(HthJob *j, HthErr *err) {
    const HthProgram *prog = hth_model_program(j->engine->model);
    j->vector_n = j->kind == HTH_JOB_EMBED  ? prog->n_embd
                  : j->kind == HTH_JOB_RANK ? hth_program_out(prog)
                                            : j->n - 1;
    j->vector = hth_calloc(j->vector_n, sizeof *j->vector);
    if (hth_job_pools(j)) j->sum = hth_calloc(prog->n_embd, sizeof *j->sum);
    HTH_REQUIRE(j->vector && (j->sum || !hth_job_pools(j)), err, HTH_ENOMEM,
                "no memory for a vector of %u numbers", j->vector_n);
    return HTH_OK;
}

static HthStatus take_parts(HthJob *j, const HthJobCfg *c, HthErr *err) {
    j->rows = rows_of(j->engine, c);
    j->ids = hth_calloc((size_t)j->rows + 1, sizeof *j->ids);
    HTH_REQUIRE(j->ids, err, HTH_ENOMEM, "no memory for a timeline of %u tokens", j->rows);
    memcpy(j->ids, c->ids, j->n * sizeof *j->ids);
    j->count = j->n;
    return j->kind == HTH_JOB_WORDS ? take_words(j, c, err) : take_vector(j, err);
}

HthStatus hth_job_open(HthJob **out, HthEngine *e, const HthJobCfg *c, HthErr *err) {
    HTH_TRY(check_cfg(e, c, err));
    HthJob *j = hth_calloc(1, sizeof *j);
    HTH_REQUIRE(j, err, HTH_ENOMEM, "no memory for a job");
    j->engine = e;
    j->kind = c->kind;
    j->n = c->n;
    j->ctx = c->ctx ? c->ctx : e->room.plan.ctx;
    j->predict_max = c->predict_max;
    j->logprobs = c->logprobs;
    j->top = c->logprobs ? c->top : 0;
    j->ignore_end = c->ignore_end;
    j->no_prefix = c->no_prefix || c->kind != HTH_JOB_WORDS;
    j->tenant = c->tenant;
    j->user = c->user;
    j->priority = c->priority;
    j->deadline_ns = c->deadline_ns;
    j->wake = c->wake;
    j->payload = c->payload;
    j->done = (HthJobDone){ .prompt_count = c->n, .stop = UINT32_MAX };
    hth_buf_init(&j->text, SIZE_MAX / 2);
    hth_buf_init(&j->tail, SIZE_MAX / 2);
    HthStatus st = hth_job_adapters(j, c, err);
    if (st == HTH_OK) st = take_parts(j, c, err);
    if (st != HTH_OK)
        hth_job_free(j);
    else
        *out = j;
    return st;
}

static void wipe_buf(HthBuf *b) {
    if (b->p) hth_zero(b->p, b->cap);
    hth_buf_drop(b);
}

static void wipe(void *p, size_t count, size_t size) {
    if (p) hth_zero(p, count * size);
    hth_free(p);
}

void hth_job_free(HthJob *j) {
    HTH_ASSERT(!j->matcher && !j->held && !j->posted);
    hth_sampler_close(&j->sampler);
    hth_stream_close(&j->stream);
    hth_think_close(&j->think);
    hth_ring_close(&j->ring);
    wipe_buf(&j->text);
    wipe_buf(&j->tail);
    wipe(j->ids, (size_t)j->rows + 1, sizeof *j->ids);
    wipe(j->vector, j->vector_n, sizeof *j->vector);
    wipe(j->sum, j->engine->n_embd, sizeof *j->sum);
    wipe(j->strings, j->strings_n, 1);
    hth_zero(j, sizeof *j);
    hth_free(j);
}

/* ---- handing it in -------------------------------------------------------------------------- */

void hth_engine_post(HthJob *j) {
    HthEngine *e = j->engine;
    if (j->posted || !j->held) return;
    j->posted = true;
    j->next_in = NULL;
    *e->inbox_end = j;
    e->inbox_end = &j->next_in;
    hth_gate_ring(e->gate);
}

/* The first grammar brings the masks; making a large vocabulary ready takes a while, and nobody
 * else shall wait for it. */
static HthStatus need_masks(HthEngine *e, HthErr *err) {
    HthMasks *masks = NULL;
    hth_gate_enter(e->gate);
    const bool there = e->masks != NULL;
    hth_gate_leave(e->gate);
    if (there) return HTH_OK;
    HTH_TRY(hth_masks_open(&masks, e->vocab, e->n_vocab, err));
    hth_gate_enter(e->gate);
    if (!e->masks && !e->closing) {
        e->masks = masks;
        masks = NULL;
    }
    hth_gate_leave(e->gate);
    hth_masks_close(&masks);
    return HTH_OK;
}

/* Those without a row yet, or more if they and those that have begun are more than the places: the
 * others stand still, for their readers do. */
static uint32_t queued(const HthEngine *e, uint32_t jobs, uint32_t waiting) {
    const uint32_t over = jobs > e->parallel ? jobs - e->parallel : 0;
    return over > waiting ? over : waiting;
}

/* In the gate: may one more wait? */
static HthStatus check_queue(const HthEngine *e, const HthJob *j, HthErr *err) {
    uint32_t jobs = 0, own_jobs = 0, own_waiting = 0;
    HTH_REQUIRE(!e->closing, err, HTH_ECANCELED, "this model is being unloaded");
    for (const HthJob *k = e->live; k; k = k->next, jobs++) {
        own_jobs += k->user == j->user;
        own_waiting += k->waits && k->user == j->user;
    }
    const uint32_t all = queued(e, jobs, e->waiting), own = queued(e, own_jobs, own_waiting);
    const bool full = all >= e->room.queue_max;
    if (!full && own < e->room.queue_user_max) return HTH_OK;
    return HTH_FAIL(err, HTH_EAGAIN,
                    "%u requests%s are waiting, and no more can; try again in about %u s",
                    full ? all : own, full ? "" : " of this user", e->stats.retry_after_s);
}

static HthStatus hand_in(HthEngine *e, HthJob *j, const HthGrammar *grammar, HthErr *err) {
    HTH_TRY(check_queue(e, j, err));
    if (grammar) HTH_TRY(hth_matcher_open(&j->matcher, grammar, e->masks, err));
    e->refs++;
    e->waiting++;
    j->waits = j->held = true;
    j->next = e->live;
    j->self = &e->live;
    if (j->next) j->next->self = &j->next;
    e->live = j;
    hth_engine_post(j);
    return HTH_OK;
}

HthStatus hth_engine_submit(HthEngine *e, const HthJobCfg *cfg, HthJob **out, HthErr *err) {
    HthJob *j = NULL;
    const HthGrammar *grammar = cfg->kind == HTH_JOB_WORDS ? cfg->grammar : NULL;
    HTH_TRY(hth_job_open(&j, e, cfg, err));
    HthStatus st = grammar ? need_masks(e, err) : HTH_OK;
    if (st == HTH_OK) {
        j->began_ns = hth_clock_ns();
        hth_gate_enter(e->gate);
        st = hand_in(e, j, grammar, err);
        if (st == HTH_OK) *out = j; /* before anybody is woken for it */
        hth_gate_leave(e->gate);
    }
    if (st != HTH_OK) hth_job_free(j);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The engine looks the other way round: first it says that the job is stalled, then at the ring. */
static void give_room(HthJob *j) {
    hth_ring_drop(j->ring);
    j->lent = false;
    if (!atomic_load(&j->stalled) || hth_ring_used(j->ring) > hth_ring_size(j->ring) / 2) return;
    hth_gate_enter(j->engine->gate);
    hth_engine_post(j);
    hth_gate_leave(j->engine->gate);
}

static bool next_word(HthJob *j, HthWord *word) {
    if (!j->ring) return false;
    if (j->lent) give_room(j);
    const HthWordRecord *r = hth_ring_peek(j->ring, NULL);
    if (!r) return false;
    j->lent = true;
    *word = (HthWord){ .id = r->id, .logprob = r->logprob, .top_count = r->top_count };
    word->top = r->top_count ? r->top : NULL;
    word->text = (HthStr){ (const char *)(r->top + r->top_count), r->text_n };
    return true;
}

int hth_job_read(HthJob *j, HthWord *word, HthJobDone *done) {
    const bool ended = atomic_load(&j->ended); /* before the ring: no word comes after it */
    if (next_word(j, word)) return 1;
    if (!ended) return 0;
    *done = j->done;
    return -1;
}

void hth_job_cancel(HthJob *j) {
    hth_gate_enter(j->engine->gate);
    j->cancel = true;
    hth_engine_post(j);
    hth_gate_leave(j->engine->gate);
}

void hth_job_close(HthJob **job) {
    HthJob *j = *job;
    if (!j) return;
    HthEngine *e = j->engine;
    hth_gate_enter(e->gate);
    j->closed = j->cancel = true;
    hth_matcher_close(&j->matcher); /* the grammar is the caller's again */
    const bool held = j->held;
    hth_engine_post(j);
    hth_gate_leave(e->gate);
    *job = NULL;
    if (held) return; /* the engine frees it between two steps */
    hth_job_free(j);
    hth_engine_unref(e);
}
