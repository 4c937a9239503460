/* run_source.c - a run as a source of bytes: what has been said so far, in the API's manner.
 *
 * Thread: the loop thread. */
#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/run.h"

/* ---- endings -------------------------------------------------------------------------------- */

static HthStatus vectors(HthRun *r, HthBuf *out, HthErr *err) {
    const float **rows = hth_arena_take(r->arena, r->count, sizeof *rows);
    uint32_t *tokens = hth_arena_take(r->arena, r->count, sizeof *tokens);
    HTH_REQUIRE(rows && tokens, err, HTH_ENOMEM, "no memory for %zu vectors", r->count);
    uint32_t width = r->ones[0].vector_count;
    if (r->ask.dimensions && r->ask.dimensions < width) width = r->ask.dimensions;
    for (size_t i = 0; i < r->count; i++) {
        HthRunOne *one = &r->ones[i];
        double sum = 0.0;
        for (uint32_t k = 0; k < width; k++) sum += (double)one->vector[k] * one->vector[k];
        if (width < one->vector_count && sum > 0.0) /* a shorter vector is a unit vector again */
            for (uint32_t k = 0; k < width; k++)
                one->vector[k] = (float)(one->vector[k] / sqrt(sum));
        rows[i] = one->vector;
        tokens[i] = one->done.prompt_count;
    }
    const HthUsage sum = hth_run_usage(r);
    return r->face->ops->vectors(r->face, rows, tokens, r->count, width, &sum, out, err);
}

/* How much each document is about the query: what a model that ranks says of both, or the cosine of
 * their vectors. */
static HthStatus scores(HthRun *r, HthBuf *out, HthErr *err) {
    const HthRunOne *query = &r->ones[0];
    const bool ranks = hth_voice_ranks(r->lease.voice);
    const size_t n = r->count - !ranks;
    float *score = hth_arena_take(r->arena, n ? n : 1, sizeof *score);
    HTH_REQUIRE(score, err, HTH_ENOMEM, "no memory for %zu scores", n);
    for (size_t i = 0; i < n; i++) {
        double dot = 0.0;
        if (ranks) {
            score[i] = r->ones[i].vector[0];
            continue;
        }
        for (uint32_t k = 0; k < query->vector_count; k++)
            dot += (double)query->vector[k] * r->ones[i + 1].vector[k];
        score[i] = (float)dot;
    }
    const HthUsage sum = hth_run_usage(r);
    return r->face->ops->scores(r->face, score, n, &sum, out, err);
}

static HthStatus words(HthRun *r, HthBuf *out, HthErr *err) {
    const HthUsage sum = hth_run_usage(r);
    if (r->ask.stream) {
        HTH_TRY(hth_run_receipts_stream(r, out, err));
        HTH_TRY(hth_buf_add_str(out, hth_buf_str(&r->finishes), err));
        return r->face->ops->end(r->face, &sum, out, err);
    }
    const size_t from = out->n;
    HthAnswerOut *all = hth_arena_take(r->arena, r->count, sizeof *all);
    HTH_REQUIRE(all, err, HTH_ENOMEM, "no memory for %zu answers", r->count);
    for (size_t i = 0; i < r->count; i++) HTH_TRY(hth_run_answer(&r->ones[i], &all[i], err));
    HTH_TRY(r->face->ops->whole(r->face, all, r->count, &sum, out, err));
    return hth_run_receipts_whole(r, from, out, err);
}

static HthStatus end(HthRun *r, HthBuf *out, HthErr *err) {
    HthStatus st;
    if (r->ask.kind == HTH_ASK_EMBED)
        st = vectors(r, out, err);
    else if (r->ask.kind == HTH_ASK_RERANK)
        st = scores(r, out, err);
    else
        st = words(r, out, err);
    if (st != HTH_OK) return st;
    const HthUsage sum = hth_run_usage(r);
    hth_x_note(r->x)->tokens_in = sum.prompt;
    hth_x_note(r->x)->tokens_out = sum.words;
    return HTH_OK;
}

/* ---- the source ----------------------------------------------------------------------------- */

/* As many jobs at once as one exchange may have. EAGAIN is no failure while others still run. */
HthStatus hth_run_submit_due(HthRun *r, HthErr *err) {
    while (r->next < r->count && r->running < HTH_RUN_JOBS_MAX) {
        HthStatus st = hth_run_submit(&r->ones[r->next], err);
        if (st == HTH_EAGAIN && r->running > 0) return HTH_OK;
        if (st != HTH_OK) return st;
        r->next++;
        r->running++;
    }
    return HTH_OK;
}

static HthStatus step(HthRun *r, HthBuf *out, bool *ended, HthErr *err) {
    bool stream = r->ask.stream;
    if (stream && !r->begun) {
        r->begun = true;
        HTH_TRY(r->face->ops->begin(r->face, out, err));
    }
    HTH_TRY(hth_run_submit_due(r, err));
    size_t left = 0;
    for (size_t i = 0; i < r->count; i++) {
        HthRunOne *one = &r->ones[i];
        if (one->job && !one->ended) HTH_TRY(hth_run_drain(one, err));
        left += !one->ended;
    }
    if (left > 0) return hth_run_submit_due(r, err);
    const HthStatus kept = hth_run_keep(r, err); /* before it is told */
    if (kept == HTH_EAGAIN) return HTH_OK;
    if (kept != HTH_OK) return kept;
    const HthStatus recorded = hth_run_record(r, err); /* before the last byte */
    if (recorded == HTH_EAGAIN) return HTH_OK;
    if (recorded != HTH_OK) return recorded;
    *ended = true;
    return end(r, out, err);
}

static int more(void *payload, HthBuf *out) {
    HthRun *r = payload;
    HthErr err = { 0 };
    bool ended = false;
    size_t before = out->n;
    r->out = out;
    if (step(r, out, &ended, &err) != HTH_OK) {
        int status = hth_api_status(&err);
        r->failed = true;
        if (!r->ask.stream) {
            hth_x_status(r->x, status);
            hth_buf_clear(out);
        }
        (void)r->face->ops->error(r->face, status, &err, r->ask.stream, out);
        ended = true;
    }
    r->out = NULL;
    return ended ? -1 : out->n > before;
}

static void gone(void *payload) {
    HthRun *r = payload;
    for (size_t i = 0; i < r->count; i++)
        if (r->ones[i].job) hth_job_cancel(r->ones[i].job);
}

static void close_run(void *payload) {
    HthRun *r = payload;
    hth_run_close(&r);
}

void hth_run_attach(HthRun *r) {
    const HthFaceOps *ops = r->face->ops;
    HthSource source = { .more = more, .gone = gone, .close = close_run, .payload = r };
    source.whole = !r->ask.stream;
    source.ping = r->ask.stream ? ops->ping : NULL;
    hth_x_source(r->x, 200, r->ask.stream ? ops->stream_type : "application/json", &source);
}
