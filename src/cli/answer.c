/* answer.c - one turn of a conversation: encode the prompt, compute it, draw the words. */
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "cli/chat.h"
#include "cli/term.h"
#include "text/prompt.h"
#include "text/stream.h"

enum { TEXT_MAX = 1 << 28 };

void hth_answer_init(HthAnswer *a) {
    *a = (HthAnswer){ .reason = "stop" };
    hth_buf_init(&a->text, TEXT_MAX);
    hth_ids_init(&a->ids, TEXT_MAX);
}

void hth_answer_drop(HthAnswer *a) {
    hth_buf_drop(&a->text);
    hth_ids_drop(&a->ids);
}

static HthStatus read_prompt(HthChat *c, HthAnswer *a, HthErr *err) {
    HthBuf prompt, marks;
    HthIds ids;
    hth_buf_init(&prompt, TEXT_MAX);
    hth_buf_init(&marks, TEXT_MAX);
    hth_ids_init(&ids, TEXT_MAX);
    uint64_t began = hth_clock_ns();
    HthStatus st = hth_chat_prompt(c, &prompt, &marks, err);
    if (st != HTH_OK) goto out;
    if (c->show_prompt) fprintf(stderr, "%.*s\n", HTH_STR_ARG(hth_buf_str(&prompt)));
    st = hth_prompt_encode(c->vocab, hth_buf_str(&prompt), hth_buf_str(&marks), &ids, err);
    if (st != HTH_OK) goto out;
    size_t ctx = hth_session_ctx(c->session);
    if (ids.n >= ctx) {
        st = HTH_FAIL(err, HTH_ELIMIT,
                      "the conversation needs %zu tokens and room for an answer, but the context "
                      "holds %zu; raise it with --ctx (num_ctx), shorten the text, or /clear",
                      ids.n, ctx);
        goto out;
    }
    const uint32_t *old = hth_session_ids(c->session);
    size_t common = 0, have = hth_session_count(c->session);
    while (common < ids.n && common < have && old[common] == ids.p[common]) common++;
    a->prompt_count = ids.n;
    a->prompt_new = common < ids.n ? ids.n - common : 1;
    st = hth_session_sync(c->session, ids.p, ids.n, c->logits, err);
    hth_progress_end();
    a->prompt_ns = hth_clock_ns() - began;
    c->row = c->logits;
out:
    hth_buf_drop(&prompt);
    hth_buf_drop(&marks);
    hth_ids_drop(&ids);
    return st;
}

/* Hands on the text that has become certain since `from`. */
static void emit(HthChat *c, const HthAnswer *a, size_t from) {
    if (c->emit != NULL && a->text.n > from)
        c->emit(c->payload, hth_str_sub(hth_buf_str(&a->text), from, SIZE_MAX));
}

/* Draws one token and feeds it to the text; false in *more: the answer has ended. */
static HthStatus one_token(HthChat *c, HthSampler *sampler, HthStream *stream, HthAnswer *a,
                           bool *more, HthErr *err) {
    uint32_t id = 0;
    size_t count = hth_spec_count(c->spec), from = a->text.n;
    *more = false;
    if (hth_interrupted()) {
        a->reason = "interrupted";
        return HTH_OK;
    }
    HTH_TRY(hth_sampler_next(sampler, c->row, hth_session_ids(c->session), count, &id, err));
    if (hth_vocab_is_end(c->vocab, id)) return HTH_OK;
    HTH_TRY(hth_ids_add(&a->ids, id, err));
    HTH_TRY(hth_stream_put(stream, id, &a->text, err));
    emit(c, a, from);
    if (hth_stream_stopped(stream) != SIZE_MAX) {
        a->by_text = true;
        return HTH_OK;
    }
    if (c->num_predict != 0 && a->ids.n >= c->num_predict) {
        a->reason = "length";
        return HTH_OK;
    }
    if (count >= hth_session_ctx(c->session)) {
        a->reason = "context";
        return HTH_OK;
    }
    HthStatus st = hth_spec_eval(c->spec, id, &c->row, err);
    if (st == HTH_ECANCELED) {
        a->reason = "interrupted";
        return HTH_OK;
    }
    *more = st == HTH_OK;
    return st;
}

static HthStatus generate(HthChat *c, HthAnswer *a, HthErr *err) {
    HthSampler *sampler = NULL;
    HthStream *stream = NULL;
    HthSampleParams *p = &c->params;
    uint64_t began = hth_clock_ns();
    if (!c->seed_given) p->seed = hth_rng_entropy();
    a->seed = p->seed;
    HthStatus st = hth_sampler_open(&sampler, p, hth_model_vocab_count(c->model), c->vocab, err);
    if (st == HTH_OK) st = hth_stream_open(&stream, c->vocab, c->stops, c->stop_count, err);
    bool more = st == HTH_OK;
    hth_spec_begin(c->spec);
    while (more) st = one_token(c, sampler, stream, a, &more, err);
    hth_spec_end(c->spec);
    a->spec = hth_spec_stats(c->spec);
    if (st == HTH_OK) {
        size_t from = a->text.n;
        st = hth_stream_end(stream, &a->text, err);
        emit(c, a, from);
    }
    hth_stream_close(&stream);
    hth_sampler_close(&sampler);
    a->eval_ns = hth_clock_ns() - began;
    return st;
}

static HthStatus add_message(HthChat *c, const char *role, HthStr text, HthErr *err) {
    json_t *m = json_pack("{s:s, s:o}", "role", role, "content", json_stringn(text.p, text.n));
    HTH_REQUIRE(m != NULL && json_array_append_new(c->messages, m) == 0, err, HTH_ENOMEM,
                "out of memory for a message");
    return HTH_OK;
}

HthStatus hth_chat_ask(HthChat *c, HthStr user, HthAnswer *a, HthErr *err) {
    uint64_t began = hth_clock_ns();
    size_t before = json_array_size(c->messages);
    HTH_REQUIRE(hth_utf8_valid(user), err, HTH_EFORMAT, "the prompt is not valid UTF-8");
    HTH_TRY(add_message(c, "user", user, err));
    HthStatus st = read_prompt(c, a, err);
    if (st == HTH_OK) st = generate(c, a, err);
    if (st == HTH_OK && a->text.n == 0 && strcmp(a->reason, "interrupted") == 0)
        st = HTH_FAIL(err, HTH_ECANCELED, "interrupted");
    if (st == HTH_OK) st = add_message(c, "assistant", hth_buf_str(&a->text), err);
    if (st != HTH_OK)
        while (json_array_size(c->messages) > before)
            (void)json_array_remove(c->messages, json_array_size(c->messages) - 1);
    a->total_ns = hth_clock_ns() - began;
    hth_progress_end();
    return st;
}

/* ---- timings -------------------------------------------------------------------------------- */

/* As Go prints durations: 1.25s, 83.1ms, 12.5µs. */
static void duration(FILE *f, const char *what, uint64_t ns) {
    double s = (double)ns * 1e-9;
    if (s >= 60.0)
        fprintf(f, "%-21s %.0fm%.9gs\n", what, (double)((uint64_t)s / 60),
                s - 60.0 * (double)((uint64_t)s / 60));
    else if (s >= 1.0)
        fprintf(f, "%-21s %.10gs\n", what, s);
    else if (s >= 1e-3)
        fprintf(f, "%-21s %.7gms\n", what, s * 1e3);
    else
        fprintf(f, "%-21s %.4g\xc2\xb5s\n", what, s * 1e6);
}

static void rate(FILE *f, const char *what, size_t count, uint64_t ns) {
    fprintf(f, "%-21s %.2f tokens/s\n", what, (double)count / ((double)(ns > 0 ? ns : 1) * 1e-9));
}

void hth_chat_timings(FILE *f, const HthChat *c, const HthAnswer *a) {
    duration(f, "total duration:", a->total_ns + c->load_ns);
    duration(f, "load duration:", c->load_ns);
    fprintf(f, "%-21s %zu token(s)\n", "prompt eval count:", a->prompt_new);
    duration(f, "prompt eval duration:", a->prompt_ns);
    rate(f, "prompt eval rate:", a->prompt_new, a->prompt_ns);
    fprintf(f, "%-21s %zu token(s)\n", "eval count:", a->ids.n);
    duration(f, "eval duration:", a->eval_ns);
    rate(f, "eval rate:", a->ids.n, a->eval_ns);
    uint64_t weights, passing;
    hth_session_weights(c->session, &weights, &passing);
    if (passing > 0)
        fprintf(f, "%-21s %llu of %llu MiB do not fit in memory and are read in every step\n",
                "weights:", (unsigned long long)passing >> 20, (unsigned long long)weights >> 20);
    if (a->spec.drafted == 0) return;
    fprintf(f, "%-21s %llu token(s)\n", "drafted:", (unsigned long long)a->spec.drafted);
    fprintf(f, "%-21s %llu token(s), %.0f %%\n", "accepted:", (unsigned long long)a->spec.accepted,
            100.0 * (double)a->spec.accepted / (double)a->spec.drafted);
    fprintf(f, "%-21s %.2f tokens\n", "per pass:", (double)a->spec.tokens / (double)a->spec.passes);
}
