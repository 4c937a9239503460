/* api.h - an API's endpoint in a test: text to ask, ask to text, events to bytes.
 *
 * Include after support/test.h. Header only.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_API_H
#define HTH_TESTS_SUPPORT_API_H

#include "serve/ask.h"

static inline const HthApi *api_find(const HthApi *tab, const char *path) {
    while (tab->method && strcmp(tab->path, path) != 0) tab++;
    if (!tab->method) fail_msg("no endpoint %s", path);
    return tab;
}

static inline HthStatus api_read(const HthApi *api, const char *text, HthAsk *out, HthErr *err) {
    json_t *body = NULL;
    const HthStatus st = hth_json_parse(&body, hth_str(text), (size_t)1 << 26, err);
    return st == HTH_OK ? api->read(body, out, err) : st;
}

/* ---- an ask as text: what differs from an empty one ---- */

static inline void show_json(HthBuf *b, const char *name, const json_t *v) {
    if (!v || (json_is_object(v) && json_object_size(v) == 0)) return;
    assert_int_equal(hth_buf_printf(b, NULL, " %s=", name), HTH_OK);
    assert_int_equal(hth_json_write(b, v, 0, NULL), HTH_OK);
}

static inline void show_str(HthBuf *b, const char *name, HthStr s) {
    if (s.n > 0)
        assert_int_equal(hth_buf_printf(b, NULL, " %s=<%.*s>", name, HTH_STR_ARG(s)), HTH_OK);
}

static inline void show_int(HthBuf *b, const char *name, int64_t v, int64_t usual) {
    if (v != usual)
        assert_int_equal(hth_buf_printf(b, NULL, " %s=%lld", name, (long long)v), HTH_OK);
}

static inline void show_prompts(HthBuf *b, const HthAsk *a) {
    for (size_t i = 0; i < a->prompt_count; i++) {
        if (a->prompts[i].ids)
            show_json(b, "ids", a->prompts[i].ids);
        else
            assert_int_equal(
                hth_buf_printf(b, NULL, " prompt=<%.*s>", HTH_STR_ARG(a->prompts[i].text)), HTH_OK);
    }
}

static inline void show_flags(HthBuf *b, const HthAsk *a) {
    const struct {
        const char *name;
        bool on;
    } flags[] = {
        { "raw", a->raw },
        { "stream", a->stream },
        { "echo", a->echo },
        { "ignore_end", a->ignore_end },
        { "logprobs", a->logprobs },
        { "usage_in_stream", a->usage_in_stream },
        { "truncate", a->truncate },
        { "store", a->store },
        { "no_cache", a->no_cache },
        { "base64", a->base64 },
        { "serial_tools", !a->parallel_tools },
        { "predict_none", a->predict_none },
        { "prefill", a->prefill },
        { "keep_thinking", a->keep_thinking },
        { "instructions", a->instructions },
        { "think_must", a->think_must },
    };
    for (size_t i = 0; i < HTH_COUNT(flags); i++)
        if (flags[i].on) assert_int_equal(hth_buf_printf(b, NULL, " %s", flags[i].name), HTH_OK);
}

static inline void show_ask(HthBuf *b, const HthAsk *a) {
    static const char *const kinds[] = { "chat",   "text",         "infill", "embed",
                                         "rerank", "count_tokens", "load",   "render" };
    static const char *const formats[] = { "text", "json", "schema", "gbnf", "regex", "choice" };
    static const char *const choices[] = { "auto", "none", "required", "named" };
    assert_int_equal(hth_buf_printf(b, NULL, "%s", kinds[a->kind]), HTH_OK);
    show_str(b, "model", a->model);
    show_json(b, "messages", a->messages);
    show_json(b, "tools", a->tools);
    if (a->choice) assert_int_equal(hth_buf_printf(b, NULL, " %s", choices[a->choice]), HTH_OK);
    show_str(b, "name", a->choice_name);
    show_json(b, "vars", a->template_vars);
    show_int(b, "think", a->think, -1);
    show_str(b, "effort", a->effort);
    show_int(b, "think_max", a->think_max, 0);
    show_prompts(b, a);
    show_str(b, "suffix", a->suffix);
    show_str(b, "middle", a->middle);
    show_json(b, "context", a->context);
    show_json(b, "extra", a->infill_extra);
    show_str(b, "system", a->system);
    show_str(b, "template", a->template_text);
    if (a->format) assert_int_equal(hth_buf_printf(b, NULL, " format=%s", formats[a->format]), 0);
    show_json(b, "schema", a->schema);
    show_str(b, "grammar", a->grammar);
    show_json(b, "params", a->params);
    if (a->seed_set) show_int(b, "seed", (int64_t)a->seed, INT64_MIN);
    for (size_t i = 0; i < a->stop_count; i++) show_str(b, "stop", a->stops[i]);
    show_int(b, "predict", a->predict_max, 0);
    show_int(b, "ctx", a->ctx, 0);
    show_int(b, "n", a->n, 1);
    show_int(b, "top", a->top, 0);
    show_int(b, "dimensions", a->dimensions, 0);
    show_int(b, "top_n", a->top_n, 0);
    if (a->keep_alive_set) show_int(b, "keep_alive", a->keep_alive_s, INT64_MIN);
    show_str(b, "user", a->user);
    show_int(b, "priority", a->priority, 0);
    if (a->adapters_set) assert_int_equal(hth_buf_printf(b, NULL, " lora="), HTH_OK);
    for (uint32_t i = 0; i < a->adapter_count; i++)
        assert_int_equal(hth_buf_printf(b, NULL, "%s%u*%.9g", i ? "," : "", a->adapters[i].id,
                                        (double)a->adapters[i].scale),
                         HTH_OK);
    show_str(b, "previous", a->previous);
    show_flags(b, a);
}

typedef struct ApiReadCase {
    const char *body;
    const char *want; /* the ask as text, or the sentence of the refusal */
    HthStatus status;
} ApiReadCase;

/* Reads every body and compares; each is read again with its allocations counted, so that nothing
 * is left behind. */
static inline void api_read_cases(const HthApi *api, const ApiReadCase *tab, size_t n) {
    for (size_t i = 0; i < n; i++) {
        HthErr err = { 0 };
        HthAsk ask;
        HthBuf text;
        const uint64_t live = hth_mem_live();
        hth_buf_init(&text, (size_t)1 << 20);
        const HthStatus st = api_read(api, tab[i].body, &ask, &err);
        if (st == HTH_OK) {
            show_ask(&text, &ask);
            hth_ask_drop(&ask);
        } else {
            assert_int_equal(hth_buf_printf(&text, NULL, "%s", err.text), HTH_OK);
        }
        if (st != tab[i].status || strcmp(hth_buf_str(&text).p, tab[i].want) != 0)
            fail_msg("case %zu, %s\ngives %s: %s\nwanted %s: %s", i, tab[i].body,
                     hth_status_name(st), hth_buf_str(&text).p, hth_status_name(tab[i].status),
                     tab[i].want);
        hth_buf_drop(&text);
        if (hth_mem_live() != live) fail_msg("case %zu leaks: %s", i, tab[i].body);
    }
}

/* ---- answers ---- */

/* Token 255 is a byte that is no UTF-8; any other is "t" and its number. */
static inline HthStatus api_token_text(void *payload, uint32_t id, HthBuf *out, HthErr *err) {
    (void)payload;
    if (id == 255) return hth_buf_add(out, "\xff", 1, err);
    return hth_buf_printf(out, err, "t%u", id);
}

static inline HthFacts api_facts(void) {
    static const uint32_t prompt_ids[7] = { 1, 2, 3, 4, 5, 6, 7 };
    return (HthFacts){ .id = HTH_STR("0a1b"),
                       .model = HTH_STR("tiny\"1"),
                       .digest = HTH_STR("sha256:d1"),
                       .fingerprint = HTH_STR("hn1"),
                       .created_s = 1790000000,
                       .created_ns = 42,
                       .prompt = HTH_STR("<p>"),
                       .prompt_count = 7,
                       .prompt_ids = prompt_ids,
                       .token_text = api_token_text };
}

static inline HthUsage api_usage(void) {
    return (HthUsage){ .prompt = 7,
                       .cached = 3,
                       .words = 2,
                       .thinking = 1,
                       .load_ns = 5,
                       .queue_ns = 6,
                       .prompt_ns = 2000000,
                       .words_ns = 1000000,
                       .total_ns = 4000000 };
}

/* One event of a stream. kind: a part, or 'F' finish, 'E' end. */
typedef struct ApiEvent {
    HthPartKind kind;
    const char *text;
    uint32_t index, call;
    const HthWord *words;
    size_t word_count;
} ApiEvent;

typedef struct ApiStream {
    const HthApi *api;
    const char *body;
    const ApiEvent *events;
    size_t count;
    const HthAnswerOut *answers;
    size_t answer_count;
} ApiStream;
/* of: an endpoint; ev, ans: arrays. */
#define API_STREAM(of, text, ev, ans)                                                              \
    {                                                                                              \
        .api = (of), .body = (text), .events = (ev), .count = HTH_COUNT(ev), .answers = (ans),     \
        .answer_count = HTH_COUNT(ans)                                                             \
    }

/* begin, the events, a finish of each answer, end. */
static inline HthStatus api_stream(const ApiStream *s, HthBuf *out, HthErr *err) {
    HthAsk ask;
    HthFace *f = NULL;
    const HthFacts facts = api_facts();
    const HthUsage usage = api_usage();
    HTH_TRY(api_read(s->api, s->body, &ask, err));
    HthStatus st = s->api->open(&f, &ask, &facts, err);
    if (st == HTH_OK) st = f->ops->begin(f, out, err);
    for (size_t i = 0; st == HTH_OK && i < s->count; i++) {
        const ApiEvent *e = &s->events[i];
        const HthDelta d = { .index = e->index,
                             .part = { e->kind, e->call, hth_str(e->text) },
                             .words = e->words,
                             .word_count = e->word_count };
        st = f->ops->delta(f, &d, out, err);
    }
    for (size_t i = 0; st == HTH_OK && i < s->answer_count; i++)
        st = f->ops->finish(f, &s->answers[i], out, err);
    if (st == HTH_OK) st = f->ops->end(f, &usage, out, err);
    hth_face_close(&f);
    hth_ask_drop(&ask);
    return st;
}

static inline HthStatus api_whole(const ApiStream *s, HthBuf *out, HthErr *err) {
    HthAsk ask;
    HthFace *f = NULL;
    const HthFacts facts = api_facts();
    const HthUsage usage = api_usage();
    HTH_TRY(api_read(s->api, s->body, &ask, err));
    HthStatus st = s->api->open(&f, &ask, &facts, err);
    if (st == HTH_OK) st = f->ops->whole(f, s->answers, s->answer_count, &usage, out, err);
    hth_face_close(&f);
    hth_ask_drop(&ask);
    return st;
}

static inline void api_expect(HthStatus (*run)(const ApiStream *, HthBuf *, HthErr *),
                              const ApiStream *s, const char *want) {
    HthErr err = { 0 };
    HthBuf out;
    const uint64_t live = hth_mem_live();
    hth_buf_init(&out, (size_t)1 << 22);
    assert_ok(run(s, &out, &err), err);
    assert_string_equal(hth_buf_str(&out).p, want);
    hth_buf_drop(&out);
    assert_int_equal(hth_mem_live(), live);
}

typedef struct ApiTorture {
    HthStatus (*run)(const ApiStream *, HthBuf *, HthErr *);
    const ApiStream *stream;
} ApiTorture;

static inline HthStatus api_torture_body(void *ctx) {
    const ApiTorture *t = ctx;
    HthErr err = { 0 };
    HthBuf out;
    hth_buf_init(&out, (size_t)1 << 22);
    const HthStatus st = t->run(t->stream, &out, &err);
    hth_buf_drop(&out);
    return st;
}

/* Every event on a line of a stream must be JSON, after an optional prefix. */
static inline void api_lines_are_json(HthStr out, const char *prefix) {
    while (out.n > 0) {
        HthErr err = { 0 };
        json_t *v = NULL;
        const char *nl = memchr(out.p, '\n', out.n);
        const HthStr line = { out.p, nl ? (size_t)(nl - out.p) : out.n };
        out = hth_str_sub(out, line.n + 1, out.n);
        if (!hth_str_starts(line, hth_str(prefix)) || hth_str_ends(line, HTH_STR("[DONE]")))
            continue;
        if (line.n == 0) continue;
        assert_ok(hth_json_parse(&v, hth_str_sub(line, strlen(prefix), line.n), 1 << 22, &err),
                  err);
        json_decref(v);
    }
}

#endif
