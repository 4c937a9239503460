/* metadata_test.c - the key/value section: good entries are found, bad ones named. */
#include "unit/gguf/hostile.h"

static void start(Gb *g) {
    gb_begin(g, 3);
    gb_kv_str(g, "general.architecture", "llama");
}

static void key_wraps(Gb *g) { /* length + 1 would be 0 */
    start(g);
    gb_int(g, UINT64_MAX, 8);
    gb_int(g, 0, 16);
    g->kvs++;
    gb_counts(g);
}
static void key_past_end(Gb *g) {
    start(g);
    gb_int(g, 1000, 8);
    gb_int(g, 0, 16);
    g->kvs++;
    gb_counts(g);
}
static void key_empty(Gb *g) {
    start(g);
    gb_kv_int(g, "", GB_U32, 1);
    gb_int(g, 0, 8);
    gb_counts(g);
}
static void key_too_long(Gb *g) {
    char *key = hth_calloc(1, 65537);
    memset(key, 'k', 65536);
    key[65536] = '\0';
    start(g);
    gb_kv_int(g, key, GB_U32, 1);
    gb_counts(g);
    hth_free(key);
}
static void key_not_utf8(Gb *g) {
    start(g);
    gb_kv_int(g, "bad\xc3(", GB_U32, 1);
    gb_counts(g);
}
static void key_control(Gb *g) {
    start(g);
    gb_kv_int(g, "esc\033[31m", GB_U32, 1);
    gb_counts(g);
}
static void key_nul(Gb *g) {
    start(g);
    gb_strn(g, "a\0b", 3);
    gb_int(g, GB_U32, 4);
    gb_int(g, 1, 4);
    g->kvs++;
    gb_counts(g);
}
static void key_twice(Gb *g) {
    start(g);
    gb_kv_int(g, "x.same", GB_U32, 1);
    gb_kv_int(g, "x.other", GB_U32, 2);
    gb_kv_int(g, "x.same", GB_F32, 3);
    gb_counts(g);
}
static void type_unknown(Gb *g) {
    start(g);
    gb_kv(g, "x.t", 13);
    gb_int(g, 0, 8);
    gb_counts(g);
}
static void type_huge(Gb *g) {
    start(g);
    gb_kv(g, "x.t", UINT32_MAX);
    gb_int(g, 0, 8);
    gb_counts(g);
}
static void bool_two(Gb *g) {
    start(g);
    gb_kv_int(g, "x.b", GB_BOOL, 2);
    gb_counts(g);
}
static void bool_array_two(Gb *g) {
    start(g);
    gb_kv_arr(g, "x.b", GB_BOOL, 3);
    gb_int(g, 0x800100, 3);
    gb_counts(g);
}
static void str_wraps(Gb *g) {
    start(g);
    gb_kv(g, "x.s", GB_STR);
    gb_int(g, UINT64_MAX - 7, 8);
    gb_int(g, 0, 8);
    gb_counts(g);
}
static void str_not_utf8(Gb *g) {
    start(g);
    gb_kv_str(g, "x.s", "caf\xe9");
    gb_counts(g);
}
static void arr_nested(Gb *g) {
    start(g);
    gb_kv_arr(g, "x.a", GB_ARR, 1);
    gb_int(g, GB_U8, 4);
    gb_int(g, 1, 8);
    gb_int(g, 1, 1);
    gb_counts(g);
}
static void arr_elem_unknown(Gb *g) {
    start(g);
    gb_kv_arr(g, "x.a", 99, 1);
    gb_int(g, 1, 8);
    gb_counts(g);
}
static void arr_count_wraps(Gb *g) { /* count * 8 is 8 modulo 2^64 */
    start(g);
    gb_kv_arr(g, "x.a", GB_U64, (1ULL << 61) + 1);
    gb_int(g, 1, 8);
    gb_counts(g);
}
static void arr_count_past_end(Gb *g) {
    start(g);
    gb_kv_arr(g, "x.a", GB_U16, 9);
    gb_int(g, 1, 8);
    gb_int(g, 1, 8);
    gb_counts(g);
}
static void arr_strs_count_wild(Gb *g) { /* must not allocate 2^40 offsets */
    start(g);
    gb_kv_arr(g, "x.a", GB_STR, 1ULL << 40);
    gb_str(g, "one");
    gb_counts(g);
}
static void arr_str_wraps(Gb *g) {
    start(g);
    gb_kv_arr(g, "x.a", GB_STR, 2);
    gb_str(g, "one");
    gb_int(g, UINT64_MAX - 100, 8);
    gb_counts(g);
}

static const Hostile rows[] = {
    { "key length + 1 wraps", key_wraps, HTH_EFORMAT, "entry 2 of 2 runs past the end" },
    { "key past the end", key_past_end, HTH_EFORMAT, "entry 2 of 2 runs past the end" },
    { "empty key", key_empty, HTH_EFORMAT, "entry 2 of 2 has an empty key" },
    { "long key", key_too_long, HTH_EFORMAT, "a key of 65536 bytes" },
    { "key not UTF-8", key_not_utf8, HTH_EFORMAT, "'bad?(' has a key that is not printable" },
    { "key with an escape", key_control, HTH_EFORMAT, "'esc?[31m'" },
    { "key with a NUL", key_nul, HTH_EFORMAT, "'a?b'" },
    { "key twice", key_twice, HTH_EFORMAT, "'x.same' appears twice" },
    { "type 13", type_unknown, HTH_EFORMAT, "'x.t' has type 13, which GGUF does not define" },
    { "type 2^32-1", type_huge, HTH_EFORMAT, "has type 4294967295" },
    { "bool 2", bool_two, HTH_EFORMAT, "'x.b' holds the byte 2 where a bool" },
    { "bool array", bool_array_two, HTH_EFORMAT, "'x.b' holds the byte 128" },
    { "string length wraps", str_wraps, HTH_EFORMAT, "'x.s' runs past the end" },
    { "string not UTF-8", str_not_utf8, HTH_EFORMAT, "'x.s' is not valid UTF-8" },
    { "array of arrays", arr_nested, HTH_EFORMAT, "'x.a' is an array of arrays" },
    { "array of unknown", arr_elem_unknown, HTH_EFORMAT, "has array element type 99" },
    { "array count wraps", arr_count_wraps, HTH_EFORMAT, "'x.a' runs past the end" },
    { "array past the end", arr_count_past_end, HTH_EFORMAT, "'x.a' runs past the end" },
    { "array of 2^40 strings", arr_strs_count_wild, HTH_EFORMAT, "'x.a' runs past the end" },
    { "array string wraps", arr_str_wraps, HTH_EFORMAT, "'x.a' runs past the end" },
};

static void test_hostile(void **state) {
    (void)state;
    hostile_table(rows, HTH_COUNT(rows));
}

/* An array string over the ceiling of 1 MiB, in a file that does hold it. */
static void test_long_array_string(void **state) {
    (void)state;
    size_t long_n = (1 << 20) + 1;
    Gb *g = hth_calloc(1, sizeof *g);
    gb_begin(g, 3);
    gb_kv_arr(g, "x.a", GB_STR, 1);
    gb_int(g, long_n, 8);
    gb_counts(g);
    uint8_t *file = hth_calloc(1, g->n + long_n);
    memcpy(file, g->b, g->n);
    HthGguf *h = NULL;
    HthErr err = { 0 };
    assert_int_equal(hth_gguf_open_mem(&h, file, g->n + long_n, "t", &err), HTH_EFORMAT);
    assert_non_null(strstr(err.text, "a string in its array of 1048577 bytes"));
    for (int i = 0; i < 8; i++) file[g->n - 8 + (size_t)i] = (uint8_t)((long_n - 1) >> (8 * i));
    assert_int_equal(hth_gguf_open_mem(&h, file, g->n + long_n, "t", &err), HTH_OK);
    assert_int_equal(hth_gguf_elem_str(hth_gguf_find(h, "x.a"), 0).n, long_n - 1);
    hth_gguf_close(&h);
    hth_free(file);
    hth_free(g);
}

/* Trailing bytes and the order of keys are the file's own affair. */
static void test_good(void **state) {
    (void)state;
    Gb *g = hth_calloc(1, sizeof *g);
    for (uint32_t version = 2; version <= 3; version++) {
        HthGguf *h = NULL;
        HthErr err;
        gb_good(g, version);
        gb_bytes(g, "trailing", 8);
        assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "t", &err), HTH_OK);
        assert_int_equal(hth_gguf_kv_count(h), g->kvs);
        for (size_t i = 0; i < hth_gguf_kv_count(h); i++) {
            const HthGgufKv *kv = hth_gguf_kv_at(h, i);
            char key[32];
            assert_true(kv->key.n < sizeof key);
            memcpy(key, kv->key.p, kv->key.n);
            key[kv->key.n] = '\0';
            assert_ptr_equal(hth_gguf_find(h, key), kv);
        }
        assert_null(hth_gguf_find(h, "t.absent"));
        assert_null(hth_gguf_find(h, ""));
        hth_gguf_close(&h);
        assert_null(h);
    }
    hth_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_long_array_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
