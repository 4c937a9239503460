/* secret.h - passwords and passphrases: typed without being shown, or handed over by a script.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_SECRET_H
#define HTH_CLI_SECRET_H

#include <stdbool.h>

#include "base/err.h"

enum { HTH_CLI_SECRET_MAX = 1024 }; /* bytes */

/* One line, without its end, from the descriptor fd; what follows it stays unread.  With fd -1 from
 * the terminal, not shown, and twice with `again`.  out: [HTH_CLI_SECRET_MAX], best secret memory
 * (crypt/secret.h).  EINVAL: too long, no terminal, or the two differ; ECANCELED: Ctrl-C; EIO. */
HTH_MUST_CHECK HthStatus hth_cli_secret(char *out, size_t *n, const char *prompt, bool again,
                                        int fd, HthErr *err);
/* Is there a terminal to ask at? */
bool hth_cli_secret_tty(void);

#endif
