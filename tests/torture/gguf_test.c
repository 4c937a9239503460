/* gguf_test.c - opening and writing GGUF files while memory or the disk gives out.
 *
 * Every allocation, then every system call on a file, is made to fail once: the right status, no
 * leak, no half-written file, and the same answer as ever once the fault is gone.
 *
 * Thread: one. */
#include "support/test.h"

#include "gguf/gguf.h"
#include "gguf/gguf_write.h"
#include "support/gguf_build.h"

static char dir[] = "/tmp/hearth-torture-XXXXXX";
static char whole[80], parts[3][80], out[80];
static Gb *g;

static HthStatus open_whole(void *ctx) {
    HthErr err;
    HthGguf *h = NULL;
    HTH_TRY(hth_gguf_open(&h, ctx, &err));
    if (hth_gguf_tensor_count(h) != 2) fail_msg("the directory is not whole");
    hth_gguf_close(&h);
    return HTH_OK;
}

static HthStatus open_mem(void *ctx) {
    HthErr err;
    HthGguf *h = NULL;
    (void)ctx;
    gb_good(g, 3);
    HTH_TRY(hth_gguf_open_mem(&h, g->b, g->n, "t", &err));
    hth_gguf_close(&h);
    return HTH_OK;
}

static void test_memory(void **state) {
    (void)state;
    assert_true(test_torture(open_mem, NULL, 1000) > 5);
    assert_true(test_torture(open_whole, whole, 1000) > 5);
    for (size_t i = 0; i < 3; i++) assert_true(test_torture(open_whole, parts[i], 1000) > 10);
}

/* The nth system call on a file fails and all after it. */
static uint64_t fail_calls(HthStatus (*body)(void *ctx), void *ctx) {
    for (uint64_t nth = 1; nth < 1000; nth++) {
        uint64_t live = hth_mem_live();
        hth_file_fail_after(nth);
        HthStatus status = body(ctx);
        hth_file_fail_after(0);
        if (hth_mem_live() != live) fail_msg("failing call %llu leaks", (unsigned long long)nth);
        if (status == HTH_OK) return nth - 1;
        if (status != HTH_EIO) fail_msg("%s", hth_status_name(status));
    }
    fail_msg("never succeeds");
    return 0;
}

static void test_reading_fails(void **state) {
    (void)state;
    assert_true(fail_calls(open_whole, whole) > 0);
    for (size_t i = 0; i < 3; i++) assert_true(fail_calls(open_whole, parts[i]) >= 3);
}

static HthStatus fill(HthGgufOut *o, size_t bytes, HthErr *err) {
    static const uint8_t data[1 << 10];
    uint64_t ne[] = { bytes / 4 };
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", HTH_STR("llama"), err));
    HTH_TRY(hth_gguf_out_tensor(o, HTH_STR("a"), hth_fmt_by_id(0), 1, ne, err));
    HTH_TRY(hth_gguf_out_tensor(o, HTH_STR("b"), hth_fmt_by_id(0), 1, ne, err));
    for (size_t at = 0; at < 2 * bytes; at += sizeof data)
        HTH_TRY(hth_gguf_out_data(o, data, sizeof data, err));
    return HTH_OK;
}

static HthStatus write_new(void *ctx) {
    HthErr err;
    HthGgufOut *o = NULL;
    (void)ctx;
    HTH_TRY(hth_gguf_out_open(&o, out, &err));
    HthStatus status = fill(o, 1 << 17, &err);
    if (status == HTH_OK) return hth_gguf_out_commit(&o, &err);
    hth_gguf_out_abort(&o);
    return status;
}

/* After every failure the file at the path is the old one or the new one, whole. */
static HthStatus write_over(void *ctx) {
    HthErr err;
    HthBuf buf;
    HthStatus status = write_new(ctx);
    hth_file_fail_after(0);
    hth_buf_init(&buf, 1 << 20);
    assert_ok(hth_file_read(&buf, out, &err), err);
    bool old = hth_str_eq(hth_buf_str(&buf), HTH_STR("old"));
    if (!old && buf.n <= 2 << 17) fail_msg("a part of a file is visible: %zu bytes", buf.n);
    if (status == HTH_OK && old) fail_msg("success without a new file");
    hth_buf_drop(&buf);
    return status;
}

static void test_writing_fails(void **state) {
    (void)state;
    HthErr err;
    assert_ok(hth_file_write(out, "old", 3, 0600, &err), err);
    assert_true(fail_calls(write_over, NULL) >= 4);
    assert_true(test_torture(write_new, NULL, 1000) > 5);
    unlink(out);
}

/* ---- files to read ---- */

static void put(const char *path) {
    HthErr err;
    assert_ok(hth_file_write(path, g->b, g->n, 0600, &err), err);
}

static int set_up(void **state) {
    (void)state;
    g = hth_calloc(1, sizeof *g);
    if (g == NULL || mkdtemp(dir) == NULL) return 1;
    snprintf(whole, sizeof whole, "%s/whole.gguf", dir);
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    gb_good(g, 3);
    put(whole);
    for (uint64_t no = 0; no < 3; no++) {
        snprintf(parts[no], sizeof parts[no], "%s/p-%05d-of-00003.gguf", dir, (int)no + 1);
        gb_begin(g, 3);
        gb_kv_int(g, "split.no", GB_U16, no);
        gb_kv_int(g, "split.count", GB_U16, 3);
        gb_kv_int(g, "split.tensors.count", GB_I32, 2);
        if (no > 0) gb_tensor(g, no == 1 ? "a" : "b", 1, (const uint64_t[]){ 8 }, 0, 0);
        gb_data(g, 32, 32);
        gb_counts(g);
        put(parts[no]);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(whole);
    for (size_t i = 0; i < 3; i++) unlink(parts[i]);
    hth_free(g);
    return rmdir(dir); /* fails if a temporary file was left behind */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_reading_fails),
        cmocka_unit_test(test_writing_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
