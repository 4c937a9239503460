/* auth_test.c - who asks: every combination of peer, key, cookie and page against the rules.
 *
 * The rules are written down a second time here (policy()), in the plainest form there is. */
#include "serve/auth.h"

#include "base/clock.h"
#include "support/http_app.h"

#include "support/folder.h"

enum { OWNER = 1000, OTHER = 1001, NEIGHBOUR = 1002 };
#define S 1000000000ull

static char path[96], alice[HTH_USER_KEY_TEXT], old[HTH_USER_KEY_TEXT];
static HthUsers *users;
static const char password[] = "correct horse";

static void add_user(const char *name, const char *tenant, HthRole role, uint32_t uid) {
    HthUser u = { .role = role, .uid = uid };
    HthErr err = { 0 };
    snprintf(u.name, sizeof u.name, "%s", name);
    snprintf(u.tenant, sizeof u.tenant, "%s", tenant);
    assert_ok(hth_users_add(users, &u, 1600000000, &err), err);
}

static void add_key(const char *name, const char *user, int64_t expires_s,
                    char key[HTH_USER_KEY_TEXT]) {
    HthUserKey k = { .expires_s = expires_s };
    HthErr err = { 0 };
    snprintf(k.name, sizeof k.name, "%s", name);
    snprintf(k.user, sizeof k.user, "%s", user);
    assert_ok(hth_users_add_key(users, &k, 1600000000, key, &err), err);
}

static int make_users(void **state) {
    HthErr err = { 0 };
    if (test_folder_make(state)) return -1;
    snprintf(path, sizeof path, "%s/users.db", test_folder);
    hth_clock_fake(1000 * S, 1700000000);
    const HthUsersCfg cfg = { .path = path, .cost = { .passes = 1, .memory_kib = 8 } };
    assert_ok(hth_users_open(&users, &cfg, &err), err);
    add_user("alice", "team", HTH_ROLE_USER, HTH_NO_UID);
    add_user("old", "", HTH_ROLE_ADMIN, HTH_NO_UID);
    add_user("neighbour", "", HTH_ROLE_USER, NEIGHBOUR);
    add_key("alice", "alice", 0, alice);
    add_key("old", "old", 1699999999, old);
    return 0;
}

static int remove_users(void **state) {
    hth_clock_fake(UINT64_MAX, 0);
    hth_users_close(&users);
    return test_folder_drop(state);
}

static HthAuth *open_auth(void) {
    const HthAuthCfg cfg = { .users = users, .owner_uid = OWNER };
    HthErr err = { 0 };
    HthAuth *a = NULL;
    assert_ok(hth_auth_open(&a, &cfg, &err), err);
    return a;
}

/* Who, and may he: the status of a refusal, or 200. */
static int may(HthAuth *a, const HthAuthAsk *ask, HthRouteId at, HthWho *who) {
    HthErr err = { 0 };
    int status = 0;
    uint32_t wait_s = 0;
    *who = (HthWho){ 0 };
    const HthStatus st = hth_auth_who(a, ask, who, &status, &wait_s, &err);
    const HthDeny no = hth_auth_decide(ask, who, at);
    if (no == HTH_ALLOW) return 200;
    return st != HTH_OK && no == HTH_DENY_NOBODY ? status : hth_deny_status(no);
}

static const HthPeer owner_peer = {
    .local = true, .uid_known = true, .uid = OWNER, .address = "127.0.0.1"
};
static const HthPeer other_peer = {
    .local = true, .uid_known = true, .uid = OTHER, .address = "127.0.0.1"
};
static const HthPeer neighbour_peer = {
    .local = true, .uid_known = true, .uid = NEIGHBOUR, .address = "127.0.0.1"
};
static const HthPeer root_peer = { .local = true, .uid_known = true, .uid = 0, .address = "unix" };
static const HthPeer unknown_peer = { .local = true, .address = "127.0.0.1" };
static const HthPeer far_peer = { .tls = true, .address = "192.0.2.7" };
static const HthPeer cert_peer = { .tls = true, .address = "192.0.2.8", .cert_name = "neighbour" };
static const HthPeer strange_cert_peer = { .tls = true,
                                           .address = "192.0.2.9",
                                           .cert_name = "nobody" };
static const HthPeer *const peers[] = { &owner_peer, &other_peer,       &neighbour_peer,
                                        &root_peer,  &unknown_peer,     &far_peer,
                                        &cert_peer,  &strange_cert_peer };

typedef enum Key { NO_KEY, GOOD_KEY, GOOD_X_KEY, WRONG_KEY, EXPIRED_KEY, TWO_KEYS, BASIC } Key;
typedef enum Cookie { NO_COOKIE, OWNERS_COOKIE, ALICES_COOKIE, WRONG_COOKIE } Cookie;
typedef enum Page { NO_PAGE, OWN_PAGE, OWN_FETCH, LISTED_PAGE, FOREIGN_FETCH } Page;

/* 200 or a refusal; *name: who. */
static int policy(const HthPeer *p, Key key, Cookie cookie, Page page, bool post, bool x_hearth,
                  const char **name) {
    const bool is_owner = p->uid_known && p->uid == OWNER;
    const bool has_cert = p == &cert_peer;
    const bool is_known = is_owner || (p->uid_known && p->uid == NEIGHBOUR);
    *name = "alice";
    if (key == TWO_KEYS) return 401;
    if (key == GOOD_KEY || key == GOOD_X_KEY) return 200;
    *name = is_owner ? "owner" : "neighbour";
    if (page == NO_PAGE && is_known) return 200;
    if (key == WRONG_KEY || key == EXPIRED_KEY) return 401;
    if (page == NO_PAGE && has_cert) return 200;
    /* alice's session was begun elsewhere, and is good everywhere */
    const bool session = cookie == ALICES_COOKIE || (cookie == OWNERS_COOKIE && is_owner);
    if (!session && !has_cert) return 401;
    if (page == LISTED_PAGE || page == FOREIGN_FETCH) return 403;
    if (session) *name = cookie == ALICES_COOKIE ? "alice" : "owner";
    return post && !x_hearth ? 403 : 200;
}

static void matrix(void **state) {
    (void)state;
    HthErr err = { 0 };
    int cases = 0, allowed = 0;
    char token[HTH_TOKEN_TEXT], cookies[4][HTH_TOKEN_TEXT] = { "", "", "", "wrong" };
    HthWho owner, by_key;
    HthAuth *a = open_auth();
    HthAuthAsk ask = { .peer = &owner_peer };
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &owner), 200);
    hth_auth_link(a, &owner, token);
    assert_ok(hth_auth_login(a, hth_str(token), &owner_peer, cookies[OWNERS_COOKIE], &err), err);
    ask = (HthAuthAsk){ .peer = &far_peer, .x_api_key = hth_str(alice) };
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &by_key), 200);
    hth_auth_link(a, &by_key, token);
    assert_ok(hth_auth_login(a, hth_str(token), &far_peer, cookies[ALICES_COOKIE], &err), err);
    char bearer[3][80];
    snprintf(bearer[0], sizeof bearer[0], "Bearer %s", alice);
    snprintf(bearer[1], sizeof bearer[1], "bearer hearth_wrong");
    snprintf(bearer[2], sizeof bearer[2], "Bearer %s", old);
    for (size_t i = 0; i < HTH_COUNT(peers) * 7 * 4 * 5 * 2 * 2; i++) {
        size_t r = i;
        const HthPeer *p = peers[r % HTH_COUNT(peers)];
        r /= HTH_COUNT(peers);
        const Key key = r % 7;
        const Cookie cookie = r / 7 % 4;
        const Page page = r / 28 % 5;
        const bool post = r / 140 % 2, x_hearth = r / 280 % 2;
        hth_clock_fake((2000 + 1000 * i) * S, 1700000000); /* no wait: each case long after */
        ask = (HthAuthAsk){ .peer = p,
                            .cookie = hth_str(cookies[cookie]),
                            .origin = page == OWN_PAGE      ? HTH_ORIGIN_SAME
                                      : page == LISTED_PAGE ? HTH_ORIGIN_LISTED
                                                            : HTH_ORIGIN_NONE,
                            .fetch = page == OWN_FETCH || page == FOREIGN_FETCH,
                            .fetch_foreign = page == FOREIGN_FETCH,
                            .x_hearth = x_hearth };
        if (key == GOOD_KEY || key == TWO_KEYS) ask.authorization = hth_str(bearer[0]);
        if (key == WRONG_KEY) ask.authorization = hth_str(bearer[1]);
        if (key == EXPIRED_KEY) ask.authorization = hth_str(bearer[2]);
        if (key == BASIC) ask.authorization = HTH_STR("Basic YTpi");
        if (key == GOOD_X_KEY) ask.x_api_key = hth_str(alice);
        if (key == TWO_KEYS) ask.x_api_key = HTH_STR("hearth_other");
        const char *name;
        HthWho who;
        const int want = policy(p, key, cookie, page, post, x_hearth, &name);
        const int got = may(a, &ask, post ? HTH_ROUTE_SHOW : HTH_ROUTE_TAGS, &who);
        if (got != want)
            fail_msg("peer %s/%u key %d cookie %d page %d post %d x %d: %d, wanted %d", p->address,
                     p->uid, key, cookie, page, post, x_hearth, got, want);
        if (got == 200) {
            assert_string_equal(who.name, !strcmp(name, "owner") ? owner.name : name);
            assert_int_equal(who.is_owner, !strcmp(name, "owner"));
            if (!strcmp(name, "alice")) assert_true(who.tenant == by_key.tenant);
        }
        cases++;
        allowed += got == 200;
    }
    assert_int_equal(cases, 4480);
    assert_in_range(allowed, 500, 3500);
    assert_string_equal(by_key.grant.user.tenant, "team");
    assert_true(by_key.user != by_key.tenant && by_key.user != owner.user);
    hth_auth_close(&a);
}

static void links_and_sessions(void **state) {
    (void)state;
    HthErr err = { 0 };
    char token[HTH_TOKEN_TEXT], cookie[HTH_TOKEN_TEXT], second[HTH_TOKEN_TEXT];
    HthWho owner, who;
    HthAuth *a = open_auth();
    HthAuthAsk ask = { .peer = &owner_peer };
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &owner), 200);
    /* Once; within five minutes; the owner's only for the owner; and burnt by a wrong try. */
    hth_auth_link(a, &owner, token);
    assert_int_equal(strlen(token), HTH_TOKEN_TEXT - 1);
    assert_ok(hth_auth_login(a, hth_str(token), &owner_peer, cookie, &err), err);
    assert_status(hth_auth_login(a, hth_str(token), &owner_peer, second, &err), HTH_EDENIED, err);
    hth_auth_link(a, &owner, token);
    hth_clock_fake(1000 * S, 1700000000 + 300);
    assert_status(hth_auth_login(a, hth_str(token), &owner_peer, second, &err), HTH_EDENIED, err);
    hth_auth_link(a, &owner, token);
    assert_status(hth_auth_login(a, hth_str(token), &other_peer, second, &err), HTH_EDENIED, err);
    assert_status(hth_auth_login(a, hth_str(token), &owner_peer, second, &err), HTH_EDENIED, err);
    assert_status(hth_auth_login(a, HTH_STR(""), &owner_peer, second, &err), HTH_EDENIED, err);
    for (int i = 0; i < 17; i++) { /* the first of seventeen made room */
        char next[HTH_TOKEN_TEXT];
        hth_clock_fake(1000 * S, 1700000400 + i);
        hth_auth_link(a, &owner, next);
        if (!i) memcpy(token, next, sizeof next);
    }
    assert_status(hth_auth_login(a, hth_str(token), &owner_peer, second, &err), HTH_EDENIED, err);
    /* The session lives while it is used, at most a month, and ends at logout. */
    const int64_t t0 = 1700000000;
    ask.origin = HTH_ORIGIN_SAME;
    ask.cookie = hth_str(cookie);
    for (int day = 6; day < 30; day += 6) {
        hth_clock_fake(1000 * S, t0 + day * 86400);
        assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), 200);
        assert_int_equal(who.by, HTH_BY_SESSION);
    }
    hth_clock_fake(1000 * S, t0 + 30 * 86400);
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), 401);
    for (int round = 0; round < 2; round++) {
        hth_auth_link(a, &owner, token);
        assert_ok(hth_auth_login(a, hth_str(token), &owner_peer, cookie, &err), err);
        assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), 200);
        if (round)
            hth_clock_fake(1000 * S, t0 + 38 * 86400); /* unused for a week */
        else
            hth_auth_logout(a, hth_str(cookie));
        assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), 401);
    }
    assert_string_equal(hth_auth_cookie_name(a, false), "hearth");
    assert_string_equal(hth_auth_cookie_name(a, true), "__Host-hearth");
    hth_auth_close(&a);
}

/* Who logs in again and again takes from his own sessions only. */
static void sessions_of_one(void **state) {
    (void)state;
    HthErr err = { 0 };
    char token[HTH_TOKEN_TEXT], cookie[HTH_TOKEN_TEXT], many[2][HTH_TOKEN_TEXT];
    HthWho owner, who;
    HthAuth *a = open_auth();
    HthAuthAsk ask = { .peer = &owner_peer };
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &owner), 200);
    hth_auth_link(a, &owner, token);
    assert_ok(hth_auth_login(a, hth_str(token), &owner_peer, cookie, &err), err);
    ask = (HthAuthAsk){ .peer = &far_peer, .x_api_key = hth_str(alice) };
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), 200);
    for (int i = 0; i < 600; i++) {
        hth_clock_fake(1000 * S, 1700000001 + i);
        hth_auth_link(a, &who, token);
        assert_ok(hth_auth_login(a, hth_str(token), &far_peer, many[i > 0], &err), err);
    }
    ask = (HthAuthAsk){ .peer = &owner_peer, .origin = HTH_ORIGIN_SAME, .cookie = hth_str(cookie) };
    assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), 200);
    assert_int_equal(who.by, HTH_BY_SESSION);
    for (int i = 0; i < 2; i++) {
        ask = (HthAuthAsk){ .peer = &far_peer,
                            .origin = HTH_ORIGIN_SAME,
                            .cookie = hth_str(many[i]) };
        assert_int_equal(may(a, &ask, HTH_ROUTE_TAGS, &who), i ? 200 : 401);
    }
    hth_auth_close(&a);
}

/* What is revoked, disabled, past its time or another role is so with the next request, also in
 * sessions that are open; also when another process did it. */
static void revoked(void **state) {
    (void)state;
    HthErr err = { 0 };
    char token[HTH_TOKEN_TEXT], cookie[HTH_TOKEN_TEXT], again[HTH_USER_KEY_TEXT];
    HthWho who;
    HthAuth *a = open_auth();
    HthUsers *other = NULL;
    const HthUsersCfg cfg = { .path = path };
    assert_ok(hth_users_open(&other, &cfg, &err), err);
    assert_int_equal(hth_auth_key_count(a), 1);
    HthAuthAsk by_key = { .peer = &far_peer, .x_api_key = hth_str(alice) };
    HthAuthAsk by_cookie = { .peer = &far_peer,
                             .origin = HTH_ORIGIN_SAME,
                             .cookie = hth_str(cookie) };
    for (int how = 0; how < 4; how++) {
        assert_int_equal(may(a, &by_key, HTH_ROUTE_TAGS, &who), 200);
        hth_auth_link(a, &who, token);
        assert_ok(hth_auth_login(a, hth_str(token), &far_peer, cookie, &err), err);
        by_cookie.cookie = hth_str(cookie);
        assert_int_equal(may(a, &by_cookie, HTH_ROUTE_TAGS, &who), 200);
        assert_int_equal(who.by, HTH_BY_SESSION);
        switch (how) {
        case 0: assert_ok(hth_users_revoke(other, HTH_STR("alice"), &err), err); break;
        case 1: assert_ok(hth_users_set_disabled(other, HTH_STR("alice"), true, &err), err); break;
        case 2:
            assert_ok(hth_users_set_role(other, HTH_STR("alice"), HTH_ROLE_AUDITOR, &err), err);
            break;
        default: hth_clock_fake(1000 * S, 1800000000); break;
        }
        assert_int_equal(may(a, &by_cookie, HTH_ROUTE_TAGS, &who), 401);
        assert_int_equal(may(a, &by_key, HTH_ROUTE_TAGS, &who), how == 2 ? 403 : 401);
        assert_int_equal(hth_auth_key_count(a), how == 2);
        assert_ok(hth_users_set_disabled(users, HTH_STR("alice"), false, &err), err);
        assert_ok(hth_users_set_role(users, HTH_STR("alice"), HTH_ROLE_USER, &err), err);
        if (how > 1) (void)!hth_users_revoke(users, HTH_STR("alice"), NULL);
        if (how != 1) add_key("alice", "alice", how == 2 ? 1750000000 : 0, again);
        if (how != 1) by_key.x_api_key = hth_str(again);
    }
    hth_users_close(&other);
    hth_auth_close(&a);
}

/* Wrong keys: five for nothing, then 1, 2, 4 ... 60 s; right ones wait as well; others do not. */
static void brakes(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthWho who;
    int status;
    uint32_t wait_s;
    HthAuth *a = open_auth();
    HthAuthAsk wrong = { .peer = &far_peer, .x_api_key = HTH_STR("hearth_no") };
    HthAuthAsk right = wrong;
    right.x_api_key = hth_str(alice);
    uint64_t now = 5000;
    static const uint32_t waits[] = { 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    for (size_t i = 0; i < HTH_COUNT(waits); i++) {
        hth_clock_fake(now * S, 1700000000);
        assert_status(hth_auth_who(a, &wrong, &who, &status, &wait_s, &err), HTH_EDENIED, err);
        assert_int_equal(status, 401);
        if (!waits[i]) continue;
        assert_status(hth_auth_who(a, &right, &who, &status, &wait_s, &err), HTH_EAGAIN, err);
        assert_int_equal(status, 429);
        assert_int_equal(wait_s, waits[i]);
        now += waits[i];
    }
    HthPeer elsewhere = far_peer;
    snprintf(elsewhere.address, sizeof elsewhere.address, "192.0.2.8");
    right.peer = &elsewhere;
    assert_ok(hth_auth_who(a, &right, &who, &status, &wait_s, &err), err);
    right.peer = &far_peer;
    hth_clock_fake(now * S, 1700000000);
    assert_ok(hth_auth_who(a, &right, &who, &status, &wait_s, &err), err); /* and forgotten */
    assert_status(hth_auth_who(a, &wrong, &who, &status, &wait_s, &err), HTH_EDENIED, err);
    assert_ok(hth_auth_who(a, &right, &who, &status, &wait_s, &err), err);
    /* Addresses of one IPv6 network share a brake; a thousand networks do not outgrow the table. */
    HthPeer six = { .address = "2001:db8:1:2::1" };
    wrong.peer = &six;
    for (int i = 0; i < 6; i++) {
        snprintf(six.address, sizeof six.address, "2001:db8:1:2:%x::1", i + 1);
        assert_status(hth_auth_who(a, &wrong, &who, &status, &wait_s, &err), HTH_EDENIED, err);
    }
    assert_status(hth_auth_who(a, &wrong, &who, &status, &wait_s, &err), HTH_EAGAIN, err);
    for (int i = 0; i < 1000; i++) {
        snprintf(six.address, sizeof six.address, "2001:db8:2:%x::1", i);
        assert_status(hth_auth_who(a, &wrong, &who, &status, &wait_s, &err), HTH_EDENIED, err);
    }
    hth_auth_close(&a);
}

static void listens(void **state) {
    static const struct {
        const char *host;
        bool tls;
        uint32_t keys;
        bool ok;
    } cases[] = {
        { "127.0.0.1", false, 0, true }, { "::1", false, 0, true },
        { "127.0.0.9", false, 0, true }, { "0.0.0.0", false, 0, false },
        { "0.0.0.0", true, 0, false },   { "0.0.0.0", false, 1, false },
        { "0.0.0.0", true, 1, true },    { "::", true, 1, true },
        { "::", false, 1, false },       { "192.0.2.1", false, 1, false },
        { "192.0.2.1", true, 1, true },  { "::ffff:127.0.0.1", false, 0, false },
    };
    (void)state;
    HthErr err = { 0 };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const HthListen l[] = { { .unix_path = "/x", .fd = -1 },
                                { .host = cases[i].host,
                                  .fd = -1,
                                  .cert_file = cases[i].tls ? "c" : NULL,
                                  .key_file = cases[i].tls ? "k" : NULL } };
        const HthStatus st = hth_auth_check_listens(l, 2, cases[i].keys, &err);
        if ((st == HTH_OK) != cases[i].ok || (st != HTH_OK && st != HTH_EDENIED))
            fail_msg("%s tls %d keys %u", cases[i].host, cases[i].tls, cases[i].keys);
    }
    /* Sockets that were handed over are looked at, not believed. */
    const struct sockaddr_in any = { .sin_family = AF_INET };
    struct sockaddr_in here = any;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        HthListen l = { .host = "127.0.0.1", .fd = socket(AF_INET, SOCK_STREAM, 0) };
        const struct sockaddr_in *at = i ? &any : &here;
        assert_int_equal(bind(l.fd, (const struct sockaddr *)at, sizeof *at), 0);
        assert_int_equal(hth_auth_check_listens(&l, 1, 1, &err) == HTH_OK, !i);
        close(l.fd);
    }
}

/* Through the server: this process is the owner without a page, and nobody with one. */
static HthAuth *g_auth;

static void ask_handler(void *payload, HthX *x) {
    HthErr err = { 0 };
    HthWho who;
    int status = 0;
    (void)payload;
    if (hth_str_eq(hth_x_path(x), HTH_STR("/login"))) {
        hth_auth_answer_login(g_auth, x);
    } else if (hth_str_eq(hth_x_path(x), HTH_STR("/enter"))) {
        if (hth_auth_enter(g_auth, x, HTH_STR("alice"), hth_x_body(x), &status, &err) == HTH_OK)
            hth_x_reply(x, 200, "text/plain", HTH_STR("in\n"));
        else
            hth_x_reply(x, status, "text/plain", hth_str(err.text));
    } else if (hth_auth_ask(g_auth, x, HTH_ROUTE_SHOW, &who, &status, &err) != HTH_OK) {
        hth_x_reply(x, status, "text/plain", hth_str(err.text));
    } else if (hth_str_eq(hth_x_path(x), HTH_STR("/link"))) {
        char token[HTH_TOKEN_TEXT];
        hth_auth_link(g_auth, &who, token);
        hth_x_reply(x, 200, "text/plain", hth_str(token));
    } else {
        hth_x_reply(x, 200, "text/plain", hth_str(who.name));
    }
}

static int enter(int fd, HthBuf *in, const char *word) {
    char request[256];
    hth_buf_clear(in);
    snprintf(request, sizeof request,
             "POST /enter HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(word), word);
    assert_true(client_say(fd, request));
    client_until(fd, in, "\r\n\r\n");
    return client_status(in);
}

/* Name and password: a cookie; wrong ones wait. */
static void password_through(App *app, int fd, HthBuf *in, HthBuf *body) {
    char request[1024];
    HthErr err = { 0 };
    assert_ok(hth_users_set_password(users, HTH_STR("alice"), hth_str(password), &err), err);
    assert_int_equal(enter(fd, in, password), 200);
    client_until(fd, in, "in\n");
    const size_t at = hth_str_find(hth_buf_str(in), HTH_STR("Set-Cookie: "));
    assert_int_not_equal(at, SIZE_MAX);
    const HthStr line = hth_str_sub(hth_buf_str(in), at + 12, 50);
    snprintf(request, sizeof request,
             "GET /x HTTP/1.1\r\nHost: localhost:%u\r\nSec-Fetch-Site: same-origin\r\nCookie: "
             "%.*s\r\n\r\n",
             app->port, (int)line.n, line.p);
    hth_buf_clear(in);
    assert_true(client_say(fd, request));
    assert_int_equal(client_answer(fd, in, body), 403); /* a page that changes something: POST */
    for (int i = 0; i < 6; i++) {
        assert_int_equal(enter(fd, in, "incorrect"), 401);
        client_until(fd, in, "wrong.");
    }
    assert_int_equal(enter(fd, in, password), 429);
    client_until(fd, in, " s.");
    assert_int_not_equal(hth_str_find(hth_buf_str(in), HTH_STR("Retry-After: 1\r\n")), SIZE_MAX);
    hth_buf_clear(in);
}

static void through_the_server(void **state) {
    const HthAuthCfg auth = { .users = users, .owner_uid = geteuid() };
    const HthHttpCfg cfg = { .handle = ask_handler };
    (void)state;
    HthErr err = { 0 };
    App app;
    HthBuf in, body;
    char request[1024], cookie[128], origin[64];
    hth_clock_fake(UINT64_MAX, 0);
    hth_buf_init(&in, 1 << 16);
    hth_buf_init(&body, 1 << 16);
    assert_ok(hth_auth_open(&g_auth, &auth, &err), err);
    app_open(&app, &cfg);
    const int fd = client_tcp(app.port);
    assert_true(client_say(fd, "GET /link HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    snprintf(origin, sizeof origin, "http://localhost:%u", app.port);
    snprintf(request, sizeof request, "GET /x HTTP/1.1\r\nHost: localhost:%u\r\nOrigin: %s\r\n\r\n",
             app.port, origin);
    assert_int_equal(client_once(app.port, request, &in), 401);
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("WWW-Authenticate: Bearer\r\n")),
                         SIZE_MAX);
    hth_buf_clear(&in);
    snprintf(request, sizeof request,
             "GET /login?t=%s HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n\r\n", body.p);
    assert_true(client_say(fd, request));
    client_until(fd, &in, "Logged in.\n");
    assert_int_equal(client_status(&in), 303);
    const size_t at = hth_str_find(hth_buf_str(&in), HTH_STR("Set-Cookie: "));
    assert_int_not_equal(at, SIZE_MAX);
    const HthStr line = hth_str_sub(hth_buf_str(&in), at + 12, 51);
    snprintf(cookie, sizeof cookie, "%.*s", (int)line.n - 1, line.p);
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("; HttpOnly; SameSite=Strict; ")),
                         SIZE_MAX);
    hth_buf_clear(&in);
    assert_true(client_say(fd, request)); /* the link is burnt */
    assert_int_equal(client_answer(fd, &in, &body), 403);
    for (int x_hearth = 0; x_hearth < 2; x_hearth++) {
        snprintf(request, sizeof request,
                 "POST /x HTTP/1.1\r\nHost: localhost:%u\r\nOrigin: %s\r\nCookie: a=b; %s\r\n"
                 "%sContent-Length: 0\r\n\r\n",
                 app.port, origin, cookie, x_hearth ? "X-Hearth: 1\r\n" : "");
        assert_true(client_say(fd, request));
        assert_int_equal(client_answer(fd, &in, &body), x_hearth ? 200 : 403);
    }
    /* Who logs in again ends the session that his browser had. */
    assert_true(client_say(fd, "GET /link HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    snprintf(request, sizeof request,
             "GET /login?t=%s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\n\r\n", body.p, cookie);
    assert_true(client_say(fd, request));
    assert_int_equal(client_answer(fd, &in, &body), 303);
    snprintf(request, sizeof request,
             "POST /x HTTP/1.1\r\nHost: localhost:%u\r\nOrigin: %s\r\nCookie: %s\r\n"
             "X-Hearth: 1\r\nContent-Length: 0\r\n\r\n",
             app.port, origin, cookie);
    assert_true(client_say(fd, request));
    assert_int_equal(client_answer(fd, &in, &body), 401);
    password_through(&app, fd, &in, &body);
    close(fd);
    app_close(&app);
    hth_auth_close(&g_auth);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
}

static HthStatus open_once(void *ctx) {
    const HthAuthCfg cfg = { .users = users, .owner_uid = OWNER };
    const HthAuthAsk by_key = { .peer = &far_peer, .x_api_key = hth_str(alice) };
    HthAuth *a = NULL;
    HthWho who;
    int status;
    uint32_t wait_s;
    (void)ctx;
    HthStatus st = hth_auth_open(&a, &cfg, NULL);
    if (st == HTH_OK) st = hth_auth_who(a, &by_key, &who, &status, &wait_s, NULL);
    hth_auth_close(&a);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    assert_int_equal(open_once(NULL), HTH_OK);
    assert_in_range(test_torture(open_once, NULL, 1000), 1, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(matrix, make_users, remove_users),
        cmocka_unit_test_setup_teardown(links_and_sessions, make_users, remove_users),
        cmocka_unit_test_setup_teardown(sessions_of_one, make_users, remove_users),
        cmocka_unit_test_setup_teardown(revoked, make_users, remove_users),
        cmocka_unit_test_setup_teardown(brakes, make_users, remove_users),
        cmocka_unit_test(listens),
        cmocka_unit_test_setup_teardown(through_the_server, make_users, remove_users),
        cmocka_unit_test_setup_teardown(without_memory, make_users, remove_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
