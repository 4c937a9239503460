/* ask.h - a request of any API in one neutral form, and the way back.
 *
 * openai.c, responses.c, ollama.c, anthropic.c and llamacpp.c each read their own JSON into an
 * HthAsk and write deltas and results in their own words; none of them knows engines or sockets,
 * and nothing above them knows JSON of an API.
 *
 * Reading: a field the original ignores is ignored; a field it honours and hearth cannot is ENOTSUP
 * naming it; a wrong type or range is EINVAL naming the field.  All strings are borrowed from
 * `body`, which the ask owns.
 *
 * Thread: an ask and a face belong to one exchange. */
#ifndef HTH_SERVE_ASK_H
#define HTH_SERVE_ASK_H

#include "base/json.h"
#include "model/adapter.h"
#include "run/sample.h"
#include "sched/engine.h"
#include "serve/policy.h"
#include "text/reply.h"

typedef enum HthAskKind {
    HTH_ASK_CHAT, /* messages through the template */
    HTH_ASK_TEXT, /* prompts as they are */
    HTH_ASK_INFILL, /* prefix and suffix through the model's fill-in-the-middle tokens */
    HTH_ASK_EMBED,
    HTH_ASK_RERANK,
    HTH_ASK_COUNT_TOKENS, /* of what CHAT would send */
    HTH_ASK_LOAD, /* nothing to say: load the model, or unload it when keep_alive is 0 */
    HTH_ASK_RENDER /* the prompt that CHAT would send */
} HthAskKind;

typedef enum HthFormat {
    HTH_FORMAT_TEXT,
    HTH_FORMAT_JSON,
    HTH_FORMAT_SCHEMA,
    HTH_FORMAT_GBNF,
    HTH_FORMAT_REGEX,
    HTH_FORMAT_CHOICE
} HthFormat;

/* A text or ready tokens. */
typedef struct HthPrompt {
    HthStr text;
    json_t *ids; /* array of numbers instead of text; borrowed. NULL: text */
} HthPrompt;

enum { HTH_ASK_PROMPTS_MAX = 2048 };
typedef struct HthAsk {
    json_t *body; /* owned */
    HthAskKind kind;
    HthStr model; /* empty: whatever is loaded, or the default */
    /* chat: [{role, content, reasoning_content?, tool_calls?, tool_call_id?, name?}] as templates
     * know them: content a string, roles checked, arguments of tool calls an object. Owned. */
    json_t *messages;
    json_t *tools; /* [{type: "function", function: {...}}], owned; NULL: none */
    HthToolChoice choice;
    HthStr choice_name;
    bool parallel_tools;
    json_t *template_vars; /* chat_template_kwargs; borrowed. NULL: none */
    int think; /* -1: the model's default, 0: off, 1: on */
    bool think_must; /* think: a model that cannot is refused */
    HthStr effort; /* reasoning_effort, think: "high"; empty: none */
    HthPrompt *prompts; /* TEXT, EMBED; RERANK: [0] is the query. Owned array */
    size_t prompt_count;
    HthStr suffix; /* INFILL: prompts[0] before, suffix after */
    HthStr middle; /* INFILL: what is between begins so; after the token that asks for it */
    /* Ollama generate: override the model's; empty: do not. A system text given is messages[0]
     * already, and `system` stays empty. */
    HthStr system, template_text;
    bool raw; /* TEXT: exactly as given, no BOS */
    HthFormat format;
    const json_t *schema; /* SCHEMA; CHOICE: array of strings. Borrowed */
    HthStr grammar; /* GBNF, REGEX */
    /* {"temperature": 0.7, ...}: names of hth_sample_set(), values as given: numbers, texts, or
     * arrays of texts to be set one after another; see hth_ask_sample(). Owned */
    json_t *params;
    bool seed_set;
    uint64_t seed;
    HthStr stops[HTH_JOB_STOPS_MAX];
    size_t stop_count;
    uint32_t predict_max; /* 0: until the model ends */
    uint32_t ctx; /* num_ctx; 0: the server's */
    uint32_t n; /* answers; 1 */
    bool stream, echo, ignore_end, logprobs, usage_in_stream, truncate, store, no_cache;
    uint32_t top; /* logprobs: alternatives */
    bool base64; /* embeddings */
    uint32_t dimensions, top_n; /* EMBED, RERANK; 0: all */
    bool keep_alive_set;
    int64_t keep_alive_s; /* negative: for ever */
    HthStr user; /* as the client says; for the log, never for rights */
    int32_t priority;
    HthStr previous; /* responses: previous_response_id */
    json_t *extra; /* owned: values made while reading, which fields above borrow */
    /* Nothing is to be said (n_predict 0): predict_max is 1 then, and the faces leave the word
     * out. */
    bool predict_none;
    bool prefill; /* CHAT: the last message, the assistant's, is how the answer begins */
    bool keep_thinking; /* reasoning stays in the text (reasoning_format "none") */
    bool instructions; /* responses: messages[0] is of this ask only, not of the conversation */
    uint32_t think_max; /* tokens of reasoning at most; 0: no limit */
    json_t *context; /* Ollama generate: ids to stand before the prompt's; borrowed. NULL: none */
    json_t *infill_extra; /* INFILL: [{filename, text}], files around; borrowed. NULL: none */
    bool adapters_set; /* these, and no others; else as the server's settings say */
    uint32_t adapter_count;
    struct {
        uint32_t id; /* among those the model was loaded with */
        float scale; /* finite */
    } adapters[HTH_ADAPTERS_MAX];
} HthAsk;
void hth_ask_drop(HthAsk *a);
/* What the ask says of sampling, onto params (but for the seed); texts are borrowed from a. EINVAL
 * names the parameter. */
HTH_MUST_CHECK HthStatus hth_ask_sample(const HthAsk *a, HthSampleParams *params, HthErr *err);

/* ---- the way back
 * ----------------------------------------------------------------------------- */

/* What every answer says of itself. */
typedef struct HthFacts {
    HthStr id; /* without prefix: hex */
    HthStr model; /* as the client named it */
    HthStr digest; /* of the model: "sha256:..." */
    HthStr fingerprint; /* the numerics version */
    int64_t created_s;
    uint64_t created_ns; /* and its part of a second, for RFC 3339 */
    HthStr prompt; /* echo, RENDER; tokens of TEXT */
    uint32_t prompt_count; /* tokens, when known already: Anthropic's first event says so */
    const uint32_t *prompt_ids; /* [prompt_count], for Ollama generate's context; NULL: none */
    /* The bytes of one token (appended; not always UTF-8), for logprobs. NULL: a word's own text,
     * and no alternatives. */
    HthStatus (*token_text)(void *payload, uint32_t id, HthBuf *out, HthErr *err);
    void *token_payload;
} HthFacts;

typedef struct HthDelta {
    uint32_t index; /* which of n answers */
    HthPart part; /* text, thinking, call, arguments */
    const HthWord *words; /* the tokens it came from, with logprobs; NULL: none */
    size_t word_count;
    uint32_t said; /* tokens of this answer so far; 0: as many as words told */
} HthDelta;

typedef struct HthUsage {
    uint32_t prompt, cached, words, thinking; /* tokens */
    uint32_t cut; /* tokens of the prompt left out, as `truncate` asked */
    uint64_t load_ns, queue_ns, prompt_ns, words_ns, total_ns;
} HthUsage;

typedef struct HthCall {
    HthStr id, name, args; /* args: JSON text, whole */
} HthCall;
typedef struct HthAnswerOut { /* one of n, finished */
    uint32_t index;
    HthEnd end;
    HthStr stop; /* the stop string that ended it; empty: none */
    HthStr text, thinking;
    const HthCall *calls;
    size_t call_count;
    const HthWord *words; /* all, with logprobs when asked */
    size_t word_count;
    const uint32_t *ids; /* [id_count] what was drawn, for Ollama generate's context; NULL: none */
    size_t id_count;
    bool completed_by_grammar; /* the limit came first: the text was closed so that it is valid */
    uint64_t seed;
    HthUsage usage;
} HthAnswerOut;

typedef struct HthFace HthFace; /* an API's manner of answering one ask; keeps what streams need */
typedef struct HthFaceOps {
    const char *stream_type; /* "text/event-stream", "application/x-ndjson" */
    const char *ping; /* NULL: none */
    HthStatus (*begin)(HthFace *f, HthBuf *out, HthErr *err); /* before the first delta */
    HthStatus (*delta)(HthFace *f, const HthDelta *d, HthBuf *out, HthErr *err);
    HthStatus (*finish)(HthFace *f, const HthAnswerOut *a, HthBuf *out,
                        HthErr *err); /* one answer */
    HthStatus (*end)(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err); /* all answers */
    HthStatus (*whole)(HthFace *f, const HthAnswerOut *a, size_t n, const HthUsage *sum,
                       HthBuf *out, HthErr *err); /* not streamed */
    HthStatus (*vectors)(HthFace *f, const float *const *rows, const uint32_t *tokens, size_t n,
                         uint32_t width, const HthUsage *sum, HthBuf *out, HthErr *err); /* EMBED */
    HthStatus (*scores)(HthFace *f, const float *scores, size_t n, const HthUsage *sum, HthBuf *out,
                        HthErr *err); /* RERANK: one per document */
    HthStatus (*count)(HthFace *f, const HthUsage *sum, HthBuf *out,
                       HthErr *err); /* COUNT_TOKENS */
    HthStatus (*loaded)(HthFace *f, bool unloaded, HthBuf *out, HthErr *err); /* LOAD */
    /* in_stream: headers are out already. status: see hth_api_status(). */
    HthStatus (*error)(HthFace *f, int status, const HthErr *e, bool in_stream, HthBuf *out);
} HthFaceOps;
struct HthFace {
    const HthFaceOps *ops;
    const HthAsk *ask;
    HthFacts facts;
    void *state; /* of the API's own; freed by hth_face_close */
};

/* One endpoint that draws, embeds or counts. */
typedef struct HthApi {
    HthRouteId at; /* its row of the policy */
    const char *method, *path; /* "POST", "/v1/chat/completions" */
    HthStatus (*read)(json_t *body, HthAsk *out, HthErr *err); /* steals body, also on failure */
    HthStatus (*open)(HthFace **out, const HthAsk *ask, const HthFacts *facts, HthErr *err);
    /* An error before there is an ask (bad JSON, bad field, no such model, queue full, denied),
     * in this API's words. */
    HthStatus (*error)(int status, const HthErr *e, HthBuf *out);
} HthApi;
/* Strings of facts are borrowed until the face is closed. RENDER is answered by `whole` with no
 * answer at all; `whole` may also follow a stream, for what is to be stored. */
extern const HthApi hth_api_openai[], hth_api_responses[], hth_api_ollama[], hth_api_anthropic[],
    hth_api_llamacpp[]; /* each ends with method NULL */
void hth_face_close(HthFace **f);

/* 400 EINVAL EFORMAT ELIMIT ENOTSUP, 403 EDENIED, 429 EAGAIN, 499 ECANCELED, 507 ENOMEM, else
 * 500. */
int hth_api_status(const HthErr *e);
/* ELIMIT in the words from which every API tells both counts. */
HthStatus hth_api_too_long(HthErr *err, uint64_t prompt_count, uint64_t ctx);

/* The id of the call-th tool call of the index-th answer: nine letters and digits, which every
 * template accepts when it comes back. */
enum { HTH_CALL_ID_SIZE = 10 }; /* with NUL */
void hth_call_id(const HthFacts *facts, uint32_t index, uint32_t call, char out[HTH_CALL_ID_SIZE]);

/* ---- conversations that the server keeps (responses)
 * ----------------------------------------------- */

/* The conversation after this answer, in the neutral form: *out is new. */
HTH_MUST_CHECK HthStatus hth_ask_history(const HthAsk *a, const HthAnswerOut *answer, json_t **out,
                                         HthErr *err);
/* Puts an earlier history before the ask's own messages (after its instructions). */
HTH_MUST_CHECK HthStatus hth_ask_go_on(HthAsk *a, const json_t *history, HthErr *err);

#endif
