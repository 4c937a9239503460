/* stat.c - see stat.h.
 *
 * Thread: any. */
#include "eval/stat.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#define Z 1.959963984540054 /* 97.5 % of the normal distribution */

double hth_stat_t(size_t freedom) {
    static const double table[] = { 12.706204736, 4.302652730, 3.182446305, 2.776445105,
                                    2.570581836,  2.446911851, 2.364624252, 2.306004135,
                                    2.262157163,  2.228138852 };
    HTH_ASSERT(freedom > 0);
    if (freedom <= HTH_COUNT(table)) return table[freedom - 1];
    /* Cornish and Fisher's expansion: to 2e-4 from 11 on, better with every one more. */
    const double f = (double)freedom, z = Z, z2 = z * z;
    return z + z * (z2 + 1) / (4 * f) + z * ((5 * z2 + 16) * z2 + 3) / (96 * f * f) +
           z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * f * f * f);
}

static double total(const double *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    return sum;
}

/* The variance of the ratio: how far clusters are from it. */
static double variance(const HthClusters *c, double ratio, double weight) {
    double sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        const double d = c->sum[i] - ratio * c->weight[i];
        sum += d * d;
    }
    return c->n < 2 ? 0 : sum / (weight * weight) * (double)c->n / (double)(c->n - 1);
}

HthBound hth_stat_ratio(const HthClusters *c) {
    HTH_ASSERT(c->n > 0);
    const double weight = total(c->weight, c->n), ratio = total(c->sum, c->n) / weight;
    const double half = c->n < 2 ? 0 : hth_stat_t(c->n - 1) * sqrt(variance(c, ratio, weight));
    return (HthBound){ ratio, ratio - half, ratio + half };
}

HthBound hth_stat_wilson(double hits, double n) {
    const double p = hits / n, z2n = Z * Z / n;
    const double mid = (p + z2n / 2) / (1 + z2n);
    const double half = Z * sqrt(p * (1 - p) / n + z2n / (4 * n)) / (1 + z2n);
    /* At the ends the formula's own rounding must not leave 0 to 1. */
    return (HthBound){ p, p <= 0 ? 0 : mid - half, p >= 1 ? 1 : mid + half };
}

HthBound hth_stat_share(const HthClusters *c) {
    HTH_ASSERT(c->n > 0);
    const double weight = total(c->weight, c->n), hits = total(c->sum, c->n), p = hits / weight;
    const double var = variance(c, p, weight);
    double worth = var > 0 ? p * (1 - p) / var : weight;
    if (!(worth < weight)) worth = weight;
    if (worth < 1) worth = 1;
    return hth_stat_wilson(p * worth, worth);
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void hth_stat_sort(double *v, size_t n) {
    qsort(v, n, sizeof *v, by_value);
}

double hth_stat_quantile(const double *sorted, size_t n, double q) {
    HTH_ASSERT(n > 0 && q >= 0 && q <= 1);
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

/* ---- resampling ---- */

static HthBound percentiles(double *draws, const HthBoot *boot, double value) {
    hth_stat_sort(draws, boot->resamples);
    return (HthBound){ value, hth_stat_quantile(draws, boot->resamples, 0.025),
                       hth_stat_quantile(draws, boot->resamples, 0.975) };
}

/* As many of the clusters at[0..n) (NULL: 0, 1, 2...) as there are, with replacement. */
static void draw(const HthClusters *c, const uint32_t *at, size_t n, const HthBoot *boot,
                 uint64_t stream, uint32_t round, double *sum, double *weight) {
    double s = 0, w = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t pick =
            hth_rng_below(boot->seed, stream, (uint64_t)round * n + i, (uint32_t)n);
        const size_t k = at ? at[pick] : pick;
        s += c->sum[k];
        w += c->weight[k];
    }
    *sum = s;
    *weight = w;
}

HthStatus hth_stat_boot(HthBound *out, const HthClusters *c, const HthBoot *boot, HthErr *err) {
    HTH_ASSERT(c->n > 0 && c->n <= UINT32_MAX && boot->resamples > 0);
    double *draws = hth_calloc(boot->resamples, sizeof *draws);
    HTH_REQUIRE(draws != NULL, err, HTH_ENOMEM, "out of memory for resampling");
    for (uint32_t r = 0; r < boot->resamples; r++) {
        double s, w;
        draw(c, NULL, c->n, boot, 0, r, &s, &w);
        draws[r] = s / w;
    }
    *out = percentiles(draws, boot, total(c->sum, c->n) / total(c->weight, c->n));
    hth_free(draws);
    return HTH_OK;
}

/* Clusters by group: those of group g are order[begin[g]] to order[begin[g + 1] - 1]. */
typedef struct Groups {
    uint32_t *order; /* [n] */
    size_t *begin; /* [groups + 1] */
    double *sum, *weight; /* [groups], of the draw at hand */
    double *draws; /* [resamples] */
    uint32_t groups;
} Groups;

static void sort_groups(Groups *g, const uint32_t *group, size_t n) {
    for (size_t i = 0; i < n; i++) g->begin[group[i] + 1]++;
    for (uint32_t k = 0; k < g->groups; k++) g->begin[k + 1] += g->begin[k];
    for (size_t i = 0; i < n; i++) { /* begin[k] runs ahead, and is put back below */
        const uint32_t k = group[i];
        g->order[g->begin[k]++] = (uint32_t)i;
    }
    for (uint32_t k = g->groups; k > 0; k--) g->begin[k] = g->begin[k - 1];
    g->begin[0] = 0;
}

static size_t size_of(const Groups *g, uint32_t k) {
    return g->begin[k + 1] - g->begin[k];
}

/* The worst of the sums at hand, the first of equals. */
static uint32_t worst_of(const Groups *g, bool high_is_bad) {
    uint32_t worst = UINT32_MAX;
    for (uint32_t k = 0; k < g->groups; k++) {
        if (size_of(g, k) == 0) continue;
        const double v = g->sum[k] / g->weight[k];
        const double w = worst == UINT32_MAX ? v : g->sum[worst] / g->weight[worst];
        if (worst == UINT32_MAX || (high_is_bad ? v > w : v < w)) worst = k;
    }
    return worst;
}

static double gap_of(const Groups *g, uint32_t k) {
    return g->sum[k] / g->weight[k] - total(g->sum, g->groups) / total(g->weight, g->groups);
}

static void find_worst(HthWorst *out, const HthClusters *c, Groups *g, bool high_is_bad,
                       const HthBoot *boot) {
    uint32_t same = 0;
    for (uint32_t k = 0; k < g->groups; k++) {
        g->sum[k] = g->weight[k] = 0;
        for (size_t i = g->begin[k]; i < g->begin[k + 1]; i++) {
            g->sum[k] += c->sum[g->order[i]];
            g->weight[k] += c->weight[g->order[i]];
        }
    }
    const uint32_t worst = worst_of(g, high_is_bad);
    const double gap = gap_of(g, worst);
    for (uint32_t r = 0; r < boot->resamples; r++) {
        for (uint32_t k = 0; k < g->groups; k++)
            draw(c, g->order + g->begin[k], size_of(g, k), boot, (uint64_t)k + 1, r, &g->sum[k],
                 &g->weight[k]);
        g->draws[r] = gap_of(g, worst);
        same += worst_of(g, high_is_bad) == worst;
    }
    *out = (HthWorst){ worst, percentiles(g->draws, boot, gap), same / (double)boot->resamples };
}

HthStatus hth_stat_worst(HthWorst *out, const HthClusters *c, const uint32_t *group,
                         uint32_t groups, bool high_is_bad, const HthBoot *boot, HthErr *err) {
    HTH_ASSERT(c->n > 0 && c->n <= UINT32_MAX && boot->resamples > 0);
    Groups g = { .groups = groups };
    g.order = hth_calloc(c->n, sizeof *g.order);
    g.begin = hth_calloc((size_t)groups + 1, sizeof *g.begin);
    g.sum = hth_calloc(groups, sizeof *g.sum);
    g.weight = hth_calloc(groups, sizeof *g.weight);
    g.draws = hth_calloc(boot->resamples, sizeof *g.draws);
    HthStatus st = HTH_OK;
    if (!g.order || !g.begin || !g.sum || !g.weight || !g.draws)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for resampling");
    if (st == HTH_OK) {
        sort_groups(&g, group, c->n);
        find_worst(out, c, &g, high_is_bad, boot);
    }
    hth_free(g.order);
    hth_free(g.begin);
    hth_free(g.sum);
    hth_free(g.weight);
    hth_free(g.draws);
    return st;
}
