/* run_one.c - one answer: its job's words, taken apart and passed on; see run.h.
 *
 * Thread: see run.h. */
#include <string.h>

#include "base/mem.h"
#include "serve/run.h"

/* ---- submitting ----------------------------------------------------------------------------- */

static void wake(void *payload) { /* engine thread */
    const HthRunOne *one = payload;
    hth_x_wake(one->run->x);
}

static void on_part(void *payload, const HthPart *part);

static HthStatus open_reply(HthRunOne *one, HthErr *err) {
    const HthRun *r = one->run;
    const HthTalk *talk = hth_voice_talk(r->lease.voice);
    if (!talk || r->ask.kind != HTH_ASK_CHAT) return HTH_OK;
    bool calls = r->ask.tools && r->ask.choice != HTH_TOOLS_NONE;
    HthReplyCfg cfg = { .tools = calls ? r->ask.tools : NULL,
                        .prompt = hth_buf_str(&r->ones[one->prompt_from].prompt.text),
                        .keep_thinking = r->ask.keep_thinking,
                        .part = on_part,
                        .payload = one };
    return hth_reply_open(&one->reply, talk, &cfg, err);
}

HthStatus hth_run_submit(HthRunOne *one, HthErr *err) {
    HthRun *r = one->run;
    const HthPrompted *p = &r->ones[one->prompt_from].prompt;
    bool vector = r->ask.kind == HTH_ASK_EMBED || r->ask.kind == HTH_ASK_RERANK;
    HthJobCfg job;
    HTH_TRY(hth_voice_job(r->lease.voice, &r->ask, hth_buf_str(&p->text), one->seed, &job, err));
    if (vector) job.kind = HTH_JOB_EMBED;
    if (r->ask.kind == HTH_ASK_RERANK && hth_voice_ranks(r->lease.voice)) job.kind = HTH_JOB_RANK;
    job.ids = p->ids.p;
    job.n = (uint32_t)p->ids.n;
    job.grammar = r->grammar;
    job.adapters = r->chosen.use;
    job.adapter_count = r->chosen.count;
    job.tenant = r->who.tenant;
    job.user = r->who.user;
    job.wake = wake;
    job.payload = one;
    if (!vector && !one->reply) HTH_TRY(open_reply(one, err));
    return hth_engine_submit(r->lease.engine, &job, &one->job, err);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static HthStatus new_call(HthRunOne *one, HthStr name, HthErr *err) {
    HthRunCall *calls = hth_calloc(one->call_count + 1, sizeof *calls);
    HTH_REQUIRE(calls, err, HTH_ENOMEM, "no memory for a tool call");
    if (one->call_count) memcpy(calls, one->calls, one->call_count * sizeof *calls);
    hth_free(one->calls);
    one->calls = calls;
    HthRunCall *c = &calls[one->call_count++];
    hth_call_id(&one->run->face->facts, one->index, (uint32_t)one->call_count - 1, c->id);
    hth_buf_init(&c->name, 1 << 16);
    hth_buf_init(&c->args, HTH_RUN_TEXT_MAX);
    return hth_buf_add_str(&c->name, name, err);
}

static HthStatus keep_part(HthRunOne *one, const HthPart *part, HthErr *err) {
    switch (part->kind) {
    case HTH_PART_TEXT: return hth_buf_add_str(&one->text, part->text, err);
    case HTH_PART_THINKING: return hth_buf_add_str(&one->thinking, part->text, err);
    case HTH_PART_CALL: return new_call(one, part->text, err);
    case HTH_PART_ARGS:
        HTH_ASSERT(part->call < one->call_count);
        return hth_buf_add_str(&one->calls[part->call].args, part->text, err);
    case HTH_PART_CALL_END: return HTH_OK;
    }
    return HTH_OK;
}

static HthStatus pass_on(HthRunOne *one, const HthPart *part, HthErr *err) {
    HthRun *r = one->run;
    HTH_TRY(keep_part(one, part, err));
    if (!r->ask.stream) return HTH_OK;
    HthDelta d = { .index = one->index, .part = *part };
    d.words = one->words + one->words_sent;
    d.word_count = one->word_count - one->words_sent;
    d.said = (uint32_t)one->ids.n;
    one->words_sent = one->word_count;
    return r->face->ops->delta(r->face, &d, r->out, err);
}

static void on_part(void *payload, const HthPart *part) {
    HthRunOne *one = payload;
    HthRun *r = one->run;
    if (r->err.status != HTH_OK) return;
    HthErr err = { 0 };
    if (pass_on(one, part, &err) != HTH_OK) r->err = err;
}

static HthStatus feed(HthRunOne *one, HthStr text, HthErr *err) {
    if (text.n == 0) return HTH_OK;
    if (one->run->receipts) HTH_TRY(hth_buf_add_str(&one->raw, text, err));
    if (!one->reply) {
        const HthPart part = { .kind = HTH_PART_TEXT, .text = text };
        return pass_on(one, &part, err);
    }
    HTH_TRY(hth_reply_put(one->reply, text, err));
    if (one->run->err.status == HTH_OK) return HTH_OK;
    if (err) *err = one->run->err;
    return one->run->err.status;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* With log-probabilities every token is told of, with its text and its rivals. */
static HthStatus keep_word(HthRunOne *one, const HthWord *w, HthErr *err) {
    HthRun *r = one->run;
    if (!r->ask.logprobs) return HTH_OK;
    if (one->word_count == one->word_cap) {
        size_t cap = one->word_cap ? 2 * one->word_cap : 256;
        HthWord *more = hth_calloc(cap, sizeof *more);
        HTH_REQUIRE(more, err, HTH_ENOMEM, "no memory for log-probabilities");
        if (one->words) memcpy(more, one->words, one->word_count * sizeof *more);
        hth_free(one->words);
        one->words = more;
        one->word_cap = cap;
    }
    HthWord kept = *w;
    kept.text.p = hth_arena_copy(r->arena, w->text.p ? w->text.p : "", w->text.n);
    HthTop *top = NULL;
    if (w->top_count) top = hth_arena_take(r->arena, w->top_count, sizeof *top);
    if (top) memcpy(top, w->top, w->top_count * sizeof *top);
    HTH_REQUIRE(kept.text.p && (top || !w->top_count), err, HTH_ENOMEM,
                "no memory for log-probabilities");
    kept.top = top;
    one->words[one->word_count++] = kept;
    return HTH_OK;
}

static HthStatus take_word(HthRunOne *one, const HthWord *w, HthErr *err) {
    HTH_TRY(keep_word(one, w, err));
    HTH_TRY(hth_ids_add(&one->ids, w->id, err));
    size_t text = one->text.n, thinking = one->thinking.n;
    HTH_TRY(feed(one, w->text, err));
    if (one->thinking.n > thinking && one->text.n == text) one->thinking_words++;
    return HTH_OK;
}

static HthStatus keep_vector(HthRunOne *one, HthErr *err) {
    const HthJobDone *d = &one->done;
    if (!d->embedding) return HTH_OK;
    one->vector = hth_calloc(d->embedding_count, sizeof *one->vector);
    HTH_REQUIRE(one->vector, err, HTH_ENOMEM, "no memory for a vector");
    memcpy(one->vector, d->embedding, d->embedding_count * sizeof *one->vector);
    one->vector_count = d->embedding_count;
    return HTH_OK;
}

static HthStatus finish(HthRunOne *one, HthErr *err) {
    HthRun *r = one->run;
    const HthJobDone *d = &one->done;
    r->running--;
    one->ended = true;
    if (d->end == HTH_END_ERROR) {
        if (err) *err = d->err;
        return d->err.status;
    }
    HTH_REQUIRE(d->end != HTH_END_CLOSED, err, HTH_ECANCELED, "the server is stopping");
    HTH_TRY(keep_vector(one, err));
    HTH_TRY(feed(one, d->tail, err));
    if (d->closing.n > 0) {
        HTH_TRY(feed(one, d->closing, err));
        one->closed_by_grammar = true;
    }
    if (one->reply) HTH_TRY(hth_reply_end(one->reply, err));
    if (r->err.status != HTH_OK) {
        if (err) *err = r->err;
        return r->err.status;
    }
    if (d->stop != UINT32_MAX && d->stop < r->ask.stop_count)
        HTH_TRY(hth_buf_add_str(&one->stop, r->ask.stops[d->stop], err));
    one->done.tail = one->done.closing = HTH_STR("");
    one->done.embedding = NULL;
    hth_job_close(&one->job);
    if (!r->ask.stream || r->ask.kind == HTH_ASK_EMBED) return HTH_OK;
    HthAnswerOut a;
    HTH_TRY(hth_run_answer(one, &a, err));
    return r->face->ops->finish(r->face, &a, &r->finishes, err);
}

HthStatus hth_run_drain(HthRunOne *one, HthErr *err) {
    const HthRun *r = one->run;
    HthWord w;
    while (!r->ask.stream || r->out->n < HTH_RUN_OUT_SOFT) {
        int got = hth_job_read(one->job, &w, &one->done);
        if (got == 0) return HTH_OK;
        if (got < 0) return finish(one, err);
        HTH_TRY(take_word(one, &w, err));
    }
    return HTH_OK;
}

HthStatus hth_run_answer(HthRunOne *one, HthAnswerOut *out, HthErr *err) {
    HthCall *calls = NULL;
    if (one->call_count) {
        calls = hth_arena_take(one->run->arena, one->call_count, sizeof *calls);
        HTH_REQUIRE(calls, err, HTH_ENOMEM, "no memory for tool calls");
    }
    for (size_t i = 0; i < one->call_count; i++)
        calls[i] = (HthCall){ .id = hth_str(one->calls[i].id),
                              .name = hth_buf_str(&one->calls[i].name),
                              .args = hth_buf_str(&one->calls[i].args) };
    *out = (HthAnswerOut){ .index = one->index,
                           .end = one->done.end,
                           .stop = hth_buf_str(&one->stop),
                           .text = hth_buf_str(&one->text),
                           .thinking = hth_buf_str(&one->thinking),
                           .calls = calls,
                           .call_count = one->call_count,
                           .words = one->words,
                           .word_count = one->word_count,
                           .ids = one->ids.p,
                           .id_count = one->ids.n,
                           .completed_by_grammar = one->closed_by_grammar,
                           .seed = one->seed,
                           .usage = hth_run_one_usage(one) };
    return HTH_OK;
}
