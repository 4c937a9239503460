/* responses.c - OpenAI's responses and responses/input_tokens: requests, and the table of
 * endpoints. What is answered is in responses_out.c.
 *
 * Items become messages: reasoning, words and calls of one turn are one message of the assistant.
 * What is stored between requests is the server's business: `store` and `previous` say what is
 * wanted, hth_ask_history() and hth_ask_go_on() carry it.
 *
 * Thread: as ask.h. */
#include "serve/responses.h"

#include "base/mem.h"
#include "serve/ask_read.h"
#include "serve/openai.h"

enum { CALLS_MAX = 256, ID_BYTES_MAX = 256, TEXT_BYTES_MAX = 1 << 28 };

/* ---- input items ---- */

/* The assistant's message that the next item of its turn belongs to. */
static HthStatus own_message(HthAsk *a, json_t **out, HthErr *err) {
    const json_t *last = hth_ask_last(a);
    if (!hth_str_eq(hth_ask_text(json_object_get(last, "role")), HTH_STR("assistant")))
        HTH_TRY(hth_ask_add_message(a, "assistant", json_string(""), err));
    *out = hth_ask_last(a);
    return HTH_OK;
}

static HthStatus need_str(const json_t *item, const char *path, const char *key, size_t max,
                          HthStr *out, HthErr *err) {
    char at[HTH_PATH_SIZE];
    hth_ask_path(at, path, key);
    return hth_ask_str(hth_ask_get(item, key), at, max, out, err);
}

/* {role, content}: said by anyone. */
static HthStatus read_message(HthAsk *a, const json_t *item, const char *path, HthErr *err) {
    static const char *const words[] = { "user", "system", "developer", "assistant", NULL };
    static const char *const roles[] = { "user", "system", "system", "assistant" };
    char at[HTH_PATH_SIZE];
    size_t role;
    json_t *content = NULL, *m = NULL;
    hth_ask_path(at, path, "role");
    HTH_TRY(hth_ask_word(hth_ask_get(item, "role"), at, words, &role, err));
    hth_ask_path(at, path, "content");
    HTH_TRY(hth_ask_content(hth_ask_get(item, "content"), at, &content, err));
    const json_t *last = hth_ask_last(a);
    const bool more =
        role == 3 &&
        hth_str_eq(hth_ask_text(json_object_get(last, "role")), HTH_STR("assistant")) &&
        json_string_length(json_object_get(last, "content")) == 0;
    if (!more) return hth_ask_add_message(a, roles[role], content, err);
    m = hth_ask_last(a);
    return json_object_set_new(m, "content", content) == 0 ? HTH_OK : hth_ask_nomem(err);
}

static HthStatus read_call(HthAsk *a, const json_t *item, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr id, name;
    json_t *m = NULL, *arguments = NULL;
    HTH_TRY(need_str(item, path, "call_id", ID_BYTES_MAX, &id, err));
    HTH_TRY(need_str(item, path, "name", ID_BYTES_MAX, &name, err));
    HTH_TRY(own_message(a, &m, err));
    HTH_REQUIRE(json_array_size(json_object_get(m, "tool_calls")) < CALLS_MAX, err, HTH_ELIMIT,
                "%s: more than %d calls in one turn", path, CALLS_MAX);
    hth_ask_path(at, path, "arguments");
    HTH_TRY(hth_ask_arguments(hth_ask_get(item, "arguments"), at, &arguments, err));
    return hth_ask_add_call(m, json_stringn(id.p, id.n), json_stringn(name.p, name.n), arguments,
                            err);
}

static HthStatus read_output(HthAsk *a, const json_t *item, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr id;
    json_t *content = NULL;
    HTH_TRY(need_str(item, path, "call_id", ID_BYTES_MAX, &id, err));
    json_t *name = hth_ask_call_name(a, id);
    hth_ask_path(at, path, "output");
    HTH_TRY(hth_ask_content(hth_ask_get(item, "output"), at, &content, err));
    HTH_TRY(hth_ask_add_message(a, "tool", content, err));
    json_t *m = hth_ask_last(a);
    int bad = json_object_set_new(m, "tool_call_id", json_stringn(id.p, id.n)) != 0;
    bad |= name && json_object_set(m, "name", name) != 0;
    return bad ? hth_ask_nomem(err) : HTH_OK;
}

/* The texts of a list of parts, of whatever type. */
static HthStatus join_texts(const json_t *list, HthBuf *out, HthErr *err) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const HthStr s = hth_ask_text(json_object_get(json_array_get(list, i), "text"));
        if (out->n > 0 && s.n > 0) HTH_TRY(hth_buf_add_char(out, '\n', err));
        HTH_TRY(hth_buf_add_str(out, s, err));
    }
    return HTH_OK;
}

/* Thoughts of an earlier turn: as they were, or their summary. What is encrypted is nobody's. */
static HthStatus read_reasoning(HthAsk *a, const json_t *item, const char *path, HthErr *err) {
    HthBuf text;
    json_t *m = NULL;
    (void)path;
    hth_buf_init(&text, TEXT_BYTES_MAX);
    HthStatus st = join_texts(hth_ask_get(item, "content"), &text, err);
    if (st == HTH_OK && text.n == 0) st = join_texts(hth_ask_get(item, "summary"), &text, err);
    if (st == HTH_OK && text.n > 0) st = hth_ask_add_message(a, "assistant", json_string(""), err);
    if (st == HTH_OK && text.n > 0) {
        m = hth_ask_last(a);
        if (json_object_set_new(m, "reasoning_content", json_stringn(text.p, text.n)) != 0)
            st = hth_ask_nomem(err);
    }
    hth_buf_drop(&text);
    return st;
}

static const struct {
    const char *type;
    HthStatus (*read)(HthAsk *a, const json_t *item, const char *path, HthErr *err);
} items[] = {
    { "message", read_message },
    { "function_call", read_call },
    { "function_call_output", read_output },
    { "reasoning", read_reasoning },
};

static HthStatus read_item(HthAsk *a, const json_t *item, const char *path, HthErr *err) {
    if (!json_is_object(item)) return hth_ask_wrong(err, path, "an object", item);
    const json_t *type = hth_ask_get(item, "type");
    if (type == NULL) return read_message(a, item, path, err);
    for (size_t i = 0; i < HTH_COUNT(items); i++)
        if (hth_str_eq(hth_ask_text(type), hth_str(items[i].type)))
            return items[i].read(a, item, path, err);
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "%s.type: only messages, function calls, their outputs and reasoning are "
                    "supported",
                    path);
}

static HthStatus read_input(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    if (json_is_string(v)) return hth_ask_add_message(a, "user", json_incref(v), err);
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "a string or an array of items", v);
    for (size_t i = 0; i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(read_item(a, json_array_get(v, i), at, err));
    }
    return HTH_OK;
}

static HthStatus read_instructions(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    if (!json_is_string(v)) return hth_ask_wrong(err, path, "a string", v);
    if (json_string_length(v) == 0) return HTH_OK;
    a->instructions = true;
    return hth_ask_add_message(a, "system", json_incref(v), err);
}

/* ---- the other fields ---- */

/* text: {format: {type, name, schema}}; the format is flat here. */
static HthStatus read_text(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = { HTH_F_READ("format", hth_ask_response_format) };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    const json_t *verbosity = hth_ask_get(v, "verbosity");
    HTH_REQUIRE(!verbosity || hth_str_eq(hth_ask_text(verbosity), HTH_STR("medium")), err,
                HTH_ENOTSUP, "%s.verbosity: only \"medium\" is supported", path);
    return hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err);
}

static HthStatus read_include(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    for (size_t i = 0; i < json_array_size(v); i++)
        if (hth_str_eq(hth_ask_text(json_array_get(v, i)), HTH_STR("message.output_text.logprobs")))
            a->logprobs = true;
    return HTH_OK;
}

static HthStatus read_truncation(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "disabled", "auto", NULL };
    size_t i;
    HTH_TRY(hth_ask_word(v, path, words, &i, err));
    a->truncate = i == 1;
    return HTH_OK;
}

static const HthField fields[] = {
    HTH_F_READ("instructions", read_instructions),
    HTH_F_READ("input", read_input),
    HTH_F_READ("max_output_tokens", hth_ask_max_tokens),
    HTH_F_NUM("temperature", "temperature", 0, 2),
    HTH_F_NUM("top_p", "top_p", 0, 1),
    HTH_F_READ("stop", hth_ask_stop),
    HTH_F_READ("include", read_include),
    HTH_F_U32("top_logprobs", top, 0, HTH_JOB_TOP_MAX),
    HTH_F_READ("text", read_text),
    HTH_F_READ("tools", hth_ask_tools),
    HTH_F_READ("tool_choice", hth_ask_tool_choice),
    HTH_F_BOOL("parallel_tool_calls", parallel_tools),
    HTH_F_READ("reasoning", hth_ask_reasoning),
    HTH_F_READ("truncation", read_truncation),
    HTH_F_STR("previous_response_id", previous, ID_BYTES_MAX),
    HTH_F_BOOL("store", store),
    HTH_F_REFUSE("conversation", 0, 0),
    HTH_F_REFUSE("background", 0, 0),
    HTH_F_REFUSE("prompt", 0, 0),
    HTH_F_REFUSE("context_management", 0, 0),
};

static HthStatus read_fields(HthAsk *a, HthErr *err) {
    a->kind = HTH_ASK_CHAT;
    a->store = true; /* unless it says otherwise */
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_common, hth_fields_common_count, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_sampling, hth_fields_sampling_count, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_format, hth_fields_format_count, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", fields, HTH_COUNT(fields), err));
    HTH_REQUIRE(json_array_size(a->messages) > (a->instructions ? 1u : 0u) || a->previous.n > 0,
                err, HTH_EINVAL, "input: must be given");
    if (!a->logprobs) a->top = 0;
    return hth_ask_tools_check(a, err);
}

static HthStatus read_count(HthAsk *a, HthErr *err) {
    HTH_TRY(read_fields(a, err));
    a->kind = HTH_ASK_COUNT_TOKENS;
    a->stream = a->store = false;
    return HTH_OK;
}

static HthStatus responses(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_fields);
}

static HthStatus input_tokens(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_count);
}

const HthApi hth_api_responses[] = {
    { HTH_ROUTE_RESPONSES, "POST", "/v1/responses", responses, hth_responses_open,
      hth_openai_error },
    { HTH_ROUTE_RESPONSES_COUNT, "POST", "/v1/responses/input_tokens", input_tokens,
      hth_responses_open, hth_openai_error },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_api_responses, RESPONSES);
