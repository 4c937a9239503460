/* hearth.h - open a model, hold a conversation with it, sample its words.
 *
 *   HthModel *m = NULL; HthSession *s = NULL; HthErr err;
 *   if (hth_model_open(&m, "model.gguf", &err)) die(err.text);
 *   if (hth_session_open(&s, m, &(HthSessionCfg){ .ctx = 4096 }, &err)) die(err.text);
 *   hth_session_eval(s, ids, n, logits, &err);       next = hth_sample(...)
 *
 * Logits are a function of (model bytes, token ids, numerics version) alone: not of threads, of how
 * the tokens were split into calls, nor of the processor (docs/adr/0002).
 *
 * On failure outputs are untouched.  Openers own (*out), closers set NULL. */
#ifndef HEARTH_HEARTH_H
#define HEARTH_HEARTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hearth/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HthModel HthModel; /* immutable after open; share between threads */
typedef struct HthSession HthSession; /* one timeline of tokens; one thread at a time */
typedef struct HthVocab HthVocab;

/* Version of the program, and of the numerics: equal numerics versions give equal bits. */
const char *hth_version(void);
const char *hth_numerics(void);

/* ---- models ---- */
HthStatus hth_model_open(HthModel **out, const char *path, HthErr *err);
/* Over memory the caller keeps alive until close; `what` names it in errors. */
HthStatus hth_model_open_mem(HthModel **out, const void *data, size_t n, const char *what,
                             HthErr *err);
/* Reads all weights and keeps them in memory until close; before the first session. EDENIED, and no
 * promise: there is too little memory, or the system's limit on locked memory is too low. */
HthStatus hth_model_lock(HthModel *model, HthErr *err);
void hth_model_close(HthModel **model);
uint32_t hth_model_vocab_count(const HthModel *model);
uint32_t hth_model_ctx_train(const HthModel *model); /* longest context it was trained for */
const HthVocab *hth_model_vocab(const HthModel *model); /* NULL: the file has no tokenizer */

/* ---- adapters ---- */
typedef struct HthAdapter HthAdapter; /* immutable after open; share between threads */
/* LoRA matrices beside a model's own, from a GGUF file made for this model, which outlives the
 * adapter. What does not fit the model is refused by name. */
HthStatus hth_adapter_open(HthAdapter **out, const HthModel *model, const char *path, HthErr *err);
/* Over memory the caller keeps alive until close; `what` names it in errors. */
HthStatus hth_adapter_open_mem(HthAdapter **out, const HthModel *model, const void *data, size_t n,
                               const char *what, HthErr *err);
void hth_adapter_close(HthAdapter **adapter);
typedef struct HthAdapterUse {
    const HthAdapter *adapter;
    float scale; /* finite; times the adapter's own, alpha / rank. 0: as if it were not there */
} HthAdapterUse;

/* ---- sessions ---- */
typedef struct HthSessionCfg {
    uint32_t ctx; /* longest timeline in tokens; 0: min(trained, 4096) */
    uint32_t threads; /* 0: all cores this process may use */
    uint32_t chunk; /* tokens per forward step while reading a prompt; 0: 256 */
    const char *kv; /* "f32", "f16", "q8_0", "q4_0"; NULL: f32 for float weights, else f16 */
    /* Called between chunks of a long eval with tokens done and total; nonzero return stops with
     * HTH_ECANCELED (what was done stays in the timeline). May be NULL. */
    int (*progress)(void *payload, size_t done, size_t total);
    void *payload;
    bool no_rewind; /* tokens will hardly be taken back: models with recurrent layers keep less of
                     * what makes that cheap */
    bool no_pack; /* do not rearrange weights in memory while running (faster, same bits) */
    const HthAdapterUse *adapters; /* [adapter_count] the model with these, in this order; they
                                    * outlive the session. At most 16, each once */
    uint32_t adapter_count;
} HthSessionCfg;

HthStatus hth_session_open(HthSession **out, const HthModel *model, const HthSessionCfg *cfg,
                           HthErr *err);
void hth_session_close(HthSession **session);
/* Appends n tokens to the timeline and computes them. logits (may be NULL) receives the row of the
 * last token, [vocab_count]. ELIMIT if they do not fit: nothing is computed, nothing is cut. */
HthStatus hth_session_eval(HthSession *session, const uint32_t *ids, size_t n, float *logits,
                           HthErr *err);
/* The same, all rows: logits[n][vocab_count]. */
HthStatus hth_session_eval_all(HthSession *session, const uint32_t *ids, size_t n, float *logits,
                               HthErr *err);
/* Makes the timeline equal to ids[0..n) as cheaply as possible: keeps the common prefix, drops the
 * rest, evaluates what is new (at least the last token, for its logits). */
HthStatus hth_session_sync(HthSession *session, const uint32_t *ids, size_t n, float *logits,
                           HthErr *err);
void hth_session_rewind(HthSession *session, size_t count); /* keep the first count tokens */
size_t hth_session_count(const HthSession *session);
size_t hth_session_ctx(const HthSession *session);
const uint32_t *hth_session_ids(const HthSession *session);
/* Bytes of the weights that are multiplied; *passing of them (0: none) do not fit in memory: every
 * step reads them from the file. */
void hth_session_weights(const HthSession *session, uint64_t *total, uint64_t *passing);
const HthModel *hth_session_model(const HthSession *session);

/* ---- speculative decoding: the same bits in fewer passes ----
 *
 * Replaces hth_session_eval() one token at a time. Each pass computes the token that was drawn and
 * a few more that are likely to follow; while the words drawn next are those, their logits are
 * already there. Logits are those of plain evaluation, bit for bit, and so is what is drawn.
 *
 *   hth_session_sync(s, ids, n, row, &err);  hth_spec_begin(spec);
 *   for (;;) { id = draw(row, hth_session_ids(s), hth_spec_count(spec)); if (end) break;
 *              hth_spec_eval(spec, id, &row, &err); }
 *   hth_spec_end(spec);
 *
 * Between begin and end the session's timeline may be ahead: only hth_spec_count() of its ids are
 * real. Thread: the session's. */
typedef struct HthSpec HthSpec;
enum { HTH_SPEC_TOKENS_MAX = 64, HTH_SPEC_TOKENS_DEFAULT = 8 };
typedef struct HthSpecCfg {
    uint32_t lookup; /* most tokens proposed from the timeline's own repetitions; 0: none */
    uint32_t ngram_min, ngram_max; /* tokens that must repeat, 1 to 16; 0: 2, 4 */
    const HthModel *draft; /* a small model that proposes where lookup does not; NULL: none */
    uint32_t draft_tokens; /* most tokens it proposes at a time; 0: the default */
    HthSessionCfg draft_cfg; /* of the draft's own timeline; its ctx is ignored */
} HthSpecCfg;
/* Since hth_spec_begin(). */
typedef struct HthSpecStats {
    uint64_t tokens, passes; /* given out by hth_spec_eval; passes of the model they took */
    uint64_t drafted, accepted; /* tokens proposed; those that were drawn */
    uint64_t lookup_drafted, lookup_accepted; /* of these, by lookup */
} HthSpecStats;

/* Borrows session and draft. EINVAL: the draft has another vocabulary, or an option makes no sense.
 * All memory is taken here: evaluating allocates nothing. */
HthStatus hth_spec_open(HthSpec **out, HthSession *session, const HthSpecCfg *cfg, HthErr *err);
void hth_spec_close(HthSpec **spec); /* before the session and the draft */
void hth_spec_begin(HthSpec *spec); /* the session's timeline is as its owner wants it */
/* Appends one token; *logits is lent until the next call, [vocab_count]. ELIMIT: the context is
 * full. On failure the timeline is as before. */
HthStatus hth_spec_eval(HthSpec *spec, uint32_t id, const float **logits, HthErr *err);
void hth_spec_end(HthSpec *spec); /* the session's timeline is hth_spec_count() tokens again */
size_t hth_spec_count(const HthSpec *spec);
HthSpecStats hth_spec_stats(const HthSpec *spec);

#ifdef __cplusplus
}
#endif
#endif
