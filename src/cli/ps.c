/* ps.c - hearth ps, hearth stop: the models a server holds, and letting one go. */
#include <string.h>

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

/* ---- ps ------------------------------------------------------------------------------------- */

static const char *text(const json_t *m, const char *key) {
    const char *s = json_string_value(json_object_get(m, key));
    return s ? s : "";
}

static void until(char out[48], const char *when) {
    if (!hth_cli_when(out, when)) snprintf(out, 48, "Forever");
}

/* Not among the rows, which others may read. */
static void tell_cage(const char *cage) {
    if (!cage) return;
    if (strcmp(cage, "none") == 0) {
        fputs("hearth: the server is not in a cage (--no-cage): what reads models could reach the "
              "network\n",
              stderr);
        return;
    }
    fputs("hearth: the server is in its cage: ", stderr);
    hth_cli_print_safe(stderr, hth_str(cage));
    fputc('\n', stderr);
}

int hth_cli_ps(HthArgs *args) {
    Job job = { 0 };
    json_t *root = NULL;
    int code = parse(&job, args);
    if (code == HTH_ARG_HELP || code == HTH_ARG_BAD)
        return code == HTH_ARG_HELP ? HTH_EXIT_OK : HTH_EXIT_USAGE;
    if (code == HTH_EXIT_OK)
        code = hth_client_ask(&job.client, "GET", "/api/ps", HTH_STR(""), &root);
    if (code != HTH_EXIT_OK) return code;
    if (job.json) return hth_cli_json(root);
    size_t i;
    json_t *m;
    printf("%-28s %-13s %-9s %-9s %s\n", "NAME", "ID", "SIZE", "CONTEXT", "UNTIL");
    json_array_foreach(json_object_get(root, "models"), i, m) {
        char bytes[32], when[48];
        hth_cli_size(bytes, json_number_value(json_object_get(m, "size")));
        until(when, text(m, "expires_at"));
        hth_cli_print_safe(stdout, hth_str(text(m, "name")));
        int pad = 28 - (int)strlen(text(m, "name"));
        printf("%*s %-13.12s %-9s %-9lld %s\n", pad > 0 ? pad : 0, "", text(m, "digest"), bytes,
               (long long)json_integer_value(json_object_get(m, "context_length")), when);
    }
    tell_cage(json_string_value(json_object_get(root, "cage")));
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
        code = hth_client_ask(&job.client, "POST", "/api/generate", hth_buf_str(&text_out), &root);
    hth_buf_drop(&text_out);
    json_decref(body);
    if (code != HTH_EXIT_OK) return code;
    if (job.json) return hth_cli_json(root);
    json_decref(root);
    return HTH_EXIT_OK;
}
