/* bench_print.c - results of hearth bench as a table, JSON or CSV.
 *
 * Thread: the main thread. */
#include <string.h>

#include "cli/bench.h"

/* One line of the table. */
typedef struct Line {
    char test[48];
    double rate; /* tokens per second */
    double reached, ceiling; /* in unit */
    const char *unit, *what;
} Line;

/* Fills lines[3]; returns how many were measured. */
static size_t lines_of(const HthBenchJob *job, const HthBenchResult *r, Line *lines) {
    const HthBenchPass *m = &r->mid;
    char depth[24] = "";
    size_t n = 0;
    if (job->depth > 0) snprintf(depth, sizeof depth, "@%u", job->depth);
    if (m->prompt > 0.0) {
        lines[n] = (Line){ .rate = m->prompt, .unit = "Gop/s", .what = "multiplying" };
        snprintf(lines[n].test, sizeof lines[n].test, "pp%u", job->prompt);
        lines[n].reached = m->prompt * r->ops_token * 1e-9;
        lines[n++].ceiling = m->peak_gops;
    }
    if (m->gen > 0.0) {
        lines[n] = (Line){ .rate = m->gen, .unit = "GB/s", .what = "reading memory" };
        snprintf(lines[n].test, sizeof lines[n].test, "tg%u%s", job->gen, depth);
        lines[n].reached = m->gen * (r->bytes_token + r->bytes_adapters + r->bytes_kv) * 1e-9;
        lines[n++].ceiling = m->read_gbs;
    }
    if (m->streams > 0.0) {
        double steps = m->streams / job->streams;
        lines[n] = (Line){ .rate = m->streams, .unit = "GB/s", .what = "reading memory" };
        snprintf(lines[n].test, sizeof lines[n].test, "tg%u%s x %u", job->gen, depth, job->streams);
        lines[n].reached =
            steps * (r->bytes_token + r->bytes_adapters + r->bytes_kv * job->streams) * 1e-9;
        lines[n++].ceiling = m->read_gbs;
    }
    return n;
}

static int print_json(const HthBenchJob *job, const HthBenchResult *r) {
    const HthBenchPass *m = &r->mid;
    json_t *where = job->where ? hth_bench_where_json(r) : NULL; /* left out when NULL */
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, "
        "s:f, s:f, s:f, s:o*}",
        "model", r->name, "version", hth_version(), "numerics", hth_numerics(), "isa",
        hth_kern_pick()->name, "format", r->fmt->name, "threads", (int)r->threads, "prompt",
        (int)job->prompt, "gen", (int)job->gen, "depth", (int)job->depth, "streams",
        (int)job->streams, "reps", (int)job->reps, "pp_tokens_per_s", m->prompt, "tg_tokens_per_s",
        m->gen, "streams_tokens_per_s", m->streams, "read_gb_per_s", m->read_gbs, "peak_gop_per_s",
        m->peak_gops, "prompt_ops_per_token", r->ops_token, "bytes_per_token", r->bytes_token,
        "kv_bytes_per_token", r->bytes_kv, "allocations_per_token", m->allocs_token, "where",
        where);
    const struct {
        const char *key;
        double v;
    } rest[] = { /* nothing where there is memory enough, and no adapter */
                 { "adapter_bytes", r->bytes_adapters },
                 { "passing_bytes", r->bytes_passing },
                 { "disk_bytes_per_token", m->disk_token },
                 { "major_faults_per_token", m->faults_token }
    };
    for (size_t i = 0; o != NULL && i < HTH_COUNT(rest); i++)
        if (rest[i].v > 0.0) json_object_set_new(o, rest[i].key, json_real(rest[i].v));
    return hth_cli_json(o);
}

static int print_csv(const HthBenchResult *r, const Line *lines, size_t n) {
    puts("model,isa,format,threads,test,tokens_per_s,achieved,ceiling,unit,fraction");
    for (size_t i = 0; i < n; i++) {
        const Line *l = &lines[i];
        printf("%s,%s,%s,%u,%s,%.2f,%.2f,%.2f,%s,%.3f\n", r->name, hth_kern_pick()->name,
               r->fmt->name, r->threads, l->test, l->rate, l->reached, l->ceiling, l->unit,
               l->ceiling > 0.0 ? l->reached / l->ceiling : 0.0);
    }
    return HTH_EXIT_OK;
}

int hth_bench_print(const HthBenchJob *job, const HthBenchResult *r) {
    Line lines[3];
    size_t n = lines_of(job, r, lines);
    if (strcmp(job->form, "json") == 0) return print_json(job, r);
    if (strcmp(job->form, "csv") == 0) return print_csv(r, lines, n);
    printf("%s: %s weights, %u threads, %s kernels, median of %u\n", r->name, r->fmt->name,
           r->threads, hth_kern_pick()->name, job->reps);
    if (job->loras->count > 0)
        printf("adapters: %u, %.1f MB\n", job->loras->count, r->bytes_adapters * 1e-6);
    putchar('\n');
    puts("| test | tokens/s | achieved | ceiling measured here | share |");
    puts("|---|---:|---:|---:|---:|");
    for (size_t i = 0; i < n; i++) {
        const Line *l = &lines[i];
        printf("| %s | %.1f | %.1f %s | ", l->test, l->rate, l->reached, l->unit);
        if (l->ceiling > 0.0)
            printf("%.1f %s, %s | %.0f %% |\n", l->ceiling, l->unit, l->what,
                   100.0 * l->reached / l->ceiling);
        else
            puts("not known | |");
    }
    if (r->mid.gen > 0.0)
        printf("\nheap allocations per generated token: %.2f\n", r->mid.allocs_token);
    if (r->bytes_passing > 0.0)
        printf("weights that do not fit in memory: %.0f MB; read from disk per generated token: "
               "%.0f MB\n",
               r->bytes_passing * 1e-6, r->mid.disk_token * 1e-6);
    if (r->mid.streams > 0.0)
        printf("%u timelines together: %.2f times one\n", job->streams,
               r->mid.streams / r->mid.gen);
    if (job->where) hth_bench_where_print(r);
    return HTH_EXIT_OK;
}
