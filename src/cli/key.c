/* key.c - hearth key: what those who are not this user may use the server with.
 *
 * A key belongs to a user; without --user to one of its own name, who is made if need be. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "cli/user.h"

enum {
    OPT_JSON = 1,
    OPT_ADMIN,
    OPT_TENANT,
    OPT_EXPIRES,
    OPT_USER,
    OPT_VERBS,
    OPT_MODELS,
    OPT_REQUESTS,
    OPT_TOKENS,
    OPT_CONCURRENT,
    OPT_MIB
};

const HthOpt hth_opts_key[] = {
    { OPT_ADMIN, 0, "admin", NULL,
      "its user may also manage models and see what concerns everybody", NULL },
    { OPT_TENANT, 0, "tenant", "NAME", "its user shares cached prefixes with this tenant only",
      NULL },
    { OPT_EXPIRES, 0, "expires", "DAYS", "good for so long (default: until it is revoked)", NULL },
    { OPT_USER, 0, "user", "NAME",
      "a key of this user (hearth user); default: of one of the key's name, made if need be",
      NULL },
    { OPT_VERBS, 0, "verbs", "LIST",
      "only for these: ask, embed, tokens, models, manage, chats, metrics, audit, users", NULL },
    { OPT_MODELS, 0, "models", "LIST", "only these models; '*' is any characters", NULL },
    { OPT_REQUESTS, 0, "requests", "N", "requests in a minute, at most", NULL },
    { OPT_TOKENS, 0, "tokens", "N", "tokens in a minute, at most", NULL },
    { OPT_CONCURRENT, 0, "concurrent", "N", "requests at once, at most", NULL },
    { OPT_MIB, 0, "mib", "N", "MiB of requests in a minute, at most", NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *verb, *name, *tenant, *user, *verbs, *models;
    uint32_t days, mib;
    HthLimits limits;
    bool admin, json;
} Job;

/* ---- list ------------------------------------------------------------------------------------ */

static void row(const Job *job, json_t *all, const HthUserKey *k, const char *role,
                const char *tenant) {
    char made[32], expires[32];
    HthBuf verbs;
    hth_buf_init(&verbs, 256);
    if (hth_scope_verbs_text(k->scope.verbs, &verbs, NULL) != HTH_OK) hth_buf_clear(&verbs);
    hth_cli_date(made, k->created_s);
    hth_cli_date(expires, k->expires_s);
    const char *may = hth_buf_str(&verbs).p;
    if (!job->json)
        printf("%-32s %-8s %-20s %-11s %-11s %-12s %s\n", k->name, role, tenant, made, expires, may,
               k->scope.models);
    json_t *one =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", k->name, "role", role, "tenant", tenant,
                  "created", (json_int_t)k->created_s, "expires", (json_int_t)k->expires_s);
    (void)json_object_update_new(
        one, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "user", k->user, "verbs", may,
                       "models", k->scope.models, "requests", (json_int_t)k->limits.requests_min,
                       "tokens", (json_int_t)k->limits.tokens_min, "concurrent",
                       (json_int_t)k->limits.concurrent, "bytes", (json_int_t)k->limits.bytes_min));
    (void)json_array_append_new(all, one);
    hth_buf_drop(&verbs);
}

static HthStatus list_all(const Job *job, json_t *all, HthUsers *u, HthErr *err) {
    HthUserKey *keys = NULL;
    uint32_t n = 0;
    HTH_TRY(hth_users_keys(u, &keys, &n, err));
    for (uint32_t i = 0; i < n; i++) {
        HthGrant g = { .user = { .role = HTH_ROLE_USER } };
        if (hth_users_by_name(u, hth_str(keys[i].user), &g, NULL) == HTH_OK)
            row(job, all, &keys[i], hth_role_name(g.user.role), g.user.tenant);
        else
            row(job, all, &keys[i], "disabled", "");
    }
    hth_free(keys);
    return HTH_OK;
}

static int list(const Job *job, HthUsers *u) {
    HthErr err = { 0 };
    json_t *all = json_array();
    if (!job->json)
        printf("%-32s %-8s %-20s %-11s %-11s %-12s %s\n", "NAME", "ROLE", "TENANT", "MADE",
               "EXPIRES", "VERBS", "MODELS");
    if (u && list_all(job, all, u, &err) != HTH_OK) {
        json_decref(all);
        return hth_cli_fail(&err);
    }
    if (job->json) return hth_cli_json(json_pack("{s:o}", "keys", all));
    json_decref(all);
    return HTH_EXIT_OK;
}

/* ---- add and revoke -------------------------------------------------------------------------- */

static HthStatus find_user(HthUsers *u, const char *name, HthUser *out, bool *there, HthErr *err) {
    HthUser *all = NULL;
    uint32_t n = 0;
    *there = false;
    HTH_TRY(hth_users_list(u, &all, &n, err));
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(all[i].name, name) != 0) continue;
        *out = all[i];
        *there = true;
    }
    hth_free(all);
    return HTH_OK;
}

/* The user of a key without --user: his name is the key's.  One who is there must be what a new one
 * would be: nobody gets more by a key than was said. *made: he is new. */
static HthStatus own_user(const Job *job, HthUsers *u, bool *made, HthErr *err) {
    HthUser want = { .role = job->admin ? HTH_ROLE_ADMIN : HTH_ROLE_USER, .uid = HTH_NO_UID };
    HthUser is;
    const char *tenant = job->tenant ? job->tenant : job->name;
    *made = false;
    HTH_REQUIRE(hth_user_name(hth_str(job->name)) && hth_user_name(hth_str(tenant)), err,
                HTH_EINVAL, "A name has 1 to %d letters, digits, '.', '_' or '-'.",
                HTH_USER_NAME_MAX);
    snprintf(want.name, sizeof want.name, "%s", job->name);
    snprintf(want.tenant, sizeof want.tenant, "%s", tenant);
    bool there = false;
    HTH_TRY(find_user(u, job->name, &is, &there, err));
    if (!there) {
        *made = true;
        return hth_users_add(u, &want, hth_clock_unix_s(), err);
    }
    HTH_REQUIRE(is.role == want.role && !strcmp(is.tenant, want.tenant), err, HTH_EINVAL,
                "There is a user of that name already, with the role %s and the tenant %s; --user "
                "%s makes a key of his.",
                hth_role_name(is.role), is.tenant, job->name);
    return HTH_OK;
}

static HthStatus add_key(const Job *job, HthUsers *u, char key[HTH_USER_KEY_TEXT], HthErr *err) {
    const int64_t now_s = hth_clock_unix_s();
    HthUserKey k = { .limits = job->limits };
    const char *user = job->user ? job->user : job->name;
    bool made = false;
    HTH_REQUIRE(!job->user || (!job->admin && !job->tenant), err, HTH_EINVAL,
                "--admin and --tenant are the user's (hearth user); this key is one of a user's");
    HTH_REQUIRE(hth_user_name(hth_str(job->name)) && hth_user_name(hth_str(user)), err, HTH_EINVAL,
                "A name has 1 to %d letters, digits, '.', '_' or '-'.", HTH_USER_NAME_MAX);
    snprintf(k.name, sizeof k.name, "%s", job->name);
    snprintf(k.user, sizeof k.user, "%s", user);
    k.expires_s = job->days ? now_s + 86400ll * job->days : 0;
    k.limits.bytes_min = (uint64_t)job->mib << 20;
    if (job->verbs) HTH_TRY(hth_scope_verbs(hth_str(job->verbs), &k.scope.verbs, err));
    if (job->models) HTH_TRY(hth_scope_models(hth_str(job->models), k.scope.models, err));
    if (!job->user) HTH_TRY(own_user(job, u, &made, err));
    const HthStatus st = hth_users_add_key(u, &k, now_s, key, err);
    if (st != HTH_OK && made) (void)!hth_users_remove(u, hth_str(user), NULL);
    return st;
}

static int make(const Job *job, HthUsers *u) {
    char key[HTH_USER_KEY_TEXT];
    HthErr err = { 0 };
    if (add_key(job, u, key, &err) != HTH_OK) return hth_cli_fail(&err);
    int code = HTH_EXIT_OK;
    if (job->json)
        code = hth_cli_json(json_pack("{s:s, s:s}", "name", job->name, "key", key));
    else
        printf("%s\n", key);
    hth_zero(key, sizeof key);
    if (!job->json) fputs("hearth: this is shown once; keep it safe\n", stderr);
    return code;
}

static int revoke(const Job *job, HthUsers *u) {
    HthErr err = { 0 };
    if (!u) (void)HTH_FAIL(&err, HTH_EINVAL, "There is no key of that name.");
    if (!u || hth_users_revoke(u, hth_str(job->name), &err) != HTH_OK) return hth_cli_fail(&err);
    return job->json ? hth_cli_json(json_pack("{s:s}", "revoked", job->name)) : HTH_EXIT_OK;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int run(const Job *job) {
    static const struct {
        const char *name;
        bool named, makes;
        int (*run)(const Job *job, HthUsers *u);
    } verbs[] = { { "list", false, false, list },
                  { "add", true, true, make },
                  { "revoke", true, false, revoke } };
    HthErr err = { 0 };
    HthUsers *u = NULL;
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && (!job->verb || strcmp(job->verb, verbs[i].name) != 0)) i++;
    if (i == HTH_COUNT(verbs) || verbs[i].named != (job->name != NULL))
        return hth_cli_usage("key", "one of: key list, key add NAME, key revoke NAME");
    const HthStatus st = hth_user_file_open(&u, verbs[i].makes, &err);
    const int code = st == HTH_OK ? verbs[i].run(job, u) : hth_cli_fail(&err);
    hth_users_close(&u);
    return code;
}

/* An option of a key's scope or limits; false: it is none, or its number is wrong. */
static bool read_scope(Job *job, HthArgs *args, int id) {
    const struct {
        int id;
        const char **text;
        uint32_t *number;
    } rows[] = { { OPT_USER, &job->user, NULL },
                 { OPT_VERBS, &job->verbs, NULL },
                 { OPT_MODELS, &job->models, NULL },
                 { OPT_REQUESTS, NULL, &job->limits.requests_min },
                 { OPT_TOKENS, NULL, &job->limits.tokens_min },
                 { OPT_CONCURRENT, NULL, &job->limits.concurrent },
                 { OPT_MIB, NULL, &job->mib } };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        if (rows[i].id != id) continue;
        if (rows[i].text) *rows[i].text = args->value;
        return rows[i].text || hth_args_u32(args, 1, UINT32_MAX, rows[i].number);
    }
    return false;
}

int hth_cli_key(HthArgs *args) {
    Job job = { .verb = NULL };
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
        case HTH_ARG_POSITIONAL:
            if (!hth_args_verb(args, &job.verb, &job.name)) return HTH_EXIT_USAGE;
            break;
        default:
            if (!read_scope(&job, args, id)) return HTH_EXIT_USAGE;
        }
    }
    return run(&job);
}
