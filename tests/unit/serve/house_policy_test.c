/* house_policy_test.c - the running server against the policy: every route, asked by everybody with
 * every kind of credential, Host and Origin, over HTTP.
 *
 * Two servers with one file of users: this process is the owner of the first, and a stranger, or a
 * user by his uid, at the second.  What a request should come to is the policy's word on what was
 * sent; whatever is refused says why in the policy's words. */
#include "base/clock.h"
#include "serve/house.h"
#include "support/http_client.h"

#include "support/folder.h" /* after test.h */

#define LISTED   "https://app.example"
#define PASSWORD "correct horse"

/* ---- two servers ----------------------------------------------------------------------------- */

typedef struct Server {
    HthAuth *auth;
    HthHouse *house;
    HthHttp *http;
    uint16_t port;
    int fd; /* of the connection that is kept; -1: none */
    bool is_ours; /* this process is its owner */
} Server;

static HthUsers *users;
static HthStore *store;
static Server servers[2];

static HthHttpStats http_stats(void *http) {
    return hth_http_stats(http);
}

static void open_server(Server *s, bool is_ours) {
    static const char *const origins[] = { LISTED }, *const uploads[] = { "/api/blobs/" };
    HthErr err = { 0 };
    const HthAuthCfg auth = { .users = users, .owner_uid = geteuid() + !is_ours };
    assert_ok(hth_auth_open(&s->auth, &auth, &err), err);
    const HthHouseCfg house = { .store = store, .auth = s->auth, .web = true };
    assert_ok(hth_house_open(&s->house, &house, &err), err);
    const HthListen listens[] = { { .host = "127.0.0.1", .fd = -1 } };
    const HthHttpCfg http = { .listens = listens,
                              .listen_count = 1,
                              .origins = origins,
                              .origin_count = 1,
                              .uploads = uploads,
                              .upload_count = 1,
                              .handle = hth_house_handle,
                              .upload = hth_house_upload,
                              .refusal = hth_house_refusal,
                              .payload = s->house };
    assert_ok(hth_http_open(&s->http, &http, &err), err);
    hth_house_serve(s->house, http_stats, s->http);
    s->port = hth_http_port(s->http, 0);
    s->fd = -1;
    s->is_ours = is_ours;
}

static void close_server(Server *s) {
    if (s->fd >= 0) close(s->fd);
    hth_http_close(&s->http);
    hth_house_close(&s->house);
    hth_auth_close(&s->auth);
}

/* One request on a connection that is kept where the server keeps it. */
static int ask(Server *s, const char *request, HthBuf *in) {
    if (s->fd < 0) s->fd = client_tcp(s->port);
    hth_buf_clear(in);
    assert_true(client_say(s->fd, request));
    client_until(s->fd, in, "\r\n\r\n");
    const HthStr head = hth_buf_str(in);
    const size_t body = hth_str_find(head, HTH_STR("\r\n\r\n")) + 4;
    const size_t at = hth_str_find(head, HTH_STR("Content-Length: "));
    const bool ends = hth_str_find(head, HTH_STR("Connection: close")) != SIZE_MAX;
    const size_t n = at < body ? strtoul(in->p + at + 16, NULL, 10) : 0;
    while (in->n < body + n)
        if (client_recv(s->fd, in, DEADLINE_MS) <= 0) fail_msg("the body ends early: %s", request);
    if (ends) {
        close(s->fd);
        s->fd = -1;
    }
    return client_status(in);
}

/* ---- everybody there is ---------------------------------------------------------------------- */

typedef enum Form {
    NOTHING,
    OWNER,
    OWNER_WRONG_KEY, /* clients of other servers insist on some key */
    WRONG,
    EXPIRED,
    REVOKED,
    DISABLED,
    DISABLED_COOKIE,
    NO_ROLE, /* above: once; below: for every role */
    BY_UID = NO_ROLE,
    BY_KEY,
    BY_X_KEY,
    BY_LINK,
    BY_PASSWORD,
    NARROW_KEY, /* good for one verb */
    FORMS
} Form;

typedef struct Person {
    HthRole role;
    char key[HTH_USER_KEY_TEXT], narrow[HTH_USER_KEY_TEXT];
    char link[HTH_TOKEN_TEXT], password[HTH_TOKEN_TEXT]; /* cookies */
} Person;

static Person people[HTH_ROLE_COUNT];
static char expired[HTH_USER_KEY_TEXT], revoked[HTH_USER_KEY_TEXT], disabled[HTH_USER_KEY_TEXT],
    disabled_cookie[HTH_TOKEN_TEXT];
static const HthPeer here = { .local = true, .uid_known = true, .address = "127.0.0.1" };

static HthPeer me(void) {
    HthPeer p = here;
    p.uid = geteuid();
    return p;
}

static void add_user(const char *name, HthRole role, uint32_t uid) {
    HthErr err = { 0 };
    HthUser u = { .role = role, .uid = uid };
    snprintf(u.name, sizeof u.name, "%s", name);
    assert_ok(hth_users_add(users, &u, 1600000000, &err), err);
}

static void add_key(const char *name, const char *user, int64_t expires_s, uint32_t verbs,
                    char key[HTH_USER_KEY_TEXT]) {
    HthErr err = { 0 };
    HthUserKey k = { .scope.verbs = verbs, .expires_s = expires_s };
    snprintf(k.name, sizeof k.name, "%s", name);
    snprintf(k.user, sizeof k.user, "%s", user);
    assert_ok(hth_users_add_key(users, &k, 1600000000, key, &err), err);
}

static HthWho who_of(Server *s, const char *key) {
    const HthPeer peer = me();
    const HthAuthAsk a = { .peer = &peer, .x_api_key = hth_str(key), .fetch = true };
    HthErr err = { 0 };
    HthWho who;
    int status;
    uint32_t wait_s;
    assert_ok(hth_auth_who(s->auth, &a, &who, &status, &wait_s, &err), err);
    return who;
}

static void by_link(Server *s, const char *key, char cookie[HTH_TOKEN_TEXT]) {
    const HthPeer peer = me();
    char token[HTH_TOKEN_TEXT];
    HthErr err = { 0 };
    const HthWho who = who_of(s, key);
    hth_auth_link(s->auth, &who, token);
    assert_ok(hth_auth_login(s->auth, hth_str(token), &peer, cookie, &err), err);
}

static void by_password(Server *s, const char *name, char cookie[HTH_TOKEN_TEXT], HthBuf *in) {
    char body[128], request[512];
    snprintf(body, sizeof body, "{\"name\": \"%s\", \"password\": \"" PASSWORD "\"}", name);
    snprintf(request, sizeof request,
             "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    assert_int_equal(ask(s, request, in), 200);
    const size_t at = hth_str_find(hth_buf_str(in), HTH_STR("Set-Cookie: hearth="));
    assert_int_not_equal(at, SIZE_MAX);
    memcpy(cookie, in->p + at + 19, HTH_TOKEN_TEXT - 1);
    cookie[HTH_TOKEN_TEXT - 1] = 0;
}

static void make_people(HthBuf *in) {
    HthErr err = { 0 };
    char name[64];
    add_user("here", HTH_ROLE_USER, geteuid());
    for (int r = 0; r < HTH_ROLE_COUNT; r++) {
        Person *p = &people[r];
        p->role = (HthRole)r;
        const char *user = hth_role_name(p->role);
        add_user(user, p->role, HTH_NO_UID);
        add_key(user, user, 0, 0, p->key);
        snprintf(name, sizeof name, "%s.narrow", user);
        add_key(name, user, 0, HTH_MAY_MODELS, p->narrow);
        by_link(&servers[1], p->key, p->link);
        if (r == HTH_ROLE_SERVICE) continue; /* has no password */
        assert_ok(hth_users_set_password(users, hth_str(user), HTH_STR(PASSWORD), &err), err);
        by_link(&servers[1], p->key, p->link); /* another password ends sessions */
        by_password(&servers[1], user, p->password, in);
    }
    add_user("gone", HTH_ROLE_ADMIN, HTH_NO_UID);
    add_key("expired", "admin", 1600000001, 0, expired);
    add_key("revoked", "admin", 0, 0, revoked);
    assert_ok(hth_users_revoke(users, HTH_STR("revoked"), &err), err);
    add_key("disabled", "gone", 0, 0, disabled);
    by_link(&servers[1], disabled, disabled_cookie);
    assert_ok(hth_users_set_disabled(users, HTH_STR("gone"), true, &err), err);
}

/* Only while he is asked for is this process a user. */
static void let_in(bool in, HthRole role) {
    HthErr err = { 0 };
    assert_ok(hth_users_set_role(users, HTH_STR("here"), role, &err), err);
    assert_ok(hth_users_set_disabled(users, HTH_STR("here"), !in, &err), err);
}

/* ---- what is sent, and what it should come to ------------------------------------------------ */

typedef struct Origin {
    const char *header; /* %u: the port */
    HthOriginIs is;
    bool x_hearth, fetch, fetch_foreign;
} Origin;
static const Origin origins[] = {
    { "", .is = HTH_ORIGIN_NONE },
    { "X-Hearth: 1\r\n", .is = HTH_ORIGIN_NONE, .x_hearth = true },
    { "Origin: http://localhost:%u\r\n", .is = HTH_ORIGIN_SAME },
    { "Origin: http://localhost:%u\r\nX-Hearth: 1\r\n", .is = HTH_ORIGIN_SAME, .x_hearth = true },
    { "Sec-Fetch-Site: same-origin\r\n", .fetch = true },
    { "Sec-Fetch-Site: cross-site\r\nX-Hearth: 1\r\n", .fetch = true, .fetch_foreign = true,
      .x_hearth = true },
    { "Origin: " LISTED "\r\nX-Hearth: 1\r\n", .is = HTH_ORIGIN_LISTED, .x_hearth = true },
    { "Origin: http://evil.example\r\nX-Hearth: 1\r\n", .is = HTH_ORIGIN_FOREIGN,
      .x_hearth = true },
    { "Origin: null\r\n", .is = HTH_ORIGIN_FOREIGN },
};
static const struct {
    const char *header;
    HthHostIs is;
} hosts[] = {
    { "Host: localhost:%u\r\n", HTH_HOST_OURS },
    { "", HTH_HOST_MISSING },
    { "Host: evil.example\r\n", HTH_HOST_FOREIGN },
    { "Host: localhost.evil.example:%u\r\n", HTH_HOST_FOREIGN }, /* a name that is bound anew */
};

typedef struct Case {
    Server *server;
    HthRouteId at;
    Form form;
    const Person *person; /* NULL: nobody in particular */
    size_t host, origin;
} Case;

static HthPolicyAsk meant(const Case *c) {
    const Origin *o = &origins[c->origin];
    HthPolicyAsk a = { .at = c->at,
                       .host = hosts[c->host].is,
                       .origin = o->is,
                       .fetch = o->fetch,
                       .fetch_foreign = o->fetch_foreign,
                       .x_hearth = o->x_hearth,
                       .local = true,
                       .verbs = HTH_MAY_ALL,
                       .role = c->person ? c->person->role : HTH_ROLE_ADMIN };
    const bool page = o->is != HTH_ORIGIN_NONE || o->fetch;
    switch (c->form) {
    case OWNER:
    case BY_UID: a.by = HTH_BY_PEER; break;
    case OWNER_WRONG_KEY: a.by = page ? HTH_BY_NOTHING : HTH_BY_PEER; break;
    case BY_KEY:
    case BY_X_KEY: a.by = HTH_BY_KEY; break;
    case NARROW_KEY:
        a.by = HTH_BY_KEY;
        a.verbs = HTH_MAY_MODELS;
        break;
    case BY_LINK:
    case BY_PASSWORD: a.by = HTH_BY_SESSION; break;
    default: break;
    }
    return a;
}

static void put_credential(const Case *c, char out[256]) {
    const Person *p = c->person;
    const struct {
        const char *header, *value;
    } rows[FORMS] = {
        [OWNER_WRONG_KEY] = { "Authorization: Bearer ", "none" },
        [WRONG] = { "Authorization: Bearer ",
                    "hearth_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
        [EXPIRED] = { "x-api-key: ", expired },
        [REVOKED] = { "Authorization: Bearer ", revoked },
        [DISABLED] = { "Authorization: Bearer ", disabled },
        [DISABLED_COOKIE] = { "Cookie: hearth=", disabled_cookie },
        [BY_KEY] = { "Authorization: Bearer ", p ? p->key : "" },
        [BY_X_KEY] = { "x-api-key: ", p ? p->key : "" },
        [BY_LINK] = { "Cookie: hearth=", p ? p->link : "" },
        [BY_PASSWORD] = { "Cookie: a=b; hearth=", p ? p->password : "" },
        [NARROW_KEY] = { "x-api-key: ", p ? p->narrow : "" },
    };
    out[0] = 0;
    if (rows[c->form].header)
        snprintf(out, 256, "%s%s\r\n", rows[c->form].header, rows[c->form].value);
}

/* Where the path is one of many; nothing that would start a model, or a body that is none. */
static void put_path(const Case *c, char out[256]) {
    char token[HTH_TOKEN_TEXT];
    const char *path = hth_policy[c->at].path;
    const int n = (int)strcspn(path, "*");
    snprintf(out, 256, "%.*s%s", n, path, path[n] ? "nothing" : "");
    if (c->at != HTH_ROUTE_LOGIN) return;
    const HthWho who = who_of(c->server, people[0].key); /* a link that is good */
    hth_auth_link(c->server->auth, &who, token);
    snprintf(out, 256, "/login?t=%s", token);
}

static uint32_t cases, allowed;

static void one(const Case *c, HthBuf *in) {
    static const char enter[] = "{\"name\": \"user\", \"password\": \"" PASSWORD "\"}";
    char host[128], origin[128], credential[256], path[256], request[2048];
    const unsigned port = c->server->port;
    const HthPolicyRow *row = &hth_policy[c->at];
    const char *body = !strcmp(row->method, "GET") ? "" : c->at == HTH_ROUTE_ENTER ? enter : "{";
    snprintf(host, sizeof host, hosts[c->host].header, port);
    snprintf(origin, sizeof origin, origins[c->origin].header, port);
    put_credential(c, credential);
    put_path(c, path);
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
             row->method, path, host, origin, credential, strlen(body), body);
    const int got = ask(c->server, request, in);
    const HthPolicyAsk a = meant(c);
    const HthDeny want = hth_policy_decide(&a);
    const char *says = hth_deny_sentence(want);
    bool fine = want == HTH_ALLOW ? got != 401 && got != 403 && got != 429 && got < 500
                                  : got == hth_deny_status(want);
    const bool own_words = want == HTH_DENY_NOBODY || /* of what is wrong with the key */
                           want == HTH_DENY_HOST_MISSING; /* the HTTP library's */
    if (fine && want != HTH_ALLOW && !own_words)
        fine = hth_str_find(hth_buf_str(in), hth_str(says)) != SIZE_MAX;
    if (!fine)
        fail_msg("wanted %s (%d), got %d:\n%s\n%.600s", says, hth_deny_status(want), got, request,
                 in->p);
    cases++;
    allowed += want == HTH_ALLOW;
    if (c->form >= OWNER_WRONG_KEY && c->form <= DISABLED)
        (void)who_of(c->server, people[0].key); /* nobody has to wait: that is another test */
}

static void all_origins(Case c, HthBuf *in) {
    /* Those that differ from others in their key only: from nowhere, and from our own page. */
    const bool brief = (c.form >= WRONG && c.form <= DISABLED) || c.form == BY_X_KEY;
    for (c.origin = 0; c.origin < HTH_COUNT(origins); c.origin += brief ? 3 : 1)
        if (!brief || origins[c.origin].is <= HTH_ORIGIN_SAME) one(&c, in);
    for (c.host = 1; c.host < HTH_COUNT(hosts) && (c.form == BY_KEY || c.form == OWNER); c.host++)
        for (c.origin = 0; c.origin < HTH_COUNT(origins); c.origin += 3) one(&c, in);
}

static bool is_open(HthRouteId at) { /* asked last: they begin and end sessions */
    return at == HTH_ROUTE_LOGIN || at == HTH_ROUTE_ENTER || at == HTH_ROUTE_LOGOUT;
}

static void all_routes(Case c, HthBuf *in) {
    for (int last = 0; last < 2; last++)
        for (int at = 1; at < HTH_ROUTE_COUNT; at++) {
            c.at = (HthRouteId)at;
            if (is_open(c.at) != last) continue;
            all_origins(c, in);
        }
}

static void the_matrix(void **state) {
    (void)state;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    make_people(&in);
    let_in(false, HTH_ROLE_USER);
    for (int form = 0; form < NO_ROLE; form++) {
        const bool ours = form == OWNER || form == OWNER_WRONG_KEY;
        all_routes((Case){ .server = &servers[!ours], .form = (Form)form }, &in);
    }
    for (int r = 0; r < HTH_ROLE_COUNT; r++)
        for (int form = NO_ROLE; form < FORMS; form++) {
            if (form == BY_PASSWORD && r == HTH_ROLE_SERVICE) continue;
            let_in(form == BY_UID, (HthRole)r);
            by_link(&servers[1], people[r].key, people[r].link); /* others came in meanwhile */
            if (form == BY_PASSWORD)
                by_password(&servers[1], hth_role_name((HthRole)r), people[r].password, &in);
            all_routes((Case){ .server = &servers[1], .form = (Form)form, .person = &people[r] },
                       &in);
        }
    print_message("%u requests, %u allowed\n", cases, allowed);
    assert_true(cases > 5000 && allowed > 2000 && cases - allowed > 2000);
    hth_buf_drop(&in);
}

/* ---- the test -------------------------------------------------------------------------------- */

static int open_all(void **state) {
    HthErr err = { 0 };
    if (test_folder_make(state)) return -1;
    const HthUsersCfg cfg = { .path = test_path("users.db"),
                              .cost = { .passes = 1, .memory_kib = 8 } };
    assert_ok(hth_users_open(&users, &cfg, &err), err);
    const HthStoreCfg models = { .home = test_path("models") };
    assert_ok(hth_store_open(&store, &models, &err), err);
    for (int i = 0; i < 2; i++) open_server(&servers[i], i == 0);
    return 0;
}

static int close_all(void **state) {
    for (int i = 0; i < 2; i++) close_server(&servers[i]);
    hth_store_close(&store);
    hth_users_close(&users);
    return test_folder_drop(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_matrix, open_all, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
