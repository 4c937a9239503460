/* face_test.c - what the faces of all APIs write in the same way. */
#include "support/test.h"

#include "base/rng.h"
#include "serve/face.h"
#include "support/api.h"

static int digit(char c) {
    const char *all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return (int)(strchr(all, c) - all);
}

/* Longer than one block of the writer, and of every length around it. */
static void test_vector_base64(void **state) {
    float v[400];
    (void)state;
    for (uint32_t i = 0; i < HTH_COUNT(v); i++) v[i] = hth_bits_f32(hth_rng_u32(3, 0, i));
    for (uint32_t n = 0; n <= HTH_COUNT(v); n += n < 185 ? 37 : 1) {
        HthBuf out;
        unsigned char bytes[4 * HTH_COUNT(v) + 3];
        size_t at = 0;
        hth_buf_init(&out, 10000);
        HthOut o = hth_out_begin(&out, NULL);
        hth_out_vector_base64(&o, v, n);
        assert_int_equal(hth_out_end(&o), HTH_OK);
        assert_int_equal(out.n, (4 * (size_t)n + 2) / 3 * 4);
        for (size_t i = 0; i + 3 < out.n; i += 4) {
            const uint32_t pads = (out.p[i + 2] == '=') + (out.p[i + 3] == '=');
            assert_true(pads == 0 || i + 4 == out.n);
            uint32_t bits = 0;
            for (size_t k = 0; k < 4; k++)
                bits = bits << 6 | (uint32_t)(out.p[i + k] == '=' ? 0 : digit(out.p[i + k]));
            for (uint32_t k = 0; k < 3 - pads; k++)
                bytes[at++] = (unsigned char)(bits >> (16 - 8 * k));
        }
        assert_int_equal(at, 4 * (size_t)n);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(hth_le32(bytes + 4 * (size_t)i), hth_f32_bits(v[i]));
        hth_buf_drop(&out);
    }
}

static void test_arguments(void **state) {
    static const struct {
        const char *in, *want;
    } tab[] = {
        { "{\"a\": 1}", "{\"a\": 1}" },
        { "  {}\n", "{}" },
        { "", "{}" },
        { " ", "{}" },
        { "[1]", "{\"INVALID_JSON\":\"[1]\"}" },
        { "{\"a\":", "{\"INVALID_JSON\":\"{\\\"a\\\":\"}" },
        { "{\"a\":1,\"a\":2}", "{\"INVALID_JSON\":\"{\\\"a\\\":1,\\\"a\\\":2}\"}" },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tab); i++) {
        HthBuf out;
        hth_buf_init(&out, 1000);
        HthOut o = hth_out_begin(&out, NULL);
        hth_out_arguments(&o, hth_str(tab[i].in));
        assert_int_equal(hth_out_end(&o), HTH_OK);
        assert_string_equal(out.p, tab[i].want);
        hth_buf_drop(&out);
    }
}

static void test_time(void **state) {
    static const struct {
        int64_t s;
        uint64_t ns;
        const char *want;
    } tab[] = {
        { 0, 0, "1970-01-01T00:00:00.000000000Z" },
        { 951782399, 999999999, "2000-02-28T23:59:59.999999999Z" },
        { 951782400, 1, "2000-02-29T00:00:00.000000001Z" },
        { -1, 5, "1969-12-31T23:59:59.000000005Z" },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tab); i++) {
        HthBuf out;
        hth_buf_init(&out, 1000);
        HthOut o = hth_out_begin(&out, NULL);
        hth_out_time(&o, tab[i].s, tab[i].ns);
        assert_int_equal(hth_out_end(&o), HTH_OK);
        assert_string_equal(out.p, tab[i].want);
        hth_buf_drop(&out);
    }
}

/* Without a vocabulary a word says its own text, and alternatives cannot be told. */
static void test_logprobs_without_texts(void **state) {
    const HthTop tops[] = { { 4, -1.0f } };
    const HthWord word = {
        .id = 3, .text = HTH_STR("w"), .logprob = 0.0f / 0.0f, .top = tops, .top_count = 1
    };
    HthFaceState none = { 0 };
    HthFace f = { .facts = api_facts(), .state = &none };
    HthBuf out;
    (void)state;
    f.facts.token_text = NULL;
    hth_buf_init(&out, 1000);
    HthOut o = hth_out_begin(&out, NULL);
    hth_out_logprobs(&o, &f, &word, 1, true);
    assert_int_equal(hth_out_end(&o), HTH_OK);
    assert_string_equal(out.p, "[{\"id\":3,\"token\":\"w\",\"bytes\":[119],\"logprob\":-9999,"
                               "\"top_logprobs\":[]}]");
    hth_buf_drop(&out);
}

static HthStatus no_text(void *payload, uint32_t id, HthBuf *out, HthErr *err) {
    (void)payload;
    (void)id;
    (void)out;
    return HTH_FAIL(err, HTH_EINVAL, "no such token");
}

static void test_token_text_fails(void **state) {
    const HthWord word = { .id = 3 };
    HthErr err = { 0 };
    HthFaceState none = { 0 };
    HthFace f = { .facts = api_facts(), .state = &none };
    HthBuf out;
    (void)state;
    f.facts.token_text = no_text;
    hth_buf_init(&out, 1000);
    HthOut o = hth_out_begin(&out, &err);
    hth_out_logprobs(&o, &f, &word, 1, false);
    assert_status(hth_out_end(&o), HTH_EINVAL, err);
    assert_int_equal(out.n, 0);
    hth_buf_drop(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector_base64),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_logprobs_without_texts),
        cmocka_unit_test(test_token_text_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
