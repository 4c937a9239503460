/* buf_test.c - growth, the ceiling, and failed appends that change nothing. */
#include "support/test.h"

#include "base/buf.h"
#include "base/rng.h"

static void appends_like_a_model(void **state) {
    (void)state;
    static char model[40000];
    size_t n = 0;
    HthBuf buf;
    hth_buf_init(&buf, sizeof model);
    assert_int_equal(hth_buf_str(&buf).n, 0);
    assert_non_null(hth_buf_str(&buf).p);
    for (uint32_t i = 0; i < 500; i++) {
        char piece[64];
        const size_t len = hth_rng_below(3, 0, i, sizeof piece);
        for (size_t k = 0; k < len; k++) piece[k] = (char)hth_rng_u32(3, i + 1, k);
        assert_int_equal(hth_buf_add(&buf, piece, len, NULL), HTH_OK);
        memcpy(model + n, piece, len);
        n += len;
        assert_int_equal(buf.n, n);
        assert_int_equal(hth_buf_str(&buf).p[n], 0);
    }
    assert_memory_equal(buf.p, model, n);
    const uint64_t calls = hth_mem_calls();
    hth_buf_clear(&buf);
    assert_int_equal(buf.n, 0);
    assert_int_equal(hth_buf_add(&buf, model, n, NULL), HTH_OK);
    assert_int_equal(hth_mem_calls(), calls);
    hth_buf_drop(&buf);
    assert_null(buf.p);
    hth_buf_drop(&buf);
}

static void ceiling_holds(void **state) {
    (void)state;
    HthErr err;
    HthBuf buf;
    hth_buf_init(&buf, 10);
    assert_int_equal(hth_buf_add_str(&buf, HTH_STR("12345678"), &err), HTH_OK);
    assert_int_equal(hth_buf_add_str(&buf, HTH_STR("abc"), &err), HTH_ELIMIT);
    assert_int_equal(hth_buf_printf(&buf, &err, "%d", 123), HTH_ELIMIT);
    assert_int_equal(hth_buf_reserve(&buf, SIZE_MAX, &err), HTH_ELIMIT);
    assert_string_equal(buf.p, "12345678");
    assert_int_equal(hth_buf_add_char(&buf, '9', &err), HTH_OK);
    assert_int_equal(hth_buf_add_char(&buf, '0', &err), HTH_OK);
    assert_int_equal(hth_buf_add_char(&buf, '!', NULL), HTH_ELIMIT);
    assert_int_equal(hth_buf_add(&buf, NULL, 0, NULL), HTH_OK);
    assert_string_equal(buf.p, "1234567890");
    hth_buf_drop(&buf);
    hth_buf_init(&buf, 0);
    assert_int_equal(hth_buf_add_char(&buf, 'x', NULL), HTH_ELIMIT);
    assert_int_equal(hth_buf_add(&buf, "", 0, NULL), HTH_OK);
    hth_buf_drop(&buf);
    hth_buf_init(&buf, SIZE_MAX);
    assert_int_equal(hth_buf_add(&buf, "x", 1, NULL), HTH_OK);
    assert_int_equal(hth_buf_reserve(&buf, SIZE_MAX, &err), HTH_ELIMIT);
    hth_buf_drop(&buf);
}

static void prints_short_and_long(void **state) {
    (void)state;
    HthBuf buf;
    hth_buf_init(&buf, 100000);
    for (int width = 1; width < 1200; width += 37) {
        hth_buf_clear(&buf);
        assert_int_equal(hth_buf_printf(&buf, NULL, "[%*d]", width, 7), HTH_OK);
        assert_int_equal(buf.n, (size_t)width + 2);
        assert_true(buf.p[0] == '[' && buf.p[width] == '7' && buf.p[width + 1] == ']');
        assert_int_equal(buf.p[buf.n], 0);
    }
    hth_buf_drop(&buf);
}

static HthStatus fill(void *ctx) {
    (void)ctx;
    HthBuf buf;
    hth_buf_init(&buf, 100000);
    HthStatus status = HTH_OK;
    for (int i = 0; i < 40 && status == HTH_OK; i++) {
        const size_t before = buf.n;
        status = i % 2 ? hth_buf_printf(&buf, NULL, "%400d", i)
                       : hth_buf_add_str(&buf, HTH_STR("piece"), NULL);
        if (status != HTH_OK) assert_int_equal(buf.n, before);
    }
    hth_buf_drop(&buf);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(fill, NULL, 100) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_like_a_model),
        cmocka_unit_test(ceiling_holds),
        cmocka_unit_test(prints_short_and_long),
        cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
