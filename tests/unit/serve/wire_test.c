/* wire_test.c - what front and engine write is read back; anything else is refused, whole. */
#include "serve/wire.h"

#include "base/rng.h"
#include "support/test.h"

enum { SEED = 33 };

static uint64_t draws;
static uint32_t below(uint32_t n) {
    return hth_rng_below(SEED, 1, draws++, n);
}

/* ---- the three kinds ------------------------------------------------------------------------- */

static HthWireAsk ask, ask_back;
static HthWireAnswer answer, answer_back;
static HthWireEnd end, end_back;

static HthStatus put_ask(HthBuf *out) {
    return hth_wire_ask_put(out, &ask, NULL);
}
static HthStatus put_ask_back(HthBuf *out) {
    return hth_wire_ask_put(out, &ask_back, NULL);
}
static bool get_ask(HthStr s) {
    return hth_wire_ask_get(&ask_back, s);
}
static HthStatus put_answer(HthBuf *out) {
    return hth_wire_answer_put(out, &answer, NULL);
}
static HthStatus put_answer_back(HthBuf *out) {
    return hth_wire_answer_put(out, &answer_back, NULL);
}
static bool get_answer(HthStr s) {
    return hth_wire_answer_get(&answer_back, s);
}
static HthStatus put_end(HthBuf *out) {
    return hth_wire_end_put(out, &end, NULL);
}
static HthStatus put_end_back(HthBuf *out) {
    return hth_wire_end_put(out, &end_back, NULL);
}
static bool get_end(HthStr s) {
    return hth_wire_end_get(&end_back, s);
}

static const struct Kind {
    const char *name;
    HthStatus (*put)(HthBuf *out), (*put_back)(HthBuf *out);
    bool (*get)(HthStr s);
    /* The numbers it begins with: the largest each may be, 0: any, and the least. */
    uint64_t most[9], least[9];
    size_t numbers;
} kinds[] = {
    { "ask", put_ask, put_ask_back, get_ask, { 0, 1, 1, 1, 1, 1, 1, UINT32_MAX, 1 }, { 0 }, 9 },
    { "answer",
      put_answer,
      put_answer_back,
      get_answer,
      { 599, 1, INT64_MAX, UINT32_MAX },
      { 200 },
      4 },
    { "end", put_end, put_end_back, get_end, { 599, 1, 0, 0, 0, 0, 0 }, { 0 }, 7 },
};

static void some(void) {
    static const HthPair pairs[] = { { HTH_STR("Host"), HTH_STR("localhost") },
                                     { HTH_STR("X-Empty"), HTH_STR("") },
                                     { HTH_STR("Accept"), HTH_STR("*/*;\tq=1, \xC3\xA4") } };
    memset(&ask, 0, sizeof ask);
    memset(&answer, 0, sizeof answer);
    memset(&end, 0, sizeof end);
    snprintf(ask.method, sizeof ask.method, "POST");
    ask.path = HTH_STR("/a/b c");
    ask.query_count = below(3);
    ask.query[0] = (HthPair){ HTH_STR("q"), HTH_STR("\xC3\xA4 b") };
    ask.query[1] = (HthPair){ HTH_STR(""), HTH_STR("") };
    ask.header_count = below(4);
    for (uint32_t i = 0; i < ask.header_count; i++) ask.headers[i] = pairs[i];
    ask.began_ns = below(UINT32_MAX);
    ask.is_upload = below(2);
    ask.whole = !ask.is_upload;
    ask.peer.uid = below(UINT32_MAX);
    ask.peer.uid_known = true;
    snprintf(ask.peer.address, sizeof ask.peer.address, "127.0.0.1");
    answer.status = 200 + (int)below(400);
    answer.sized = below(2);
    answer.length = below(1000);
    snprintf(answer.type, sizeof answer.type, "text/plain; charset=utf-8");
    snprintf(answer.ping, sizeof answer.ping, ": ping\n\n");
    answer.header_count = below(3);
    for (uint32_t i = 0; i < answer.header_count; i++) answer.headers[i] = pairs[i];
    snprintf(end.method, sizeof end.method, "%s", below(2) ? "GET" : "");
    snprintf(end.from, sizeof end.from, "unix");
    end.result = (HthXResult){ .status = 200, .whole = true, .bytes_out = below(100) };
}

/* Read, and written again: the same bytes. */
static void goes_round(const struct Kind *k, HthStr s) {
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    assert_int_equal(k->put_back(&out), HTH_OK);
    assert_true(hth_str_eq(hth_buf_str(&out), s));
    hth_buf_drop(&out);
}

static void there_and_back(void **state) {
    (void)state;
    for (int round = 0; round < 500; round++) {
        some();
        for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
            HthBuf out;
            hth_buf_init(&out, 1 << 20);
            assert_int_equal(kinds[i].put(&out), HTH_OK);
            if (!kinds[i].get(hth_buf_str(&out))) fail_msg("%s is not read", kinds[i].name);
            goes_round(&kinds[i], hth_buf_str(&out));
            hth_buf_drop(&out);
        }
    }
}

/* ---- hostile --------------------------------------------------------------------------------- */

static void cut_or_more(void **state) {
    (void)state;
    some();
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        HthBuf out;
        hth_buf_init(&out, 1 << 20);
        assert_int_equal(kinds[i].put(&out), HTH_OK);
        for (size_t n = 0; n < out.n; n++)
            if (kinds[i].get((HthStr){ out.p, n })) fail_msg("%s of %zu bytes", kinds[i].name, n);
        assert_int_equal(hth_buf_add_char(&out, 0, NULL), HTH_OK);
        assert_false(kinds[i].get(hth_buf_str(&out)));
        hth_buf_drop(&out);
    }
}

static void numbers_at_their_limits(void **state) {
    (void)state;
    some();
    ask.is_upload = ask.whole = false; /* so that either may be set */
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        const struct Kind *k = &kinds[i];
        HthBuf out;
        hth_buf_init(&out, 1 << 20);
        assert_int_equal(k->put(&out), HTH_OK);
        for (size_t j = 0; j < k->numbers; j++) {
            char before[8];
            memcpy(before, out.p + 8 * j, 8);
            const uint64_t most = k->most[j] ? k->most[j] : UINT64_MAX, over = most + 1,
                           under = k->least[j] - 1, huge = UINT64_MAX;
            const struct {
                uint64_t value;
                bool good;
            } cases[] = { { most, true },
                          { over, most == UINT64_MAX },
                          { k->least[j], true },
                          { under, !k->least[j] && most == UINT64_MAX },
                          { huge, most == UINT64_MAX } };
            for (size_t c = 0; c < HTH_COUNT(cases); c++) {
                memcpy(out.p + 8 * j, &cases[c].value, 8);
                if (k->get(hth_buf_str(&out)) != cases[c].good)
                    fail_msg("%s: number %zu, case %zu", k->name, j, c);
            }
            memcpy(out.p + 8 * j, before, 8);
        }
        hth_buf_drop(&out);
    }
}

static bool ask_is_read(void) {
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    assert_int_equal(put_ask(&out), HTH_OK);
    const bool is = get_ask(hth_buf_str(&out));
    hth_buf_drop(&out);
    return is;
}

/* What those behind rely on: http_parse.h would never have let it through. */
static void texts(void **state) {
    (void)state;
    static const HthStr paths[] = { HTH_STR(""),      HTH_STR("a"),       HTH_STR("/a\0b"),
                                    HTH_STR("/.."),   HTH_STR("/a/../b"), HTH_STR("/./a"),
                                    HTH_STR("/a\nb"), HTH_STR("/\x7F"),   HTH_STR("/\xFF"),
                                    HTH_STR("/a/.."), HTH_STR("//..//"),  HTH_STR("/\xC0\x80") };
    static const HthStr queries[] = { HTH_STR("a\0b"), HTH_STR("\xFF"), HTH_STR("\xED\xA0\x80") };
    static const HthStr values[] = { HTH_STR("a\nb"), HTH_STR("a\rb"), HTH_STR("\0"),
                                     HTH_STR("\x7F") };
    static const char *const methods[] = { "", "GE T", "G\n", "G\xC3\xA4" };
    some();
    assert_true(ask_is_read());
    for (size_t i = 0; i < HTH_COUNT(paths); i++) {
        ask.path = paths[i];
        if (ask_is_read()) fail_msg("path %zu", i);
    }
    some();
    ask.query_count = 1;
    for (size_t i = 0; i < 2 * HTH_COUNT(queries); i++) {
        const HthStr s = queries[i / 2];
        ask.query[0] = i % 2 ? (HthPair){ s, HTH_STR("") } : (HthPair){ HTH_STR("q"), s };
        if (ask_is_read()) fail_msg("parameter %zu", i);
    }
    some();
    ask.header_count = 1;
    for (size_t i = 0; i < HTH_COUNT(values); i++) {
        ask.headers[0] = (HthPair){ HTH_STR("A"), values[i] };
        if (ask_is_read()) fail_msg("value %zu", i);
        ask.headers[0] = (HthPair){ values[i], HTH_STR("a") };
        if (ask_is_read()) fail_msg("name %zu", i);
    }
    some();
    for (size_t i = 0; i < HTH_COUNT(methods); i++) {
        snprintf(ask.method, sizeof ask.method, "%s", methods[i]);
        if (ask_is_read()) fail_msg("method %zu", i);
    }
    some();
    char *const words[] = { ask.peer.address, ask.peer.cert_name, ask.peer.cert_serial };
    for (size_t i = 0; i < HTH_COUNT(words); i++) {
        memcpy(words[i], "a\nb", 4); /* a line of its own in a log */
        if (ask_is_read()) fail_msg("word %zu", i);
        memcpy(words[i], "\xFF", 2);
        if (ask_is_read()) fail_msg("word %zu", i);
        words[i][0] = '\0';
        assert_true(ask_is_read());
    }
    ask.is_upload = ask.whole = true; /* an upload without a body */
    assert_false(ask_is_read());
}

/* A text whose length reaches past the end, or around the end of numbers; too many of them. */
static void lengths(void **state) {
    (void)state;
    static const uint64_t hostile[] = { 1,          64,         1 << 20,       UINT32_MAX,
                                        1ull << 63, UINT64_MAX, UINT64_MAX - 7 };
    some();
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    ask.header_count = 0;
    ask.query_count = 0;
    assert_int_equal(put_ask(&out), HTH_OK);
    /* The last two numbers say how many parameters and headers there are. */
    for (size_t back = 1; back <= 2; back++)
        for (size_t i = 0; i < HTH_COUNT(hostile); i++) {
            char before[8];
            char *at = out.p + out.n - 8 * back;
            memcpy(before, at, 8);
            memcpy(at, &hostile[i], 8);
            assert_false(get_ask(hth_buf_str(&out)));
            memcpy(at, before, 8);
        }
    for (size_t i = 0; i < HTH_COUNT(hostile); i++) { /* the first text's length */
        memcpy(out.p + 9 * 8, &hostile[i], 8);
        assert_false(get_ask(hth_buf_str(&out)));
    }
    hth_buf_drop(&out);
}

/* Any byte, many times: what is still read means what it says. */
static void flips(void **state) {
    (void)state;
    uint32_t read = 0;
    for (int round = 0; round < 20000; round++) {
        const struct Kind *k = &kinds[round % 3];
        HthBuf out;
        hth_buf_init(&out, 1 << 20);
        some();
        assert_int_equal(k->put(&out), HTH_OK);
        for (uint32_t n = 1 + below(3); n; n--)
            out.p[below((uint32_t)out.n)] ^= (char)(1u << below(8));
        if (k->get(hth_buf_str(&out))) {
            goes_round(k, hth_buf_str(&out));
            read++;
        }
        hth_buf_drop(&out);
    }
    assert_in_range(read, 1000, 19000);
}

static HthStatus put_once(void *ctx) {
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    const HthStatus st = ((const struct Kind *)ctx)->put(&out);
    hth_buf_drop(&out);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    some();
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        struct Kind k = kinds[i];
        assert_in_range(test_torture(put_once, &k, 50), 1, 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(cut_or_more),
        cmocka_unit_test(numbers_at_their_limits),
        cmocka_unit_test(texts),
        cmocka_unit_test(lengths),
        cmocka_unit_test(flips),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
