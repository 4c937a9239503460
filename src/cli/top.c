/* top.c - hearth top: a server at work, live: models, requests, speed, cache. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/term.h"

enum { OPT_HOST = 1, OPT_JSON, OPT_ONCE, OPT_SECONDS };

const HthOpt hth_opts_top[] = {
    { OPT_HOST, 0, "host", "ADDRESS", "the server: 127.0.0.1:PORT or unix:PATH", NULL },
    { OPT_SECONDS, 's', "seconds", "N", "between two looks (default 2)", NULL },
    { OPT_ONCE, 0, "once", NULL, "look once, over one interval, and leave", NULL },
    { OPT_JSON, 0, "json", NULL, "print one JSON object per look", NULL },
    { 0 },
};

/* ---- reading /metrics ------------------------------------------------------------------------ */

enum { MODELS_MAX = 32, NAME_MAX_ = 96 };

typedef enum Field {
    RUNNING,
    WAITING,
    PROMPT,
    HITS,
    WORDS,
    BUSY,
    PAGES,
    PAGES_FREE,
    PAGES_CACHED,
    BYTES,
    FIRST_SUM,
    FIRST_COUNT,
    FIELD_COUNT
} Field;

static const char *const fields[FIELD_COUNT] = {
    [RUNNING] = "hearth_requests_running",
    [WAITING] = "hearth_requests_waiting",
    [PROMPT] = "hearth_prompt_tokens_total",
    [HITS] = "hearth_prefix_hit_tokens_total",
    [WORDS] = "hearth_generated_tokens_total",
    [BUSY] = "hearth_busy_seconds_total",
    [PAGES] = "hearth_kv_pages",
    [PAGES_FREE] = "hearth_kv_pages_free",
    [PAGES_CACHED] = "hearth_kv_pages_cached",
    [BYTES] = "hearth_model_bytes",
    [FIRST_SUM] = "hearth_time_to_first_token_seconds_sum",
    [FIRST_COUNT] = "hearth_time_to_first_token_seconds_count",
};

typedef struct Model {
    char name[NAME_MAX_];
    double v[FIELD_COUNT];
} Model;

typedef struct Look {
    Model models[MODELS_MAX];
    size_t count;
    uint64_t at_ns;
} Look;

static Model *model_of(Look *look, HthStr name) {
    for (size_t i = 0; i < look->count; i++)
        if (hth_str_eq(hth_str(look->models[i].name), name)) return &look->models[i];
    if (look->count == MODELS_MAX || name.n >= NAME_MAX_) return NULL;
    Model *m = &look->models[look->count++];
    memcpy(m->name, name.p, name.n);
    return m;
}

/* name{model="x"} value */
static void read_line(Look *look, HthStr line) {
    size_t brace = hth_str_find(line, HTH_STR("{model=\""));
    size_t end = hth_str_find(line, HTH_STR("\"} "));
    double value;
    if (brace == SIZE_MAX || end == SIZE_MAX || end < brace + 8) return;
    if (!hth_str_f64(hth_str_trim(hth_str_sub(line, end + 3, SIZE_MAX)), &value)) return;
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (!hth_str_eq(hth_str_sub(line, 0, brace), hth_str(fields[f]))) continue;
        Model *m = model_of(look, hth_str_sub(line, brace + 8, end - brace - 8));
        if (m) m->v[f] = value;
    }
}

static int look_now(const HthClient *c, Look *look) {
    HthBuf out;
    HthErr err = { 0 };
    int status = 0;
    hth_buf_init(&out, 1 << 24);
    HthStatus st = hth_client_call(c, "GET", "/metrics", HTH_STR(""), &status, &out, &err);
    *look = (Look){ .at_ns = hth_clock_ns() };
    HthStr rest = hth_buf_str(&out);
    while (st == HTH_OK && status == 200 && rest.n > 0) {
        size_t n = hth_str_find(rest, HTH_STR("\n"));
        if (n == SIZE_MAX) n = rest.n;
        read_line(look, hth_str_sub(rest, 0, n));
        rest = hth_str_sub(rest, n + 1, SIZE_MAX);
    }
    hth_buf_drop(&out);
    if (st != HTH_OK)
        return hth_cli_error(st == HTH_EAGAIN ? HTH_EXIT_UNAVAILABLE : HTH_EXIT_IO, "%s", err.text);
    if (status != 200)
        return hth_cli_error(HTH_EXIT_DENIED, "the server answered %d to GET /metrics", status);
    return HTH_EXIT_OK;
}

/* ---- showing --------------------------------------------------------------------------------- */

static double rate(const Model *old, const Model *m, Field f, double s) {
    double d = m->v[f] - (old ? old->v[f] : 0.0);
    return d > 0.0 && s > 0.0 ? d / s : 0.0;
}

static const Model *before(const Look *old, const Model *m) {
    for (size_t i = 0; i < old->count; i++)
        if (strcmp(old->models[i].name, m->name) == 0) return &old->models[i];
    return NULL;
}

static void show(const Look *old, const Look *look) {
    double s = (double)(look->at_ns - old->at_ns) * 1e-9;
    printf("%-28s %8s %8s %10s %10s %6s %7s %7s %9s\n", "MODEL", "RUNNING", "WAITING", "PROMPT/s",
           "WORDS/s", "BUSY", "CACHE", "HITS", "MEMORY");
    for (size_t i = 0; i < look->count; i++) {
        const Model *m = &look->models[i], *o = before(old, m);
        double pages = m->v[PAGES] > 0 ? m->v[PAGES] : 1, prompt = rate(o, m, PROMPT, s);
        hth_cli_print_safe(stdout, hth_str(m->name));
        int pad = 28 - (int)strlen(m->name);
        printf("%*s %8.0f %8.0f %10.1f %10.1f %5.0f%% %6.0f%% %6.0f%% %6.0f MB\n",
               pad > 0 ? pad : 0, "", m->v[RUNNING], m->v[WAITING], prompt, rate(o, m, WORDS, s),
               100.0 * rate(o, m, BUSY, s), 100.0 * (pages - m->v[PAGES_FREE]) / pages,
               prompt > 0 ? 100.0 * rate(o, m, HITS, s) / prompt : 0.0, m->v[BYTES] * 1e-6);
    }
    if (look->count == 0) printf("(no model is loaded)\n");
}

static int show_json(const Look *old, const Look *look) {
    double s = (double)(look->at_ns - old->at_ns) * 1e-9;
    json_t *models = json_array();
    for (size_t i = 0; i < look->count; i++) {
        const Model *m = &look->models[i], *o = before(old, m);
        json_t *one = json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "model", m->name,
                                "running", m->v[RUNNING], "waiting", m->v[WAITING],
                                "prompt_tokens_per_s", rate(o, m, PROMPT, s), "tokens_per_s",
                                rate(o, m, WORDS, s), "busy", rate(o, m, BUSY, s), "pages",
                                m->v[PAGES], "pages_free", m->v[PAGES_FREE], "bytes", m->v[BYTES]);
        if (one) (void)json_array_append_new(models, one);
    }
    return hth_cli_json(json_pack("{s:f, s:o}", "seconds", s, "models", models));
}

static void clear_screen(void) {
    fputs("\033[H\033[J", stdout);
}

int hth_cli_top(HthArgs *args) {
    HthClient client = { 0 };
    uint32_t seconds = 2;
    bool once = !hth_term_out(), json = false;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_HOST: client.host = args->value; break;
        case OPT_JSON: json = true; break;
        case OPT_ONCE: once = true; break;
        case OPT_SECONDS:
            if (!hth_args_u32(args, 1, 3600, &seconds)) return HTH_EXIT_USAGE;
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default: return hth_cli_usage("top", "top takes no arguments");
        }
    }
    static Look old, look;
    int code = look_now(&client, &old);
    hth_interrupt_catch();
    while (code == HTH_EXIT_OK && !hth_interrupted()) {
        sleep(seconds); /* an interrupt ends it */
        if (hth_interrupted()) break;
        if ((code = look_now(&client, &look)) != HTH_EXIT_OK) break;
        if (!json && !once) clear_screen();
        if (json)
            code = show_json(&old, &look);
        else
            show(&old, &look);
        fflush(stdout);
        if (once) break;
        old = look;
    }
    return code;
}
