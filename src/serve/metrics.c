/* metrics.c - see metrics.h.
 *
 * Thread: any. */
#include "serve/metrics.h"

#include <stddef.h>
#include <stdio.h>

/* ---- families ------------------------------------------------------------------------------- */

typedef enum Kind { COUNTER, GAUGE, SECONDS /* a counter of nanoseconds, told in seconds */ } Kind;

typedef struct Family {
    const char *name, *help;
    Kind kind;
    size_t at; /* in HthMetricsModel */
    size_t size; /* 4 or 8 bytes */
} Family;

#define SCHED(field)                                                                               \
    offsetof(HthMetricsModel, stats.sched.field), sizeof((HthMetricsModel *)0)->stats.sched.field
#define STATS(field)                                                                               \
    offsetof(HthMetricsModel, stats.field), sizeof((HthMetricsModel *)0)->stats.field

static const Family families[] = {
    { "hearth_requests_running", "answers being drawn", GAUGE, SCHED(running) },
    { "hearth_requests_waiting", "requests waiting to begin", GAUGE, SCHED(waiting) },
    { "hearth_requests_paused", "answers that wait for a slow reader", GAUGE, SCHED(paused) },
    { "hearth_requests_total", "requests that came", COUNTER, SCHED(arrived) },
    { "hearth_requests_cancelled_total", "requests whose client left", COUNTER, SCHED(cancelled) },
    { "hearth_requests_refused_total", "requests the queue did not take", COUNTER, SCHED(refused) },
    { "hearth_preemptions_total", "answers set back for want of pages", COUNTER, SCHED(preempted) },
    { "hearth_prompt_tokens_total", "tokens of prompts", COUNTER, STATS(prompt_tokens) },
    { "hearth_prefix_hit_tokens_total", "tokens of prompts found computed", COUNTER,
      STATS(cached_tokens) },
    { "hearth_generated_tokens_total", "tokens drawn", COUNTER, STATS(words) },
    { "hearth_steps_total", "forward steps", COUNTER, SCHED(steps) },
    { "hearth_busy_seconds_total", "time in forward steps", SECONDS, STATS(busy_ns) },
    { "hearth_kv_pages", "pages of the cache of keys and values", GAUGE, SCHED(page_count) },
    { "hearth_kv_pages_free", "of these, free", GAUGE, SCHED(pages_free) },
    { "hearth_kv_pages_cached", "of these, kept for prefixes", GAUGE, SCHED(pages_cached) },
    { "hearth_model_bytes", "memory a model takes", GAUGE, offsetof(HthMetricsModel, bytes), 8 },
};

static const struct {
    const char *name, *help;
    size_t at;
} hists[] = {
    { "hearth_queue_seconds", "waiting before a request begins",
      offsetof(HthMetricsModel, stats.queue) },
    { "hearth_time_to_first_token_seconds", "from request to first token",
      offsetof(HthMetricsModel, stats.first) },
    { "hearth_inter_token_seconds", "from token to token",
      offsetof(HthMetricsModel, stats.between) },
};

/* ---- writing -------------------------------------------------------------------------------- */

static HthStatus head(HthBuf *out, const char *name, const char *help, const char *type,
                      HthErr *err) {
    return hth_buf_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A name as a label's value. */
static HthStatus label(HthBuf *out, const char *name, HthErr *err) {
    for (const char *p = name; *p; p++) {
        if (*p == '\n') {
            HTH_TRY(hth_buf_add(out, "\\n", 2, err));
            continue;
        }
        if (*p == '"' || *p == '\\') HTH_TRY(hth_buf_add_char(out, '\\', err));
        HTH_TRY(hth_buf_add_char(out, *p, err));
    }
    return HTH_OK;
}

static HthStatus family(HthBuf *out, const Family *f, const HthMetricsModel *models, size_t count,
                        HthErr *err) {
    HTH_TRY(head(out, f->name, f->help, f->kind == GAUGE ? "gauge" : "counter", err));
    for (size_t i = 0; i < count; i++) {
        const char *field = (const char *)&models[i] + f->at;
        uint64_t v = f->size == 4 ? *(const uint32_t *)(const void *)field
                                  : *(const uint64_t *)(const void *)field;
        HTH_TRY(hth_buf_printf(out, err, "%s{model=\"", f->name));
        HTH_TRY(label(out, models[i].name, err));
        if (f->kind == SECONDS)
            HTH_TRY(hth_buf_printf(out, err, "\"} %.9g\n", (double)v * 1e-9));
        else
            HTH_TRY(hth_buf_printf(out, err, "\"} %llu\n", (unsigned long long)v));
    }
    return HTH_OK;
}

static HthStatus bucket(HthBuf *out, const char *name, const char *model, const char *le,
                        uint64_t sum, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "%s_bucket{model=\"", name));
    HTH_TRY(label(out, model, err));
    return hth_buf_printf(out, err, "\",le=\"%s\"} %llu\n", le, (unsigned long long)sum);
}

static HthStatus histogram(HthBuf *out, const char *name, const char *model, const HthHist *h,
                           HthErr *err) {
    uint64_t sum = 0;
    for (size_t i = 0; i <= HTH_HIST_BOUNDS; i++) {
        char le[32] = "+Inf";
        if (i < HTH_HIST_BOUNDS)
            snprintf(le, sizeof le, "%.9g", (double)hth_hist_bounds_ns[i] * 1e-9);
        sum += h->count[i];
        HTH_TRY(bucket(out, name, model, le, sum, err));
    }
    HTH_TRY(hth_buf_printf(out, err, "%s_sum{model=\"", name));
    HTH_TRY(label(out, model, err));
    HTH_TRY(
        hth_buf_printf(out, err, "\"} %.9g\n%s_count{model=\"", (double)h->sum_ns * 1e-9, name));
    HTH_TRY(label(out, model, err));
    return hth_buf_printf(out, err, "\"} %llu\n", (unsigned long long)sum);
}

static HthStatus server(HthBuf *out, const HthHttpStats *http, double up_s, HthErr *err) {
    const struct {
        const char *name, *help, *type;
        double value;
    } rows[] = {
        { "hearth_up_seconds", "since the server started", "gauge", up_s },
        { "hearth_http_connections", "open connections", "gauge", http->connections },
        { "hearth_http_exchanges", "requests under way", "gauge", http->exchanges },
        { "hearth_http_requests_total", "requests", "counter", (double)http->requests },
        { "hearth_http_refused_total", "requests refused before they were read", "counter",
          (double)http->refused },
        { "hearth_http_received_bytes_total", "bytes of bodies", "counter",
          (double)http->bytes_in },
        { "hearth_http_sent_bytes_total", "bytes of answers", "counter", (double)http->bytes_out },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HTH_TRY(head(out, rows[i].name, rows[i].help, rows[i].type, err));
        HTH_TRY(hth_buf_printf(out, err, "%s %.17g\n", rows[i].name, rows[i].value));
    }
    return HTH_OK;
}

HthStatus hth_metrics_write(HthBuf *out, const HthMetricsModel *models, size_t count,
                            const HthHttpStats *http, double up_s, HthErr *err) {
    HTH_TRY(server(out, http, up_s, err));
    for (size_t i = 0; i < HTH_COUNT(families); i++)
        HTH_TRY(family(out, &families[i], models, count, err));
    for (size_t i = 0; i < HTH_COUNT(hists); i++) {
        HTH_TRY(head(out, hists[i].name, hists[i].help, "histogram", err));
        for (size_t k = 0; k < count; k++) {
            const char *at = (const char *)&models[k] + hists[i].at;
            HTH_TRY(histogram(out, hists[i].name, models[k].name, (const HthHist *)(const void *)at,
                              err));
        }
    }
    return HTH_OK;
}
