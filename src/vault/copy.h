/* copy.h - an SQLite file, sealed or not, as it is at one moment, in a second file; is one sound?
 *
 * Whoever has the file open goes on reading and writing it meanwhile, also in other processes.
 *
 * Thread: any. */
#ifndef HTH_VAULT_COPY_H
#define HTH_VAULT_COPY_H

#include "base/err.h"

/* to: must not be there; another file's id, the same key, one file without a log.  It is not
 * synced: it is read at once.  A file that is not sealed has a copy that is not.  what: for
 * sentences.  As hth_vfs_open says; EIO: no room. */
HTH_MUST_CHECK HthStatus hth_sealed_copy(const char *from, const char *to, const uint8_t key[32],
                                         const char *what, HthErr *err);
/* Every page opens under this key, and SQLite finds nothing wrong. EFORMAT, EDENIED. */
HTH_MUST_CHECK HthStatus hth_sealed_check(const char *path, const uint8_t key[32], const char *what,
                                          HthErr *err);

#endif
