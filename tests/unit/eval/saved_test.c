/* saved_test.c - logits written and read back; files cut, bent and made up; a try after a kill. */
#include "support/test.h"
#include "support/folder.h"

#include "base/rng.h"
#include "base/sum.h"
#include "eval/saved.h"

enum { VOCAB = 37, SEGMENTS = 3, ROWS = 9 };

static HthEvalSegment segments[SEGMENTS] = { { .n = 5, .first = 1, .row = 0 },
                                             { .n = 4, .first = 3, .row = 4 },
                                             { .n = 6, .first = 2, .row = 5 } };
static HthEvalPlan plan = { .segments = segments, .segment_count = SEGMENTS, .rows = ROWS };
static HthEvalSavedHead head = { .vocab = VOCAB, .rows = ROWS, .segments = SEGMENTS };

static float logit(uint32_t row, uint32_t i) {
    return (float)hth_rng_normal(11, row, i);
}

static HthStatus write_segment(HthEvalSave *s, uint32_t i, uint64_t *sum, HthErr *err) {
    const uint32_t n = hth_eval_scored(&segments[i]);
    const size_t row_bytes = hth_eval_saved_row(VOCAB);
    static uint8_t bytes[ROWS * 128];
    float v[VOCAB];
    HthEvalRow row;
    double log_sum;
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t c = 0; c < VOCAB; c++) v[c] = logit((uint32_t)segments[i].row + k, c);
        assert_true(hth_eval_row(v, VOCAB, k, &row, &log_sum));
        hth_eval_saved_fill(bytes + k * row_bytes, &row, k, v, VOCAB, log_sum);
    }
    HTH_TRY(hth_eval_save_begin(s, &plan, i, err));
    HTH_TRY(hth_eval_save_add(s, bytes, 1, err)); /* in blocks or at once: the same bytes */
    if (n > 1) HTH_TRY(hth_eval_save_add(s, bytes + row_bytes, n - 1, err));
    return hth_eval_save_end(s, sum, err);
}

static HthStatus write_all(const char *path, uint64_t sums[SEGMENTS], HthErr *err) {
    HthEvalSave *s = NULL;
    HTH_TRY(hth_eval_save_open(&s, path, &head, err));
    HthStatus st = HTH_OK;
    for (uint32_t i = 0; i < SEGMENTS && st == HTH_OK; i++) st = write_segment(s, i, &sums[i], err);
    if (st == HTH_OK) st = hth_eval_save_commit(s, err);
    hth_eval_save_close(&s);
    return st;
}

static void there_and_back(void **state) {
    uint64_t sums[SEGMENTS];
    HthEvalBase *b = NULL;
    HthErr err = { 0 };
    (void)state;
    assert_ok(write_all(test_path("a"), sums, &err), err);
    assert_int_not_equal(access(test_path("a.part"), F_OK), 0);
    assert_ok(hth_eval_base_open(&b, test_path("a"), &err), err);
    assert_ok(hth_eval_base_fits(b, &plan, VOCAB, &err), err);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        assert_ok(hth_eval_base_check(b, &plan, i, &err), err);
        for (uint32_t k = 0; k < hth_eval_scored(&segments[i]); k++) {
            const uint8_t *codes;
            double nats, log_sum;
            uint32_t top;
            float v[VOCAB];
            HthEvalRow row;
            for (uint32_t c = 0; c < VOCAB; c++) v[c] = logit((uint32_t)segments[i].row + k, c);
            assert_true(hth_eval_row(v, VOCAB, k, &row, &log_sum));
            hth_eval_base_row(b, &plan, i, k, &nats, &top, &codes);
            assert_true(nats == row.nats && top == row.top);
            for (uint32_t c = 0; c < VOCAB; c++)
                assert_int_equal(hth_le16(codes + 2 * c), hth_eval_code(log_sum - (double)v[c]));
        }
        hth_eval_base_let_go(b, &plan, i);
    }
    hth_eval_base_close(&b);
}

static void another_plan(void **state) {
    uint64_t sums[SEGMENTS];
    HthEvalBase *b = NULL;
    HthErr err = { 0 };
    HthEvalPlan other = plan;
    (void)state;
    assert_ok(write_all(test_path("a"), sums, &err), err);
    assert_ok(hth_eval_base_open(&b, test_path("a"), &err), err);
    assert_status(hth_eval_base_fits(b, &plan, VOCAB + 1, &err), HTH_EFORMAT, err);
    other.digest[5] ^= 1;
    assert_status(hth_eval_base_fits(b, &other, VOCAB, &err), HTH_EFORMAT, err);
    other = plan;
    other.rows++;
    assert_status(hth_eval_base_fits(b, &other, VOCAB, &err), HTH_EFORMAT, err);
    hth_eval_base_close(&b);
}

/* Opens it, and checks every segment. */
static HthStatus whole(HthStr bytes, HthErr *err) {
    HthEvalBase *b = NULL;
    HTH_TRY(hth_eval_base_over(&b, bytes, "test", err));
    HthStatus st = hth_eval_base_fits(b, &plan, VOCAB, err);
    for (uint32_t i = 0; i < SEGMENTS && st == HTH_OK; i++)
        st = hth_eval_base_check(b, &plan, i, err);
    hth_eval_base_close(&b);
    return st;
}

/* One flipped bit anywhere, or another length, is found. */
static void damaged(void **state) {
    uint64_t sums[SEGMENTS];
    HthBuf file;
    HthErr err = { 0 };
    (void)state;
    assert_ok(write_all(test_path("a"), sums, &err), err);
    test_load(&file, test_path("a"));
    assert_ok(whole(hth_buf_str(&file), &err), err);
    for (size_t at = 0; at < file.n; at++) {
        file.p[at] ^= (char)(1 << at % 8);
        if (whole(hth_buf_str(&file), &err) == HTH_OK) fail_msg("byte %zu", at);
        file.p[at] ^= (char)(1 << at % 8);
    }
    for (size_t n = 0; n < file.n; n += 7)
        assert_int_not_equal(whole((HthStr){ file.p, n }, &err), HTH_OK);
    hth_buf_drop(&file);
}

/* Sizes that overflow, and a probability that is none, under right checksums. */
static void made_up(void **state) {
    uint64_t sums[SEGMENTS];
    HthBuf file;
    HthErr err = { 0 };
    uint64_t v = UINT64_MAX / 8, sum;
    (void)state;
    assert_ok(write_all(test_path("a"), sums, &err), err);
    test_load(&file, test_path("a"));
    memcpy(file.p + 16, &v, 8);
    sum = hth_sum64(0, file.p, 120);
    memcpy(file.p + 120, &sum, 8);
    assert_status(whole(hth_buf_str(&file), &err), HTH_EFORMAT, err);
    hth_buf_drop(&file);
    test_load(&file, test_path("a"));
    v = 0x7ff8000000000000u; /* NaN */
    memcpy(file.p + 128, &v, 8);
    const size_t rows = 4 * hth_eval_saved_row(VOCAB);
    sum = hth_sum64(0, file.p + 128, rows);
    memcpy(file.p + 128 + rows, &sum, 8);
    assert_status(whole(hth_buf_str(&file), &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "no probability"));
    hth_buf_drop(&file);
}

/* What a first try wrote is known by its sum; what was bent since, or never written, is not. */
static void after_a_kill(void **state) {
    uint64_t sums[SEGMENTS], sum;
    HthEvalSave *s = NULL;
    HthErr err = { 0 };
    HthBuf first, second;
    bool has;
    (void)state;
    assert_ok(write_all(test_path("a"), sums, &err), err);
    test_load(&first, test_path("a"));
    assert_ok(hth_eval_save_open(&s, test_path("b"), &head, &err), err);
    assert_ok(write_segment(s, 0, &sum, &err), err);
    hth_eval_save_close(&s);
    assert_ok(hth_eval_save_open(&s, test_path("b"), &head, &err), err);
    assert_ok(hth_eval_save_has(s, &plan, 0, sums[0], &has, &err), err);
    assert_true(has && sum == sums[0]);
    assert_ok(hth_eval_save_has(s, &plan, 0, sums[0] ^ 1, &has, &err), err);
    assert_false(has);
    assert_ok(hth_eval_save_has(s, &plan, 1, sums[1], &has, &err), err);
    assert_false(has);
    HthEvalSave *two = NULL;
    assert_status(hth_eval_save_open(&two, test_path("b"), &head, &err), HTH_EAGAIN, err);
    for (uint32_t i = 1; i < SEGMENTS; i++) assert_ok(write_segment(s, i, &sum, &err), err);
    assert_ok(hth_eval_save_commit(s, &err), err);
    hth_eval_save_close(&s);
    test_load(&second, test_path("b"));
    assert_int_equal(first.n, second.n);
    assert_memory_equal(first.p, second.p, first.n);
    hth_buf_drop(&first);
    hth_buf_drop(&second);
}

static HthStatus body(void *ctx) {
    uint64_t sums[SEGMENTS];
    HthErr err = { 0 };
    HthEvalBase *b = NULL;
    (void)ctx;
    HTH_TRY(write_all(test_path("t"), sums, &err));
    HTH_TRY(hth_eval_base_open(&b, test_path("t"), &err));
    hth_eval_base_close(&b);
    return HTH_OK;
}

static void no_memory_no_disk(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 20) >= 2);
    for (uint64_t nth = 1; nth < 100; nth++) {
        const uint64_t live = hth_mem_live();
        hth_file_fail_after(nth);
        const HthStatus st = body(NULL);
        hth_file_fail_after(0);
        assert_int_equal(hth_mem_live(), live);
        if (st == HTH_OK) return;
        assert_int_equal(st, HTH_EIO);
    }
    fail_msg("still failing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(another_plan),
        cmocka_unit_test(damaged),        cmocka_unit_test(made_up),
        cmocka_unit_test(after_a_kill),   cmocka_unit_test(no_memory_no_disk),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
