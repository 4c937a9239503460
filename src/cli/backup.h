/* backup.h - what hearth backup and hearth restore share: whom a stream is for, who opens it, where
 * it comes from.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_BACKUP_H
#define HTH_CLI_BACKUP_H

#include "cli/cli.h"
#include "crypt/age.h"
#include "vault/keyring.h"

/* Recipients or identities, and a passphrase, in secret memory; zeroed: nothing. */
typedef struct HthCliAge {
    uint8_t (*keys)[HTH_AGE_KEY_BYTES]; /* [HTH_AGE_KEYS_MAX], from the first one on */
    size_t count;
    char *passphrase;
    size_t passphrase_n;
} HthCliAge;

HTH_MUST_CHECK HthStatus hth_cli_age_recipient(HthCliAge *a, const char *text, HthErr *err);
HTH_MUST_CHECK HthStatus hth_cli_age_recipients(HthCliAge *a, const char *path, HthErr *err);
void hth_cli_age_drop(HthCliAge *a);

/* Options of both verbs, by number and as rows of their tables; a verb's own begin at OWN. */
enum {
    HTH_AGE_OPT_IDENTITY = 1,
    HTH_AGE_OPT_PASSPHRASE,
    HTH_AGE_OPT_PASSPHRASE_FD,
    HTH_AGE_OPT_OWN
};
/* clang-format off */
#define HTH_AGE_OPTS_PASSPHRASE \
    { HTH_AGE_OPT_PASSPHRASE, 'p', "passphrase", NULL, "a passphrase opens it; asked for", NULL }, \
    { HTH_AGE_OPT_PASSPHRASE_FD, 0, "passphrase-fd", "N", \
      "the passphrase is a line of descriptor N", NULL }
/* clang-format on */
/* Takes one of them; an exit code, what was wrong is told. fresh: a passphrase typed at the
 * terminal is a new one, and asked for twice. */
int hth_cli_age_option(HthCliAge *a, const HthArgs *args, int id, bool fresh);

/* A stream that is read, with a line of progress. */
typedef struct HthCliStream {
    int fd;
    uint64_t done, total; /* bytes; total 0: not known */
    const char *what; /* is done to it */
} HthCliStream;
/* path "-": standard input. An exit code; then nothing is open, and it was told why. */
int hth_cli_stream_open(HthCliStream *s, const char *path, const char *what);
void hth_cli_stream_close(HthCliStream *s);
/* What opens it; both are borrowed. */
HthAgeFrom hth_cli_age_from(const HthCliAge *a, HthCliStream *s);

#endif
