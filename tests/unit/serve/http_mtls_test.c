/* http_mtls_test.c - clients that show certificates: which are taken, how the others are refused,
 * what becomes of connections whose certificate is revoked or expires. */
#include "support/http_app.h"
#include "support/tls.h"

#include "base/clock.h"
#include "crypt/ca.h"
#include "support/folder.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
enum { DAY = 86400, DEAD = -1 };

static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                        "NORMAL:-VERS-ALL:+VERS-TLS1.3" };

static void issue_at(const char *ca, const char *name, const char *host, int64_t at) {
    HthErr err = { 0 };
    const HthCaIssue want = { .kind = host ? HTH_CA_SERVER : HTH_CA_CLIENT,
                              .name = hth_str(name),
                              .hosts = host ? &host : NULL,
                              .host_count = host != NULL,
                              .days = 1,
                              .now_s = at };
    assert_ok(hth_ca_issue(test_path(ca), &want, &err), err);
}

static void take_back(const char *name) {
    HthErr err = { 0 };
    assert_ok(hth_ca_revoke(test_path("ca"), hth_str(name), hth_clock_unix_s(), &err), err);
}

/* Two authorities that are called the same. */
static int make_authorities(void **state) {
    HthErr err = { 0 };
    const int64_t now = hth_clock_unix_s();
    if (test_folder_make(state)) return -1;
    for (int i = 0; i < 2; i++) {
        const char *ca = i ? "other" : "ca";
        assert_ok(hth_ca_init(test_path(ca), HTH_STR("Box"), NULL, 0, now, &err), err);
        issue_at(ca, "server", "localhost", now);
        issue_at(ca, "alice", NULL, now);
        issue_at(ca, "bob", NULL, now);
    }
    return 0;
}

static char paths[8][320];
static const char *path(int at, const char *ca, const char *name, const char *end) {
    char file[96];
    snprintf(file, sizeof file, "%s/%s.%s", ca, name, end);
    snprintf(paths[at], sizeof paths[at], "%s", test_path(file));
    return paths[at];
}

static void open_app(App *app, bool only) {
    char ca[256];
    snprintf(ca, sizeof ca, "%s", test_path("ca"));
    const HthListen l = { .host = "127.0.0.1",
                          .fd = -1,
                          .cert_file = path(0, "ca", "server", "crt"),
                          .key_file = path(1, "ca", "server", "key"),
                          .client_ca = ca,
                          .client_ca_only = only };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1 };
    app_open(app, &cfg);
}

/* 0, or the library's error. name NULL: without a certificate. */
static int connect_as(Tls *t, const App *app, int version, const char *ca, const char *name,
                      const gnutls_datum_t *before) {
    return tls_connect_as(t, app->port, path(2, "ca", "ca", "crt"), versions[version],
                          name ? path(3, ca, name, "crt") : NULL,
                          name ? path(4, ca, name, "key") : NULL, before);
}

/* Asks over it. 0: answered, *in is the answer; DEAD: closed without a word; else the alert. */
static int ask(Tls *t, HthBuf *in) {
    char bytes[16384];
    ssize_t n = gnutls_record_send(t->session, GET("/cert"), strlen(GET("/cert")));
    hth_buf_clear(in);
    while (n > 0 || n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
        n = gnutls_record_recv(t->session, bytes, sizeof bytes);
        if (n > 0) assert_int_equal(hth_buf_add(in, bytes, (size_t)n, NULL), HTH_OK);
        if (in->n && in->p[in->n - 1] == '.') return 0; /* the last of /cert */
        if (client_status(in) == 403) return 0;
    }
    return n == GNUTLS_E_FATAL_ALERT_RECEIVED ? (int)gnutls_alert_get(t->session) : DEAD;
}

static int once(HthBuf *in, const App *app, int version, const char *ca, const char *name) {
    Tls t;
    const int e = connect_as(&t, app, version, ca, name, NULL);
    int r = DEAD;
    if (!e) r = ask(&t, in);
    if (e == GNUTLS_E_FATAL_ALERT_RECEIVED) r = (int)gnutls_alert_get(t.session);
    tls_close(&t);
    return r;
}

static bool says(const HthBuf *in, const char *text) {
    return hth_str_find(hth_buf_str(in), hth_str(text)) != SIZE_MAX;
}

static void who_is_taken(void **state) {
    static const struct {
        const char *ca, *name;
        int alert, alert_only; /* 0: taken */
        const char *says;
    } cases[] = {
        { "ca", "alice", 0, 0, "cert=alice serial=" },
        { "ca", NULL, 0, GNUTLS_A_CERTIFICATE_REQUIRED, "cert= serial=." },
        { "ca", "bob", GNUTLS_A_CERTIFICATE_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, NULL },
        { "other", "alice", GNUTLS_A_UNKNOWN_CA, GNUTLS_A_UNKNOWN_CA, NULL },
        { "other", "self", GNUTLS_A_UNKNOWN_CA, GNUTLS_A_UNKNOWN_CA, NULL },
        { "ca", "server", GNUTLS_A_UNSUPPORTED_CERTIFICATE, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
          NULL },
        { "ca", "old", GNUTLS_A_CERTIFICATE_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, NULL },
    };
    (void)state;
    HthBuf in;
    HthCaEntry *all = NULL;
    HthErr err = { 0 };
    uint32_t count = 0, taken = 0;
    const int64_t soon = hth_clock_unix_s() + 2;
    hth_buf_init(&in, 1 << 20);
    take_back("bob");
    issue_at("ca", "old", NULL, soon - DAY);
    tls_make_cert(path(5, "other", "self", "crt"), path(6, "other", "self", "key"));
    assert_ok(hth_ca_list(test_path("ca"), &all, &count, &err), err);
    while (hth_clock_unix_s() <= soon + 1) app_sleep_ms(20); /* time(2) may lag */
    for (int only = 0; only < 2; only++) {
        App app;
        open_app(&app, only);
        for (size_t i = 0; i < 2 * HTH_COUNT(cases); i++) {
            const int version = i % 2;
            const size_t c = i / 2;
            int want = only ? cases[c].alert_only : cases[c].alert;
            if (want == GNUTLS_A_CERTIFICATE_REQUIRED && !version)
                want = GNUTLS_A_HANDSHAKE_FAILURE; /* TLS 1.2 does not know the other */
            const int got = once(&in, &app, version, cases[c].ca, cases[c].name);
            if (got != want)
                fail_msg("case %zu, TLS 1.%d, only %d: alert %d, wanted %d", c, version + 2, only,
                         got, want);
            if (want) continue;
            taken++;
            if (!says(&in, cases[c].says)) fail_msg("case %zu: %s", c, in.p);
            if (cases[c].name && !says(&in, all[1].serial)) fail_msg("not alice's: %s", in.p);
        }
        app_close(&app);
        assert_int_equal(app.handled, taken);
        taken = 0;
    }
    hth_free(all);
    hth_buf_drop(&in);
}

/* Revoked: at the next reload, on connections that are open and in streams too. */
static void revoked(void **state) {
    (void)state;
    App app;
    HthBuf in;
    HthErr err = { 0 };
    Tls alice, bob, stream, nobody;
    hth_buf_init(&in, 1 << 20);
    open_app(&app, false);
    assert_int_equal(connect_as(&alice, &app, 1, "ca", "alice", NULL), 0);
    assert_int_equal(connect_as(&bob, &app, 1, "ca", "bob", NULL), 0);
    assert_int_equal(connect_as(&stream, &app, 0, "ca", "bob", NULL), 0);
    assert_int_equal(connect_as(&nobody, &app, 1, "ca", NULL, NULL), 0);
    assert_int_equal(ask(&alice, &in) | ask(&bob, &in) | ask(&nobody, &in), 0);
    tls_say(&stream, GET("/silent"));
    app_wait(&app.opened, 1);
    take_back("bob");
    assert_int_equal(ask(&bob, &in), 0); /* not read yet */
    assert_ok(hth_http_reload(app.http, &err), err);
    const int handled = app.handled;
    if (ask(&bob, &in) == 0) assert_int_equal(client_status(&in), 403);
    app_wait(&app.gone, 1); /* the stream was cut */
    for (int i = 0; i < 2; i++)
        assert_int_equal(once(&in, &app, i, "ca", "bob"), GNUTLS_A_CERTIFICATE_REVOKED);
    assert_int_equal(app.handled, handled);
    assert_int_equal(ask(&alice, &in), 0);
    assert_true(says(&in, "cert=alice "));
    assert_int_equal(ask(&nobody, &in), 0);
    /* What was revoked cannot be read: nobody's certificate is good until it can. */
    HthBuf crl;
    test_load(&crl, test_path("ca/crl.pem"));
    test_put("ca/crl.pem", "nothing");
    assert_status(hth_http_reload(app.http, &err), HTH_EFORMAT, err);
    if (ask(&alice, &in) == 0) assert_int_equal(client_status(&in), 403);
    assert_int_equal(once(&in, &app, 1, "ca", "alice"), GNUTLS_A_UNKNOWN_CA);
    assert_int_equal(ask(&nobody, &in), 0);
    assert_true(says(&in, "cert= "));
    assert_ok(hth_file_write(test_path("ca/crl.pem"), crl.p, crl.n, 0600, &err), err);
    assert_ok(hth_http_reload(app.http, &err), err);
    assert_int_equal(once(&in, &app, 1, "ca", "alice"), 0);
    assert_int_equal(once(&in, &app, 1, "ca", "bob"), GNUTLS_A_CERTIFICATE_REVOKED);
    hth_buf_drop(&crl);
    tls_close(&alice);
    tls_close(&bob);
    tls_close(&stream);
    tls_close(&nobody);
    app_close(&app);
    hth_buf_drop(&in);
}

/* A certificate that expires takes its open connection along. */
static void expires(void **state) {
    (void)state;
    App app;
    HthBuf in;
    Tls t;
    const int64_t soon = hth_clock_unix_s() + 4;
    hth_buf_init(&in, 1 << 20);
    issue_at("ca", "short", NULL, soon - DAY);
    open_app(&app, false);
    assert_int_equal(connect_as(&t, &app, 1, "ca", "short", NULL), 0);
    assert_int_equal(ask(&t, &in), 0);
    assert_true(says(&in, "cert=short "));
    while (hth_clock_unix_s() <= soon + 1) app_sleep_ms(20); /* time(2) may lag */
    if (ask(&t, &in) == 0) assert_int_equal(client_status(&in), 403);
    assert_int_equal(app.handled, 1);
    tls_close(&t);
    app_close(&app);
    hth_buf_drop(&in);
}

/* No session is resumed: each handshake looks at the certificate. */
static void not_resumed(void **state) {
    (void)state;
    App app;
    HthBuf in;
    HthErr err = { 0 };
    hth_buf_init(&in, 1 << 20);
    open_app(&app, false);
    for (int version = 0; version < 2; version++) {
        Tls t;
        gnutls_datum_t session = { 0 };
        const char *name = version ? "alice" : "bob";
        assert_int_equal(connect_as(&t, &app, version, "ca", name, NULL), 0);
        assert_int_equal(ask(&t, &in), 0);
        assert_int_equal(gnutls_session_get_data2(t.session, &session), 0);
        tls_close(&t);
        assert_int_equal(connect_as(&t, &app, version, "ca", name, &session), 0);
        assert_int_equal(gnutls_session_is_resumed(t.session), 0);
        assert_int_equal(ask(&t, &in), 0);
        assert_true(says(&in, name));
        tls_close(&t);
        take_back(name);
        assert_ok(hth_http_reload(app.http, &err), err);
        int e = connect_as(&t, &app, version, "ca", name, &session);
        if (!e) e = ask(&t, &in);
        assert_int_not_equal(e, 0);
        assert_int_equal(gnutls_alert_get(t.session), GNUTLS_A_CERTIFICATE_REVOKED);
        tls_close(&t);
        gnutls_free(session.data);
    }
    app_close(&app);
    hth_buf_drop(&in);
}

static HthStatus open_once(void *ctx) {
    const HthHttpCfg *cfg = ctx;
    HthHttp *h = NULL;
    const HthStatus st = hth_http_open(&h, cfg, NULL);
    hth_http_close(&h);
    return st;
}

static void wrong_folders(void **state) {
    (void)state;
    HthErr err = { 0 };
    char ca[256], none[256], half[256];
    snprintf(ca, sizeof ca, "%s", test_path("ca"));
    snprintf(none, sizeof none, "%s", test_path("none"));
    snprintf(half, sizeof half, "%s", test_path("half"));
    assert_int_equal(mkdir(half, 0700), 0);
    HthBuf pem;
    test_load(&pem, test_path("ca/ca.crt"));
    assert_ok(hth_file_write(test_path("half/ca.crt"), pem.p, pem.n, 0600, &err), err);
    hth_buf_drop(&pem);
    HthListen l = { .host = "127.0.0.1",
                    .fd = -1,
                    .cert_file = path(0, "ca", "server", "crt"),
                    .key_file = path(1, "ca", "server", "key"),
                    .client_ca = ca };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1, .handle = app_handle };
    assert_in_range(test_torture(open_once, (void *)(uintptr_t)&cfg, 1000), 5, 1000);
    HthHttp *h = NULL;
    l.client_ca = none;
    assert_status(hth_http_open(&h, &cfg, &err), HTH_EIO, err);
    l.client_ca = half; /* no list of the revoked */
    assert_status(hth_http_open(&h, &cfg, &err), HTH_EIO, err);
    l.client_ca = ca;
    l.cert_file = l.key_file = NULL;
    assert_status(hth_http_open(&h, &cfg, &err), HTH_EINVAL, err);
    assert_null(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_taken, make_authorities, test_folder_drop),
        cmocka_unit_test_setup_teardown(revoked, make_authorities, test_folder_drop),
        cmocka_unit_test_setup_teardown(expires, make_authorities, test_folder_drop),
        cmocka_unit_test_setup_teardown(not_resumed, make_authorities, test_folder_drop),
        cmocka_unit_test_setup_teardown(wrong_folders, make_authorities, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
