/* http_tls_test.c - TLS: versions, requests, streams, clients that leave, wrong certificates. */
#include "support/http_app.h"

#include "support/folder.h"
#include "support/tls.h"

static char cert_path[96], key_path[96], other_path[96];

static int make_certs(void **state) {
    char spare[96];
    if (test_folder_make(state)) return -1;
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", test_folder);
    snprintf(key_path, sizeof key_path, "%s/key.pem", test_folder);
    snprintf(other_path, sizeof other_path, "%s/other.pem", test_folder);
    tls_make_cert(cert_path, key_path);
    snprintf(spare, sizeof spare, "%s/spare.pem", test_folder);
    tls_make_cert(spare, other_path);
    return unlink(spare);
}

/* 0, or the library's error. */
static int tls_open(Tls *t, uint16_t port, const char *priorities) {
    return tls_connect(t, port, cert_path, priorities);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void versions(void **state) {
    static const struct {
        const char *priorities;
        gnutls_protocol_t version; /* 0: refused */
    } cases[] = {
        { "NORMAL", GNUTLS_TLS1_3 },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.2", GNUTLS_TLS1_2 },
        { "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", 0 },
        { "LEGACY:-VERS-ALL:+VERS-TLS1.0", 0 },
    };
    (void)state;
    const HthListen l = {
        .host = "127.0.0.1", .fd = -1, .cert_file = cert_path, .key_file = key_path
    };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1 };
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        Tls t;
        const int e = tls_open(&t, app.port, cases[i].priorities);
        if ((e == 0) != (cases[i].version != 0))
            fail_msg("%s: %s", cases[i].priorities, gnutls_strerror(e));
        if (!e) {
            assert_int_equal(gnutls_protocol_get_version(t.session), cases[i].version);
            hth_buf_clear(&in);
            tls_say(&t, GET("/what"));
            tls_until(&t, &in, " tls=1 from=127.0.0.1");
            tls_say(&t, GET("/stream?n=50&ms=1")); /* on the same connection */
            tls_until(&t, &in, "data: 49\n\n\r\n0\r\n\r\n");
        }
        tls_close(&t);
    }
    /* A page of this server is one of https. */
    for (int tls = 0; tls < 2; tls++) {
        char request[256];
        Tls t;
        assert_int_equal(tls_open(&t, app.port, "NORMAL"), 0);
        hth_buf_clear(&in);
        snprintf(
            request, sizeof request,
            "GET /echo HTTP/1.1\r\nHost: localhost:%u\r\nOrigin: http%s://localhost:%u\r\n\r\n",
            app.port, tls ? "s" : "", app.port);
        tls_say(&t, request);
        tls_until(&t, &in, "\r\n\r\n");
        assert_int_equal(client_status(&in), tls ? 200 : 403);
        tls_close(&t);
    }
    /* No TLS at all: no answer, and the server lives. */
    assert_int_equal(client_once(app.port, GET("/echo"), &in), 0);
    app_close(&app);
    hth_buf_drop(&in);
}

/* A connection too many hears so, in TLS too. */
static void too_many(void **state) {
    (void)state;
    const HthListen l = {
        .host = "127.0.0.1", .fd = -1, .cert_file = cert_path, .key_file = key_path
    };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1, .connections_max = 1 };
    App app;
    HthBuf in;
    Tls first, second;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    assert_int_equal(tls_open(&first, app.port, "NORMAL"), 0);
    assert_int_equal(tls_open(&second, app.port, "NORMAL"), 0);
    tls_say(&second, GET("/echo"));
    tls_until(&second, &in, "\r\n\r\n");
    assert_int_equal(client_status(&in), 503);
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("Retry-After: 1")), SIZE_MAX);
    hth_buf_clear(&in);
    tls_say(&first, GET("/echo"));
    tls_until(&first, &in, "\r\n\r\n");
    assert_int_equal(client_status(&in), 200);
    tls_close(&second);
    tls_close(&first);
    app_close(&app);
    assert_int_equal(app.handled, 1);
    hth_buf_drop(&in);
}

static void leaving(void **state) {
    (void)state;
    const HthListen l = {
        .host = "127.0.0.1", .fd = -1, .cert_file = cert_path, .key_file = key_path
    };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1 };
    static const char *const requests[] = { GET("/silent"), GET("/mute"), GET("/flood?n=1000000") };
    App app;
    app_open(&app, &cfg);
    for (int i = 0; i < 6; i++) {
        Tls t;
        assert_int_equal(tls_open(&t, app.port, "NORMAL"), 0);
        tls_say(&t, requests[i / 2]);
        app_wait(&app.opened, i + 1);
        if (i / 2 == 2) app_sleep_ms(50);
        if (i % 2) {
            shutdown(t.fd, SHUT_WR);
            app_wait(&app.gone, i + 1);
        }
        tls_close(&t);
        app_wait(&app.closed, i + 1);
        assert_int_equal(app.gone, i + 1);
    }
    /* In the middle of the handshake, and closing under TLS. */
    const int fd = client_tcp(app.port);
    assert_true(client_send(fd, "\x16\x03\x01\x02", 4));
    close(fd);
    Tls open;
    assert_int_equal(tls_open(&open, app.port, "NORMAL"), 0);
    tls_say(&open, requests[0]);
    app_wait(&app.opened, 7);
    app_close(&app);
    tls_close(&open);
}

/* A handshake that stops half-way costs next to nothing, and others go on; so do idle connections,
 * of either kind, and a stream that has nothing to say. */
static void waiting(void **state) {
    (void)state;
    const HthListen l = {
        .host = "127.0.0.1", .fd = -1, .cert_file = cert_path, .key_file = key_path
    };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1 };
    /* A record of a handshake that announces 512 bytes, and the first two of them. */
    static const char part[] = "\x16\x03\x01\x02\x00\x01\x00";
    App app;
    HthBuf in;
    Tls idle, quiet, other;
    hth_buf_init(&in, 1 << 24);
    app_open(&app, &cfg);
    assert_int_equal(tls_open(&idle, app.port, "NORMAL"), 0);
    assert_int_equal(tls_open(&quiet, app.port, "NORMAL"), 0);
    tls_say(&quiet, GET("/silent"));
    app_wait(&app.opened, 1);
    const int stopped = client_tcp(app.port), untouched = client_tcp(app.port);
    assert_true(client_send(stopped, part, sizeof part - 1));
    app_sleep_ms(50);
    const uint64_t before = hth_http_stats(app.http).rounds;
    app_sleep_ms(300);
    const uint64_t rounds = hth_http_stats(app.http).rounds - before;
    if (rounds > 2000) fail_msg("%llu rounds for nothing", (unsigned long long)rounds);
    assert_int_equal(tls_open(&other, app.port, "NORMAL"), 0);
    tls_say(&other, GET("/flood?n=3000"));
    tls_until(&other, &in, "\r\n0\r\n\r\n");
    hth_buf_clear(&in);
    tls_say(&idle, GET("/what"));
    tls_until(&idle, &in, " tls=1 ");
    tls_close(&other);
    tls_close(&idle);
    tls_close(&quiet);
    close(stopped);
    close(untouched);
    app_close(&app);
    hth_buf_drop(&in);
}

/* A body larger than a record, echoed. */
static void bodies(void **state) {
    (void)state;
    const HthListen l = {
        .host = "127.0.0.1", .fd = -1, .cert_file = cert_path, .key_file = key_path
    };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1 };
    enum { N = 300000 };
    App app;
    HthBuf in;
    Tls t;
    hth_buf_init(&in, 1 << 24);
    char *body = hth_calloc(N, 1);
    assert_non_null(body);
    for (int i = 0; i < N; i++) body[i] = (char)('a' + i * 7 % 26);
    app_open(&app, &cfg);
    assert_int_equal(tls_open(&t, app.port, "NORMAL"), 0);
    tls_say(&t, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n");
    for (size_t at = 0; at < N;) {
        const ssize_t n = gnutls_record_send(t.session, body + at, N - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    tls_until(&t, &in, "\r\n\r\n");
    const size_t head = hth_str_find(hth_buf_str(&in), HTH_STR("\r\n\r\n")) + 4;
    char last[65];
    memcpy(last, body + N - 64, 64);
    last[64] = '\0';
    while (in.n < head + N) {
        char bytes[16384];
        const ssize_t n = gnutls_record_recv(t.session, bytes, sizeof bytes);
        assert_true(n > 0);
        assert_int_equal(hth_buf_add(&in, bytes, (size_t)n, NULL), HTH_OK);
    }
    assert_memory_equal(in.p + head, body, N);
    tls_close(&t);
    app_close(&app);
    hth_free(body);
    hth_buf_drop(&in);
}

/* Another certificate for new connections; those that are open stay; wrong files change nothing. */
static void exchanged(void **state) {
    (void)state;
    char cert[96], key[96];
    HthErr err = { 0 };
    App app;
    HthBuf in, text;
    Tls before, after;
    hth_buf_init(&in, 1 << 20);
    snprintf(cert, sizeof cert, "%s/own.pem", test_folder);
    snprintf(key, sizeof key, "%s/own.key", test_folder);
    tls_make_cert(cert, key);
    const HthListen l = { .host = "127.0.0.1", .fd = -1, .cert_file = cert, .key_file = key };
    const HthHttpCfg cfg = { .listens = &l, .listen_count = 1 };
    const uint64_t live = hth_mem_live();
    app_open(&app, &cfg);
    int e = tls_open(&before, app.port, "NORMAL"); /* this client trusts cert_path only */
    assert_int_equal(e, GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR);
    tls_close(&before);
    assert_int_equal(unlink(key), 0);
    assert_status(hth_http_reload(app.http, &err), HTH_EIO, err);
    test_load(&text, cert_path);
    assert_ok(hth_file_write(cert, text.p, text.n, 0600, &err), err);
    hth_buf_drop(&text);
    test_load(&text, other_path); /* not its key */
    assert_ok(hth_file_write(key, text.p, text.n, 0600, &err), err);
    hth_buf_drop(&text);
    assert_status(hth_http_reload(app.http, &err), HTH_EINVAL, err);
    e = tls_open(&before, app.port, "NORMAL");
    assert_int_equal(e, GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR);
    tls_close(&before);
    test_load(&text, key_path);
    assert_ok(hth_file_write(key, text.p, text.n, 0600, &err), err);
    hth_buf_drop(&text);
    assert_ok(hth_http_reload(app.http, &err), err);
    assert_int_equal(tls_open(&before, app.port, "NORMAL"), 0);
    assert_ok(hth_http_reload(app.http, &err), err);
    assert_int_equal(tls_open(&after, app.port, "NORMAL"), 0);
    tls_say(&before, GET("/what"));
    tls_until(&before, &in, " tls=1 ");
    hth_buf_clear(&in);
    tls_say(&after, GET("/what"));
    tls_until(&after, &in, " tls=1 ");
    tls_close(&before);
    tls_close(&after);
    app_close(&app);
    assert_int_equal(hth_mem_live(), live + 1); /* `in` */
    hth_buf_drop(&in);
}

static void wrong_files(void **state) {
    (void)state;
    const HthListen cases[] = {
        { .host = "127.0.0.1", .fd = -1, .cert_file = cert_path, .key_file = other_path },
        { .host = "127.0.0.1", .fd = -1, .cert_file = key_path, .key_file = cert_path },
        { .host = "127.0.0.1", .fd = -1, .cert_file = cert_path },
        { .host = "127.0.0.1", .fd = -1, .key_file = key_path },
        { .host = "127.0.0.1", .fd = -1, .cert_file = "/nonexistent", .key_file = key_path },
    };
    const uint64_t live = hth_mem_live();
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const HthHttpCfg cfg = { .listens = &cases[i], .listen_count = 1, .handle = app_handle };
        HthHttp *h = NULL;
        HthErr err = { 0 };
        assert_status(hth_http_open(&h, &cfg, &err), i < 4 ? HTH_EINVAL : HTH_EIO, err);
        assert_null(h);
    }
    assert_int_equal(hth_mem_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),    cmocka_unit_test(too_many), cmocka_unit_test(leaving),
        cmocka_unit_test(waiting),     cmocka_unit_test(bodies),   cmocka_unit_test(exchanged),
        cmocka_unit_test(wrong_files),
    };
    return cmocka_run_group_tests(tests, make_certs, test_folder_drop);
}
