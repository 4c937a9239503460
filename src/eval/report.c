/* report.c - from the figures of rows to the report: means, intervals, groups, who does worst.
 *
 * What is independent is a window or an item; of a single window, its tokens.  Numbers are rounded
 * to ten digits, beyond which the mathematics library of a machine shows.
 *
 * Thread: one. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/name.h"
#include "eval/run.h"

#define NATS_PER_BIT 0.6931471805599453
enum { PLOT_BINS = 200, KL_DECADES = 12, KL_PER_DECADE = 4, KL_LOWEST = -10 };

typedef struct Report {
    const HthEvalRun *run;
    const HthEvalPlan *plan;
    double *sum, *weight, *sorted; /* [rows], of the figure at hand */
    uint32_t *group; /* [rows] */
    double bytes[HTH_EVAL_GROUPS_MAX]; /* to a token of the group; 0: not yet known */
    size_t n; /* clusters at hand */
    HthErr *err;
    HthStatus st; /* the first failure */
} Report;

enum { ALL = -1 }; /* as a group */

/* ---- JSON ---- */

static json_t *number(double v) {
    char text[40];
    double rounded = v;
    if (!isfinite(v)) return json_null(); /* e to the power of a very wide interval */
    snprintf(text, sizeof text, "%.9e", v);
    (void)hth_str_f64(hth_str(text), &rounded);
    return json_real(rounded);
}

static void put(Report *r, json_t *o, const char *key, json_t *v) {
    if (json_object_set_new(o, key, v) != 0 && r->st == HTH_OK)
        r->st = HTH_FAIL(r->err, HTH_ENOMEM, "out of memory for the report");
}

static void put_count(Report *r, json_t *o, const char *key, uint64_t v) {
    put(r, o, key, json_integer((json_int_t)v));
}

static void put_bound(Report *r, json_t *o, const char *key, HthBound b) {
    json_t *v = json_object();
    put(r, v, "value", number(b.value));
    put(r, v, "low", number(b.low));
    put(r, v, "high", number(b.high));
    put(r, o, key, v);
}

static json_t *hex_of(const uint8_t bytes[HTH_HASH_BYTES]) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, bytes, HTH_HASH_BYTES);
    return json_string(hex);
}

/* ---- figures of rows ---- */

typedef double Figure(const HthEvalRow *row, uint32_t token);

static double nats(const HthEvalRow *r, uint32_t token) {
    (void)token;
    return r->nats;
}
static double base_nats(const HthEvalRow *r, uint32_t token) {
    (void)token;
    return r->base_nats;
}
static double more_nats(const HthEvalRow *r, uint32_t token) {
    (void)token;
    return r->nats - r->base_nats;
}
static double kl(const HthEvalRow *r, uint32_t token) {
    (void)token;
    return r->kl;
}
static double right(const HthEvalRow *r, uint32_t token) {
    return r->top == token;
}
static double base_right(const HthEvalRow *r, uint32_t token) {
    return r->base_top == token;
}
static double same_top(const HthEvalRow *r, uint32_t token) {
    (void)token;
    return r->top == r->base_top;
}
static double flipped(const HthEvalRow *r, uint32_t token) {
    return (r->top == token) != (r->base_top == token);
}
static double more_p(const HthEvalRow *r, uint32_t token) {
    (void)token;
    return exp(-r->nats) - exp(-r->base_nats);
}
static double more_p_squared(const HthEvalRow *r, uint32_t token) {
    const double d = more_p(r, token);
    return d * d;
}

static bool in_group(const Report *r, uint32_t unit, int group) {
    return group == ALL || r->plan->units[unit].group == (uint32_t)group;
}

static uint32_t token_at(const HthEvalPlan *p, const HthEvalSegment *s, uint32_t k) {
    return p->ids.p[s->at + s->first + k];
}

static void add_cluster(Report *r, double sum, double weight, uint32_t group) {
    r->sum[r->n] = sum;
    r->weight[r->n] = weight;
    r->group[r->n++] = group;
}

/* A cluster to a window or an item; where that would be one, a cluster to a token. */
static HthClusters gather_rows(Report *r, Figure *figure, int group) {
    const HthEvalPlan *p = r->plan;
    for (int by_row = 0; by_row < 2; by_row++) {
        uint32_t last = UINT32_MAX;
        r->n = 0;
        for (size_t i = 0; i < p->segment_count; i++) {
            const HthEvalSegment *s = &p->segments[i];
            if (!in_group(r, s->unit, group)) continue;
            const bool joins = p->choice && last == s->unit && !by_row; /* choices of one item */
            if (!joins && !by_row) add_cluster(r, 0, 0, p->units[s->unit].group);
            last = s->unit;
            for (uint32_t k = 0; k < hth_eval_scored(s); k++) {
                const double v = figure(&r->run->rows[s->row + k], token_at(p, s, k));
                if (by_row) add_cluster(r, 0, 0, p->units[s->unit].group);
                r->sum[r->n - 1] += v;
                r->weight[r->n - 1] += 1;
            }
        }
        if (r->n >= 2) break;
    }
    return (HthClusters){ r->sum, r->weight, r->n };
}

static HthBound mean_of(Report *r, Figure *figure, int group) {
    const HthClusters c = gather_rows(r, figure, group);
    return hth_stat_ratio(&c);
}

static HthBound share_of(Report *r, Figure *figure, int group) {
    const HthClusters c = gather_rows(r, figure, group);
    return hth_stat_share(&c);
}

static HthBound through(double (*f)(double), HthBound b) {
    return (HthBound){ f(b.value), f(b.low), f(b.high) };
}

static HthBound times(HthBound b, double by) {
    return (HthBound){ b.value * by, b.low * by, b.high * by };
}

static void boot(Report *r, json_t *o, const char *key, const HthClusters *c) {
    HthBound b = { 0 };
    if (r->st == HTH_OK) r->st = hth_stat_boot(&b, c, &r->run->opt->boot, r->err);
    put_bound(r, o, key, b);
}

/* How the distribution differs from the base's. */
static void put_base_rows(Report *r, json_t *o, int group) {
    static const struct {
        const char *name;
        double at;
    } quantiles[] = {
        { "median", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 }, { "max", 1 }
    };
    size_t n = 0;
    put_bound(r, o, "kl", mean_of(r, kl, group));
    for (size_t i = 0; i < r->plan->segment_count; i++) {
        const HthEvalSegment *s = &r->plan->segments[i];
        if (!in_group(r, s->unit, group)) continue;
        for (uint32_t k = 0; k < hth_eval_scored(s); k++)
            r->sorted[n++] = r->run->rows[s->row + k].kl;
    }
    hth_stat_sort(r->sorted, n);
    for (size_t i = 0; i < HTH_COUNT(quantiles); i++)
        put(r, json_object_get(o, "kl"), quantiles[i].name,
            number(hth_stat_quantile(r->sorted, n, quantiles[i].at)));
    put_bound(r, o, "same_top", share_of(r, same_top, group));
}

/* ---- texts ---- */

static uint64_t bytes_of(const Report *r, int group) {
    uint64_t sum = 0;
    for (size_t i = 0; i < r->plan->unit_count; i++)
        if (in_group(r, (uint32_t)i, group)) sum += r->plan->units[i].bytes;
    return sum;
}

static uint64_t rows_of(const Report *r, int group) {
    uint64_t sum = 0;
    for (size_t i = 0; i < r->plan->segment_count; i++)
        if (in_group(r, r->plan->segments[i].unit, group))
            sum += hth_eval_scored(&r->plan->segments[i]);
    return sum;
}

static uint64_t segments_of(const Report *r, int group) {
    uint64_t count = 0;
    for (size_t i = 0; i < r->plan->segment_count; i++)
        count += in_group(r, r->plan->segments[i].unit, group);
    return count;
}

/* Bits to a nat of this group's tokens, by the byte: how many tokens a byte takes is no chance. */
static double per_byte(const Report *r, int group) {
    const uint64_t bytes = bytes_of(r, group);
    return (double)rows_of(r, group) / (double)(bytes ? bytes : 1) / NATS_PER_BIT;
}

static void put_text_base(Report *r, json_t *o, int group) {
    json_t *base = json_object(), *p = json_object();
    const HthBound before = mean_of(r, base_nats, group);
    put_bound(r, base, "nats_per_token", before);
    put_bound(r, base, "perplexity", through(exp, before));
    put_bound(r, base, "top1", share_of(r, base_right, group));
    put(r, o, "base", base);
    put_base_rows(r, o, group);
    put_bound(r, o, "flips", share_of(r, flipped, group));
    const HthClusters c = gather_rows(r, more_nats, group);
    const HthBound more = hth_stat_ratio(&c);
    boot(r, o, "change_nats", &c);
    put_bound(r, o, "perplexity_ratio", through(exp, more));
    put(r, p, "mean", number(mean_of(r, more_p, group).value));
    put(r, p, "rms", number(sqrt(mean_of(r, more_p_squared, group).value)));
    put(r, o, "change_p", p);
}

static json_t *text_figures(Report *r, int group) {
    json_t *o = json_object();
    const HthBound mean = mean_of(r, nats, group);
    put_count(r, o, "windows", segments_of(r, group));
    put_count(r, o, "tokens", rows_of(r, group));
    put_count(r, o, "bytes", bytes_of(r, group));
    put_bound(r, o, "nats_per_token", mean);
    put_bound(r, o, "perplexity", through(exp, mean));
    put_bound(r, o, "bits_per_byte", times(mean, per_byte(r, group)));
    put_bound(r, o, "top1", share_of(r, right, group));
    if (r->run->base != NULL) put_text_base(r, o, group);
    return o;
}

/* ---- items ---- */

/* The choice whose tokens are likeliest, all together or by the byte; the first of equals. */
static uint32_t chosen(const Report *r, const HthEvalUnit *u, bool by_byte, bool base) {
    uint32_t best = 0;
    double least = INFINITY;
    for (uint32_t i = 0; i < u->segments; i++) {
        const HthEvalSegment *s = &r->plan->segments[u->segment + i];
        double sum = 0;
        for (uint32_t k = 0; k < hth_eval_scored(s); k++)
            sum += base ? r->run->rows[s->row + k].base_nats : r->run->rows[s->row + k].nats;
        if (by_byte) sum /= s->own;
        if (sum < least) {
            least = sum;
            best = i;
        }
    }
    return best;
}

typedef double ItemFigure(const Report *r, const HthEvalUnit *u);

static double hit(const Report *r, const HthEvalUnit *u) {
    return chosen(r, u, false, false) == u->label;
}
static double hit_by_byte(const Report *r, const HthEvalUnit *u) {
    return chosen(r, u, true, false) == u->label;
}
static double base_hit(const Report *r, const HthEvalUnit *u) {
    return chosen(r, u, false, true) == u->label;
}
static double base_hit_by_byte(const Report *r, const HthEvalUnit *u) {
    return chosen(r, u, true, true) == u->label;
}
static double more_hits(const Report *r, const HthEvalUnit *u) {
    return hit(r, u) - base_hit(r, u);
}
static double more_hits_by_byte(const Report *r, const HthEvalUnit *u) {
    return hit_by_byte(r, u) - base_hit_by_byte(r, u);
}
static double item_flipped(const Report *r, const HthEvalUnit *u) {
    return hit(r, u) != base_hit(r, u);
}
static double item_changed(const Report *r, const HthEvalUnit *u) {
    return chosen(r, u, false, false) != chosen(r, u, false, true);
}
static double chance(const Report *r, const HthEvalUnit *u) {
    (void)r;
    return 1.0 / u->segments;
}

static HthClusters gather_items(Report *r, ItemFigure *figure, int group) {
    r->n = 0;
    for (size_t i = 0; i < r->plan->unit_count; i++)
        if (in_group(r, (uint32_t)i, group))
            add_cluster(r, figure(r, &r->plan->units[i]), 1, r->plan->units[i].group);
    return (HthClusters){ r->sum, r->weight, r->n };
}

static HthBound item_share(Report *r, ItemFigure *figure, int group) {
    double hits = 0;
    const HthClusters c = gather_items(r, figure, group);
    for (size_t i = 0; i < c.n; i++) hits += c.sum[i];
    return hth_stat_wilson(hits, (double)c.n);
}

static json_t *choice_figures(Report *r, int group) {
    json_t *o = json_object();
    HthClusters c = gather_items(r, chance, group);
    put_count(r, o, "items", c.n);
    put_count(r, o, "tokens", rows_of(r, group));
    put(r, o, "chance", number(hth_stat_ratio(&c).value));
    put_bound(r, o, "accuracy", item_share(r, hit, group));
    put_bound(r, o, "accuracy_by_byte", item_share(r, hit_by_byte, group));
    if (r->run->base == NULL) return o;
    json_t *base = json_object();
    put_bound(r, base, "accuracy", item_share(r, base_hit, group));
    put_bound(r, base, "accuracy_by_byte", item_share(r, base_hit_by_byte, group));
    put(r, o, "base", base);
    put_bound(r, o, "flips", item_share(r, item_flipped, group));
    put_bound(r, o, "changed", item_share(r, item_changed, group));
    c = gather_items(r, more_hits, group);
    boot(r, o, "change_accuracy", &c);
    c = gather_items(r, more_hits_by_byte, group);
    boot(r, o, "change_accuracy_by_byte", &c);
    put_base_rows(r, o, group);
    return o;
}

/* ---- groups ---- */

static void put_worst(Report *r, json_t *o, const char *key, const HthClusters *c, bool high) {
    HthWorst w = { 0 };
    json_t *v = json_object();
    if (r->st == HTH_OK)
        r->st = hth_stat_worst(&w, c, r->group, (uint32_t)r->plan->group_count, high,
                               &r->run->opt->boot, r->err);
    put(r, v, "group", json_string(r->plan->groups[w.group]));
    put_bound(r, v, "gap", w.gap);
    put(r, v, "share_of_resamples", number(w.share));
    put(r, o, key, v);
}

/* Nats of windows over the bytes they stand for. */
static HthClusters bits_by_byte(Report *r, Figure *figure) {
    const HthEvalPlan *p = r->plan;
    r->n = 0;
    for (size_t i = 0; i < p->segment_count; i++) {
        const HthEvalSegment *s = &p->segments[i];
        const uint32_t group = p->units[s->unit].group;
        double sum = 0;
        if (r->bytes[group] <= 0) r->bytes[group] = 1 / (per_byte(r, (int)group) * NATS_PER_BIT);
        for (uint32_t k = 0; k < hth_eval_scored(s); k++)
            sum += figure(&r->run->rows[s->row + k], token_at(p, s, k));
        add_cluster(r, sum / NATS_PER_BIT, hth_eval_scored(s) * r->bytes[group], group);
    }
    return (HthClusters){ r->sum, r->weight, r->n };
}

static json_t *fairness(Report *r) {
    json_t *o = json_object();
    const bool choice = r->plan->choice;
    put(r, o, "figure", json_string(choice ? "accuracy" : "bits_per_byte"));
    HthClusters c = choice ? gather_items(r, hit, ALL) : bits_by_byte(r, nats);
    put_worst(r, o, "worst", &c, !choice);
    if (r->run->base == NULL) return o;
    c = choice ? gather_items(r, more_hits, ALL) : bits_by_byte(r, more_nats);
    put_worst(r, o, "most_harmed", &c, !choice);
    return o;
}

/* ---- what is drawn ---- */

static json_t *along_the_text(Report *r) {
    const HthEvalPlan *p = r->plan;
    const size_t bins = p->segment_count < PLOT_BINS ? p->segment_count : PLOT_BINS;
    json_t *list = json_array();
    for (size_t b = 0; b < bins; b++) {
        double sum = 0, base = 0, n = 0;
        for (size_t i = b * p->segment_count / bins; i < (b + 1) * p->segment_count / bins; i++) {
            const HthEvalSegment *s = &p->segments[i];
            for (uint32_t k = 0; k < hth_eval_scored(s); k++) {
                sum += r->run->rows[s->row + k].nats;
                base += r->run->rows[s->row + k].base_nats;
                n += 1;
            }
        }
        json_t *v = json_object();
        put(r, v, "nats", number(sum / n));
        if (r->run->base != NULL) put(r, v, "base_nats", number(base / n));
        if (json_array_append_new(list, v) != 0 && r->st == HTH_OK)
            r->st = HTH_FAIL(r->err, HTH_ENOMEM, "out of memory for the report");
    }
    return list;
}

static json_t *kl_histogram(Report *r) {
    uint64_t counts[KL_DECADES * KL_PER_DECADE] = { 0 };
    json_t *list = json_array();
    for (uint64_t i = 0; i < r->plan->rows; i++) {
        const double v = r->run->rows[i].kl;
        const double at = v > 0 ? (log10(v) - KL_LOWEST) * KL_PER_DECADE : 0;
        const double last = KL_DECADES * KL_PER_DECADE - 1;
        counts[(size_t)(at < 0 ? 0 : at > last ? last : at)]++;
    }
    for (size_t i = 0; i < HTH_COUNT(counts); i++)
        if (json_array_append_new(list, json_integer((json_int_t)counts[i])) != 0 &&
            r->st == HTH_OK)
            r->st = HTH_FAIL(r->err, HTH_ENOMEM, "out of memory for the report");
    return list;
}

static json_t *plots(Report *r) {
    json_t *o = json_object();
    if (!r->plan->choice) put(r, o, "along", along_the_text(r));
    if (r->run->base != NULL) {
        json_t *h = json_object();
        put_count(r, h, "per_decade", KL_PER_DECADE);
        put(r, h, "lowest_exponent", json_integer(KL_LOWEST));
        put(r, h, "counts", kl_histogram(r));
        put(r, o, "kl", h);
    }
    return o;
}

/* ---- the whole ---- */

static json_t *options(Report *r) {
    const HthEvalOpt *opt = r->run->opt;
    json_t *o = json_object();
    put_count(r, o, "ctx", opt->cut.ctx);
    if (r->plan->choice)
        put(r, o, "style", json_string(hth_eval_styles[opt->cut.style]));
    else
        put_count(r, o, "stride", opt->cut.stride);
    if (opt->cut.group != NULL) put(r, o, "group", hth_json_str(hth_str(opt->cut.group)));
    if (opt->cut.limit != 0) put_count(r, o, "limit", opt->cut.limit);
    if (opt->session.kv != NULL) put(r, o, "kv", json_string(opt->session.kv));
    put_count(r, o, "resamples", opt->boot.resamples);
    put_count(r, o, "seed", opt->boot.seed);
    return o;
}

static void put_inputs(Report *r, json_t *o) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->plan->input_count; i++) {
        const HthEvalInput *in = &r->plan->inputs[i];
        json_t *v = json_object();
        put(r, v, "file", hth_json_str(hth_str(in->name)));
        put_count(r, v, "bytes", in->bytes);
        put(r, v, "sha256", hex_of(in->sha256));
        if (json_array_append_new(list, v) != 0 && r->st == HTH_OK)
            r->st = HTH_FAIL(r->err, HTH_ENOMEM, "out of memory for the report");
    }
    put(r, o, "inputs", list);
}

static void put_model(Report *r, json_t *o) {
    json_t *m = json_object();
    put(r, m, "name", hth_json_str(hth_str(hth_path_name(r->run->opt->model))));
    put_count(r, m, "bytes", r->run->model_bytes);
    put(r, m, "sha256", hex_of(r->run->model_sha256));
    put(r, o, "model", m);
    if (r->run->base == NULL) return;
    m = json_object();
    put(r, m, "sha256", hex_of(hth_eval_base_head(r->run->base)->model));
    put(r, o, "base", m);
}

static void put_groups(Report *r, json_t *o) {
    json_t *list = json_array();
    for (size_t g = 0; g < r->plan->group_count; g++) {
        bool any = false;
        for (size_t i = 0; i < r->plan->unit_count && !any; i++) any = r->plan->units[i].group == g;
        if (!any) continue;
        json_t *v = r->plan->choice ? choice_figures(r, (int)g) : text_figures(r, (int)g);
        put(r, v, "name", json_string(r->plan->groups[g]));
        if (json_array_append_new(list, v) != 0 && r->st == HTH_OK)
            r->st = HTH_FAIL(r->err, HTH_ENOMEM, "out of memory for the report");
    }
    const bool several = json_array_size(list) > 1;
    put(r, o, "groups", list);
    if (several) put(r, o, "fairness", fairness(r));
}

static json_t *build(Report *r) {
    json_t *o = json_object(), *tool = json_object();
    put(r, o, "format", json_string("hearth eval 1"));
    put(r, tool, "name", json_string("hearth"));
    put(r, tool, "version", json_string(hth_version()));
    put(r, tool, "numerics", json_string(hth_numerics()));
    put(r, o, "tool", tool);
    put_model(r, o);
    put(r, o, "task", json_string(r->plan->choice ? "choice" : "text"));
    put_inputs(r, o);
    put(r, o, "options", options(r));
    put(r, o, "confidence", number(0.95));
    put(r, o, "total", r->plan->choice ? choice_figures(r, ALL) : text_figures(r, ALL));
    put_groups(r, o);
    put(r, o, "plots", plots(r));
    return o;
}

HthStatus hth_eval_report(json_t **out, const HthEvalRun *run, HthErr *err) {
    Report r = { 0 };
    json_t *o = NULL;
    r.run = run;
    r.plan = &run->plan;
    r.err = err;
    r.sum = hth_calloc(run->plan.rows, sizeof *r.sum);
    r.weight = hth_calloc(run->plan.rows, sizeof *r.weight);
    r.sorted = hth_calloc(run->plan.rows, sizeof *r.sorted);
    r.group = hth_calloc(run->plan.rows, sizeof *r.group);
    if (r.sum && r.weight && r.sorted && r.group)
        o = build(&r);
    else
        r.st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the report");
    hth_free(r.sum);
    hth_free(r.weight);
    hth_free(r.sorted);
    hth_free(r.group);
    if (r.st == HTH_OK)
        *out = o;
    else
        json_decref(o);
    return r.st;
}
