/* quantize_test.c - a small model quantised, checked and damaged; every allocation fails once. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "gguf/gguf_write.h"
#include "quant/quantize.h"

static char dir[] = "/tmp/hearth-quant-XXXXXX";
static char in[64], out[64], log_path[96];

enum { ROW = 256, ROWS = 24 };

static HthStatus make_input(float last, HthErr *err) {
    static float w[ROW * ROWS];
    HthGgufOut *o = NULL;
    for (uint64_t i = 0; i < ROW * ROWS; i++) w[i] = (float)hth_rng_normal(7, 1, i);
    w[ROW * ROWS - 1] = last;
    HTH_TRY(hth_gguf_out_open(&o, in, err));
    HthStatus st = hth_gguf_out_str(o, "general.architecture", HTH_STR("llama"), err);
    if (st == HTH_OK) st = hth_gguf_out_u32(o, "llama.block_count", 1, err);
    for (int t = 0; t < 3 && st == HTH_OK; t++) {
        static const char *const names[] = { "blk.0.attn_q.weight", "blk.0.ffn_down.weight",
                                             "blk.0.attn_norm.weight" };
        st = hth_gguf_out_tensor(o, hth_str(names[t]), hth_fmt_by_id(0), t < 2 ? 2 : 1,
                                 (uint64_t[]){ ROW, ROWS }, err);
    }
    if (st == HTH_OK) st = hth_gguf_out_data(o, w, sizeof w, err);
    if (st == HTH_OK) st = hth_gguf_out_data(o, w, sizeof w, err);
    if (st == HTH_OK) st = hth_gguf_out_data(o, w, ROW * sizeof *w, err);
    if (st == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return st;
}

static HthStatus make(const HthQuantOpt *opt, json_t **log, HthErr *err) {
    json_t *got = NULL;
    HTH_TRY(hth_quantize(&got, in, out, opt, err));
    if (log != NULL)
        *log = got;
    else
        json_decref(got);
    return HTH_OK;
}

static HthQuantOpt to(const char *mix) {
    return (HthQuantOpt){ .mix = hth_mix_find(mix), .threads = 1 };
}

/* The log's figures, worked out once more from the two files. */
static void figures_are_true(void **state) {
    (void)state;
    HthErr err;
    json_t *log = NULL;
    const HthQuantOpt opt = to("Q4_K_S");
    assert_ok(make_input(0.5f, &err), err);
    assert_ok(make(&opt, &log, &err), err);
    HthGguf *a = NULL, *b = NULL;
    assert_ok(hth_gguf_open(&a, in, &err), err);
    assert_ok(hth_gguf_open(&b, out, &err), err);
    const json_t *tensors = json_object_get(log, "tensors");
    assert_int_equal(json_array_size(tensors), 3);
    for (size_t t = 0; t < 3; t++) {
        static float x[ROW * ROWS], y[ROW * ROWS];
        const HthGgufTensor *p = hth_gguf_tensor_at(a, t), *q = hth_gguf_tensor_at(b, t);
        const size_t n = p->ne[0] * p->ne[1];
        double error = 0, weight = 0, worst = 0;
        p->fmt->dequant(p->data, x, n);
        q->fmt->dequant(q->data, y, n);
        for (size_t i = 0; i < n; i++) {
            const double off = (double)x[i] - y[i];
            error += off * off;
            weight += (double)x[i] * x[i];
            if (fabs(off) > worst) worst = fabs(off);
        }
        const json_t *said = json_array_get(tensors, t);
        const double rmse = json_number_value(json_object_get(said, "relative_rmse"));
        assert_string_equal(json_string_value(json_object_get(said, "to")), q->fmt->name);
        assert_true(fabs(rmse - sqrt(error / weight)) < 1e-9);
        assert_true(json_number_value(json_object_get(said, "max_error")) == worst);
        assert_true(t == 2 ? rmse == 0 : rmse > 0.01 && rmse < 0.12);
    }
    hth_gguf_close(&a);
    hth_gguf_close(&b);
    json_decref(log);
    assert_ok(hth_quantize_verify(log_path, NULL, NULL, 3, NULL, &err), err);
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    HthErr err;
    const HthQuantOpt opt = to("Q8_0");
    unlink(out);
    assert_ok(make_input(NAN, &err), err);
    assert_int_equal(make(&opt, NULL, &err), HTH_EFORMAT);
    assert_non_null(strstr(err.text, "finite"));
    assert_int_not_equal(access(out, F_OK), 0);
}

/* What of a log says something of the bytes. */
static json_t *meaning(const void *text, size_t n) {
    json_t *log = NULL, *file;
    size_t i;
    HthErr err;
    assert_ok(hth_json_parse(&log, (HthStr){ text, n }, 1 << 20, &err), err);
    json_object_del(log, "tool");
    json_object_del(json_object_get(log, "output"), "file");
    json_array_foreach(json_object_get(log, "input"), i, file) json_object_del(file, "file");
    return log;
}

/* A log from anywhere: cut short and with any byte changed it is refused or says the same. */
static void a_log_is_not_trusted(void **state) {
    (void)state;
    HthErr err;
    HthBuf text;
    int same = 0;
    const HthQuantOpt opt = to("Q5_0");
    char bad[96];
    snprintf(bad, sizeof bad, "%s/bad.json", dir);
    assert_ok(make_input(0.5f, &err), err);
    assert_ok(make(&opt, NULL, &err), err);
    hth_buf_init(&text, 1 << 20);
    assert_ok(hth_file_read(&text, log_path, &err), err);
    for (uint64_t i = 0; i < 150; i++) {
        HthBuf copy;
        hth_buf_init(&copy, 1 << 20);
        assert_ok(hth_buf_add(&copy, text.p, text.n, &err), err);
        const size_t at = hth_rng_below(5, 1, i, (uint32_t)text.n);
        const bool cut = i % 5 == 0;
        char *bytes = (char *)copy.p;
        bytes[at] = (char)(bytes[at] ^ (1 << hth_rng_below(5, 2, i, 7)));
        assert_ok(hth_file_write(bad, copy.p, cut ? at : copy.n, 0644, &err), err);
        const HthStatus st = hth_quantize_verify(bad, in, out, 1, NULL, &err);
        if (st == HTH_OK) {
            json_t *a = meaning(text.p, text.n), *b = meaning(copy.p, cut ? at : copy.n);
            assert_true(json_equal(a, b));
            json_decref(a);
            json_decref(b);
            same++;
        }
        hth_buf_drop(&copy);
    }
    assert_true(same < 75);
    hth_buf_drop(&text);
    unlink(bad);
}

static HthStatus torture_body(void *ctx) {
    const HthQuantOpt opt = to("Q4_K_M");
    (void)ctx;
    HthErr err;
    HTH_TRY(make(&opt, NULL, &err));
    return hth_quantize_verify(log_path, NULL, NULL, 1, NULL, &err);
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    HthErr err;
    assert_ok(make_input(0.5f, &err), err);
    hth_json_init();
    assert_true(test_torture(torture_body, NULL, 4000) > 20);
}

int main(void) {
    if (mkdtemp(dir) == NULL) return 1;
    snprintf(in, sizeof in, "%s/in.gguf", dir);
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    snprintf(log_path, sizeof log_path, "%s.quantlog.json", out);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_true),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_log_is_not_trusted),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char path[128];
    static const char *const left[] = {
        "in.gguf",       "out.gguf",          "out.gguf.quantlog.json",
        "out.gguf.part", "out.gguf.part.log", "bad.json"
    };
    for (size_t i = 0; i < HTH_COUNT(left); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, left[i]);
        unlink(path);
    }
    rmdir(dir);
    return failed;
}
