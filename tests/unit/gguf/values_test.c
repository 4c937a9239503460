/* values_test.c - typed reads: every type to every reader, ranges, elements. */
#include "unit/gguf/hostile.h"

#include <math.h>

static Gb *g;
static HthGguf *h;

static int open_good(void **state) {
    (void)state;
    HthErr err;
    g = hth_calloc(1, sizeof *g);
    gb_good(g, 3);
    return g == NULL || hth_gguf_open_mem(&h, g->b, g->n, "dir/t.gguf", &err) != HTH_OK;
}

static int close_good(void **state) {
    (void)state;
    hth_gguf_close(&h);
    hth_free(g);
    return 0;
}

/* What each reader makes of each key of gb_good; NAN: refused. */
static const struct {
    const char *key;
    double u32, u64, f32, boolean;
} reads[] = {
    { "t.u8", 200, 200, NAN, NAN },
    { "t.i8", NAN, NAN, NAN, NAN },
    { "t.u16", 60000, 60000, NAN, NAN },
    { "t.i16", NAN, NAN, NAN, NAN },
    { "t.u32", 4e9, 4e9, NAN, NAN },
    { "t.i32", NAN, NAN, NAN, NAN },
    { "t.f32", NAN, NAN, 1.5, NAN },
    { "t.bool", NAN, NAN, NAN, 1 },
    { "t.u64", NAN, 18446744073709551615.0, NAN, NAN },
    { "t.i64", NAN, NAN, NAN, NAN },
    { "t.f64", NAN, NAN, -2.5, NAN },
    { "t.strs", NAN, NAN, NAN, NAN },
    { "t.i32s", NAN, NAN, NAN, NAN },
    { "general.architecture", NAN, NAN, NAN, NAN },
};

static void expect(const char *key, const char *reader, double want, HthStatus status, double got,
                   const HthErr *err) {
    HthStatus status_want = isnan(want) ? HTH_EFORMAT : HTH_OK;
    if (status != status_want) fail_msg("%s as %s: %s", key, reader, hth_status_name(status));
    if (isnan(want)) {
        assert_true(got == 42); /* untouched */
        assert_non_null(strstr(err->text, key));
    } else if (got != want) {
        fail_msg("%s as %s: %g, want %g", key, reader, got, want);
    }
}

static void test_scalars(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(reads); i++) {
        const char *key = reads[i].key;
        HthErr err = { 0 };
        uint32_t u32 = 42;
        uint64_t u64 = 42;
        float f32 = 42;
        bool boolean = false;
        HthStatus status = hth_gguf_u32(h, key, &u32, &err);
        expect(key, "u32", reads[i].u32, status, u32, &err);
        status = hth_gguf_u64(h, key, &u64, &err);
        expect(key, "u64", reads[i].u64, status, (double)u64, &err);
        status = hth_gguf_f32(h, key, &f32, &err);
        expect(key, "f32", reads[i].f32, status, (double)f32, &err);
        status = hth_gguf_bool(h, key, &boolean, &err);
        expect(key, "bool", reads[i].boolean, status, status == HTH_OK ? boolean : 42, &err);
    }
}

static void test_strings(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthStr s = HTH_STR("untouched");
    const HthGgufKv *kv = NULL;
    assert_int_equal(hth_gguf_str(h, "t.u8", &s, &err), HTH_EFORMAT);
    assert_string_equal(err.text,
                        "t.gguf: metadata 't.u8' is a value of type u8 where a string is needed");
    assert_int_equal(hth_gguf_str(h, "t.strs", &s, &err), HTH_EFORMAT);
    assert_string_equal(err.text,
                        "t.gguf: metadata 't.strs' is an array of string where a string is needed");
    assert_true(hth_str_eq(s, HTH_STR("untouched")));
    assert_int_equal(hth_gguf_str(h, "general.architecture", &s, &err), HTH_OK);
    assert_true(hth_str_eq(s, HTH_STR("llama")));
    assert_int_equal(hth_gguf_arr(h, "t.strs", HTH_GGUF_STR, &kv, &err), HTH_OK);
    assert_int_equal(kv->count, 3);
    assert_true(hth_str_eq(hth_gguf_elem_str(kv, 0), HTH_STR("one")));
    assert_int_equal(hth_gguf_elem_str(kv, 1).n, 0);
    assert_true(hth_str_eq(hth_gguf_elem_str(kv, 2), HTH_STR("\xff\xfe")));
    assert_int_equal(hth_gguf_arr(h, "t.none", HTH_GGUF_STR, &kv, &err), HTH_OK);
    assert_int_equal(kv->count, 0);
}

static void test_missing(void **state) {
    (void)state;
    HthErr err = { 0 };
    uint32_t v = 42;
    assert_int_equal(hth_gguf_u32(h, "x.absent", &v, &err), HTH_EFORMAT);
    assert_string_equal(err.text, "t.gguf: metadata 'x.absent' is missing");
    assert_int_equal(v, 42);
    assert_int_equal(hth_gguf_u32(h, "x.absent", &v, NULL), HTH_EFORMAT);
    uint64_t u64 = 0;
    float f32 = 0;
    bool boolean = false;
    HthStr s;
    const HthGgufKv *kv = NULL;
    assert_int_equal(hth_gguf_u64(h, "x.absent", &u64, &err), HTH_EFORMAT);
    assert_int_equal(hth_gguf_f32(h, "x.absent", &f32, &err), HTH_EFORMAT);
    assert_int_equal(hth_gguf_bool(h, "x.absent", &boolean, &err), HTH_EFORMAT);
    assert_int_equal(hth_gguf_str(h, "x.absent", &s, &err), HTH_EFORMAT);
    assert_int_equal(hth_gguf_arr(h, "x.absent", HTH_GGUF_STR, &kv, &err), HTH_EFORMAT);
}

/* Which element types each array key may be asked for as. */
static void test_array_types(void **state) {
    (void)state;
    static const struct {
        const char *key;
        bool ints, floats, bools, strs;
    } arrays[] = {
        { "t.i32s", true, false, false, false },
        { "t.bools", false, false, true, false },
        { "t.strs", false, false, false, true },
        { "t.u32", false, false, false, false },
    };
    for (size_t i = 0; i < HTH_COUNT(arrays); i++) {
        for (int t = HTH_GGUF_U8; t <= HTH_GGUF_F64; t++) {
            if (t == HTH_GGUF_ARR) continue;
            const HthGgufKv *kv = NULL;
            HthErr err;
            bool want = arrays[i].ints;
            if (t == HTH_GGUF_F32 || t == HTH_GGUF_F64) want = arrays[i].floats;
            if (t == HTH_GGUF_BOOL) want = arrays[i].bools;
            if (t == HTH_GGUF_STR) want = arrays[i].strs;
            HthStatus status = hth_gguf_arr(h, arrays[i].key, (HthGgufType)t, &kv, &err);
            assert_int_equal(status, want ? HTH_OK : HTH_EFORMAT);
            assert_int_equal(kv != NULL, want);
        }
    }
}

static void test_elements(void **state) {
    (void)state;
    const HthGgufKv *kv = hth_gguf_find(h, "t.i32s");
    assert_true(hth_gguf_elem_i64(kv, 0) == -1 && hth_gguf_elem_i64(kv, 1) == 77);
    assert_true(hth_gguf_elem_f64(kv, 0) == -1.0 && hth_gguf_elem_f64(kv, 1) == 77.0);
    kv = hth_gguf_find(h, "t.bools");
    assert_true(hth_gguf_elem_i64(kv, 0) == 1 && hth_gguf_elem_i64(kv, 1) == 0);
    /* scalars by the same door */
    assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "t.i8"), 0) == -7);
    assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "t.i16"), 0) == -300);
    assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "t.i32"), 0) == -70000);
    assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "t.i64"), 0) == -5000000000LL);
    assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "t.u64"), 0) == INT64_MAX);
    assert_true(hth_gguf_elem_f64(hth_gguf_find(h, "t.u64"), 0) == 18446744073709551615.0);
    assert_true(hth_gguf_elem_f64(hth_gguf_find(h, "t.f64"), 0) == -2.5);
    assert_true(hth_str_eq(hth_gguf_elem_str(hth_gguf_find(h, "general.architecture"), 0),
                           HTH_STR("llama")));
}

/* Doubles at and past the edge of float; infinity and NaN pass. */
static void test_f64_range(void **state) {
    (void)state;
    static const struct {
        uint64_t bits;
        bool ok;
    } cases[] = {
        { 0x47efffffe0000000, true }, /* FLT_MAX */
        { 0x47f0000000000000, false }, /* 2^128 */
        { 0xffefffffffffffff, false }, /* -DBL_MAX */
        { 0x7ff0000000000000, true }, /* infinity */
        { 0x7ff8000000000000, true }, /* NaN */
        { 0x0000000000000001, true }, /* rounds to zero */
    };
    Gb *b = hth_calloc(1, sizeof *b);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthGguf *one = NULL;
        HthErr err;
        float v = 42;
        gb_begin(b, 3);
        gb_kv_int(b, "x", GB_F64, cases[i].bits);
        gb_counts(b);
        assert_int_equal(hth_gguf_open_mem(&one, b->b, b->n, "t", &err), HTH_OK);
        assert_int_equal(hth_gguf_f32(one, "x", &v, &err), cases[i].ok ? HTH_OK : HTH_EFORMAT);
        assert_int_equal(v == 42, !cases[i].ok);
        hth_gguf_close(&one);
    }
    hth_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),  cmocka_unit_test(test_strings),
        cmocka_unit_test(test_missing),  cmocka_unit_test(test_array_types),
        cmocka_unit_test(test_elements), cmocka_unit_test(test_f64_range),
    };
    return cmocka_run_group_tests(tests, open_good, close_good);
}
