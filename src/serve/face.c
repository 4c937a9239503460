/* face.c - see face.h.
 *
 * Thread: as ask.h. */
#include "serve/face.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

enum { TOKEN_BYTES_MAX = 1 << 16 };

HthStatus hth_face_make(HthFace **out, const HthFaceOps *ops, const HthAsk *ask,
                        const HthFacts *facts, size_t state_bytes, HthErr *err) {
    HthFace *f = hth_calloc(1, sizeof *f);
    void *state = hth_calloc(1, state_bytes);
    if (f == NULL || state == NULL) {
        hth_free(f);
        hth_free(state);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for an answer");
    }
    hth_buf_init(&((HthFaceState *)state)->token, TOKEN_BYTES_MAX);
    *f = (HthFace){ .ops = ops, .ask = ask, .facts = *facts, .state = state };
    *out = f;
    return HTH_OK;
}

/* ---- ends ---- */

static const struct {
    const char *detail; /* where an API's own word does not say so; NULL: it does */
    bool limit;
} ends[] = {
    [HTH_END_STOP] = { NULL, false },          [HTH_END_LENGTH] = { NULL, true },
    [HTH_END_CONTEXT] = { "context", true },   [HTH_END_CANCELED] = { "canceled", true },
    [HTH_END_LATE] = { "deadline", true },     [HTH_END_CLOSED] = { "server_closing", true },
    [HTH_END_ERROR] = { "server_error", true }
};

bool hth_end_is_limit(HthEnd end) {
    return ends[end].limit;
}

void hth_out_end_detail(HthOut *o, const HthAnswerOut *a) {
    const char *detail = ends[a->end].detail;
    if (detail) hth_out(o, ",\"finish_detail\":\"%s\"", detail);
    if (a->completed_by_grammar) hth_out(o, ",\"completed_by_grammar\":true");
}

/* ---- facts ---- */

void hth_out_seed(HthOut *o, uint64_t seed) {
    hth_out(o, "%I", (int64_t)seed);
}

void hth_out_facts(HthOut *o, const HthFace *f, const HthAnswerOut *answer) {
    hth_out(o, "\"model_digest\":%q", f->facts.digest);
    if (answer == NULL) return;
    hth_out(o, ",\"seed\":");
    hth_out_seed(o, answer->seed);
}

void hth_out_time(HthOut *o, int64_t s, uint64_t ns) {
    char second[HTH_CLOCK_TEXT], text[48];
    (void)hth_clock_text(second, s);
    snprintf(text, sizeof text, "%s.%09uZ", second, (unsigned)ns);
    hth_out(o, "%s", text);
}

static double ms(uint64_t ns) {
    return (double)ns / 1e6;
}

static double per_second(uint64_t n, uint64_t ns) {
    return ns > 0 ? (double)n * 1e9 / (double)ns : 0;
}

void hth_out_timings(HthOut *o, const HthUsage *u) {
    const uint32_t read = u->prompt > u->cached ? u->prompt - u->cached : 0;
    hth_out(o, "{\"cache_n\":%u,\"prompt_n\":%u,\"prompt_ms\":%f,\"prompt_per_token_ms\":%f,",
            u->cached, read, ms(u->prompt_ns), read ? ms(u->prompt_ns) / read : 0.0);
    hth_out(o, "\"prompt_per_second\":%f,\"predicted_n\":%u,\"predicted_ms\":%f,",
            per_second(read, u->prompt_ns), u->words, ms(u->words_ns));
    hth_out(o, "\"predicted_per_token_ms\":%f,\"predicted_per_second\":%f}",
            u->words ? ms(u->words_ns) / u->words : 0.0, per_second(u->words, u->words_ns));
}

/* ---- log-probabilities ---- */

float hth_logprob(float v) {
    return isfinite(v) ? v : -9999.0f;
}

static void token_and_bytes(HthOut *o, HthStr s) {
    hth_out(o, "\"token\":%q,\"bytes\":[", s);
    for (size_t i = 0; i < s.n; i++) hth_out(o, i ? ",%u" : "%u", (uint32_t)(unsigned char)s.p[i]);
    hth_out(o, "]");
}

typedef void (*TokenOut)(HthOut *o, HthStr s);

static void with_token(HthOut *o, const HthFace *f, uint32_t id, HthStr otherwise, TokenOut write) {
    HthFaceState *s = f->state;
    if (f->facts.token_text == NULL) {
        write(o, otherwise);
        return;
    }
    hth_buf_clear(&s->token);
    if (o->status == HTH_OK)
        o->status = f->facts.token_text(f->facts.token_payload, id, &s->token, o->err);
    if (o->status == HTH_OK) write(o, hth_buf_str(&s->token));
}

void hth_out_token(HthOut *o, const HthFace *f, uint32_t id, HthStr otherwise) {
    with_token(o, f, id, otherwise, hth_out_text);
}

static void one_logprob(HthOut *o, const HthFace *f, uint32_t id, HthStr text, float logprob,
                        bool ids) {
    hth_out(o, "{");
    if (ids) hth_out(o, "\"id\":%u,", id);
    with_token(o, f, id, text, token_and_bytes);
    hth_out(o, ",\"logprob\":%f", (double)hth_logprob(logprob));
}

void hth_out_logprob(HthOut *o, const HthFace *f, const HthWord *w, bool ids) {
    const uint32_t top = f->facts.token_text ? w->top_count : 0;
    one_logprob(o, f, w->id, w->text, w->logprob, ids);
    hth_out(o, ",\"top_logprobs\":[");
    for (uint32_t k = 0; k < top; k++) {
        if (k > 0) hth_out(o, ",");
        one_logprob(o, f, w->top[k].id, HTH_STR(""), w->top[k].logprob, ids);
        hth_out(o, "}");
    }
    hth_out(o, "]}");
}

void hth_out_logprobs(HthOut *o, const HthFace *f, const HthWord *words, size_t n, bool ids) {
    hth_out(o, "[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hth_out(o, ",");
        hth_out_logprob(o, f, &words[i], ids);
    }
    hth_out(o, "]");
}

/* ---- calls ---- */

void hth_out_arguments(HthOut *o, HthStr args) {
    json_t *v = NULL;
    HthErr inner = { 0 };
    const HthStr s = hth_str_trim(args);
    if (o->status != HTH_OK) return;
    if (hth_json_parse(&v, s.n ? s : HTH_STR("{}"), HTH_FACE_TEXT_MAX, &inner) == HTH_ENOMEM)
        o->status = HTH_FAIL(o->err, HTH_ENOMEM, "out of memory for a tool call");
    else if (json_is_object(v))
        hth_out(o, "%r", s.n ? s : HTH_STR("{}"));
    else
        hth_out(o, "{\"INVALID_JSON\":%q}", args);
    json_decref(v);
}

HthStr hth_call_id_of(const HthFace *f, const HthAnswerOut *a, size_t call,
                      char room[HTH_CALL_ID_SIZE]) {
    if (a->calls[call].id.n > 0) return a->calls[call].id;
    hth_call_id(&f->facts, a->index, (uint32_t)call, room);
    return hth_str(room);
}

/* ---- vectors ---- */

void hth_out_vector(HthOut *o, const float *v, uint32_t n) {
    hth_out(o, "[");
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) hth_out_raw(o, HTH_STR(","));
        hth_out_f32(o, v[i]);
    }
    hth_out(o, "]");
}

void hth_out_vector_base64(HthOut *o, const float *v, uint32_t n) {
    unsigned char bytes[3 * 4 * 64]; /* whole groups of three: no padding between blocks */
    for (uint32_t at = 0; at < n;) {
        size_t k = 0;
        for (; k < sizeof bytes && at < n; at++, k += 4) {
            const uint32_t bits = hth_f32_bits(v[at]);
            for (size_t i = 0; i < 4; i++) bytes[k + i] = (unsigned char)(bits >> 8 * i);
        }
        hth_out_base64(o, (HthStr){ (const char *)bytes, k });
    }
}

/* ---- errors, counts ---- */

HthStatus hth_face_error(HthErrorOut write, const char *event, int status, const HthErr *e,
                         HthBuf *out) {
    HthOut o = hth_out_begin(out, NULL);
    if (event) hth_out(&o, "%s", event);
    write(&o, status, e);
    if (event) hth_out(&o, "\n\n");
    return hth_out_end(&o);
}

HthStatus hth_face_count(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    hth_out(&o, "{\"object\":\"response.input_tokens\",\"input_tokens\":%u,", sum->prompt);
    hth_out_facts(&o, f, NULL);
    hth_out(&o, "}");
    return hth_out_end(&o);
}
