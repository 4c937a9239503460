/* ask_read.h - what the readers of all APIs share: tables of fields, messages, tools, formats.
 *
 * A reader is a list of tables over one JSON object.  null is as good as absent.  A sentence of
 * refusal begins with the path of the field and a colon ("messages[2].content: must be ..."), so
 * that hth_err_field() finds it again.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_ASK_READ_H
#define HTH_SERVE_ASK_READ_H

#include "serve/ask.h"

enum { HTH_PATH_SIZE = 128 };

typedef enum HthFieldKind {
    HTH_FIELD_BOOL,
    HTH_FIELD_U32, /* within min..max */
    HTH_FIELD_STR, /* at most max bytes */
    HTH_FIELD_NUM, /* into params, as `param`, within min..max */
    HTH_FIELD_INT, /* the same, whole numbers only */
    HTH_FIELD_READ, /* by a function of its own */
    HTH_FIELD_REFUSE /* ENOTSUP unless it asks for nothing: false, empty, or within min..max */
} HthFieldKind;
typedef HthStatus (*HthFieldRead)(HthAsk *a, json_t *v, const char *path, HthErr *err);
typedef struct HthField {
    const char *name;
    HthFieldKind kind;
    size_t at; /* in HthAsk */
    double min, max;
    const char *param;
    HthFieldRead read;
} HthField;

#define HTH_F_BOOL(name, member)                                                                   \
    { name, HTH_FIELD_BOOL, offsetof(HthAsk, member), 0, 0, NULL, NULL }
#define HTH_F_U32(name, member, min, max)                                                          \
    { name, HTH_FIELD_U32, offsetof(HthAsk, member), min, max, NULL, NULL }
#define HTH_F_STR(name, member, max)                                                               \
    { name, HTH_FIELD_STR, offsetof(HthAsk, member), 0, max, NULL, NULL }
#define HTH_F_NUM(name, param, min, max)                                                           \
    { name, HTH_FIELD_NUM, 0, min, max, param, NULL }
#define HTH_F_INT(name, param, min, max)                                                           \
    { name, HTH_FIELD_INT, 0, min, max, param, NULL }
#define HTH_F_READ(name, fn)                                                                       \
    { name, HTH_FIELD_READ, 0, 0, 0, NULL, fn }
#define HTH_F_REFUSE(name, min, max)                                                               \
    { name, HTH_FIELD_REFUSE, 0, min, max, NULL, NULL }

/* ---- values (ask_read.c)
 * -------------------------------------------------------------------------- */

/* An ask of body, which must be an object: what `fields` reads; all or nothing. Steals body, also
 * on failure. */
HthStatus hth_ask_read(json_t *body, HthAsk *out, HthErr *err,
                       HthStatus (*fields)(HthAsk *a, HthErr *err));
/* at: the path of obj, "" for the body. */
HthStatus hth_ask_fields(HthAsk *a, const json_t *obj, const char *at, const HthField *tab,
                         size_t n, HthErr *err);
json_t *hth_ask_get(const json_t *obj, const char *key); /* NULL when absent or null */
void hth_ask_path(char out[HTH_PATH_SIZE], const char *at, const char *key);
void hth_ask_path_at(char out[HTH_PATH_SIZE], const char *at, size_t index);
HthStatus hth_ask_wrong(HthErr *err, const char *path, const char *wanted, const json_t *got);
HthStatus hth_ask_nomem(HthErr *err);
HthStatus hth_ask_str(const json_t *v, const char *path, size_t max, HthStr *out, HthErr *err);
HthStatus hth_ask_int(const json_t *v, const char *path, int64_t min, int64_t max, int64_t *out,
                      HthErr *err);
HthStatus hth_ask_bool(const json_t *v, const char *path, bool *out, HthErr *err);
HthStatus hth_ask_keep(HthAsk *a, json_t *v, HthErr *err); /* steals v: it lives as long as a */
/* The index of v's text in words (NULL-terminated), EINVAL naming path otherwise. */
HthStatus hth_ask_word(const json_t *v, const char *path, const char *const *words, size_t *out,
                       HthErr *err);
HthStr hth_ask_text(const json_t *v); /* a string's bytes; borrowed */

/* ---- drawing (ask_param.c)
 * ------------------------------------------------------------------------ */

/* What llama.cpp and Ollama call their samplers, in whichever object they stand. */
extern const HthField hth_fields_sampling[];
extern const size_t hth_fields_sampling_count;
/* num_ctx, keep_alive, seed, chat_template_kwargs, ...: at the top level of every API. */
extern const HthField hth_fields_common[];
extern const size_t hth_fields_common_count;
HthStatus hth_ask_stop(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_seed(HthAsk *a, json_t *v, const char *path, HthErr *err); /* -1: draw one */
HthStatus hth_ask_logit_bias(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_max_tokens(HthAsk *a, json_t *v, const char *path, HthErr *err); /* 1.., or -1 */
HthStatus hth_ask_num_predict(HthAsk *a, json_t *v, const char *path, HthErr *err); /* < 1: none */
HthStatus hth_ask_effort(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_think(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_thinking(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_reasoning(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_set_param(HthAsk *a, const char *param, json_t *v, HthErr *err); /* steals v */

/* ---- formats (ask_format.c)
 * ----------------------------------------------------------------------- */

HthStatus hth_ask_response_format(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_ollama_format(HthAsk *a, json_t *v, const char *path, HthErr *err);
/* json_schema, grammar, guided_*, structured_outputs. */
extern const HthField hth_fields_format[];
extern const size_t hth_fields_format_count;

/* ---- conversations (ask_chat.c)
 * ------------------------------------------------------------------- */

/* Text or parts as one new string. */
HthStatus hth_ask_content(const json_t *v, const char *path, json_t **out, HthErr *err);
/* Messages as OpenAI and Ollama write them, appended to a->messages. */
HthStatus hth_ask_messages(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_tools(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_tool_choice(HthAsk *a, json_t *v, const char *path, HthErr *err);
/* After all fields: choice and tools agree. */
HthStatus hth_ask_tools_check(HthAsk *a, HthErr *err);
/* Building blocks for the APIs that write messages their own way. All steal their values, and
 * NULL among those is out of memory. */
HthStatus hth_ask_add_message(HthAsk *a, const char *role, json_t *content, HthErr *err);
HthStatus hth_ask_add_call(json_t *message, json_t *id, json_t *name, json_t *arguments,
                           HthErr *err);
HthStatus hth_ask_add_tool(HthAsk *a, const char *path, json_t *name, json_t *description,
                           json_t *parameters, HthErr *err);
/* A call's arguments in the neutral form: an object, or {"INVALID_JSON": text}. */
HthStatus hth_ask_arguments(const json_t *v, const char *path, json_t **out, HthErr *err);
/* The name of the call with this id in the latest assistant message; NULL: there is none. */
json_t *hth_ask_call_name(const HthAsk *a, HthStr id);
/* Gives every result of a tool the name of its call, where it is found. */
HthStatus hth_ask_name_results(json_t *messages, HthErr *err);
json_t *hth_ask_last(const HthAsk *a); /* the last message; NULL: none */
/* The last message begins the answer when it is the assistant's and says something. EINVAL when
 * the answer was to begin with thinking. */
HthStatus hth_ask_find_prefill(HthAsk *a, HthErr *err);

/* ---- prompts (ask_prompt.c)
 * ----------------------------------------------------------------------- */

/* string, [string], [id], [[id]], or strings and lists of ids mixed. */
HthStatus hth_ask_prompts(HthAsk *a, json_t *v, const char *path, HthErr *err);
HthStatus hth_ask_ids(const json_t *v, const char *path,
                      HthErr *err); /* a list of ids, not empty */
HthStatus hth_ask_prompt_list(HthAsk *a, json_t *v, const char *path, HthErr *err); /* [text] */

/* ---- errors (ask.c)
 * ------------------------------------------------------------------------------ */

HthStr hth_err_field(const HthErr *e); /* the path it begins with; empty: none */
/* Is it a prompt that is too long, with both counts? */
bool hth_err_too_long(const HthErr *e, uint64_t *prompt_out, uint64_t *ctx_out);

#endif
