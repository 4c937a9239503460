/* penalty.c - the stages that look back: repeat, presence and frequency penalties, and DRY.
 *
 * DRY ("don't repeat yourself") lowers a token that would continue a repetition: if the text so far
 * ends with a run of L tokens that also occurs earlier and was followed there by token t, then t
 * loses multiplier * base^(L - allowed_length), for the longest such L.  A run never reaches back
 * over a sequence breaker or a control token (a turn marker), and a token that holds a breaker is
 * never lowered.
 *
 * Thread: see sample.h. */
#include "run/sample_impl.h"

#include <string.h>

#include "kern/fn/math.h"

/* The history a stage sees: the last last_n tokens (-1: all). */
static const uint32_t *window(const uint32_t *history, size_t *n, int32_t last_n) {
    size_t want = last_n < 0 ? *n : (size_t)last_n;
    size_t skip = want < *n ? *n - want : 0;
    *n -= skip;
    return history + skip;
}

HthStatus hth_stage_penalties(HthSampler *s, const uint32_t *history, size_t n, HthErr *err) {
    const HthSampleParams *p = &s->params;
    if (p->repeat_penalty == 1.0f && p->presence_penalty == 0.0f && p->frequency_penalty == 0.0f)
        return HTH_OK;
    const uint32_t *w = window(history, &n, p->repeat_last_n);
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE(w[i] < s->vocab_count, err, HTH_EINVAL,
                    "token %u of the history is outside the vocabulary of %u", w[i],
                    s->vocab_count);
    for (size_t i = 0; i < n; i++) s->marks[w[i]]++;
    double rep = (double)p->repeat_penalty;
    for (size_t i = 0; i < s->count; i++) {
        HthCand *c = &s->cands[i];
        uint32_t seen = s->marks[c->id];
        if (seen == 0) continue;
        c->l = c->l > 0.0 ? c->l / rep : c->l * rep;
        c->l -= seen * (double)p->frequency_penalty + (double)p->presence_penalty;
    }
    for (size_t i = 0; i < n; i++) s->marks[w[i]] = 0;
    s->sorted = 0;
    return HTH_OK;
}

/* ---- DRY ------------------------------------------------------------------------------------ */

/* How much of breaker b would be matched after byte c, given that `at` bytes of it are. */
static size_t step_match(HthStr b, size_t at, char c) {
    for (;;) {
        if (at < b.n && b.p[at] == c) return at + 1;
        if (at == 0) return 0;
        size_t k = at - 1; /* the longest border: breakers are at most 40 bytes, so by search */
        while (k > 0 && memcmp(b.p, b.p + at - k, k) != 0) k--;
        at = k;
    }
}

/* Feeds a token's bytes to the breakers' matchers; true if one of them ends inside it. */
static HthStatus feed_breakers(HthSampler *s, uint32_t id, size_t *at, bool *hit_out, HthErr *err) {
    hth_buf_clear(&s->piece);
    HTH_TRY(hth_vocab_piece(s->vocab, id, true, &s->piece, err));
    bool hit = false;
    for (uint32_t b = 0; b < s->params.dry_breaker_count; b++)
        for (size_t i = 0; i < s->piece.n; i++) {
            at[b] = step_match(s->params.dry_breakers[b], at[b], s->piece.p[i]);
            if (at[b] == s->params.dry_breakers[b].n) hit = true;
        }
    *hit_out = hit;
    return HTH_OK;
}

/* The number of tokens at the end of h that come after the last breaker, at most limit. */
static HthStatus unbroken_tail(HthSampler *s, const uint32_t *h, size_t n, size_t limit,
                               size_t *out, HthErr *err) {
    size_t at[HTH_DRY_BREAKERS_MAX] = { 0 };
    if (limit > n) limit = n;
    if (s->vocab == NULL) {
        *out = limit;
        return HTH_OK;
    }
    size_t before = n - limit < HTH_DRY_BREAKER_BYTES_MAX ? n - limit : HTH_DRY_BREAKER_BYTES_MAX;
    size_t tail = 0; /* a breaker may begin before the limit, hence the run-up */
    for (size_t i = n - limit - before; i < n; i++) {
        bool hit = false;
        HTH_TRY(feed_breakers(s, h[i], at, &hit, err));
        if (hit || hth_vocab_kind(s->vocab, h[i]) == HTH_TOKEN_CONTROL)
            tail = 0; /* a turn marker ends a phrase too */
        else
            tail++;
    }
    *out = tail < limit ? tail : limit;
    return HTH_OK;
}

static HthStatus is_breaker(HthSampler *s, uint32_t id, bool *out, HthErr *err) {
    size_t at[HTH_DRY_BREAKERS_MAX] = { 0 };
    *out = false;
    if (s->vocab == NULL) return HTH_OK;
    return feed_breakers(s, id, at, out, err);
}

/* Longer matches no longer change the penalty: base^x would pass the largest float. */
static size_t match_max(const HthSampleParams *p) {
    if (p->dry_base <= 1.0f) return p->dry_allowed_length > 0 ? p->dry_allowed_length : 1;
    double exponent = 88.0 / hth_ln((double)p->dry_base);
    double most = (double)p->dry_allowed_length + exponent + 1.0;
    return most < HTH_DRY_MATCH_MAX ? (size_t)most : HTH_DRY_MATCH_MAX;
}

/* marks[t] = the longest repetition that t would continue. */
static void mark_matches(HthSampler *s, const uint32_t *h, size_t n, size_t most) {
    for (size_t end = 0; end + 1 < n; end++) { /* an earlier run ends at h[end] */
        size_t len = 0;
        while (len < most && len <= end && h[end - len] == h[n - 1 - len]) len++;
        uint32_t *mark = &s->marks[h[end + 1]];
        if (len > *mark) *mark = (uint32_t)len;
    }
}

HthStatus hth_stage_dry(HthSampler *s, const uint32_t *history, size_t n, HthErr *err) {
    const HthSampleParams *p = &s->params;
    if (p->dry_multiplier == 0.0f || p->dry_base < 1.0f || p->dry_last_n == 0) return HTH_OK;
    const uint32_t *h = window(history, &n, p->dry_last_n);
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE(h[i] < s->vocab_count, err, HTH_EINVAL,
                    "token %u of the history is outside the vocabulary of %u", h[i],
                    s->vocab_count);
    size_t most = 0;
    HTH_TRY(unbroken_tail(s, h, n, match_max(p), &most, err));
    size_t allowed = p->dry_allowed_length > 0 ? p->dry_allowed_length : 1;
    if (n < 2 || most < allowed) return HTH_OK;
    mark_matches(s, h, n, most);
    HthStatus st = HTH_OK;
    for (size_t i = 0; i < s->count && st == HTH_OK; i++) {
        uint32_t len = s->marks[s->cands[i].id];
        bool breaker = false;
        if (len < allowed) continue;
        st = is_breaker(s, s->cands[i].id, &breaker, err);
        if (st != HTH_OK || breaker) continue;
        double grow = (double)(len - p->dry_allowed_length) * hth_ln((double)p->dry_base);
        s->cands[i].l -= (double)p->dry_multiplier * hth_exp(grow < 88.0 ? grow : 88.0);
    }
    for (size_t i = 0; i < n; i++) s->marks[h[i]] = 0;
    s->sorted = 0;
    return st;
}
