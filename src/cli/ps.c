/* ps.c - hearth ps, hearth stop: the models a server holds, and letting one go. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { OPT_HOST = 1, OPT_JSON };

const HthOpt hth_opts_ps[] = {
    { OPT_HOST, 0, "host", "ADDRESS", "the server: 127.0.0.1:PORT or unix:PATH", NULL },
    { OPT_JSON, 0, "json", NULL, "print the server's JSON", NULL },
    { 0 },
};
const HthOpt hth_opts_stop[] = {
    { OPT_HOST, 0, "host", "ADDRESS", "the server: 127.0.0.1:PORT or unix:PATH", NULL },
    { OPT_JSON, 0, "json", NULL, "print the server's JSON", NULL },
    { 0 },
};

typedef struct Job {
    HthClient client;
    const char *model;
    bool json;
} Job;

static int parse(Job *job, HthArgs *args) {
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_HOST: job->client.host = args->value; break;
        case OPT_JSON: job->json = true; break;
        case HTH_ARG_HELP:
        case HTH_ARG_BAD: return id;
        default:
            if (job->model) return hth_cli_usage(args->verb->name, "one model at a time");
            job->model = args->value;
        }
    }
    return HTH_EXIT_OK;
}

/* The answer as JSON, or the server's own sentence. */
static int call(const Job *job, const char *method, const char *path, HthStr body, json_t **out) {
    HthBuf answer;
    HthErr err = { 0 };
    json_t *root = NULL;
    int status = 0, code = HTH_EXIT_OK;
    hth_buf_init(&answer, 1 << 26);
    if (hth_client_call(&job->client, method, path, body, &status, &answer, &err) != HTH_OK ||
        hth_json_parse(&root, hth_buf_str(&answer), answer.n, &err) != HTH_OK) {
        code = err.status == HTH_EAGAIN ? HTH_EXIT_UNAVAILABLE : hth_exit_code(err.status);
        code = hth_cli_error(code, "%s", err.text);
    } else if (status != 200) {
        const char *why = json_string_value(json_object_get(root, "error"));
        code = status == 404 ? HTH_EXIT_NOINPUT : HTH_EXIT_UNAVAILABLE;
        code = hth_cli_error(code, "the server answered %d%s%.300s", status, why ? ": " : "",
                             why ? why : "");
    }
    hth_buf_drop(&answer);
    if (code == HTH_EXIT_OK)
        *out = root;
    else
        json_decref(root);
    return code;
}

/* ---- ps ------------------------------------------------------------------------------------- */

static const char *text(const json_t *m, const char *key) {
    const char *s = json_string_value(json_object_get(m, key));
    return s ? s : "";
}

static void size(char out[32], double bytes) {
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    size_t i = 0;
    for (; bytes >= 1000.0 && i + 1 < HTH_COUNT(units); i++) bytes /= 1000.0;
    snprintf(out, 32, bytes < 10.0 && i > 0 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

/* "4 minutes from now", as people know it. */
static void until(char out[48], const char *when) {
    struct tm tm = { 0 };
    static const struct {
        int64_t s;
        const char *name;
    } units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
    if (!*when || !strptime(when, "%Y-%m-%dT%H:%M:%S", &tm)) {
        snprintf(out, 48, "Forever");
        return;
    }
    int64_t left = (int64_t)timegm(&tm) - hth_clock_unix_s();
    if (left > 86400 * 365) {
        snprintf(out, 48, "Forever");
        return;
    }
    size_t i = 0;
    while (i + 1 < HTH_COUNT(units) && left < units[i].s) i++;
    int64_t n = left > 0 ? left / units[i].s : 0;
    snprintf(out, 48, "%lld %s%s from now", (long long)n, units[i].name, n == 1 ? "" : "s");
}

int hth_cli_ps(HthArgs *args) {
    Job job = { 0 };
    json_t *root = NULL;
    int code = parse(&job, args);
    if (code == HTH_ARG_HELP || code == HTH_ARG_BAD)
        return code == HTH_ARG_HELP ? HTH_EXIT_OK : HTH_EXIT_USAGE;
    if (code == HTH_EXIT_OK) code = call(&job, "GET", "/api/ps", HTH_STR(""), &root);
    if (code != HTH_EXIT_OK) return code;
    if (job.json) return hth_cli_json(root);
    size_t i;
    json_t *m;
    printf("%-28s %-13s %-9s %-9s %s\n", "NAME", "ID", "SIZE", "CONTEXT", "UNTIL");
    json_array_foreach(json_object_get(root, "models"), i, m) {
        char bytes[32], when[48];
        size(bytes, json_number_value(json_object_get(m, "size")));
        until(when, text(m, "expires_at"));
        hth_cli_print_safe(stdout, hth_str(text(m, "name")));
        int pad = 28 - (int)strlen(text(m, "name"));
        printf("%*s %-13.12s %-9s %-9lld %s\n", pad > 0 ? pad : 0, "", text(m, "digest"), bytes,
               (long long)json_integer_value(json_object_get(m, "context_length")), when);
    }
    json_decref(root);
    return HTH_EXIT_OK;
}

/* ---- stop ----------------------------------------------------------------------------------- */

int hth_cli_stop(HthArgs *args) {
    Job job = { 0 };
    json_t *root = NULL;
    int code = parse(&job, args);
    if (code == HTH_ARG_HELP || code == HTH_ARG_BAD)
        return code == HTH_ARG_HELP ? HTH_EXIT_OK : HTH_EXIT_USAGE;
    if (code != HTH_EXIT_OK) return code;
    if (!job.model) return hth_cli_usage("stop", "stop needs a MODEL; 'hearth ps' lists them");
    json_t *body = json_pack("{s:s, s:s, s:i, s:b}", "model", job.model, "prompt", "", "keep_alive",
                             0, "stream", 0);
    HthBuf text_out;
    HthErr err = { 0 };
    hth_buf_init(&text_out, 1 << 20);
    if (!body) return hth_cli_usage("stop", "a model's name is UTF-8 text");
    if (hth_json_write(&text_out, body, 0, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    else
        code = call(&job, "POST", "/api/generate", hth_buf_str(&text_out), &root);
    hth_buf_drop(&text_out);
    json_decref(body);
    if (code != HTH_EXIT_OK) return code;
    if (job.json) return hth_cli_json(root);
    json_decref(root);
    return HTH_EXIT_OK;
}
