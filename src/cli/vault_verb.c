/* vault_verb.c - hearth vault: what opens what this user's hearth keeps encrypted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/state.h"
#include "cli/user.h"
#include "cli/vault.h"
#include "crypt/secret.h"

enum { OPT_JSON = 1, OPT_KEEP, OPT_TPM, OPT_PCR, OPT_PIN };
enum { PCRS = 24, PCRS_TEXT = 80 };

const HthOpt hth_opts_vault[] = {
    { OPT_KEEP, 0, "keep-key-file", NULL,
      "passphrase: a key file and the TPM open the keyring still", NULL },
    { OPT_TPM, 0, "tpm", NULL,
      "add: a slot of this machine's TPM ($HEARTH_TPM says how it is reached, device:/dev/tpmrm0 "
      "otherwise)",
      NULL },
    { OPT_PCR, 0, "pcr", "LIST",
      "add --tpm: only while these registers are as they are now, such as 7 (Secure Boot) or 0,2,7",
      NULL },
    { OPT_PIN, 0, "pin", NULL, "add --tpm: the TPM wants a PIN, too", NULL },
    { OPT_JSON, 0, "json", NULL, "print JSON", NULL },
    { 0 },
};

typedef struct Job {
    const char *verb, *what;
    uint32_t pcrs;
    bool json, keep, tpm, pin;
} Job;

/* "0,7", or "". */
static void pcrs_text(char out[PCRS_TEXT], uint32_t pcrs) {
    out[0] = '\0';
    for (unsigned i = 0, n = 0; i < PCRS; i++)
        if (pcrs >> i & 1) n += (unsigned)snprintf(out + n, PCRS_TEXT - n, "%s%u", n ? "," : "", i);
}

static bool pcrs_parse(uint32_t *out, HthStr list) {
    for (uint64_t one; list.n;) {
        const size_t end = hth_str_find(list, HTH_STR(","));
        if (!hth_str_u64(hth_str_sub(list, 0, end), &one) || one >= PCRS) return false;
        *out |= 1u << one;
        if (end == SIZE_MAX) return true;
        list = hth_str_sub(list, end + 1, SIZE_MAX);
    }
    return false; /* empty, or it ends in a comma */
}

static const char *const kinds[] = {
    [HTH_SLOT_PASSPHRASE] = "passphrase", [HTH_SLOT_FILE] = "key file", [HTH_SLOT_TPM] = "TPM"
};

static void show(const HthKeySlot *s) {
    char made[32], pcrs[PCRS_TEXT];
    hth_cli_date(made, s->created_s);
    pcrs_text(pcrs, s->pcrs);
    printf("slot %-3u %-11s made %s%s%s%s\n", s->number, kinds[s->kind], made,
           s->pin ? ", with a PIN" : "", *pcrs ? ", registers " : "", pcrs);
}

static json_t *show_json(const HthKeySlot *s) {
    json_t *pcrs = json_array();
    for (int i = 0; i < PCRS; i++)
        if (s->pcrs >> i & 1) (void)json_array_append_new(pcrs, json_integer(i));
    json_t *o = json_pack("{s:i, s:s, s:I}", "slot", (int)s->number, "kind", kinds[s->kind],
                          "created", (json_int_t)s->created_s);
    if (s->kind == HTH_SLOT_TPM)
        (void)json_object_update_new(o, json_pack("{s:b, s:O}", "pin", s->pin, "pcrs", pcrs));
    json_decref(pcrs);
    return o;
}

static HthStatus slots(HthBuf *folder, HthKeySlot out[HTH_SLOTS_MAX], uint32_t *count,
                       HthErr *err) {
    hth_buf_init(folder, 4096);
    HTH_TRY(hth_state_folder(folder, true, err));
    return hth_keyring_slots(folder->p, out, count, err);
}

static HthStatus status(const Job *job, HthErr *err) {
    HthKeySlot all[HTH_SLOTS_MAX];
    uint32_t count = 0;
    HthBuf folder;
    const HthStatus st = slots(&folder, all, &count, err);
    if (st == HTH_OK && job->json) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < count; i++) (void)json_array_append_new(list, show_json(&all[i]));
        (void)hth_cli_json(json_pack("{s:s, s:o}", "folder", folder.p, "slots", list));
    } else if (st == HTH_OK) {
        printf("%s\n", folder.p);
        if (!count) printf("no keyring yet: hearth serve makes one\n");
        for (uint32_t i = 0; i < count; i++) show(&all[i]);
    }
    hth_buf_drop(&folder);
    return st;
}

static HthStatus new_words(const Job *job, HthErr *err) {
    HthKeyring *k = NULL;
    void *words = NULL;
    size_t n = 0;
    HTH_TRY(hth_secret_alloc(&words, HTH_PASSPHRASE_MAX, err));
    HthStatus st = hth_vault_open(&k, true, true, err);
    if (st == HTH_OK) st = hth_vault_ask_new(HTH_WORDS_PASSPHRASE, words, &n, err);
    if (st == HTH_OK) st = hth_keyring_passphrase(k, (HthStr){ words, n }, !job->keep, err);
    hth_keyring_close(&k);
    hth_secret_free(words);
    if (st == HTH_OK && !job->keep)
        fputs("hearth: this passphrase is the only way in now; hearth serve will ask for it\n",
              stderr);
    return st;
}

/* What a TPM's slot is good for depends on the others. */
static HthStatus say_others(HthErr *err) {
    HthKeySlot all[HTH_SLOTS_MAX];
    uint32_t count = 0, of[HTH_SLOT_TPM + 1] = { 0 };
    HthBuf folder;
    const HthStatus st = slots(&folder, all, &count, err);
    hth_buf_drop(&folder);
    HTH_TRY(st);
    for (uint32_t i = 0; i < count; i++) of[all[i].kind] = all[i].number;
    if (of[HTH_SLOT_FILE])
        fprintf(
            stderr,
            "hearth: a key file opens the keyring as before; hearth vault remove %u ends that\n",
            of[HTH_SLOT_FILE]);
    if (!of[HTH_SLOT_PASSPHRASE])
        fputs("hearth: with the TPM, or once it is cleared, its slot is lost: keep a passphrase "
              "(hearth vault passphrase --keep-key-file) or a key file elsewhere\n",
              stderr);
    return HTH_OK;
}

static HthStatus add_tpm(const Job *job, HthErr *err) {
    HthKeyring *k = NULL;
    void *pin = NULL;
    size_t n = 0;
    HTH_TRY(hth_secret_alloc(&pin, HTH_PASSPHRASE_MAX, err));
    HthStatus st = hth_vault_open(&k, true, true, err);
    if (st == HTH_OK && job->pin) st = hth_vault_ask_new(HTH_WORDS_PIN, pin, &n, err);
    if (st == HTH_OK)
        st = hth_keyring_add_tpm(k, hth_vault_tpm(), job->pcrs, (HthStr){ pin, n }, err);
    hth_keyring_close(&k);
    hth_secret_free(pin);
    return st == HTH_OK ? say_others(err) : st;
}

static HthStatus add(const Job *job, HthErr *err) {
    HthKeyring *k = NULL;
    if (job->tpm) return add_tpm(job, err);
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
    const struct {
        const char *name;
        bool takes;
        HthStatus (*run)(const Job *job, HthErr *err);
    } verbs[] = { { "status", false, status },
                  { "passphrase", false, new_words },
                  { "add", !job->tpm, add },
                  { "remove", true, drop } };
    HthErr err = { 0 };
    size_t i = 0;
    while (i < HTH_COUNT(verbs) && strcmp(job->verb ? job->verb : "status", verbs[i].name) != 0)
        i++;
    if (i == HTH_COUNT(verbs) || verbs[i].takes != (job->what != NULL))
        return hth_cli_usage("vault", "one of: vault status, vault passphrase, vault add FILE, "
                                      "vault add --tpm, vault remove SLOT");
    if ((job->pcrs || job->pin) && !job->tpm)
        return hth_cli_usage("vault", "--pcr and --pin are for vault add --tpm");
    if (job->tpm && strcmp(verbs[i].name, "add") != 0)
        return hth_cli_usage("vault", "--tpm is for vault add");
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
        case OPT_TPM: job.tpm = true; break;
        case OPT_PIN: job.pin = true; break;
        case OPT_PCR:
            if (!pcrs_parse(&job.pcrs, hth_str(args->value)))
                return hth_cli_usage("vault", "--pcr takes registers from 0 to %d, as in 0,2,7",
                                     PCRS - 1);
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (!hth_args_verb(args, &job.verb, &job.what)) return HTH_EXIT_USAGE;
        }
    }
    return run(&job);
}
