/* backoff.h - who guessed wrong waits, longer and longer: a table of fixed size.
 *
 * A few wrong guesses cost nothing; then 1, 2, 4 ... seconds, at most a minute (a user whose name
 * somebody else guesses at is not locked out for longer).  Ten minutes without one are forgotten.
 * When the table is full, the one that has to wait least makes room.
 *
 * Thread: the owner has a lock. */
#ifndef HTH_VAULT_BACKOFF_H
#define HTH_VAULT_BACKOFF_H

#include "base/str.h"

enum { HTH_BACKOFF_SLOTS = 512, HTH_BACKOFF_FREE = 5 };

typedef struct HthBackoffSlot { /* fails 0: free */
    uint64_t who, until_ns, last_ns;
    uint32_t fails;
} HthBackoffSlot;

typedef struct HthBackoff {
    uint8_t salt[16]; /* random: nobody can choose names that share a slot's number */
    HthBackoffSlot slots[HTH_BACKOFF_SLOTS];
} HthBackoff;

void hth_backoff_init(HthBackoff *b);
/* A number for a name of a kind ("user", "address"). */
uint64_t hth_backoff_who(const HthBackoff *b, const char *kind, HthStr name);
uint32_t hth_backoff_wait_s(const HthBackoff *b, uint64_t who, uint64_t now_ns); /* 0: none */
void hth_backoff_failed(HthBackoff *b, uint64_t who, uint64_t now_ns);
void hth_backoff_passed(HthBackoff *b, uint64_t who);

#endif
