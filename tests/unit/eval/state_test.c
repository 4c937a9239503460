/* state_test.c - what was computed is there again, up to where it is whole; nothing else is. */
#include "support/test.h"
#include "support/folder.h"

#include "eval/state.h"

static uint8_t digest[HTH_HASH_BYTES] = { 1, 2, 3 };
enum { SEGMENTS = 5, MOST = 4 };

static HthEvalRow row_of(uint32_t segment, uint32_t k) {
    return (HthEvalRow){ segment + 0.5, k + 0.25, 3, segment * 7 + k, k };
}

static uint32_t rows_in(uint32_t segment) {
    return 1 + segment % MOST;
}

static HthStatus add(HthEvalState *s, uint32_t segment, HthErr *err) {
    HthEvalRow rows[MOST];
    for (uint32_t k = 0; k < rows_in(segment); k++) rows[k] = row_of(segment, k);
    return hth_eval_state_add(s, rows, rows_in(segment), segment * 1000 + 1, err);
}

/* How many segments are there, each as it was. */
static uint32_t there(HthEvalState *s) {
    HthErr err = { 0 };
    uint32_t i = 0;
    for (;; i++) {
        HthEvalRow rows[MOST];
        uint64_t saved = 0;
        bool known;
        assert_ok(hth_eval_state_next(s, rows, rows_in(i), &saved, &known, &err), err);
        if (!known) return i;
        assert_int_equal(saved, i * 1000 + 1);
        for (uint32_t k = 0; k < rows_in(i); k++) {
            const HthEvalRow want = row_of(i, k);
            assert_memory_equal(&rows[k], &want, sizeof want);
        }
    }
}

static void fill(const char *path, uint32_t n) {
    HthEvalState *s = NULL;
    HthErr err = { 0 };
    assert_ok(hth_eval_state_open(&s, path, digest, &err), err);
    for (uint32_t i = 0; i < n; i++) assert_ok(add(s, i, &err), err);
    hth_eval_state_close(&s);
}

static uint32_t count(const char *path) {
    HthEvalState *s = NULL;
    HthErr err = { 0 };
    assert_ok(hth_eval_state_open(&s, path, digest, &err), err);
    const uint32_t n = there(s);
    hth_eval_state_close(&s);
    return n;
}

static void goes_on(void **state) {
    HthEvalState *s = NULL;
    HthErr err = { 0 };
    (void)state;
    fill(test_path("s"), 3);
    assert_ok(hth_eval_state_open(&s, test_path("s"), digest, &err), err);
    assert_int_equal(there(s), 3);
    hth_eval_state_back(s, rows_in(2)); /* its logits were gone: once more */
    assert_ok(add(s, 2, &err), err);
    assert_ok(add(s, 3, &err), err);
    hth_eval_state_close(&s);
    assert_int_equal(count(test_path("s")), 4);
    assert_ok(hth_eval_state_open(&s, test_path("s"), digest, &err), err);
    hth_eval_state_remove(&s);
    assert_int_not_equal(access(test_path("s"), F_OK), 0);
}

/* Cut anywhere, or with one bit flipped anywhere: what is whole before it is there. */
static void torn(void **state) {
    HthBuf file;
    HthErr err = { 0 };
    size_t ends[SEGMENTS + 1];
    (void)state;
    fill(test_path("s"), SEGMENTS);
    test_load(&file, test_path("s"));
    ends[0] = 64;
    for (uint32_t i = 0; i < SEGMENTS; i++) ends[i + 1] = ends[i] + 32 * rows_in(i) + 16;
    assert_int_equal(ends[SEGMENTS], file.n);
    for (size_t n = 0; n < file.n; n += 5) {
        uint32_t whole = 0;
        while (ends[whole + 1] <= n) whole++;
        assert_ok(hth_file_write(test_path("t"), file.p, n, 0644, &err), err);
        assert_int_equal(count(test_path("t")), whole);
    }
    for (size_t at = 8; at < file.n; at += 3) {
        uint32_t whole = 0;
        while (at >= 64 && ends[whole + 1] <= at) whole++;
        file.p[at] ^= 4;
        assert_ok(hth_file_write(test_path("t"), file.p, file.n, 0644, &err), err);
        assert_int_equal(count(test_path("t")), whole);
        file.p[at] ^= 4;
    }
    hth_buf_drop(&file);
}

static void not_ours(void **state) {
    HthEvalState *s = NULL;
    HthErr err = { 0 };
    uint8_t other[HTH_HASH_BYTES] = { 9 };
    (void)state;
    test_put("letter", "Dear Sir or Madam, this is a letter that nobody wants to lose.");
    assert_status(hth_eval_state_open(&s, test_path("letter"), digest, &err), HTH_EINVAL, err);
    fill(test_path("s"), 3);
    assert_ok(hth_eval_state_open(&s, test_path("s"), other, &err), err); /* begun anew */
    assert_int_equal(there(s), 0);
    HthEvalState *two = NULL;
    assert_status(hth_eval_state_open(&two, test_path("s"), other, &err), HTH_EAGAIN, err);
    hth_eval_state_close(&s);
    assert_int_equal(symlink(test_path("s"), test_path("link")), 0);
    assert_status(hth_eval_state_open(&s, test_path("link"), digest, &err), HTH_EIO, err);
    assert_int_equal(link(test_path("s"), test_path("name")), 0);
    assert_status(hth_eval_state_open(&s, test_path("s"), digest, &err), HTH_EINVAL, err);
}

static HthStatus body(void *ctx) {
    HthEvalState *s = NULL;
    HthErr err = { 0 };
    HthEvalRow rows[MOST];
    uint64_t saved;
    bool known = false;
    (void)ctx;
    unlink(test_path("b"));
    HTH_TRY(hth_eval_state_open(&s, test_path("b"), digest, &err));
    HthStatus st = add(s, 0, &err);
    hth_eval_state_close(&s);
    if (st == HTH_OK) st = hth_eval_state_open(&s, test_path("b"), digest, &err);
    if (st == HTH_OK) st = hth_eval_state_next(s, rows, rows_in(0), &saved, &known, &err);
    if (st == HTH_OK) assert_true(known);
    hth_eval_state_close(&s);
    return st;
}

static void no_memory_no_disk(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 20) >= 4);
    for (uint64_t nth = 1; nth < 100; nth++) {
        hth_file_fail_after(nth);
        const HthStatus st = body(NULL);
        hth_file_fail_after(0);
        if (st == HTH_OK) return;
        assert_int_equal(st, HTH_EIO);
    }
    fail_msg("still failing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),
        cmocka_unit_test(torn),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(no_memory_no_disk),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
