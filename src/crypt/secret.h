/* secret.h - memory for secrets: locked, not in core dumps, guarded, wiped when it is given back.
 *
 * Keys and passphrases live here and nowhere else.  A thin face over libsodium's guarded heap.
 * What cannot be locked is an error that says which limit is in the way (RLIMIT_MEMLOCK), never a
 * silent fallback to memory that may be swapped.
 *
 * Thread: any; one piece belongs to one thread at a time. */
#ifndef HTH_CRYPT_SECRET_H
#define HTH_CRYPT_SECRET_H

#include <stddef.h>

#include "base/err.h"

/* n zeroed bytes, n > 0.  On success *out is the caller's; give it back with hth_secret_free.
 * ENOMEM; ELIMIT: the system locks no more memory for this process. */
HTH_MUST_CHECK HthStatus hth_secret_alloc(void **out, size_t n, HthErr *err);
void hth_secret_free(void *p); /* wiped first; NULL is fine */
/* Wipes memory that is not from here; never optimised away. */
void hth_secret_wipe(void *p, size_t n);
/* No core dump of this process, no debugger of the same user (PR_SET_DUMPABLE, RLIMIT_CORE).  For
 * programs that hold keys or prompts; before the first secret.  EIO. */
HTH_MUST_CHECK HthStatus hth_secret_process(HthErr *err);

#endif
