/* bench.c - hearth bench: tokens per second, beside what the machine could do.
 *
 * Two ceilings are measured in the same process and the same minute as the model's own figures: the
 * rate at which all threads read memory, and that of the tier's widest multiply-add in registers.
 * Machines are noisy: figures are medians of repetitions that take every quantity in turn.
 *
 * Thread: the main thread. */
#include <string.h>

#include "cli/bench.h"
#include "cli/caged.h"
#include "cli/source.h"
#include "cli/term.h"

enum {
    OPT_PROMPT = 1,
    OPT_GEN,
    OPT_DEPTH,
    OPT_STREAMS,
    OPT_REPS,
    OPT_THREADS,
    OPT_KV,
    OPT_CHUNK,
    OPT_ISA,
    OPT_LOCK,
    OPT_COLD,
    OPT_WHERE,
    OPT_SVG,
    OPT_OUTPUT,
    OPT_JSON,
    OPT_NO_PACK,
    OPT_LORA
};
enum { PROMPT = 512, PROMPT_COLD = 32, UNSET = UINT32_MAX };

const HthOpt hth_opts_bench[] = {
    { OPT_PROMPT, 'p', "prompt", "N", "prompt tokens (default 512, 0: leave out)", NULL },
    { OPT_GEN, 'n', "gen", "N", "generated tokens (default 128, 0: leave out)", NULL },
    { OPT_DEPTH, 'd', "depth", "N", "generate after N tokens of context (default 0)", NULL },
    { OPT_STREAMS, 0, "streams", "N", "also generate for N timelines in one step", NULL },
    { OPT_REPS, 'r', "reps", "N", "repetitions (default 5)", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_KV, 0, "kv", "TYPE",
      "cache of keys and values (default: f32 for float weights, else f16)", "f32 f16 q8_0 q4_0" },
    { OPT_CHUNK, 0, "chunk", "N", "tokens per forward step (default 256)", NULL },
    { OPT_ISA, 0, "isa", "NAME", "kernel tier: see hearth version",
      "c avx2 avx512 avx512vnni amx" },
    { OPT_LOCK, 0, "lock", NULL, "keep the weights from leaving memory", NULL },
    { OPT_COLD, 0, "cold", NULL, "once, from process start to the first token (-p: default 32)",
      NULL },
    { OPT_WHERE, 0, "where", NULL, "also what each kind of operation takes", NULL },
    { OPT_SVG, 0, "svg", "FILE", "draw that as a picture (implies --where)", NULL },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_LORA, 0, "lora", HTH_LORA_VALUE, HTH_LORA_HELP, "gguf" },
    { OPT_OUTPUT, 'o', "output", "FORM", "md, json or csv (default md)", "md json csv" },
    { OPT_JSON, 0, "json", NULL, "the same as -o json", NULL },
    { 0 },
};

static int bench(const HthBenchJob *job) {
    HthModel *m = NULL;
    HthErr err = { 0 };
    int code = hth_source_model(&m, job->model);
    if (code == HTH_EXIT_OK) code = hth_lora_open(job->loras, m);
    if (code != HTH_EXIT_OK) {
        hth_lora_close(job->loras);
        hth_model_close(&m);
        return code;
    }
    hth_interrupt_catch();
    HthBenchResult r = { .name = hth_source_is_ember(job->model) ? HTH_EMBER : job->model };
    HthStatus st = job->lock ? hth_model_lock(m, &err) : HTH_OK;
    if (st == HTH_OK) st = hth_bench_measure(job, m, &r, &err);
    if (st == HTH_OK && job->svg) st = hth_bench_where_svg(&r, job->svg, &err);
    code = st == HTH_OK ? hth_bench_print(job, &r) : hth_cli_fail(&err);
    hth_lora_close(job->loras);
    hth_model_close(&m);
    return code;
}

/* One option or positional into the job; HTH_EXIT_OK, or the code to end with. */
static int take(HthArgs *args, int id, HthBenchJob *job) {
    static const char *const forms[] = { "md", "json", "csv" };
    const struct {
        int id;
        uint32_t min, max, *to;
    } numbers[] = {
        { OPT_PROMPT, 0, 1 << 20, &job->prompt },
        { OPT_GEN, 0, 1 << 20, &job->gen },
        { OPT_DEPTH, 0, 1 << 24, &job->depth },
        { OPT_STREAMS, 1, HTH_BENCH_STREAMS_MAX, &job->streams },
        { OPT_REPS, 1, HTH_BENCH_REPS_MAX, &job->reps },
        { OPT_THREADS, 1, 256, &job->threads },
        { OPT_CHUNK, 1, 8192, &job->chunk },
    };
    for (size_t i = 0; i < HTH_COUNT(numbers); i++)
        if (numbers[i].id == id)
            return hth_args_u32(args, numbers[i].min, numbers[i].max, numbers[i].to)
                       ? HTH_EXIT_OK
                       : HTH_EXIT_USAGE;
    switch (id) {
    case OPT_ISA: job->isa = args->value; return HTH_EXIT_OK;
    case OPT_LOCK: job->lock = true; return HTH_EXIT_OK;
    case OPT_NO_PACK: job->no_pack = true; return HTH_EXIT_OK;
    case OPT_KV: job->kv = args->value; return HTH_EXIT_OK;
    case OPT_COLD: job->cold = true; return HTH_EXIT_OK;
    case OPT_LORA:
        return hth_lora_add(job->loras, "bench", args->value) ? HTH_EXIT_OK : HTH_EXIT_USAGE;
    case OPT_WHERE: job->where = true; return HTH_EXIT_OK;
    case OPT_SVG:
        job->where = true;
        job->svg = args->value;
        return HTH_EXIT_OK;
    case OPT_JSON: job->form = "json"; return HTH_EXIT_OK;
    case OPT_OUTPUT:
        for (size_t i = 0; i < HTH_COUNT(forms); i++)
            if (strcmp(args->value, forms[i]) == 0) {
                job->form = forms[i];
                return HTH_EXIT_OK;
            }
        return hth_cli_usage("bench", "option -o takes md, json or csv");
    default:
        if (job->model != NULL) return hth_cli_usage("bench", "bench takes one MODEL");
        job->model = args->value;
        return HTH_EXIT_OK;
    }
}

/* Options that make no sense together are refused; then it is measured, in a cage. */
static int check_and_run(HthBenchJob *job) {
    HthErr err = { 0 };
    if (job->prompt == UNSET) job->prompt = job->cold ? PROMPT_COLD : PROMPT;
    if (job->cold && job->prompt == 0)
        return hth_cli_usage("bench", "--cold needs a prompt of at least one token");
    if (job->prompt == 0 && job->gen == 0)
        return hth_cli_usage("bench", "with -p 0 and -n 0 there is nothing to measure");
    if (job->isa != NULL && hth_kern_force(job->isa, &err) != HTH_OK) return hth_cli_fail(&err);
    HthCaged cage = { .models = { job->model }, .writes = { job->svg } };
    hth_lora_cage(job->loras, &cage);
    const int code = hth_caged(&cage);
    if (code != HTH_EXIT_OK) return code;
    return job->cold ? hth_bench_cold(job) : bench(job);
}

int hth_cli_bench(HthArgs *args) {
    HthLoras loras = { 0 };
    HthBenchJob job = { .form = "md", .prompt = UNSET, .gen = 128, .reps = 5, .loras = &loras };
    int code = HTH_EXIT_OK;
    for (int id; code == HTH_EXIT_OK && (id = hth_args_next(args)) != HTH_ARG_END;) {
        if (id == HTH_ARG_HELP) goto out;
        code = id == HTH_ARG_BAD ? HTH_EXIT_USAGE : take(args, id, &job);
    }
    if (code == HTH_EXIT_OK) code = check_and_run(&job);
out:
    hth_lora_drop(&loras);
    return code;
}
