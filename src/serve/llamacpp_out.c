/* llamacpp_out.c - how llama.cpp's own endpoints answer, streamed and whole.
 *
 * Thread: as ask.h. */
#include <stdlib.h>

#include "base/mem.h"
#include "serve/ask_read.h"
#include "serve/face.h"
#include "serve/llamacpp.h"

typedef struct State {
    HthFaceState base;
    uint32_t *words; /* [answers] tokens so far */
    size_t answers;
} State;

static void drop(HthFaceState *base) {
    State *s = (State *)(void *)base;
    hth_free(s->words);
}

static size_t answers(const HthFace *f) {
    const HthAsk *a = f->ask;
    return a->kind == HTH_ASK_TEXT ? a->prompt_count * a->n : a->n;
}

static bool wants(const HthFace *f, const char *name) {
    return json_is_true(json_object_get(f->ask->body, name));
}

static void write_probs(HthOut *o, const HthFace *f, const HthWord *words, size_t n) {
    if (!f->ask->logprobs || words == NULL || n == 0) return;
    hth_out(o, ",\"completion_probabilities\":");
    hth_out_logprobs(o, f, words, n, true);
}

static void write_tokens(HthOut *o, const HthFace *f, const HthWord *words, size_t n) {
    const bool told = (f->ask->stream || wants(f, "return_tokens")) && words;
    hth_out(o, ",\"tokens\":[");
    for (size_t i = 0; told && i < n; i++) hth_out(o, i ? ",%u" : "%u", words[i].id);
    hth_out(o, "]");
}

/* ---- streamed ---- */

static HthStatus begin(HthFace *f, HthBuf *out, HthErr *err) {
    (void)f;
    (void)out;
    (void)err;
    return HTH_OK;
}

static HthStatus delta(HthFace *f, const HthDelta *d, HthBuf *out, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    if (f->ask->predict_none) return HTH_OK;
    if (d->index < s->answers)
        s->words[d->index] = d->said ? d->said : s->words[d->index] + (uint32_t)d->word_count;
    if (d->part.text.n == 0 && d->word_count == 0) return HTH_OK;
    hth_out(&o, "data: {\"index\":%u,\"content\":%q", d->index, d->part.text);
    write_tokens(&o, f, d->words, d->word_count);
    hth_out(&o, ",\"stop\":false,\"id_slot\":-1,\"tokens_predicted\":%u,\"tokens_evaluated\":%u",
            d->index < s->answers ? s->words[d->index] : 0u, f->facts.prompt_count);
    write_probs(&o, f, d->words, d->word_count);
    hth_out(&o, "}\n\n");
    return hth_out_end(&o);
}

static const char *stop_type(const HthFace *f, const HthAnswerOut *a) {
    if (f->ask->predict_none || hth_end_is_limit(a->end)) return "limit";
    return a->stop.n > 0 ? "word" : "eos";
}

/* What was asked, as far as it was said; the rest is the model's or the server's default. */
static void write_settings(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    const HthAsk *ask = f->ask;
    hth_out(o, "{\"seed\":");
    hth_out_seed(o, a->seed);
    for (void *at = json_object_iter(ask->params); at; at = json_object_iter_next(ask->params, at))
        hth_out(o, ",\"%s\":%j", json_object_iter_key(at), json_object_iter_value(at));
    hth_out(o, ",\"n_predict\":%I,\"ignore_eos\":%b,\"stream\":%b,\"n_probs\":%u,\"stop\":[",
            ask->predict_none  ? (int64_t)0
            : ask->predict_max ? (int64_t)ask->predict_max
                               : -1,
            (int)ask->ignore_end, (int)ask->stream, ask->top);
    for (size_t i = 0; i < ask->stop_count; i++) hth_out(o, i ? ",%q" : "%q", ask->stops[i]);
    hth_out(o, "]}");
}

/* The last object of a stream, or the only one. */
static void write_final(HthOut *o, const HthFace *f, const HthAnswerOut *a, bool streamed) {
    const HthUsage *u = &a->usage;
    const bool text = !streamed && !f->ask->predict_none;
    hth_out(o, "{\"index\":%u,\"content\":\"", a->index);
    if (text) {
        hth_out_text(o, a->thinking);
        hth_out_text(o, a->text);
    }
    hth_out(o, "\"");
    write_tokens(o, f, text ? a->words : NULL, a->word_count);
    hth_out(o, ",\"id_slot\":-1,\"stop\":true,\"model\":%q,\"tokens_predicted\":%u,",
            f->facts.model, f->ask->predict_none ? 0 : u->words);
    hth_out(o, "\"tokens_evaluated\":%u,\"generation_settings\":", u->prompt);
    write_settings(o, f, a);
    hth_out(o, ",\"prompt\":%q,\"has_new_line\":%b,\"truncated\":%b,", f->facts.prompt,
            (int)(hth_str_find(a->text, HTH_STR("\n")) != SIZE_MAX), (int)(u->cut > 0));
    hth_out(o, "\"stop_type\":\"%s\",\"stopping_word\":%q", stop_type(f, a), a->stop);
    hth_out_end_detail(o, a);
    hth_out(o, ",\"tokens_cached\":%u,\"timings\":", u->cached);
    hth_out_timings(o, u);
    if (text) write_probs(o, f, a->words, a->word_count);
    hth_out(o, ",\"system_fingerprint\":%q,", f->facts.fingerprint);
    hth_out_facts(o, f, a);
    hth_out(o, "}");
}

static HthStatus finish(HthFace *f, const HthAnswerOut *a, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    hth_out(&o, "data: ");
    write_final(&o, f, a, true);
    hth_out(&o, "\n\n");
    return hth_out_end(&o);
}

static HthStatus end(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    (void)f;
    (void)sum;
    (void)out;
    (void)err;
    return HTH_OK; /* no [DONE] here */
}

/* ---- whole ---- */

static HthStatus whole(HthFace *f, const HthAnswerOut *a, size_t n, const HthUsage *sum,
                       HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    (void)sum;
    if (n == 0) {
        hth_out(&o, "{\"prompt\":%q,", f->facts.prompt);
        hth_out_facts(&o, f, NULL);
        hth_out(&o, "}");
        return hth_out_end(&o);
    }
    const bool list = answers(f) > 1;
    hth_out(&o, list ? "[" : "");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hth_out(&o, ",");
        write_final(&o, f, &a[i], false);
    }
    hth_out(&o, list ? "]" : "");
    return hth_out_end(&o);
}

/* ---- vectors, scores, counts ---- */

static HthStatus vectors(HthFace *f, const float *const *rows, const uint32_t *tokens, size_t n,
                         uint32_t width, const HthUsage *sum, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    (void)f;
    (void)sum;
    hth_out(&o, "[");
    for (size_t i = 0; i < n; i++) {
        hth_out(&o, "%s{\"index\":%U,\"embedding\":[", i ? "," : "", (uint64_t)i);
        hth_out_vector(&o, rows[i], width);
        hth_out(&o, "],\"tokens_evaluated\":%u,\"system_fingerprint\":%q,", tokens ? tokens[i] : 0u,
                f->facts.fingerprint);
        hth_out_facts(&o, f, NULL);
        hth_out(&o, "}");
    }
    hth_out(&o, "]");
    return hth_out_end(&o);
}

typedef struct Rank {
    float score;
    uint32_t index;
} Rank;

static int by_score(const void *left, const void *right) {
    const Rank *a = left, *b = right;
    const bool a_number = a->score == a->score, b_number = b->score == b->score;
    if (a_number != b_number) return a_number ? -1 : 1;
    if (a_number && a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* {results: [{index, relevance_score}]}; or, when the documents came as texts, the list alone, of
 * {index, score}, as other rerankers have it. */
static HthStatus scores(HthFace *f, const float *given, size_t n, const HthUsage *sum, HthBuf *out,
                        HthErr *err) {
    const bool bare = json_object_get(f->ask->body, "texts") != NULL;
    const bool text = wants(f, bare ? "return_text" : "return_documents");
    const size_t most = f->ask->top_n > 0 && f->ask->top_n < n ? f->ask->top_n : n;
    Rank *ranks = hth_calloc(n, sizeof *ranks);
    HTH_REQUIRE(ranks, err, HTH_ENOMEM, "out of memory for %zu scores", n);
    for (size_t i = 0; i < n; i++) ranks[i] = (Rank){ given[i], (uint32_t)i };
    qsort(ranks, n, sizeof *ranks, by_score);
    HthOut o = hth_out_begin(out, err);
    if (!bare)
        hth_out(&o,
                "{\"model\":%q,\"object\":\"list\",\"usage\":{\"prompt_tokens\":%u,"
                "\"total_tokens\":%u},\"results\":",
                f->facts.model, sum->prompt, sum->prompt);
    hth_out(&o, "[");
    for (size_t i = 0; i < most; i++) {
        const HthStr document = f->ask->prompts[ranks[i].index + 1].text;
        hth_out(&o, "%s{\"index\":%u,\"%s\":%f", i ? "," : "", ranks[i].index,
                bare ? "score" : "relevance_score", (double)ranks[i].score);
        if (text && bare) hth_out(&o, ",\"text\":%q", document);
        if (text && !bare) hth_out(&o, ",\"document\":{\"text\":%q}", document);
        hth_out(&o, "}");
    }
    hth_out(&o, "]");
    if (!bare) {
        hth_out(&o, ",\"system_fingerprint\":%q,", f->facts.fingerprint);
        hth_out_facts(&o, f, NULL);
        hth_out(&o, "}");
    }
    hth_free(ranks);
    return hth_out_end(&o);
}

/* ---- errors ---- */

static void write_error(HthOut *o, int status, const HthErr *e) {
    static const struct {
        int status;
        const char *type;
    } tab[] = {
        { 400, "invalid_request_error" }, { 401, "authentication_error" },
        { 403, "permission_error" },      { 404, "not_found_error" },
        { 405, "invalid_request_error" }, { 413, "invalid_request_error" },
        { 429, "rate_limit_error" },      { 501, "not_supported_error" },
        { 503, "unavailable_error" },     { 500, "server_error" }, /* and any other */
    };
    uint64_t prompt = 0, ctx = 0;
    size_t i = 0;
    while (i + 1 < HTH_COUNT(tab) && tab[i].status != status) i++;
    const bool too_long = hth_err_too_long(e, &prompt, &ctx);
    hth_out(o, "{\"error\":{\"code\":%I,\"message\":%q,\"type\":\"%s\"", (int64_t)status,
            hth_str(e->text), too_long ? "exceed_context_size_error" : tab[i].type);
    if (too_long) hth_out(o, ",\"n_prompt_tokens\":%U,\"n_ctx\":%U", prompt, ctx);
    hth_out(o, "}}");
}

HthStatus hth_llamacpp_error(int status, const HthErr *e, HthBuf *out) {
    return hth_face_error(write_error, NULL, status, e, out);
}

static HthStatus error(HthFace *f, int status, const HthErr *e, bool in_stream, HthBuf *out) {
    (void)f;
    return hth_face_error(write_error, in_stream ? "data: " : NULL, status, e, out);
}

static const HthFaceOps ops = {
    .stream_type = "text/event-stream",
    .ping = ": ping\n\n",
    .begin = begin,
    .delta = delta,
    .finish = finish,
    .end = end,
    .whole = whole,
    .vectors = vectors,
    .scores = scores,
    .count = hth_face_count,
    .error = error,
};

HthStatus hth_llamacpp_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err) {
    HthFace *f;
    HTH_TRY(hth_face_make(&f, &ops, ask, facts, sizeof(State), err));
    State *s = f->state;
    s->base.drop = drop;
    s->answers = answers(f);
    s->words = hth_calloc(s->answers, sizeof *s->words);
    if (s->words == NULL) {
        hth_face_close(&f);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for an answer");
    }
    *out = f;
    return HTH_OK;
}
