/* quota.h - how much a key may use: so many requests, tokens and bytes in a minute, so many
 * requests at once.
 *
 * A bucket holds a minute's worth and fills evenly.  Its whole state is the moment at which it is
 * full again, so that what is allowed is a function of that moment and of now: no ticks, no drift.
 * In any stretch of t seconds at most (1 + t / 60) minutes' worth are given out.
 *
 * Tokens are known when an answer has ended: a request begins when there is at least one, and what
 * it used is owed afterwards.
 *
 * Thread: pure functions; the owner of an HthUse has a lock. */
#ifndef HTH_VAULT_QUOTA_H
#define HTH_VAULT_QUOTA_H

#include "base/err.h"

typedef struct HthLimits { /* 0: no limit */
    uint32_t requests_min, tokens_min; /* in a minute */
    uint32_t concurrent; /* requests under way */
    uint64_t bytes_min; /* of request bodies, in a minute */
} HthLimits;

typedef struct HthUse { /* zeroed: nothing was used */
    uint64_t requests_full_ns, tokens_full_ns, bytes_full_ns; /* hth_clock_ns() */
    uint32_t running;
} HthUse;

/* A request with a body of so many bytes begins. EAGAIN: *wait_s is when to come again (at least
 * 1); ELIMIT: the body is larger than what a minute gives. The use is as before then. */
HTH_MUST_CHECK HthStatus hth_quota_begin(HthUse *use, const HthLimits *limits, uint64_t bytes,
                                         uint64_t now_ns, uint32_t *wait_s, HthErr *err);
/* It ends, having read and written so many tokens. */
void hth_quota_end(HthUse *use, const HthLimits *limits, uint64_t tokens, uint64_t now_ns);

#endif
