/* user.c - hearth user: who may use the server, and as what. */
#include "cli/secret.h"
#include "cli/user.h"
#include "crypt/secret.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "cli/vault.h"
#include "serve/keys.h"

enum { OPT_JSON = 1, OPT_ROLE, OPT_TENANT, OPT_UID, OPT_FD };

const HthOpt hth_opts_user[] = {
    { OPT_ROLE, 0, "role", "ROLE", "add: user, admin, auditor or service (default: user)",
      "user admin auditor service" },
    { OPT_TENANT, 0, "tenant", "NAME", "add: shares cached prefixes with this tenant only", NULL },
    { OPT_UID, 0, "uid", "N", "add: programs of this user of the system need no key", NULL },
    { OPT_FD, 0, "password-fd", "N", "read the password's line from this file descriptor", NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *words[3]; /* verb, name, role */
    size_t count;
    const char *role, *tenant;
    uint32_t uid, fd;
    bool has_uid, has_fd, json;
} Job;

static HthStatus open_file(HthUsers **out, const char *path, const char *older, const void *key,
                           HthErr *err) {
    void *own = NULL;
    if (!key) HTH_TRY(hth_vault_key(&own, HTH_KEY_DATABASE, err));
    const HthUsersCfg cfg = { .path = path, .key = key ? key : own };
    HthStatus st = hth_users_open(out, &cfg, err);
    hth_secret_free(own);
    if (st == HTH_OK) st = hth_keys_take_over(*out, older, err);
    if (st != HTH_OK) hth_users_close(out);
    return st;
}

static HthStatus open_it(HthUsers **out, bool make, const void *key, HthErr *err) {
    HthBuf path, older;
    hth_buf_init(&path, 4096);
    hth_buf_init(&older, 4096);
    *out = NULL;
    HthStatus st = hth_state_file(&path, "users.db", make, err);
    if (st == HTH_OK) st = hth_state_file(&older, "keys.json", make, err);
    if (st == HTH_OK && (make || !access(path.p, F_OK) || !access(older.p, F_OK)))
        st = open_file(out, path.p, older.p, key, err);
    hth_buf_drop(&path);
    hth_buf_drop(&older);
    return st;
}

HthStatus hth_user_file_open(HthUsers **out, bool make, HthErr *err) {
    return open_it(out, make, NULL, err);
}

HthStatus hth_user_file_open_with(HthUsers **out, const void *key, HthErr *err) {
    return open_it(out, true, key, err);
}

void hth_cli_date(char out[32], int64_t unix_s) {
    char text[HTH_CLOCK_TEXT];
    const bool ever = unix_s && hth_clock_text(text, unix_s);
    snprintf(out, 32, "%.10s", ever ? text : "never");
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static HthStatus put_name(char out[HTH_USER_NAME_MAX + 1], const char *name, HthErr *err) {
    const HthStr s = hth_str(name);
    HTH_REQUIRE(hth_user_name(s), err, HTH_EINVAL,
                "a name has 1 to %d letters, digits, '.', '_' or '-', and no '.' in front",
                HTH_USER_NAME_MAX);
    memcpy(out, s.p, s.n);
    return HTH_OK;
}

static HthStatus add(const Job *job, HthUsers *u, HthErr *err) {
    HthUser user = { .uid = job->has_uid ? job->uid : HTH_NO_UID };
    HTH_REQUIRE(!job->role || hth_role_read(hth_str(job->role), &user.role), err, HTH_EINVAL,
                "a role is user, admin, auditor or service");
    HTH_TRY(put_name(user.name, job->words[1], err));
    if (job->tenant) HTH_TRY(put_name(user.tenant, job->tenant, err));
    return hth_users_add(u, &user, hth_clock_unix_s(), err);
}

static HthStatus role(const Job *job, HthUsers *u, HthErr *err) {
    HthRole to;
    HTH_REQUIRE(hth_role_read(hth_str(job->words[2]), &to), err, HTH_EINVAL,
                "a role is user, admin, auditor or service");
    return hth_users_set_role(u, hth_str(job->words[1]), to, err);
}

static HthStatus password(const Job *job, HthUsers *u, HthErr *err) {
    void *p = NULL;
    size_t n = 0;
    HTH_TRY(hth_secret_alloc(&p, HTH_CLI_SECRET_MAX, err));
    HthStatus st =
        hth_cli_secret(p, &n, "New password", true, job->has_fd ? (int)job->fd : -1, err);
    if (st == HTH_OK) st = hth_users_set_password(u, hth_str(job->words[1]), (HthStr){ p, n }, err);
    hth_secret_free(p);
    return st;
}

static HthStatus disable(const Job *job, HthUsers *u, HthErr *err) {
    const bool off = strcmp(job->words[0], "disable") == 0;
    return hth_users_set_disabled(u, hth_str(job->words[1]), off, err);
}

static HthStatus drop(const Job *job, HthUsers *u, HthErr *err) {
    return hth_users_remove(u, hth_str(job->words[1]), err);
}

static json_t *user_json(const HthUser *user) {
    json_t *uid = user->uid == HTH_NO_UID ? json_null() : json_integer(user->uid);
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:I}", "name", user->name, "role",
                     hth_role_name(user->role), "tenant", user->tenant, "uid", uid, "disabled",
                     user->disabled, "password", user->has_password, "created",
                     (json_int_t)user->created_s);
}

static int list(const Job *job, HthUsers *u) {
    HthUser *all = NULL;
    uint32_t n = 0;
    HthErr err = { 0 };
    if (u && hth_users_list(u, &all, &n, &err) != HTH_OK) return hth_cli_fail(&err);
    json_t *out = json_array();
    if (!job->json)
        printf("%-32s %-8s %-20s %-10s %-11s %s\n", "NAME", "ROLE", "TENANT", "UID", "MADE", "");
    for (uint32_t i = 0; i < n; i++) {
        char made[32], uid[16] = "";
        hth_cli_date(made, all[i].created_s);
        if (all[i].uid != HTH_NO_UID) snprintf(uid, sizeof uid, "%u", all[i].uid);
        if (!job->json)
            printf("%-32s %-8s %-20s %-10s %-11s %s\n", all[i].name, hth_role_name(all[i].role),
                   all[i].tenant, uid, made, all[i].disabled ? "disabled" : "");
        (void)json_array_append_new(out, user_json(&all[i]));
    }
    hth_free(all);
    if (job->json) return hth_cli_json(json_pack("{s:o}", "users", out));
    json_decref(out);
    return HTH_EXIT_OK;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int run(const Job *job) {
    static const struct {
        const char *name;
        size_t words;
        HthStatus (*run)(const Job *job, HthUsers *u, HthErr *err);
    } verbs[] = { { "list", 1, NULL },         { "add", 2, add },         { "role", 3, role },
                  { "password", 2, password }, { "disable", 2, disable }, { "enable", 2, disable },
                  { "remove", 2, drop } };
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && (!job->count || strcmp(job->words[0], verbs[i].name) != 0)) i++;
    if (i == HTH_COUNT(verbs) || verbs[i].words != job->count)
        return hth_cli_usage("user", "one of: user list, user add NAME, user role NAME ROLE, user "
                                     "password NAME, user disable NAME, user enable NAME, user "
                                     "remove NAME");
    HthErr err = { 0 };
    HthUsers *u = NULL;
    int code = HTH_EXIT_OK;
    if (hth_user_file_open(&u, verbs[i].run != NULL, &err) != HTH_OK) return hth_cli_fail(&err);
    if (!verbs[i].run)
        code = list(job, u);
    else if (verbs[i].run(job, u, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    else if (job->json)
        code = hth_cli_json(json_pack("{s:s}", "user", job->words[1]));
    hth_users_close(&u);
    return code;
}

int hth_cli_user(HthArgs *args) {
    Job job = { .count = 0 };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: job.json = true; break;
        case OPT_ROLE: job.role = args->value; break;
        case OPT_TENANT: job.tenant = args->value; break;
        case OPT_UID:
            if (!hth_args_u32(args, 0, UINT32_MAX - 1, &job.uid)) return HTH_EXIT_USAGE;
            job.has_uid = true;
            break;
        case OPT_FD:
            if (!hth_args_u32(args, 0, 1023, &job.fd)) return HTH_EXIT_USAGE;
            job.has_fd = true;
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job.count == HTH_COUNT(job.words))
                return hth_cli_usage("user", "user takes a verb, a NAME and perhaps a ROLE");
            job.words[job.count++] = args->value;
        }
    }
    return run(&job);
}
