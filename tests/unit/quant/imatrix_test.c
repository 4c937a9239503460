/* imatrix_test.c - importance matrices read: means of squares, and what is none. */
#include "support/test.h"

#include <math.h>

#include "quant/imatrix.h"
#include "support/imatrix_build.h"

static Gb g;

static HthStatus open_it(HthImatrix **im, HthErr *err) {
    return hth_imatrix_open_mem(im, g.b, g.n, err);
}

static void columns(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthImatrix *im = NULL;
    float out[8] = { 7 };
    bool known = true;
    ib_build(&g, "imatrix", "blk.0.attn_q.weight", 4, 2, 13.0f, 1.0f, 5.0f);
    assert_ok(open_it(&im, &err), err);
    assert_int_equal(hth_imatrix_count(im), 1);
    const HthStr name = HTH_STR("blk.0.attn_q.weight");
    assert_ok(hth_imatrix_columns(im, HTH_STR("blk.1.attn_q.weight"), 4, 2, 0, out, &known, &err),
              err);
    assert_true(!known && out[0] == 7);
    assert_ok(hth_imatrix_columns(im, name, 4, 2, 0, out, &known, &err), err);
    assert_true(known && out[0] == 3.25f && out[1] == 0.25f && out[3] == 0.25f);
    assert_ok(hth_imatrix_columns(im, name, 4, 2, 1, out, &known, &err), err);
    assert_true(known && out[0] == 1.0f && out[3] == 1.0f);
    assert_status(hth_imatrix_columns(im, name, 5, 2, 0, out, &known, &err), HTH_EINVAL, err);
    assert_status(hth_imatrix_columns(im, name, 4, 3, 0, out, &known, &err), HTH_EINVAL, err);
    hth_imatrix_close(&im);
    hth_imatrix_close(&im);
    /* One matrix's figures serve all; a column that is never used still counts a little. */
    ib_build(&g, "imatrix", "blk.0.attn_q.weight", 4, 1, 0.0f, 2.0f, 5.0f);
    assert_ok(open_it(&im, &err), err);
    assert_ok(hth_imatrix_columns(im, name, 4, 9, 8, out, &known, &err), err);
    assert_true(known && out[0] == 0x1p-12f && fabsf(out[1] - 4.0f / 3) < 1e-6f);
    hth_imatrix_close(&im);
    /* Heads in one table, one after another, with one count. */
    ib_build(&g, "imatrix", "blk.0.attn_q.weight", 8, 1, 13.0f, 1.0f, 5.0f);
    assert_ok(open_it(&im, &err), err);
    assert_ok(hth_imatrix_columns(im, name, 4, 2, 0, out, &known, &err), err);
    assert_true(known && out[0] == 3.25f && out[3] == 0.25f);
    assert_ok(hth_imatrix_columns(im, name, 4, 2, 1, out, &known, &err), err);
    assert_true(known && out[0] == 1.0f && out[3] == 1.0f);
    assert_ok(hth_imatrix_columns(im, name, 8, 2, 1, out, &known, &err), err); /* one for both */
    assert_true(known && out[0] == 5.2f && out[7] == 0.4f);
    assert_status(hth_imatrix_columns(im, name, 4, 3, 0, out, &known, &err), HTH_EINVAL, err);
    assert_status(hth_imatrix_columns(im, name, 2, 2, 0, out, &known, &err), HTH_EINVAL, err);
    hth_imatrix_close(&im);
    /* Nothing went through it. */
    ib_build(&g, "imatrix", "blk.0.attn_q.weight", 4, 1, 0.0f, 0.0f, 0.0f);
    assert_ok(open_it(&im, &err), err);
    assert_ok(hth_imatrix_columns(im, name, 4, 1, 0, out, &known, &err), err);
    assert_false(known);
    hth_imatrix_close(&im);
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthImatrix *im = NULL;
    ib_build(&g, "model", "w", 4, 1, 1, 1, 1);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    ib_build(&g, "imatrix", "w", 4, 1, -1, 1, 1);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    ib_build(&g, "imatrix", "w", 4, 1, NAN, 1, 1);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    ib_build(&g, "imatrix", "w", 4, 1, 1, INFINITY, 1);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    ib_build(&g, "imatrix", "w", 4, 1, 1, 1, -1);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    gb_begin(&g, 3);
    gb_kv_str(&g, "general.type", "imatrix");
    gb_counts(&g);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    gb_good(&g, 3);
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
    assert_null(im);
}

/* Sums without counts, counts of another size: any name changed by a letter. */
static void names_must_pair(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthImatrix *im = NULL;
    ib_build(&g, "imatrix", "w", 4, 1, 1, 1, 1);
    for (size_t i = 0; i + 8 < g.n; i++)
        if (memcmp(g.b + i, "w.counts", 8) == 0) g.b[i + 7] = 'x';
    assert_status(open_it(&im, &err), HTH_EFORMAT, err);
}

static HthStatus opened(void *ctx) {
    (void)ctx;
    HthImatrix *im = NULL;
    const HthStatus st = open_it(&im, NULL);
    hth_imatrix_close(&im);
    return st;
}

static void memory_may_fail(void **state) {
    (void)state;
    ib_build(&g, "imatrix", "w", 4, 1, 1, 1, 1);
    assert_true(test_torture(opened, NULL, 100) > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns),
        cmocka_unit_test(refusals),
        cmocka_unit_test(names_must_pair),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
