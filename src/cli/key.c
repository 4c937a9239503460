/* key.c - hearth key: who but this user may use the server. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "serve/keys.h"

enum { OPT_JSON = 1, OPT_ADMIN, OPT_TENANT, OPT_EXPIRES };

const HthOpt hth_opts_key[] = {
    { OPT_ADMIN, 0, "admin", NULL, "may also manage models and see what concerns everybody", NULL },
    { OPT_TENANT, 0, "tenant", "NAME", "shares cached prefixes with keys of this tenant only",
      NULL },
    { OPT_EXPIRES, 0, "expires", "DAYS", "good for so long (default: until it is revoked)", NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *verb, *name, *tenant;
    uint32_t days;
    bool admin, json;
} Job;

static const char *role(const HthKey *k) {
    return k->role == HTH_ROLE_ADMIN ? "admin" : "user";
}

static void date(char out[32], int64_t unix_s) {
    time_t t = (time_t)unix_s;
    struct tm tm;
    if (unix_s == 0 || !gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%d", &tm) == 0)
        snprintf(out, 32, "never");
}

static int list(const Job *job, const char *path) {
    HthKeys keys = { 0 };
    HthErr err = { 0 };
    if (hth_keys_read(&keys, path, &err) != HTH_OK) return hth_cli_fail(&err);
    json_t *all = json_array();
    if (!job->json)
        printf("%-32s %-6s %-20s %-11s %s\n", "NAME", "ROLE", "TENANT", "MADE", "EXPIRES");
    for (uint32_t i = 0; i < keys.count; i++) {
        const HthKey *k = &keys.keys[i];
        char made[32], expires[32];
        date(made, k->created_s);
        date(expires, k->expires_s);
        if (!job->json)
            printf("%-32s %-6s %-20s %-11s %s\n", k->name, role(k), k->tenant, made, expires);
        (void)json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", k->name,
                                                   "role", role(k), "tenant", k->tenant, "created",
                                                   (json_int_t)k->created_s, "expires",
                                                   (json_int_t)k->expires_s));
    }
    hth_keys_drop(&keys);
    if (job->json) return hth_cli_json(json_pack("{s:o}", "keys", all));
    json_decref(all);
    return HTH_EXIT_OK;
}

static int make(const Job *job, const char *path) {
    char key[HTH_KEY_TEXT];
    HthErr err = { 0 };
    int64_t expires = job->days ? hth_clock_unix_s() + 86400ll * job->days : 0;
    HthStr tenant = hth_str(job->tenant ? job->tenant : job->name);
    if (hth_keys_make(path, hth_str(job->name), tenant, job->admin ? HTH_ROLE_ADMIN : HTH_ROLE_USER,
                      expires, key, &err) != HTH_OK)
        return hth_cli_fail(&err);
    if (job->json) return hth_cli_json(json_pack("{s:s, s:s}", "name", job->name, "key", key));
    printf("%s\n", key);
    fputs("hearth: this is shown once; keep it safe\n", stderr);
    return HTH_EXIT_OK;
}

static int revoke(const Job *job, const char *path) {
    HthErr err = { 0 };
    if (hth_keys_revoke(path, hth_str(job->name), &err) != HTH_OK) return hth_cli_fail(&err);
    return job->json ? hth_cli_json(json_pack("{s:s}", "revoked", job->name)) : HTH_EXIT_OK;
}

static int run(const Job *job) {
    static const struct {
        const char *name;
        bool named;
        int (*run)(const Job *job, const char *path);
    } verbs[] = { { "list", false, list }, { "add", true, make }, { "revoke", true, revoke } };
    HthBuf path;
    HthErr err = { 0 };
    int code = HTH_EXIT_USAGE;
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && (!job->verb || strcmp(job->verb, verbs[i].name) != 0)) i++;
    if (i == HTH_COUNT(verbs) || verbs[i].named != (job->name != NULL))
        return hth_cli_usage("key", "one of: key list, key add NAME, key revoke NAME");
    hth_buf_init(&path, 4096);
    if (hth_state_file(&path, "keys.json", true, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    else
        code = verbs[i].run(job, hth_buf_str(&path).p);
    hth_buf_drop(&path);
    return code;
}

int hth_cli_key(HthArgs *args) {
    Job job = { 0 };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: job.json = true; break;
        case OPT_ADMIN: job.admin = true; break;
        case OPT_TENANT: job.tenant = args->value; break;
        case OPT_EXPIRES:
            if (!hth_args_u32(args, 1, 36500, &job.days)) return HTH_EXIT_USAGE;
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job.name) return hth_cli_usage("key", "key takes a verb and one NAME");
            if (job.verb)
                job.name = args->value;
            else
                job.verb = args->value;
        }
    }
    return run(&job);
}
