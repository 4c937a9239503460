/* auth.c - who asks: see auth.h.
 *
 * Thread: any, but opening and closing. */
#include "serve/auth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void put_numbers(HthWho *who, const char *kind) {
    who->user = number_of(kind, who->name);
    who->tenant = number_of(kind, who->tenant_name);
}

/* The system's name for a user, if it is one that we would write down; else its number. */
static void name_user(char out[HTH_KEY_NAME_MAX + 1], uint32_t uid) {
    char text[1024];
    struct passwd entry, *found = NULL;
    snprintf(out, HTH_KEY_NAME_MAX + 1, "uid%u", uid);
    if (getpwuid_r(uid, &entry, text, sizeof text, &found) || !found) return;
    if (!hth_key_name(hth_str(entry.pw_name))) return;
    snprintf(out, HTH_KEY_NAME_MAX + 1, "%s", entry.pw_name);
}

void hth_auth_owner(const HthAuth *a, HthWho *who) {
    *who = (HthWho){ .is_owner = true, .how = HTH_HOW_SAME_USER };
    name_user(who->name, a->owner_uid);
    memcpy(who->tenant_name, who->name, sizeof who->name);
    put_numbers(who, "uid");
}

void hth_auth_key_who(const HthKey *k, HthWho *who) {
    *who = (HthWho){ .is_owner = k->role == HTH_ROLE_ADMIN, .how = HTH_HOW_KEY };
    memcpy(&who->key_id, k->sha256, sizeof who->key_id);
    who->key_id |= 1; /* never none */
    memcpy(who->name, k->name, sizeof who->name);
    memcpy(who->tenant_name, k->tenant, sizeof who->tenant_name);
    put_numbers(who, "key");
}

/* ---- the file of keys ------------------------------------------------------------------------ */

/* Under the mutex: reads the file again if it is another than before. A file that cannot be read or
 * understood holds no keys: whoever was revoked in it stays out. */
static HthStatus refresh_keys(HthAuth *a, HthErr *err) {
    struct stat s = { 0 };
    if (!a->keys_file) return HTH_OK;
    const bool there = !stat(a->keys_file, &s);
    if (there == a->seen.there && s.st_mtim.tv_sec == a->seen.s &&
        s.st_mtim.tv_nsec == a->seen.ns && s.st_ino == a->seen.inode &&
        (uint64_t)s.st_size == a->seen.size)
        return HTH_OK;
    HthKeys fresh = { 0 };
    const HthStatus st = hth_keys_read(&fresh, a->keys_file, err);
    if (st == HTH_ENOMEM) return st; /* and the next time again */
    hth_keys_drop(&a->keys);
    a->keys = fresh;
    a->seen.there = there;
    a->seen.s = s.st_mtim.tv_sec;
    a->seen.ns = s.st_mtim.tv_nsec;
    a->seen.inode = s.st_ino;
    a->seen.size = (uint64_t)s.st_size;
    return st;
}

static void keep_fresh(HthAuth *a) {
    HthErr err = { 0 };
    if (refresh_keys(a, &err) != HTH_OK)
        hth_log(HTH_LOG_ERROR, "serve: no key is good: %s", err.text);
}

/* ---- open and close -------------------------------------------------------------------------- */

HthStatus hth_auth_open(HthAuth **out, const HthAuthCfg *cfg, HthErr *err) {
    static const char no_memory[] = "No memory for the list of users.";
    HthAuth *a = hth_calloc(1, sizeof *a);
    HTH_REQUIRE(a, err, HTH_ENOMEM, no_memory);
    a->owner_uid = cfg->owner_uid;
    hth_auth_owner(a, &a->owner);
    pthread_mutex_init(&a->mutex, NULL);
    char port[16] = "";
    if (cfg->cookie_port) snprintf(port, sizeof port, "-%u", cfg->cookie_port);
    snprintf(a->cookie[0], sizeof a->cookie[0], "hearth%s", port);
    snprintf(a->cookie[1], sizeof a->cookie[1], "__Host-hearth%s", port);
    HthStatus st = HTH_OK;
    if (cfg->keys_file && !(a->keys_file = hth_strdup(cfg->keys_file)))
        st = HTH_FAIL(err, HTH_ENOMEM, no_memory);
    if (st == HTH_OK) st = refresh_keys(a, err);
    if (st == HTH_OK)
        *out = a;
    else
        hth_auth_close(&a);
    return st;
}

void hth_auth_close(HthAuth **a_io) {
    HthAuth *a = *a_io;
    *a_io = NULL;
    if (!a) return;
    hth_keys_drop(&a->keys);
    hth_free(a->keys_file);
    pthread_mutex_destroy(&a->mutex);
    hth_zero(a->links, sizeof a->links);
    hth_zero(a->sessions, sizeof a->sessions);
    hth_free(a);
}

uint32_t hth_auth_key_count(HthAuth *a) {
    uint32_t good = 0;
    const int64_t now = hth_clock_unix_s();
    pthread_mutex_lock(&a->mutex);
    keep_fresh(a);
    for (uint32_t i = 0; i < a->keys.count; i++)
        good += !a->keys.keys[i].expires_s || now < a->keys.keys[i].expires_s;
    pthread_mutex_unlock(&a->mutex);
    return good;
}

const char *hth_auth_cookie_name(const HthAuth *a, bool tls) {
    return a->cookie[tls];
}

/* ---- who? ------------------------------------------------------------------------------------ */

/* The key a request brings: "Bearer KEY", or x-api-key. EINVAL: two of them that differ. */
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

static bool changes_things(HthStr method) {
    return !hth_str_eq(method, HTH_STR("GET")) && !hth_str_eq(method, HTH_STR("HEAD")) &&
           !hth_str_eq(method, HTH_STR("OPTIONS"));
}

static HthStatus denied(int *status, int code, HthErr *err, const char *sentence) {
    *status = code;
    return HTH_FAIL(err, HTH_EDENIED, "%s", sentence);
}

/* A session, and a request that only our own page can have made. */
static HthStatus by_session(HthAuth *a, const HthAuthAsk *ask, HthWho *out, int *status,
                            HthErr *err) {
    keep_fresh(a); /* a session may hang on a key */
    const HthSession *s =
        ask->cookie.n ? hth_auth_session(a, ask->cookie, ask->peer, hth_clock_unix_s()) : NULL;
    if (!ask->same_origin || ask->fetch_foreign)
        return denied(status, 403, err, "A page of another origin has no session here.");
    if (!s)
        return denied(status, 401, err,
                      "This browser is not logged in; open the link that hearth prints.");
    if (changes_things(ask->method) && !ask->has_x_hearth)
        return denied(status, 403, err, "The page's request lacks the header X-Hearth.");
    *out = s->who;
    out->how = HTH_HOW_SESSION;
    return HTH_OK;
}

/* Under the mutex. */
static HthStatus find_who(HthAuth *a, const HthAuthAsk *ask, HthWho *out, int *status,
                          uint32_t *wait_s, HthErr *err) {
    const uint64_t now_ns = hth_clock_ns();
    const bool page = ask->has_origin || ask->has_fetch;
    const bool owner = ask->peer->uid_known && ask->peer->uid == a->owner_uid && !page;
    HthStr key;
    *status = 401;
    HTH_TRY(key_of(ask, &key, err));
    if (key.n) {
        *wait_s = owner ? 0 : hth_auth_brake(a, ask->peer, now_ns);
        if (*wait_s) {
            *status = 429;
            return HTH_FAIL(err, HTH_EAGAIN, "Too many wrong keys; wait %u s.", *wait_s);
        }
        keep_fresh(a);
        const HthKey *found = hth_keys_find(&a->keys, key, hth_clock_unix_s());
        if (found) {
            if (!owner) hth_auth_passed(a, ask->peer);
            hth_auth_key_who(found, out);
            return HTH_OK;
        }
    }
    if (owner) { /* clients of other servers insist on some key: any will do */
        *out = a->owner;
        return HTH_OK;
    }
    if (key.n) {
        hth_auth_failed(a, ask->peer, now_ns);
        return denied(status, 401, err, "That key is not known here, or no longer good.");
    }
    if (page || ask->cookie.n) return by_session(a, ask, out, status, err);
    return denied(status, 401, err,
                  "A key is needed: Authorization: Bearer KEY, or x-api-key. hearth key makes "
                  "one.");
}

HthStatus hth_auth_who(HthAuth *a, const HthAuthAsk *ask, HthWho *out, int *status,
                       uint32_t *wait_s, HthErr *err) {
    HthWho who = { 0 };
    pthread_mutex_lock(&a->mutex);
    *wait_s = 0;
    const HthStatus st = find_who(a, ask, &who, status, wait_s, err);
    pthread_mutex_unlock(&a->mutex);
    if (st != HTH_OK) return st;
    *status = 200;
    *out = who;
    return HTH_OK;
}

HthStatus hth_auth_ask(HthAuth *a, HthX *x, HthWho *out, int *status, HthErr *err) {
    static const char *const fetch[] = { "Sec-Fetch-Site", "Sec-Fetch-Dest" };
    HthStr text, site;
    uint32_t wait_s = 0;
    HthAuthAsk ask = { .peer = hth_x_peer(x), .method = hth_x_method(x) };
    (void)hth_x_header(x, "Authorization", &ask.authorization);
    (void)hth_x_header(x, "x-api-key", &ask.x_api_key);
    (void)hth_x_cookie(x, hth_auth_cookie_name(a, ask.peer->tls), &ask.cookie);
    ask.has_origin = hth_x_header(x, "Origin", &text);
    ask.same_origin = hth_x_same_origin(x);
    ask.has_fetch = hth_x_header(x, "Sec-Fetch-Site", &site);
    ask.fetch_foreign = ask.has_fetch && !hth_str_eq(site, HTH_STR("same-origin")) &&
                        !hth_str_eq(site, HTH_STR("none"));
    for (size_t i = 0; i < HTH_COUNT(fetch); i++) ask.has_fetch |= hth_x_header(x, fetch[i], &text);
    ask.has_x_hearth = hth_x_header(x, "X-Hearth", &text);
    const HthStatus st = hth_auth_who(a, &ask, out, status, &wait_s, err);
    if (st == HTH_OK) {
        snprintf(hth_x_note(x)->user, sizeof hth_x_note(x)->user, "%s", out->name);
    } else if (wait_s) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", wait_s);
        hth_x_add_header(x, "Retry-After", hth_str(seconds));
    } else if (*status == 401) {
        hth_x_add_header(x, "WWW-Authenticate", HTH_STR("Bearer"));
    }
    return st;
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
        HTH_REQUIRE(key_count, err, HTH_EDENIED,
                    "Listening on %.60s lets other machines in, and nobody there has a key: make "
                    "one with 'hearth key add NAME', or listen on 127.0.0.1.",
                    where);
    }
    return HTH_OK;
}
