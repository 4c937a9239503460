/* http_app.h - a small application behind the server, for its tests: every kind of answer.
 *
 *   /echo           the body            /what      method, path, ?q=, peer, same origin, as text
 *   /static         fixed bytes         /stream?n= n events, by a thread; ms= between them
 *   /cert           name and serial of the client's certificate
 *   /whole?n=       the same, whole     /silent    a stream that says nothing, ever
 *   /hold           the handler waits until App.held is let go
 *   /flood?n=       n KiB, as fast as the client takes them
 *
 * Sources count: each must be closed once, and be told once at most that the client is gone.
 *
 * With APP_FAR the application is behind a relay: what the server's two processes do, in one.
 *
 * Thread: counters are atomic. */
#ifndef HTH_TESTS_SUPPORT_HTTP_APP_H
#define HTH_TESTS_SUPPORT_HTTP_APP_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "serve/far.h"
#include "serve/http.h"
#include "serve/relay.h"
#include "support/http_client.h"

typedef struct App {
    HthHttp *http;
    uint16_t port;
    HthLinkMap map; /* with APP_FAR, these three */
    HthRelay *relay;
    HthFar *far;
    _Atomic int handled, opened, gone, closed, done, done_whole;
    _Atomic bool held; /* /hold waits while it is */
    _Atomic int holding;
} App;

typedef struct Stream {
    App *app;
    HthX *x;
    pthread_mutex_t mutex;
    pthread_t thread;
    bool threaded, silent;
    uint64_t total, made, given; /* events, or KiB for floods */
    uint32_t ms;
    bool flood, left, stop;
    int gone;
} Stream;

static inline void app_sleep_ms(uint32_t ms) {
    const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

static inline int stream_more(void *payload, HthBuf *out) {
    Stream *s = payload;
    int r = 0;
    pthread_mutex_lock(&s->mutex);
    if (s->flood && s->given < s->total) {
        char kib[1024];
        memset(kib, 'f', sizeof kib);
        for (int i = 0; i < 16 && s->given < s->total; i++, s->given++)
            assert_int_equal(hth_buf_add(out, kib, sizeof kib, NULL), HTH_OK);
        r = 1;
    }
    while (!s->flood && s->given < s->made && out->n < 8192) {
        assert_int_equal(hth_buf_printf(out, NULL, "data: %llu\n\n", (unsigned long long)s->given),
                         HTH_OK);
        s->given++;
        r = 1;
    }
    if (!s->silent && s->given == s->total) r = -1;
    pthread_mutex_unlock(&s->mutex);
    return r;
}

static inline void stream_gone(void *payload) {
    Stream *s = payload;
    pthread_mutex_lock(&s->mutex);
    s->gone++;
    s->stop = true;
    pthread_mutex_unlock(&s->mutex);
    HTH_ASSERT(s->gone == 1);
    s->app->gone++;
}

static inline void stream_close(void *payload) {
    Stream *s = payload;
    App *app = s->app;
    pthread_mutex_lock(&s->mutex);
    s->stop = true;
    pthread_mutex_unlock(&s->mutex);
    if (s->threaded) pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->mutex);
    hth_free(s);
    app->closed++;
}

static inline void *stream_produce(void *payload) {
    Stream *s = payload;
    for (bool stop = false; !stop;) {
        if (s->ms) app_sleep_ms(s->ms);
        pthread_mutex_lock(&s->mutex);
        if (!s->stop) {
            s->made++;
            hth_x_wake(s->x);
        }
        stop = s->stop || s->made >= s->total;
        pthread_mutex_unlock(&s->mutex);
    }
    return NULL;
}

static inline uint64_t app_number(const HthX *x, const char *name, uint64_t otherwise) {
    HthStr text;
    uint64_t v = otherwise;
    if (hth_x_query(x, name, &text)) (void)hth_str_u64(text, &v);
    return v;
}

static inline void app_stream(App *app, HthX *x, bool whole, bool silent, bool flood) {
    HthStr text;
    Stream *s = hth_calloc(1, sizeof *s);
    if (!s) {
        hth_x_reply(x, 507, "text/plain", HTH_STR("no memory"));
        return;
    }
    pthread_mutex_init(&s->mutex, NULL);
    s->app = app;
    s->x = x;
    s->silent = silent;
    s->flood = flood;
    s->total = app_number(x, "n", 5);
    s->ms = (uint32_t)app_number(x, "ms", 0);
    const HthSource source = { .more = stream_more,
                               .gone = stream_gone,
                               .close = stream_close,
                               .payload = s,
                               .ping = hth_x_query(x, "ping", &text) ? ": ping\n\n" : NULL,
                               .ping_ms = (uint32_t)app_number(x, "ping", 0),
                               .whole = whole };
    app->opened++;
    hth_x_wake(x); /* too early is harmless */
    hth_x_source(x, 200, whole ? "text/plain" : "text/event-stream", &source);
    if (silent || flood || !s->total) return;
    s->threaded = !pthread_create(&s->thread, NULL, stream_produce, s);
    HTH_ASSERT(s->threaded);
}

static inline void app_what(HthX *x) {
    HthBuf out;
    HthStr q, cookie;
    const HthPeer *p = hth_x_peer(x);
    hth_buf_init(&out, 1 << 16);
    (void)hth_x_query(x, "q", &q);
    (void)hth_x_cookie(x, "c", &cookie);
    (void)!hth_buf_printf(&out, NULL,
                          "%.*s %.*s q=%.*s c=%.*s local=%d known=%d uid=%u tls=%d from=%s own=%d",
                          HTH_STR_ARG(hth_x_method(x)), HTH_STR_ARG(hth_x_path(x)), HTH_STR_ARG(q),
                          HTH_STR_ARG(cookie), p->local, p->uid_known, p->uid, p->tls, p->address,
                          hth_x_same_origin(x));
    hth_x_add_header(x, "X-Test", HTH_STR("yes"));
    hth_x_reply(x, 200, "text/plain", hth_buf_str(&out));
    hth_buf_drop(&out);
}

static inline void app_cert(HthX *x) {
    char text[128];
    const HthPeer *p = hth_x_peer(x);
    snprintf(text, sizeof text, "cert=%s serial=%s.", p->cert_name, p->cert_serial);
    hth_x_reply(x, 200, "text/plain", hth_str(text));
}

static inline void app_handle(void *payload, HthX *x) {
    App *app = payload;
    const HthStr path = hth_x_path(x);
    app->handled++;
    if (hth_str_eq(path, HTH_STR("/hold"))) {
        app->holding++;
        while (app->held) app_sleep_ms(1);
        app->holding--;
        hth_x_reply(x, 200, "text/plain", HTH_STR("held"));
    } else if (hth_str_eq(path, HTH_STR("/stream"))) {
        app_stream(app, x, false, false, false);
    } else if (hth_str_eq(path, HTH_STR("/whole"))) {
        app_stream(app, x, true, false, false);
    } else if (hth_str_eq(path, HTH_STR("/silent"))) {
        app_stream(app, x, false, true, false);
    } else if (hth_str_eq(path, HTH_STR("/mute"))) {
        app_stream(app, x, true, true, false);
    } else if (hth_str_eq(path, HTH_STR("/flood"))) {
        app_stream(app, x, false, false, true);
    } else if (hth_str_eq(path, HTH_STR("/what"))) {
        app_what(x);
    } else if (hth_str_eq(path, HTH_STR("/cert"))) {
        app_cert(x);
    } else if (hth_str_eq(path, HTH_STR("/static"))) {
        hth_x_reply_static(x, 200, "text/css", HTH_STR("body{}"));
    } else if (hth_str_eq(path, HTH_STR("/echo"))) {
        hth_x_reply(x, 200, "text/plain", hth_x_body(x));
    } else {
        hth_x_reply(x, 404, "text/plain", HTH_STR("no"));
    }
}

static inline void app_done(void *payload, const HthX *x) {
    App *app = payload;
    app->done++;
    app->done_whole += hth_x_result(x).whole;
}

static inline void app_broken(void *payload, const char *sentence) {
    (void)payload;
    fail_msg("%s", sentence);
}

/* The application goes behind the relay, which takes its place. */
static inline void app_far(App *app, HthHttpCfg *c) {
    HthErr err = { 0 };
    const HthFarCfg far = { .map = &app->map,
                            .prep_threads = c->prep_threads,
                            .requests_waiting_max = c->requests_waiting_max,
                            .body_max = c->body_max,
                            .bodies_max = c->bodies_max,
                            .handle = c->handle,
                            .upload = c->upload,
                            .done = c->done,
                            .broken = app_broken,
                            .payload = c->payload };
    const HthRelayCfg relay = { .map = &app->map, .broken = app_broken };
    assert_ok(hth_link_make(&app->map, &err), err);
    assert_ok(hth_relay_open(&app->relay, &relay, &err), err);
    assert_ok(hth_far_open(&app->far, &far, &err), err);
    hth_relay_cfg(app->relay, c);
}

/* cfg: what differs from the defaults; listens on loopback TCP unless it says otherwise. */
static inline void app_open(App *app, const HthHttpCfg *cfg) {
    static const HthListen tcp = { .host = "127.0.0.1", .fd = -1 };
    HthHttpCfg c = cfg ? *cfg : (HthHttpCfg){ 0 };
    HthErr err = { 0 };
    memset(app, 0, sizeof *app);
    if (!c.listens) c.listens = &tcp, c.listen_count = 1;
    if (!c.handle) c.handle = app_handle;
    c.done = app_done;
    c.payload = app;
#ifdef APP_FAR
    app_far(app, &c);
#endif
    assert_ok(hth_http_open(&app->http, &c, &err), err);
    if (app->relay) hth_relay_serve(app->relay, app->http);
    app->port = hth_http_port(app->http, 0);
}

static inline void app_wait(_Atomic int *count, int want) {
    for (int ms = 0; *count < want; ms++) {
        if (ms > DEADLINE_MS) fail_msg("waited for %d, there are %d", want, *count);
        app_sleep_ms(1);
    }
}

/* Nobody is left behind, and every source was closed. */
static inline void app_close(App *app) {
    if (app->relay) hth_relay_stop(app->relay);
    hth_http_close(&app->http);
    assert_null(app->http);
    hth_far_close(&app->far);
    hth_relay_close(&app->relay);
    hth_link_unmake(&app->map);
    assert_int_equal(app->opened, app->closed);
}

typedef struct AppCase {
    int status; /* 0: closed without an answer */
    const char *request;
} AppCase;

/* Each on a connection of its own. One that is refused does not reach the application. */
static inline void app_cases(const AppCase *cases, size_t count) {
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, NULL);
    for (size_t i = 0; i < count; i++) {
        const int handled = app.handled;
        const int got = client_once(app.port, cases[i].request, &in);
        if (got != cases[i].status)
            fail_msg("%d, wanted %d: %s%.200s", got, cases[i].status, cases[i].request,
                     hth_buf_str(&in).p);
        assert_int_equal(app.handled - handled, got == 200 || got == 404);
    }
    app_close(&app);
    hth_buf_drop(&in);
}

#endif
