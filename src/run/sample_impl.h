/* sample_impl.h - what the sampler's files share: the candidate list and its stages.
 *
 * Thread: see sample.h. */
#ifndef HTH_RUN_SAMPLE_IMPL_H
#define HTH_RUN_SAMPLE_IMPL_H

#include "run/sample.h"

/* A token still in the running. */
typedef struct HthCand {
    double l; /* logit; never NaN nor +INFINITY, and -INFINITY is not in the list */
    double key; /* scratch of a stage that orders by something else */
    uint64_t w; /* probability weight in 2^-40 of the best one's, valid after hth_cands_weigh */
    uint32_t id;
} HthCand;

struct HthSampleRoom {
    HthCand *cands; /* [vocab_count] */
    uint32_t *marks; /* [vocab_count], behind them in one block */
    uint32_t vocab_count;
};

struct HthSampler {
    HthSampleParams params;
    uint32_t vocab_count;
    const HthVocab *vocab; /* borrowed, may be NULL */
    HthSampleRoom *own; /* NULL: lean */
    HthCand *cands; /* [vocab_count], as marks the room's */
    size_t count;
    size_t sorted; /* the first `sorted` are the best ones, best first */
    uint32_t *marks; /* [vocab_count], all zero between stages: counts, match lengths */
    double mu; /* mirostat 2 */
    HthBuf piece; /* scratch for one token's bytes */
    HthProb probs[HTH_PROB_MAX];
};

/* Streams of the counter generator: one per use, so that stages never share a draw. */
enum { HTH_STREAM_DRAW = 0, HTH_STREAM_XTC = 1 };

static inline bool hth_cand_better(const HthCand *a, const HthCand *b) {
    return a->l > b->l || (a->l == b->l && a->id < b->id);
}

/* Makes the first min(k, count) candidates the best ones, in order. */
void hth_cands_sort(HthSampler *s, size_t k);
/* The i-th best, for i = 0, 1, 2, ... in turn: sorts only as far as the walk goes.  The unsorted
 * rest is a heap between calls, so a walk of m costs n + m log n. *heaped starts false. */
const HthCand *hth_cands_walk(HthSampler *s, size_t i, bool *heaped);
/* Offers a candidate to the k best so far, c[0..have); returns how many there are now. */
size_t hth_cands_offer(HthCand *c, size_t have, size_t k, HthCand next);
/* Fills w from l; returns the sum (at least 2^40 while a candidate is left). */
uint64_t hth_cands_weigh(HthSampler *s);
void hth_cands_keep(HthSampler *s, size_t count); /* the first count, at least one */

/* Stages: history is the whole timeline, n its length. */
HthStatus hth_stage_penalties(HthSampler *s, const uint32_t *history, size_t n, HthErr *err);
HthStatus hth_stage_dry(HthSampler *s, const uint32_t *history, size_t n, HthErr *err);
void hth_stage_top_k(HthSampler *s);
void hth_stage_top_p(HthSampler *s);
void hth_stage_min_p(HthSampler *s);
void hth_stage_typical(HthSampler *s);
void hth_stage_xtc(HthSampler *s, size_t n);
void hth_stage_temperature(HthSampler *s);

/* EINVAL names the first parameter out of its range. */
HTH_MUST_CHECK HthStatus hth_sample_check(const HthSampleParams *params, uint32_t vocab_count,
                                          HthErr *err);
/* The stage called name ("top_k", also "typ_p", "temp"), or HTH_STAGE_COUNT. */
HthStage hth_stage_find(HthStr name);
const char *hth_stage_name(HthStage stage);

#endif
