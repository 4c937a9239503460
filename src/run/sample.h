/* sample.h - from a row of logits to the next token.
 *
 * A pure function of (logits, parameters, history, seed, position): the generator is counter-based
 * (base/rng.h), ties are broken by the lower token id, exp and log are our own, and probabilities
 * are integers of 2^-40, so their sums are exact in any order.  The chain is a list of named
 * stages, visible and settable: "penalties;dry;top_k;typical_p;top_p;min_p;xtc;temperature".  The
 * logit bias comes before the chain.  Temperature 0 is greedy: bias, penalties and DRY, then the
 * best.
 *
 * Mirostat 2 replaces the truncating stages and is the one sampler with memory: its mu starts at
 * 2 tau when the sampler is opened.  Open one sampler per answer and an answer replays.
 *
 * Thread: one sampler belongs to one thread; parameters are plain data. */
#ifndef HTH_RUN_SAMPLE_H
#define HTH_RUN_SAMPLE_H

#include "gguf/gguf.h"
#include "text/vocab.h"

enum {
    HTH_CHAIN_MAX = 16,
    HTH_DRY_BREAKERS_MAX = 32,
    HTH_DRY_BREAKER_BYTES_MAX = 40,
    HTH_DRY_MATCH_MAX = 512, /* a longer repetition counts as this long */
    HTH_LOGIT_BIAS_MAX = 1024
};

typedef enum HthStage {
    HTH_STAGE_PENALTIES,
    HTH_STAGE_DRY,
    HTH_STAGE_TOP_K,
    HTH_STAGE_TYPICAL,
    HTH_STAGE_TOP_P,
    HTH_STAGE_MIN_P,
    HTH_STAGE_XTC,
    HTH_STAGE_TEMPERATURE,
    HTH_STAGE_COUNT
} HthStage;

typedef struct HthSampleParams {
    uint64_t seed; /* the caller draws one when the user gave none */
    float temperature; /* 0: greedy */
    uint32_t top_k; /* 0: off */
    float top_p, min_p, typical_p;
    float repeat_penalty, presence_penalty, frequency_penalty;
    int32_t repeat_last_n; /* 0: off, -1: the whole context */
    float dry_multiplier, dry_base;
    uint32_t dry_allowed_length;
    int32_t dry_last_n;
    HthStr dry_breakers[HTH_DRY_BREAKERS_MAX]; /* borrowed; default "\n" ":" "\"" "*" */
    uint32_t dry_breaker_count;
    bool dry_breakers_set; /* the defaults have been replaced */
    float xtc_probability, xtc_threshold;
    uint32_t mirostat; /* 0 or 2 */
    float mirostat_tau, mirostat_eta;
    uint32_t min_keep;
    struct {
        uint32_t id;
        float bias;
    } logit_bias[HTH_LOGIT_BIAS_MAX]; /* -INFINITY forbids */
    uint32_t logit_bias_count;
    HthStage chain[HTH_CHAIN_MAX];
    uint32_t chain_count;
} HthSampleParams;

/* Ollama's defaults: temperature 0.8, top_k 40, top_p 0.9, min_p 0, repeat_penalty 1.0 (off) over
 * 64, the rest off; seed 0; the order in the banner above. */
void hth_sample_defaults(HthSampleParams *params);
/* Takes over what the model file advises (general.sampling.temp and its like, as other runtimes
 * read them). EFORMAT names an entry that makes no sense; params is then unchanged. */
HTH_MUST_CHECK HthStatus hth_sample_advice(HthSampleParams *params, const HthGguf *g, HthErr *err);
/* Sets one parameter by its Ollama/llama.cpp name from text ("temperature", "0.7"; "samplers",
 * "top_k;temperature"). "logit_bias" takes ID=BIAS pairs separated by commas and adds them;
 * "dry_sequence_breaker" adds one string (borrowed; "none" removes all, and the first one added
 * replaces the defaults). EINVAL names the parameter, the range, and what was wrong. */
HTH_MUST_CHECK HthStatus hth_sample_set(HthSampleParams *params, const char *name, HthStr value,
                                        HthErr *err);
/* The i-th parameter's name for hth_sample_set, NULL past the last; *help_out (may be NULL) is one
 * line with its range. For help, completion and man pages. */
const char *hth_sample_param(size_t i, const char **help_out);
/* Lists parameters as name/value text lines for /show parameters and --verbose; appends. */
HTH_MUST_CHECK HthStatus hth_sample_print(const HthSampleParams *params, HthBuf *out, HthErr *err);

typedef struct HthSampler HthSampler;

typedef struct HthProb {
    uint32_t id;
    float p, logprob;
} HthProb;

/* vocab (may be NULL) is needed by DRY's breakers only. params are copied (strings borrowed). */
HTH_MUST_CHECK HthStatus hth_sampler_open(HthSampler **out, const HthSampleParams *params,
                                          uint32_t vocab_count, const HthVocab *vocab, HthErr *err);
void hth_sampler_close(HthSampler **s);

/* What a draw needs beside its sampler: megabytes for a large vocabulary, and none of it kept from
 * one draw to the next. A lean sampler has no room of its own: lend it one before each draw
 * (borrowed until the next is lent), and many share a few. */
typedef struct HthSampleRoom HthSampleRoom;
size_t hth_sample_room_bytes(uint32_t vocab_count);
HTH_MUST_CHECK HthStatus hth_sample_room_open(HthSampleRoom **out, uint32_t vocab_count,
                                              HthErr *err);
void hth_sample_room_close(HthSampleRoom **room); /* wipes */
HTH_MUST_CHECK HthStatus hth_sampler_open_lean(HthSampler **out, const HthSampleParams *params,
                                               uint32_t vocab_count, const HthVocab *vocab,
                                               HthErr *err);
void hth_sampler_lend(HthSampler *s, HthSampleRoom *room); /* of the same vocab_count */

/* The next token after history[0..n): the position drawn from is n. logits are not changed.
 * No allocation. EFORMAT if every logit is -INFINITY or any is NaN. */
HTH_MUST_CHECK HthStatus hth_sampler_next(HthSampler *s, const float *logits,
                                          const uint32_t *history, size_t n, uint32_t *out,
                                          HthErr *err);
/* The best of the candidates left after the last call, at most HTH_PROB_MAX, best first, with their
 * probabilities among those left; borrowed until the next call. */
enum { HTH_PROB_MAX = 64 };
const HthProb *hth_sampler_candidates(HthSampler *s, size_t *count_out);

#endif
