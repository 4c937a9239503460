/* anthropic.c - Anthropic's messages and messages/count_tokens: requests, and the table of
 * endpoints. What is answered is in anthropic_out.c.
 *
 * One of its messages may hold several of ours: results of tools become messages of their own, in
 * the order in which they stand.  Turns of the same role that follow each other are one turn, as
 * the original has it.
 *
 * Thread: as ask.h. */
#include "serve/anthropic.h"

#include <strings.h>

#include "base/mem.h"
#include "serve/ask_read.h"

enum { TOOLS_MAX = 4096, CALLS_MAX = 256, NAME_BYTES_MAX = 256, TEXT_BYTES_MAX = 1 << 28 };

/* What one side says, over several of its messages: texts gather until the other side speaks or a
 * tool's result comes between. */
typedef struct Turn {
    HthAsk *ask;
    bool assistant;
    bool spoke; /* there was text, be it empty */
    HthBuf text, thinking;
    json_t *message; /* of the assistant, once there is a call */
} Turn;

static HthStatus add_line(HthBuf *to, HthStr s, HthErr *err) {
    if (to->n > 0 && s.n > 0) HTH_TRY(hth_buf_add_char(to, '\n', err));
    return hth_buf_add_str(to, s, err);
}

/* ---- turns ---- */

static HthStatus make_message(Turn *t, HthErr *err) {
    if (t->message) return HTH_OK;
    const char *role = t->assistant ? "assistant" : "user";
    HTH_TRY(hth_ask_add_message(t->ask, role, json_string(""), err));
    t->message = hth_ask_last(t->ask);
    return HTH_OK;
}

static HthStatus end_turn(Turn *t, HthErr *err) {
    const HthStr text = hth_buf_str(&t->text), thinking = hth_buf_str(&t->thinking);
    int bad = 0;
    if (t->spoke) HTH_TRY(make_message(t, err));
    if (text.n > 0)
        bad |= json_object_set_new(t->message, "content", json_stringn(text.p, text.n)) != 0;
    if (thinking.n > 0)
        bad |= json_object_set_new(t->message, "reasoning_content",
                                   json_stringn(thinking.p, thinking.n)) != 0;
    hth_buf_clear(&t->text);
    hth_buf_clear(&t->thinking);
    t->spoke = false;
    t->message = NULL;
    return bad ? hth_ask_nomem(err) : HTH_OK;
}

/* ---- blocks ---- */

static HthStatus need_str(const json_t *block, const char *path, const char *key, size_t max,
                          HthStr *out, HthErr *err) {
    char at[HTH_PATH_SIZE];
    hth_ask_path(at, path, key);
    return hth_ask_str(hth_ask_get(block, key), at, max, out, err);
}

static HthStatus read_text(Turn *t, const json_t *block, const char *path, HthErr *err) {
    HthStr s;
    HTH_TRY(need_str(block, path, "text", TEXT_BYTES_MAX, &s, err));
    t->spoke = true;
    return add_line(&t->text, s, err);
}

static HthStatus read_thinking(Turn *t, const json_t *block, const char *path, HthErr *err) {
    HthStr s;
    HTH_REQUIRE(t->assistant, err, HTH_EINVAL, "%s: only the assistant may think", path);
    HTH_TRY(need_str(block, path, "thinking", TEXT_BYTES_MAX, &s, err));
    t->spoke = true;
    return add_line(&t->thinking, s, err);
}

/* Nobody but its maker can read it. */
static HthStatus skip(Turn *t, const json_t *block, const char *path, HthErr *err) {
    (void)t;
    (void)block;
    (void)path;
    (void)err;
    return HTH_OK;
}

static HthStatus read_document(Turn *t, const json_t *block, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    const json_t *source = hth_ask_get(block, "source");
    HTH_REQUIRE(hth_str_eq(hth_ask_text(hth_ask_get(source, "type")), HTH_STR("text")), err,
                HTH_ENOTSUP, "%s.source: only documents of type \"text\" are supported", path);
    hth_ask_path(at, path, "source");
    HTH_TRY(need_str(source, at, "data", TEXT_BYTES_MAX, &s, err));
    t->spoke = true;
    return add_line(&t->text, s, err);
}

static HthStatus read_tool_use(Turn *t, const json_t *block, const char *path, HthErr *err) {
    HthStr id, name;
    json_t *arguments = NULL;
    char at[HTH_PATH_SIZE];
    HTH_REQUIRE(t->assistant, err, HTH_EINVAL, "%s: only the assistant may use tools", path);
    HTH_TRY(need_str(block, path, "id", NAME_BYTES_MAX, &id, err));
    HTH_TRY(need_str(block, path, "name", NAME_BYTES_MAX, &name, err));
    HTH_TRY(make_message(t, err));
    HTH_REQUIRE(json_array_size(json_object_get(t->message, "tool_calls")) < CALLS_MAX, err,
                HTH_ELIMIT, "%s: more than %d calls in one turn", path, CALLS_MAX);
    hth_ask_path(at, path, "input");
    HTH_TRY(hth_ask_arguments(hth_ask_get(block, "input"), at, &arguments, err));
    return hth_ask_add_call(t->message, json_stringn(id.p, id.n), json_stringn(name.p, name.n),
                            arguments, err);
}

/* "Error: " before what a tool says went wrong, unless it says so itself. */
static HthStatus mark_error(json_t **content, HthErr *err) {
    HthBuf all;
    const HthStr s = hth_ask_text(*content);
    if (s.n >= 5 && strncasecmp(s.p, "error", 5) == 0) return HTH_OK;
    hth_buf_init(&all, TEXT_BYTES_MAX);
    HthStatus st = hth_buf_add_str(&all, HTH_STR("Error: "), err);
    if (st == HTH_OK) st = hth_buf_add_str(&all, s, err);
    json_t *marked = st == HTH_OK ? json_stringn(all.p, all.n) : NULL;
    if (st == HTH_OK && marked == NULL) st = hth_ask_nomem(err);
    hth_buf_drop(&all);
    if (st != HTH_OK) return st;
    json_decref(*content);
    *content = marked;
    return HTH_OK;
}

static HthStatus read_tool_result(Turn *t, const json_t *block, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr id;
    json_t *content = NULL;
    HTH_REQUIRE(!t->assistant, err, HTH_EINVAL, "%s: results of tools are the user's to give",
                path);
    HTH_TRY(need_str(block, path, "tool_use_id", NAME_BYTES_MAX, &id, err));
    HTH_TRY(end_turn(t, err));
    const json_t *v = hth_ask_get(block, "content");
    hth_ask_path(at, path, "content");
    if (v)
        HTH_TRY(hth_ask_content(v, at, &content, err));
    else if ((content = json_string("")) == NULL)
        return hth_ask_nomem(err);
    if (json_is_true(json_object_get(block, "is_error"))) {
        const HthStatus st = mark_error(&content, err);
        if (st != HTH_OK) {
            json_decref(content);
            return st;
        }
    }
    json_t *name = hth_ask_call_name(t->ask, id);
    HTH_TRY(hth_ask_add_message(t->ask, "tool", content, err));
    json_t *m = hth_ask_last(t->ask);
    int bad = json_object_set_new(m, "tool_call_id", json_stringn(id.p, id.n)) != 0;
    bad |= name && json_object_set(m, "name", name) != 0;
    return bad ? hth_ask_nomem(err) : HTH_OK;
}

static const struct {
    const char *type;
    HthStatus (*read)(Turn *t, const json_t *block, const char *path, HthErr *err);
} blocks[] = {
    { "text", read_text },
    { "thinking", read_thinking },
    { "redacted_thinking", skip },
    { "document", read_document },
    { "tool_use", read_tool_use },
    { "tool_result", read_tool_result },
    { "image", NULL },
    { "search_result", NULL },
    { "server_tool_use", NULL },
    { "web_search_tool_result", NULL },
    { "web_fetch_tool_result", NULL },
    { "code_execution_tool_result", NULL },
    { "mcp_tool_use", NULL },
    { "mcp_tool_result", NULL },
    { "container_upload", NULL },
};

static HthStatus read_block(Turn *t, const json_t *block, const char *path, HthErr *err) {
    HthStr type;
    size_t i = 0;
    if (!json_is_object(block)) return hth_ask_wrong(err, path, "an object", block);
    HTH_TRY(need_str(block, path, "type", NAME_BYTES_MAX, &type, err));
    while (i < HTH_COUNT(blocks) && !hth_str_eq(type, hth_str(blocks[i].type))) i++;
    HTH_REQUIRE(i < HTH_COUNT(blocks), err, HTH_EINVAL, "%s.type: is no kind of content block",
                path);
    HTH_REQUIRE(blocks[i].read, err, HTH_ENOTSUP, "%s: blocks of type \"%s\" are not supported",
                path, blocks[i].type);
    return blocks[i].read(t, block, path, err);
}

static HthStatus read_turn(Turn *t, const json_t *m, const char *path, HthErr *err) {
    static const char *const roles[] = { "user", "assistant", NULL };
    char at[HTH_PATH_SIZE], inner[HTH_PATH_SIZE];
    size_t role;
    if (!json_is_object(m)) return hth_ask_wrong(err, path, "an object", m);
    hth_ask_path(at, path, "role");
    HTH_TRY(hth_ask_word(hth_ask_get(m, "role"), at, roles, &role, err));
    if (t->assistant != (role == 1)) HTH_TRY(end_turn(t, err));
    t->assistant = role == 1;
    const json_t *content = hth_ask_get(m, "content");
    hth_ask_path(at, path, "content");
    if (json_is_string(content)) {
        t->spoke = true;
        return add_line(&t->text, hth_ask_text(content), err);
    }
    if (!json_is_array(content))
        return hth_ask_wrong(err, at, "a string or an array of blocks", content);
    for (size_t i = 0; i < json_array_size(content); i++) {
        hth_ask_path_at(inner, at, i);
        HTH_TRY(read_block(t, json_array_get(content, i), inner, err));
    }
    return HTH_OK;
}

static HthStatus read_messages(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStatus st = HTH_OK;
    Turn t = { .ask = a };
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    hth_buf_init(&t.text, TEXT_BYTES_MAX);
    hth_buf_init(&t.thinking, TEXT_BYTES_MAX);
    for (size_t i = 0; st == HTH_OK && i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        st = read_turn(&t, json_array_get(v, i), at, err);
    }
    if (st == HTH_OK) st = end_turn(&t, err);
    hth_buf_drop(&t.text);
    hth_buf_drop(&t.thinking);
    return st;
}

/* ---- the system prompt ---- */

/* A client of this API sends a stamp there that changes with every request; nothing after it would
 * ever be found in a cache. It is for the original's accounts, not for a model. */
static HthStr without_stamp(HthStr s) {
    static const HthStr mark = HTH_STR("x-anthropic-billing-header:"), last = HTH_STR("cch=");
    if (!hth_str_starts(s, mark)) return s;
    const size_t at = hth_str_find(s, last);
    if (at == SIZE_MAX) return s;
    const size_t end = hth_str_find(hth_str_sub(s, at, s.n), HTH_STR(";"));
    if (end == SIZE_MAX) return s;
    const HthStr rest = hth_str_sub(s, at + end + 1, s.n);
    return hth_str_starts(rest, HTH_STR("\n")) ? hth_str_sub(rest, 1, rest.n) : rest;
}

static HthStatus join_system(const json_t *v, const char *path, HthBuf *text, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    if (json_is_string(v)) return hth_buf_add_str(text, without_stamp(hth_ask_text(v)), err);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *block = json_array_get(v, i);
        hth_ask_path_at(at, path, i);
        HTH_REQUIRE(hth_str_eq(hth_ask_text(hth_ask_get(block, "type")), HTH_STR("text")), err,
                    HTH_EINVAL, "%s.type: must be \"text\"", at);
        HTH_TRY(need_str(block, at, "text", TEXT_BYTES_MAX, &s, err));
        HTH_TRY(add_line(text, without_stamp(s), err));
    }
    return HTH_OK;
}

static HthStatus read_system(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    HthBuf text;
    if (!json_is_string(v) && !json_is_array(v))
        return hth_ask_wrong(err, path, "a string or an array of blocks", v);
    hth_buf_init(&text, TEXT_BYTES_MAX);
    HthStatus st = join_system(v, path, &text, err);
    if (st == HTH_OK && text.n > 0)
        st = hth_ask_add_message(a, "system", json_stringn(text.p, text.n), err);
    hth_buf_drop(&text);
    return st;
}

/* ---- tools and formats ---- */

static HthStatus read_tools(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    HTH_REQUIRE(json_array_size(v) <= TOOLS_MAX, err, HTH_ELIMIT,
                "%s: has %zu tools; at most %d are read", path, json_array_size(v), TOOLS_MAX);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *tool = json_array_get(v, i), *type = hth_ask_get(tool, "type");
        json_t *schema = hth_ask_get(tool, "input_schema");
        hth_ask_path_at(at, path, i);
        if (!json_is_object(tool)) return hth_ask_wrong(err, at, "an object", tool);
        HTH_REQUIRE(!type || hth_str_eq(hth_ask_text(type), HTH_STR("custom")), err, HTH_ENOTSUP,
                    "%s.type: only \"custom\" tools are supported", at);
        HTH_REQUIRE(json_is_object(schema), err, HTH_EINVAL,
                    "%s.input_schema: must be a JSON schema (an object)", at);
        HTH_TRY(hth_ask_add_tool(a, at, hth_ask_get(tool, "name"), hth_ask_get(tool, "description"),
                                 schema, err));
    }
    return HTH_OK;
}

static HthStatus read_tool_choice(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "auto", "none", "any", "tool", NULL };
    char at[HTH_PATH_SIZE];
    size_t i;
    bool serial = false;
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    hth_ask_path(at, path, "type");
    HTH_TRY(hth_ask_word(hth_ask_get(v, "type"), at, words, &i, err));
    a->choice = (HthToolChoice)i; /* in the order of the enumeration */
    hth_ask_path(at, path, "name");
    if (a->choice == HTH_TOOLS_NAMED)
        HTH_TRY(hth_ask_str(hth_ask_get(v, "name"), at, NAME_BYTES_MAX, &a->choice_name, err));
    hth_ask_path(at, path, "disable_parallel_tool_use");
    const json_t *flag = hth_ask_get(v, "disable_parallel_tool_use");
    if (flag) HTH_TRY(hth_ask_bool(flag, at, &serial, err));
    a->parallel_tools = !serial;
    return HTH_OK;
}

static HthStatus read_metadata(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = { HTH_F_STR("user_id", user, 4096) };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    return hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err);
}

static HthStatus read_output_config(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = { HTH_F_READ("effort", hth_ask_effort),
                                       HTH_F_READ("format", hth_ask_response_format) };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    return hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err);
}

static const HthField fields[] = {
    HTH_F_READ("max_tokens", hth_ask_max_tokens),
    HTH_F_READ("system", read_system),
    HTH_F_READ("messages", read_messages),
    HTH_F_NUM("temperature", "temperature", 0, 1),
    HTH_F_NUM("top_p", "top_p", 0, 1),
    HTH_F_READ("stop_sequences", hth_ask_stop),
    HTH_F_READ("tools", read_tools),
    HTH_F_READ("tool_choice", read_tool_choice),
    HTH_F_READ("output_config", read_output_config),
    HTH_F_READ("output_format", hth_ask_response_format),
    HTH_F_READ("thinking", hth_ask_thinking),
    HTH_F_READ("metadata", read_metadata),
    HTH_F_REFUSE("mcp_servers", 0, 0),
    HTH_F_REFUSE("container", 0, 0),
};

static HthStatus read_fields(HthAsk *a, HthErr *err) {
    a->kind = HTH_ASK_CHAT;
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_common, hth_fields_common_count, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_sampling, hth_fields_sampling_count, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_format, hth_fields_format_count, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", fields, HTH_COUNT(fields), err));
    HTH_REQUIRE(json_array_size(hth_ask_get(a->body, "messages")) > 0, err, HTH_EINVAL,
                "messages: must have at least one message");
    HTH_TRY(hth_ask_tools_check(a, err));
    return hth_ask_find_prefill(a, err);
}

static HthStatus read_count(HthAsk *a, HthErr *err) {
    HTH_TRY(read_fields(a, err));
    a->kind = HTH_ASK_COUNT_TOKENS;
    a->stream = false;
    return HTH_OK;
}

static HthStatus read_words(HthAsk *a, HthErr *err) {
    HTH_TRY(read_fields(a, err));
    HTH_REQUIRE(hth_ask_get(a->body, "max_tokens"), err, HTH_EINVAL, "max_tokens: is required");
    HTH_REQUIRE(a->think_max == 0 || a->think_max < a->predict_max, err, HTH_EINVAL,
                "thinking.budget_tokens: must be less than max_tokens, and %u are not less than %u",
                a->think_max, a->predict_max);
    return HTH_OK;
}

static HthStatus messages(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_words);
}

static HthStatus count_tokens(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_count);
}

const HthApi hth_api_anthropic[] = {
    { HTH_ROUTE_MESSAGES, "POST", "/v1/messages", messages, hth_anthropic_open,
      hth_anthropic_error },
    { HTH_ROUTE_MESSAGES_COUNT, "POST", "/v1/messages/count_tokens", count_tokens,
      hth_anthropic_open, hth_anthropic_error },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_api_anthropic, ANTHROPIC);
