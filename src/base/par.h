/* par.h - a fork-join pool of worker threads.
 *
 * hth_par_run calls fn(ctx, item, worker) once for every item in [0, count), items claimed from an
 * atomic counter, and returns when all are done.  The caller works too, as worker 0.  Workers spin
 * briefly, then sleep in a futex.  Which worker takes an item is not deterministic: results must
 * not depend on it.
 *
 * Thread: one caller at a time per pool.  A NULL pool runs everything on the caller. */
#ifndef HTH_BASE_PAR_H
#define HTH_BASE_PAR_H

#include "base/err.h"

typedef struct HthPool HthPool;
typedef void HthParFn(void *ctx, uint32_t item, uint32_t worker);

/* threads counts the caller; 0 means hth_par_cores(). 1 starts no thread. At most 256. */
HTH_MUST_CHECK HthStatus hth_pool_open(HthPool **out, uint32_t threads, HthErr *err);
void hth_pool_close(HthPool **pool);
uint32_t hth_pool_threads(const HthPool *pool); /* 1 for NULL */
void hth_par_run(HthPool *pool, uint32_t count, HthParFn *fn, void *ctx);
/* Cores this process may use: affinity mask and cgroup quota, at least 1. */
uint32_t hth_par_cores(void);
/* Tests: the same with /proc and /sys looked for under `root` ("" for the real ones). */
uint32_t hth_par_cores_under(const char *root);

#endif
