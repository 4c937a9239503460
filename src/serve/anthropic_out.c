/* anthropic_out.c - how Anthropic's messages answer: blocks, streamed as named events, and whole.
 *
 * Thread: as ask.h. */
#include "serve/anthropic.h"
#include "serve/ask_read.h"
#include "serve/face.h"

typedef enum Block { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING, BLOCK_TOOL } Block;
typedef struct State {
    HthFaceState base;
    Block open;
    uint32_t index; /* of the open block, or of the next one */
} State;

/* ---- usage and ends ---- */

static void write_usage(HthOut *o, const HthUsage *u) {
    const uint32_t cached = u->cached < u->prompt ? u->cached : u->prompt;
    hth_out(o, "{\"input_tokens\":%u,\"cache_creation_input_tokens\":0,", u->prompt - cached);
    hth_out(o, "\"cache_read_input_tokens\":%u,\"output_tokens\":%u,", cached, u->words);
    hth_out(o, "\"output_tokens_details\":{\"thinking_tokens\":%u}", u->thinking);
    if (u->cut > 0) hth_out(o, ",\"prompt_tokens_cut\":%u", u->cut);
    hth_out(o, "}");
}

static const char *stop_reason(const HthAnswerOut *a) {
    if (a->end == HTH_END_CONTEXT) return "model_context_window_exceeded";
    if (hth_end_is_limit(a->end)) return "max_tokens";
    if (a->call_count > 0) return "tool_use";
    return a->stop.n > 0 ? "stop_sequence" : "end_turn";
}

static void write_stop(HthOut *o, const HthAnswerOut *a) {
    hth_out(o, "\"stop_reason\":\"%s\",\"stop_sequence\":", stop_reason(a));
    if (a->stop.n > 0)
        hth_out(o, "%q", a->stop);
    else
        hth_out(o, "null");
    hth_out(o, ",\"stop_details\":null");
    hth_out_end_detail(o, a);
}

static void write_head(HthOut *o, const HthFace *f) {
    hth_out(o, "{\"id\":\"msg_%r\",\"type\":\"message\",\"role\":\"assistant\",\"model\":%q",
            f->facts.id, f->facts.model);
}

/* ---- streamed ---- */

static HthStatus begin(HthFace *f, HthBuf *out, HthErr *err) {
    const HthUsage so_far = { .prompt = f->facts.prompt_count };
    HthOut o = hth_out_begin(out, err);
    hth_out(&o, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    write_head(&o, f);
    hth_out(&o, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
    write_usage(&o, &so_far);
    hth_out(&o, ",\"system_fingerprint\":%q,", f->facts.fingerprint);
    hth_out_facts(&o, f, NULL);
    hth_out(&o, "}}\n\n");
    return hth_out_end(&o);
}

static void block_delta(HthOut *o, const State *s, const char *type, const char *key, HthStr text) {
    hth_out(o, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":%u,",
            s->index);
    hth_out(o, "\"delta\":{\"type\":\"%s\",\"%s\":%q}}\n\n", type, key, text);
}

static void block_stop(HthOut *o, State *s) {
    if (s->open == BLOCK_NONE) return;
    if (s->open == BLOCK_THINKING) block_delta(o, s, "signature_delta", "signature", HTH_STR(""));
    hth_out(o,
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":%u}\n\n",
            s->index);
    s->open = BLOCK_NONE;
    s->index++;
}

/* Ends the open block unless it is of this kind, and begins one. */
static void block_start(HthOut *o, State *s, Block kind) {
    if (s->open == kind && kind != BLOCK_TOOL) return;
    block_stop(o, s);
    s->open = kind;
    hth_out(o, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":%u,",
            s->index);
    if (kind == BLOCK_TEXT)
        hth_out(o, "\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n\n");
    if (kind == BLOCK_THINKING)
        hth_out(o, "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}"
                   "\n\n");
}

static HthStatus delta(HthFace *f, const HthDelta *d, HthBuf *out, HthErr *err) {
    State *s = f->state, before = *s;
    char id[HTH_CALL_ID_SIZE];
    const HthStr text = d->part.text;
    HthOut o = hth_out_begin(out, err);
    switch (d->part.kind) {
    case HTH_PART_TEXT:
        if (text.n == 0) break;
        block_start(&o, s, BLOCK_TEXT);
        block_delta(&o, s, "text_delta", "text", text);
        break;
    case HTH_PART_THINKING:
        if (text.n == 0) break;
        block_start(&o, s, BLOCK_THINKING);
        block_delta(&o, s, "thinking_delta", "thinking", text);
        break;
    case HTH_PART_CALL:
        hth_call_id(&f->facts, d->index, d->part.call, id);
        block_start(&o, s, BLOCK_TOOL);
        hth_out(&o, "\"content_block\":{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":%q,", id,
                text);
        hth_out(&o, "\"input\":{}}}\n\n");
        break;
    case HTH_PART_ARGS:
        if (text.n > 0 && s->open == BLOCK_TOOL)
            block_delta(&o, s, "input_json_delta", "partial_json", text);
        break;
    case HTH_PART_CALL_END: block_stop(&o, s); break;
    }
    if (o.status != HTH_OK) *s = before;
    return hth_out_end(&o);
}

static HthStatus finish(HthFace *f, const HthAnswerOut *a, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    block_stop(&o, f->state);
    hth_out(&o, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
    write_stop(&o, a);
    hth_out(&o, "},\"usage\":");
    write_usage(&o, &a->usage);
    hth_out(&o, ",");
    hth_out_facts(&o, f, a);
    hth_out(&o, "}\n\n");
    return hth_out_end(&o);
}

static HthStatus end(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    (void)f;
    (void)sum;
    hth_out(&o, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    return hth_out_end(&o);
}

/* ---- whole ---- */

static void write_blocks(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    char room[HTH_CALL_ID_SIZE];
    const char *comma = "";
    if (a->thinking.n > 0) {
        hth_out(o, "{\"type\":\"thinking\",\"thinking\":%q,\"signature\":\"\"}", a->thinking);
        comma = ",";
    }
    if (a->text.n > 0) {
        hth_out(o, "%s{\"type\":\"text\",\"text\":%q,\"citations\":null}", comma, a->text);
        comma = ",";
    }
    for (size_t i = 0; i < a->call_count; i++) {
        hth_out(o, "%s{\"type\":\"tool_use\",\"id\":%q,\"name\":%q,\"input\":", comma,
                hth_call_id_of(f, a, i, room), a->calls[i].name);
        hth_out_arguments(o, a->calls[i].args);
        hth_out(o, "}");
        comma = ",";
    }
}

static HthStatus whole(HthFace *f, const HthAnswerOut *a, size_t n, const HthUsage *sum,
                       HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    HTH_ASSERT(n == 1);
    write_head(&o, f);
    hth_out(&o, ",\"content\":[");
    write_blocks(&o, f, a);
    hth_out(&o, "],");
    write_stop(&o, a);
    hth_out(&o, ",\"usage\":");
    write_usage(&o, sum);
    hth_out(&o, ",\"system_fingerprint\":%q,", f->facts.fingerprint);
    hth_out_facts(&o, f, a);
    hth_out(&o, "}");
    return hth_out_end(&o);
}

static HthStatus count(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    HthOut o = hth_out_begin(out, err);
    hth_out(&o, "{\"input_tokens\":%u,", sum->prompt);
    hth_out_facts(&o, f, NULL);
    hth_out(&o, "}");
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
        { 405, "invalid_request_error" }, { 413, "request_too_large" },
        { 429, "rate_limit_error" },      { 503, "overloaded_error" },
        { 504, "timeout_error" },         { 500, "api_error" }, /* and any other */
    };
    uint64_t prompt, ctx;
    size_t i = 0;
    while (i + 1 < HTH_COUNT(tab) && tab[i].status != status) i++;
    hth_out(o, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":%q", tab[i].type,
            hth_str(e->text));
    if (hth_err_too_long(e, &prompt, &ctx))
        hth_out(o, ",\"n_prompt_tokens\":%U,\"n_ctx\":%U", prompt, ctx);
    hth_out(o, "},\"request_id\":null}");
}

HthStatus hth_anthropic_error(int status, const HthErr *e, HthBuf *out) {
    return hth_face_error(write_error, NULL, status, e, out);
}

static HthStatus error(HthFace *f, int status, const HthErr *e, bool in_stream, HthBuf *out) {
    (void)f;
    return hth_face_error(write_error, in_stream ? "event: error\ndata: " : NULL, status, e, out);
}

static const HthFaceOps ops = {
    .stream_type = "text/event-stream",
    .ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    .begin = begin,
    .delta = delta,
    .finish = finish,
    .end = end,
    .whole = whole,
    .count = count,
    .error = error,
};

HthStatus hth_anthropic_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err) {
    return hth_face_make(out, &ops, ask, facts, sizeof(State), err);
}
