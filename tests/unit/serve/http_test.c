/* http_test.c - requests and whole answers through real sockets: what is read, what is refused. */
#include "serve/http.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "support/folder.h"
#include "support/http_app.h"

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " len "\r\n"

static void answers(void **state) {
    (void)state;
    App app;
    HthBuf in, body;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&body, 1 << 20);
    const uint64_t live = hth_mem_live();
    app_open(&app, NULL);
    const int fd = client_tcp(app.port);
    assert_true(client_say(fd, GET("/what?q=a%20b&x=1")));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    char want[256];
    snprintf(want, sizeof want,
             "GET /what q=a b c= local=1 known=1 uid=%u tls=0 from=127.0.0.1 own=1", getuid());
    assert_string_equal(body.p, want);
    /* Kept alive; a body in two parts; a fixed answer; HEAD has no body but its length. */
    assert_true(client_say(fd, POST("/echo", "11") "\r\nhello"));
    app_sleep_ms(5);
    assert_true(client_say(fd, " world"));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    assert_string_equal(body.p, "hello world");
    assert_true(client_say(fd, GET("/static")));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    assert_string_equal(body.p, "body{}");
    assert_true(client_say(fd, "HEAD /static HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    client_until(fd, &in, "\r\n\r\n");
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("Content-Length: 6\r\n")),
                         SIZE_MAX);
    assert_true(hth_str_ends(hth_buf_str(&in), HTH_STR("\r\n\r\n")));
    hth_buf_clear(&in);
    assert_true(client_say(fd, GET("/nowhere")));
    assert_int_equal(client_answer(fd, &in, &body), 404);
    assert_int_equal(hth_http_stats(app.http).connections, 1);
    /* Chunks, with an extension and a trailer; they are a connection's last. */
    assert_true(client_say(fd, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                               "chunked\r\n\r\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    assert_string_equal(body.p, "abcde");
    client_to_end(fd, &in);
    const HthHttpStats stats = hth_http_stats(app.http);
    assert_int_equal(stats.requests, 6);
    assert_int_equal(stats.refused, 0);
    assert_int_equal(stats.bytes_in, 16);
    close(fd);
    app_close(&app);
    assert_int_equal(app.handled, 6);
    assert_int_equal(app.done, 6);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
    assert_int_equal(hth_mem_live(), live);
}

static void pipelined(void **state) {
    (void)state;
    App app;
    HthBuf in, body, out;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&body, 1 << 20);
    hth_buf_init(&out, 1 << 20);
    app_open(&app, NULL);
    const int fd = client_tcp(app.port);
    for (int i = 0; i < 50; i++)
        assert_int_equal(hth_buf_printf(&out, NULL,
                                        POST("/echo", "2") "\r\n%02dGET /what?q=%d HTTP/1.1\r\n"
                                                           "Host: localhost\r\n\r\n",
                                        i, i),
                         HTH_OK);
    assert_true(client_send(fd, out.p, out.n));
    for (int i = 0; i < 50; i++) {
        char want[16];
        assert_int_equal(client_answer(fd, &in, &body), 200);
        snprintf(want, sizeof want, "%02d", i);
        assert_string_equal(body.p, want);
        assert_int_equal(client_answer(fd, &in, &body), 200);
        snprintf(want, sizeof want, " q=%d ", i);
        assert_int_not_equal(hth_str_find(hth_buf_str(&body), hth_str(want)), SIZE_MAX);
    }
    close(fd);
    app_close(&app);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
    hth_buf_drop(&out);
}

/* What two readers could understand differently, and what is no request. */
static const AppCase strict_cases[] = {
    { 200, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 200, "GET /echo HTTP/1.0\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost:\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nhost: evil\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
           "Content-Length: 2\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
           "Content-Length: 3\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
           "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
           "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { 501, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
           "0\r\n\r\n" },
    { 501, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\t\r\n\r\n"
           "0\r\n\r\n" },
    { 501, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\tchunked\t\r\n\r\n"
           "0\r\n\r\n" },
    { 501, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked,\r\n\r\n"
           "0\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n"
           "0\r\n\r\n" },
    { 200, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ChunKed\r\n\r\n"
           "0\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: evil@localhost\r\n\r\n" },
    { 403, "GET /echo HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n\r\n" },
    { 400, "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
           "0\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x2\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2, 2\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length : 2\r\n\r\nab" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\r\n"
           "Authorization: b\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
           "Origin: http://localhost\r\n\r\n" },
    { 400, "GET /a/../echo HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 400, "GET /a%00b HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 400, "GET http://localhost/echo HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 400, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 400, "ABCDEFGHIJKLMNOPQRS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 505, "GET /echo HTTP/2.0\r\nHost: localhost\r\n\r\n" },
    { 404, "TRACE /x HTTP/1.1\r\nHost: localhost\r\n\r\n" },
    { 413, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
           "zz\r\n\r\n" },
};

static void strictness(void **state) {
    (void)state;
    app_cases(strict_cases, HTH_COUNT(strict_cases));
}

/* What is in a body is no request, whatever becomes of the request it belongs to. */
static void bodies_are_bodies(void **state) {
    static const char *const methods[] = { "GET",    "HEAD",  "POST",    "PUT",
                                           "DELETE", "PATCH", "OPTIONS", "FOO" };
    static const char inner[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const struct {
        int handled;
        const char *headers;
        bool chunked;
    } cases[] = {
        { 0, "Host: evil.example\r\nContent-Length: %zu", false },
        { 0, "Host: evil.example\r\nTransfer-Encoding: chunked", true },
        { 0, "Host: localhost\r\nContent-Length: %zu\r\nTransfer-Encoding: chunked", true },
        { 0, "Host: localhost\r\nTransfer-Encoding: gzip\r\nContent-Length: %zu", false },
        { 0, "Host: localhost\r\nOrigin: null\r\nContent-Length: %zu", false },
        { 1, "Host: localhost\r\nConnection: close\r\nContent-Length: %zu", false },
        { 1, "Host: localhost\r\nTransfer-Encoding: chunked", true },
    };
    /* Two readers of this see one request here or two. */
    static const char doubtful[] = "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n"
                                   "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    (void)state;
    App app;
    HthBuf in, out;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&out, 1 << 16);
    app_open(&app, NULL);
    for (size_t i = 0; i < HTH_COUNT(methods) * HTH_COUNT(cases); i++) {
        const size_t c = i % HTH_COUNT(cases);
        const char *method = methods[i / HTH_COUNT(cases)];
        char headers[200];
        const size_t n = strlen(inner);
        const int handled = app.handled, fd = client_tcp(app.port);
        /* NOLINTNEXTLINE: the formats are above */
        snprintf(headers, sizeof headers, cases[c].headers, n);
        hth_buf_clear(&in);
        hth_buf_clear(&out);
        assert_int_equal(
            hth_buf_printf(&out, NULL, "%s /echo HTTP/1.1\r\n%s\r\n\r\n", method, headers), HTH_OK);
        if (cases[c].chunked) assert_int_equal(hth_buf_printf(&out, NULL, "%zx\r\n", n), HTH_OK);
        assert_int_equal(hth_buf_add(&out, inner, n, NULL), HTH_OK);
        if (cases[c].chunked)
            assert_int_equal(hth_buf_add_str(&out, HTH_STR("\r\n0\r\n\r\n"), NULL), HTH_OK);
        (void)client_send(fd, out.p, out.n);
        client_to_end(fd, &in);
        close(fd);
        const char *first = strstr(in.p, "HTTP/1.1 ");
        if (first != in.p || strstr(first + 1, "HTTP/1.1 200"))
            fail_msg("%s, case %zu: %s", method, c, in.p);
        assert_int_equal(app.handled - handled, cases[c].handled);
    }
    const int handled = app.handled, fd = client_tcp(app.port);
    assert_true(client_say(fd, doubtful));
    hth_buf_clear(&in);
    client_to_end(fd, &in);
    close(fd);
    assert_int_equal(app.handled - handled, 1);
    app_close(&app);
    hth_buf_drop(&in);
    hth_buf_drop(&out);
}

static void hosts_and_origins(void **state) {
    static const struct {
        int status;
        const char *host, *origin; /* %u: our port */
        bool own, named; /* the page is ours; the answer names its origin */
    } cases[] = {
        { 200, "localhost", NULL, true, false },
        { 200, "127.0.0.1:%u", NULL, true, false },
        { 200, "[::1]:1234", NULL, true, false },
        { 200, "chat.example", NULL, true, false },
        { 200, "Chat.Example:99", NULL, true, false },
        { 403, "evil.example", NULL, false, false },
        { 403, "localhost.evil.example", NULL, false, false },
        { 403, "10.0.0.1", NULL, false, false },
        { 403, "0.0.0.0:%u", NULL, false, false },
        { 400, "a@localhost", NULL, false, false },
        { 200, "localhost:%u", "http://localhost:%u", true, false },
        { 200, "localhost", "http://LOCALHOST", true, false },
        { 403, "localhost:%u", "https://localhost:%u", false, false },
        { 403, "localhost:%u", "http://localhost", false, false },
        { 403, "localhost:%u", "http://127.0.0.1:%u", false, false },
        { 403, "localhost:%u", "null", false, false },
        { 403, "localhost:%u", "http://evil.example", false, false },
        { 403, "localhost:%u", "file://", false, false },
        { 200, "localhost:%u", "https://page.example:8443", false, true },
        { 403, "localhost:%u", "https://page.example", false, false },
        { 403, "localhost:%u", "http://page.example:8443", false, false },
        { 403, "evil.example", "http://evil.example", false, false },
    };
    static const char *const hosts[] = { "chat.example" };
    static const char *const origins[] = { "https://page.example:8443" };
    const HthHttpCfg cfg = {
        .hosts = hosts, .host_count = 1, .origins = origins, .origin_count = 1
    };
    (void)state;
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char host[128], origin[128] = "", request[512];
        snprintf(host, sizeof host, cases[i].host, app.port);
        if (cases[i].origin) snprintf(origin, sizeof origin, cases[i].origin, app.port);
        snprintf(request, sizeof request, "GET /what HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", host,
                 cases[i].origin ? "Origin: " : "", origin, cases[i].origin ? "\r\n" : "");
        const int got = client_once(app.port, request, &in);
        if (got != cases[i].status) fail_msg("%d, wanted %d: %s", got, cases[i].status, request);
        const HthStr s = hth_buf_str(&in);
        assert_int_equal(hth_str_find(s, HTH_STR("Access-Control-Allow-Origin: ")) != SIZE_MAX,
                         cases[i].named);
        if (got == 200)
            assert_int_equal(hth_str_find(s, HTH_STR(" own=1")) != SIZE_MAX, cases[i].own);
    }
    app_close(&app);
    hth_buf_drop(&in);
}

static void preflights(void **state) {
    static const char *const origins[] = { "https://page.example:8443" };
    const HthHttpCfg cfg = { .origins = origins, .origin_count = 1 };
    (void)state;
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    /* Preflights: the listed page may ask for headers, others hear 403 and no more. */
    assert_int_equal(client_once(app.port,
                                 "OPTIONS /v1/x HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                                 "https://page.example:8443\r\nAccess-Control-Request-Method: POST"
                                 "\r\nAccess-Control-Request-Headers: authorization,x-a\r\n\r\n",
                                 &in),
                     204);
    const HthStr s = hth_buf_str(&in);
    assert_int_not_equal(hth_str_find(s, HTH_STR("Allow-Headers: authorization,x-a\r\n")),
                         SIZE_MAX);
    assert_int_not_equal(hth_str_find(s, HTH_STR("Allow-Origin: https://page.example:8443\r\n")),
                         SIZE_MAX);
    assert_int_equal(hth_str_find(s, HTH_STR("Credentials")), SIZE_MAX);
    const int handled = app.handled;
    assert_int_equal(client_once(app.port,
                                 "OPTIONS /v1/x HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                                 "https://evil.example\r\n\r\n",
                                 &in),
                     403);
    assert_int_equal(app.handled, handled);
    app_close(&app);
    hth_buf_drop(&in);
}

/* Ceilings, each met from both sides. */
static void ceilings(void **state) {
    const HthHttpCfg cfg = { .body_max = 1000 };
    (void)state;
    App app;
    HthBuf in, out;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&out, 4 << 20);
    app_open(&app, &cfg);
    for (int extra = 0; extra < 2; extra++) {
        for (int chunked = 0; chunked < 2; chunked++) {
            char fill[1001];
            memset(fill, 'b', sizeof fill);
            hth_buf_clear(&out);
            (void)!hth_buf_printf(&out, NULL, "POST /echo HTTP/1.1\r\nHost: localhost\r\n");
            if (chunked)
                (void)!hth_buf_printf(&out, NULL,
                                      "Transfer-Encoding: chunked\r\n\r\n1f4\r\n%.500s"
                                      "\r\n%x\r\n%.*s\r\n0\r\n\r\n",
                                      fill, 500 + extra, 500 + extra, fill);
            else
                (void)!hth_buf_printf(&out, NULL, "Content-Length: %d\r\n\r\n%.*s", 1000 + extra,
                                      1000 + extra, fill);
            assert_int_equal(client_once(app.port, hth_buf_str(&out).p, &in), extra ? 413 : 200);
        }
    }
    /* Refused before the body, and the answer arrives though the client goes on sending. */
    hth_buf_clear(&out);
    (void)!hth_buf_printf(&out, NULL, POST("/echo", "1000000") "\r\n");
    while (out.n < 1000000) (void)!hth_buf_add_str(&out, HTH_STR("0123456789abcdef"), NULL);
    for (int i = 0; i < 20; i++) {
        const int fd = client_tcp(app.port);
        hth_buf_clear(&in);
        assert_true(client_send(fd, out.p, out.n));
        client_to_end(fd, &in);
        assert_int_equal(client_status(&in), 413);
        close(fd);
    }
    /* Headers: many kilobytes are read, many more are 431. */
    for (int kib = 4; kib <= 64; kib += 60) {
        hth_buf_clear(&out);
        (void)!hth_buf_printf(&out, NULL, "GET /echo HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
        for (int i = 0; i < kib * 64; i++)
            (void)!hth_buf_add_str(&out, HTH_STR("0123456789abcdef"), NULL);
        (void)!hth_buf_add_str(&out, HTH_STR("\r\n\r\n"), NULL);
        const int got = client_once(app.port, hth_buf_str(&out).p, &in);
        if (got != (kib == 4 ? 200 : 431)) fail_msg("%d KiB of headers: %d", kib, got);
    }
    app_close(&app);
    hth_buf_drop(&in);
    hth_buf_drop(&out);
}

static void too_many(void **state) {
    const HthHttpCfg cfg = { .connections_max = 8,
                             .connections_per_address_max = 6,
                             .prep_threads = 1,
                             .requests_waiting_max = 2 };
    (void)state;
    App app;
    HthBuf in;
    int fds[8];
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    app.held = true;
    /* One is being prepared, two wait, the fourth hears 429. */
    for (int i = 0; i < 3; i++) {
        fds[i] = client_tcp(app.port);
        assert_true(client_say(fds[i], GET("/hold")));
        if (!i) app_wait(&app.holding, 1);
    }
    while (hth_http_busy(app.http) < 3) app_sleep_ms(1);
    app_sleep_ms(20); /* the third is in the queue now, or soon: the fourth comes after it */
    assert_int_equal(client_once(app.port, GET("/hold"), &in), 429);
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("Retry-After: ")), SIZE_MAX);
    app.held = false;
    for (int i = 0; i < 3; i++) {
        hth_buf_clear(&in);
        assert_int_equal(client_answer(fds[i], &in, NULL), 200);
    }
    /* Six connections of one address, the seventh hears 503 and is closed. */
    for (int i = 3; i < 6; i++) {
        fds[i] = client_tcp(app.port);
        assert_true(client_say(fds[i], GET("/echo")));
        assert_int_equal(client_answer(fds[i], &in, NULL), 200);
    }
    const int handled = app.handled, seventh = client_tcp(app.port);
    hth_buf_clear(&in);
    assert_true(client_say(seventh, POST("/echo", "9") "\r\nsome more"));
    client_to_end(seventh, &in);
    assert_int_equal(client_status(&in), 503);
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("Retry-After: 1\r\n")), SIZE_MAX);
    assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("Connection: close")), SIZE_MAX);
    assert_int_equal(app.handled, handled);
    close(seventh);
    /* The six go on. */
    assert_true(client_say(fds[0], GET("/echo")));
    hth_buf_clear(&in);
    assert_int_equal(client_answer(fds[0], &in, NULL), 200);
    close(fds[0]);
    while (hth_http_stats(app.http).connections > 5) app_sleep_ms(1);
    assert_int_equal(client_once(app.port, GET("/echo"), &in), 200);
    for (int i = 1; i < 6; i++) close(fds[i]);
    app_close(&app);
    hth_buf_drop(&in);
}

/* Those beyond the limit are few, get little time, and leave the others alone. */
static void a_crowd(void **state) {
    enum { CROWD = 80, TOLD = 64 };
    const HthHttpCfg cfg = { .connections_max = 1 };
    (void)state;
    App app;
    HthBuf in;
    int fds[CROWD];
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    const int first = client_tcp(app.port);
    assert_true(client_say(first, GET("/echo")));
    assert_int_equal(client_answer(first, &in, NULL), 200);
    for (int i = 0; i < CROWD; i++) fds[i] = client_tcp(app.port);
    for (int i = TOLD; i < CROWD; i++) { /* in the order they came: no room, no word */
        hth_buf_clear(&in);
        client_to_end(fds[i], &in);
        assert_int_equal(in.n, 0);
    }
    assert_int_equal(hth_http_stats(app.http).connections, 1 + TOLD);
    for (int i = 0; i < TOLD / 2; i++) {
        hth_buf_clear(&in);
        assert_true(client_say(fds[i], GET("/echo")));
        assert_int_equal(client_answer(fds[i], &in, NULL), 503);
    }
    for (int i = TOLD / 2; i < TOLD; i++) { /* who says nothing is let go soon */
        hth_buf_clear(&in);
        client_to_end(fds[i], &in);
        assert_int_equal(in.n, 0);
    }
    hth_buf_clear(&in);
    assert_true(client_say(first, GET("/echo")));
    assert_int_equal(client_answer(first, &in, NULL), 200);
    close(first);
    for (int i = 0; i < CROWD; i++) close(fds[i]);
    while (hth_http_stats(app.http).connections > 0) app_sleep_ms(1);
    assert_int_equal(client_once(app.port, GET("/echo"), &in), 200);
    app_close(&app);
    hth_buf_drop(&in);
}

static void unix_sockets(void **state) {
    (void)state;
    char path[96], want[64];
    App app, other;
    HthBuf in, body;
    HthErr err = { 0 };
    struct stat st;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&body, 1 << 20);
    snprintf(path, sizeof path, "%s/h.sock", test_folder);
    const HthListen listens[] = { { .unix_path = path, .fd = -1 },
                                  { .host = "127.0.0.1", .fd = -1 } };
    const HthHttpCfg cfg = { .listens = listens, .listen_count = 2 };
    app_open(&app, &cfg);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    const int fd = client_unix(path);
    assert_true(client_say(fd, GET("/what")));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    snprintf(want, sizeof want, " known=1 uid=%u tls=0 from=unix", getuid());
    assert_int_not_equal(hth_str_find(hth_buf_str(&body), hth_str(want)), SIZE_MAX);
    close(fd);
    assert_int_equal(client_once(hth_http_port(app.http, 1), GET("/echo"), &in), 200);
    /* Somebody answers there: not taken, and nothing of it is touched. */
    HthHttpCfg second = cfg;
    second.handle = app_handle;
    second.listen_count = 1;
    other.http = NULL;
    assert_status(hth_http_open(&other.http, &second, &err), HTH_EDENIED, err);
    const int again = client_unix(path);
    assert_true(again >= 0);
    close(again);
    app_close(&app);
    assert_int_equal(access(path, F_OK), -1);
    /* One that nobody answers any more is replaced; a file is not. */
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof a), 0);
    close(stale);
    app_open(&app, &cfg);
    app_close(&app);
    assert_int_equal(hth_file_write(path, "x", 1, 0600, NULL), HTH_OK);
    assert_status(hth_http_open(&other.http, &second, &err), HTH_EINVAL, err);
    assert_int_equal(unlink(path), 0);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
}

/* Asked only after the client has closed: the kernel then lists its socket as nobody's, with user
 * 0, and who believed that would let anybody be the superuser. */
static _Atomic int late_begun, late_asked, late_known;

static void late_handle(void *payload, HthX *x) {
    App *app = payload;
    late_begun++;
    while (!hth_x_left(x) || app->held) app_sleep_ms(1);
    late_known += hth_x_peer(x)->uid_known;
    late_asked++;
    hth_x_reply(x, 200, "text/plain", HTH_STR("late"));
}

static void a_peer_that_left(void **state) {
    const HthHttpCfg cfg = { .handle = late_handle };
    (void)state;
    App app;
    app_open(&app, &cfg);
    for (int i = 0; i < 4; i++) {
        app.held = true;
        const int fd = client_tcp(app.port);
        assert_true(client_say(fd, GET("/late")));
        app_wait(&late_begun, i + 1); /* or it would never be asked */
        if (i % 2) { /* a reset */
            const struct linger now = { 1, 0 };
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        close(fd);
        app_sleep_ms(10);
        app.held = false;
        app_wait(&late_asked, i + 1);
    }
#ifndef APP_FAR /* where it is asked at once */
    assert_int_equal(late_known, 0);
#endif
    app_close(&app);
}

/* Connections of others come and go while the kernel's table of them is read: ours is found. */
enum { OTHERS = 150 };
static _Atomic bool others_end;

static void *others(void *payload) {
    const uint16_t *port = payload;
    const int listener = port[0];
    const struct linger now = { 1, 0 };
    int fds[OTHERS][2];
    memset(fds, -1, sizeof fds);
    for (uint64_t i = 0; !others_end || i < OTHERS; i++) {
        int *pair = fds[hth_rng_below(7, 0, i, OTHERS)];
        for (int k = 0; k < 2; k++)
            if (pair[k] >= 0) close(pair[k]);
        pair[0] = client_tcp(port[1]);
        pair[1] = accept(listener, NULL, NULL);
        if (pair[0] >= 0) setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    for (int i = 0; i < OTHERS; i++)
        for (int k = 0; k < 2; k++)
            if (fds[i][k] >= 0) close(fds[i][k]);
    return NULL;
}

static void *asks(void *payload) {
    const uint16_t *port = payload;
    HthBuf in, body;
    uintptr_t unknown = 0;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&body, 1 << 20);
    for (int i = 0; i < 300; i++) {
        const int fd = client_tcp(*port);
        const bool answered = client_say(fd, GET("/what")) && client_answer(fd, &in, &body) == 200;
        unknown += !answered || hth_str_find(hth_buf_str(&body), HTH_STR(" known=1 ")) == SIZE_MAX;
        close(fd);
    }
    hth_buf_drop(&in);
    hth_buf_drop(&body);
    return (void *)unknown;
}

static void a_busy_table(void **state) {
    (void)state;
    App app;
    pthread_t other, threads[4];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    const HthHttpCfg cfg = { .prep_threads = 4 };
    app_open(&app, &cfg);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(listener, 64), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    uint16_t ports[2] = { (uint16_t)listener, ntohs(at.sin_port) };
    others_end = false;
    assert_int_equal(pthread_create(&other, NULL, others, ports), 0);
    for (size_t i = 0; i < HTH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, asks, &app.port), 0);
    uintptr_t unknown = 0;
    for (size_t i = 0; i < HTH_COUNT(threads); i++) {
        void *some = NULL;
        pthread_join(threads[i], &some);
        unknown += (uintptr_t)some;
    }
    others_end = true;
    pthread_join(other, NULL);
    assert_int_equal(unknown, 0);
    close(listener);
    app_close(&app);
}

/* Sockets that somebody else bound: socket activation. */
static void inherited(void **state) {
    (void)state;
    App app;
    HthBuf in;
    HthErr err = { 0 };
    hth_buf_init(&in, 1 << 20);
    const struct sockaddr_in any = { .sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any), 0);
    HthListen l = { .fd = dup(fd) };
    HthHttpCfg cfg = { .listens = &l, .listen_count = 1, .handle = app_handle };
    HthHttp *none = NULL;
    assert_status(hth_http_open(&none, &cfg, &err), HTH_EINVAL, err); /* it does not listen */
    assert_int_equal(listen(fd, 5), 0);
    l.fd = fd;
    app_open(&app, &cfg);
    assert_int_equal(client_once(app.port, GET("/echo"), &in), 200);
    app_close(&app);
    hth_buf_drop(&in);
}

static void refuses_to_open(void **state) {
    (void)state;
    static const char *const bad_host[] = { "http://x" }, *const bad_origin[] = { "*" };
    const HthListen local = { .host = "127.0.0.1", .fd = -1 },
                    name = { .host = "localhost.", .fd = -1 },
                    cert = { .host = "127.0.0.1", .fd = -1, .cert_file = "/nonexistent" },
                    pems = { .host = "127.0.0.1",
                             .fd = -1,
                             .cert_file = "/dev/null",
                             .key_file = "/dev/null" };
    const HthHttpCfg cases[] = {
        { .listens = &local, .listen_count = 0 },
        { .listens = &name, .listen_count = 1 },
        { .listens = &cert, .listen_count = 1 },
        { .listens = &pems, .listen_count = 1 },
        { .listens = &local, .listen_count = 1, .hosts = bad_host, .host_count = 1 },
        { .listens = &local, .listen_count = 1, .origins = bad_origin, .origin_count = 1 },
        { .listens = &local, .listen_count = 1, .prep_threads = 1000 },
    };
    const uint64_t live = hth_mem_live();
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthHttpCfg cfg = cases[i];
        HthHttp *h = NULL;
        HthErr err = { 0 };
        cfg.handle = app_handle;
        assert_status(hth_http_open(&h, &cfg, &err), HTH_EINVAL, err);
        assert_null(h);
        assert_int_not_equal(err.text[0], 0);
    }
    App app;
    app_open(&app, NULL);
    const HthListen taken = { .host = "127.0.0.1", .port = app.port, .fd = -1 };
    const HthHttpCfg cfg = { .listens = &taken, .listen_count = 1, .handle = app_handle };
    HthHttp *h = NULL;
    HthErr err = { 0 };
    assert_status(hth_http_open(&h, &cfg, &err), HTH_EAGAIN, err);
    app_close(&app);
    assert_int_equal(hth_mem_live(), live);
}

static HthStatus open_once(void *ctx) {
    static const HthListen tcp = { .host = "127.0.0.1", .fd = -1 };
    static const char *const words[] = { "a.example", "b.example" };
    const HthHttpCfg cfg = { .listens = &tcp,
                             .listen_count = 1,
                             .hosts = words,
                             .host_count = 2,
                             .handle = app_handle,
                             .payload = ctx };
    HthHttp *h = NULL;
    const HthStatus st = hth_http_open(&h, &cfg, NULL);
    hth_http_close(&h);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    App app = { 0 };
    assert_in_range(test_torture(open_once, &app, 100), 5, 100);
    /* While it runs: a request is answered or its connection ends, and nothing is lost. */
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    (void)!hth_buf_reserve(&in, 1 << 16, NULL);
    const uint64_t live = hth_mem_live();
    app_open(&app, NULL);
    const uint64_t last = app.far ? 40 : 11;
    for (uint64_t nth = 1; nth <= last; nth++) {
        const int fd = client_tcp(app.port);
        hth_buf_clear(&in);
        hth_mem_fail_after(nth);
        assert_true(client_say(fd, POST("/echo", "3") "Connection: close\r\n\r\nabc"));
        client_to_end(fd, &in);
        hth_mem_fail_after(0);
        close(fd);
        const int status = client_status(&in);
        assert_true(status == 0 || status == 200 || status == 507 || (app.far && status == 503));
        if (nth == last) assert_int_equal(status, 200);
    }
    app_close(&app);
    assert_int_equal(hth_mem_live(), live);
    hth_buf_drop(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(strictness),
        cmocka_unit_test(bodies_are_bodies),
        cmocka_unit_test(hosts_and_origins),
        cmocka_unit_test(preflights),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(too_many),
        cmocka_unit_test(a_crowd),
        cmocka_unit_test_setup_teardown(unix_sockets, test_folder_make, test_folder_drop),
        cmocka_unit_test(a_peer_that_left),
        cmocka_unit_test(inherited),
        cmocka_unit_test(refuses_to_open),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(a_busy_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
