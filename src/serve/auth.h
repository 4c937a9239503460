/* auth.h - who asks, and whether he may: the server's own user, those in the file of users by a
 * key, a password or a certificate, or a page with a session.
 *
 * The operating-system user the server runs as needs no key and is an admin: the kernel says who is
 * at the other end (unix sockets; on this machine also TCP).  So it goes with users whose uid is in
 * the file.  Everybody else needs a key, a certificate or a session.  A page in a browser is not a
 * user, whoever runs the browser: it needs the cookie that a one-use launch link or a password
 * sets, or it brings a key.  On this machine a cookie is good for the user it was given to only:
 * cookies do not know ports, and another user's server could see ours go by.
 *
 * What anybody may is the policy's to say (policy.h).  Wrong keys and passwords cost time: after a
 * few, an address must wait, longer and longer (vault/backoff.h).
 *
 * Thread: any, but opening and closing. */
#ifndef HTH_SERVE_AUTH_H
#define HTH_SERVE_AUTH_H

#include "serve/http.h"
#include "serve/policy.h"
#include "vault/users.h"

typedef struct HthAuth HthAuth;

typedef struct HthWho { /* zeroed: nobody */
    uint64_t user, tenant; /* numbers for the scheduler and what is kept: stable, from the names */
    char name[HTH_USER_NAME_MAX + 1];
    HthCredential by;
    bool is_owner; /* the user the server runs as, who is in no file; an admin */
    bool counted; /* this request was counted when its upload began, and ends with that */
    HthGrant grant; /* as it was when it was asked for */
} HthWho;

typedef struct HthAuthCfg {
    HthUsers *users; /* borrowed */
    uint32_t owner_uid; /* geteuid() */
    uint16_t cookie_port; /* 0, or part of the cookie's name: servers beside each other */
} HthAuthCfg;

HTH_MUST_CHECK HthStatus hth_auth_open(HthAuth **out, const HthAuthCfg *cfg, HthErr *err);
void hth_auth_close(HthAuth **a);
/* How many keys and passwords somebody from elsewhere could enter with now. */
uint32_t hth_auth_key_count(HthAuth *a);

/* What an answer to "who?" is made of; strings may be empty. */
typedef struct HthAuthAsk {
    const HthPeer *peer;
    HthStr authorization, x_api_key, cookie; /* cookie: ours, the value */
    HthOriginIs origin;
    bool fetch, fetch_foreign, x_hearth; /* as HthPolicyAsk has them */
} HthAuthAsk;

/* Nobody (out->by HTH_BY_NOTHING) is HTH_OK too.  EDENIED (*status 401: a wrong key), EAGAIN (429,
 * *wait_s: wait so long), or the file cannot be read (503). */
HTH_MUST_CHECK HthStatus hth_auth_who(HthAuth *a, const HthAuthAsk *ask, HthWho *out, int *status,
                                      uint32_t *wait_s, HthErr *err);
/* The policy's word, for somebody who asks for this route. Pure. */
HthDeny hth_auth_decide(const HthAuthAsk *ask, const HthWho *who, HthRouteId at);
/* Both, of an exchange: who it is, and that he may; nobody where nobody need say. A refusal's own
 * headers (WWW-Authenticate, Retry-After) are added. */
HTH_MUST_CHECK HthStatus hth_auth_ask(HthAuth *a, HthX *x, HthRouteId at, HthWho *out, int *status,
                                      HthErr *err);

/* A request that was allowed begins, with a body of so many bytes, and ends: what a key's limits
 * count (vault/quota.h).  Begun is ended once, on any thread. Nothing for who is counted. */
HTH_MUST_CHECK HthStatus hth_auth_begin(HthAuth *a, HthX *x, const HthWho *who, uint64_t bytes,
                                        int *status, HthErr *err);
void hth_auth_end(HthAuth *a, const HthWho *who, uint64_t tokens);

/* The user the server runs as. */
void hth_auth_owner(const HthAuth *a, HthWho *out);
/* A launch link's token: good once, for five minutes, for `who`. 16 are good at a time. */
enum { HTH_TOKEN_TEXT = 44 }; /* with NUL */
void hth_auth_link(HthAuth *a, const HthWho *who, char token[HTH_TOKEN_TEXT]);
/* Burns the token, begins a session. cookie: the value. EDENIED: unknown, used, old, or another
 * user's. */
HTH_MUST_CHECK HthStatus hth_auth_login(HthAuth *a, HthStr token, const HthPeer *peer,
                                        char cookie[HTH_TOKEN_TEXT], HthErr *err);
void hth_auth_logout(HthAuth *a, HthStr cookie);
/* GET /login?t=...: answers with the cookie and the way to "/", or 403. GET only. */
void hth_auth_answer_login(HthAuth *a, HthX *x);
/* POST /login: name and password begin a session, whose cookie is added. EDENIED (*status 401) or
 * EAGAIN (429; Retry-After is added). */
HTH_MUST_CHECK HthStatus hth_auth_enter(HthAuth *a, HthX *x, HthStr name, HthStr password,
                                        int *status, HthErr *err);
/* POST /logout: the session of its cookie ends. */
void hth_auth_answer_logout(HthAuth *a, HthX *x);
const char *hth_auth_cookie_name(const HthAuth *a, bool tls);

/* Beyond this machine only with TLS and somebody who can enter: EDENIED says what is missing. */
HTH_MUST_CHECK HthStatus hth_auth_check_listens(const HthListen *listens, size_t n,
                                                uint32_t key_count, HthErr *err);

#endif
