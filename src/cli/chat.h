/* chat.h - one conversation with one model: messages in, words out.
 *
 * The prompt of a turn is the whole conversation rendered by the model's own template; the session
 * keeps the tokens both have in common, so only what is new is computed.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_CHAT_H
#define HTH_CLI_CHAT_H

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/keeper.h"
#include "cli/lora.h"
#include "run/sample.h"
#include "text/chat.h"
#include "text/vocab.h"

enum { HTH_STOPS_MAX = 16 };

typedef struct HthChatCfg {
    const char *model; /* NULL: the embedded one */
    uint32_t ctx, threads; /* 0: the session's defaults */
    bool no_pack; /* leave weights as they lie in the file */
    bool lock; /* keep the weights in memory */
    const char *kv; /* type of the cache; NULL: the session's default */
    bool raw; /* no template: the prompt goes in as it is */
    uint32_t lookup; /* tokens computed ahead from repetitions of the text; 0: none */
    const char *draft; /* a small model that guesses what comes; NULL: none */
    uint32_t draft_tokens; /* most it guesses at a time; 0: the default */
    HthLoras *loras; /* opened and closed with the model, borrowed; NULL: none */
} HthChatCfg;

typedef struct HthChat {
    HthChatCfg cfg;
    HthModel *model;
    HthSession *session;
    HthModel *draft; /* NULL: none */
    HthSpec *spec; /* evaluates the words of an answer, on the session */
    const HthVocab *vocab; /* borrowed from the model */
    HthTemplate *tmpl; /* NULL: the model has none, or raw */
    json_t *messages; /* [{role, content}], without the system message */
    HthBuf system; /* empty: none */
    HthSampleParams params;
    bool seed_given; /* otherwise a fresh seed per answer */
    uint32_t num_predict; /* 0: until the model ends */
    HthStr stops[HTH_STOPS_MAX]; /* lent by `texts` */
    size_t stop_count;
    HthArena *texts; /* strings that parameters borrow */
    float *logits; /* [vocabulary] after the prompt */
    const float *row; /* [vocabulary] after the last token; logits, or lent by spec */
    HthKeeper *keeper; /* owned; opens saved chats; NULL: this process does */
    uint64_t load_ns;
    bool show_prompt; /* print the rendered prompt on stderr first */
    int64_t unix_s; /* the time that templates see; 0: the clock's */
    void (*emit)(void *payload, HthStr text); /* called with text as it becomes certain; or NULL */
    void *payload;
} HthChat;

/* What an answer was and what it cost. */
typedef struct HthAnswer {
    HthBuf text;
    HthIds ids; /* sampled, without the end token */
    const char *reason; /* "stop", "length", "context", "interrupted" */
    bool by_text; /* "stop": one of the stop texts, not the model */
    uint64_t seed;
    size_t prompt_count, prompt_new; /* tokens of the prompt; those not already computed */
    uint64_t prompt_ns, eval_ns, total_ns;
    HthSpecStats spec;
} HthAnswer;

void hth_answer_init(HthAnswer *a);
void hth_answer_drop(HthAnswer *a);

/* An exit code; the sentence has been printed. */
int hth_chat_open(HthChat **out, const HthChatCfg *cfg);
void hth_chat_close(HthChat **chat);

/* One turn. On success, and when interrupted after some words, the user's and the model's messages
 * are in the conversation; else it is as before. ECANCELED: interrupted before the first word. */
HthStatus hth_chat_ask(HthChat *c, HthStr user, HthAnswer *a, HthErr *err);
void hth_chat_clear(HthChat *c); /* forgets the messages, keeps system and parameters */
HthStatus hth_chat_system(HthChat *c, HthStr text, HthErr *err); /* empty: none */
/* Any sampling parameter, or num_predict, num_ctx, stop; value text is copied. */
HthStatus hth_chat_set(HthChat *c, const char *name, HthStr value, HthErr *err);
/* A new session of so many tokens; 0: the default. */
HthStatus hth_chat_context(HthChat *c, uint32_t ctx, HthErr *err);
/* Another scale for adapter `id` (cfg.loras, by its place): a new session, so that nothing computed
 * with the old one stays. EINVAL: there is no such adapter, or it is no finite scale. */
HthStatus hth_chat_lora(HthChat *c, uint32_t id, double scale, HthErr *err);
/* How answers are computed ahead of their words; what is said does not change. */
HthStatus hth_chat_ahead(HthChat *c, HthErr *err); /* opens spec anew, as cfg says */
HthStatus hth_chat_lookup(HthChat *c, uint32_t tokens, HthErr *err); /* 0: off */
HthStatus hth_chat_draft_tokens(HthChat *c, uint32_t tokens, HthErr *err); /* 0: the default */
int hth_chat_draft(HthChat *c, const char *model); /* NULL: none. An exit code, as for open */
HthStatus hth_chat_print_params(const HthChat *c, HthBuf *out, HthErr *err);
/* The prompt the next turn would send, with the messages as they are; marks as by
 * hth_template_render_marked(), nothing without a template. */
HthStatus hth_chat_prompt(HthChat *c, HthBuf *out, HthBuf *marks, HthErr *err);

/* Conversation, system text and parameters as JSON, written whole or not at all, mode 0600; by the
 * keeper if there is one, who replaces saved chats only. */
HthStatus hth_chat_save(const HthChat *c, const char *path, HthErr *err);
HthStatus hth_chat_load(HthChat *c, const char *path, HthErr *err); /* on failure as before */

/* The timings as Ollama prints them. */
void hth_chat_timings(FILE *f, const HthChat *c, const HthAnswer *a);

/* Of an encoder: prints the text's vector, a line of numbers or an object; an exit code. */
int hth_cli_embed(HthChat *c, HthStr text, bool json);

int hth_repl(HthChat *c, bool verbose); /* the interactive chat; an exit code */
/* Appends the path of the file that remembers lines, and makes it; false: there is to be none. */
bool hth_repl_history(HthBuf *out);

#endif
