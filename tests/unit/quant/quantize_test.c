/* quantize_test.c - a small model quantised, checked and damaged; every allocation fails once. */
#include "support/test.h"

#include <math.h>
#include <unistd.h>

#include "support/folder.h"

#include "base/file.h"
#include "base/rng.h"
#include "gguf/gguf_write.h"
#include "quant/part.h"
#include "quant/quantize.h"

static char in[80], out[80], log_path[128];

enum { ROW = 256, ROWS = 8 };

/* Tensors first to end of three into a file; part number no of parts. */
static HthStatus make_part(const char *path, float last, uint32_t first, uint32_t end, uint32_t no,
                           uint32_t parts, HthErr *err) {
    static const char *const names[] = { "blk.0.attn_q.weight", "blk.0.ffn_down.weight",
                                         "blk.0.attn_norm.weight" };
    static float w[ROW * ROWS];
    HthGgufOut *o = NULL;
    for (uint64_t i = 0; i < ROW * ROWS; i++) w[i] = (float)hth_rng_normal(7, 1, i);
    w[ROW * ROWS - 1] = last;
    HTH_TRY(hth_gguf_out_open(&o, path, err));
    HthStatus st = HTH_OK;
    if (no == 0) st = hth_gguf_out_str(o, "general.architecture", HTH_STR("llama"), err);
    if (st == HTH_OK && no == 0) st = hth_gguf_out_u32(o, "llama.block_count", 1, err);
    if (st == HTH_OK && parts > 1) st = hth_gguf_out_u32(o, "split.no", no, err);
    if (st == HTH_OK && parts > 1) st = hth_gguf_out_u32(o, "split.count", parts, err);
    if (st == HTH_OK && parts > 1) st = hth_gguf_out_u32(o, "split.tensors.count", 3, err);
    for (uint32_t t = first; t < end && st == HTH_OK; t++)
        st = hth_gguf_out_tensor(o, hth_str(names[t]), hth_fmt_by_id(0), t < 2 ? 2 : 1,
                                 (uint64_t[]){ ROW, ROWS }, err);
    for (uint32_t t = first; t < end && st == HTH_OK; t++)
        st = hth_gguf_out_data(o, w, t < 2 ? sizeof w : ROW * sizeof *w, err);
    if (st == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return st;
}

static HthStatus make_input(float last, HthErr *err) {
    return make_part(in, last, 0, 3, 0, 1, err);
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
    assert_ok(hth_quantize_verify(log_path, NULL, NULL, NULL, 3, NULL, &err), err);
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    HthErr err;
    const HthQuantOpt opt = to("Q8_0");
    unlink(out);
    unlink(log_path);
    assert_ok(make_input(NAN, &err), err);
    assert_int_equal(make(&opt, NULL, &err), HTH_EFORMAT);
    assert_non_null(strstr(err.text, "finite"));
    assert_int_equal(test_entries(""),
                     1); /* another try would end there too: nothing is kept for it */
    const HthQuantOpt half = to("F16");
    assert_ok(make_input(1e6f, &err), err);
    assert_int_equal(make(&half, NULL, &err), HTH_EFORMAT);
    assert_non_null(strstr(err.text, "too large for F16"));
    assert_int_equal(test_entries(""), 1);
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
    snprintf(bad, sizeof bad, "%s/bad.json", test_folder);
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
        const HthStatus st = hth_quantize_verify(bad, in, out, NULL, 1, NULL, &err);
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

/* In two files it is the same model, and the log names both. */
static void a_split_model_is_one(void **state) {
    (void)state;
    HthErr err;
    HthBuf whole, split;
    json_t *log = NULL;
    char one[96], two[96];
    const HthQuantOpt opt = to("Q8_0");
    snprintf(one, sizeof one, "%s/m-00001-of-00002.gguf", test_folder);
    snprintf(two, sizeof two, "%s/m-00002-of-00002.gguf", test_folder);
    hth_buf_init(&whole, 1 << 20);
    hth_buf_init(&split, 1 << 20);
    assert_ok(make_input(0.5f, &err), err);
    assert_ok(make(&opt, NULL, &err), err);
    assert_ok(hth_file_read(&whole, out, &err), err);
    assert_ok(make_part(one, 0.5f, 0, 1, 0, 2, &err), err);
    assert_ok(make_part(two, 0.5f, 1, 3, 1, 2, &err), err);
    assert_ok(hth_quantize(&log, one, out, &opt, &err), err);
    assert_ok(hth_file_read(&split, out, &err), err);
    assert_true(whole.n == split.n && memcmp(whole.p, split.p, whole.n) == 0);
    const json_t *input = json_object_get(log, "input");
    assert_int_equal(json_array_size(input), 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(hth_str_eq(hth_json_text(json_array_get(input, i), "file"),
                               hth_str(strrchr(i == 0 ? one : two, '/') + 1)));
    assert_ok(hth_quantize_verify(log_path, NULL, NULL, NULL, 1, NULL, &err), err);
    /* Neither part is written over. */
    assert_int_equal(hth_quantize(&log, one, two, &opt, &err), HTH_EINVAL);
    assert_int_equal(hth_quantize(&log, two, one, &opt, &err), HTH_EINVAL);
    json_decref(log);
    hth_buf_drop(&whole);
    hth_buf_drop(&split);
    unlink(one);
    unlink(two);
}

/* Names that are taken: by the input, by a folder, by another name of some file. */
static void what_is_there_is_not_harmed(void **state) {
    (void)state;
    HthErr err;
    json_t *log = NULL;
    char part[96], other[96];
    const HthQuantOpt opt = to("Q8_0");
    snprintf(part, sizeof part, "%s.part", out);
    snprintf(other, sizeof other, "%s/other", test_folder);
    assert_ok(make_input(0.5f, &err), err);
    unlink(out);
    assert_int_equal(rename(in, part), 0);
    assert_int_equal(hth_quantize(&log, part, out, &opt, &err), HTH_EINVAL);
    assert_int_equal(rename(part, in), 0);
    assert_int_equal(hth_quantize(&log, in, test_folder, &opt, &err), HTH_EINVAL);
    assert_ok(hth_file_write(other, "dear", 4, 0644, &err), err);
    assert_int_equal(link(other, part), 0);
    assert_int_equal(make(&opt, NULL, &err), HTH_EINVAL);
    unlink(part);
    assert_int_equal(symlink(other, part), 0);
    assert_int_equal(make(&opt, NULL, &err), HTH_EIO);
    unlink(part);
    HthBuf dear;
    hth_buf_init(&dear, 16);
    assert_ok(hth_file_read(&dear, other, &err), err);
    assert_true(hth_str_eq(hth_buf_str(&dear), HTH_STR("dear")));
    hth_buf_drop(&dear);
    /* As of every file that is written, a link of that name is followed. */
    assert_int_equal(symlink(other, out), 0);
    assert_ok(make(&opt, NULL, &err), err);
    struct stat st;
    assert_int_equal(lstat(out, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    unlink(out);
    unlink(other);
    snprintf(other, sizeof other, "%s/other.quantlog.json", test_folder);
    assert_int_equal(unlink(other), 0);
}

/* No file system has an exbibyte of room; what is there already is not asked for again. */
static void room_is_looked_for(void **state) {
    (void)state;
    HthErr err;
    HthPart *part = NULL;
    const uint8_t plan[HTH_HASH_BYTES] = { 1 };
    char path[96];
    snprintf(path, sizeof path, "%s/room", test_folder);
    const int before = test_entries("");
    assert_ok(hth_part_open(&part, path, plan, &err), err);
    assert_ok(hth_part_room(part, 0, &err), err);
    assert_ok(hth_part_write(part, 0, plan, sizeof plan, &err), err);
    assert_ok(hth_part_room(part, sizeof plan, &err), err);
    assert_int_equal(hth_part_room(part, UINT64_C(1) << 60, &err), HTH_EIO);
    assert_non_null(strstr(err.text, "make room"));
    hth_part_drop(&part);
    assert_int_equal(test_entries(""), before);
}

/* A pattern gives a type to matrices alone. */
static void patterns(void **state) {
    (void)state;
    HthErr err;
    json_t *log = NULL;
    static const char *const want[] = { "Q5_0", "Q8_0", "F32" };
    const HthQuantRule rules[] = { { "*attn_q*", hth_fmt_by_name("Q5_0") },
                                   { "*", hth_fmt_by_name("Q8_0") } };
    HthQuantOpt opt = to("Q4_0");
    opt.rules = rules;
    opt.rule_count = HTH_COUNT(rules);
    assert_ok(make_input(0.5f, &err), err);
    assert_ok(make(&opt, &log, &err), err);
    for (size_t i = 0; i < HTH_COUNT(want); i++)
        assert_true(
            hth_str_eq(hth_json_text(json_array_get(json_object_get(log, "tensors"), i), "to"),
                       hth_str(want[i])));
    json_decref(log);
    opt.rules = &(HthQuantRule){ "*norm*", hth_fmt_by_name("Q8_0") };
    opt.rule_count = 1;
    assert_int_equal(make(&opt, NULL, &err), HTH_EINVAL);
}

static void read_both(HthBuf *model, HthBuf *log) {
    HthErr err;
    hth_buf_init(model, 1 << 20);
    hth_buf_init(log, 1 << 20);
    assert_ok(hth_file_read(model, out, &err), err);
    assert_ok(hth_file_read(log, log_path, &err), err);
}

/* The disk fails at the Nth call and from then on: no OUT, or a whole one with its log; then the
 * same command makes the same bytes of whatever was left. */
static void a_disk_may_fail_anywhere(void **state) {
    (void)state;
    HthErr err;
    HthBuf model, log;
    uint64_t nth = 0;
    HthStatus st = HTH_EIO;
    const HthQuantOpt opt = to("Q4_0");
    assert_ok(make_input(0.5f, &err), err);
    assert_ok(make(&opt, NULL, &err), err);
    read_both(&model, &log);
    while (st != HTH_OK && nth < 200) {
        unlink(out);
        unlink(log_path);
        hth_file_fail_after(++nth);
        st = make(&opt, NULL, &err);
        hth_file_fail_after(0);
        assert_true(st == HTH_OK || st == HTH_EIO);
        for (int again = 0; again < 2; again++) {
            HthBuf m, l;
            if (again == 1) assert_ok(make(&opt, NULL, &err), err);
            if (again == 0 && access(out, F_OK) != 0) continue;
            read_both(&m, &l);
            assert_true(m.n == model.n && memcmp(m.p, model.p, m.n) == 0);
            assert_true(l.n == log.n && memcmp(l.p, log.p, l.n) == 0);
            hth_buf_drop(&m);
            hth_buf_drop(&l);
        }
        assert_int_equal(test_entries(""), 3);
    }
    assert_int_equal(st, HTH_OK);
    assert_true(nth > 15);
    hth_buf_drop(&model);
    hth_buf_drop(&log);
}

/* Stopped after some tensors, each byte of the journal changed once: what it makes is the same. */
static int stop_late(const char *phase, uint64_t done, uint64_t total) {
    return strcmp(phase, "quantising") == 0 && done + 1024 > total;
}

static void a_journal_is_not_trusted(void **state) {
    (void)state;
    HthErr err;
    HthBuf model, log, part, journal;
    char part_path[96], journal_path[96];
    HthQuantOpt opt = to("Q4_0"), stopped = opt;
    stopped.progress = stop_late;
    snprintf(part_path, sizeof part_path, "%s.part", out);
    snprintf(journal_path, sizeof journal_path, "%s.part.log", out);
    assert_ok(make_input(0.5f, &err), err);
    assert_ok(make(&opt, NULL, &err), err);
    read_both(&model, &log);
    unlink(out);
    assert_int_equal(make(&stopped, NULL, &err), HTH_ECANCELED);
    hth_buf_init(&part, 1 << 20);
    hth_buf_init(&journal, 1 << 16);
    assert_ok(hth_file_read(&part, part_path, &err), err);
    assert_ok(hth_file_read(&journal, journal_path, &err), err);
    assert_true(journal.n > 200);
    for (size_t at = 0; at < journal.n; at += 3) {
        HthBuf m, l;
        char *byte = (char *)journal.p + at;
        *byte ^= 1;
        assert_ok(hth_file_write(part_path, part.p, part.n, 0644, &err), err);
        assert_ok(hth_file_write(journal_path, journal.p, journal.n, 0644, &err), err);
        *byte ^= 1;
        unlink(out);
        assert_ok(make(&opt, NULL, &err), err);
        read_both(&m, &l);
        assert_true(m.n == model.n && memcmp(m.p, model.p, m.n) == 0);
        assert_true(l.n == log.n && memcmp(l.p, log.p, l.n) == 0);
        hth_buf_drop(&m);
        hth_buf_drop(&l);
    }
    hth_buf_drop(&model);
    hth_buf_drop(&log);
    hth_buf_drop(&part);
    hth_buf_drop(&journal);
}

static HthStatus torture_make(void *ctx) {
    const HthQuantOpt opt = to("Q4_K_M");
    HthErr err;
    (void)ctx;
    return make(&opt, NULL, &err);
}

static HthStatus torture_verify(void *ctx) {
    HthErr err;
    (void)ctx;
    return hth_quantize_verify(log_path, NULL, NULL, NULL, 1, NULL, &err);
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    HthErr err;
    assert_ok(make_input(0.5f, &err), err);
    hth_json_init();
    assert_true(test_torture(torture_make, NULL, 4000) > 20);
    assert_true(test_torture(torture_verify, NULL, 4000) > 20);
}

static int setup(void **state) {
    const int code = test_folder_make(state);
    snprintf(in, sizeof in, "%s/in.gguf", test_folder);
    snprintf(out, sizeof out, "%s/out.gguf", test_folder);
    snprintf(log_path, sizeof log_path, "%s.quantlog.json", out);
    return code;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_true),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_log_is_not_trusted),
        cmocka_unit_test(a_split_model_is_one),
        cmocka_unit_test(what_is_there_is_not_harmed),
        cmocka_unit_test(room_is_looked_for),
        cmocka_unit_test(patterns),
        cmocka_unit_test(a_disk_may_fail_anywhere),
        cmocka_unit_test(a_journal_is_not_trusted),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, setup, test_folder_drop);
}
