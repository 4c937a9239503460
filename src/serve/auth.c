/* auth.c - who asks, and whether he may: see auth.h.
 *
 * Thread: any, but opening and closing. */
#include "serve/auth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypt/hash.h"
#include "serve/auth_int.h"
#include "serve/http_parse.h"

/* ---- names and numbers ----------------------------------------------------------------------- */

static uint64_t number_of(const char *kind, const char *name) {
    uint8_t sha256[HTH_HASH_BYTES];
    char text[128];
    uint64_t v;
    const int n = snprintf(text, sizeof text, "hearth %s:%s", kind, name);
    hth_hash(HTH_SHA256, text, (size_t)n, sha256);
    memcpy(&v, sha256, sizeof v);
    return v;
}

/* The system's name for a user, if it is one that we would write down; else its number. */
static void name_user(char out[HTH_USER_NAME_MAX + 1], uint32_t uid) {
    char text[1024];
    struct passwd entry, *found = NULL;
    snprintf(out, HTH_USER_NAME_MAX + 1, "uid%u", uid);
    if (getpwuid_r(uid, &entry, text, sizeof text, &found) || !found) return;
    if (!hth_user_name(hth_str(entry.pw_name))) return;
    snprintf(out, HTH_USER_NAME_MAX + 1, "%s", entry.pw_name);
}

void hth_auth_owner(const HthAuth *a, HthWho *who) {
    *who = (HthWho){ .is_owner = true,
                     .by = HTH_BY_PEER,
                     .grant = { .user = { .role = HTH_ROLE_ADMIN, .uid = a->owner_uid },
                                .scope = { .verbs = HTH_MAY_ALL } } };
    name_user(who->name, a->owner_uid);
    memcpy(who->grant.user.name, who->name, sizeof who->name);
    memcpy(who->grant.user.tenant, who->name, sizeof who->name);
    who->user = who->tenant = number_of("uid", who->name);
}

/* "key", however he came: what is kept of users hangs on this number since all came by keys. */
void hth_auth_granted(const HthGrant *g, HthCredential by, HthWho *who) {
    *who = (HthWho){ .by = by, .grant = *g };
    memcpy(who->name, g->user.name, sizeof who->name);
    who->user = number_of("key", g->user.name);
    who->tenant = number_of("key", g->user.tenant);
}

/* ---- open and close -------------------------------------------------------------------------- */

HthStatus hth_auth_open(HthAuth **out, const HthAuthCfg *cfg, HthErr *err) {
    HTH_ASSERT(cfg->users);
    HthAuth *a = hth_calloc(1, sizeof *a);
    HTH_REQUIRE(a, err, HTH_ENOMEM, "No memory for the list of sessions.");
    a->users = cfg->users;
    a->owner_uid = cfg->owner_uid;
    hth_auth_owner(a, &a->owner);
    hth_backoff_init(&a->backoff);
    pthread_mutex_init(&a->mutex, NULL);
    char port[16] = "";
    if (cfg->cookie_port) snprintf(port, sizeof port, "-%u", cfg->cookie_port);
    snprintf(a->cookie[0], sizeof a->cookie[0], "hearth%s", port);
    snprintf(a->cookie[1], sizeof a->cookie[1], "__Host-hearth%s", port);
    *out = a;
    return HTH_OK;
}

void hth_auth_close(HthAuth **a_io) {
    HthAuth *a = *a_io;
    *a_io = NULL;
    if (!a) return;
    pthread_mutex_destroy(&a->mutex);
    hth_zero(a->links, sizeof a->links);
    hth_zero(a->sessions, sizeof a->sessions);
    hth_free(a);
}

static bool is_enabled(const HthUser *users, uint32_t n, const char *name) {
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(users[i].name, name)) return !users[i].disabled;
    return false;
}

uint32_t hth_auth_key_count(HthAuth *a) {
    const int64_t now_s = hth_clock_unix_s();
    uint32_t good = 0, n = 0, keys_n = 0;
    HthUser *users = NULL;
    HthUserKey *keys = NULL;
    if (hth_users_list(a->users, &users, &n, NULL) == HTH_OK &&
        hth_users_keys(a->users, &keys, &keys_n, NULL) == HTH_OK) {
        for (uint32_t i = 0; i < n; i++) good += users[i].has_password && !users[i].disabled;
        for (uint32_t i = 0; i < keys_n; i++)
            good += (!keys[i].expires_s || now_s < keys[i].expires_s) &&
                    is_enabled(users, n, keys[i].user);
    }
    hth_free(users);
    hth_free(keys);
    return good;
}

const char *hth_auth_cookie_name(const HthAuth *a, bool tls) {
    return a->cookie[tls];
}

/* ---- who? ------------------------------------------------------------------------------------ */

/* The key a request brings: "Bearer KEY", or x-api-key. EDENIED: two of them that differ. */
static HthStatus key_of(const HthAuthAsk *ask, HthStr *key, HthErr *err) {
    const HthStr bearer = HTH_STR("Bearer ");
    *key = ask->x_api_key;
    if (ask->authorization.n <= bearer.n ||
        !hth_http_same_name(hth_str_sub(ask->authorization, 0, bearer.n), bearer))
        return HTH_OK; /* another scheme is no key */
    *key = hth_str_trim(hth_str_sub(ask->authorization, bearer.n, SIZE_MAX));
    HTH_REQUIRE(!ask->x_api_key.n || hth_str_eq(*key, ask->x_api_key), err, HTH_EDENIED,
                "The request brings two keys, and they differ.");
    return HTH_OK;
}

/* Of IPv6 the first half: who has one address there has the network. */
void hth_auth_address(char out[64], const HthPeer *peer) {
    if (peer->uid_known) {
        snprintf(out, 64, "uid %u", peer->uid);
        return;
    }
    snprintf(out, 64, "%s", peer->address);
    uint32_t colons = 0;
    for (char *c = out; strchr(peer->address, ':') && *c; c++) {
        colons += *c == ':';
        if (colons == 4 || (c > out && c[0] == ':' && c[-1] == ':')) {
            *c = '\0';
            return;
        }
    }
}

static uint64_t waits_as(const HthAuth *a, const HthPeer *peer) {
    char address[64];
    hth_auth_address(address, peer);
    return hth_backoff_who(&a->backoff, "address", hth_str(address));
}

/* A process of this machine: of the server's own user, or of one that the file knows. */
static bool by_peer(HthAuth *a, const HthPeer *peer, HthWho *out) {
    HthGrant g;
    if (!peer->uid_known) return false;
    if (peer->uid == a->owner_uid)
        *out = a->owner;
    else if (hth_users_by_uid(a->users, peer->uid, &g, NULL) == HTH_OK)
        hth_auth_granted(&g, HTH_BY_PEER, out);
    else
        return false;
    return true;
}

/* Whose certificate the connection brought (http.h has verified it). */
static bool by_cert(HthAuth *a, const HthPeer *peer, HthWho *out) {
    HthGrant g;
    if (!peer->cert_name[0] || !peer->tls) return false;
    if (hth_users_by_name(a->users, hth_str(peer->cert_name), &g, NULL) != HTH_OK) return false;
    hth_auth_granted(&g, HTH_BY_CERT, out);
    return true;
}

static bool by_session(HthAuth *a, const HthAuthAsk *ask, HthWho *out) {
    const HthSession *s =
        ask->cookie.n ? hth_auth_session(a, ask->cookie, ask->peer, hth_clock_unix_s()) : NULL;
    if (!s) return false;
    *out = s->who;
    out->by = HTH_BY_SESSION;
    return true;
}

/* Under the mutex. *status: of a failure. */
static HthStatus by_key(HthAuth *a, HthStr key, const HthPeer *peer, bool waits, HthWho *out,
                        uint32_t *wait_s, HthErr *err) {
    const uint64_t now_ns = hth_clock_ns(), address = waits_as(a, peer);
    HthGrant g;
    *wait_s = waits ? hth_backoff_wait_s(&a->backoff, address, now_ns) : 0;
    HTH_REQUIRE(!*wait_s, err, HTH_EAGAIN, "Too many wrong keys; wait %u s.", *wait_s);
    const HthStatus st = hth_users_by_key(a->users, key, hth_clock_unix_s(), &g, err);
    if (st == HTH_OK) hth_auth_granted(&g, HTH_BY_KEY, out);
    if (st == HTH_OK && waits) hth_backoff_passed(&a->backoff, address);
    if (st == HTH_EDENIED && waits) hth_backoff_failed(&a->backoff, address, now_ns);
    return st;
}

/* Under the mutex. A key is meant, and so is a program's certificate; who logged in at a page goes
 * before what its browser adds by itself, and a program is its user before it is its cookie. */
static HthStatus find_who(HthAuth *a, const HthAuthAsk *ask, HthWho *out, uint32_t *wait_s,
                          HthErr *err) {
    const bool page = ask->origin != HTH_ORIGIN_NONE || ask->fetch;
    HthWho peer;
    HthStr key;
    HTH_TRY(key_of(ask, &key, err));
    const bool known = by_peer(a, ask->peer, &peer), enough = known && !page;
    if (key.n) {
        const HthStatus st = by_key(a, key, ask->peer, !enough, out, wait_s, err);
        /* clients of other servers insist on some key: for whoever needs none, any will do */
        if (st == HTH_OK || !enough) return st;
    }
    if (page && by_session(a, ask, out)) return HTH_OK;
    if (by_cert(a, ask->peer, out)) return HTH_OK;
    if (known)
        *out = peer;
    else if (!page)
        (void)by_session(a, ask, out);
    return HTH_OK;
}

HthStatus hth_auth_who(HthAuth *a, const HthAuthAsk *ask, HthWho *out, int *status,
                       uint32_t *wait_s, HthErr *err) {
    HthWho who = { 0 };
    pthread_mutex_lock(&a->mutex);
    *wait_s = 0;
    const HthStatus st = find_who(a, ask, &who, wait_s, err);
    pthread_mutex_unlock(&a->mutex);
    *status = st == HTH_OK ? 200 : st == HTH_EDENIED ? 401 : st == HTH_EAGAIN ? 429 : 503;
    if (st == HTH_OK) *out = who;
    return st;
}

/* ---- may he? --------------------------------------------------------------------------------- */

/* http.h has let nothing through that calls us by another name, or comes from a foreign origin. */
HthDeny hth_auth_decide(const HthAuthAsk *ask, const HthWho *who, HthRouteId at) {
    const HthPolicyAsk a = { .at = at,
                             .host = HTH_HOST_OURS,
                             .origin = ask->origin,
                             .fetch = ask->fetch,
                             .fetch_foreign = ask->fetch_foreign,
                             .x_hearth = ask->x_hearth,
                             .local = ask->peer->local,
                             .tls = ask->peer->tls,
                             .by = who->by,
                             .role = who->grant.user.role,
                             .verbs = who->grant.scope.verbs };
    return hth_policy_decide(&a);
}

static HthAuthAsk read_ask(const HthAuth *a, HthX *x) {
    static const char *const fetch[] = { "Sec-Fetch-Site", "Sec-Fetch-Dest" };
    HthStr text, site;
    HthAuthAsk ask = { .peer = hth_x_peer(x) };
    (void)hth_x_header(x, "Authorization", &ask.authorization);
    (void)hth_x_header(x, "x-api-key", &ask.x_api_key);
    (void)hth_x_cookie(x, hth_auth_cookie_name(a, ask.peer->tls), &ask.cookie);
    if (hth_x_header(x, "Origin", &text))
        ask.origin = hth_x_same_origin(x) ? HTH_ORIGIN_SAME : HTH_ORIGIN_LISTED;
    ask.fetch_foreign = hth_x_header(x, "Sec-Fetch-Site", &site) &&
                        !hth_str_eq(site, HTH_STR("same-origin")) &&
                        !hth_str_eq(site, HTH_STR("none"));
    for (size_t i = 0; i < HTH_COUNT(fetch); i++) ask.fetch |= hth_x_header(x, fetch[i], &text);
    ask.x_hearth = hth_x_header(x, "X-Hearth", &text);
    return ask;
}

void hth_auth_add_wait(HthX *x, uint32_t wait_s) {
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", wait_s);
    hth_x_add_header(x, "Retry-After", hth_str(seconds));
}

HthStatus hth_auth_ask(HthAuth *a, HthX *x, HthRouteId at, HthWho *out, int *status, HthErr *err) {
    const HthAuthAsk ask = read_ask(a, x);
    HthStatus st = HTH_OK;
    uint32_t wait_s = 0;
    *out = (HthWho){ 0 };
    if (hth_policy[at].verb) st = hth_auth_who(a, &ask, out, status, &wait_s, err);
    const HthDeny no = hth_auth_decide(&ask, out, at);
    if (no == HTH_ALLOW) return HTH_OK;
    if (st == HTH_OK || no != HTH_DENY_NOBODY) { /* else what was wrong with his key says more */
        *status = hth_deny_status(no);
        st = HTH_FAIL(err, HTH_EDENIED, "%s", hth_deny_sentence(no));
    } else if (*status == 503) {
        hth_log(HTH_LOG_ERROR, "serve: no key is good: %s", err->text);
        st = HTH_FAIL(err, HTH_EIO, "The server cannot read who may use it; its log says why.");
    }
    if (*status == 429) hth_auth_add_wait(x, wait_s);
    if (*status == 401) hth_x_add_header(x, "WWW-Authenticate", HTH_STR("Bearer"));
    return st;
}

/* ---- how much? ------------------------------------------------------------------------------- */

HthStatus hth_auth_begin(HthAuth *a, HthX *x, const HthWho *who, uint64_t bytes, int *status,
                         HthErr *err) {
    uint32_t wait_s = 0;
    if (who->counted) return HTH_OK;
    const HthStatus st =
        hth_users_begin(a->users, &who->grant, bytes, hth_clock_ns(), &wait_s, err);
    *status = st == HTH_EAGAIN ? 429 : st == HTH_ELIMIT ? 413 : st == HTH_OK ? 200 : 401;
    if (st == HTH_EAGAIN) hth_auth_add_wait(x, wait_s);
    return st;
}

void hth_auth_end(HthAuth *a, const HthWho *who, uint64_t tokens) {
    if (!who->counted) hth_users_end(a->users, &who->grant, tokens, hth_clock_ns());
}

/* ---- where it may listen --------------------------------------------------------------------- */

static bool stays_here(const HthListen *l) {
    struct sockaddr_storage s = { 0 };
    socklen_t n = sizeof s;
    char text[64] = "";
    if (l->fd < 0) return l->unix_path || (l->host && hth_http_is_loopback(hth_str(l->host)));
    if (getsockname(l->fd, (struct sockaddr *)&s, &n)) return false;
    if (s.ss_family == AF_UNIX) return true;
    if (s.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&s)->sin_addr, text, sizeof text);
    if (s.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&s)->sin6_addr, text, sizeof text);
    return hth_http_is_loopback(hth_str(text));
}

HthStatus hth_auth_check_listens(const HthListen *listens, size_t n, uint32_t key_count,
                                 HthErr *err) {
    for (size_t i = 0; i < n; i++) {
        const HthListen *l = &listens[i];
        if (stays_here(l)) continue;
        const char *where = l->fd < 0 && l->host ? l->host : "a socket that was handed over";
        HTH_REQUIRE(l->cert_file && l->key_file, err, HTH_EDENIED,
                    "Listening on %.60s lets other machines in, and without TLS everybody on the "
                    "way reads along: give a certificate and its key, or listen on 127.0.0.1.",
                    where);
        HTH_REQUIRE(key_count || l->client_ca, err, HTH_EDENIED,
                    "Listening on %.60s lets other machines in, and nobody there has a key or "
                    "a password: make one with 'hearth key add NAME', or listen on 127.0.0.1.",
                    where);
    }
    return HTH_OK;
}
