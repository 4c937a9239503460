/* http_lines_test.c - the lines of a request's head: what of them the HTTP library makes something
 * else of is refused, and nothing else is. */
#include "support/http_app.h"
#include "support/http_client.h"

#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " len "\r\n"

static const AppCase cases_of_lines[] = {
    /* A line that goes on: whatever a reader makes of it, it may not be another header. */
    { 400, POST("/echo", "2") " 0\r\n\r\nab" },
    { 400, POST("/echo", "2") "\tx\r\n\r\nab" },
    { 400, POST("/echo", "2") " \r\n\r\nab" },
    { 400, POST("/echo", "2") "A: b\r\n c\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-: 2\r\n Length\r\n\r\nab" },
    { 400, "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-: chunked\r\n Encoding\r\n\r\n"
           "0\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHo: localhost\r\n st\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n x\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\nHost: localhost\r\nA:\r\n b\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\n A: b\r\nHost: localhost\r\n\r\n" },
    { 400, "GET /echo HTTP/1.1\r\n: b\r\nHost: localhost\r\n\r\n" },
    { 200, "GET /echo HTTP/1.1\r\nHost:localhost\r\nA: \t \tb \r\nB:\r\nC: \r\n\r\n" },
    { 200, "GET /echo?a=%20b&c HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; c=d\r\n\r\n" },
};

static void lines(void **state) {
    (void)state;
    app_cases(cases_of_lines, HTH_COUNT(cases_of_lines));
}

/* A text that ends early for one reader. */
static void nothing_is_cut(void **state) {
    static const HthStr cases[] = {
        HTH_STR("GET /echo\0x HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n"),
        HTH_STR("GET /echo?a\0b HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n"),
        HTH_STR("GET /echo HTTP/1.1\0x\r\nConnection: close\r\nHost: localhost\r\n\r\n"),
        HTH_STR(
            "GET /echo HTTP/1.1\r\nConnection: close\r\nHost: localhost\0.evil.example\r\n\r\n"),
        HTH_STR("GET /echo HTTP/1.1\r\nConnection: close\r\nHost: localhost\0.evil.example\r\nA: "
                "b\r\n\r\n"),
        HTH_STR("GET /echo HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nA\0: b\r\n\r\n"),
        HTH_STR("POST /echo HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nContent-Length: "
                "2\0 9\r\n\r\nab"),
        HTH_STR("POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\09\r\nHost: "
                "localhost\r\n\r\nab"),
        HTH_STR("POST /echo HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\nTransfer-Encoding: "
                "chunked\0x\r\n\r\n"
                "0\r\n\r\n"),
    };
    (void)state;
    App app;
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    app_open(&app, NULL);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const int fd = client_tcp(app.port);
        hth_buf_clear(&in);
        assert_true(client_send(fd, cases[i].p, cases[i].n));
        client_to_end(fd, &in);
        close(fd);
        const int status = in.n ? client_status(&in) : 0;
        if (app.handled || (status && status != 400 && status != 505))
            fail_msg("case %zu: %d", i, status);
    }
    app_close(&app);
    hth_buf_drop(&in);
}

/* Headers that come in pieces, and many, and large: nothing odd is seen in them. */
static void large_heads(void **state) {
    (void)state;
    App app;
    HthBuf in, body, out;
    hth_buf_init(&in, 1 << 20);
    hth_buf_init(&body, 1 << 20);
    hth_buf_init(&out, 1 << 20);
    app_open(&app, NULL);
    const int fd = client_tcp(app.port);
    for (int round = 0; round < 20; round++) {
        hth_buf_clear(&out);
        assert_int_equal(hth_buf_printf(&out, NULL, POST("/echo", "2")), HTH_OK);
        for (int i = 0; i < 8 * round; i++)
            assert_int_equal(
                hth_buf_printf(&out, NULL, "X-%d:%*s%0*d\r\n", i, i % 7, "", 1 + i * 3 % 90, i),
                HTH_OK);
        assert_int_equal(hth_buf_printf(&out, NULL, "Cookie: a=b; c=d\r\n\r\nab"), HTH_OK);
        const size_t step = round % 2 ? out.n : (size_t)(1 + round * 37);
        for (size_t at = 0; at < out.n; at += step)
            assert_true(client_send(fd, out.p + at, out.n - at < step ? out.n - at : step));
        assert_int_equal(client_answer(fd, &in, &body), 200);
        assert_string_equal(body.p, "ab");
    }
    close(fd);
    app_close(&app);
    hth_buf_drop(&in);
    hth_buf_drop(&body);
    hth_buf_drop(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(nothing_is_cut),
        cmocka_unit_test(large_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
