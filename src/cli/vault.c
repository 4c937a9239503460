/* vault.c - see vault.h: where passphrases come from, and which keyring it is.
 *
 * Thread: the main thread. */
#include "cli/vault.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/secret.h"
#include "cli/state.h"
#include "cli/term.h"
#include "crypt/secret.h"

/* ---- passphrases and PINs -------------------------------------------------------------------- */

static const struct {
    const char *name, *credential, *old, *new;
} kinds[] = {
    [HTH_WORDS_PASSPHRASE] = { "passphrase", "hearth-passphrase", "Passphrase of the keyring",
                               "New passphrase" },
    [HTH_WORDS_PIN] = { "PIN", "hearth-pin", "PIN of the TPM", "New PIN" },
};

/* One line: of a script, or typed. */
static HthStatus ask_line(HthVaultWords words, bool new, bool script, char *out, size_t *n,
                          HthErr *err) {
    const int fd = script && !hth_term_in() ? STDIN_FILENO : -1;
    HTH_REQUIRE(fd >= 0 || hth_cli_secret_tty(), err, HTH_EDENIED,
                "a %s is needed, and there is no terminal to ask for it; start hearth from one, or "
                "give systemd the credential %s",
                kinds[words].name, kinds[words].credential);
    HTH_TRY(hth_cli_secret(out, n, new ? kinds[words].new : kinds[words].old, new, fd, err));
    HTH_REQUIRE(*n > 0, err, HTH_EINVAL, "a %s has 1 to %d bytes", kinds[words].name,
                HTH_PASSPHRASE_MAX);
    return HTH_OK;
}

/* *there false: systemd gave none. */
static HthStatus from_credential(HthVaultWords words, char *out, size_t *n, bool *there,
                                 HthErr *err) {
    HthBuf path;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    *there = false;
    if (!folder) return HTH_OK;
    hth_buf_init(&path, 4096);
    HthStatus status = hth_buf_printf(&path, err, "%s/%s", folder, kinds[words].credential);
    const int fd = status == HTH_OK ? open(path.p, O_RDONLY | O_CLOEXEC) : -1;
    hth_buf_drop(&path);
    if (fd < 0) return status;
    *there = true;
    *n = 0;
    status = hth_cli_secret(out, n, NULL, false, fd, err);
    close(fd);
    if (status == HTH_OK && *n == 0)
        status = HTH_FAIL(err, HTH_EINVAL, "the credential %s is empty", kinds[words].credential);
    return status;
}

static HthStatus ask(HthVaultWords words, const bool *script, char *out, size_t *n, HthErr *err) {
    bool there;
    HTH_TRY(from_credential(words, out, n, &there, err));
    if (there) return HTH_OK;
    return ask_line(words, false, *script, out, n, err);
}

static HthStatus ask_passphrase(void *script, char *out, size_t *n, HthErr *err) {
    return ask(HTH_WORDS_PASSPHRASE, script, out, n, err);
}

static HthStatus ask_pin(void *script, char *out, size_t *n, HthErr *err) {
    return ask(HTH_WORDS_PIN, script, out, n, err);
}

HthStatus hth_vault_ask_new(HthVaultWords words, char *out, size_t *n, HthErr *err) {
    return ask_line(words, true, true, out, n, err);
}

const char *hth_vault_tpm(void) {
    const char *tcti = getenv("HEARTH_TPM");
    (void)setenv("TSS2_LOG", "all+NONE", 0); /* we say ourselves what is wrong */
    return tcti && *tcti ? tcti : "device:/dev/tpmrm0";
}

_Static_assert((int)HTH_PASSPHRASE_MAX == (int)HTH_CLI_SECRET_MAX, "one size");

/* ---- opening --------------------------------------------------------------------------------- */

static HthStatus open_in(HthKeyring **out, const char *folder, bool make, bool script,
                         HthErr *err) {
    const HthKeyringCfg cfg = { .folder = folder,
                                .key_file = getenv("HEARTH_KEY_FILE"),
                                .tpm = hth_vault_tpm(),
                                .ask_pin = ask_pin,
                                .ask = ask_passphrase,
                                .payload = &script,
                                .make = make };
    return hth_keyring_open(out, &cfg, err);
}

HthStatus hth_vault_open_in(HthKeyring **out, const char *folder, bool script, HthErr *err) {
    return open_in(out, folder, false, script, err);
}

HthStatus hth_vault_open(HthKeyring **out, bool make, bool script, HthErr *err) {
    HthBuf folder;
    hth_buf_init(&folder, 4096);
    HthStatus status = hth_state_folder(&folder, true, err);
    if (status == HTH_OK) status = open_in(out, folder.p, make, script, err);
    hth_buf_drop(&folder);
    return status;
}

HthStatus hth_vault_key(void **out, HthPurpose purpose, HthErr *err) {
    HthKeyring *k = NULL;
    void *key = NULL;
    HTH_TRY(hth_secret_alloc(&key, HTH_RING_KEY_BYTES, err));
    const HthStatus status = hth_vault_open(&k, true, false, err);
    if (status == HTH_OK) {
        hth_keyring_key(k, purpose, key);
        *out = key;
    } else {
        hth_secret_free(key);
    }
    hth_keyring_close(&k);
    return status;
}
