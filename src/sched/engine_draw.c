/* engine_draw.c - from rows of hidden values to words: logits, grammar, draw, text, ring.
 *
 * What may run beside each other does: exponential sums and draws, a row an item.  Masks share one
 * cache and come one after another.  Nothing here allocates for a word, but for what a grammar
 * meets for the first time.
 *
 * Thread: engine; forks over rows. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "kern/fn/math.h"
#include "sched/engine_int.h"

typedef struct Draw {
    HthEngine *e;
    const HthWanted *w;
    uint32_t n;
} Draw;

static float *row_of(const Draw *d, uint32_t i) {
    return d->e->logits + (size_t)i * d->e->n_vocab;
}

/* ---- log-probabilities ---------------------------------------------------------------------- */

/* The logarithm of the sum of all exponentials, in one order whoever computes it. */
static double log_sum(const float *l, uint32_t n) {
    float most = -INFINITY;
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        if (l[i] > most) most = l[i];
    for (uint32_t i = 0; i < n; i++) sum += hth_exp((double)l[i] - (double)most);
    return (double)most + hth_ln(sum);
}

static float logprob(const HthJob *j, float logit) {
    return (float)((double)logit - j->log_sum);
}

/* The best, of equal ones the lower id first: most rows of a vocabulary meet one comparison. */
static void find_best(HthJob *j, const float *l, uint32_t n) {
    uint32_t have = 0;
    float worst = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (have == j->top && !(l[i] > worst)) continue;
        uint32_t at = have < j->top ? have++ : have - 1;
        for (; at > 0 && j->best[at - 1].logprob < l[i]; at--) j->best[at] = j->best[at - 1];
        j->best[at] = (HthTop){ i, l[i] };
        worst = j->best[have - 1].logprob;
    }
    j->best_count = have;
    for (uint32_t i = 0; i < have; i++) j->best[i].logprob = logprob(j, j->best[i].logprob);
}

static void weigh_row(void *ctx, uint32_t i, uint32_t worker) {
    (void)worker;
    const Draw *d = ctx;
    HthJob *j = d->w[i].job;
    const float *l = row_of(d, i);
    const uint32_t n = d->e->n_vocab, pos = d->w[i].pos;
    if (j->kind == HTH_JOB_SCORE) {
        j->vector[pos] = (float)((double)l[j->ids[pos + 1]] - log_sum(l, n));
    } else if (j->logprobs) {
        j->log_sum = log_sum(l, n);
        if (j->top) find_best(j, l, n);
    }
}

/* Of the rows as the model gave them: before any grammar. */
static void weigh(Draw *d) {
    bool any = false;
    for (uint32_t i = 0; i < d->n; i++)
        any = any || d->w[i].job->logprobs || d->w[i].job->kind == HTH_JOB_SCORE;
    if (any) hth_par_run(d->e->pool, d->n, weigh_row, d);
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* Masks are all or nothing nearly everywhere, and few bits elsewhere: the fewer are walked. */
static void forbid(float *l, const uint32_t *mask, uint32_t n) {
    for (uint32_t at = 0; at < n; at += 32, l += 32) {
        const uint32_t some = n - at < 32 ? (1u << (n - at)) - 1 : UINT32_MAX;
        const uint32_t allowed = mask[at / 32] & some, refused = ~mask[at / 32] & some;
        float kept[32];
        if (__builtin_popcount(refused) <= 16) {
            for (uint32_t b = refused; b; b &= b - 1) l[__builtin_ctz(b)] = -INFINITY;
            continue;
        }
        for (uint32_t b = allowed; b; b &= b - 1) kept[__builtin_ctz(b)] = l[__builtin_ctz(b)];
        for (uint32_t i = 0; i < (some == UINT32_MAX ? 32 : n - at); i++) l[i] = -INFINITY;
        for (uint32_t b = allowed; b; b &= b - 1) l[__builtin_ctz(b)] = kept[__builtin_ctz(b)];
    }
}

/* The token that ends a reasoning at its limit, where the mask (NULL: any) allows it. */
static uint32_t forced_by(const HthJob *j, const uint32_t *mask) {
    const uint32_t id = j->think ? hth_think_due(j->think) : HTH_TOKEN_NONE;
    const bool may = id != HTH_TOKEN_NONE && (!mask || (mask[id / 32] >> id % 32 & 1));
    return may ? id : HTH_TOKEN_NONE;
}

/* In the gate, a row at a time: whoever wants to leave a job or to bring one comes between. */
static void constrain(Draw *d) {
    for (uint32_t i = 0; i < d->n; i++) {
        HthJob *j = d->w[i].job;
        const uint32_t *mask = NULL;
        if (j->kind != HTH_JOB_WORDS) continue;
        hth_gate_enter(d->e->gate);
        j->gone = j->cancel;
        j->status = HTH_OK;
        if (!j->gone && j->matcher) {
            j->status = hth_matcher_mask(j->matcher, &mask, &j->err);
            if (j->status == HTH_OK) forbid(row_of(d, i), mask, d->e->n_vocab);
        }
        if (j->status == HTH_OK) j->forced = forced_by(j, mask);
        hth_gate_leave(d->e->gate);
    }
}

static void draw_row(void *ctx, uint32_t i, uint32_t worker) {
    const Draw *d = ctx;
    HthJob *j = d->w[i].job;
    if (j->kind != HTH_JOB_WORDS || j->gone || j->status != HTH_OK) return;
    j->drawn = j->forced;
    if (j->forced != HTH_TOKEN_NONE) return;
    hth_sampler_lend(j->sampler, d->e->draw[worker]);
    j->status = hth_sampler_next(j->sampler, row_of(d, i), j->ids, j->count, &j->drawn, &j->err);
}

/* ---- words ---------------------------------------------------------------------------------- */

/* The word leaves; whoever reads hears of it. */
static void push(HthEngine *e, HthJob *j, float logit) {
    HthWordRecord *r =
        hth_ring_reserve(j->ring, sizeof *r + j->best_count * sizeof(HthTop) + j->text.n);
    HTH_ASSERT(r); /* or it would have been paused */
    r->id = j->drawn;
    r->logprob = j->logprobs ? logprob(j, logit) : 0.0f;
    r->top_count = j->best_count;
    r->text_n = (uint32_t)j->text.n;
    memcpy(r->top, j->best, j->best_count * sizeof(HthTop));
    if (j->text.n) memcpy(r->top + j->best_count, j->text.p, j->text.n);
    hth_ring_commit(j->ring);
    hth_gate_enter(e->gate);
    if (!j->closed && j->wake) j->wake(j->payload);
    hth_gate_leave(e->gate);
}

/* A ring without room for another word stops its timeline. */
static void heed_reader(HthEngine *e, HthJob *j) {
    if (hth_ring_reserve(j->ring, j->record_max)) return;
    atomic_store(&j->stalled, true);
    if (hth_ring_used(j->ring) <= hth_ring_size(j->ring) / 2) {
        atomic_store(&j->stalled, false); /* it has read meanwhile, and may not have seen us */
        return;
    }
    j->paused = true;
    hth_sched_pause(e->sched, (uintptr_t)j, true);
}

static void note_time(HthEngine *e, HthJob *j) {
    const uint64_t now = hth_clock_ns();
    if (!j->first_ns) {
        j->first_ns = now;
        hth_hist_add(&e->now.first, now - j->began_ns);
    } else {
        hth_hist_add(&e->now.between, now - j->last_ns);
    }
    j->last_ns = now;
}

/* In the grammar's eyes: accepted, and *whole: nothing can follow. */
static HthStatus accept(HthEngine *e, HthJob *j, bool *whole) {
    HthStatus st = HTH_OK;
    hth_gate_enter(e->gate);
    if (j->matcher) {
        st = hth_matcher_accept(j->matcher, j->drawn, &j->err);
        *whole = st == HTH_OK && hth_matcher_must_end(j->matcher);
    }
    hth_gate_leave(e->gate);
    return st;
}

static void word(HthEngine *e, HthJob *j, float logit) {
    bool whole = false;
    note_time(e, j);
    if (e->vocab && hth_vocab_is_end(e->vocab, j->drawn) && (!j->ignore_end || j->matcher)) {
        hth_engine_end(e, j, HTH_END_STOP);
        return;
    }
    j->ids[j->count++] = j->drawn;
    hth_buf_clear(&j->text);
    HthStatus st = j->stream ? hth_stream_put(j->stream, j->drawn, &j->text, &j->err) : HTH_OK;
    if (st == HTH_OK) st = accept(e, j, &whole);
    if (j->think && st == HTH_OK) hth_think_put(j->think, j->drawn, hth_buf_str(&j->text));
    if (st != HTH_OK) {
        hth_engine_fail(e, j, &j->err);
        return;
    }
    e->now.words++;
    j->done.word_count++;
    push(e, j, logit);
    if (whole || (j->stream && hth_stream_stopped(j->stream) != SIZE_MAX)) {
        hth_engine_end(e, j, HTH_END_STOP);
    } else if (j->predict_max && j->done.word_count >= j->predict_max) {
        hth_engine_end(e, j, HTH_END_LENGTH);
    } else if (j->count > j->ctx) { /* no row for this word: none can follow it */
        hth_engine_end(e, j, HTH_END_CONTEXT);
    } else {
        hth_sched_token(e->sched, (uintptr_t)j);
        heed_reader(e, j);
    }
}

void hth_engine_draw(HthEngine *e, const HthWanted *w, uint32_t n, const float *hidden) {
    Draw d = { e, w, n };
    hth_exec_head(e->exec, hidden, n, hth_engine_sets(e, w, n), e->logits);
    weigh(&d);
    constrain(&d);
    hth_par_run(e->pool, n, draw_row, &d);
    for (uint32_t i = 0; i < n; i++) {
        HthJob *j = w[i].job;
        if (j->kind != HTH_JOB_WORDS || j->gone) continue;
        if (j->status != HTH_OK)
            hth_engine_fail(e, j, &j->err);
        else
            word(e, j, row_of(&d, i)[j->drawn]);
    }
}
