/* bench.h - what the files of hearth bench share.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_BENCH_H
#define HTH_CLI_BENCH_H

#include "base/par.h"
#include "cli/cli.h"
#include "cli/lora.h"
#include "kern/kern.h"
#include "model/model.h"

enum { HTH_BENCH_REPS_MAX = 100, HTH_BENCH_STREAMS_MAX = 256 };

typedef struct HthBenchJob {
    const char *model, *isa, *kv, *form; /* form: "md", "json", "csv" */
    uint32_t prompt, gen, depth, streams, reps, threads, chunk;
    bool cold, lock, where, no_pack;
    const char *svg; /* file for a picture of --where; NULL: none */
    HthLoras *loras; /* over the model; opened with it */
} HthBenchJob;

/* What one repetition measured, or the median of all. Rates: tokens per second; 0: not asked. */
typedef struct HthBenchPass {
    double prompt, gen, streams; /* streams: of all together */
    double read_gbs, peak_gops; /* ceilings, all threads; peak 0: this build knows no loop */
    double disk_token,
        faults_token; /* bytes read from disk, major page faults, per generated token */
    double allocs_token; /* calls to the heap per generated token, all threads */
} HthBenchPass;

/* A kind of operation and the seconds it took per token; the last entry is everything else. */
typedef struct HthBenchShare {
    char name[64];
    double prompt, gen;
} HthBenchShare;
enum { HTH_BENCH_SHARES_MAX = 32 };

typedef struct HthBenchResult {
    HthBenchPass mid; /* medians, each quantity for itself */
    double
        ops_token; /* operations of a prompt token's linear layers; the output layer is not one */
    double bytes_token; /* weights read for a generated token, the output layer included */
    double bytes_passing; /* weights that do not fit in memory: read from the file in every step */
    double bytes_adapters; /* of their matrices: read for a generated token, for all of a step */
    double bytes_kv; /* cache read for a generated token at the depth asked for */
    HthBenchShare share[HTH_BENCH_SHARES_MAX]; /* with --where */
    uint32_t shares;
    const HthFmt *fmt; /* the commonest weight format */
    const char *name; /* of the model */
    uint32_t threads;
} HthBenchResult;

/* Ceilings of this machine, measured now with every thread of the pool. */
HTH_MUST_CHECK HthStatus hth_bench_roof_read(HthPool *pool, double *out, HthErr *err); /* GB/s */
double hth_bench_roof_peak(HthPool *pool, HthAct act); /* Gop/s; 0: not known */

/* Measures everything the job asks for; fills *out. */
HTH_MUST_CHECK HthStatus hth_bench_measure(const HthBenchJob *job, const HthModel *model,
                                           HthBenchResult *out, HthErr *err);
int hth_bench_print(const HthBenchJob *job, const HthBenchResult *r);

/* --where: what the instructions took over the given tokens and in all, added up by kind. */
void hth_bench_where_add(HthBenchResult *r, const HthProgram *prog, const uint64_t *ns,
                         double seconds, uint32_t tokens, bool gen);
json_t *hth_bench_where_json(const HthBenchResult *r);
void hth_bench_where_print(const HthBenchResult *r);
/* Two bars, prefill and decode, as SVG. */
HTH_MUST_CHECK HthStatus hth_bench_where_svg(const HthBenchResult *r, const char *path,
                                             HthErr *err);

/* --cold: this process, from its start to the first token; opens, measures, prints. */
int hth_bench_cold(const HthBenchJob *job);

#endif
