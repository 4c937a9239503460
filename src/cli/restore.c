/* restore.c - hearth restore: a backup in the place of what is kept. */
#include "backup/restore.h"

#include "audit/keyfile.h"
#include "base/mem.h"
#include "cli/backup.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "cli/user.h"
#include "cli/vault.h"
#include "crypt/secret.h"
#include "vault/store.h"

enum { OPT_INTO = HTH_AGE_OPT_OWN, OPT_MODELS, OPT_VKEY, OPT_DRY, OPT_JSON };

const HthOpt hth_opts_restore[] = {
    { HTH_AGE_OPT_IDENTITY, 'i', "identity", "FILE",
      "a key that opens it; may be given several times", "file" },
    HTH_AGE_OPTS_PASSPHRASE,
    { OPT_INTO, 0, "into", "DIR", "into this folder (default: the state folder)", "dir" },
    { OPT_MODELS, 0, "models", NULL, "models and their settings too, those that are not there yet",
      NULL },
    { OPT_VKEY, 0, "vkey", "FILE", "only if this key of a log signed it (audit/vkey)", "file" },
    { OPT_DRY, 0, "dry-run", NULL, "check everything, change nothing", NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *file, *into, *vkey;
    HthCliAge age;
    bool models, dry, json;
} Job;

static HthStatus open_ring(void *payload, const char *folder, HthKeyring **out, HthErr *err) {
    (void)payload;
    return hth_vault_open_in(out, folder, false, err);
}

/* The key that signs logs, of a file vkey. */
static HthStatus read_vkey(HthVkey *out, const char *path, HthErr *err) {
    HthBuf text;
    HthVkey *all = NULL;
    size_t n = 0;
    hth_buf_init(&text, HTH_VKEYS_FILE_MAX);
    HthStatus status = hth_file_read(&text, path, err);
    if (status == HTH_OK) status = hth_vkeys_parse(&all, &n, hth_buf_str(&text), err);
    if (status == HTH_OK && n == 0)
        status = HTH_FAIL(err, HTH_EINVAL, "%.150s has no key in it", path);
    for (size_t i = 0; status == HTH_OK && i < n; i++)
        if (i == 0 || !hth_str_ends(hth_str(all[i].name), HTH_STR("/sha3"))) *out = all[i];
    hth_free(all);
    hth_buf_drop(&text);
    return status;
}

static int tell(const Job *job, const HthRestoreReport *r) {
    static const char *const logs[] = { [HTH_LOG_BACKUPS] = "first",
                                        [HTH_LOG_PRESENT] = "continued",
                                        [HTH_LOG_REPLACED] = "replaced" };
    static const char *const said[] = {
        [HTH_LOG_BACKUPS] = "the audit log is the backup's",
        [HTH_LOG_PRESENT] = "the audit log that was there went on from the backup's, and stays",
        [HTH_LOG_REPLACED] =
            "the audit log that was there is in the old folder: not the backup's, or damaged"
    };
    char made[32];
    if (job->json)
        return hth_cli_json(json_pack(
            "{s:b, s:I, s:I, s:I, s:I, s:s, s:b, s:I, s:I, s:s, s:s}", "dry_run", (int)job->dry,
            "made", (json_int_t)r->made_s, "files", (json_int_t)r->files, "bytes",
            (json_int_t)r->bytes, "log_entries", (json_int_t)r->log_entries, "log", logs[r->log],
            "keyring_kept", (int)r->ring_kept, "erased", (json_int_t)r->erased, "models",
            (json_int_t)r->models, "signer", r->signer, "before", r->before));
    hth_cli_date(made, r->made_s);
    printf("%s: the backup of %s, %llu files, signed by %s\n",
           job->dry ? "It would go" : "Restored", made, (unsigned long long)r->files, r->signer);
    printf("  %s\n", said[r->log]);
    printf("  %s\n", r->ring_kept ? "the keyring that was there stays: who was erased stays erased"
                                  : "the keyring is the backup's");
    if (r->erased) printf("  %llu subjects were erased again\n", (unsigned long long)r->erased);
    if (!r->ring_kept && r->log == HTH_LOG_REPLACED)
        printf(
            "  who was erased since, and is not in what that log still says, is back: erase them "
            "again (hearth audit erase)\n");
    if (r->before[0])
        printf("  what was there before is in %s; remove it when all is well\n", r->before);
    return HTH_EXIT_OK;
}

static HthStatus restore(const Job *job, HthCliStream *in, HthRestoreReport *r, HthErr *err) {
    HthBuf state, models;
    HthVkey vkey;
    hth_buf_init(&state, 4096);
    hth_buf_init(&models, 4096);
    HthStatus status = job->into ? hth_buf_add_str(&state, hth_str(job->into), err)
                                 : hth_state_folder(&state, !job->dry, err);
    if (status == HTH_OK && job->models) status = hth_store_home(&models, err);
    if (status == HTH_OK && job->vkey) status = read_vkey(&vkey, job->vkey, err);
    if (status == HTH_OK) {
        const HthRestoreCfg cfg = { .from = hth_cli_age_from(&job->age, in),
                                    .state = state.p,
                                    .models = job->models ? models.p : NULL,
                                    .vkey = job->vkey ? &vkey : NULL,
                                    .open = open_ring,
                                    .dry = job->dry };
        status = hth_restore(r, &cfg, err);
    }
    hth_buf_drop(&models);
    hth_buf_drop(&state);
    return status;
}

static int run(const Job *job) {
    HthErr err = { 0 };
    HthRestoreReport report = { 0 };
    HthCliStream in;
    if (!job->file) return hth_cli_usage("restore", "which FILE? (- is standard input)");
    if (!job->age.count && !job->age.passphrase)
        return hth_cli_usage("restore", "what opens it? --identity FILE, or --passphrase");
    if (hth_secret_process(&err) != HTH_OK) return hth_cli_fail(&err);
    const int code = hth_cli_stream_open(&in, job->file, "MiB restored");
    if (code) return code;
    const HthStatus status = restore(job, &in, &report, &err);
    hth_cli_stream_close(&in);
    return status == HTH_OK ? tell(job, &report) : hth_cli_fail(&err);
}

static int option(Job *job, const HthArgs *args, int id) {
    switch (id) {
    case HTH_AGE_OPT_IDENTITY:
    case HTH_AGE_OPT_PASSPHRASE:
    case HTH_AGE_OPT_PASSPHRASE_FD: return hth_cli_age_option(&job->age, args, id, false);
    case OPT_INTO: job->into = args->value; break;
    case OPT_MODELS: job->models = true; break;
    case OPT_VKEY: job->vkey = args->value; break;
    case OPT_DRY: job->dry = true; break;
    case OPT_JSON: job->json = true; break;
    default:
        if (job->file) return hth_cli_usage("restore", "restore takes one FILE");
        job->file = args->value;
    }
    return HTH_EXIT_OK;
}

int hth_cli_restore(HthArgs *args) {
    Job job = { .file = NULL };
    int code = HTH_EXIT_OK;
    bool done = false;
    for (int id; !done && (id = hth_args_next(args)) != HTH_ARG_END;) {
        if (id == HTH_ARG_HELP || id == HTH_ARG_BAD)
            code = id == HTH_ARG_HELP ? HTH_EXIT_OK : HTH_EXIT_USAGE;
        else
            code = option(&job, args, id);
        done = id == HTH_ARG_HELP || code != HTH_EXIT_OK;
    }
    if (!done) code = run(&job);
    hth_cli_age_drop(&job.age);
    return code;
}
