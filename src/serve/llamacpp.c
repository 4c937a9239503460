/* llamacpp.c - llama.cpp's own endpoints: completion, infill, embedding, rerank, apply-template and
 * input_tokens: requests, and the table of endpoints. What is answered is in llamacpp_out.c.
 *
 * Thread: as ask.h. */
#include "serve/llamacpp.h"

#include "base/mem.h"
#include "serve/ask_read.h"
#include "serve/openai.h"

enum { ANSWERS_MAX = 128, TEXT_BYTES_MAX = 1 << 28 };

#define FIELDS(a, tab, n) HTH_TRY(hth_ask_fields((a), (a)->body, "", (tab), (n), err))

/* ---- completion and infill ---- */

/* -1: no limit. 0: the prompt is computed, nothing is said. */
static HthStatus read_predict(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    a->predict_none = json_is_number(v) && json_number_value(v) == 0;
    if (!a->predict_none) return hth_ask_num_predict(a, v, path, err);
    a->predict_max = 1;
    return HTH_OK;
}

static HthStatus read_probs(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t n;
    if (json_is_false(v)) return HTH_OK;
    HTH_TRY(hth_ask_int(v, path, 0, HTH_JOB_TOP_MAX, &n, err));
    a->logprobs = n > 0;
    a->top = (uint32_t)n;
    return HTH_OK;
}

static const HthField drawing[] = {
    HTH_F_READ("max_tokens", read_predict),
    HTH_F_READ("max_completion_tokens", read_predict),
    HTH_F_READ("n_predict", read_predict),
    HTH_F_NUM("temperature", "temperature", -1e300, 1e300),
    HTH_F_NUM("top_p", "top_p", 0, 1),
    HTH_F_NUM("presence_penalty", "presence_penalty", -1e300, 1e300),
    HTH_F_NUM("frequency_penalty", "frequency_penalty", -1e300, 1e300),
    HTH_F_READ("stop", hth_ask_stop),
    HTH_F_READ("logprobs", read_probs),
    HTH_F_READ("n_probs", read_probs),
    HTH_F_U32("n", n, 1, ANSWERS_MAX),
    HTH_F_U32("n_cmpl", n, 1, ANSWERS_MAX),
    HTH_F_REFUSE("n_indent", 0, 0),
    HTH_F_REFUSE("t_max_predict_ms", -1e300, 0),
    HTH_F_REFUSE("post_sampling_probs", 0, 0),
    HTH_F_REFUSE("response_fields", 0, 0),
};

static HthStatus read_drawing(HthAsk *a, HthErr *err) {
    FIELDS(a, hth_fields_common, hth_fields_common_count);
    FIELDS(a, hth_fields_sampling, hth_fields_sampling_count);
    FIELDS(a, hth_fields_format, hth_fields_format_count);
    FIELDS(a, drawing, HTH_COUNT(drawing));
    if (a->seed == UINT32_MAX) a->seed_set = false; /* the original's word for any */
    return HTH_OK;
}

static HthStatus read_completion(HthAsk *a, HthErr *err) {
    static const HthField fields[] = { HTH_F_READ("prompt", hth_ask_prompts) };
    a->kind = HTH_ASK_TEXT;
    HTH_TRY(read_drawing(a, err));
    FIELDS(a, fields, HTH_COUNT(fields));
    HTH_REQUIRE(a->prompt_count > 0, err, HTH_EINVAL, "prompt: must be given");
    return HTH_OK;
}

static HthStatus read_extra(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const names[] = { "filename", "text" };
    char at[HTH_PATH_SIZE], inner[HTH_PATH_SIZE];
    HthStr s;
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *file = json_array_get(v, i);
        hth_ask_path_at(at, path, i);
        if (!json_is_object(file)) return hth_ask_wrong(err, at, "an object", file);
        for (size_t k = 0; k < HTH_COUNT(names); k++) {
            const json_t *text = hth_ask_get(file, names[k]);
            hth_ask_path(inner, at, names[k]);
            if (k == 0 && text == NULL) continue;
            HTH_TRY(hth_ask_str(text, inner, TEXT_BYTES_MAX, &s, err));
        }
    }
    if (json_array_size(v) > 0) a->infill_extra = v;
    return HTH_OK;
}

static HthStatus read_infill(HthAsk *a, HthErr *err) {
    static const HthField fields[] = { HTH_F_READ("input_prefix", hth_ask_prompts),
                                       HTH_F_STR("input_suffix", suffix, TEXT_BYTES_MAX),
                                       HTH_F_STR("prompt", middle, TEXT_BYTES_MAX),
                                       HTH_F_READ("input_extra", read_extra) };
    const json_t *prefix = hth_ask_get(a->body, "input_prefix");
    a->kind = HTH_ASK_INFILL;
    HTH_REQUIRE(prefix, err, HTH_EINVAL, "input_prefix: must be given");
    HTH_REQUIRE(hth_ask_get(a->body, "input_suffix"), err, HTH_EINVAL,
                "input_suffix: must be given");
    if (!json_is_string(prefix)) return hth_ask_wrong(err, "input_prefix", "a string", prefix);
    HTH_TRY(read_drawing(a, err));
    FIELDS(a, fields, HTH_COUNT(fields));
    return HTH_OK;
}

/* ---- embedding and rerank ---- */

static HthStatus read_embedding(HthAsk *a, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_READ("input", hth_ask_prompts),
        HTH_F_REFUSE("embd_normalize", 2, 2),
        HTH_F_BOOL("truncate", truncate),
    };
    static const HthField content[] = { HTH_F_READ("content", hth_ask_prompts) };
    a->kind = HTH_ASK_EMBED;
    FIELDS(a, hth_fields_common, hth_fields_common_count);
    FIELDS(a, fields, HTH_COUNT(fields));
    if (a->prompt_count == 0) FIELDS(a, content, HTH_COUNT(content));
    a->stream = false;
    HTH_REQUIRE(a->prompt_count > 0, err, HTH_EINVAL, "input: must be given");
    return HTH_OK;
}

/* ["text"] or [{text}], after the query. */
static HthStatus read_documents(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE], inner[HTH_PATH_SIZE];
    HthStr s;
    json_t *texts = json_array();
    if (!json_is_array(v)) {
        json_decref(texts);
        return hth_ask_wrong(err, path, "an array of strings", v);
    }
    HTH_TRY(hth_ask_keep(a, texts, err));
    for (size_t i = 0; i < json_array_size(v); i++) {
        json_t *document = json_array_get(v, i);
        hth_ask_path_at(at, path, i);
        hth_ask_path(inner, at, "text");
        const bool object = json_is_object(document);
        if (object) document = hth_ask_get(document, "text");
        HTH_TRY(hth_ask_str(document, object ? inner : at, TEXT_BYTES_MAX, &s, err));
        if (json_array_append(texts, document) != 0) return hth_ask_nomem(err);
    }
    return hth_ask_prompt_list(a, texts, path, err);
}

static HthStatus read_rerank(HthAsk *a, HthErr *err) {
    static const HthField fields[] = {
        HTH_F_READ("query", hth_ask_prompts), HTH_F_READ("documents", read_documents),
        HTH_F_READ("texts", read_documents),  HTH_F_U32("top_n", top_n, 0, UINT32_MAX),
        HTH_F_BOOL("truncate", truncate),
    };
    const json_t *query = hth_ask_get(a->body, "query");
    a->kind = HTH_ASK_RERANK;
    if (!json_is_string(query)) return hth_ask_wrong(err, "query", "a string", query);
    HTH_REQUIRE(!hth_ask_get(a->body, "documents") || !hth_ask_get(a->body, "texts"), err,
                HTH_EINVAL, "texts: documents are given as well; only one can hold");
    FIELDS(a, hth_fields_common, hth_fields_common_count);
    FIELDS(a, fields, HTH_COUNT(fields));
    a->stream = false;
    HTH_REQUIRE(a->prompt_count > 1, err, HTH_EINVAL, "documents: must have at least one");
    return HTH_OK;
}

static HthStatus completion(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_completion);
}

static HthStatus infill(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_infill);
}

static HthStatus embedding(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_embedding);
}

static HthStatus rerank(json_t *body, HthAsk *out, HthErr *err) {
    return hth_ask_read(body, out, err, read_rerank);
}

/* ---- about a chat, without having it ---- */

static HthStatus about_chat(json_t *body, HthAsk *out, HthAskKind kind, HthErr *err) {
    HTH_TRY(hth_openai_read_chat(body, out, err));
    out->kind = kind;
    out->stream = false;
    return HTH_OK;
}

static HthStatus apply_template(json_t *body, HthAsk *out, HthErr *err) {
    return about_chat(body, out, HTH_ASK_RENDER, err);
}

static HthStatus input_tokens(json_t *body, HthAsk *out, HthErr *err) {
    return about_chat(body, out, HTH_ASK_COUNT_TOKENS, err);
}

#define API(id, path, read)                                                                        \
    { HTH_ROUTE_##id, "POST", path, read, hth_llamacpp_open, hth_llamacpp_error }
const HthApi hth_api_llamacpp[] = {
    API(COMPLETION, "/completion", completion),
    API(COMPLETIONS, "/completions", completion),
    API(INFILL, "/infill", infill),
    API(EMBEDDING, "/embedding", embedding),
    API(EMBEDDINGS, "/embeddings", embedding),
    API(RERANK, "/rerank", rerank),
    API(RERANKING, "/reranking", rerank),
    API(V1_RERANK, "/v1/rerank", rerank),
    API(V1_RERANKING, "/v1/reranking", rerank),
    API(TEMPLATE, "/apply-template", apply_template),
    API(CHAT_COUNT, "/v1/chat/completions/input_tokens", input_tokens),
    API(CHAT_COUNT_2, "/chat/completions/input_tokens", input_tokens),
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_api_llamacpp, LLAMACPP);
