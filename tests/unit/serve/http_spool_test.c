/* http_spool_test.c - bodies that are files: every byte to the sink, none of them held. */
#include "serve/http_spool.h"

#include "base/rng.h"
#include "support/http_app.h"

typedef struct Files {
    App app; /* first: the sources of http_app.h find it */
    _Atomic int begun, sinks, closed, handled;
    _Atomic uint64_t bytes;
    _Atomic uint32_t sum, writes; /* of bytes times their place */
    _Atomic bool hold; /* the sink waits while it is */
    uint64_t bytes_max, fail_at; /* 0: never */
    int refuse; /* a status to answer before the body */
} Files;

static HthStatus sink_write(void *payload, const void *bytes, size_t n, HthErr *err) {
    Files *f = payload;
    const uint8_t *p = bytes;
    uint32_t sum = 0;
    while (f->hold) app_sleep_ms(1);
    HTH_ASSERT(n && n <= 1 << 20);
    for (size_t i = 0; i < n; i++) sum += p[i] * (uint32_t)(f->bytes + i + 1);
    f->bytes += n;
    f->sum += sum;
    f->writes++;
    HTH_REQUIRE(!f->fail_at || f->bytes < f->fail_at, err, HTH_EIO, "The disk is full.");
    return HTH_OK;
}

static void sink_close(void *payload) {
    ((Files *)payload)->closed++;
}

static void begin(void *payload, HthX *x) {
    Files *f = payload;
    const HthSink sink = { sink_write, sink_close, f, f->bytes_max };
    f->begun++;
    if (f->refuse) {
        hth_x_reply(x, f->refuse, "text/plain", HTH_STR("no"));
        return;
    }
    f->sinks++;
    hth_x_spool(x, &sink);
}

static void handle(void *payload, HthX *x) {
    Files *f = payload;
    HthErr err = { 0 };
    char text[300];
    uint64_t bytes = 0;
    f->handled++;
    if (!hth_str_starts(hth_x_path(x), HTH_STR("/api/blobs/"))) {
        hth_x_reply(x, hth_x_spooled(x, &bytes, NULL) == HTH_EINVAL ? 200 : 500, "text/plain",
                    hth_x_body(x));
        return;
    }
    HTH_ASSERT(!hth_x_body(x).n);
    const HthStatus st = hth_x_spooled(x, &bytes, &err);
    snprintf(text, sizeof text, "%llu %s", (unsigned long long)bytes, st ? err.text : "fine");
    hth_x_reply(x, st == HTH_OK ? 201 : 507, "text/plain", hth_str(text));
}

static void files_open(Files *f) {
    static const HthListen tcp = { .host = "127.0.0.1", .fd = -1 };
    static const char *const uploads[] = { "/api/blobs/" };
    const HthHttpCfg cfg = { .listens = &tcp,
                             .listen_count = 1,
                             .handle = handle,
                             .payload = f,
                             .uploads = uploads,
                             .upload_count = 1,
                             .upload = begin,
                             .body_max = 4096 };
    HthErr err = { 0 };
    assert_ok(hth_http_open(&f->app.http, &cfg, &err), err);
    f->app.port = hth_http_port(f->app.http, 0);
}

static void files_close(Files *f) {
    hth_http_close(&f->app.http);
    assert_int_equal(f->sinks, f->closed);
}

static uint8_t byte_at(uint64_t i) {
    return (uint8_t)(i * 2654435761u >> 13);
}

static uint32_t sum_of(uint64_t n) {
    uint32_t sum = 0;
    for (uint64_t i = 0; i < n; i++) sum += byte_at(i) * (uint32_t)(i + 1);
    return sum;
}

/* Sends n bytes as one body, in chunks of odd sizes when chunked. */
static void send_file(int fd, uint64_t n, bool chunked) {
    char head[256];
    uint8_t part[70000];
    snprintf(head, sizeof head,
             chunked ? "POST /api/blobs/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n"
                     : "POST /api/blobs/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %llu"
                       "\r\n\r\n",
             (unsigned long long)n);
    (void)client_say(fd, head);
    for (uint64_t at = 0; at < n;) {
        uint64_t k = 1 + hth_rng_below(3, 0, at, sizeof part);
        if (k > n - at) k = n - at;
        for (uint64_t i = 0; i < k; i++) part[i] = byte_at(at + i);
        snprintf(head, sizeof head, "%llx\r\n", (unsigned long long)k);
        if (chunked && !client_say(fd, head)) return;
        if (!client_send(fd, part, k)) return;
        if (chunked && !client_say(fd, "\r\n")) return;
        at += k;
    }
    if (chunked) (void)client_say(fd, "0\r\n\r\n");
}

static void every_byte(void **state) {
    static const uint64_t sizes[] = { 1, 4096, 5000, 1 << 20, (1 << 20) + 1, 9000000 };
    (void)state;
    HthBuf in, body;
    hth_buf_init(&in, 1 << 16);
    hth_buf_init(&body, 1 << 16);
    const uint64_t live = hth_mem_live();
    Files f = { .bytes_max = 1 << 30 };
    files_open(&f);
    int fd = client_tcp(f.app.port);
    for (size_t i = 0; i < 2 * HTH_COUNT(sizes); i++) {
        char want[64];
        const uint64_t n = sizes[i / 2];
        f.bytes = f.sum = f.writes = 0;
        send_file(fd, n, i % 2);
        assert_int_equal(client_answer(fd, &in, &body), 201);
        snprintf(want, sizeof want, "%llu fine", (unsigned long long)n);
        assert_string_equal(body.p, want);
        assert_int_equal(f.bytes, n);
        assert_int_equal(f.sum, sum_of(n));
        assert_int_equal(f.writes, (n + (1 << 20) - 1) >> 20);
        if (!(i % 2)) continue;
        client_to_end(fd, &in); /* chunks end a connection */
        close(fd);
        fd = client_tcp(f.app.port);
    }
    /* Elsewhere a body is a body; and without one, an upload's path is a path. */
    assert_true(
        client_say(fd, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"));
    assert_int_equal(client_answer(fd, &in, &body), 200);
    assert_string_equal(body.p, "abc");
    assert_int_equal(f.begun, 2 * HTH_COUNT(sizes));
    close(fd);
    files_close(&f);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
    assert_int_equal(hth_mem_live(), live);
}

/* Refused before the body; too large by what is said and by what comes; a disk that is full. */
static void refusals(void **state) {
    (void)state;
    HthBuf in;
    hth_buf_init(&in, 1 << 16);
    Files f = { .bytes_max = 100000, .refuse = 401 };
    files_open(&f);
    for (int chunked = 0; chunked < 2; chunked++) {
        const int fd = client_tcp(f.app.port);
        hth_buf_clear(&in);
        send_file(fd, 50000, chunked);
        client_until(fd, &in, "\r\n\r\n");
        assert_int_equal(client_status(&in), 401);
        close(fd);
    }
    assert_int_equal(f.sinks, 0);
    f.refuse = 0;
    for (int i = 0; i < 4; i++) { /* 100000 fit, one more does not */
        const int fd = client_tcp(f.app.port);
        hth_buf_clear(&in);
        send_file(fd, 100000 + i / 2, i % 2);
        client_until(fd, &in, "\r\n\r\n");
        assert_int_equal(client_status(&in), i / 2 ? 413 : 201);
        close(fd);
    }
    assert_int_equal(f.handled, 2);
    f.bytes = 0;
    f.bytes_max = 1 << 30;
    f.fail_at = 1 << 20;
    const int fd = client_tcp(f.app.port);
    hth_buf_clear(&in);
    send_file(fd, (1 << 20) + 2000, false);
    client_until(fd, &in, "The disk is full.");
    assert_int_equal(client_status(&in), 507);
    close(fd);
    /* Much more after the failure is not even thrown away. */
    f.bytes = 0;
    const int long_one = client_tcp(f.app.port);
    hth_buf_clear(&in);
    send_file(long_one, 3 << 20, false);
    client_to_end(long_one, &in);
    assert_int_equal(in.n, 0);
    close(long_one);
    files_close(&f);
    hth_buf_drop(&in);
}

/* A client that asks first hears 100, or the refusal alone. */
static void asks_first(void **state) {
    (void)state;
    HthBuf in;
    hth_buf_init(&in, 1 << 16);
    Files f = { .bytes_max = 1000 };
    files_open(&f);
    for (int round = 0; round < 3; round++) {
        const int fd = client_tcp(f.app.port);
        hth_buf_clear(&in);
        f.refuse = round == 2 ? 403 : 0;
        char head[256];
        snprintf(head, sizeof head,
                 "PUT /api/blobs/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                 "Content-Length: %d\r\n\r\n",
                 round == 1 ? 1001 : 3);
        assert_true(client_say(fd, head));
        client_until(fd, &in, "\r\n\r\n");
        static const int want[] = { 100, 413, 403 };
        assert_int_equal(client_status(&in), want[round]);
        hth_buf_clear(&in);
        if (!round) {
            assert_true(client_say(fd, "abc"));
            assert_int_equal(client_answer(fd, &in, NULL), 201);
        }
        close(fd);
    }
    assert_int_equal(f.bytes, 3);
    files_close(&f);
    hth_buf_drop(&in);
}

/* A sink that hangs holds up nobody else; a client that leaves meanwhile is forgotten. */
static void slow_disk(void **state) {
    (void)state;
    HthBuf in;
    hth_buf_init(&in, 1 << 16);
    const uint64_t live = hth_mem_live();
    for (int leaves = 0; leaves < 2; leaves++) {
        Files f = { .bytes_max = 1 << 30, .hold = true };
        files_open(&f);
        const int fd = client_tcp(f.app.port);
        send_file(fd, (1 << 20) + 5, false);
        app_wait(&f.begun, 1);
        for (int i = 0; i < 20; i++)
            assert_int_equal(client_once(f.app.port,
                                         "POST /x HTTP/1.1\r\nHost: localhost\r\n"
                                         "Content-Length: 2\r\n\r\nab",
                                         &in),
                             200);
        assert_int_equal(f.bytes, 0);
        if (leaves) close(fd);
        app_sleep_ms(leaves ? 20 : 0);
        f.hold = false;
        if (leaves) {
            app_wait(&f.closed, 1);
        } else {
            hth_buf_clear(&in);
            client_until(fd, &in, "1048581 fine");
            close(fd);
        }
        files_close(&f);
    }
    /* Cut off in the middle, again and again. */
    Files f = { .bytes_max = 1 << 30 };
    files_open(&f);
    for (int i = 0; i < 40; i++) {
        const int fd = client_tcp(f.app.port);
        char part[5000];
        memset(part, 'p', sizeof part);
        assert_true(client_say(fd, "POST /api/blobs/x HTTP/1.1\r\nHost: localhost\r\n"
                                   "Content-Length: 3000000\r\n\r\n"));
        for (uint32_t k = hth_rng_below(5, 0, (uint64_t)i, 400); k; k--)
            if (!client_send(fd, part, sizeof part)) break;
        close(fd);
    }
    app_wait(&f.begun, 1);
    files_close(&f);
    hth_buf_drop(&in);
    assert_int_equal(hth_mem_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_byte), cmocka_unit_test(refusals),
                                        cmocka_unit_test(asks_first), cmocka_unit_test(slow_disk) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
