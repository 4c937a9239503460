/* sample_stage.c - the candidate list and the stages that shorten it.
 *
 * Selection is by heap: the k best of n cost n + k log n, never a full sort of the vocabulary, and
 * nothing is allocated. Weights are integers, so a sum over candidates does not depend on their
 * order.
 *
 * Thread: see sample.h. */
#include "run/sample_impl.h"

#include "base/rng.h"
#include "kern/fn/math.h"

/* ---- the list ------------------------------------------------------------------------------- */

static void swap_cands(HthCand *a, HthCand *b) {
    HthCand t = *a;
    *a = *b;
    *b = t;
}

/* The heap lives in h[0..n) reversed: its root is h[n-1], so popping the best leaves the rest in
 * place and the popped ones move to the front. */
#define HEAP(h, n, i) ((h)[(n)-1 - (i)])

static void sift_down(HthCand *h, size_t n, size_t i) {
    for (;;) {
        size_t best = i, left = 2 * i + 1;
        if (left < n && hth_cand_better(&HEAP(h, n, left), &HEAP(h, n, best))) best = left;
        if (left + 1 < n && hth_cand_better(&HEAP(h, n, left + 1), &HEAP(h, n, best)))
            best = left + 1;
        if (best == i) return;
        swap_cands(&HEAP(h, n, i), &HEAP(h, n, best));
        i = best;
    }
}

/* Few of many: a bounded list of the best k, worst at its root, filled in one pass. */
static void sift_worst(HthCand *h, size_t n, size_t i) {
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        if (left < n && hth_cand_better(&h[worst], &h[left])) worst = left;
        if (left + 1 < n && hth_cand_better(&h[worst], &h[left + 1])) worst = left + 1;
        if (worst == i) return;
        swap_cands(&h[i], &h[worst]);
        i = worst;
    }
}

static void select_few(HthCand *c, size_t n, size_t k) {
    for (size_t i = k / 2; i-- > 0;) sift_worst(c, k, i);
    for (size_t i = k; i < n; i++) {
        if (!hth_cand_better(&c[i], &c[0])) continue;
        swap_cands(&c[i], &c[0]);
        sift_worst(c, k, 0);
    }
    for (size_t m = k; m > 1; m--) { /* worst to the back, one by one */
        swap_cands(&c[0], &c[m - 1]);
        sift_worst(c, m - 1, 0);
    }
}

/* Offers a candidate to the k best so far, of which there are `have`; returns how many now. */
size_t hth_cands_offer(HthCand *c, size_t have, size_t k, HthCand next) {
    if (have < k) {
        c[have] = next;
        if (have + 1 == k)
            for (size_t i = k / 2; i-- > 0;) sift_worst(c, k, i);
        return have + 1;
    }
    if (hth_cand_better(&next, &c[0])) {
        c[0] = next;
        sift_worst(c, k, 0);
    }
    return have;
}

void hth_cands_sort(HthSampler *s, size_t k) {
    if (k > s->count) k = s->count;
    if (k <= s->sorted) return;
    select_few(s->cands + s->sorted, s->count - s->sorted, k - s->sorted);
    s->sorted = k;
}

const HthCand *hth_cands_walk(HthSampler *s, size_t i, bool *heaped) {
    if (i < s->sorted) return &s->cands[i];
    HthCand *h = s->cands + s->sorted;
    size_t n = s->count - s->sorted;
    if (!*heaped) {
        for (size_t j = n / 2; j-- > 0;) sift_down(h, n, j);
        *heaped = true;
    }
    swap_cands(&HEAP(h, n, 0), &HEAP(h, n, n - 1)); /* the best is now h[0] */
    s->sorted++;
    if (n > 1) sift_down(h + 1, n - 1, 0);
    return &s->cands[i];
}

static double best_logit(const HthSampler *s) {
    if (s->sorted > 0) return s->cands[0].l;
    double best = s->cands[0].l;
    for (size_t i = 1; i < s->count; i++)
        if (s->cands[i].l > best) best = s->cands[i].l;
    return best;
}

uint64_t hth_cands_weigh(HthSampler *s) {
    double best = best_logit(s);
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        double d = s->cands[i].l - best;
        s->cands[i].w = d < -32.0 ? 0 : (uint64_t)(hth_exp(d) * 0x1p40 + 0.5);
        sum += s->cands[i].w;
    }
    return sum;
}

void hth_cands_keep(HthSampler *s, size_t count) {
    if (count < 1) count = 1;
    if (count > s->count) count = s->count;
    s->count = count;
    if (s->sorted > count) s->sorted = count;
}

/* ---- the stages ----------------------------------------------------------------------------- */

static size_t min_keep(const HthSampler *s) {
    return s->params.min_keep > 1 ? s->params.min_keep : 1;
}

void hth_stage_top_k(HthSampler *s) {
    size_t k = s->params.top_k;
    if (k == 0) return;
    if (k < min_keep(s)) k = min_keep(s);
    if (k >= s->count) return;
    hth_cands_sort(s, k);
    hth_cands_keep(s, k);
}

/* The smallest set of best candidates whose probabilities reach top_p. */
void hth_stage_top_p(HthSampler *s) {
    if (s->params.top_p >= 1.0f) return;
    double want = (double)hth_cands_weigh(s) * (double)s->params.top_p;
    uint64_t sum = 0;
    size_t n = 0;
    bool heaped = false;
    while (n < s->count) {
        sum += hth_cands_walk(s, n++, &heaped)->w;
        if ((double)sum >= want && n >= min_keep(s)) break;
    }
    hth_cands_keep(s, n);
}

/* Those at least min_p times as likely as the best. */
void hth_stage_min_p(HthSampler *s) {
    if (s->params.min_p <= 0.0f) return;
    double floor = best_logit(s) + hth_ln((double)s->params.min_p);
    size_t enough = 0;
    for (size_t i = 0; i < s->count; i++) enough += s->cands[i].l >= floor;
    if (enough < min_keep(s)) { /* keep the best min_keep instead */
        hth_cands_sort(s, min_keep(s));
        hth_cands_keep(s, min_keep(s));
        return;
    }
    size_t n = 0, sorted = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->cands[i].l < floor) continue;
        if (i < s->sorted) sorted++;
        s->cands[n++] = s->cands[i];
    }
    s->sorted = sorted;
    hth_cands_keep(s, n);
}

/* Those whose surprise is nearest the distribution's entropy, up to typical_p of the mass.
 * (Meister et al., "Locally Typical Sampling", 2023.) */
void hth_stage_typical(HthSampler *s) {
    if (s->params.typical_p >= 1.0f) return;
    double total = (double)hth_cands_weigh(s), log_total = hth_ln(total), entropy = 0.0;
    for (size_t i = 0; i < s->count; i++) {
        double w = (double)s->cands[i].w;
        if (w > 0.0) entropy += w / total * (log_total - hth_ln(w));
    }
    for (size_t i = 0; i < s->count; i++) { /* order by minus the distance to the entropy */
        HthCand *c = &s->cands[i];
        double far = c->w > 0 ? log_total - hth_ln((double)c->w) - entropy : 1e300;
        c->key = c->l;
        c->l = far < 0.0 ? far : -far;
    }
    s->sorted = 0;
    double want = total * (double)s->params.typical_p;
    uint64_t sum = 0;
    size_t n = 0;
    bool heaped = false;
    while (n < s->count) {
        sum += hth_cands_walk(s, n++, &heaped)->w;
        if ((double)sum > want && n >= min_keep(s)) break;
    }
    for (size_t i = 0; i < n; i++) s->cands[i].l = s->cands[i].key;
    s->sorted = 0;
    hth_cands_keep(s, n);
}

/* With probability xtc_probability, drops every candidate at or above the threshold but the least
 * likely of them ("exclude top choices"). */
void hth_stage_xtc(HthSampler *s, size_t n) {
    const HthSampleParams *p = &s->params;
    if (p->xtc_probability <= 0.0f || p->xtc_threshold > 0.5f || s->count < 2) return;
    if (hth_rng_f64(p->seed, HTH_STREAM_XTC, n) >= (double)p->xtc_probability) return;
    double floor = (double)hth_cands_weigh(s) * (double)p->xtc_threshold;
    size_t above = 0;
    bool heaped = false;
    while (above < s->count && (double)hth_cands_walk(s, above, &heaped)->w >= floor) above++;
    if (above < 2 || s->count - (above - 1) < min_keep(s)) return;
    size_t drop = above - 1;
    for (size_t i = drop; i < s->count; i++) s->cands[i - drop] = s->cands[i];
    s->sorted -= drop;
    s->count -= drop;
}

void hth_stage_temperature(HthSampler *s) {
    double t = (double)s->params.temperature;
    if (t == 1.0) return;
    for (size_t i = 0; i < s->count; i++) s->cands[i].l /= t;
}
