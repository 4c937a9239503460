/* auth.h - who asks: the server's own user, the holder of a key, or a page with a session.
 *
 * The operating-system user the server runs as needs no key: the kernel says who is at the other
 * end (unix sockets; on this machine also TCP).  Everybody else needs one.  A page in a browser is
 * not a user, whoever runs the browser: a request with Origin, Sec-Fetch-Site or -Dest needs the
 * cookie that a one-use launch link sets, comes from our own page, and carries X-Hearth when it
 * changes anything; or it brings a key.  On this machine a cookie is good for the user it was given
 * to only: cookies do not know ports, and another user's server could see ours go by.
 *
 * Keys are 256 random bits; what is stored is their SHA-256, compared in constant time.  Wrong keys
 * cost time: after a few, an address must wait, longer and longer.
 *
 * Thread: any, but opening and closing. */
#ifndef HTH_SERVE_AUTH_H
#define HTH_SERVE_AUTH_H

#include "serve/http.h"
#include "serve/keys.h"

typedef struct HthAuth HthAuth;

typedef enum HthHow { HTH_HOW_SAME_USER, HTH_HOW_KEY, HTH_HOW_SESSION } HthHow;

typedef struct HthWho {
    uint64_t user, tenant; /* numbers for the scheduler: stable, from the names below */
    char name[HTH_KEY_NAME_MAX + 1], tenant_name[HTH_KEY_NAME_MAX + 1];
    uint64_t key_id; /* of the key; 0: none */
    bool is_owner; /* may manage models and keys, and see what concerns everybody */
    HthHow how;
} HthWho;

typedef struct HthAuthCfg {
    const char *keys_file; /* read again when it changes; NULL: there are no keys */
    uint32_t owner_uid; /* geteuid() */
    uint16_t cookie_port; /* 0, or part of the cookie's name: servers beside each other */
} HthAuthCfg;

HTH_MUST_CHECK HthStatus hth_auth_open(HthAuth **out, const HthAuthCfg *cfg, HthErr *err);
void hth_auth_close(HthAuth **a);
uint32_t hth_auth_key_count(HthAuth *a); /* that are good now */

/* What an answer to "who?" is made of; strings may be empty. */
typedef struct HthAuthAsk {
    const HthPeer *peer;
    HthStr method, authorization, x_api_key, cookie; /* cookie: ours, the value */
    bool has_origin, same_origin; /* same_origin: true without Origin */
    bool has_fetch, fetch_foreign; /* Sec-Fetch-*; its Site is neither same-origin nor none */
    bool has_x_hearth;
} HthAuthAsk;

/* EDENIED (*status 401: who are you; 403: not this way) or EAGAIN (429, *wait_s: wait so long). */
HTH_MUST_CHECK HthStatus hth_auth_who(HthAuth *a, const HthAuthAsk *ask, HthWho *out, int *status,
                                      uint32_t *wait_s, HthErr *err);
/* The same of an exchange; a refusal's own headers (WWW-Authenticate, Retry-After) are added. */
HTH_MUST_CHECK HthStatus hth_auth_ask(HthAuth *a, HthX *x, HthWho *out, int *status, HthErr *err);

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
/* POST /logout: the session of its cookie ends. */
void hth_auth_answer_logout(HthAuth *a, HthX *x);
const char *hth_auth_cookie_name(const HthAuth *a, bool tls);

/* Beyond this machine only with TLS and at least one key: EDENIED says what is missing. */
HTH_MUST_CHECK HthStatus hth_auth_check_listens(const HthListen *listens, size_t n,
                                                uint32_t key_count, HthErr *err);

#endif
