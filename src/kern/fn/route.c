/* route.c - see kern/route.h.
 *
 * In this order:
 *   p      softmax: e_i = exp(s_i - max), p_i = e_i / sum, the sum ascending;  sigmoid: 1 / (1 +
 *          exp(-s));  chosen: s itself
 *   choice by p (by_score: by s) + bias; with groups only among the experts of the best groups, a
 *          group being as good as the sum of its two best
 *   weight p of the chosen (chosen: softmax over those), divided by their sum, in the order of the
 *          choice, if that is above 2^-14, else by 2^-14;  times scale
 *
 * Thread: any. */
#include "kern/route.h"

#include "kern/fn/fn.h"

#define SUM_MIN 0x1p-14f /* a model may give all its experts next to nothing */

float hth_sigmoid(float x) {
    return 1.0f / (1.0f + hth_exp_c(-x));
}

/* Does a come before b, where they are not equal? */
static bool before(float a, float b) {
    return a > b || (a != a && b == b);
}

/* The index of the best of n that is not taken: one at least is not. */
static uint32_t best_of(const float *v, const float *taken, uint32_t n) {
    uint32_t best = n;
    for (uint32_t i = 0; i < n; i++)
        if (taken[i] == 0.0f && (best == n || before(v[i], v[best]))) best = i;
    HTH_ASSERT(best < n);
    return best;
}

static void softmax(const float *s, float *p, uint32_t n) {
    float max = s[0], sum = 0.0f;
    for (uint32_t i = 1; i < n; i++)
        if (before(s[i], max)) max = s[i];
    for (uint32_t i = 0; i < n; i++) {
        p[i] = hth_exp_c(s[i] - max);
        sum += p[i];
    }
    for (uint32_t i = 0; i < n; i++) p[i] /= sum;
}

/* How good a group is: its two best together, or its only one. */
static float group_score(const float *v, uint32_t n) {
    uint32_t first = 0, second = n;
    for (uint32_t i = 1; i < n; i++)
        if (before(v[i], v[first])) first = i;
    for (uint32_t i = 0; i < n; i++)
        if (i != first && (second == n || before(v[i], v[second]))) second = i;
    return second == n ? v[first] : v[first] + v[second];
}

/* Takes the experts of all but the best groups out of the choice. */
static void keep_groups(const HthRouter *r, const float *v, float *taken, float *group) {
    const uint32_t size = r->n_expert / r->groups;
    float *kept = group + r->groups;
    for (uint32_t g = 0; g < r->groups; g++) {
        group[g] = group_score(v + (size_t)g * size, size);
        kept[g] = 0.0f;
    }
    for (uint32_t k = 0; k < r->groups_used; k++) kept[best_of(group, kept, r->groups)] = 1.0f;
    for (uint32_t i = 0; i < r->n_expert; i++) taken[i] = 1.0f - kept[i / size];
}

static void gate(const HthRouter *r, const float *scores, float *p) {
    const uint32_t n = r->n_expert;
    if (r->gate == HTH_EXPERTS_BY_SOFTMAX) softmax(scores, p, n);
    for (uint32_t i = 0; r->gate == HTH_EXPERTS_BY_SIGMOID && i < n; i++)
        p[i] = hth_sigmoid(scores[i]);
    for (uint32_t i = 0; r->gate == HTH_EXPERTS_BY_CHOSEN && i < n; i++) p[i] = scores[i];
}

size_t hth_route_work(const HthRouter *r) {
    return 3 * (size_t)r->n_expert + 2 * (size_t)r->groups;
}

void hth_route(const HthRouter *r, const float *scores, const float *bias, float *work,
               uint32_t *ids, float *weights) {
    const uint32_t n = r->n_expert;
    float *p = work, *v = p + n, *taken = v + n;
    gate(r, scores, p);
    for (uint32_t i = 0; i < n; i++) {
        const float worth = r->by_score ? scores[i] : p[i];
        v[i] = bias ? worth + bias[i] : worth;
        taken[i] = 0.0f;
    }
    if (r->groups > 1) keep_groups(r, v, taken, taken + n);
    for (uint32_t k = 0; k < r->n_used; k++) {
        ids[k] = best_of(v, taken, n);
        taken[ids[k]] = 1.0f;
        weights[k] = p[ids[k]];
    }
    if (r->gate == HTH_EXPERTS_BY_CHOSEN) softmax(weights, weights, r->n_used);
    if (r->norm) {
        float sum = 0.0f;
        for (uint32_t k = 0; k < r->n_used; k++) sum += weights[k];
        if (sum < SUM_MIN) sum = SUM_MIN;
        for (uint32_t k = 0; k < r->n_used; k++) weights[k] /= sum;
    }
    for (uint32_t k = 0; r->scale != 0.0f && k < r->n_used; k++) weights[k] *= r->scale;
}
