/* train.c - hearth train: a tokenizer, its data, a model, a file, its figures.
 *
 * One verb with five steps, each with its own options; all read the same recipe. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/name.h"
#include "cli/caged.h"
#include "tune/train.h"

typedef struct Job {
    HthTrainCfg cfg;
    const char *format, *out, *model;
    const char **texts, **pairs; /* borrowed from argv */
    uint32_t text_count, pair_count, pairs_max;
    bool json, quiet;
} Job;

typedef struct Opt {
    const char *name, *arg, *help;
    const char *steps; /* letters of the steps it belongs to: t p r x e s */
} Opt;

/* clang-format off */
static const Opt OPTS[] = {
    { "recipe",      "FILE", "the recipe (JSON), for instance models/ember/recipe.json", "tprxs" },
    { "work",        "DIR",  "folder for tokenizer, data, checkpoint and log", "tprxs" },
    { "corpus",      "DIR",  "folder the recipe's sources are in", "tp" },
    { "from",        "FILE", "start from this model: its vocabulary, its weights", "tr" },
    { "valid",       "FILE", "text held out of training, watched during it", "p" },
    { "threads",     "N",    "threads (default: all cores)", "prxes" },
    { "save-every",  "SEC",  "seconds between checkpoints (default: 300)", "r" },
    { "valid-every", "STEP", "steps between looks at the held-out text (default: never)", "r" },
    { "steps",       "N",    "stop after N steps; run again to go on", "r" },
    { "afresh",      NULL,   "start over even if there is a checkpoint", "r" },
    { "quiet",       NULL,   "no progress lines", "r" },
    { "format",      "TYPE", "format of the matrices: Q8_0 (default), F32, F16, ...", "x" },
    { "out",         "FILE", "the GGUF file to write", "x" },
    { "model",       "FILE", "the GGUF file to evaluate", "e" },
    { "text",        "FILE", "text for bits per byte; may be given several times", "e" },
    { "pairs",       "FILE", "minimal pairs (JSONL); may be given several times", "e" },
    { "pairs-max",   "N",    "pairs read from each file (default: all)", "e" },
    { "json",        NULL,   "print one JSON object", "e" },
};
/* clang-format on */

/* ---- progress ---- */

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int sig) {
    (void)sig;
    asked_to_stop = 1;
}

static int progress(void *payload, const HthTrainProgress *p) {
    const Job *job = payload;
    const bool line = p->step % 50 == 0 || p->saved || p->step == p->steps;
    const bool tty = isatty(STDERR_FILENO);
    if (!job->quiet && (tty || line)) {
        fprintf(stderr, "%s%u/%u %s  loss %.4f", tty ? "\r" : "", p->step, p->steps, p->phase,
                p->loss);
        if (!isnan(p->loss_valid)) fprintf(stderr, "  valid %.4f", p->loss_valid);
        fprintf(stderr, "  %.0f tokens/s  %.0f GFLOP/s (%.0f %% of peak)  ETA %um%02us%s",
                p->tokens_per_s, p->flops_per_s * 1e-9, 100 * p->flops_per_s / p->peak,
                (unsigned)(p->eta_s / 60), (unsigned)fmod(p->eta_s, 60),
                tty && !line ? "   " : "\n");
    }
    return asked_to_stop;
}

/* ---- steps ---- */

static HthStatus do_tokenizer(Job *job, HthErr *err) {
    return hth_train_tokenizer(&job->cfg, err);
}
static HthStatus do_prepare(Job *job, HthErr *err) {
    return hth_train_prepare(&job->cfg, err);
}

static HthStatus do_run(Job *job, HthErr *err) {
    struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    return hth_train_run(&job->cfg, progress, job, err);
}

static HthStatus do_export(Job *job, HthErr *err) {
    HTH_REQUIRE(job->out, err, HTH_EINVAL, "export needs --out FILE");
    return hth_train_export(&job->cfg, job->format, job->out, err);
}

static HthStatus eval_texts(const Job *job, HthEval *e, json_t *all, HthErr *err) {
    for (uint32_t i = 0; i < job->text_count; i++) {
        HthEvalText r;
        HTH_TRY(hth_eval_text(e, job->texts[i], &r, err));
        if (!job->json)
            printf("%-28s %8.4f bits per byte  (%llu bytes, %llu tokens)\n",
                   hth_path_name(job->texts[i]), r.bits_per_byte, (unsigned long long)r.bytes,
                   (unsigned long long)r.tokens);
        json_object_set_new(all, hth_path_name(job->texts[i]), json_real(r.bits_per_byte));
    }
    return HTH_OK;
}

static HthStatus eval_pairs(const Job *job, HthEval *e, json_t *all, HthErr *err) {
    uint64_t pairs = 0, right = 0;
    double mean = 0;
    for (uint32_t i = 0; i < job->pair_count; i++) {
        HthEvalPairs r;
        HTH_TRY(hth_eval_pairs(e, job->pairs[i], job->pairs_max, &r, err));
        const double share = r.pairs ? (double)r.right / (double)r.pairs : 0;
        if (!job->json)
            printf("%-60s %5.1f %%  (%llu pairs)\n", hth_path_name(job->pairs[i]), 100 * share,
                   (unsigned long long)r.pairs);
        json_object_set_new(all, hth_path_name(job->pairs[i]), json_real(share));
        pairs += r.pairs;
        right += r.right;
        mean += share / job->pair_count;
    }
    if (job->pair_count > 0 && !job->json)
        printf("all pairs: %.2f %% of %llu; mean over files %.2f %%\n",
               100.0 * (double)right / (double)(pairs ? pairs : 1), (unsigned long long)pairs,
               100 * mean);
    return HTH_OK;
}

static HthStatus do_eval(Job *job, HthErr *err) {
    HTH_REQUIRE(job->model, err, HTH_EINVAL, "eval needs --model FILE");
    HTH_REQUIRE(job->text_count + job->pair_count > 0, err, HTH_EINVAL,
                "eval needs --text or --pairs");
    HthEval *e = NULL;
    HTH_TRY(hth_eval_open(&e, job->model, job->cfg.threads, err));
    json_t *texts = json_object(), *pairs = json_object();
    HthStatus status = eval_texts(job, e, texts, err);
    if (status == HTH_OK) status = eval_pairs(job, e, pairs, err);
    if (status == HTH_OK && job->json) {
        json_t *all = json_pack("{s:o, s:o}", "bits_per_byte", json_incref(texts), "pairs",
                                json_incref(pairs));
        hth_cli_json(all);
    }
    json_decref(texts);
    json_decref(pairs);
    hth_eval_close(&e);
    return status;
}

static void print_speed(void *payload, const HthTrainSpeed *s) {
    (void)payload;
    printf("%-16s %5u x %5u x %5u  %6.1f GFLOP/s  %5.1f %% of %.1f\n", s->kind, s->m, s->n, s->k,
           s->flops_per_s * 1e-9, 100 * s->flops_per_s / s->peak, s->peak * 1e-9);
    fflush(stdout);
}

static HthStatus do_speed(Job *job, HthErr *err) {
    return hth_train_speed(&job->cfg, 5, print_speed, NULL, err);
}

typedef struct Step {
    const char *name;
    char letter;
    const char *help;
    HthStatus (*run)(Job *job, HthErr *err);
} Step;

static const Step STEPS[] = {
    { "tokenizer", 't', "learn a byte-level BPE vocabulary from the corpus", do_tokenizer },
    { "prepare", 'p', "mix, tokenise and shuffle the corpus", do_prepare },
    { "run", 'r', "train; goes on from the checkpoint if there is one", do_run },
    { "export", 'x', "write the model file", do_export },
    { "eval", 'e', "bits per byte and minimal pairs of a model file", do_eval },
    { "speed", 's', "the recipe's matrix products against this machine's peak", do_speed },
};

/* ---- arguments ---- */

static void print_help(FILE *f, const Step *only) {
    fprintf(f, "Usage: hearth train %s [options]\n\n", only ? only->name : "STEP");
    for (size_t i = 0; i < HTH_COUNT(STEPS); i++)
        if (!only || only == &STEPS[i]) fprintf(f, "  %-12s %s\n", STEPS[i].name, STEPS[i].help);
    fprintf(f, "\nOptions:\n");
    for (size_t i = 0; i < HTH_COUNT(OPTS); i++) {
        if (only && !strchr(OPTS[i].steps, only->letter)) continue;
        char label[40];
        snprintf(label, sizeof label, "--%s %s", OPTS[i].name, OPTS[i].arg ? OPTS[i].arg : "");
        fprintf(f, "  %-20s %s\n", label, OPTS[i].help);
    }
    fprintf(f, "\nExamples:\n"
               "  hearth train tokenizer --recipe models/ember/recipe.json --corpus text --work w\n"
               "  hearth train prepare   --recipe models/ember/recipe.json --corpus text --work w\n"
               "  hearth train run       --recipe models/ember/recipe.json --work w\n"
               "  hearth train export    --recipe models/ember/recipe.json --work w --out my.gguf\n"
               "  hearth train eval      --model my.gguf --text heldout.txt\n");
}

static bool set_number(const char *value, uint32_t *out) {
    uint64_t v;
    if (!hth_str_u64(hth_str(value), &v) || v > UINT32_MAX) return false;
    *out = (uint32_t)v;
    return true;
}

/* false: value is no number. */
static bool set_option(Job *job, const char *name, const char *value) {
    const struct {
        const char *name;
        const char **to;
    } strings[] = { { "recipe", &job->cfg.recipe }, { "work", &job->cfg.work },
                    { "corpus", &job->cfg.corpus }, { "from", &job->cfg.from },
                    { "valid", &job->cfg.valid },   { "format", &job->format },
                    { "out", &job->out },           { "model", &job->model } };
    const struct {
        const char *name;
        uint32_t *to;
    } numbers[] = { { "threads", &job->cfg.threads },
                    { "save-every", &job->cfg.save_s },
                    { "valid-every", &job->cfg.valid_every },
                    { "steps", &job->cfg.steps_max },
                    { "pairs-max", &job->pairs_max } };
    for (size_t i = 0; i < HTH_COUNT(strings); i++)
        if (!strcmp(name, strings[i].name)) *strings[i].to = value;
    for (size_t i = 0; i < HTH_COUNT(numbers); i++)
        if (!strcmp(name, numbers[i].name)) return set_number(value, numbers[i].to);
    if (!strcmp(name, "text")) job->texts[job->text_count++] = value;
    if (!strcmp(name, "pairs")) job->pairs[job->pair_count++] = value;
    if (!strcmp(name, "afresh")) job->cfg.afresh = true;
    if (!strcmp(name, "quiet")) job->quiet = true;
    if (!strcmp(name, "json")) job->json = true;
    return true;
}

static const Opt *find_option(const Step *step, const char *name, size_t n) {
    for (size_t i = 0; i < HTH_COUNT(OPTS); i++)
        if (strlen(OPTS[i].name) == n && !strncmp(OPTS[i].name, name, n) &&
            strchr(OPTS[i].steps, step->letter))
            return &OPTS[i];
    return NULL;
}

/* -1: go on; else an exit code. */
static int parse(Job *job, const Step *step, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help(stdout, step);
            return HTH_EXIT_OK;
        }
        if (strncmp(argv[i], "--", 2) != 0)
            return hth_cli_usage("train", "train %s takes options only", step->name);
        const char *name = argv[i] + 2;
        const size_t n = strcspn(name, "=");
        const Opt *opt = find_option(step, name, n);
        if (!opt) return hth_cli_usage("train", "train %s has no option %s", step->name, argv[i]);
        const char *value = name[n] == '=' ? name + n + 1 : NULL;
        if (!opt->arg && value) return hth_cli_usage("train", "--%s takes no value", opt->name);
        if (opt->arg && !value) value = ++i < argc ? argv[i] : NULL;
        if (opt->arg && !value) return hth_cli_usage("train", "--%s needs a value", opt->name);
        if (!set_option(job, opt->name, value))
            return hth_cli_usage("train", "--%s needs a whole number", opt->name);
    }
    return -1;
}

static int perform(Job *job, const Step *step) {
    HthErr err = { 0 };
    const char *const files[] = { job->cfg.recipe, job->cfg.from, job->cfg.valid, job->model };
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        const int code = files[i] ? hth_cli_readable(files[i]) : HTH_EXIT_OK;
        if (code != HTH_EXIT_OK) return code;
    }
    HthStatus status = step->run(job, &err);
    if (status == HTH_ECANCELED && !asked_to_stop) { /* --steps: as asked */
        fprintf(stderr, "hearth: %s\n", err.text);
        return HTH_EXIT_OK;
    }
    return status == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
}

/* argv[0] is "train". */
/* Texts come from anywhere and may be many: all can be read. What is written is the model's. */
static int close_cage(const Job *job) {
    if (job->cfg.work) (void)mkdir(job->cfg.work, 0777); /* if not, the step says why */
    return hth_caged(
        &(HthCaged){ .reads = { "/" }, .makes = { job->cfg.work }, .writes = { job->out } });
}

int hth_cli_train(int argc, char **argv) {
    const Step *step = NULL;
    if (argc < 2) return hth_cli_usage("train", "train needs a step, such as run");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(stdout, NULL);
        return HTH_EXIT_OK;
    }
    for (size_t i = 0; i < HTH_COUNT(STEPS); i++)
        if (!strcmp(argv[1], STEPS[i].name)) step = &STEPS[i];
    if (!step) return hth_cli_usage("train", "train has no step %s", argv[1]);
    Job job = { .format = "Q8_0" };
    job.texts = hth_calloc((size_t)argc, sizeof *job.texts);
    job.pairs = hth_calloc((size_t)argc, sizeof *job.pairs);
    int code = HTH_EXIT_OS;
    if (job.texts && job.pairs) code = parse(&job, step, argc - 2, argv + 2);
    if (code == -1 && (code = close_cage(&job)) == HTH_EXIT_OK) code = perform(&job, step);
    hth_free(job.texts);
    hth_free(job.pairs);
    return code;
}
