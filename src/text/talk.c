/* talk.c - how a model writes, found by letting its template render made-up conversations.
 *
 * Nothing here reads a reply (reply.c). Where a template refuses a conversation another form of it
 * is tried: no content or an empty one, arguments as an object or as text, two calls or one.
 *
 * Thread: a talk is immutable after open; any. */
#include <string.h>

#include "base/mem.h"
#include "text/jinja.h"
#include "text/reply_int.h"

enum { PROBE_MAX = 1 << 20, KEEP_MAX = 8 << 20, CONTROL_MIN = 4 };
#define PROBE_TIME 1767225600 /* 2026-01-01, for templates that write the date */

const char *const hth_probe_name[2] = { "zqalpha", "xwbetor" };
const char *const hth_probe_key[4] = { "ka1q", "kb2q", "kc3q", "kd4q" };
const char *const hth_probe_value[4] = { "Vzone7", "Vztwo7", "73019", "Vznest7" };

HthStatus hth_talk_keep(HthTalk *t, HthStr s, HthStr *out, HthErr *err) {
    const char *p = hth_arena_copy(t->arena, s.p, s.n);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "out of memory for a chat template's format");
    *out = (HthStr){ p, s.n };
    return HTH_OK;
}

/* --- probes --- */

typedef struct Form { /* of one made-up conversation */
    bool tools, ask; /* ask: ends with the prompt for an answer */
    bool words, thought; /* the answer's */
    uint32_t calls;
    bool args_text, empty; /* empty: "" where there is no content, else null */
    bool results; /* the tools have answered */
} Form;

static json_t *arguments(void) {
    return json_pack("{s:s, s:s, s:i, s:[s]}", hth_probe_key[0], hth_probe_value[0],
                     hth_probe_key[1], hth_probe_value[1], hth_probe_key[2], 73019,
                     hth_probe_key[3], hth_probe_value[3]);
}

static json_t *call(uint32_t which, bool text) {
    json_t *args = arguments();
    if (text && args) {
        char *s = json_dumps(args, 0);
        json_decref(args);
        args = s ? json_string(s) : NULL;
        hth_free(s); /* jansson's memory is mem.h's */
    }
    return json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", HTH_PROBE_ID, "type", "function", "function",
                     "name", hth_probe_name[which], "arguments", args);
}

static json_t *tool(uint32_t which) {
    json_t *props = json_object();
    static const char *const types[] = { "string", "string", "integer", "array" };
    for (uint32_t i = 0; i < HTH_COUNT(types); i++) {
        json_t *p = json_pack("{s:s, s:s}", "type", types[i], "description", "a thing");
        if (i == 3) json_object_set_new(p, "items", json_pack("{s:s}", "type", "string"));
        if (json_object_set_new(props, hth_probe_key[i], p)) break;
    }
    return json_pack("{s:s, s:{s:s, s:s, s:{s:s, s:o, s:[s]}}}", "type", "function", "function",
                     "name", hth_probe_name[which], "description", "does a thing", "parameters",
                     "type", "object", "properties", props, "required", hth_probe_key[0]);
}

static json_t *answer(const Form *f) {
    json_t *content = f->words   ? json_string(HTH_PROBE_WORDS)
                      : f->empty ? json_string("")
                                 : json_null();
    json_t *m = json_pack("{s:s, s:o}", "role", "assistant", "content", content);
    json_t *calls = f->calls ? json_array() : NULL;
    for (uint32_t i = 0; i < f->calls; i++) json_array_append_new(calls, call(i, f->args_text));
    if (calls) json_object_set_new(m, "tool_calls", calls);
    static const char *const names[] = { "reasoning_content", "reasoning", "thinking" };
    for (size_t i = 0; f->thought && i < HTH_COUNT(names); i++)
        json_object_set_new(m, names[i], json_string(HTH_PROBE_THOUGHT));
    return m;
}

static json_t *conversation(const Form *f) {
    json_t *list = json_array();
    json_array_append_new(list,
                          json_pack("{s:s, s:s}", "role", "user", "content", HTH_PROBE_QUESTION));
    if (!f->ask) json_array_append_new(list, answer(f));
    for (uint32_t i = 0; f->results && i < f->calls; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "role", "tool", "name",
                                              hth_probe_name[i], "tool_call_id", HTH_PROBE_ID,
                                              "content", "Rzresult7"));
    return list;
}

static json_t *variables(const Form *f) {
    json_t *vars = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:o}", "bos_token", "<s>",
                             "eos_token", "</s>", "unk_token", "<unk>", "pad_token", "<pad>",
                             "add_generation_prompt", f->ask, "enable_thinking", f->thought,
                             "thinking", f->thought, "messages", conversation(f));
    if (!vars || !f->tools) return vars;
    json_t *tools = json_array();
    for (uint32_t i = 0; i < 2; i++) json_array_append_new(tools, tool(i));
    char *text = json_dumps(tools, 0);
    if (text) json_object_set_new(vars, "functions", json_string(text)); /* as older ones read it */
    hth_free(text);
    json_object_set_new(vars, "datetime", json_string("2026-01-01"));
    if (json_object_set_new(vars, "tools", tools)) {
        json_decref(vars);
        return NULL;
    }
    return vars;
}

/* What the template raises or cannot do leaves `out` empty; ENOMEM is passed on. */
static HthStatus render(const HthTemplate *tmpl, const Form *f, HthBuf *out, HthErr *err) {
    const HthTemplateLimits limits = { .steps_max = 2000000,
                                       .output_max = PROBE_MAX,
                                       .memory_max = (size_t)64 << 20 };
    hth_buf_clear(out);
    json_t *vars = variables(f);
    HTH_REQUIRE(vars, err, HTH_ENOMEM, "out of memory for a made-up conversation");
    HthErr own = { 0 };
    const HthStatus st = hth_template_render(tmpl, vars, PROBE_TIME, &limits, out, &own);
    json_decref(vars);
    if (st != HTH_OK) hth_buf_clear(out);
    HTH_REQUIRE(st != HTH_ENOMEM, err, HTH_ENOMEM, "out of memory for a made-up conversation");
    return HTH_OK;
}

/* Learns calls from the first form the template takes. */
static HthStatus learn_calls(HthTalk *t, const HthTemplate *tmpl, HthTalkProbe *p, HthErr *err) {
    for (uint32_t i = 0; i < 16 && t->shape == HTH_TALK_NOTHING; i++) {
        const Form f = { .tools = true,
                         .calls = i & 8 ? 1 : 2,
                         .results = (i & 4) != 0,
                         .args_text = (i & 2) != 0,
                         .empty = (i & 1) == 0 };
        HTH_TRY(render(tmpl, &f, &p->calls, err));
        p->two = f.calls == 2;
        if (!p->calls.n) continue;
        HTH_TRY(hth_talk_learn_calls(t, p, err));
        t->args_text = f.args_text && t->shape != HTH_TALK_NOTHING;
    }
    return HTH_OK;
}

static HthStatus learn(HthTalk *t, const HthTemplate *tmpl, HthTalkProbe *p, HthErr *err) {
    const Form ask = { .tools = true, .ask = true, .thought = true }, untold = { .ask = true };
    const Form words = { .tools = true, .words = true };
    Form thought = { .tools = true, .words = true, .thought = true };
    HTH_TRY(render(tmpl, &ask, &p->prompt, err));
    HTH_TRY(render(tmpl, &untold, &p->untold, err));
    HTH_TRY(render(tmpl, &words, &p->words, err));
    HTH_TRY(learn_calls(t, tmpl, p, err));
    HTH_TRY(render(tmpl, &thought, &p->thought, err));
    if (hth_str_find(hth_buf_str(&p->thought), HTH_STR(HTH_PROBE_THOUGHT)) == SIZE_MAX) {
        thought.calls = 1; /* some keep the reasoning only beside calls */
        HTH_TRY(render(tmpl, &thought, &p->thought, err));
    }
    HTH_TRY(hth_talk_learn_think(t, p, tmpl->source, err));
    return hth_talk_learn_rest(t, p, tmpl->source, err);
}

/* --- control tokens --- */

bool hth_like_words(HthStr s) {
    if (s.n < CONTROL_MIN) return true;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool letter = (c >= 'a' && c <= 'z') || c == '/' || (c >= '0' && c <= '9');
        if (!letter && c != '<' && c != '>') return c == ' ' || c == '\n';
    }
    return true;
}

static HthStatus learn_control(HthTalk *t, HthErr *err) {
    HTH_TRY(hth_trie_open(&t->control, err));
    for (uint32_t id = 0; t->vocab && id < hth_vocab_count(t->vocab); id++) {
        const HthStr text = hth_vocab_text(t->vocab, id);
        if (hth_vocab_kind(t->vocab, id) == HTH_TOKEN_CONTROL && text.n)
            HTH_TRY(hth_trie_put(t->control, text, id, err));
    }
    return HTH_OK;
}

HthStatus hth_talk_open(HthTalk **out, const HthTemplate *tmpl, const HthVocab *vocab,
                        HthErr *err) {
    HthTalkProbe p = { 0 };
    HthBuf *bufs[] = { &p.prompt, &p.words, &p.calls, &p.untold, &p.thought };
    HthTalk *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "out of memory for a chat template's format");
    for (size_t i = 0; i < HTH_COUNT(bufs); i++) hth_buf_init(bufs[i], PROBE_MAX);
    t->name = "none";
    t->vocab = vocab;
    hth_json_init();
    const uint64_t starved = hth_json_starved();
    HthStatus st = hth_arena_open(&t->arena, KEEP_MAX, err);
    if (st == HTH_OK) st = learn_control(t, err);
    if (st == HTH_OK) st = learn(t, tmpl, &p, err);
    if (st == HTH_OK && hth_json_starved() != starved) /* what was learned may lack something */
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a chat template's format");
    for (size_t i = 0; i < HTH_COUNT(bufs); i++) hth_buf_drop(bufs[i]);
    if (st == HTH_OK)
        *out = t;
    else
        hth_talk_close(&t);
    return st;
}

void hth_talk_close(HthTalk **t) {
    if (!*t) return;
    hth_trie_close(&(*t)->control);
    hth_arena_close(&(*t)->arena);
    hth_free(*t);
    *t = NULL;
}

bool hth_talk_has_tools(const HthTalk *t) {
    return t->shape != HTH_TALK_NOTHING;
}

bool hth_talk_has_thinking(const HthTalk *t) {
    return t->headers || t->think_close.n;
}

bool hth_talk_args_as_text(const HthTalk *t) {
    return t->args_text;
}

static bool args_to_text(json_t *call) {
    json_t *f = json_object_get(call, "function"), *args = json_object_get(f, "arguments");
    if (!json_is_object(args)) return true;
    char *text = json_dumps(args, 0);
    const bool ok = text && json_object_set_new(f, "arguments", json_string(text)) == 0;
    hth_free(text);
    return ok;
}

HthStatus hth_talk_messages(const HthTalk *t, json_t *messages, json_t **out, HthErr *err) {
    json_t *copy = t->args_text ? json_deep_copy(messages) : json_incref(messages);
    bool ok = copy != NULL;
    for (size_t i = 0; ok && t->args_text && i < json_array_size(copy); i++) {
        const json_t *calls = json_object_get(json_array_get(copy, i), "tool_calls");
        for (size_t k = 0; ok && k < json_array_size(calls); k++)
            ok = args_to_text(json_array_get(calls, k));
    }
    if (ok) {
        *out = copy;
        return HTH_OK;
    }
    json_decref(copy);
    return HTH_FAIL(err, HTH_ENOMEM, "no memory for the conversation");
}

const char *hth_talk_name(const HthTalk *t) {
    return t->name;
}
