/* ca.c - hearth ca: certificates for TLS with the machines of one's own. */
#include "crypt/ca.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "cli/user.h"

enum { OPT_JSON = 1, OPT_HOST, OPT_DAYS, OPT_DIR, OPT_NAME };

const HthOpt hth_opts_ca[] = {
    { OPT_HOST, 0, "host", "HOST",
      "a DNS name or literal address: init: one the authority is good for (and what is below a "
      "name); issue: one of the server's. May be repeated",
      NULL },
    { OPT_DAYS, 0, "days", "N", "issue: good for so long (default and most: 397)", NULL },
    { OPT_NAME, 0, "name", "NAME", "init: what the authority is called (default: hearth)", NULL },
    { OPT_DIR, 0, "dir", "FOLDER", "the authority's folder (default: ca, where keys are kept)",
      "dir" },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *verb, *name, *dir, *authority;
    const char *hosts[HTH_CA_HOSTS_MAX];
    size_t host_count;
    uint32_t days;
    bool json;
} Job;

static int init(const Job *job, const char *dir) {
    HthErr err = { 0 };
    const HthStr name = hth_str(job->authority ? job->authority : "hearth");
    if (hth_ca_init(dir, name, job->hosts, job->host_count, hth_clock_unix_s(), &err) != HTH_OK)
        return hth_cli_fail(&err);
    if (job->json) return hth_cli_json(json_pack("{s:s}", "folder", dir));
    printf("%s/ca.crt\n", dir);
    fputs("hearth: machines and browsers that trust this certificate trust what it issues\n",
          stderr);
    return HTH_EXIT_OK;
}

static int issue(const Job *job, const char *dir) {
    HthErr err = { 0 };
    const HthCaIssue want = { .kind = job->host_count ? HTH_CA_SERVER : HTH_CA_CLIENT,
                              .name = hth_str(job->name),
                              .hosts = job->hosts,
                              .host_count = job->host_count,
                              .days = job->days,
                              .now_s = hth_clock_unix_s() };
    if (hth_ca_issue(dir, &want, &err) != HTH_OK) return hth_cli_fail(&err);
    char cert[4096], key[4096];
    snprintf(cert, sizeof cert, "%s/%s.crt", dir, job->name);
    snprintf(key, sizeof key, "%s/%s.key", dir, job->name);
    if (job->json)
        return hth_cli_json(
            json_pack("{s:s, s:s, s:s}", "name", job->name, "certificate", cert, "key", key));
    printf("%s\n%s\n", cert, key);
    return HTH_EXIT_OK;
}

static int revoke(const Job *job, const char *dir) {
    HthErr err = { 0 };
    if (hth_ca_revoke(dir, hth_str(job->name), hth_clock_unix_s(), &err) != HTH_OK)
        return hth_cli_fail(&err);
    fputs("hearth: a server that runs (--client-ca) refuses it as soon as it gets SIGHUP\n",
          stderr);
    return job->json ? hth_cli_json(json_pack("{s:s}", "revoked", job->name)) : HTH_EXIT_OK;
}

static const char *state_of(const HthCaEntry *e) {
    if (e->revoked_s) return "revoked";
    return hth_clock_unix_s() < e->expires_s ? "good" : "past its time";
}

static int list(const Job *job, const char *dir) {
    HthCaEntry *all = NULL;
    uint32_t n = 0;
    HthErr err = { 0 };
    if (hth_ca_list(dir, &all, &n, &err) != HTH_OK) return hth_cli_fail(&err);
    json_t *out = json_array();
    if (!job->json) printf("%-32s %-7s %-11s %-11s %s\n", "NAME", "FOR", "MADE", "EXPIRES", "");
    for (uint32_t i = 0; i < n; i++) {
        const HthCaEntry *e = &all[i];
        const char *kind = e->kind == HTH_CA_SERVER ? "server" : "client";
        char made[32], expires[32];
        hth_cli_date(made, e->created_s);
        hth_cli_date(expires, e->expires_s);
        if (!job->json)
            printf("%-32s %-7s %-11s %-11s %s\n", e->name, kind, made, expires, state_of(e));
        (void)json_array_append_new(
            out, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "name", e->name, "kind", kind,
                           "serial", e->serial, "created", (json_int_t)e->created_s, "expires",
                           (json_int_t)e->expires_s, "revoked", (json_int_t)e->revoked_s));
    }
    hth_free(all);
    if (job->json) return hth_cli_json(json_pack("{s:o}", "certificates", out));
    json_decref(out);
    return HTH_EXIT_OK;
}

static int show(const Job *job, const char *dir) {
    HthErr err = { 0 };
    HthBuf text;
    int code = HTH_EXIT_OK;
    hth_buf_init(&text, 1 << 18);
    if (hth_ca_show(dir, hth_str(job->name ? job->name : "ca"), &text, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    else
        hth_cli_print_lines(stdout, hth_buf_str(&text));
    hth_buf_drop(&text);
    return code;
}

static int run(const Job *job) {
    static const struct {
        const char *name;
        int names_min, names_max;
        int (*run)(const Job *job, const char *dir);
    } verbs[] = { { "init", 0, 0, init },
                  { "issue", 1, 1, issue },
                  { "revoke", 1, 1, revoke },
                  { "list", 0, 0, list },
                  { "show", 0, 1, show } };
    const int names = job->name != NULL;
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && (!job->verb || strcmp(job->verb, verbs[i].name) != 0)) i++;
    if (i == HTH_COUNT(verbs) || names < verbs[i].names_min || names > verbs[i].names_max)
        return hth_cli_usage(
            "ca", "one of: ca init, ca issue NAME, ca revoke NAME, ca list, ca show [NAME]");
    HthBuf dir;
    HthErr err = { 0 };
    int code;
    hth_buf_init(&dir, 4000);
    const HthStatus st = job->dir ? hth_buf_add_str(&dir, hth_str(job->dir), &err)
                                  : hth_state_file(&dir, "ca", true, &err);
    code = st == HTH_OK ? verbs[i].run(job, dir.p) : hth_cli_fail(&err);
    hth_buf_drop(&dir);
    return code;
}

int hth_cli_ca(HthArgs *args) {
    Job job = { .verb = NULL };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: job.json = true; break;
        case OPT_DIR: job.dir = args->value; break;
        case OPT_NAME: job.authority = args->value; break;
        case OPT_HOST:
            if (job.host_count == HTH_CA_HOSTS_MAX)
                return hth_cli_usage("ca", "at most %d hosts", HTH_CA_HOSTS_MAX);
            job.hosts[job.host_count++] = args->value;
            break;
        case OPT_DAYS:
            if (!hth_args_u32(args, 1, HTH_CA_CERT_DAYS, &job.days)) return HTH_EXIT_USAGE;
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (!hth_args_verb(args, &job.verb, &job.name)) return HTH_EXIT_USAGE;
        }
    }
    return run(&job);
}
