/* ollama_out.c - how Ollama's generate, chat, embed and embeddings answer: lines of JSON.
 *
 * A tool call is one line when it is whole: its arguments are an object there.
 *
 * Thread: as ask.h. */
#include "base/mem.h"
#include "serve/ask_read.h"
#include "serve/face.h"
#include "serve/ollama.h"

enum { HEAD_BYTES_MAX = 1 << 16 };

typedef struct State {
    HthFaceState base;
    bool generate; /* "response" instead of "message" */
    HthBuf head; /* {"model":...,"created_at":... */
    HthBuf context; /* generate: ,"context":[...] for the last line */
    HthBuf name, args; /* of the call that is being written */
    bool calling;
    HthAnswerOut last; /* what finish said, for the line that end writes; without texts */
} State;

static void drop(HthFaceState *base) {
    State *s = (State *)(void *)base;
    hth_buf_drop(&s->head);
    hth_buf_drop(&s->context);
    hth_buf_drop(&s->name);
    hth_buf_drop(&s->args);
}

static void line_begin(HthOut *o, const HthFace *f) {
    const State *s = f->state;
    hth_out_raw(o, hth_buf_str(&s->head));
}

static void write_call(HthOut *o, HthStr id, uint32_t index, HthStr name, HthStr args) {
    hth_out(o, "{\"id\":%q,\"function\":{\"index\":%u,\"name\":%q,\"arguments\":", id, index, name);
    hth_out_arguments(o, args);
    hth_out(o, "}}");
}

/* ,"message":{...} or ,"response":"..." */
static void say(HthOut *o, const HthFace *f, HthStr text, HthStr thinking) {
    const State *s = f->state;
    if (s->generate)
        hth_out(o, ",\"response\":%q", text);
    else
        hth_out(o, ",\"message\":{\"role\":\"assistant\",\"content\":%q", text);
    if (thinking.n > 0) hth_out(o, ",\"thinking\":%q", thinking);
}

static void said(HthOut *o, const HthFace *f) {
    const State *s = f->state;
    hth_out(o, s->generate ? "" : "}");
}

static void write_logprobs(HthOut *o, const HthFace *f, const HthWord *words, size_t n) {
    if (!f->ask->logprobs || words == NULL || n == 0) return;
    hth_out(o, ",\"logprobs\":");
    hth_out_logprobs(o, f, words, n, false);
}

/* ---- streamed ---- */

static HthStatus begin(HthFace *f, HthBuf *out, HthErr *err) {
    (void)f;
    (void)out;
    (void)err;
    return HTH_OK;
}

/* The call that ends here, or that the end of the answer cut: then its text must not be lost. */
static void call_line(HthOut *o, const HthFace *f, uint32_t call) {
    State *s = f->state;
    char id[HTH_CALL_ID_SIZE];
    hth_call_id(&f->facts, 0, call, id);
    line_begin(o, f);
    say(o, f, HTH_STR(""), HTH_STR(""));
    hth_out(o, ",\"tool_calls\":[");
    write_call(o, hth_str(id), call, hth_buf_str(&s->name), hth_buf_str(&s->args));
    hth_out(o, "]");
    said(o, f);
    hth_out(o, ",\"done\":false}\n");
    s->calling = false;
}

static HthStatus collect(State *s, const HthDelta *d, HthErr *err) {
    if (d->part.kind == HTH_PART_ARGS) return hth_buf_add_str(&s->args, d->part.text, err);
    hth_buf_clear(&s->name);
    hth_buf_clear(&s->args);
    s->calling = true;
    s->last.index = d->part.call; /* which one, until it ends */
    return hth_buf_add_str(&s->name, d->part.text, err);
}

static HthStatus delta(HthFace *f, const HthDelta *d, HthBuf *out, HthErr *err) {
    State *s = f->state;
    const HthPartKind kind = d->part.kind;
    const bool tokens = f->ask->logprobs && d->word_count > 0;
    const bool thinking = kind == HTH_PART_THINKING;
    HthOut o = hth_out_begin(out, err);
    if (kind == HTH_PART_CALL || kind == HTH_PART_ARGS) HTH_TRY(collect(s, d, err));
    if (kind == HTH_PART_CALL_END) call_line(&o, f, d->part.call);
    const bool text = kind == HTH_PART_TEXT || thinking;
    if ((text && d->part.text.n > 0) || tokens) {
        line_begin(&o, f);
        say(&o, f, text && !thinking ? d->part.text : HTH_STR(""),
            thinking ? d->part.text : HTH_STR(""));
        said(&o, f);
        hth_out(&o, ",\"done\":false");
        write_logprobs(&o, f, d->words, d->word_count);
        hth_out(&o, "}\n");
    }
    return hth_out_end(&o);
}

/* The conversation as tokens, to be given back with the next request. */
static HthStatus keep_context(HthFace *f, const HthAnswerOut *a, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(&s->context, err);
    if (!s->generate || f->ask->raw || f->facts.prompt_ids == NULL) return HTH_OK;
    hth_out(&o, ",\"context\":[");
    for (uint32_t i = 0; i < f->facts.prompt_count; i++)
        hth_out(&o, i ? ",%u" : "%u", f->facts.prompt_ids[i]);
    for (size_t i = 0; a->ids && i < a->id_count; i++)
        hth_out(&o, i || f->facts.prompt_count ? ",%u" : "%u", a->ids[i]);
    hth_out(&o, "]");
    return hth_out_end(&o);
}

static HthStatus finish(HthFace *f, const HthAnswerOut *a, HthBuf *out, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    if (s->calling) call_line(&o, f, s->last.index);
    s->last = *a;
    hth_buf_clear(&s->context);
    const HthStatus st = keep_context(f, a, err);
    if (o.status == HTH_OK) o.status = st;
    return hth_out_end(&o);
}

static void write_end(HthOut *o, const HthFace *f, const HthAnswerOut *a, const HthUsage *u) {
    const State *s = f->state;
    hth_out(o, ",\"done\":true,\"done_reason\":\"%s\"",
            hth_end_is_limit(a->end) ? "length" : "stop");
    hth_out_end_detail(o, a);
    hth_out(o, ",\"total_duration\":%U,\"load_duration\":%U,", u->total_ns, u->load_ns);
    hth_out(o, "\"prompt_eval_count\":%u,\"prompt_eval_duration\":%U,", u->prompt, u->prompt_ns);
    hth_out(o, "\"eval_count\":%u,\"eval_duration\":%U", u->words, u->words_ns);
    hth_out(o, "%r,\"prompt_eval_cached\":%u", hth_buf_str(&s->context), u->cached);
    if (u->cut > 0) hth_out(o, ",\"prompt_tokens_cut\":%u", u->cut);
    hth_out(o, ",");
    hth_out_facts(o, f, a);
    hth_out(o, ",\"system_fingerprint\":%q", f->facts.fingerprint);
}

static HthStatus end(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    const State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    line_begin(&o, f);
    say(&o, f, HTH_STR(""), HTH_STR(""));
    said(&o, f);
    write_end(&o, f, &s->last, sum);
    hth_out(&o, "}\n");
    return hth_out_end(&o);
}

/* ---- whole ---- */

static void write_rendered(HthOut *o, const HthFace *f) {
    say(o, f, HTH_STR(""), HTH_STR(""));
    said(o, f);
    hth_out(o, ",\"done\":true,\"_debug_info\":{\"rendered_template\":%q},", f->facts.prompt);
    hth_out_facts(o, f, NULL);
}

static void write_calls(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    char room[HTH_CALL_ID_SIZE];
    hth_out(o, ",\"tool_calls\":[");
    for (size_t i = 0; i < a->call_count; i++) {
        if (i > 0) hth_out(o, ",");
        write_call(o, hth_call_id_of(f, a, i, room), (uint32_t)i, a->calls[i].name,
                   a->calls[i].args);
    }
    hth_out(o, "]");
}

static HthStatus whole(HthFace *f, const HthAnswerOut *a, size_t n, const HthUsage *sum,
                       HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    line_begin(&o, f);
    if (n == 0) {
        write_rendered(&o, f);
    } else {
        State *s = f->state;
        hth_buf_clear(&s->context);
        const HthStatus st = keep_context(f, a, err);
        if (o.status == HTH_OK) o.status = st;
        say(&o, f, a->text, a->thinking);
        if (a->call_count > 0) write_calls(&o, f, a);
        said(&o, f);
        write_logprobs(&o, f, a->words, a->word_count);
        write_end(&o, f, a, sum);
    }
    hth_out(&o, "}");
    return hth_out_end(&o);
}

static HthStatus loaded(HthFace *f, bool unloaded, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    line_begin(&o, f);
    say(&o, f, HTH_STR(""), HTH_STR(""));
    said(&o, f);
    hth_out(&o, ",\"done\":true,\"done_reason\":\"%s\",", unloaded ? "unload" : "load");
    hth_out_facts(&o, f, NULL);
    hth_out(&o, f->ask->stream ? "}\n" : "}");
    return hth_out_end(&o);
}

/* ---- vectors ---- */

static HthStatus embed_vectors(HthFace *f, const float *const *rows, const uint32_t *tokens,
                               size_t n, uint32_t width, const HthUsage *sum, HthBuf *out,
                               HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    hth_out(&o, "{\"model\":%q,\"embeddings\":[", f->facts.model);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) hth_out(&o, ",");
        hth_out_vector(&o, rows[i], width);
    }
    hth_out(&o, "],\"total_duration\":%U,\"load_duration\":%U,\"prompt_eval_count\":%u",
            sum->total_ns, sum->load_ns, sum->prompt);
    hth_out(&o, ",\"prompt_eval_counts\":[");
    for (size_t i = 0; tokens && i < n; i++) hth_out(&o, i ? ",%u" : "%u", tokens[i]);
    hth_out(&o, "]");
    if (sum->cut > 0) hth_out(&o, ",\"prompt_tokens_cut\":%u", sum->cut);
    hth_out(&o, ",");
    hth_out_facts(&o, f, NULL);
    hth_out(&o, ",\"system_fingerprint\":%q}", f->facts.fingerprint);
    return hth_out_end(&o);
}

static HthStatus embedding_vectors(HthFace *f, const float *const *rows, const uint32_t *tokens,
                                   size_t n, uint32_t width, const HthUsage *sum, HthBuf *out,
                                   HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    (void)tokens;
    hth_out(&o, "{\"embedding\":");
    hth_out_vector(&o, n > 0 ? rows[0] : NULL, n > 0 ? width : 0);
    if (sum->cut > 0) hth_out(&o, ",\"prompt_tokens_cut\":%u", sum->cut);
    hth_out(&o, ",");
    hth_out_facts(&o, f, NULL);
    hth_out(&o, ",\"system_fingerprint\":%q}", f->facts.fingerprint);
    return hth_out_end(&o);
}

static HthStatus embed_loaded(HthFace *f, bool unloaded, HthBuf *out, HthErr *err) {
    const HthUsage none = { 0 };
    (void)unloaded;
    return f->ops->vectors(f, NULL, NULL, 0, 0, &none, out, err);
}

/* ---- errors ---- */

HthStatus hth_ollama_error(int status, const HthErr *e, HthBuf *out) {
    HthOut o = hth_out_begin(out, NULL);
    uint64_t prompt, ctx;
    (void)status;
    hth_out(&o, "{\"error\":%q", hth_str(e->text));
    if (hth_err_too_long(e, &prompt, &ctx))
        hth_out(&o, ",\"n_prompt_tokens\":%U,\"n_ctx\":%U", prompt, ctx);
    hth_out(&o, "}");
    return hth_out_end(&o);
}

static HthStatus error(HthFace *f, int status, const HthErr *e, bool in_stream, HthBuf *out) {
    const size_t before = out->n;
    (void)f;
    HTH_TRY(hth_ollama_error(status, e, out));
    if (!in_stream || hth_buf_add_char(out, '\n', NULL) == HTH_OK) return HTH_OK;
    out->n = before;
    return HTH_ENOMEM;
}

static const HthFaceOps words_ops = {
    .stream_type = "application/x-ndjson",
    .begin = begin,
    .delta = delta,
    .finish = finish,
    .end = end,
    .whole = whole,
    .loaded = loaded,
    .error = error,
};
static const HthFaceOps embed_ops = { .vectors = embed_vectors,
                                      .loaded = embed_loaded,
                                      .error = error };
static const HthFaceOps embedding_ops = { .vectors = embedding_vectors,
                                          .loaded = embed_loaded,
                                          .error = error };

static HthStatus open_face(HthFace **out, const HthFaceOps *ops, const HthAsk *ask,
                           const HthFacts *facts, bool generate, HthErr *err) {
    HthFace *f;
    HTH_TRY(hth_face_make(&f, ops, ask, facts, sizeof(State), err));
    State *s = f->state;
    s->base.drop = drop;
    s->generate = generate;
    hth_buf_init(&s->head, HEAD_BYTES_MAX);
    hth_buf_init(&s->context, HTH_FACE_TEXT_MAX);
    hth_buf_init(&s->name, HTH_FACE_TEXT_MAX);
    hth_buf_init(&s->args, HTH_FACE_TEXT_MAX);
    HthOut o = hth_out_begin(&s->head, err);
    hth_out(&o, "{\"model\":%q,\"created_at\":\"", facts->model);
    hth_out_time(&o, facts->created_s, facts->created_ns);
    hth_out(&o, "\"");
    HthStatus st = hth_out_end(&o);
    if (st != HTH_OK)
        hth_face_close(&f);
    else
        *out = f;
    return st;
}

HthStatus hth_ollama_open_chat(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                               HthErr *err) {
    return open_face(out, &words_ops, ask, facts, false, err);
}

HthStatus hth_ollama_open_generate(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                                   HthErr *err) {
    return open_face(out, &words_ops, ask, facts, true, err);
}

HthStatus hth_ollama_open_embed(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                                HthErr *err) {
    return open_face(out, &embed_ops, ask, facts, false, err);
}

HthStatus hth_ollama_open_embedding(HthFace **out, const HthAsk *ask, const HthFacts *facts,
                                    HthErr *err) {
    return open_face(out, &embedding_ops, ask, facts, false, err);
}
