/* safetensors_test.c - a file of tensors: what is in it, and all that may be wrong with it. */
#include "support/test.h"

#include "import/safetensors.h"
#include "support/hf_build.h"

static const uint8_t data[64] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static HthStatus open_text(HthSafe **out, const char *header, size_t n, HthErr *err) {
    HthBuf file;
    hth_buf_init(&file, 1 << 16);
    hf_file(&file, header, data, n);
    /* Read where nothing lies behind it. */
    uint8_t *exact = hth_calloc(file.n, 1);
    HTH_ASSERT(exact != NULL);
    memcpy(exact, file.p, file.n);
    const HthStatus st = hth_safe_open_mem(out, exact, file.n, "f", err);
    if (st == HTH_OK)
        for (size_t i = 0; i < hth_safe_count(*out); i++) {
            const HthSafeTensor *t = hth_safe_at(*out, i);
            assert_true(t->data >= exact && t->data + t->bytes <= exact + file.n);
        }
    hth_free(exact);
    hth_buf_drop(&file);
    return st;
}

static void what_is_in_it(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSafe *s = NULL;
    assert_ok(
        open_text(&s,
                  "{\"__metadata__\": {\"format\": \"pt\"},"
                  "\"b\": {\"dtype\": \"F16\", \"shape\": [2, 3], \"data_offsets\": [4, 16]},"
                  "\"a\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4]},"
                  "\"none\": {\"dtype\": \"BF16\", \"shape\": [0, 9], \"data_offsets\": "
                  "[16, 16]},"
                  "\"c\": {\"dtype\": \"I64\", \"shape\": [1], \"data_offsets\": [16, 24]}}   ",
                  24, &err),
        err);
    assert_int_equal(hth_safe_count(s), 4);
    const HthSafeTensor *a = hth_safe_at(s, 0), *b = hth_safe_at(s, 1), *n = hth_safe_at(s, 2);
    assert_true(hth_str_eq(a->name, HTH_STR("a")) && a->n_dims == 0 && a->bytes == 4);
    assert_true(hth_str_eq(b->name, HTH_STR("b")) && b->n_dims == 2 && b->dims[0] == 2);
    assert_true(b->dims[1] == 3 && b->fmt == hth_fmt_by_name("F16") && b->bytes == 12);
    assert_true(n->bytes == 0 && hth_str_eq(n->name, HTH_STR("none")));
    assert_true(hth_safe_at(s, 3)->fmt == NULL);
    assert_string_equal(hth_safe_at(s, 3)->type, "I64");
    hth_safe_close(&s);
    assert_null(s);
    assert_ok(open_text(&s, "{}", 0, &err), err);
    assert_int_equal(hth_safe_count(s), 0);
    hth_safe_close(&s);
}

#define T(body) "{\"a\": {" body "}}"
#define F4      "\"dtype\": \"F32\", \"shape\": [1], "

static void what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t n;
        HthStatus status;
        const char *words;
    } cases[] = {
        { "{", 0, HTH_EFORMAT, "too early" },
        { " {}", 0, HTH_EFORMAT, "not JSON" },
        { "", 0, HTH_EFORMAT, "not JSON" },
        { "[]", 0, HTH_EFORMAT, "not JSON" },
        { "{} {}", 0, HTH_EFORMAT, "something follows" },
        { "{\"a\": 1}", 0, HTH_EFORMAT, "no object" },
        { "{\"a\": {}, \"a\": {}}", 0, HTH_EFORMAT, "twice" },
        { "{\"__metadata__\": 1}", 0, HTH_EFORMAT, "__metadata__" },
        { "{\"__metadata__\": {\"a\": 1}}", 0, HTH_EFORMAT, "more than texts" },
        { T("\"shape\": [1], \"data_offsets\": [0, 4]"), 4, HTH_EFORMAT, "no dtype" },
        { T("\"dtype\": \"F4\", \"shape\": [1]"), 4, HTH_ENOTSUP, "of type F4" },
        { T("\"dtype\": \"F32\", \"data_offsets\": [0, 4]"), 4, HTH_EFORMAT, "shape" },
        { T("\"dtype\": \"F32\", \"shape\": [1.0], \"data_offsets\": [0, 4]"), 4, HTH_EFORMAT,
          "impossible" },
        { T("\"dtype\": \"F32\", \"shape\": [-1], \"data_offsets\": [0, 4]"), 4, HTH_EFORMAT,
          "impossible" },
        { T("\"dtype\": \"F32\", \"shape\": [4294967296, 4294967296], \"data_offsets\": [0, 0]"), 0,
          HTH_EFORMAT, "impossible" },
        { T("\"dtype\": \"F32\", \"shape\": [4611686018427387904], \"data_offsets\": [0, 0]"), 0,
          HTH_EFORMAT, "another number" },
        { T("\"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,1,1,1], \"data_offsets\": [0, 4]"), 4,
          HTH_EFORMAT, "at most 8" },
        { T(F4 "\"data_offsets\": [0]"), 4, HTH_EFORMAT, "two numbers" },
        { T(F4 "\"data_offsets\": [0, 4, 4]"), 4, HTH_EFORMAT, "two numbers" },
        { T(F4 "\"data_offsets\": [4, 0]"), 4, HTH_EFORMAT, "not the smaller" },
        { T(F4 "\"data_offsets\": [-4, 0]"), 4, HTH_EFORMAT, "two numbers" },
        { T(F4 "\"data_offsets\": [0, 4]"), 3, HTH_EFORMAT, "1 bytes after the end" },
        { T(F4 "\"data_offsets\": [0, 9223372036854775807]"), 4, HTH_EFORMAT, "after the end" },
        { T(F4 "\"data_offsets\": [0, 5]"), 5, HTH_EFORMAT, "another number" },
        { T(F4 "\"data_offsets\": [1, 5]"), 5, HTH_EFORMAT, "leave a hole" },
        { T(F4 "\"data_offsets\": [0, 4]"), 5, HTH_EFORMAT, "belong to no tensor" },
        { "{\"a\": {" F4 "\"data_offsets\": [0, 4]}, \"b\": {" F4 "\"data_offsets\": [0, 4]}}", 4,
          HTH_EFORMAT, "overlap" },
        { "{\"a\": {" F4 "\"data_offsets\": [0, 4]}, \"b\": {" F4 "\"data_offsets\": [2, 6]}}", 6,
          HTH_EFORMAT, "overlap" },
        { "{\"\": {" F4 "\"data_offsets\": [0, 4]}}", 4, HTH_EFORMAT, "name" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthSafe *s = NULL;
        assert_status(open_text(&s, cases[i].header, cases[i].n, &err), cases[i].status, err);
        assert_null(s);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
    }
}

static void every_beginning_of_a_file(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSafe *s = NULL;
    HthBuf file;
    hth_buf_init(&file, 1 << 16);
    hf_weights(&file, hf_llama, 0, HF_LLAMA);
    for (size_t n = 0; n < file.n; n += n < 300 ? 1 : 37) {
        assert_status(hth_safe_open_mem(&s, file.p, n, "f", &err), HTH_EFORMAT, err);
        assert_null(s);
    }
    assert_ok(hth_safe_open_mem(&s, file.p, file.n, "f", &err), err);
    assert_int_equal(hth_safe_count(s), HF_LLAMA);
    for (size_t i = 0; i < HF_LLAMA; i++) {
        float v;
        memcpy(&v, hth_safe_at(s, i)->data + 4, sizeof v);
        assert_true(v == hf_number(i, 1));
    }
    hth_safe_close(&s);
    hth_buf_drop(&file);
}

static HthStatus torture(void *ctx) {
    HthErr err;
    HthSafe *s = NULL;
    const HthBuf *file = ctx;
    const HthStatus st = hth_safe_open_mem(&s, file->p, file->n, "f", &err);
    hth_safe_close(&s);
    return st;
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    HthBuf file;
    hth_buf_init(&file, 1 << 16);
    hf_weights(&file, hf_llama, 0, HF_LLAMA);
    assert_true(test_torture(torture, &file, 4000) > 20);
    hth_buf_drop(&file);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_it),
        cmocka_unit_test(what_is_wrong),
        cmocka_unit_test(every_beginning_of_a_file),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
