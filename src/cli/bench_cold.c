/* bench_cold.c - hearth bench --cold: from the start of this process to the first token.
 *
 * The start is what the system noted, in ticks of usually 10 ms rounded down: the sum is at most
 * one tick too long.  Repeat by running it again; whether the model's file is in the page cache is
 * the caller's affair.
 *
 * Thread: the main thread. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/source.h"

typedef struct Cold {
    double start_ms, open_ms, session_ms, prompt_ms, token_ms;
    uint32_t prompt, token;
} Cold;

/* Milliseconds since this process began; 0 where the system does not say. */
static double process_age_ms(void) {
    enum { START_TIME = 22 }; /* field of /proc/self/stat, counted from 1, in ticks since boot */
    HthBuf buf;
    hth_buf_init(&buf, 4096);
    double age = 0.0;
    if (hth_file_read(&buf, "/proc/self/stat", NULL) == HTH_OK) {
        const char *p = strrchr(buf.p, ')'); /* the name, field 2, may hold blanks */
        for (int field = 2; p != NULL && field < START_TIME; field++) p = strchr(p + 1, ' ');
        uint64_t ticks = 0;
        HthStr s = p != NULL ? hth_str(p + 1) : HTH_STR("");
        size_t n = 0;
        while (n < s.n && s.p[n] != ' ') n++;
        struct timespec now;
        if (hth_str_u64((HthStr){ s.p, n }, &ticks) && clock_gettime(CLOCK_BOOTTIME, &now) == 0)
            age = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6 -
                  (double)ticks * 1e3 / (double)sysconf(_SC_CLK_TCK);
    }
    hth_buf_drop(&buf);
    return age;
}

/* Milliseconds since *since, which becomes now. */
static double lap_ms(uint64_t *since) {
    uint64_t now = hth_clock_ns();
    double ms = (double)(now - *since) * 1e-6;
    *since = now;
    return ms;
}

static HthStatus first_token(const HthModel *m, const HthBenchJob *job, uint64_t *since, Cold *c,
                             HthErr *err) {
    uint32_t n_vocab = hth_model_vocab_count(m);
    HthSession *s = NULL;
    HthSessionCfg cfg = { .threads = job->threads, .chunk = job->chunk };
    cfg.no_pack = job->no_pack;
    cfg.kv = job->kv;
    cfg.adapters = job->loras->use;
    cfg.adapter_count = job->loras->count;
    HTH_TRY(hth_session_open(&s, m, &cfg, err));
    uint32_t *ids = hth_calloc(c->prompt, sizeof *ids);
    float *logits = hth_calloc(n_vocab, sizeof *logits);
    HthStatus st = HTH_OK;
    if (ids == NULL || logits == NULL) st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    for (uint32_t i = 0; st == HTH_OK && i < c->prompt; i++)
        ids[i] = hth_rng_below(1, 0, i, n_vocab);
    c->session_ms = lap_ms(since);
    if (st == HTH_OK) st = hth_session_eval(s, ids, c->prompt, logits, err);
    c->prompt_ms = lap_ms(since);
    for (uint32_t i = 0; st == HTH_OK && i < n_vocab; i++)
        if (logits[i] > logits[c->token]) c->token = i;
    c->token_ms = lap_ms(since);
    hth_free(ids);
    hth_free(logits);
    hth_session_close(&s);
    return st;
}

static int print(const HthBenchJob *job, const Cold *c, const char *name) {
    const struct {
        const char *key, *what;
        double ms;
    } stages[] = {
        { "start_ms", "process start", c->start_ms },
        { "open_ms", "model and vocabulary", c->open_ms },
        { "session_ms", "session", c->session_ms },
        { "prompt_ms", "prompt", c->prompt_ms },
        { "token_ms", "choice of the token", c->token_ms },
        { "first_token_ms", "first token after",
          c->start_ms + c->open_ms + c->session_ms + c->prompt_ms + c->token_ms },
    };
    if (strcmp(job->form, "json") == 0) {
        json_t *o = json_pack("{s:s, s:s, s:i}", "model", name, "isa", hth_kern_pick()->name,
                              "prompt", (int)c->prompt);
        for (size_t i = 0; o != NULL && i < HTH_COUNT(stages); i++)
            json_object_set_new(o, stages[i].key, json_real(stages[i].ms));
        return hth_cli_json(o);
    }
    bool csv = strcmp(job->form, "csv") == 0;
    if (!csv) printf("%s, a prompt of %u tokens\n\n", name, c->prompt);
    puts(csv ? "stage,ms" : "| stage | ms |\n|---|---:|");
    for (size_t i = 0; i < HTH_COUNT(stages); i++)
        printf(csv ? "%s,%.1f\n" : "| %s | %.1f |\n", csv ? stages[i].key : stages[i].what,
               stages[i].ms);
    return HTH_EXIT_OK;
}

int hth_bench_cold(const HthBenchJob *job) {
    Cold c = { .start_ms = process_age_ms(), .prompt = job->prompt };
    uint64_t since = hth_clock_ns();
    HthModel *m = NULL;
    HthErr err = { 0 };
    int code = hth_source_model(&m, job->model);
    if (code == HTH_EXIT_OK) code = hth_lora_open(job->loras, m);
    if (code == HTH_EXIT_OK) {
        c.open_ms = lap_ms(&since);
        const HthStatus st = first_token(m, job, &since, &c, &err);
        const char *name = hth_source_is_ember(job->model) ? HTH_EMBER : job->model;
        code = st == HTH_OK ? print(job, &c, name) : hth_cli_fail(&err);
    }
    hth_lora_close(job->loras);
    hth_model_close(&m);
    return code;
}
