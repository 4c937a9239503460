/* vault_verb.c - hearth vault: what opens what this user's hearth keeps encrypted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/state.h"
#include "cli/vault.h"
#include "crypt/secret.h"

enum { OPT_JSON = 1, OPT_KEEP };

const HthOpt hth_opts_vault[] = {
    { OPT_KEEP, 0, "keep-key-file", NULL, "passphrase: the key file opens the keyring still",
      NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *verb, *what;
    bool json, keep;
} Job;

static HthStatus status(const Job *job, HthErr *err) {
    static const char *const kinds[] = {
        [HTH_SLOT_PASSPHRASE] = "passphrase", [HTH_SLOT_FILE] = "key file"
    };
    HthSlot slots[HTH_SLOTS_MAX];
    uint32_t count = 0;
    HthBuf folder;
    hth_buf_init(&folder, 4096);
    HthStatus st = hth_state_folder(&folder, true, err);
    if (st == HTH_OK) st = hth_keyring_slots(folder.p, slots, &count, err);
    json_t *all = json_array();
    if (st == HTH_OK && !job->json) printf("%s\n", hth_buf_str(&folder).p);
    if (st == HTH_OK && !job->json && !count) printf("no keyring yet: hearth serve makes one\n");
    for (uint32_t i = 0; st == HTH_OK && i < count; i++) {
        struct tm tm;
        char made[32] = "";
        const time_t t = (time_t)slots[i].created_s;
        if (gmtime_r(&t, &tm)) (void)strftime(made, sizeof made, "%Y-%m-%d", &tm);
        if (!job->json)
            printf("slot %-3u %-11s made %s\n", slots[i].number, kinds[slots[i].kind], made);
        (void)json_array_append_new(all, json_pack("{s:i, s:s, s:I}", "slot", (int)slots[i].number,
                                                   "kind", kinds[slots[i].kind], "created",
                                                   (json_int_t)slots[i].created_s));
    }
    if (st == HTH_OK && job->json)
        (void)hth_cli_json(json_pack("{s:s, s:O}", "folder", hth_buf_str(&folder).p, "slots", all));
    json_decref(all);
    hth_buf_drop(&folder);
    return st;
}

static HthStatus new_words(const Job *job, HthErr *err) {
    HthKeyring *k = NULL;
    void *words = NULL;
    size_t n = 0;
    HTH_TRY(hth_secret_alloc(&words, HTH_PASSPHRASE_MAX, err));
    HthStatus st = hth_vault_open(&k, true, true, err);
    if (st == HTH_OK) st = hth_vault_ask_new(words, &n, err);
    if (st == HTH_OK) st = hth_keyring_passphrase(k, (HthStr){ words, n }, !job->keep, err);
    hth_keyring_close(&k);
    hth_secret_free(words);
    if (st == HTH_OK && !job->keep)
        fputs("hearth: this passphrase is the only way in now; hearth serve will ask for it\n",
              stderr);
    return st;
}

static HthStatus add(const Job *job, HthErr *err) {
    HthKeyring *k = NULL;
    HTH_TRY(hth_vault_open(&k, true, true, err));
    const HthStatus st = hth_keyring_add_file(k, job->what, err);
    hth_keyring_close(&k);
    if (st == HTH_OK)
        fprintf(stderr, "hearth: HEARTH_KEY_FILE=%s opens the keyring too\n", job->what);
    return st;
}

static HthStatus drop(const Job *job, HthErr *err) {
    HthKeyring *k = NULL;
    char *end = NULL;
    errno = 0;
    const unsigned long number = strtoul(job->what, &end, 10);
    HTH_REQUIRE(job->what[0] >= '0' && job->what[0] <= '9' && !*end && !errno &&
                    number <= UINT32_MAX,
                err, HTH_EINVAL, "slots are numbers; see hearth vault status");
    HTH_TRY(hth_vault_open(&k, false, true, err));
    const HthStatus st = hth_keyring_remove(k, (uint32_t)number, err);
    hth_keyring_close(&k);
    return st;
}

static int run(const Job *job) {
    static const struct {
        const char *name;
        bool takes;
        HthStatus (*run)(const Job *job, HthErr *err);
    } verbs[] = { { "status", false, status },
                  { "passphrase", false, new_words },
                  { "add", true, add },
                  { "remove", true, drop } };
    HthErr err = { 0 };
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && strcmp(job->verb ? job->verb : "status", verbs[i].name) != 0)
        i++;
    if (i == HTH_COUNT(verbs) || verbs[i].takes != (job->what != NULL))
        return hth_cli_usage("vault", "one of: vault status, vault passphrase, vault add FILE, "
                                      "vault remove SLOT");
    if (hth_secret_process(&err) != HTH_OK || verbs[i].run(job, &err) != HTH_OK)
        return hth_cli_fail(&err);
    return HTH_EXIT_OK;
}

int hth_cli_vault(HthArgs *args) {
    Job job = { 0 };
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: job.json = true; break;
        case OPT_KEEP: job.keep = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job.what) return hth_cli_usage("vault", "vault takes a verb and one thing");
            if (job.verb)
                job.what = args->value;
            else
                job.verb = args->value;
        }
    }
    return run(&job);
}
