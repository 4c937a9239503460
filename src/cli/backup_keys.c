/* backup_keys.c - see backup.h.
 *
 * Thread: the main thread. */
#include "cli/backup.h"

#include "cli/secret.h"
#include "crypt/secret.h"

enum { FILE_MAX = 1 << 20 };

static HthStatus room(HthCliAge *a, HthErr *err) {
    void *p = NULL;
    if (a->keys) return HTH_OK;
    HTH_TRY(hth_secret_alloc(&p, (size_t)HTH_AGE_KEYS_MAX * HTH_AGE_KEY_BYTES, err));
    a->keys = p;
    return HTH_OK;
}

HthStatus hth_cli_age_recipient(HthCliAge *a, const char *text, HthErr *err) {
    HTH_TRY(room(a, err));
    HTH_REQUIRE(a->count < HTH_AGE_KEYS_MAX, err, HTH_EINVAL, "at most %d recipients",
                HTH_AGE_KEYS_MAX);
    HTH_TRY(hth_age_recipient(a->keys[a->count], hth_str(text), err));
    a->count++;
    return HTH_OK;
}

typedef HthStatus (*ListFn)(uint8_t out[][HTH_AGE_KEY_BYTES], size_t *count, HthStr text,
                            HthErr *err);

static HthStatus from_file(HthCliAge *a, const char *path, ListFn list, HthErr *err) {
    HthBuf text;
    HthErr why = { 0 };
    const size_t before = a->count;
    HTH_TRY(room(a, err));
    hth_buf_init(&text, FILE_MAX);
    HthStatus status = hth_file_read(&text, path, err);
    if (status == HTH_OK && list(a->keys, &a->count, hth_buf_str(&text), &why) != HTH_OK)
        status = HTH_FAIL(err, HTH_EINVAL, "%.80s: %s", path, why.text);
    if (status == HTH_OK && a->count == before)
        status = HTH_FAIL(err, HTH_EINVAL, "%.150s has no key of age in it", path);
    if (text.p) hth_secret_wipe(text.p, text.n);
    hth_buf_drop(&text);
    return status;
}

HthStatus hth_cli_age_recipients(HthCliAge *a, const char *path, HthErr *err) {
    return from_file(a, path, hth_age_recipients, err);
}

/* fd -1: from the terminal, twice when it is new. */
static HthStatus passphrase(HthCliAge *a, int fd, bool fresh, HthErr *err) {
    void *p = NULL;
    HTH_REQUIRE(!a->passphrase, err, HTH_EINVAL, "one passphrase is enough");
    HTH_TRY(hth_secret_alloc(&p, HTH_CLI_SECRET_MAX, err));
    a->passphrase = p;
    HTH_TRY(hth_cli_secret(a->passphrase, &a->passphrase_n,
                           fresh ? "Passphrase for the backup" : "Passphrase of the backup", fresh,
                           fd, err));
    HTH_REQUIRE(a->passphrase_n, err, HTH_EINVAL, "the passphrase is empty");
    return HTH_OK;
}

void hth_cli_age_drop(HthCliAge *a) {
    hth_secret_free(a->keys);
    hth_secret_free(a->passphrase);
    *a = (HthCliAge){ .keys = NULL };
}

int hth_cli_age_option(HthCliAge *a, const HthArgs *args, int id, bool fresh) {
    HthErr err = { 0 };
    uint32_t fd = 0;
    HthStatus status;
    if (id == HTH_AGE_OPT_IDENTITY) {
        status = from_file(a, args->value, hth_age_identities, &err);
    } else if (id == HTH_AGE_OPT_PASSPHRASE) {
        status = passphrase(a, -1, fresh, &err);
    } else {
        if (!hth_args_u32(args, 0, 1 << 20, &fd)) return HTH_EXIT_USAGE;
        status = passphrase(a, (int)fd, false, &err);
    }
    return status == HTH_OK ? HTH_EXIT_OK : hth_cli_fail(&err);
}
