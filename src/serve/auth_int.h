/* auth_int.h - what auth.c and auth_session.c share, and nobody else.
 *
 * Thread: HthAuth.mutex guards everything behind it. */
#ifndef HTH_SERVE_AUTH_INT_H
#define HTH_SERVE_AUTH_INT_H

#include <pthread.h>

#include "serve/auth.h"
#include "vault/backoff.h"

enum {
    HTH_LINKS_MAX = 16,
    HTH_SESSIONS_MAX = 256,
    HTH_SESSIONS_OF_ONE_MAX = 32 /* of one user: nobody logs the others out */
};

typedef struct HthLink { /* a launch link; expires_s 0: free */
    uint8_t sha256[32];
    HthWho who;
    int64_t expires_s;
} HthLink;

typedef struct HthSession { /* expires_s 0: free */
    uint8_t sha256[32];
    HthWho who;
    bool uid_known; /* begun on this machine: good for that user only */
    uint32_t uid;
    int64_t expires_s, used_s;
} HthSession;

struct HthAuth {
    HthUsers *users; /* borrowed */
    uint32_t owner_uid;
    HthWho owner;
    char cookie[2][40]; /* names: plain, TLS */
    pthread_mutex_t mutex;
    HthLink links[HTH_LINKS_MAX];
    HthSession sessions[HTH_SESSIONS_MAX];
    HthBackoff backoff; /* of wrong keys */
};

/* Who a grant of the file is for. */
void hth_auth_granted(const HthGrant *g, HthCredential by, HthWho *out);
/* Who shares a wait: a user of this machine, else an address; of IPv6 the first half of it. */
void hth_auth_address(char out[64], const HthPeer *peer);
/* "Retry-After: N" */
void hth_auth_add_wait(HthX *x, uint32_t wait_s);

/* auth_session.c, under the mutex. A session is what the file says of its user and key now, or
 * nothing (NULL): its who is brought up to date. */
HthSession *hth_auth_session(HthAuth *a, HthStr cookie, const HthPeer *peer, int64_t now_s);

#endif
