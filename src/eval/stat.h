/* stat.h - figures and how far they may be trusted: intervals of 95 %, quantiles, resampling.
 *
 * Tokens of one window depend on each other, so what is taken as independent is a cluster: a window
 * of a text, an item of a test.  Sums are taken in the order given.  Random draws are functions of
 * the seed: the same input gives the same figures everywhere.
 *
 * Thread: any. */
#ifndef HTH_EVAL_STAT_H
#define HTH_EVAL_STAT_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthBound {
    double value, low, high;
} HthBound;

/* sum[i] over weight[i] (tokens, bytes, items) of cluster i, n > 0 of them, weights positive. */
typedef struct HthClusters {
    const double *sum, *weight;
    size_t n;
} HthClusters;

/* Sum over weight, with the interval of a ratio of means (Student's t, n - 1 degrees of freedom).
 * One cluster says nothing of its spread: then low = high = value. */
HthBound hth_stat_ratio(const HthClusters *c);
/* The same for a share, within 0 and 1: Wilson's interval for as many independent trials as the
 * clusters are worth; as many as the weights say where the share is 0 or 1. */
HthBound hth_stat_share(const HthClusters *c);
/* Wilson's interval for hits of n independent trials; n > 0, need not be whole. */
HthBound hth_stat_wilson(double hits, double n);
/* The 97.5 % quantile of Student's t; freedom > 0. */
double hth_stat_t(size_t freedom);

void hth_stat_sort(double *v, size_t n); /* ascending; no NaN */
/* Of n > 0 sorted values, between the two nearest (R's type 7); 0 <= q <= 1. */
double hth_stat_quantile(const double *sorted, size_t n, double q);

/* ---- resampling (percentile bootstrap) ---- */

typedef struct HthBoot {
    uint32_t resamples; /* > 0 */
    uint64_t seed;
} HthBoot;

/* Clusters drawn with replacement. Of differences of pairs it is the paired bootstrap. ENOMEM. */
HTH_MUST_CHECK HthStatus hth_stat_boot(HthBound *out, const HthClusters *c, const HthBoot *boot,
                                       HthErr *err);

/* Which group does worst, by how much, and how sure that is. */
typedef struct HthWorst {
    uint32_t group;
    HthBound gap; /* its ratio less that of all */
    double share; /* of resamples in which it is the worst, too */
} HthWorst;
/* group[i] < groups; groups without a cluster are left out. Each group is resampled by itself.
 * ENOMEM. */
HTH_MUST_CHECK HthStatus hth_stat_worst(HthWorst *out, const HthClusters *c, const uint32_t *group,
                                        uint32_t groups, bool high_is_bad, const HthBoot *boot,
                                        HthErr *err);

#endif
