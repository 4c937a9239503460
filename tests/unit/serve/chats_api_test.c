/* chats_api_test.c - conversations over HTTP: routes, statuses, whose they are. */
#include "support/test.h"

#include "serve/chats_api.h"
#include "support/folder.h"

static HthChats *chats;
static char text[1 << 16];

static int begin(void **state) {
    if (test_folder_make(state)) return -1;
    const HthChatsCfg cfg = { .path = test_path("chats.db"), .messages_max = 3 };
    return hth_chats_open(&chats, &cfg, NULL) == HTH_OK ? 0 : -1;
}

static int end(void **state) {
    hth_chats_close(&chats);
    return test_folder_drop(state);
}

/* The body is in text. */
static int call(uint64_t user, const char *method, const char *id, const char *body) {
    HthBuf b;
    hth_buf_init(&b, sizeof text - 1);
    const HthChatsAsk ask = { .method = hth_str(method),
                              .id = hth_str(id),
                              .body = hth_str(body),
                              .user = user,
                              .now_ms = 1000 };
    const int status = hth_chats_api(chats, &ask, &b);
    snprintf(text, sizeof text, "%s", hth_buf_str(&b).p);
    json_t *v = NULL;
    HthErr err;
    assert_ok(hth_json_parse(&v, hth_str(text), sizeof text, &err), err); /* always JSON */
    if (status >= 400) assert_true(json_is_string(json_object_get(v, "error")));
    json_decref(v);
    hth_buf_drop(&b);
    return status;
}

#define CHAT(id, content)                                                                          \
    "{\"id\":\"" id "\",\"title\":\"t\",\"messages\":[{\"id\":\"1\",\"parent\":null,\"role\":"     \
    "\"user\",\"content\":\"" content "\"}],\"head\":\"1\"}"

static void a_conversation(void **state) {
    (void)state;
    assert_int_equal(call(1, "GET", "a", ""), 404);
    assert_int_equal(call(1, "PUT", "a", CHAT("a", "hello")), 200);
    assert_string_equal(text, "{\"id\":\"a\",\"updated\":1000}");
    assert_int_equal(call(1, "GET", "a", ""), 200);
    assert_non_null(strstr(text, "\"content\":\"hello\""));
    assert_int_equal(call(2, "GET", "a", ""), 404);
    assert_int_equal(call(2, "DELETE", "a", ""), 404);
    assert_int_equal(call(2, "GET", "", ""), 200);
    assert_string_equal(text, "{\"chats\":[],\"total\":0}");
    assert_int_equal(call(1, "GET", "", ""), 200);
    assert_non_null(strstr(text, "\"total\":1"));
    assert_int_equal(call(1, "DELETE", "a", ""), 200);
    assert_int_equal(call(1, "GET", "a", ""), 404);
}

static void versions(void **state) {
    (void)state;
    assert_int_equal(call(1, "PUT", "a", CHAT("a", "one")), 200);
    assert_int_equal(call(1, "PUT", "a", "{\"base\":1000,\"id\":\"a\",\"messages\":[]}"), 200);
    assert_string_equal(text, "{\"id\":\"a\",\"updated\":1001}");
    assert_int_equal(call(1, "GET", "a", ""), 200);
    assert_null(strstr(text, "base"));
    assert_int_equal(call(1, "PUT", "a", "{\"base\":1000,\"id\":\"a\",\"messages\":[]}"), 409);
    assert_int_equal(call(1, "PUT", "a", "{\"base\":\"x\",\"id\":\"a\",\"messages\":[]}"), 400);
    assert_int_equal(call(1, "PUT", "a", "{\"base\":-4,\"id\":\"a\",\"messages\":[]}"), 400);
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *method, *id, *body;
        int status;
    } rows[] = {
        { "PUT", "a", "", 400 },
        { "PUT", "a", "{", 400 },
        { "PUT", "a", "[]", 400 },
        { "PUT", "a", CHAT("b", ""), 400 },
        { "PUT", "a/b", CHAT("a/b", ""), 400 },
        { "PUT", "", CHAT("a", ""), 405 },
        { "POST", "a", CHAT("a", ""), 405 },
        { "POST", "", "{}", 405 },
        { "PATCH", "a", "{}", 405 },
        { "GET", "../a", "", 400 },
        { "PUT", "export", CHAT("export", ""), 400 },
        { "POST", "import", "{}", 400 },
        { "POST", "import", "", 400 },
        { "PUT", "a",
          "{\"id\":\"a\",\"messages\":[{\"id\":\"1\",\"role\":\"user\",\"content\":\"\"},{\"id\":"
          "\"2\",\"role\":\"user\",\"content\":\"\"},{\"id\":\"3\",\"role\":\"user\",\"content\":"
          "\"\"},{\"id\":\"4\",\"role\":\"user\",\"content\":\"\"}]}",
          413 },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        if (call(1, rows[i].method, rows[i].id, rows[i].body) != rows[i].status)
            fail_msg("row %zu: %s", i, text);
    assert_int_equal(call(1, "GET", "", ""), 200);
    assert_non_null(strstr(text, "\"total\":0"));
}

static void lists(void **state) {
    (void)state;
    static const struct {
        const char *q, *first, *count;
        int status;
        const char *says;
    } rows[] = {
        { "", "", "", 200, "\"total\":2" },    { "fox", "", "", 200, "\"total\":1" },
        { "", "1", "1", 200, "\"id\":\"a\"" }, { "", "x", "", 400, "first" },
        { "", "", "-1", 400, "count" },        { "", "99999999999", "", 400, "first" },
        { "\"", "", "", 200, "\"chats\":[]" },
    };
    assert_int_equal(call(1, "PUT", "a", CHAT("a", "brown fox")), 200);
    assert_int_equal(call(1, "PUT", "b", CHAT("b", "lazy dog")), 200);
    assert_int_equal(call(1, "PUT", "b", CHAT("b", "lazy dog")), 200); /* the later one */
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthBuf b;
        hth_buf_init(&b, 4096);
        const HthChatsAsk ask = { .method = HTH_STR("GET"),
                                  .q = hth_str(rows[i].q),
                                  .first = hth_str(rows[i].first),
                                  .count = hth_str(rows[i].count),
                                  .user = 1 };
        const int status = hth_chats_api(chats, &ask, &b);
        if (status != rows[i].status || !strstr(b.p, rows[i].says)) fail_msg("row %zu: %s", i, b.p);
        hth_buf_drop(&b);
    }
}

static void out_and_in(void **state) {
    (void)state;
    static char file[sizeof text];
    assert_int_equal(call(1, "PUT", "a", CHAT("a", "one")), 200);
    assert_int_equal(call(1, "GET", "export", ""), 200);
    memcpy(file, text, sizeof file);
    assert_int_equal(call(2, "POST", "import", file), 200);
    assert_string_equal(text, "{\"imported\":1}");
    assert_int_equal(call(2, "GET", "export", ""), 200);
    assert_string_equal(text, file);
    assert_int_equal(call(1, "DELETE", "", ""), 200);
    assert_int_equal(call(1, "GET", "a", ""), 404);
    assert_int_equal(call(2, "GET", "a", ""), 200);
}

int main(void) {
    hth_json_init();
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, begin, end)
    const struct CMUnitTest tests[] = { IN_FOLDER(a_conversation), IN_FOLDER(versions),
                                        IN_FOLDER(refusals), IN_FOLDER(lists),
                                        IN_FOLDER(out_and_in) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
