/* sample.c - see sample.h: the chain, mirostat, and the draw.
 *
 * What the stages do is in sample_stage.c and penalty.c; what a parameter may be is in
 * sample_param.c. */
#include "run/sample_impl.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/fn/math.h"

enum { HTH_PIECE_MAX = 65536 };

size_t hth_sample_room_bytes(uint32_t vocab_count) {
    return (size_t)vocab_count * (sizeof(HthCand) + sizeof(uint32_t));
}

HthStatus hth_sample_room_open(HthSampleRoom **out, uint32_t vocab_count, HthErr *err) {
    HthSampleRoom *r = hth_calloc(1, sizeof *r);
    if (r == NULL) goto nomem;
    r->vocab_count = vocab_count;
    r->cands = hth_pages_calloc(hth_sample_room_bytes(vocab_count), 1);
    if (r->cands == NULL) goto nomem;
    r->marks = (uint32_t *)(void *)(r->cands + vocab_count);
    *out = r;
    return HTH_OK;
nomem:
    hth_sample_room_close(&r);
    return HTH_FAIL(err, HTH_ENOMEM, "out of memory to draw from %u tokens", vocab_count);
}

void hth_sample_room_close(HthSampleRoom **room) {
    HthSampleRoom *r = *room;
    if (r == NULL) return;
    if (r->cands != NULL) hth_zero(r->cands, hth_sample_room_bytes(r->vocab_count));
    hth_pages_give(r->cands, hth_sample_room_bytes(r->vocab_count), 1);
    hth_free(r);
    *room = NULL;
}

void hth_sampler_lend(HthSampler *s, HthSampleRoom *room) {
    HTH_ASSERT(room->vocab_count == s->vocab_count);
    s->cands = room->cands;
    s->marks = room->marks;
    s->count = s->sorted = 0;
}

HthStatus hth_sampler_open_lean(HthSampler **out, const HthSampleParams *params,
                                uint32_t vocab_count, const HthVocab *vocab, HthErr *err) {
    HTH_REQUIRE(vocab_count > 0, err, HTH_EINVAL, "cannot sample from an empty vocabulary");
    HTH_TRY(hth_sample_check(params, vocab_count, err));
    HthSampler *s = hth_calloc(1, sizeof *s);
    if (s == NULL) goto nomem;
    s->params = *params;
    s->vocab_count = vocab_count;
    s->vocab = vocab;
    s->mu = 2.0 * (double)params->mirostat_tau;
    hth_buf_init(&s->piece, HTH_PIECE_MAX);
    if (hth_buf_reserve(&s->piece, 1024, NULL) != HTH_OK) goto nomem;
    *out = s;
    return HTH_OK;
nomem:
    hth_sampler_close(&s);
    return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a sampler over %u tokens", vocab_count);
}

HthStatus hth_sampler_open(HthSampler **out, const HthSampleParams *params, uint32_t vocab_count,
                           const HthVocab *vocab, HthErr *err) {
    HthSampler *s = NULL;
    HTH_TRY(hth_sampler_open_lean(&s, params, vocab_count, vocab, err));
    const HthStatus st = hth_sample_room_open(&s->own, vocab_count, err);
    if (st != HTH_OK) {
        hth_sampler_close(&s);
        return st;
    }
    hth_sampler_lend(s, s->own);
    *out = s;
    return HTH_OK;
}

void hth_sampler_close(HthSampler **s) {
    if (*s == NULL) return;
    hth_buf_drop(&(*s)->piece);
    hth_sample_room_close(&(*s)->own);
    hth_free(*s);
    *s = NULL;
}

/* How many of the best logits are enough for this chain: all of them (UINT32_MAX) unless nothing
 * can move a token before the chain keeps the best k.  Large vocabularies are then read once and
 * never copied; the result is the same. */
static uint32_t enough(const HthSampleParams *p, bool greedy) {
    bool penalties =
        p->repeat_penalty != 1.0f || p->presence_penalty != 0.0f || p->frequency_penalty != 0.0f;
    if (p->logit_bias_count > 0 || (p->mirostat != 0 && !greedy)) return UINT32_MAX;
    for (uint32_t i = 0; i < p->chain_count; i++) {
        HthStage stage = p->chain[i];
        if (stage == HTH_STAGE_PENALTIES && !penalties) continue;
        if (stage == HTH_STAGE_DRY && p->dry_multiplier == 0.0f) continue;
        if (greedy && stage != HTH_STAGE_PENALTIES && stage != HTH_STAGE_DRY) continue;
        if (stage != HTH_STAGE_TOP_K || p->top_k == 0 || greedy) return UINT32_MAX;
        return p->top_k > p->min_keep ? p->top_k : p->min_keep;
    }
    return greedy ? 1 : UINT32_MAX;
}

/* Tokens whose biased logit is above -INFINITY become candidates: all, or the best few. */
static HthStatus load(HthSampler *s, const float *logits, bool greedy, HthErr *err) {
    uint32_t few = enough(&s->params, greedy), n = s->vocab_count;
    bool biased = s->params.logit_bias_count > 0;
    s->count = s->sorted = 0;
    for (uint32_t i = 0; i < n; i++) {
        HTH_REQUIRE(logits[i] <= 3.402823466e38f, err, HTH_EFORMAT,
                    "the model gave a logit that is not a number (token %u): its weights or the "
                    "prompt are damaged",
                    i);
        HthCand c = { .l = (double)logits[i], .id = i };
        if (few < n) {
            if (s->count < few || c.l > s->cands[0].l)
                if (c.l >= -1.7e308) s->count = hth_cands_offer(s->cands, s->count, few, c);
        } else if (biased || c.l >= -1.7e308) {
            s->cands[s->count++] = c;
        }
    }
    if (few < n) hth_cands_sort(s, s->count);
    for (uint32_t i = 0; i < s->params.logit_bias_count; i++)
        s->cands[s->params.logit_bias[i].id].l += (double)s->params.logit_bias[i].bias;
    if (biased) {
        s->count = 0;
        for (uint32_t i = 0; i < n; i++)
            if (s->cands[i].l >= -1.7e308) s->cands[s->count++] = s->cands[i];
    }
    HTH_REQUIRE(s->count > 0, err, HTH_EFORMAT,
                "no token is possible: every logit is minus infinity%s",
                biased ? " (after logit_bias)" : "");
    return HTH_OK;
}

/* The candidate whose share of the cumulated weight holds the uniform draw; the walk is in the
 * list's order: best first once a stage has sorted it, by id before. */
static const HthCand *draw(HthSampler *s, size_t n) {
    uint64_t total = hth_cands_weigh(s), sum = 0;
    uint64_t at = (uint64_t)(hth_rng_f64(s->params.seed, HTH_STREAM_DRAW, n) * (double)total);
    size_t i = 0;
    if (at >= total) at = total - 1;
    while ((sum += s->cands[i].w) <= at) i++;
    return &s->cands[i];
}

/* Mirostat 2 (Basu et al., ICLR 2021): drop what is more surprising than mu bits, draw, and move mu
 * so that the observed surprise settles at tau. */
static uint32_t mirostat(HthSampler *s, size_t n) {
    const double ln2 = 0.693147180559945309;
    double log_total = hth_ln((double)hth_cands_weigh(s));
    size_t keep = 0;
    for (bool heaped = false; keep < s->count; keep++) {
        double w = (double)hth_cands_walk(s, keep, &heaped)->w;
        if (w == 0.0 || (log_total - hth_ln(w)) / ln2 > s->mu) break;
    }
    hth_cands_keep(s, keep);
    const HthCand *c = draw(s, n);
    double left = 0.0;
    for (size_t i = 0; i < s->count; i++) left += (double)s->cands[i].w;
    double surprise = (hth_ln(left) - hth_ln((double)c->w)) / ln2;
    s->mu -= (double)s->params.mirostat_eta * (surprise - (double)s->params.mirostat_tau);
    return c->id;
}

/* Stages that cut, left out by greedy choice and by mirostat. */
static bool truncates(HthStage stage) {
    return stage != HTH_STAGE_PENALTIES && stage != HTH_STAGE_DRY && stage != HTH_STAGE_TEMPERATURE;
}

static HthStatus run_stage(HthSampler *s, HthStage stage, const uint32_t *history, size_t n,
                           HthErr *err) {
    switch (stage) {
    case HTH_STAGE_PENALTIES: return hth_stage_penalties(s, history, n, err);
    case HTH_STAGE_DRY: return hth_stage_dry(s, history, n, err);
    case HTH_STAGE_TOP_K: hth_stage_top_k(s); return HTH_OK;
    case HTH_STAGE_TYPICAL: hth_stage_typical(s); return HTH_OK;
    case HTH_STAGE_TOP_P: hth_stage_top_p(s); return HTH_OK;
    case HTH_STAGE_MIN_P: hth_stage_min_p(s); return HTH_OK;
    case HTH_STAGE_XTC: hth_stage_xtc(s, n); return HTH_OK;
    case HTH_STAGE_TEMPERATURE: hth_stage_temperature(s); return HTH_OK;
    case HTH_STAGE_COUNT: break;
    }
    return HTH_FAIL(err, HTH_EINVAL, "the sampler chain holds an unknown stage");
}

HthStatus hth_sampler_next(HthSampler *s, const float *logits, const uint32_t *history, size_t n,
                           uint32_t *out, HthErr *err) {
    const HthSampleParams *p = &s->params;
    bool greedy = p->temperature <= 0.0f;
    HTH_ASSERT(s->cands != NULL); /* lean, and nothing lent */
    HTH_TRY(load(s, logits, greedy, err));
    for (uint32_t i = 0; i < p->chain_count; i++) {
        HthStage stage = p->chain[i];
        if (greedy && (truncates(stage) || stage == HTH_STAGE_TEMPERATURE)) continue;
        if (p->mirostat != 0 && truncates(stage)) continue;
        HTH_TRY(run_stage(s, stage, history, n, err));
    }
    if (greedy) {
        hth_cands_sort(s, 1);
        *out = s->cands[0].id;
    } else if (p->mirostat != 0) {
        *out = mirostat(s, n);
    } else {
        *out = draw(s, n)->id;
    }
    return HTH_OK;
}

const HthProb *hth_sampler_candidates(HthSampler *s, size_t *count_out) {
    size_t n = s->count < HTH_PROB_MAX ? s->count : HTH_PROB_MAX;
    *count_out = n;
    if (n == 0) return s->probs;
    hth_cands_sort(s, n);
    double total = (double)hth_cands_weigh(s), log_best = hth_ln(total) - hth_ln(0x1p40);
    for (size_t i = 0; i < n; i++) {
        const HthCand *c = &s->cands[i];
        s->probs[i] = (HthProb){ .id = c->id,
                                 .p = (float)((double)c->w / total),
                                 .logprob = (float)(c->l - s->cands[0].l - log_best) };
    }
    return s->probs;
}
