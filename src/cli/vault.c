/* vault.c - see vault.h: where passphrases come from, and which keyring it is.
 *
 * Thread: the main thread. */
#include "cli/vault.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/state.h"
#include "cli/term.h"
#include "crypt/secret.h"

/* ---- passphrases ----------------------------------------------------------------------------- */

/* A line without its end; the descriptor is read byte by byte, so that what follows stays. */
static bool read_line(int fd, char *out, size_t *n) {
    size_t at = 0;
    char c = 0;
    while (read(fd, &c, 1) == 1 && c != '\n') {
        if (at == HTH_PASSPHRASE_MAX) return false;
        out[at++] = c;
    }
    *n = at;
    return at > 0;
}

static HthStatus from_terminal(const char *prompt, char *out, size_t *n, HthErr *err) {
    struct termios old, quiet;
    const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    HTH_REQUIRE(fd >= 0 && !tcgetattr(fd, &old), err, HTH_EDENIED,
                "a passphrase is needed, and there is no terminal to ask for it; start hearth from "
                "one, or give systemd the credential hearth-passphrase");
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    (void)!write(fd, prompt, strlen(prompt));
    const bool ok = read_line(fd, out, n);
    (void)tcsetattr(fd, TCSAFLUSH, &old);
    (void)!write(fd, "\n", 1);
    close(fd);
    HTH_REQUIRE(ok, err, HTH_EINVAL, "a passphrase has 1 to %d bytes", HTH_PASSPHRASE_MAX);
    return HTH_OK;
}

static HthStatus from_script(char *out, size_t *n, HthErr *err) {
    HTH_REQUIRE(read_line(STDIN_FILENO, out, n), err, HTH_EINVAL,
                "a passphrase is needed: a line of 1 to %d bytes on standard input",
                HTH_PASSPHRASE_MAX);
    return HTH_OK;
}

/* *there false: systemd gave none. */
static HthStatus from_credential(char *out, size_t *n, bool *there, HthErr *err) {
    HthBuf path;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    *there = false;
    if (!folder) return HTH_OK;
    hth_buf_init(&path, 4096);
    HthStatus status = hth_buf_printf(&path, err, "%s/hearth-passphrase", folder);
    const int fd = status == HTH_OK ? open(path.p, O_RDONLY | O_CLOEXEC) : -1;
    hth_buf_drop(&path);
    if (fd < 0) return status;
    *there = true;
    if (!read_line(fd, out, n))
        status = HTH_FAIL(err, HTH_EINVAL, "the credential hearth-passphrase has not 1 to %d bytes",
                          HTH_PASSPHRASE_MAX);
    close(fd);
    return status;
}

static HthStatus ask(void *payload, char *out, size_t *n, HthErr *err) {
    const bool *script = payload;
    bool there;
    HTH_TRY(from_credential(out, n, &there, err));
    if (there) return HTH_OK;
    if (*script && !hth_term_in()) return from_script(out, n, err);
    return from_terminal("passphrase of the keyring: ", out, n, err);
}

HthStatus hth_vault_ask_new(char *out, size_t *n, HthErr *err) {
    void *again = NULL;
    size_t again_n = 0;
    if (!hth_term_in()) return from_script(out, n, err);
    HTH_TRY(from_terminal("new passphrase: ", out, n, err));
    HTH_TRY(hth_secret_alloc(&again, HTH_PASSPHRASE_MAX, err));
    HthStatus status = from_terminal("once more: ", again, &again_n, err);
    if (status == HTH_OK && (again_n != *n || memcmp(again, out, *n) != 0))
        status = HTH_FAIL(err, HTH_EINVAL, "these were two passphrases; nothing was changed");
    hth_secret_free(again);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

HthStatus hth_vault_open(HthKeyring **out, bool make, bool script, HthErr *err) {
    HthBuf folder;
    hth_buf_init(&folder, 4096);
    HthStatus status = hth_state_folder(&folder, true, err);
    if (status == HTH_OK) {
        const HthKeyringCfg cfg = { .folder = folder.p,
                                    .key_file = getenv("HEARTH_KEY_FILE"),
                                    .ask = ask,
                                    .payload = &script,
                                    .make = make };
        status = hth_keyring_open(out, &cfg, err);
    }
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
