/* http_parse_test.c - targets, hosts, origins, cookies, lines of /proc/net/tcp: tables of them. */
#include "serve/http_parse.h"

#include <arpa/inet.h>

#include "support/test.h"

static HthStatus target(HthTarget *out, char *copy, const char *text) {
    HthErr err = { 0 };
    const size_t n = strlen(text);
    memcpy(copy, text, n);
    const HthStatus st = hth_http_target(out, copy, n, &err);
    assert_int_equal(st != HTH_OK, err.text[0] != '\0');
    return st;
}

static void targets(void **state) {
    static const struct {
        const char *raw, *path; /* path NULL: refused */
    } cases[] = {
        { "/", "/" },
        { "/v1/models", "/v1/models" },
        { "/v1/models/a%2Fb", "/v1/models/a/b" },
        { "/%e2%82%ac?x", "/\xe2\x82\xac" },
        { "/a//b/", "/a//b/" },
        { "/a/..b/...", "/a/..b/..." },
        { "/?", "/" },
        { "/+", "/+" },
        { "", NULL },
        { "*", NULL },
        { "v1", NULL },
        { "http://localhost/", NULL },
        { "/..", NULL },
        { "/a/../b", NULL },
        { "/a/%2e%2e/b", NULL },
        { "/a/.%2E", NULL },
        { "/a/./b", NULL },
        { "/%2e", NULL },
        { "/%00", NULL },
        { "/a%0d%0ab", NULL },
        { "/%7f", NULL },
        { "/%ff", NULL },
        { "/%c0%af", NULL },
        { "/%", NULL },
        { "/%4", NULL },
        { "/%4g", NULL },
        { "/a b", NULL },
        { "/a#b", NULL },
        { "/\x80", NULL },
        { "/?a=%00", NULL },
        { "/?a=%ff", NULL },
        { "/?%zz=1", NULL },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char copy[64];
        HthTarget t;
        const HthStatus st = target(&t, copy, cases[i].raw);
        if ((st == HTH_OK) != (cases[i].path != NULL)) fail_msg("%s", cases[i].raw);
        if (st == HTH_OK) assert_true(hth_str_eq(t.path, hth_str(cases[i].path)));
    }
}

static void queries(void **state) {
    (void)state;
    char copy[HTH_TARGET_MAX + 8];
    HthTarget t;
    assert_int_equal(target(&t, copy, "/x?a=1&b=+%26%2B&&c&=d&a=2&e=f=g"), HTH_OK);
    static const char *const want[][2] = { { "a", "1" }, { "b", " &+" }, { "c", "" },
                                           { "", "d" },  { "a", "2" },   { "e", "f=g" } };
    assert_int_equal(t.query_count, HTH_COUNT(want));
    for (size_t i = 0; i < HTH_COUNT(want); i++) {
        assert_true(hth_str_eq(t.query[i].name, hth_str(want[i][0])));
        assert_true(hth_str_eq(t.query[i].value, hth_str(want[i][1])));
    }
    char many[512] = "/?a";
    for (int i = 1; i < HTH_QUERY_MAX; i++) snprintf(many + strlen(many), 8, "&a");
    assert_int_equal(target(&t, copy, many), HTH_OK);
    snprintf(many + strlen(many), 8, "&a");
    assert_int_equal(target(&t, copy, many), HTH_ELIMIT);
    HthErr err;
    memset(copy, 'a', sizeof copy);
    copy[0] = '/';
    assert_int_equal(hth_http_target(&t, copy, HTH_TARGET_MAX, &err), HTH_OK);
    assert_int_equal(hth_http_target(&t, copy, HTH_TARGET_MAX + 1, &err), HTH_ELIMIT);
}

static void hosts(void **state) {
    static const struct {
        const char *value, *name; /* name NULL: refused */
        uint32_t port;
        bool loopback;
    } cases[] = {
        { "localhost", "localhost", 0, true },
        { "LocalHost:11434", "LocalHost", 11434, true },
        { "127.0.0.1:80", "127.0.0.1", 80, true },
        { "127.9.9.9", "127.9.9.9", 0, true },
        { "[::1]", "::1", 0, true },
        { "[::1]:1", "::1", 1, true },
        { "[0:0::1]:1", "0:0::1", 1, true },
        { "[::ffff:127.0.0.1]", "::ffff:127.0.0.1", 0, false },
        { "0.0.0.0", "0.0.0.0", 0, false },
        { "[::]", "::", 0, false },
        { "127.1", "127.1", 0, false },
        { "0177.0.0.1", "0177.0.0.1", 0, false },
        { "2130706433", "2130706433", 0, false },
        { "localhost.evil.example", "localhost.evil.example", 0, false },
        { "127.0.0.1.evil.example", "127.0.0.1.evil.example", 0, false },
        { "localhost.", "localhost.", 0, false },
        { "a_b-c.d:65535", "a_b-c.d", 65535, false },
        { "a:", "a", 0, false },
        { "", NULL, 0, false },
        { ":80", NULL, 0, false },
        { "a:65536", NULL, 0, false },
        { "a:+1", NULL, 0, false },
        { "a:1x", NULL, 0, false },
        { "a:000001", NULL, 0, false },
        { "a b", NULL, 0, false },
        { "a/b", NULL, 0, false },
        { "u@localhost", NULL, 0, false },
        { "localhost,evil", NULL, 0, false },
        { "::1", NULL, 0, false },
        { "[::1", NULL, 0, false },
        { "[::1]x", NULL, 0, false },
        { "[localhost]", NULL, 0, false },
        { "[127.0.0.1]", NULL, 0, false },
        { "[]", NULL, 0, false },
        { "[fe80::1%25lo]", NULL, 0, false },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthStr name = { 0 };
        uint32_t port = 0;
        const bool ok = hth_http_host(hth_str(cases[i].value), &name, &port);
        if (ok != (cases[i].name != NULL)) fail_msg("%s", cases[i].value);
        if (!ok) continue;
        assert_true(hth_str_eq(name, hth_str(cases[i].name)));
        assert_int_equal(port, cases[i].port);
        if (hth_http_is_loopback(name) != cases[i].loopback) fail_msg("%s", cases[i].value);
    }
    HthStr name;
    uint32_t port;
    assert_false(hth_http_host((HthStr){ "a\0b", 3 }, &name, &port));
    assert_false(hth_http_is_loopback((HthStr){ "127.0.0.1\0x", 11 }));
}

static void origins(void **state) {
    static const struct {
        const char *value;
        bool ok, tls;
        uint32_t port;
    } cases[] = {
        { "http://localhost", true, false, 80 },
        { "https://a.example", true, true, 443 },
        { "https://a.example:8443", true, true, 8443 },
        { "http://[::1]:11434", true, false, 11434 },
        { "null", false, false, 0 },
        { "*", false, false, 0 },
        { "file://", false, false, 0 },
        { "app://x", false, false, 0 },
        { "http://", false, false, 0 },
        { "http://a/", false, false, 0 },
        { "http://u@a", false, false, 0 },
        { "HTTP://a", false, false, 0 },
        { "a.example", false, false, 0 },
        { "http://a http://b", false, false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthStr name;
        uint32_t port = 0;
        bool tls = false;
        const bool ok = hth_http_origin(hth_str(cases[i].value), &tls, &name, &port);
        if (ok != cases[i].ok) fail_msg("%s", cases[i].value);
        if (!ok) continue;
        assert_int_equal(tls, cases[i].tls);
        assert_int_equal(port, cases[i].port);
    }
}

static void cookies(void **state) {
    static const struct {
        const char *header, *value; /* of "id"; NULL: none */
    } cases[] = {
        { "id=1", "1" },
        { "a=2; id=3", "3" },
        { "id=", "" },
        { " id=x ;b=c", "x" },
        { "b=id=4; id=5=6", "5=6" },
        { "xid=1", NULL },
        { "idx=1", NULL },
        { "ID=1", NULL },
        { "id", NULL },
        { "", NULL },
        { ";;;", NULL },
        { "id=1; id=2", NULL },
        { "id=1;id=1", NULL },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthStr out = { 0 };
        const bool ok = hth_http_cookie(hth_str(cases[i].header), "id", &out);
        if (ok != (cases[i].value != NULL)) fail_msg("%s", cases[i].header);
        assert_true(hth_str_eq(out, hth_str(ok ? cases[i].value : "")));
    }
}

static void small_words(void **state) {
    (void)state;
    uint64_t n = 0;
    assert_true(hth_http_length(HTH_STR("0"), &n) && n == 0);
    assert_true(hth_http_length(HTH_STR("007"), &n) && n == 7);
    assert_true(hth_http_length(HTH_STR("999999999999999999"), &n));
    static const char *const bad[] = { "",   "+5",  "-1",  "0x5",
                                       "5 ", "5,5", "1e3", "9999999999999999999" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) assert_false(hth_http_length(hth_str(bad[i]), &n));
    assert_true(hth_http_is_token(HTH_STR("X-Api_Key.1")));
    assert_false(hth_http_is_token(HTH_STR("")));
    assert_false(hth_http_is_token(HTH_STR("a b")));
    assert_false(hth_http_is_token(HTH_STR("a:")));
    assert_false(hth_http_is_token((HthStr){ "a\0", 2 }));
    assert_true(hth_http_is_value(HTH_STR("a\tb \xff")));
    assert_false(hth_http_is_value(HTH_STR("a\rb")));
    assert_false(hth_http_is_value((HthStr){ "a\0b", 3 }));
    assert_true(hth_http_is_token_list(HTH_STR("a, b,c")));
    assert_false(hth_http_is_token_list(HTH_STR("")));
    assert_false(hth_http_is_token_list(HTH_STR("a,")));
    assert_false(hth_http_is_token_list(HTH_STR("a;b")));
    assert_false(hth_http_is_token_list(HTH_STR("a,\rb")));
    assert_false(hth_http_is_token_list(HTH_STR("a\n")));
}

/* Lines as a kernel wrote them. */
static void tcp_lines(void **state) {
    (void)state;
    HthTcpLine t;
    assert_true(hth_http_tcp_line(
        HTH_STR("   0: 0100007F:2CAA 0200007F:9C40 01 00000000:00000000 00:00000000 00000000  1000"
                "        0 123456 1 0000000000000000 20 4 30 10 -1\n"),
        &t));
    uint8_t raw[16];
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", raw), 1);
    assert_memory_equal(t.local, raw, 4);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.2", raw), 1);
    assert_memory_equal(t.remote, raw, 4);
    assert_int_equal(t.local_port, 11434);
    assert_int_equal(t.remote_port, 40000);
    assert_int_equal(t.state, 1);
    assert_int_equal(t.uid, 1000);
    assert_int_equal(t.inode, 123456);
    assert_true(hth_http_tcp_line(
        HTH_STR("  12: 00000000000000000000000001000000:2CAA 0000000000000000FFFF00000100007F:0001 "
                "06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000"),
        &t));
    assert_int_equal(inet_pton(AF_INET6, "::1", raw), 1);
    assert_memory_equal(t.local, raw, 16);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", raw), 1);
    assert_memory_equal(t.remote, raw, 16);
    assert_int_equal(t.state, 6);
    assert_int_equal(t.inode, 0);
    static const char *const bad[] = {
        "",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout inode",
        "0: 0100007F:2CAA 0200007F:9C40 01 0 0 0 1000 0",
        "0: 0100007F:2CAA 00000000000000000000000001000000:9C40 01 0 0 0 1000 0 1",
        "0: 0100007F:2CAAB 0200007F:9C40 01 0 0 0 1000 0 1",
        "0: 0100007G:2CAA 0200007F:9C40 01 0 0 0 1000 0 1",
        "0: 0100007F:2CAA 0200007F:9C40 01 0 0 0 99999999999 0 1",
        "0: 0100007F:2CAA 0200007F:9C40 1 0 0 0 1000 0 1",
        "0: 0100007F:2CAA 0200007F:9C40 01 0 0 0 -1 0 1",
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        if (hth_http_tcp_line(hth_str(bad[i]), &t)) fail_msg("%s", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),   cmocka_unit_test(queries), cmocka_unit_test(hosts),
        cmocka_unit_test(origins),   cmocka_unit_test(cookies), cmocka_unit_test(small_words),
        cmocka_unit_test(tcp_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
