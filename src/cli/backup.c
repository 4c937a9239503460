/* backup.c - hearth backup: all that this user's hearth keeps, in one stream that age opens. */
#include "backup/backup.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup/keep.h"
#include "backup/restore.h"
#include "cli/backup.h"
#include "cli/cli.h"
#include "cli/state.h"
#include "cli/term.h"
#include "cli/vault.h"
#include "crypt/secret.h"
#include "vault/store.h"

enum {
    OPT_RECIPIENT = HTH_AGE_OPT_OWN,
    OPT_RECIPIENTS,
    OPT_MODELS,
    OPT_TO,
    OPT_KEEP,
    OPT_DRY,
    OPT_JSON
};

const HthOpt hth_opts_backup[] = {
    { OPT_RECIPIENT, 'r', "recipient", "age1...",
      "whose key opens it (age-keygen); may be given several times", NULL },
    { OPT_RECIPIENTS, 'R', "recipients-file", "FILE", "the same, one a line", "file" },
    HTH_AGE_OPTS_PASSPHRASE,
    { OPT_MODELS, 0, "models", NULL, "the model files too, not only their settings", NULL },
    { OPT_TO, 0, "to", "DIR", "a new file in this folder, named by the time", "dir" },
    { OPT_KEEP, 0, "keep", "RULE",
      "with --to: older ones go but for these (default " HTH_KEEP_RULE "; all)", NULL },
    { OPT_DRY, 0, "dry-run", NULL, "with --to: say what would go, and do nothing", NULL },
    { HTH_AGE_OPT_IDENTITY, 'i', "identity", "FILE", "verify: a key that opens it", "file" },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *word[2]; /* FILE, -, list DIR, verify FILE */
    const char *to, *keep;
    HthCliAge age;
    bool models, dry, json;
} Job;

static HthStatus to_file(void *out, const void *bytes, size_t n, HthErr *err) {
    return hth_file_out_add(out, bytes, n, err);
}

static HthStatus to_stdout(void *payload, const void *bytes, size_t n, HthErr *err) {
    (void)payload;
    HTH_REQUIRE(fwrite(bytes, 1, n, stdout) == n, err, HTH_EIO,
                "the backup cannot be written to standard output");
    return HTH_OK;
}

/* What opens the keyring here and nowhere else would make the backup worthless with the machine. */
static void warn_of_tpm(const char *state) {
    HthKeySlot slots[HTH_SLOTS_MAX];
    uint32_t count = 0, elsewhere = 0;
    HthErr ignored;
    if (hth_keyring_slots(state, slots, &count, &ignored) != HTH_OK) return;
    for (uint32_t i = 0; i < count; i++) elsewhere += slots[i].kind != HTH_SLOT_TPM;
    if (count && !elsewhere)
        fputs("hearth: only this machine's TPM opens the keyring in this backup; on another "
              "machine nothing will (hearth vault passphrase --keep-key-file adds a passphrase)\n",
              stderr);
}

static bool draw(void *payload, uint64_t bytes) {
    (void)payload;
    hth_progress("MiB backed up", bytes >> 20, 0);
    return true;
}

/* The stream, into sink. */
static HthStatus make(const Job *job, HthAgeSink sink, void *payload, HthBackupReport *report,
                      HthErr *err) {
    HthBuf state, models;
    HthKeyring *ring = NULL;
    hth_buf_init(&state, 4096);
    hth_buf_init(&models, 4096);
    HthStatus status = hth_state_folder(&state, true, err);
    if (status == HTH_OK) status = hth_store_home(&models, err);
    if (status == HTH_OK) status = hth_vault_open(&ring, true, false, err);
    if (status == HTH_OK) {
        const HthBackupCfg cfg = { .state = state.p,
                                   .models = models.p,
                                   .model_files = job->models,
                                   .ring = ring,
                                   .to = { .recipients = (const uint8_t(*)[32])job->age.keys,
                                           .count = job->age.count,
                                           .passphrase = { job->age.passphrase,
                                                           job->age.passphrase_n },
                                           .sink = sink,
                                           .payload = payload },
                                   .progress = draw };
        status = hth_backup_write(report, &cfg, err);
        hth_progress_end();
        if (status == HTH_OK) warn_of_tpm(state.p);
    }
    hth_keyring_close(&ring);
    hth_buf_drop(&models);
    hth_buf_drop(&state);
    return status;
}

static int tell(const Job *job, const char *path, const HthBackupReport *r) {
    char size[32];
    if (job->json)
        return hth_cli_json(json_pack("{s:s, s:I, s:I, s:I, s:I}", "file", path, "files",
                                      (json_int_t)r->files, "bytes", (json_int_t)r->bytes,
                                      "log_entries", (json_int_t)r->log_entries, "made",
                                      (json_int_t)r->made_s));
    hth_cli_size(size, (double)r->bytes);
    fprintf(stderr, "hearth: %s: %llu files, %s, the audit log up to %llu entries\n", path,
            (unsigned long long)r->files, size, (unsigned long long)r->log_entries);
    return HTH_EXIT_OK;
}

static int write_one(const Job *job, const char *path) {
    HthErr err = { 0 };
    HthBackupReport report = { 0 };
    HthFileOut *out = NULL;
    HthStatus status = HTH_OK;
    if (strcmp(path, "-") == 0) {
        if (isatty(STDOUT_FILENO))
            return hth_cli_usage("backup", "a backup is not text: name a FILE, or lead standard "
                                           "output somewhere");
        status = make(job, to_stdout, NULL, &report, &err);
        if (status == HTH_OK && fflush(stdout) != 0)
            status = HTH_FAIL(&err, HTH_EIO, "the backup cannot be written to standard output");
        return status == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
    }
    status = hth_file_out_open(&out, path, 0600, &err);
    if (status == HTH_OK) status = make(job, to_file, out, &report, &err);
    if (status == HTH_OK)
        status = hth_file_out_commit(&out, &err);
    else
        hth_file_out_abort(&out);
    return status == HTH_OK ? tell(job, path, &report) : hth_cli_fail(&err);
}

/* ---- a folder of them ------------------------------------------------------------------------ */

static int show_kept(const Job *job, const HthShelved *all, size_t n, bool would) {
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *what = all[i].go ? (would ? "would go" : "gone") : "kept";
        char size[32];
        hth_cli_size(size, (double)all[i].bytes);
        if (!job->json) printf("%-36s %10s  %s\n", all[i].name, size, what);
        (void)json_array_append_new(rows,
                                    json_pack("{s:s, s:I, s:I, s:b}", "name", all[i].name, "bytes",
                                              (json_int_t)all[i].bytes, "made",
                                              (json_int_t)all[i].made_s, "gone", (int)all[i].go));
    }
    if (job->json) return hth_cli_json(json_pack("{s:o}", "backups", rows));
    json_decref(rows);
    return HTH_EXIT_OK;
}

static int into_folder(const Job *job) {
    HthErr err = { 0 };
    HthKeepRule rule = { 0 };
    HthShelved *all = NULL;
    size_t n = 0;
    char path[4096], name[HTH_SHELF_NAME];
    const bool all_stay = job->keep && strcmp(job->keep, "all") == 0;
    const HthStr said = job->keep ? hth_str(job->keep) : HTH_STR(HTH_KEEP_RULE);
    HthStatus status = all_stay ? HTH_OK : hth_keep_parse(&rule, said, &err);
    if (status != HTH_OK) return hth_cli_fail(&err);
    const int64_t now = (int64_t)time(NULL);
    if (!job->dry) {
        hth_shelf_name(name, now);
        const int len = snprintf(path, sizeof path, "%s/%s", job->to, name);
        if (len < 0 || (size_t)len >= sizeof path)
            return hth_cli_usage("backup", "the path is too long");
        hth_shelf_clear_left(job->to);
        const int code = write_one(job, path);
        if (code != HTH_EXIT_OK) return code;
        status = hth_shelf_add(job->to, name, &err);
    }
    if (status == HTH_OK) status = hth_shelf_list(&all, &n, job->to, &err);
    if (status == HTH_OK && !all_stay) {
        status = hth_keep_choose(all, n, &rule, now, &err);
        if (status == HTH_OK && !job->dry) status = hth_shelf_remove(job->to, all, n, &err);
    }
    int code = status == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
    if (status == HTH_OK && (job->keep || job->dry) && !(job->json && !job->dry))
        code = show_kept(job, all, n, job->dry);
    hth_shelf_drop(&all);
    return code;
}

static int list(const Job *job) {
    HthErr err = { 0 };
    HthShelved *all = NULL;
    size_t n = 0;
    const char *folder = job->word[1] ? job->word[1] : job->to;
    if (!folder) return hth_cli_usage("backup", "backup list wants the folder of the backups");
    if (hth_shelf_list(&all, &n, folder, &err) != HTH_OK) return hth_cli_fail(&err);
    const int code = show_kept(job, all, n, false);
    hth_shelf_drop(&all);
    return code;
}

/* ---- verify ---------------------------------------------------------------------------------- */

static int verify(const Job *job) {
    HthCliStream in;
    HthErr err = { 0 };
    HthRestoreReport r = { 0 };
    const char *path = job->word[1];
    if (!path) return hth_cli_usage("backup", "backup verify wants a FILE");
    const int code = hth_cli_stream_open(&in, path, "MiB checked");
    if (code) return code;
    const HthRestoreCfg cfg = { .from = hth_cli_age_from(&job->age, &in) };
    const HthStatus status = hth_backup_check(&r, &cfg, &err);
    hth_cli_stream_close(&in);
    if (status != HTH_OK) return hth_cli_fail(&err);
    if (job->json)
        return hth_cli_json(json_pack("{s:b, s:I, s:I, s:I, s:I, s:s}", "ok", 1, "files",
                                      (json_int_t)r.files, "bytes", (json_int_t)r.bytes,
                                      "log_entries", (json_int_t)r.log_entries, "made",
                                      (json_int_t)r.made_s, "signer", r.signer));
    printf("The backup is whole: %llu files, each as it was signed by %s.\n",
           (unsigned long long)r.files, r.signer);
    return HTH_EXIT_OK;
}

/* ---- the verb -------------------------------------------------------------------------------- */

static int run(const Job *job) {
    HthErr err = { 0 };
    const char *first = job->word[0];
    if (hth_secret_process(&err) != HTH_OK) return hth_cli_fail(&err);
    if (first && strcmp(first, "list") == 0) return list(job);
    if (!job->age.count && !job->age.passphrase && !(job->dry && job->to))
        return hth_cli_usage("backup", "who may open it? --recipient age1..., or --passphrase");
    if (first && strcmp(first, "verify") == 0) return verify(job);
    if (job->age.count && job->age.passphrase)
        return hth_cli_usage("backup", "age seals for recipients or for a passphrase, not for "
                                       "both");
    if (!first == !job->to || job->word[1])
        return hth_cli_usage("backup", "one FILE (- is standard output), or --to DIR");
    if ((job->keep || job->dry) && !job->to)
        return hth_cli_usage("backup", "--keep and --dry-run are for --to DIR");
    return job->to ? into_folder(job) : write_one(job, first);
}

static int option(Job *job, HthArgs *args, int id) {
    HthErr err = { 0 };
    HthStatus status = HTH_OK;
    switch (id) {
    case OPT_RECIPIENT: status = hth_cli_age_recipient(&job->age, args->value, &err); break;
    case OPT_RECIPIENTS: status = hth_cli_age_recipients(&job->age, args->value, &err); break;
    case HTH_AGE_OPT_IDENTITY:
    case HTH_AGE_OPT_PASSPHRASE:
    case HTH_AGE_OPT_PASSPHRASE_FD: return hth_cli_age_option(&job->age, args, id, true);
    case OPT_MODELS: job->models = true; break;
    case OPT_TO: job->to = args->value; break;
    case OPT_KEEP: job->keep = args->value; break;
    case OPT_DRY: job->dry = true; break;
    case OPT_JSON: job->json = true; break;
    default:
        if (job->word[1]) return hth_cli_usage("backup", "backup takes one FILE");
        job->word[job->word[0] != NULL] = args->value;
    }
    return status == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
}

int hth_cli_backup(HthArgs *args) {
    Job job = { .to = NULL };
    int code = HTH_EXIT_OK;
    for (int id; code == HTH_EXIT_OK && (id = hth_args_next(args)) != HTH_ARG_END;) {
        if (id == HTH_ARG_HELP || id == HTH_ARG_BAD) {
            hth_cli_age_drop(&job.age);
            return id == HTH_ARG_HELP ? HTH_EXIT_OK : HTH_EXIT_USAGE;
        }
        code = option(&job, args, id);
    }
    if (code == HTH_EXIT_OK) code = run(&job);
    hth_cli_age_drop(&job.age);
    return code;
}
