/* http_stream_test.c - answers that take their time, and clients that leave at any moment.
 *
 * Whatever happens, a source is told at most once that the client is gone and closed exactly once,
 * last (http_app.h asserts the order), and no memory stays behind. */
#include "base/rng.h"
#include "serve/http.h"
#include "support/http_app.h"

static void say_get(int fd, const char *path) {
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    (void)client_say(fd, request);
}

static void check_events(const HthBuf *in, uint64_t n) {
    HthBuf body, want;
    hth_buf_init(&body, 1 << 24);
    hth_buf_init(&want, 1 << 24);
    assert_true(client_unchunk(in, &body));
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(hth_buf_printf(&want, NULL, "data: %llu\n\n", (unsigned long long)i),
                         HTH_OK);
    assert_int_equal(body.n, want.n);
    assert_string_equal(hth_buf_str(&body).p, hth_buf_str(&want).p);
    hth_buf_drop(&body);
    hth_buf_drop(&want);
}

static void streams(void **state) {
    (void)state;
    App app;
    HthBuf in, body;
    hth_buf_init(&in, 1 << 24);
    hth_buf_init(&body, 1 << 24);
    app_open(&app, NULL);
    const int fd = client_tcp(app.port);
    static const uint64_t counts[] = { 0, 1, 7, 5000 };
    for (size_t i = 0; i < HTH_COUNT(counts); i++) { /* one connection for all */
        char path[64];
        snprintf(path, sizeof path, "/stream?n=%llu&ms=%d", (unsigned long long)counts[i],
                 counts[i] == 7);
        hth_buf_clear(&in);
        say_get(fd, path);
        client_until(fd, &in, "\r\n0\r\n\r\n");
        assert_int_not_equal(hth_str_find(hth_buf_str(&in), HTH_STR("text/event-stream\r\n")),
                             SIZE_MAX);
        check_events(&in, counts[i]);
    }
    /* The same as one answer with its length. */
    hth_buf_clear(&in);
    say_get(fd, "/whole?n=300");
    assert_int_equal(client_answer(fd, &in, &body), 200);
    assert_true(hth_str_starts(hth_buf_str(&body), HTH_STR("data: 0\n\ndata: 1\n\n")));
    assert_true(hth_str_ends(hth_buf_str(&body), HTH_STR("data: 299\n\n")));
    /* HEAD: headers alone, and the source is closed. */
    assert_true(client_say(fd, "HEAD /stream?n=3 HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    client_until(fd, &in, "\r\n\r\n");
    app_wait(&app.closed, 6);
    close(fd);
    /* HTTP/1.0: until the end of the connection. */
    const int old = client_tcp(app.port);
    hth_buf_clear(&in);
    assert_true(client_say(old, "GET /stream?n=3 HTTP/1.0\r\n\r\n"));
    client_to_end(old, &in);
    assert_true(hth_str_ends(hth_buf_str(&in), HTH_STR("data: 0\n\ndata: 1\n\ndata: 2\n\n")));
    close(old);
    app_close(&app);
    assert_int_equal(app.gone, 0);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
}

/* 300 at once, on their own connections; each gets its own words in order. */
static void many_streams(void **state) {
    enum { N = 300, EVENTS = 20 };
    const HthHttpCfg cfg = { .connections_per_address_max = 1000, .requests_waiting_max = 1000 };
    static HthBuf in[N];
    static int fds[N];
    (void)state;
    App app;
    app_open(&app, &cfg);
    for (int i = 0; i < N; i++) {
        hth_buf_init(&in[i], 1 << 20);
        fds[i] = client_tcp(app.port);
        say_get(fds[i], "/stream?n=20&ms=1");
    }
    for (int i = 0; i < N; i++) {
        client_until(fds[i], &in[i], "\r\n0\r\n\r\n");
        check_events(&in[i], EVENTS);
        hth_buf_drop(&in[i]);
        close(fds[i]);
    }
    app_close(&app);
    assert_int_equal(app.done_whole, N);
}

static void pings(void **state) {
    (void)state;
    App app;
    HthBuf in, body;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&body, 1 << 20);
    app_open(&app, NULL);
    const int fd = client_tcp(app.port);
    say_get(fd, "/silent?ping=5");
    while (!client_unchunk(&in, &body) && body.n < 3 * 8)
        assert_true(client_recv(fd, &in, DEADLINE_MS) > 0);
    assert_true(hth_str_starts(hth_buf_str(&body), HTH_STR(": ping\n\n: ping\n\n: ping\n\n")));
    close(fd);
    app_wait(&app.closed, 1);
    assert_int_equal(app.gone, 1);
    app_close(&app);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
}

/* A refusal is the loop's own work: when it is there, the loop has seen what happened before. */
static void loop_has_looked(const App *app) {
    HthBuf in;
    const int before = app->done;
    hth_buf_init(&in, 1 << 16);
    assert_int_equal(client_once(app->port, "GET / HTTP/1.1\r\nHost: evil\r\n\r\n", &in), 403);
    while (app->far && app->done == before) app_sleep_ms(1); /* and the loop behind the relay */
    hth_buf_drop(&in);
}

/* The client leaves: before the handler has seen it, while the handler works, before the first
 * byte, in a stalled stream, half-way (only its sending side). */
static void leaving(void **state) {
    const HthHttpCfg cfg = { .prep_threads = 1 };
    (void)state;
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 24);
    app_open(&app, &cfg);
    /* In the queue: never handled. */
    app.held = true;
    const int holder = client_tcp(app.port);
    say_get(holder, "/hold");
    app_wait(&app.holding, 1);
    const int queued = client_tcp(app.port);
    say_get(queued, "/stream?n=5");
    while (hth_http_busy(app.http) < 2) app_sleep_ms(1);
    close(queued);
    while (app.far && hth_http_busy(app.http) > 1) app_sleep_ms(1); /* the front has seen it */
    loop_has_looked(&app);
    /* With the handler: it finishes, its answer goes nowhere. */
    close(holder);
    while (app.far && hth_http_busy(app.http) > 0) app_sleep_ms(1);
    loop_has_looked(&app);
    app.held = false;
    app_wait(&app.done, 4);
    assert_int_equal(app.handled, 1);
    /* Before the first byte, streams and whole answers alike. */
    static const char *const quiet[] = { "/silent", "/mute", "/whole?n=100000&ms=1" };
    int gone = 0;
    for (size_t i = 0; i < 2 * HTH_COUNT(quiet); i++) {
        const int opened = app.opened;
        const int fd = client_tcp(app.port);
        say_get(fd, quiet[i / 2]);
        app_wait(&app.opened, opened + 1);
        if (i % 2)
            close(fd);
        else
            shutdown(fd, SHUT_WR);
        app_wait(&app.gone, ++gone);
        app_wait(&app.closed, gone);
        if (!(i % 2)) close(fd);
    }
    /* Nobody reads: the stream waits, holding little; then the client goes. */
    for (int half = 0; half < 2; half++) {
        const int fd = client_tcp(app.port);
        const int opened = app.opened;
        say_get(fd, "/flood?n=1000000");
        app_wait(&app.opened, opened + 1);
        uint64_t before = 0, now = 1;
        while (now != before) {
            before = now;
            app_sleep_ms(50);
            now = hth_http_stats(app.http).bytes_out;
        }
        assert_true(now < (uint64_t)64 << 20); /* what the system buffers, not a gigabyte */
        if (half)
            shutdown(fd, SHUT_WR);
        else
            close(fd);
        app_wait(&app.gone, ++gone);
        app_wait(&app.closed, gone);
        if (half) close(fd);
    }
    app_close(&app);
    hth_buf_drop(&in);
}

/* While everybody waits the loop sleeps, whatever they wait for. */
static void waiting(void **state) {
    static const char *const requests[] = {
        "GE",
        "GET /echo HTTP/1.1\r\nHost: loc",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\nGET /echo HTTP/1.1\r\n",
        "GET /mute HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /flood?n=1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "",
    };
    (void)state;
    App app;
    int fds[HTH_COUNT(requests)];
    app_open(&app, NULL);
    app.held = true;
    for (size_t i = 0; i < HTH_COUNT(requests); i++) {
        fds[i] = client_tcp(app.port);
        assert_true(client_say(fds[i], requests[i]));
    }
    app_wait(&app.holding, 1);
    app_wait(&app.opened, 4);
    for (uint64_t was = 1, now = 0; was != now; app_sleep_ms(100)) { /* the flood fills up */
        was = now;
        now = hth_http_stats(app.http).bytes_out;
    }
    const uint64_t before = hth_http_stats(app.http).rounds;
    app_sleep_ms(300);
    const uint64_t rounds = hth_http_stats(app.http).rounds - before;
    if (rounds > 2000) fail_msg("%llu rounds for nothing", (unsigned long long)rounds);
    app.held = false;
    for (size_t i = 0; i < HTH_COUNT(requests); i++) close(fds[i]);
    app_close(&app);
}

/* A slow reader still gets every byte. */
static void backpressure(void **state) {
    (void)state;
    App app;
    HthBuf in, body;
    hth_buf_init(&in, 64 << 20);
    hth_buf_init(&body, 64 << 20);
    app_open(&app, NULL);
    const int fd = client_tcp(app.port);
    say_get(fd, "/flood?n=16384");
    for (int i = 0; i < 20; i++) app_sleep_ms(5), client_recv(fd, &in, DEADLINE_MS);
    while (!client_unchunk(&in, &body)) assert_true(client_recv(fd, &in, DEADLINE_MS) > 0);
    assert_int_equal(body.n, 16 << 20);
    close(fd);
    app_close(&app);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
}

/* Half a header, half a body, a byte now and then: cut at the deadline, others are served. */
static void slow_clients(void **state) {
    const HthHttpCfg cfg = { .header_ms = 300, .body_grace_ms = 300, .idle_ms = 60000 };
    static const char *const parts[] = {
        "GE", "GET /echo HTTP/1.1\r\nHost: loc",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc"
    };
    (void)state;
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, &cfg);
    for (size_t i = 0; i < HTH_COUNT(parts); i++) {
        const int fd = client_tcp(app.port);
        assert_true(client_say(fd, parts[i]));
        hth_buf_clear(&in);
        int n = -1;
        for (int ms = 0; n && ms < DEADLINE_MS; ms += 10) {
            if (!client_say(fd, "x")) break;
            n = client_recv(fd, &in, 10);
            if (n > 0) assert_int_not_equal(client_status(&in), 200);
        }
        assert_int_equal(client_recv(fd, &in, DEADLINE_MS), 0);
        close(fd);
    }
    assert_int_equal(client_once(app.port, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", &in),
                     200);
    app_close(&app);
    assert_int_equal(app.handled, 1);
    hth_buf_drop(&in);
}

/* Draining: what is under way ends well, idle connections go, new ones are not taken. */
static void draining(void **state) {
    (void)state;
    App app;
    HthBuf in, none;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&none, 1 << 20);
    app_open(&app, NULL);
    const int busy = client_tcp(app.port), idle = client_tcp(app.port);
    say_get(idle, "/echo");
    assert_int_equal(client_answer(idle, &none, NULL), 200);
    say_get(busy, "/stream?n=50&ms=2");
    client_until(busy, &in, "data: 1\n");
    hth_http_drain(app.http);
    client_to_end(idle, &none);
    client_until(busy, &in, "\r\n0\r\n\r\n");
    check_events(&in, 50);
    client_to_end(busy, &in); /* and then it goes too */
    close(busy);
    close(idle);
    const int late = client_tcp(app.port);
    if (late >= 0) close(late);
    assert_int_equal(late, -1);
    while (hth_http_busy(app.http)) app_sleep_ms(1);
    app_close(&app);
    assert_int_equal(app.gone, 0);
    hth_buf_drop(&in);
    hth_buf_drop(&none);
}

/* Closing cuts what is open: handlers, streams, whole answers, half requests. */
static void closing(void **state) {
    static const char *const paths[] = {
        "/silent",          "/mute", "/stream?n=100000&ms=1", "/whole?n=100000&ms=1",
        "/flood?n=1000000", "/hold"
    };
    (void)state;
    const uint64_t live = hth_mem_live();
    for (int round = 0; round < 3; round++) {
        App app;
        int fds[12];
        app_open(&app, NULL);
        app.held = round == 2; /* both prep threads hang */
        for (int i = 0; i < 12; i++) {
            fds[i] = client_tcp(app.port);
            if (i % 6 == 5 || round == 2)
                say_get(fds[i], "/hold");
            else
                say_get(fds[i], paths[i % 6]);
        }
        const int half = client_tcp(app.port);
        assert_true(client_say(half, "POST /echo HTTP/1.1\r\nHost: localhost\r\n"));
        if (round) app_sleep_ms(30);
        app.held = false;
        app_close(&app);
        for (int i = 0; i < 12; i++) close(fds[i]);
        close(half);
    }
    assert_int_equal(hth_mem_live(), live);
}

/* Clients that send, read a while and vanish at a moment drawn from a seed: close, half-close,
 * reset, in every kind of answer. */
static void at_any_moment(void **state) {
    static const char *const requests[] = {
        "GET /stream?n=30&ms=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /whole?n=10&ms=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /silent?ping=3 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /flood?n=3000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789"
        "GET /what HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\nGET /stream?n=3 HTTP/1.1\r\n"
        "Host: localhost\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nabcde\r\n0\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: evil\r\n\r\n",
    };
    const char *rounds_text = getenv("HEARTH_HTTP_ROUNDS");
    const uint64_t rounds = rounds_text ? strtoull(rounds_text, NULL, 10) : 600;
    enum { OPEN = 16 };
    const HthHttpCfg cfg = { .connections_per_address_max = 1000 };
    (void)state;
    App app;
    HthBuf in;
    int fds[OPEN];
    const uint64_t live = hth_mem_live();
    hth_buf_init(&in, 64 << 20);
    app_open(&app, &cfg);
    for (int i = 0; i < OPEN; i++) fds[i] = -1;
    for (uint64_t round = 0; round < rounds; round++) {
        uint32_t r[4];
        hth_rng_block(7, 0, round, r);
        int *fd = &fds[r[0] % OPEN];
        if (*fd < 0) {
            const char *text = requests[r[1] % HTH_COUNT(requests)];
            const size_t n = strlen(text);
            *fd = client_tcp(app.port);
            assert_true(*fd >= 0);
            (void)client_send(*fd, text, r[2] % 8 ? n : r[3] % n); /* one in eight is cut off */
            continue;
        }
        switch (r[1] % 5) {
        case 0: shutdown(*fd, SHUT_WR); break;
        case 1:
        case 2: (void)client_recv(*fd, &in, (int)(r[2] % 4)); break;
        case 3: { /* a reset */
            const struct linger now = { 1, 0 };
            setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        } /* fall through */
        case 4:
            close(*fd);
            *fd = -1;
            break;
        }
        hth_buf_clear(&in);
    }
    for (int i = 0; i < OPEN; i++)
        if (fds[i] >= 0 && i % 2) close(fds[i]), fds[i] = -1;
    app_close(&app);
    for (int i = 0; i < OPEN; i++)
        if (fds[i] >= 0) close(fds[i]);
    hth_buf_drop(&in);
    assert_int_equal(hth_mem_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),       cmocka_unit_test(many_streams), cmocka_unit_test(pings),
        cmocka_unit_test(leaving),       cmocka_unit_test(backpressure), cmocka_unit_test(waiting),
        cmocka_unit_test(slow_clients),  cmocka_unit_test(draining),     cmocka_unit_test(closing),
        cmocka_unit_test(at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
