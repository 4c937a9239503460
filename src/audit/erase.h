/* erase.h - a subject's texts made unreadable, on the record.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_ERASE_H
#define HTH_AUDIT_ERASE_H

#include "audit/content.h"
#include "audit/log.h"

/* Says that subject will be erased ("begun"), destroys its key, says that it is ("done"); each on
 * disk before the next, so that the log never claims what did not happen, and what was begun and
 * not done is seen.  by: who asked for it, may be empty.  Entries, roots and proofs stay as they
 * were.  ENOTSUP: keys cannot be destroyed here; what keys and the log say. */
HTH_MUST_CHECK HthStatus hth_audit_erase(HthAudit *a, HthStr subject, HthStr by,
                                         const HthContentKeys *keys, HthErr *err);

#endif
