/* ollama.c - Ollama's generate, chat, embed and embeddings: requests, and the table of endpoints.
 * What is answered is in ollama_out.c.
 *
 * A prompt that is too long is cut only when `truncate` is given as true: the original cuts by
 * default and says nothing.
 *
 * Thread: as ask.h. */
#include "serve/ollama.h"

#include "serve/ask_read.h"

enum { DIMENSIONS_MAX = 1 << 20, CTX_MAX = 1 << 28 };

#define FIELDS(a, obj, at, tab)                                                                    \
    HTH_TRY(hth_ask_fields((a), (obj), (at), (tab), HTH_COUNT(tab), err))

static HthStatus read_options(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_U32("num_ctx", ctx, 0, CTX_MAX),
        HTH_F_READ("num_predict", hth_ask_num_predict),
        HTH_F_READ("seed", hth_ask_seed),
        HTH_F_READ("stop", hth_ask_stop),
        HTH_F_NUM("temperature", "temperature", 0, 1e300),
        HTH_F_NUM("top_p", "top_p", 0, 1),
        HTH_F_NUM("presence_penalty", "presence_penalty", -1e300, 1e300),
        HTH_F_NUM("frequency_penalty", "frequency_penalty", -1e300, 1e300),
    };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    FIELDS(a, v, path, fields);
    return hth_ask_fields(a, v, path, hth_fields_sampling, hth_fields_sampling_count, err);
}

static const HthField shared_fields[] = {
    HTH_F_READ("options", read_options),
    HTH_F_BOOL("truncate", truncate),
};

static HthStatus read_render(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    bool render = false;
    HTH_TRY(hth_ask_bool(v, path, &render, err));
    if (render) a->kind = HTH_ASK_RENDER;
    return HTH_OK;
}

static HthStatus read_think(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    HTH_TRY(hth_ask_think(a, v, path, err));
    a->think_must = a->think == 1;
    return HTH_OK;
}

static const HthField words_fields[] = {
    HTH_F_READ("format", hth_ask_ollama_format),
    HTH_F_READ("think", read_think),
    HTH_F_BOOL("logprobs", logprobs),
    HTH_F_U32("top_logprobs", top, 0, HTH_JOB_TOP_MAX),
    HTH_F_REFUSE("shift", 0, 0),
    HTH_F_READ("_debug_render_only", read_render),
};

static HthStatus read_shared(HthAsk *a, HthErr *err) {
    HTH_TRY(hth_ask_fields(a, a->body, "", hth_fields_common, hth_fields_common_count, err));
    HTH_REQUIRE(a->model.n > 0, err, HTH_EINVAL, "model: is required");
    FIELDS(a, a->body, "", shared_fields);
    return HTH_OK;
}

static HthStatus read_words(HthAsk *a, HthErr *err) {
    a->stream = true; /* unless it says otherwise */
    HTH_TRY(read_shared(a, err));
    FIELDS(a, a->body, "", words_fields);
    if (!a->logprobs) a->top = 0;
    return HTH_OK;
}

static HthStatus read_chat(HthAsk *a, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_READ("tools", hth_ask_tools),
        HTH_F_READ("tool_choice", hth_ask_tool_choice),
        HTH_F_READ("messages", hth_ask_messages),
    };
    a->kind = HTH_ASK_CHAT;
    HTH_TRY(read_words(a, err));
    FIELDS(a, a->body, "", fields);
    HTH_TRY(hth_ask_tools_check(a, err));
    if (json_array_size(a->messages) == 0) a->kind = HTH_ASK_LOAD;
    return hth_ask_find_prefill(a, err);
}

/* ---- generate ---- */

static HthStatus ask_question(HthAsk *a, HthStr system, HthStr prompt, HthErr *err) {
    if (system.n > 0)
        HTH_TRY(hth_ask_add_message(a, "system", json_stringn(system.p, system.n), err));
    return hth_ask_add_message(a, "user", json_stringn(prompt.p, prompt.n), err);
}

/* What an earlier answer gave: the conversation so far, as tokens. */
static HthStatus read_context(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    if (json_is_array(v) && json_array_size(v) == 0) return HTH_OK;
    HTH_TRY(hth_ask_ids(v, path, err));
    a->context = v;
    return HTH_OK;
}

static HthStatus read_generate(HthAsk *a, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_STR("suffix", suffix, 1e15),
        HTH_F_STR("system", system, 1e15),
        HTH_F_STR("template", template_text, 1e6),
        HTH_F_BOOL("raw", raw),
        HTH_F_REFUSE("images", 0, 0),
        HTH_F_READ("context", read_context),
    };
    static const HthField prompt[] = { HTH_F_READ("prompt", hth_ask_prompts) };
    a->kind = HTH_ASK_CHAT;
    HTH_TRY(read_words(a, err));
    FIELDS(a, a->body, "", fields);
    const json_t *text = hth_ask_get(a->body, "prompt");
    if (text && !json_is_string(text)) return hth_ask_wrong(err, "prompt", "a string", text);
    if (text) FIELDS(a, a->body, "", prompt);
    HTH_REQUIRE(!a->raw || (a->system.n == 0 && a->template_text.n == 0), err, HTH_EINVAL,
                "raw: takes no system and no template");
    HTH_REQUIRE(a->suffix.n == 0 || a->template_text.n == 0, err, HTH_EINVAL,
                "template: does not go with suffix, which is filled in without one");
    HTH_REQUIRE(!a->context || (!a->raw && a->suffix.n == 0), err, HTH_EINVAL,
                "context: goes with neither raw nor suffix");
    const HthStr system = a->system;
    a->system = HTH_STR("");
    if (a->prompt_count == 0 || (a->prompts[0].text.n == 0 && a->suffix.n == 0)) {
        a->kind = HTH_ASK_LOAD;
        a->prompt_count = 0;
        return HTH_OK;
    }
    if (a->suffix.n > 0)
        a->kind = HTH_ASK_INFILL;
    else if (a->raw)
        a->kind = HTH_ASK_TEXT;
    else
        HTH_TRY(ask_question(a, system, a->prompts[0].text, err));
    if (a->messages) a->prompt_count = 0; /* it is a message now */
    return HTH_OK;
}

/* ---- embed ---- */

/* A single empty text is no text: the model is loaded. */
static HthStatus read_input(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    if (json_is_string(v))
        return json_string_length(v) > 0 ? hth_ask_prompts(a, v, path, err) : HTH_OK;
    return hth_ask_prompt_list(a, v, path, err);
}

static HthStatus read_vectors(HthAsk *a, const HthField *tab, size_t n, HthErr *err) {
    a->kind = HTH_ASK_EMBED;
    HTH_TRY(read_shared(a, err));
    HTH_TRY(hth_ask_fields(a, a->body, "", tab, n, err));
    a->stream = false;
    if (a->prompt_count == 0) a->kind = HTH_ASK_LOAD;
    return HTH_OK;
}

static HthStatus read_embed(HthAsk *a, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_READ("input", read_input),
        HTH_F_U32("dimensions", dimensions, 0, DIMENSIONS_MAX),
    };
    return read_vectors(a, fields, HTH_COUNT(fields), err);
}

static HthStatus read_embedding(HthAsk *a, HthErr *err) {
    static const HthField fields[] = { HTH_F_READ("prompt", read_input) };
    const json_t *text = hth_ask_get(a->body, "prompt");
    if (text && !json_is_string(text)) return hth_ask_wrong(err, "prompt", "a string", text);
    return read_vectors(a, fields, HTH_COUNT(fields), err);
}

static HthStatus chat(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_chat);
}

static HthStatus generate(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_generate);
}

static HthStatus embed(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_embed);
}

static HthStatus embeddings(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_embedding);
}

const HthApi hth_api_ollama[] = {
    { HTH_ROUTE_OLLAMA_CHAT, "POST", "/api/chat", chat, hth_ollama_open_chat, hth_ollama_error },
    { HTH_ROUTE_OLLAMA_TEXT, "POST", "/api/generate", generate, hth_ollama_open_generate,
      hth_ollama_error },
    { HTH_ROUTE_OLLAMA_EMBED, "POST", "/api/embed", embed, hth_ollama_open_embed,
      hth_ollama_error },
    { HTH_ROUTE_OLLAMA_EMBED_2, "POST", "/api/embeddings", embeddings, hth_ollama_open_embedding,
      hth_ollama_error },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_api_ollama, OLLAMA);
