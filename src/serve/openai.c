/* openai.c - OpenAI's chat/completions, completions and embeddings: requests, and the table of
 * endpoints. What is answered is in openai_out.c.
 *
 * Beyond the original's fields those of llama.cpp's and vLLM's servers of the same API are read:
 * samplers, grammars, chat_template_kwargs, num_ctx.
 *
 * Thread: as ask.h. */
#include "serve/openai.h"

#include <string.h>

#include "serve/ask_read.h"

enum { ANSWERS_MAX = 128, DIMENSIONS_MAX = 1 << 20 };

#define FIELDS(a, body, tab, n) HTH_TRY(hth_ask_fields((a), (body), "", (tab), (n), err))

static HthStatus read_stream_options(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = { HTH_F_BOOL("include_usage", usage_in_stream) };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    return hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err);
}

static HthStatus read_modalities(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    (void)a;
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    for (size_t i = 0; i < json_array_size(v); i++)
        HTH_REQUIRE(hth_str_eq(hth_ask_text(json_array_get(v, i)), HTH_STR("text")), err,
                    HTH_ENOTSUP, "%s: only \"text\" is supported", path);
    return HTH_OK;
}

static HthStatus read_verbosity(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    (void)a;
    HTH_REQUIRE(hth_str_eq(hth_ask_text(v), HTH_STR("medium")), err, HTH_ENOTSUP,
                "%s: only \"medium\" is supported", path);
    return HTH_OK;
}

static const HthField drawing[] = {
    HTH_F_NUM("temperature", "temperature", 0, 2),
    HTH_F_NUM("top_p", "top_p", 0, 1),
    HTH_F_NUM("presence_penalty", "presence_penalty", -2, 2),
    HTH_F_NUM("frequency_penalty", "frequency_penalty", -2, 2),
    HTH_F_READ("stop", hth_ask_stop),
    HTH_F_U32("n", n, 1, ANSWERS_MAX),
    HTH_F_READ("stream_options", read_stream_options),
};

static const HthField chat_fields[] = {
    HTH_F_READ("max_tokens", hth_ask_max_tokens),
    HTH_F_READ("max_completion_tokens", hth_ask_max_tokens),
    HTH_F_BOOL("logprobs", logprobs),
    HTH_F_U32("top_logprobs", top, 0, HTH_JOB_TOP_MAX),
    HTH_F_READ("response_format", hth_ask_response_format),
    HTH_F_READ("tools", hth_ask_tools),
    HTH_F_READ("tool_choice", hth_ask_tool_choice),
    HTH_F_BOOL("parallel_tool_calls", parallel_tools),
    HTH_F_READ("think", hth_ask_think),
    HTH_F_READ("thinking", hth_ask_thinking),
    HTH_F_READ("reasoning", hth_ask_reasoning),
    HTH_F_READ("reasoning_effort", hth_ask_effort),
    HTH_F_READ("modalities", read_modalities),
    HTH_F_READ("verbosity", read_verbosity),
    HTH_F_BOOL("continue_final_message", prefill),
    HTH_F_REFUSE("audio", 0, 0),
    HTH_F_REFUSE("web_search_options", 0, 0),
    HTH_F_REFUSE("functions", 0, 0),
    HTH_F_REFUSE("function_call", 0, 0),
};

/* What the fields say together. */
static HthStatus check_chat(HthAsk *a, HthErr *err) {
    HTH_REQUIRE(json_array_size(a->messages) > 0, err, HTH_EINVAL,
                "messages: must have at least one message");
    HTH_REQUIRE(a->top == 0 || a->logprobs, err, HTH_EINVAL,
                "top_logprobs: needs logprobs to be true");
    const bool go_on = a->prefill;
    if (go_on) HTH_TRY(hth_ask_find_prefill(a, err));
    HTH_REQUIRE(a->prefill == go_on, err, HTH_EINVAL,
                "continue_final_message: the last message is not the assistant's, or says nothing");
    return hth_ask_tools_check(a, err);
}

static HthStatus read_chat(HthAsk *a, HthErr *err) {
    static const HthField messages[] = { HTH_F_READ("messages", hth_ask_messages) };
    a->kind = HTH_ASK_CHAT;
    FIELDS(a, a->body, hth_fields_common, hth_fields_common_count);
    FIELDS(a, a->body, hth_fields_sampling, hth_fields_sampling_count);
    FIELDS(a, a->body, drawing, HTH_COUNT(drawing));
    FIELDS(a, a->body, hth_fields_format, hth_fields_format_count);
    FIELDS(a, a->body, chat_fields, HTH_COUNT(chat_fields));
    FIELDS(a, a->body, messages, HTH_COUNT(messages));
    return check_chat(a, err);
}

HthStatus hth_openai_read_chat(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_chat);
}

/* ---- completions ---- */

/* So many alternatives; the chosen one comes as well. true is llama.cpp's way. */
static HthStatus read_logprobs(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t n = 0;
    if (json_is_boolean(v)) return hth_ask_bool(v, path, &a->logprobs, err);
    HTH_TRY(hth_ask_int(v, path, 0, HTH_JOB_TOP_MAX, &n, err));
    a->logprobs = true;
    a->top = (uint32_t)n;
    return HTH_OK;
}

static HthStatus read_max_tokens(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    a->predict_none = json_is_number(v) && json_number_value(v) == 0;
    if (!a->predict_none) return hth_ask_max_tokens(a, v, path, err);
    a->predict_max = 1;
    return HTH_OK;
}

static HthStatus read_best_of(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t best;
    HTH_TRY(hth_ask_int(v, path, 1, ANSWERS_MAX, &best, err));
    HTH_REQUIRE(best <= a->n, err, HTH_ENOTSUP,
                "%s: choosing among more answers than n is not supported", path);
    return HTH_OK;
}

static HthStatus read_suffix(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    HTH_TRY(hth_ask_str(v, path, SIZE_MAX, &a->suffix, err));
    if (a->suffix.n > 0) a->kind = HTH_ASK_INFILL;
    return HTH_OK;
}

static const HthField text_fields[] = {
    HTH_F_READ("max_tokens", read_max_tokens),
    HTH_F_READ("logprobs", read_logprobs),
    HTH_F_READ("response_format", hth_ask_response_format),
    HTH_F_READ("best_of", read_best_of),
    HTH_F_BOOL("echo", echo),
    HTH_F_READ("suffix", read_suffix),
    HTH_F_READ("prompt", hth_ask_prompts),
    HTH_F_REFUSE("prompt_embeds", 0, 0),
    HTH_F_REFUSE("prompt_logprobs", 0, 0),
};

static HthStatus check_text(const HthAsk *a, HthErr *err) {
    HTH_REQUIRE(a->prompt_count > 0, err, HTH_EINVAL, "prompt: must be given");
    HTH_REQUIRE(!a->echo || !a->logprobs, err, HTH_ENOTSUP,
                "echo: together with logprobs is not supported");
    for (size_t i = 0; i < a->prompt_count; i++) {
        HTH_REQUIRE(!a->prompts[i].ids || a->kind == HTH_ASK_TEXT, err, HTH_ENOTSUP,
                    "suffix: needs prompts that are texts");
        HTH_REQUIRE(!a->prompts[i].ids || !a->echo || a->prompt_count == 1, err, HTH_ENOTSUP,
                    "echo: with several prompts these must be texts");
    }
    HTH_REQUIRE(a->kind == HTH_ASK_TEXT || a->prompt_count == 1, err, HTH_ENOTSUP,
                "suffix: with several prompts is not supported");
    return HTH_OK;
}

static HthStatus read_text(HthAsk *a, HthErr *err) {
    a->kind = HTH_ASK_TEXT;
    FIELDS(a, a->body, hth_fields_common, hth_fields_common_count);
    FIELDS(a, a->body, hth_fields_sampling, hth_fields_sampling_count);
    FIELDS(a, a->body, drawing, HTH_COUNT(drawing));
    FIELDS(a, a->body, hth_fields_format, hth_fields_format_count);
    FIELDS(a, a->body, text_fields, HTH_COUNT(text_fields));
    return check_text(a, err);
}

static HthStatus read_completion(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_text);
}

/* ---- embeddings ---- */

static HthStatus read_encoding(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "float", "base64", NULL };
    size_t i;
    HTH_TRY(hth_ask_word(v, path, words, &i, err));
    a->base64 = i == 1;
    return HTH_OK;
}

static HthStatus read_embed(HthAsk *a, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_READ("input", hth_ask_prompts),
        HTH_F_READ("encoding_format", read_encoding),
        HTH_F_U32("dimensions", dimensions, 1, DIMENSIONS_MAX),
        HTH_F_BOOL("truncate", truncate),
    };
    a->kind = HTH_ASK_EMBED;
    FIELDS(a, a->body, hth_fields_common, hth_fields_common_count);
    FIELDS(a, a->body, fields, HTH_COUNT(fields));
    HTH_REQUIRE(a->prompt_count > 0, err, HTH_EINVAL, "input: must be given");
    for (size_t i = 0; i < a->prompt_count; i++)
        HTH_REQUIRE(a->prompts[i].ids || a->prompts[i].text.n > 0, err, HTH_EINVAL,
                    "input: must not hold an empty text (number %zu)", i);
    a->stream = false;
    return HTH_OK;
}

static HthStatus read_embeddings(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_embed);
}

const HthApi hth_api_openai[] = {
    { HTH_ROUTE_OPENAI_CHAT, "POST", "/v1/chat/completions", hth_openai_read_chat, hth_openai_open,
      hth_openai_error },
    { HTH_ROUTE_OPENAI_CHAT_2, "POST", "/chat/completions", hth_openai_read_chat, hth_openai_open,
      hth_openai_error },
    { HTH_ROUTE_OPENAI_TEXT, "POST", "/v1/completions", read_completion, hth_openai_open,
      hth_openai_error },
    { HTH_ROUTE_OPENAI_EMBED, "POST", "/v1/embeddings", read_embeddings, hth_openai_open,
      hth_openai_error },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_api_openai, OPENAI);
