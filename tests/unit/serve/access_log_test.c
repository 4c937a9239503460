/* access_log_test.c - a line for each request, and nothing in it that a client wrote. */
#include "serve/access_log.h"

#include "base/json.h"
#include "support/http_app.h"

#include "support/folder.h"

static void lines(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf out;
    HthNote note = { .route = HTH_STR("POST /v1/chat/completions"),
                     .user = "alice",
                     .tokens_in = 31,
                     .tokens_out = 128 };
    HthAccess a = { .unix_s = 1700000000,
                    .ms_part = 7,
                    .method = HTH_STR("POST"),
                    .result = { .status = 200,
                                .whole = true,
                                .bytes_in = 512,
                                .bytes_out = 2048,
                                .began_ns = 1000000,
                                .first_ns = 2500000,
                                .ended_ns = 4001000 },
                    .note = &note,
                    .from = "127.0.0.1" };
    hth_buf_init(&out, 1 << 16);
    assert_ok(hth_access_line(&out, &a, &err), err);
    assert_string_equal(out.p,
                        "{\"time\":\"2023-11-14T22:13:20.007Z\",\"method\":\"POST\",\"route\":"
                        "\"POST /v1/chat/completions\",\"status\":200,\"whole\":true,\"in\":512,"
                        "\"out\":2048,\"ms\":3.001,\"first_ms\":1.500,\"tokens_in\":31,"
                        "\"tokens_out\":128,\"user\":\"alice\",\"from\":\"127.0.0.1\"}\n");
    hth_buf_clear(&out);
    note = (HthNote){ .user = "a\"b" };
    a.method = HTH_STR("SECRET-PROMPT");
    a.result = (HthXResult){ .began_ns = 5 };
    a.lost = 3;
    assert_ok(hth_access_line(&out, &a, &err), err);
    assert_string_equal(out.p, "{\"time\":\"2023-11-14T22:13:20.007Z\",\"method\":\"other\","
                               "\"route\":\"\",\"status\":0,\"whole\":false,\"in\":0,\"out\":0,"
                               "\"ms\":0.000,\"first_ms\":0.000,\"user\":\"a\\\"b\",\"from\":"
                               "\"127.0.0.1\",\"lost\":3}\n");
    /* A ceiling: a whole line or none. */
    const size_t n = out.n;
    out.max = n + 50;
    assert_status(hth_access_line(&out, &a, &err), HTH_ELIMIT, err);
    assert_int_equal(out.n, n);
    hth_buf_drop(&out);
}

static HthAccessLog *g_log;

static void log_done(void *payload, const HthX *x) {
    app_done(payload, x);
    hth_access_log_add(g_log, x);
}

static void log_handle(void *payload, HthX *x) {
    hth_x_note(x)->route = HTH_STR("GET /echo");
    snprintf(hth_x_note(x)->user, sizeof hth_x_note(x)->user, "bob");
    app_handle(payload, x);
}

/* Through the server, with a canary wherever a client may write. */
static void through_the_server(void **state) {
    (void)state;
    static const HthListen tcp = { .host = "127.0.0.1", .fd = -1 };
    char path[96], moved[96];
    HthErr err = { 0 };
    App app = { 0 };
    HthBuf in;
    const uint64_t live = hth_mem_live();
    hth_buf_init(&in, 1 << 16);
    snprintf(path, sizeof path, "%s/log", test_folder);
    snprintf(moved, sizeof moved, "%s/old", test_folder);
    assert_ok(hth_access_log_open(&g_log, path, &err), err);
    const HthHttpCfg cfg = {
        .listens = &tcp, .listen_count = 1, .handle = log_handle, .done = log_done, .payload = &app
    };
    assert_ok(hth_http_open(&app.http, &cfg, &err), err);
    const uint16_t port = hth_http_port(app.http, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            client_once(port,
                        i == 2 ? "GET /CANARY HTTP/1.1\r\nHost: CANARY\r\n\r\n"
                               : "POST /echo/CANARY?CANARY=CANARY HTTP/1.1\r\nHost: localhost\r\n"
                                 "Authorization: Bearer CANARY\r\nCookie: CANARY=1\r\n"
                                 "Content-Length: 6\r\n\r\nCANARY",
                        &in),
            i == 2 ? 403 : 404);
    app_wait(&app.done, 3);
    assert_int_equal(rename(path, moved), 0);
    assert_ok(hth_access_log_reopen(g_log, &err), err);
    assert_int_equal(client_once(port, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", &in), 200);
    app_wait(&app.done, 4);
    hth_http_close(&app.http);
    hth_access_log_close(&g_log);
    hth_buf_drop(&in);
    int count = 0;
    for (int file = 0; file < 2; file++) {
        HthBuf text;
        test_load(&text, file ? path : moved);
        HthStr rest = hth_buf_str(&text);
        assert_int_equal(hth_str_find(rest, HTH_STR("CANARY")), SIZE_MAX);
        while (rest.n) {
            json_t *v = NULL;
            const size_t end = hth_str_find(rest, HTH_STR("\n"));
            assert_ok(hth_json_parse(&v, hth_str_sub(rest, 0, end), 4096, &err), err);
            const char *route = json_string_value(json_object_get(v, "route"));
            assert_string_equal(route, count == 2 ? "" : "GET /echo");
            json_decref(v);
            rest = hth_str_sub(rest, end + 1, SIZE_MAX);
            count++;
        }
        hth_buf_drop(&text);
    }
    /* The moved file may have the fourth line or not: all four are somewhere. */
    assert_int_equal(count, 4);
    assert_int_equal(hth_mem_live(), live);
    assert_status(hth_access_log_open(&g_log, "/nonexistent/x", &err), HTH_EIO, err);
    assert_null(g_log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test_setup_teardown(through_the_server, test_folder_make, test_folder_drop)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
