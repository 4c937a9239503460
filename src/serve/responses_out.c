/* responses_out.c - how OpenAI's responses answer: items, streamed as numbered events, and whole.
 *
 * Reasoning is told as a summary with one part: that is the form clients of this API know.  After a
 * stream, `whole` gives the object with the very items that were streamed.
 *
 * Thread: as ask.h. */
#include "serve/ask_read.h"
#include "serve/face.h"
#include "serve/openai.h"
#include "serve/responses.h"

typedef enum Item { ITEM_NONE, ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL } Item;
typedef struct State {
    HthFaceState base;
    Item open;
    uint32_t index; /* of the open item, or of the next one */
    uint64_t sequence;
    HthBuf text, name, probs; /* of the open item */
    HthBuf items; /* finished ones, as JSON with commas */
    char call_id[HTH_CALL_ID_SIZE];
    HthAnswerOut last; /* what finish said, for `end`: without texts */
    bool finished;
} State;

static const char *const prefixes[] = {
    [ITEM_NONE] = "", [ITEM_MESSAGE] = "msg_", [ITEM_REASONING] = "rs_", [ITEM_CALL] = "fc_"
};

static void drop(HthFaceState *base) {
    State *s = (State *)(void *)base;
    hth_buf_drop(&s->text);
    hth_buf_drop(&s->name);
    hth_buf_drop(&s->probs);
    hth_buf_drop(&s->items);
}

/* ---- items ---- */

static void write_id(HthOut *o, const HthFace *f, Item kind, uint32_t index) {
    hth_out(o, "\"%s%r_%u\"", prefixes[kind], f->facts.id, index);
}

/* One item with all that is in it; probs: a JSON list without brackets. */
static void write_item(HthOut *o, const HthFace *f, Item kind, uint32_t index, const char *status,
                       HthStr text, HthStr probs, HthStr call_id, HthStr name) {
    hth_out(o, "{\"id\":");
    write_id(o, f, kind, index);
    switch (kind) {
    case ITEM_NONE: break;
    case ITEM_MESSAGE:
        hth_out(o, ",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\",", status);
        hth_out(o, "\"content\":[{\"type\":\"output_text\",\"text\":%q,\"annotations\":[],", text);
        hth_out(o, "\"logprobs\":[%r]}]}", probs);
        break;
    case ITEM_REASONING:
        hth_out(o, ",\"type\":\"reasoning\",\"status\":\"%s\",", status);
        hth_out(o, "\"summary\":[{\"type\":\"summary_text\",\"text\":%q}]}", text);
        break;
    case ITEM_CALL:
        hth_out(o, ",\"type\":\"function_call\",\"status\":\"%s\",\"call_id\":%q,", status,
                call_id);
        hth_out(o, "\"name\":%q,\"arguments\":%q}", name, text);
        break;
    }
}

/* ---- the object ---- */

/* What a request said, said back. */
static const struct {
    const char *name, *otherwise;
} echoes[] = {
    { "instructions", "null" },
    { "max_output_tokens", "null" },
    { "max_tool_calls", "null" },
    { "metadata", "{}" },
    { "parallel_tool_calls", "true" },
    { "previous_response_id", "null" },
    { "reasoning", "{\"effort\":null,\"summary\":null}" },
    { "temperature", "null" },
    { "text", "{\"format\":{\"type\":\"text\"}}" },
    { "tool_choice", "\"auto\"" },
    { "tools", "[]" },
    { "top_logprobs", "0" },
    { "top_p", "null" },
    { "truncation", "\"disabled\"" },
    { "user", "null" },
};

static void write_usage(HthOut *o, const HthUsage *u) {
    hth_out(o, "{\"input_tokens\":%u,\"input_tokens_details\":{\"cached_tokens\":%u", u->prompt,
            u->cached);
    if (u->cut > 0) hth_out(o, ",\"cut_tokens\":%u", u->cut);
    hth_out(o, "},\"output_tokens\":%u,\"output_tokens_details\":{\"reasoning_tokens\":%u},",
            u->words, u->thinking);
    hth_out(o, "\"total_tokens\":%U}", (uint64_t)u->prompt + u->words);
}

static const char *status_of(const HthAnswerOut *a) {
    if (a == NULL) return "in_progress";
    return hth_end_is_limit(a->end) ? "incomplete" : "completed";
}

/* {"id":... up to the items, which the caller writes, with the bracket that ends them. */
static void object_begin(HthOut *o, const HthFace *f, const char *status, const HthAnswerOut *a) {
    hth_out(o, "{\"id\":\"resp_%r\",\"object\":\"response\",\"created_at\":%I,\"status\":\"%s\",",
            f->facts.id, f->facts.created_s, status);
    hth_out(o, "\"background\":false,\"error\":null,\"incomplete_details\":");
    if (a && hth_end_is_limit(a->end))
        hth_out(o, "{\"reason\":\"max_output_tokens\"}");
    else
        hth_out(o, "null");
    if (a) hth_out_end_detail(o, a);
    hth_out(o, ",\"model\":%q,\"output\":[", f->facts.model);
}

static void object_end(HthOut *o, const HthFace *f, const HthAnswerOut *a, const HthUsage *u) {
    hth_out(o, "],\"store\":%b", (int)f->ask->store);
    for (size_t i = 0; i < HTH_COUNT(echoes); i++) {
        const json_t *v = hth_ask_get(f->ask->body, echoes[i].name);
        if (v)
            hth_out(o, ",\"%s\":%j", echoes[i].name, v);
        else
            hth_out(o, ",\"%s\":%s", echoes[i].name, echoes[i].otherwise);
    }
    hth_out(o, ",\"usage\":");
    if (u)
        write_usage(o, u);
    else
        hth_out(o, "null");
    hth_out(o, ",\"system_fingerprint\":%q,", f->facts.fingerprint);
    hth_out_facts(o, f, a);
    hth_out(o, "}");
}

/* ---- streamed ---- */

static void event(HthOut *o, State *s, const char *type) {
    hth_out(o, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%U", type, type,
            s->sequence++);
}

/* The same, of the open item: ,"item_id":...,"output_index":...,"PART_index":0 */
static void item_event(HthOut *o, const HthFace *f, const char *type, const char *part) {
    State *s = f->state;
    event(o, s, type);
    hth_out(o, ",\"item_id\":");
    write_id(o, f, s->open, s->index);
    hth_out(o, ",\"output_index\":%u", s->index);
    if (part) hth_out(o, ",\"%s_index\":0", part);
}

static HthStatus begin(HthFace *f, HthBuf *out, HthErr *err) {
    static const char *const types[] = { "response.created", "response.in_progress" };
    HthOut o = hth_out_begin(out, err);
    for (size_t i = 0; i < HTH_COUNT(types); i++) {
        event(&o, f->state, types[i]);
        hth_out(&o, ",\"response\":");
        object_begin(&o, f, "in_progress", NULL);
        object_end(&o, f, NULL, NULL);
        hth_out(&o, "}\n\n");
    }
    return hth_out_end(&o);
}

static void item_added(HthOut *o, const HthFace *f) {
    State *s = f->state;
    event(o, s, "response.output_item.added");
    hth_out(o, ",\"output_index\":%u,\"item\":{\"id\":", s->index);
    write_id(o, f, s->open, s->index);
    if (s->open == ITEM_MESSAGE)
        hth_out(o, ",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\","
                   "\"content\":[]}}\n\n");
    if (s->open == ITEM_REASONING)
        hth_out(o, ",\"type\":\"reasoning\",\"status\":\"in_progress\",\"summary\":[]}}\n\n");
    if (s->open == ITEM_CALL)
        hth_out(o,
                ",\"type\":\"function_call\",\"status\":\"in_progress\",\"call_id\":\"%s\","
                "\"name\":%q,\"arguments\":\"\"}}\n\n",
                s->call_id, hth_buf_str(&s->name));
}

/* The part that holds the text of a message or of reasoning, empty as yet or whole. */
static void part_event(HthOut *o, const HthFace *f, bool done, HthStr text) {
    static const char *const types[2][2] = {
        { "response.reasoning_summary_part.added", "response.reasoning_summary_part.done" },
        { "response.content_part.added", "response.content_part.done" },
    };
    const State *s = f->state;
    const bool message = s->open == ITEM_MESSAGE;
    item_event(o, f, types[message][done], message ? "content" : "summary");
    hth_out(o, ",\"part\":{\"type\":\"%s\",\"text\":%q", message ? "output_text" : "summary_text",
            text);
    if (message)
        hth_out(o, ",\"annotations\":[],\"logprobs\":[%r]",
                done ? hth_buf_str(&s->probs) : HTH_STR(""));
    hth_out(o, "}}\n\n");
}

/* The last of an item: its text, its part, itself. */
static void item_done(HthOut *o, const HthFace *f, const char *status) {
    State *s = f->state;
    const HthStr text = hth_buf_str(&s->text), probs = hth_buf_str(&s->probs);
    switch (s->open) {
    case ITEM_NONE: return;
    case ITEM_MESSAGE:
        item_event(o, f, "response.output_text.done", "content");
        hth_out(o, ",\"text\":%q,\"logprobs\":[%r]}\n\n", text, probs);
        part_event(o, f, true, text);
        break;
    case ITEM_REASONING:
        item_event(o, f, "response.reasoning_summary_text.done", "summary");
        hth_out(o, ",\"text\":%q}\n\n", text);
        part_event(o, f, true, text);
        break;
    case ITEM_CALL:
        item_event(o, f, "response.function_call_arguments.done", NULL);
        hth_out(o, ",\"name\":%q,\"arguments\":%q}\n\n", hth_buf_str(&s->name), text);
        break;
    }
    event(o, s, "response.output_item.done");
    hth_out(o, ",\"output_index\":%u,\"item\":", s->index);
    HthOut kept = hth_out_begin(&s->items, o->err);
    if (s->items.n > 0) hth_out(&kept, ",");
    const size_t from = s->items.n;
    write_item(&kept, f, s->open, s->index, status, text, probs, hth_str(s->call_id),
               hth_buf_str(&s->name));
    const HthStatus st = hth_out_end(&kept);
    if (o->status == HTH_OK) o->status = st;
    if (o->status == HTH_OK) hth_out_raw(o, hth_str_sub(hth_buf_str(&s->items), from, SIZE_MAX));
    hth_out(o, "}\n\n");
    s->open = ITEM_NONE;
    s->index++;
}

static void item_begin(HthOut *o, const HthFace *f, Item kind) {
    State *s = f->state;
    if (s->open == kind && kind != ITEM_CALL) return;
    item_done(o, f, "completed");
    s->open = kind;
    hth_buf_clear(&s->text);
    hth_buf_clear(&s->probs);
}

/* Words, of the answer or of thinking. */
static void text_delta(HthOut *o, const HthFace *f, Item kind, const HthDelta *d) {
    State *s = f->state;
    const bool fresh = s->open != kind;
    item_begin(o, f, kind);
    if (fresh) {
        item_added(o, f);
        part_event(o, f, false, HTH_STR(""));
    }
    if (kind == ITEM_REASONING) {
        item_event(o, f, "response.reasoning_summary_text.delta", "summary");
        hth_out(o, ",\"delta\":%q}\n\n", d->part.text);
    } else {
        HthOut probs = hth_out_begin(&s->probs, o->err);
        item_event(o, f, "response.output_text.delta", "content");
        hth_out(o, ",\"delta\":%q,\"logprobs\":", d->part.text);
        const size_t n = f->ask->logprobs && d->words ? d->word_count : 0;
        hth_out_logprobs(o, f, d->words, n, false);
        hth_out(o, "}\n\n");
        if (n > 0 && s->probs.n > 0) hth_out(&probs, ",");
        for (size_t i = 0; i < n; i++) {
            if (i > 0) hth_out(&probs, ",");
            hth_out_logprob(&probs, f, &d->words[i], false);
        }
        const HthStatus st = hth_out_end(&probs);
        if (o->status == HTH_OK) o->status = st;
    }
    if (o->status == HTH_OK) o->status = hth_buf_add_str(&s->text, d->part.text, o->err);
}

static void call_delta(HthOut *o, const HthFace *f, const HthDelta *d) {
    State *s = f->state;
    item_begin(o, f, ITEM_CALL);
    hth_call_id(&f->facts, d->index, d->part.call, s->call_id);
    hth_buf_clear(&s->name);
    if (o->status == HTH_OK) o->status = hth_buf_add_str(&s->name, d->part.text, o->err);
    item_added(o, f);
}

static HthStatus delta(HthFace *f, const HthDelta *d, HthBuf *out, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    const bool tokens = f->ask->logprobs && d->word_count > 0;
    switch (d->part.kind) {
    case HTH_PART_TEXT:
        if (d->part.text.n > 0 || tokens) text_delta(&o, f, ITEM_MESSAGE, d);
        break;
    case HTH_PART_THINKING:
        if (d->part.text.n > 0) text_delta(&o, f, ITEM_REASONING, d);
        break;
    case HTH_PART_CALL: call_delta(&o, f, d); break;
    case HTH_PART_ARGS:
        if (d->part.text.n == 0 || s->open != ITEM_CALL) break;
        item_event(&o, f, "response.function_call_arguments.delta", NULL);
        hth_out(&o, ",\"delta\":%q}\n\n", d->part.text);
        if (o.status == HTH_OK) o.status = hth_buf_add_str(&s->text, d->part.text, err);
        break;
    case HTH_PART_CALL_END:
        if (s->open == ITEM_CALL) item_done(&o, f, "completed");
        break;
    }
    return hth_out_end(&o);
}

static HthStatus finish(HthFace *f, const HthAnswerOut *a, HthBuf *out, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    item_done(&o, f, status_of(a));
    s->last = *a;
    s->finished = true;
    return hth_out_end(&o);
}

static void write_streamed(HthOut *o, const HthFace *f, const HthUsage *u) {
    const State *s = f->state;
    object_begin(o, f, status_of(&s->last), &s->last);
    hth_out_raw(o, hth_buf_str(&s->items));
    object_end(o, f, &s->last, u);
}

static HthStatus end(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err) {
    State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    event(&o, s, hth_end_is_limit(s->last.end) ? "response.incomplete" : "response.completed");
    hth_out(&o, ",\"response\":");
    write_streamed(&o, f, sum);
    hth_out(&o, "}\n\n");
    return hth_out_end(&o);
}

/* ---- whole ---- */

static void write_items(HthOut *o, const HthFace *f, const HthAnswerOut *a) {
    State *s = f->state;
    char room[HTH_CALL_ID_SIZE];
    uint32_t index = 0;
    const HthStr none = HTH_STR("");
    if (a->thinking.n > 0)
        write_item(o, f, ITEM_REASONING, index++, "completed", a->thinking, none, none, none);
    if (a->text.n > 0 || a->call_count == 0) {
        HthOut probs = hth_out_begin(&s->probs, o->err);
        for (size_t i = 0; f->ask->logprobs && i < a->word_count; i++) {
            if (i > 0) hth_out(&probs, ",");
            hth_out_logprob(&probs, f, &a->words[i], false);
        }
        const HthStatus st = hth_out_end(&probs);
        if (o->status == HTH_OK) o->status = st;
        if (index > 0) hth_out(o, ",");
        write_item(o, f, ITEM_MESSAGE, index++, status_of(a), a->text, hth_buf_str(&s->probs), none,
                   none);
        hth_buf_clear(&s->probs);
    }
    for (size_t i = 0; i < a->call_count; i++) {
        if (index > 0) hth_out(o, ",");
        write_item(o, f, ITEM_CALL, index++, status_of(a), a->calls[i].args, none,
                   hth_call_id_of(f, a, i, room), a->calls[i].name);
    }
}

static HthStatus whole(HthFace *f, const HthAnswerOut *a, size_t n, const HthUsage *sum,
                       HthBuf *out, HthErr *err) {
    const State *s = f->state;
    HthOut o = hth_out_begin(out, err);
    HTH_ASSERT(n == 1);
    if (s->finished) {
        write_streamed(&o, f, sum);
        return hth_out_end(&o);
    }
    object_begin(&o, f, status_of(a), a);
    write_items(&o, f, a);
    object_end(&o, f, a, sum);
    return hth_out_end(&o);
}

/* ---- errors ---- */

static HthStatus error(HthFace *f, int status, const HthErr *e, bool in_stream, HthBuf *out) {
    State *s = f->state;
    if (!in_stream) return hth_openai_error(status, e, out);
    HthOut o = hth_out_begin(out, NULL);
    event(&o, s, "response.failed");
    hth_out(&o, ",\"response\":{\"id\":\"resp_%r\",\"object\":\"response\",\"created_at\":%I,",
            f->facts.id, f->facts.created_s);
    hth_out(&o, "\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":%q},",
            status == 429 ? "rate_limit_exceeded" : "server_error", hth_str(e->text));
    hth_out(&o, "\"incomplete_details\":null,\"model\":%q,\"output\":[", f->facts.model);
    hth_out_raw(&o, hth_buf_str(&s->items));
    object_end(&o, f, NULL, NULL);
    hth_out(&o, "}\n\n");
    event(&o, s, "error"); /* flat, as documented, and nested, as clients look for it */
    hth_out(&o, ",\"code\":\"%s\",\"message\":%q,\"param\":null,\"error\":",
            status == 429 ? "rate_limit_exceeded" : "server_error", hth_str(e->text));
    hth_openai_error_object(&o, status, e);
    hth_out(&o, "}\n\n");
    return hth_out_end(&o);
}

static const HthFaceOps ops = {
    .stream_type = "text/event-stream",
    .ping = ": ping\n\n",
    .begin = begin,
    .delta = delta,
    .finish = finish,
    .end = end,
    .whole = whole,
    .count = hth_face_count,
    .error = error,
};

HthStatus hth_responses_open(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err) {
    HthFace *f;
    HTH_TRY(hth_face_make(&f, &ops, ask, facts, sizeof(State), err));
    State *s = f->state;
    s->base.drop = drop;
    HthBuf *const bufs[] = { &s->text, &s->name, &s->probs, &s->items };
    for (size_t i = 0; i < HTH_COUNT(bufs); i++) hth_buf_init(bufs[i], HTH_FACE_TEXT_MAX);
    *out = f;
    return HTH_OK;
}
