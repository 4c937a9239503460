/* ask_chat.c - messages and tools as clients write them, into the form that templates know.
 *
 * Content becomes one string (parts are joined by a newline, as other servers do), roles are
 * checked, the arguments of earlier calls become objects, and a tool's answer is given the name of
 * the call it belongs to.  A text of arguments that is none becomes {"INVALID_JSON": text}: an
 * earlier answer that was cut short must not make the whole conversation unreadable, and many
 * templates read nothing but objects.
 *
 * Thread: as ask.h. */
#include <stdio.h>
#include <string.h>

#include "serve/ask_read.h"

enum {
    TOOLS_MAX = 4096,
    CALLS_MAX = 256,
    NAME_BYTES_MAX = 256,
    ID_BYTES_MAX = 256,
    CONTENT_BYTES_MAX = 1 << 28,
};

/* ---- content ---- */

typedef enum PartRead { PART_TEXT, PART_MEDIA } PartRead;
static const struct {
    const char *type, *field;
    PartRead read;
} parts[] = {
    { "text", "text", PART_TEXT },        { "input_text", "text", PART_TEXT },
    { "output_text", "text", PART_TEXT }, { "refusal", "refusal", PART_TEXT },
    { "image_url", NULL, PART_MEDIA },    { "input_image", NULL, PART_MEDIA },
    { "image", NULL, PART_MEDIA },        { "input_audio", NULL, PART_MEDIA },
    { "audio", NULL, PART_MEDIA },        { "video_url", NULL, PART_MEDIA },
    { "file", NULL, PART_MEDIA },         { "input_file", NULL, PART_MEDIA },
    { "document", NULL, PART_MEDIA },
};

static HthStatus add_part(const json_t *part, const char *path, HthBuf *text, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    if (!json_is_object(part)) return hth_ask_wrong(err, path, "an object", part);
    const json_t *type = hth_ask_get(part, "type");
    hth_ask_path(at, path, "type");
    HTH_TRY(hth_ask_str(type, at, SIZE_MAX, &s, err));
    size_t i = 0;
    while (i < HTH_COUNT(parts) && !hth_str_eq(s, hth_str(parts[i].type))) i++;
    HTH_REQUIRE(i < HTH_COUNT(parts), err, HTH_EINVAL,
                "%s: is no kind of content part; use \"text\"", at);
    HTH_REQUIRE(parts[i].read == PART_TEXT, err, HTH_ENOTSUP,
                "%s: parts of type \"%s\" are not supported; only text is", path, parts[i].type);
    hth_ask_path(at, path, parts[i].field);
    HTH_TRY(hth_ask_str(hth_ask_get(part, parts[i].field), at, SIZE_MAX, &s, err));
    if (text->n > 0 && s.n > 0) HTH_TRY(hth_buf_add_char(text, '\n', err));
    return hth_buf_add_str(text, s, err);
}

HthStatus hth_ask_content(const json_t *v, const char *path, json_t **out, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthBuf text;
    HthStatus st = HTH_OK;
    if (!json_is_string(v) && !json_is_array(v))
        return hth_ask_wrong(err, path, "a string or an array of parts", v);
    if (json_is_string(v)) {
        *out = json_stringn(json_string_value(v), json_string_length(v));
        return *out ? HTH_OK : hth_ask_nomem(err);
    }
    hth_buf_init(&text, CONTENT_BYTES_MAX);
    for (size_t i = 0; st == HTH_OK && i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        st = add_part(json_array_get(v, i), at, &text, err);
    }
    if (st == HTH_OK) {
        const HthStr s = hth_buf_str(&text);
        *out = json_stringn(s.p, s.n);
        if (*out == NULL) st = hth_ask_nomem(err);
    }
    hth_buf_drop(&text);
    return st;
}

/* ---- building ---- */

json_t *hth_ask_last(const HthAsk *a) {
    const size_t n = json_array_size(a->messages);
    return n > 0 ? json_array_get(a->messages, n - 1) : NULL;
}

HthStatus hth_ask_add_message(HthAsk *a, const char *role, json_t *content, HthErr *err) {
    if (a->messages == NULL) a->messages = json_array();
    json_t *m = json_object();
    int bad = json_object_set_new(m, "role", json_string(role)) != 0;
    bad |= json_object_set_new(m, "content", content) != 0;
    bad |= json_array_append_new(a->messages, m) != 0;
    return bad ? hth_ask_nomem(err) : HTH_OK;
}

static json_t *own(json_t *v) {
    return v ? json_incref(v) : NULL;
}

HthStatus hth_ask_add_call(json_t *message, json_t *id, json_t *name, json_t *arguments,
                           HthErr *err) {
    json_t *calls = json_object_get(message, "tool_calls");
    json_t *call = json_object(), *function = json_object();
    int bad = calls == NULL && json_object_set_new(message, "tool_calls", json_array()) != 0;
    calls = json_object_get(message, "tool_calls");
    bad |= call == NULL || function == NULL || calls == NULL;
    if (id) bad |= json_object_set(call, "id", id) != 0;
    bad |= json_object_set_new(call, "type", json_string("function")) != 0;
    bad |= json_object_set(function, "name", name) != 0;
    bad |= json_object_set(function, "arguments", arguments) != 0;
    bad |= json_object_set(call, "function", function) != 0;
    bad |= json_array_append(calls, call) != 0;
    json_decref(call);
    json_decref(function);
    json_decref(id);
    json_decref(name);
    json_decref(arguments);
    return bad ? hth_ask_nomem(err) : HTH_OK;
}

HthStatus hth_ask_arguments(const json_t *v, const char *path, json_t **out, HthErr *err) {
    json_t *parsed = NULL;
    if (json_is_object(v)) return (*out = json_deep_copy(v)) ? HTH_OK : hth_ask_nomem(err);
    if (v && !json_is_string(v))
        return hth_ask_wrong(err, path, "a string of JSON or an object", v);
    const HthStr s = hth_ask_text(v);
    if (hth_str_trim(s).n == 0) return (*out = json_object()) ? HTH_OK : hth_ask_nomem(err);
    if (hth_json_parse(&parsed, s, CONTENT_BYTES_MAX, err) == HTH_ENOMEM) return HTH_ENOMEM;
    if (!json_is_object(parsed)) {
        json_decref(parsed);
        parsed = json_object();
        if (json_object_set_new(parsed, "INVALID_JSON", json_stringn(s.p, s.n)) != 0) {
            json_decref(parsed);
            return hth_ask_nomem(err);
        }
    }
    *out = parsed;
    return HTH_OK;
}

static json_t *name_of(const json_t *calls, HthStr id) {
    for (size_t k = 0; k < json_array_size(calls); k++) {
        const json_t *call = json_array_get(calls, k);
        if (hth_str_eq(hth_ask_text(json_object_get(call, "id")), id))
            return json_object_get(json_object_get(call, "function"), "name");
    }
    return NULL;
}

json_t *hth_ask_call_name(const HthAsk *a, HthStr id) {
    const size_t n = json_array_size(a->messages), back = n < CALLS_MAX ? n : CALLS_MAX;
    for (size_t i = n; i > n - back; i--) {
        const json_t *m = json_array_get(a->messages, i - 1);
        if (hth_str_eq(hth_ask_text(json_object_get(m, "role")), HTH_STR("tool"))) continue;
        return name_of(json_object_get(m, "tool_calls"), id);
    }
    return NULL;
}

HthStatus hth_ask_name_results(json_t *messages, HthErr *err) {
    const json_t *calls = NULL;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        json_t *m = json_array_get(messages, i);
        if (!hth_str_eq(hth_ask_text(json_object_get(m, "role")), HTH_STR("tool"))) {
            calls = json_object_get(m, "tool_calls");
            continue;
        }
        if (json_object_get(m, "name")) continue;
        json_t *name = name_of(calls, hth_ask_text(json_object_get(m, "tool_call_id")));
        if (name && json_object_set(m, "name", name) != 0) return hth_ask_nomem(err);
    }
    return HTH_OK;
}

/* ---- messages of OpenAI and Ollama ---- */

static const struct {
    const char *from, *role;
} roles[] = {
    { "system", "system" },       { "developer", "system" }, { "user", "user" },
    { "assistant", "assistant" }, { "tool", "tool" },        { "function", "tool" },
};

static HthStatus read_role(const json_t *message, const char *path, const char **out, HthErr *err) {
    char at[HTH_PATH_SIZE];
    const HthStr s = hth_ask_text(hth_ask_get(message, "role"));
    hth_ask_path(at, path, "role");
    for (size_t i = 0; i < HTH_COUNT(roles); i++) {
        if (s.n != strlen(roles[i].from) || strncasecmp(s.p, roles[i].from, s.n) != 0) continue;
        *out = roles[i].role;
        return HTH_OK;
    }
    return HTH_FAIL(err, HTH_EINVAL,
                    "%s: must be \"system\", \"developer\", \"user\", \"assistant\" or \"tool\"",
                    at);
}

static HthStatus read_call(json_t *message, const json_t *call, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    json_t *arguments = NULL;
    if (!json_is_object(call)) return hth_ask_wrong(err, path, "an object", call);
    json_t *type = hth_ask_get(call, "type"), *id = hth_ask_get(call, "id");
    json_t *function = hth_ask_get(call, "function"), *name = hth_ask_get(function, "name");
    HTH_REQUIRE(!type || hth_str_eq(hth_ask_text(type), HTH_STR("function")), err, HTH_ENOTSUP,
                "%s.type: only \"function\" is supported", path);
    hth_ask_path(at, path, "id");
    if (id) HTH_TRY(hth_ask_str(id, at, ID_BYTES_MAX, &s, err));
    hth_ask_path(at, path, "function.name");
    HTH_TRY(hth_ask_str(name, at, NAME_BYTES_MAX, &s, err));
    hth_ask_path(at, path, "function.arguments");
    HTH_TRY(hth_ask_arguments(hth_ask_get(function, "arguments"), at, &arguments, err));
    return hth_ask_add_call(message, own(id), own(name), arguments, err);
}

static HthStatus read_calls(json_t *message, const json_t *calls, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    if (!json_is_array(calls)) return hth_ask_wrong(err, path, "an array", calls);
    HTH_REQUIRE(json_array_size(calls) <= CALLS_MAX, err, HTH_ELIMIT,
                "%s: has %zu calls; at most %d are read", path, json_array_size(calls), CALLS_MAX);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(read_call(message, json_array_get(calls, i), at, err));
    }
    return HTH_OK;
}

/* Of the first of these fields that is there: a text, under the name that templates know. */
typedef struct Rename {
    const char *from, *to, *role; /* only in messages of this role; NULL: any */
} Rename;
static const Rename renames[] = {
    { "reasoning_content", "reasoning_content", "assistant" },
    { "reasoning", "reasoning_content", "assistant" },
    { "thinking", "reasoning_content", "assistant" },
    { "tool_call_id", "tool_call_id", "tool" },
    { "name", "name", NULL },
    { "tool_name", "name", "tool" },
};

static HthStatus read_rest(HthAsk *a, const json_t *from, const char *role, const char *path,
                           json_t *to, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    for (size_t i = 0; i < HTH_COUNT(renames); i++) {
        const Rename *r = &renames[i];
        json_t *v = hth_ask_get(from, r->from);
        if (!v || (r->role && strcmp(r->role, role) != 0) || json_object_get(to, r->to)) continue;
        hth_ask_path(at, path, r->from);
        HTH_TRY(hth_ask_str(v, at, CONTENT_BYTES_MAX, &s, err));
        if (json_object_set(to, r->to, v) != 0) return hth_ask_nomem(err);
    }
    const json_t *calls = hth_ask_get(from, "tool_calls");
    hth_ask_path(at, path, "tool_calls");
    if (calls && strcmp(role, "assistant") == 0 && json_array_size(calls) != 0)
        return read_calls(to, calls, at, err);
    if (calls && !json_is_array(calls)) return hth_ask_wrong(err, at, "an array", calls);
    if (strcmp(role, "tool") != 0 || json_object_get(to, "name")) return HTH_OK;
    json_t *name = hth_ask_call_name(a, hth_ask_text(json_object_get(to, "tool_call_id")));
    return !name || json_object_set(to, "name", name) == 0 ? HTH_OK : hth_ask_nomem(err);
}

static HthStatus read_message(HthAsk *a, const json_t *m, const char *path, HthErr *err) {
    static const HthField refused[] = { HTH_F_REFUSE("images", 0, 0), HTH_F_REFUSE("audio", 0, 0),
                                        HTH_F_REFUSE("function_call", 0, 0) };
    char at[HTH_PATH_SIZE];
    const char *role = "";
    json_t *content = NULL;
    if (!json_is_object(m)) return hth_ask_wrong(err, path, "an object", m);
    HTH_TRY(read_role(m, path, &role, err));
    HTH_TRY(hth_ask_fields(a, m, path, refused, HTH_COUNT(refused), err));
    const json_t *v = hth_ask_get(m, "content");
    if (v == NULL && strcmp(role, "assistant") == 0) v = hth_ask_get(m, "refusal");
    hth_ask_path(at, path, "content");
    if (v == NULL && (strcmp(role, "assistant") == 0 || strcmp(role, "tool") == 0))
        content = json_string("");
    else
        HTH_TRY(hth_ask_content(v, at, &content, err));
    HTH_TRY(hth_ask_add_message(a, role, content, err));
    json_t *to = hth_ask_last(a);
    /* not found by itself: the new message is a tool's or has no calls yet */
    return read_rest(a, m, role, path, to, err);
}

HthStatus hth_ask_messages(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    if (a->messages == NULL) a->messages = json_array();
    if (a->messages == NULL) return hth_ask_nomem(err);
    for (size_t i = 0; i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(read_message(a, json_array_get(v, i), at, err));
    }
    return HTH_OK;
}

HthStatus hth_ask_find_prefill(HthAsk *a, HthErr *err) {
    const json_t *last = hth_ask_last(a);
    a->prefill = hth_str_eq(hth_ask_text(json_object_get(last, "role")), HTH_STR("assistant")) &&
                 json_object_get(last, "tool_calls") == NULL &&
                 json_string_length(json_object_get(last, "content")) > 0;
    HTH_REQUIRE(!a->prefill || a->think != 1, err, HTH_EINVAL,
                "messages: the last one begins the answer, so that there can be no thinking");
    if (a->prefill) a->think = 0;
    return HTH_OK;
}

/* ---- tools ---- */

/* Templates look into it. */
static json_t *no_parameters(void) {
    json_t *schema = json_object();
    int bad = json_object_set_new(schema, "type", json_string("object")) != 0;
    bad |= json_object_set_new(schema, "properties", json_object()) != 0;
    if (!bad) return schema;
    json_decref(schema);
    return NULL;
}

HthStatus hth_ask_add_tool(HthAsk *a, const char *path, json_t *name, json_t *description,
                           json_t *parameters, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s = HTH_STR("");
    hth_ask_path(at, path, "name");
    HTH_TRY(hth_ask_str(name, at, NAME_BYTES_MAX, &s, err));
    HTH_REQUIRE(s.n > 0, err, HTH_EINVAL, "%s: must not be empty", at);
    hth_ask_path(at, path, "description");
    if (description) HTH_TRY(hth_ask_str(description, at, CONTENT_BYTES_MAX, &s, err));
    hth_ask_path(at, path, "parameters");
    if (parameters && !json_is_object(parameters))
        return hth_ask_wrong(err, at, "a JSON schema (an object)", parameters);
    if (a->tools == NULL) a->tools = json_array();
    if (a->tools == NULL) return hth_ask_nomem(err);
    json_t *tool = json_object(), *f = json_object();
    int bad = json_object_set_new(tool, "type", json_string("function")) != 0;
    bad |= json_object_set_new(tool, "function", f) != 0; /* lives as long as tool does */
    bad = bad || json_object_set(f, "name", name) != 0;
    bad = bad || (description && json_object_set(f, "description", description) != 0);
    bad = bad ||
          json_object_set_new(f, "parameters",
                              parameters && json_object_size(parameters) ? json_incref(parameters)
                                                                         : no_parameters()) != 0;
    if (bad) json_decref(tool);
    bad = bad || json_array_append_new(a->tools, tool) != 0;
    return bad ? hth_ask_nomem(err) : HTH_OK;
}

/* [{type: "function", function: {name, description, parameters}}], or without the inner object as
 * Responses writes them. */
HthStatus hth_ask_tools(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE], inner[HTH_PATH_SIZE];
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    HTH_REQUIRE(json_array_size(v) <= TOOLS_MAX, err, HTH_ELIMIT,
                "%s: has %zu tools; at most %d are read", path, json_array_size(v), TOOLS_MAX);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *tool = json_array_get(v, i);
        hth_ask_path_at(at, path, i);
        if (!json_is_object(tool)) return hth_ask_wrong(err, at, "an object", tool);
        const json_t *type = hth_ask_get(tool, "type"), *f = hth_ask_get(tool, "function");
        HTH_REQUIRE(!type || hth_str_eq(hth_ask_text(type), HTH_STR("function")), err, HTH_ENOTSUP,
                    "%s.type: only \"function\" tools are supported", at);
        if (f && !json_is_object(f)) return hth_ask_wrong(err, at, "a function (an object)", f);
        hth_ask_path(inner, at, f ? "function" : "");
        if (f == NULL) memcpy(inner, at, sizeof inner);
        f = f ? f : tool;
        HTH_TRY(hth_ask_add_tool(a, inner, hth_ask_get(f, "name"), hth_ask_get(f, "description"),
                                 hth_ask_get(f, "parameters"), err));
    }
    return HTH_OK;
}

/* "auto" | "none" | "required" | {type: "function", function: {name}} | {type: "function", name} */
HthStatus hth_ask_tool_choice(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "auto", "none", "required", NULL };
    static const HthToolChoice choices[] = { HTH_TOOLS_AUTO, HTH_TOOLS_NONE, HTH_TOOLS_REQUIRED };
    char at[HTH_PATH_SIZE];
    size_t i;
    if (!json_is_object(v)) {
        HTH_TRY(hth_ask_word(v, path, words, &i, err));
        a->choice = choices[i];
        return HTH_OK;
    }
    const json_t *type = hth_ask_get(v, "type"), *f = hth_ask_get(v, "function");
    HTH_REQUIRE(hth_str_eq(hth_ask_text(type), HTH_STR("function")), err, HTH_ENOTSUP,
                "%s.type: only \"function\" is supported", path);
    hth_ask_path(at, path, f ? "function.name" : "name");
    a->choice = HTH_TOOLS_NAMED;
    return hth_ask_str(hth_ask_get(f ? f : v, "name"), at, NAME_BYTES_MAX, &a->choice_name, err);
}

HthStatus hth_ask_tools_check(HthAsk *a, HthErr *err) {
    if (a->choice == HTH_TOOLS_AUTO || a->choice == HTH_TOOLS_NONE) return HTH_OK;
    HTH_REQUIRE(json_array_size(a->tools) > 0, err, HTH_EINVAL,
                "tool_choice: asks for a call, but there are no tools");
    if (a->choice != HTH_TOOLS_NAMED) return HTH_OK;
    for (size_t i = 0; i < json_array_size(a->tools); i++) {
        const json_t *f = json_object_get(json_array_get(a->tools, i), "function");
        if (hth_str_eq(hth_ask_text(json_object_get(f, "name")), a->choice_name)) return HTH_OK;
    }
    return HTH_FAIL(err, HTH_EINVAL, "tool_choice: names a function that is not among the tools");
}
