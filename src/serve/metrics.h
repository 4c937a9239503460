/* metrics.h - counters for Prometheus; never a word of what was said.
 *
 * Thread: any. */
#ifndef HTH_SERVE_METRICS_H
#define HTH_SERVE_METRICS_H

#include "sched/engine.h"
#include "serve/http.h"

typedef struct HthMetricsModel {
    const char *name;
    HthEngineStats stats;
    uint64_t bytes; /* memory it takes */
} HthMetricsModel;

/* Appends the text exposition format (version 0.0.4): each family once, a line per model. */
HTH_MUST_CHECK HthStatus hth_metrics_write(HthBuf *out, const HthMetricsModel *models, size_t count,
                                           const HthHttpStats *http, double up_s, HthErr *err);

#endif
