/* statement_test.c - digests in pairs, whole and in pieces; statements there and back. */
#include "support/test.h"

#include "audit/jcs.h"
#include "audit/statement.h"

static HthErr err;

/* FIPS 180-4 and 202: "abc". */
#define ABC_256  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_3256 "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"

static void digests(void **state) {
    (void)state;
    HthDigests whole, pieces, back;
    HthDigesting d;
    hth_digests(&whole, "abc", 3);
    assert_ok(hth_digests_begin(&d, &err), err);
    hth_digests_add(&d, "a", 1);
    hth_digests_add(&d, "bc", 2);
    hth_digests_end(&d, &pieces);
    assert_true(hth_digests_eq(&whole, &pieces));
    assert_ok(hth_digests_begin(&d, &err), err);
    hth_digests_end(&d, NULL);
    hth_json_init();
    json_t *v = hth_digests_json(&whole);
    assert_string_equal(json_string_value(json_object_get(v, "sha256")), ABC_256);
    assert_string_equal(json_string_value(json_object_get(v, "sha3_256")), ABC_3256);
    assert_true(hth_digests_read(&back, v) && hth_digests_eq(&back, &whole));
    assert_int_equal(json_object_set_new(v, "md5", json_string("x")), 0);
    assert_false(hth_digests_read(&back, v));
    json_decref(v);
    assert_false(hth_digests_read(&back, NULL));
    v = json_pack("{s:s, s:s}", "sha256", ABC_256, "sha3_256", "3a98");
    assert_false(hth_digests_read(&back, v));
    json_decref(v);
}

/* The running program's file is this test's. */
static void program(void **state) {
    (void)state;
    HthDigests got, want;
    HthBuf file;
    test_load(&file, "/proc/self/exe");
    hth_digests(&want, file.p, file.n);
    assert_ok(hth_digests_program(&got, &err), err);
    assert_true(hth_digests_eq(&got, &want));
    hth_buf_drop(&file);
}

static void statements(void **state) {
    (void)state;
    HthDigests d;
    HthBuf text;
    HthStatement s;
    json_t *v = NULL;
    hth_json_init();
    hth_digests(&d, "abc", 3);
    assert_ok(hth_statement_json(&v, "answer", &d, "https://example.org/x",
                                 json_pack("{s:i}", "n", 1), &err),
              err);
    hth_buf_init(&text, 1 << 16);
    assert_ok(hth_jcs_write(&text, v, &err), err);
    assert_string_equal(text.p,
                        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{"
                        "\"n\":1},\"predicateType\":\"https://example.org/x\",\"subject\":[{"
                        "\"digest\":{\"sha256\":\"" ABC_256 "\",\"sha3_256\":\"" ABC_3256
                        "\"},\"name\":\"answer\"}]}");
    assert_ok(hth_statement_read(&s, v, &err), err);
    assert_true(hth_str_eq(s.subject, HTH_STR("answer")) && hth_digests_eq(&s.digests, &d));
    assert_int_equal(json_integer_value(json_object_get(s.predicate, "n")), 1);
    static const char *const needed[] = { "_type", "subject", "predicateType", "predicate" };
    for (size_t i = 0; i < HTH_COUNT(needed); i++) {
        json_t *less = json_copy(v);
        assert_int_equal(json_object_del(less, needed[i]), 0);
        assert_status(hth_statement_read(&s, less, &err), HTH_EFORMAT, err);
        json_decref(less);
    }
    json_t *subjects = json_object_get(v, "subject");
    assert_int_equal(json_array_append(subjects, json_array_get(subjects, 0)), 0);
    assert_status(hth_statement_read(&s, v, &err), HTH_EFORMAT, err);
    json_decref(v);
    hth_buf_drop(&text);
}

static HthStatus body(void *ctx) {
    json_t *v = NULL, *predicate = json_object();
    HthDigests d = { 0 };
    (void)ctx;
    if (!predicate) return HTH_ENOMEM;
    const HthStatus st = hth_statement_json(&v, "a", &d, "b", predicate, &err);
    json_decref(v);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    hth_json_init();
    assert_true(test_torture(body, NULL, 200) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(program),
        cmocka_unit_test(statements),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
