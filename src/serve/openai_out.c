/* openai_out.c - how OpenAI's chat, completions and embeddings answer, streamed and whole.
 *
 * Beyond the original: reasoning_content, timings, model_digest, seed, and finish_detail where
 * "length" alone would hide the reason.
 *
 * Thread: as ask.h. */
#include <string.h>

#include "base/mem.h"
#include "serve/ask_read.h"
#include "serve/face.h"
#include "serve/openai.h"

enum { HEAD_BYTES_MAX = 1 << 16, KEYS_BYTES_MAX = 1 << 20 };

typedef struct State {
    HthFaceState base;
    HthBuf head; /* how every object begins, without the choices */
    uint32_t *offsets; /* [offset_count] TEXT with logprobs: characters so far */
    size_t offset_count;
} State;

static bool is_chat(const HthFace *f) {
    return f->ask->kind == HTH_ASK_CHAT;
}

static bool in_stream(const HthFace *f) {
    return f->ask->stream;
}

static void drop(HthFaceState *base) {
    State *s = (State *)(void *)base;
    hth_buf_drop(&s->head);
    hth_free(s->offsets);
}

/* {"id":...,"system_fingerprint":... */
static void write_head(HthOut *o, const HthFace *f, bool stream) {
    hth_out(o, "{\"id\":\"%s%r\",\"object\":\"%s\",", is_chat(f) ? "chatcmpl-" : "cmpl-",
            f->facts.id,
            is_chat(f) ? stream ? "chat.completion.chunk" : "chat.completion" : "text_completion");
    hth_out(o, "\"created\":%I,\"model\":%q,\"system_fingerprint\":%q", f->facts.created_s,
            f->facts.model, f->facts.fingerprint);
}

/* ---- log-probabilities of completions: four parallel lists ---- */

/* An object must not have one key twice: of tokens that read the same, the likelier one. */
static void write_top(HthOut *o, const HthFace *f, const HthWord *w) {
    HthErr inner = { 0 };
    size_t from[HTH_JOB_TOP_MAX + 1], count = 0;
    HthBuf keys;
    hth_buf_init(&keys, KEYS_BYTES_MAX);
    hth_out(o, "{");
    for (uint32_t i = 0; i < w->top_count && i < HTH_JOB_TOP_MAX && o->status == HTH_OK; i++) {
        from[count] = keys.n;
        HthOut key = hth_out_begin(&keys, &inner);
        hth_out_token(&key, f, w->top[i].id, HTH_STR(""));
        o->status = hth_out_end(&key);
        if (o->status != HTH_OK) {
            if (o->err) *o->err = inner;
            break;
        }
        const HthStr s = hth_str_sub(hth_buf_str(&keys), from[count], SIZE_MAX);
        size_t k = 0;
        for (from[count + 1] = keys.n; k < count; k++)
            if (hth_str_eq(s, hth_str_sub(hth_buf_str(&keys), from[k], from[k + 1] - from[k])))
                break;
        if (k < count) {
            keys.n = from[count];
            continue;
        }
        hth_out(o, "%s\"%r\":%f", count ? "," : "", s, (double)hth_logprob(w->top[i].logprob));
        count++;
    }
    hth_out(o, "}");
    hth_buf_drop(&keys);
}

static uint32_t characters(HthStr s) {
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static void write_lists(HthOut *o, const HthFace *f, uint32_t index, const HthWord *words,
                        size_t n) {
    State *s = f->state;
    hth_out(o, "{\"tokens\":[");
    for (size_t i = 0; i < n; i++) {
        hth_out(o, i ? ",\"" : "\"");
        hth_out_token(o, f, words[i].id, words[i].text);
        hth_out(o, "\"");
    }
    hth_out(o, "],\"token_logprobs\":[");
    for (size_t i = 0; i < n; i++)
        hth_out(o, i ? ",%f" : "%f", (double)hth_logprob(words[i].logprob));
    hth_out(o, "],\"top_logprobs\":%s", f->ask->top && f->facts.token_text ? "[" : "null");
    for (size_t i = 0; i < n && f->ask->top && f->facts.token_text; i++) {
        if (i > 0) hth_out(o, ",");
        write_top(o, f, &words[i]);
    }
    hth_out(o, f->ask->top && f->facts.token_text ? "],\"text_offset\":[" : ",\"text_offset\":[");
    for (size_t i = 0; i < n; i++) {
        uint32_t *at = index < s->offset_count ? &s->offsets[index] : NULL;
        hth_out(o, i ? ",%u" : "%u", at ? *at : 0u);
        if (at) *at += characters(words[i].text);
    }
    hth_out(o, "]}");
}

static void write_logprobs(HthOut *o, const HthFace *f, uint32_t index, const HthWord *words,
                           size_t n) {
    if (!f->ask->logprobs || words == NULL) {
        hth_out(o, ",\"logprobs\":null");
    } else if (is_chat(f)) {
        hth_out(o, ",\"logprobs\":{\"content\":");
        hth_out_logprobs(o, f, words, n, false);
        hth_out(o, ",\"refusal\":null}");
    } else {
        hth_out(o, ",\"logprobs\":");
        write_lists(o, f, index, words, n);
    }
}

/* ---- streamed ---- */

static void chunk_begin(HthOut *o, const HthFace *f) {
    const State *s = f->state;
    hth_out(o, "data: %r,\"choices\":[", hth_buf_str(&s->head));
}

static void chunk_end(HthOut *o, const HthFace *f) {
    hth_out(o, f->ask->usage_in_stream ? ",\"usage\":null}\n\n" : "}\n\n");
}

/* The text that was asked to be repeated before the index-th answer. */
static HthStr echoed(const HthFace *f, uint32_t index) {
    const HthAsk *a = f->ask;
    const size_t which = a->n > 0 ? index / a->n : 0;
    if (!a->echo || is_chat(f)) return HTH_STR("");
    if (which < a->prompt_count && a->prompts[which].ids == NULL) return a->prompts[which].text;
    return f->facts.prompt;
}

static uint32_t answers(const HthFace *f) {
    return f->ask->n * (uint32_t)(is_chat(f) ? 1 : f->ask->prompt_count);
}

static HthStatus begin(HthFace *f, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    for (uint32_t i = 0; i < answers(f); i++) {
        const HthStr text = echoed(f, i);
        if (!is_chat(f) && text.n == 0) continue;
        chunk_begin(&o, f);
        if (is_chat(f))
            hth_out(&o, "{\"index\":%u,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},", i);
        else
            hth_out(&o, "{\"index\":%u,\"text\":%q,", i, text);
        hth_out(&o, "\"logprobs\":null,\"finish_reason\":null}],");
        hth_out_facts(&o, f, NULL);
        chunk_end(&o, f);
    }
    return hth_out_end(&o);
}

static void write_delta(HthOut *o, const HthFace *f, const HthDelta *d) {
    char id[HTH_CALL_ID_SIZE];
    const HthStr text = d->part.text;
    switch (d->part.kind) {
    case HTH_PART_TEXT: hth_out(o, "{\"content\":%q}", text); break;
    case HTH_PART_THINKING: hth_out(o, "{\"reasoning_content\":%q}", text); break;
    case HTH_PART_CALL:
        hth_call_id(&f->facts, d->index, d->part.call, id);
        hth_out(o, "{\"tool_calls\":[{\"index\":%u,\"id\":\"%s\",\"type\":\"function\",",
                d->part.call, id);
        hth_out(o, "\"function\":{\"name\":%q,\"arguments\":\"\"}}]}", text);
        break;
    case HTH_PART_ARGS:
        hth_out(o, "{\"tool_calls\":[{\"index\":%u,\"function\":{\"arguments\":%q}}]}",
                d->part.call, text);
        break;
    case HTH_PART_CALL_END: hth_out(o, "{}"); break;
    }
}

static HthStatus delta(HthFace *f, const HthDelta *d, HthBuf *out, HthErr *err) {
    const bool tokens = f->ask->logprobs && d->word_count > 0;
    const bool says = d->part.text.n > 0 || d->part.kind == HTH_PART_CALL;
    if (f->ask->predict_none || (!says && !tokens)) return HTH_OK;
    HthOut o = hth_out_begin(out, err);
    chunk_begin(&o, f);
    if (is_chat(f)) {
        hth_out(&o, "{\"index\":%u,\"delta\":", d->index);
        write_delta(&o, f, d);
    } else {
        hth_out(&o, "{\"index\":%u,\"text\":%q", d->index, d->part.text);
    }
    write_logprobs(&o, f, d->index, d->words, d->word_count);
    hth_out(&o, ",\"finish_reason\":null}]");
    chunk_end(&o, f);
    return hth_out_end(&o);
}

static const char *finish_reason(const HthAnswerOut *a) {
    if (hth_end_is_limit(a->end)) return "length";
    return a->call_count > 0 ? "tool_calls" : "stop";
}

static void write_finish(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    hth_out(o, ",\"finish_reason\":\"%s\"", f->ask->predict_none ? "length" : finish_reason(a));
    hth_out_end_detail(o, a);
    hth_out(o, "}");
}

static HthStatus finish(HthFace *f, const HthAnswerOut *a, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    chunk_begin(&o, f);
    hth_out(&o, "{\"index\":%u,%s,\"logprobs\":null", a->index,
            is_chat(f) ? "\"delta\":{}" : "\"text\":\"\"");
    write_finish(&o, f, a);
    hth_out(&o, "],");
    hth_out_facts(&o, f, a);
    hth_out(&o, ",\"timings\":");
    hth_out_timings(&o, &a->usage);
    chunk_end(&o, f);
    return hth_out_end(&o);
}

static void write_usage(HthOut *o, const HthFace *f, const HthUsage *u) {
    const uint32_t words = f->ask->predict_none ? 0 : u->words;
    hth_out(o, "{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%U,", u->prompt,
            words, (uint64_t)u->prompt + words);
    hth_out(o, "\"prompt_tokens_details\":{\"cached_tokens\":%u},", u->cached);
    hth_out(o, "\"completion_tokens_details\":{\"reasoning_tokens\":%u}", u->thinking);
    if (u->cut > 0) hth_out(o, ",\"prompt_tokens_cut\":%u", u->cut);
    hth_out(o, "}");
}

static HthStatus end(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    const State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    if (f->ask->usage_in_stream) {
        hth_out(&o, "data: %r,\"choices\":[],\"usage\":", hth_buf_str(&s->head));
        write_usage(&o, f, sum);
        hth_out(&o, ",\"timings\":");
        hth_out_timings(&o, sum);
        hth_out(&o, "}\n\n");
    }
    hth_out(&o, "data: [DONE]\n\n");
    return hth_out_end(&o);
}

/* ---- whole ---- */

static void write_calls(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    char room[HTH_CALL_ID_SIZE];
    hth_out(o, ",\"tool_calls\":[");
    for (size_t i = 0; i < a->call_count; i++) {
        hth_out(o, "%s{\"id\":%q,\"type\":\"function\",", i ? "," : "",
                hth_call_id_of(f, a, i, room));
        hth_out(o, "\"function\":{\"name\":%q,\"arguments\":%q}}", a->calls[i].name,
                a->calls[i].args);
    }
    hth_out(o, "]");
}

static void write_message(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    hth_out(o, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (a->text.n == 0 && a->call_count > 0)
        hth_out(o, "null");
    else
        hth_out(o, "%q", a->text);
    hth_out(o, ",\"refusal\":null");
    if (a->thinking.n > 0) hth_out(o, ",\"reasoning_content\":%q", a->thinking);
    if (a->call_count > 0) write_calls(o, f, a);
    hth_out(o, "}");
}

static void write_text(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    hth_out(o, "\"text\":\"");
    hth_out_text(o, echoed(f, a->index));
    if (!f->ask->predict_none) {
        hth_out_text(o, a->thinking);
        hth_out_text(o, a->text);
    }
    hth_out(o, "\"");
}

static HthStatus whole(HthFace *f, const HthAnswerOut *a, size_t n, const HthUsage *sum,
                       HthBuf *out, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    for (size_t i = 0; i < s->offset_count; i++) s->offsets[i] = 0; /* a stream may have been */
    write_head(&o, f, false);
    hth_out(&o, ",\"choices\":[");
    for (size_t i = 0; i < n; i++) {
        hth_out(&o, "%s{\"index\":%u,", i ? "," : "", a[i].index);
        if (is_chat(f))
            write_message(&o, f, &a[i]);
        else
            write_text(&o, f, &a[i]);
        write_logprobs(&o, f, a[i].index, f->ask->predict_none ? NULL : a[i].words,
                       a[i].word_count);
        write_finish(&o, f, &a[i]);
    }
    hth_out(&o, "],\"usage\":");
    write_usage(&o, f, sum);
    hth_out(&o, ",");
    hth_out_facts(&o, f, n > 0 ? &a[0] : NULL);
    hth_out(&o, ",\"timings\":");
    hth_out_timings(&o, sum);
    hth_out(&o, "}");
    return hth_out_end(&o);
}

/* ---- embeddings ---- */

static HthStatus vectors(HthFace *f, const float *const *rows, const uint32_t *tokens, size_t n,
                         uint32_t width, const HthUsage *sum, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    (void)tokens;
    hth_out(&o, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < n; i++) {
        hth_out(&o, "%s{\"object\":\"embedding\",\"index\":%U,\"embedding\":", i ? "," : "",
                (uint64_t)i);
        if (f->ask->base64) {
            hth_out(&o, "\"");
            hth_out_vector_base64(&o, rows[i], width);
            hth_out(&o, "\"}");
        } else {
            hth_out_vector(&o, rows[i], width);
            hth_out(&o, "}");
        }
    }
    hth_out(&o, "],\"model\":%q,\"usage\":{\"prompt_tokens\":%u,\"total_tokens\":%u",
            f->facts.model, sum->prompt, sum->prompt);
    if (sum->cut > 0) hth_out(&o, ",\"prompt_tokens_cut\":%u", sum->cut);
    hth_out(&o, "},\"system_fingerprint\":%q,", f->facts.fingerprint);
    hth_out_facts(&o, f, NULL);
    hth_out(&o, "}");
    return hth_out_end(&o);
}

/* ---- errors ---- */

static const struct {
    int status;
    const char *type, *code;
} errors[] = {
    { 400, "invalid_request_error", NULL },
    { 401, "authentication_error", "invalid_api_key" },
    { 403, "permission_error", NULL },
    { 404, "invalid_request_error", "model_not_found" },
    { 405, "invalid_request_error", "method_not_allowed" },
    { 413, "invalid_request_error", "request_too_large" },
    { 429, "rate_limit_error", "rate_limit_exceeded" },
    { 499, "canceled", "canceled" },
    { 501, "not_supported_error", NULL },
    { 503, "unavailable_error", "unavailable" },
    { 507, "server_error", "out_of_memory" },
    { 500, "server_error", NULL }, /* and any other */
};

void hth_openai_error_object(HthOut *o, int status, const HthErr *e) {
    uint64_t prompt = 0, ctx = 0;
    size_t i = 0;
    while (i + 1 < HTH_COUNT(errors) && errors[i].status != status) i++;
    const bool too_long = hth_err_too_long(e, &prompt, &ctx);
    const HthStr told = hth_err_field(e), previous = HTH_STR("previous_response_id");
    const HthStr field = status == 404 && told.n == 0 ? HTH_STR("model") : told;
    const char *code = errors[i].code;
    if (too_long) code = "context_length_exceeded";
    if (status == 400 && e->status == HTH_ENOTSUP) code = "unsupported_parameter";
    if (status == 404 && hth_str_eq(told, previous)) code = "previous_response_not_found";
    hth_out(o, "{\"message\":%q,\"type\":\"%s\",\"param\":", hth_str(e->text), errors[i].type);
    if (field.n > 0)
        hth_out(o, "%q", field);
    else
        hth_out(o, too_long ? "\"messages\"" : "null");
    hth_out(o, ",\"code\":%s%s%s", code ? "\"" : "", code ? code : "null", code ? "\"" : "");
    if (too_long) hth_out(o, ",\"n_prompt_tokens\":%U,\"n_ctx\":%U", prompt, ctx);
    hth_out(o, "}");
}

static void write_error(HthOut *o, int status, const HthErr *e) {
    hth_out(o, "{\"error\":");
    hth_openai_error_object(o, status, e);
    hth_out(o, "}");
}

HthStatus hth_openai_error(int status, const HthErr *e, HthBuf *out) {
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
    .error = error,
};

HthStatus hth_openai_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err) {
    HthFace *f;
    HTH_TRY(hth_face_make(&f, &ops, ask, facts, sizeof(State), err));
    State *s = f->state;
    s->base.drop = drop;
    hth_buf_init(&s->head, HEAD_BYTES_MAX);
    if (ask->logprobs && !is_chat(f)) s->offset_count = answers(f);
    s->offsets = s->offset_count ? hth_calloc(s->offset_count, sizeof *s->offsets) : NULL;
    HthOut o = hth_out_begin(&s->head, err);
    write_head(&o, f, in_stream(f));
    HthStatus st = hth_out_end(&o);
    if (st == HTH_OK && s->offset_count && s->offsets == NULL)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for an answer");
    if (st != HTH_OK)
        hth_face_close(&f);
    else
        *out = f;
    return st;
}
