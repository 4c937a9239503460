/* chat_file.c - conversations on disk: /save and /load.
 *
 *   { "hearth_chat": 1, "system": text, "parameters": { name: text, ... }, "stop": [text, ...],
 *     "dry_sequence_breaker": [text, ...], "messages": [ { "role": ..., "content": ... }, ... ] }
 *
 * Thread: the main thread. */
#include <string.h>

#include "cli/chat.h"

enum { FILE_VERSION = 1 };

/* ---- writing -------------------------------------------------------------------------------- */

/* The lines of hth_chat_print_params as an object, without what has its own place. */
static json_t *params_json(const HthChat *c, HthErr *err) {
    HthBuf b;
    json_t *o = json_object();
    hth_buf_init(&b, 1 << 20);
    if (o == NULL || hth_chat_print_params(c, &b, err) != HTH_OK) goto fail;
    HthStr rest = hth_buf_str(&b);
    while (rest.n > 0) {
        size_t end = hth_str_find(rest, HTH_STR("\n"));
        HthStr line = hth_str_sub(rest, 0, end);
        rest = hth_str_sub(rest, end + 1, SIZE_MAX);
        HthStr name = hth_str_sub(line, 0, hth_str_find(line, HTH_STR(" ")));
        HthStr value = hth_str_trim(hth_str_sub(line, name.n, SIZE_MAX));
        if (hth_str_eq(name, HTH_STR("stop")) ||
            hth_str_eq(name, HTH_STR("dry_sequence_breaker")) ||
            (hth_str_eq(name, HTH_STR("seed")) && !c->seed_given))
            continue;
        if (json_object_setn_new(o, name.p, name.n, json_stringn(value.p, value.n)) != 0) goto fail;
    }
    hth_buf_drop(&b);
    return o;
fail:
    hth_buf_drop(&b);
    json_decref(o);
    return NULL;
}

static json_t *texts_json(const HthStr *texts, size_t n) {
    json_t *a = json_array();
    for (size_t i = 0; a != NULL && i < n; i++)
        if (json_array_append_new(a, hth_json_str(texts[i])) != 0) {
            json_decref(a);
            a = NULL;
        }
    return a;
}

HthStatus hth_chat_save(const HthChat *c, const char *path, HthErr *err) {
    HthStr system = hth_buf_str(&c->system);
    HthBuf b;
    hth_buf_init(&b, HTH_CHAT_FILE_MAX);
    json_t *o = json_pack("{s:i, s:o, s:o, s:o, s:o, s:O}", "hearth_chat", FILE_VERSION, "system",
                          json_stringn(system.p, system.n), "parameters", params_json(c, err),
                          "stop", texts_json(c->stops, c->stop_count), "dry_sequence_breaker",
                          texts_json(c->params.dry_breakers, c->params.dry_breaker_count),
                          "messages", c->messages);
    HthStatus st = o == NULL ? HTH_FAIL(err, HTH_ENOMEM, "out of memory for saving the chat")
                             : hth_json_write(&b, o, 2, err);
    if (st == HTH_OK) st = hth_buf_add_char(&b, '\n', err);
    if (st == HTH_OK)
        st = c->keeper != NULL ? hth_keeper_save(c->keeper, path, hth_buf_str(&b), err)
                               : hth_file_write(path, hth_buf_str(&b).p, b.n, 0600, err);
    json_decref(o);
    hth_buf_drop(&b);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

static HthStr text_of(const json_t *s) {
    return (HthStr){ json_string_value(s), json_string_length(s) };
}

static HthStatus check_messages(const json_t *messages, HthErr *err) {
    HTH_REQUIRE(json_is_array(messages), err, HTH_EFORMAT, "the chat file has no messages array");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *m = json_array_get(messages, i);
        HTH_REQUIRE(json_is_string(json_object_get(m, "role")) &&
                        json_is_string(json_object_get(m, "content")),
                    err, HTH_EFORMAT, "message %zu of the chat file lacks role or content", i);
    }
    return HTH_OK;
}

static HthStatus set_texts(HthChat *c, const char *name, const json_t *texts, HthErr *err) {
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *s = json_array_get(texts, i);
        HTH_REQUIRE(json_is_string(s), err, HTH_EFORMAT, "%s in the chat file must hold texts",
                    name);
        HTH_TRY(hth_chat_set(c, name, text_of(s), err));
    }
    return HTH_OK;
}

static HthStatus set_params(HthChat *c, json_t *params, HthErr *err) {
    const char *name;
    json_t *value;
    json_object_foreach(params, name, value) {
        HTH_REQUIRE(json_is_string(value), err, HTH_EFORMAT,
                    "the parameters in the chat file must be texts");
        HTH_TRY(hth_chat_set(c, name, text_of(value), err));
    }
    return HTH_OK;
}

bool hth_chat_is_saved(const json_t *o) {
    const json_t *version = json_object_get(o, "hearth_chat");
    return json_is_integer(version) && json_integer_value(version) == FILE_VERSION;
}

static HthStatus apply(HthChat *c, json_t *o, HthErr *err) {
    HTH_REQUIRE(hth_chat_is_saved(o), err, HTH_EFORMAT, "this is not a chat saved by hearth");
    HTH_TRY(check_messages(json_object_get(o, "messages"), err));
    hth_sample_defaults(&c->params);
    c->seed_given = false;
    c->stop_count = 0;
    c->num_predict = 0;
    HTH_TRY(set_params(c, json_object_get(o, "parameters"), err));
    HTH_TRY(set_texts(c, "stop", json_object_get(o, "stop"), err));
    HTH_TRY(hth_chat_set(c, "dry_sequence_breaker", HTH_STR("none"), err));
    HTH_TRY(set_texts(c, "dry_sequence_breaker", json_object_get(o, "dry_sequence_breaker"), err));
    const json_t *system = json_object_get(o, "system");
    HTH_TRY(hth_chat_system(c, json_is_string(system) ? text_of(system) : HTH_STR(""), err));
    json_decref(c->messages);
    c->messages = json_incref(json_object_get(o, "messages"));
    return HTH_OK;
}

HthStatus hth_chat_load(HthChat *c, const char *path, HthErr *err) {
    static HthSampleParams params; /* 17 KB: too large for the stack of a small thread */
    HthStr stops[HTH_STOPS_MAX];
    size_t stop_count = c->stop_count;
    bool seed_given = c->seed_given;
    uint32_t num_predict = c->num_predict, ctx = c->cfg.ctx;
    HthBuf b;
    json_t *o = NULL;
    params = c->params;
    memcpy(stops, c->stops, sizeof stops);
    hth_buf_init(&b, HTH_CHAT_FILE_MAX);
    HthStatus st = c->keeper != NULL ? hth_keeper_load(c->keeper, path, &b, err)
                                     : hth_file_read(&b, path, err);
    if (st == HTH_OK) st = hth_json_parse(&o, hth_buf_str(&b), HTH_CHAT_FILE_MAX, err);
    if (st == HTH_OK) st = apply(c, o, err);
    if (st != HTH_OK) { /* as it was */
        c->params = params;
        memcpy(c->stops, stops, sizeof stops);
        c->stop_count = stop_count;
        c->seed_given = seed_given;
        c->num_predict = num_predict;
        (void)hth_chat_context(c, ctx, NULL); /* the larger one stays if memory is short */
    }
    json_decref(o);
    hth_buf_drop(&b);
    return st;
}
