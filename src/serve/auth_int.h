/* auth_int.h - what auth.c and auth_session.c share, and nobody else.
 *
 * Thread: HthAuth.mutex guards everything behind it. */
#ifndef HTH_SERVE_AUTH_INT_H
#define HTH_SERVE_AUTH_INT_H

#include <pthread.h>

#include "serve/auth.h"

enum { HTH_LINKS_MAX = 16, HTH_SESSIONS_MAX = 256, HTH_BRAKES_MAX = 256 };

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

typedef struct HthBrake { /* fails 0: free */
    char address[64];
    uint32_t fails;
    uint64_t until_ns, last_ns;
} HthBrake;

struct HthAuth {
    char *keys_file; /* owned */
    uint32_t owner_uid;
    HthWho owner;
    char cookie[2][40]; /* names: plain, TLS */
    pthread_mutex_t mutex;
    HthKeys keys;
    struct {
        int64_t s, ns;
        uint64_t inode, size;
        bool there;
    } seen; /* of the file of keys */
    HthLink links[HTH_LINKS_MAX];
    HthSession sessions[HTH_SESSIONS_MAX];
    HthBrake brakes[HTH_BRAKES_MAX];
};

void hth_auth_key_who(const HthKey *k, HthWho *who);

/* auth_session.c, under the mutex. A session that a key began is what the key is now, or nothing:
 * its who is brought up to date. */
HthSession *hth_auth_session(HthAuth *a, HthStr cookie, const HthPeer *peer, int64_t now_s);
/* Seconds an address has to wait, 0: none. */
uint32_t hth_auth_brake(HthAuth *a, const HthPeer *peer, uint64_t now_ns);
void hth_auth_failed(HthAuth *a, const HthPeer *peer, uint64_t now_ns);
void hth_auth_passed(HthAuth *a, const HthPeer *peer);

#endif
