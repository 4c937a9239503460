/* auth_session.c - launch links, passwords, and the sessions of browsers that they begin.
 *
 * Tables of fixed size; what is oldest makes room.  Tokens are kept as digests: who reads our
 * memory cannot log in.
 *
 * Thread: any; the functions of auth_int.h under HthAuth.mutex. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "crypt/hash.h"
#include "serve/auth_int.h"

enum {
    LINK_S = 300,
    SESSION_S = 30 * 86400,
    UNUSED_S = 7 * 86400 /* a session that nobody uses ends earlier */
};

static void new_token(char token[HTH_TOKEN_TEXT], uint8_t sha256[32]) {
    uint8_t secret[32];
    HthBuf text;
    hth_random(secret, sizeof secret);
    hth_buf_init(&text, HTH_TOKEN_TEXT);
    token[0] = '\0';
    /* Without memory for 44 bytes there is no token: an empty one opens nothing. */
    if (hth_base64(&text, HTH_BASE64_URL, secret, sizeof secret, NULL) == HTH_OK &&
        text.n == HTH_TOKEN_TEXT - 1)
        memcpy(token, text.p, HTH_TOKEN_TEXT);
    hth_hash(HTH_SHA256, secret, sizeof secret, sha256);
    if (token[0]) hth_hash(HTH_SHA256, token, HTH_TOKEN_TEXT - 1, sha256);
    hth_zero(secret, sizeof secret);
    if (text.p) hth_zero(text.p, text.cap);
    hth_buf_drop(&text);
}

/* ---- links ----------------------------------------------------------------------------------- */

void hth_auth_link(HthAuth *a, const HthWho *who, char token[HTH_TOKEN_TEXT]) {
    uint8_t sha256[32];
    new_token(token, sha256);
    pthread_mutex_lock(&a->mutex);
    HthLink *l = &a->links[0];
    for (size_t i = 1; i < HTH_LINKS_MAX; i++)
        if (a->links[i].expires_s < l->expires_s) l = &a->links[i];
    memcpy(l->sha256, sha256, sizeof sha256);
    l->who = *who;
    l->expires_s = hth_clock_unix_s() + LINK_S;
    pthread_mutex_unlock(&a->mutex);
}

/* Burns it. */
static bool use_link(HthAuth *a, HthStr token, const HthPeer *peer, int64_t now_s, HthWho *who) {
    uint8_t sha256[32];
    bool good = false;
    hth_hash(HTH_SHA256, token.p, token.n, sha256);
    for (size_t i = 0; i < HTH_LINKS_MAX; i++) {
        HthLink *l = &a->links[i];
        if (!hth_secret_equal(sha256, l->sha256, sizeof sha256) || !l->expires_s) continue;
        good = now_s < l->expires_s;
        *who = l->who;
        *l = (HthLink){ 0 };
        /* The owner's link is for the owner's browser; another user of this machine may have seen
         * it go by. */
        if (who->is_owner) good &= peer->uid_known && peer->uid == a->owner_uid;
    }
    return good;
}

/* ---- sessions -------------------------------------------------------------------------------- */

/* Under the mutex. */
static void begin_session(HthAuth *a, const HthWho *who, const HthPeer *peer, int64_t now_s,
                          const uint8_t sha256[32]) {
    HthSession *s = &a->sessions[0], *own = NULL;
    uint32_t owned = 0;
    for (size_t i = 0; i < HTH_SESSIONS_MAX; i++) {
        HthSession *at = &a->sessions[i];
        if (at->used_s < s->used_s) s = at;
        if (!at->expires_s || at->who.user != who->user) continue;
        owned++;
        if (!own || at->used_s < own->used_s) own = at;
    }
    if (owned >= HTH_SESSIONS_OF_ONE_MAX) s = own;
    *s = (HthSession){ .who = *who,
                       .uid_known = peer->uid_known,
                       .uid = peer->uid,
                       .expires_s = now_s + SESSION_S,
                       .used_s = now_s };
    memcpy(s->sha256, sha256, sizeof s->sha256);
}

HthStatus hth_auth_login(HthAuth *a, HthStr token, const HthPeer *peer, char cookie[HTH_TOKEN_TEXT],
                         HthErr *err) {
    const int64_t now_s = hth_clock_unix_s();
    uint8_t sha256[32];
    HthWho who;
    new_token(cookie, sha256);
    pthread_mutex_lock(&a->mutex);
    const bool good = cookie[0] && use_link(a, token, peer, now_s, &who);
    if (good) begin_session(a, &who, peer, now_s, sha256);
    pthread_mutex_unlock(&a->mutex);
    HTH_REQUIRE(good, err, HTH_EDENIED,
                "This link was used already, is older than five minutes, or was made for another "
                "user; ask hearth for a new one.");
    return HTH_OK;
}

/* A session that a key began ends with the key; one whose user has other rights now, or another
 * password, ends as well. The owner is in no file. */
static bool refresh_who(const HthAuth *a, HthSession *s, int64_t now_s) {
    return s->who.is_owner || hth_users_still(a->users, &s->who.grant, now_s, NULL) == HTH_OK;
}

HthSession *hth_auth_session(HthAuth *a, HthStr cookie, const HthPeer *peer, int64_t now_s) {
    uint8_t sha256[32];
    HthSession *found = NULL;
    hth_hash(HTH_SHA256, cookie.p, cookie.n, sha256);
    for (size_t i = 0; i < HTH_SESSIONS_MAX; i++) {
        HthSession *s = &a->sessions[i];
        if (!hth_secret_equal(sha256, s->sha256, sizeof sha256)) continue;
        if (now_s < s->expires_s && now_s - s->used_s < UNUSED_S) found = s;
    }
    if (!found || !refresh_who(a, found, now_s)) return NULL;
    if (found->uid_known && (!peer->uid_known || peer->uid != found->uid)) return NULL;
    found->used_s = now_s;
    return found;
}

void hth_auth_logout(HthAuth *a, HthStr cookie) {
    uint8_t sha256[32];
    hth_hash(HTH_SHA256, cookie.p, cookie.n, sha256);
    pthread_mutex_lock(&a->mutex);
    for (size_t i = 0; i < HTH_SESSIONS_MAX; i++)
        if (hth_secret_equal(sha256, a->sessions[i].sha256, sizeof sha256))
            a->sessions[i] = (HthSession){ 0 };
    pthread_mutex_unlock(&a->mutex);
}

/* age_s 0: it is taken back. */
static void set_cookie(HthAuth *a, HthX *x, const char *value, int age_s) {
    char header[256];
    const bool tls = hth_x_peer(x)->tls;
    snprintf(header, sizeof header, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s",
             hth_auth_cookie_name(a, tls), value, age_s, tls ? "; Secure" : "");
    hth_x_add_header(x, "Set-Cookie", hth_str(header));
    hth_zero(header, sizeof header);
}

/* The session that the browser had: nobody will use it again. */
static void end_own_session(HthAuth *a, HthX *x) {
    HthStr cookie;
    if (hth_x_cookie(x, hth_auth_cookie_name(a, hth_x_peer(x)->tls), &cookie))
        hth_auth_logout(a, cookie);
}

/* Outside the mutex: it takes a fifth of a second. */
HthStatus hth_auth_enter(HthAuth *a, HthX *x, HthStr name, HthStr password, int *status,
                         HthErr *err) {
    char cookie[HTH_TOKEN_TEXT], address[64];
    uint8_t sha256[32];
    HthGrant g;
    HthWho who;
    uint32_t wait_s = 0;
    const HthPeer *peer = hth_x_peer(x);
    hth_auth_address(address, peer);
    new_token(cookie, sha256);
    const HthStatus st = hth_users_login(a->users, name, password, hth_str(address), hth_clock_ns(),
                                         &g, &wait_s, err);
    *status = st == HTH_EDENIED ? 401 : st == HTH_EAGAIN ? 429 : 503;
    if (st == HTH_EAGAIN) hth_auth_add_wait(x, wait_s);
    if (st != HTH_OK) return st;
    HTH_REQUIRE(cookie[0], err, HTH_ENOMEM, "No memory for a session.");
    hth_auth_granted(&g, HTH_BY_SESSION, &who);
    pthread_mutex_lock(&a->mutex);
    begin_session(a, &who, peer, hth_clock_unix_s(), sha256);
    pthread_mutex_unlock(&a->mutex);
    end_own_session(a, x);
    set_cookie(a, x, cookie, SESSION_S);
    hth_zero(cookie, sizeof cookie);
    *status = 200;
    return HTH_OK;
}

void hth_auth_answer_logout(HthAuth *a, HthX *x) {
    end_own_session(a, x);
    set_cookie(a, x, "", 0);
    hth_x_reply(x, 200, "text/plain; charset=utf-8", HTH_STR("Logged out.\n"));
}

void hth_auth_answer_login(HthAuth *a, HthX *x) {
    char cookie[HTH_TOKEN_TEXT];
    HthErr err = { 0 };
    HthStr token;
    const HthPeer *peer = hth_x_peer(x);
    hth_x_add_header(x, "Cache-Control", HTH_STR("no-store"));
    hth_x_add_header(x, "Referrer-Policy", HTH_STR("no-referrer"));
    if (!hth_str_eq(hth_x_method(x), HTH_STR("GET"))) {
        hth_x_add_header(x, "Allow", HTH_STR("GET"));
        hth_x_reply(x, 405, "text/plain; charset=utf-8", HTH_STR("Only GET.\n"));
        return;
    }
    (void)hth_x_query(x, "t", &token);
    if (hth_auth_login(a, token, peer, cookie, &err) != HTH_OK) {
        hth_x_reply(x, 403, "text/plain; charset=utf-8", hth_str(err.text));
        return;
    }
    end_own_session(a, x);
    set_cookie(a, x, cookie, SESSION_S);
    hth_x_add_header(x, "Location", HTH_STR("/"));
    hth_x_reply(x, 303, "text/plain; charset=utf-8", HTH_STR("Logged in.\n"));
    hth_zero(cookie, sizeof cookie);
}
